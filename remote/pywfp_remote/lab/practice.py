"""The practice hosts of one process: their ports, certificates, faults and counters."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec
from msgspec import Struct

from pywfp_remote.lab.auth import forget_accounts
from pywfp_remote.lab.certificates import Authority, Identity, server_context
from pywfp_remote.lab.host import BackendFactory, LabHost
from pywfp_remote.lab.http import Endpoint, Tally
from pywfp_remote.lab.serve import Port, bind

OWN_PORTS = 500
"""Up to this many hosts each has a port of its own; above it they share a few, a path each."""


class Place(Struct, frozen=True, kw_only=True):
    """Where a host is reached."""

    address: str
    port: int
    path: str = "wsman"


class Practice:
    """Hosts that answer on loopback until `close`; everything runs on the caller's event loop.

    Attributes:
        places: Where each host is reached, by its name.
        authority: The certificate authority of the HTTPS hosts.
    """

    def __init__(
        self,
        hosts: Sequence[LabHost],
        factory: BackendFactory,
        *,
        latency: float = 0.0,
        most_streams: int = 0,
        http_idle: float = 120.0,
        ports: Mapping[str, int] | None = None,
    ) -> None:
        self._hosts, self._factory = tuple(hosts), factory
        self._latency, self._streams, self._idle = latency, most_streams, http_idle
        self._wanted = dict(ports or {})
        self.authority = Authority()
        self.places: dict[str, Place] = {}
        self._endpoints: dict[str, Endpoint] = {}
        self._ports: list[Port] = []
        self._bad: list[object] = []
        self._stack = ExitStack()

    async def open(self) -> None:
        """Listen on every port.

        Raises:
            OSError: A port that was asked for is taken, or there are no more.
        """
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="wfp-lab-")))
        good = self.authority.server()
        for host in self._hosts:
            endpoint = Endpoint(
                host, self._factory, latency=self._latency, most_streams=self._streams
            )
            self._endpoints[host.name] = endpoint
            await self._open_port({"wsman": endpoint}, host, good, folder)

    async def close(self) -> None:
        """Stop listening and close every shell."""
        for port in self._ports:
            await port.close()
        self._stack.close()
        forget_accounts()

    def tallies(self) -> dict[str, Tally]:
        """What each endpoint has seen, by host name."""
        return {name: endpoint.tally for name, endpoint in self._endpoints.items()}

    async def _open_port(
        self, endpoints: Mapping[str, Endpoint], host: LabHost, identity: Identity, folder: Path
    ) -> None:
        listener: socket.socket = bind(self._wanted.get(host.name, 0))
        context = binding = None
        if host.way.is_tls:
            context = server_context(identity, folder, trust=self.authority.certificate)
            binding = identity.binding
        port = Port(endpoints, context=context, binding=binding, idle=self._idle)
        await port.listen(listener)
        self._ports.append(port)
        address, number = listener.getsockname()[:2]
        self.places[host.name] = Place(address=address, port=number)


def summary(tallies: Mapping[str, Tally]) -> dict[str, int]:
    """The tallies added up."""
    total: dict[str, int] = {}
    for tally in tallies.values():
        for name, value in msgspec.structs.asdict(tally).items():
            total[name] = total.get(name, 0) + value
    return total
