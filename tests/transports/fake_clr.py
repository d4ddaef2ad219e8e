# ruff: noqa: N802, N818  the names are those of .NET
"""A stand-in for ``System.Management.Automation`` as pythonnet shows it; no .NET is needed.

It is as touchy as the real thing where that ends the process: whatever but a plain text crosses the
border is an error here, and so are a second pipeline in one session and a dispose of a running one.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pywfp_ps.transports.dotnet import Hosted
from pywfp_ps.transports.inprocess import InProcessLimits, InProcessTransport
from pywfp_remote.lab.engine import Error, FailedError, Output, Sleep, Step
from pywfp_remote.lab.psrp import Failure
from tests.transports.scenarios import Stopped, play


class RuntimeException(Exception):
    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.message}\n   at System.Somewhere.Deep()")
        self.ErrorRecord = record(failure)


class PipelineStoppedException(RuntimeException):
    pass


def record(failure: Failure) -> Any:
    return SimpleNamespace(
        FullyQualifiedErrorId=failure.error_id,
        ErrorDetails=None,
        Exception=SimpleNamespace(Message=failure.message),
    )


class PSObject:
    def __init__(self, value: object) -> None:
        self._value = value

    @property
    def BaseObject(self) -> object:
        if isinstance(self._value, bytes):
            raise UnicodeDecodeError("utf-16-le", self._value, 0, 1, "half a surrogate pair")
        return self._value


class PSDataCollection:
    def __init__(self) -> None:
        self._items: list[Any] = []
        self._lock = threading.Lock()
        self.is_complete = False

    def __class_getitem__(cls, kind: object) -> type[PSDataCollection]:
        assert kind is PSObject
        return cls

    def __iter__(self) -> Iterator[Any]:
        raise AssertionError("a live collection blocks every thread of Python")

    def Complete(self) -> None:
        self.is_complete = True

    def Add(self, item: Any) -> None:
        with self._lock:
            self._items.append(item)

    def ReadAll(self) -> list[Any]:
        with self._lock:
            items, self._items = self._items, []
        return items


class Handle:
    def __init__(self) -> None:
        self.event = threading.Event()

    def WaitOne(self, milliseconds: int) -> bool:
        return self.event.wait(milliseconds / 1000)


class Runspace:
    def __init__(self) -> None:
        self.state = "BeforeOpen"
        self.busy = False

    def Open(self) -> None:
        self.state = "Opened"

    def Dispose(self) -> None:
        assert not self.busy, "a running session was disposed of"
        self.state = "Closed"


class Machine:
    """What all sessions of one fake process share: what its scripts do, and what was made."""

    def __init__(self, scenario: str, go: Path) -> None:
        self.scenario, self.go = scenario, go
        self.runspaces: list[Runspace] = []
        self.shells: list[Shell] = []
        self.obeys = True

    def hosted(self) -> Hosted:
        automation = SimpleNamespace(
            PSDataCollection=PSDataCollection,
            PSObject=PSObject,
            PowerShell=SimpleNamespace(Create=self._shell),
            PipelineStoppedException=PipelineStoppedException,
            RuntimeException=RuntimeException,
        )
        runspaces = SimpleNamespace(
            InitialSessionState=SimpleNamespace(CreateDefault2=lambda: "state"),
            RunspaceFactory=SimpleNamespace(CreateRunspace=self._runspace),
        )
        return Hosted(automation, runspaces)

    def _runspace(self, _state: object) -> Runspace:
        self.runspaces.append(Runspace())
        return self.runspaces[-1]

    def _shell(self) -> Shell:
        self.shells.append(Shell(self))
        return self.shells[-1]


class Shell:
    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.Runspace: Any = None
        self.Streams = SimpleNamespace(Error=PSDataCollection())
        self.BeginInvoke = {(PSObject, PSObject): self._begin}
        self.parameters: dict[str, str] = {}
        self.script = ""
        self.is_disposed = False
        self._stopping = threading.Event()
        self._raised: RuntimeException | None = None

    def AddScript(self, text: str, local: bool) -> None:
        assert (type(text), local) == (str, True)
        self.script = text

    def AddParameter(self, name: str, value: str) -> None:
        assert type(name) is type(value) is str, "anything but a text may end the process"
        self.parameters[name] = value

    def BeginStop(self, callback: None, state: None) -> None:
        assert callback is state is None
        if self._machine.obeys:
            self._stopping.set()

    def EndInvoke(self, result: Any) -> None:
        assert result.AsyncWaitHandle.event.is_set()
        if self._raised is not None:
            raise self._raised

    def Dispose(self) -> None:
        assert not self.Runspace.busy, "a running pipeline was disposed of"
        self.is_disposed = True

    def _begin(self, given: PSDataCollection, output: PSDataCollection) -> Any:
        assert given.is_complete
        assert (self.Runspace.state, self.Runspace.busy) == ("Opened", False)
        self.Runspace.busy = True
        handle = Handle()
        thread = threading.Thread(target=self._run, args=(output, handle), daemon=True)
        thread.start()
        return SimpleNamespace(AsyncWaitHandle=handle)

    def _run(self, output: PSDataCollection, handle: Handle) -> None:
        if self._machine.scenario == "answers":
            os.environ["WFP_STAND_IN_CALL"] = self.parameters["Call"]
            os.environ["WFP_STAND_IN_ARGUMENTS"] = self.parameters["Arguments"]
        steps = play(self._machine.scenario, self._machine.go)
        try:
            for step in self._until_stop(steps):
                self._do(step, output)
        except FailedError as error:
            self._raised = RuntimeException(error.failure)
        except Stopped:
            self._raised = PipelineStoppedException(Failure(message="stopped", error_id="Stopped"))
        self.Runspace.busy = False
        handle.event.set()

    def _do(self, step: Step, output: PSDataCollection) -> None:
        match step:
            case Output(text):
                output.Add(PSObject(text))
            case Error(failure):
                self.Streams.Error.Add(record(failure))
            case Sleep(seconds):
                self._stopping.wait(seconds)

    def _until_stop(self, steps: Iterator[Step]) -> Iterator[Step]:
        for step in steps:
            yield step
            if self._stopping.is_set():
                break
        else:
            return
        yield steps.throw(Stopped())  # type: ignore[attr-defined] # a generator
        yield from steps
        raise Stopped


def in_process(scenario: str, go: Path) -> InProcessTransport:
    return InProcessTransport(load=Machine(scenario, go).hosted, limits=InProcessLimits(stopping=2))
