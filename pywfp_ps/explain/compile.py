"""A snapshot as a program: for each layer its filters in evaluation order, conditions shared.

Every different condition of a layer becomes one atom, every different run of alternatives one tuple
of atoms, and a filter the tuple of its runs; equal things are tested once for a flow. The same
tables serve a pass over many flows at once: a column for each atom, OR to runs, AND to filters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from typing import Final

from msgspec import Struct

from pywfp_ps.explain.callouts import NONE, Answers, Votes, answers_of, callout_of, votes_of
from pywfp_ps.explain.match import Atom, Test, compile_condition, test_of
from pywfp_ps.explain.unlisted import ANSWERS, SUBLAYER, VOTES, WEIGHT, stand_in, unlisted_layers
from pywfp_ps.model.objects import (
    CALLOUT_TERMINATING,
    CALLOUT_UNKNOWN,
    Callout,
    Condition,
    Filter,
    Layer,
    Snapshot,
)

_EPOCH: Final = "FWPM_CONDITION_INTERFACE_QUARANTINE_EPOCH"
_INTERFACES: Final = frozenset(
    {
        "FWPM_CONDITION_IP_ARRIVAL_INTERFACE",
        "FWPM_CONDITION_IP_NEXTHOP_INTERFACE",
    }
)
_COSTS: Final = {"integer": 0, "empty": 0, "unknown": 0, "bytes": 1, "sid": 1, "descriptor": 2}


class Entry(Struct, frozen=True, kw_only=True):
    """One filter of a program.

    Attributes:
        filter: The filter.
        runs: Positions of its runs, cheap ones first.
        strict: What it may make its sublayer say when it matches.
        policy: The same in the policy verdict.
        is_callout: Whether a callout decides for it (registered, or perhaps so).
        answers: Votes beside nothing, strict and as policy, each with whether a callout gives it:
            a callout that is taken to permit is not the same answer as a permit.
    """

    filter: Filter
    runs: tuple[int, ...]
    strict: Votes
    policy: Votes
    is_callout: bool
    answers: tuple[Answers, Answers]

    @property
    def votes(self) -> bool:
        """Whether it can decide at all."""
        return self.strict != (NONE,)


class SubProgram(Struct, frozen=True, kw_only=True):
    """The filters of one sublayer at one layer.

    Attributes:
        sublayer: Constant or GUID in braces.
        weight: Its weight, ``None`` where the snapshot does not list it.
        groups: Filters of equal effective weight together, heaviest first, by id inside.
    """

    sublayer: str
    weight: int | None
    groups: tuple[tuple[Entry, ...], ...]


class Program(Struct, frozen=True, kw_only=True):
    """The filters of one layer.

    Attributes:
        layer: Constant of the layer.
        atoms: All different conditions.
        tests: Their functions, in the same order.
        fields: Their fields, in the same order.
        runs: All different runs of alternatives, as positions in ``atoms``.
        sublayers: Heaviest first.
    """

    layer: str
    atoms: tuple[Atom, ...] = ()
    tests: tuple[Test, ...] = ()
    fields: tuple[str, ...] = ()
    runs: tuple[tuple[int, ...], ...] = ()
    sublayers: tuple[SubProgram, ...] = ()

    @property
    def is_unlisted(self) -> bool:
        """Whether the host could not list the layer's filters."""
        return bool(self.sublayers) and self.sublayers[0].sublayer == SUBLAYER


class Compiled(Struct, frozen=True, kw_only=True):
    """A snapshot ready for questions.

    Attributes:
        programs: By constant of the layer, each made when it is first asked for; a layer without
            filters is missing.
        epochs: Quarantine epochs that release an interface, by layer and LUID.
        callouts: Callouts by constant or GUID in braces.
    """

    programs: Mapping[str, Program]
    epochs: dict[tuple[str, int], frozenset[int]]
    callouts: dict[str, Callout]


class _Programs(Mapping[str, Program]):
    """Programs by layer; a flow meets few of the layers that have filters."""

    def __init__(self, names: Iterable[str], make: Callable[[str], Program]) -> None:
        self._made: dict[str, Program | None] = dict.fromkeys(names)
        self._make = make

    def __getitem__(self, name: str) -> Program:
        made = self._made[name]
        if made is None:
            made = self._made[name] = self._make(name)
        return made

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)


def compile_snapshot(snapshot: Snapshot) -> Compiled:
    """The program of every layer that has filters in force."""
    callouts = {callout.const_name: callout for callout in snapshot.callouts}
    weights = {one.const_name: one.weight for one in snapshot.sublayers}
    layers = {layer.const_name: layer for layer in snapshot.layers}
    disabled = {
        provider.const_name
        for provider in snapshot.providers
        if "FWPM_PROVIDER_FLAG_DISABLED" in provider.flags
    }
    by_layer: dict[str, list[Filter]] = {}
    for filter_ in snapshot.filters:
        if filter_.is_in_force and filter_.provider not in disabled:
            by_layer.setdefault(filter_.layer, []).append(filter_)
    for name in unlisted_layers(snapshot):
        weights[SUBLAYER] = WEIGHT
        by_layer.setdefault(name, []).append(stand_in(name))

    def program(name: str) -> Program:
        return _Compiler(name, layers.get(name), callouts).program(by_layer[name], weights)

    programs = _Programs(by_layer, program)
    return Compiled(programs=programs, epochs=_epochs(by_layer), callouts=callouts)


class _Compiler:
    """Compiles the filters of one layer."""

    def __init__(self, name: str, layer: Layer | None, callouts: dict[str, Callout]) -> None:
        self._name = name
        self._callouts = callouts
        self._fields = {field.name: field for field in layer.fields} if layer else {}
        self._atom_at: dict[Condition, int] = {}
        self._atoms: list[Atom] = []
        self._run_at: dict[tuple[int, ...], int] = {}
        self._costs: list[int] = []

    def program(self, filters: Iterable[Filter], weights: dict[str, int | None]) -> Program:
        by_sublayer: dict[str, list[Filter]] = {}
        for filter_ in filters:
            by_sublayer.setdefault(filter_.sublayer, []).append(filter_)
        subs = [
            SubProgram(sublayer=name, weight=weights.get(name), groups=self._groups(held))
            for name, held in by_sublayer.items()
        ]
        subs.sort(key=lambda sub: (sub.weight is None, -(sub.weight or 0), sub.sublayer))
        return Program(
            layer=self._name,
            atoms=tuple(self._atoms),
            tests=tuple(map(test_of, self._atoms)),
            fields=tuple(atom.field for atom in self._atoms),
            runs=tuple(self._run_at),
            sublayers=tuple(subs),
        )

    def _groups(self, filters: list[Filter]) -> tuple[tuple[Entry, ...], ...]:
        ordered = sorted(filters, key=lambda one: (-(one.effective_weight or 0), one.id))
        return tuple(
            tuple(map(self._entry, group))
            for _, group in groupby(ordered, key=lambda one: one.effective_weight or 0)
        )

    def _entry(self, filter_: Filter) -> Entry:
        if filter_.sublayer == SUBLAYER:
            answers: tuple[Answers, Answers] = (ANSWERS, ANSWERS)
            return Entry(filter=filter_, runs=(), strict=VOTES, policy=VOTES, is_callout=False,
                         answers=answers)  # fmt: skip
        # Alternatives are conditions on one field that stand next to each other (rules 2.3, 2.4).
        runs = {
            self._run([self._atom(condition) for condition in group])
            for _, group in groupby(filter_.conditions, key=lambda one: one.field)
        }
        strict, policy = votes_of(filter_, self._callouts)
        callout = callout_of(filter_, self._callouts)
        asks = filter_.action in {CALLOUT_TERMINATING, CALLOUT_UNKNOWN}
        return Entry(
            filter=filter_,
            runs=tuple(sorted(runs, key=lambda run: (self._costs[run], run))),
            strict=strict,
            policy=policy,
            is_callout=asks and (callout is None or callout.is_registered),
            answers=answers_of(filter_, self._callouts),
        )

    def _run(self, atoms: list[int]) -> int:
        key = tuple(dict.fromkeys(atoms))
        position = self._run_at.get(key)
        if position is None:
            position = self._run_at[key] = len(self._run_at)
            self._costs.append(max(_COSTS[self._atoms[atom].kind] for atom in key))
        return position

    def _atom(self, condition: Condition) -> int:
        position = self._atom_at.get(condition)
        if position is None:
            position = self._atom_at[condition] = len(self._atoms)
            self._atoms.append(self._compiled(condition))
        return position

    def _compiled(self, condition: Condition) -> Atom:
        if not self._fields:
            return compile_condition(condition, None, is_address=True)
        field = self._fields.get(condition.field)
        if field is None:
            problem = "the layer has no such field"
            match = condition.match.removeprefix("FWP_MATCH_")
            return Atom(condition.field, match, "unknown", problem=problem)
        is_address = field.type == "FWPM_FIELD_IP_ADDRESS"
        return compile_condition(condition, field.data_type, is_address=is_address)


def _epochs(by_layer: dict[str, list[Filter]]) -> dict[tuple[str, int], frozenset[int]]:
    """Epochs that stand together with an interface in one filter (quarantine, section 2)."""
    found: dict[tuple[str, int], set[int]] = {}
    for filter_ in (one for held in by_layer.values() for one in held):
        epochs = _equals(filter_, frozenset({_EPOCH}))
        for luid in _equals(filter_, _INTERFACES) if epochs else ():
            found.setdefault((filter_.layer, luid), set()).update(epochs)
    return {key: frozenset(epochs) for key, epochs in found.items()}


def _equals(filter_: Filter, fields: frozenset[str]) -> list[int]:
    return [
        condition.value
        for condition in filter_.conditions
        if condition.field in fields
        and condition.match == "FWP_MATCH_EQUAL"
        and isinstance(condition.value, int)
    ]
