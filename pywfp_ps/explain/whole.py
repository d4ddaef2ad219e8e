"""The verdict of the whole path out of what its layers say, for one flow and for many alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from pywfp_ps.explain.arbitrate import Outcome, Verdict, decider_of, verdict_of
from pywfp_ps.explain.flow import Flow
from pywfp_ps.explain.path import Step, deciding_stem

LayerFinal = tuple[frozenset[Outcome], frozenset[Outcome]]
"""Final outcomes of a layer: strict, and as policy."""


class Whole(Struct, frozen=True, kw_only=True):
    """What the whole path says.

    Attributes:
        verdict: Strict.
        policy_verdict: With callouts as they are modelled.
        layer: Layer that decides: the first that blocks, or the one that authorises the flow;
            ``None`` where the verdict is unknown or no filter decides it.
        deciders: Filters that could be the deciding one, by id.
        is_sure: Whether there is exactly one.
    """

    verdict: Verdict
    policy_verdict: Verdict
    layer: str | None = None
    deciders: tuple[int, ...] = ()
    is_sure: bool = False


def whole_path(flow: Flow, steps: Sequence[Step], finals: Sequence[LayerFinal]) -> Whole:
    """The verdict, and the filter of the first layer that blocks, else of the authorising layer.

    Where the strict verdict is certain the filter is the strict one, else that of the policy
    verdict.

    Args:
        flow: The flow.
        steps: The layers that were asked, in the order of the path.
        finals: What each of them says.
    """
    strict: list[Verdict] = [verdict_of(one) for one, _ in finals]
    policy: list[Verdict] = [verdict_of(one) for _, one in finals]
    verdict, policy_verdict = worst(strict), worst(policy)
    is_strict = verdict != "unknown"
    chosen = verdict if is_strict else policy_verdict
    if chosen == "unknown" or not steps:
        return Whole(verdict=verdict, policy_verdict=policy_verdict)
    at = len(steps) - 1
    if chosen == "block":
        at = (strict if is_strict else policy).index("block")
    else:
        stem = deciding_stem(flow)
        at = next((n for n, step in enumerate(steps) if step.stem == stem), at)
    final = finals[at][0 if is_strict else 1]
    decider = decider_of(final)
    able = {one for _, one in final if one is not None} if decider is None else {decider}
    return Whole(
        verdict=verdict,
        policy_verdict=policy_verdict,
        layer=steps[at].layer if able else None,
        deciders=tuple(sorted(able)),
        is_sure=decider is not None,
    )


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """A certain block anywhere blocks; else one unknown makes it unknown; else it passes."""
    found = set(verdicts)
    if "block" in found:
        return "block"
    return "unknown" if "unknown" in found else "permit"
