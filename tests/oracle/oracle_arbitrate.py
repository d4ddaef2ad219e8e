"""One layer: sublayers, what each may answer, and what they make together.

Rules: arbitration.md 5 (weights and ties), 6 (inside a sublayer), 7 (across sublayers), 8 (nothing
matched), 10.1 and 10.4 (not in force), 14 (order of work).
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

from tests.oracle.oracle_callouts import CONTINUE, Answer, answers_of
from tests.oracle.oracle_logic import Tri
from tests.oracle.oracle_match import Fields, filter_matches
from tests.oracle.oracle_read import Filter, Layer, State

NOT_IN_FORCE = frozenset(["FWPM_FILTER_FLAG_BOOTTIME", "FWPM_FILTER_FLAG_DISABLED"])


@dataclass(frozen=True, kw_only=True)
class Met:
    """A filter that matches surely (True) or perhaps (None), and what it may answer."""

    rule: Filter
    matches: Tri
    answers: frozenset[Answer]


@dataclass(frozen=True, kw_only=True)
class Said:
    """One possible opinion of a sublayer; `answer` None means that it has none (rule 6.6)."""

    answer: Answer | None
    filter_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The verdict so far: None, permit or block; hard means the write right is gone (7.3)."""

    verdict: str | None = None
    hard: bool = False
    filter_id: int | None = None


def in_force(rule: Filter, state: State) -> bool:
    """Rules 10.1 and 10.4: boot-time filters and what is marked disabled are left out."""
    return not rule.flags & NOT_IN_FORCE and rule.provider not in state.disabled_providers


def sublayers_of(layer: Layer, state: State) -> list[tuple[str, int, list[Filter]]]:
    """Rules 7.1, 1.3 and 6.1: sublayers by falling weight, filters by falling effective weight."""
    groups: dict[str, list[Filter]] = {}
    for rule in layer.filters:
        if in_force(rule, state):
            groups.setdefault(rule.sublayer or layer.default_sublayer, []).append(rule)
    for rules in groups.values():
        rules.sort(key=lambda rule: (-rule.weight, rule.id))
    known = [(key, state.sublayers.get(key, -1), rules) for key, rules in groups.items()]
    return sorted(known, key=lambda group: -group[1])


def met_filters(
    rules: Iterable[Filter], layer: Layer, fields: Fields, *, policy: bool
) -> list[Met]:
    """Rule 14.3: everything that surely or perhaps matches, in evaluation order."""
    found = []
    for rule in rules:
        matches = filter_matches(rule, layer, fields)
        if matches is not False:
            answers = answers_of(rule, layer, policy=policy)
            found.append(Met(rule=rule, matches=matches, answers=answers))
    return found


def deciders(met: list[Met]) -> list[Met]:
    """Every filter that could decide its sublayer, in evaluation order."""
    found: list[Met] = []
    for _, tied in itertools.groupby(met, key=lambda one: one.rule.weight):
        group = list(tied)
        found += [one for one in group if any(a.verdict != "continue" for a in one.answers)]
        if not all(one.matches is None or CONTINUE in one.answers for one in group):
            break
    return found


def sublayer_says(met: list[Met]) -> frozenset[Said]:
    """Rules 6.1 to 6.6, 5.6 and 14.4, walked instead of enumerated.

    Of the filters that share a weight any may come first, so each gives its decisions; the walk
    goes on below only if every one of them may fail to decide. `enumerate_sublayer` says the
    same the long way round.
    """
    said = {
        Said(answer=answer, filter_id=one.rule.id)
        for one in deciders(met)
        for answer in one.answers - {CONTINUE}
    }
    if any(one.matches and CONTINUE not in one.answers for one in met):
        return settle(said, met)
    return frozenset(said | {Said(answer=None)})


def settle(said: set[Said], met: list[Met]) -> frozenset[Said]:
    """A tie that changes nothing is won by the lowest id of those that surely match (5.6)."""
    able = [one for one in met if one.rule.id in {each.filter_id for each in said}]
    sure = [one.rule.id for one in able if one.matches]
    same = len({each.answer for each in said}) == 1
    if same and sure and len({one.rule.weight for one in able}) == 1:
        return frozenset(each for each in said if each.filter_id == sure[0])
    return frozenset(said)


def enumerate_sublayer(met: list[Met]) -> frozenset[Said]:
    """The same by brute force: every resolution of matches, answers and orders of ties."""
    groups = [list(group) for _, group in itertools.groupby(met, key=lambda one: one.rule.weight)]
    orders = [list(itertools.permutations(group)) for group in groups]
    said: set[Said] = set()
    for order in itertools.product(*orders):
        line = [one for group in order for one in group]
        choices = [
            [None, *one.answers] if one.matches is None else list(one.answers) for one in line
        ]
        for answers in itertools.product(*choices):
            said.add(_first_decision(line, answers))
    return frozenset(said)


def _first_decision(line: list[Met], answers: tuple[Answer | None, ...]) -> Said:
    for one, answer in zip(line, answers, strict=True):
        if answer is not None and answer.verdict != "continue":
            return Said(answer=answer, filter_id=one.rule.id)
    return Said(answer=None)


def combine(above: Standing, said: Said) -> Standing:
    """The combination table, rule 7.4, row by row; hard or soft by 7.5 and 7.6."""
    answer = said.answer
    if answer is None:
        return above
    mine = Standing(verdict=answer.verdict, hard=answer.hard, filter_id=said.filter_id)
    if above.verdict is None:
        return mine
    if above.verdict == "permit" and not above.hard:
        return mine
    if above.verdict == "permit":
        veto = answer.verdict == "block" and answer.by_callout
        return Standing(verdict="block", hard=True, filter_id=said.filter_id) if veto else above
    if above.hard:
        return above
    if answer.verdict == "permit":
        return mine
    return Standing(verdict="block", hard=above.hard or answer.hard, filter_id=above.filter_id)


def layer_stands(sublayers: Iterable[frozenset[Said]]) -> frozenset[Standing]:
    """Rule 14.5: every possible standing, carried down through every sublayer (7.2)."""
    standing: set[Standing] = {Standing()}
    for said in sublayers:
        standing = {combine(above, one) for above in standing for one in said}
    return frozenset(standing)


def verdicts_of(standing: Iterable[Standing]) -> frozenset[str]:
    """Rule 8.1: what nobody had an opinion on passes."""
    return frozenset(one.verdict or "permit" for one in standing)
