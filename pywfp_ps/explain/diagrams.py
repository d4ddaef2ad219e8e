"""Sets of flows as decision diagrams.

A flow is a point: one sample of each axis. A set of points is a binary decision diagram over the
bits of the samples' numbers, so sets of any size are joined, met and compared exactly.

oxidd does the work: a small wheel without dependencies, typed, that bounds its own memory. Beside
it dd (whose wheel is pure Python) and z3-solver were tried; `docs/policy.md` says how they compare.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct
from oxidd.bdd import BDDFunction, BDDManager

from pywfp_ps.explain.logic import MAYBE, NO, YES

Set = BDDFunction

_NODES: Final = 8_000_000
_CACHE: Final = 500_000


class Axis(Struct, frozen=True, kw_only=True):
    """Something of a flow that can be chosen, and the values that stand for all its values.

    Attributes:
        name: What is chosen.
        samples: The values; every condition says the same of all values one of them stands for.
    """

    name: str
    samples: tuple[object, ...]


class Answer(Struct, frozen=True):
    """Where a test with three answers says perhaps or yes, and where it says yes."""

    possible: Set
    sure: Set


class Diagrams:
    """The points of some axes and flags, and sets of them."""

    def __init__(self, axes: Sequence[Axis], flags: Iterable[str] = ()) -> None:
        """Lays out variables in this order: those that tell most apart should come first.

        Args:
            axes: What is chosen among samples.
            flags: Names of what holds or does not.
        """
        self._manager = BDDManager(_NODES, _CACHE, 1)
        self.axes = {axis.name: axis for axis in axes}
        self.none: Set = self._manager.false()
        self.all: Set = self._manager.true()
        self._bits: dict[str, list[Set]] = {}
        self._places: dict[str, list[int]] = {}
        self._made: dict[tuple[str, int, int], Set] = {}
        count = 0
        for axis in axes:
            width = (len(axis.samples) - 1).bit_length()
            self._places[axis.name] = list(range(count, count + width))
            count += width
        self.flags = tuple(flags)
        for name in self.flags:
            self._places[name] = [count]
            count += 1
        self._manager.add_vars(count)
        for name, places in self._places.items():
            self._bits[name] = [self._manager.var(place) for place in places]

    def flag(self, name: str) -> Set:
        """The points at which a flag holds."""
        return self._bits[name][0]

    def where(self, axis: str, holds: Callable[[object], bool]) -> Set:
        """The points whose sample on an axis has a property."""
        samples = self.axes[axis].samples
        return self.cells(axis, sum(1 << n for n, one in enumerate(samples) if holds(one)))

    def among(self, axis: str, values: Collection[object]) -> Set:
        """The points whose sample on an axis is one of some values."""
        return self.where(axis, lambda one: one in values)

    def cells(self, axis: str, mask: int) -> Set:
        """The points whose sample on an axis is one of those whose bits are set."""
        count = len(self.axes[axis].samples)
        bits = self._bits[axis]
        if mask >> (count - 1) & 1:  # numbers beyond the last sample mean the last one
            mask |= (1 << (1 << len(bits))) - (1 << count)
        return self._cells(axis, bits, mask)

    def _cells(self, axis: str, bits: list[Set], mask: int) -> Set:
        size = 1 << len(bits)
        if not mask:
            return self.none
        if mask == (1 << size) - 1:
            return self.all
        key = (axis, len(bits), mask)
        found = self._made.get(key)
        if found is None:
            half = size >> 1
            least = self._cells(axis, bits[1:], mask & ((1 << half) - 1))
            most = self._cells(axis, bits[1:], mask >> half)
            found = self._made[key] = bits[0].ite(most, least)
        return found

    def table(self, axes: Sequence[str], answers: Mapping[tuple[int, ...], int]) -> Answer:
        """The answer that hangs on the samples of some axes.

        Args:
            axes: Names of the axes.
            answers: The answer for every choice of positions of samples, in the order of the axes.
        """
        return Answer(
            self._where(axes, {key for key, one in answers.items() if one != NO}),
            self._where(axes, {key for key, one in answers.items() if one == YES}),
        )

    def _where(self, axes: Sequence[str], keys: set[tuple[int, ...]]) -> Set:
        if not axes:
            return self.all if keys else self.none
        *outer, inner = axes
        masks: dict[tuple[int, ...], int] = {}
        for *rest, last in keys:
            masks[tuple(rest)] = masks.get(tuple(rest), 0) | 1 << last
        if not outer:
            return self.cells(inner, masks.get((), 0))
        grouped: dict[int, set[tuple[int, ...]]] = {}
        for rest_key, mask in masks.items():
            grouped.setdefault(mask, set()).add(rest_key)
        found = self.none
        for mask, rest_keys in grouped.items():
            found |= self._where(outer, rest_keys) & self.cells(inner, mask)
        return found

    def constant(self, answer: int) -> Answer:
        """The same answer everywhere."""
        return Answer(
            self.all if answer >= MAYBE else self.none, self.all if answer == YES else self.none
        )

    def point(self, points: Set, wishes: Iterable[Set] = ()) -> dict[str, object] | None:
        """One point of a set: the sample of every axis, and whether each flag holds.

        Args:
            points: The set.
            wishes: Sets it should lie in, the most wanted first, as far as that is possible.
        """
        if not points.satisfiable():
            return None
        for wish in wishes:
            met = points & wish
            if met.satisfiable():
                points = met
        cube = points.pick_cube()
        chosen: dict[str, object] = {}
        for name, places in self._places.items():
            bits = [bool(cube[place]) for place in places] if cube else [False] * len(places)
            if name not in self.axes:
                chosen[name] = bits[0]
                continue
            number = 0
            for bit in bits:
                number = number * 2 + bit
            samples = self.axes[name].samples
            chosen[name] = samples[min(number, len(samples) - 1)]
        return chosen

    def has(self, points: Set, point: Mapping[str, object]) -> bool:
        """Whether a set holds a point, given as `point` gives it.

        Raises:
            ValueError: The point has a value that is no sample.
        """
        chosen: dict[int, bool] = {}
        for name, places in self._places.items():
            number = int(bool(point[name]))
            if name in self.axes:
                number = self.axes[name].samples.index(point[name])
            for at, place in enumerate(places):
                chosen[place] = bool(number >> (len(places) - 1 - at) & 1)
        return points.eval(chosen.items())
