"""Whatever comes, a job ends as completed or as a `TransportError`: nothing else gets out."""

from __future__ import annotations

import random
import re
import socket
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pywfp_ps.fleet.causes import Cause, of_exception
from pywfp_ps.payload import decode
from pywfp_remote.lab import http
from pywfp_remote.lab.auth import Logon
from pywfp_remote.lab.host import Way
from pywfp_remote.lab.http import Reply
from pywfp_remote.link import LinkLimits
from tests.pywfp_remote.lab.lab_rig import DUMP, lab_host, served
from tests.pywfp_remote.psrp_rig import (
    Got,
    answering,
    bare_target,
    run,
    saying,
    sender,
    target_of,
)

_QUIET = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
_LINE = re.compile(rb"<rsp:Stream Name=\"stdout\"[^>]*>([^<]+)<")


@_QUIET
@given(
    head=st.sampled_from(
        [
            b"",
            b"HTTP/1.1 200 OK\r\n",
            b"HTTP/1.1 500 No\r\nContent-Type: application/soap+xml\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\n\r\n",
            b"HTTP/1.1 401 No\r\nContent-Length: 0\r\nWWW-Authenticate: Negotiate ",
            b"HTTP/1.1 200 OK\r\nContent-Type: multipart/encrypted;boundary=x\r\n\r\n",
        ]
    ),
    rest=st.binary(max_size=300),
    auth=st.sampled_from(["basic", "ntlm", "negotiate"]),
)
def test_bytes_of_any_kind(head: bytes, rest: bytes, auth: str) -> None:
    def answer(connection: socket.socket, _ended: threading.Event) -> None:
        connection.recv(1 << 20)
        connection.sendall(head + rest)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1 << 20):
            pass

    with answering(answer) as port:
        got = run(bare_target(port, auth=auth), limits=LinkLimits(answer_seconds=0.5), seconds=5)
    assert got.error is not None
    assert of_exception(got.error) is not Cause.BUG


@pytest.mark.parametrize("seed", range(40))
def test_honest_answers_with_some_bytes_changed(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(seed)
    honest = http.finish
    answers: list[bytes] = []

    def spoilt(reply: Reply, logon: Logon) -> tuple[str, bytes]:
        kind, body = honest(reply, logon)
        answers.append(body)
        if len(answers) - 1 == seed % 6 and body:
            body = _spoil(body, chance, inside=seed % 2 == 0)
        return kind, body

    monkeypatch.setattr(http, "finish", spoilt)
    host = lab_host("web-001", Way.BASIC)
    with served(host, factory=sender, most_streams=2) as practice:
        got = run(target_of(practice, host), seconds=3)
    _check(got)


@pytest.mark.parametrize("body", [b"<I32>5</I32>", b"<Nil />", b"<BA>AAEC</BA>", b"<B>true</B>"])
def test_objects_that_are_no_text_are_counted(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    got = saying(body, monkeypatch)
    assert got.ran is not None
    assert (got.ran.state, got.ran.foreign) == ("completed", 1)


def _spoil(body: bytes, chance: random.Random, *, inside: bool) -> bytes:
    """`body` with a few bytes changed: in the base64 of a fragment, or anywhere."""
    found = _LINE.search(body) if inside else None
    start, end = found.span(1) if found else (0, len(body))
    changed = bytearray(body)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(start, min(end, start + 200))
        changed[at] = chance.choice(b"ABCDabcd0123+/<>&\x00\xff")
    return bytes(changed)


def _check(got: Got) -> None:
    if got.error is not None:
        assert of_exception(got.error) is not Cause.BUG
    parts = decode(got.lines, host="web-001", transport="psrp").payloads
    assert {part.raw() for part in parts if part.complete} <= {DUMP}
