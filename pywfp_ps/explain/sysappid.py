"""Conditions of conditional access entries, as far as they ask for the identity of a package.

The engine stores package identity as ``WIN://SYSAPPID Contains "family name"`` (rule 3.11). A token
without a package has no such attribute: a test on it is then *null*, which makes an allowing entry
not apply and a denying one apply. Other attributes and tests stay unknown.

Source: MS-DTYP 2.4.4.17 and 2.5.1.1 (conditional expressions, three-valued logic).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from msgspec import Struct

from pywfp_ps.explain.logic import MAYBE, NO, YES
from pywfp_ps.explain.sids import family_of_text, package_sid

_TRUE: Final = 1
_FALSE: Final = 2
_NULL: Final = 4
_ANY: Final = _TRUE | _FALSE | _NULL
_TOKENS: Final = re.compile(
    r'\s*(?:(&&|\|\||==|!=|<=|>=|[!(){},<>])|"([^"]*)"|([^\s&|=!<>(){},"]+))'
)
_ATTRIBUTE: Final = "win://sysappid"


class Condition(Struct, frozen=True):
    """What a condition may evaluate to: a set of true, false and null.

    Attributes:
        possible: Bits for true, false and null.
    """

    possible: int

    def answer(self, *, unknown_counts: bool) -> int:
        """Whether the entry applies; ``unknown_counts`` for a denying entry, where null applies."""
        wanted = _TRUE | (_NULL if unknown_counts else 0)
        if not self.possible & ~wanted:
            return YES
        return MAYBE if self.possible & wanted else NO


@lru_cache(maxsize=4096)
def evaluate(text: str, package: str | None, family: str | None, *, has_package: bool) -> Condition:
    """What a condition may evaluate to for a token with or without a package.

    Args:
        text: The condition with its parentheses.
        package: SID of the package, ``None`` for unknown; not read without a package.
        family: Family name of the package, where it is known.
        has_package: Whether the token has a package.
    """
    try:
        reader = _Reader(text, package, family, has_package)
        possible = reader.either()
        reader.finish()
    except (IndexError, ValueError):
        possible = _ANY
    return Condition(possible)


def _split(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text.rstrip()):
        found = _TOKENS.match(text, at)
        if not found:
            raise ValueError(f"no condition: {text[at : at + 20]!r}")
        kind = "sign" if found[1] else "text" if found[2] is not None else "word"
        yield kind, found[1] or found[3] or found[2] or ""
        at = found.end()


class _Reader:
    """Reads an expression and evaluates it on the way."""

    _MOST_NESTED: Final = 64

    def __init__(self, text: str, package: str | None, family: str | None, has: bool) -> None:
        self._tokens = list(_split(text))
        self._at = 0
        self._depth = 0
        self._package, self._family, self._has_package = package, family, has

    def _next(self) -> tuple[str, str]:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _take(self, sign: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == ("sign", sign):
            self._at += 1
            return True
        return False

    def finish(self) -> None:
        """Raises ValueError where something is left."""
        if self._at != len(self._tokens):
            raise ValueError("text behind the condition")

    def either(self) -> int:
        """One or more terms joined by ``||``."""
        found = self._both()
        while self._take("||"):
            found = _combine(found, self._both(), _or)
        return found

    def _both(self) -> int:
        found = self._one()
        while self._take("&&"):
            found = _combine(found, self._one(), _and)
        return found

    def _one(self) -> int:
        self._depth += 1
        if self._depth > self._MOST_NESTED:
            raise ValueError("nested too deep")
        try:
            if self._take("!"):
                return _negate(self._one())
            if self._take("("):
                found = self.either()
                if not self._take(")"):
                    raise ValueError("a parenthesis is open")
                return found
            return self._test()
        finally:
            self._depth -= 1

    def _test(self) -> int:
        kind, word = self._next()
        if kind == "word" and word.lower() in {"exists", "not_exists"}:
            _, attribute = self._next()
            if attribute.lower() != _ATTRIBUTE:
                return _TRUE | _FALSE
            # An AppContainer need not come from a package, so it may lack the attribute.
            there = _TRUE | _FALSE if self._has_package else _FALSE
            return there if word.lower() == "exists" else _negate(there)
        if kind != "word":
            raise ValueError("a test begins with an attribute")
        if word.lower().startswith(("member_of", "device_member_of", "not_member_of")):
            self._values()
            return _ANY
        _, operator = self._next()
        values = self._values()
        if word.lower() != _ATTRIBUTE:
            return _ANY
        return self._identity(operator.lower(), values)

    def _values(self) -> list[str]:
        if not self._take("{"):
            return [self._next()[1]]
        found = []
        while not self._take("}"):
            kind, text = self._next()
            if kind != "sign":
                found.append(text)
        return found

    def _identity(self, operator: str, values: list[str]) -> int:
        if not self._has_package:
            return _NULL
        if operator not in {"contains", "any_of"} or not values:
            return _ANY
        if operator == "contains" and len(values) > 1:
            return _ANY
        found = _FALSE
        for value in values:
            found = _combine(found, self._is_named(value), _or)
        return found

    def _is_named(self, value: str) -> int:
        """Whether the identity holds a name: a package's SID is the hash of its family name."""
        if family_of_text(value) is None or self._package is None:
            return _ANY
        if self._family is not None:
            return _TRUE if self._family.lower() == value.lower() else _FALSE
        return _TRUE if package_sid(value) == self._package else _FALSE


def _and(left: int, right: int) -> int:
    if _FALSE in {left, right}:
        return _FALSE
    return _NULL if _NULL in {left, right} else _TRUE


def _or(left: int, right: int) -> int:
    if _TRUE in {left, right}:
        return _TRUE
    return _NULL if _NULL in {left, right} else _FALSE


def _combine(left: int, right: int, rule: object) -> int:
    found = 0
    for one in (_TRUE, _FALSE, _NULL):
        for other in (_TRUE, _FALSE, _NULL):
            if left & one and right & other:
                found |= (_and if rule is _and else _or)(one, other)
    return found


def _negate(possible: int) -> int:
    return (
        (_FALSE if possible & _TRUE else 0)
        | (_TRUE if possible & _FALSE else 0)
        | (possible & _NULL)
    )
