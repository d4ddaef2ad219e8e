"""``wfp demo`` goes over real PowerShell remoting and leaves nothing behind."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from pywfp_remote.lab.fleet import down
from tests.cli.conftest import Wfp
from tests.collect.fleet_rig import started


def test_demo_collects_and_answers(wfp: Wfp, tmp_path: Path) -> None:
    call = wfp("demo", "--hosts", "6", "--dir", "d")
    assert call.code == 0, call.err
    assert [f"\n{number}. " in call.out for number in (1, 2, 3)] == [True] * 3
    assert "wfp: 6 hosts in " in call.err
    (run,) = wfp("runs", "--store", "d/store", "--json").rows
    assert (run["command"], run["hosts"], run["state"]) == ("demo", 6, "done")
    assert _labs(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent to one process there")
@pytest.mark.parametrize("moment", ["while the hosts start", "while they are collected"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_demo_that_is_interrupted_ends_its_hosts(
    tmp_path: Path, moment: str, number: signal.Signals
) -> None:
    folder = tmp_path / "d"
    run = started("demo", "--hosts", "20", "--dir", folder)
    sign = folder / "fleet" / ("lab.log" if "start" in moment else "inventory.yml")
    until = time.monotonic() + 60
    while not sign.exists() and time.monotonic() < until:
        assert run.poll() is None
    run.send_signal(number)
    _, err = run.communicate(timeout=90)
    assert (run.returncode, "Traceback" in err) == (128 + number, False), err
    assert _labs_soon(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize(
    "sign", [pytest.param(0, marks=pytest.mark.slow), 1, 2, pytest.param(3, marks=pytest.mark.slow)]
)
def test_start_that_is_interrupted_leaves_no_fleet_behind(
    tmp_path: Path, number: signal.Signals, sign: int
) -> None:
    folder = tmp_path / "f"
    signs = [folder / name for name in ("starting", "plan.json", "lab.log", "inventory.yml")]
    run = started("lab", "up", "--hosts", "100", "--dir", folder)
    while run.poll() is None and not any(one.exists() for one in signs[sign:]):
        pass
    run.send_signal(number)
    _, err = run.communicate(timeout=90)
    assert "Traceback" not in err
    if run.returncode == 0:  # it was done before it heard of it
        down(folder)
    else:
        assert run.returncode == (-9 if number == signal.SIGKILL else 128 + number), err
    assert _labs_soon(tmp_path) == []


def _labs_soon(folder: Path) -> list[int]:
    """Practice fleets that still run after the time that one takes to hear of its end."""
    until = time.monotonic() + 60
    while (left := _labs(folder)) and time.monotonic() < until:
        pass
    return left


def _labs(folder: Path) -> list[int]:
    """Practice fleets of a folder that still run."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "pywfp_remote.lab" in words and any(str(folder) in word for word in words):
            found.append(process.pid)
    return found


def test_folder_that_is_none_of_a_fleet_is_told(wfp: Wfp, tmp_path: Path) -> None:
    call = wfp("lab", "down", "--dir", "nix")
    assert (call.code, call.error) == (2, "wfp: nix is not the folder of a practice fleet")
    assert not (tmp_path / "nix").exists()


@pytest.mark.parametrize("words", ["lab up", "lab write", "demo"])
def test_folder_that_cannot_be_is_one_line(wfp: Wfp, tmp_path: Path, words: str) -> None:
    (tmp_path / "file").touch()
    call = wfp(*words.split(), "--hosts", "1", "--dir", "file/x")
    assert (call.code, call.error) == (2, "wfp: file/x: Not a directory")
