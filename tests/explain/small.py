"""Small policies made by hand, and questions about them."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from pywfp_ps.explain import Engine, Explanation
from pywfp_ps.explain.said import Said, flow_of
from pywfp_ps.model.objects import (
    CALLOUT_REGISTERED,
    CLEAR_ACTION_RIGHT,
    Callout,
    Completeness,
    Condition,
    Filter,
    Layer,
    Provider,
    Snapshot,
    SubLayer,
)

CONNECT = "FWPM_LAYER_ALE_AUTH_CONNECT_V4"
ACCEPT = "FWPM_LAYER_ALE_AUTH_RECV_ACCEPT_V4"
BIND = "FWPM_LAYER_ALE_RESOURCE_ASSIGNMENT_V4"
UPPER, LOWER = "FWPM_SUBLAYER_MPSSVC_WSH", "FWPM_SUBLAYER_MPSSVC_WF"
HARD = (CLEAR_ACTION_RIGHT,)
DRIVER = "{ca000000-0000-4000-8000-000000000001}"
GONE = "{ca000000-0000-4000-8000-000000000002}"
OUT = Said(local="192.0.2.10:50000", remote="203.0.113.10:443", account="user")


def on(
    field: str, value: Any, match: str = "EQUAL", kind: str = "UINT16", **more: Any
) -> Condition:
    """A condition; an address may be text."""
    if isinstance(value, str) and kind == "UINT32":
        value = ip_address(value)
    return Condition(
        field=f"FWPM_CONDITION_{field}",
        match=f"FWP_MATCH_{match}",
        type=f"FWP_{kind}",
        value=value,
        **more,
    )


def rule(
    number: int, action: str, *conditions: Condition, weight: int = 0, layer: str = CONNECT,
    sublayer: str = LOWER, flags: tuple[str, ...] = (), callout: str | None = None, **more: Any,
) -> Filter:  # fmt: skip
    return Filter(
        id=number, key=None, name=f"rule {number}", layer=layer, sublayer=sublayer,
        effective_weight=weight, action=f"FWP_ACTION_{action}", flags=flags, callout=callout,
        conditions=conditions, **more,
    )  # fmt: skip


def policy(*filters: Filter, providers: tuple[Provider, ...] = (), **more: Any) -> Snapshot:
    names = dict.fromkeys(one.layer for one in filters)
    callouts = [
        Callout(
            id=300 + at,
            key=None,
            const_name=name,
            name=f"driver {at}",
            flags=(CALLOUT_REGISTERED,) if name == DRIVER else (),
        )
        for at, name in enumerate((DRIVER, GONE))
    ]
    return Snapshot(
        source="netsh",
        completeness=Completeness(command="netsh wfp show state"),
        layers=tuple(Layer(id=None, key=None, const_name=name) for name in names),
        sublayers=(
            SubLayer(key=None, const_name=UPPER, weight=3),
            SubLayer(key=None, const_name=LOWER, weight=2),
        ),
        providers=providers,
        callouts=tuple(callouts),
        filters=filters,
        **more,
    )


def ask(*filters: Filter, said: Said = OUT, **more: Any) -> Explanation:
    """The answer for a policy of these filters."""
    return Engine(policy(*filters, **more)).explain(flow_of(said))


def verdicts(answer: Explanation) -> tuple[str, str, int | None]:
    """Strict verdict, policy verdict and deciding filter."""
    decider = answer.deciding.filter_id if answer.deciding else None
    return answer.verdict, answer.policy_verdict, decider
