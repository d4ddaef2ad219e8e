"""Does a condition, does a filter match? Three values throughout.

Rules: arbitration.md 2 (grouping, types), 3 (match types), 4 (missing fields).
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.oracle.oracle_logic import Tri, tri_and, tri_not, tri_or
from tests.oracle.oracle_read import UNREADABLE, Condition, Filter, Layer, Value
from tests.oracle.oracle_sddl import access_granted
from tests.oracle.oracle_token import Token

UNSIGNED = frozenset(["FWP_UINT8", "FWP_UINT16", "FWP_UINT32", "FWP_UINT64"])
SIGNED = frozenset(["FWP_INT8", "FWP_INT16", "FWP_INT32", "FWP_INT64"])
SORTABLE = (
    UNSIGNED | SIGNED | {"FWP_BYTE_ARRAY16_TYPE", "FWP_BYTE_BLOB_TYPE", "FWP_UNICODE_STRING_TYPE"}
)
TOKEN_TYPES = frozenset(["FWP_TOKEN_INFORMATION_TYPE", "FWP_TOKEN_ACCESS_INFORMATION_TYPE"])
MASK_OF = {"FWP_UINT32": "FWP_V4_ADDR_MASK", "FWP_BYTE_ARRAY16_TYPE": "FWP_V6_ADDR_MASK"}
FLAG_TESTS = frozenset(
    ["FWP_MATCH_FLAGS_ALL_SET", "FWP_MATCH_FLAGS_ANY_SET", "FWP_MATCH_FLAGS_NONE_SET"]
)


@dataclass(frozen=True)
class Known:
    """The field holds this value (int, bytes or text)."""

    value: object


@dataclass(frozen=True)
class Empty:
    """The engine hands the field over as FWP_EMPTY (rule 4.1)."""


@dataclass(frozen=True)
class Unknown:
    """Nothing is known about the field (rule 4.4)."""


@dataclass(frozen=True)
class Ephemeral:
    """A local port the stack will choose: unknown, but never one whose bind is refused."""


@dataclass(frozen=True)
class Bits:
    """A flag field of which some bits are known to be set, some to be clear."""

    on: int
    off: int


@dataclass(frozen=True)
class EndsWith:
    """A blob of which only the end is known: a DOS path on an unknown volume."""

    tail: bytes


@dataclass(frozen=True)
class TokenField:
    """A token field: tested by an access check (rule 3.9)."""

    token: Token


FieldValue = Known | Empty | Unknown | Ephemeral | Bits | EndsWith | TokenField
Fields = Mapping[str, FieldValue]


def runs_of(conditions: tuple[Condition, ...]) -> list[list[Condition]]:
    """Rules 2.3 and 2.4: neighbours on one field are one run; a field that returns is a new one."""
    return [list(run) for _, run in itertools.groupby(conditions, key=lambda one: one.field)]


def filter_matches(rule: Filter, layer: Layer, fields: Fields) -> Tri:
    """Rules 2.1 to 2.3: no condition matches all; OR inside a run, AND across runs."""
    answer = tri_and(
        tri_or(condition_matches(one, layer, fields) for one in run)
        for run in runs_of(rule.conditions)
    )
    if answer is None and _refuses_chosen_port(rule, layer, fields):
        return False
    return answer


def _refuses_chosen_port(rule: Filter, layer: Layer, fields: Fields) -> bool:
    """A block that hangs on nothing but the port the stack is still free to choose."""
    port = "FWPM_CONDITION_IP_LOCAL_PORT"
    chosen = isinstance(fields.get(port), Ephemeral) and rule.action == "FWP_ACTION_BLOCK"
    return chosen and unsettled_fields(rule, layer, fields) == {port}


def unsettled_fields(rule: Filter, layer: Layer, fields: Fields) -> set[str]:
    """Fields whose run is neither surely true nor surely false."""
    return {
        run[0].field
        for run in runs_of(rule.conditions)
        if tri_or(condition_matches(one, layer, fields) for one in run) is None
    }


def condition_matches(condition: Condition, layer: Layer, fields: Fields) -> Tri:
    """Rule 2.7 first (types), then the field's own state (rule 4), then the match type (rule 3)."""
    if layer.fields and condition.field not in layer.fields:
        return None
    if not _types_fit(condition, layer.fields.get(condition.field, "")):
        return None
    field = fields.get(condition.field, Unknown())
    if isinstance(field, Unknown | Ephemeral):
        return None
    if isinstance(field, Empty):
        return _empty_matches(condition)
    if isinstance(field, TokenField):
        return _token_matches(condition, field.token)
    if isinstance(field, Bits):
        return _bits_match(condition, field)
    if isinstance(field, EndsWith):
        return _ending_matches(condition, field.tail)
    return compare(condition.match, field.value, condition.value)


def _types_fit(condition: Condition, data_type: str) -> bool:
    """Rule 2.7: nothing is converted; masks fit addresses, descriptors fit token fields."""
    value = condition.value
    if value.data == UNREADABLE:
        return False
    if condition.match == "FWP_MATCH_RANGE":
        if value.type != "FWP_RANGE_TYPE" or not isinstance(value.data, tuple):
            return False
        low, high = value.data
        fits = isinstance(low, Value) and isinstance(high, Value) and low.type == high.type
        return fits and low.data != UNREADABLE != high.data and data_type in {"", low.type}
    if not data_type or value.type in {"FWP_EMPTY", data_type}:
        return True
    if data_type in TOKEN_TYPES:
        return value.type == "FWP_SECURITY_DESCRIPTOR_TYPE"
    return value.type == MASK_OF.get(data_type)


def _empty_matches(condition: Condition) -> Tri:
    """Rules 4.2 and 4.3: only EQUAL is settled for an empty field."""
    if condition.match != "FWP_MATCH_EQUAL":
        return None
    return condition.value.type == "FWP_EMPTY"


def _token_matches(condition: Condition, token: Token) -> Tri:
    """Rule 3.9: EQUAL with a descriptor is an access check; nothing else is understood."""
    value = condition.value
    if condition.match != "FWP_MATCH_EQUAL":
        return None
    if value.type == "FWP_EMPTY":
        return False
    if value.type != "FWP_SECURITY_DESCRIPTOR_TYPE" or not isinstance(value.data, str):
        return None
    return access_granted(value.data, token)


def _bits_match(condition: Condition, bits: Bits) -> Tri:
    """Rule 3.4 with bits that are on, off or unknown; rule 3.1 where a whole number is asked."""
    wanted = condition.value.data
    if condition.value.type == "FWP_EMPTY":
        return False if condition.match == "FWP_MATCH_EQUAL" else None
    if not isinstance(wanted, int):
        return None
    if condition.match == "FWP_MATCH_FLAGS_ALL_SET":
        return False if wanted & bits.off else (True if wanted & ~bits.on == 0 else None)
    if condition.match == "FWP_MATCH_FLAGS_ANY_SET":
        return True if wanted & bits.on else (False if wanted & ~bits.off == 0 else None)
    if condition.match == "FWP_MATCH_FLAGS_NONE_SET":
        return False if wanted & bits.on else (True if wanted & ~bits.off == 0 else None)
    same: Tri = False if (wanted & bits.off) or (bits.on & ~wanted) else None
    if condition.match == "FWP_MATCH_EQUAL":
        return same
    return tri_not(same) if condition.match == "FWP_MATCH_NOT_EQUAL" else None


def _filled_matches_empty(condition: Condition) -> Tri:
    return False if condition.match == "FWP_MATCH_EQUAL" else None


def _ending_matches(condition: Condition, tail: bytes) -> Tri:
    if condition.value.type == "FWP_EMPTY":
        return _filled_matches_empty(condition)
    wanted = condition.value.data
    if not isinstance(wanted, bytes):
        return None
    if condition.match in {"FWP_MATCH_PREFIX", "FWP_MATCH_NOT_PREFIX"}:
        ends: Tri = True if tail.endswith(wanted) else None if wanted.endswith(tail) else False
        return ends if condition.match == "FWP_MATCH_PREFIX" else tri_not(ends)
    same: Tri = None if wanted.endswith(tail) else False
    if condition.match == "FWP_MATCH_EQUAL":
        return same
    return tri_not(same) if condition.match == "FWP_MATCH_NOT_EQUAL" else None


def compare(match: str, actual: object, value: Value) -> Tri:
    """Rules 3.1 to 3.6 on a known value; None where a rule does not cover the pair."""
    wanted, kind = value.data, value.type
    if match == "FWP_MATCH_RANGE":
        return _in_range(actual, value)
    if kind == "FWP_EMPTY":
        return False if match == "FWP_MATCH_EQUAL" else None
    if match == "FWP_MATCH_EQUAL":
        return _equal(actual, value)
    if match == "FWP_MATCH_NOT_EQUAL":
        return tri_not(_equal(actual, value)) if kind in SORTABLE | {"FWP_SID"} else None
    if match in FLAG_TESTS:
        return _flags(match, actual, wanted) if kind in UNSIGNED else None
    if match == "FWP_MATCH_EQUAL_CASE_INSENSITIVE":
        texts = isinstance(actual, str) and isinstance(wanted, str)
        fits = texts and kind == "FWP_UNICODE_STRING_TYPE"
        return str(actual).lower() == str(wanted).lower() if fits else None
    if match in {"FWP_MATCH_PREFIX", "FWP_MATCH_NOT_PREFIX"}:
        ends = _ends_with(actual, wanted)
        return ends if match == "FWP_MATCH_PREFIX" else tri_not(ends)
    return _ordered(match, actual, wanted) if kind in SORTABLE else None


def _equal(actual: object, value: Value) -> Tri:
    """Rule 3.1; with an address mask a masked equality. SIDs and blobs compare as they are."""
    wanted = value.data
    if value.type in {"FWP_V4_ADDR_MASK", "FWP_V6_ADDR_MASK"}:
        if not isinstance(wanted, tuple) or not isinstance(actual, int):
            return None
        address, mask = wanted
        return bool(actual & mask == address & mask)
    if value.type == "FWP_SID" and isinstance(actual, str) and isinstance(wanted, str):
        return actual.upper() == wanted.upper()
    return actual == wanted if type(actual) is type(wanted) else None


def _in_range(actual: object, value: Value) -> Tri:
    """Rule 3.3: both ends belong to the range."""
    low, high = value.data if isinstance(value.data, tuple) else (None, None)
    if not isinstance(low, Value) or not isinstance(high, Value) or low.type not in SORTABLE:
        return None
    return tri_and(
        [
            _ordered("FWP_MATCH_GREATER_OR_EQUAL", actual, low.data),
            _ordered("FWP_MATCH_LESS_OR_EQUAL", actual, high.data),
        ]
    )


def _flags(match: str, actual: object, wanted: object) -> Tri:
    """Rule 3.4."""
    if not isinstance(actual, int) or not isinstance(wanted, int):
        return None
    if match == "FWP_MATCH_FLAGS_ALL_SET":
        return actual & wanted == wanted
    return (actual & wanted != 0) == (match == "FWP_MATCH_FLAGS_ANY_SET")


def _ends_with(actual: object, wanted: object) -> Tri:
    """Rule 3.6: PREFIX is documented to test the end of the value."""
    if isinstance(actual, bytes) and isinstance(wanted, bytes):
        return actual.endswith(wanted)
    if isinstance(actual, str) and isinstance(wanted, str):
        return actual.endswith(wanted)
    return None


def _ordered(match: str, actual: object, wanted: object) -> Tri:
    """Rule 3.2: numbers, 16-byte arrays as big-endian numbers, blobs and text unit by unit."""
    left: Any = actual
    right: Any = wanted
    if type(left) is not type(right) or not isinstance(left, int | bytes | str):
        return None
    order = (left > right) - (left < right)
    answers = {
        "FWP_MATCH_GREATER": order > 0,
        "FWP_MATCH_LESS": order < 0,
        "FWP_MATCH_GREATER_OR_EQUAL": order >= 0,
        "FWP_MATCH_LESS_OR_EQUAL": order <= 0,
    }
    return answers.get(match)
