from __future__ import annotations

import os
from pathlib import Path

import pytest

from pywfp_ps.field import ask, results
from pywfp_ps.field.asking import Ended, jobs
from pywfp_ps.transports.base import Transport
from tests.field.field_rig import ABSENT, HERE, NOW, Broken, asked, write_answers
from tests.transports.child_rig import child
from tests.transports.fake_clr import in_process

JOBS = ["snapshot", "filters", "events", "no-events", "stopped", "field"]


def way(name: str, folder: Path) -> Transport:
    if name == "child":
        return child(folder, "answers")
    folder.mkdir()
    return in_process("answers", folder / "go")


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a shell script")
@pytest.mark.parametrize("name", ["child", "inprocess"])
def test_both_local_ways_bring_every_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for variable in ("WFP_STAND_IN_CALL", "WFP_STAND_IN_ARGUMENTS"):
        monkeypatch.setenv(variable, "")  # taken back at the end
    folder = tmp_path / "engine"
    transport = way(name, folder)
    write_answers(folder)
    told: list[str] = []
    found = ask(transport, HERE, seconds=60, on_job=lambda job: told.append(job.name))
    assert told == list(found.ended) == JOBS
    states = {job: ended.state for job, ended in found.ended.items()}
    assert states == dict.fromkeys(JOBS, "completed") | {"stopped": "stopped"}
    assert (found.transport, set(found.parts) >= {("stopped", "facts")}) == (name, True)
    assert {one.id for one in results(found) if one.verdict != "held"} == ABSENT


def test_a_job_that_ends_with_an_error_says_which() -> None:
    ended = asked(Broken()).ended
    assert list(ended) == JOBS
    errors = ("PyWfp.not-elevated,Assert-PyWfpReady",)
    assert {(one.state, one.errors, one.cause) for one in ended.values()} == {
        ("failed", errors, "")
    }
    assert isinstance(ended["field"], Ended)


def test_what_is_asked_is_the_same_for_everybody() -> None:
    (*_, field) = jobs(NOW)
    assert [job.name for job in jobs(NOW)] == JOBS
    assert dict(jobs(NOW)[2].arguments) == {"After": "20261120T100000000Z", "MaxCount": "500"}
    assert list(field.arguments) == ["Say"]
