"""When an account counts as taken, and how often a host may have it proved."""

from __future__ import annotations

import socket
import threading
from contextlib import closing
from pathlib import Path

import pytest
from aiohttp import web

from pywfp_ps.transports.base import Patience
from pywfp_remote.lab import http
from pywfp_remote.lab.auth import Logon
from pywfp_remote.lab.host import Way
from pywfp_remote.lab.http import Endpoint, Reply
from pywfp_remote.link import Link, LinkError, LinkLimits
from pywfp_remote.session import connect
from tests.pywfp_remote.lab.lab_rig import lab_host, served
from tests.pywfp_remote.psrp_rig import LINES, answering, bare_target, run, sender, target_of

ANSWERS = {
    "nothing": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "XML": b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 4\r\n\r\n<a/>",
    "error": b"HTTP/1.1 500 No\r\nContent-Type: text/xml\r\nContent-Length: 4\r\n\r\n<a/>",
}


@pytest.mark.parametrize("auth", ["basic", "ntlm"])
@pytest.mark.parametrize("name", ANSWERS)
def test_whatever_says_yes_to_everything_proves_nothing(name: str, auth: str) -> None:
    def answer(connection: socket.socket, _ended: threading.Event) -> None:
        while connection.recv(1 << 20):
            connection.sendall(ANSWERS[name])

    watch = Patience(10)
    with answering(answer) as port:
        error = run(bare_target(port, auth=auth), watch=watch).error
    assert error is not None
    assert (error.what, watch.is_accepted) == ("bad-payload", False)


@pytest.mark.parametrize("name", [None, "fault-in-200", "access-denied", "quota"])
@pytest.mark.parametrize("way", [Way.NTLM, Way.BASIC])
def test_host_that_answers_has_taken_the_account(way: Way, name: str | None) -> None:
    watch = Patience(30)
    host = lab_host("web-001", way, *([name] if name else []))
    with served(host, factory=sender) as practice:
        run(target_of(practice, host), watch=watch)
    assert watch.is_accepted


def test_answer_that_does_not_open_is_no_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    def forged(reply: Reply, logon: Logon) -> tuple[str, bytes]:
        kind, body = logon.seal(reply.plain) if reply.sealed else (reply.kind, reply.plain)
        return kind, body.replace(body[-60:-50], b"0123456789")

    monkeypatch.setattr(http, "finish", forged)
    watch = Patience(30)
    host = lab_host("web-001", Way.NTLM)
    with served(host, factory=sender) as practice:
        error = run(target_of(practice, host), watch=watch).error
    assert error is not None
    assert (error.what, watch.is_accepted) == ("bad-payload", False)


def test_logon_again_for_every_request_is_borne(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of an honest host behind a proxy that makes a new connection for each request."""
    honest = Endpoint.handle
    statuses: list[int] = []

    async def forgetful(
        self: Endpoint, request: web.BaseRequest, binding: bytes | None
    ) -> web.StreamResponse:
        answer = await honest(self, request, binding)
        if answer.status != 401:
            self._logons.clear()
        statuses.append(answer.status)
        return answer

    monkeypatch.setattr(Endpoint, "handle", forgetful)
    host = lab_host("web-001", Way.NEGOTIATE)
    with served(host, factory=sender, most_streams=1) as practice:
        got = run(target_of(practice, host, tmp_path))
    assert got.error is None
    assert got.lines == list(LINES)
    assert statuses == [401, 401, 200] * (len(statuses) // 3)
    assert statuses.count(401) > 2 + 8  # of the first logon, and what is free after it


@pytest.mark.parametrize(
    ("statuses", "left_at"),
    [
        ([200] + [401] * 100, 1 + 11),  # each answer has brought two more
        ([200, 401, 401] * 100, None),
        ([200, 401, 401, 401] * 100, 4 * 8 + 4),
        ([500, 401, 401, 401] * 100, 4 * 8 + 4),
    ],
)
def test_proofs_without_answers_are_not_given(statuses: list[int], left_at: int | None) -> None:
    told = iter(statuses)

    def answer(connection: socket.socket, _ended: threading.Event) -> None:
        while asked := connection.recv(1 << 20):
            if not asked.endswith(b"<a/>"):  # the head; the body comes by itself
                continue
            body = b"<a/>" if (status := next(told)) != 401 else b""
            head = f"HTTP/1.1 {status} X\r\nContent-Type: text/xml\r\n"
            head += f"WWW-Authenticate: Basic\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)

    link = Link(
        deadline=Patience(60).deadline,
        limits=LinkLimits(),
        answer_seconds=30,
        on_accepted=lambda: None,
    )
    link.opening = False
    with answering(answer) as port:
        wsman = connect(bare_target(port, auth="basic"), link)
        session = wsman.transport.session
        assert session is not None
        with closing(link), closing(wsman):
            for _ in statuses[: None if left_at is None else left_at - 1]:
                session.post(wsman.transport.endpoint, data=b"<a/>")
            if left_at is not None:
                with pytest.raises(LinkError, match="the host wants a logon again and again"):
                    session.post(wsman.transport.endpoint, data=b"<a/>")


@pytest.mark.parametrize(
    "head",
    [
        "HTTP/1.1 401 No\r\nWWW-Authenticate: {}Right1Password x\r\n",
        "HTTP/1.1 200 OK\r\nContent-Type: {0}{0}{0}Right1Password\r\n",
    ],
)
def test_password_in_a_head_is_told_nobody(head: str) -> None:
    def answer(connection: socket.socket, _ended: threading.Event) -> None:
        while connection.recv(1 << 20):
            said = head.format("x" * 17)
            connection.sendall(f"{said}Content-Length: 1\r\n\r\nx".encode())

    with answering(answer) as port:
        error = run(bare_target(port, auth="basic")).error
    assert error is not None
    assert "xxx" in error.text  # the padding is told, and not the word behind it
    assert "rig" not in error.text.lower()
