"""Canary passwords are found nowhere but in the proof of the account."""

from __future__ import annotations

import base64
import io
import json
import logging
import pickle
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, TracebackType

import pytest
from msgspec.structs import replace

from pywfp_ps.transports import load
from pywfp_ps.transports.base import Credential, Patience, Secret, TransportError
from pywfp_ps.transports.recorded import RecordingTransport
from pywfp_remote.lab.engine import FailedError
from pywfp_remote.lab.host import Arguments, Way
from pywfp_remote.lab.psrp import Failure
from tests.pywfp_remote.lab.lab_rig import lab_host, served
from tests.pywfp_remote.psrp_rig import CALL, Sender, bare_target, run, sender, target_of

CANARY = "Canary7Zx!password"
_LIBRARIES = ("pypsrp", "spnego", "requests", "urllib3", "asyncio", "pywfp_remote", "pywfp_ps")


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that any library logs, as a user would see it who turned everything on."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield stream
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def _canary() -> Credential:
    return Credential(user="labadmin", password=Secret(CANARY))


@pytest.mark.parametrize("way", [Way.NTLM, Way.BASIC, Way.NEGOTIATE])
def test_wrong_password_is_in_no_log_and_no_error(
    way: Way, tmp_path: Path, log: io.StringIO
) -> None:
    host = lab_host("web-001", way)
    with served(host, factory=sender) as practice:
        folder = tmp_path if way.is_tls else None
        error = run(target_of(practice, host, folder, credential=_canary())).error
    assert error is not None
    assert log.getvalue()
    shown = [log.getvalue(), str(error), repr(error), repr(error.args), *_locals(error)]
    shown += traceback.TracebackException.from_exception(error, capture_locals=True).format()
    assert [text for text in shown if _tells(text)] == []


@pytest.mark.parametrize(
    "name", ["fault-in-200", "hangs", "clear-answer", "short-fragment", "logon-lost", "html"]
)
def test_password_that_is_right_is_in_no_log_and_no_error(name: str, log: io.StringIO) -> None:
    host = lab_host("web-001", Way.NTLM, name)
    host = replace(host, password=CANARY)
    with served(host, factory=sender) as practice:
        error = run(target_of(practice, host)).error
    assert error is not None
    shown = [log.getvalue(), str(error), repr(error)]
    shown += traceback.TracebackException.from_exception(error, capture_locals=True).format()
    assert [text for text in shown if _tells(text)] == []


def test_password_is_in_no_log_of_a_job_that_goes_well(log: io.StringIO) -> None:
    host = lab_host()
    host = replace(host, password=CANARY)
    with served(host, factory=sender) as practice:
        got = run(target_of(practice, host))
    assert got.ran is not None
    assert [text for text in (log.getvalue(), repr(got.ran), *got.lines) if _tells(text)] == []


def test_error_holds_no_frame_of_a_library() -> None:
    host = lab_host()
    with served(host, factory=sender) as practice:
        error = run(target_of(practice, host, credential=_canary())).error
    assert error is not None
    modules = {frame.f_globals["__name__"].split(".")[0] for frame in _frames(error)}
    assert modules <= {"pywfp_remote", "tests", "psrp_rig", "contextlib"}
    assert (error.__cause__, error.__context__) == (None, None)


def test_bug_of_ours_shows_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise TypeError("a bug")

    monkeypatch.setattr("pywfp_remote.guard.GuardedAdapter._judge", broken)
    host = lab_host()
    with served(host, factory=sender) as practice:
        target = target_of(practice, host, credential=_canary())
        with pytest.raises((TypeError, TransportError)) as caught:
            load("psrp")().run(target, CALL, {}, on_frame=print, watch=Patience(10))
    text = "".join(traceback.format_exception(caught.value))
    assert not _tells(text)


def test_our_code_turns_no_logging_on(capfd: pytest.CaptureFixture[str]) -> None:
    levels = {name: logging.getLogger(name).level for name in _LIBRARIES}
    host = lab_host("web-001", Way.NTLM, "http-500")
    with served(host, factory=sender) as practice:
        run(target_of(practice, host))
    assert {name: logging.getLogger(name).level for name in _LIBRARIES} == levels
    assert set(levels.values()) == {logging.NOTSET}
    assert capfd.readouterr().err == ""


def test_target_shows_no_password() -> None:
    target = bare_target(5985, credential=_canary())
    shown = [repr(target), str(target), f"{target}", repr(target.credential)]
    assert [text for text in shown if _tells(text)] == []
    for write in (json.dumps, pickle.dumps):
        with pytest.raises(TypeError):
            write(target.credential.password)


def test_proxy_password_is_refused_before_it_can_be_shown() -> None:
    with pytest.raises(ValueError, match="belongs into the environment") as caught:
        bare_target(5985, proxy=f"http://user:{CANARY}@proxy:3128")
    assert not _tells(str(caught.value))


def test_proxy_password_of_the_environment_is_in_no_error(
    monkeypatch: pytest.MonkeyPatch, log: io.StringIO
) -> None:
    monkeypatch.setenv("http_proxy", f"http://user:{CANARY}@127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    error = run(bare_target(9, address="192.0.2.1", ignore_proxy=False), seconds=5).error
    assert error is not None
    shown = [str(error), repr(error), log.getvalue()]
    shown += traceback.TracebackException.from_exception(error, capture_locals=True).format()
    assert [text for text in shown if _tells(text)] == []


@pytest.mark.parametrize("before", [0, 290])
def test_password_that_a_host_says_is_told_nobody(before: int, tmp_path: Path) -> None:
    """The error's words, and its id, also where they are cut in the middle of the password."""

    class Telling(Sender):
        def answer(self, call: str, arguments: Arguments) -> Iterator[str]:
            yield from super().answer(call, arguments)
            said = f"{'x' * before} {CANARY}"
            raise FailedError(Failure(message=said, error_id=said, exception="System.Exception"))

    host = replace(lab_host(), password=CANARY)
    way = RecordingTransport(load("psrp")(), tmp_path)
    with served(host, factory=Telling) as practice:
        target = target_of(practice, host)
        ran = way.run(target, CALL, {}, on_frame=lambda _: None, watch=Patience(30))
    assert ran.state == "failed"
    assert ran.errors[0].text
    kept = [path.read_text() for path in tmp_path.rglob("*.jsonl")]
    assert len(kept) == 1
    assert [text for text in (repr(ran), *kept) if CANARY[:6] in text] == []


def _tells(text: str) -> bool:
    plain = CANARY.encode()
    forms = [CANARY, base64.b64encode(f"labadmin:{CANARY}".encode()).decode(), plain.hex()]
    return any(form in text for form in forms)


def _frames(error: BaseException) -> Iterator[FrameType]:
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        yield trace.tb_frame
        trace = trace.tb_next


def _locals(error: BaseException) -> list[str]:
    return [repr(frame.f_locals) for frame in _frames(error)]
