"""What a field test asks of the shell, on a real engine."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pywfp_ps import resources
from tests.psmodules.conftest import Host, Outcome

pytestmark = pytest.mark.pwsh

MODES = ["FullLanguage", "ConstrainedLanguage"]
SAID = ["plain", "", "'\"$x`", "2026-11-21 10:00"]


def seen(outcome: Outcome) -> dict[str, Any]:
    """Lines by kind."""
    assert outcome.error_id is None, outcome.stderr
    assert (outcome.received.faults, outcome.received.noise) == ((), ())
    lines = [json.loads(line) for line in outcome.part("field").raw().splitlines()]
    return {line["kind"]: line for line in lines}


@pytest.mark.parametrize("mode", MODES)
def test_the_shell_tells_how_it_behaves(host: Host, mode: str) -> None:
    kinds = ["Shell", "Json", "Argument", "Text", "Left", "Folder"]
    lines = seen(host.run("Get-PyWfpFieldTest", {"Kind": kinds, "Say": SAID}, mode=mode))
    assert {kind: line["error"] for kind, line in lines.items()} == dict.fromkeys(kinds)
    assert lines["Argument"]["seen"] == {"said": SAID, "count": len(SAID)}
    assert lines["Shell"]["seen"]["language_mode"] == mode
    assert lines["Shell"]["seen"]["minus_five"] == "-5"
    assert lines["Text"]["seen"]["lines"] == ["abc", "def"]
    assert lines["Folder"]["seen"]["gone"] is True
    assert json.loads(lines["Json"]["seen"]["lists"])["b"] == ["x"]
    assert host.left() == []


def test_what_cannot_be_tried_says_why(host: Host) -> None:
    change = {"'NtObjectManager'": "'NoSuchModule'"}
    outcome = host.run("Get-PyWfpFieldTest", {"Kind": ["Module", "Argument"]}, change=change)
    lines = seen(outcome)
    assert lines["Module"]["seen"] is None
    assert lines["Module"]["error"]["id"].startswith("PyWfp.module-missing")
    assert lines["Argument"]["error"] is None


def test_a_field_test_that_cannot_be_sent_ends_as_an_error(host: Host) -> None:
    before = "function Send-PyWfpText { Write-Error -Message 'made up' -ErrorAction Stop }\n"
    own = resources.functions()["send-pywfptext"].text
    given = {"Kind": ["Argument"]}
    outcome = host.run("Get-PyWfpFieldTest", given, change={own: ""}, before=before)
    assert [(p.part, p.code) for p in outcome.received.problems] == [("field", "unexpected")]
    assert outcome.error_id is not None


CASES = [
    *("right", "again", "space", "console", "boottime", "window", "no_folder", "no_command"),
    *("no_option", "no_type", "many", "capture"),
]


@pytest.mark.parametrize("way", ["works", "fails"])
def test_netsh_is_asked_rightly_and_wrongly(host: Host, way: str) -> None:
    host.way = way
    outcome = host.run("Get-PyWfpFieldTest", {"Kind": ["Netsh"], "LimitSeconds": "60"})
    rows = {row["case"]: row for row in seen(outcome)["Netsh"]["seen"]}
    assert list(rows) == CASES
    asked = [rows[name] for name in CASES if name != "no_folder"]
    assert {row["works"] for row in asked} == {way == "works"}
    if way == "fails":
        assert all(row["id"].startswith("PyWfp.netsh-failed") for row in asked)
        assert all(row["text"].startswith("netsh ended with code 1: ") for row in asked)
    else:
        assert rows["space"]["bytes"] == host.dump.stat().st_size
    assert host.left() == []


def test_filters_are_counted_with_and_without_a_template(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = str(Path(__file__).parent / "modules")
    before = os.environ.get("PSModulePath", "")  # noqa: SIM112 - PowerShell's own name
    monkeypatch.setenv("PSModulePath", os.pathsep.join([ours, before] if before else [ours]))
    found = seen(host.run("Get-PyWfpFieldTest", {"Kind": ["Module"]}))["Module"]
    assert found["error"] is None
    counts = {"filters": 2, "boottime": 0, "disabled": 0}
    assert (found["seen"]["plain"], found["seen"]["asked"]) == (counts, counts)
    assert found["seen"]["order"] == []
