"""Hosts that misbehave on HTTP: before anybody has logged on, or with a finished answer."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable

from aiohttp import web
from msgspec.structs import replace

from pywfp_remote.lab.auth import Logon
from pywfp_remote.lab.frame_faults import bomb
from pywfp_remote.lab.host import LabHost
from pywfp_remote.lab.http import Reply, Tally, finish, response
from pywfp_remote.lab.wsman import FaultError, envelope, fault_body

TRAP = "elsewhere"
"""Last part of the path that only a redirect leads to."""

_SLOW_SECONDS = 2.0
_DRIP_SECONDS = 0.5
_DRIP_LENGTH = 400_000
_OVERSIZE = 8 << 20
_BOMB_MEGABYTES = 100
_PAGE = (
    b"<!DOCTYPE html><html><head><title>Sign in</title></head>"
    b"<body><h1>Welcome to the guest network</h1></body></html>"
)
_HTML = "text/html; charset=us-ascii"
_RELATES = re.compile(rb"<a:RelatesTo>[^<]*</a:RelatesTo>")
_STRANGER = b"<a:RelatesTo>uuid:0BADC0DE-0BAD-C0DE-0BAD-C0DE0BADC0DE</a:RelatesTo>"
_PAYLOAD = re.compile(rb'<rsp:Stream Name="stdout" CommandId=')

Late = web.StreamResponse | Reply


class HttpFaults:
    """What one host's HTTP side does wrong."""

    def __init__(self, host: LabHost, tally: Tally) -> None:
        self._host, self._tally = host, tally
        self._lost = False
        self._changes = [_CHANGES[name] for name in _CHANGES if name in host.faults]
        self._ways = [_WAYS[name] for name in _WAYS if name in host.faults]

    async def early(self, request: web.BaseRequest) -> web.StreamResponse | None:
        """What is sent before anything is read or proved; None to go on."""
        faults = self._host.faults
        if "slow" in faults:
            await asyncio.sleep(_SLOW_SECONDS)
        if "redirect" in faults:
            return self._redirect(request)
        if "html" in faults:
            return response(Reply(status=200, plain=_PAGE, kind=_HTML))
        if self._lost:
            return response(Reply(status=401, challenges=("Negotiate",)))
        return None

    async def late(self, request: web.BaseRequest, reply: Reply, logon: Logon) -> Late:
        """What is sent instead of a finished reply."""
        if "logon-lost" in self._host.faults and reply.action == "Command":
            self._lost = True
        if not reply.action:
            return reply
        for change in self._changes:
            reply = change(reply)
        for way in self._ways:
            return await way(request, reply, logon)
        return reply

    def _redirect(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path.endswith(f"/{TRAP}"):
            self._tally.trapped += 1
            return response(Reply(status=401, challenges=("Negotiate", 'Basic realm="WSMAN"')))
        target = f"{request.url.origin()}{request.path.rstrip('/')}/{TRAP}"
        answer = response(Reply(status=307))
        answer.headers["Location"] = target
        return answer


_Change = Callable[[Reply], Reply]
_Way = Callable[[web.BaseRequest, Reply, Logon], Awaitable[Late]]


def _fixed(status: int, body: bytes = b"", kind: str = "") -> _Change:
    """Every reply is this one instead."""
    return lambda reply: Reply(status=status, plain=body, kind=kind or reply.kind)


def _wrong_relates_to(reply: Reply) -> Reply:
    return replace(reply, plain=_RELATES.sub(_STRANGER, reply.plain))


def _fault_in_200(reply: Reply) -> Reply:
    return replace(reply, status=200) if reply.action == "Create" else reply


def _oversized(reply: Reply) -> Reply:
    head, end, tail = reply.plain.rpartition(b"</s:Body>")
    return replace(reply, plain=b"".join((head, b" " * _OVERSIZE, end, tail)))


def _clear_answer(reply: Reply) -> Reply:
    return replace(reply, sealed=False)


def _clear_fault(reply: Reply) -> Reply:
    forged = FaultError(5, "w:AccessDenied", "Access is denied. ")
    inner = fault_body(forged, "127.0.0.1")
    plain = envelope("http://schemas.dmtf.org/wbem/wsman/1/wsman/fault", "uuid:0", inner)
    return replace(reply, status=500, plain=plain, sealed=False)


async def _gzip_bomb(_request: web.BaseRequest, reply: Reply, _logon: Logon) -> Late:
    answer = response(replace(reply, plain=bomb(_BOMB_MEGABYTES), sealed=False))
    answer.headers["Content-Encoding"] = "gzip"
    return answer


async def _drip(request: web.BaseRequest, reply: Reply, _logon: Logon) -> Late:
    stream = await _begin(request, reply, _DRIP_LENGTH)
    while True:
        await stream.write(b" ")
        await asyncio.sleep(_DRIP_SECONDS)


async def _drops(request: web.BaseRequest, reply: Reply, logon: Logon) -> Late:
    if _PAYLOAD.search(reply.plain) is None:
        return reply
    stream = await _half(request, reply, logon)
    if request.transport is not None:
        request.transport.close()
    return stream


async def _stalls(request: web.BaseRequest, reply: Reply, logon: Logon) -> Late:
    if _PAYLOAD.search(reply.plain) is None:
        return reply
    await _half(request, reply, logon)
    await asyncio.Event().wait()
    return reply


async def _half(request: web.BaseRequest, reply: Reply, logon: Logon) -> web.StreamResponse:
    kind, body = finish(reply, logon)
    stream = await _begin(request, replace(reply, kind=kind), len(body))
    await stream.write(body[: len(body) // 2])
    return stream


async def _begin(request: web.BaseRequest, reply: Reply, length: int) -> web.StreamResponse:
    stream = web.StreamResponse(status=reply.status)
    stream.headers["Content-Type"] = reply.kind
    stream.content_length = length
    await stream.prepare(request)
    return stream


_CHANGES: dict[str, _Change] = {
    "html-error": _fixed(503, _PAGE, _HTML),
    "not-found": _fixed(404),
    "http-400": _fixed(400),
    "http-500": _fixed(500),
    "empty": _fixed(200),
    "fault-in-200": _fault_in_200,
    "wrong-relates-to": _wrong_relates_to,
    "oversized": _oversized,
    "clear-answer": _clear_answer,
    "clear-fault": _clear_fault,
}
_WAYS: dict[str, _Way] = {
    "gzip-bomb": _gzip_bomb,
    "drip": _drip,
    "drops": _drops,
    "stalls": _stalls,
}
