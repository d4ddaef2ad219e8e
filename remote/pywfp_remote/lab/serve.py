"""Ports of the practice fleet: one a host, or one for many hosts with a path each."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Mapping

from aiohttp import web

from pywfp_remote.lab.http import Endpoint
from pywfp_remote.lab.http_faults import TRAP

LOOPBACK = "127.0.0.1"
"""The only address the practice fleet listens on."""

_HTTP_IDLE = 120.0  # seconds; HTTP.sys drops a silent connection after two minutes
_BACKLOG = 128
_LAST_WORDS = 0.2  # seconds that answers under way may still take
_FILLERS = 4  # a backlog of 0 holds one connection, or two
_quiet = logging.getLogger("pywfp_remote.lab")


class Port:
    """One listening port and the endpoints behind it, by URL path."""

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        *,
        context: ssl.SSLContext | None = None,
        binding: bytes | None = None,
        idle: float = _HTTP_IDLE,
    ) -> None:
        self._endpoints = dict(endpoints)
        self._context, self._binding = context, binding
        self._web = web.Server(self._handle, access_log=None, keepalive_timeout=idle, logger=_quiet)
        self._server: asyncio.Server | None = None

    async def listen(self, listener: socket.socket) -> None:
        """Serve on a socket that is bound already."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            self._web, sock=listener, ssl=self._context, backlog=_BACKLOG
        )

    async def close(self) -> None:
        """Stop listening, drop connections, close shells."""
        if self._server is not None:
            self._server.close()
        for endpoint in self._endpoints.values():
            endpoint.close()
        transports = [connection.transport for connection in self._web.connections]
        await self._web.shutdown(_LAST_WORDS)
        for transport in transports:
            if transport is not None:
                transport.abort()  # whatever it still had to say

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path.strip("/").removesuffix(f"/{TRAP}")
        endpoint = self._endpoints.get(path)
        if endpoint is None:
            return web.Response(status=404)
        return await endpoint.handle(request, self._binding)


class DeadPort:
    """A port with no host behind it: refuses, says nothing, or cuts every connection."""

    def __init__(self, fault: str) -> None:
        self._fault = fault
        self._listener: socket.socket | None = None
        self._fillers: list[socket.socket] = []
        self._transports: set[asyncio.WriteTransport] = set()
        self._server: asyncio.Server | None = None

    async def listen(self, listener: socket.socket) -> None:
        """Hold the port, and be there as little as the fault says."""
        self._listener = listener
        if self._fault == "unreachable":
            self._fill(listener)
        elif self._fault != "refused":
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(self._protocol, sock=listener, backlog=_BACKLOG)

    async def close(self) -> None:
        """Let the port go."""
        if self._server is not None:
            self._server.close()
        for transport in self._transports:
            transport.abort()
        for filler in self._fillers:
            filler.close()
        if self._listener is not None:
            self._listener.close()

    def _protocol(self) -> asyncio.Protocol:
        return _Silent(self._transports, cuts=self._fault == "resets")

    def _fill(self, listener: socket.socket) -> None:
        """Take every place in the backlog, so that the system drops whoever knocks."""
        listener.listen(0)
        for _ in range(_FILLERS):
            filler = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
            self._fillers.append(filler)


class _Silent(asyncio.Protocol):
    """Takes everything and says nothing, or cuts the connection as soon as it is there."""

    def __init__(self, transports: set[asyncio.WriteTransport], *, cuts: bool) -> None:
        self._transports, self._cuts = transports, cuts

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.WriteTransport):
            return
        if self._cuts:
            transport.abort()
        else:
            self._transports.add(transport)


def bind(port: int = 0) -> socket.socket:
    """A socket bound to a loopback port that no other program can take; 0 picks a free one.

    Raises:
        OSError: The port is taken.
    """
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    else:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((LOOPBACK, port))
    except OSError as error:
        bound.close()
        raise OSError(error.errno, f"port {port} cannot be had: {error.strerror}") from error
    return bound
