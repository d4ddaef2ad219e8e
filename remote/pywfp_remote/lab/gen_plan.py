"""Who a made-up host is before it has any policy: name, group, networks, users, differences."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface
from random import Random
from typing import Final

from msgspec import Struct

from pywfp_remote.lab.gen_names import GROUPS, USERS

DIFFERENCES: Final = {
    "vpn-kill-switch": "a VPN's kill switch: hard permits and blocks above the firewall",
    "product-leftovers": "provider, sublayer and filters of a product whose service is gone",
    "silenced-agent": "a filter nobody owns blocks the security agent's program outbound",
    "unregistered-callout": "filters whose callout no driver has registered, so they block",
    "firewall-off": "the firewall's rules and catch-alls are gone, service fences remain",
    "other-language": "German, French or Japanese display names and accounts",
    "unlike-group": "rules and a product that no other host of its group has",
}
"""What makes single hosts of a fleet different. Each one stands once in every 25 hosts; which host
of the 25 has it follows from the seed, and a host can only have one."""

BLOCK: Final = len(GROUPS)
FIRST_RID: Final = 1104
"""RID of the first account of the domain."""
PUBLIC, PRIVATE, DOMAIN_PROFILE = 1, 2, 3
_FIRST_DAY: Final = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
_ETHERNET, _LOOPBACK, _TUNNEL = 6, 24, 53


class Interface(Struct, frozen=True, kw_only=True):
    """A network interface.

    Attributes:
        luid: NET_LUID; its highest 16 bits are the interface type.
        type: IANA interface type.
        profile: Profile id as conditions test it: 1 public, 2 private, 3 domain.
    """

    luid: int
    index: int
    alias: str
    type: int
    ipv4: IPv4Interface
    ipv6: IPv6Interface | None = None
    profile: int
    epoch: int

    @property
    def network(self) -> IPv4Network:
        """The IPv4 subnet."""
        return self.ipv4.network


class Plan(Struct, frozen=True, kw_only=True):
    """A host before its policy.

    Attributes:
        index: Number in the fleet, from 0.
        name: Name in an inventory.
        group: Its group, a word of `GROUPS`.
        number: Number in the group, from 1.
        differences: Names in `DIFFERENCES`, or ``hostile-names`` and ``big`` on request.
        language: Culture of the display language.
        build: Windows build.
        volume: Device name of the system volume.
        interfaces: Loopback first, then the one of the site, then others.
        domain_sid: SID of the domain, without a RID.
        users: Account name to SID.
    """

    index: int
    seed: int
    name: str
    group: str
    number: int
    differences: tuple[str, ...]
    language: str
    build: str
    volume: str
    interfaces: tuple[Interface, ...]
    domain_sid: str
    users: tuple[tuple[str, str], ...]
    booted_at: datetime
    taken_at: datetime

    @property
    def computer(self) -> str:
        """NetBIOS name."""
        return self.name.upper()[:15]

    @property
    def lan(self) -> Interface:
        """The interface that the site is reached by."""
        return self.interfaces[1]

    @property
    def profiles(self) -> tuple[int, ...]:
        """Profiles of connected interfaces, heaviest first, and always public."""
        found = {one.profile for one in self.interfaces if one.type == _ETHERNET}
        return tuple(sorted(found | {PUBLIC}, reverse=True))

    def has(self, difference: str) -> bool:
        """Whether the host differs in this way."""
        return difference in self.differences

    def random(self, purpose: str) -> Random:
        """Numbers for one purpose, the same at every run and in every process."""
        return Random(f"{self.seed}/{self.index}/{purpose}")  # noqa: S311 - not for secrets

    def group_random(self, purpose: str) -> Random:
        """Numbers that all hosts of the group share."""
        return Random(f"{self.seed}/{self.group}/{purpose}")  # noqa: S311 - not for secrets


def group_of(index: int) -> tuple[str, int]:
    """Group of a host by its number in the fleet, and its number in the group, from 1."""
    group = GROUPS[index % BLOCK]
    before = GROUPS[: index % BLOCK].count(group)
    return group, index // BLOCK * GROUPS.count(group) + before + 1


def name_of(index: int) -> str:
    """Name of a host by its number in the fleet, such as ``web-003``."""
    group, number = group_of(index)
    return f"{group}-{number:03d}"


def difference_of(index: int, seed: int) -> str | None:
    """How this host differs from its group, if it does."""
    chooser = Random(f"{seed}/differences/{index // BLOCK}")  # noqa: S311 - not for secrets
    places = chooser.sample([n for n in range(BLOCK) if GROUPS[n] != "terminal"], len(DIFFERENCES))
    return dict(zip(places, DIFFERENCES, strict=True)).get(index % BLOCK)


def make_plan(index: int, seed: int, extra: tuple[str, ...] = ()) -> Plan:
    """The host of that number; `extra` adds differences asked for."""
    rng = Random(f"{seed}/{index}/plan")  # noqa: S311 - not for secrets
    group, number = group_of(index)
    own = difference_of(index, seed)
    differences = tuple(dict.fromkeys(([own] if own else []) + list(extra)))
    fleet = Random(f"{seed}/fleet")  # noqa: S311 - not for secrets
    domain_sid = "S-1-5-21-" + "-".join(str(fleet.randrange(10**8, 4 * 10**9)) for _ in range(3))
    users = rng.sample(USERS, 3 if group in ("desk", "terminal") else 1)
    booted = _FIRST_DAY + timedelta(minutes=rng.randrange(60 * 24 * 40))
    language = "en-US"
    if "other-language" in differences:
        language = rng.choice(("de-DE", "fr-FR", "ja-JP"))
    return Plan(
        index=index,
        seed=seed,
        name=name_of(index),
        group=group,
        number=number,
        differences=differences,
        language=language,
        build=rng.choice(("10.0.20348", "10.0.26100")) if group != "desk" else "10.0.26100",
        volume=f"\\device\\harddiskvolume{rng.choice((2, 3, 3, 3, 4))}",
        interfaces=_interfaces(rng, index, group, "vpn-kill-switch" in differences),
        domain_sid=domain_sid,
        users=tuple((user, f"{domain_sid}-{FIRST_RID + USERS.index(user)}") for user in users),
        booted_at=booted,
        taken_at=booted + timedelta(minutes=rng.randrange(30, 60 * 24 * 30), milliseconds=index),
    )


def _interfaces(rng: Random, index: int, group: str, has_vpn: bool) -> tuple[Interface, ...]:
    site = 16 + sorted(set(GROUPS)).index(group)
    third, fourth = divmod(index, 200)
    address = IPv4Address(f"10.{site}.{third % 256}.{fourth + 20}")
    six = IPv6Address((0xFD5A << 112) | (site << 80) | (third << 64) | 0x1000 | fourth)
    found = [
        Interface(
            luid=_LOOPBACK << 48,
            index=1,
            alias="Loopback Pseudo-Interface 1",
            type=_LOOPBACK,
            ipv4=IPv4Interface("127.0.0.1/8"),
            ipv6=IPv6Interface("::1/128"),
            profile=PUBLIC,
            epoch=0,
        ),
        Interface(
            luid=(_ETHERNET << 48) | (0x8000 + rng.randrange(4)) << 24,
            index=rng.randrange(4, 19),
            alias="Ethernet",
            type=_ETHERNET,
            ipv4=IPv4Interface((address, 24)),
            ipv6=IPv6Interface((six, 64)),
            profile=DOMAIN_PROFILE if group != "desk" else PRIVATE,
            epoch=10000000 + rng.randrange(20, 60),
        ),
    ]
    if group in ("desk", "app"):
        switch = IPv4Address(f"172.{rng.randrange(18, 30)}.{rng.randrange(256) & 0xF0}.1")
        found.append(
            Interface(
                luid=(_ETHERNET << 48) | (0x8008 << 24),
                index=rng.randrange(20, 40),
                alias="vEthernet (Default Switch)",
                type=_ETHERNET,
                ipv4=IPv4Interface((switch, 20)),
                profile=PUBLIC,
                epoch=10000000 + rng.randrange(60, 99),
            )
        )
    if has_vpn:
        found.append(
            Interface(
                luid=(_TUNNEL << 48) | (0x8000 << 24),
                index=rng.randrange(41, 60),
                alias="Tern Tunnel",
                type=_TUNNEL,
                ipv4=IPv4Interface(f"10.211.{rng.randrange(256)}.{rng.randrange(2, 250)}/32"),
                profile=PUBLIC,
                epoch=10000000 + rng.randrange(100, 140),
            )
        )
    return tuple(found)
