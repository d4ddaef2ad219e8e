"""The way through a child process: a PowerShell of this machine in server mode, PSRP by psrpcore.

No shell comes between, and the command line is the same for every job: what a job is given travels
inside the protocol.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NoReturn
from uuid import UUID

from msgspec import Struct

from pywfp_ps.errors import UsageError
from pywfp_ps.resources import arguments_json, script_for
from pywfp_ps.transports.base import Ran, ScriptError, Target, TransportError, Usage, Watch
from pywfp_ps.transports.engines import Engine, find_engine
from pywfp_ps.transports.process import LineProcess, ProcessEndedError
from pywfp_ps.transports.records import clean, reserve
from pywfp_ps.transports.server_mode import (
    POOL,
    Client,
    Element,
    Ended,
    Kind,
    NoSenseError,
    Output,
    read_element,
    write_element,
)

ARGUMENTS = ("-s", "-NoLogo", "-NoProfile")
"""Command line after the program, always."""

NORMAL_END = 160
"""Exit code of a server mode whose input was closed; measured on PowerShell 7.6."""

_POLL_SECONDS = 0.2
_MOST_ERRORS = 20
_NOISE = 1_000


class ChildLimits(Struct, frozen=True, kw_only=True):
    """What a job may take of us and the engine. Times are seconds, sizes bytes.

    Attributes:
        stopping: Most time for the script to clean up once it was told to stop.
        closing: Most time for the engine to end itself.
        total: All that it may write.
        foreign: Of that, what may be outside of the protocol.
    """

    stopping: float = 5.0
    closing: float = 5.0
    total: int = 512 * 1024 * 1024
    foreign: int = 8 * 1024 * 1024


class ChildTransport:
    """A PowerShell of this machine, started anew for every job and ended with it.

    Args:
        pwsh: The engine: a program, its folder, or a name on the PATH; see `find_engine`.
        limits: What a job may take.

    Raises:
        UsageError: There is no such engine.
    """

    name = "child"

    def __init__(self, pwsh: str | Path | None = None, *, limits: ChildLimits | None = None):
        self.engine: Engine = find_engine(pwsh)
        self._limits = limits or ChildLimits()

    def run(
        self,
        target: Target,
        call: str,
        arguments: Mapping[str, str | Sequence[str]],
        *,
        on_frame: Callable[[str], object],
        watch: Watch,
    ) -> Ran:
        """As `Transport.run`."""
        if target.connection != "local":
            raise UsageError(f"{target.name} is not this machine")
        script, given = script_for(call, arguments), arguments_json(call, arguments)
        began = time.thread_time()
        session = _Session(target.name, self.engine, watch, self._limits, on_frame)
        try:
            with contextlib.closing(session):
                session.open()
                state = session.run(script.text, Call=script.call, Arguments=given)
        except TransportError as error:
            error.usage = session.usage(began)
            raise
        return Ran(
            state=state,
            usage=session.usage(began),
            errors=tuple(session.errors),
            foreign=session.foreign,
        )


class _Session:
    """One engine, one pool, one pipeline.

    Attributes:
        errors: The first errors of the script.
        foreign: Objects that are no text, and lines past the protocol that look like frames.
    """

    def __init__(
        self,
        host: str,
        engine: Engine,
        watch: Watch,
        limits: ChildLimits,
        on_frame: Callable[[str], object],
    ) -> None:
        self._host, self._engine, self._watch, self._limits = host, engine, watch, limits
        self._on_frame = on_frame
        self._client = Client()
        self._process: LineProcess | None = None
        self._state: str | None = None
        self._requests = self._sent = self._received = self._dirt = 0
        self.errors: list[ScriptError] = []
        self.foreign = 0
        self._soft_end = watch.deadline - reserve(watch.deadline - time.monotonic())

    def open(self) -> None:
        """Start the engine and make the pool.

        Raises:
            TransportError: It does not come about.
        """
        self._check()
        command = (str(self._engine.program), *ARGUMENTS)
        env = {**os.environ, "POWERSHELL_TELEMETRY_OPTOUT": "1", "POWERSHELL_UPDATECHECK": "Off"}
        try:
            self._process = LineProcess(command, env=env, end_at=self._watch.deadline)
        except OSError as error:
            self._fail("endpoint", f"{command[0]} cannot be started: {clean(error.strerror)}")
        self._watch.close_at_stop(self._hurry)
        self._client.open()
        self._send_waiting()
        while not self._client.is_open:
            self._check()
            self._take(self._next())
            if self._client.is_over:
                self._fail("endpoint", "the engine made no session")
        self._watch.accepted()

    def run(self, script: str, **parameters: str) -> Literal["completed", "failed", "stopped"]:
        """Run a script to its end.

        Raises:
            TransportError: It did not come to an end of its own, and was not told to stop.
        """
        self._client.start(script, **parameters)
        pipeline = self._pipeline()
        self._send("Command", pipeline)
        self._expect("CommandAck", pipeline)
        self._send_waiting()
        while self._state is None:
            if self._watch.is_stopped:
                self._stop(pipeline)
            elif time.monotonic() >= self._soft_end:
                self._stop(pipeline)
                self._fail("timeout", "the script did not finish in its time")
            else:
                self._take(self._next())
                self._check_pool()
        if self._state == "Completed":
            return "completed"
        if self._state == "Failed":
            return "failed"
        if not self._watch.is_stopped:
            self._fail("incomplete", "the engine stopped the script")
        return "stopped"

    def close(self) -> None:
        """Stop what runs, close what is open, and only then end the engine; never raises."""
        process = self._process
        if process is None:
            return
        end = time.monotonic() + self._limits.closing
        with contextlib.suppress(TransportError):
            self._on_frame = _ignored
            if self._client.is_running and self._state is None:
                self._stop(self._pipeline())
            if self._client.pipeline_id is not None:
                self._leave(self._pipeline(), end)
            if self._client.is_open:
                self._leave(POOL, end)
        process.close(max(0.5, end - time.monotonic()))

    def usage(self, began: float) -> Usage:
        """What was said both ways; `began` is the thread's time then."""
        return Usage(
            requests=self._requests,
            sent=self._sent,
            received=self._received,
            cpu=time.thread_time() - began,
        )

    def _pipeline(self) -> UUID:
        pipeline = self._client.pipeline_id
        if pipeline is None:
            raise RuntimeError("there is no pipeline")
        return pipeline

    def _stop(self, pipeline: UUID) -> None:
        """Signal, and take what the script still says while it cleans up.

        Raises:
            TransportError: It did not end.
        """
        end = time.monotonic() + self._limits.stopping
        self._send("Signal", pipeline)
        while self._state is None:
            if time.monotonic() >= end:
                self._fail("timeout", "the script was told to stop and did not")
            self._take(self._next())

    def _leave(self, guid: UUID, end: float) -> None:
        self._send("Close", guid)
        while time.monotonic() < end:
            element = self._next()
            self._take(element)
            if element is not None and (element.name, element.guid) == ("CloseAck", guid):
                return

    def _send_waiting(self) -> None:
        """Send what waits, each line only once the one before was acknowledged.

        The engine hands every line to a thread of its own: without waiting they overtake.
        """
        for guid, fragments in self._client.waiting():
            self._send("Data", guid, fragments)
            self._expect("DataAck", guid)

    def _send(self, kind: Kind, guid: UUID, fragments: bytes = b"") -> None:
        line = write_element(kind, guid, fragments)
        self._requests += 1
        self._sent += len(line)
        try:
            self._running().write(line)
        except ProcessEndedError:
            # What it said last stands before the reason why it says no more.
            while True:
                self._take(self._next())

    def _expect(self, name: str, guid: UUID) -> None:
        while True:
            self._check()
            element = self._next()
            self._take(element)
            if element is not None and (element.name, element.guid) == (name, guid):
                return

    def _next(self) -> Element | None:
        """The next element; None where none came for a moment, or what came is none."""
        try:
            line = self._running().read(_POLL_SECONDS)
        except ProcessEndedError:
            self._ended()
        self._received += len(line)
        if self._received > self._limits.total:
            self._fail("too-large", f"the engine wrote more than {self._limits.total} bytes")
        if not line.strip():
            return None
        element = read_element(line)
        self._foreign_line(line if element is None else element.before)
        return element

    def _take(self, element: Element | None) -> None:
        if element is None or element.name != "Data":
            return
        try:
            for event in self._client.receive(element):
                match event:
                    case Output(text=None):
                        self.foreign += 1
                    case Output(text=text):
                        self._on_frame(text or "")
                    case ScriptError():
                        self.errors += [event] if len(self.errors) < _MOST_ERRORS else []
                    case Ended(state=state):
                        self._state = state
        except NoSenseError as error:
            failure = str(error)
        else:
            return
        self._fail("bad-payload", failure)

    def _foreign_line(self, line: bytes) -> None:
        """What a program wrote past the protocol: noise, and never a frame, whatever it says."""
        if not line.strip():
            return
        self._dirt += len(line)
        if self._dirt > self._limits.foreign:
            self._fail("bad-payload", "the engine writes what is no PSRP, and too much of it")
        text = line[:_NOISE].decode("utf-8", "replace").rstrip("\r\n")
        if text.lstrip().startswith("{"):
            self.foreign += 1
        else:
            self._on_frame(text)

    def _check(self) -> None:
        """Before the script runs there is nothing to clean up."""
        if self._watch.is_stopped:
            self._fail("timeout", "it was told to stop")
        if time.monotonic() >= self._soft_end:
            self._fail("timeout", "the engine was not ready in its time")
        self._check_pool()

    def _check_pool(self) -> None:
        if self._client.is_over:
            self._fail("incomplete", "the engine gave up the session")

    def _hurry(self) -> None:
        """Called from another thread at a stop: the script may clean up, then all is over."""
        if self._process is not None:
            self._process.kill_at(time.monotonic() + self._limits.stopping + self._limits.closing)
            self._process.wake()

    def _running(self) -> LineProcess:
        if self._process is None:
            raise RuntimeError("there is no engine")
        return self._process

    def _ended(self) -> NoReturn:
        process = self._running()
        code = process.close(1.0)
        if process.was_killed:
            late = time.monotonic() >= self._watch.deadline
            why = "its time was over" if late else "it did not stop when it was told to"
            self._fail("timeout", f"the engine was killed: {why}")
        name = self._engine.program.name
        said = f": {clean(process.said)}" if process.said and code != NORMAL_END else ""
        if not self._client.is_open:
            text = f"{name} ended with code {code} before it was ready{said}"
            self._fail("endpoint", text)
        self._fail("incomplete", f"{name} ended with code {code} in the middle{said}")

    def _fail(self, what: str, text: str) -> NoReturn:
        raise TransportError(self._host, what, text)


def _ignored(_line: str) -> None:
    """The job is over; what still comes is nobody's."""
