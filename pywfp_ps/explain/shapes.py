"""Which flows are asked about, and the shapes they come in: what fixes the path of a flow."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from msgspec import Struct

from pywfp_ps.explain.flow import ICMP, TCP, UDP, Action, Direction, Flow

Network = IPv4Network | IPv6Network
Span = tuple[int, int]


class Wanted(Struct, frozen=True, kw_only=True):
    """Which flows are asked about. ``None`` and empty mean any.

    Attributes:
        directions: ``in``, ``out``, ``forward``; none is in and out.
        versions: 4, 6.
        protocols: Protocol numbers.
        local: Networks of this host's end.
        remote: Networks of the other end.
        local_ports: Ranges of ports, both ends included; ICMP types for ICMP.
        remote_ports: The same of the other end; ICMP codes for ICMP.
        action: ``connect``, ``listen`` or ``bind``.
        layers: Constants of the only layers to look at.
        own_service: Whether a token holds the SIDs of no service that is not said, as that of a
            service with a process of its own.
        given: Further fields of `Flow` that are fixed.
    """

    directions: tuple[Direction, ...] = ()
    versions: tuple[int, ...] = (4, 6)
    protocols: tuple[int, ...] = ()
    local: tuple[Network, ...] = ()
    remote: tuple[Network, ...] = ()
    local_ports: tuple[Span, ...] = ()
    remote_ports: tuple[Span, ...] = ()
    action: Action = "connect"
    layers: tuple[str, ...] = ()
    own_service: bool = False
    given: dict[str, Any] = {}


class Shape(Struct, frozen=True, kw_only=True):
    """Flows with one path.

    Attributes:
        base: A flow with what is fixed; its protocol is one of the shape's.
        protocols: Protocol numbers of the shape.
        is_error: For ICMP, whether it is about error messages.
    """

    base: Flow
    protocols: tuple[int, ...]
    is_error: bool = False


def shapes_of(wanted: Wanted) -> Iterator[Shape]:
    """The shapes of flows that are asked about."""
    ways: tuple[Direction, ...] = ("in", "out") if wanted.action == "connect" else ("in",)
    for direction in wanted.directions or ways:
        for version in wanted.versions:
            if any(net.version != version for net in (*wanted.local, *wanted.remote)):
                continue
            for protocols in _protocols(wanted, version):
                yield from _of_protocols(wanted, direction, version, protocols)


def _protocols(wanted: Wanted, version: int) -> Iterator[tuple[int, ...]]:
    icmp = 1 if version == 4 else 58
    others = tuple(n for n in range(256) if n not in {TCP, UDP, *ICMP})
    for kind in ((TCP,), (UDP,), (icmp,), others):
        asked = tuple(n for n in kind if not wanted.protocols or n in wanted.protocols)
        if asked and (wanted.action != "listen" or asked == (TCP,)):
            yield asked


def _of_protocols(
    wanted: Wanted, direction: Direction, version: int, protocols: tuple[int, ...]
) -> Iterator[Shape]:
    has_ports = protocols[0] in {TCP, UDP}
    is_icmp = protocols[0] in ICMP
    if not has_ports and not is_icmp and (wanted.local_ports or wanted.remote_ports):
        return
    base = Flow(
        direction="in" if wanted.action == "listen" else direction,
        action=wanted.action,
        ip_version=version,
        protocol=protocols[0],
        **wanted.given,
    )
    if not is_icmp or wanted.action != "connect" or direction == "forward":
        yield Shape(base=base, protocols=protocols)
        return
    for is_error in (False, True):
        yield Shape(base=base, protocols=protocols, is_error=is_error)
