"""Products on top of Windows, and what makes single hosts of a fleet different."""

from __future__ import annotations

from typing import Final

from pywfp_ps.model.objects import (
    CLEAR_ACTION_RIGHT,
    PERMIT_IF_CALLOUT_UNREGISTERED,
    PERSISTENT,
    Condition,
)
from pywfp_remote.lab.gen_catalog import AGENT_PROGRAM, AGENT_SERVICE
from pywfp_remote.lab.gen_policy import (
    BLOCK,
    INSPECTION,
    LOOPBACK,
    PERMIT,
    SUB_UNIVERSAL,
    TERMINATING,
    TOP,
    Policy,
    Weight,
    between,
    device,
    flags_set,
    layers_of,
    port,
    program,
    protocol,
    single,
    v4,
    v6,
)
from pywfp_remote.lab.gen_processes import VPN_PROGRAM
from pywfp_remote.lab.gen_running import VPN_SERVER

REMOVED_SERVICE: Final = "PellitoryGuardSvc"
"""Service of the removed product; no host has it any more."""
UNREGISTERED_PORT: Final = 8883
"""The one remote port that the filters with the missing driver catch."""


def add_agent(policy: Policy) -> None:
    """The security agent: it looks at streams and flows and may end them."""
    key = "{6d2f3a41-2f57-4c52-8b0d-51c1f4a0e9b7}"
    policy.provider(key, "Quillguard Sensor", "Watches connections", service=AGENT_SERVICE)
    sublayer = policy.sublayer(
        "{5b7be0f5-9a44-4d0d-8c34-0a9b6a0c3f12}", "Quillguard", 0x2800, provider=key
    )
    places = (
        ("ALE_FLOW_ESTABLISHED", INSPECTION, 0xA1),
        ("STREAM", INSPECTION, 0xA3),
        ("OUTBOUND_TRANSPORT", TERMINATING, 0xA5),
    )
    for name, action, number in places:
        for layer, version in layers_of(name):
            callout = policy.callout(
                f"{{6d2f3a{number + (version == 6):02x}-2f57-4c52-8b0d-51c1f4a0e9b7}}",
                layer,
                f"Quillguard {name.lower().replace('_', ' ')} v{version}",
                provider=key,
            )
            policy.add(
                layer,
                sublayer,
                action,
                (),
                names=(f"Quillguard watch v{version}", None),
                provider=key,
                weight=Weight("FWP_UINT64", 0x8000),
                flags=(PERMIT_IF_CALLOUT_UNREGISTERED,) if action == TERMINATING else (),
                callout=callout,
                raw_context=0xFFFF8E0000000000 + number * 0x1000,
            )


def add_kill_switch(policy: Policy) -> None:
    """All traffic that is not the tunnel's is blocked hard; what is the tunnel's passes hard."""
    key = "{0d6a6b0e-7b0c-4b9f-9f5b-6a1de7f1a9c4}"
    policy.provider(key, "Tern VPN", "Kill switch", flags=("FWPM_PROVIDER_FLAG_PERSISTENT",))
    sublayer = policy.sublayer(
        "{9f0f3f34-6f3b-4c5e-bb6f-1f8f6f5e7a21}", "Tern VPN", 1000, provider=key, persistent=True
    )
    tunnel = single("IP_LOCAL_INTERFACE", "UINT64", policy.plan.interfaces[-1].luid)
    own = (program(device(policy.plan, VPN_PROGRAM)),)
    for name in ("ALE_AUTH_CONNECT", "ALE_AUTH_RECV_ACCEPT"):
        for layer, version in layers_of(name):
            permits: list[tuple[str, tuple[Condition, ...]]] = [
                ("loopback stays open", (flags_set(LOOPBACK),)),
                ("the tunnel", (tunnel,)),
                ("own program", own),
                ("near networks", _near(policy, version)),
                ("address leases", _leases(version)),
            ]
            if version == 4:
                server = single("IP_REMOTE_ADDRESS", "UINT32", VPN_SERVER)
                permits.append(("server", (server, protocol(17))))
            for words, conditions in permits:
                _switch(policy, layer, sublayer, PERMIT, conditions, words, key)
            _switch(policy, layer, sublayer, BLOCK, (), "all else", key)


def _switch(
    policy: Policy,
    layer: str,
    sublayer: str,
    action: str,
    conditions: tuple[Condition, ...],
    words: str,
    provider: str,
) -> None:
    policy.add(
        layer,
        sublayer,
        action,
        conditions,
        names=(f"Tern kill switch: {words}", "Keeps traffic inside the tunnel."),
        provider=provider,
        weight=Weight("FWP_UINT8", 12 if action == PERMIT else 1),
        flags=(CLEAR_ACTION_RIGHT,),
    )


def _near(policy: Policy, version: int) -> tuple[Condition, ...]:
    if version == 6:
        return (between("IP_REMOTE_ADDRESS", v6("fe80::"), v6("fe80::ffff:ffff:ffff:ffff")),)
    net = policy.plan.lan.network
    multicast = between("IP_REMOTE_ADDRESS", v4("224.0.0.0"), v4("239.255.255.255"))
    return between("IP_REMOTE_ADDRESS", net[0], net[-1]), multicast


def _leases(version: int) -> tuple[Condition, ...]:
    mine, theirs = (68, 67) if version == 4 else (546, 547)
    return port("IP_LOCAL_PORT", mine), protocol(17), port("IP_REMOTE_PORT", theirs)


def add_leftovers(policy: Policy) -> None:
    """A product was removed, its persistent objects were not; its service is gone."""
    key = "{41d7c1de-0e7f-4b6a-9b7d-2c1a8a5d9e63}"
    policy.provider(
        key,
        "Pellitory Guard",
        "Web protection",
        service=REMOVED_SERVICE,
        flags=("FWPM_PROVIDER_FLAG_PERSISTENT",),
    )
    sublayer = policy.sublayer(
        "{c33d2a4b-70a5-4b57-9a34-5b9d6de20f18}",
        "Pellitory Guard",
        0x1900,
        provider=key,
        persistent=True,
    )
    browser = program(device(policy.plan, "%programs%\\pellitory\\guard\\pgproxy.exe"))
    for layer, _ in layers_of("ALE_AUTH_CONNECT"):
        for action, conditions, words in (
            (PERMIT, (browser,), "own proxy"),
            (BLOCK, (protocol(6), port("IP_REMOTE_PORT", 8080)), "other proxies"),
            (BLOCK, (protocol(17), port("IP_REMOTE_PORT", 853)), "hidden names"),
        ):
            policy.add(
                layer,
                sublayer,
                action,
                conditions,
                names=(f"Pellitory: {words}", "Web protection of Pellitory Guard"),
                provider=key,
                flags=(PERSISTENT,),
            )


def add_silencer(policy: Policy) -> None:
    """Filters without an owner that block the security agent's program outbound."""
    for layer, _ in layers_of("ALE_AUTH_CONNECT"):
        policy.add(
            layer,
            SUB_UNIVERSAL,
            BLOCK,
            (program(device(policy.plan, AGENT_PROGRAM)),),
            names=("Custom outbound", None),
            provider=None,
            weight=Weight("FWP_UINT64", TOP),
            flags=(PERSISTENT,),
        )


def add_missing_driver(policy: Policy) -> None:
    """Filters whose callout no driver has registered: what they catch is blocked."""
    key = "{e2a8f0c9-3b51-4f0e-8a6d-7cc1a1b7d0f5}"
    policy.provider(key, "Corncrake Shaper", "Shapes telemetry", service="CorncrakeShaper")
    sublayer = policy.sublayer(
        "{b1f6c2d8-1d5c-4f8c-9f77-62f0de4b3a90}", "Corncrake Shaper", 0x1A00, provider=key
    )
    for layer, version in layers_of("ALE_AUTH_CONNECT"):
        callout = policy.callout(
            f"{{e2a8f0d{version}-3b51-4f0e-8a6d-7cc1a1b7d0f5}}",
            layer,
            f"Corncrake shape v{version}",
            provider=key,
            flags=(),
        )
        policy.add(
            layer,
            sublayer,
            TERMINATING,
            (protocol(6), port("IP_REMOTE_PORT", UNREGISTERED_PORT)),
            names=("Corncrake telemetry", "Slows telemetry down"),
            provider=key,
            callout=callout,
        )
