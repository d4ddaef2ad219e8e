"""Start, ask and end a practice fleet in a background process.

The process is found again by a file in the fleet's folder that names a loopback port and a token;
it is told to end there. No signals, no process ids: what answers with the token is the fleet.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from pywfp_ps.errors import UsageError, WfpError
from pywfp_remote.lab.control import PATIENCE, STATE, Running, State, order, read_running
from pywfp_remote.lab.files import write_private
from pywfp_remote.lab.host import Way
from pywfp_remote.lab.inventory import FILES, INVENTORY
from pywfp_remote.lab.plan import BACKEND, make_plan
from pywfp_remote.lab.process import LET_GO, PLAN, load_factory

_LOG = "lab.log"
_STARTING = "starting"
_START_SECONDS = 60.0  # and a fiftieth of a second for each host
_WARM_SECONDS = 300.0
_END_SECONDS = 30.0
_POLL = 0.05
_started: dict[int, subprocess.Popen[bytes]] = {}  # by pid; ours to reap
_leads: dict[int, _Lead] = {}  # of those that end with this process


class LabError(WfpError):
    """A practice fleet did not start or did not end.

    Attributes:
        folder: Its folder.
        problem: What is wrong.
    """

    def __init__(self, folder: Path, problem: str) -> None:
        super().__init__(folder, problem)
        self.folder, self.problem = folder, problem

    def __str__(self) -> str:
        return f"practice fleet {self.folder}: {self.problem}"


class LabStatus(Struct, frozen=True, kw_only=True):
    """What is known of the fleet of a folder.

    Attributes:
        folder: The folder.
        inventory: Its inventory; there while the fleet runs, and kept after it.
        running: Whether it answers.
        pid: Of its process; 0 when it does not run.
        state: What it says of itself; None when it does not run.
    """

    folder: Path
    inventory: Path
    running: bool
    pid: int = 0
    state: State | None = None


def up(
    hosts: int,
    folder: Path,
    *,
    seed: int = 0,
    faults: Sequence[str] = (),
    latency_ms: float = 0.0,
    way: Way | None = None,
    backend: str = BACKEND,
    first_port: int = 0,
    hours: float = 24.0,
    big: bool | None = None,
    warm: bool = False,
    stays: bool = True,
    engine: str = "",
    stand_ins: str = "",
) -> LabStatus:
    """Start a fleet and return when every endpoint answers.

    A fleet that runs already and was asked for in the same words is left as it is.

    Args:
        hosts: How many.
        folder: Its folder; made when it is not there, readable by its owner alone.
        seed: The same seed gives the same hosts.
        faults: Rules such as ``quota=web-00*``; see `faults.FAULTS`.
        latency_ms: Added before every answer.
        way: One way in for all; by default db hosts take Negotiate over HTTPS, dc hosts client
            certificates, and the others NTLM over HTTP.
        backend: ``module:factory`` of what answers for the hosts.
        first_port: 0, or the first of a row of ports that must be free.
        hours: After which the fleet ends itself.
        big: Whether the first terminal server has 50,000 filters; by default in large fleets.
        warm: Make every policy before returning, so that no host is slow the first time.
        stays: Whether it outlives this process; else its end is the end of the fleet.
        engine: Program of a PowerShell that answers instead of made-up hosts.
        stand_ins: Folder with what the engine finds in place of Windows; empty on Windows.

    Raises:
        UsageError: What is asked for cannot be, another fleet runs in this folder, or files of
            somebody else would be overwritten in it.
        LabError: It did not start; a port that is taken is named.
        OSError: The folder cannot be written.
    """
    plan = make_plan(
        hosts,
        seed=seed,
        faults=faults,
        latency_ms=latency_ms,
        way=way,
        backend=backend,
        first_port=first_port,
        hours=hours,
        big=big,
        warm=warm,
        engine=engine,
        stand_ins=stand_ins,
    )
    load_factory(backend)
    if stand_ins:
        from pywfp_remote.lab.stand_ins import check_stand_ins

        check_stand_ins(Path(stand_ins))
    folder = Path(folder).absolute()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _spare_others(folder)
    with _Starting(folder):
        now = status(folder)
        if now.state is not None:
            if now.state.asked == plan.asked:
                return now
            raise UsageError(
                f"another practice fleet of {now.state.hosts} hosts runs in {folder}; end it first"
            )
        (folder / STATE).unlink(missing_ok=True)
        patience = _START_SECONDS + hosts / 50 + _WARM_SECONDS * warm
        lead = _Lead()
        try:
            write_private(folder / PLAN, msgspec.json.encode(plan))
            now = _await(folder, _start(folder, lead), patience)
            if stays:
                lead.let_go()
            else:
                _leads[now.pid] = lead
        except BaseException:
            lead.close()
            raise
        finally:
            (folder / PLAN).unlink(missing_ok=True)
        return now


def down(folder: Path) -> bool:
    """End the fleet of this folder; False when none runs there.

    Raises:
        LabError: It does not answer, or does not end.
    """
    folder = Path(folder).absolute()
    running = read_running(folder)
    if running is None or _answer(folder, running, "stop") is None:
        (folder / STATE).unlink(missing_ok=True)
        return False
    ends = time.monotonic() + _END_SECONDS
    while (folder / STATE).exists():
        if time.monotonic() > ends:
            raise LabError(folder, f"the process {running.pid} was told to end and did not")
        time.sleep(_POLL)
    if lead := _leads.pop(running.pid, None):
        lead.close()
    process = _started.pop(running.pid, None)
    if process is not None:
        process.wait(_END_SECONDS)
    return True


def status(folder: Path) -> LabStatus:
    """What is known of the fleet of this folder; a file left by a dead one counts as none.

    Raises:
        LabError: It is there and does not answer.
    """
    folder = Path(folder).absolute()
    running: Running | None = read_running(folder)
    state = _answer(folder, running, "status") if running is not None else None
    return LabStatus(
        folder=folder,
        inventory=folder / INVENTORY,
        running=state is not None,
        pid=running.pid if running is not None and state is not None else 0,
        state=state,
    )


def _answer(folder: Path, running: Running, do: str) -> State | None:
    """What a fleet answers; None where none is left.

    Raises:
        LabError: It is there and does not answer.
    """
    try:
        return order(running, do)
    except TimeoutError:
        problem = f"the process {running.pid} has not answered in {PATIENCE:.0f} s"
        advice = f"try again, or remove {folder / STATE} if it is no practice fleet"
        raise LabError(folder, f"{problem}; {advice}") from None


def _spare_others(folder: Path) -> None:
    """Somebody's own inventory has the same name as ours, and no other copy perhaps."""
    if any((folder / name).exists() for name in (STATE, _LOG, _STARTING)):
        return  # a fleet was here before
    for name in FILES:
        if (folder / name).exists():
            raise UsageError(f"{folder / name} is of no practice fleet; choose another folder")


class _Starting:
    """Keeps two starts in one folder apart; a mark whose process died is taken over."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._path = folder, folder / _STARTING

    def __enter__(self) -> None:
        for _ in range(2):
            try:
                handle = os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            except FileExistsError:
                if time.time() - self._path.stat().st_mtime < _START_SECONDS:
                    problem = f"is being started by another command; if not, remove {self._path}"
                    raise LabError(self._folder, problem) from None
                self._path.unlink(missing_ok=True)
            else:
                os.close(handle)
                return

    def __exit__(self, *_: object) -> None:
        self._path.unlink(missing_ok=True)


class _Lead:
    """Ties a fleet to whoever starts it, until it is let go: its end is the end of the fleet.

    Whatever becomes of this process before, be it Ctrl-C between two lines or a kill, the system
    closes the pipe then; a handler that ends the fleet could come too late or not at all.

    Attributes:
        theirs: What the fleet reads from.
    """

    def __init__(self) -> None:
        theirs, ours = os.pipe()
        # As objects, so that whatever ends this block closes them.
        self.theirs, self._ours = os.fdopen(theirs, "rb", 0), os.fdopen(ours, "wb", 0)

    def let_go(self) -> None:
        """The fleet lives by itself from now on."""
        self._ours.write(LET_GO)
        self.close()

    def close(self) -> None:
        """The fleet ends, unless it was let go."""
        self._ours.close()
        self.theirs.close()

    def close_theirs(self) -> None:
        """The fleet has it now."""
        self.theirs.close()


def _start(folder: Path, lead: _Lead) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "pywfp_remote.lab", str(folder)]
    detached = 0
    if sys.platform == "win32":
        detached = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
    write_private(folder / _LOG, b"")
    with (folder / _LOG).open("ab") as log:
        process = subprocess.Popen(  # noqa: S603  our own module, the folder is one argument
            command,
            stdin=lead.theirs,
            stdout=log,
            stderr=log,
            cwd=folder,
            creationflags=detached,
            start_new_session=sys.platform != "win32",
        )
    _started[process.pid] = process
    lead.close_theirs()
    return process


def _await(folder: Path, process: subprocess.Popen[bytes], seconds: float) -> LabStatus:
    try:
        return _answering(folder, process, seconds)
    except BaseException:  # Ctrl-C too: nobody would end it later
        if process.poll() is None:
            process.terminate()
            process.wait(_END_SECONDS)
        _started.pop(process.pid, None)
        raise


def _answering(folder: Path, process: subprocess.Popen[bytes], seconds: float) -> LabStatus:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        now = status(folder)
        if now.running:
            return now
        if process.poll() is not None:
            said = (folder / _LOG).read_text("utf-8", "replace").strip().splitlines()
            raise LabError(folder, said[-1] if said else f"ended with code {process.returncode}")
        time.sleep(_POLL)
    raise LabError(folder, f"did not answer within {seconds:.0f} seconds")
