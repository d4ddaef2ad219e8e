"""The one thread that calls things off."""

from __future__ import annotations

import math
import threading
import time

import pytest

from pywfp_remote.alarm import Alarm


def test_things_are_done_in_the_order_of_their_moments() -> None:
    alarm, done, last = Alarm(), list[str](), threading.Event()
    now = time.monotonic()
    alarm.at(now + 0.08, last.set)
    alarm.at(now + 0.06, lambda: done.append("third"))
    alarm.at(now + 0.04, lambda: done.append("second"))
    alarm.at(now + 0.02, lambda: done.append("first"))
    assert last.wait(30)
    assert done == ["first", "second", "third"]


def test_what_has_passed_is_done_at_once() -> None:
    done = threading.Event()
    Alarm().at(time.monotonic() - 5, done.set)
    assert done.wait(30)


def test_what_is_cancelled_is_not_done() -> None:
    alarm, done, last = Alarm(), list[str](), threading.Event()
    now = time.monotonic()
    alarm.at(now + 0.02, lambda: done.append("cancelled")).cancel()
    alarm.at(now + 0.04, last.set)
    assert last.wait(30)
    assert done == []


def test_one_that_fails_does_not_keep_the_next_from_being_done() -> None:
    alarm, last = Alarm(), threading.Event()
    now = time.monotonic()
    alarm.at(now, lambda: 1 / 0)
    alarm.at(now + 0.02, last.set)
    assert last.wait(30)


def test_things_ring_once() -> None:
    done: list[int] = []
    alarm, last = Alarm(), threading.Event()
    entry = alarm.at(time.monotonic(), lambda: done.append(1))
    alarm.at(time.monotonic() + 0.02, last.set)
    assert last.wait(30)
    entry.ring()
    entry.cancel()
    assert done == [1]


@pytest.mark.parametrize("moment", [1e10, 1e300, math.inf])
def test_moments_beyond_what_a_clock_counts_stop_nobody(moment: float) -> None:
    alarm, last = Alarm(), threading.Event()
    alarm.at(moment, lambda: None)
    alarm.at(time.monotonic() + 0.02, last.set)
    assert last.wait(30)
    alarm.at(time.monotonic(), last.clear).ring()
    again = threading.Event()
    alarm.at(time.monotonic(), again.set)  # the thread lives on
    assert again.wait(30)


def test_no_moment_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a moment"):
        Alarm().at(math.nan, lambda: None)
