"""One practice host on HTTP: connections, authentication, sealing, and how answers leave."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from msgspec import Struct
from msgspec.structs import replace

from pywfp_remote.lab.auth import SEALED, Logon, UnsealableError
from pywfp_remote.lab.host import LabHost, Way
from pywfp_remote.lab.wsman import Service

SOAP = "application/soap+xml;charset=UTF-8"
"""Content type of a plain message."""

_SERVER = "Microsoft-HTTPAPI/2.0"


class Reply(Struct, frozen=True, kw_only=True):
    """One HTTP answer before it is sealed.

    Attributes:
        status: HTTP status.
        plain: Its bytes.
        kind: Content type of the plain bytes.
        challenges: ``WWW-Authenticate`` headers.
        action: WSMan action that it answers; empty outside of WSMan.
        sealed: Whether it leaves sealed, as its request came.
    """

    status: int
    plain: bytes = b""
    kind: str = SOAP
    challenges: tuple[str, ...] = ()
    action: str = ""
    sealed: bool = False


Early = Callable[[web.BaseRequest], Awaitable[web.StreamResponse | None]]
"""Asked before anything is read: a response to send instead, or None to go on."""
Late = Callable[[web.BaseRequest, Reply, Logon], Awaitable[web.StreamResponse | Reply]]
"""Asked with the finished reply: the reply to send, or a response to send instead."""


class Tally(Struct):
    """What one endpoint has seen.

    Attributes:
        requests: HTTP requests.
        received: Bytes of their bodies.
        sent: Bytes of the answers' bodies.
        refused: Logons that failed.
        trapped: Requests to where only a redirect leads.
    """

    requests: int = 0
    received: int = 0
    sent: int = 0
    refused: int = 0
    trapped: int = 0


class Endpoint:
    """The HTTP side of one host.

    Attributes:
        host: The host behind it.
        service: Its WSMan service.
        tally: What it has seen.
        latency: Seconds before each answer, as a round trip would take.
    """

    def __init__(
        self,
        host: LabHost,
        service: Service,
        tally: Tally,
        *,
        latency: float = 0.0,
        early: Early | None = None,
        late: Late | None = None,
    ) -> None:
        self.host, self.service, self.tally, self.latency = host, service, tally, latency
        self._early, self._late = early, late
        self._logons: weakref.WeakKeyDictionary[asyncio.BaseTransport, Logon] = (
            weakref.WeakKeyDictionary()
        )

    async def handle(self, request: web.BaseRequest, binding: bytes | None) -> web.StreamResponse:
        """Answer one HTTP request.

        Args:
            request: What arrived at this host's port and path.
            binding: Hash of the certificate of the port, None without TLS.
        """
        self.tally.requests += 1
        if self._early is not None and (early := await self._early(request)) is not None:
            return early
        body = await request.read()
        self.tally.received += len(body)
        if self.latency:
            await asyncio.sleep(self.latency)
        logon = self._logon(request)
        reply = await self._reply(request, body, logon, binding)
        if self._late is not None:
            late = await self._late(request, reply, logon)
            if isinstance(late, web.StreamResponse):
                return late
            reply = late
        kind, body = finish(reply, logon)
        self.tally.sent += len(body)
        return response(replace(reply, plain=body, kind=kind))

    def close(self) -> None:
        """Close every shell."""
        self.service.close()

    async def _reply(
        self, request: web.BaseRequest, body: bytes, logon: Logon, binding: bytes | None
    ) -> Reply:
        if request.method != "POST":
            return Reply(status=405)
        header = request.headers.get("Authorization", "")
        verdict = logon.check(header, _account(request), binding)
        if not verdict.known:
            self.tally.refused += verdict.refused
            return Reply(status=401, challenges=verdict.challenges)
        if not body:
            return Reply(status=200, challenges=verdict.challenges)
        sealed = request.headers.get("Content-Type", "").startswith(SEALED)
        if not sealed and self.host.way is Way.NTLM:
            return Reply(status=500)  # AllowUnencrypted is false
        try:
            soap = logon.unseal(body) if sealed else body
            answer = await self.service.dispatch(soap)
        except (UnsealableError, ValueError):
            return Reply(status=400)
        return Reply(
            status=answer.status,
            plain=answer.soap,
            challenges=verdict.challenges,
            action=answer.action,
            sealed=sealed,
        )

    def _logon(self, request: web.BaseRequest) -> Logon:
        transport = request.transport
        if transport is None:
            return Logon(self.host)
        logon = self._logons.get(transport)
        if logon is None:
            logon = self._logons[transport] = Logon(self.host)
        return logon


def response(reply: Reply) -> web.Response:
    """The reply, sealed already or never to be, as Windows' HTTP server sends it."""
    answer = web.Response(status=reply.status, body=reply.plain)
    answer.headers["Content-Type"] = reply.kind
    answer.headers["Server"] = _SERVER
    for challenge in reply.challenges:
        answer.headers.add("WWW-Authenticate", challenge)
    return answer


def finish(reply: Reply, logon: Logon) -> tuple[str, bytes]:
    """Content type and bytes as they leave; seals, which may be done once a reply."""
    return logon.seal(reply.plain) if reply.sealed else (reply.kind, reply.plain)


def _account(request: web.BaseRequest) -> str | None:
    """The common name in the client's certificate, which the TLS layer has checked."""
    certificate: dict[str, Any] | None = request.get_extra_info("peercert")
    for part in (certificate or {}).get("subject", ()):
        for key, value in part:
            if key == "commonName":
                return str(value)
    return None
