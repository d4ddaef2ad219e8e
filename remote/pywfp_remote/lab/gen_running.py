"""What runs on a made-up host: sessions, subscriptions, connected endpoints, counters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from random import Random
from typing import Final
from uuid import UUID

from pywfp_ps.model.enums import flags_of_items
from pywfp_ps.model.objects import AleEndpoint, Node, Session, Statistics, Subscription
from pywfp_remote.lab.gen_catalog import AGENT_PROGRAM, AGENT_SERVICE
from pywfp_remote.lab.gen_engine import branch, leaf
from pywfp_remote.lab.gen_names import Words
from pywfp_remote.lab.gen_plan import Plan
from pywfp_remote.lab.gen_policy import SVCHOST, device
from pywfp_remote.lab.gen_processes import BFE, SYSTEM, VPN_PROGRAM, service_processes
from pywfp_remote.lab.gen_rules import TCP, UDP, RuleSpec

VPN_SERVER: Final = IPv4Address("203.0.113.66")
_WATCHERS: Final = ("Dhcp", "EventLog", "WinHttpAutoProxySvc")
_OUTSIDE: Final = tuple(IPv4Address(f"198.51.100.{n}") for n in range(10, 60))
_OUTSIDE_SIX: Final = tuple(IPv6Address(f"2001:db8:5a::{n:x}") for n in range(16, 60))
_CLIENTS: Final = (
    ("%programs%\\wendover\\browse\\wbrowse.exe", TCP, 443),
    ("%programs%\\wendover\\browse\\wbrowse.exe", TCP, 80),
    ("%programs%\\wendover\\browse\\wbrowse.exe", UDP, 443),
    ("%programs%\\sallow\\mail\\smail.exe", TCP, 993),
    (SVCHOST, TCP, 443),
    ("%programs%\\drumlin\\sync\\dsync.exe", TCP, 8443),
)
_LAN_CLIENTS: Final = (
    ("System", TCP, 445),
    ("%system32%\\lsass.exe", TCP, 88),
    ("%system32%\\lsass.exe", TCP, 389),
    (SVCHOST, UDP, 53),
    ("%programs%\\heddle\\client\\hclient.exe", TCP, 1433),
)


def make_sessions(plan: Plan, words: Words) -> tuple[Session, ...]:
    """The engine's clients: services, drivers, and the dump itself last."""
    rng = plan.random("sessions")
    ids = service_processes(plan.seed, plan.index)
    user, sid = plan.users[0]
    shown = f"{plan.computer if plan.group == 'desk' else 'BRINDLE'}\\{user}"
    clients = [
        (ids["RpcSs"], "S-1-5-20", words.network, False, None),
        *((ids[BFE], "S-1-5-19", words.local, True, None) for _ in range(4)),
        *((ids[BFE], "S-1-5-19", words.local, False, None) for _ in range(2)),
        (SYSTEM, "S-1-5-18", words.system, True, None),
        *((ids[one], "S-1-5-19", words.local, True, None) for one in _WATCHERS),
        (ids[AGENT_SERVICE], "S-1-5-18", words.system, False, "dynamic"),
        (ids["PolicyAgent"], "S-1-5-20", words.network, False, "policies"),
        # netsh itself, which has ended by the time that processes are listed.
        (rng.randrange(9000, 40000) * 4, sid, shown, False, "dump"),
    ]
    return tuple(_session(rng, *client) for client in clients)


def _session(
    rng: Random, process: int, sid: str, account: str, kernel: bool, kind: str | None
) -> Session:
    flags = ("FWPM_SESSION_FLAG_DYNAMIC",) if kind in ("dynamic", "policies") else ()
    names, number = flags_of_items("session_flags", flags)
    waits = {"dump": 4294967295, "policies": 300000}
    shown = {"dump": "state dump", "policies": "policy service"}
    return Session(
        key=UUID(int=rng.getrandbits(128), version=4),
        name=shown.get(kind or ""),
        flags=names,
        flags_value=number,
        txn_wait_timeout_ms=waits.get(kind or "", 6000000),
        process_id=process,
        sid=sid,
        user_name=account,
        kernel_mode=kernel,
    )


def make_subscriptions(sessions: Sequence[Session]) -> tuple[Subscription, ...]:
    """Who asked to hear of changes and events."""
    changes = flags_of_items(
        "provider_flags",
        ("FWPM_SUBSCRIPTION_FLAG_NOTIFY_ON_ADD", "FWPM_SUBSCRIPTION_FLAG_NOTIFY_ON_DELETE"),
    )[0]
    found = [
        Subscription(
            kind="filter",
            session_key=sessions[0].key,
            flags=changes,
            flags_value=None,
            template=_filter_template(f"FWPM_LAYER_RPC_{layer}"),
        )
        for layer in ("UM", "EPMAP", "EP_ADD")
    ]
    for kind in (3, 6):
        one = branch(
            "item",
            leaf("fieldKey", "FWPM_CONDITION_NET_EVENT_TYPE"),
            leaf("matchType", "FWP_MATCH_EQUAL"),
            branch("conditionValue", leaf("type", "FWP_UINT32"), leaf("uint32", kind)),
        )
        template = branch(
            "enumTemplate",
            leaf("startTime", "1601-01-01T00:00:00.000Z"),
            leaf("endTime", "1601-01-01T00:00:00.000Z"),
            branch("filterCondition", one),
        )
        found.append(Subscription(kind="net_event", session_key=sessions[1].key, template=template))
    return tuple(found)


def _filter_template(layer: str) -> Node:
    masks = ("TERMINATING", "NON_TERMINATING", "CALLOUT")
    return branch(
        "enumTemplate",
        leaf("providerKey"),
        leaf("layerKey", layer),
        leaf("enumType", "FWP_FILTER_ENUM_OVERLAPPING"),
        leaf("flags"),
        leaf("providerContextTemplate"),
        leaf("filterCondition"),
        branch(
            "actionMask",
            *(leaf("item", f"FWP_ACTION_FLAG_{mask}") for mask in masks),
            leaf("item", "FFFF8FFF"),
        ),
        leaf("calloutKey"),
    )


def make_endpoints(plan: Plan, rules: Sequence[RuleSpec], count: int) -> tuple[AleEndpoint, ...]:
    """Connections that this host's own policy lets through.

    Inbound ones belong to rules that serve and hold in the interface's profile; outbound ones keep
    to what a kill switch leaves open, and the agent has none where it is silenced.
    """
    rng = plan.random("endpoints")
    served = [
        rule
        for rule in rules
        if rule.serves and plan.lan.profile in rule.profiles and not plan.has("firewall-off")
    ]
    makers = [_loopback, _near]
    if plan.has("vpn-kill-switch"):
        makers += [_tunnelled]
    else:
        makers += [_far, _far, _far_six]
    found: list[AleEndpoint] = []
    number = rng.randrange(2000, 9000)
    while len(found) < count:
        number += rng.randrange(2, 900)
        if served and not plan.has("vpn-kill-switch") and rng.random() < 0.3:
            found.append(_inbound(plan, rng, number, rng.choice(served)))
        else:
            found += rng.choice(makers)(plan, rng, number)
    if not plan.has("silenced-agent") and not plan.has("vpn-kill-switch"):
        found.append(_connect(plan, rng, number + 2, (AGENT_PROGRAM, TCP, 443), _OUTSIDE[0]))
    return tuple(found)


def _connect(
    plan: Plan,
    rng: Random,
    number: int,
    client: tuple[str, int, int],
    remote: IPv4Address | IPv6Address,
    local: IPv4Address | IPv6Address | None = None,
) -> AleEndpoint:
    path, proto, port = client
    return _endpoint(
        rng, number, local or plan.lan.ipv4.ip, remote, _ephemeral(rng), port, proto,
        device(plan, path),
    )  # fmt: skip


def _endpoint(
    rng: Random,
    number: int,
    local: IPv4Address | IPv6Address,
    remote: IPv4Address | IPv6Address,
    local_port: int,
    remote_port: int,
    proto: int,
    app: str,
) -> AleEndpoint:
    return AleEndpoint(
        id=number,
        ip_version=local.version,
        local_address=local,
        remote_address=remote,
        local_port=local_port,
        remote_port=remote_port,
        protocol=proto,
        token_modified_id=rng.randrange(10**5, 10**7),
        mm_sa_id=0,
        qm_sa_id=0,
        ipsec_status=0,
        app_id=app,
    )


def _ephemeral(rng: Random) -> int:
    return rng.randrange(49152, 65536)


def _loopback(plan: Plan, rng: Random, number: int) -> list[AleEndpoint]:
    """Both ends of one connection of a program with itself."""
    here = IPv4Address("127.0.0.1")
    first, second = _ephemeral(rng), _ephemeral(rng)
    app = device(plan, "%programs%\\wendover\\browse\\wbrowse.exe")
    return [
        _endpoint(rng, number, here, here, first, second, TCP, app),
        _endpoint(rng, number + 1, here, here, second, first, TCP, app),
    ]


def _near(plan: Plan, rng: Random, number: int) -> list[AleEndpoint]:
    net = plan.lan.network
    remote = net[rng.randrange(2, 20)]
    return [_connect(plan, rng, number, rng.choice(_LAN_CLIENTS), remote)]


def _far(plan: Plan, rng: Random, number: int) -> list[AleEndpoint]:
    return [_connect(plan, rng, number, rng.choice(_CLIENTS), rng.choice(_OUTSIDE))]


def _far_six(plan: Plan, rng: Random, number: int) -> list[AleEndpoint]:
    remote = rng.choice(_OUTSIDE_SIX)
    if plan.lan.ipv6 is None:
        return []
    return [_connect(plan, rng, number, rng.choice(_CLIENTS), remote, plan.lan.ipv6.ip)]


def _tunnelled(plan: Plan, rng: Random, number: int) -> list[AleEndpoint]:
    """Through the tunnel, or the tunnel's own connection."""
    tunnel = plan.interfaces[-1].ipv4.ip
    if rng.random() < 0.15:
        return [_connect(plan, rng, number, (VPN_PROGRAM, UDP, 51820), VPN_SERVER)]
    client = rng.choice(_CLIENTS)
    return [_connect(plan, rng, number, client, rng.choice(_OUTSIDE), tunnel)]


def _inbound(plan: Plan, rng: Random, number: int, rule: RuleSpec) -> AleEndpoint:
    net, own = plan.lan.network, plan.lan.ipv4
    remote = net[rng.randrange(221, 250)]
    path, proto = rule.program or SVCHOST, rule.protocol or TCP
    port = rule.ports[0][0]
    return _endpoint(rng, number, own.ip, remote, port, _ephemeral(rng), proto, device(plan, path))


_SA = "activeSas pendingSaNegotiations totalSasAdded totalSasDeleted successfulRekeys"
_SPI, _LATE = "invalidSpisOnInbound", "replayCheckFailuresOnInbound saNotInitializedOnInbound"
_ESP = f"{_SPI} decryptionFailuresOnInbound authenticationFailuresOnInbound"
_CLEAR = "invalidClearTextInbound saNotInitializedOnInbound receiveOverIncorrectSaInbound"
_BYTES = "encryptedByteCount authenticatedAHByteCount authenticatedESPByteCount transportByteCount"
_REST = "tunnelByteCount offloadByteCount totalSuccessfulPackets"
_DROPS = f"udpEspValidationFailuresOnInbound replayCheckFailuresOnInbound {_CLEAR}"
_COUNTERS: Final = (
    ("aggregateSaStatistics", f"{_SA} activeTunnels offloadedSas"),
    ("espDropPacketStatistics", f"{_ESP} {_LATE}"),
    ("ahDropPacketStatistics", f"{_SPI} authenticationFailuresOnInbound {_LATE}"),
    (
        "aggregateDropPacketStatistics",
        f"{_ESP} {_DROPS} secureReceivesNotMatchingFilters totalDropPacketsInbound",
    ),
    ("inboundTrafficStatistics", f"{_BYTES} {_REST}"),
    ("outboundTrafficStatistics", f"{_BYTES} {_REST}"),
)
"""Members of IPSEC_STATISTICS1 (ipsectypes.h)."""

_MODES: Final = (
    "currentActiveMainModes totalMainModesStarted totalSuccessfulMainModes totalFailedMainModes "
    "totalResponderMainModes currentNewResponderMainModes currentActiveQuickModes "
    "totalQuickModesStarted totalSuccessfulQuickModes totalFailedQuickModes totalAcquires "
    "totalReinitAcquires"
)
"""Members of IKEEXT_IP_VERSION_SPECIFIC_KEYMODULE_STATISTICS1 (iketypes.h)."""

_ERRORS: Final = (
    "AUTH_FAIL ATTRIB_FAIL GENERAL_PROCESSING_ERROR TIMED_OUT NO_CERT SA_DELETED SA_REAPED "
    "MM_ACQUIRE_DROP QM_ACQUIRE_DROP DROP_NO_RESPONSE ERROR CRL_FAILED INVALID_KEY_USAGE "
    "INVALID_CERT_TYPE NO_PRIVATE_KEY DH_FAIL INVALID_HEADER NO_POLICY INVALID_SIGNATURE "
    "KERBEROS_ERROR NO_PUBLIC_KEY INVALID_PAYLOAD INVALID_COOKIE NO_PEER_CERT POLICY_CHANGE"
)
"""Errors of the keying modules (winerror.h, 13800 and up)."""


@lru_cache(maxsize=2)
def make_statistics(keying: bool) -> tuple[Statistics, ...]:
    """Counters, all zero; the keying modules' own only while their service runs."""
    ipsec = branch(
        "ipsecStatistics",
        *(branch(tag, *(leaf(name, 0) for name in names.split())) for tag, names in _COUNTERS),
    )
    found = [Statistics(kind="ipsec", tree=ipsec)]
    if keying:
        found.insert(0, Statistics(kind="ikeext", tree=branch("ikeextStatistics", *_keying())))
    return tuple(found)


def _keying() -> Iterator[Node]:
    for module in ("ike", "authip", "ikeV2"):
        versions = [
            branch(f"v{version}Statistics", *(leaf(name, 0) for name in _MODES.split()))
            for version in (4, 6)
        ]
        errors = [
            branch("item", leaf("error", f"ERROR_IPSEC_IKE_{name}"), leaf("frequency", 0))
            for name in _ERRORS.split()
        ]
        yield branch(
            f"{module}Statistics",
            *versions,
            branch("errorFrequencyTable", *errors),
            leaf("mainModeNegotiationTime", 0),
            leaf("quickModeNegotiationTime", 0),
            leaf("extendedModeNegotiationTime", 0),
        )
    sockets = [leaf(f"totalSocket{way}Failures", 0) for way in ("Receive", "Send")]
    yield branch(
        "commonStatistics",
        branch("v4Statistics", *sockets),
        branch("v6Statistics", *sockets),
        leaf("totalPacketsReceived", 0),
        leaf("totalInvalidPacketsReceived", 0),
        leaf("currentQueuedWorkitems", 0),
    )
