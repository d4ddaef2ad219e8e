"""One condition against one value: every match type, every kind of value, three answers."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest

from pywfp_ps.explain.logic import MAYBE, NO, YES
from pywfp_ps.explain.match import EMPTY, UNKNOWN, Bits, Tail, Value, compile_condition
from pywfp_ps.explain.match import test_of as function_of
from pywfp_ps.model.objects import Condition, Node
from pywfp_ps.model.values import blob_of_text

V4, V6 = IPv4Address, IPv6Address
_APP = "FWP_BYTE_BLOB_TYPE"
_PATH = "\\device\\harddiskvolume3\\apps\\b.exe"


def _answer(match: str, kind: str, value: object, actual: Value, **more: Any) -> int:
    data_type = more.pop("data_type", None)
    condition = Condition(
        field="FWPM_CONDITION_X",
        match=f"FWP_MATCH_{match}",
        type=f"FWP_{kind}",
        value=None if kind == "RANGE_TYPE" else value,  # type: ignore[arg-type] # any scalar
        **more,
    )
    atom = compile_condition(condition, data_type, is_address=True)
    return function_of(atom)(actual)


NUMBERS = [
    ("EQUAL", 5, 5, YES), ("EQUAL", 5, 6, NO), ("NOT_EQUAL", 5, 6, YES), ("NOT_EQUAL", 5, 5, NO),
    ("GREATER", 5, 6, YES), ("GREATER", 5, 5, NO), ("LESS", 5, 4, YES), ("LESS", 5, 5, NO),
    ("GREATER_OR_EQUAL", 5, 5, YES), ("GREATER_OR_EQUAL", 5, 4, NO),
    ("LESS_OR_EQUAL", 5, 5, YES), ("LESS_OR_EQUAL", 5, 6, NO),
    ("FLAGS_ALL_SET", 6, 7, YES), ("FLAGS_ALL_SET", 6, 5, NO),
    ("FLAGS_ANY_SET", 6, 4, YES), ("FLAGS_ANY_SET", 6, 1, NO),
    ("FLAGS_NONE_SET", 6, 1, YES), ("FLAGS_NONE_SET", 6, 2, NO),
    ("PREFIX", 5, 5, MAYBE), ("EQUAL_CASE_INSENSITIVE", 5, 5, MAYBE), ("NO_SUCH", 5, 5, MAYBE),
    ("EQUAL", 5, UNKNOWN, MAYBE), ("EQUAL", 5, EMPTY, NO), ("NOT_EQUAL", 5, EMPTY, MAYBE),
    ("GREATER", 5, EMPTY, MAYBE), ("FLAGS_NONE_SET", 5, EMPTY, MAYBE),
]  # fmt: skip


@pytest.mark.parametrize(("match", "value", "actual", "answer"), NUMBERS)
def test_numbers(match: str, value: int, actual: Value, answer: int) -> None:
    assert _answer(match, "UINT32", value, actual) == answer


@pytest.mark.parametrize(
    ("low", "high", "actual", "answer"),
    [(5, 7, 5, YES), (5, 7, 7, YES), (5, 7, 8, NO), (7, 5, 6, NO), (5, 7, UNKNOWN, MAYBE)],
)
def test_ranges_hold_both_ends(low: int, high: int, actual: Value, answer: int) -> None:
    found = _answer(
        "RANGE", "RANGE_TYPE", None, actual, low=low, high=high, bound_type="FWP_UINT16"
    )
    assert found == answer


def test_a_range_goes_with_range_alone() -> None:
    more = {"low": 1, "high": 2, "bound_type": "FWP_UINT16"}
    assert _answer("EQUAL", "RANGE_TYPE", None, 1, **more) == MAYBE
    assert _answer("RANGE", "UINT16", 1, 1) == MAYBE


def test_addresses_compare_as_numbers() -> None:
    low, high = V6("fe80::"), V6("fe80::ffff:ffff:ffff:ffff")
    more = {"low": low, "high": high, "bound_type": "FWP_BYTE_ARRAY16_TYPE"}
    assert _answer("RANGE", "RANGE_TYPE", None, int(V6("fe80::1")), **more) == YES
    assert _answer("RANGE", "RANGE_TYPE", None, int(V6("fe81::1")), **more) == NO


@pytest.mark.parametrize(
    ("match", "actual", "answer"),
    [("EQUAL", "192.0.2.9", YES), ("EQUAL", "192.0.3.9", NO), ("NOT_EQUAL", "192.0.3.9", MAYBE)],
)
def test_masks(match: str, actual: str, answer: int) -> None:
    more = {"prefix_length": 24, "mask": V4("255.255.255.0"), "data_type": "FWP_UINT32"}
    found = _answer(match, "V4_ADDR_MASK", V4("192.0.2.77"), int(V4(actual)), **more)
    assert found == answer


def test_a_mask_with_holes() -> None:
    found = [
        _answer("EQUAL", "V4_ADDR_MASK", V4("10.0.0.1"), int(V4(text)), mask=V4("255.0.0.255"))
        for text in ("10.9.9.1", "10.0.0.2")
    ]
    assert found == [YES, NO]


@pytest.mark.parametrize(
    ("match", "value", "answer"),
    [
        ("EQUAL", _PATH, YES),
        ("EQUAL", _PATH.upper(), NO),
        ("NOT_EQUAL", "System", YES),
        ("PREFIX", "b.exe", YES),
        ("PREFIX", "\\device", NO),
        ("NOT_PREFIX", "b.exe", NO),
        ("EQUAL_CASE_INSENSITIVE", _PATH.upper(), MAYBE),
        ("GREATER", "\\device\\a", YES),
    ],
)
def test_paths_compare_byte_for_byte_and_prefix_is_the_end(
    match: str, value: str, answer: int
) -> None:
    assert _answer(match, "BYTE_BLOB_TYPE", value, blob_of_text(_PATH)) == answer


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        (_PATH, MAYBE),
        ("\\device\\harddiskvolume9\\apps\\b.exe", MAYBE),
        ("\\device\\harddiskvolume3\\apps\\c.exe", NO),
        ("\\device\\harddiskvolume3\\x\\apps\\b.exe", NO),
        ("\\device\\mup\\server\\share\\apps\\b.exe", MAYBE),
        ("System", NO),
    ],
)
def test_a_dos_path_leaves_its_volume_open(value: str, answer: int) -> None:
    assert _answer("EQUAL", "BYTE_BLOB_TYPE", value, Tail("\\apps\\b.exe")) == answer


def test_unicode_strings_fold_their_case() -> None:
    actual = "Tenant".encode("utf-16-le")
    kind = "UNICODE_STRING_TYPE"
    assert _answer("EQUAL_CASE_INSENSITIVE", kind, "tENANT", actual) == YES
    assert _answer("EQUAL", kind, "tENANT", actual) == NO


@pytest.mark.parametrize(
    ("match", "wanted", "answer"),
    [
        ("FLAGS_ALL_SET", 0b001, YES), ("FLAGS_ALL_SET", 0b011, NO),
        ("FLAGS_ALL_SET", 0b101, MAYBE), ("FLAGS_ALL_SET", 0b110, NO),
        ("FLAGS_ANY_SET", 0b101, YES), ("FLAGS_ANY_SET", 0b010, NO),
        ("FLAGS_ANY_SET", 0b110, MAYBE), ("FLAGS_NONE_SET", 0b010, YES),
        ("FLAGS_NONE_SET", 0b101, NO), ("FLAGS_NONE_SET", 0b100, MAYBE),
        ("EQUAL", 0b010, NO), ("EQUAL", 0b001, MAYBE), ("NOT_EQUAL", 0b010, YES),
        ("GREATER", 0, MAYBE), ("FLAGS_ALL_SET", 0, YES), ("FLAGS_ANY_SET", 0, NO),
    ],
)  # fmt: skip
def test_flags_of_which_some_are_known(match: str, wanted: int, answer: int) -> None:
    """Bit 0 is set, bit 1 is clear, bit 2 is not known."""
    assert _answer(match, "UINT32", wanted, Bits(0b001, 0b010)) == answer


@pytest.mark.parametrize(
    ("kind", "value", "data_type"),
    [
        ("UINT32", 6, "FWP_UINT8"),
        ("SID", "S-1-1-0", "FWP_TOKEN_ACCESS_INFORMATION_TYPE"),
        ("SECURITY_DESCRIPTOR_TYPE", "D:(A;;CC;;;WD)", "FWP_UINT8"),
        ("SECURITY_DESCRIPTOR_TYPE", "nonsense", "FWP_TOKEN_ACCESS_INFORMATION_TYPE"),
        ("V4_ADDR_MASK", V4("192.0.2.1"), "FWP_UINT8"),
    ],
)
def test_types_are_never_converted(kind: str, value: object, data_type: str) -> None:
    assert _answer("EQUAL", kind, value, 6, data_type=data_type) == MAYBE


def test_an_empty_field_equals_an_empty_value_alone() -> None:
    assert [_answer("EQUAL", "EMPTY", None, one) for one in (EMPTY, 5, UNKNOWN)] == [YES, NO, MAYBE]


def test_what_was_not_understood_is_unknown() -> None:
    assert _answer("EQUAL", "UINT8", 6, 6, extra=(Node("odd"),)) == MAYBE


@pytest.mark.parametrize(
    ("match", "actual", "answer"),
    [("EQUAL", "S-1-0-0", YES), ("NOT_EQUAL", "S-1-0-0", NO), ("GREATER", "S-1-0-0", MAYBE)],
)
def test_sids(match: str, actual: str, answer: int) -> None:
    assert _answer(match, "SID", "S-1-0-0", actual, data_type="FWP_SID") == answer
