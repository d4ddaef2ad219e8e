"""The example and the page about connecting say what is so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from pywfp_ps.fleet.causes import ADVICE
from tests.collect.fleet_rig import targets_of

_ROOT = Path(__file__).resolve().parents[2]


def test_the_example_collects_an_inventory(fleet: Path, tmp_path: Path) -> None:
    words: list[str | Path] = [
        sys.executable,
        _ROOT / "examples" / "collect.py",
        fleet,
        tmp_path / "store",
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=120)
    names = sorted(one.name for one in targets_of(fleet))
    lines = done.stdout.splitlines()
    assert sorted(lines[: len(names)]) == [f"{name}: ok" for name in names]
    assert [line.split(" holds ")[0] for line in lines[len(names) :]] == names


def test_every_cause_stands_on_the_page() -> None:
    page = (_ROOT / "docs" / "connect.md").read_text("utf-8")
    for cause, advice in ADVICE.items():
        again = "yes" if advice.can_pass else "no"
        assert f"| `{cause}` | {advice.meaning} | {advice.to_do} | {again} |\n" in page
