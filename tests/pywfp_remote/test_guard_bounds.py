"""Answers made to cost more than they are: in bytes, in time, or in being sealed."""

from __future__ import annotations

import socket
import threading

import pytest

from pywfp_remote.lab import http
from pywfp_remote.lab.auth import Logon
from pywfp_remote.lab.host import Way
from pywfp_remote.lab.http import Reply
from pywfp_remote.link import LinkLimits
from tests.pywfp_remote.lab.lab_rig import lab_host, served
from tests.pywfp_remote.psrp_rig import Got, answering, bare_target, run, sender, target_of

_SOAP = b"HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\n"
_CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
_LOGON = b"HTTP/1.1 401 No\r\nContent-Length: 0\r\nWWW-Authenticate: Negotiate\r\n"
_MOST = 32 << 20  # what these hosts send at most; far above what anybody may take
_CONTINUE = b"HTTP/1.1 100 Continue\r\n"

ENDLESS = {
    "chunk of -1 bytes": (_SOAP + _CHUNKED + b"-1\r\n", b"x" * 65536),
    "logon in chunks": (_LOGON + _CHUNKED, b"10000\r\n" + b"x" * 65536 + b"\r\n"),
    "logon in a chunk of -1 bytes": (_LOGON + _CHUNKED + b"-1\r\n", b"x" * 65536),
    "trailers": (_SOAP + _CHUNKED + b"0\r\n", b"X: " + b"y" * 60000 + b"\r\n"),
    "continue": (b"", (_CONTINUE + b"\r\n") * 2000),
    "continue with heads": (b"", _CONTINUE + (b"X: " + b"y" * 60000 + b"\r\n") * 9 + b"\r\n"),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_endless_answer_is_left_soon(name: str) -> None:
    head, piece = ENDLESS[name]
    taken = [0]

    def answer(connection: socket.socket, ended: threading.Event) -> None:
        connection.recv(1 << 20)
        connection.sendall(head)
        while taken[0] < _MOST and not ended.is_set():
            connection.sendall(piece)
            taken[0] += len(piece)

    with answering(answer) as port:
        error = run(bare_target(port, auth="negotiate", message_encryption="never")).error
    assert error is not None
    assert (error.what, "HTTP 401 with" in error.text or "is larger than" in error.text) == (
        "bad-payload",
        True,
    )
    assert taken[0] < _MOST


def test_scheme_that_a_host_makes_up_is_cut_and_printable() -> None:
    offered = ",".join(f"\x1b[31mx{n}\x9d" for n in range(1000))
    head = f"HTTP/1.1 401 No\r\nContent-Length: 0\r\nWWW-Authenticate: {offered}\r\n\r\n"

    def answer(connection: socket.socket, _ended: threading.Event) -> None:
        connection.recv(1 << 20)
        connection.sendall(head.encode("latin-1"))

    with answering(answer) as port:
        error = run(bare_target(port)).error
    assert error is not None
    assert error.what == "endpoint"
    assert (error.text.isprintable(), len(error.text) < 500) == (True, True)


def _typed(
    kind: str, monkeypatch: pytest.MonkeyPatch, *, clear: bool = False, tail: bytes = b""
) -> Got:
    """A job on a host that gives its sealed answers another type, or sends them in clear."""
    honest = http.finish

    def lying(reply: Reply, logon: Logon) -> tuple[str, bytes]:
        if not reply.sealed:
            return honest(reply, logon)
        _, body = honest(reply, logon)
        return kind, (reply.plain if clear else body + tail)

    monkeypatch.setattr(http, "finish", lying)
    host = lab_host("web-001", Way.NTLM)
    with served(host, factory=sender) as practice:
        return run(target_of(practice, host), limits=LinkLimits(answer_seconds=5), seconds=10)


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/encrypted",
        'Multipart/Encrypted;boundary="Encrypted Boundary"',
        'multipart/encrypted ;boundary="Encrypted Boundary"',
        "multipart/x-multi-encrypted",
    ],
)
def test_clear_answer_is_not_taken_for_a_sealed_one(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    got = _typed(kind, monkeypatch, clear=True)
    assert got.error is not None
    assert (got.error.what, got.error.text) == (
        "bad-payload",
        "an answer is sealed in a way that nobody knows",
    )


@pytest.mark.parametrize("boundary", ["(a|a)*b", "(a+)+b", "[", "a{1,9}{1,9}{1,9}b", ".*.*.*.*b"])
def test_boundary_is_no_regular_expression(boundary: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = f'multipart/encrypted;boundary="{boundary}"'
    tail = f"--{boundary}\r\n a;Length=1\r\n--{boundary}\r\n--{'a' * 24}!".encode()
    got = _typed(kind, monkeypatch, tail=tail)
    assert got.error is not None
    assert got.error.text == "an answer is sealed in a way that nobody knows"


@pytest.mark.parametrize("charset", ["punycode", "idna", "cp037", "utf-16", "unknown"])
def test_host_does_not_choose_the_codec(charset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = http.finish

    def named(reply: Reply, logon: Logon) -> tuple[str, bytes]:
        _, body = honest(reply, logon)
        return f"application/soap+xml;charset={charset}", body

    monkeypatch.setattr(http, "finish", named)
    host = lab_host("web-001", Way.BASIC)
    with served(host, factory=sender) as practice:
        got = run(target_of(practice, host))
    assert got.error is None
