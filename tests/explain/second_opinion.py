"""Compares answers of the engine with those of the second implementation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from pywfp_ps.explain.arbitrate import LayerResult
from pywfp_ps.explain.batch import Answer
from pywfp_ps.explain.callouts import HARD_BLOCK, HARD_PERMIT, SOFT_BLOCK
from pywfp_ps.explain.engine import Engine, Stage
from pywfp_ps.explain.flow import Flow

_SUBLAYER = (
    "sublayer", "weight", "action", "clear_action_right", "filter_id", "candidates",
    "policy_action", "policy_filter_id",
)  # fmt: skip
_LAYER = ("layer", "step", "phase", "verdict", "certain", "filter_id", "policy_verdict",
          "policy_filter_id")  # fmt: skip


def of_engine(engine: Engine, flow: Flow) -> tuple[dict[str, Any], list[Stage]]:
    """The engine's answer, as far as both give one, and how it came about."""
    walk = engine.walk(flow)
    answer = engine.told(walk)
    deciding = answer.deciding
    if answer.policy_verdict == "permit" and flow.is_icmp_error:
        deciding = None  # no layer authorises an error message; which permit to show is taste
    return {
        "verdict": answer.verdict,
        "certain": answer.certain,
        "policy_verdict": answer.policy_verdict,
        "deciding": deciding and {"layer": deciding.layer, "filter_id": deciding.filter_id},
        "layers": [
            {name: getattr(layer, name) for name in _LAYER}
            | {
                "sublayers": [
                    {name: _plain(getattr(sub, name)) for name in _SUBLAYER}
                    for sub in layer.sublayers
                ]
            }
            for layer in answer.layers
        ],
    }, walk.stages


def short_of(answer: dict[str, Any]) -> tuple[str, str, dict[str, Any] | None]:
    """Both verdicts and the deciding filter of an answer."""
    return answer["verdict"], answer["policy_verdict"], answer["deciding"]


def of_batch(answer: Answer, flow: Flow) -> tuple[str, str, dict[str, Any] | None]:
    """The same of an answer to many flows at once."""
    deciding = {"layer": answer.layer, "filter_id": answer.filter_id} if answer.layer else None
    if answer.policy_verdict == "permit" and flow.is_icmp_error:
        deciding = None
    return answer.verdict, answer.policy_verdict, deciding


def _plain(value: object) -> object:
    """Lists for tuples; "callout" is a shade of unknown that each words in its own way."""
    if value == "callout":
        return "unknown"
    return list(value) if isinstance(value, tuple) else value


def of_second(answer: dict[str, Any]) -> dict[str, Any]:
    """The second answer, as far as both give one."""
    kept = {name: answer[name] for name in ("verdict", "certain", "policy_verdict", "deciding")}
    return kept | {
        "layers": [
            {name: layer[name] for name in _LAYER}
            | {
                "sublayers": [
                    {name: _plain(sub[name]) for name in _SUBLAYER}
                    | {"weight": None if sub["weight"] < 0 else sub["weight"]}
                    for sub in layer["sublayers"]
                ]
            }
            for layer in answer["layers"]
        ],
    }


def events_of(stages: list[Stage]) -> Iterator[str]:
    """What came up in a case, by name: for the counts of a run."""
    results = [stage.result for stage in stages]
    if any(_has_tie(result) for result in results):
        yield "tie"
    if any(_has_veto(result) for result in results):
        yield "veto"
    met = [one.entry for result in results for sub in result.subs for g in sub.met for one in g]
    if any(one.filter.callout and one.votes and not one.is_callout for one in met):
        yield "unregistered callout"
    if _has_unknown_field(stages):
        yield "unknown field"


def _has_tie(result: LayerResult) -> bool:
    """Two filters of equal weight may decide differently."""
    return any(
        len({one.entry.strict for one in group if one.entry.votes}) > 1
        for sub in result.subs
        for group in sub.met
    )


def _has_veto(result: LayerResult) -> bool:
    """A callout's block may come below a hard permit."""
    hard_above = False
    for sub in result.subs:
        votes = {vote for vote, _ in sub.strict}
        if hard_above and votes & {SOFT_BLOCK, HARD_BLOCK}:
            return True
        hard_above = hard_above or HARD_PERMIT in votes
    return False


def _has_unknown_field(stages: list[Stage]) -> bool:
    return any(
        one.answer == 1
        for stage in stages
        for sub in stage.result.subs
        for group in sub.met
        for one in group
    )


def shares(counts: Counter[str]) -> str:
    """The counts of a run as percentages, for people."""
    total = counts["cases"] or 1
    return ", ".join(
        f"{name} {100 * count / total:.1f} %"
        for name, count in sorted(counts.items())
        if name != "cases"
    )
