"""A child process that is spoken to in lines, with an end to everything it can do to us."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from typing import IO

_PIECE = 1024 * 1024  # longer lines are given out in pieces; the engine's have up to 43,800 bytes
_WAITING = 64  # lines read ahead; more stay in the pipe
_TAIL = 2_000
_NOTHING = b""


class ProcessEndedError(Exception):
    """It takes nothing more: it has ended, or its input is closed."""


class LineProcess:
    """One child; made, used and ended by one thread, while `kill` and `wake` come from any.

    It is no child of the terminal: Ctrl-C reaches us alone, so that it can be ended in order. When
    its time is over it is killed with all it has started, as far as the system allows.

    Args:
        command: Program and arguments; no shell comes between.
        env: Its whole environment.
        end_at: When it is killed, by `time.monotonic`.

    Raises:
        OSError: It cannot be started.
    """

    def __init__(self, command: Sequence[str], *, env: Mapping[str, str], end_at: float) -> None:
        flags = getattr(subprocess, "CREATE_NO_WINDOW", 0)
        flags |= getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
        self._process = subprocess.Popen(  # noqa: S603  a program by its full path, no shell
            command,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            creationflags=flags,
            start_new_session=True,
        )
        self._lines: queue.Queue[bytes | None] = queue.Queue(_WAITING)
        self._tail = bytearray()
        self._gone = threading.Event()
        self._timers: list[threading.Timer] = []
        self.was_killed = self._is_read = False
        self._readers = [
            self._started(self._read_lines, self._process.stdout),
            self._started(self._read_tail, self._process.stderr),
        ]
        self.kill_at(end_at)

    @staticmethod
    def _started(read: object, stream: IO[bytes] | None) -> threading.Thread:
        thread = threading.Thread(target=read, args=(stream,), daemon=True)  # type: ignore[arg-type] # one of two methods
        thread.start()
        return thread

    @property
    def exit_code(self) -> int | None:
        """As the system gives it; None while it runs."""
        return self._process.poll()

    @property
    def said(self) -> str:
        """The end of what it wrote to standard error, printable, on one line."""
        text = bytes(self._tail).decode("utf-8", "replace")
        return " ".join("".join(c if c.isprintable() else " " for c in text).split())

    def kill_at(self, moment: float) -> None:
        """Have it killed at `moment` too."""
        timer = threading.Timer(max(0.0, moment - time.monotonic()), self.kill)
        timer.daemon = True
        self._timers.append(timer)
        timer.start()

    def wake(self) -> None:
        """Let a waiting `read` come back."""
        with contextlib.suppress(queue.Full):  # then it does not wait
            self._lines.put_nowait(_NOTHING)

    def write(self, line: bytes) -> None:
        """Send `line`, which ends itself.

        Raises:
            ProcessEndedError: Nobody reads any more.
        """
        stream = self._process.stdin
        try:
            if stream is not None:
                stream.write(line)
                stream.flush()
        except (OSError, ValueError):
            raise ProcessEndedError from None

    def read(self, seconds: float) -> bytes:
        """The next line with its end; empty where none came in time.

        Raises:
            ProcessEndedError: It has ended, and everything it wrote was read.
        """
        if self._is_read:
            raise ProcessEndedError
        try:
            line = self._lines.get(timeout=max(0.0, seconds))
        except queue.Empty:
            # What it has started may hold its output open: then no end of file will come.
            if self.exit_code is not None and self._lines.empty():
                raise ProcessEndedError from None
            return _NOTHING
        if line is None:
            self._is_read = True
            raise ProcessEndedError
        return line

    def kill(self) -> None:
        """End it at once; what it would have cleaned up stays."""
        if self._process.poll() is not None:
            return
        self.was_killed = True
        if os.name == "posix":
            with contextlib.suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            self._process.kill()

    def close(self, seconds: float) -> int | None:
        """Close its input, by which it ends itself; after `seconds` it is killed.

        Returns:
            Its exit code; None in the rare case that not even a kill ended it.
        """
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        self._gone.set()  # what it says now is read and dropped
        try:
            self._process.wait(max(0.0, seconds))
        except subprocess.TimeoutExpired:
            self.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(2)
        for timer in self._timers:
            timer.cancel()
        for thread in (*self._readers, *self._timers):
            thread.join(0.5)  # a grandchild may hold the pipe: then the thread goes when it does
        return self._process.returncode

    def _read_lines(self, stream: IO[bytes]) -> None:
        with stream, contextlib.suppress(OSError, ValueError):
            while line := stream.readline(_PIECE):
                self._put(line)
        self._put(None)

    def _put(self, line: bytes | None) -> None:
        while not self._gone.is_set():
            with contextlib.suppress(queue.Full):
                self._lines.put(line, timeout=0.2)
                return

    def _read_tail(self, stream: IO[bytes]) -> None:
        with stream, contextlib.suppress(OSError, ValueError):
            while piece := stream.readline(_PIECE):
                self._tail += piece
                del self._tail[:-_TAIL]
