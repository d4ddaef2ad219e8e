from __future__ import annotations

import math
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from pypsrp.exceptions import AuthenticationError

from pywfp_ps.errors import StoreError
from pywfp_ps.fleet.causes import ADVICE, Cause
from pywfp_ps.fleet.fanout import FanOut, Limits
from pywfp_ps.fleet.outcomes import Outcome, Report
from pywfp_ps.fleet.signals import ended_by_signals
from pywfp_ps.fleet.visits import DEADLINE, Visit, judge
from pywfp_ps.transports.base import Credential, Secret, Target, TransportError, Usage

CANARY = "c4nary-hunter2"
LONG = 60.0
QUICK = Limits(retry_pause=0, grace=0.01, seconds=LONG)


def targets(count: int, user: str | None = None) -> list[Target]:
    password = Secret(CANARY) if user else None
    credential = Credential(user=user, password=password)
    return [
        Target(name=f"h{number}", address="127.0.0.1", credential=credential)
        for number in range(count)
    ]


def ok(_: Target, __: Visit) -> Report:
    return Report()


def outcomes(run: FanOut) -> Counter[tuple[str, str | None]]:
    return Counter((one.outcome, one.cause) for one in run)


def refuse(_: Target, __: Visit) -> NoReturn:
    raise AuthenticationError("no")


def limits(**changed: float) -> Limits:
    return replace(QUICK, **changed)


def test_a_report_becomes_an_outcome() -> None:
    report = Report(packed=1, plain=2, requests=3, sent=4, received=5, text="a\x1b[2J\nb\u202e")
    assert next(iter(FanOut(targets(1), lambda _, __: report))) == Outcome(
        host="h0",
        outcome="ok",
        tries=1,
        packed=1,
        plain=2,
        requests=3,
        sent=4,
        received=5,
        text="a\\x1b[2J b\\x202e",
        seconds=ANY,  # type: ignore[arg-type]  # compares equal to any number
    )


class _Any:
    def __eq__(self, other: object) -> bool:
        return isinstance(other, float) and other >= 0

    def __hash__(self) -> int:
        return 0


ANY = _Any()


def test_never_more_than_allowed_at_once_and_never_less() -> None:
    together = threading.Barrier(4, timeout=LONG)
    lock, now, most = threading.Lock(), 0, 0

    def job(_: Target, __: Visit) -> Report:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        together.wait()
        with lock:
            now -= 1
        return Report()

    assert outcomes(FanOut(targets(40), job, limits(at_once=4))) == {("ok", None): 40}
    assert most == 4


def test_outcomes_stream_and_new_hosts_begin_as_places_free_up() -> None:
    seen: dict[str, threading.Event] = defaultdict(threading.Event)

    def job(target: Target, _: Visit) -> Report:
        number = int(target.name[1:])
        assert not number or seen[f"h{number - 1}"].wait(LONG)  # until the one before is given out
        return Report()

    names = []
    for one in FanOut(targets(6), job, limits(at_once=2)):
        names.append(one.host)
        seen[one.host].set()
    assert names == [f"h{number}" for number in range(6)]


def test_targets_are_taken_only_as_places_free_up() -> None:
    taken = 0

    def source() -> Iterator[Target]:
        nonlocal taken
        for target in targets(100):
            taken += 1
            yield target

    run = iter(FanOut(source(), ok, limits(at_once=3)))
    next(run)
    assert taken < 10
    assert len([*run]) == 99


def test_a_host_that_hangs_for_ever_holds_nobody_up() -> None:
    for_ever = threading.Event()

    def job(target: Target, _: Visit) -> Report:
        if target.name in {"h1", "h2"}:
            for_ever.wait(LONG)
        return Report()

    run = FanOut(targets(20), job, limits(at_once=2, seconds=0.05, retries=0))
    found = {one.host: one for one in run}
    for_ever.set()
    assert Counter(one.outcome for one in found.values()) == {"ok": 18, "failed": 2}
    assert (found["h1"].cause, found["h1"].text) == (
        Cause.TIMEOUT,
        "The visit did not end within 0.05 s.",
    )
    assert run.abandoned == 2


def test_a_read_that_hangs_is_ended_at_the_deadline() -> None:
    ended = threading.Event()

    def job(_: Target, visit: Visit) -> Report:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            visit.close_at_stop(lambda: ours.shutdown(socket.SHUT_RDWR))
            data = ours.recv(1)
        ended.set()
        return Report(cause=Cause.INCOMPLETE, text=repr(data))

    run = FanOut(targets(1), job, limits(seconds=0.05, grace=LONG, retries=0))
    assert outcomes(run) == {("failed", "timeout"): 1}
    assert ended.is_set()
    assert run.abandoned == 0


def test_what_is_registered_after_the_stop_is_closed_at_once() -> None:
    closed = threading.Event()

    def job(_: Target, visit: Visit) -> Report:
        visit.wait_for_stop(LONG)
        visit.close_at_stop(closed.set)
        return Report()

    assert outcomes(FanOut(targets(1), job, limits(seconds=0.01, grace=LONG))) == {("ok", None): 1}
    assert closed.is_set()


@pytest.mark.parametrize(
    ("error", "tries"),
    [
        (ConnectionRefusedError(), 3),
        (TimeoutError(), 3),
        (KeyError(), 1),
        (AuthenticationError(), 1),
    ],
)
def test_only_what_can_pass_is_tried_again(error: Exception, tries: int) -> None:
    def job(_: Target, visit: Visit) -> Report:
        if visit.tries < 3:
            raise error
        return Report()

    found = [*FanOut(targets(1), job, limits(retries=2))]
    assert [(one.outcome, one.tries) for one in found] == [
        ("ok" if tries == 3 else "failed", tries)
    ]


def test_what_a_failed_visit_has_cost_is_told() -> None:
    def job(target: Target, _: Visit) -> NoReturn:
        usage = Usage(requests=3, sent=40, received=50)
        raise TransportError(target.name, "bad-payload", "a web page", usage=usage)

    (one,) = FanOut(targets(1), job, QUICK)
    assert (one.cause, one.text) == (Cause.BAD_PAYLOAD, "a web page")
    assert (one.requests, one.sent, one.received) == (3, 40, 50)


def test_hosts_are_tried_again_after_all_others() -> None:
    order = []

    def job(target: Target, visit: Visit) -> Report:
        order.append((target.name, visit.tries))
        return Report(cause=Cause.REFUSED) if target.name == "h0" else Report()

    assert len([*FanOut(targets(4), job, limits(at_once=1))]) == 4
    assert order == [("h0", 1), ("h1", 1), ("h2", 1), ("h3", 1), ("h0", 2)]


@pytest.mark.parametrize(
    ("cause", "stopped_for", "expected"),
    [
        (Cause.INCOMPLETE, "", ("partial", "incomplete", "without after")),
        (Cause.INCOMPLETE, "The run ends.", ("partial", "incomplete", "The run ends.")),
        (Cause.INCOMPLETE, DEADLINE, ("partial", "timeout", "The visit did not end within 60 s.")),
        (Cause.BAD_PAYLOAD, "The run ends.", ("partial", "bad-payload", "without after")),
        (Cause.BAD_PAYLOAD, DEADLINE, ("partial", "bad-payload", "without after")),
    ],
)
def test_what_a_stopped_visit_lacks_is_laid_to_the_stop(
    cause: Cause, stopped_for: str, expected: tuple[str, str, str]
) -> None:
    visit = Visit(targets(1)[0], 1, LONG, lambda: None)
    report = Report(cause=cause, partial=True, text="without after")
    one = judge(visit, report, stopped_for)
    assert (one.outcome, one.cause, one.text) == expected


def test_a_partial_host_is_given_out_as_it_is() -> None:
    report = Report(cause=Cause.TIMEOUT, partial=True)
    found = [*FanOut(targets(1), lambda _, __: report, limits(retries=3))]
    assert [(one.outcome, one.cause, one.tries) for one in found] == [("partial", "timeout", 1)]


def test_a_bug_is_recorded_and_the_run_goes_on() -> None:
    def job(target: Target, _: Visit) -> Report:
        if target.name == "h1":
            raise KeyError(f"ours {target.credential.password.reveal()}")  # type: ignore[union-attr]  # there is one
        return Report()

    found = {one.host: one for one in FanOut(targets(3, "u"), job)}
    assert [one.outcome for one in found.values()].count("ok") == 2
    bug = found["h1"]
    assert (bug.cause, bug.to_do) == (Cause.BUG, ADVICE[Cause.BUG].to_do)
    assert "test_fanout.py" in bug.traceback
    assert CANARY not in str(bug)


def test_a_wrong_password_is_tried_few_times_only() -> None:
    tried = []

    def job(target: Target, visit: Visit) -> Report:
        tried.append(target.name)
        return refuse(target, visit)

    mixed = [*targets(50, r"CORP\svc"), *targets(5, "other")]
    found = outcomes(FanOut(mixed, job, limits(at_once=20, lockout_after=3)))
    assert found == {("failed", "credentials"): 6, ("failed", "lockout-guard"): 49}
    assert len(tried) == 6


def test_an_account_that_hosts_take_is_used_at_once() -> None:
    together = threading.Barrier(10, timeout=LONG)

    def job(_: Target, visit: Visit) -> Report:
        visit.accepted()
        together.wait()
        return Report()

    run = FanOut(targets(10, "u"), job, limits(at_once=10, lockout_after=1))
    assert outcomes(run) == {("ok", None): 10}


@pytest.mark.parametrize("lying", [0, 1, 2])
def test_few_hosts_that_take_any_password_open_no_others(lying: int) -> None:
    tried, together = [], threading.Semaphore(0)

    def job(target: Target, visit: Visit) -> Report:
        if int(target.name[1:]) < lying:
            return ok(target, visit)
        tried.append(target.name)
        if len(tried) > 3 + lying:
            together.release(50)
        together.acquire(timeout=0.3)
        return refuse(target, visit)

    found = outcomes(FanOut(targets(50, "u"), job, limits(at_once=20, lockout_after=3)))
    assert len(tried) <= 3 + lying
    assert found["failed", "credentials"] == len(tried)
    assert found["failed", "lockout-guard"] == 50 - lying - len(tried)


def test_dead_hosts_hold_nothing_up_once_three_have_taken_the_account() -> None:
    together = threading.Barrier(20, timeout=LONG)

    def job(target: Target, visit: Visit) -> Report:
        if int(target.name[1:]) < 3:
            return ok(target, visit)
        together.wait()
        return Report(cause=Cause.UNREACHABLE)

    run = FanOut(targets(23, "u"), job, limits(at_once=20, lockout_after=3))
    assert outcomes(run) == {("ok", None): 3, ("failed", "unreachable"): 20}


def test_waiting_hosts_of_one_account_do_not_hold_up_another() -> None:
    order, ended = [], threading.Event()

    def job(target: Target, visit: Visit) -> Report:
        order.append(target.name)
        if target.credential.user == "slow":
            ended.wait(LONG)
        elif len(order) == 7:
            ended.set()
        return ok(target, visit)

    slow, quick = targets(30, "slow"), targets(4, "quick")
    found = FanOut([*slow, *quick], job, limits(at_once=20, lockout_after=3))
    assert outcomes(found) == {("ok", None): 34}


def test_refusals_of_some_hosts_do_not_stop_an_account_that_others_take() -> None:
    def job(target: Target, visit: Visit) -> Report:
        return ok(target, visit) if int(target.name[1:]) % 3 == 0 else refuse(target, visit)

    run = FanOut(targets(30, "u"), job, limits(at_once=1, lockout_after=3))
    assert outcomes(run) == {("ok", None): 10, ("failed", "credentials"): 20}


def test_the_guard_leaves_tickets_alone_and_can_be_off() -> None:
    assert outcomes(FanOut(targets(9), refuse)) == {("failed", "credentials"): 9}
    run = FanOut(targets(9, "u"), refuse, limits(lockout_after=0))
    assert outcomes(run) == {("failed", "credentials"): 9}


@pytest.mark.parametrize(
    ("bad", "visited"),
    [({"h0"}, 50), ({"h0", "h1"}, 4), ({"h0", "h1", "h2", "h3"}, 4), ({"h9"}, 50)],
)
def test_canaries_go_first_and_may_end_the_run(bad: set[str], visited: int) -> None:
    seen = []

    def job(target: Target, _: Visit) -> Report:
        seen.append(target.name)
        return Report(cause=Cause.ANTIVIRUS) if target.name in bad else Report()

    found = [*FanOut(targets(50), job, limits(canary=4))]
    assert len(seen) == visited
    assert sum(one.outcome == "cancelled" for one in found) == 50 - visited
    assert set(seen[:4]) == {"h0", "h1", "h2", "h3"}
    if visited == 4:
        assert found[-1].text.endswith(f"{len(bad)} of the first 4 hosts failed or were slow.")


def test_slow_canaries_end_the_run() -> None:
    def job(_: Target, visit: Visit) -> Report:
        visit.wait_for_stop(0.02)
        return Report()

    run = FanOut(targets(5), job, limits(canary=2, canary_seconds=0.001))
    assert outcomes(run) == {("ok", None): 2, ("cancelled", None): 3}
    assert (run.ended_by, run.ended_for) == (
        "canary",
        "2 of the first 2 hosts failed or were slow.",
    )
    one = FanOut(targets(2), job, limits(canary=1, canary_seconds=0.001))
    assert outcomes(one) == {("ok", None): 1, ("cancelled", None): 1}
    assert one.ended_for == "The first host failed or was slow."


def test_more_canaries_than_hosts() -> None:
    assert outcomes(FanOut(targets(3), ok, limits(canary=9))) == {("ok", None): 3}


def test_a_cancelled_run_says_what_was_not_done() -> None:
    started = threading.Event()

    def job(target: Target, visit: Visit) -> Report:
        if target.name == "h0":
            return Report()
        started.set()
        visit.wait_for_stop(LONG)
        raise ConnectionResetError

    run = FanOut(targets(10), job, limits(at_once=2, grace=LONG))
    found = []
    for one in run:
        found.append(one)
        assert started.wait(LONG)
        run.cancel()
    assert Counter(one.outcome for one in found) == {"ok": 1, "cancelled": 9}
    assert {one.text for one in found if one.tries} == {"", "The run was cancelled."}
    assert found[-1] == Outcome(
        host="h9",
        outcome="cancelled",
        retryable=True,
        to_do="Visit the host again (collect does so with --resume).",
        text="The host was not visited: The run was cancelled.",
    )


def test_what_had_failed_before_a_stop_keeps_its_cause() -> None:
    def job(target: Target, _: Visit) -> Report:
        if target.name == "h1":
            run.cancel()
        return Report(cause=Cause.REFUSED)

    run = FanOut(targets(2), job, limits(at_once=1, retry_pause=LONG))
    found = {one.host: (one.outcome, one.cause) for one in run}
    assert found == {"h0": ("failed", "refused"), "h1": ("cancelled", None)}


def test_what_finishes_in_spite_of_a_stop_counts() -> None:
    def job(_: Target, visit: Visit) -> Report:
        run.cancel()
        visit.wait_for_stop(LONG)
        return Report(packed=1)

    run = FanOut(targets(1), job, limits(grace=LONG))
    assert outcomes(run) == {("ok", None): 1}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_a_run_in_good_order(number: signal.Signals) -> None:
    def job(target: Target, visit: Visit) -> Report:
        if target.name != "h0":
            visit.wait_for_stop(LONG)
        return Report(cause=None if target.name == "h0" else Cause.INCOMPLETE)

    run = FanOut(targets(5), job, limits(at_once=2, grace=LONG))
    found = []
    before = signal.getsignal(number)
    with ended_by_signals(run.cancel) as signalled:
        for one in run:
            found.append(one)
            if len(found) == 1:
                signal.raise_signal(number)
    assert Counter(one.outcome for one in found) == {"ok": 1, "cancelled": 4}
    assert (signalled.number, run.ended_by) == (number, "cancel")
    assert run.ended_for in found[1].text
    assert signal.getsignal(number) is before


def test_signals_after_the_first_leave_and_then_raise() -> None:
    called: list[str] = []
    with ended_by_signals(called.append, lambda: called.append("left")) as signalled:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
        assert called == ["The run was ended by SIGTERM.", "left"]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signalled.number == signal.SIGTERM


def test_a_run_that_is_over_before_it_begins_visits_nobody() -> None:
    def job(target: Target, _: Visit) -> NoReturn:
        raise AssertionError(target.name)

    run = FanOut(targets(3), job, QUICK)
    run.cancel()
    assert outcomes(run) == {("cancelled", None): 3}


def test_a_store_that_cannot_be_written_ends_the_run() -> None:
    def job(target: Target, visit: Visit) -> Report:
        if target.name == "h0":
            raise StoreError("/store", "no space left")
        visit.wait_for_stop(LONG)
        return Report(cause=Cause.INCOMPLETE)

    run = FanOut(targets(10), job, limits(at_once=2, grace=LONG))
    found: list[Outcome] = []
    with pytest.raises(StoreError, match="no space left"):
        found.extend(run)
    assert Counter((one.outcome, one.cause) for one in found) == {
        ("failed", "store"): 1,
        ("cancelled", None): 9,
    }
    assert run.ended_by == "store"


def test_a_run_that_is_left_stops_its_visits() -> None:
    stopped = threading.Event()

    def job(target: Target, visit: Visit) -> Report:
        if target.name == "h1":
            visit.wait_for_stop(LONG)
            stopped.set()
        return Report()

    run = iter(FanOut(targets(2), job))
    next(run)
    assert isinstance(run, Iterator)
    run.close()  # type: ignore[attr-defined]  # a generator
    assert stopped.wait(LONG)


def test_rate_and_jitter_lose_nobody() -> None:
    run = FanOut(targets(20), ok, limits(rate=2000, jitter=0.001, at_once=1))
    assert outcomes(run) == {("ok", None): 20}


def test_a_hang_does_not_block_the_exit(tmp_path: Path) -> None:
    script = tmp_path / "hang.py"
    script.write_text(
        "import threading\n"
        "from pywfp_ps.fleet.fanout import FanOut, Limits\n"
        "from pywfp_ps.transports.base import Target\n"
        "job = lambda target, visit: threading.Event().wait()\n"
        "limits = Limits(seconds=0.01, grace=0.01, retries=0)\n"
        "print([one.cause for one in FanOut([Target(name='a', address='a')], job, limits)])\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=True, timeout=LONG
    )
    assert done.stdout == "[<Cause.TIMEOUT: 'timeout'>]\n"


ENDS: dict[str, BaseException | Report] = {
    "ok": Report(),
    "partial": Report(cause=Cause.INCOMPLETE, partial=True),
    "refused": ConnectionRefusedError(),
    "antivirus": Report(cause=Cause.ANTIVIRUS),
    "credentials": AuthenticationError("no"),
    "bug": SystemExit(3),
}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(sorted(ENDS)), max_size=30),
    st.integers(1, 8),
    st.integers(0, 2),
    st.integers(0, 5),
    st.sampled_from([None, "u"]),
    st.integers(0, 3),
)
def test_every_host_has_exactly_one_true_outcome(
    ends: list[str], at_once: int, retries: int, canary: int, user: str | None, lockout: int
) -> None:
    def job(target: Target, _: Visit) -> Report:
        end = ENDS[ends[int(target.name[1:])]]
        if isinstance(end, BaseException):
            raise end
        return end

    chosen = limits(at_once=at_once, retries=retries, canary=canary, lockout_after=lockout)
    run = FanOut(targets(len(ends), user), job, chosen)
    found = [*run]
    assert sorted(one.host for one in found) == sorted(f"h{n}" for n in range(len(ends)))
    for one in found:
        end = ends[int(one.host[1:])]
        if one.outcome == "cancelled":
            assert canary
        elif one.cause is Cause.LOCKOUT_GUARD:
            assert user
            assert lockout
        else:
            assert end in {one.cause, one.outcome}
    assert (run.running, run.given, run.abandoned) == (0, len(ends), 0)


@pytest.mark.parametrize(
    "changed",
    [
        {"at_once": 0},
        {"seconds": 0},
        {"retries": -1},
        {"rate": -1},
        {"rate": 1e-300},
        {"rate": math.nan},
        {"rate": math.inf},
        {"seconds": math.nan},
        {"seconds": math.inf},
        {"seconds": 1e10},
        {"grace": math.nan},
        {"jitter": math.inf},
        {"retry_pause": math.nan},
        {"canary_seconds": -1},
    ],
)
def test_limits_that_cannot_be(changed: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"place|negative|seconds|visits a second"):
        limits(**changed)
