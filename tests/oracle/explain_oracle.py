"""The second opinion for ``wfp explain``: slow, obvious, straight from the numbered rules.

Nothing is taken from the package. Rules: arbitration.md 14 (order of work); explain.md 3 (strict
and policy), 4 (phases), 7 (redirection), 9 (endpoints). The answer has the shape of
``wfp explain --json``.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from tests.oracle.oracle_arbitrate import (
    Met,
    Said,
    Standing,
    deciders,
    in_force,
    layer_stands,
    met_filters,
    sublayer_says,
    sublayers_of,
    verdicts_of,
)
from tests.oracle.oracle_callouts import CLEAR, is_modelled, is_voting_callout
from tests.oracle.oracle_fields import View, fields_at
from tests.oracle.oracle_logic import Tri
from tests.oracle.oracle_match import Fields, filter_matches, unsettled_fields
from tests.oracle.oracle_path import deciding_layer, path_of, version_of
from tests.oracle.oracle_read import Filter, Layer, State

Flow = Mapping[str, object]


def explain(state: State, flow: Flow) -> dict[str, Any]:
    """Both verdicts over the whole path, and how every sublayer of every layer came to its own."""
    view = View(flow=flow, state=state)
    view.redirect = _redirect(view)
    layers, overriders, unknowns = [], [], set()
    for step, (key, phase) in enumerate(path_of(flow), start=1):
        layer = state.layers.get(key)
        if layer is None or not layer.filters:
            layers.append(_absent(key, phase, step))
            continue
        fields = fields_at(view, key)
        layers.append({"layer": key, "step": step, "phase": phase, **_layer(layer, state, fields)})
        overriders += _overriders(layer, state, fields)
        unknowns |= _unknowns(layer, state, fields)
    verdict = whole_path(one["verdict"] for one in layers)
    policy = whole_path(one["policy_verdict"] for one in layers)
    return {
        "verdict": verdict,
        "certain": verdict != "unknown",
        "policy_verdict": policy,
        "deciding": _deciding(layers, verdict, policy, deciding_layer(flow)),
        "overriders": overriders,
        "assumptions": view.notes,
        "unknowns": sorted(unknowns),
        "layers": layers,
    }


def whole_path(verdicts: Iterable[str]) -> str:
    """A certain block at any layer is a block, else any unknown is unknown, else permit (1.1)."""
    seen = set(verdicts)
    if "block" in seen:
        return "block"
    return "unknown" if "unknown" in seen else "permit"


def _absent(key: str, phase: str, step: int) -> dict[str, Any]:
    """A layer without filters, listed in the dump or not, permits (8.1)."""
    verdict = {"verdict": "permit", "certain": True, "filter_id": None}
    policy = {"policy_verdict": "permit", "policy_filter_id": None}
    possible = {"possible": ["permit"], "policy_possible": ["permit"], "sublayers": []}
    return {"layer": key, "step": step, "phase": phase, **verdict, **policy, **possible}


def _redirect(view: View) -> Tri:
    """explain.md 1 and 7: a filter that may match at a redirect layer may change the flow."""
    if view.flow.get("direction") != "out":
        return False
    for name in ("ALE_BIND_REDIRECT", "ALE_CONNECT_REDIRECT"):
        layer = view.state.layers.get(f"FWPM_LAYER_{name}_V{version_of(view.flow)}")
        if layer is None or not layer.filters:
            continue
        fields = fields_at(view, layer.key)
        for rule in layer.filters:
            if in_force(rule, view.state) and filter_matches(rule, layer, fields) is not False:
                return None
    return False


def _layer(layer: Layer, state: State, fields: Fields) -> dict[str, Any]:
    """Rules 14.1 to 14.5 for one layer, once strictly and once as policy."""
    strict, policy, shown = [], [], []
    for key, weight, rules in sublayers_of(layer, state):
        met = met_filters(rules, layer, fields, policy=False)
        modelled = met_filters(rules, layer, fields, policy=True)
        if not met:
            continue
        strict.append(sublayer_says(met))
        policy.append(sublayer_says(modelled))
        shown.append(_sublayer(key, weight, layer, (met, strict[-1]), (modelled, policy[-1])))
    standing, policy_standing = layer_stands(strict), layer_stands(policy)
    verdict, filter_id = _outcome(standing)
    policy_verdict, policy_id = _outcome(policy_standing)
    return {
        "verdict": verdict,
        "certain": verdict != "unknown",
        "filter_id": filter_id,
        "policy_verdict": policy_verdict,
        "policy_filter_id": policy_id,
        "possible": sorted(verdicts_of(standing)),
        "policy_possible": sorted(verdicts_of(policy_standing)),
        "sublayers": shown,
    }


def _outcome(standing: frozenset[Standing]) -> tuple[str, int | None]:
    """One verdict or unknown; the filter where every possibility names the same one."""
    verdicts = verdicts_of(standing)
    ids = {one.filter_id for one in standing}
    if len(verdicts) > 1:
        return "unknown", None
    return next(iter(verdicts)), ids.pop() if len(ids) == 1 else None


def _sublayer(
    key: str,
    weight: int,
    layer: Layer,
    strict: tuple[list[Met], frozenset[Said]],
    policy: tuple[list[Met], frozenset[Said]],
) -> dict[str, Any]:
    """The sublayer as the answer shows it: winner first among those that could decide."""
    met, said = strict
    rules = [one.rule for one in deciders(met)]
    winner = _winner(said)
    rules.sort(key=lambda rule: rule.id != winner)
    cleared = any(rule.id == winner and CLEAR in rule.flags for rule in rules)
    return {
        "sublayer": key,
        "weight": weight,
        "action": _action(met, said, layer),
        "clear_action_right": cleared,
        "filter_id": winner,
        "candidates": [rule.id for rule in rules],
        "policy_action": _action(policy[0], policy[1], layer),
        "policy_filter_id": _winner(policy[1]),
    }


def _winner(said: frozenset[Said]) -> int | None:
    ids = {one.filter_id for one in said}
    return ids.pop() if len(ids) == 1 else None


def _action(met: list[Met], said: frozenset[Said], layer: Layer) -> str:
    """permit or block where only that is possible; callout where a callout surely has a say."""
    verdicts = {one.answer.verdict if one.answer else "none" for one in said}
    if len(verdicts) == 1:
        return verdicts.pop()
    able = {one.filter_id for one in said}
    voting = [one for one in met if one.rule.id in able and is_voting_callout(one.rule, layer)]
    return "callout" if any(one.matches for one in voting) else "unknown"


def _deciding(
    layers: list[dict[str, Any]], verdict: str, policy: str, main: str
) -> dict[str, Any] | None:
    """The filter behind the verdict: of the first block, else of the authorising layer."""
    prefix, chosen = ("", verdict) if verdict != "unknown" else ("policy_", policy)
    if chosen == "unknown":
        return None
    for one in layers:
        blocks = chosen == "block" and one[f"{prefix}verdict"] == "block"
        if (blocks or (chosen == "permit" and one["layer"] == main)) and one[f"{prefix}filter_id"]:
            return {"layer": one["layer"], "filter_id": one[f"{prefix}filter_id"]}
        if blocks:
            return None
    return None


def _overriders(layer: Layer, state: State, fields: Fields) -> list[dict[str, Any]]:
    """explain.md 3: registered voting callouts that may be met here."""
    found = []
    for rule in layer.filters:
        if not in_force(rule, state) or not is_voting_callout(rule, layer):
            continue
        if filter_matches(rule, layer, fields) is not False:
            modelled = is_modelled(rule, layer)
            callout = layer.callouts.get(rule.callout)
            found.append(
                {
                    "layer": layer.key,
                    "callout": rule.callout,
                    "product": callout.name if callout else "",
                    "modelled": modelled,
                }
            )
    return found


def _unknowns(layer: Layer, state: State, fields: Fields) -> set[str]:
    """Fields on which some filter that is not ruled out still hangs."""
    pending: list[Filter] = [
        rule
        for rule in layer.filters
        if in_force(rule, state) and filter_matches(rule, layer, fields) is None
    ]
    return {name for rule in pending for name in unsettled_fields(rule, layer, fields)}
