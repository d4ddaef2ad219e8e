"""Values of conditions and options: text of the element that their data type names.

Elements are the member names of FWP_VALUE0 and FWP_CONDITION_VALUE0 (fwptypes.h). Real dumps prove
the unsigned integers, ``byteArray16`` with IPv6 text, ``byteBlob``, ``sid``, ``sd``, ranges and
address masks; how netsh prints the others is not public.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import partial
from ipaddress import IPv4Address
from typing import Final
from uuid import UUID

from msgspec import Struct

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
from pywfp_ps.read.netsh.elements import blob_of, bytes_of, required
from pywfp_ps.read.netsh.tree import Element

_SID: Final = re.compile(r"S-1-(?:\d+|0x[0-9A-Fa-f]+)(?:-\d+)*")
_GUID: Final = re.compile(r"\{?([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})\}?")
_MAC: Final = re.compile(r"[0-9A-Fa-f]{2}(?:([:-]?)[0-9A-Fa-f]{2})(?:\1[0-9A-Fa-f]{2}){4}")
_SDDL: Final = re.compile(r"[OGDS]:")
_REAL: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_PREFIX_MAX: Final = 128


class Place(Struct, frozen=True):
    """Where a value stands: what its field is called and whether it holds addresses."""

    field: str = ""
    is_address: bool = False


class Mixed(Struct, frozen=True, kw_only=True):
    """A condition value of any kind, with the names that `Condition` has for it."""

    value: Scalar = None
    low: Scalar = None
    high: Scalar = None
    bound_type: str | None = None
    prefix_length: int | None = None
    mask: IPv4Address | None = None


def single(data_type: str, element: Element | None, place: Place) -> Scalar:
    """The value of a single data type.

    Raises:
        ValueError: The type is unknown, or the element is not its own or makes no sense.
    """
    if data_type == "FWP_EMPTY":
        if element is not None:
            raise ValueError("FWP_EMPTY with a value")
        return None
    if data_type not in _READERS:
        raise ValueError(f"unknown data type {data_type[:60]}")
    tag, read = _READERS[data_type]
    if element is None or element.tag != tag:
        raise ValueError(f"{data_type} without {tag}")
    return read(element, place)


def mixed(data_type: str, element: Element | None, place: Place) -> Mixed:
    """The value of any data type that a condition may have.

    Raises:
        ValueError: As `single`.
    """
    if data_type not in _MIXED:
        return Mixed(value=single(data_type, element, place))
    tag, read = _MIXED[data_type]
    if element is None or element.tag != tag:
        raise ValueError(f"{data_type} without {tag}")
    return read(element, place)


def _text(element: Element) -> str:
    if len(element):
        raise ValueError(f"{element.tag!s} holds elements")
    return element.text or ""


def _integer(data_type: str, element: Element, place: Place) -> Scalar:
    text = _text(element)
    if place.is_address and data_type == "FWP_UINT32":
        return ipv4(text)
    return integer(data_type, text)


def _real(element: Element, _: Place) -> float:
    text = _text(element)
    found = float(text) if _REAL.fullmatch(text) else math.nan
    if not math.isfinite(found):
        raise ValueError(f"{text[:40]!r} is no number")
    return found


def _sixteen(element: Element, place: Place) -> Scalar:
    text = _text(element)
    if place.is_address:
        return ipv6(text)
    if place.field in GUID_FIELDS and (shape := _GUID.fullmatch(text)):
        return UUID(shape[1])
    return _exactly(16, bytes_of(text))


def _six(element: Element, _: Place) -> str:
    text = _text(element)
    if not _MAC.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is no MAC address")
    return bytes.fromhex(re.sub("[:-]", "", text)).hex(":")


def _exactly(length: int, data: bytes) -> bytes:
    if len(data) != length:
        raise ValueError(f"{len(data)} bytes where {length} belong")
    return data


def _blob(element: Element, place: Place) -> str | bytes:
    data = blob_of(element)
    return text_of_blob(data) if place.field in TEXT_BLOB_FIELDS else data


def _flat_blob(element: Element, _: Place) -> bytes:
    return blob_of(element) if len(element) else bytes_of(element.text or "")


def _bitmap(element: Element, _: Place) -> bytes:
    return _exactly(8, bytes_of(_text(element)))


def _sid(element: Element, _: Place) -> str:
    return _checked_sid(_text(element))


def _checked_sid(text: str) -> str:
    if not _SID.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is no SID")
    return text


def _descriptor(element: Element, _: Place) -> str:
    text = _text(element)
    if not _SDDL.match(text):
        raise ValueError(f"{text[:40]!r} is no security descriptor")
    return text


def _string(element: Element, _: Place) -> str:
    return _text(element)


def _token(element: Element, _: Place) -> TokenInformation:
    lists = {child.tag: child for child in element}
    if len(lists) != len(element) or not lists or not lists.keys() <= {"sids", "restrictedSids"}:
        raise ValueError("holds something else than sids and restrictedSids")
    return TokenInformation(
        sids=_sids(lists.get("sids")), restricted_sids=_sids(lists.get("restrictedSids"))
    )


def _sids(element: Element | None) -> tuple[str, ...]:
    if element is None:
        return ()
    if any(child.tag != "item" for child in element):
        raise ValueError("a list of SIDs holds something else than items")
    return tuple(_checked_sid(_text(child)) for child in element)


def _v4_mask(element: Element, _: Place) -> Mixed:
    address, mask = _pair(element, "addr", "mask")
    bits = ipv4(mask)
    return Mixed(value=ipv4(address), mask=bits, prefix_length=prefix_of_mask(bits))


def _v6_mask(element: Element, _: Place) -> Mixed:
    address, length = _pair(element, "addr", "prefixLength")
    bits = integer("FWP_UINT8", length)
    if bits > _PREFIX_MAX:
        raise ValueError(f"a prefix of {bits} bits")
    return Mixed(value=ipv6(address), prefix_length=bits)


def _pair(element: Element, first: str, second: str) -> tuple[str, str]:
    found = {child.tag: child for child in element}
    if len(element) != 2 or any(map(len, element)):
        raise ValueError(f"{element.tag!s} is not just {first} and {second}")
    return required(found, first), required(found, second)


def _range(element: Element, place: Place) -> Mixed:
    ends = {child.tag: child for child in element}
    if len(element) != 2 or ends.keys() != {"valueLow", "valueHigh"}:
        raise ValueError("rangeValue is not just valueLow and valueHigh")
    low_type, low = _end(ends["valueLow"], place)
    high_type, high = _end(ends["valueHigh"], place)
    if low_type != high_type:
        raise ValueError(f"a range from {low_type} to {high_type}")
    return Mixed(low=low, high=high, bound_type=low_type)


def _end(element: Element, place: Place) -> tuple[str, Scalar]:
    if len(element) != 2 or element[0].tag != "type":
        raise ValueError(f"{element.tag!s} is not just a type and its value")
    data_type = _text(element[0])
    return data_type, single(data_type, element[1], place)


_Reader = Callable[[Element, Place], Scalar]
_READERS: Final[dict[str, tuple[str, _Reader]]] = {
    **{name: (name.removeprefix("FWP_").lower(), partial(_integer, name)) for name in INTEGER_BITS},
    "FWP_FLOAT": ("float32", _real),
    "FWP_DOUBLE": ("double64", _real),
    "FWP_BYTE_ARRAY16_TYPE": ("byteArray16", _sixteen),
    "FWP_BYTE_BLOB_TYPE": ("byteBlob", _blob),
    "FWP_SID": ("sid", _sid),
    "FWP_SECURITY_DESCRIPTOR_TYPE": ("sd", _descriptor),
    "FWP_TOKEN_INFORMATION_TYPE": ("tokenInformation", _token),
    "FWP_TOKEN_ACCESS_INFORMATION_TYPE": ("tokenAccessInformation", _flat_blob),
    "FWP_UNICODE_STRING_TYPE": ("unicodeString", _string),
    "FWP_BYTE_ARRAY6_TYPE": ("byteArray6", _six),
    "FWP_BITMAP_INDEX_TYPE": ("bitmapIndex", partial(_integer, "FWP_UINT8")),
    "FWP_BITMAP_ARRAY64_TYPE": ("bitmapArray64", _bitmap),
}
_MIXED: Final[dict[str, tuple[str, Callable[[Element, Place], Mixed]]]] = {
    "FWP_V4_ADDR_MASK": ("v4AddrMask", _v4_mask),
    "FWP_V6_ADDR_MASK": ("v6AddrMask", _v6_mask),
    "FWP_RANGE_TYPE": ("rangeValue", _range),
}
