"""The numbers and addresses that a condition names, as intervals that SQL can compare."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from pywfp_ps.model.objects import Condition
from pywfp_ps.model.values import Scalar, text_of

UINT64_MAX: Final = (1 << 64) - 1

IpBounds = tuple[int, str, str]
"""Family, smallest and largest address as hex digits."""


def number_bounds(condition: Condition) -> tuple[int, int] | None:
    """Smallest and largest number named, ``None`` where no unsigned number is."""
    low, high = condition.value, condition.value
    if low is None:
        low, high = condition.low, condition.high
    if not (isinstance(low, int) and isinstance(high, int)):
        return None
    return (low, high) if low >= 0 and 0 <= high <= UINT64_MAX and low <= UINT64_MAX else None


def ip_bounds(condition: Condition) -> IpBounds | None:
    """Smallest and largest address named, ``None`` where no address is.

    With a mask that has holes not all addresses between the two match.
    """
    value = condition.value
    if isinstance(value, (IPv4Address, IPv6Address)):
        return _masked(value, condition.prefix_length, condition.mask)
    low, high = condition.low, condition.high
    if isinstance(low, IPv4Address) and isinstance(high, IPv4Address):
        return 4, hex_of(low), hex_of(high)
    if isinstance(low, IPv6Address) and isinstance(high, IPv6Address):
        return 6, hex_of(low), hex_of(high)
    return None


@lru_cache(maxsize=4096)
def _masked(
    address: IPv4Address | IPv6Address, prefix: int | None, mask: IPv4Address | IPv6Address | None
) -> IpBounds:
    bits = address.max_prefixlen
    every = (1 << bits) - 1
    kept = every if mask is None else int(mask)
    if prefix is not None:
        kept = every ^ (every >> prefix)
    low = int(address) & kept
    digits = bits // 4
    return address.version, f"{low:0{digits}x}", f"{low | (every ^ kept):0{digits}x}"


@lru_cache(maxsize=4096)
def hex_of(address: IPv4Address | IPv6Address) -> str:
    """An address as 8 or 32 lower-case hex digits, which sort as addresses do."""
    return f"{int(address):0{address.max_prefixlen // 4}x}"


def value_text(condition: Condition) -> str | None:
    """The value in one text: ``low-high`` for a range, ``address/bits`` for a mask."""
    value: Scalar = condition.value
    if value is None:
        if condition.low is None and condition.high is None:
            return None
        return f"{plain_text(condition.low)}-{plain_text(condition.high)}"
    text = plain_text(value)
    if condition.prefix_length is not None:
        return f"{text}/{condition.prefix_length}"
    return text if condition.mask is None else f"{text}/{condition.mask}"


def plain_text(value: Scalar) -> str | None:
    """The same as `text_of`, faster for addresses, which come again and again."""
    is_address = isinstance(value, (IPv4Address, IPv6Address))
    return address_text(value) if is_address else text_of(value)


@lru_cache(maxsize=4096)
def address_text(address: IPv4Address | IPv6Address) -> str:
    """An address as text."""
    return str(address)
