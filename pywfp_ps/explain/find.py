"""An example of a flow with a verdict, or the proof that no flow has it.

The answer speaks of flows whose verdict is certain in the sense asked for, as policy or strictly. A
flow whose verdict is unknown is neither permitted nor blocked; where nothing else is left the
answer names one. Every example is explained by the ordinary engine before it is given.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

from msgspec import Struct

from pywfp_ps.explain.answer import Explanation
from pywfp_ps.explain.arbitrate import Verdict
from pywfp_ps.explain.diagrams import Set
from pywfp_ps.explain.engine import Engine
from pywfp_ps.explain.flow import KERNEL, Flow
from pywfp_ps.explain.shapes import Wanted, shapes_of
from pywfp_ps.explain.space import Space
from pywfp_ps.explain.symbolic import Deadline, GaveUpError, Model
from pywfp_ps.explain.universe import EXAMPLES, OTHER_APP, USUAL_PORT, Universe

Status = Literal["found", "gave-up", "none"]

_SECONDS: Final = 60.0
_ETHERNET: Final = 6
_OF_KERNEL: Final = frozenset({80, 443, 445, 5985, 5986})
"""Ports that the kernel's own servers listen on (HTTP.sys, SMB)."""


class Found(Struct, frozen=True, kw_only=True):
    """The answer to a question about all flows.

    Attributes:
        status: ``found``, ``none`` (proven) or ``gave-up``.
        verdict: The verdict asked for.
        strict: Whether it is the strict one.
        flow: The example.
        explanation: What the engine says of it.
        unknown: Where no flow has the verdict: one whose verdict is unknown, if there is any.
        reason: Why there is no answer.
        shapes: How many kinds of paths were looked at.
    """

    status: Status
    verdict: Verdict
    strict: bool = False
    flow: Flow | None = None
    explanation: Explanation | None = None
    unknown: Flow | None = None
    reason: str = ""
    shapes: int = 0


def find(
    engine: Engine,
    wanted: Wanted,
    verdict: Verdict,
    *,
    strict: bool = False,
    seconds: float = _SECONDS,
) -> Found:
    """An example among the flows that are wanted, or that there is none, or that nobody knows.

    Args:
        engine: The host.
        wanted: Which flows are asked about.
        verdict: The verdict of the example.
        strict: Whether callouts may do what their class allows.
        seconds: How long to try.
    """
    deadline = Deadline(seconds)
    doubts: list[str] = []
    unknown: Flow | None = None
    count = 0
    for shape in shapes_of(wanted):
        try:
            space = Space(Universe(shape, wanted, [engine]))
            if space.universe.is_empty:
                continue
            count += 1
            sets = Model(space, engine, deadline).verdicts(strict=strict)
        except GaveUpError as problem:
            doubts.append(problem.reason)
            break
        flow = example(space, sets.of(verdict))
        if flow is not None:
            explanation = checked(engine, wanted, flow, verdict, strict=strict)
            return Found(
                status="found", verdict=verdict, strict=strict, flow=flow, explanation=explanation,
                shapes=count,
            )  # fmt: skip
        if unknown is None and verdict != "unknown":
            unknown = example(space, sets.unknown)
        doubts += space.universe.inexact
    return Found(
        status="gave-up" if doubts else "none",
        verdict=verdict,
        strict=strict,
        unknown=unknown,
        reason="; ".join(dict.fromkeys(doubts)),
        shapes=count,
    )


def example(space: Space, flows: Set) -> Flow | None:
    """One of the flows, as ordinary as it can be; ``None`` where there is none."""
    if not flows.satisfiable():
        return None
    point = space.diagrams.point(flows, _wishes(space))
    return None if point is None else space.universe.flow(point)


def checked(
    engine: Engine, wanted: Wanted, flow: Flow, verdict: Verdict, *, strict: bool
) -> Explanation:
    """What the engine says of an example.

    Raises:
        RuntimeError: It says another verdict: the sets are wrong, and so is the answer.
    """
    explanation = engine.explain(flow, layers=wanted.layers or None)
    got = explanation.verdict if strict else explanation.policy_verdict
    if got != verdict:
        raise RuntimeError(f"the example for {verdict} is explained as {got}: {flow}")
    return explanation


def _own_end(space: Space) -> Set:
    """An address that the host holds, on the interface that holds it."""
    diagrams, found = space.diagrams, space.diagrams.none
    axes, universe = diagrams.axes, space.universe
    if "local" not in axes or universe.base.direction == "forward":
        return found
    for address, luid in universe.engines[0].facts.interfaces.items():
        if not (address.is_loopback or address.is_link_local):
            here = diagrams.among("local", (address,))
            if "interface" in axes:
                here &= diagrams.among("interface", (luid,))
            found |= here
    return found


def _is_of_a_host(address: object) -> bool:
    """Whether an IPv4 address does not look like that of a network or of its broadcasts."""
    last = getattr(address, "packed", b"\1")
    return len(last) != 4 or last[-1] not in {0, 255}


def _wishes(space: Space) -> Iterator[Set]:
    """What makes an example ordinary, the most telling first."""
    diagrams, axes = space.diagrams, space.diagrams.axes
    yield ~space.loopback
    if "package" in axes:
        yield diagrams.where("package", lambda one: one == "none")
    yield _own_end(space)
    for name in ("local", "remote"):
        if name in axes:
            yield diagrams.where(name, lambda one: not getattr(one, "is_multicast", False))
            yield diagrams.where(name, lambda one: str(one) != "255.255.255.255")
            yield diagrams.where(name, _is_of_a_host)
            yield diagrams.among(name, EXAMPLES[name])
    if "interface" in axes:
        engine = space.universe.engines[0]
        known = {luid for _, luid in engine.compiled.epochs} | {*engine.facts.interfaces.values()}
        yield diagrams.where("interface", lambda one: one in known)
        yield diagrams.where("interface", lambda one: int(str(one)) >> 48 == _ETHERNET)
    if "profile" in axes:
        yield diagrams.where("profile", lambda one: one != 0)
    if "bind" in axes:
        yield diagrams.cells("bind", 1)
    is_inbound = space.universe.base.direction == "in"
    client, server = ("remote_port", "local_port") if is_inbound else ("local_port", "remote_port")
    if client in axes:
        yield diagrams.where(client, lambda one: one == USUAL_PORT)
    if server in axes:
        yield diagrams.where(server, lambda one: one != 0)
    if is_inbound and "app" in axes and axes.get(server) and axes[server].samples[0] in _OF_KERNEL:
        yield diagrams.where("app", lambda one: one == KERNEL)
    if "app" in axes:
        yield diagrams.where("app", lambda one: one != OTHER_APP)
    for name in diagrams.flags:
        yield ~diagrams.flag(name)
