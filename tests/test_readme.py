"""What the README shows is what the commands print."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from pywfp_ps.cli import main

_README = Path(__file__).resolve().parent.parent / "README.md"
_BLOCK = re.compile(r"```console\n\$ (wfp .+?)```", re.DOTALL)


def _shown() -> list[tuple[list[str], str]]:
    """Calls of the five questions with the output shown, white space at line ends aside."""
    text = _README.read_text("utf-8").partition("## Five questions")[2]
    found = []
    for block in _BLOCK.findall(text):
        lines = block.splitlines()
        end = next(n for n in range(1, len(lines) + 1) if _is_whole("\n".join(lines[:n])))
        found.append((shlex.split("\n".join(lines[:end])), "\n".join(lines[end:])))
    return found


def _is_whole(words: str) -> bool:
    try:
        shlex.split(words)
    except ValueError:
        return False
    return True


@pytest.mark.slow
def test_the_answers_shown_are_those_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WFP_STORE", "store")
    runner = CliRunner()
    written = runner.invoke(
        main, ["lab", "write", "--hosts", "25", "--seed", "1", "--dir", "fleet"]
    )
    assert written.exit_code == 0
    dumps = [str(path) for path in sorted(Path("fleet").glob("*/wfpstate.xml"))]
    assert runner.invoke(main, ["import", *dumps]).exit_code == 0
    shown = _shown()
    assert len(shown) == 5
    for words, expected in shown:
        given = runner.invoke(main, words[1:]).stdout.splitlines()
        assert [line.rstrip() for line in given] == expected.splitlines(), words
