"""Firewall rules and settings of a made-up host as its registry holds them."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable
from typing import Any, Final

from pywfp_remote.lab.gen_catalog import NEEDS, WALLED
from pywfp_remote.lab.gen_plan import Plan
from pywfp_remote.lab.gen_processes import dos_path
from pywfp_remote.lab.gen_rules import Need, RuleSpec, wall_id

_PROFILE_KEYS: Final = ("DomainProfile", "StandardProfile", "PublicProfile")
_RULE_PROFILES: Final = {3: "Domain", 2: "Private", 1: "Public"}
_SCHEMA: Final = "v2.31"
_ALL_PROFILES: Final = 3

Fields = list[tuple[str, str]]


def rule_rows(rules: Iterable[RuleSpec]) -> list[dict[str, str]]:
    """All rules: those of administrators and products, and the fences of Windows' services.

    Ids are what the filters' origins say, names what the filters are called.
    """
    found = [_row("local", rule.rule_id, _rule(rule)) for rule in rules]
    found += [
        _row("restricted-static", f"FenceGate-{n}-{need.service}", _gate(need))
        for n, need in enumerate(NEEDS)
    ]
    found += [
        _row("restricted-static", wall_id(path, way), _wall(path, way)) for path, way in WALLED
    ]
    return found


def profile_rows(plan: Plan) -> list[dict[str, Any]]:
    """Settings of the local store and its profiles."""
    values = {
        "EnableFirewall": 0 if plan.has("firewall-off") else 1,
        "DisableNotifications": 1,
        "DefaultInboundAction": 1,
        "DefaultOutboundAction": 0,
    }
    rows: list[dict[str, Any]] = [
        {"store": "local", "profile": "", "values": {"PolicyVersion": 543}}
    ]
    return rows + [
        {"store": "local", "profile": key, "values": dict(values)} for key in _PROFILE_KEYS
    ]


def registry_text(fields: Fields) -> str:
    """One rule in the text that the registry holds.

    Source: MS-GPFAS, section 2.2.2.19 (firewall rule grammar).
    """
    plain = [(name, value.replace("|", " ")) for name, value in fields]
    return f"{_SCHEMA}|" + "".join(f"{name}={value}|" for name, value in plain)


def package_sid(family: str) -> str:
    """The SID of an app: SHA-256 of its lower-case family name, seven numbers of it."""
    digest = hashlib.sha256(family.lower().encode("utf-16-le")).digest()
    return "S-1-15-2-" + "-".join(str(part) for part in struct.unpack("<7I", digest[:28]))


def _row(store: str, rule_id: str, fields: Fields) -> dict[str, str]:
    return {"store": store, "id": rule_id, "rule": registry_text(fields)}


def _head(action: str, direction: str, protocol: int | None) -> Fields:
    fields = [("Action", action), ("Active", "TRUE"), ("Dir", direction.title())]
    return fields + ([] if protocol is None else [("Protocol", str(protocol))])


def _rule(rule: RuleSpec) -> Fields:
    fields = _head(
        "Allow" if rule.action.endswith("PERMIT") else "Block", rule.direction, rule.protocol
    )
    if len(rule.profiles) < _ALL_PROFILES:
        fields += [("Profile", _RULE_PROFILES[one]) for one in rule.profiles]
    fields += [("LPort", "RPC")] if rule.rpc else []
    fields += [_ports("LPort", *ports) for ports in rule.ports]
    fields += [_ports("RPort", *ports) for ports in rule.remote_ports]
    if rule.scope == "local":
        fields += _NEAR
    elif rule.scope != "any":
        fields += [("RA4", str(network.with_netmask)) for network in rule.scope]
    fields += [("App", _program(rule.program))] if rule.program else []
    fields += [("Svc", rule.service)] if rule.service else []
    fields += [("Name", rule.name), ("Desc", rule.description)]
    if rule.user_sid is not None:
        fields.append(("LUOwn", rule.user_sid))
    if rule.package is not None:
        fields += [("AppPkgId", package_sid(rule.package)), ("PFN", rule.package)]
    return fields + ([("Edge", "TRUE")] if rule.edge else [])


def _gate(need: Need) -> Fields:
    name, description = need.words
    return [
        *_head("Allow", need.direction, need.protocol),
        *([("LPort", "RPC")] if need.rpc else []),
        *(_ports("LPort", *ports) for ports in need.ports),
        *(_ports("RPort", *ports) for ports in need.remote_ports),
        *(_NEAR if need.near else []),
        ("App", _program(need.program)),
        ("Svc", need.service),
        ("Name", name),
        ("Desc", description),
    ]


def _wall(path: str, direction: str) -> Fields:
    name = path.rpartition("\\")[2]
    return [
        *_head("Block", direction, None),
        ("App", _program(path)),
        ("Name", f"Fence wall: {name}"),
    ]


_NEAR: Final[Fields] = [("RA4", "LocalSubnet"), ("RA6", "LocalSubnet")]


def _ports(name: str, low: int, high: int) -> tuple[str, str]:
    return (name, str(low)) if low == high else (f"{name}2_10", f"{low}-{high}")


def _program(path: str) -> str:
    if path.startswith("%system32%"):
        return path.replace("%system32%", "%SystemRoot%\\system32")
    return dos_path(path) if path.startswith("%") else path
