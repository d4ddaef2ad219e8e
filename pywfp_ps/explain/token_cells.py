"""Cells of what hangs on a program's token: descriptors, package, package family.

Descriptors are sets of tokens tied by the SIDs they name. Granting entries only ever ask for more
SIDs, so the tokens that hold just what some filter asks for, with every choice of the SIDs that
some entry denies, tell every set apart that filters can tell apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain, combinations, product
from math import comb
from typing import Final

from pywfp_ps.explain import sids
from pywfp_ps.explain.cells import Axis, Base, Selection, open_when_empty, selections, with_empty
from pywfp_ps.explain.compile import Entry, Program
from pywfp_ps.explain.logic import MAYBE, YES
from pywfp_ps.explain.match import EMPTY, Atom
from pywfp_ps.explain.tokens import Token, grants

TOKEN_FIELDS: Final = (
    "FWPM_CONDITION_ALE_USER_ID",
    "FWPM_CONDITION_ALE_PACKAGE_FAMILY_NAME",
    "FWPM_CONDITION_ALE_PACKAGE_ID",
)
_PACKAGE: Final = TOKEN_FIELDS[2]
_FAMILY: Final = re.compile(r'"([^"]{1,128})"')
_EVERY_PACKAGE: Final = frozenset({sids.ALL_PACKAGES, "S-1-15-2-2"})
_OTHER_PACKAGE: Final = "S-1-15-2-4294967295-1-1-1-1-1-1"
_MOST_DENIED: Final = 5
_MOST_TOKENS: Final = 10_000
_DENY: Final = frozenset({"D", "XD"})


class _Asked:
    """What conditions name."""

    def __init__(self) -> None:
        self.users: set[str] = set()
        self.denied: set[str] = set()
        self.capabilities: set[str] = set()
        self.packages: dict[str, str | None] = {}
        self.is_deep = False
        self.descriptors = 0

    def add(self, atom: Atom) -> None:
        if atom.kind == "sid" and isinstance(atom.low, str):
            name = "none" if atom.low == sids.NO_PACKAGE else atom.low
            self.packages.setdefault(name, None)
        for ace, _ in (atom.descriptor.entries or ()) if atom.descriptor else ():
            for family in _FAMILY.findall(ace.condition or ""):
                self.packages[sids.package_sid(family)] = family
            if ace.sid.startswith(sids.CAPABILITY_PREFIX):
                self.capabilities.add(ace.sid)
                self.is_deep |= ace.type in _DENY
            elif ace.sid.startswith(sids.PACKAGE_PREFIX):
                if ace.sid not in _EVERY_PACKAGE:
                    self.packages.setdefault(ace.sid, None)
            elif ace.sid.startswith("S-") and ace.sid != sids.EVERYONE:
                (self.denied if ace.type in _DENY else self.users).add(ace.sid)


def token_axis(
    program: Program, entries: Iterable[Entry], fields: tuple[str, ...], atoms: dict[int, Atom]
) -> Axis:
    """The axis of the fields that one token fills.

    Args:
        program: The layer.
        entries: Its filters.
        fields: The fields of that token.
        atoms: Their conditions by position; those missing in the axis stay unknown.
    """
    entries = list(entries)
    tokens = _tokens(program, entries, atoms)
    if tokens is None:
        return with_empty(fields, Base(samples=["any"], masks={}), _empties(atoms), ())
    by_field = {field: [at for at, a in atoms.items() if a.field == field] for field in fields}
    vectors: dict[str, list[int]] = {}
    unknown: set[int] = set()
    for field, positions in by_field.items():
        found = [0] * len(tokens)
        for at in positions:
            for n, answer in enumerate(_answers(atoms[at], tokens)):
                if answer == YES:
                    found[n] |= 1 << at
                elif answer == MAYBE:
                    unknown.add(at)
        vectors[field] = found
    maybe = frozenset(at for at, atom in atoms.items() if open_when_empty(atom))
    ways = selections(program, entries, maybe)
    if ways is None:
        unknown |= maybe
        ways = set()
    return _axis(fields, atoms, tokens, vectors, frozenset(unknown), ways)


def _empties(atoms: dict[int, Atom]) -> dict[int, Atom]:
    return {at: atom for at, atom in atoms.items() if atom.kind == "empty"}


def _answers(atom: Atom, tokens: Iterable[Token]) -> Iterator[int]:
    """What a condition answers for each token, asked once for tokens that are alike to it.

    The tokens are complete: an access list sees of them no more than the SIDs that it names.
    """
    if atom.descriptor is None:
        yield from (_answer(atom, token) for token in tokens)
        return
    entries = atom.descriptor.entries or ()
    named = frozenset(ace.sid for ace, _ in entries)
    families = (name for ace, _ in entries for name in _FAMILY.findall(ace.condition or ""))
    packages = named | {"none", *map(sids.package_sid, families)}
    known: dict[object, int] = {}
    for token in tokens:
        package = token.package if token.package in packages else None
        key = (named & token.held, package, named & (token.capabilities or frozenset()))
        answer = known.get(key)
        if answer is None:
            answer = known[key] = _answer(atom, token)
        yield answer


def _answer(atom: Atom, token: Token) -> int:
    if atom.descriptor is not None:
        return grants(atom.descriptor, token)
    if atom.kind == "sid":
        package = sids.NO_PACKAGE if token.package == "none" else token.package
        return YES if (package == atom.low) == (atom.match == "EQUAL") else 0
    return 0


def _tokens(program: Program, entries: list[Entry], atoms: dict[int, Atom]) -> list[Token] | None:
    every = _Asked()
    for atom in atoms.values():
        every.add(atom)
    if len(every.denied) > _MOST_DENIED or every.is_deep:
        return None
    few = len(every.users | every.denied) + len(every.capabilities) <= _MOST_DENIED
    shared = {
        "none": None,
        _OTHER_PACKAGE: None,
        **{name: family for name, family in every.packages.items() if _is_negated(name, atoms)},
    }
    found: set[Token] = set()
    wishes = [every] if few else []
    for entry in () if few else entries:
        wished = _Asked()
        for run in entry.runs:
            named = [atoms[at] for at in program.runs[run] if at in atoms]
            wished.descriptors += any(atom.kind == "descriptor" for atom in named)
            for atom in named:
                wished.add(atom)
        wishes.append(wished)
    for wished in wishes:
        packages = every.packages | shared if few else wished.packages | shared
        # A filter needs one grant on each side of each of its descriptors, and no more.
        most = _MOST_DENIED if few else wished.descriptors
        if _count(wished.users, most) * _count(wished.capabilities, most) > _MOST_TOKENS:
            return None
        for held, capabilities in product(
            _holdings(wished.users, every.denied, most),
            _subsets(wished.capabilities, most),
        ):
            if len(held & sids.SERVICE_ACCOUNTS) > 1:
                continue  # a token has one account
            for package, family in packages.items():
                found.add(
                    Token(
                        held=held | {sids.EVERYONE},
                        has_services=False,
                        complete=True,
                        package=package,
                        family=family,
                        capabilities=frozenset(capabilities if package != "none" else ()),
                    )
                )
        if len(found) > _MOST_TOKENS:
            return None
    return sorted(found, key=repr)


def _is_negated(package: str, atoms: dict[int, Atom]) -> bool:
    """Whether some condition holds for every package but that one."""
    sid = sids.NO_PACKAGE if package == "none" else package
    for atom in atoms.values():
        if atom.kind == "sid" and atom.match == "NOT_EQUAL" and atom.low == sid:
            return True
        for ace, _ in (atom.descriptor.entries or ()) if atom.descriptor else ():
            named = {ace.sid, *map(sids.package_sid, _FAMILY.findall(ace.condition or ""))}
            doubtful = ace.type in _DENY or "!" in (ace.condition or "")
            if doubtful and sid in named:
                return True
    return False


def _holdings(users: set[str], denied: set[str], most: int) -> Iterator[frozenset[str]]:
    """Sets of SIDs worth a token: those that grant, with every choice of those that are denied."""
    barred = list(_subsets(denied, len(denied)))
    for granted, also in product(_subsets(users, most), barred):
        yield frozenset(granted) | frozenset(also)


def _count(names: set[str], most: int) -> int:
    return sum(comb(len(names), count) for count in range(min(most, len(names)) + 1))


def _subsets(names: set[str], most: int) -> Iterator[tuple[str, ...]]:
    listed = sorted(names)
    return chain.from_iterable(
        combinations(listed, count) for count in range(min(most, len(listed)) + 1)
    )


def _axis(
    fields: tuple[str, ...],
    atoms: dict[int, Atom],
    tokens: list[Token],
    vectors: dict[str, list[int]],
    unknown: frozenset[int],
    ways: Iterable[Selection],
) -> Axis:
    """Cells of tokens, with every choice of fields that are handed over empty."""
    listed = [frozenset[int](), *sorted(ways, key=sorted)]
    is_empty = {
        field: sum(1 << at for at, a in atoms.items() if a.kind == "empty" and a.field == field)
        for field in fields
    }
    cells: dict[tuple[int, bool, bool], object] = {}
    for empties in product((False, True), repeat=len(fields)):
        blank = {field for field, gone in zip(fields, empties, strict=True) if gone}
        is_open = _PACKAGE in blank
        for n, token in enumerate(tokens):
            certain = 0
            for field in fields:
                certain |= is_empty[field] if field in blank else vectors[field][n]
            for way in listed if is_open else listed[:1]:
                key = (certain | sum(1 << at for at in way), not way, is_open)
                cells.setdefault(key, EMPTY if len(blank) == len(fields) else token)
            if len(blank) == len(fields):
                break
    keys = list(cells)
    plain = sum(1 << n for n, (_, is_plain, _) in enumerate(keys) if is_plain)
    opened = sum(1 << n for n, (_, is_plain, is_open) in enumerate(keys) if is_plain and is_open)
    exact = {
        at: sum(1 << n for n, (vector, _, _) in enumerate(keys) if vector >> at & 1)
        for at in atoms
        if at not in unknown and atoms[at].kind != "unknown"
    }
    upper = {
        at: mask & plain | (opened if open_when_empty(atoms[at]) else 0)
        for at, mask in exact.items()
    }
    return Axis(fields=fields, samples=tuple(cells.values()), plain=plain, exact=exact, upper=upper)
