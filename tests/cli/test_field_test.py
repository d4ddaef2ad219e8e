from __future__ import annotations

import json
import os
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pywfp_ps.cli import main
from pywfp_ps.field import assumptions
from pywfp_ps.field.asking import SAY
from tests.field.field_rig import ABSENT, answer, changed, field_frames, part_of, put, write_answers
from tests.transports.child_rig import engine

from .conftest import Call, Wfp

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-in is a shell script")
CHECKS = [one.id for one in assumptions() if one.check]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PowerShell whose jobs answer as on a machine that is as we think; its folder."""
    folder = tmp_path / "engine"
    monkeypatch.setenv("WFP_PWSH", str(made_up(folder)))
    return folder


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    """What one call gave on such a machine, and the bundle that it wrote."""
    folder = tmp_path_factory.mktemp("good")
    program, path = made_up(folder / "engine"), folder / "b.zip"
    words = ["field-test", "--pwsh", str(program), "--out", str(path), "--json"]
    return CliRunner().invoke(main, words), path


def made_up(folder: Path) -> Path:
    program = engine(folder, "answers")
    write_answers(folder)
    return program


def run(wfp: Wfp, *words: str) -> Call:
    return wfp("field-test", "--out", "b.zip", *words)


def test_a_machine_is_tried(good: tuple[Result, Path]) -> None:
    result, path = good
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert (result.exit_code, [row["id"] for row in rows]) == (0, CHECKS)
    assert {row["id"] for row in rows if row["verdict"] != "held"} == ABSENT
    assert result.stderr.splitlines()[-1] == f"wfp: look at {path} and send it back"


def test_its_bundle_is_imported(wfp: Wfp, good: tuple[Result, Path]) -> None:
    path = good[1]
    found = wfp("import", path, "--store", "s", "--json")
    assert (found.code, found.err) == (0, "")
    (imported, *checks) = found.rows
    state = part_of(answer("Get-PyWfpSnapshot", (("Source", "both"),)), "state")
    assert (imported["file"], imported["outcome"]) == (str(path), "ok")
    assert (imported["filters"], imported["gaps"]) == (state.count(b"<filterId>"), 0)
    assert [row["check"] for row in checks] == CHECKS
    assert {row["check"] for row in checks if row["verdict"] != "held"} == ABSENT
    hosts = wfp("hosts", "--store", "s", "--json").rows
    assert [row["host"] for row in hosts] == [imported["host"]]


def test_a_bundle_can_be_given_a_host_name(wfp: Wfp, good: tuple[Result, Path]) -> None:
    assert wfp("import", good[1], "--store", "s", "--host", "lab-7").code == 0
    assert [row["host"] for row in wfp("hosts", "--store", "s", "--json").rows] == ["lab-7"]


def test_the_bundle_names_nobody(good: tuple[Result, Path]) -> None:
    told = everything(good[1])
    facts: dict[str, Any] = json.loads(part_of(answer("Get-PyWfpHostFact", ()), "facts"))
    private = [facts["computer"], facts["domain"]["name"], facts["account"]["name"]]
    for row in facts["interfaces"]:
        private += [row["alias"], row["description"], *(a["address"] for a in row["addresses"])]
    private += [str(Path.home()), str(good[1].parent)]
    common = {"::1", "127.0.0.1", "Ethernet"}  # a layer has the last in its name
    left = {word for word in private if word and word not in common and word.lower() in told}
    assert left == set()


def everything(path: Path) -> str:
    with zipfile.ZipFile(path) as file:
        texts = [file.read(name).decode() for name in file.namelist()]
    return "\n".join(texts).lower()


def test_the_bundle_holds_what_was_said_in_the_same_form(good: tuple[Result, Path]) -> None:
    with zipfile.ZipFile(good[1]) as file:
        state = file.read("raw/snapshot/state")
        names = {name.removeprefix("raw/") for name in file.namelist()}
    plain = part_of(answer("Get-PyWfpSnapshot", (("Source", "both"),)), "state")
    assert state.startswith(plain[:60])
    assert state.count(b"<") == plain.count(b"<")
    assert names == {
        *("manifest.json", "field/field", "filters/filters", "stopped/facts"),
        *(f"snapshot/{part}" for part in ("after", "context", "facts", "netevents", "options")),
        *(f"snapshot/{part}" for part in ("records", "state", "sysports")),
    }


@pytest.mark.slow
def test_what_did_not_hold_is_a_finding(wfp: Wfp, machine: Path) -> None:
    probes = changed("Json", lambda probe: probe.update(lists="{}"))
    put(machine, "Get-PyWfpFieldTest", tuple(field_frames(probes, list(SAY))))
    call = run(wfp)
    assert call.code == 1
    (line,) = [line for line in call.out.splitlines() if line.startswith("did not hold")]
    assert "ps-json" in line


@pytest.mark.slow
def test_a_job_that_fails_costs_its_own_checks(wfp: Wfp, machine: Path) -> None:
    (machine / "Get-PyWfpFilterDump.lines").unlink()
    call = run(wfp, "--json")
    verdicts = {row["id"]: row["verdict"] for row in call.rows}
    assert call.code == 0
    missing = {name for name, verdict in verdicts.items() if verdict != "held"}
    assert missing == {"dump-verbose"} | ABSENT
    shown = wfp("import", "b.zip", "--store", "s")
    (line,) = [line for line in shown.out.splitlines() if "dump-verbose" in line]
    assert (shown.code, "could not ask" in line) == (0, True)


@pytest.mark.slow
def test_a_bundle_without_a_policy_is_read_all_the_same(wfp: Wfp, machine: Path) -> None:
    (machine / "Get-PyWfpSnapshot.lines").unlink()
    run(wfp)
    call = wfp("import", "b.zip", "--store", "s", "--json")
    assert (call.code, call.rows[0]["note"]) == (0, "holds results alone, no policy")
    assert {row["verdict"] for row in call.rows[1:]} >= {"held", "could not ask"}
    assert not Path("s").exists()


def test_nothing_answered_is_one_line_and_code_4(wfp: Wfp, tmp_path: Path) -> None:
    call = run(wfp, "--pwsh", str(engine(tmp_path / "x", "nothing", "no-start")))
    assert call.code == 4
    assert call.err.splitlines()[-1].startswith("wfp: nothing could be asked: ")
    assert not Path("b.zip").exists()


def test_without_a_powershell_it_says_what_is_missing(
    wfp: Wfp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WFP_PWSH", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    call = run(wfp)
    assert (call.code, "there is no PowerShell here" in call.error) == (2, True)


@pytest.mark.skipif(sys.platform == "win32", reason="that is Windows")
def test_a_powershell_elsewhere_is_not_enough(
    wfp: Wfp, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WFP_PWSH")
    monkeypatch.setenv("PATH", str(machine), prepend=os.pathsep)
    call = run(wfp)
    assert (call.code, "this is no Windows" in call.error) == (2, True)


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--dir", "d", "--out", "b.zip"], "choose one of --dir and --out"),
        (["--out", "there.zip"], "is there already"),
        (["--out", "file/b.zip"], "cannot write"),
        (["--transport", "psrp"], "'psrp' is not one of"),
        (["--timeout", "0"], "--timeout"),
    ],
)
def test_a_wrong_call_is_one_line_and_asks_nothing(
    wfp: Wfp, words: list[str], problem: str
) -> None:
    Path("there.zip").touch()
    Path("file").touch()
    call = wfp("field-test", *words)
    assert (call.code, problem in call.error) == (2, True), call.err


@pytest.mark.slow
@pytest.mark.usefixtures("machine")
def test_a_folder_gets_a_bundle_under_its_usual_name(wfp: Wfp) -> None:
    assert wfp("field-test", "--dir", "d").code == 0
    (path,) = Path("d").iterdir()
    assert path.name.startswith("wfp-field-")


def test_a_hostile_zip_is_one_line_and_leaves_nothing(wfp: Wfp) -> None:
    with zipfile.ZipFile("x.zip", "w") as file:
        file.writestr("../../evil", b"x")
    call = wfp("import", "x.zip", "--store", "s")
    assert (call.code, "that no bundle has" in call.error) == (4, True)
    assert not Path("s").exists()
    assert not Path("../../evil").exists()
