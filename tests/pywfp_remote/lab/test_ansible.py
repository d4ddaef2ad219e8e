"""Ansible's own psrp connection against the practice fleet: ``raw``, by each way in."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pywfp_ps.payload.decoder import decode
from pywfp_ps.resources import build_script
from pywfp_remote.lab.fleet import down, up
from tests.pywfp_remote.lab.lab_rig import DUMP

_ROOT = Path(__file__).resolve().parents[3]
_ANSIBLE = Path(sys.executable).parent / "ansible"
_HEAD = re.compile(r"^(\S+) \| (?:CHANGED|FAILED) \| rc=(\d+) >>$", re.MULTILINE)


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A fleet of ten: every group but the terminal server, so every way in."""
    folder = tmp_path_factory.mktemp("ansible") / "lab"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(_ROOT))
        yield up(10, folder, backend="tests.pywfp_remote.lab.lab_rig:tiny").inventory
    down(folder)


@pytest.mark.slow
def test_raw_says_the_name_of_every_host(inventory: Path) -> None:
    said = _raw(inventory, "hostname")
    assert said == {host: (0, [host.upper()]) for host in said}
    assert len(said) == 10


@pytest.mark.slow
def test_raw_sees_exit_codes_and_errors(inventory: Path) -> None:
    ended = _raw(inventory, "exit 7", "web-001")["web-001"]
    unknown = _raw(inventory, "no-such-program", "web-001")["web-001"]
    assert ended[0] == 7
    assert "FullyQualifiedErrorId : CommandNotFoundException" in " ".join(unknown[1])


@pytest.mark.slow
def test_raw_brings_the_dump(inventory: Path) -> None:
    code, lines = _raw(inventory, "netsh wfp show state file=-", "dc-001")["dc-001"]
    assert (code, "\n".join(lines).encode()) == (0, DUMP)


@pytest.mark.slow
def test_raw_runs_our_own_script(inventory: Path) -> None:
    """The script of a call, its functions and then the call by name, is what a peer would run."""
    text = build_script("Get-PyWfpState").text
    functions = text[text.index("function ") : text.index("$PyWfpGiven")]
    code, lines = _raw(inventory, f"{functions}Get-PyWfpState\n", "web-001")["web-001"]
    received = decode(lines, host="web-001", transport="psrp")
    assert (code, [payload.raw() for payload in received.payloads]) == (0, [DUMP])


def _raw(inventory: Path, command: str, limit: str = "all") -> dict[str, tuple[int, list[str]]]:
    """Exit code and lines that ``ansible -m raw`` prints, by host."""
    done = subprocess.run(
        [str(_ANSIBLE), limit, "-i", str(inventory), "-m", "raw", "-a", command],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C.UTF-8", "ANSIBLE_NOCOLOR": "1"},
    )
    parts = _HEAD.split(done.stdout)
    assert len(parts) > 1, done.stdout + done.stderr
    return {
        host: (int(code), text.strip().splitlines())
        for host, code, text in zip(parts[1::3], parts[2::3], parts[3::3], strict=True)
    }
