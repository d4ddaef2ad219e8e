"""The practice hosts of one process: their ports, certificates, faults and counters."""

from __future__ import annotations

import asyncio
import ssl
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec
from msgspec import Struct

from pywfp_remote.lab.auth import forget_accounts
from pywfp_remote.lab.bridge import Bridge
from pywfp_remote.lab.certificates import Authority, Identity, server_context
from pywfp_remote.lab.faults import OWN_PORT
from pywfp_remote.lab.frame_faults import FaultyHost
from pywfp_remote.lab.host import BackendFactory, HostBackend, LabHost
from pywfp_remote.lab.http import Endpoint, Tally
from pywfp_remote.lab.http_faults import HttpFaults
from pywfp_remote.lab.serve import DeadPort, Port, bind
from pywfp_remote.lab.wsman import Service
from pywfp_remote.lab.wsman_faults import WsmanFaults

OWN_PORTS = 500
"""Up to this many hosts each has a port of its own; above it they share two, a path each."""

_TURNS = 10  # of the event loop, until aborted connections are gone
_DEAD = ("refused", "unreachable", "hangs", "resets")


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
        tallies: What each endpoint has seen, by host name.
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
        own_ports: int = OWN_PORTS,
        bridge: Bridge | None = None,
    ) -> None:
        self._hosts, self._factory = tuple(hosts), factory
        self._latency, self._streams, self._idle = latency, most_streams, http_idle
        self._wanted, self._own, self._bridge = dict(ports or {}), own_ports, bridge
        self._services: list[Service] = []
        self.authority = Authority()
        self.places: dict[str, Place] = {}
        self.tallies: dict[str, Tally] = {}
        self._open: list[Port | DeadPort] = []
        self._stack = ExitStack()
        self._folder = Path()
        self._good: tuple[Identity, ssl.SSLContext] | None = None

    async def open(self) -> None:
        """Listen on every port.

        Raises:
            OSError: A port that was asked for is taken, or there are no more.
        """
        name = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="wfp-lab-"))
        self._folder = Path(name)
        shared: dict[bool, dict[str, Endpoint]] = {False: {}, True: {}}
        for host in self._hosts:
            if dead := next((fault for fault in _DEAD if fault in host.faults), None):
                await self._listen(host, DeadPort(dead))
            elif len(self._hosts) <= self._own or host.faults & OWN_PORT:
                await self._listen(host, self._port(host, {"wsman": self._endpoint(host)}))
            else:
                shared[host.way.is_tls][f"{host.name}/wsman"] = self._endpoint(host)
        for endpoints in shared.values():
            if endpoints:
                await self._share(endpoints)

    async def close(self) -> None:
        """Stop listening and close every shell."""
        if self._bridge is not None:
            await self._bridge.close()
        for port in self._open:
            await port.close()
        self._open.clear()
        for service in self._services:
            await service.closed()
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        self._stack.close()
        forget_accounts()

    def _endpoint(self, host: LabHost) -> Endpoint:
        tally = self.tallies[host.name] = Tally()
        hook, spoiler = WsmanFaults(host), HttpFaults(host, tally)

        def behind(asked: LabHost) -> HostBackend:
            return FaultyHost(asked, self._factory(asked))

        streams = 1 if hook.slowly else self._streams
        service = Service(host, behind, hook=hook, most_streams=streams, bridge=self._bridge)
        self._services.append(service)
        return Endpoint(
            host, service, tally, latency=self._latency, early=spoiler.early, late=spoiler.late
        )

    def _port(self, host: LabHost, endpoints: Mapping[str, Endpoint]) -> Port:
        if not host.way.is_tls:
            return Port(endpoints, idle=self._idle)
        identity, context = self._identity(host.faults)
        return Port(endpoints, context=context, binding=identity.binding, idle=self._idle)

    def _identity(self, faults: frozenset[str]) -> tuple[Identity, ssl.SSLContext]:
        if "tls-name" in faults:
            identity = self.authority.server(name="other.example.invalid", address=None)
        elif "tls-expired" in faults:
            identity = self.authority.server(expired=True)
        elif "tls-unknown-ca" in faults:
            identity = Authority("An authority nobody knows").server()
        else:
            if self._good is None:
                identity = self.authority.server()
                self._good = identity, self._context(identity)
            return self._good
        return identity, self._context(identity)

    def _context(self, identity: Identity) -> ssl.SSLContext:
        return server_context(identity, self._folder, trust=self.authority.certificate)

    async def _listen(self, host: LabHost, port: Port | DeadPort) -> None:
        listener = bind(self._wanted.get(host.name, 0))
        await port.listen(listener)
        self._open.append(port)
        address, number = listener.getsockname()[:2]
        name = f"{host.name}.invalid" if "dns" in host.faults else address
        self.places[host.name] = Place(address=name, port=number)

    async def _share(self, endpoints: Mapping[str, Endpoint]) -> None:
        port = self._port(next(iter(endpoints.values())).host, endpoints)
        listener = bind()
        await port.listen(listener)
        self._open.append(port)
        address, number = listener.getsockname()[:2]
        for path, endpoint in endpoints.items():
            name = endpoint.host.name
            shown = f"{name}.invalid" if "dns" in endpoint.host.faults else address
            self.places[name] = Place(address=shown, port=number, path=path)


def summary(tallies: Mapping[str, Tally]) -> dict[str, int]:
    """The tallies added up."""
    total: dict[str, int] = {}
    for tally in tallies.values():
        for name, value in msgspec.structs.asdict(tally).items():
            total[name] = total.get(name, 0) + value
    return total
