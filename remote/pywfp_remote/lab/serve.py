"""Ports of the practice fleet: one a host, or one for many hosts with a path each."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Mapping

from aiohttp import web

from pywfp_remote.lab.http import Endpoint

LOOPBACK = "127.0.0.1"
"""The only address the practice fleet listens on."""

_HTTP_IDLE = 120.0  # seconds; HTTP.sys drops a silent connection after two minutes
_BACKLOG = 128
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
        await self._web.shutdown(0.2)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        endpoint = self._endpoints.get(request.path.strip("/"))
        if endpoint is None:
            return web.Response(status=404)
        return await endpoint.handle(request, self._binding)


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
    bound.bind((LOOPBACK, port))
    return bound
