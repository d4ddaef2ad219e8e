"""The values that conditions test: one Python type for each kind, and text both ways.

Sources: FWP_VALUE0, FWP_CONDITION_VALUE0 and FWP_RANGE0 (fwptypes.h); which fields hold addresses
or UTF-16 text is what real state dumps and the layers' own field lists say.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Final
from uuid import UUID

from msgspec import Struct


class TokenInformation(Struct, frozen=True, kw_only=True):
    """A token as a condition value holds it (FWP_TOKEN_INFORMATION).

    Attributes:
        sids: Group and user SIDs, in the order given.
        restricted_sids: Restricting SIDs, in the order given.
    """

    sids: tuple[str, ...] = ()
    restricted_sids: tuple[str, ...] = ()


Scalar = int | float | str | bytes | UUID | IPv4Address | IPv6Address | TokenInformation | None
"""Integers, text (SIDs, SDDL, app ids, MAC addresses), bytes that are no text, GUIDs, addresses."""

INTEGER_BITS: Final[dict[str, tuple[int, bool]]] = {
    "FWP_UINT8": (8, False),
    "FWP_UINT16": (16, False),
    "FWP_UINT32": (32, False),
    "FWP_UINT64": (64, False),
    "FWP_INT8": (8, True),
    "FWP_INT16": (16, True),
    "FWP_INT32": (32, True),
    "FWP_INT64": (64, True),
}
"""Integer data types: width in bits, and whether they are signed."""

TEXT_BLOB_FIELDS: Final = frozenset(
    {
        "FWPM_CONDITION_ALE_APP_ID",
        "FWPM_CONDITION_ALE_ORIGINAL_APP_ID",
        "FWPM_CONDITION_ALE_EFFECTIVE_NAME",
        "FWPM_CONDITION_IMAGE_NAME",
        "FWPM_CONDITION_PIPE",
        "FWPM_CONDITION_RPC_SERVER_NAME",
    }
)
"""Fields whose byte blob is UTF-16LE text with a trailing NUL."""

GUID_FIELDS: Final = frozenset({"FWPM_CONDITION_RPC_IF_UUID", "FWPM_CONDITION_DCOM_APP_ID"})
"""Fields whose 16 bytes are a GUID."""

_INTEGER_RANGE: Final = {
    name: (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    for name, (bits, signed) in INTEGER_BITS.items()
}


def text_of_blob(data: bytes) -> str | bytes:
    """The text of a UTF-16LE blob that ends in exactly one NUL, else the bytes unchanged.

    The answer turns back into the same bytes with `blob_of_text`.
    """
    if len(data) % 2 or not data.endswith(b"\0\0"):
        return data
    try:
        text = data[:-2].decode("utf-16-le")
    except UnicodeDecodeError:
        return data
    return data if "\0" in text else text


def blob_of_text(text: str) -> bytes:
    """UTF-16LE with a trailing NUL, as app ids are stored."""
    return text.encode("utf-16-le") + b"\0\0"


@lru_cache(maxsize=4096)
def integer(data_type: str, text: str) -> int:
    """The number of a decimal text of an integer type.

    Raises:
        ValueError: It is no plain decimal number, or out of the type's range.
    """
    if not (text.isascii() and text.removeprefix("-").isdigit()):
        raise ValueError(f"{text[:40]!r} is not a decimal number")
    if len(text) > 20:
        raise ValueError(f"{text[:40]!r} is out of range for {data_type}")
    number = int(text)
    low, high = _INTEGER_RANGE[data_type]
    if not low <= number <= high:
        raise ValueError(f"{number} is out of range for {data_type}")
    return number


@lru_cache(maxsize=4096)
def ipv4(text: str) -> IPv4Address:
    """The IPv4 address of a dotted text.

    Raises:
        ValueError: The text is no IPv4 address.
    """
    return IPv4Address(text)


@lru_cache(maxsize=4096)
def ipv6(text: str) -> IPv6Address:
    """The IPv6 address of a colon text.

    Raises:
        ValueError: The text is no IPv6 address.
    """
    return IPv6Address(text)


@lru_cache(maxsize=4096)
def guid(text: str) -> UUID:
    """The GUID of a text with or without braces.

    Raises:
        ValueError: The text is no GUID.
    """
    return UUID(text.strip("{}"))


def prefix_of_mask(mask: IPv4Address | IPv6Address) -> int | None:
    """Prefix length of a mask whose ones all stand in front, else ``None``."""
    number = int(mask)
    inverted = number ^ ((1 << mask.max_prefixlen) - 1)
    return None if inverted & (inverted + 1) else mask.max_prefixlen - inverted.bit_length()


def text_of(value: Scalar) -> str | None:
    """A value as people read it: decimal, dotted or colon text, lower-case hex, GUID."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, TokenInformation):
        restricted = ",".join(value.restricted_sids)
        return ",".join(value.sids) + (f";{restricted}" if restricted else "")
    return str(value)
