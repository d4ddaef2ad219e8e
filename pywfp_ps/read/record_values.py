"""Values of records: what stands behind a data type of NtObjectManager's FirewallValue.

A value is ``{"t": number of the data type, "v": ...}``; ranges have ``low`` and ``high``, address
masks ``mask`` and ``prefix`` beside ``v``, and ``lost`` stands where the module keeps no bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final
from uuid import UUID

from pywfp_ps.model.enums import constant_of
from pywfp_ps.model.values import (
    GUID_FIELDS,
    INTEGER_BITS,
    TEXT_BLOB_FIELDS,
    Scalar,
    TokenInformation,
    integer,
    ipv4,
    ipv6,
    prefix_of_mask,
    text_of_blob,
)
from pywfp_ps.read.netsh.values import Mixed, Place

_SID: Final = re.compile(r"S-1-(?:\d+|0x[0-9A-Fa-f]+)(?:-\d+)*")
_SDDL: Final = re.compile(r"[OGDS]:")
_HEX: Final = re.compile(r"(?:[0-9a-f]{2})*")
_UINT32_MAX: Final = 0xFFFFFFFF
_ALL_ONES: Final = (1 << 128) - 1
_PREFIX_MAX: Final = 128

V4_MASK: Final = "FWP_V4_ADDR_MASK"
V6_MASK: Final = "FWP_V6_ADDR_MASK"
RANGE: Final = "FWP_RANGE_TYPE"
EMPTY: Final = "FWP_EMPTY"


def strict_json(raw: bytes) -> Any:
    """JSON as Python has it, where every member of every object stands there once.

    Raises:
        ValueError: It is no JSON, repeats a member, or holds NaN or Infinity.
    """
    try:
        return _strict.decode(raw.decode())
    except RecursionError:
        raise ValueError("is nested too deep") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("repeats a member")
    return found


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number")


_strict: Final = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_number)


def as_text(value: Any) -> str:
    """The value itself.

    Raises:
        ValueError: It is no text.
    """
    if isinstance(value, str):
        return value
    raise ValueError("is no text")


def as_list(value: Any) -> list[Any]:
    """The value itself.

    Raises:
        ValueError: It is no list.
    """
    if isinstance(value, list):
        return value
    raise ValueError("is no list")


def type_of(told: Any) -> str:
    """FWP_DATA_TYPE constant of a value.

    Raises:
        ValueError: It is no value.
    """
    number: Any = told.get("t") if isinstance(told, dict) else None
    if not _is_integer(number) or not 0 <= number <= _UINT32_MAX:
        raise ValueError("has no data type")
    return constant_of("data_types", number)


def mixed_of(told: dict[str, Any], data_type: str, place: Place) -> Mixed:
    """A condition's value of any data type.

    Raises:
        ValueError: The module lost it, or it makes no sense.
    """
    if data_type == RANGE:
        return _range(told, place)
    if data_type == V4_MASK:
        return _v4_mask(told)
    if data_type == V6_MASK:
        return _v6_mask(told)
    return Mixed(value=single_of(told, data_type, place))


def single_of(told: dict[str, Any], data_type: str, place: Place) -> Scalar:
    """The value of a single data type.

    Raises:
        ValueError: As `mixed_of`.
    """
    if data_type == EMPTY:
        _expect(told, {"t"})
        return None
    if told.get("lost") is True:
        raise ValueError(f"the module gives no value of type {data_type}")
    _expect(told, {"t", "v"})
    value = told["v"]
    if value is None:
        raise ValueError(f"the module could not read the value of type {data_type}")
    if data_type in INTEGER_BITS:
        return _integer(value, data_type, place)
    if data_type not in _READERS:
        raise ValueError(f"unknown data type {data_type}")
    if data_type != "FWP_TOKEN_INFORMATION_TYPE" and not isinstance(value, str):
        raise ValueError(f"{data_type} that is no text")
    return _READERS[data_type](value, place)


def _expect(told: dict[str, Any], names: set[str]) -> None:
    if told.keys() != names:
        raise ValueError(f"a value is not just {', '.join(sorted(names))}")


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _integer(value: Any, data_type: str, place: Place) -> Scalar:
    if not _is_integer(value) or value.bit_length() > 64:
        raise ValueError(f"{data_type} that is no integer of 64 bits")
    number = integer(data_type, str(value))
    return IPv4Address(number) if place.is_address and data_type == "FWP_UINT32" else number


def bytes_of_hex(text: str, length: int | None = None) -> bytes:
    """Bytes of lower-case hex digits.

    Raises:
        ValueError: It is something else, or not as long as it must be.
    """
    if not _HEX.fullmatch(text):
        raise ValueError("is no bytes in hex")
    data = bytes.fromhex(text)
    if length is not None and len(data) != length:
        raise ValueError(f"{len(data)} bytes where {length} belong")
    return data


def _sixteen(text: str, place: Place) -> Scalar:
    data = bytes_of_hex(text, 16)
    if place.is_address:
        return IPv6Address(data)
    # In memory the first three groups of a GUID are little-endian.
    return UUID(bytes_le=data) if place.field in GUID_FIELDS else data


def _blob(text: str, place: Place) -> str | bytes:
    data = bytes_of_hex(text)
    return text_of_blob(data) if place.field in TEXT_BLOB_FIELDS else data


def checked_sid(text: Any) -> str:
    """A SID as text.

    Raises:
        ValueError: It is none.
    """
    if not isinstance(text, str) or not _SID.fullmatch(text):
        raise ValueError("is no SID")
    return text


def checked_sddl(text: str) -> str:
    """A security descriptor as text; only its beginning is looked at.

    Raises:
        ValueError: It is none.
    """
    if not _SDDL.match(text):
        raise ValueError("is no security descriptor")
    return text


def _token(value: Any, _: Place) -> TokenInformation:
    if not isinstance(value, dict) or value.keys() != {"sids", "restricted"}:
        raise ValueError("a token is not just sids and restricted")
    return TokenInformation(sids=_sids(value["sids"]), restricted_sids=_sids(value["restricted"]))


def _sids(groups: Any) -> tuple[str, ...]:
    found = []
    for group in as_list(groups):
        if not isinstance(group, list) or len(group) != 2 or not _is_integer(group[1]):
            raise ValueError("a group is not a SID and its attributes")
        found.append(checked_sid(group[0]))
    return tuple(found)


def _v4_mask(told: dict[str, Any]) -> Mixed:
    address, mask, _ = _masked(told)
    bits = ipv4(mask)
    return Mixed(value=ipv4(address), mask=bits, prefix_length=prefix_of_mask(bits))


def _v6_mask(told: dict[str, Any]) -> Mixed:
    address, mask, length = _masked(told)
    if not 0 <= length <= _PREFIX_MAX:
        raise ValueError(f"a prefix of {length} bits")
    if int(ipv6(mask)) != _ALL_ONES ^ (_ALL_ONES >> length):
        raise ValueError("a mask that is not the prefix it comes with")
    return Mixed(value=ipv6(address), prefix_length=length)


def _masked(told: dict[str, Any]) -> tuple[str, str, int]:
    _expect(told, {"t", "v", "mask", "prefix"})
    address, mask, length = told["v"], told["mask"], told["prefix"]
    if not (isinstance(address, str) and isinstance(mask, str) and _is_integer(length)):
        raise ValueError("is no address with a mask")
    return address, mask, length


def _range(told: dict[str, Any], place: Place) -> Mixed:
    _expect(told, {"t", "low", "high"})
    low_type, high_type = type_of(told["low"]), type_of(told["high"])
    if low_type != high_type:
        raise ValueError(f"a range from {low_type} to {high_type}")
    return Mixed(
        low=single_of(told["low"], low_type, place),
        high=single_of(told["high"], high_type, place),
        bound_type=low_type,
    )


_READERS: Final[dict[str, Callable[[Any, Place], Scalar]]] = {
    "FWP_BYTE_ARRAY16_TYPE": _sixteen,
    "FWP_BYTE_BLOB_TYPE": _blob,
    "FWP_SID": lambda text, _: checked_sid(text),
    "FWP_SECURITY_DESCRIPTOR_TYPE": lambda text, _: checked_sddl(text),
    "FWP_TOKEN_INFORMATION_TYPE": _token,
    "FWP_TOKEN_ACCESS_INFORMATION_TYPE": lambda text, _: bytes_of_hex(text),
    "FWP_UNICODE_STRING_TYPE": lambda text, _: text,
    "FWP_BYTE_ARRAY6_TYPE": lambda text, _: bytes_of_hex(text, 6).hex(":"),
    "FWP_BITMAP_ARRAY64_TYPE": lambda text, _: bytes_of_hex(text, 8),
}
