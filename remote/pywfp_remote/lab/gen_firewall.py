"""What the firewall adds by itself: early guards, catch-alls, quarantine, stealth, app fence."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Final

from pywfp_ps.model.objects import BOOTTIME, PERSISTENT, Condition
from pywfp_remote.lab.gen_engine import built_in_layers, firewall_callout
from pywfp_remote.lab.gen_plan import Plan
from pywfp_remote.lab.gen_policy import (
    BLOCK,
    BUILT_IN,
    HEAVIEST,
    INSPECTION,
    ISOLATION,
    LOOPBACK,
    PERMIT,
    REAUTHORIZE,
    SUB_ISOLATION,
    SUB_QUARANTINE,
    SUB_TEREDO,
    SUB_WF,
    TERMINATING,
    TOP,
    UNKNOWN,
    Policy,
    Weight,
    between,
    flags_clear,
    flags_set,
    layers_of,
    port,
    profile,
    protocol,
    ranged,
    single,
    token,
    v4,
    v6,
)

_TUNNEL: Final = 131
_TEREDO: Final = 1
_SECOND: Final = Weight("FWP_UINT64", TOP - 1)
_APP_LOOPBACK: Final = 0x400000
_OTHER_LOOPBACK: Final = 0x800000
_RESERVED_LOOPBACK: Final = 0x1000000
_APPS: Final = "O:LSD:(A;;CC;;;AC)(A;;CC;;;S-1-15-3-3)(A;;CC;;;WD)(A;;CC;;;AN)"
NO_PACKAGE: Final = "S-1-0-0"


def is_package() -> Condition:
    """The program is a packaged app."""
    return single("ALE_PACKAGE_ID", "SID", NO_PACKAGE, "NOT_EQUAL")


def layer_id(name: str) -> int:
    """Run-time id of a layer by its constant."""
    return next(one.id or 0 for one in built_in_layers() if one.const_name == name)


def subnets(plan: Plan, version: int, profile_id: int | None = None) -> tuple[Condition, ...]:
    """What LocalSubnet means here: the networks of one profile (or all) and multicast."""
    if version == 6:
        link = between("IP_REMOTE_ADDRESS", v6("fe80::"), v6("fe80::ffff:ffff:ffff:ffff"))
        many = between("IP_REMOTE_ADDRESS", v6("ff00::"), IPv6Address((1 << 128) - 1))
        return link, many
    nets = [
        between("IP_REMOTE_ADDRESS", net[0], net[-1])
        for one in plan.interfaces[1:]
        if (net := one.network).prefixlen < 32 and profile_id in (None, one.profile)
    ]
    return (*nets, between("IP_REMOTE_ADDRESS", v4("224.0.0.0"), v4("239.255.255.255")))


def add_early_guards(policy: Policy) -> None:
    """Boot-time filters and their persistent twins."""
    names = policy.words_of("boot")
    for kept in (BOOTTIME, PERSISTENT):
        for layer, _ in layers_of("ALE_AUTH_RECV_ACCEPT"):
            _guard(policy, layer, BLOCK, (), ranged(0), kept)
            _guard(
                policy,
                layer,
                PERMIT,
                (flags_set(_OTHER_LOOPBACK), single("ALE_PACKAGE_ID", "SID", NO_PACKAGE)),
                HEAVIEST,
                kept,
            )
            policy.add(
                layer,
                SUB_WF,
                PERMIT,
                (flags_set(_APP_LOOPBACK),),
                names=policy.words_of("boot-app"),
                data=BUILT_IN,
                weight=HEAVIEST,
                flags=(kept,),
            )
            policy.add(
                layer,
                SUB_TEREDO,
                BLOCK,
                (
                    single("ARRIVAL_INTERFACE_TYPE", "UINT32", _TUNNEL),
                    single("ARRIVAL_TUNNEL_TYPE", "UINT32", _TEREDO),
                    flags_clear(LOOPBACK),
                ),
                names=names,
                data=BUILT_IN,
                weight=ranged(0),
                flags=(kept,),
                origin="Boottime Default",
            )
        for layer, _ in layers_of("INBOUND_ICMP_ERROR"):
            _guard(policy, layer, BLOCK, (), ranged(0), kept)
            _guard(policy, layer, PERMIT, (flags_set(LOOPBACK),), HEAVIEST, kept)
    for name in ("IPFORWARD",):
        for layer, _ in layers_of(name):
            _guard(policy, layer, BLOCK, (flags_clear(0xC0000),), ranged(0), BOOTTIME)
    for name in ("ALE_AUTH_CONNECT", "OUTBOUND_ICMP_ERROR"):
        for layer, _ in layers_of(name):
            _guard(policy, layer, PERMIT, (flags_set(LOOPBACK),), HEAVIEST, PERSISTENT)


def _guard(
    policy: Policy,
    layer: str,
    action: str,
    conditions: tuple[Condition, ...],
    weight: Weight,
    kept: str,
) -> None:
    policy.add(
        layer,
        SUB_WF,
        action,
        conditions,
        names=policy.words_of("boot"),
        data=BUILT_IN,
        weight=weight,
        flags=(kept,),
        origin="Boottime Default",
    )


def add_quarantine(policy: Policy) -> None:
    """The hold for networks without a category, and the release of each interface."""
    names = policy.words_of("quarantine")

    def hold(layer: str, action: str, conditions: tuple[Condition, ...], weight: Weight) -> None:
        policy.add(
            layer,
            SUB_QUARANTINE,
            action,
            conditions,
            names=names,
            data=BUILT_IN,
            weight=weight,
            flags=(PERSISTENT,),
            origin="Quarantine Default",
        )

    for layer, _ in layers_of("ALE_AUTH_CONNECT"):
        hold(layer, PERMIT, (flags_set(LOOPBACK),), HEAVIEST)
    for layer, version in layers_of("ALE_AUTH_RECV_ACCEPT"):
        hold(layer, BLOCK, (flags_clear(LOOPBACK),), ranged(0))
        arrival = single("ARRIVAL_INTERFACE_TYPE", "UINT32", _TUNNEL)
        nexthop = single("NEXTHOP_INTERFACE_TYPE", "UINT32", _TUNNEL)
        hold(layer, PERMIT, (arrival, flags_clear(LOOPBACK)), ranged(1))
        hold(layer, PERMIT, (nexthop, flags_set(REAUTHORIZE)), ranged(1))
        mine, theirs = (68, 67) if version == 4 else (546, 547)
        dhcp = (protocol(17), port("IP_LOCAL_PORT", mine), port("IP_REMOTE_PORT", theirs))
        hold(layer, PERMIT, (*dhcp, flags_clear(LOOPBACK)), ranged(1))
        if version == 6:
            hold(layer, PERMIT, (protocol(58), port("IP_LOCAL_PORT", 135)), ranged(1))
        hold(layer, PERMIT, (flags_set(LOOPBACK),), HEAVIEST)
        _release(policy, layer, version)


def _release(policy: Policy, layer: str, version: int) -> None:
    for interface in policy.plan.interfaces:
        if version == 6 and interface.ipv6 is None:
            continue
        epoch = single("INTERFACE_QUARANTINE_EPOCH", "UINT64", interface.epoch)
        for field, flag in (("ARRIVAL", flags_clear(LOOPBACK)), ("NEXTHOP", flags_set(4))):
            where = single(f"IP_{field}_INTERFACE", "UINT64", interface.luid)
            policy.add(
                layer,
                SUB_QUARANTINE,
                PERMIT,
                (epoch, where, flag),
                names=policy.words_of("release"),
                weight=ranged(0),
            )


def add_catch_alls(policy: Policy) -> None:
    """Query User for what comes in, Default Outbound for what goes out, by profile."""
    rules: dict[tuple[str, int], bytes] = {}
    for way in ("in", "out"):
        for one in policy.plan.profiles:
            rules[way, one] = policy.next_rule()
    last = policy.plan.profiles[-1]
    places: tuple[tuple[int | None, int, Weight], ...] = (
        *((number, number, ranged(8)) for number in policy.plan.profiles),
        (None, last, ranged(3)),
    )
    for number, rule, weight in places:
        data_in, data_out = rules["in", rule], rules["out", rule]
        original = (profile("ORIGINAL", number),) if number else ()
        both = (*original, profile("CURRENT", number)) if number else ()
        for layer, _ in layers_of("ALE_AUTH_RECV_ACCEPT"):
            _query(policy, layer, original, data_in, weight)
        for layer, _ in layers_of("INBOUND_ICMP_ERROR"):
            arrival = (single("ARRIVAL_INTERFACE_PROFILE_ID", "UINT32", number),) if number else ()
            _query(policy, layer, arrival, data_in, weight)
        for layer, _ in layers_of("ALE_RESOURCE_ASSIGNMENT"):
            _query(policy, layer, (protocol(17), flags_clear(9)), data_in, weight, ask=True)
        for layer, _ in layers_of("ALE_AUTH_LISTEN"):
            _query(policy, layer, (flags_clear(LOOPBACK),), data_in, weight, ask=True)
        for name in ("ALE_AUTH_CONNECT", "OUTBOUND_ICMP_ERROR"):
            for layer, _ in layers_of(name):
                tests = both
                if name == "OUTBOUND_ICMP_ERROR" and number:
                    tests = (single("NEXTHOP_INTERFACE_PROFILE_ID", "UINT32", number),)
                policy.add(
                    layer,
                    SUB_WF,
                    PERMIT,
                    tests,
                    names=policy.words_of("outbound"),
                    data=data_out,
                    weight=weight,
                )


def _query(
    policy: Policy,
    layer: str,
    conditions: tuple[Condition, ...],
    data: bytes,
    weight: Weight,
    *,
    ask: bool = False,
) -> None:
    policy.add(
        layer,
        SUB_WF,
        UNKNOWN if ask else BLOCK,
        conditions,
        names=policy.words_of("query"),
        data=data,
        weight=weight,
        origin="Query User Default",
        callout=firewall_callout(0, layer_id(layer)) if ask else None,
    )


def add_watches(policy: Policy) -> None:
    """The firewall's own callout filters: second channels, streams, the log."""
    ftp = policy.words_of("ftp")
    high = ((protocol(6), between("IP_REMOTE_PORT", 1024, 65535)), "ALE_AUTH_CONNECT")
    low = ((protocol(6), between("IP_LOCAL_PORT", 1024, 65535)), "ALE_AUTH_RECV_ACCEPT")
    for conditions, name in (high, low):
        for layer, _ in layers_of(name):
            _watch(policy, layer, 2, UNKNOWN, conditions, ftp)
    for layer, _ in layers_of("ALE_FLOW_ESTABLISHED"):
        for field in ("IP_REMOTE_PORT", "IP_LOCAL_PORT"):
            _watch(policy, layer, 3, INSPECTION, (protocol(6), port(field, 21)), ftp)
    for layer, _ in layers_of("STREAM"):
        _watch(policy, layer, 4, UNKNOWN, (), policy.words_of("dpi"))
    log = policy.words_of("log")
    for version in "46":
        for place in ("ALE_AUTH_CONNECT_V{}_DISCARD", "ALE_AUTH_RECV_ACCEPT_V{}_DISCARD"):
            _watch(policy, f"FWPM_LAYER_{place.format(version)}", 1, INSPECTION, (), log)


def _watch(
    policy: Policy,
    layer: str,
    job: int,
    action: str,
    conditions: tuple[Condition, ...],
    names: tuple[str, str],
) -> None:
    policy.add(
        layer,
        SUB_WF,
        action,
        conditions,
        names=names,
        data=BUILT_IN,
        weight=HEAVIEST,
        callout=firewall_callout(job, layer_id(layer)),
        raw_context=3 if job == 1 else 0,
    )


def add_stealth(policy: Policy) -> None:
    """Closed ports stay silent outside the domain: discard layers and ICMP errors."""
    for version in "46":
        layer = f"FWPM_LAYER_INBOUND_TRANSPORT_V{version}_DISCARD"
        silent = f"FWPM_CALLOUT_WFP_TRANSPORT_LAYER_V{version}_SILENT_DROP"
        _shield(policy, layer, PERMIT, (flags_clear(1), profile("CURRENT", 3)), HEAVIEST)
        for number in (2, 1):
            tests = (flags_clear(3), profile("CURRENT", number))
            _shield(policy, layer, TERMINATING, tests, HEAVIEST, silent)
        _shield(policy, layer, TERMINATING, (flags_clear(3),), ranged(12), silent)
        layer = f"FWPM_LAYER_OUTBOUND_ICMP_ERROR_V{version}"
        kind, codes = (3, ((0, 3), (5, 12), (14, 255))) if version == "4" else (1, ((3, 4),))
        for number in (3, 2, 1, 0):
            for low, high in codes:
                where = (
                    flags_clear(1),
                    single("NEXTHOP_INTERFACE_PROFILE_ID", "UINT32", number),
                    port("IP_LOCAL_PORT", kind),
                    between("IP_REMOTE_PORT", low, high),
                )
                if number == 3:
                    _shield(policy, layer, PERMIT, where, ranged(8))
                else:
                    _shield(policy, layer, BLOCK, where, HEAVIEST)


def _shield(
    policy: Policy,
    layer: str,
    action: str,
    conditions: tuple[Condition, ...],
    weight: Weight,
    callout: str | None = None,
) -> None:
    policy.add(
        layer,
        SUB_WF,
        action,
        conditions,
        names=policy.words_of("stealth"),
        data=BUILT_IN,
        weight=weight,
        origin="Stealth",
        callout=callout,
    )


def add_app_fence(policy: Policy) -> None:
    """Packaged apps: their loopback, what a capability grants, and the block beneath."""
    inward = (("cap-private", 3), ("cap-server", 2))
    outward = (*inward, ("cap-client", 1))
    fence = (
        ("ALE_AUTH_CONNECT", "uwp-out", "UWP Default Outbound Block Rule", outward),
        ("ALE_AUTH_RECV_ACCEPT", "uwp-in", "UWP Default Inbound Block Rule", inward),
    )
    for name, words, origin, grants in fence:
        for layer, version in layers_of(name):
            _app_loopback(policy, layer)
            for key, capability in grants:
                _grant(policy, layer, version, key, capability)
            for number in policy.plan.profiles:
                policy.add(
                    layer,
                    SUB_ISOLATION,
                    BLOCK,
                    (is_package(), profile("ORIGINAL", number)),
                    names=policy.words_of(words),
                    provider=ISOLATION,
                    data=policy.next_rule(),
                    origin=origin,
                )


def _app_loopback(policy: Policy, layer: str) -> None:
    names = policy.words_of("uwp-loop")
    is_connect = "CONNECT" in layer
    bits = (LOOPBACK,) if is_connect else (_OTHER_LOOPBACK, _RESERVED_LOOPBACK, _APP_LOOPBACK)
    permits = [(PERMIT, (flags_set(bit),), HEAVIEST) for bit in bits]
    blocks: list[tuple[str, tuple[Condition, ...], Weight]] = [
        (BLOCK, (flags_set(LOOPBACK), token(_APPS)), _SECOND)
    ]
    if is_connect:
        tests = (flags_set(LOOPBACK), port("IP_REMOTE_PORT", 137), token(_APPS))
        blocks.append((BLOCK, tests, HEAVIEST))
    for action, conditions, weight in (*permits, *blocks):
        policy.add(
            layer,
            SUB_ISOLATION,
            action,
            conditions,
            names=names,
            data=BUILT_IN,
            weight=weight,
            origin="AppContainer Loopback",
        )


def _grant(policy: Policy, layer: str, version: int, key: str, capability: int) -> None:
    descriptor = f"O:LSD:(A;;CC;;;S-1-15-3-{capability})(A;;CC;;;WD)(A;;CC;;;AN)"
    for number in policy.plan.profiles:
        near = subnets(policy.plan, version, number)
        if capability == 3:
            if number == 1:
                continue
            where = near
        elif version == 4:
            where = _outside(near) if number != 1 else _everywhere()
        else:
            where = (between("IP_REMOTE_ADDRESS", v6("::"), IPv6Address((1 << 128) - 1)),)
        policy.add(
            layer,
            SUB_ISOLATION,
            PERMIT,
            (
                is_package(),
                *where,
                profile("ORIGINAL", number),
                profile("CURRENT", number),
                token(descriptor),
            ),
            names=policy.words_of(key),
            provider=ISOLATION,
            data=policy.next_rule(),
        )


def _everywhere() -> tuple[Condition, ...]:
    return (between("IP_REMOTE_ADDRESS", IPv4Address(0), v4("255.255.255.255")),)


def _outside(near: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """All IPv4 addresses that are not in these ranges."""
    ranges = sorted(
        (int(one.low), int(one.high))
        for one in near
        if isinstance(one.low, IPv4Address) and isinstance(one.high, IPv4Address)
    )
    found = []
    start = 0
    for low, high in (*ranges, (1 << 32, 1 << 32)):
        if low > start:
            found.append(between("IP_REMOTE_ADDRESS", IPv4Address(start), IPv4Address(low - 1)))
        start = max(start, high + 1)
    return tuple(found)


def add_firewall(policy: Policy) -> None:
    """All of it, for a host whose firewall is on."""
    add_early_guards(policy)
    add_quarantine(policy)
    add_catch_alls(policy)
    add_stealth(policy)
    add_watches(policy)
