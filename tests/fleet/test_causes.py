from __future__ import annotations

import errno
import re
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
import requests
from pypsrp.exceptions import (
    AuthenticationError,
    WinRMError,
    WinRMTransportError,
    WSManFaultError,
)
from urllib3.exceptions import MaxRetryError, NameResolutionError, ProtocolError, ReadTimeoutError

from pywfp_ps.errors import ReadError
from pywfp_ps.fleet.causes import (
    ADVICE,
    Cause,
    of_error_id,
    of_exception,
    of_frame_fault,
    of_hresult,
    of_problem,
)
from pywfp_ps.payload.unpack import TooLargeError
from pywfp_ps.transports.base import TransportError

ROOT = Path(__file__).resolve().parents[2]


def fault(code: int | str | None) -> WSManFaultError:
    return WSManFaultError(code, None, None, None, None, None)


def http(code: int) -> WinRMTransportError:
    return WinRMTransportError("http", code, "<html>")


def holding(inner: Exception) -> requests.ConnectionError:
    """As requests gives urllib3's errors out."""
    return requests.ConnectionError(MaxRetryError(None, "/wsman", inner))  # type: ignore[arg-type]  # no pool here


def caused(outer: Exception, inner: Exception) -> Exception:
    outer.__cause__ = inner
    return outer


POOL: Any = None
BEFORE: list[tuple[BaseException, str]] = [
    (fault(2150858793), "timeout"),
    (fault(2150858811), "endpoint"),
    (fault(2150858843), "incomplete"),
    (fault(2150859173), "quota"),
    (fault(2150859174), "quota"),
    (fault(2150859179), "quota"),
    (fault(2150859236), "quota"),
    (fault(2150859241), "quota"),
    (fault(5), "access-denied"),
    (fault(2), "endpoint"),
    (fault(1018), "endpoint"),
    (fault(995), "incomplete"),
    (fault(1726), "incomplete"),
    (fault("w:QuotaLimit"), "quota"),
    (fault("w:InternalError"), "quota"),
    (fault("w:Unheard"), "incomplete"),
    (fault(None), "bad-payload"),
    (AuthenticationError("Failed to authenticate"), "credentials"),
    (http(401), "credentials"),
    (http(403), "access-denied"),
    (http(404), "bad-payload"),
    (http(400), "bad-payload"),
    (WinRMError("wrong RelatesTo"), "bad-payload"),
    (holding(caused(NameResolutionError("x", POOL, socket.gaierror()), socket.gaierror())), "dns"),
    (holding(ConnectionRefusedError()), "refused"),
    (holding(OSError(errno.EHOSTUNREACH, "No route")), "unreachable"),
    (requests.ConnectTimeout(), "unreachable"),
    (TimeoutError(errno.ETIMEDOUT, "timed out"), "unreachable"),
    (requests.ReadTimeout(ReadTimeoutError(POOL, "/", "x")), "timeout"),
    (TimeoutError(), "timeout"),
    (requests.exceptions.SSLError(MaxRetryError(POOL, "/", ssl.SSLCertVerificationError())), "tls"),
    (ssl.SSLError(), "tls"),
    (requests.ConnectionError(ProtocolError("aborted", ConnectionResetError())), "unreachable"),
    (requests.exceptions.ChunkedEncodingError(), "incomplete"),
    (TransportError("h", "bad-payload", "a redirect"), "bad-payload"),
    (TransportError("h", "netsh-timeout", "slow"), "timeout"),
    (TransportError("h", "", "a fault", 2150859173), "quota"),
    (TransportError("h", "unheard", "what"), "incomplete"),
    (TransportError("h", "bug", "a host never says so"), "incomplete"),
    (ReadError("a", "b", "c"), "bad-payload"),
    (TooLargeError("a", "b", "c", 1), "bad-payload"),
    (KeyError("x"), "bug"),
    (ValueError("x"), "bug"),
    (MemoryError(), "bug"),
    (SystemExit(1), "bug"),
]

AFTER = [
    (AuthenticationError("Failed to authenticate"), "quota"),
    (http(401), "quota"),
    (requests.ConnectionError(ProtocolError("aborted", ConnectionResetError())), "incomplete"),
    (holding(ConnectionRefusedError()), "incomplete"),
    (fault(5), "access-denied"),
]


@pytest.mark.parametrize(("error", "cause"), BEFORE, ids=lambda value: repr(value)[:60])
def test_an_exception_before_the_logon_has_its_cause(error: BaseException, cause: str) -> None:
    assert of_exception(error) == cause


@pytest.mark.parametrize(("error", "cause"), AFTER, ids=lambda value: repr(value)[:60])
def test_an_exception_after_the_logon_has_its_cause(error: BaseException, cause: str) -> None:
    assert of_exception(error, logged_on=True) == cause


def test_a_bug_under_another_error_is_a_bug() -> None:
    bug = KeyError("ours")
    bug.__context__ = TimeoutError()
    assert of_exception(bug) is Cause.BUG


def test_exceptions_of_real_connections_have_their_cause(tmp_path: Path) -> None:
    del tmp_path
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(requests.RequestException) as silent:
            requests.get(f"http://127.0.0.1:{port}", timeout=0.05)
    with pytest.raises(requests.RequestException) as refused:
        requests.get(f"http://127.0.0.1:{port}", timeout=5)
    with pytest.raises(requests.RequestException) as unknown:
        requests.get("http://host.invalid", timeout=5)
    errors = (silent.value, refused.value, unknown.value)
    assert [of_exception(error) for error in errors] == ["timeout", "refused", "dns"]


@pytest.mark.parametrize(
    ("code", "hresult", "cause"),
    [
        ("bfe-stopped", None, "bfe-stopped"),
        ("PyWfp.not-elevated", None, "not-elevated"),
        ("PyWfp.netsh-failed,Get-PyWfpState", "0x800706D9", "bfe-stopped"),
        ("netsh-failed", "0x1", "netsh-failed"),
        ("netsh-failed", "5", "access-denied"),
        ("netsh-failed", "-2147024891", "access-denied"),
        ("netsh-failed", "nonsense", "netsh-failed"),
        ("constrained-language", None, "language-mode"),
        ("unheard", None, "incomplete"),
        ("unheard", "0x80070070", "no-disk"),
        ("bug", None, "incomplete"),
    ],
)
def test_a_problem_code_has_its_cause(code: str, hresult: str | None, cause: str) -> None:
    assert of_problem(code, hresult) == cause


def test_ids_of_powershell_errors_have_their_cause() -> None:
    ids = [
        "ScriptContainedMaliciousContent,Microsoft.PowerShell.Commands.InvokeExpressionCommand",
        "UnauthorizedAccess",
        "ScriptsNotAllowed",
        "CannotCreateTypeConstrainedLanguage,Microsoft.PowerShell.Commands.NewObjectCommand",
        "PyWfp.no-disk,Assert-PyWfpDisk",
        "SomethingElse",
    ]
    assert [of_error_id(one) for one in ids] == [
        "antivirus",
        "execution-policy",
        "language-mode",
        "language-mode",
        "no-disk",
        None,
    ]


def test_faults_of_frames_are_nonsense_or_something_is_lost() -> None:
    codes = ("missing", "hash", "no-end", "bomb", "damaged", "too-large", "unheard")
    assert [of_frame_fault(code) for code in codes] == [
        *("incomplete", "incomplete", "incomplete"),
        *("bad-payload", "bad-payload", "too-large", "incomplete"),
    ]


def test_every_cause_says_what_to_do() -> None:
    assert set(ADVICE) == set(Cause)
    for advice in ADVICE.values():
        assert re.fullmatch(r"[A-Zn].*\.", advice.meaning)
        assert re.fullmatch(r"[A-Z].*\.", advice.to_do)
    # A check has no run that could be resumed; the store it cannot meet.
    runs = {cause for cause, advice in ADVICE.items() if "resume the run" in advice.to_do.lower()}
    assert runs == {Cause.STORE}


def test_every_problem_code_of_our_functions_is_known() -> None:
    folder = ROOT / "psmodules"
    texts = [path.read_text() for path in folder.rglob("*.ps1")]
    codes = {code for text in texts for code in re.findall(r"-ErrorId '(PyWfp\.[a-z-]+)'", text)}
    from pywfp_ps.fleet.causes import _PROBLEMS

    assert codes
    assert {code.removeprefix("PyWfp.") for code in codes} - set(_PROBLEMS) - {"bug"} == set()


@pytest.mark.parametrize("number", [1058, 1062, 1068, 1717, 1722, 1752, 1753])
def test_numbers_that_mean_a_stopped_engine_are_known(number: int) -> None:
    assert of_hresult(str(number)) is of_hresult(hex(0x80070000 + number)) is Cause.BFE_STOPPED
