"""One visit of one host, as its job sees it and as the run sees it."""

from __future__ import annotations

import contextlib
import threading
import time
import traceback
from collections.abc import Callable

from msgspec.structs import replace

from pywfp_ps.fleet.causes import ADVICE, Cause, of_exception
from pywfp_ps.fleet.outcomes import Outcome, Report, cancelled, outcome_of
from pywfp_ps.transports.base import Target, TransportError

DEADLINE = "deadline"

_TEXT_LIMIT = 1000


class Visit:
    """What a job needs to know of its visit; safe to use from any thread.

    Attributes:
        target: Where it goes.
        tries: Which visit of this host it is, from 1.
        was_accepted: Whether the host took the account in an earlier visit of the run.
    """

    def __init__(
        self,
        target: Target,
        tries: int,
        seconds: float,
        told: Callable[[], object],
        *,
        was_accepted: bool = False,
    ) -> None:
        self.target, self.tries, self.was_accepted = target, tries, was_accepted
        self.started = time.monotonic()
        self.deadline = self.started + seconds
        self._told = told
        self._stopped, self._accepted = threading.Event(), threading.Event()
        self._lock = threading.Lock()
        self._closers: list[Callable[[], object]] = []

    @property
    def remaining(self) -> float:
        """Seconds to the deadline; 0 once it has passed or the visit was stopped."""
        return 0.0 if self.is_stopped else max(0.0, self.deadline - time.monotonic())

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self.started

    @property
    def is_stopped(self) -> bool:
        """Whether the job should end now."""
        return self._stopped.is_set()

    @property
    def is_accepted(self) -> bool:
        """Whether the host has taken the account."""
        return self._accepted.is_set()

    def accepted(self) -> None:
        """To be called by the job once the host has taken the account."""
        if not self._accepted.is_set():
            self._accepted.set()
            self._told()

    def close_at_stop(self, close: Callable[[], object]) -> None:
        """Registers what ends a blocked read, such as ``socket.close``; called at most once."""
        with self._lock:
            if not self._stopped.is_set():
                self._closers.append(close)
                return
        _close_all([close])

    def wait_for_stop(self, seconds: float | None = None) -> bool:
        """Waits until the visit is stopped, at most `seconds`; whether it was."""
        return self._stopped.wait(seconds)

    def stop(self) -> None:
        """Tells the job to end and closes what it registered, without waiting for either."""
        with self._lock:
            self._stopped.set()
            closers, self._closers = self._closers, []
        if closers:  # closing may hang as reading does
            threading.Thread(target=_close_all, args=(closers,), daemon=True).start()


def _close_all(closers: list[Callable[[], object]]) -> None:
    for close in closers:
        with contextlib.suppress(Exception):
            close()


def judge(visit: Visit, result: Report | BaseException | None, stopped_for: str) -> Outcome:
    """The outcome of a visit from what its job gave back or let out.

    Args:
        visit: The visit.
        result: Report of the job, its exception, or None if it never ended.
        stopped_for: Empty; `DEADLINE`; or why the run ends. What a job says after it was stopped
            is about the stop, unless it had finished all the same.
    """
    host, tries, seconds = visit.target.name, visit.tries, visit.seconds
    if isinstance(result, Report) and (not stopped_for or result.cause is None or result.partial):
        report = _cut(result, visit, stopped_for)
        cleaned = replace(report, text=one_line(report.text, visit.target))
        return outcome_of(host, cleaned, tries=tries, seconds=seconds)
    if stopped_for and stopped_for != DEADLINE:
        return cancelled(host, stopped_for, tries=tries, seconds=seconds)
    if stopped_for or not isinstance(result, BaseException):
        timeout = Report(cause=Cause.TIMEOUT, text=_late(visit))
        return outcome_of(host, timeout, tries=tries, seconds=seconds)
    cause = of_exception(result, logged_on=visit.is_accepted)
    if cause is Cause.CREDENTIALS and visit.was_accepted:
        text = "The host took the account a moment ago and now refuses it, as a used-up quota does."
        quota = Report(cause=Cause.QUOTA, text=text)
        return outcome_of(host, quota, tries=tries, seconds=seconds)
    told = result.text if isinstance(result, TransportError) else str(result)
    if cause is Cause.BUG:
        told = f"{type(result).__name__}: {told}".removesuffix(": ")
    text = one_line(told or ADVICE[cause].meaning, visit.target)
    report = Report(cause=cause, text=text)
    if isinstance(result, TransportError) and (usage := result.usage) is not None:
        report = replace(report, requests=usage.requests, sent=usage.sent, received=usage.received)
    outcome = outcome_of(host, report, tries=tries, seconds=seconds)
    if cause is not Cause.BUG:
        return outcome
    lines = "".join(traceback.format_exception(result))
    return replace(outcome, traceback=visit.target.credential.hide(lines))


def _cut(report: Report, visit: Visit, stopped_for: str) -> Report:
    """The report of a job that was told to stop: what it lacks then is our doing."""
    if not stopped_for or report.cause is not Cause.INCOMPLETE:
        return report
    if stopped_for == DEADLINE:
        return replace(report, cause=Cause.TIMEOUT, text=_late(visit))
    return replace(report, text=stopped_for)


def _late(visit: Visit) -> str:
    return f"The visit did not end within {visit.deadline - visit.started:g} s."


def one_line(text: str, target: Target) -> str:
    """`text`, which may come from a host: one line, no control characters, not endless."""
    line = " ".join(target.credential.hide(text).split())
    line = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in line[:_TEXT_LIMIT])
    return line[:_TEXT_LIMIT]
