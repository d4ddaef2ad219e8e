"""One thread for the whole process that calls things off when their time is up."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import math
import threading
import time
from collections.abc import Callable

_LONGEST_WAIT = 3600.0
"""Seconds; a wait of more than the system's clocks can count is refused by it."""


class Entry:
    """One thing to be done at a moment, unless it is cancelled before."""

    __slots__ = ("_do",)

    def __init__(self, do: Callable[[], object]) -> None:
        self._do: Callable[[], object] | None = do

    def cancel(self) -> None:
        """It will not be done; nothing happens where it already was."""
        self._do = None

    def ring(self) -> None:
        """Do it, once."""
        do, self._do = self._do, None
        if do is not None:
            with contextlib.suppress(Exception):  # the next one must be called all the same
                do()


class Alarm:
    """Does things at moments of `time.monotonic`, in a daemon thread started on first use.

    What is done must be short and must not wait: all alarms share the thread.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._entries: list[tuple[float, int, Entry]] = []
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None

    def at(self, moment: float, do: Callable[[], object]) -> Entry:
        """Have `do` done at `moment`, at once where that has passed.

        Raises:
            ValueError: The moment is no number, so that nothing could be put before or after it.
        """
        if math.isnan(moment):
            raise ValueError("an alarm needs a moment")
        entry = Entry(do)
        with self._changed:
            heapq.heappush(self._entries, (moment, next(self._numbers), entry))
            if self._thread is None or not self._thread.is_alive():  # a fork takes no threads along
                self._thread = threading.Thread(target=self._serve, name="pywfp-alarm", daemon=True)
                self._thread.start()
            if self._entries[0][2] is entry:
                self._changed.notify()
        return entry

    def _serve(self) -> None:
        while True:
            self._next().ring()

    def _next(self) -> Entry:
        with self._changed:
            while True:
                if not self._entries:
                    self._changed.wait()
                elif (left := self._entries[0][0] - time.monotonic()) > 0:
                    self._changed.wait(min(left, _LONGEST_WAIT))
                else:
                    return heapq.heappop(self._entries)[2]


alarm = Alarm()
"""The one of this process."""
