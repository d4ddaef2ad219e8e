"""Rules of the firewall, and the filters that Windows makes of each."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Final, Literal

from msgspec import Struct

from pywfp_ps.model.objects import Condition
from pywfp_remote.lab.gen_firewall import subnets
from pywfp_remote.lab.gen_names import service_descriptor, service_sid
from pywfp_remote.lab.gen_policy import (
    BLOCK,
    PERMIT,
    REAUTHORIZE,
    SUB_TEREDO,
    SUB_WF,
    SUB_WSH,
    TERMINATING,
    WF,
    WSH,
    Policy,
    between,
    device,
    flags_set,
    layers_of,
    port,
    profile,
    program,
    protocol,
    ranged,
    single,
    token,
)

TCP, UDP = 6, 17
_TUNNEL: Final = 131
_SYSTEM_PORT: Final = 1
_CAPABILITIES: Final = ("S-1-15-3-1", "S-1-15-3-2", "S-1-15-3-3")
"""Internet client, internet client and server, private network: what most apps hold."""


class RuleSpec(Struct, frozen=True, kw_only=True):
    """A rule as an administrator or a product states it.

    Attributes:
        rule_id: What the firewall's store calls it; the origin of its block filters.
        program: Path with ``%programs%`` and the like, ``System``, or ``None`` for any.
        service: Name of the service whose token it asks for.
        package: Family name of the packaged app it is for.
        user_sid: The user it is for, where it is one user's.
        ports: Port ranges at this end; none means any.
        remote_ports: Port ranges at the other end; none means any.
        scope: ``any``, ``local`` for the subnets of the profile, or networks.
        profiles: Profile ids it holds in.
        edge: Whether it lets traffic through from tunnels (edge traversal).
        rpc: Whether it is for the dynamic ports of RPC.
        serves: Whether something on this host listens there, so that connections exist.
    """

    rule_id: str
    name: str
    description: str
    direction: Literal["in", "out"] = "in"
    action: str = PERMIT
    program: str | None = None
    service: str | None = None
    package: str | None = None
    user_sid: str | None = None
    protocol: int | None = TCP
    ports: tuple[tuple[int, int], ...] = ()
    remote_ports: tuple[tuple[int, int], ...] = ()
    scope: Literal["any", "local"] | tuple[IPv4Network, ...] = "any"
    profiles: tuple[int, ...] = (3, 2, 1)
    edge: bool = False
    rpc: bool = False
    serves: bool = False


def add_rule(policy: Policy, rule: RuleSpec, *, keep_origin: bool = True) -> None:
    """All filters of a rule; they share one number."""
    data = policy.next_rule()
    if keep_origin:
        policy.origin(rule.rule_id, WF)
    profiles = [one for one in policy.plan.profiles if one in rule.profiles]
    if rule.direction == "out":
        for number in profiles:
            for layer, version in layers_of("ALE_AUTH_CONNECT"):
                _authorize(policy, rule, data, layer, version, number)
        return
    for number in profiles:
        for layer, version in layers_of("ALE_AUTH_RECV_ACCEPT"):
            _authorize(policy, rule, data, layer, version, number)
        if rule.action == PERMIT:
            _sockets(policy, rule, data)
    if rule.edge:
        _edge(policy, rule, data, profiles)


def _who(policy: Policy, rule: RuleSpec) -> tuple[Condition, ...]:
    found: list[Condition] = []
    if rule.program is not None:
        found.append(program(device(policy.plan, rule.program)))
    if rule.service is not None:
        found.append(token(service_descriptor(rule.service)))
    elif rule.user_sid is not None:
        found.append(token(_user_descriptor(rule.user_sid, is_app=rule.package is not None)))
    if rule.package is not None:
        contains = f'(XA;;CC;;;WD;(WIN://SYSAPPID Contains "{rule.package.upper()}"))'
        descriptor = f"O:SYG:SYD:{contains}{_grants('CC', _CAPABILITIES)}"
        found.append(single("ALE_PACKAGE_FAMILY_NAME", "SECURITY_DESCRIPTOR_TYPE", descriptor))
    return tuple(found)


def _user_descriptor(user: str, *, is_app: bool) -> str:
    """Who may: the user; for an app of theirs the app's token too, which is checked a second time.

    An app's token passes only where apps, its package or a capability are granted as well.
    """
    if not is_app:
        return f"O:SYG:SYD:{_grants('CCRC', (user,))}"
    return f"O:SYG:SYD:{_grants('CCRC', (user, 'AC', *_CAPABILITIES))}"


def _grants(rights: str, sids: tuple[str, ...]) -> str:
    return "".join(f"(A;;{rights};;;{sid})" for sid in sids)


def _ports(field: str, ranges: tuple[tuple[int, int], ...]) -> tuple[Condition, ...]:
    return tuple(
        port(field, low) if low == high else between(field, low, high) for low, high in ranges
    )


def _where(policy: Policy, rule: RuleSpec, version: int, number: int) -> tuple[Condition, ...]:
    if rule.scope == "any":
        return ()
    if rule.scope == "local":
        return subnets(policy.plan, version, number)
    if version == 6:
        return ()
    return tuple(between("IP_REMOTE_ADDRESS", net[0], net[-1]) for net in rule.scope)


def _what(rule: RuleSpec) -> tuple[Condition, ...]:
    found: tuple[Condition, ...] = ()
    if rule.protocol is not None:
        found = (protocol(rule.protocol),)
    if rule.rpc:
        found += (single("ALE_SIO_FIREWALL_SYSTEM_PORT", "UINT32", _SYSTEM_PORT),)
    return found


def _authorize(
    policy: Policy, rule: RuleSpec, data: bytes, layer: str, version: int, number: int
) -> None:
    """The filters of one profile and family; two where re-authorisation needs its own."""
    where = _where(policy, rule, version, number)
    if version == 6 and not where and rule.scope != "any":
        return
    start = (*_who(policy, rule), *_ports("IP_LOCAL_PORT", rule.ports), *where)
    state = (profile("ORIGINAL", number), profile("CURRENT", number))
    end = (*_what(rule), *_ports("IP_REMOTE_PORT", rule.remote_ports))
    weight = ranged(9 if rule.action == PERMIT else 10)
    twins: list[tuple[tuple[Condition, ...], tuple[Condition, ...]]] = [((), ())]
    if where:
        first, second = ("ARRIVAL", "NEXTHOP") if rule.direction == "in" else ("NEXTHOP", "ARRIVAL")
        twins = [
            ((single(f"{first}_TUNNEL_TYPE", "UINT32", 0),), ()),
            ((single(f"{second}_TUNNEL_TYPE", "UINT32", 0),), (flags_set(REAUTHORIZE),)),
        ]
    for tunnel, flags in twins:
        policy.add(
            layer,
            SUB_WF,
            rule.action,
            (*start, *tunnel, *state, *end, *flags),
            names=(rule.name, rule.description),
            data=data,
            weight=weight,
            flags=("FWPM_FILTER_FLAG_INDEXED",) if rule.program else (),
            origin=rule.rule_id if rule.action == BLOCK else None,
        )


def _sockets(policy: Policy, rule: RuleSpec, data: bytes) -> None:
    """What lets the program open its socket: a listen for TCP, a port for UDP."""
    if rule.rpc or rule.protocol not in (None, TCP, UDP):
        return
    conditions = (*_who(policy, rule), *_ports("IP_LOCAL_PORT", rule.ports))
    names = (rule.name, rule.description)
    if rule.protocol in (None, TCP):
        for layer, _ in layers_of("ALE_AUTH_LISTEN"):
            policy.add(layer, SUB_WF, PERMIT, conditions, names=names, data=data, weight=ranged(9))
    if rule.protocol in (None, UDP):
        for layer, _ in layers_of("ALE_RESOURCE_ASSIGNMENT"):
            policy.add(
                layer,
                SUB_WF,
                PERMIT,
                (*conditions, protocol(UDP)),
                names=names,
                data=data,
                weight=ranged(9),
            )


def _edge(policy: Policy, rule: RuleSpec, data: bytes, profiles: list[int]) -> None:
    """The same rule once more for traffic out of tunnels."""
    names = (rule.name, rule.description)
    who = (*_who(policy, rule), *_ports("IP_LOCAL_PORT", rule.ports))
    name = "ALE_RESOURCE_ASSIGNMENT" if rule.protocol == UDP else "ALE_AUTH_LISTEN"
    for layer, version in layers_of(name):
        place = name.removeprefix("ALE_").replace("AUTH_LISTEN", "LISTEN")
        kind = "EDGE_TRAVERSAL" if version == 4 else "TEREDO"
        policy.add(
            layer,
            SUB_TEREDO,
            TERMINATING,
            (*who, protocol(UDP)) if rule.protocol == UDP else who,
            names=names,
            data=data,
            weight=ranged(9),
            callout=f"FWPM_CALLOUT_{kind}_ALE_{place}_V{version}",
        )
    for number in profiles:
        state = (profile("ORIGINAL", number), profile("CURRENT", number))
        for layer, _ in layers_of("ALE_AUTH_RECV_ACCEPT"):
            for side, flags in (("ARRIVAL", ()), ("NEXTHOP", (flags_set(REAUTHORIZE),))):
                tunnel = (
                    single(f"{side}_INTERFACE_TYPE", "UINT32", _TUNNEL),
                    single(f"{side}_TUNNEL_TYPE", "UINT32", 1),
                )
                policy.add(
                    layer,
                    SUB_TEREDO,
                    PERMIT,
                    (*who, *state, *_what(rule), *tunnel, *flags),
                    names=names,
                    data=data,
                    weight=ranged(9),
                )


class Need(Struct, frozen=True, kw_only=True):
    """What one service of Windows states that it needs: all else of it is fenced off."""

    service: str
    program: str
    direction: Literal["in", "out"]
    protocol: int | None = TCP
    ports: tuple[tuple[int, int], ...] = ()
    remote_ports: tuple[tuple[int, int], ...] = ()
    rpc: bool = False
    near: bool = False

    @property
    def words(self) -> tuple[str, str]:
        """Name and description of its filters and its rule."""
        way = "reaches out" if self.direction == "out" else "is reached"
        name = f"Fence gate: {self.service} {way}"
        return name, f"What the service {self.service} said it needs."


def add_need(policy: Policy, need: Need) -> None:
    """The permits of one stated need."""
    data = policy.next_rule()
    names = need.words
    layer_name = "ALE_AUTH_CONNECT" if need.direction == "out" else "ALE_AUTH_RECV_ACCEPT"
    start = (
        program(device(policy.plan, need.program)),
        token(service_descriptor(need.service)),
        *_ports("IP_LOCAL_PORT", need.ports),
    )
    what: tuple[Condition, ...] = ()
    if need.protocol is not None:
        what = (protocol(need.protocol),)
    if need.rpc:
        what += (single("ALE_SIO_FIREWALL_SYSTEM_PORT", "UINT32", _SYSTEM_PORT),)
    end = (*what, *_ports("IP_REMOTE_PORT", need.remote_ports))
    first, second = ("NEXTHOP", "ARRIVAL") if need.direction == "out" else ("ARRIVAL", "NEXTHOP")
    for layer, version in layers_of(layer_name):
        twins: Iterator[tuple[Condition, ...]] = iter(((*start, *end),))
        if need.near:
            near = subnets(policy.plan, version)
            twins = iter(
                (
                    (*start, *near, single(f"{first}_TUNNEL_TYPE", "UINT32", 0), *end),
                    (
                        *start,
                        *near,
                        single(f"{second}_TUNNEL_TYPE", "UINT32", 0),
                        *end,
                        flags_set(REAUTHORIZE),
                    ),
                )
            )
        for conditions in twins:
            policy.add(
                layer,
                SUB_WSH,
                PERMIT,
                conditions,
                names=names,
                provider=WSH,
                data=data,
                flags=("FWPM_FILTER_FLAG_INDEXED",),
            )


def fence_block(policy: Policy, path: str, direction: Literal["in", "out"]) -> None:
    """A program that may not talk at all in one direction."""
    data = policy.next_rule()
    name = path.rsplit("\\", 1)[-1]
    layer_name = "ALE_AUTH_CONNECT" if direction == "out" else "ALE_AUTH_RECV_ACCEPT"
    for layer, _ in layers_of(layer_name):
        policy.add(
            layer,
            SUB_WSH,
            BLOCK,
            (program(device(policy.plan, path)),),
            names=(f"Fence wall: {name}", "This program has no business on the network."),
            provider=WSH,
            data=data,
            flags=("FWPM_FILTER_FLAG_INDEXED",),
            origin=wall_id(path, direction),
        )


def wall_id(path: str, direction: str) -> str:
    """What the store calls the rule that walls a program in."""
    name = path.rsplit("\\", 1)[-1].removesuffix(".exe")
    return f"FenceWall-{name}-{direction.title()}"


def fence_default(policy: Policy, services: tuple[str, ...]) -> None:
    """What stated services did not state is blocked, by their tokens."""
    aces = "".join(f"(A;NP;CC;;;{service_sid(service)})" for service in services)
    for name, words in (("ALE_AUTH_CONNECT", "wsh-out"), ("ALE_AUTH_RECV_ACCEPT", "wsh-in")):
        for layer, _ in layers_of(name):
            policy.add(
                layer,
                SUB_WSH,
                BLOCK,
                (token(f"D:{aces}"),),
                names=policy.words_of(words),
                provider=WSH,
                origin="WSH Default",
            )
