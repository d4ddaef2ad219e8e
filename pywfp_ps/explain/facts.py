"""What a snapshot says of its host beside the policy."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from msgspec import Struct

from pywfp_ps.model.objects import Snapshot

Address = IPv4Address | IPv6Address
_WILDCARDS: Final = frozenset({IPv4Address(0), IPv6Address(0)})


class Facts(Struct, frozen=True, kw_only=True):
    r"""Facts of one host.

    Attributes:
        addresses: Its own addresses.
        volumes: Device path by drive letter, ``C:`` to ``\device\harddiskvolume3``.
        interfaces: LUID of the interface that holds an address.
        profiles: Network category of an interface, by LUID.
    """

    addresses: frozenset[Address] = frozenset()
    volumes: Mapping[str, str] = {}
    interfaces: Mapping[Address, int] = {}
    profiles: Mapping[int, int] = {}


def facts_of(snapshot: Snapshot) -> Facts:
    """What the snapshot alone implies: its connected endpoints tell some of the host's addresses.

    A multicast or wildcard end is nobody's own address.
    """
    ends = {end.local_address for end in snapshot.endpoints if end.local_address is not None}
    own = {end for end in ends - _WILDCARDS if not end.is_multicast}
    return Facts(addresses=frozenset(own))
