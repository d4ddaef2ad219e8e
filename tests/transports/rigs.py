"""Every way to a machine, each with something at its other end that plays a scenario."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from pywfp_ps.transports import load
from pywfp_ps.transports.base import Patience, Ran, Target, Transport, TransportError, Watch
from pywfp_ps.transports.engines import here
from pywfp_ps.transports.recorded import RecordingTransport
from pywfp_remote.lab import engine as practice_engine
from pywfp_remote.lab.bridge import Bridge
from pywfp_remote.lab.host import LabHost
from tests.pywfp_remote.lab.lab_rig import lab_host, served
from tests.pywfp_remote.psrp_rig import Sender, target_of
from tests.transports.child_rig import child, engine
from tests.transports.fake_clr import in_process
from tests.transports.scenarios import CALL, play

Way = tuple[Transport, Target]
HERE = here("here")


class Rig(Struct, frozen=True, kw_only=True):
    """One way.

    Attributes:
        name: Of the transport.
        open: Gives the transport and its target for a scenario.
        cleans_up: Whether what the script says after it was stopped comes through.
        is_live: Whether something runs at the other end.
        label: What a test is called by; the name where it is empty.
    """

    name: str
    open: Callable[[str, Path], AbstractContextManager[Way]]
    cleans_up: bool = True
    is_live: bool = True
    label: str = ""


@contextmanager
def _child(scenario: str, folder: Path) -> Iterator[Way]:
    yield child(folder, scenario), HERE


@contextmanager
def _in_process(scenario: str, folder: Path) -> Iterator[Way]:
    yield in_process(scenario, folder / "go"), HERE


@contextmanager
def _psrp(scenario: str, folder: Path) -> Iterator[Way]:
    host = lab_host()
    with pytest.MonkeyPatch.context() as patch, served(host, factory=_sender) as practice:
        # A practice host's backend gives lines; a scenario has errors and other objects too.
        patch.setattr(practice_engine, "_answer", lambda *_: play(scenario, folder / "go"))
        yield load("psrp")(), target_of(practice, host)


def _sender(host: LabHost) -> Sender:
    return Sender(host)


@contextmanager
def _bridged(scenario: str, folder: Path) -> Iterator[Way]:
    """PSRP over WSMan with an engine in server mode behind the endpoint."""
    host, program = lab_host(), engine(folder, scenario)
    with served(host, factory=_sender, bridge=Bridge(program)) as practice:
        yield load("psrp")(), target_of(practice, host, connection_timeout=30, read_timeout=30)


@contextmanager
def _recorded(scenario: str, folder: Path) -> Iterator[Way]:
    with _child(scenario, folder) as (transport, target):
        (folder / "go").touch()
        recording = RecordingTransport(transport, folder / "recordings")
        run(recording, target, seconds=5 if scenario == "endless" else 30)
    (folder / "go").unlink()
    yield load("recorded")(folder / "recordings"), target


RIGS = (
    Rig(name="child", open=_child),
    Rig(name="inprocess", open=_in_process),
    Rig(name="psrp", open=_psrp, cleans_up=False),
    Rig(name="psrp", open=_bridged, cleans_up=False, label="bridged"),
    Rig(name="recorded", open=_recorded, is_live=False),
)


class Got(Struct, kw_only=True):
    """What one job gave: the lines, and how it ended."""

    lines: list[str]
    ran: Ran | None = None
    error: TransportError | None = None

    @property
    def error_ids(self) -> list[str]:
        return [error.error_id for error in self.ran.errors] if self.ran else []


def run(
    transport: Transport,
    target: Target,
    *,
    seconds: float = 30,
    watch: Watch | None = None,
    on_frame: Callable[[str], object] | None = None,
    **arguments: Any,
) -> Got:
    """Run one job; an error of the host is kept, not raised."""
    got = Got(lines=[])

    def take(line: str) -> None:
        got.lines.append(line)
        if on_frame is not None:
            on_frame(line)

    try:
        got.ran = transport.run(
            target, CALL, arguments, on_frame=take, watch=watch or Patience(seconds)
        )
    except TransportError as error:
        got.error = error
    return got
