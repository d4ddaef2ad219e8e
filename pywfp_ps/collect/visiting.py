"""One visit of one host: what it sends is on disk before anybody looks into it."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from pywfp_ps.collect.judging import clock_told, report_of
from pywfp_ps.collect.parsing import AROUND, ENGINE, READ
from pywfp_ps.errors import ReadError, UsageError
from pywfp_ps.fleet.fanout import Limits
from pywfp_ps.fleet.outcomes import Report
from pywfp_ps.fleet.visits import Visit
from pywfp_ps.payload import Decoder, Payload, Problem, Received
from pywfp_ps.payload import Limits as FrameLimits
from pywfp_ps.read.facts import LARGEST, read_after, read_facts, read_newest_filters
from pywfp_ps.transports.base import Ran, TransportError

if TYPE_CHECKING:
    from pywfp_ps.model.host import HostFacts
    from pywfp_ps.store import RunWriter
    from pywfp_ps.transports.base import Target, Transport

CALL: Final = "Get-PyWfpSnapshot"
CONTEXT: Final = (
    *("Service", "Driver", "Process", "Listener", "Route", "FirewallProfile", "FirewallRule"),
    *("Proxy", "AuditPolicy", "SysPort", "Volume", "Interface", "Option", "NetEvent"),
)
"""Kinds of context that a collection asks for."""

_OURS: Final = "problems"
"""Part that we write ourselves beside those of a host; one of its own is not taken for it."""

_JOB: Final = frozenset({"facts", "after"})
_SOURCES: Final[dict[str, frozenset[str]]] = {
    "netsh": frozenset({"state"}),
    "ntobjectmanager": frozenset({"records"}),
    "both": frozenset({"state", "records"}),
}
_PACKED_RATIO: Final = 4
"""A packed dump is at most this part of the plain limit; real ones are a fifteenth."""

_NETSH_SHARE: Final = 0.8
"""Part of a visit's time that netsh may take, so that the host can tell what went wrong."""


_log = logging.getLogger(__name__)

Source = Literal["netsh", "ntobjectmanager", "both"]
"""Where the filter engine's objects come from."""


class Plan(Struct, frozen=True, kw_only=True):
    """What is collected of every host.

    Attributes:
        limits: How the run behaves.
        source: Where the filter engine's objects come from.
        max_dump_mb: Largest dump that is taken, in 2^20 bytes.
        context: Kinds of context to ask for besides; none for the dump and the facts alone.
        groups: Groups of each host in the inventory.
        recorded: When each host was asked whose frames are replayed; None where nobody knows.
    """

    limits: Limits = Limits()
    source: Source = "netsh"
    max_dump_mb: int = 512
    context: tuple[str, ...] = CONTEXT
    groups: Mapping[str, tuple[str, ...]] = {}
    recorded: Mapping[str, datetime | None] = {}

    @property
    def wanted(self) -> frozenset[str]:
        """Parts that a good job brings whole."""
        listed = set(self.context) - {"SysPort", "Option", "NetEvent"}
        return _JOB | _SOURCES[self.source] | ({"context"} if listed else set())


def arguments_of(plan: Plan, run: str) -> dict[str, str | list[str]]:
    """What the function on the host is given, for a run of that name."""
    return {
        "Source": plan.source,
        "Context": list(plan.context) or "",
        "Run": run.replace("T", "-"),
        "LimitSeconds": str(max(1, min(9999, int(plan.limits.seconds * _NETSH_SHARE)))),
        "MaxMegabytes": str(plan.max_dump_mb),
    }


class Fetched:
    """What one visit brought, until its outcome is known.

    Args:
        now: The clock of this machine; it gives None where that says nothing of the host's.

    Attributes:
        parts: Whole parts on disk that rows come from.
        facts: What the host said of itself.
        clock: How far its clock was off when it said so, in words.
        consistent: Whether the engine was the same all the while; None where nobody knows.
    """

    def __init__(self, now: Callable[[], datetime | None] = lambda: None) -> None:
        self._now = now
        self.parts: dict[str, Path] = {}
        self.facts: HostFacts | None = None
        self.clock = ""
        self.consistent: bool | None = None

    def look_into(self, payload: Payload, path: Path) -> None:
        """Takes in a whole part that is on disk."""
        if payload.part in READ:
            self.parts[payload.part] = path
        if payload.part in {"facts", "after"} and payload.plain <= LARGEST:
            self.look_at(payload.part, payload.raw())

    def keep_for(self, outcome: str) -> None:
        """Leaves out the parts that are not to be parsed where a visit ended like that."""
        if outcome == "failed":  # what of the engine came may not be all of it
            for part in ENGINE:
                self.parts.pop(part, None)
        told = self.parts.keys() & (ENGINE | AROUND)
        if outcome == "cancelled" or told <= {"problems"}:
            self.parts.clear()

    @property
    def has_engine(self) -> bool:
        """Whether a part with objects of the filter engine came whole."""
        return not ENGINE.isdisjoint(self.parts)

    def look_at(self, part: str, plain: bytes) -> None:
        """Takes in the plain bytes of the facts, or of what is said after the dump."""
        if len(plain) > LARGEST:  # kept raw, as all is
            return
        if part == "facts":
            with contextlib.suppress(ReadError):  # kept raw, and unknown facts stay unknown
                self.facts, _ = read_facts(plain)
                self.clock = clock_told(self.facts, self._now())
            return
        before = self.facts.bfe_started_at if self.facts else None
        after = read_after(plain)
        if before is not None and after is not None:
            self.consistent = before == after
        if len(set(read_newest_filters(plain))) > 1:
            self.consistent = False


class Visitor:
    """Visits hosts for one run; `visit` is for many threads at once.

    Args:
        writer: The run.
        transport_of: The transport of a host.
        plan: What is collected.
    """

    def __init__(
        self, writer: RunWriter, transport_of: Callable[[Target], Transport], plan: Plan
    ) -> None:
        self._writer, self._transport_of, self._plan = writer, transport_of, plan
        self._fetched: dict[str, Fetched] = {}
        self._arguments = arguments_of(plan, writer.run_id)
        plain = plan.max_dump_mb << 20
        self._frames = FrameLimits(plain=plain, packed=max(plain // _PACKED_RATIO, 1 << 20))

    def take(self, host: str) -> Fetched:
        """What the last visit of a host brought; it is not kept any longer."""
        return self._fetched.pop(host, None) or Fetched()

    def _now(self, host: str) -> datetime | None:
        recorded = self._plan.recorded
        return recorded[host] if host in recorded else datetime.now(UTC)

    def visit(self, target: Target, visit: Visit) -> Report:
        """Asks one host, in the thread of the caller.

        Raises:
            TransportError: It did not get so far as to send a dump.
            StoreError: What it sent could not be kept.
        """
        fetched = self._fetched[target.name] = Fetched(lambda: self._now(target.name))
        job = _Job(self._writer, fetched, visit)
        transport = self._transport_of(target)
        decoder = Decoder(
            host=target.name,
            transport=transport.name,
            limits=self._frames,
            hide=target.credential.hide,
        )

        def take(line: str) -> None:
            found = decoder.feed(line)
            if isinstance(found, Payload):
                job.keep(found)

        ran: Ran | TransportError
        try:
            ran = transport.run(target, CALL, self._arguments, on_frame=take, watch=visit)
        except TransportError as error:
            if not fetched.has_engine:
                raise
            ran = error  # the dump was whole before the host was lost
        finally:
            received = decoder.finish()
            job.keep_evidence(received.payloads)
            job.keep_problems(target.name, received)
        report = report_of(ran, received, whole=job.whole, wanted=self._plan.wanted)
        return replace(report, packed=job.packed, plain=job.plain)


class _Job:
    """The parts of one visit on their way to the disk."""

    def __init__(self, writer: RunWriter, fetched: Fetched, visit: Visit) -> None:
        self._writer, self._fetched, self._visit = writer, fetched, visit
        self.whole: set[str] = set()
        self.packed = self.plain = 0

    def keep(self, payload: Payload) -> None:
        """Puts a whole part on disk, and only then looks into it."""
        if self._visit.is_stopped:  # its outcome may be given already
            return
        if payload.part == _OURS:
            self.keep_evidence((payload,))
            return
        path = self._writer.put_raw(payload.host, payload.part, payload.data, info=payload.info())
        size = f"{payload.packed} bytes of {payload.plain}"
        _log.debug("%s: part %s is on disk, %s", payload.host, payload.part, size)
        self.whole.add(payload.part)
        self.packed += payload.packed
        self.plain += payload.plain
        self._fetched.look_into(payload, path)

    def keep_evidence(self, payloads: tuple[Payload, ...]) -> None:
        """Puts what never became whole beside the rest, under a name that nobody parses."""
        for broken in payloads:
            with contextlib.suppress(UsageError):  # the run may be closed: nobody waited for us
                name = f"{broken.part}.incomplete"
                self._writer.put_raw(broken.host, name, broken.data, info=broken.info())

    def keep_problems(self, host: str, received: Received) -> None:
        """Puts what is wrong with a job beside what it brought, so that its rows say so too."""
        faults = (Problem(code=one.code, part=one.part, text=one.text) for one in received.faults)
        problems = (*received.problems, *faults)
        if not problems or not self.whole or self._visit.is_stopped:
            return
        with contextlib.suppress(UsageError):  # as above
            data = msgspec.json.encode(problems)
            self._fetched.parts[_OURS] = self._writer.put_raw(host, _OURS, data)
