"""A question about many flows as people write it, turned into what is wanted of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_network
from typing import Any, Final

from msgspec import Struct

from pywfp_ps.errors import UsageError
from pywfp_ps.explain.flow import ICMP, TCP, UDP, Action, Direction, Flow, parse_protocol
from pywfp_ps.explain.said import Said, flow_of
from pywfp_ps.explain.shapes import Network, Span, Wanted

_BRACKETED: Final = re.compile(r"\[([^\]]+)\](/\d{1,3})?(?::([0-9,\-]+))?")
_WITH_PORTS: Final = re.compile(r"([^:]*):([0-9,\-]+)")
_DIRECTIONS: Final[tuple[Direction, ...]] = ("in", "out", "forward")
_TRAFFIC: Final = frozenset(
    {"action", "direction", "icmp_code", "icmp_type", "ip_version", "local_address", "local_port",
     "protocol", "remote_address", "remote_port"}
)  # fmt: skip


class AskedFlows(Struct, frozen=True, kw_only=True):
    """Many flows as text; what is left out may be anything.

    Attributes:
        directions: ``in``, ``out`` or ``forward``.
        protocols: Names or numbers.
        version: 4 or 6.
        local: ``ADDR``, ``ADDR/BITS``, either with ``:PORTS``, or ``:PORTS``; IPv6 in brackets
            where there are ports.
        remote: The same of the other end.
        local_ports: ``80,443,8000-8100``.
        remote_ports: The same of the other end.
        icmp: ``TYPE`` or ``TYPE:CODE``.
        layers: Constants of the only layers to look at.
        said: What else is fixed.
    """

    directions: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ()
    version: int | None = None
    local: tuple[str, ...] = ()
    remote: tuple[str, ...] = ()
    local_ports: str | None = None
    remote_ports: str | None = None
    icmp: str | None = None
    layers: tuple[str, ...] = ()
    said: Said = Said()


def wanted_of(asked: AskedFlows) -> Wanted:
    """The flows that were described.

    Raises:
        UsageError: Something makes no sense.
    """
    action: Action = "listen" if asked.said.listen else "bind" if asked.said.bind else "connect"
    local, local_ports = _ends(asked.local, asked.local_ports)
    remote, remote_ports = _ends(asked.remote, asked.remote_ports)
    protocols = tuple(dict.fromkeys(parse_protocol(one) for one in asked.protocols))
    if asked.icmp is not None:
        protocols, local_ports, remote_ports = _icmp(asked.icmp, protocols)
    elif (local_ports or remote_ports) and not protocols:
        protocols = (TCP, UDP)
    elif (local_ports or remote_ports) and not set(protocols) <= {TCP, UDP}:
        raise UsageError("only tcp and udp have ports; ICMP types are said with --icmp")
    versions = _versions(asked, protocols, (*local, *remote))
    if action != "connect" and (remote or remote_ports):
        raise UsageError("a socket alone has no other end: leave out the remote address and port")
    unknown = [one for one in asked.directions if one not in _DIRECTIONS]
    if unknown:
        raise UsageError(f"no direction {unknown[0]!r}; there is {', '.join(_DIRECTIONS)}")
    chosen: list[Direction] = [one for one in _DIRECTIONS if one in asked.directions]
    return Wanted(
        directions=tuple(chosen) if action == "connect" else (),
        versions=versions,
        protocols=protocols,
        local=local,
        remote=remote,
        local_ports=local_ports,
        remote_ports=remote_ports,
        action=action,
        layers=asked.layers,
        given=given_of(asked.said, versions[0]),
    )


def given_of(said: Said, version: int = 4) -> dict[str, Any]:
    """The fields of a flow that are fixed beside its traffic, by name."""
    from msgspec import structs

    plain = structs.replace(said, direction="out", protocol="tcp", ip_version=version, listen=False,
                            bind=False)  # fmt: skip
    flow = flow_of(plain)
    rest = Flow(direction="out", ip_version=version, protocol=TCP)
    return {
        name: value
        for name in Flow.__struct_fields__
        if name not in _TRAFFIC and (value := getattr(flow, name)) != getattr(rest, name)
    }


def _icmp(
    text: str, protocols: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[Span, ...], tuple[Span, ...]]:
    kind, sign, code = text.partition(":")
    numbers = [int(one) if one.isdecimal() and len(one) < 4 else 256 for one in (kind, code or "0")]
    if max(numbers) > 255 or (sign and not code):
        raise UsageError(f"{text!r} is no ICMP type; one looks like 8 or 3:1")
    if not set(protocols) <= ICMP:
        raise UsageError("an ICMP type goes with the protocol icmp or icmpv6")
    codes = ((numbers[1], numbers[1]),) if code else ()
    return protocols or (1, 58), ((numbers[0], numbers[0]),), codes


def _versions(
    asked: AskedFlows, protocols: tuple[int, ...], networks: Iterable[Network]
) -> tuple[int, ...]:
    told: set[int] = {net.version for net in networks}
    if asked.version is not None:
        told.add(asked.version)
    if asked.said.bind_address:
        told.add(6 if ":" in asked.said.bind_address else 4)
    if protocols and set(protocols) <= ICMP:
        told |= {4 if one == 1 else 6 for one in protocols} if not told else set()
        if len(set(protocols)) == 1 and told != {4 if protocols[0] == 1 else 6}:
            raise UsageError("icmp runs over IPv4 and icmpv6 over IPv6")
        return tuple(sorted(told))
    if len(told) > 1:
        raise UsageError("an IPv4 and an IPv6 address do not go together")
    return tuple(told) or (4, 6)


def _ends(texts: Iterable[str], ports: str | None) -> tuple[tuple[Network, ...], tuple[Span, ...]]:
    networks: list[Network] = []
    spans: list[Span] = list(parse_ports(ports)) if ports else []
    for text in texts:
        found = _BRACKETED.fullmatch(text)
        if found:
            address, behind = found[1] + (found[2] or ""), found[3]
        else:
            plain = _WITH_PORTS.fullmatch(text)
            address, behind = (plain[1], plain[2]) if plain else (text, None)
        if behind:
            spans += parse_ports(behind)
        if address:
            networks.append(parse_network(address))
    return tuple(networks), tuple(spans)


def parse_network(text: str) -> Network:
    """An address or a network.

    Raises:
        UsageError: It is neither, or the network has bits behind its length.
    """
    try:
        return ip_network(text.strip())
    except ValueError as error:
        reason = "; it has bits behind its length" if "host bits" in str(error) else ""
        raise UsageError(
            f"{text!r} is no address or network{reason}; one looks like 192.0.2.0/24:443 or "
            "[2001:db8::/32]:443"
        ) from None


def parse_ports(text: str) -> tuple[Span, ...]:
    """Ranges of ports, both ends included, of ``80,443,8000-8100``.

    Raises:
        UsageError: It is no such list.
    """
    spans = []
    for part in text.split(","):
        low, sign, high = part.strip().partition("-")
        ends = (low, high if sign else low)
        if not all(end.isascii() and end.isdigit() and int(end[:6]) <= 0xFFFF for end in ends):
            raise UsageError(f"{text!r} is no list of ports; one looks like 80,443,8000-8100")
        if int(ends[0]) > int(ends[1]):
            raise UsageError(f"the range of ports {part.strip()!r} ends before it begins")
        spans.append((int(ends[0]), int(ends[1])))
    return tuple(spans)
