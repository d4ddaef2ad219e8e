"""Visits many hosts at once: bounded, patient with none, and never held up by one.

One thread a visit, all of them daemons: a thread that sits in a read cannot be killed, so its
socket is closed at the deadline, and if even that does not help the host gets its outcome and the
thread is left behind. The loop runs in the thread of whoever iterates; it alone decides.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import math
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from queue import Empty, SimpleQueue
from typing import Literal

from msgspec import Struct

from pywfp_ps.errors import StoreError
from pywfp_ps.fleet.accounts import Accounts
from pywfp_ps.fleet.causes import Cause
from pywfp_ps.fleet.outcomes import Outcome, Report, cancelled, outcome_of
from pywfp_ps.fleet.visits import DEADLINE, Visit, judge
from pywfp_ps.transports.base import Target

Job = Callable[[Target, Visit], Report]
"""Asks one host. An exception that it lets out becomes a cause; `StoreError` ends the run."""

Ender = Literal["", "cancel", "canary", "store"]
"""What ended a run before its time: nothing, somebody, the first hosts, or a store."""

LONGEST = 7 * 86_400
"""Most seconds that any time of a run may be: a week."""
SLOWEST = 0.0001
"""Least visits a second: about nine a day."""

_LONGEST_WAIT = 0.5  # seconds; on Windows a wait does not see Ctrl-C before it ends
_log = logging.getLogger(__name__)
_NOT_BEGUN = "The host was not visited: "


class Limits(Struct, frozen=True, kw_only=True):
    """How a run behaves. Times are seconds.

    Attributes:
        at_once: Most visits at the same time.
        seconds: Most time of one visit.
        grace: How long a visit may take to end after its deadline or a stop.
        retries: Further visits of a host whose cause can pass; made after all first visits.
        retry_pause: Least time before the first of them; it doubles, and varies by half.
        canary: So many hosts go first; the others only if more than half of these are well.
        canary_seconds: A canary slower than this is not well; 0 allows any time.
        rate: Most visits begun in a second; 0 for no limit.
        jitter: Each begin is put off by a random time up to this.
        lockout_after: Refusals of one account after which nobody is tried with it any more; 0
            turns the guard off.
    """

    at_once: int = 20
    seconds: float = 300.0
    grace: float = 2.0
    retries: int = 1
    retry_pause: float = 5.0
    canary: int = 0
    canary_seconds: float = 0.0
    rate: float = 0.0
    jitter: float = 0.0
    lockout_after: int = 3

    def __post_init__(self) -> None:
        times = (self.seconds, self.grace, self.retry_pause, self.canary_seconds, self.jitter)
        if not all(0 <= one <= LONGEST for one in times):  # what is no number fails this too
            raise ValueError(f"times are numbers of seconds from 0 to {LONGEST}")
        if self.rate != 0 and not SLOWEST <= self.rate < math.inf:
            raise ValueError(f"a rate is 0, for no limit, or at least {SLOWEST} visits a second")
        if self.at_once < 1 or self.seconds <= 0:
            raise ValueError("a run needs at least one place, and some time for each visit")
        if min(self.retries, self.canary, self.lockout_after) < 0:
            raise ValueError("retries, canaries and refusals are not negative")


class FanOut:
    """One run over `targets`; iterate over it to run it.

    Every target gets exactly one outcome, given out as it comes. After `cancel` the visits at work
    are stopped, and what was not done says so.

    Attributes:
        given: Outcomes given so far.
        ended_by: What ended the run before all hosts were visited; empty while nothing has.
        ended_for: The same in words.
        abandoned: Visits whose thread did not end in time; it no longer holds a place.
    """

    def __init__(self, targets: Iterable[Target], job: Job, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.given = self.abandoned = 0
        self._job = job
        self._new = iter(targets)
        self._is_exhausted = False
        self._held: dict[str, deque[_Turn]] = {}  # by account: they wait for a word about it
        self._again: list[tuple[float, int, _Turn]] = []  # heap by the time of the next try
        self._running: dict[int, _Running] = {}
        self._ready: deque[Outcome] = deque()
        self._events: SimpleQueue[_Event] = SimpleQueue()
        self._numbers = itertools.count()
        self._accounts = Accounts(self.limits.lockout_after)
        self._canaries = _Canaries(self.limits)
        self._next_begin = 0.0
        self.ended_by: Ender = ""
        self.ended_for = ""
        self._fatal: StoreError | None = None

    @property
    def running(self) -> int:
        """Visits at work now."""
        return len(self._running)

    def cancel(self, reason: str = "The run was cancelled.", *, by: Ender = "cancel") -> None:
        """Ends the run soon; for any thread and any signal handler."""
        self._events.put(_Event(reason=reason, by=by))

    def __iter__(self) -> Iterator[Outcome]:
        """Runs it.

        Raises:
            StoreError: A job could not keep what it got; raised after all outcomes.
        """
        try:
            while not self._events.empty():  # it may be over before it begins
                self._take_event()
            while True:
                while self._ready:
                    self.given += 1
                    yield self._ready.popleft()
                self._begin_visits()
                if self._ready:
                    continue
                if not self._running and (self.ended_for or not self._is_work_left()):
                    break
                self._take_event()
                self._end_overdue()
            for outcome in self._left_over():
                self.given += 1
                yield outcome
        finally:
            for one in self._running.values():
                one.visit.stop()
        if self._fatal is not None:
            raise self._fatal

    def _is_work_left(self) -> bool:
        return bool(self._held or self._again) or not self._is_exhausted

    # Beginning visits.

    def _begin_visits(self) -> None:
        while not self.ended_for and len(self._running) < self.limits.at_once:
            now = time.monotonic()
            if now < self._next_begin:
                return
            turn = self._choose(now)
            if turn is None:
                return
            self._begin(turn)
            pause = 1 / self.limits.rate if self.limits.rate else 0.0
            self._next_begin = now + pause + random.uniform(0, self.limits.jitter)  # noqa: S311

    def _choose(self, now: float) -> _Turn | None:
        """The next visit that may begin: those held up first, then new ones, then tries again."""
        for account, turns in list(self._held.items()):
            while turns and self._accounts.verdict(turns[0].target.credential) != "wait":
                if self._may_begin(turn := turns.popleft()):
                    return turn
            if not turns:
                del self._held[account]
        while self._canaries.may_begin():
            target = next(self._new, None)
            if target is None:
                self._is_exhausted = True
                break
            self._canaries.begun(target.name)
            if self._may_begin(turn := _Turn(target, 1)):
                return turn
        while self._again and self._again[0][0] <= now:
            if self._may_begin(turn := heapq.heappop(self._again)[2]):
                return turn
        return None

    def _may_begin(self, turn: _Turn) -> bool:
        """Whether its account allows it now; else it is held, or given up."""
        verdict = self._accounts.verdict(turn.target.credential)
        if verdict == "wait":
            _log.debug("%s waits for the first word about its account", turn.target.name)
            self._held.setdefault(turn.target.credential.account, deque()).append(turn)
        elif verdict == "never":
            text = f"{turn.target.credential.user} was refused by other hosts."
            report = Report(cause=Cause.LOCKOUT_GUARD, text=text)
            guarded = outcome_of(turn.target.name, report, tries=turn.tries - 1, seconds=0.0)
            self._give(turn.last or guarded)
        return verdict == "try"

    def _begin(self, turn: _Turn) -> None:
        number = next(self._numbers)
        accepted = _Event(number=number, is_accepted=True)
        visit = Visit(
            turn.target,
            turn.tries,
            self.limits.seconds,
            lambda: self._events.put(accepted),
            was_accepted=turn.was_accepted,
        )
        _log.info("%s: visit %d: %s", turn.target.name, turn.tries, _way(turn.target))
        self._accounts.begun(turn.target.credential)
        self._running[number] = _Running(turn, visit)
        thread = threading.Thread(
            target=self._visit, args=(number, visit), name=f"visit-{turn.target.name}", daemon=True
        )
        thread.start()

    def _visit(self, number: int, visit: Visit) -> None:
        result: Report | BaseException
        try:
            result = self._job(visit.target, visit)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it concerns one host only
            result = error
        self._events.put(_Event(number=number, result=result))

    # Ending visits.

    def _take_event(self) -> None:
        try:
            event = self._events.get(timeout=self._pause())
        except Empty:
            return
        except KeyboardInterrupt:
            if self.ended_for:
                raise
            event = _Event(reason="The run was interrupted.", by="cancel")
        running = self._running.get(event.number)
        if event.reason:
            self._stop(event.reason, event.by)
        elif running and event.is_accepted:
            _log.debug("%s has taken the account", running.turn.target.name)
            self._accept(running)
        elif running:
            self._end(event.number, running, event.result)

    def _pause(self) -> float:
        """Seconds until something is due without an event."""
        due = [one.due for one in self._running.values()]
        if len(self._running) < self.limits.at_once:
            due += [self._next_begin] * bool(self._next_begin > time.monotonic())
            due += [at for at, _, _ in self._again[:1]]
        return max(0.0, min([*due, time.monotonic() + _LONGEST_WAIT]) - time.monotonic())

    def _end_overdue(self) -> None:
        now = time.monotonic()
        for number, one in list(self._running.items()):
            if now < one.due:
                continue
            if one.stopped_for:
                self.abandoned += 1
                self._end(number, one, None)
            else:
                self._stop_visit(one, DEADLINE)

    def _end(self, number: int, one: _Running, result: Report | BaseException | None) -> None:
        del self._running[number]
        if isinstance(result, StoreError):
            self._fatal = self._fatal or result
            self._stop(str(result), "store")
        outcome = judge(one.visit, result, one.stopped_for)
        if one.visit.is_accepted or outcome.outcome in {"ok", "partial"}:
            self._accept(one)
        self._accounts.ended(
            one.turn.target.credential,
            was_accepted=one.is_accepted,
            is_refused=outcome.cause is Cause.CREDENTIALS,
        )
        is_worth_it = outcome.outcome == "failed" and outcome.retryable
        if is_worth_it and one.turn.tries <= self.limits.retries and not self.ended_for:
            was_accepted = one.visit.is_accepted or one.turn.was_accepted
            turn = _Turn(one.turn.target, one.turn.tries + 1, outcome, was_accepted=was_accepted)
            pause = self.limits.retry_pause * 2 ** (one.turn.tries - 1)
            pause *= random.uniform(0.75, 1.25)  # noqa: S311 - keeps hosts from coming in step
            told = f"{outcome.host}: {outcome.cause}: {outcome.text}"
            _log.info("%s; once more in %.1f s", told, pause)
            heapq.heappush(self._again, (time.monotonic() + pause, number, turn))
        else:
            self._give(outcome)

    def _accept(self, one: _Running) -> None:
        """Counts, once, that a host has taken its account."""
        if not one.is_accepted:
            one.is_accepted = True
            credential, again = one.turn.target.credential, one.turn.was_accepted
            self._accounts.accepted(credential, again=again)

    def _give(self, outcome: Outcome) -> None:
        self._ready.append(outcome)
        if reason := self._canaries.ended(outcome):
            self._stop(reason, "canary")

    def _stop(self, reason: str, by: Ender) -> None:
        if not self.ended_for:
            self.ended_for, self.ended_by = reason, by
        for one in self._running.values():
            if not one.stopped_for:
                self._stop_visit(one, self.ended_for)

    def _stop_visit(self, one: _Running, reason: str) -> None:
        one.stopped_for = reason
        one.due = time.monotonic() + self.limits.grace
        one.visit.stop()

    def _left_over(self) -> Iterator[Outcome]:
        """Outcomes of what the stop kept from being visited, or visited again."""
        held = itertools.chain.from_iterable(self._held.values())
        for turn in (*held, *(turn for _, _, turn in sorted(self._again))):
            yield turn.last or cancelled(turn.target.name, _NOT_BEGUN + self.ended_for)
        for target in self._new:
            yield cancelled(target.name, _NOT_BEGUN + self.ended_for)


def _way(target: Target) -> str:
    """Where a visit goes and how it logs on, for people."""
    if target.connection != "psrp":
        return target.connection
    user = f" as {target.credential.user}" if target.credential.user else ""
    return f"{target.protocol}, {target.address} port {target.port}, {target.auth}{user}"


class _Turn:
    """A target whose turn may come: which try, and what came of the ones before."""

    def __init__(
        self,
        target: Target,
        tries: int,
        last: Outcome | None = None,
        *,
        was_accepted: bool = False,
    ) -> None:
        self.target, self.tries, self.last = target, tries, last
        self.was_accepted = was_accepted


class _Running:
    """A visit at work; `due` is its deadline, or the end of its grace once it was stopped."""

    def __init__(self, turn: _Turn, visit: Visit) -> None:
        self.turn, self.visit = turn, visit
        self.due = visit.deadline
        self.stopped_for = ""
        self.is_accepted = False


class _Event(Struct, frozen=True, kw_only=True):
    """A visit's end or acceptance, or why to stop."""

    number: int = -1
    result: Report | BaseException | None = None
    is_accepted: bool = False
    reason: str = ""
    by: Ender = ""


class _Canaries:
    """The hosts that go first."""

    def __init__(self, limits: Limits) -> None:
        self._size, self._seconds = limits.canary, limits.canary_seconds
        self._open: set[str] = set()
        self._begun = self._ill = self._ended = 0

    def may_begin(self) -> bool:
        """Whether one more new host may be visited."""
        return self._begun < self._size or self._ended >= self._size

    def begun(self, host: str) -> None:
        """A new host was taken; the first of them are canaries."""
        if self._begun < self._size:
            self._begun += 1
            self._open.add(host)

    def ended(self, outcome: Outcome) -> str:
        """Why to stop after this outcome; empty to go on."""
        if outcome.host not in self._open:
            return ""
        self._open.discard(outcome.host)
        self._ended += 1
        is_slow = self._seconds and outcome.seconds > self._seconds
        self._ill += outcome.outcome != "ok" or bool(is_slow)
        if self._ended < self._size or self._ill * 2 < self._size:
            return ""
        if self._size == 1:
            return "The first host failed or was slow."
        return f"{self._ill} of the first {self._size} hosts failed or were slow."
