"""How a running practice fleet is asked and ended: one line of JSON each way over loopback."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import socket
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from pywfp_remote.lab.files import write_private
from pywfp_remote.lab.serve import LOOPBACK

STATE = "lab.json"
"""Name of the file that says where a running fleet listens for orders. Holds the token."""

_LINE = 1 << 20
PATIENCE = 30.0
"""Seconds that an order may take; a large fleet may be busy."""


class Running(Struct, frozen=True, kw_only=True):
    """Where a fleet listens for orders.

    Attributes:
        pid: Of its process; for people, never used to end it.
        port: Loopback port for orders.
        token: Proof that an order comes from who may read the folder. Not shown by ``repr``.
    """

    pid: int
    port: int
    token: str

    def __repr__(self) -> str:
        return f"Running(pid={self.pid}, port={self.port})"


class Order(Struct, frozen=True, kw_only=True):
    """What is asked of a fleet: ``status`` or ``stop``."""

    token: str
    do: str


class State(Struct, frozen=True, kw_only=True):
    """What a fleet says of itself.

    Attributes:
        hosts: How many it has.
        faulty: How many of them have a fault.
        seed: Its seed.
        asked: The request it came from, as `Plan.asked`.
        totals: Requests, bytes and refusals over all hosts.
    """

    hosts: int
    faulty: int
    seed: int
    asked: str
    totals: dict[str, int]


def write_running(folder: Path, running: Running) -> None:
    """Say where the fleet listens.

    Raises:
        OSError: The folder cannot be written.
    """
    write_private(folder / STATE, msgspec.json.encode(running))


def read_running(folder: Path) -> Running | None:
    """Where the fleet of this folder listens; None when there is none, or half a file."""
    try:
        return msgspec.json.decode((folder / STATE).read_bytes(), type=Running)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def order(running: Running, do: str) -> State | None:
    """Give an order; None when nobody answers there who knows the token.

    Raises:
        TimeoutError: Somebody is there, and no answer came in `PATIENCE`.
    """
    line = msgspec.json.encode(Order(token=running.token, do=do)) + b"\n"
    try:
        with socket.create_connection((LOOPBACK, running.port), PATIENCE) as link:
            link.sendall(line)
            with link.makefile("rb") as answers:
                return msgspec.json.decode(answers.readline(_LINE), type=State)
    except TimeoutError:
        raise
    except (OSError, msgspec.MsgspecError):
        return None


class Control:
    """The listening side.

    Attributes:
        token: Proof that an order must carry.
        stopped: Set when the fleet was told to end.
        port: Where it listens, after `open`.
    """

    def __init__(self, token: str, state: Callable[[], State]) -> None:
        self.token, self._state = token, state
        self.stopped = asyncio.Event()
        self.port = 0
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._serve, LOOPBACK, 0, limit=_LINE)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError, TimeoutError, msgspec.MsgspecError):
            async with asyncio.timeout(PATIENCE):
                asked = msgspec.json.decode(await reader.readline(), type=Order)
            if hmac.compare_digest(asked.token.encode(), self.token.encode()):
                writer.write(msgspec.json.encode(self._state()) + b"\n")
                await writer.drain()
                if asked.do == "stop":
                    self.stopped.set()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
