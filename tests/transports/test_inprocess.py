"""The in-process way against a stand-in for .NET: what crosses the border, and how a job ends."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import pytest

from pywfp_ps.errors import UsageError
from pywfp_ps.resources import arguments_json, script_for
from pywfp_ps.transports.base import Patience, Target
from pywfp_ps.transports.dotnet import Hosted
from pywfp_ps.transports.inprocess import InProcessLimits, InProcessTransport
from tests.transports.fake_clr import Machine
from tests.transports.rigs import HERE, run
from tests.transports.scenarios import CALL, CLEANED, FIRST


def made(tmp_path: Path, scenario: str, stopping: float = 2) -> tuple[Machine, InProcessTransport]:
    machine = Machine(scenario, tmp_path / "go")
    limits = InProcessLimits(stopping=stopping)
    return machine, InProcessTransport(load=machine.hosted, limits=limits)


def test_the_script_and_two_texts_cross_the_border(tmp_path: Path) -> None:
    machine, transport = made(tmp_path, "nothing")
    run(transport, HERE, Run="r-1")
    (shell,) = machine.shells
    assert shell.script == script_for(CALL, {"Run": "r-1"}).text
    assert shell.parameters == {"Call": CALL, "Arguments": arguments_json(CALL, {"Run": "r-1"})}
    assert shell.is_disposed


@pytest.mark.parametrize("scenario", ["nothing", "throws", "errors"])
def test_a_session_is_kept_for_the_next_job(tmp_path: Path, scenario: str) -> None:
    machine, transport = made(tmp_path, scenario)
    for _ in range(3):
        run(transport, HERE)
    assert (len(machine.runspaces), len(machine.shells)) == (1, 3)


def test_a_session_that_was_stopped_is_kept_too(tmp_path: Path) -> None:
    machine, transport = made(tmp_path, "endless")
    for _ in range(2):
        watch = Patience(30)
        run(transport, HERE, watch=watch, on_frame=lambda _: watch.stop())  # noqa: B023  run at once
    assert len(machine.runspaces) == 1


def test_jobs_beside_each_other_have_sessions_of_their_own(tmp_path: Path) -> None:
    machine, transport = made(tmp_path, "streams")
    both = threading.Barrier(6, action=(tmp_path / "go").touch)
    threads = [
        threading.Thread(
            target=run,
            args=(transport, HERE),
            kwargs={"on_frame": lambda line: line == FIRST and both.wait(30)},
        )
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    states = sorted(runspace.state for runspace in machine.runspaces)
    assert states == ["Closed"] * 2 + ["Opened"] * 4


def test_a_script_that_does_not_stop_is_left_alone(tmp_path: Path) -> None:
    machine, transport = made(tmp_path, "endless", stopping=0.2)
    machine.obeys = False
    watch = Patience(30)
    got = run(transport, HERE, watch=watch, on_frame=lambda _: watch.stop())
    assert got.error is not None
    assert (got.error.what, got.lines) == ("timeout", [FIRST])
    assert "runs on in this process" in got.error.text
    (shell,), (runspace,) = machine.shells, machine.runspaces
    assert (shell.is_disposed, runspace.state) == (False, "Opened"), "neither can be disposed of"
    machine.obeys = True
    shell.BeginStop(None, None)
    machine.scenario = "nothing"
    assert run(transport, HERE).ran is not None
    assert len(machine.runspaces) == 2, "a session that is lost is never used again"


def test_ctrl_c_stops_the_script_and_comes_out_at_once(tmp_path: Path) -> None:
    machine, transport = made(tmp_path, "endless")
    with pytest.raises(KeyboardInterrupt):
        run(transport, HERE, on_frame=lambda _: signal.raise_signal(signal.SIGINT))
    assert not machine.runspaces[0].busy
    assert machine.shells[0].is_disposed


def test_what_comes_while_it_cleans_up_is_handed_on(tmp_path: Path) -> None:
    _, transport = made(tmp_path, "endless")
    got = run(transport, HERE, seconds=1)
    assert got.error is not None
    assert (got.error.what, got.lines) == ("timeout", [FIRST, CLEANED])


def test_half_a_surrogate_pair_from_dotnet_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pywfp_remote.lab.engine import Output
    from tests.transports import fake_clr

    steps = [Output("a"), Output(b"\x00\xd8"), Output("b")]  # type: ignore[arg-type] # see PSObject
    monkeypatch.setattr(fake_clr, "play", lambda *_: iter(steps))
    got = run(made(tmp_path, "nothing")[1], HERE)
    assert got.ran is not None
    assert (got.lines, got.ran.foreign) == (["a", "b"], 1)


def test_words_of_an_error_are_without_the_stack(tmp_path: Path) -> None:
    got = run(made(tmp_path, "throws")[1], HERE)
    assert got.ran is not None
    assert "System.Somewhere" not in got.ran.errors[0].text


def test_an_engine_that_does_not_load_is_a_cause() -> None:
    def load() -> Hosted:
        raise UsageError("PowerShell cannot run in this process: it is Tuesday")

    got = run(InProcessTransport(load=load), HERE)
    assert got.error is not None
    assert (got.error.what, got.error.text) == (
        "endpoint",
        "PowerShell cannot run in this process: it is Tuesday",
    )


def test_a_session_that_is_not_made_is_a_cause(tmp_path: Path) -> None:
    machine, transport = made(tmp_path, "nothing")

    def refuse(_state: object) -> None:
        raise OSError("no")

    machine._runspace = refuse  # type: ignore[method-assign, assignment] # for this one
    got = run(transport, HERE)
    assert got.error is not None
    assert (got.error.what, got.error.text) == ("endpoint", "PowerShell made no session (OSError)")


def test_another_machine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="web-01 is not this machine"):
        run(made(tmp_path, "nothing")[1], Target(name="web-01", address="web-01"))
