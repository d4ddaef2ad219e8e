"""What a snapshot says of its host beside the policy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from msgspec import Struct

from pywfp_ps.model.context import HostContext, Listener, Process, Route, Service
from pywfp_ps.model.host import Interface
from pywfp_ps.model.objects import Snapshot

Address = IPv4Address | IPv6Address
_WILDCARDS: Final = frozenset({IPv4Address(0), IPv6Address(0)})
_PROFILES: Final = {"public": 1, "private": 2, "domain": 3}
_MOST_NAMED: Final = 4


class Facts(Struct, frozen=True, kw_only=True):
    r"""Facts of one host; a list that is ``None`` is not known, which is not an empty one.

    Attributes:
        addresses: Its own addresses.
        volumes: Device path by drive letter, ``C:`` to ``\device\harddiskvolume3``.
        interfaces: LUID of the interface that holds an address.
        profiles: Network category of an interface, by LUID.
        indexes: Index of an interface, by LUID.
        links: Its interfaces.
        routes: Its routes.
        listeners: Ports that listen or are bound.
        processes: What runs, by process.
        services: Its services, by name in lower case.
        doubts: What is wrong with the facts themselves, one sentence each.
    """

    addresses: frozenset[Address] = frozenset()
    volumes: Mapping[str, str] = {}
    interfaces: Mapping[Address, int] = {}
    profiles: Mapping[int, int] = {}
    indexes: Mapping[int, int] = {}
    links: tuple[Interface, ...] | None = None
    routes: tuple[Route, ...] | None = None
    listeners: tuple[Listener, ...] | None = None
    processes: Mapping[int, Process] | None = None
    services: Mapping[str, Service] | None = None
    doubts: tuple[str, ...] = ()


def facts_of(snapshot: Snapshot, context: HostContext | None = None, *, of_when: str = "") -> Facts:
    """What the snapshot and, where there is one, the context of its host tell.

    The snapshot alone tells some of the host's addresses: those of its connected endpoints. A
    multicast or wildcard end is nobody's own address.

    Args:
        snapshot: The snapshot.
        context: What surrounds the filter engine.
        of_when: In words, from when the context is if it is not of the same visit.
    """
    ends = {end.local_address for end in snapshot.endpoints if end.local_address is not None}
    own = {end for end in ends - _WILDCARDS if not end.is_multicast}
    if context is None:
        return Facts(addresses=frozenset(own))
    links = context.interfaces
    held = {address.ip: link for link in links or () for address in link.addresses}
    told = {link.luid: link for link in links or () if link.luid is not None}
    doubts = [f"facts of the host are from {of_when}, not of the same visit"] if of_when else []
    doubts += _strangers(own, held) if links is not None else []
    return Facts(
        addresses=frozenset(own | set(held)),
        volumes={one.letter.upper(): one.device for one in context.volumes or ()},
        interfaces={address: link.luid for address, link in held.items() if link.luid is not None},
        profiles={
            luid: _PROFILES[link.profile]
            for luid, link in told.items()
            if link.profile in _PROFILES
        },
        indexes={luid: link.index for luid, link in told.items() if link.index is not None},
        links=links,
        routes=context.routes,
        listeners=context.listeners,
        processes=_by_id(context.processes),
        services=None
        if context.services is None
        else {one.name.lower(): one for one in context.services},
        doubts=tuple(doubts),
    )


def _by_id(processes: tuple[Process, ...] | None) -> dict[int, Process] | None:
    return None if processes is None else {one.process_id: one for one in processes}


def _strangers(own: Iterable[Address], held: Mapping[Address, Interface]) -> list[str]:
    """Addresses with connections in the dump that no interface of the facts holds."""
    strange = sorted(str(one) for one in own if one not in held and not one.is_loopback)
    if not strange:
        return []
    named = ", ".join(strange[:_MOST_NAMED]) + (" and more" if len(strange) > _MOST_NAMED else "")
    return [f"the dump has connections from {named}, which no interface of the facts holds"]
