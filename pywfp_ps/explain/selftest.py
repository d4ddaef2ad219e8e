"""Checks the engine against what a host really does.

Every connected endpoint in a state dump was authorised by the kernel that printed it, so explaining
it from the same dump must never give a certain block in both directions (section 9).
"""

from __future__ import annotations

from msgspec import Struct

from pywfp_ps.errors import UsageError
from pywfp_ps.explain.engine import Engine
from pywfp_ps.explain.flow import ICMP, WITH_PORTS, Direction, Flow, parse_app
from pywfp_ps.model.objects import AleEndpoint


class Contradiction(Struct, frozen=True, kw_only=True):
    """An endpoint that is connected although both directions come out as a certain block."""

    endpoint: int | None
    flow: str
    layers: tuple[str, ...]
    filter_ids: tuple[int | None, ...]


class SelfTest(Struct, frozen=True, kw_only=True):
    """What the test of one snapshot gave.

    Attributes:
        endpoints: Connected endpoints that were asked about.
        skipped: Endpoints that make no flow.
        asked: Questions asked: two an endpoint.
        certain: Questions with a certain strict verdict.
        policy: Questions with a policy verdict.
        contradictions: Endpoints that are surely blocked both ways.
    """

    endpoints: int
    skipped: int
    asked: int
    certain: int
    policy: int
    contradictions: tuple[Contradiction, ...] = ()


def self_test(engine: Engine, *, preset: str | None = None) -> SelfTest:
    """Asks about every connected endpoint in both directions.

    Args:
        engine: The snapshot's engine.
        preset: Account to take every program's token for; unsaid without it.
    """
    endpoints = skipped = asked = certain = policy = 0
    wrong = []
    for end in engine.snapshot.endpoints:
        flows = [endpoint_flow(end, direction, preset=preset) for direction in ("out", "in")]
        if None in flows:
            skipped += 1
            continue
        endpoints += 1
        answers = [engine.explain(flow) for flow in flows if flow is not None]
        asked += len(answers)
        certain += sum(answer.certain for answer in answers)
        policy += sum(answer.policy_verdict != "unknown" for answer in answers)
        if all(answer.verdict == "block" for answer in answers):
            deciders = [answer.deciding for answer in answers]
            wrong.append(
                Contradiction(
                    endpoint=end.id,
                    flow=_text(end),
                    layers=tuple(one.layer for one in deciders if one),
                    filter_ids=tuple(one.filter_id for one in deciders if one),
                )
            )
    return SelfTest(
        endpoints=endpoints,
        skipped=skipped,
        asked=asked,
        certain=certain,
        policy=policy,
        contradictions=tuple(wrong),
    )


def endpoint_flow(
    end: AleEndpoint, direction: Direction, *, preset: str | None = None
) -> Flow | None:
    """The flow of an endpoint, ``None`` where the endpoint does not say enough."""
    if end.protocol is None or end.ip_version not in {4, 6}:
        return None
    has_ports = end.protocol in WITH_PORTS
    try:
        return Flow(
            direction=direction,
            ip_version=end.ip_version,
            protocol=end.protocol,
            local_address=end.local_address,
            remote_address=end.remote_address,
            local_port=end.local_port if has_ports else None,
            remote_port=end.remote_port if has_ports else None,
            icmp_type=end.local_port if end.protocol in ICMP else None,
            icmp_code=end.remote_port if end.protocol in ICMP else None,
            app=parse_app(end.app_id) if end.app_id else None,
            preset=preset,
        )
    except UsageError:
        return None  # a program that is neither a path nor System, a port out of range


def _text(end: AleEndpoint) -> str:
    ends = f"{end.local_address}:{end.local_port} {end.remote_address}:{end.remote_port}"
    return f"protocol {end.protocol} {ends} {end.app_id or ''}".strip()
