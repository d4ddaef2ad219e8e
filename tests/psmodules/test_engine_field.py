"""What a field test asks of the shell, on a real engine."""

from __future__ import annotations

import json
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
