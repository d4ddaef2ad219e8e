"""Checks of the form of netsh's files, and of what they list."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from pywfp_ps.field.checks import Check
from pywfp_ps.field.seen import NotAskedError, Seen
from pywfp_ps.model.objects import HAS_PROVIDER_CONTEXT, Filter
from pywfp_ps.model.tables import names_of, tables
from pywfp_ps.read.netsh.encoding import utf8_of
from pywfp_ps.read.netsh.tree import parse

_MARK: Final = b"\xef\xbb\xbf"
_ROOT: Final = re.compile(rb"^</(\w+)>\s*$", re.MULTILINE)
_LAYERS: Final = 99
_NAMELESS: Final = {83, 84}
_APART: Final = 300
_NEW_FORMS: Final = frozenset(
    {
        *("FWP_BITMAP_ARRAY64_TYPE", "FWP_BITMAP_INDEX_TYPE", "FWP_BYTE_ARRAY6_TYPE", "FWP_DOUBLE"),
        *(
            "FWP_FLOAT",
            "FWP_INT8",
            "FWP_INT16",
            "FWP_INT32",
            "FWP_INT64",
            "FWP_UNICODE_STRING_TYPE",
        ),
        *("FWP_TOKEN_ACCESS_INFORMATION_TYPE", "FWP_TOKEN_INFORMATION_TYPE"),
    }
)
"""Data types that no public dump has."""

_EVENT: Final = "FWPM_NET_EVENT_TYPE_"


def _mark(seen: Seen) -> tuple[bool, str]:
    data = seen.raw("snapshot", "state")
    return data.startswith(_MARK), f"the first bytes are {data[:4].hex()}"


def _two_roots(seen: Seen) -> tuple[bool, str]:
    roots = [found[1].decode() for found in _ROOT.finditer(seen.raw("snapshot", "state"))]
    known = [root if root in {"wfpstate", "firewallState"} else "another" for root in roots]
    return known == ["wfpstate", "firewallState"], ", ".join(known) or "none"


def _no_gaps(seen: Seen) -> tuple[bool, str]:
    gaps = seen.state.gaps
    whole = seen.state.completeness.whole
    return whole and not gaps, f"{len(gaps)} gaps, read to the end: {whole}"


def _nothing_new(seen: Seen) -> tuple[bool, str]:
    state = seen.state
    kinds = ("layers", "sublayers", "providers", "contexts", "callouts", "filters", "sessions")
    extra = {kind: sum(bool(one.extra) for one in getattr(state, kind)) for kind in kinds}
    found = [f"{count} {kind}" for kind, count in extra.items() if count]
    if state.extra:
        found.append(f"{len(state.extra)} sections")
    return not found, "unknown elements in " + (", ".join(found) or "nothing")


def _layers(seen: Seen) -> tuple[bool, str]:
    layers = seen.state.layers
    ids = {layer.id for layer in layers}
    known = set(names_of("layers"))
    new = [layer for layer in layers if layer.const_name not in known]
    named = [layer for layer in new if layer.id not in _NAMELESS]
    held = ids == set(range(_LAYERS)) and not named
    return held, f"{len(layers)} layers, {len(named)} of a name that is not known"


def _flags(seen: Seen) -> tuple[bool, str]:
    known = set(tables()["enums"]["filter_flags"])
    new = {flag for one in seen.state.filters for flag in one.flags} - known
    numbers = sorted(flag for flag in new if re.fullmatch(r"0x[0-9A-Fa-f]{1,8}", flag))
    text = f"{len(new)} words of flags are not known; numbers among them: {', '.join(numbers)}"
    return not new, text if new else "every flag is known"


def _weights(seen: Seen) -> tuple[bool, str]:
    filters = seen.state.filters
    without = sum(one.effective_weight is None for one in filters)
    return not without, f"{without} of {len(filters)} without"


def _context_or_raw(seen: Seen) -> tuple[bool, str]:
    odd = [one for one in seen.state.filters if not _one_of_both(one)]
    return not odd, f"{len(odd)} of {len(seen.state.filters)} otherwise"


def _one_of_both(one: Filter) -> bool:
    has_context = one.provider_context is not None
    return has_context == (HAS_PROVIDER_CONTEXT in one.flags) and (
        has_context != (one.raw_context is not None)
    )


def _callouts(seen: Seen) -> tuple[bool, str]:
    listed = {(one.layer, one.const_name) for one in seen.state.callouts}
    asks = [one for one in seen.state.filters if one.is_callout]
    lost = sum((one.layer, one.callout) not in listed for one in asks)
    return (
        not lost,
        f"{lost} of {len(asks)} ask one that their layer does not list",
    )


def _endpoints(seen: Seen) -> tuple[bool, str]:
    endpoints = seen.state.endpoints
    whole = sum(one.protocol is not None and one.ip_version is not None for one in endpoints)
    return 0 < whole == len(endpoints), f"{len(endpoints)} endpoints, {whole} of them whole"


def _endpoint_addresses(seen: Seen) -> tuple[bool, str]:
    own = {
        str(row["address"]).partition("%")[0].lower()
        for interface in seen.facts["interfaces"]
        for row in interface["addresses"]
    }
    asked = {
        one.local_address
        for one in seen.state.endpoints
        if one.local_address is not None and not _says_nothing(one.local_address)
    }
    if not own or not asked:
        raise NotAskedError("no endpoint has an address of its own")
    found = sum(str(address) in own for address in asked)
    return found * 2 > len(asked), f"{found} of {len(asked)} local addresses are of an interface"


def _says_nothing(address: IPv4Address | IPv6Address) -> bool:
    return address.is_unspecified or address.is_loopback or address.is_multicast


def _time(seen: Seen) -> tuple[bool, str]:
    printed, noted = seen.state.taken_at, seen.payload("snapshot", "state").taken_at
    if printed is None or noted is None:
        raise NotAskedError("one of the two times is missing")
    apart = abs((printed - noted).total_seconds())
    return apart < _APART, f"{apart:.0f} s between the time in the file and the clock"


def _value_forms(seen: Seen) -> tuple[bool, str]:
    conditions = [c for one in seen.state.filters for c in one.conditions if c.type in _NEW_FORMS]
    if not conditions:
        raise NotAskedError("no condition is of such a type")
    odd = sum(bool(condition.extra) for condition in conditions)
    kinds = ", ".join(sorted({condition.type for condition in conditions}))
    return not odd, f"{len(conditions)} conditions, {odd} not understood: {kinds}"


def _keywords(seen: Seen) -> tuple[bool, str]:
    keywords = seen.state.keywords
    if not keywords:
        raise NotAskedError("there is no dynamic keyword")
    odd = sum(bool(one.extra) for one in keywords)
    return not odd, f"{len(keywords)} keywords, {odd} with elements that are new"


def _verbose(seen: Seen) -> tuple[bool, str]:
    state = {one.id for one in seen.state.filters}
    shown = {one.id for one in seen.filters.filters}
    text = f"{len(state)} in show state, {len(shown)} in show filters verbose=on"
    missing = len(state - shown)
    return missing * 100 <= len(state), f"{text}, {missing} of the first are missing there"


def _net_events(seen: Seen) -> tuple[bool, str]:
    data, start, _ = utf8_of(seen.raw("snapshot", "netevents"))
    tree = parse(data, "netevents", start=start, may_cut=False)
    roots = [str(root.tag) for root in tree.root]
    items = [item for root in tree.root for item in root]
    types = [item.findtext("type") or "" for item in items]
    odd = sum(not one.startswith(_EVENT) for one in types)
    public = sum(one.startswith(f"{_EVENT}PUBLIC_") for one in types)
    text = f"{len(items)} events, {odd} without a type that is known, {public} PUBLIC_"
    return roots == ["netEvents"] and not odd, text


def _net_event_filters(seen: Seen) -> tuple[bool, str]:
    data, start, _ = utf8_of(seen.raw("snapshot", "netevents"))
    tree = parse(data, "netevents", start=start, may_cut=False)
    ids = [
        int(text)
        for drop in tree.root.iter("classifyDrop")
        if (text := drop.findtext("filterId") or "").isdigit()
    ]
    if not ids:
        raise NotAskedError("no drop is in the ring")
    listed = {one.id for one in seen.state.filters}
    found = sum(one in listed for one in ids)
    return found > 0, f"{found} of {len(ids)} drops name a filter that is listed"


CHECKS: Final[dict[str, Check]] = {
    "dump-mark": _mark,
    "dump-two-roots": _two_roots,
    "dump-no-gaps": _no_gaps,
    "dump-nothing-new": _nothing_new,
    "dump-layers": _layers,
    "dump-flags": _flags,
    "dump-effective-weight": _weights,
    "dump-context-or-raw": _context_or_raw,
    "dump-callouts": _callouts,
    "dump-endpoints": _endpoints,
    "dump-endpoint-addresses": _endpoint_addresses,
    "dump-time": _time,
    "dump-value-forms": _value_forms,
    "dump-keywords": _keywords,
    "dump-verbose": _verbose,
    "events-ring": _net_events,
    "events-ring-filters": _net_event_filters,
}
