"""What a filter of each action may do, strictly and as the policy models it.

Rules: arbitration.md 6.2 to 6.7 (actions), 7.5 to 7.7 (hard and soft), 9.1 to 9.4 (callouts);
explain.md 3 (strict and policy).
"""

from dataclasses import dataclass

from tests.oracle.oracle_read import Callout, Filter, Layer

CLEAR = "FWPM_FILTER_FLAG_CLEAR_ACTION_RIGHT"
PERMIT_IF_MISSING = "FWPM_FILTER_FLAG_PERMIT_IF_CALLOUT_UNREGISTERED"
REGISTERED = "FWPM_CALLOUT_FLAG_REGISTERED"
VOTING = frozenset(["FWP_ACTION_CALLOUT_TERMINATING", "FWP_ACTION_CALLOUT_UNKNOWN"])
SILENT = frozenset(
    [
        "FWP_ACTION_CALLOUT_INSPECTION",
        "FWP_ACTION_CONTINUE",
        "FWP_ACTION_NONE",
        "FWP_ACTION_NONE_NO_MATCH",
    ]
)
FIREWALL_FAMILY = "{c3dbed20-0bb6-4bf3-828d-96732e1e0"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one filter answers. `verdict` is permit, block or continue."""

    verdict: str
    hard: bool = False
    by_callout: bool = False


CONTINUE = Answer(verdict="continue")
SOFT_PERMIT = Answer(verdict="permit", by_callout=True)
STRICT_TERMINATING = frozenset(
    Answer(verdict=verdict, hard=hard, by_callout=True)
    for verdict in ("permit", "block")
    for hard in (False, True)
)
FILTER_BLOCK = Answer(verdict="block", hard=True)


def answers_of(rule: Filter, layer: Layer, *, policy: bool) -> frozenset[Answer]:
    """Everything this filter may answer once it matches."""
    if rule.action == "FWP_ACTION_BLOCK":
        return frozenset([FILTER_BLOCK])
    if rule.action == "FWP_ACTION_PERMIT":
        return frozenset([Answer(verdict="permit", hard=CLEAR in rule.flags)])
    if rule.action in SILENT:
        return frozenset([CONTINUE])
    if rule.action not in VOTING:
        return STRICT_TERMINATING | {CONTINUE}
    callout = layer.callouts.get(rule.callout)
    if callout is None:
        return _missing(rule) | _registered(rule, None, policy=policy)
    if REGISTERED not in callout.flags:
        return _missing(rule)
    return _registered(rule, callout, policy=policy)


def _missing(rule: Filter) -> frozenset[Answer]:
    """Rules 9.1 and 9.2: block, or permit where the filter says so. The filter answers."""
    if PERMIT_IF_MISSING in rule.flags:
        return frozenset([Answer(verdict="permit", hard=CLEAR in rule.flags)])
    return frozenset([FILTER_BLOCK])


def _registered(rule: Filter, callout: Callout | None, *, policy: bool) -> frozenset[Answer]:
    """Rule 6.3 by class; absorbing (9.4) counts as a block that nothing below can undo."""
    unknown_class = rule.action == "FWP_ACTION_CALLOUT_UNKNOWN"
    if not policy:
        return STRICT_TERMINATING | ({CONTINUE} if unknown_class else frozenset())
    if callout is not None and "SILENT_DROP" in callout.key:
        return frozenset([Answer(verdict="block", by_callout=True)])
    return frozenset([CONTINUE if unknown_class else SOFT_PERMIT])


def is_voting_callout(rule: Filter, layer: Layer) -> bool:
    """A registered callout that may permit or block: a possible overrider (explain.md 3)."""
    callout = layer.callouts.get(rule.callout)
    return rule.action in VOTING and (callout is None or REGISTERED in callout.flags)


def is_modelled(rule: Filter, layer: Layer) -> bool:
    """Is this one of Microsoft's own callouts that the policy table speaks about?"""
    callout = layer.callouts.get(rule.callout)
    name = callout.name.lower() if callout else ""
    return (
        rule.callout.lower().startswith(FIREWALL_FAMILY)
        or rule.callout.startswith("FWPM_CALLOUT_")
        or name.startswith("windefend_")
        or name == "rras nat driver"
    )
