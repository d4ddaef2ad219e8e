"""Which filter decides, for all flows of a set at once: the set cut by what `explain` names.

The same rules as in `arbitrate` and `whole`, with the filter beside each vote.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from msgspec import Struct

from pywfp_ps.explain.arbitrate import TABLE, Verdict
from pywfp_ps.explain.callouts import NONE
from pywfp_ps.explain.compile import Entry, Program
from pywfp_ps.explain.diagrams import Answer, Set
from pywfp_ps.explain.path import deciding_stem
from pywfp_ps.explain.symbolic import Matching, Model

_Places = dict[tuple[int, int | None], Set]
"""Where a sublayer or a layer may end with a vote of a filter."""
_NOBODY: Final = (NONE, None)


class Decided(Struct, frozen=True, kw_only=True):
    """Flows with one deciding filter.

    Attributes:
        layer: The layer that decides; ``None`` where the verdict is unknown.
        filter_id: The filter that `explain` names; ``None`` where it names none.
        flows: The flows.
    """

    layer: str | None
    filter_id: int | None
    flows: Set


def decided(model: Model, flows: Set, verdict: Verdict) -> Iterator[Decided]:
    """The flows cut by the filter that decides.

    Args:
        model: The policy.
        flows: Flows with one policy verdict.
        verdict: That verdict.
    """
    found: dict[tuple[str | None, int | None], Set] = {}
    for one in _parts(model, flows, verdict):
        key = (one.layer, one.filter_id)
        found[key] = found[key] | one.flows if key in found else one.flows
    for (layer, filter_id), where in found.items():
        yield Decided(layer=layer, filter_id=filter_id, flows=where)


def _parts(model: Model, flows: Set, verdict: Verdict) -> Iterator[Decided]:
    strict = model.verdicts(strict=True)
    named: tuple[Verdict, ...] = ("permit", "block")
    for chosen in named:
        yield from _chosen(model, flows & strict.of(chosen), chosen, strict=True)
    rest = flows & strict.unknown
    if verdict != "unknown":
        yield from _chosen(model, rest, verdict, strict=False)
    elif rest.satisfiable():
        yield Decided(layer=None, filter_id=None, flows=rest)


def _chosen(model: Model, flows: Set, verdict: Verdict, *, strict: bool) -> Iterator[Decided]:
    if not flows.satisfiable():
        return
    if verdict == "block":
        for stem, program in model.layers:
            blocks, passes = model.layer(program, stem, strict=strict)
            here = flows & blocks & ~passes
            flows &= ~here
            yield from _at(model, program, stem, here, strict=strict)
        return
    wanted = deciding_stem(model.universe.sample)
    stems = [step.stem for step in model.universe.steps]
    stem = wanted if wanted in stems else stems[-1]
    for name, program in model.layers:
        if name == stem:
            yield from _at(model, program, stem, flows, strict=strict)
            return
    yield Decided(layer=None, filter_id=None, flows=flows)


def _at(
    model: Model, program: Program, stem: str, flows: Set, *, strict: bool
) -> Iterator[Decided]:
    """The flows cut by the one filter that all final outcomes of a layer come from."""
    if not flows.satisfiable():
        return
    nothing = model.diagrams.none
    by_filter: dict[int | None, Set] = {}
    for (_, filter_id), where in _finals(model, program, stem, flows, strict=strict).items():
        by_filter[filter_id] = by_filter.get(filter_id, nothing) | where
    once, twice = nothing, nothing
    for where in by_filter.values():
        twice |= once & where
        once |= where
    rest = flows
    for filter_id, where in by_filter.items():
        alone = where & ~twice
        if filter_id is not None and alone.satisfiable():
            rest &= ~alone
            yield Decided(layer=program.layer, filter_id=filter_id, flows=alone)
    unnamed = rest & by_filter.get(None, nothing) & ~twice
    if unnamed.satisfiable():
        yield Decided(layer=None, filter_id=None, flows=unnamed)
    shared = rest & ~unnamed
    if shared.satisfiable():
        yield Decided(layer=program.layer, filter_id=None, flows=shared)


def _finals(model: Model, program: Program, stem: str, flows: Set, *, strict: bool) -> _Places:
    current: _Places = {_NOBODY: flows}
    matching = model.matching(program, stem)
    for sub in program.sublayers:
        said = _sublayer(model, sub.groups, matching, flows, strict=strict)
        if set(said) == {_NOBODY}:
            continue
        current = _combined(current, said, model.diagrams.none)
    return current


def _combined(above: _Places, said: _Places, nothing: Set) -> _Places:
    upper, lower = _by_vote(above, nothing), _by_vote(said, nothing)
    after: _Places = {}
    for (vote, whole), (kind, below) in ((a, b) for a in upper.items() for b in lower.items()):
        result, is_above = TABLE[vote, kind]
        kept, others = (above, below) if is_above else (said, whole)
        for (one, filter_id), where in kept.items():
            if one == (vote if is_above else kind):
                both = where & others
                if both.satisfiable():
                    key = (result, filter_id)
                    after[key] = after[key] | both if key in after else both
    return after


def _by_vote(places: _Places, nothing: Set) -> dict[int, Set]:
    found: dict[int, Set] = {}
    for (vote, _), where in places.items():
        found[vote] = found.get(vote, nothing) | where
    return found


def _sublayer(
    model: Model,
    groups: Sequence[tuple[Entry, ...]],
    matching: Matching,
    flows: Set,
    *,
    strict: bool,
) -> _Places:
    reached = flows
    found: _Places = {}
    for group in groups:
        model.deadline.check()
        asked = [
            (entry, matching.entry(entry))
            for entry in group
            if (entry.strict if strict else entry.policy) != (NONE,)
        ]
        for key, where in _group(model, asked, strict=strict):
            both = where & reached
            if both.satisfiable():
                found[key] = found[key] | both if key in found else both
        for entry, answer in asked:
            if NONE not in (entry.strict if strict else entry.policy):
                reached &= ~answer.sure
        if not reached.satisfiable():
            return found
    found[_NOBODY] = reached
    return found


def _group(
    model: Model, asked: list[tuple[Entry, Answer]], *, strict: bool
) -> Iterator[tuple[tuple[int, int | None], Set]]:
    """Outcomes of filters of equal weight; one credit where all give one answer (rule 5.6)."""
    credited = model.diagrams.none
    ordered = sorted(asked, key=lambda one: repr(_answers(one[0], strict=strict)))
    for answers, same in groupby(ordered, key=lambda one: _answers(one[0], strict=strict)):
        if len(answers) != 1 or len(asked) == 1:
            continue
        alike = sorted(same, key=lambda one: one[0].filter.id)
        ((vote, _),) = answers
        where = model.diagrams.none
        for entry, answer in alike:
            if NONE not in (entry.strict if strict else entry.policy):
                where |= answer.sure
        for entry, answer in asked:
            if _answers(entry, strict=strict) != answers:
                where &= ~answer.possible
        credited |= where
        for entry, answer in alike:
            yield (vote, entry.filter.id), where & answer.sure
            where &= ~answer.sure
    for entry, answer in asked:
        for vote in entry.strict if strict else entry.policy:
            if vote != NONE:
                yield (vote, entry.filter.id), answer.possible & ~credited


def _answers(entry: Entry, *, strict: bool) -> frozenset[tuple[int, bool]]:
    return entry.answers[not strict]
