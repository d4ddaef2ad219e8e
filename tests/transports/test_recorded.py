from __future__ import annotations

import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from pywfp_ps.errors import StoreError, UsageError
from pywfp_ps.payload.names import folder_name
from pywfp_ps.transports.base import Ran, ScriptError, Target, TransportError, Usage
from pywfp_ps.transports.recorded import (
    LINE_LIMIT,
    Asked,
    Recorded,
    RecordedTransport,
    RecordingTransport,
    recorded_jobs,
)
from tests.transports.rigs import Got, run
from tests.transports.scenarios import CALL, TEXTS

LINES = [*TEXTS, "half a pair \ud800 and \udfff"]
END = Ran(
    state="failed",
    usage=Usage(requests=3, sent=4, received=5, cpu=0.25),
    errors=(ScriptError(error_id="One,Test", text="one \udc00"),),
    foreign=2,
)
TARGET = Target(name="CON", address="127.0.0.1")


class Saying:
    """A transport that says these lines and ends so."""

    name = "saying"

    def __init__(self, lines: list[str], end: Ran | TransportError) -> None:
        self._lines, self._end = lines, end

    def run(self, target: Target, call: str, arguments: object, **how: object) -> Ran:
        assert (target, call, arguments) == (TARGET, CALL, {})
        on_frame = how["on_frame"]
        assert callable(on_frame)
        for line in self._lines:
            on_frame(line)
        if isinstance(self._end, Ran):
            return self._end
        raise self._end


def record(folder: Path, end: Ran | TransportError = END, lines: list[str] | None = None) -> Got:
    inner = Saying(LINES if lines is None else lines, end)
    return run(RecordingTransport(inner, folder), TARGET)


def only_file(folder: Path) -> Path:
    (path,) = folder.rglob("*.jsonl")
    return path


def test_a_job_comes_again_as_it_was(tmp_path: Path) -> None:
    first = record(tmp_path / "r")
    again = run(RecordedTransport(tmp_path / "r"), TARGET)
    assert first == again == Got(lines=LINES, ran=END)


def test_an_error_comes_again_as_it_was(tmp_path: Path) -> None:
    error = TransportError("CON", "wsman-fault", "refused", 2150859173, Usage(requests=1))
    record(tmp_path, error)
    again = run(RecordedTransport(tmp_path), TARGET)
    assert again.lines == LINES
    assert again.error is not None
    assert (again.error.args, again.error.usage) == (error.args, error.usage)


def test_a_recording_is_for_its_owner_alone(tmp_path: Path) -> None:
    record(tmp_path / "r")
    assert stat.S_IMODE(only_file(tmp_path / "r").stat().st_mode) == 0o600
    assert only_file(tmp_path / "r").name == f"{CALL}.jsonl"


def test_a_later_job_takes_the_place_of_an_earlier_one(tmp_path: Path) -> None:
    record(tmp_path)
    record(tmp_path, lines=["new"])
    assert run(RecordedTransport(tmp_path), TARGET).lines == ["new"]


def test_a_job_that_a_caller_broke_off_has_no_end(tmp_path: Path) -> None:
    def refuse(_line: str) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        run(RecordingTransport(Saying(LINES, END), tmp_path), TARGET, on_frame=refuse)
    again = run(RecordedTransport(tmp_path), TARGET)
    assert again.error is not None
    assert (again.error.what, again.lines) == ("incomplete", LINES[:1])


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (lambda data: data[:-1], "incomplete"),
        (lambda data: data[: len(data) // 2], "incomplete"),
        (lambda data: data.rsplit(b"\n", 2)[0] + b"\n", "incomplete"),
        (lambda _: b"", "bad-payload"),
        (lambda _: b"\xff\n", "bad-payload"),
        (lambda _: b"[" * 100_000 + b"\n", "bad-payload"),
        (lambda _: b"[]\n", "bad-payload"),
        (lambda _: b'"text"\n', "bad-payload"),
        (lambda data: data.replace(b'"host": "CON"', b'"host": "PRN"'), "bad-payload"),
        (lambda data: data.replace(b'"v": 1', b'"v": 2'), "bad-payload"),
        (lambda data: data.replace(b'"state": "failed"', b'"state": "won"'), "bad-payload"),
        (lambda data: data.replace(b'"foreign": 2', b'"foreign": "x"'), "bad-payload"),
        (lambda data: data.replace(b'"plain"', b'"plain'), "bad-payload"),
        (lambda data: data.replace(b'"plain"', b'"' + b"x" * LINE_LIMIT + b'"'), "bad-payload"),
        (lambda data: data.replace(b'"plain"', b"\x00"), "bad-payload"),
    ],
)
def test_a_damaged_recording_is_no_good_end(
    tmp_path: Path, damage: Callable[[bytes], bytes], what: str
) -> None:
    record(tmp_path)
    path, whole = only_file(tmp_path), only_file(tmp_path).read_bytes()
    path.write_bytes(damage(whole))
    assert path.read_bytes() != whole
    got = run(RecordedTransport(tmp_path), TARGET)
    assert got.error is not None
    assert got.error.what == what
    assert got.lines == LINES[: len(got.lines)]


def test_a_host_without_a_recording_was_not_asked(tmp_path: Path) -> None:
    got = run(RecordedTransport(tmp_path), TARGET)
    assert got.error is not None
    assert (got.error.what, got.error.text) == ("unreachable", f"no {CALL} was recorded of it")


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder of recordings"):
        RecordedTransport(tmp_path / "nowhere")


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="file"):
        record(tmp_path / "file")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full device")
@pytest.mark.parametrize("lines", [["short"], ["x" * 60_000] * 9], ids=["at the end", "amid"])
@pytest.mark.parametrize("end", [END, TransportError("CON", "incomplete", "gone")])
def test_a_full_disk_says_so(tmp_path: Path, lines: list[str], end: Ran | TransportError) -> None:
    path = tmp_path / folder_name("CON") / f"{CALL}.jsonl"
    path.parent.mkdir()
    path.symlink_to("/dev/full")
    with pytest.raises(StoreError) as caught:
        record(tmp_path, end, lines)
    assert caught.value.args == (str(path), "No space left on device")


def test_what_was_asked_is_listed_by_host(tmp_path: Path) -> None:
    before = datetime.now(UTC)
    record(tmp_path)
    (job,) = recorded_jobs(tmp_path, CALL).jobs
    assert job == Asked(host="CON", call=CALL, arguments={}, transport="saying", at=job.at)
    assert job.asked_at is not None
    assert before <= job.asked_at <= datetime.now(UTC)
    assert recorded_jobs(tmp_path, "Get-PyWfpHostFact") == Recorded(jobs=())


@pytest.mark.parametrize("at", ["", "x", "2026-11-21T10:00:00"])
def test_nobody_knows_when_a_recording_without_a_time_was_made(at: str) -> None:
    asked = Asked(host="a", call=CALL, arguments={}, transport="saying", at=at)
    assert asked.asked_at is None


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"{", "is no recording of this version"),
        (b"[]\n", "the recording is damaged"),
        (b'"text"\n', "is no recording of this version"),
        (b'{"v":2,"host":"CON","call":"%s","arguments":{},"transport":"x"}\n', "this version"),
        (b'{"host":"other","call":"%s","arguments":{},"transport":"x"}\n', "of 'other'"),
        (b'{"host":"CON","call":"Get-X","arguments":{},"transport":"x"}\n', "of 'CON', Get-X"),
    ],
)
def test_a_damaged_recording_says_what_is_wrong(tmp_path: Path, line: bytes, problem: str) -> None:
    record(tmp_path)
    path = only_file(tmp_path)
    path.write_bytes(line.replace(b"%s", CALL.encode()))
    recorded = recorded_jobs(tmp_path, CALL)
    assert recorded.jobs == ()
    ((host, said),) = recorded.damaged.items()
    assert (host, problem in said) == ("CON", True)
    got = run(RecordedTransport(tmp_path, recorded.damaged), replace(TARGET, name=host))
    assert got.error is not None
    assert (got.error.what, got.error.text) == ("bad-payload", said)
