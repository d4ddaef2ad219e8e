"""Hosts into the store: fetched beside each other, durable before parsed, each with an outcome."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from pywfp_ps.collect.judging import (
    Machines,
    about,
    facts_rows,
    judged,
    noted,
    stated,
    with_cause,
)
from pywfp_ps.collect.parsing import Parsed, ParseJob, ParsePool
from pywfp_ps.collect.visiting import Fetched, Plan, Visitor
from pywfp_ps.errors import StoreError
from pywfp_ps.fleet.causes import Cause
from pywfp_ps.fleet.fanout import FanOut
from pywfp_ps.fleet.outcomes import Outcome, State, cancelled
from pywfp_ps.transports import load

if TYPE_CHECKING:
    import pyarrow as pa

    from pywfp_ps.store import RunWriter, Store
    from pywfp_ps.transports.base import Target, Transport

_TICK: Final = 0.5  # seconds; on Windows a wait does not see Ctrl-C before it ends
_AHEAD: Final = 16
"""Hosts that may wait to be parsed; the visits go no further ahead. They wait as paths."""
_OF_END: Final = ("outcome", "cause", "retryable", "to_do")


def collect(
    store: Store,
    targets: Sequence[Target],
    plan: Plan | None = None,
    *,
    transport_of: Callable[[Target], Transport] | None = None,
    workers: int | None = None,
    note: str = "",
) -> Iterator[Outcome]:
    """Collects hosts into a new run of a store and gives their outcomes as they come.

    The run is finished when all is given out; one that is left before is marked interrupted and
    keeps what is done.

    Args:
        store: Where to.
        targets: The hosts, such as `pywfp_ps.fleet.connection.resolve_targets` gives them.
        plan: What is collected, and how patiently.
        transport_of: The transport of a host; PowerShell remoting by default.
        workers: Worker processes for parsing; as many as there are cores by default.
        note: Kept with the run.

    Raises:
        StoreError: The store cannot be written; raised after the outcomes of all hosts.
    """
    if transport_of is None:
        psrp: Transport = load("psrp")()
        transport_of = lambda _: psrp  # noqa: E731 - shorter than a function with a docstring
    with store.begin_run(command="collect", note=note) as writer:
        collection = Collection(writer, targets, transport_of, plan or Plan(), workers=workers)
        yield from collection
        if collection.is_interrupted:
            writer.finish(interrupted=True)


class Collection:
    """One collection into one run; iterate over it to run it.

    Every target gets exactly one outcome, given out as it comes. `cancel` ends it soon, from any
    thread: what is done is kept, and what is not says so. `leave` ends it at once: what was fetched
    stays on disk and is not read. Rows wait in memory for others; where the disk has no room for
    them, `told_again` says so of their hosts once the run is finished.

    Args:
        writer: The run, open.
        targets: The hosts.
        transport_of: The transport of a host.
        plan: What is collected.
        workers: Worker processes for parsing; as many as there are cores where it is ``None``.

    Attributes:
        is_interrupted: Whether it ended before all hosts were visited.
        machines: Which hosts are one machine; whole when all outcomes are given.
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
        self._visitor = Visitor(writer, transport_of, plan)
        self._targets = targets
        self.fan_out = FanOut(targets, self._visitor.visit, plan.limits)
        self.is_interrupted = False
        self.machines = Machines()
        self._inbox: SimpleQueue[_News] = SimpleQueue()  # for signal handlers too
        self._pool: ParsePool | None = None
        self._is_left = False
        self._settled: set[str] = set()
        self._fetched: dict[str, Outcome] = {}
        self._failure: StoreError | None = None
        self._unsafe: dict[str, _Told] = {}
        self._flushes = writer.flushes

    @property
    def unread(self) -> int:
        """Hosts whose parts are on disk and are not parsed yet."""
        return len(self._fetched)

    @property
    def is_left(self) -> bool:
        """Whether somebody called `leave`."""
        return self._is_left

    def cancel(self, reason: str = "The run was cancelled.") -> None:
        """Ends the run soon; for any thread and any signal handler."""
        self.fan_out.cancel(reason)

    def leave(self) -> None:
        """Ends the run at once; for any thread and any signal handler."""
        self._is_left = True
        self.cancel()
        if self._pool is not None:  # it has a lock, which whoever was interrupted may hold
            threading.Thread(target=self._pool.kill, daemon=True).start()
        self._inbox.put(_News(is_call=True))

    def told_again(self, why: StoreError) -> Iterator[Outcome]:
        """Outcomes that turned out otherwise than they were told; once the writer is finished.

        Args:
            why: What went wrong with the store.
        """
        for host in sorted(self._unsafe.keys() | self._writer.lost.keys()):
            one = self._unsafe.get(host)
            true = one.true if one else Outcome(host=host, outcome="ok", is_recovered=True)
            if state := self._writer.lost.get(host):
                true = _not_kept(true, why, state)
            if one is None or true.outcome != one.told.outcome:
                yield true

    def __iter__(self) -> Iterator[Outcome]:
        """Runs it.

        Raises:
            StoreError: The run cannot be written; raised after all outcomes, where it can be.
        """
        room = threading.Semaphore(_AHEAD)
        left = 1 + len(self._targets)
        self.is_interrupted = True  # until all have come
        is_any_cancelled = False
        with ExitStack() as stack:
            self._pool = stack.enter_context(ParsePool(self._workers))
            stack.enter_context(self._visits(room))
            while left and not self._is_left:
                try:
                    news = self._inbox.get(timeout=_TICK)
                except Empty:
                    continue
                if news.error is not None and not isinstance(news.error, StoreError):
                    raise news.error
                if news.is_call:
                    continue
                if news.outcome is None:
                    self._failure = self._failure or news.error
                    left -= 1
                elif news.is_to_parse:
                    self._send_to_parser(news, self._pool)
                elif not (self._is_left and news.is_stopped):
                    room.release()
                    left -= 1
                    is_any_cancelled |= news.outcome.outcome == "cancelled"
                    yield self._settle(news.outcome, news.fetched, news.parsed)
            if self._is_left:
                self._pool.kill()
        for outcome in self._left_behind():
            is_any_cancelled = True
            yield self._settle(outcome, None, None)
        self.is_interrupted = is_any_cancelled
        if self._failure is not None:
            raise self._failure

    def _left_behind(self) -> Iterator[Outcome]:
        """Outcomes of the hosts that nobody waits for any more."""
        for target in self._targets:
            if target.name not in self._settled:
                text = "The run was left before the host was visited to the end."
                left = cancelled(target.name, text)
                if fetched := self._fetched.get(target.name):
                    text = "The run was left before what the host sent was read; it is on disk."
                    told = {name: getattr(left, name) for name in _OF_END}
                    left = replace(fetched, **{**told, "text": text})
                yield left

    @contextmanager
    def _visits(self, room: threading.Semaphore) -> Iterator[None]:
        """Runs the visits beside; whoever leaves early leaves none behind."""
        thread = threading.Thread(target=self._visit_all, args=(room,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            if thread.is_alive():
                self.cancel()
                room.release(len(self._targets) + 1)
                thread.join(0 if self._is_left else self._plan.limits.grace + _TICK)

    def _visit_all(self, room: threading.Semaphore) -> None:
        """Runs the visits, in a thread of its own, so that parsing never keeps them waiting."""
        try:
            for outcome in self.fan_out:
                fetched = self._visitor.take(outcome.host)
                fetched.keep_for(outcome.outcome)
                news = _News(outcome=outcome, fetched=fetched)
                if news.is_to_parse:
                    self._fetched[outcome.host] = outcome
                room.acquire()
                self._inbox.put(news)
        except BaseException as error:  # noqa: BLE001 - raised again where somebody waits for it
            self._inbox.put(_News(error=error))
        else:
            self._inbox.put(_News())

    def _send_to_parser(self, news: _News, pool: ParsePool) -> None:
        outcome, fetched = news.outcome, news.fetched
        if outcome is None or fetched is None:
            return
        job = ParseJob(host=outcome.host, run_id=self._writer.run_id, parts=dict(fetched.parts))

        def came(future: Future[Parsed]) -> None:
            self._inbox.put(_News(outcome=outcome, fetched=fetched, parsed=future.result()))

        pool.submit(job).add_done_callback(came)

    def _settle(self, outcome: Outcome, fetched: Fetched | None, parsed: Parsed | None) -> Outcome:
        """Stores the rows and the outcome of a host; gives the outcome that stands."""
        fetched = fetched or Fetched()
        tables: dict[str, pa.Table] = {}
        if parsed is not None:
            outcome = judged(outcome, parsed)
            tables = stated(parsed.tables, fetched.facts, consistent=fetched.consistent)
        outcome = noted(outcome, fetched.clock)
        if outcome.traceback:
            self._writer.note(f"{outcome.host}: {outcome.traceback}")
        self.machines.add(outcome.host, fetched.facts)
        if outcome.outcome == "failed" and self._writer.has_old_rows(outcome.host):
            # What an earlier visit of the run brought is worth more.
            fetched.facts, tables = None, {}
        groups = self._plan.groups.get(outcome.host, ())
        self._settled.add(outcome.host)
        self._fetched.pop(outcome.host, None)
        try:
            add_outcome(self._writer, outcome, fetched, groups, tables)
        except StoreError as error:
            self._failure = self._failure or error
            self.fan_out.cancel(str(error), by="store")
            self._unsafe[outcome.host] = _Told(outcome, _not_kept(outcome, error, "failed"))
            return self._unsafe[outcome.host].told
        if self._writer.flushes != self._flushes:
            self._flushes = self._writer.flushes
            self._unsafe.clear()
        elif outcome.outcome in {"ok", "partial"}:
            self._unsafe[outcome.host] = _Told(outcome, outcome)
        return outcome


class _Told(Struct, frozen=True):
    """What came of a host whose rows are not on disk yet, and what was said of it."""

    true: Outcome
    told: Outcome


def _not_kept(outcome: Outcome, why: StoreError, state: State) -> Outcome:
    text = f"its rows could not be written ({why.problem}); what it sent is on disk"
    return with_cause(outcome, state, Cause.STORE, text)


class _News(Struct, frozen=True, kw_only=True):
    """An outcome, at first with a dump to parse, then with what it says; or the end of all."""

    outcome: Outcome | None = None
    fetched: Fetched | None = None
    parsed: Parsed | None = None
    error: BaseException | None = None
    is_call: bool = False

    @property
    def is_stopped(self) -> bool:
        """Whether the parser was ended before it had read it."""
        return self.parsed is not None and self.parsed.is_stopped

    @property
    def is_to_parse(self) -> bool:
        return self.parsed is None and self.fetched is not None and bool(self.fetched.parts)


def add_outcome(
    writer: RunWriter,
    outcome: Outcome,
    fetched: Fetched,
    groups: tuple[str, ...],
    tables: Mapping[str, pa.Table],
) -> None:
    """Puts a host into a run: its outcome, what its facts say, and the rows of its parts."""
    from pywfp_ps.store import table_of

    host = outcome.host
    if fetched.facts is not None and "facts_gaps" not in tables:
        rows = facts_rows(fetched.facts)
        facts = {
            kind: table_of(kind, listed, host=host, run_id=writer.run_id)
            for kind, listed in rows.items()
        }
        tables = {**tables, **facts}
    writer.add_outcome(
        host,
        outcome.outcome,
        outcome.cause,
        detail=outcome.text or None,
        advice=outcome.to_do or None,
        can_retry=outcome.retryable,
        about=about(fetched.facts, groups),
    )
    if tables:
        writer.add(host, tables)
