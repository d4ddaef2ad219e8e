"""Checks of policies: what holds of all, the order of filters, and the two sources."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import Final

from pywfp_ps.explain import Engine
from pywfp_ps.explain.selftest import self_test
from pywfp_ps.field.checks import Check
from pywfp_ps.field.seen import NotAskedError, Seen
from pywfp_ps.model.objects import BLOCK, HAS_FILTER_ORIGIN, Filter, Snapshot
from pywfp_ps.model.origin import rule_number, rules_of
from pywfp_ps.model.tables import tables

_CONNECT: Final = "FWPM_LAYER_ALE_AUTH_CONNECT_V4"
_CONNECTS: Final = (_CONNECT, "FWPM_LAYER_ALE_AUTH_CONNECT_V6")
_QUARANTINE: Final = "FWPM_SUBLAYER_MPSSVC_QUARANTINE"
_FIREWALL: Final = "FWPM_PROVIDER_MPSSVC_"
_NAMESPACES: Final = ("NtApiDotNet.Net.Firewall.", "NtCoreLib.Net.Firewall.")
_PREFIXES: Final = ("FWP_MATCH_PREFIX", "FWP_MATCH_NOT_PREFIX")


def _sublayer_weights(seen: Seen) -> tuple[bool, str]:
    weights = [one.weight for one in seen.state.sublayers]
    return len(set(weights)) == len(
        weights
    ), f"{len(weights)} sublayers, {len(set(weights))} weights"


def _same_field(seen: Seen) -> tuple[bool, str]:
    split = sum(_is_split(one) for one in seen.state.filters)
    return not split, f"{split} of {len(seen.state.filters)} filters come back to a field"


def _is_split(one: Filter) -> bool:
    runs = [field for field, _ in groupby(condition.field for condition in one.conditions)]
    return len(runs) != len(set(runs))


def _boottime(seen: Seen) -> tuple[bool, str]:
    found = sum(one.is_boottime for one in seen.state.filters)
    return found > 0, f"{found} boot-time filters are printed while the machine runs"


def _disabled(seen: Seen) -> tuple[bool, str]:
    found = sum(one.is_disabled for one in seen.state.filters)
    return not found, f"{found} disabled filters are printed"


def _no_prefix(seen: Seen) -> tuple[bool, str]:
    uses = sum(c.match in _PREFIXES for one in seen.state.filters for c in one.conditions)
    return not uses, f"{uses} conditions test a prefix"


def _ties(filters: Iterable[Filter]) -> Iterator[Sequence[Filter]]:
    """Filters in force that share layer, sublayer and weight, in the order they were listed."""
    groups: dict[tuple[str, str, int | None], list[Filter]] = defaultdict(list)
    for one in filters:
        if one.is_in_force:
            groups[one.layer, one.sublayer, one.effective_weight].append(one)
    return (group for group in groups.values() if len(group) > 1)


def _tie_print(seen: Seen) -> tuple[bool, str]:
    ties = list(_ties(seen.state.filters))
    if not ties:
        raise NotAskedError("no two filters share a weight")
    rising = sum(all(a.id < b.id for a, b in pairwise(tie)) for tie in ties)
    mixed = sum(len({one.action for one in tie}) > 1 for tie in ties)
    text = f"{len(ties)} groups, {rising} of them by rising id, {mixed} with different actions"
    return rising == len(ties), text


def _ordered(seen: Seen) -> list[Filter]:
    """Filters of connect, IPv4, in the order in which the engine sorted them."""
    ids = [int(text) for text in seen.probe("Module")["order"]]
    known = {one.id: one for one in seen.state.filters if one.layer == _CONNECT}
    found = [known[one] for one in ids if one in known]
    if len(found) < 2:
        raise NotAskedError("too few filters of this layer came")
    return found


def _sorted_weight(seen: Seen) -> tuple[bool, str]:
    found = _ordered(seen)
    falls = 0
    pairs = 0
    for sublayer in {one.sublayer for one in found}:
        weights = [one.effective_weight or 0 for one in found if one.sublayer == sublayer]
        pairs += len(weights) - 1
        falls += sum(a >= b for a, b in pairwise(weights))
    return falls == pairs, f"{falls} of {pairs} neighbours of a sublayer fall in weight"


def _sorted_ties(seen: Seen) -> tuple[bool, str]:
    ties = list(_ties(_ordered(seen)))
    if not ties:
        raise NotAskedError("no two filters of this layer share a weight")
    rising = sum(all(a.id < b.id for a, b in pairwise(tie)) for tie in ties)
    falling = sum(all(a.id > b.id for a, b in pairwise(tie)) for tie in ties)
    return rising == len(ties), f"{len(ties)} ties: {rising} by rising id, {falling} by falling id"


def _origins(seen: Seen) -> tuple[bool, str]:
    rules = rules_of(seen.state)
    marked = [one for one in seen.state.filters if HAS_FILTER_ORIGIN in one.flags]
    if not marked:
        raise NotAskedError("no filter has an origin")
    told = sum(one.id in rules and rules[one.id].origin is not None for one in marked)
    return told == len(marked), f"{told} of {len(marked)} lead to a text"


def _block_origins(seen: Seen) -> tuple[bool, str]:
    blocks = [
        one
        for one in seen.state.filters
        if one.action == BLOCK and (one.provider or "").startswith(_FIREWALL)
    ]
    if not blocks:
        raise NotAskedError("the firewall blocks nothing")
    without = sum(HAS_FILTER_ORIGIN not in one.flags for one in blocks)
    return not without, f"{without} of {len(blocks)} have none"


def _rule_names(seen: Seen) -> tuple[bool, str]:
    names: dict[int, set[str | None]] = defaultdict(set)
    for one in seen.state.filters:
        number = rule_number(one)
        if number is not None:
            names[number].add(one.name)
    if not names:
        raise NotAskedError("no filter carries the number of a rule")
    odd = sum(len(found) > 1 for found in names.values())
    return not odd, f"{len(names)} rules, {odd} of them with more than one name"


def _unregistered(seen: Seen) -> tuple[bool, str]:
    missing = {one.const_name for one in seen.state.callouts if not one.is_registered}
    uses = sum(one.callout in missing and one.is_in_force for one in seen.state.filters)
    return not uses, f"{len(missing)} callouts without a driver, {uses} filters ask them"


def _quarantine(seen: Seen) -> tuple[bool, str]:
    blocks = sum(
        one.sublayer == _QUARANTINE and one.layer in _CONNECTS and one.action == BLOCK
        for one in seen.state.filters
        if one.is_in_force
    )
    return not blocks, f"{blocks} filters of the quarantine block at connect"


def _self_test(seen: Seen) -> tuple[bool, str]:
    found = self_test(Engine(seen.state))
    if not found.endpoints:
        raise NotAskedError("no endpoint is connected")
    share = 100 * found.certain // max(found.asked, 1)
    text = f"{found.endpoints} endpoints, {len(found.contradictions)} surely blocked both ways"
    return not found.contradictions, f"{text}, {share} % of answers certain"


def _agree(seen: Seen) -> tuple[bool, str]:
    found = seen.disagreements
    fields: dict[str, int] = defaultdict(int)
    for one in found:
        fields[f"{one.kind} {one.field or 'itself'}"] += 1
    most = sorted(fields.items(), key=lambda pair: -pair[1])[:8]
    text = ", ".join(f"{name} {count}" for name, count in most)
    return not found, f"{len(found)} disagreements{': ' if text else ''}{text}"


def _records_gaps(seen: Seen) -> tuple[bool, str]:
    gaps = seen.records.gaps
    return not gaps, f"{len(gaps)} gaps in {len(seen.records.filters)} filters and the rest"


def _module_boottime(seen: Seen) -> tuple[bool, str]:
    ours, theirs = (_boot(snapshot) for snapshot in (seen.state, seen.records))
    return ours == theirs, f"{ours} by netsh, {theirs} by NtObjectManager"


def _boot(snapshot: Snapshot) -> int:
    return sum(one.is_boottime for one in snapshot.filters)


def _module_plain(seen: Seen) -> tuple[bool, str]:
    told = seen.probe("Module")
    plain, asked = told["plain"], told["asked"]
    text = ", ".join(
        f"{name} {int(plain[name])} and {int(asked[name])}"
        for name in ("filters", "boottime", "disabled")
    )
    return plain == asked, f"without and with a template: {text}"


def _module_disabled(seen: Seen) -> tuple[bool, str]:
    found = int(seen.probe("Module")["asked"]["disabled"])
    hidden = {one.id for one in seen.records.filters if one.is_disabled}
    listed = hidden & {one.id for one in seen.state.filters}
    return not listed, f"{found} disabled ones, {len(listed)} of them by netsh too"


def _origin_bit(seen: Seen) -> tuple[bool, str]:
    words = {one.id: one.flags_value for one in seen.records.filters}
    with_it, without = 0xFFFFFFFF, 0
    count = 0
    for one in seen.state.filters:
        word = words.get(one.id)
        if word is None:
            continue
        if HAS_FILTER_ORIGIN in one.flags:
            with_it &= word
            count += 1
        else:
            without |= word
    if not count:
        raise NotAskedError("no filter has an origin in both sources")
    # A bit that netsh prints under a name of its own is explained by that.
    numbers = tables()["enums"]["filter_flags"]
    for flag in {flag for one in seen.state.filters for flag in one.flags}:
        with_it &= ~(numbers.get(flag) or 0)
    bits = with_it & ~without
    held = bits != 0 and bits & (bits - 1) == 0
    return held, f"{count} filters have it; bits that only they have: 0x{bits:08x}"


def _module_type(seen: Seen) -> tuple[bool, str]:
    text = str(seen.probe("Module")["type"])
    found = next((one for one in _NAMESPACES if text.startswith(one)), None)
    return found is not None, found.rstrip(".") if found else "another namespace"


CHECKS: Final[dict[str, Check]] = {
    "policy-sublayer-weights": _sublayer_weights,
    "policy-same-field": _same_field,
    "policy-boottime": _boottime,
    "policy-disabled": _disabled,
    "policy-prefix-unused": _no_prefix,
    "policy-tie-print": _tie_print,
    "policy-sorted-weight": _sorted_weight,
    "policy-sorted-ties": _sorted_ties,
    "policy-origins": _origins,
    "policy-block-origins": _block_origins,
    "policy-rule-names": _rule_names,
    "policy-unregistered": _unregistered,
    "policy-quarantine": _quarantine,
    "policy-endpoints-pass": _self_test,
    "module-agrees": _agree,
    "module-no-gaps": _records_gaps,
    "module-boottime": _module_boottime,
    "module-plain-list": _module_plain,
    "module-disabled": _module_disabled,
    "module-origin-bit": _origin_bit,
    "module-type": _module_type,
}
