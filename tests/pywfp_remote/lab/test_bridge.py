"""A PowerShell in server mode behind an endpoint, and what it finds in place of Windows."""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from pywfp_ps.cli.app import main
from pywfp_ps.errors import UsageError
from pywfp_ps.fleet.causes import Cause, of_exception
from pywfp_ps.payload.decoder import decode
from pywfp_ps.read import read_state
from pywfp_ps.read.engine_options import read_system_ports
from pywfp_ps.store import Store
from pywfp_ps.transports import load
from pywfp_ps.transports.base import Patience, Target
from pywfp_ps.transports.engines import VARIABLE, find_engine
from pywfp_remote.lab import bridge as bridge_module
from pywfp_remote.lab.bridge import Bridge
from pywfp_remote.lab.generated import backend_of, key_of, made_host
from pywfp_remote.lab.host import LabHost
from pywfp_remote.lab.plan import make_plan
from pywfp_remote.lab.psrp import EndFinder, Failure, Pool, fail, version_table
from pywfp_remote.lab.stand_ins import StandIns
from tests.collect.fleet_rig import QUICK, collected, ends, fleet_of, targets_of
from tests.pywfp_remote.lab.lab_rig import lab_host, served
from tests.pywfp_remote.psrp_rig import target_of
from tests.transports.child_rig import engine
from tests.transports.rigs import Got, run

STAND_INS = Path(__file__).parents[2] / "psmodules"
HOST = lab_host()
PATIENT: dict[str, Any] = {"connection_timeout": 60, "read_timeout": 60, "operation_timeout": 50}


def through(program: Path, **options: Any) -> Got:
    """One job of the client over an endpoint with this engine."""
    with served(HOST, factory=backend_of, bridge=Bridge(program)) as practice:
        return run(load("psrp")(), target_of(practice, HOST), **options)


@pytest.mark.parametrize(
    ("way", "cause"),
    [
        ("no-start", Cause.INCOMPLETE),
        ("dies", Cause.INCOMPLETE),
        ("eof", Cause.INCOMPLETE),
        ("half-fragment", Cause.BAD_PAYLOAD),
        ("nonsense", Cause.BAD_PAYLOAD),
    ],
)
def test_an_engine_that_fails_is_told(way: str, cause: Cause, tmp_path: Path) -> None:
    got = through(engine(tmp_path, "large", way), seconds=20)
    assert got.error is not None
    assert of_exception(got.error) is cause, got.error


def test_an_engine_that_says_nothing_costs_no_more_than_the_time(tmp_path: Path) -> None:
    got = through(engine(tmp_path, "nothing", "silent"), seconds=4)
    assert got.error is not None
    assert of_exception(got.error) is Cause.TIMEOUT


def test_an_engine_that_is_not_there_is_told(tmp_path: Path) -> None:
    got = through(tmp_path / "nothing", seconds=20)
    assert got.error is not None
    assert (got.error.code, of_exception(got.error)) == (1018, Cause.ENDPOINT)


def test_no_engine_is_left(tmp_path: Path) -> None:
    program = engine(tmp_path, "endless")
    seen: list[int] = []

    class Watched(Bridge):
        async def shell(self, shell_id: str, host: LabHost, idle_seconds: float) -> Any:
            made = await super().shell(shell_id, host, idle_seconds)
            seen.append(made._process.pid)
            return made

    with served(HOST, factory=backend_of, bridge=Watched(program)) as practice:
        run(load("psrp")(), target_of(practice, HOST), seconds=3)
        run(load("psrp")(), target_of(practice, HOST), seconds=3)
    assert len(seen) == 2
    for pid in seen:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_no_more_engines_run_than_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge_module, "ENGINES_AT_ONCE", 1)
    hosts = [lab_host(f"web-{n:03d}") for n in (1, 2, 3)]
    bridge, found = Bridge(engine(tmp_path, "values")), list[Got]()

    def ask(target: Target) -> None:
        found.append(run(load("psrp")(), target, seconds=120))

    with served(*hosts, factory=backend_of, bridge=bridge) as practice:
        targets = [target_of(practice, host, **PATIENT) for host in hosts]
        jobs = [threading.Thread(target=ask, args=(target,)) for target in targets]
        for job in jobs:
            job.start()
        for job in jobs:
            job.join()
    assert [got.ran.state for got in found if got.ran] == ["completed"] * 3


@pytest.mark.parametrize("size", [10, 100_000])
def test_the_end_of_a_pipeline_is_found_in_what_others_send(size: int) -> None:
    pool = Pool(version_table("7.6.5", "7.6.5"))
    pipeline: Any = pool.pipeline(uuid4())
    pipeline.start()
    pipeline.write_output("Gr\u00fc\u00dfe " * size)
    pipeline.write_output("more")
    fail(pipeline, Failure(message="x" * size, error_id="X"))
    fragments = list(pool.waiting())
    finder = EndFinder()
    assert [finder.is_end(one.text.encode()) for one in fragments] == [
        one.last for one in fragments
    ]
    assert fragments[-1].last
    joined = "".join(one.text for one in fragments[:1])
    assert not EndFinder().is_end(joined.encode())
    assert not EndFinder().is_end(b"no base64")


def test_stand_ins_have_what_the_host_s_own_netsh_would_write(tmp_path: Path) -> None:
    made = StandIns(STAND_INS, tmp_path)(HOST)
    environment = {**os.environ, **made}

    def netsh(*words: str) -> subprocess.CompletedProcess[str]:
        command = [str(tmp_path / "programs" / "netsh"), "wfp", "show", *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    target = tmp_path / "with blanks.xml"
    assert netsh("state", f'file="{target}"').returncode == 0
    filters = made_host(key_of(HOST)).snapshot.filters
    assert read_state(target.read_bytes()).filters == filters
    assert netsh("sysports", f'file="{target}"').returncode == 0
    assert read_system_ports(target.read_bytes())[1] == ()
    assert "netevents = on" in netsh("options", "optionsfor=netevents").stdout
    assert netsh("options", "optionsfor=weather").returncode == 1
    assert netsh("weather", f'file="{target}"').returncode == 1
    assert made["COMPUTERNAME"] == HOST.computer


def test_a_fleet_with_an_engine_is_collected(tmp_path: Path) -> None:
    """The engine is a stand-in that reads its answer from a file."""
    program = engine(tmp_path / "engine", "answers")
    host = make_plan(1, seed=1).hosts[0]
    lines = backend_of(host).answer("Get-PyWfpSnapshot", {})
    (program.parent / "Get-PyWfpSnapshot.lines").write_text("\n".join(lines), "utf-8")
    behind = {"engine": str(program), "stand_ins": str(STAND_INS)}
    with (
        fleet_of(2, tmp_path / "fleet", **behind) as inventory,
        Store.open(tmp_path / "store", create=True) as store,
    ):
        targets = targets_of(inventory)
        _, found = collected(store, targets, replace(QUICK, context=("Route",)))
        assert ends(found) == {target.name: ("ok", None) for target in targets}
        assert store.snapshot(targets[1].name).filters == made_host(key_of(host)).snapshot.filters


def test_faults_of_made_up_hosts_are_refused_with_an_engine() -> None:
    assert make_plan(2, faults=["quota=*"], engine="pwsh").engine == "pwsh"
    for fault in ("bfe-stopped", "wrong-hash", "xml-bomb"):
        with pytest.raises(UsageError, match=f"the fault {fault} is made up"):
            make_plan(2, faults=[f"{fault}=*"], engine="pwsh")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--engine", "pwsh"], "--engine pwsh: no such PowerShell is here"),
        (["--engine", "/no/such/pwsh"], "--engine /no/such/pwsh: no such PowerShell is here"),
        (["--stand-ins", "x"], "--stand-ins are for --engine"),
    ],
)
def test_what_is_missing_is_said_in_one_line(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    done = CliRunner().invoke(main, ["lab", "up", "--dir", str(tmp_path / "fleet"), *words])
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"wfp: {said}")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "fleet").exists()


def test_missing_stand_ins_are_named(tmp_path: Path) -> None:
    program = engine(tmp_path)
    words = ["--engine", str(program), "--stand-ins", str(tmp_path / "none")]
    done = CliRunner().invoke(main, ["lab", "up", "--dir", str(tmp_path / "fleet"), *words])
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "there are no stand-ins for Windows in" in done.stderr


@pytest.fixture(scope="module")
def real() -> Path:
    try:
        return find_engine().program
    except UsageError as error:
        pytest.skip(str(error))


@pytest.mark.pwsh
@pytest.mark.skipif(os.name == "nt", reason="Windows has a netsh and a filter engine of its own")
@pytest.mark.parametrize(
    ("call", "part"),
    [("Get-PyWfpHostFact", "facts"), ("Get-PyWfpState", "state"), ("Get-PyWfpRecord", "records"),
     ("Get-PyWfpOption", "options"), ("Get-PyWfpFilterDump", "filters")],
)  # fmt: skip
def test_a_real_engine_answers_with_stand_ins(
    real: Path, call: str, part: str, tmp_path: Path
) -> None:
    behind = Bridge(real, StandIns(STAND_INS, tmp_path))
    lines: list[str] = []
    with served(HOST, factory=backend_of, bridge=behind) as practice:
        ran = load("psrp")().run(
            target_of(practice, HOST), call, {}, on_frame=lines.append, watch=Patience(120)
        )
    assert (ran.state, ran.errors) == ("completed", ())
    received = decode(lines, host="here", transport="psrp")
    assert (received.faults, received.noise, received.problems) == ((), (), ())
    assert part in [payload.part for payload in received.payloads]


@pytest.mark.pwsh
def test_a_real_engine_that_is_stopped_cleans_up(real: Path) -> None:
    async def stop() -> bool:
        shell = await Bridge(real).shell("S", HOST, 60)
        shell.close()
        await shell.closed()
        return shell.is_gone

    assert asyncio.run(stop())
