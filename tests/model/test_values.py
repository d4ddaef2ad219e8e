from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywfp_ps.model.values import (
    INTEGER_BITS,
    Scalar,
    TokenInformation,
    blob_of_text,
    integer,
    prefix_of_mask,
    text_of,
    text_of_blob,
)


@given(st.binary(max_size=40))
def test_a_blob_survives_being_text(data: bytes) -> None:
    text = text_of_blob(data)
    assert (text if isinstance(text, bytes) else blob_of_text(text)) == data


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"S\0y\0\0\0", "Sy"),
        (b"S\0y\0", b"S\0y\0"),
        (b"S\0\0\0\0\0", b"S\0\0\0\0\0"),
        (b"\0\0", ""),
        (b"", b""),
        (b"\x00\xd8\0\0", b"\x00\xd8\0\0"),
    ],
)
def test_only_text_with_one_nul_at_the_end_is_text(data: bytes, expected: str | bytes) -> None:
    assert text_of_blob(data) == expected


@pytest.mark.parametrize(("name", "bits"), INTEGER_BITS.items())
def test_an_integer_keeps_its_range(name: str, bits: tuple[int, bool]) -> None:
    width, signed = bits
    low, high = (-(1 << (width - 1)), (1 << (width - 1)) - 1) if signed else (0, (1 << width) - 1)
    assert (integer(name, str(low)), integer(name, str(high))) == (low, high)
    for outside in (low - 1, high + 1):
        with pytest.raises(ValueError, match="out of range"):
            integer(name, str(outside))


@pytest.mark.parametrize("text", ["", "-", "1.0", "0x1", " 1", "1_0", "\u0663", "1e3", "--1"])
def test_what_is_no_decimal_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a decimal"):
        integer("FWP_UINT32", text)


@pytest.mark.parametrize(
    ("mask", "prefix"),
    [("255.255.255.0", 24), ("0.0.0.0", 0), ("255.255.255.255", 32), ("255.0.255.0", None)],
)
def test_a_mask_has_a_prefix_length_or_none(mask: str, prefix: int | None) -> None:
    assert prefix_of_mask(IPv4Address(mask)) == prefix


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        (7, "7"),
        (1.5, "1.5"),
        ("System", "System"),
        (b"\x00\xff", "00ff"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (IPv6Address("fe80::1"), "fe80::1"),
        (TokenInformation(sids=("S-1-1-0",), restricted_sids=("S-1-5-12",)), "S-1-1-0;S-1-5-12"),
    ],
)
def test_a_value_has_a_text(value: Scalar, text: str | None) -> None:
    assert text_of(value) == text
