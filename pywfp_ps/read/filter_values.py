"""Values of conditions that people write down, as the engine holds them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Any, Final
from uuid import UUID

from pywfp_ps.model.objects import Condition, Field
from pywfp_ps.model.sddl import parse_sddl
from pywfp_ps.model.tables import key_of
from pywfp_ps.model.text import PROFILES, PROTOCOLS

MATCHES: Final = tuple(
    f"FWP_MATCH_{name}"
    for name in (
        "EQUAL", "NOT_EQUAL", "GREATER", "LESS", "GREATER_OR_EQUAL", "LESS_OR_EQUAL", "RANGE",
        "FLAGS_ALL_SET", "FLAGS_ANY_SET", "FLAGS_NONE_SET", "EQUAL_CASE_INSENSITIVE", "PREFIX",
        "NOT_PREFIX",
    )
)  # fmt: skip
"""Match types (FWP_MATCH_TYPE, fwptypes.h)."""

_BITS: Final = {"FWP_UINT8": 8, "FWP_UINT16": 16, "FWP_UINT32": 32, "FWP_UINT64": 64}
_SID: Final = re.compile(r"S-1(-[0-9]{1,14}){1,16}", re.IGNORECASE)
_TOKENS: Final = frozenset({"FWP_TOKEN_ACCESS_INFORMATION_TYPE", "FWP_TOKEN_INFORMATION_TYPE"})
_DESCRIPTOR: Final = "FWP_SECURITY_DESCRIPTOR_TYPE"
_PROTOCOLS: Final = {name.lower(): number for number, name in PROTOCOLS.items()}
_PROFILES: Final = {name: number for number, name in PROFILES.items()}


def value_of(
    field: Field, match: str, texts: Mapping[str, str], *, said_type: str | None
) -> Condition:
    """The condition on a field of a layer.

    Args:
        field: The field, whose type says what the texts mean.
        match: FWP_MATCH constant.
        texts: ``value``, or ``low`` and ``high`` of a range.
        said_type: FWP_DATA_TYPE that was written beside it, to be checked.

    Raises:
        ValueError: A text means nothing for the field.
    """
    is_range = match == "FWP_MATCH_RANGE"
    kind, made = _plain(field, match, texts)
    if said_type is not None and said_type not in {kind, field.data_type}:
        raise ValueError(f"{field.name} is {field.data_type}, not {said_type}")
    common: dict[str, Any] = {"field": field.name, "field_key": key_of("conditions", field.name)}
    if is_range:
        low, high = made["low"], made["high"]
        if low > high:
            raise ValueError(f"the range ends before it begins: {texts['low']} to {texts['high']}")
        return Condition(**common, match=match, type="FWP_RANGE_TYPE", low=low, high=high,
                         bound_type=kind)  # fmt: skip
    if kind in {"FWP_V4_ADDR_MASK", "FWP_V6_ADDR_MASK"}:
        net = made["value"]
        mask = net.netmask if net.version == 4 else None
        return Condition(**common, match=match, type=kind, value=net.network_address,
                         prefix_length=net.prefixlen, mask=mask)  # fmt: skip
    return Condition(**common, match=match, type=kind, value=made["value"])


def _plain(field: Field, match: str, texts: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """Data type of the value, and the values."""
    kind = field.data_type
    if field.type == "FWPM_FIELD_IP_ADDRESS":
        return _addresses(kind, match, texts)
    if kind in _BITS:
        return kind, {name: _number(field.name, kind, text) for name, text in texts.items()}
    if kind in _TOKENS:
        if match != "FWP_MATCH_EQUAL":
            raise ValueError(f"{field.name} is tested with EQUAL and a descriptor")
        return _DESCRIPTOR, {"value": _descriptor(texts["value"])}
    maker = _MAKERS.get(kind)
    if maker is None:
        raise ValueError(f"{field.name} is {kind}, which this version cannot write")
    return kind, {name: maker(text) for name, text in texts.items()}


def _addresses(kind: str, match: str, texts: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    version = 4 if kind == "FWP_UINT32" else 6
    if "value" in texts and "/" in texts["value"]:
        if match != "FWP_MATCH_EQUAL":
            raise ValueError("a network goes with EQUAL")
        try:
            net = ip_network(texts["value"])
        except ValueError as error:
            raise ValueError(f"{texts['value']!r} is no network: {error}") from None
        if net.version != version:
            raise ValueError(f"{net} is no IPv{version} network")
        return f"FWP_V{version}_ADDR_MASK", {"value": net}
    make: Callable[[str], Any] = IPv4Address if version == 4 else IPv6Address
    found = {}
    for name, text in texts.items():
        try:
            found[name] = make(text)
        except ValueError:
            raise ValueError(f"{text!r} is no IPv{version} address") from None
    return kind, found


def _number(field: str, kind: str, text: str) -> int:
    word = text.strip().lower()
    if field == "FWPM_CONDITION_IP_PROTOCOL" and word in _PROTOCOLS:
        return _PROTOCOLS[word]
    if field.endswith("PROFILE_ID") and word in _PROFILES:
        return _PROFILES[word]
    try:
        number = int(word, 0)
    except ValueError:
        raise ValueError(f"{text!r} is no number, and {field} is {kind}") from None
    if not 0 <= number < 1 << _BITS[kind]:
        raise ValueError(f"{text} does not fit {kind} of {field}")
    return number


def _descriptor(text: str) -> str:
    try:
        parse_sddl(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no SDDL: {error}") from None
    return text


def _sid(text: str) -> str:
    if not _SID.fullmatch(text):
        raise ValueError(f"{text!r} is no SID; one looks like S-1-5-18")
    return text.upper()


def _blob(text: str) -> str:
    path = text.strip()
    if path == "System" or path.lower().startswith("\\device\\"):
        return path if path == "System" else path.lower()
    raise ValueError(
        f"{text!r} is no program as filters hold it: a device path "
        r"(\device\harddiskvolume3\...) or System"
    )


_MAKERS: Final[dict[str, Callable[[str], Any]]] = {
    "FWP_BYTE_BLOB_TYPE": _blob,
    "FWP_SID": _sid,
    "FWP_UNICODE_STRING_TYPE": str,
    "FWP_BYTE_ARRAY16_TYPE": lambda text: UUID(text).bytes_le,
}
