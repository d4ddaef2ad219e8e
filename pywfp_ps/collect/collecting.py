"""Hosts into the store: fetched beside each other, durable before parsed, each with an outcome."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from queue import Empty, Queue
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from pywfp_ps.collect.judging import (
    Machines,
    about,
    clock_told,
    facts_rows,
    judged,
    noted,
    stated,
)
from pywfp_ps.collect.parsing import Parsed, ParseJob, ParsePool
from pywfp_ps.collect.visiting import Fetched, Plan, Visitor
from pywfp_ps.errors import StoreError
from pywfp_ps.fleet.fanout import FanOut
from pywfp_ps.fleet.outcomes import Outcome
from pywfp_ps.transports import load

if TYPE_CHECKING:
    from pywfp_ps.store import RunWriter, Store
    from pywfp_ps.transports.base import Target, Transport

_TICK: Final = 0.5  # seconds; on Windows a wait does not see Ctrl-C before it ends
_AHEAD: Final = 16
"""Hosts that may wait to be parsed; the visits go no further ahead. They wait as paths."""


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
    thread: what is done is kept, and what is not says so.

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

    def cancel(self, reason: str = "The run was cancelled.") -> None:
        """Ends the run soon."""
        self.fan_out.cancel(reason)

    def __iter__(self) -> Iterator[Outcome]:
        """Runs it.

        Raises:
            StoreError: The run cannot be written; raised after all outcomes, where it can be.
        """
        inbox: Queue[_News] = Queue()
        room = threading.Semaphore(_AHEAD)
        left = 1 + len(self._targets)
        self.is_interrupted = True  # until all have come
        is_any_cancelled = False
        failure: StoreError | None = None
        with ExitStack() as stack:
            pool = stack.enter_context(ParsePool(self._workers))
            stack.enter_context(self._visits(inbox, room))
            while left:
                try:
                    news = inbox.get(timeout=_TICK)
                except Empty:
                    continue
                if news.error is not None and not isinstance(news.error, StoreError):
                    raise news.error
                if news.outcome is None:
                    failure = news.error
                    left -= 1
                elif news.is_to_parse:
                    self._send_to_parser(news, pool, inbox)
                else:
                    room.release()
                    left -= 1
                    is_any_cancelled |= news.outcome.outcome == "cancelled"
                    yield self._settle(news.outcome, news.fetched, news.parsed)
        self.is_interrupted = is_any_cancelled
        if failure is not None:
            raise failure

    @contextmanager
    def _visits(self, inbox: Queue[_News], room: threading.Semaphore) -> Iterator[None]:
        """Runs the visits beside; whoever leaves early leaves none behind."""
        thread = threading.Thread(target=self._visit_all, args=(inbox, room), daemon=True)
        thread.start()
        try:
            yield
        finally:
            if thread.is_alive():
                self.cancel()
                room.release(len(self._targets) + 1)
                thread.join(self._plan.limits.grace + _TICK)

    def _visit_all(self, inbox: Queue[_News], room: threading.Semaphore) -> None:
        """Runs the visits, in a thread of its own, so that parsing never keeps them waiting."""
        try:
            for outcome in self.fan_out:
                fetched = self._visitor.take(outcome.host)
                if outcome.outcome in {"failed", "cancelled"}:
                    fetched.state = None
                room.acquire()
                inbox.put(_News(outcome=outcome, fetched=fetched))
        except BaseException as error:  # noqa: BLE001 - raised again where somebody waits for it
            inbox.put(_News(error=error))
        else:
            inbox.put(_News())

    def _send_to_parser(self, news: _News, pool: ParsePool, inbox: Queue[_News]) -> None:
        outcome, fetched = news.outcome, news.fetched
        if outcome is None or fetched is None or fetched.state is None:
            return
        job = ParseJob(
            host=outcome.host, run_id=self._writer.run_id, part="state", path=fetched.state
        )

        def came(future: Future[Parsed]) -> None:
            inbox.put(_News(outcome=outcome, fetched=fetched, parsed=future.result()))

        pool.submit(job).add_done_callback(came)

    def _settle(self, outcome: Outcome, fetched: Fetched | None, parsed: Parsed | None) -> Outcome:
        """Stores the rows and the outcome of a host; gives the outcome that stands."""
        fetched = fetched or Fetched()
        if parsed is not None:
            outcome = judged(outcome, parsed)
            if parsed.tables:
                rows = stated(parsed.tables, fetched.facts, consistent=fetched.consistent)
                self._writer.add(outcome.host, rows)
        outcome = noted(outcome, clock_told(fetched.facts))
        if outcome.traceback:
            self._writer.note(f"{outcome.host}: {outcome.traceback}")
        self.machines.add(outcome.host, fetched.facts)
        if outcome.outcome == "failed" and self._writer.has_old_rows(outcome.host):
            fetched.facts = None  # what an earlier visit of the run brought is worth more
        add_outcome(self._writer, outcome, fetched, self._plan.groups.get(outcome.host, ()))
        return outcome


class _News(Struct, frozen=True, kw_only=True):
    """An outcome, at first with a dump to parse, then with what it says; or the end of all."""

    outcome: Outcome | None = None
    fetched: Fetched | None = None
    parsed: Parsed | None = None
    error: BaseException | None = None

    @property
    def is_to_parse(self) -> bool:
        return self.parsed is None and self.fetched is not None and self.fetched.state is not None


def add_outcome(
    writer: RunWriter, outcome: Outcome, fetched: Fetched, groups: tuple[str, ...]
) -> None:
    """Puts the outcome of a host into a run, and what its facts say."""
    from pywfp_ps.store import table_of

    host = outcome.host
    if fetched.facts is not None:
        rows = facts_rows(fetched.facts)
        writer.add(
            host,
            {
                kind: table_of(kind, listed, host=host, run_id=writer.run_id)
                for kind, listed in rows.items()
            },
        )
    writer.add_outcome(
        host,
        outcome.outcome,
        outcome.cause,
        detail=outcome.text or None,
        advice=outcome.to_do or None,
        can_retry=outcome.retryable,
        about=about(fetched.facts, groups),
    )
