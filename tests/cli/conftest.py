"""Fixtures for the commands: a fresh place, and a way to call."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from msgspec import Struct

from pywfp_ps.cli import main


class Call(Struct, frozen=True):
    """What a call of the command gave."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The JSON objects on stdout."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def error(self) -> str:
        """Stderr, which must be one line of ours and no traceback."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("wfp: ")
        return lines[0]


Wfp = Callable[..., Call]


@pytest.fixture
def wfp(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Wfp:
    """Calls the command in an empty folder, without a configuration of the user."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    for name in ("WFP_STORE", "WFP_CONFIG"):
        monkeypatch.delenv(name, raising=False)

    def call(*words: str | Path, stdin: str | None = None) -> Call:
        result: Result = CliRunner().invoke(main, [str(word) for word in words], input=stdin)
        return Call(result.exit_code, result.stdout, result.stderr)

    return call
