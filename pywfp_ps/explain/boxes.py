"""Filters of a layer as boxes over its axes, and whether boxes cover a box.

A box is a set of cells for each axis it constrains; it holds the flows whose every field lies in
one of them. A filter is one box, or several where alternatives of a run are not understood.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from typing import Final

from msgspec import Struct

from pywfp_ps.explain.cells import (
    Axis,
    number_cells,
    open_when_empty,
    selections,
    text_cells,
    widths_of,
    with_empty,
)
from pywfp_ps.explain.compile import Entry, Program
from pywfp_ps.explain.token_cells import TOKEN_FIELDS, token_axis

Key = int
Box = dict[Key, int]

_MOST_STEPS: Final = 20_000
_MOST_BOXES: Final = 64
_HOLDS: Final = 1
_PROTOCOL: Final = "FWPM_CONDITION_IP_PROTOCOL"
_PORTS: Final = ("FWPM_CONDITION_IP_LOCAL_PORT", "FWPM_CONDITION_IP_REMOTE_PORT")
_ICMP_MOST: Final = 0xFF


class Cover(Struct, frozen=True, kw_only=True):
    """Whether boxes cover a box.

    Attributes:
        used: Names of boxes that together cover it; ``None`` where they do not, or nobody knows.
        left: Something of it that no box covers.
    """

    used: frozenset[int] | None = None
    left: Box | None = None


class Space:
    """The axes of one layer and the boxes of its filters."""

    def __init__(
        self, program: Program, entries: Sequence[Entry], types: Mapping[str, str]
    ) -> None:
        """Cuts the layer's fields into cells.

        Args:
            program: The layer.
            entries: Its filters.
            types: FWP_DATA_TYPE of its fields, as far as the snapshot tells.
        """
        self._program = program
        self._widths = widths_of(entries, types)
        self.axes: list[Axis] = []
        self.axis_of: dict[str, Key] = {}
        for fields in _field_groups(program):
            axis = self._axis(fields, entries)
            for field in fields:
                self.axis_of[field] = len(self.axes)
            self.axes.append(axis)
        self._unknown_at = len(self.axes)
        self._cannot: list[Box] = self._impossible()

    def _axis(self, fields: tuple[str, ...], entries: Sequence[Entry]) -> Axis:
        program = self._program
        atoms = {
            at: atom
            for at, atom in enumerate(program.atoms)
            if atom.field in fields and atom.kind != "unknown"
        }
        kinds = {atom.kind for atom in atoms.values()} - {"empty"}
        if fields[0] in TOKEN_FIELDS or kinds == {"descriptor"}:
            return token_axis(program, entries, fields, atoms)
        known = {at: atom for at, atom in atoms.items() if atom.kind != "empty"}
        empties = {at: atom for at, atom in atoms.items() if atom.kind == "empty"}
        width = self._widths.get(fields[0])
        if len(kinds) > 1 or (kinds == {"integer"} and width is None):
            known = {}  # which type of value the layer supplies is not known
        maybe = frozenset(at for at, atom in known.items() if open_when_empty(atom))
        ways = selections(program, entries, maybe)
        if ways is None:
            known, ways = {at: known[at] for at in known if at not in maybe}, set()
        field = fields[0]
        if kinds <= {"integer"}:
            base = number_cells(known, width or 64, _cuts(field, program))
        else:
            base = text_cells(known)
        return with_empty(fields, base, known | empties, ways)

    def _impossible(self) -> list[Box]:
        """ICMP with a type or code above 255: they are bytes (RFC 792, RFC 4443)."""
        at = self.axis_of.get(_PROTOCOL)
        if at is None:
            return []
        icmp = self._cells(at, lambda value: value == _icmp_of(self._program))
        return [
            {at: icmp, port: self._cells(port, lambda value: value > _ICMP_MOST)}
            for name in _PORTS
            if icmp and (port := self.axis_of.get(name)) is not None
        ]

    def _cells(self, axis: Key, holds: Callable[[int], bool]) -> int:
        return sum(
            1 << n
            for n, value in enumerate(self.axes[axis].samples)
            if isinstance(value, int) and holds(value)
        )

    def full(self, axis: Key) -> int:
        """All cells of an axis."""
        return self.axes[axis].full if axis < self._unknown_at else 3

    def plain(self, axis: Key) -> int:
        """Cells of an axis with certain answers only; a condition nobody understands has none."""
        return self.axes[axis].plain if axis < self._unknown_at else 3

    def boxes(self, entry: Entry) -> list[Box] | None:
        """All flows a filter matches; ``None`` where that is too much to write down."""
        choices: list[list[tuple[Key, int]]] = []
        for run in entry.runs:
            axis, mask, unknown = self._known(run)
            parts = [(self._unknown_at + at, _HOLDS) for at in unknown]
            if mask or not parts:
                parts.append((axis, mask))
            choices.append(parts)
        count = 1
        for choice in choices:
            count *= len(choice)
        if count > _MOST_BOXES:
            return None
        return [self._joined(chosen) for chosen in product(*choices)]

    def _known(self, run: int) -> tuple[Key, int, list[int]]:
        atoms = self._program.runs[run]
        axis = self.axis_of[self._program.fields[atoms[0]]]
        mask, unknown = 0, []
        for at in atoms:
            found = self.axes[axis].exact.get(at)
            if found is None:
                unknown.append(at)
            else:
                mask |= found
        return axis, mask, unknown

    def _joined(self, parts: Iterable[tuple[Key, int]]) -> Box:
        box: Box = {}
        for axis, mask in parts:
            box[axis] = box.get(axis, self.full(axis)) & mask
        return box

    def sure(self, entry: Entry) -> Box:
        """Flows the filter matches whatever the rules leave open."""
        found = [self._known(run)[:2] for run in entry.runs]
        return self._joined((axis, mask & self.plain(axis)) for axis, mask in found)

    def possible(self, entry: Entry) -> Box:
        """Flows the filter matches or may match, over plain cells."""
        box: Box = {}
        for run in entry.runs:
            atoms = self._program.runs[run]
            axis = self.axis_of[self._program.fields[atoms[0]]]
            uppers = [self.axes[axis].upper.get(at) for at in atoms]
            if None not in uppers:
                mask = 0
                for upper in uppers:
                    mask |= upper or 0
                box[axis] = box.get(axis, self.full(axis)) & mask
        return box

    def real(self, box: Box) -> list[Box]:
        """The box without flows that cannot be."""
        kept = [box] if all(box.values()) else []
        for cannot in self._cannot:
            kept = [part for one in kept for part in self._without(one, cannot)]
        return kept

    def _without(self, box: Box, cut: Mapping[Key, int]) -> list[Box]:
        parts = []
        rest = dict(box)
        for axis, mask in cut.items():
            have = rest.get(axis, self.full(axis))
            if outside := have & ~mask:
                parts.append({**rest, axis: outside})
            rest[axis] = have & mask
            if not rest[axis]:
                break
        return parts

    def cover(self, box: Box, others: Sequence[tuple[int, Box]], *, plain: bool = False) -> Cover:
        """Whether the other boxes, each with a name, cover a box together.

        Args:
            box: The box to cover.
            others: Names and boxes.
            plain: Whether only plain cells count.
        """
        size = self.plain if plain else self.full
        stack = [(box, others)]
        used: set[int] = set()
        for _ in range(_MOST_STEPS):
            if not stack:
                return Cover(used=frozenset(used))
            piece, near = stack.pop()
            near = [(name, other) for name, other in near if meets(piece, other)]
            if not near:
                return Cover(left=piece)
            best: tuple[int, Box, list[Key]] | None = None
            for name, other in near:
                beyond = [axis for axis in other if piece.get(axis, size(axis)) & ~other[axis]]
                if best is None or len(beyond) < len(best[2]):
                    best = name, other, beyond
                if not beyond:
                    break
            if best is None:
                break
            name, other, beyond = best
            used.add(name)
            rest = dict(piece)
            for axis in beyond:
                have = rest.get(axis, size(axis))
                stack.append(({**rest, axis: have & ~other[axis]}, near))
                rest[axis] = have & other[axis]
        return Cover()


class Stack:
    """Named boxes in the order they were added, found by what they may have in common."""

    _MOST_CELLS: Final = 64

    def __init__(self) -> None:
        self._wide: list[tuple[int, int, Box]] = []
        self._narrow: dict[Key, dict[int, list[tuple[int, int, Box]]]] = {}
        self._named: dict[Key, int] = {}
        self._count = 0

    def add(self, name: int, box: Box) -> None:
        """Adds a box; one that holds nothing is left out."""
        if not all(box.values()):
            return
        self._count += 1
        item = (self._count, name, box)
        # One cell: only boxes that have it can meet this one. The least crowded cell tells most.
        cells = [
            (len(self._narrow.get(axis, {}).get(mask, ())), axis, mask)
            for axis, mask in box.items()
            if not mask & (mask - 1)
        ]
        if cells:
            _, axis, mask = min(cells)
            self._narrow.setdefault(axis, {}).setdefault(mask, []).append(item)
            self._named[axis] = self._named.get(axis, 0) | mask
        else:
            self._wide.append(item)

    def least_taken(self, space: Space, box: Box, *, plain: bool = False) -> Box:
        """A part of a box that few boxes here can meet: cells that none of them names alone."""
        part = dict(box)
        for axis, named in self._named.items():
            whole = space.plain(axis) if plain else space.full(axis)
            if free := part.get(axis, whole) & ~named:
                part[axis] = free & -free
        return part

    def near(self, box: Box) -> list[tuple[int, Box]]:
        """Names and boxes that may meet a box, and all that do."""
        found = list(self._wide)
        for axis, cells in self._narrow.items():
            mask = box.get(axis)
            if mask is None or mask.bit_count() > self._MOST_CELLS:
                for items in cells.values():
                    found += items
                continue
            while mask:
                cell = mask & -mask
                found += cells.get(cell, ())
                mask ^= cell
        return [(name, other) for _, name, other in sorted(found, key=lambda one: one[0])]


def meets(one: Mapping[Key, int], other: Mapping[Key, int]) -> bool:
    """Whether two boxes have something in common."""
    return all(mask & one.get(axis, mask) for axis, mask in other.items())


def _field_groups(program: Program) -> list[tuple[str, ...]]:
    fields = dict.fromkeys(program.fields)
    tied = tuple(field for field in TOKEN_FIELDS if field in fields)
    groups = [(field,) for field in fields if field not in tied]
    return [*groups, tied] if tied else [*groups]


def _icmp_of(program: Program) -> int:
    return 58 if program.layer.endswith("V6") else 1


def _cuts(field: str, program: Program) -> tuple[int, ...]:
    if field == _PROTOCOL:
        icmp = _icmp_of(program)
        return (icmp, icmp + 1)
    return (_ICMP_MOST + 1,) if field in _PORTS else ()
