"""Drives a PowerShell engine where there is one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from pywfp_ps import resources
from pywfp_ps.payload import Payload, Received, decode

HERE = Path(__file__).parent


class Outcome(Struct, frozen=True, kw_only=True):
    """What one call gave: its frames, and the id of the error it ended with."""

    received: Received
    error_id: str | None
    stderr: str

    def part(self, name: str) -> Payload:
        return next(each for each in self.received.payloads if each.part == name)

    def json(self, name: str) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.part(name).raw())
        return found


@pytest.fixture(scope="session")
def engine() -> str:
    named = os.environ.get("WFP_PWSH") or shutil.which("pwsh") or shutil.which("powershell.exe")
    if named is None:
        pytest.skip("no PowerShell here: set WFP_PWSH to one, or put pwsh on the PATH")
    return named


def stubs(*names: str) -> str:
    """Functions that stand in for what Windows answers, from the folder of that name."""
    return "".join((HERE / "stubs" / f"{name}.ps1").read_text("ascii") for name in names)


class Host:
    """One made-up host: a temporary folder of its own and a stand-in for netsh."""

    def __init__(self, engine: str, folder: Path) -> None:
        self.engine, self.temp = engine, folder / "temp"
        self._programs, self._folder = folder / "bin", folder
        for each in (self.temp, self._programs):
            each.mkdir()
        self.way = "works"
        self.dump = folder / "dump.xml"
        self.dump.write_bytes(b"\xef\xbb\xbf<wfpstate/>\r\n")
        self.program("netsh", (HERE / "stand_in_netsh.py").read_text())

    def program(self, name: str, python: str) -> None:
        """Put a stand-in for a program of Windows on the PATH: what it does, in Python."""
        source = self._programs / f"{name}.py"
        source.write_text(python)
        if os.name == "nt":
            text = f'@"{sys.executable}" "{source}" %*\r\n'
            (self._programs / f"{name}.cmd").write_text(text, newline="")
        else:
            text = f'#!/bin/sh\nexec "{sys.executable}" "{source}" "$@"\n'
            (self._programs / name).write_text(text)
            (self._programs / name).chmod(0o755)

    def run(
        self,
        call: str,
        arguments: Mapping[str, str | Sequence[str]] | None = None,
        *,
        mode: str = "FullLanguage",
        change: Mapping[str, str] | None = None,
        before: str = "",
    ) -> Outcome:
        """Run one call.

        Args:
            call: The function.
            arguments: What it is given, unchecked.
            mode: Language mode.
            change: Texts of the script and what stands in their place.
            before: Text that goes in front of the functions.
        """
        text = self._at_home(resources.build_script(call).text)
        for old, new in (change or {}).items():
            assert old in text
            text = text.replace(old, new)
        head, mark, rest = text.partition("function ")
        run = self._start(head + before + mark + rest, call, json.dumps(arguments or {}), mode)
        ids = [line[3:] for line in run.stderr.splitlines() if line.startswith("ID ")]
        return Outcome(
            received=decode(run.stdout.splitlines(), host="here", transport="test"),
            error_id=ids[0] if ids else None,
            stderr=run.stderr,
        )

    def value(self, expression: str, *, stubs: str = "", mode: str = "FullLanguage") -> Any:
        """What an expression gives that uses functions of the module, as JSON tells it.

        Args:
            expression: PowerShell.
            stubs: Functions that stand in for others, of the module or not.
            mode: Language mode.
        """
        text = "".join(each.text for each in resources.functions().values())
        script = (
            "param([string]$Call, [string]$Arguments)\nSet-StrictMode -Version Latest\n"
            f"$ErrorActionPreference = 'Stop'\n{self._at_home(text)}{stubs}\n"
            f"ConvertTo-PyWfpJson -InputObject @({expression})\n"
        )
        run = self._start(script, "none", "{}", mode)
        assert run.returncode == 0, run.stderr
        return json.loads(run.stdout)

    def _start(
        self, text: str, call: str, arguments: str, mode: str
    ) -> subprocess.CompletedProcess[str]:
        script = self._folder / "call.ps1"
        script.write_text(text, "ascii", newline="\n")
        return self.start(
            "-File", str(HERE / "run_call.ps1"), "-Script", str(script), "-Call", call,
            "-Arguments", arguments, "-Mode", mode,
        )  # fmt: skip

    def start(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The engine itself."""
        command = [self.engine, "-NoLogo", "-NoProfile", "-NonInteractive"]
        if os.name == "nt":
            command += ["-ExecutionPolicy", "Bypass"]
        environment = os.environ | {
            "PATH": f"{self._programs}{os.pathsep}{os.environ['PATH']}",
            "TMPDIR": str(self.temp),
            "WFP_STAND_IN": self.way,
            "WFP_STAND_IN_FILE": str(self.dump),
        }
        return subprocess.run(
            [*command, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=120,
            check=False,
        )

    def left(self) -> list[str]:
        """What lies in the temporary folder."""
        return sorted(path.name for path in self.temp.iterdir() if path.name.startswith("pywfp-"))

    def _at_home(self, text: str) -> str:
        """Windows' own folders are not for tests: the text with functions that name ours."""
        if os.name != "nt":
            return text
        ours = {
            "Get-PyWfpTempPath": f"'{self.temp}'",
            "Find-PyWfpProgram": "param([string] $Name)\n"
            f'if (Test-Path -LiteralPath "{self._programs}\\$Name.cmd") {{\n'
            f'return "{self._programs}\\$Name.cmd"\n}}\n'
            'Join-Path $env:SystemRoot "System32\\$Name.exe"',
        }
        for name, body in ours.items():
            own = resources.functions()[name.lower()].text
            text = text.replace(own, f"function {name} {{\n{body}\n}}\n")
        return text


@pytest.fixture
def host(engine: str, tmp_path: Path) -> Host:
    return Host(engine, tmp_path)
