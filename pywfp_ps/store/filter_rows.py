"""Derived columns of filters and conditions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address
from operator import attrgetter
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from pywfp_ps.model.firewall import FirewallRule
from pywfp_ps.model.identity import OwnPlaces, content_id, shape_id
from pywfp_ps.model.objects import PERMIT_IF_CALLOUT_UNREGISTERED, Condition, Filter, Snapshot
from pywfp_ps.model.origin import Rule, owner_of, rules_of
from pywfp_ps.model.owners import RuleLink
from pywfp_ps.model.text import condition_text
from pywfp_ps.store.bounds import ip_bounds, number_bounds, value_text
from pywfp_ps.store.codecs import ENCODE, exact_text, letter_of
from pywfp_ps.store.columns import KINDS
from pywfp_ps.store.wide import wide_of

_FIREWALL_SUBLAYER: Final = "FWPM_SUBLAYER_MPSSVC_"
_NO_RULE: Final = Rule()
_ADDRESS: Final = (IPv4Address, IPv6Address)
Columns = dict[str, list[Any]]
Values = dict[str, Sequence[Any]]


def filter_order(snapshot: Snapshot) -> list[int]:
    """Positions of the filters by layer, and as listed inside one."""
    filters = snapshot.filters
    return sorted(range(len(filters)), key=lambda row: filters[row].layer)


def filter_rows(
    snapshot: Snapshot,
    filters: Sequence[Filter],
    sayings: Sequence[Said],
    links: Mapping[int, RuleLink] | None = None,
) -> Columns:
    """Derived columns of `filters`, which are those of the snapshot in some order.

    Args:
        snapshot: The snapshot.
        filters: Its filters.
        sayings: What each of them does, see `said_of`.
        links: The firewall rules of the host that filters come from, by filter id, where the
            context of the host is known.
    """
    providers = {provider.const_name: provider for provider in snapshot.providers}
    layers = {layer.const_name: layer.id for layer in snapshot.layers}
    rules = rules_of(snapshot) if links is None else {k: v.rule for k, v in links.items()}
    found = [rules.get(filter_.id, _NO_RULE) for filter_ in filters]
    only = [_only(links, filter_.id) for filter_ in filters]
    named = [providers.get(filter_.provider or "") for filter_ in filters]
    wide = [column.name for column in KINDS["filters"].columns if column.wide]
    return {
        "layer_id": [layers.get(filter_.layer) for filter_ in filters],
        **_sublayer_columns(snapshot, filters),
        "provider_name": [provider.name if provider else None for provider in named],
        "service": [provider.service_name if provider else None for provider in named],
        "owner": [owner_of(filter_, providers) for filter_ in filters],
        **_flag_columns(filters),
        "rule": [_rule_name(rule, known) for rule, known in zip(found, only, strict=True)],
        "rule_store": [rule.store if rule else None for rule in only],
        "rule_id": [rule.id if rule else None for rule in only],
        "rule_number": [rule.number for rule in found],
        "origin": [rule.origin for rule in found],
        "condition_count": [len(filter_.conditions) for filter_ in filters],
        "conditions": [said.text for said in sayings],
        "content_id": [said.content_id for said in sayings],
        "shape_id": [said.shape_id for said in sayings],
        **{name: [said.wide.get(name) for said in sayings] for name in wide},
    }


def _only(links: Mapping[int, RuleLink] | None, filter_id: int) -> FirewallRule | None:
    """The one firewall rule that a filter can come from."""
    link = links.get(filter_id) if links else None
    return link.only if link else None


def _rule_name(rule: Rule, known: FirewallRule | None) -> str | None:
    """What people call the rule; a reference to a resource is no name."""
    if known is not None and known.name and not known.name.startswith("@"):
        return known.name
    return rule.name


class Said(Struct, frozen=True):
    """What a filter does, in the columns that cost most to work out.

    Attributes:
        text: All conditions in one line.
        content_id: What it does, the same on every host.
        shape_id: The same without what is bound to one machine.
        wide: Wide columns that the conditions fill.
        rows: A row a condition, without what is the filter's.
    """

    text: str
    content_id: str
    shape_id: str
    wide: dict[str, list[Any]]
    rows: tuple[tuple[Any, ...], ...]


_REMEMBERED: Final = 6_144
_young: dict[tuple[object, ...], Said] = {}
_old: dict[tuple[object, ...], Said] = {}


def said_of(filter_: Filter, own: OwnPlaces) -> Said:
    """What a filter does; the hosts of a fleet have most of their filters in common."""
    key = (
        filter_.layer, filter_.layer_key, filter_.sublayer, filter_.sublayer_key, filter_.action,
        filter_.callout, filter_.callout_key, filter_.flags, filter_.conditions,
    )  # fmt: skip
    found = _young.get(key)
    if found is None:
        found = _old.pop(key, None) or _say(filter_)
        if len(_young) >= _REMEMBERED:  # what was not asked for since the last time goes
            _old.clear()
            _old.update(_young)
            _young.clear()
        _young[key] = found
    if own.addresses and any(map(_has_address, filter_.conditions)):
        return replace(found, shape_id=shape_id(filter_, own))
    return found


def _say(filter_: Filter) -> Said:
    return Said(
        condition_text(filter_.conditions),
        content_id(filter_),
        shape_id(filter_),
        wide_of(filter_.conditions),
        tuple(_rows(filter_.conditions)),
    )


def _has_address(condition: Condition) -> bool:
    """Whether its part of the shape depends on what belongs to the machine."""
    return isinstance(condition.value, _ADDRESS) or isinstance(condition.low, _ADDRESS)


def _flag_columns(filters: Sequence[Filter]) -> Columns:
    return {
        "persistent": [filter_.is_persistent for filter_ in filters],
        "boottime": [filter_.is_boottime for filter_ in filters],
        "disabled": [filter_.is_disabled for filter_ in filters],
        "in_force": [filter_.is_in_force for filter_ in filters],
        "hard": [filter_.is_hard for filter_ in filters],
        "permit_if_unregistered": [PERMIT_IF_CALLOUT_UNREGISTERED in f.flags for f in filters],
    }


def _sublayer_columns(snapshot: Snapshot, filters: Sequence[Filter]) -> Columns:
    """Weight of each filter's sublayer, and whether it is heavier than all of the firewall's."""
    weights = {sublayer.const_name: sublayer.weight for sublayer in snapshot.sublayers}
    firewall = [weight for name, weight in weights.items() if name.startswith(_FIREWALL_SUBLAYER)]
    top = max((weight for weight in firewall if weight is not None), default=None)
    is_known = bool(firewall) and None not in firewall

    def is_above(name: str) -> bool | None:
        if name.startswith(_FIREWALL_SUBLAYER):
            return False
        weight = weights.get(name)
        if weight is None or top is None:
            return None
        if is_known or weight <= top:
            return weight > top
        return None

    return {
        "sublayer_weight": [weights.get(filter_.sublayer) for filter_ in filters],
        "above_firewall": [is_above(filter_.sublayer) for filter_ in filters],
    }


def condition_rows(
    filters: Sequence[Filter], rows: Iterable[int], sayings: Iterable[Said]
) -> Values:
    """All columns of the conditions of `filters`, whose positions in their list are `rows`."""
    lines = [line for said in sayings for line in said.rows]
    numbers = [(filter_.id, row) for filter_, row in zip(filters, rows, strict=True)]
    counted = [
        two for two, filter_ in zip(numbers, filters, strict=True) for _ in filter_.conditions
    ]
    columns = (*zip(*counted, strict=True), *zip(*lines, strict=True))
    return dict(zip(_CONDITION_NAMES, columns, strict=True))


def _rows(conditions: Sequence[Condition]) -> Iterator[tuple[Any, ...]]:
    """The columns of the conditions of one filter, but for what is the filter's."""
    group = -1
    field = None
    for position, condition in enumerate(conditions):
        if condition.field != field:
            group += 1
            field = condition.field
        plain = (encode(read(condition)) for _, read, encode in _ATTRIBUTES)
        yield (position, group, *_condition(condition), *plain)


def _condition(condition: Condition) -> tuple[Any, ...]:
    value, low, high = condition.value, condition.low, condition.high
    numbers = number_bounds(condition) or (None, None)
    addresses = ip_bounds(condition) or (None, None, None)
    letters = letter_of(value) + letter_of(low) + letter_of(high)
    # What the shown text does not give back stands in `low` and `high`, or as exact text here.
    text = exact_text(value) if "t" in letters else value_text(condition)
    return (text, exact_text(low), exact_text(high), *numbers, *addresses, letters)


def _same(value: Any) -> Any:
    return value


_ATTRIBUTES: Final = tuple(
    (column.name, attrgetter(column.attr), ENCODE[column.codec] or _same)
    for column in KINDS["conditions"].columns
    if column.attr is not None
)
_CONDITION_NAMES: Final = (
    "filter_id", "filter_row", "position", "or_group", "value", "low", "high", "num_low",
    "num_high", "ip_family", "ip_low", "ip_high", "letters",
    *(name for name, _, _ in _ATTRIBUTES),
)  # fmt: skip
