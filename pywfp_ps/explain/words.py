"""The explanation in words: what a verdict hangs on, how it can end, and why."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from pywfp_ps.explain.answer import Outcome, Reason
from pywfp_ps.explain.arbitrate import (
    LayerResult,
    Met,
    SubResult,
    Verdict,
    action_of,
    candidates_of,
    combine,
    outcomes,
    verdict_of,
    winner_of,
)
from pywfp_ps.explain.compile import Entry
from pywfp_ps.explain.fields import Fields
from pywfp_ps.explain.logic import MAYBE, NO, YES
from pywfp_ps.explain.names import WELL_KNOWN, Names
from pywfp_ps.explain.unlisted import SUBLAYER as UNLISTED
from pywfp_ps.explain.whole import worst
from pywfp_ps.model.objects import Condition
from pywfp_ps.model.sddl import parse_sddl
from pywfp_ps.model.text import condition_text

if TYPE_CHECKING:
    from pywfp_ps.explain.engine import Stage

_MOST_SIDS: Final = 4
_MOST_SHOWN: Final = 8
_MOST_TRIED: Final = 40
_FAMILY: Final = re.compile(r'Contains "([^"]+)"')


def short(constant: str) -> str:
    """A constant without the prefix everybody knows."""
    return constant.removeprefix("FWPM_").removeprefix("LAYER_").removeprefix("SUBLAYER_")


def unknown_fields(stages: Sequence[Stage]) -> tuple[str, ...]:
    """Fields of filters that may match, at layers whose verdict is not certain, sorted."""
    found: set[str] = set()
    for stage in stages:
        result = stage.result
        if verdict_of(result.strict) == "unknown":
            open_ones = (one for one in _all_met(result) if one.answer == MAYBE)
            runs = {run for one in open_ones if one.entry.votes for run in one.entry.runs}
            fields, atoms = result.program.fields, result.program.runs
            found |= {fields[atoms[run][0]] for run in runs if _run_answer(run, result) == MAYBE}
    return tuple(sorted(found))


def _all_met(result: LayerResult) -> Iterator[Met]:
    return (one for sub in result.subs for group in sub.met for one in group)


def _run_answer(run: int, result: LayerResult) -> int:
    """The answer of a run of alternatives, from the answers of its conditions."""
    known = [result.answers.get(atom, NO) for atom in result.program.runs[run]]
    return max(known, default=YES)


def _open_fields(entry: Entry, result: LayerResult) -> Iterator[str]:
    program = result.program
    for run in entry.runs:
        if _run_answer(run, result) == MAYBE:
            yield program.fields[program.runs[run][0]]


def outcomes_of(stages: Sequence[Stage], policy: Verdict, names: Names) -> tuple[Outcome, ...]:
    """How the policy verdict can end: the ordinary way, then each exception.

    The ordinary way takes every filter whose match is unknown as not matching; an exception lets
    one of them match. At each layer the first forty filters are tried.
    """
    if policy != "unknown":
        return (Outcome(when="always", verdict=policy),)
    base: dict[int, Verdict] = {id(stage): _verdict_if(stage.result, None) for stage in stages}
    verdict = worst(base.values())
    found = [Outcome(when="otherwise", verdict=verdict)]
    seen: set[tuple[str, int]] = set()
    for stage in stages:
        result = stage.result
        if verdict_of(result.policy) != "unknown":
            continue
        for one in islice(_all_met(result), _MOST_TRIED):
            key = (stage.step.layer, one.entry.filter.id)
            if one.answer != MAYBE or not one.entry.votes or key in seen:
                continue
            seen.add(key)
            then = _verdict_if(result, one)
            if then != base[id(stage)]:
                others: list[Verdict] = [v for other, v in base.items() if other != id(stage)]
                found.append(
                    Outcome(
                        when=_condition(one.entry, result, names),
                        verdict=worst((then, *others)),
                        layer=stage.step.layer,
                        filter_id=one.entry.filter.id,
                    )
                )
        found += _ties(stage, [v for other, v in base.items() if other != id(stage)])
    changed = [one for one in found[1:] if one.verdict != verdict]
    return (*changed, found[0])


def _ties(stage: Stage, others: Sequence[Verdict]) -> Iterator[Outcome]:
    """How it ends if the engine asks one of several filters of equal weight first (rule 5.6)."""
    for sub in stage.result.subs:
        for group in sub.met:
            asked = [one for one in group if one.answer == YES and one.entry.votes]
            if len({one.entry.policy for one in asked}) < 2:
                continue
            for one in asked:
                equals = [str(o.entry.filter.id) for o in asked if o is not one]
                yield Outcome(
                    when=f"filter {one.entry.filter.id} is asked before its equals "
                    f"({', '.join(equals[:_MOST_SIDS])})",
                    verdict=worst((_verdict_if(stage.result, one, alone=True), *others)),
                    layer=stage.step.layer,
                    filter_id=one.entry.filter.id,
                )


def _verdict_if(result: LayerResult, matching: Met | None, *, alone: bool = False) -> Verdict:
    """The policy verdict of a layer if of all that may match only this one does.

    With ``alone`` no other filter of its weight matches either.
    """
    subs = []
    for sub in result.subs:
        groups = []
        for group in sub.met:
            kept = tuple(
                Met(one.entry, YES)
                for one in group
                if one is matching or (one.answer == YES and not (alone and matching in group))
            )
            if kept:
                groups.append(kept)
        subs.append(outcomes(groups, strict=False))
    return verdict_of(combine(subs))


def _condition(entry: Entry, result: LayerResult, names: Names) -> str:
    """What must be so for a filter to match, beside what is known to be."""
    program = result.program
    wanted = {
        program.fields[program.runs[run][0]]
        for run in entry.runs
        if _run_answer(run, result) == MAYBE
    }
    kept = [c for c in entry.filter.conditions if c.field in wanted]
    return conditions_in_words(kept, names)


def conditions_in_words(conditions: Sequence[Condition], names: Names = WELL_KNOWN) -> str:
    """Conditions as people say them, with names for SIDs."""
    plain = [one for one in conditions if one.type != "FWP_SECURITY_DESCRIPTOR_TYPE"]
    parts = [names.named(condition_text(plain))] if plain else []
    parts += [
        f"{one.field.removeprefix('FWPM_CONDITION_')} is "
        f"{descriptor_in_words(str(one.value), names)}"
        for one in conditions
        if one.type == "FWP_SECURITY_DESCRIPTOR_TYPE"
    ]
    return " and ".join(parts) or "it matches"


def descriptor_in_words(text: str, names: Names) -> str:
    """Whom a descriptor lets match: names of services, capabilities and accounts."""
    try:
        entries = parse_sddl(text).dacl or ()
    except ValueError:
        return "(no SDDL)"
    found = []
    for ace in entries:
        family = _FAMILY.search(ace.condition or "")
        name = f"package {family[1]}" if family else names(ace.sid)
        found.append(f"not {name}" if "D" in ace.type else name)
    unique = list(dict.fromkeys(found))
    more = f" and {len(unique) - _MOST_SIDS} more" if len(unique) > _MOST_SIDS else ""
    return (" or ".join(unique[:_MOST_SIDS]) or "nobody") + more


class _Words(Struct, frozen=True):
    """What the words of a layer need: its flow's fields, its name, names of SIDs."""

    fields: Fields
    stem: str
    names: Names


def reasons_of(stages: Sequence[Stage], fields: Fields, names: Names) -> tuple[Reason, ...]:
    """A tree for each layer in which something may decide: layer, sublayer, filter, condition."""
    trees = (_layer_reason(stage, fields, names) for stage in stages)
    return tuple(tree for tree in trees if tree.because)


def _layer_reason(stage: Stage, fields: Fields, names: Names) -> Reason:
    result = stage.result
    strict, policy = verdict_of(result.strict), verdict_of(result.policy)
    said = strict if strict == policy else f"{strict}, as policy {policy}"
    return Reason(
        text=f"{short(stage.step.layer)}: {said}",
        because=tuple(
            _sublayer_reason(sub, result, _Words(fields, stage.step.stem, names))
            for sub in result.subs
            if candidates_of(sub)
        ),
    )


def _sublayer_reason(sub: SubResult, result: LayerResult, words: _Words) -> Reason:
    if sub.sub.sublayer == UNLISTED:
        return Reason(text="the host could not list the filters here: any may match")
    candidates = candidates_of(sub)
    action = action_of(sub, strict=True)
    weight = "missing" if sub.sub.weight is None else f"weight {sub.sub.weight}"
    shown = candidates[:_MOST_SHOWN]
    because = [_filter_reason(one, result, words) for one in shown]
    if len(candidates) > len(shown):
        because.append(Reason(text=f"and {len(candidates) - len(shown)} more"))
    return Reason(
        text=f"{short(sub.sub.sublayer)} ({weight}): {action}",
        filter_id=winner_of(sub.strict),
        because=tuple(because),
    )


def _filter_reason(one: Met, result: LayerResult, words: _Words) -> Reason:
    filter_ = one.entry.filter
    does = filter_.action.removeprefix("FWP_ACTION_").lower().replace("_", " ")
    how = "matches" if one.answer == YES else "may match"
    hard = ", hard" if filter_.is_hard else ""
    because = []
    if one.answer == MAYBE:
        for field in _open_fields(one.entry, result):
            said = [c for c in filter_.conditions if c.field == field]
            why = words.fields.why_open(field, words.stem)
            text = conditions_in_words(said, words.names) + (f" ({why})" if why else "")
            because.append(Reason(text=f"unknown: {text}"))
    return Reason(
        text=f"filter {filter_.id} {filter_.name or ''} ({does}{hard}) {how}",
        filter_id=filter_.id,
        because=tuple(because),
    )
