"""When an account counts as taken, and how often a host may have it proved."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest
from aiohttp import web

from pywfp_ps.transports.base import Patience
from pywfp_remote.lab import http
from pywfp_remote.lab.auth import Logon
from pywfp_remote.lab.host import Way
from pywfp_remote.lab.http import Endpoint, Reply
from tests.pywfp_remote.lab.lab_rig import lab_host, served
from tests.pywfp_remote.psrp_rig import answering, bare_target, run, sender, target_of

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


def test_logon_again_for_every_request_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = Endpoint.handle

    async def forgetful(
        self: Endpoint, request: web.BaseRequest, binding: bytes | None
    ) -> web.StreamResponse:
        answer = await honest(self, request, binding)
        if answer.status != 401:
            self._logons.clear()
        return answer

    monkeypatch.setattr(Endpoint, "handle", forgetful)
    host = lab_host("web-001", Way.NEGOTIATE)
    with served(host, factory=sender, most_streams=1) as practice:
        error = run(target_of(practice, host, tmp_path)).error
    assert error is not None
    assert (error.what, error.text) == ("bad-payload", "the host wants a logon again and again")
