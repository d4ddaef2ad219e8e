"""The flows a symbolic question is about: everything a flow can say, each with samples.

A *shape* is what fixes the path: direction, action, IP version and a kind of protocol. Within it
every value that conditions can tell apart has a sample, so a question about all flows of the shape
is one about the points of a finite space, and each point is a flow that `Engine` can explain.

A flow here says all that a flow can say: both addresses and ports, program, token with all its
groups, package and capabilities, interface, profile, and any number that filters test and nothing
implies. What stays unsaid is what nobody knows (`fields` says which), or what `explain` assumes:
no IPsec, a new flow, no raw socket, no quarantine for an interface that was released.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from itertools import pairwise
from typing import Any, Final

from msgspec import structs

from pywfp_ps.explain import sids
from pywfp_ps.explain.cells import number_cells, widths_of
from pywfp_ps.explain.compile import Entry, Program
from pywfp_ps.explain.diagrams import Axis
from pywfp_ps.explain.engine import Engine
from pywfp_ps.explain.fields import handled_fields
from pywfp_ps.explain.flow import ICMP, KERNEL, TCP, UDP, Address, Flow
from pywfp_ps.explain.logic import MAYBE
from pywfp_ps.explain.match import Atom
from pywfp_ps.explain.path import Step, layer_name, path_of
from pywfp_ps.explain.shapes import Network, Shape, Span, Wanted
from pywfp_ps.explain.tokens import Token, token_of
from pywfp_ps.model.values import blob_of_text, text_of_blob

WILDCARD: Final = "wildcard"
OTHER_APP: Final = r"\device\harddiskvolume3\any other program.exe"
OTHER_PACKAGE: Final = "S-1-15-2-4294967295-1-1-1-1-1-1"
EXAMPLES: Final[dict[str, tuple[Address, ...]]] = {
    "local": (IPv4Address("192.0.2.10"), IPv6Address("2001:db8:1::10")),
    "remote": (IPv4Address("198.51.100.20"), IPv6Address("2001:db8:2::20")),
}
"""Addresses that examples are made of where any will do (RFC 5737, RFC 3849)."""
_TAIL: Final = re.compile(r"\\device\\harddiskvolume\d+(\\.*)")
_ADDRESSES: Final = ("IP_LOCAL_ADDRESS", "IP_REMOTE_ADDRESS", "IP_SOURCE_ADDRESS",
                     "IP_DESTINATION_ADDRESS")  # fmt: skip
_INTERFACES: Final = ("IP_LOCAL_INTERFACE", "IP_ARRIVAL_INTERFACE", "IP_NEXTHOP_INTERFACE")
_KINDS: Final = ("INTERFACE_TYPE", "ARRIVAL_INTERFACE_TYPE", "NEXTHOP_INTERFACE_TYPE")
_TUNNELS: Final = ("TUNNEL_TYPE", "ARRIVAL_TUNNEL_TYPE", "NEXTHOP_TUNNEL_TYPE")
_INDEXES: Final = ("INTERFACE_INDEX", "ARRIVAL_INTERFACE_INDEX", "NEXTHOP_INTERFACE_INDEX")
_PREFIX: Final = "FWPM_CONDITION_"
USUAL_PORT: Final = 50_000
TUNNEL: Final = 131
REDIRECTS: Final = ("ALE_BIND_REDIRECT", "ALE_CONNECT_REDIRECT")
_BYTES: Final = frozenset({"EQUAL", "NOT_EQUAL", "PREFIX", "NOT_PREFIX"})


class Universe:
    """The axes of one shape, cut where the programs of some engines cut them."""

    def __init__(self, shape: Shape, wanted: Wanted, engines: Sequence[Engine]) -> None:
        self.shape, self.wanted, self.engines = shape, wanted, tuple(engines)
        self.base = shape.base
        if self.base.interface_alias is not None:
            self.base = engines[0].deriver.completed(self.base).flow
        self.inexact: list[str] = []
        self.spans: dict[str, dict[int, Span]] = {}
        kinds = [n for n in range(256) if self._is_type(n)] if self.base.protocol in ICMP else []
        sample = structs.replace(self.base, icmp_type=kinds[0]) if kinds else self.base
        self.sample = sample
        self.steps: tuple[Step, ...] = tuple(
            step for step in path_of(sample) if not wanted.layers or step.layer in wanted.layers
        )
        names = self.layers
        self.programs: list[Program] = [
            program
            for engine in engines
            for name, program in engine.compiled.programs.items()
            if name in names
        ]
        self._by_field: dict[str, dict[Atom, None]] = {}
        for program in self.programs:
            for atom in program.atoms:
                self._by_field.setdefault(atom.field, {})[atom] = None
        self.token: Token = token_of(self.base)
        self.axes: dict[str, Axis] = {axis.name: axis for axis in self._axes()}

    @property
    def may_redirect(self) -> bool:
        """Whether filters at the redirect layers change what `explain` says of flags."""
        return self.base.direction == "out" and self.base.action == "connect"

    @property
    def layers(self) -> set[str]:
        """Constants of the layers whose filters can change an answer."""
        names = {step.layer for step in self.steps}
        if self.may_redirect:
            names |= {layer_name(stem, self.base) for stem in REDIRECTS}
        return names

    def address(self, number: int) -> Address:
        """The address with a number."""
        return IPv4Address(number) if self.base.ip_version == 4 else IPv6Address(number)

    @property
    def is_empty(self) -> bool:
        """Whether no flow is asked about."""
        return not self.steps or any(not axis.samples for axis in self.axes.values())

    def _atoms(self, *fields: str) -> list[Atom]:
        return [atom for field in fields for atom in self._by_field.get(_PREFIX + field, ())]

    @cached_property
    def _widths(self) -> dict[str, int | None]:
        types: dict[str, str] = {}
        entries: list[Entry] = []
        for engine in self.engines:
            for layer in engine.snapshot.layers:
                types.update({field.name: field.data_type for field in layer.fields})
        for program in self.programs:
            entries += [e for sub in program.sublayers for group in sub.groups for e in group]
        return widths_of(entries, types)

    def _numbers(self, atoms: Iterable[Atom], width: int, cuts: Iterable[int] = ()) -> list[int]:
        """A number for everything that conditions on numbers tell apart."""
        numbers = {at: atom for at, atom in enumerate(atoms) if atom.kind == "integer"}
        base = number_cells(numbers, width, cuts)
        if len(base.masks) != len(numbers):
            field = next(iter(numbers.values())).field.removeprefix(_PREFIX)
            self.inexact.append(f"{field} is tested for too many patterns of bits")
        return [one for one in base.samples if isinstance(one, int)]

    def _axes(self) -> Iterator[Axis]:
        base = self.base
        yield Axis(name="protocol", samples=self._protocol_samples())
        if base.profile is None:
            yield Axis(name="profile", samples=(1, 2, 3, 0))
        if base.protocol in ICMP:
            yield Axis(name="icmp_type", samples=self._types())
            yield Axis(name="icmp_code", samples=self._ports("IP_REMOTE_PORT", 8))
        elif base.protocol in {TCP, UDP}:
            yield Axis(name="local_port", samples=self._ports("IP_LOCAL_PORT", 16))
            if base.action == "connect":
                yield Axis(name="remote_port", samples=self._ports("IP_REMOTE_PORT", 16))
        yield from self._address_axes()
        if base.action == "connect" and base.bind_address is None and base.direction != "forward":
            yield Axis(name="bind", samples=(WILDCARD, "local"))
        if base.interface is None:
            yield Axis(name="interface", samples=self._interfaces())
        if base.tunnel_type is None and self._atoms(*_TUNNELS):
            samples = self._numbers(self._atoms(*_TUNNELS), 32)
            yield Axis(name="tunnel", samples=tuple(samples))
        if base.interface_index is None and self._atoms(*_INDEXES):
            samples = self._numbers(self._atoms(*_INDEXES), 32, [1])
            yield Axis(name="interface_index", samples=tuple(samples))
        yield from self._other_fields()
        if self.token.package is None:
            yield Axis(name="package", samples=tuple(self._packages()))
        yield Axis(name="app", samples=tuple(self._apps()))

    def _protocol_samples(self) -> tuple[int, ...]:
        cells = self._numbers(self._atoms("IP_PROTOCOL"), 8)
        asked = self.shape.protocols
        found = []
        for first, after in pairwise([*cells, 256]):
            inside = [n for n in asked if first <= n < after]
            found += inside[:1]
        bits = any(one.match.startswith("FLAGS") for one in self._atoms("IP_PROTOCOL"))
        return asked if bits else tuple(found)

    def _types(self) -> tuple[int, ...]:
        atoms = self._atoms("IP_LOCAL_PORT", "ORIGINAL_ICMP_TYPE")
        wanted = self.wanted.local_ports
        every = [n for n in range(256) if self._is_type(n) and _inside(n, wanted)]
        if any(atom.kind == "integer" for atom in atoms):
            return tuple(_different(every, atoms))
        return tuple(every[:1])

    def _is_type(self, number: int) -> bool:
        if self.base.icmp_type not in {None, number}:
            return False
        flow = structs.replace(self.base, icmp_type=number)
        return flow.is_icmp_error == self.shape.is_error

    def _ports(self, field: str, width: int) -> tuple[int, ...]:
        spans = self.wanted.local_ports if field == "IP_LOCAL_PORT" else self.wanted.remote_ports
        if width == 8 and self.base.icmp_code is not None:
            return (self.base.icmp_code,)
        cuts = [edge for low, high in spans for edge in (low, high + 1)]
        if any(atom.match.startswith("FLAGS") for atom in self._atoms(field)):
            every = [n for n in range(1 << width) if _inside(n, spans)]
            return tuple(_different(every, self._atoms(field)))
        found = self._numbers(self._atoms(field), width, [*cuts, 1 << width])
        ends = [(a, b) for a, b in pairwise([*found, 1 << width]) if _inside(a, spans)]
        samples = tuple(first if width == 8 else _usual(first, after) for first, after in ends)
        self.spans[field] = {
            sample: (first, after - 1) for sample, (first, after) in zip(samples, ends, strict=True)
        }
        return samples

    def _address_axes(self) -> Iterator[Axis]:
        """Both ends are cut alike, and each part has two samples: so the ends can be equal or not.

        The second sample is missing where a part is one address.
        """
        version = self.base.ip_version
        width = 32 if version == 4 else 128
        own = {int(one) for one in self._own if one.version == version}
        cuts = {edge for one in own for edge in (one, one + 1)}
        for net in (*_special(version), *self.wanted.local, *self.wanted.remote):
            cuts |= {int(net.network_address), int(net.broadcast_address) + 1}
        atoms = self._atoms(*_ADDRESSES)
        if any(_has_holes(atom, width) for atom in atoms):
            self.inexact.append("an address is tested with a mask that has holes")
        cells = [one for one in self._numbers(atoms, width, cuts) if one < 1 << width]
        found: list[int] = []
        ends: dict[int, Span] = {}
        for first, after in pairwise([*cells, 1 << width]):
            found += [first, first + 1] if after > first + 1 else [first]
            ends |= {first: (first, first), found[-1]: (found[-1], after - 1)}
        self.spans["address"] = ends
        make = IPv4Address if version == 4 else IPv6Address
        addresses = [make(one) for one in found]
        is_socket = self.base.action != "connect"
        yield Axis(
            name="local",
            samples=tuple(
                one
                for one in addresses
                if _in_networks(one, self.wanted.local) and (is_socket or int(one))
            ),
        )
        if not is_socket:
            yield Axis(
                name="remote",
                samples=tuple(
                    one for one in addresses if _in_networks(one, self.wanted.remote) and int(one)
                ),
            )

    @property
    def _own(self) -> frozenset[Address]:
        return frozenset().union(*(engine.facts.addresses for engine in self.engines))

    def _interfaces(self) -> tuple[int, ...]:
        kinds = self._numbers(self._atoms(*_KINDS), 32)
        if self.base.interface_type is not None:
            kinds = []
        cuts = {6 << 48, 7 << 48}
        for kind in (*(one for one in kinds if one <= 0xFFFF), TUNNEL):
            cuts |= {kind << 48, (kind + 1) << 48}
        for facts in (engine.facts for engine in self.engines):
            for luid in (*facts.interfaces.values(), *facts.profiles):
                cuts |= {luid, luid + 1}
        return tuple(self._numbers(self._atoms(*_INTERFACES), 64, cuts))

    def _other_fields(self) -> Iterator[Axis]:
        """Numbers that filters test and that nothing implies (`FWPM_CONDITION_...` as name)."""
        said = {name for name, _ in self.base.fields}
        for field in self._by_field:
            if field in said or field in handled_fields():
                continue
            kinds = {atom.kind for atom in self._by_field[field]} - {"empty", "unknown"}
            width = self._widths.get(field)
            if kinds == {"integer"} and width:
                samples = self._numbers(self._by_field[field], width)
                yield Axis(name=field, samples=tuple(samples))

    def _packages(self) -> Iterator[str]:
        yield "none"
        found: dict[str, None] = {}
        for atom in self._all_atoms():
            if (
                atom.kind == "sid"
                and isinstance(atom.low, str)
                and atom.field.endswith("PACKAGE_ID")
            ):
                found[atom.low] = None
            for ace, _ in (atom.descriptor.entries or ()) if atom.descriptor else ():
                found.update(dict.fromkeys(_packages_of(ace.sid, ace.condition)))
        yield from (one for one in found if one not in {sids.NO_PACKAGE, OTHER_PACKAGE})
        yield OTHER_PACKAGE

    def _all_atoms(self) -> Iterator[Atom]:
        for atoms in self._by_field.values():
            yield from atoms

    @cached_property
    def named_sids(self) -> tuple[str, ...]:
        """SIDs on the user side of descriptors of which it is open whether the token holds them."""
        found: dict[str, None] = {}
        for atom in self._all_atoms():
            for ace, _ in (atom.descriptor.entries or ()) if atom.descriptor else ():
                if not ace.sid.startswith((sids.PACKAGE_PREFIX, sids.CAPABILITY_PREFIX)):
                    found[ace.sid] = None
        return tuple(
            sid for sid in found if sid.startswith("S-") and self.token.holds(sid) == MAYBE
        )

    @cached_property
    def named_capabilities(self) -> tuple[str, ...]:
        """Capabilities in descriptors; none where the flow says which it has."""
        if self.token.capabilities is not None:
            return ()
        found: dict[str, None] = {}
        for atom in self._all_atoms():
            for ace, _ in (atom.descriptor.entries or ()) if atom.descriptor else ():
                if ace.sid.startswith(sids.CAPABILITY_PREFIX):
                    found[ace.sid] = None
        return tuple(found)

    def _apps(self) -> Iterator[str | None]:
        """Programs that filters name, and any other; the flow's own where it says one."""
        base = self.base.app
        if base is not None and (base == KERNEL or base.startswith("\\device\\")):
            yield base
            return
        named = dict.fromkeys(one for atom in self._atoms("ALE_APP_ID") for one in _apps_of(atom))
        for atom in self._atoms("ALE_APP_ID"):
            if atom.kind == "bytes" and atom.match not in _BYTES:
                self.inexact.append("programs are compared by the order of their names")
        if base is not None:
            tail = base[2:]
            known = {engine.facts.volumes.get(base[:2].upper()) for engine in self.engines} - {None}
            volumes = [str(one).lower() for one in known] or [_volume(named)]
            ends = [app for app in named if (at := _TAIL.fullmatch(app)) and at[1] == tail]
            yield from dict.fromkeys([f"{one}{tail}" for one in volumes] + ([] if known else ends))
            return
        named.setdefault(KERNEL)
        yield from named
        yield OTHER_APP

    def flow(self, point: dict[str, object]) -> Flow:
        """The flow at a point: samples by axis, and SIDs and capabilities by whether it has them.

        Axes that are missing stay unsaid.
        """
        said: dict[str, Any] = {}
        for name, field in _FIELDS.items():
            if name in point:
                said[field] = point[name]
        if "bind" in point and "local" in point:
            is_wildcard = point["bind"] == WILDCARD
            if not is_wildcard or self.base.direction == "in":
                address: Any = point["local"]
                unspecified = ip_address("0.0.0.0" if self.base.ip_version == 4 else "::")  # noqa: S104 - an address in a question, nothing listens
                said["bind_address"] = unspecified if is_wildcard else address
        if "tunnel" in point:
            luid = point.get("interface", self.base.interface)
            kind = self.base.interface_type
            kind = int(str(luid)) >> 48 if kind is None and luid is not None else kind
            if kind == TUNNEL:
                said["tunnel_type"] = point["tunnel"]
        extra = tuple((name, point[name]) for name in point if name.startswith(_PREFIX))
        if extra:
            said["fields"] = (*self.base.fields, *extra)
        return structs.replace(self.base, **said, **self._token_said(point))

    def _token_said(self, point: dict[str, object]) -> dict[str, Any]:
        said: dict[str, Any] = {}
        if not self.base.groups_complete:
            held = [sid for sid in self.named_sids if point.get(f"sid:{sid}")]
            if sids.AUTHENTICATED not in (*held, *self.token.held):
                held.append(sids.AUTHENTICATED)
            said = {"groups": (*self.base.groups, *held), "groups_complete": True}
        package = point.get("package", self.token.package)
        if self.token.capabilities is None and package != "none":
            named = self.named_capabilities
            said["capabilities"] = tuple(one for one in named if point.get(f"cap:{one}"))
        return said


_FIELDS: Final = {
    "protocol": "protocol", "profile": "profile", "icmp_type": "icmp_type",
    "icmp_code": "icmp_code", "local_port": "local_port", "remote_port": "remote_port",
    "local": "local_address", "remote": "remote_address", "interface": "interface",
    "interface_index": "interface_index", "package": "package", "app": "app",
}  # fmt: skip


def _inside(number: int, spans: Sequence[Span]) -> bool:
    return not spans or any(low <= number <= high for low, high in spans)


def _in_networks(address: Address, networks: Sequence[Network]) -> bool:
    return not networks or any(address in net for net in networks)


def _usual(first: int, after: int) -> int:
    """The number of a part of the ports that looks most like a client's, or its first."""
    if first <= USUAL_PORT < after:
        return USUAL_PORT
    return first or min(1, after - 1)


def _different(numbers: Iterable[int], atoms: Sequence[Atom]) -> list[int]:
    """One of all numbers that all conditions answer alike."""
    from pywfp_ps.explain.match import test_of

    tests = [test_of(atom) for atom in atoms if atom.kind == "integer"]
    found: dict[tuple[int, ...], int] = {}
    for number in numbers:
        found.setdefault(tuple(test(number) for test in tests), number)
    return list(found.values())


def _special(version: int) -> Iterable[Network]:
    """Networks that `explain` treats in their own way."""
    four = ("0.0.0.0/32", "127.0.0.0/8", "224.0.0.0/4", "255.255.255.255/32")
    texts = four if version == 4 else ("::/128", "::1/128", "ff00::/8")
    examples = [one for both in EXAMPLES.values() for one in both if one.version == version]
    return [*map(ip_network, texts), *map(ip_network, examples)]


def _has_holes(atom: Atom, width: int) -> bool:
    free = 0 if atom.mask is None else ((1 << width) - 1) & ~atom.mask
    return atom.match.startswith("FLAGS") or bool(free & (free + 1))


def _packages_of(sid: str, condition: str | None) -> Iterator[str]:
    if sid.startswith(sids.PACKAGE_PREFIX) and sid not in {sids.ALL_PACKAGES, "S-1-15-2-2"}:
        yield sid
    for text in re.findall(r'"([^"]{1,128})"', condition or ""):
        if sids.family_of_text(text):
            yield sids.package_sid(text)


def _apps_of(atom: Atom) -> Iterator[str]:
    """Programs that a condition tells from others, as a flow can say them."""
    if atom.kind != "bytes":
        return
    for low in (atom.low, atom.high):
        text = text_of_blob(low) if isinstance(low, bytes) else None
        if not isinstance(text, str):
            continue
        if atom.match in {"PREFIX", "NOT_PREFIX"}:
            text = text if text.startswith("\\device\\") else f"\\device\\harddiskvolume3\\~{text}"
        is_sayable = text == KERNEL or (text.startswith("\\device\\") and text == text.lower())
        if is_sayable and blob_of_text(text).endswith(low if isinstance(low, bytes) else b""):
            yield text


def _volume(apps: Iterable[str]) -> str:
    """The volume most programs are on."""
    found = Counter(
        app[: len(app) - len(at[1])] for app in apps if (at := _TAIL.fullmatch(app)) is not None
    )
    return found.most_common(1)[0][0] if found else "\\device\\harddiskvolume3"
