"""What the tests of the client side share: a host that knows what it sent, and a target for it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from pywfp_ps.payload.frames import encode_part
from pywfp_ps.transports import load
from pywfp_ps.transports.base import (
    Credential,
    Patience,
    Ran,
    Secret,
    Target,
    TransportError,
    Watch,
)
from pywfp_remote.lab import psrp_faults
from pywfp_remote.lab.host import Arguments, HostBackend, LabHost, Way
from pywfp_remote.lab.practice import Practice
from pywfp_remote.lab.psrp import Fragment
from pywfp_remote.lab.serve import Port
from pywfp_remote.link import LinkLimits
from tests.pywfp_remote.lab.lab_rig import DUMP, lab_host, served

CALL = "Get-PyWfpState"
LINES = tuple(
    encode_part(
        DUMP,
        part="state",
        content="netsh-state",
        call=CALL,
        taken_at=datetime(2026, 11, 21, 10, tzinfo=UTC),
    )
)
"""What every host of these tests sends."""


class Sender:
    """A backend that sends `LINES` and keeps what it was asked."""

    def __init__(self, _host: LabHost) -> None:
        self.asked: list[tuple[str, dict[str, str | list[str]]]] = []

    def answer(self, call: str, arguments: Arguments) -> Iterator[str]:
        self.asked.append((call, dict(arguments)))
        yield from LINES


def sender(host: LabHost) -> HostBackend:
    return Sender(host)


class Got(Struct, kw_only=True):
    """What one job gave: the lines, and how it ended."""

    lines: list[str]
    ran: Ran | None = None
    error: TransportError | None = None


def target_of(
    practice: Practice, host: LabHost, folder: Path | None = None, **options: Any
) -> Target:
    """The target as the host's inventory line would make it, with short times."""
    place = practice.places[host.name]
    found: dict[str, Any] = {
        "name": host.name,
        "address": place.address,
        "port": place.port,
        "path": place.path,
        "protocol": "https" if host.way.is_tls else "http",
        "auth": host.way.value,
        "credential": Credential(user=host.account, password=Secret(host.password)),
        "ignore_proxy": True,
        "connection_timeout": 2,
        "read_timeout": 2,
        "operation_timeout": 1,
    }
    if folder is not None:
        found["ca_file"] = str(folder / "ca.pem")
        (folder / "ca.pem").write_bytes(practice.authority.certificate)
        identity = practice.authority.client(host.account)
        (folder / "client.pem").write_bytes(identity.certificate)
        (folder / "client.key").write_bytes(identity.key)
        if host.way is Way.CERTIFICATE:
            found["credential"] = Credential()
            found["certificate_file"] = str(folder / "client.pem")
            found["certificate_key_file"] = str(folder / "client.key")
    return Target(**{**found, **options})


def run(
    target: Target,
    *,
    watch: Watch | None = None,
    arguments: Mapping[str, str | Sequence[str]] | None = None,
    on_frame: Callable[[str], object] | None = None,
    seconds: float = 30,
    call: str = CALL,
    limits: LinkLimits | None = None,
) -> Got:
    """Ask the host once; an error of the host is kept, not raised."""
    transport = load("psrp")(limits)
    got = Got(lines=[])

    def take(line: str) -> None:
        got.lines.append(line)
        if on_frame is not None:
            on_frame(line)

    try:
        got.ran = transport.run(
            target, call, arguments or {}, on_frame=take, watch=watch or Patience(seconds)
        )
    except TransportError as error:
        got.error = error
    return got


def saying(body: bytes, monkeypatch: pytest.MonkeyPatch) -> Got:
    """What comes of a host whose first message carries `body`."""

    def other(fragment: Fragment, raw: bytes, first: bool) -> psrp_faults.Spoilt | None:
        return psrp_faults._message(fragment, raw, body) if first else None

    monkeypatch.setitem(psrp_faults._WAYS, "bad-xml", other)
    host = lab_host("web-001", Way.NTLM, "bad-xml")
    with served(host, factory=sender) as practice:
        return run(target_of(practice, host))


def shells(practice: Practice) -> int:
    """How many shells are open on all hosts."""
    ports = [port for port in practice._open if isinstance(port, Port)]
    return sum(end.service.shells for port in ports for end in port._endpoints.values())


def drop_connections(practice: Practice) -> None:
    """Cut every connection to the hosts, as a firewall on the way would; back once it is done."""

    async def drop() -> None:
        for port in practice._open:
            for connection in port._web.connections if isinstance(port, Port) else ():
                if connection.transport is not None:
                    connection.transport.abort()
        await asyncio.sleep(0)

    port = next(port for port in practice._open if isinstance(port, Port))
    assert port._server is not None
    asyncio.run_coroutine_threadsafe(drop(), port._server.get_loop()).result(30)


def bare_target(port: int, **options: Any) -> Target:
    """A target at a loopback port, where anything may listen."""
    found: dict[str, Any] = {
        "name": "web-001",
        "address": "127.0.0.1",
        "port": port,
        "protocol": "http",
        "auth": "ntlm",
        "credential": Credential(user="labadmin", password=Secret("Right1Password")),
        "ignore_proxy": True,
        "connection_timeout": 2,
        "read_timeout": 30,
    }
    return Target(**{**found, **options})


@contextmanager
def answering(answer: Callable[[socket.socket, threading.Event], object]) -> Iterator[int]:
    """A port whose every connection is handed to `answer`, in one thread, with the end's event."""
    ended = threading.Event()
    held: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while not ended.is_set():
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                held.append(connection)
                try:
                    answer(connection, ended)
                except OSError:
                    continue

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            ended.set()
            listener.shutdown(socket.SHUT_RDWR)
            for connection in held:
                connection.close()
            thread.join(30)
            for connection in held:  # one may have come at the last moment
                connection.close()
