"""What a change of filters does to verdicts: classes of flows, each with an example.

A class is the flows of one path whose policy verdict and deciding filter are the same before the
change, and the same after it. The classes are exact and together they are all flows whose verdict
changes. Every example is explained by the ordinary engine, before and after, before it is given.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import product
from typing import Any, Final, Literal

from msgspec import Struct, structs

from pywfp_ps.explain.answer import Deciding, Explanation
from pywfp_ps.explain.arbitrate import Verdict
from pywfp_ps.explain.deciders import Decided, decided
from pywfp_ps.explain.diagrams import Set
from pywfp_ps.explain.engine import Engine
from pywfp_ps.explain.find import example
from pywfp_ps.explain.flow import Direction, Flow
from pywfp_ps.explain.guards import Guard
from pywfp_ps.explain.path import verdict_layers
from pywfp_ps.explain.shapes import Span, Wanted, shapes_of
from pywfp_ps.explain.space import Space
from pywfp_ps.explain.symbolic import Deadline, GaveUpError, Model
from pywfp_ps.explain.universe import OTHER_APP, Universe
from pywfp_ps.model.objects import Filter
from pywfp_ps.model.text import PROFILES

Danger = Literal["cut", "may-be-cut", "safe", "unknown"]

_SECONDS: Final = 60.0
_VERDICTS: Final[tuple[Verdict, ...]] = ("permit", "block", "unknown")
_MOST_VALUES: Final = 12


class Side(Struct, frozen=True, kw_only=True):
    """What decides a class before or after the change.

    Attributes:
        verdict: The policy verdict.
        strict: The strict verdict of the example.
        deciding: The filter that decides; ``None`` where no single one does.
    """

    verdict: Verdict
    strict: Verdict
    deciding: Deciding | None = None


class Change(Struct, frozen=True, kw_only=True):
    """A class of flows whose verdict changes.

    Attributes:
        direction: Who sends first.
        ip_version: 4 or 6.
        protocol: Protocol of the example.
        before: What it was.
        after: What it will be.
        values: What all its flows have in common: values by part of the flow, as text; a part
            that may be anything is left out.
        flow: An example.
    """

    direction: Direction
    ip_version: int
    protocol: int
    before: Side
    after: Side
    values: dict[str, tuple[str, ...]]
    flow: Flow


class Guarded(Struct, frozen=True, kw_only=True):
    """What happens to a guarded connection.

    Attributes:
        name: Its name.
        danger: ``cut``: some flow of it is permitted before and blocked after; ``may-be-cut``: the
            verdict of some becomes unknown; ``unknown``: gave up; else ``safe``.
        flow: The flow that is cut or may be.
        before: What decides it now.
        after: What will decide it.
        reason: Why nobody knows.
    """

    name: str
    danger: Danger
    flow: Flow | None = None
    before: Side | None = None
    after: Side | None = None
    reason: str = ""


class Impact(Struct, frozen=True, kw_only=True):
    """What a change does.

    Attributes:
        added: Ids that the added filters have here, in their order.
        removed: Ids of the filters removed.
        changes: Classes of flows whose policy verdict changes.
        guarded: Guarded connections, in the order asked.
        beside: Layers of filters that change and that no verdict hangs on.
        reason: Why not all classes are known; empty where they are.
    """

    added: tuple[int, ...]
    removed: tuple[int, ...]
    changes: tuple[Change, ...]
    guarded: tuple[Guarded, ...]
    beside: tuple[str, ...] = ()
    reason: str = ""

    @property
    def is_dangerous(self) -> bool:
        """Whether a guarded connection is cut, or may be."""
        return any(one.danger != "safe" for one in self.guarded)


def changed(engine: Engine, added: Sequence[Filter], removed: Collection[int]) -> Engine:
    """The host with the change made. Added filters come with ids of their own."""
    kept = tuple(one for one in engine.snapshot.filters if one.id not in removed)
    snapshot = structs.replace(engine.snapshot, filters=(*kept, *added))
    return Engine(snapshot, engine.facts)


def impact(
    before: Engine,
    after: Engine,
    *,
    wanted: Wanted | None = None,
    guards: Iterable[Guard] = (),
    seconds: float = _SECONDS,
) -> Impact:
    """What changes from one policy of a host to another.

    Args:
        before: The host as it is.
        after: The host with the change made.
        wanted: The flows that are looked at for changes; forwarded ones too unless it says.
        guards: Connections to watch.
        seconds: How long to try.
    """
    deadline = Deadline(seconds)
    asked = wanted or Wanted()
    if not asked.directions and asked.action == "connect":
        asked = structs.replace(asked, directions=("in", "out", "forward"))
    found: list[Change] = []
    reason = ""
    try:
        for pair in _pairs(before, after, asked, deadline):
            found += pair.changes()
            reason = reason or "; ".join(pair.universe.inexact)
    except GaveUpError as problem:
        reason = problem.reason
    old = {one.id for one in before.snapshot.filters}
    new = {one.id for one in after.snapshot.filters}
    return Impact(
        added=tuple(one.id for one in after.snapshot.filters if one.id not in old),
        removed=tuple(sorted(old - new)),
        changes=tuple(found),
        guarded=tuple(_guarded(before, after, one, deadline) for one in guards),
        beside=tuple(sorted(_touched(before, after) - verdict_layers())),
        reason=reason,
    )


def _guarded(before: Engine, after: Engine, guard: Guard, deadline: Deadline) -> Guarded:
    """What happens to a guarded connection."""
    dangers: tuple[tuple[Danger, Verdict], ...] = (("cut", "block"), ("may-be-cut", "unknown"))
    maybe: Guarded | None = None
    doubts: list[str] = []
    try:
        for pair in _pairs(before, after, guard.wanted, deadline):
            doubts += pair.universe.inexact
            for danger, verdict in dangers:
                flow = pair.example("permit", verdict)
                if flow is None:
                    continue
                old, new = pair.checked(flow, "permit", verdict)
                found = Guarded(name=guard.name, danger=danger, flow=flow, before=old, after=new)
                if danger == "cut":
                    return found
                maybe = maybe or found
    except GaveUpError as problem:
        doubts.append(problem.reason)
    if maybe is not None or not doubts:
        return maybe or Guarded(name=guard.name, danger="safe")
    return Guarded(name=guard.name, danger="unknown", reason="; ".join(dict.fromkeys(doubts)))


def _pairs(before: Engine, after: Engine, wanted: Wanted, deadline: Deadline) -> Iterator[_Pair]:
    touched = _touched(before, after)
    for shape in shapes_of(wanted):
        universe = Universe(shape, wanted, [before, after])
        if universe.is_empty or not touched & universe.layers:
            continue  # nothing of this path changes
        yield _Pair(universe, before, after, deadline)


def _touched(before: Engine, after: Engine) -> set[str]:
    """Layers whose filters change."""
    old, new = set(before.snapshot.filters), set(after.snapshot.filters)
    return {one.layer for one in old ^ new}


class _Pair:
    """Both policies over the flows of one shape."""

    def __init__(
        self, universe: Universe, before: Engine, after: Engine, deadline: Deadline
    ) -> None:
        self.universe = universe
        self._space = Space(universe)
        self._engines = (before, after)
        self._models = (
            Model(self._space, before, deadline),
            Model(self._space, after, deadline),
        )
        self._verdicts = tuple(model.verdicts() for model in self._models)

    def _flows(self, old: Verdict, new: Verdict) -> Set:
        first, second = self._verdicts
        return first.of(old) & second.of(new)

    def example(self, old: Verdict, new: Verdict) -> Flow | None:
        """A flow with one verdict before and another after."""
        return example(self._space, self._flows(old, new))

    def changes(self) -> Iterator[Change]:
        """All classes of flows of this shape whose verdict changes."""
        for old, new in product(_VERDICTS, _VERDICTS):
            flows = self._flows(old, new)
            if old == new or not flows.satisfiable():
                continue
            for first in decided(self._models[0], flows, old):
                for second in decided(self._models[1], first.flows, new):
                    yield self._change(first, second, old, new)

    def _change(self, first: Decided, second: Decided, old: Verdict, new: Verdict) -> Change:
        flow = example(self._space, second.flows)
        if flow is None:
            raise RuntimeError("a class of changes holds no flow")
        sides = self.checked(flow, old, new)
        for side, expected in zip(sides, (first, second), strict=True):
            got = side.deciding.filter_id if side.deciding else None
            if got != expected.filter_id:
                raise RuntimeError(f"filter {got} decides, not {expected.filter_id}: {flow}")
        return Change(
            direction=flow.direction,
            ip_version=flow.ip_version,
            protocol=flow.protocol,
            before=sides[0],
            after=sides[1],
            values=_values(self._space, second.flows),
            flow=flow,
        )

    def checked(self, flow: Flow, old: Verdict, new: Verdict) -> tuple[Side, Side]:
        """What the engine says of a flow, before and after.

        Raises:
            RuntimeError: It says something else: the sets are wrong, and so is the answer.
        """
        layers = self.universe.wanted.layers or None
        sides = []
        for engine, expected in zip(self._engines, (old, new), strict=True):
            answer: Explanation = engine.explain(flow, layers=layers)
            if answer.policy_verdict != expected:
                raise RuntimeError(
                    f"the example for {expected} is explained as {answer.policy_verdict}: {flow}"
                )
            sides.append(Side(verdict=expected, strict=answer.verdict, deciding=answer.deciding))
        return sides[0], sides[1]


def _values(space: Space, flows: Set) -> dict[str, tuple[str, ...]]:
    """What the flows of a class have in common, axis by axis."""
    found: dict[str, tuple[str, ...]] = {}
    universe = space.universe
    everything = space.world
    for name, axis in space.diagrams.axes.items():
        inside, possible = [], 0
        for at, sample in enumerate(axis.samples):
            cell = space.diagrams.cells(name, 1 << at)
            possible += (everything & cell).satisfiable()
            if (flows & cell).satisfiable():
                inside.append(sample)
        if len(inside) < possible or (len(axis.samples) == 1 and name == "protocol"):
            spans = universe.spans.get(_SPANS.get(name, ""))
            if name == "profile":
                inside = [PROFILES.get(int(str(one)), str(one)) for one in inside]
            found[name] = _span_texts(inside, spans, universe) if spans else _texts(inside)
    return found


_SPANS: Final = {"local_port": "IP_LOCAL_PORT", "remote_port": "IP_REMOTE_PORT",
                 "local": "address", "remote": "address"}  # fmt: skip


def _texts(samples: Iterable[object]) -> tuple[str, ...]:
    texts = tuple("any other" if one == OTHER_APP else str(one) for one in samples)
    more = len(texts) - _MOST_VALUES
    return texts if more <= 0 else (*texts[:_MOST_VALUES], f"and {more} more")


def _span_texts(
    samples: Iterable[Any], spans: dict[int, Span], universe: Universe
) -> tuple[str, ...]:
    """Ranges of numbers, those that touch made one."""
    merged: list[Span] = []
    is_address = False
    for sample in samples:
        is_address = not isinstance(sample, int)
        low, high = spans[int(sample)]
        if merged and merged[-1][1] + 1 == low:
            merged[-1] = (merged[-1][0], high)
        else:
            merged.append((low, high))

    def text(number: int) -> str:
        return str(universe.address(number)) if is_address else str(number)

    return _texts(text(a) if a == b else f"{text(a)}-{text(b)}" for a, b in merged)
