"""Answers questions about one snapshot."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from msgspec import Struct

from pywfp_ps.explain.answer import (
    Deciding,
    Explanation,
    LayerAnswer,
    Overrider,
    SnapshotNote,
    SubLayerAnswer,
)
from pywfp_ps.explain.arbitrate import (
    LayerResult,
    SubResult,
    action_of,
    candidates_of,
    decider_of,
    evaluate,
    verdict_of,
    winner_of,
)
from pywfp_ps.explain.callouts import model_of, models
from pywfp_ps.explain.compile import Compiled, Entry, Program, compile_snapshot
from pywfp_ps.explain.derive import Completed, Deriver
from pywfp_ps.explain.facts import Facts, facts_of
from pywfp_ps.explain.fields import Context, Fields
from pywfp_ps.explain.flow import Flow
from pywfp_ps.explain.logic import MAYBE
from pywfp_ps.explain.names import Names
from pywfp_ps.explain.path import Step, layer_name, path_of
from pywfp_ps.explain.whole import whole_path
from pywfp_ps.explain.words import outcomes_of, reasons_of, unknown_fields
from pywfp_ps.model.objects import CALLOUT_UNKNOWN, Filter, Snapshot
from pywfp_ps.model.origin import Rule, owner_of, rules_of
from pywfp_ps.model.tables import product_of


class Stage(Struct, frozen=True):
    """One step of the path and what its layer said."""

    step: Step
    result: LayerResult


class Walk(Struct, frozen=True):
    """A flow's way through its layers.

    Attributes:
        asked: The flow, with what facts tell of it.
        fields: The flow's fields.
        stages: What every layer says, in the order of the path.
        redirectors: Filters that may redirect the flow.
    """

    asked: Completed
    fields: Fields
    stages: list[Stage]
    redirectors: list[int]


class Engine:
    """A snapshot ready for questions; questions do not change it."""

    def __init__(self, snapshot: Snapshot, facts: Facts | None = None) -> None:
        self.snapshot = snapshot
        self.facts = facts if facts is not None else facts_of(snapshot)
        self.compiled: Compiled = compile_snapshot(snapshot)

    @cached_property
    def deriver(self) -> Deriver:
        """Completes flows by the facts."""
        return Deriver(self.facts)

    @cached_property
    def names(self) -> Names:
        """Names of SIDs on this host."""
        return Names(self.snapshot, self.facts)

    @cached_property
    def _rules(self) -> dict[int, Rule]:
        return rules_of(self.snapshot)

    @cached_property
    def _filters(self) -> dict[int, Filter]:
        return {one.id: one for one in self.snapshot.filters}

    def explain(self, flow: Flow, *, layers: Iterable[str] | None = None) -> Explanation:
        """The answer for one flow.

        Args:
            flow: The flow.
            layers: Constants of the layers to look at; all of the path without it.
        """
        return self.told(self.walk(flow, layers))

    def told(self, walk: Walk) -> Explanation:
        """The answer for a flow that was walked through its layers."""
        flow, fields, stages = walk.fields.flow, walk.fields, walk.stages
        whole = whole_path(
            flow,
            [stage.step for stage in stages],
            [(stage.result.strict, stage.result.policy) for stage in stages],
        )
        policy = whole.policy_verdict
        return Explanation(
            verdict=whole.verdict,
            certain=whole.verdict != "unknown",
            policy_verdict=policy,
            outcomes=outcomes_of(stages, policy, self.names),
            overriders=tuple(self._overriders(stages)),
            assumptions=_assumptions(walk),
            unknowns=unknown_fields(stages),
            deciding=self._described(whole.deciders[0], whole.layer) if whole.is_sure else None,
            deciders=whole.deciders,
            decider_names=tuple(self._filters[one].name for one in whole.deciders),
            snapshot=_note_of(self.snapshot, self.facts),
            layers=tuple(map(_layer_answer, stages)),
            listening=walk.asked.listening,
            unlisted=tuple(
                dict.fromkeys(
                    stage.step.layer for stage in stages if stage.result.program.is_unlisted
                )
            ),
            notes=self._notes(walk),
            reasons=reasons_of(stages, fields, self.names),
            models_version=models().version,
        )

    def walk(self, flow: Flow, layers: Iterable[str] | None = None) -> Walk:
        """Takes the flow through the layers of its path."""
        asked = self.deriver.completed(flow)
        flow = asked.flow
        redirectors = self._redirectors(flow)
        context = Context(
            facts=self.facts, epochs=self.compiled.epochs, may_be_redirected=bool(redirectors)
        )
        fields = Fields(flow, context)
        wanted = None if layers is None else frozenset(layers)
        done: dict[str, LayerResult] = {}
        stages = []
        for step in path_of(flow):
            if wanted is not None and step.layer not in wanted:
                continue
            if step.layer not in done:
                program = self.compiled.programs.get(step.layer) or Program(layer=step.layer)
                done[step.layer] = evaluate(program, fields, step.stem)
            stages.append(Stage(step, done[step.layer]))
        return Walk(asked, fields, stages, redirectors)

    def _redirectors(self, flow: Flow) -> list[int]:
        """Filters that may match at a redirect layer of an outbound flow (section 7).

        One that wants a redirected flow redirects nothing unless another did so before it.
        """
        if flow.direction != "out" or flow.action != "connect":
            return []
        first = self._at_redirect_layers(flow, may_be_redirected=False)
        return self._at_redirect_layers(flow, may_be_redirected=True) if first else []

    def _at_redirect_layers(self, flow: Flow, *, may_be_redirected: bool) -> list[int]:
        context = Context(
            facts=self.facts, epochs=self.compiled.epochs, may_be_redirected=may_be_redirected
        )
        found = []
        for stem in ("ALE_BIND_REDIRECT", "ALE_CONNECT_REDIRECT"):
            program = self.compiled.programs.get(layer_name(stem, flow))
            if program:
                result = evaluate(program, Fields(flow, context), stem)
                found += [m.entry.filter.id for s in result.subs for g in s.met for m in g]
        return found

    def _described(self, decider: int, layer: str | None) -> Deciding:
        filter_ = self._filters[decider]
        rule = self._rules.get(decider)
        providers = {one.const_name: one for one in self.snapshot.providers}
        return Deciding(
            layer=layer or "",
            filter_id=decider,
            name=filter_.name,
            rule=rule.name if rule else None,
            provider=filter_.provider,
            product=owner_of(filter_, providers),
            sublayer=filter_.sublayer,
        )

    def _overriders(self, stages: list[Stage]) -> list[Overrider]:
        found: dict[tuple[str, str], Overrider] = {}
        for stage in stages:
            for sub in stage.result.subs:
                for met in (one for group in sub.met for one in group):
                    if met.entry.is_callout:
                        one = self._overrider(stage.step.layer, met.entry)
                        found.setdefault((one.layer, one.callout), one)
        return sorted(found.values(), key=lambda one: one.modelled)

    def _overrider(self, layer: str, entry: Entry) -> Overrider:
        filter_ = entry.filter
        name = filter_.callout or ""
        model = model_of(name)
        callout = self.compiled.callouts.get(name)
        display = callout.name if callout else None
        providers = {one.const_name: one for one in self.snapshot.providers}
        provider = providers.get((callout.provider if callout else None) or filter_.provider or "")
        product = (
            (model.product if model else None)
            or product_of(filter_.callout_key, filter_.provider_key, filter_.sublayer_key)
            or (provider.name if provider else None)
            or display
            or filter_.name
            or name
        )
        can = "permit, block or drop silently"
        if filter_.action == CALLOUT_UNKNOWN:
            can += ", or leave it to others"
        return Overrider(
            layer=layer,
            callout=name,
            product=product,
            name=display,
            filter_id=filter_.id,
            modelled=model is not None,
            can=can,
        )

    def _notes(self, walk: Walk) -> tuple[str, ...]:
        flow, notes = walk.asked.flow, list(walk.asked.notes)
        if walk.redirectors:
            ids = ", ".join(map(str, walk.redirectors))
            notes.append(
                f"the answer is for the original destination; filter {ids} may redirect it"
            )
        if flow.direction == "out" and flow.remote_port == 53 and _is_no_svchost(flow):
            notes.append("look-ups of a program usually leave as the service Dnscache in svchost")
        notes += _doubts(walk.stages)
        return tuple(notes)


def explain(snapshot: Snapshot, flow: Flow) -> Explanation:
    """Whether the flow passes the snapshot's filters, and why. For many flows keep an `Engine`."""
    return Engine(snapshot).explain(flow)


def _note_of(snapshot: Snapshot, facts: Facts) -> SnapshotNote:
    """What to know of a snapshot and its facts before answers are trusted."""
    stated = snapshot.completeness
    warnings = []
    if not stated.whole:
        warnings.append("the snapshot was not read to its end: filters may be missing")
    if stated.hides_filters:
        warnings.append(f"{stated.command} hides filters that are in force")
    if snapshot.gaps:
        count = len(snapshot.gaps)
        warnings.append(f"{count} {'item' if count == 1 else 'items'} could not be read")
    if stated.consistent is False:
        warnings.append("the policy changed while it was read")
    if stated.elevated is False:
        warnings.append("it was read without elevation: objects may be missing")
    warnings += facts.doubts
    taken = snapshot.taken_at
    return SnapshotNote(
        taken_at=taken.isoformat().replace("+00:00", "Z") if taken else None,
        complete=snapshot.is_complete,
        warnings=tuple(warnings),
    )


def _layer_answer(stage: Stage) -> LayerAnswer:
    result = stage.result
    verdict = verdict_of(result.strict)
    return LayerAnswer(
        layer=stage.step.layer,
        step=stage.step.step,
        phase=stage.step.phase,
        verdict=verdict,
        certain=verdict != "unknown",
        filter_id=decider_of(result.strict),
        policy_verdict=verdict_of(result.policy),
        policy_filter_id=decider_of(result.policy),
        sublayers=tuple(map(_sublayer_answer, result.subs)),
    )


def _sublayer_answer(result: SubResult) -> SubLayerAnswer:
    candidates = candidates_of(result)
    winner = winner_of(result.strict)
    is_hard = any(one.entry.filter.is_hard for one in candidates if one.entry.filter.id == winner)
    return SubLayerAnswer(
        sublayer=result.sub.sublayer,
        weight=result.sub.weight,
        action=action_of(result, strict=True),
        clear_action_right=is_hard,
        filter_id=winner,
        candidates=tuple(one.entry.filter.id for one in candidates if one.entry.filter.id),
        policy_action=action_of(result, strict=False),
        policy_filter_id=winner_of(result.policy),
    )


def _assumptions(walk: Walk) -> tuple[str, ...]:
    found: dict[str, None] = dict.fromkeys(walk.asked.derived)
    fields = walk.fields
    for stage in walk.stages:
        for field in stage.result.used:
            filled = fields.filled(field, stage.step.stem)
            if filled.how in {"assumed", "derived", "empty"} and filled.text:
                found.update(dict.fromkeys(filled.text.split("; ")))
        found.update(dict.fromkeys(stage.result.assumptions))
    return tuple(found)


def _doubts(stages: list[Stage]) -> list[str]:
    """Conditions that cannot be understood, and the same field at two places of a filter."""
    found: dict[str, None] = {}
    for stage in stages:
        program = stage.result.program
        for atom, answer in stage.result.answers.items():
            problem = program.atoms[atom].problem
            if problem and answer == MAYBE:
                field = program.atoms[atom].field.removeprefix("FWPM_CONDITION_")
                found[f"{field} at {stage.step.layer.removeprefix('FWPM_LAYER_')}: {problem}"] = (
                    None
                )
    return list(found)


def _is_no_svchost(flow: Flow) -> bool:
    return flow.app is not None and not flow.app.endswith("\\svchost.exe")
