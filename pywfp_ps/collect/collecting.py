"""Hosts into the store: fetched beside each other, durable before parsed, each with an outcome."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from pywfp_ps.collect.judging import about, facts_rows, judged, report_of, stated
from pywfp_ps.collect.parsing import Parsed, ParseJob, ParsePool
from pywfp_ps.errors import ReadError
from pywfp_ps.fleet.fanout import FanOut, Limits
from pywfp_ps.fleet.outcomes import Outcome, Report
from pywfp_ps.fleet.visits import Visit
from pywfp_ps.payload import Decoder, Payload
from pywfp_ps.payload import Limits as FrameLimits
from pywfp_ps.read.facts import read_after, read_facts
from pywfp_ps.transports.base import Ran, TransportError

if TYPE_CHECKING:
    from pywfp_ps.model.host import HostFacts
    from pywfp_ps.store import RunWriter
    from pywfp_ps.transports.base import Target, Transport

CALL: Final = "Get-PyWfpState"
_PACKED_RATIO: Final = 4
"""A packed dump is at most this part of the plain limit; real ones are a fifteenth."""


class Plan(Struct, frozen=True, kw_only=True):
    """What is collected of every host.

    Attributes:
        limits: How the run behaves.
        max_dump_mb: Largest dump that is taken, in 2^20 bytes.
        groups: Groups of each host in the inventory.
    """

    limits: Limits = Limits()
    max_dump_mb: int = 512
    groups: Mapping[str, tuple[str, ...]] = {}


class _Fetched:
    """What one visit brought, until its outcome is known."""

    def __init__(self) -> None:
        self.facts: HostFacts | None = None
        self.parsing: Future[Parsed] | None = None
        self.consistent: bool | None = None


class Collection:
    """One collection into one run; iterate over it to run it.

    Every target gets exactly one outcome, given out as it comes. `cancel` ends it soon, from any
    thread: what is done is kept, and what is not says so.

    Args:
        writer: The run, open.
        targets: The hosts.
        transport_of: The transport of a host.
        plan: What is collected.
        workers: Worker processes for parsing; as many as there are cores where it is ``None``.
    """

    def __init__(
        self,
        writer: RunWriter,
        targets: Sequence[Target],
        transport_of: Callable[[Target], Transport],
        plan: Plan,
        *,
        workers: int | None = None,
    ) -> None:
        self._writer, self._plan, self._workers = writer, plan, workers
        self._transport_of = transport_of
        self._fetched: dict[str, _Fetched] = {}
        self._lock = threading.Lock()
        self._pool: ParsePool | None = None
        self.fan_out = FanOut(targets, self._visit, plan.limits)

    def cancel(self, reason: str = "The run was cancelled.") -> None:
        """Ends the run soon."""
        self.fan_out.cancel(reason)

    def __iter__(self) -> Iterator[Outcome]:
        with ExitStack() as stack:
            self._pool = stack.enter_context(ParsePool(self._workers))
            waiting: dict[Future[Parsed], Outcome] = {}
            for outcome in self.fan_out:
                parsing = self._fetched_of(outcome.host).parsing
                if parsing is None or outcome.outcome in {"failed", "cancelled"}:
                    yield self._settle(outcome, None)
                else:
                    waiting[parsing] = outcome
                for done in [future for future in waiting if future.done()]:
                    yield self._settle(waiting.pop(done), done.result())
            while waiting:
                ready, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for done in ready:
                    yield self._settle(waiting.pop(done), done.result())

    def _fetched_of(self, host: str) -> _Fetched:
        with self._lock:
            return self._fetched.setdefault(host, _Fetched())

    def _visit(self, target: Target, visit: Visit) -> Report:
        """Asks one host, in a thread of its own; what it sends is on disk when this returns."""
        with self._lock:
            fetched = self._fetched[target.name] = _Fetched()
        transport = self._transport_of(target)
        decoder = Decoder(host=target.name, transport=transport.name, limits=self._frame_limits())
        sizes = [0, 0]

        def keep(line: str) -> None:
            found = decoder.feed(line)
            if isinstance(found, Payload) and not visit.is_stopped:
                sizes[0] += found.packed
                sizes[1] += found.plain
                self._keep(found, fetched)

        arguments = {
            "Run": self._writer.run_id.replace("T", "-"),
            "LimitSeconds": str(max(1, int(self._plan.limits.seconds * 0.8))),
            "MaxMegabytes": str(self._plan.max_dump_mb),
        }
        ran: Ran | TransportError
        try:
            ran = transport.run(target, CALL, arguments, on_frame=keep, watch=visit)
        except TransportError as error:
            if fetched.parsing is None:
                raise
            ran = error  # the dump was whole before the host was lost
        finally:
            received = decoder.finish()
            for broken in received.payloads:
                name = f"{broken.part}.incomplete"
                self._writer.put_raw(target.name, name, broken.data, info=broken.info())
        report = report_of(ran, received, has_state=fetched.parsing is not None)
        return replace(report, packed=sizes[0], plain=sizes[1])

    def _frame_limits(self) -> FrameLimits:
        plain = self._plan.max_dump_mb << 20
        return FrameLimits(plain=plain, packed=max(plain // _PACKED_RATIO, 1 << 20))

    def _keep(self, payload: Payload, fetched: _Fetched) -> None:
        """Puts a whole part on disk, and only then looks into it."""
        path = self._writer.put_raw(payload.host, payload.part, payload.data, info=payload.info())
        if payload.part == "state" and self._pool is not None:
            job = ParseJob(
                host=payload.host, run_id=self._writer.run_id, part=payload.part, path=path
            )
            fetched.parsing = self._pool.submit(job)
        elif payload.part == "facts":
            with suppress(ReadError):  # the raw part is kept, and unknown facts stay unknown
                fetched.facts, _ = read_facts(payload.raw())
        elif payload.part == "after":
            before = fetched.facts.bfe_started_at if fetched.facts else None
            after = read_after(payload.raw())
            if before is not None and after is not None:
                fetched.consistent = before == after

    def _settle(self, outcome: Outcome, parsed: Parsed | None) -> Outcome:
        """Stores the rows and the outcome of a host; gives the outcome that stands."""
        fetched = self._fetched_of(outcome.host)
        if parsed is not None:
            outcome = judged(outcome, parsed)
            if parsed.tables:
                self._writer.add(
                    outcome.host,
                    stated(parsed.tables, fetched.facts, consistent=fetched.consistent),
                )
        self._add_facts(outcome.host, fetched)
        self._writer.add_outcome(
            outcome.host,
            outcome.outcome,
            outcome.cause,
            detail=outcome.text or None,
            advice=outcome.to_do or None,
            can_retry=outcome.retryable,
            about=about(fetched.facts, self._plan.groups.get(outcome.host, ())),
        )
        with self._lock:
            self._fetched.pop(outcome.host, None)
        return outcome

    def _add_facts(self, host: str, fetched: _Fetched) -> None:
        if fetched.facts is None:
            return
        from pywfp_ps.store import table_of

        run_id = self._writer.run_id
        self._writer.add(
            host,
            {
                kind: table_of(kind, rows, host=host, run_id=run_id)
                for kind, rows in facts_rows(fetched.facts).items()
            },
        )
