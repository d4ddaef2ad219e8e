"""What every way to a machine must do alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from pywfp_ps.errors import UsageError
from pywfp_ps.payload import Payload, Problem, decode
from pywfp_ps.transports.base import Patience, ScriptError
from tests.transports.rigs import RIGS, Rig, run
from tests.transports.scenarios import (
    BFE,
    CLEANED,
    FIRST,
    LARGE,
    LAST,
    PROBLEM,
    SMALL,
    TEXTS,
    unpacked,
)


@pytest.fixture(params=RIGS, ids=lambda rig: rig.label or rig.name)
def rig(request: pytest.FixtureRequest) -> Rig:
    found = request.param
    assert isinstance(found, Rig)
    return found


def test_its_name_is_that_of_the_table(rig: Rig, tmp_path: Path) -> None:
    with rig.open("nothing", tmp_path) as (transport, _):
        assert transport.name == rig.name


def test_texts_arrive_as_they_were_written(rig: Rig, tmp_path: Path) -> None:
    with rig.open("values", tmp_path) as (transport, target):
        got = run(transport, target)
    assert got.lines == TEXTS
    assert all(type(line) is str for line in got.lines)
    assert got.ran is not None
    assert (got.ran.state, got.ran.errors, got.ran.foreign) == ("completed", (), 0)


def test_a_job_without_output_is_completed(rig: Rig, tmp_path: Path) -> None:
    with rig.open("nothing", tmp_path) as (transport, target):
        got = run(transport, target)
    assert got.ran is not None
    assert (got.ran.state, got.lines) == ("completed", [])


def test_an_error_that_ends_the_script_comes_with_what_was_said_before(
    rig: Rig, tmp_path: Path
) -> None:
    with rig.open("throws", tmp_path) as (transport, target):
        got = run(transport, target)
    assert got.ran is not None
    assert (got.ran.state, got.ran.errors) == (
        "failed",
        (ScriptError(error_id=BFE.error_id, text=BFE.message),),
    )
    assert got.lines == [PROBLEM]
    received = decode(got.lines, host="here", transport=rig.name)
    assert received.problems == (
        Problem(code="bfe-stopped", part="state", text="BFE l\u00e4uft nicht."),
    )


def test_errors_that_end_nothing_are_kept_in_order(rig: Rig, tmp_path: Path) -> None:
    with rig.open("errors", tmp_path) as (transport, target):
        got = run(transport, target)
    assert got.ran is not None
    assert (got.ran.state, got.ran.errors) == (
        "completed",
        (
            ScriptError(error_id="One,Test", text="one"),
            ScriptError(error_id="Two,Test", text="two"),
        ),
    )
    assert got.lines == [FIRST, LAST]


def test_a_line_comes_before_the_script_ends(rig: Rig, tmp_path: Path) -> None:
    with rig.open("streams", tmp_path) as (transport, target):
        got = run(transport, target, on_frame=lambda _: (tmp_path / "go").touch())
    assert got.ran is not None
    assert (got.ran.state, got.lines) == ("completed", [FIRST, LAST])


def test_a_script_without_an_end_is_over_in_its_time(rig: Rig, tmp_path: Path) -> None:
    with rig.open("endless", tmp_path) as (transport, target):
        got = run(transport, target, seconds=5)
    assert got.error is not None
    assert (got.error.what, got.error.host) == ("timeout", target.name)
    assert got.lines == ([FIRST, CLEANED] if rig.cleans_up else [FIRST])


def test_a_script_that_is_stopped_cleans_up(rig: Rig, tmp_path: Path) -> None:
    watch = Patience(30)
    with rig.open("endless", tmp_path) as (transport, target):
        got = run(transport, target, watch=watch, on_frame=lambda _: watch.stop())
    assert got.ran is not None, got.error
    assert got.ran.state == "stopped"
    assert got.lines == ([FIRST, CLEANED] if rig.cleans_up and rig.is_live else [FIRST])


def test_a_stop_before_the_beginning_asks_nobody(rig: Rig, tmp_path: Path) -> None:
    watch = Patience(30)
    watch.stop()
    with rig.open("large", tmp_path) as (transport, target):
        got = run(transport, target, watch=watch)
    assert got.lines == []
    assert got.error is not None or (got.ran is not None and got.ran.state == "stopped")


def test_objects_that_are_no_text_are_counted(rig: Rig, tmp_path: Path) -> None:
    with rig.open("foreign", tmp_path) as (transport, target):
        got = run(transport, target)
    assert got.ran is not None
    assert (got.ran.state, got.ran.foreign) == ("completed", len(SMALL) + 1)
    assert got.lines == ["VERBOSE: a banner", *SMALL]


def test_a_large_part_arrives_whole(rig: Rig, tmp_path: Path) -> None:
    with rig.open("large", tmp_path) as (transport, target):
        got = run(transport, target)
    assert got.lines == LARGE
    (payload,) = decode(got.lines, host="here", transport=rig.name).payloads
    assert isinstance(payload, Payload)
    assert payload.complete
    assert payload.raw() == unpacked(LARGE)


def test_the_host_is_accepted_once_it_answers(rig: Rig, tmp_path: Path) -> None:
    watch = Patience(30)
    with rig.open("nothing", tmp_path) as (transport, target):
        assert not watch.is_accepted
        run(transport, target, watch=watch)
    assert watch.is_accepted


def test_what_the_caller_raises_comes_out(rig: Rig, tmp_path: Path) -> None:
    def refuse(line: str) -> None:
        raise LookupError(line)

    with rig.open("endless", tmp_path) as way, pytest.raises(LookupError, match=FIRST):
        run(*way, on_frame=refuse)


def test_jobs_follow_each_other(rig: Rig, tmp_path: Path) -> None:
    with rig.open("throws", tmp_path) as (transport, target):
        ids = [run(transport, target).error_ids for _ in range(3)]
    assert ids == [[BFE.error_id]] * 3


def test_a_call_or_argument_that_is_none_is_refused(rig: Rig, tmp_path: Path) -> None:
    with rig.open("nothing", tmp_path) as (transport, target):
        with pytest.raises(UsageError, match="no parameter 'Nope'"):
            run(transport, target, Nope="1")
        with pytest.raises(UsageError, match="no function 'Get-Nothing'"):
            transport.run(target, "Get-Nothing", {}, on_frame=print, watch=Patience(5))
