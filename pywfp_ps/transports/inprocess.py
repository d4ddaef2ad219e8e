"""The way without another process: PowerShell's engine in this one, through pythonnet.

Only texts cross the border, both ways. No Python code runs on PowerShell's threads: the output is
asked for in short turns, so that Ctrl-C, a stop and the deadline are seen at once. What a script
starts shares our standard input and output, and a script that does not stop can only be left alone:
a child process is the safer way, this one the faster.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn

from msgspec import Struct

from pywfp_ps.errors import UsageError
from pywfp_ps.resources import Script, arguments_json, script_for
from pywfp_ps.transports.base import Ran, ScriptError, Target, TransportError, Usage, Watch
from pywfp_ps.transports.dotnet import Hosted, check_can_load, load_engine
from pywfp_ps.transports.engines import find_engine
from pywfp_ps.transports.records import reserve, script_error

_TURN = 20  # milliseconds to wait before the output is asked for again
_MOST_ERRORS = 20
_MOST_IDLE = 4


class InProcessLimits(Struct, frozen=True, kw_only=True):
    """What a job may take.

    Attributes:
        stopping: Most seconds for the script to clean up once it was told to stop; after that it
            is left to itself.
    """

    stopping: float = 5.0


class InProcessTransport:
    """PowerShell in this process; a session is kept for the next job.

    Args:
        pwsh: The engine: a program, its folder, or a name on the PATH; see `find_engine`.
        limits: What a job may take.
        load: Gives the engine's classes; in place of finding and loading one.

    Raises:
        UsageError: There is no such engine, or something that it needs is missing.
    """

    name = "inprocess"

    def __init__(
        self,
        pwsh: str | Path | None = None,
        *,
        limits: InProcessLimits | None = None,
        load: Callable[[], Hosted] | None = None,
    ) -> None:
        self._limits = limits or InProcessLimits()
        self._load = load or _loading(pwsh)
        self._lock = threading.Lock()
        self._idle: list[Any] = []

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
        if watch.is_stopped:
            raise TransportError(target.name, "timeout", "it was told to stop")
        began = time.thread_time()
        try:
            hosted = self._load()
            runspace = self._runspace(hosted)
        except UsageError as error:
            raise TransportError(target.name, "endpoint", str(error)) from error
        watch.accepted()
        job = _Job(target.name, hosted, self._limits, watch, on_frame)
        try:
            state = job.run(runspace, script, given)
        except TransportError as error:
            error.usage = job.usage(began)
            raise
        finally:
            if job.is_over:
                self._keep(runspace)
        return Ran(
            state=state,
            usage=job.usage(began),
            errors=tuple(job.errors),
            foreign=job.foreign,
        )

    def _runspace(self, hosted: Hosted) -> Any:
        """A session that nobody uses."""
        with self._lock:
            if self._idle:
                return self._idle.pop()
        try:
            state = hosted.runspaces.InitialSessionState.CreateDefault2()
            runspace = hosted.runspaces.RunspaceFactory.CreateRunspace(state)
            runspace.Open()
        except Exception as error:
            raise UsageError(f"PowerShell made no session ({type(error).__name__})") from error
        return runspace

    def _keep(self, runspace: Any) -> None:
        with self._lock:
            if len(self._idle) < _MOST_IDLE:
                self._idle.append(runspace)
                return
        runspace.Dispose()


def _loading(pwsh: str | Path | None) -> Callable[[], Hosted]:
    engine = find_engine(pwsh)
    check_can_load(engine)
    return lambda: load_engine(engine)


class _Job:
    """One pipeline in one session.

    Attributes:
        errors: The first errors of the script.
        foreign: Objects that are no text.
        is_over: Whether the session can be used again.
    """

    def __init__(
        self,
        host: str,
        hosted: Hosted,
        limits: InProcessLimits,
        watch: Watch,
        on_frame: Callable[[str], object],
    ) -> None:
        self._host, self._hosted, self._limits, self._watch = host, hosted, limits, watch
        self._on_frame = on_frame
        self._sent = self._received = 0
        self._soft_end = watch.deadline - reserve(watch.deadline - time.monotonic())
        self._stop_end: float | None = None
        self.errors: list[ScriptError] = []
        self.foreign = 0
        self.is_over = False

    def run(
        self, runspace: Any, script: Script, given: str
    ) -> Literal["completed", "failed", "stopped"]:
        """Run the script to its end.

        Raises:
            TransportError: It did not come to an end of its own, and was not told to stop.
        """
        automation = self._hosted.automation
        of_objects = automation.PSDataCollection[automation.PSObject]
        output, nothing = of_objects(), of_objects()
        nothing.Complete()
        shell = automation.PowerShell.Create()
        shell.Runspace = runspace
        shell.AddScript(self._text(script.text), True)  # a scope of its own
        shell.AddParameter("Call", self._text(script.call))
        shell.AddParameter("Arguments", self._text(given))
        begin = shell.BeginInvoke[automation.PSObject, automation.PSObject]
        result = begin(nothing, output)
        try:
            is_late = self._wait(shell, result.AsyncWaitHandle, output)
            state = self._end(shell, result)
        except BaseException:
            self._let_go(shell, result.AsyncWaitHandle)
            raise
        finally:
            if self.is_over:
                shell.Dispose()
        if is_late:
            self._fail("timeout", "the script did not finish in its time")
        if state == "stopped" and not self._watch.is_stopped:
            self._fail("incomplete", "the engine stopped the script")
        return state

    def usage(self, began: float) -> Usage:
        """Characters both ways; `began` is the thread's time then."""
        cpu = time.thread_time() - began
        return Usage(requests=1, sent=self._sent, received=self._received, cpu=cpu)

    def _wait(self, shell: Any, handle: Any, output: Any) -> bool:
        """Hand on what comes until the pipeline has ended; whether it was out of time."""
        is_late = False
        while True:
            has_ended = handle.WaitOne(_TURN)  # a method: Python's other threads go on meanwhile
            self._drain(output)
            if has_ended:
                self.is_over = True
                return is_late
            now = time.monotonic()
            if self._stop_end is None and (self._watch.is_stopped or now >= self._soft_end):
                is_late = not self._watch.is_stopped
                self._stop_end = now + self._limits.stopping
                shell.BeginStop(None, None)
            if self._stop_end is not None and now >= self._stop_end:
                text = "the script was told to stop and did not; it runs on in this process"
                self._fail("timeout", text)

    def _drain(self, output: Any) -> None:
        for item in output.ReadAll():  # a copy: the live collection would block all of Python
            text = None
            try:
                text = item.BaseObject if item is not None else None
            except UnicodeDecodeError:  # half a surrogate pair
                text = None
            if type(text) is str:
                self._received += len(text)
                self._on_frame(text)
            else:
                self.foreign += 1

    def _end(self, shell: Any, result: Any) -> Literal["completed", "failed", "stopped"]:
        automation = self._hosted.automation
        state: Literal["completed", "failed", "stopped"] = "completed"
        last: list[ScriptError] = []
        try:
            shell.EndInvoke(result)
        except automation.PipelineStoppedException:
            state = "stopped"
        except automation.RuntimeException as error:
            state = "failed"
            last = [script_error(error.ErrorRecord)]
        records = list(shell.Streams.Error.ReadAll())[: _MOST_ERRORS - len(last)]
        self.errors = [*map(script_error, records), *last]
        return state

    def _let_go(self, shell: Any, handle: Any) -> None:
        """Something of ours went wrong, or Ctrl-C came: stop, and wait a bounded while."""
        if self.is_over:
            return
        shell.BeginStop(None, None)
        end = self._stop_end or time.monotonic() + self._limits.stopping
        while not self.is_over and time.monotonic() < end:
            self.is_over = bool(handle.WaitOne(_TURN))

    def _text(self, text: str) -> str:
        """A plain text that .NET can hold: any other would end the process.

        Raises:
            UsageError: It is none.
        """
        try:
            self._sent += len(text.encode("utf-16-le")) // 2
        except UnicodeEncodeError:
            raise UsageError("a text holds half a surrogate pair") from None
        return str(text)

    def _fail(self, what: str, text: str) -> NoReturn:
        raise TransportError(self._host, what, text)
