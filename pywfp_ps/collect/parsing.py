"""Parsing in worker processes, beside whatever brings the payloads.

Workers are spawned, never forked: threads and event loops of the caller do not survive a fork. They
get the path of a durable payload and give back Arrow tables. A worker that dies costs one payload:
what was in flight is tried once more, each alone, and only what kills its worker again fails.
"""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import BoundedSemaphore, Lock, Thread
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TypeVar

from msgspec import Struct

from pywfp_ps.errors import ReadError

if TYPE_CHECKING:
    import pyarrow as pa

    from pywfp_ps.store.writer import Outcome

T = TypeVar("T")
_IN_FLIGHT_PER_WORKER: Final = 2


class ParseJob(Struct, frozen=True, kw_only=True):
    """A durable payload to parse.

    Attributes:
        host: Whose it is.
        run_id: The run it belongs to.
        part: ``state`` or ``filters``.
        path: The payload, plain or gzip.
        source: What gaps call it; the path's name where it is empty.
    """

    host: str
    run_id: str
    part: str
    path: Path
    source: str = ""


class Parsed(Struct, frozen=True, kw_only=True):
    """What came of a payload.

    Attributes:
        job: The job.
        tables: Arrow tables by kind; empty where it could not be read at all.
        whole: Whether it was read to its end.
        gaps: How many things could not be understood.
        filters: How many filters came out.
        problem: Why there is nothing, one sentence.
        is_bug: Whether the problem is ours: the parser died or raised what it should not.
        traceback: Where it raised; empty where it died, or there is no bug.
    """

    job: ParseJob
    tables: dict[str, pa.Table] = {}
    whole: bool = False
    gaps: int = 0
    filters: int = 0
    problem: str | None = None
    is_bug: bool = False
    traceback: str = ""


def parse(job: ParseJob) -> Parsed:
    """Parses one payload in this process."""
    from pywfp_ps.read import read_filters, read_state
    from pywfp_ps.store import tables_of

    source = job.source or job.path.name
    try:
        data = job.path.read_bytes()
        read = read_filters if job.part == "filters" else read_state
        snapshot = read(data, source=source)
    except ReadError as error:
        return Parsed(job=job, problem=str(error))
    return Parsed(
        job=job,
        tables=tables_of(snapshot, host=job.host, run_id=job.run_id),
        whole=snapshot.completeness.whole,
        gaps=len(snapshot.gaps),
        filters=len(snapshot.filters),
    )


def outcome_of(parsed: Parsed) -> tuple[Outcome, str | None]:
    """Outcome and cause of a payload that was parsed."""
    if parsed.is_bug:
        return "failed", "bug"
    if parsed.problem is not None:
        return "failed", "bad-payload"
    return ("ok", None) if parsed.whole else ("partial", "incomplete")


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
            if self._pool is None:
                self._pool = _executor(self._workers)
            pool = self._pool
        try:
            inner = pool.submit(parse, job)
        except BrokenProcessPool:
            self._retry_alone(job, answer, pool)
            return
        inner.add_done_callback(lambda done: self._settle(job, answer, done, pool))

    def _settle(
        self,
        job: ParseJob,
        answer: Future[Parsed],
        done: Future[Parsed],
        pool: ProcessPoolExecutor,
    ) -> None:
        error = done.exception() if not done.cancelled() else None
        if done.cancelled():
            answer.set_result(Parsed(job=job, problem="the parser was stopped"))
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

        def run() -> None:
            with _executor(1) as alone:
                try:
                    answer.set_result(alone.submit(parse, job).result())
                except BrokenProcessPool:
                    problem = "the parser died on it twice"
                    answer.set_result(Parsed(job=job, problem=problem, is_bug=True))
                except Exception as error:  # noqa: BLE001 - the result carries it to the caller
                    answer.set_result(_bug(job, error))

        Thread(target=run, name=f"parse {job.host}", daemon=True).start()


def _executor(workers: int) -> ProcessPoolExecutor:
    context = get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_depend)


def _depend() -> None:
    """Makes a worker live and die with the process that it works for.

    Ctrl-C goes to every process of a terminal; what it means is for the first one to say. And a
    first one that is killed leaves workers behind that wait for jobs for ever.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, name="parent", daemon=True).start()


def _end_with_parent() -> None:
    if parent := parent_process():
        parent.join()
        os._exit(1)


def _bug(job: ParseJob, error: BaseException) -> Parsed:
    problem = f"the parser failed: {type(error).__name__}: {error}"
    lines = "".join(traceback.format_exception(error))
    return Parsed(job=job, problem=problem, is_bug=True, traceback=lines)
