"""Parsing in worker processes, beside whatever brings the payloads.

Workers are spawned, never forked: threads and event loops of the caller do not survive a fork. They
get the path of a durable payload and give back Arrow tables. A worker that dies costs one payload:
what was in flight is tried once more, each alone, and only what kills its worker again fails.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from threading import BoundedSemaphore, Lock, Thread
from types import TracebackType
from typing import TYPE_CHECKING, Final, Protocol, Self, TypeVar

from msgspec import Struct

if TYPE_CHECKING:
    import pyarrow as pa

    from pywfp_ps.store.writer import Outcome

T = TypeVar("T")
ENGINE: Final = frozenset({"state", "records", "filters"})
"""Parts that hold objects of the filter engine."""

AROUND: Final = frozenset({"context", "sysports", "options", "problems"})
"""Parts that tell what surrounds it; ``problems`` is what a host said it could not do."""

READ: Final = ENGINE | AROUND | {"facts"}
"""Every part that rows come from."""

_IN_FLIGHT_PER_WORKER: Final = 4  # so that none is idle while rows go to the disk


class ParseJob(Struct, frozen=True, kw_only=True):
    """Durable parts of one host, to be parsed together.

    Attributes:
        host: Whose they are.
        run_id: The run they belong to.
        parts: The files by part, plain or gzip.
        source: What gaps call the part with the engine's objects; its file's name where empty.
    """

    host: str
    run_id: str
    parts: dict[str, Path]
    source: str = ""


class Parsed(Struct, frozen=True, kw_only=True):
    """What came of a payload.

    Attributes:
        job: The job.
        tables: Arrow tables by kind; empty where nothing could be read at all.
        whole: Whether the engine's objects were read to their end, from every part with some.
        gaps: How many things could not be understood.
        unread: How many of those are of the engine's own objects.
        filters: How many filters came out.
        disagreements: In how many things two sources differ, but for those that come and go.
        moving: In how many of those that do.
        lost: Parts that could not be read, though another of their kind could.
        problem: Why there are no objects of the engine, one sentence.
        is_bug: Whether the problem is ours: the parser died or raised what it should not.
        is_stopped: Whether nobody tried to the end, since the pool was ended before.
        traceback: Where it raised; empty where it died, or there is no bug.
    """

    job: ParseJob
    tables: dict[str, pa.Table] = {}
    whole: bool = False
    gaps: int = 0
    unread: int = 0
    filters: int = 0
    disagreements: int = 0
    moving: int = 0
    lost: tuple[str, ...] = ()
    problem: str | None = None
    is_bug: bool = False
    is_stopped: bool = False
    traceback: str = ""


def parse(job: ParseJob) -> Parsed:
    """Parses the parts of one host in this process."""
    from pywfp_ps.collect.reading import read_parts, tables_of_parts

    said = read_parts(job.parts, source=job.source)
    snapshot = said.snapshot
    moving = sum(one.moving for one in said.disagreements or ())
    unread = len(snapshot.gaps) if snapshot else 0
    return Parsed(
        job=job,
        tables=tables_of_parts(said, host=job.host, run_id=job.run_id),
        whole=snapshot is not None and snapshot.completeness.whole and not said.lost,
        gaps=unread + len(said.facts_gaps + said.context_gaps),
        unread=unread,
        filters=len(snapshot.filters) if snapshot else 0,
        disagreements=len(said.disagreements or ()) - moving,
        moving=moving,
        lost=said.lost,
        problem=said.problem,
    )


def parse_quickly(job: ParseJob) -> Parsed:
    """The same in a process that does nothing else.

    Parsing makes hundreds of thousands of objects that live and no cycles; looking for those all
    the while takes a sixth of the time.
    """
    gc.disable()
    try:
        return parse(job)
    finally:
        gc.enable()  # so that what an error left behind goes before the next job
        gc.collect(1)


def outcome_of(parsed: Parsed) -> tuple[Outcome, str | None]:
    """Outcome and cause of a payload that was parsed."""
    if parsed.is_bug:
        return "failed", "bug"
    if parsed.problem is not None:
        return "failed", "bad-payload"
    is_whole = parsed.whole or ENGINE.isdisjoint(parsed.job.parts)
    return ("ok", None) if is_whole else ("partial", "incomplete")


def in_workers(
    submit: Callable[[ParseJob], Future[Parsed]],
    things: Iterable[T],
    job_of: Callable[[T], ParseJob],
) -> Iterator[tuple[T, Parsed]]:
    """Parses what comes, beside its coming; results as they are ready."""
    running: dict[Future[Parsed], T] = {}
    for thing in things:
        running[submit(job_of(thing))] = thing
        for future in [future for future in running if future.done()]:
            yield running.pop(future), future.result()
    while running:
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            yield running.pop(future), future.result()


def usual_workers() -> int:
    """As many workers as this process may use cores."""
    try:
        return max(1, len(os.sched_getaffinity(0)))
    except AttributeError:  # macOS and Windows do not say
        return os.cpu_count() or 1


class ParsePool:
    """Worker processes for parsing, as a context manager. Safe to use from several threads."""

    def __init__(self, workers: int | None = None) -> None:
        self._workers = workers or usual_workers()
        self._places = BoundedSemaphore(self._workers * _IN_FLIGHT_PER_WORKER)
        self._lock = Lock()
        self._pool: ProcessPoolExecutor | None = None
        self._is_killed = False
        self._leads: list[Callable[[], None]] = []  # each lets its workers go

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            pool, self._pool = self._pool, None
        if pool:
            pool.shutdown(wait=True, cancel_futures=kind is not None)

    def kill(self) -> None:
        """Ends all workers at once; what they had in hand comes back as stopped."""
        with self._lock:
            self._is_killed = True
            leads, self._leads = self._leads, []
            pool, self._pool = self._pool, None
        for close in leads:
            close()
        if pool:
            pool.shutdown(wait=False, cancel_futures=True)

    def submit(self, job: ParseJob) -> Future[Parsed]:
        """Queues a job; waits while as many are in flight as memory is meant for."""
        self._places.acquire()
        answer: Future[Parsed] = Future()
        answer.set_running_or_notify_cancel()
        answer.add_done_callback(lambda _: self._places.release())
        self._start(job, answer)
        return answer

    def _start(self, job: ParseJob, answer: Future[Parsed]) -> None:
        with self._lock:
            if self._is_killed:
                pool = None
            elif self._pool is None:
                pool = self._pool = self._executor(self._workers)
            else:
                pool = self._pool
        if pool is None:
            answer.set_result(_stopped(job))
            return
        try:
            inner = pool.submit(parse_quickly, job)
        except RuntimeError:  # broken, or shut down this moment
            self._retry_alone(job, answer, pool)
            return
        inner.add_done_callback(lambda done: self._settle(job, answer, done, pool))

    def _executor(self, workers: int) -> ProcessPoolExecutor:
        """Workers that live as long as this process holds their lead."""
        context = get_context("spawn")
        theirs, ours = context.Pipe(duplex=False)
        self._leads.append(ours.close)
        return ProcessPoolExecutor(
            workers, mp_context=context, initializer=_depend, initargs=(theirs,)
        )

    def _settle(
        self,
        job: ParseJob,
        answer: Future[Parsed],
        done: Future[Parsed],
        pool: ProcessPoolExecutor,
    ) -> None:
        error = done.exception() if not done.cancelled() else None
        if done.cancelled():
            answer.set_result(_stopped(job))
        elif isinstance(error, BrokenProcessPool):
            self._retry_alone(job, answer, pool)
        else:
            answer.set_result(_bug(job, error) if error else done.result())

    def _retry_alone(
        self, job: ParseJob, answer: Future[Parsed], broken: ProcessPoolExecutor
    ) -> None:
        """Parses in a process of its own; not in the pool's callback, which must not wait."""
        with self._lock:
            if self._pool is broken:
                self._pool = None
            alone = None if self._is_killed else self._executor(1)
        if alone is None:
            answer.set_result(_stopped(job))
            return

        def run() -> None:
            with alone:
                try:
                    answer.set_result(alone.submit(parse_quickly, job).result())
                except BrokenProcessPool:
                    if self._is_killed:
                        answer.set_result(_stopped(job))
                        return
                    problem = "the parser died on it twice"
                    answer.set_result(Parsed(job=job, problem=problem, is_bug=True))
                except Exception as error:  # noqa: BLE001 - the result carries it to the caller
                    answer.set_result(_bug(job, error))

        Thread(target=run, name=f"parse {job.host}", daemon=True).start()


class _Lead(Protocol):
    """The end of a pipe from which nothing ever comes but its end."""

    def recv_bytes(self) -> bytes:
        """Waits."""
        ...


def _depend(lead: _Lead) -> None:
    """Makes a worker live and die with the process that it works for.

    Ctrl-C goes to every process of a terminal; what it means is for the first one to say. And a
    first one that is killed leaves workers behind that wait for jobs for ever.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with, args=(lead,), name="lead", daemon=True).start()


def _end_with(lead: _Lead) -> None:
    """Ends the process once the other end of the pipe is closed, by whomever."""
    with contextlib.suppress(EOFError, OSError):
        lead.recv_bytes()
    os._exit(1)


def _stopped(job: ParseJob) -> Parsed:
    return Parsed(job=job, problem="the parser was stopped", is_stopped=True)


def _bug(job: ParseJob, error: BaseException) -> Parsed:
    problem = f"the parser failed: {type(error).__name__}: {error}"
    lines = "".join(traceback.format_exception(error))
    return Parsed(job=job, problem=problem, is_bug=True, traceback=lines)
