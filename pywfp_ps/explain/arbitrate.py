"""From matching filters to the verdict of a layer, carrying every possible outcome.

Sections 6 and 7 of the rules. An outcome is a vote and the filter it comes from. Filters whose
match is unknown, callouts and ties make more than one outcome possible; all of them are combined,
so that an unknown that cannot change the verdict does not make it uncertain.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from msgspec import Struct

from pywfp_ps.explain.callouts import (
    FILTER_BLOCK,
    HARD_BLOCK,
    HARD_PERMIT,
    NONE,
    SOFT_BLOCK,
    SOFT_PERMIT,
    Answers,
    Votes,
)
from pywfp_ps.explain.compile import Entry, Program, SubProgram
from pywfp_ps.explain.fields import Fields
from pywfp_ps.explain.logic import MAYBE, NO, YES

Verdict = Literal["block", "permit", "unknown"]
Action = Literal["block", "callout", "none", "permit", "unknown"]
Outcome = tuple[int, int | None]
"""A vote and the id of the filter it comes from."""

_PERMITS: Final = frozenset({SOFT_PERMIT, HARD_PERMIT})
BLOCKS: Final = frozenset({FILTER_BLOCK, SOFT_BLOCK, HARD_BLOCK})
_NOTHING: Final[Outcome] = (NONE, None)
_LOCAL_PORT: Final = "FWPM_CONDITION_IP_LOCAL_PORT"
_CHOSEN_PORT: Final = "the stack chooses a local port whose bind is not refused"


class Met(Struct, frozen=True):
    """A filter that matches or may match, reached while its sublayer is undecided.

    Attributes:
        entry: The filter.
        answer: Whether it matches: perhaps or yes.
    """

    entry: Entry
    answer: int


class SubResult(Struct, frozen=True, kw_only=True):
    """What a sublayer says.

    Attributes:
        sub: The sublayer.
        met: Groups of equal weight, heaviest first, each with the filters that may match.
        strict: Possible outcomes.
        policy: Possible outcomes in the policy verdict.
    """

    sub: SubProgram
    met: tuple[tuple[Met, ...], ...]
    strict: frozenset[Outcome]
    policy: frozenset[Outcome]


class LayerResult(Struct, frozen=True, kw_only=True):
    """What a layer says.

    Attributes:
        program: The layer's program.
        subs: Sublayers in which something may match, heaviest first.
        strict: Possible final outcomes.
        policy: Possible final outcomes in the policy verdict.
        answers: Answer of every atom that was asked, by position.
        used: Fields that were asked.
        assumptions: Assumptions of matching, beside those of the fields.
    """

    program: Program
    subs: tuple[SubResult, ...]
    strict: frozenset[Outcome]
    policy: frozenset[Outcome]
    answers: dict[int, int]
    used: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()


def evaluate(program: Program, fields: Fields, stem: str) -> LayerResult:
    """What the layer says to the flow.

    Args:
        program: The layer's filters.
        fields: The flow's fields.
        stem: Name of the layer without prefix and IP version.
    """
    matcher = _Matcher(program, fields, stem)
    subs = [found for sub in program.sublayers if (found := _sublayer(sub, matcher))]
    return LayerResult(
        program=program,
        subs=tuple(subs),
        strict=combine(one.strict for one in subs),
        policy=combine(one.policy for one in subs),
        answers=matcher.answers,
        used=tuple(matcher.values),
        assumptions=(_CHOSEN_PORT,) if matcher.port_was_chosen else (),
    )


class _Matcher:
    """Matches filters of one layer against one flow, each condition and run once."""

    def __init__(self, program: Program, fields: Fields, stem: str) -> None:
        self._program = program
        self._runs: list[int] = [-1] * len(program.runs)
        self._fields = fields
        self._stem = stem
        self.answers: dict[int, int] = {}
        self.values: dict[str, object] = {}
        self._port_is_open = (
            stem == "ALE_RESOURCE_ASSIGNMENT"
            and fields.flow.direction == "out"
            and fields.flow.action == "connect"
            and fields.flow.local_port is None
        )
        self.port_was_chosen = False

    def answer(self, entry: Entry) -> int:
        """Whether a filter matches: the least of its runs."""
        runs = self._runs
        least = YES
        for run in entry.runs:
            answer = runs[run]
            if answer < 0:
                answer = runs[run] = self._run(run)
            if answer == NO:
                return NO
            if answer < least:
                least = answer
        if least == MAYBE and self._port_is_open and self._is_refused_port(entry):
            self.port_was_chosen = True
            return NO
        return least

    def _run(self, run: int) -> int:
        program, answers, values = self._program, self.answers, self.values
        most = NO
        for atom in program.runs[run]:
            answer = answers.get(atom)
            if answer is None:
                field = program.fields[atom]
                if field not in values:
                    values[field] = self._fields.filled(field, self._stem).value
                answer = answers[atom] = program.tests[atom](values[field])
            if answer == YES:
                return YES
            if answer > most:
                most = answer
        return most

    def _is_refused_port(self, entry: Entry) -> bool:
        """A block that hangs on nothing but the port of a client, which the stack chooses."""
        if entry.filter.action != "FWP_ACTION_BLOCK":
            return False
        return all(
            self._program.fields[self._program.runs[run][0]] == _LOCAL_PORT
            for run in entry.runs
            if self._runs[run] == MAYBE
        )


def _sublayer(sub: SubProgram, matcher: _Matcher) -> SubResult | None:
    met: list[tuple[Met, ...]] = []
    answer = matcher.answer
    for group in sub.groups:
        found = tuple(Met(entry, one) for entry in group if (one := answer(entry)) != NO)
        if found:
            met.append(found)
            if _ends(found):
                break
    if not met:
        return None
    return SubResult(
        sub=sub,
        met=tuple(met),
        strict=outcomes(met, strict=True),
        policy=outcomes(met, strict=False),
    )


def _ends(group: tuple[Met, ...]) -> bool:
    """Whether some filter of the group surely decides, in both verdicts."""
    return any(one.answer == YES and NONE not in one.entry.strict for one in group)


def outcomes(met: Iterable[tuple[Met, ...]], *, strict: bool) -> frozenset[Outcome]:
    """Every outcome a sublayer can have, given the filters that match or may match.

    Args:
        met: Groups of equal weight, heaviest first.
        strict: Whether callouts may do what their class allows.
    """
    found: set[Outcome] = set()
    for group in met:
        votes = [(one, one.entry.strict if strict else one.entry.policy) for one in group]
        found |= _group_outcomes(votes, strict=strict)
        if any(one.answer == YES and NONE not in vote for one, vote in votes):
            return frozenset(found)
    return frozenset(found | {_NOTHING})


def _group_outcomes(votes: list[tuple[Met, Votes]], *, strict: bool) -> set[Outcome]:
    """Outcomes of filters of equal weight, in any order (rule 5.6).

    Where all give one answer, the lowest id that surely matches gets the credit.
    """
    asked = [(one, vote) for one, vote in votes if vote != (NONE,)]
    sure = [one.entry.filter.id for one, _ in asked if one.answer == YES]
    if sure and any(one.answer == YES and NONE not in vote for one, vote in asked):
        answers: Answers = frozenset().union(*(one.entry.answers[not strict] for one, _ in asked))
        if len(answers) == 1:
            ((vote, _),) = answers
            return {(vote, min(sure))}
    return {(kind, one.entry.filter.id) for one, vote in asked for kind in vote if kind != NONE}


def combine(sublayers: Iterable[frozenset[Outcome]]) -> frozenset[Outcome]:
    """Every final outcome of a layer: table 7.4, sublayer by sublayer from the heaviest.

    What two outcomes make hangs on their votes alone, so filters are carried along by vote.
    """
    current: dict[int, set[int | None]] = {NONE: {None}}
    for possible in sublayers:
        if possible == {_NOTHING}:
            continue
        below = _by_vote(possible)
        after: dict[int, set[int | None]] = {}
        for vote, above_ids in current.items():
            for kind, ids in below.items():
                result, is_above = TABLE[vote, kind]
                after.setdefault(result, set()).update(above_ids if is_above else ids)
        current = after
    return frozenset((vote, one) for vote, ids in current.items() for one in ids)


def _by_vote(possible: Iterable[Outcome]) -> dict[int, set[int | None]]:
    found: dict[int, set[int | None]] = {}
    for vote, one in possible:
        found.setdefault(vote, set()).add(one)
    return found


def _combined(above: int, vote: int) -> tuple[int, bool]:
    """The vote that two votes make, and whether the upper filter keeps the credit."""
    if vote == NONE or above in {FILTER_BLOCK, HARD_BLOCK}:
        return above, True
    if above == HARD_PERMIT:  # only a callout's block gets past: the veto
        return (HARD_BLOCK, False) if vote in {SOFT_BLOCK, HARD_BLOCK} else (above, True)
    if above == SOFT_BLOCK and vote in BLOCKS:
        return (above if vote == SOFT_BLOCK else HARD_BLOCK), True
    return vote, False


TABLE: Final = {
    (above, vote): _combined(above, vote)
    for above in range(HARD_BLOCK + 1)
    for vote in range(HARD_BLOCK + 1)
}


def verdict_of(final: frozenset[Outcome]) -> Verdict:
    """The verdict of final outcomes; nothing decided means permit (rule 8.1)."""
    blocks = sum(vote in BLOCKS for vote, _ in final)
    if not blocks:
        return "permit"
    return "block" if blocks == len(final) else "unknown"


def decider_of(final: frozenset[Outcome]) -> int | None:
    """The one filter all final outcomes come from, if the verdict is certain."""
    if verdict_of(final) == "unknown":
        return None
    ids = {decider for _, decider in final}
    return next(iter(ids)) if len(ids) == 1 else None


def winner_of(possible: frozenset[Outcome]) -> int | None:
    """The one filter that decides a sublayer in every outcome."""
    ids = {decider for _, decider in possible}
    return next(iter(ids)) if len(ids) == 1 else None


def candidates_of(result: SubResult) -> list[Met]:
    """Filters of a sublayer that could decide, the winner first, then by evaluation order."""
    winner = winner_of(result.strict)
    found = [one for group in result.met for one in group if one.entry.votes]
    return sorted(found, key=lambda one: one.entry.filter.id != winner)


def action_of(result: SubResult, *, strict: bool) -> Action:
    """What a sublayer does, in one word; ``callout`` where a callout surely is asked first."""
    possible = result.strict if strict else result.policy
    votes = {vote for vote, _ in possible}
    if votes == {NONE}:
        return "none"
    if votes <= _PERMITS:
        return "permit"
    if votes <= BLOCKS:
        return "block"
    for group in result.met:
        asked = [
            one for one in group if (one.entry.strict if strict else one.entry.policy) != (NONE,)
        ]
        if asked:
            sure = any(one.answer == YES for one in asked)
            return "callout" if sure and all(one.entry.is_callout for one in asked) else "unknown"
    return "unknown"
