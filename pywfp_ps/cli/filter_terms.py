"""What people ask of filters, as SQL over the store's views."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_network
from typing import Any, Final

from msgspec import Struct, structs

from pywfp_ps.errors import UsageError
from pywfp_ps.model.layers import layers_named
from pywfp_ps.model.tables import reference

_PROTOCOLS: Final = {"icmp": 1, "igmp": 2, "tcp": 6, "udp": 17, "gre": 47, "esp": 50, "ah": 51} | {
    "icmpv6": 58
}
_LOCAL_PORT: Final = ("FWPM_CONDITION_IP_LOCAL_PORT",)
_REMOTE_PORT: Final = ("FWPM_CONDITION_IP_REMOTE_PORT",)
_ADDRESS_SIDES: Final = (
    ("FWPM_CONDITION_IP_LOCAL_ADDRESS", "FWPM_CONDITION_IP_SOURCE_ADDRESS"),
    ("FWPM_CONDITION_IP_REMOTE_ADDRESS", "FWPM_CONDITION_IP_DESTINATION_ADDRESS"),
)
_ADDRESSES: Final = tuple(field for side in _ADDRESS_SIDES for field in side)
_APPS: Final = ("FWPM_CONDITION_ALE_APP_ID", "FWPM_CONDITION_ALE_ORIGINAL_APP_ID")
_SIDS: Final = (
    "FWPM_CONDITION_ALE_PACKAGE_ID",
    "FWPM_CONDITION_ALE_REMOTE_MACHINE_ID",
    "FWPM_CONDITION_ALE_REMOTE_USER_ID",
    "FWPM_CONDITION_ALE_USER_ID",
)
_SID: Final = re.compile(r"S-1(-[0-9]{1,14}){1,16}")
_EVERYONE: Final = "S-1-1-0"
_ACTIONS: Final = {
    "block": ("FWP_ACTION_BLOCK",),
    "permit": ("FWP_ACTION_PERMIT",),
    "callout": (
        "FWP_ACTION_CALLOUT_TERMINATING",
        "FWP_ACTION_CALLOUT_INSPECTION",
        "FWP_ACTION_CALLOUT_UNKNOWN",
    ),
}
_NOT_ICMP: Final = (
    "(host, filter_id) NOT IN (SELECT host, filter_id FROM conditions"
    " WHERE field = 'FWPM_CONDITION_IP_PROTOCOL' AND num_low IN (1, 58))"
)


class Asked(Struct, frozen=True, kw_only=True):
    """The filter options as given."""

    layer: str | None = None
    provider: str | None = None
    owner: str | None = None
    action: str | None = None
    app: str | None = None
    protocol: str | None = None
    port: str | None = None
    local_port: str | None = None
    remote_port: str | None = None
    address: str | None = None
    sid: str | None = None
    name: str | None = None
    persistent: bool = False
    hard: bool = False
    in_force: bool = False


class Term(Struct, frozen=True):
    """One SQL condition over ``filters`` and the values for its ``?``."""

    sql: str
    values: tuple[Any, ...] = ()


def terms_of(asked: Asked, *, applies: bool) -> list[Term]:
    """A term for every option that was given.

    Args:
        asked: The options.
        applies: Whether filters without a condition on the field count too.

    Raises:
        UsageError: A value makes no sense.
    """
    terms = []
    for name, value in structs.asdict(asked).items():
        if value is None or value is False:
            continue
        if value is True:
            terms.append(Term(name))
        elif name in _PLAIN:
            terms.append(_PLAIN[name](value))
        else:
            terms.append(_CONDITIONS[name](value, applies))
    return terms


def _layer(text: str) -> Term:
    names = layers_named(text)
    if not names:
        raise UsageError(f"no layer is called {text!r}; `wfp layers` lists them")
    return Term(f"layer IN ({_marks(names)})", names)


def _provider(text: str) -> Term:
    try:
        constant, key = reference("providers", text)
    except ValueError:
        constant, key = text, None
    like = f"%{_like(text)}%"
    sql = "(provider = ? OR provider_key = ? OR provider_name ILIKE ? ESCAPE '\\')"
    return Term(sql, (constant, str(key) if key else None, like))


def _part_of(column: str) -> Callable[[str], Term]:
    return lambda text: Term(f"{column} ILIKE ? ESCAPE '\\'", (f"%{_like(text)}%",))


def _action(text: str) -> Term:
    names = _ACTIONS.get(text.lower()) or (text.upper(),)
    if not names[0].startswith("FWP_ACTION_"):
        raise UsageError(f"unknown action {text!r}: permit, block, callout or FWP_ACTION_...")
    return Term(f"action IN ({_marks(names)})", names)


def _numbers(fields: tuple[str, ...], low: int, high: int, *, applies: bool) -> Term:
    """Filters with a condition on one of the fields that touches low to high, both included."""
    if not applies:
        sql = f"field IN ({_marks(fields)}) AND num_low <= ? AND num_high >= ?"
        return Term(_has(sql), (*fields, high, low))
    met = (
        "CASE WHEN num_low IS NULL THEN true"
        " WHEN match = 'FWP_MATCH_NOT_EQUAL' THEN NOT (num_low <= ? AND num_high >= ?)"
        " WHEN match IN ('FWP_MATCH_EQUAL', 'FWP_MATCH_RANGE') THEN num_low <= ? AND num_high >= ?"
        " WHEN match = 'FWP_MATCH_GREATER' THEN ? > num_low"
        " WHEN match = 'FWP_MATCH_GREATER_OR_EQUAL' THEN ? >= num_low"
        " WHEN match = 'FWP_MATCH_LESS' THEN ? < num_high"
        " WHEN match = 'FWP_MATCH_LESS_OR_EQUAL' THEN ? <= num_high ELSE true END"
    )
    values = (low, high, high, low, high, high, low, low)
    return _met_or_absent(fields, met, values)


def _met_or_absent(fields: tuple[str, ...], met: str, values: tuple[Any, ...]) -> Term:
    """Filters with a condition on one of the fields that is met, or with none on any of them.

    `met` is also true of a condition that was not understood: nobody knows that it is not met.
    """
    on_field = f"field IN ({_marks(fields)})"
    sql = f"({_has(f'{on_field} AND {met}')} OR NOT {_has(on_field)})"
    return Term(sql, (*fields, *values, *fields))


def _any(terms: list[Term]) -> Term:
    """One of the terms: traffic has its port or address on one side, and any on the other."""
    sql = " OR ".join(term.sql for term in terms)
    return Term(f"({sql})", tuple(value for term in terms for value in term.values))


def _has(condition: str) -> str:
    found = f"SELECT host, filter_id FROM conditions WHERE {condition}"  # noqa: S608 - fixed text, values are bound
    return f"(host, filter_id) IN ({found})"


def _ports(*sides: tuple[str, ...]) -> Callable[[str, bool], Term]:
    """Ports of the sides given, one being enough; an ICMP filter's type and code are no ports."""

    def term(text: str, applies: bool) -> Term:
        low, high = _range(text)
        found = _any([_numbers(side, low, high, applies=applies) for side in sides])
        return Term(f"{found.sql} AND {_NOT_ICMP}", found.values)

    return term


def _range(text: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    try:
        low, high = int(first), int(last if dash else first)
    except ValueError:
        raise UsageError(f"{text!r} is no port and no range of ports") from None
    if not 0 <= low <= high <= 0xFFFF:
        raise UsageError(f"ports go from 0 to 65535, lower first: {text!r}")
    return low, high


def _protocol(text: str, applies: bool) -> Term:
    number = _PROTOCOLS.get(text.lower())
    if number is None:
        if not text.isdecimal() or int(text) > 255:
            raise UsageError(f"unknown protocol {text!r}: a name such as tcp, or 0 to 255")
        number = int(text)
    return _numbers(("FWPM_CONDITION_IP_PROTOCOL",), number, number, applies=applies)


def _address(text: str, applies: bool) -> Term:
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise UsageError(f"{text!r} is no address and no network") from None
    digits = 8 if network.version == 4 else 32
    low = f"{int(network[0]):0{digits}x}"
    high = f"{int(network[-1]):0{digits}x}"
    touches = "ip_family = ? AND ip_low <= ? AND ip_high >= ?"
    values = (network.version, high, low)
    if not applies:
        return Term(_has(f"field IN ({_marks(_ADDRESSES)}) AND {touches}"), (*_ADDRESSES, *values))
    met = (
        "CASE WHEN ip_low IS NULL THEN true"
        " WHEN ip_family <> ? THEN match = 'FWP_MATCH_NOT_EQUAL'"
        " WHEN match = 'FWP_MATCH_NOT_EQUAL' THEN NOT (ip_low <= ? AND ip_high >= ?)"
        " WHEN match = 'FWP_MATCH_GREATER' THEN ? > ip_low"
        " WHEN match = 'FWP_MATCH_GREATER_OR_EQUAL' THEN ? >= ip_low"
        " WHEN match = 'FWP_MATCH_LESS' THEN ? < ip_high"
        " WHEN match = 'FWP_MATCH_LESS_OR_EQUAL' THEN ? <= ip_high"
        " ELSE ip_low <= ? AND ip_high >= ? END"
    )
    bounds = (network.version, low, high, high, high, low, low, high, low)
    found = _any([_met_or_absent(side, met, bounds) for side in _ADDRESS_SIDES])
    other_family = f"layer NOT LIKE '%\\_V{10 - network.version}%' ESCAPE '\\'"
    return Term(f"({other_family} AND {found.sql})", found.values)


def _app(text: str, applies: bool) -> Term:
    """A program by file name, path on any volume, or a pattern with ``*`` and ``?``."""
    path = text.lower().replace("/", "\\")
    drive_free = path[2:] if path[1:2] == ":" else path
    pattern = _like(drive_free).replace("*", "%").replace("?", "_")
    front = "%" if "\\" in drive_free else "%\\\\"
    like = (pattern, front + pattern)
    met = "(lower(value) LIKE ? ESCAPE '\\' OR lower(value) LIKE ? ESCAPE '\\')"
    if not applies:
        return Term(_has(f"field IN ({_marks(_APPS)}) AND {met}"), (*_APPS, *like))
    return _met_or_absent(_APPS, _unless_not(met), like)


def _sid(text: str, applies: bool) -> Term:
    from pywfp_ps.model.sddl import SID_ALIASES

    sid = text.upper()
    if not _SID.fullmatch(sid):
        raise UsageError(f"{text!r} is no SID; one looks like S-1-5-18")
    # Everyone who has a SID is everyone, too; only --applies asks what a token can meet.
    sids = {sid, _EVERYONE} if applies else {sid}
    spelled = [*sids, *(alias for alias, known in SID_ALIASES.items() if known in sids)]
    met = "regexp_matches(value, ?)"
    pattern = f"(^|[;:(])({'|'.join(sorted(spelled))})($|[);,DGS])"
    if not applies:
        types = "type IN ('FWP_SID', 'FWP_SECURITY_DESCRIPTOR_TYPE')"
        return Term(_has(f"{types} AND {met}"), (pattern,))
    return _met_or_absent(_SIDS, _unless_not(met), (pattern,))


def _unless_not(met: str) -> str:
    """What is met by a text, turned round for conditions that ask for any other one."""
    return f"coalesce(({met}) <> (match = 'FWP_MATCH_NOT_EQUAL'), true)"


def _like(text: str) -> str:
    """Text with the characters escaped that mean something to LIKE, but for ``*`` and ``?``."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _marks(values: tuple[str, ...]) -> str:
    return ", ".join("?" * len(values))


_PLAIN: Final[dict[str, Callable[[str], Term]]] = {
    "layer": _layer,
    "provider": _provider,
    "owner": _part_of("owner"),
    "action": _action,
    "name": _part_of("name"),
}
_CONDITIONS: Final[dict[str, Callable[[str, bool], Term]]] = {
    "app": _app,
    "protocol": _protocol,
    "port": _ports(_LOCAL_PORT, _REMOTE_PORT),
    "local_port": _ports(_LOCAL_PORT),
    "remote_port": _ports(_REMOTE_PORT),
    "address": _address,
    "sid": _sid,
}
