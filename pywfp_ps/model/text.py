"""Conditions in one line, as people say them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from pywfp_ps.model.enums import flags_of_number
from pywfp_ps.model.objects import Condition
from pywfp_ps.model.values import text_of

PROTOCOLS = {
    0: "HOPOPT", 1: "ICMP", 2: "IGMP", 4: "IPv4", 6: "TCP", 17: "UDP", 41: "IPv6", 43: "IPv6-Route",
    44: "IPv6-Frag", 47: "GRE", 50: "ESP", 51: "AH", 58: "ICMPv6", 59: "IPv6-NoNxt",
    60: "IPv6-Opts", 89: "OSPF", 103: "PIM", 112: "VRRP", 115: "L2TP", 132: "SCTP",
}  # fmt: skip
"""IP protocol numbers that Windows names, from the IANA list."""

PROFILES = {0: "none", 1: "public", 2: "private", 3: "domain"}
"""Profile ids as conditions test them; the firewall's own interfaces use other numbers."""

_SIGNS = {
    "FWP_MATCH_EQUAL": "=",
    "FWP_MATCH_NOT_EQUAL": "!=",
    "FWP_MATCH_GREATER": ">",
    "FWP_MATCH_LESS": "<",
    "FWP_MATCH_GREATER_OR_EQUAL": ">=",
    "FWP_MATCH_LESS_OR_EQUAL": "<=",
    "FWP_MATCH_RANGE": "in",
    "FWP_MATCH_FLAGS_ALL_SET": "has all of",
    "FWP_MATCH_FLAGS_ANY_SET": "has any of",
    "FWP_MATCH_FLAGS_NONE_SET": "has none of",
    "FWP_MATCH_EQUAL_CASE_INSENSITIVE": "=~",
    "FWP_MATCH_PREFIX": "has prefix",
    "FWP_MATCH_NOT_PREFIX": "has not prefix",
}
_DIRECTIONS = {
    0: "outbound", 1: "inbound", 0x3900: "in", 0x3901: "out", 0x3902: "forward", 0x3903: "loopback",
}  # fmt: skip


def condition_text(conditions: Iterable[Condition]) -> str:
    """All conditions in one line: ``IP_PROTOCOL = TCP AND (IP_REMOTE_PORT = 80 OR ... = 443)``.

    Conditions of one field that stand next to each other are alternatives. No condition gives
    an empty text.
    """
    runs = []
    for _, run in groupby(conditions, key=lambda condition: condition.field):
        texts = [_one(condition) for condition in run]
        runs.append(texts[0] if len(texts) == 1 else f"({' OR '.join(texts)})")
    return " AND ".join(runs)


def _one(condition: Condition) -> str:
    field = condition.field.removeprefix("FWPM_CONDITION_")
    sign = _SIGNS.get(condition.match, condition.match)
    return f"{field} {sign} {value_text(condition)}"


def value_text(condition: Condition) -> str:
    """The value of a condition as people say it: names for protocols, profiles and flags."""
    if condition.extra:
        return "(not understood)"
    if condition.type == "FWP_EMPTY":
        return "(empty)"
    if condition.type == "FWP_RANGE_TYPE":
        return f"{text_of(condition.low)}-{text_of(condition.high)}"
    text = text_of(condition.value) or ""
    if condition.type in ("FWP_V4_ADDR_MASK", "FWP_V6_ADDR_MASK"):
        width = condition.prefix_length if condition.prefix_length is not None else condition.mask
        return f"{text}/{width}"
    return _named(condition) or text


def _named(condition: Condition) -> str | None:
    value = condition.value
    if not isinstance(value, int):
        return None
    field = condition.field.removeprefix("FWPM_CONDITION_")
    if field == "FLAGS":
        names = flags_of_number("condition_flags", value)
        return "+".join(name.removeprefix("FWP_CONDITION_FLAG_") for name in names) or "0"
    if field == "IP_PROTOCOL":
        return PROTOCOLS.get(value)
    if field.endswith("PROFILE_ID"):
        return PROFILES.get(value)
    if field == "DIRECTION":
        return _DIRECTIONS.get(value)
    return None
