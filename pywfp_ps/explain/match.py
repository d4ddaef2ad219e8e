"""One condition against one field, with three answers.

A condition is compiled once: what it tests, as plain numbers or bytes, and a function for one
value. Both forms stand side by side so that many flows can be tested at once with the same rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import Final, Literal
from uuid import UUID

from msgspec import Struct

from pywfp_ps.explain.logic import MAYBE, NO, YES, opposite
from pywfp_ps.explain.tokens import Descriptor, Token, grants, parse_descriptor
from pywfp_ps.model.objects import Condition
from pywfp_ps.model.values import Scalar, blob_of_text, text_of_blob

Kind = Literal["bytes", "descriptor", "empty", "integer", "sid", "unknown"]
Test = Callable[[object], int]


class Unknown(Struct, frozen=True):
    """The value of a field that nobody said and nothing implies."""


class Empty(Struct, frozen=True):
    """The value of a field that the engine hands over empty (rule 4.1)."""


class Bits(Struct, frozen=True):
    """A flag word of which some bits are known.

    Attributes:
        set: Bits that are surely set.
        clear: Bits that are surely clear.
    """

    set: int
    clear: int


class Tail(Struct, frozen=True):
    r"""A program path on a volume whose device number is not known.

    Attributes:
        text: The path from the backslash behind the volume on, lower case.
    """

    text: str


UNKNOWN: Final = Unknown()
EMPTY: Final = Empty()

Value = int | bytes | str | Bits | Tail | Token | Unknown | Empty


class Atom(Struct, frozen=True):
    """A compiled condition.

    Attributes:
        field: Constant of the field.
        match: Match type without its prefix.
        kind: How values are compared.
        low: The value, or the lower end of a range.
        high: The upper end of a range.
        mask: Mask of an address.
        descriptor: The parsed descriptor of a token test.
        folds: Whether the value is a Unicode string, which can be compared without its case.
        problem: Why the answer is always unknown; empty where it is not.
    """

    field: str
    match: str
    kind: Kind
    low: int | bytes | str | None = None
    high: int | bytes | str | None = None
    mask: int | None = None
    descriptor: Descriptor | None = None
    folds: bool = False
    problem: str = ""


_MASKS: Final = {"FWP_V4_ADDR_MASK": "FWP_UINT32", "FWP_V6_ADDR_MASK": "FWP_BYTE_ARRAY16_TYPE"}
_DESCRIPTOR: Final = "FWP_SECURITY_DESCRIPTOR_TYPE"
_TOKENS: Final = frozenset({"FWP_TOKEN_ACCESS_INFORMATION_TYPE", "FWP_TOKEN_INFORMATION_TYPE"})
_UNSIGNED: Final = frozenset({"FWP_UINT8", "FWP_UINT16", "FWP_UINT32", "FWP_UINT64"})
_ORDER: Final = frozenset({"GREATER", "LESS", "GREATER_OR_EQUAL", "LESS_OR_EQUAL", "RANGE"})
_FLAG_TESTS: Final = frozenset({"FLAGS_ALL_SET", "FLAGS_ANY_SET", "FLAGS_NONE_SET"})
_VOLUME_PATH: Final = re.compile(r"\\device\\harddiskvolume\d+(\\.*)")
_ENDS: Final = frozenset({"PREFIX", "NOT_PREFIX"})
_MATCHES: Final[dict[Kind, frozenset[str]]] = {
    "bytes": _ORDER | _ENDS | {"EQUAL", "NOT_EQUAL", "EQUAL_CASE_INSENSITIVE"},
    "descriptor": frozenset({"EQUAL"}),
    "empty": frozenset({"EQUAL"}),
    "integer": _ORDER | _FLAG_TESTS | {"EQUAL", "NOT_EQUAL"},
    "sid": frozenset({"EQUAL", "NOT_EQUAL"}),
    "unknown": frozenset(),
}


def compile_condition(condition: Condition, data_type: str | None, *, is_address: bool) -> Atom:
    """What a condition tests, given what the layer says of its field.

    Args:
        condition: The condition as read.
        data_type: FWP_DATA_TYPE the layer supplies for the field; ``None`` to check no types.
        is_address: Whether the layer calls the field an address.
    """
    match = condition.match.removeprefix("FWP_MATCH_")
    problem = _misfit(condition, match, data_type, is_address)
    if problem:
        return Atom(condition.field, match, "unknown", problem=problem)
    if condition.type == "FWP_EMPTY":
        return _checked(Atom(condition.field, match, "empty"))
    if condition.type == _DESCRIPTOR:
        try:
            descriptor = parse_descriptor(str(condition.value))
        except ValueError:
            return Atom(condition.field, match, "unknown", problem="the descriptor is no SDDL")
        return _checked(Atom(condition.field, match, "descriptor", descriptor=descriptor))
    if match == "RANGE":
        return _checked(_range(condition, match))
    kind, low = _plain(condition.value, condition.type)
    mask = _mask(condition) if condition.type in _MASKS else None
    folds = condition.type == "FWP_UNICODE_STRING_TYPE"
    return _checked(Atom(condition.field, match, kind, low=low, mask=mask, folds=folds))


def _checked(atom: Atom) -> Atom:
    """The atom, or an unknown one where its match type means nothing for its kind."""
    allowed = atom.match in _MATCHES[atom.kind]
    if atom.mask is not None and atom.match != "EQUAL":
        allowed = False
    if atom.match == "EQUAL_CASE_INSENSITIVE" and not atom.folds:
        allowed = False
    if allowed:
        return atom
    return Atom(atom.field, atom.match, "unknown", problem=f"{atom.match} on this type of value")


def _misfit(condition: Condition, match: str, data_type: str | None, is_address: bool) -> str:
    """Why a condition cannot be compared with its field (rules 2.7, 3.2, 4.4), or nothing."""
    if condition.extra:
        return "the condition was not understood"
    is_range = condition.type == "FWP_RANGE_TYPE"
    if is_range != (match == "RANGE"):
        return "a range goes with RANGE alone"
    kind = condition.bound_type if is_range else condition.type
    if match in _FLAG_TESTS and kind not in _UNSIGNED:
        return "flag tests are for unsigned numbers"
    if data_type is None or kind in {data_type, "FWP_EMPTY"}:
        return ""
    if kind in _MASKS and is_address and _MASKS[kind] == data_type and not is_range:
        return ""
    if kind == _DESCRIPTOR and data_type in _TOKENS and not is_range:
        return ""
    return f"the field is {data_type}, the value {kind}"


def _plain(value: Scalar, data_type: str) -> tuple[Kind, int | bytes | str | None]:
    """How a value is compared, and the value in that form."""
    if isinstance(value, IPv4Address | IPv6Address):
        return "integer", int(value)
    if isinstance(value, int):
        return "integer", value
    if isinstance(value, UUID):
        return "bytes", value.bytes_le
    if data_type == "FWP_SID" and isinstance(value, str):
        return "sid", value
    if data_type == "FWP_UNICODE_STRING_TYPE" and isinstance(value, str):
        return "bytes", value.encode("utf-16-le", "surrogatepass")
    if data_type == "FWP_BYTE_BLOB_TYPE" and isinstance(value, str):
        return "bytes", blob_of_text(value)
    if data_type == "FWP_BYTE_ARRAY16_TYPE" and isinstance(value, bytes):
        return "integer", int.from_bytes(value, "big")
    if isinstance(value, bytes):
        return "bytes", value
    return "unknown", None


def _range(condition: Condition, match: str) -> Atom:
    bound = condition.bound_type or ""
    kind, low = _plain(condition.low, bound)
    other, high = _plain(condition.high, bound)
    if kind != other or kind not in {"integer", "bytes"}:
        return Atom(condition.field, match, "unknown", problem="a range of this type of value")
    return Atom(condition.field, match, kind, low=low, high=high)


def _mask(condition: Condition) -> int | None:
    if condition.mask is not None:
        return int(condition.mask)
    bits = 32 if condition.type == "FWP_V4_ADDR_MASK" else 128
    length = condition.prefix_length if condition.prefix_length is not None else bits
    return ((1 << length) - 1) << (bits - length)


def test_of(atom: Atom) -> Test:
    """The function that gives the answer for one value of the field."""
    if atom.kind == "unknown":
        return _always_unknown
    if atom.kind == "empty":
        return _is_empty
    if atom.kind == "descriptor" and atom.descriptor is not None:
        return _descriptor_test(atom.descriptor)
    compare = _INTEGER_TESTS[atom.match](atom) if atom.kind == "integer" else _bytes_test(atom)
    wanted: type = int if atom.kind == "integer" else bytes if atom.kind == "bytes" else str

    def test(value: object) -> int:
        if type(value) is wanted:
            return YES if compare(value) else NO
        return _special(atom, value)

    return test


def _special(atom: Atom, value: object) -> int:
    """The answer where the value is empty, partly known or of another type."""
    if isinstance(value, Empty):
        return NO if atom.match == "EQUAL" else MAYBE  # rules 4.2 and 4.3
    if isinstance(value, Bits) and isinstance(atom.low, int):
        return _bits_answer(atom.match, value, atom.low)
    if isinstance(value, Tail) and isinstance(atom.low, bytes):
        return _tail_answer(atom.match, value.text, atom.low)
    return MAYBE


def _always_unknown(_value: object) -> int:
    return MAYBE


def _is_empty(value: object) -> int:
    if isinstance(value, Empty):
        return YES
    return MAYBE if isinstance(value, Unknown) else NO


def _descriptor_test(descriptor: Descriptor) -> Test:
    def test(value: object) -> int:
        if isinstance(value, Token):
            return grants(descriptor, value)
        return NO if isinstance(value, Empty) else MAYBE

    return test


_Compare = Callable[..., bool]


def _equal(atom: Atom) -> _Compare:
    wanted, mask = atom.low, atom.mask
    if mask is not None and isinstance(wanted, int):
        wanted &= mask
        return lambda value: value & mask == wanted
    return lambda value: value == wanted


def _range_test(atom: Atom) -> _Compare:
    low, high = atom.low, atom.high
    return lambda value: low <= value <= high


def _all_set(atom: Atom) -> _Compare:
    bits = atom.low
    return lambda value: value & bits == bits


_INTEGER_TESTS: Final[dict[str, Callable[[Atom], _Compare]]] = {
    "EQUAL": _equal,
    "NOT_EQUAL": lambda atom: lambda value: value != atom.low,
    "GREATER": lambda atom: lambda value: value > atom.low,
    "LESS": lambda atom: lambda value: value < atom.low,
    "GREATER_OR_EQUAL": lambda atom: lambda value: value >= atom.low,
    "LESS_OR_EQUAL": lambda atom: lambda value: value <= atom.low,
    "RANGE": _range_test,
    "FLAGS_ALL_SET": _all_set,
    "FLAGS_ANY_SET": lambda atom: lambda value: value & atom.low != 0,
    "FLAGS_NONE_SET": lambda atom: lambda value: value & atom.low == 0,
}


def _bytes_test(atom: Atom) -> _Compare:
    low = atom.low
    if atom.match in {"PREFIX", "NOT_PREFIX"}:  # named prefix, documented as the end (rule 3.6)
        wanted = atom.match == "PREFIX"
        return lambda value: value.endswith(low) is wanted
    if atom.match == "EQUAL_CASE_INSENSITIVE" and isinstance(low, bytes):
        folded = _fold(low)
        return lambda value: _fold(value) == folded
    return _INTEGER_TESTS[atom.match](atom)


def _fold(text: bytes) -> str:
    return text.decode("utf-16-le", "replace").upper()


def _bits_answer(match: str, known: Bits, wanted: int) -> int:
    unknown = ~(known.set | known.clear)
    if match == "FLAGS_ALL_SET":
        if wanted & known.clear:
            return NO
        return MAYBE if wanted & unknown else YES
    if match == "FLAGS_ANY_SET":
        if wanted & known.set:
            return YES
        return MAYBE if wanted & unknown else NO
    if match == "FLAGS_NONE_SET":
        return opposite(_bits_answer("FLAGS_ANY_SET", known, wanted))
    if match in {"EQUAL", "NOT_EQUAL"}:
        cannot = wanted & known.clear or known.set & ~wanted
        equal = NO if cannot else MAYBE
        return equal if match == "EQUAL" else opposite(equal)
    return MAYBE


def _tail_answer(match: str, tail: str, wanted: bytes) -> int:
    """A path without its volume against a path or a part of one."""
    known = blob_of_text(tail)
    if match in {"EQUAL", "NOT_EQUAL"}:
        same = MAYBE if _has_tail(wanted, tail) else NO
        return same if match == "EQUAL" else opposite(same)
    if match in {"PREFIX", "NOT_PREFIX"}:
        ends = MAYBE if wanted.endswith(known) else NO
        ends = YES if known.endswith(wanted) else ends
        return ends if match == "PREFIX" else opposite(ends)
    return MAYBE


def _has_tail(wanted: bytes, tail: str) -> bool:
    """Whether a path may be that of the tail on some volume, or on what a drive letter maps to."""
    path = text_of_blob(wanted)
    if not isinstance(path, str):
        return False
    found = _VOLUME_PATH.fullmatch(path)
    return found[1] == tail if found else path.startswith("\\device\\") and path.endswith(tail)
