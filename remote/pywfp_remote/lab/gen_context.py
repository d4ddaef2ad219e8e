"""The rows of a made-up host's context, named as the module's functions name them.

What the generator has nothing of is not here: a practice host says that it cannot tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_interface
from typing import Any, Final

from pywfp_remote.lab.gen_rules import RuleSpec

_PROFILES: Final = {"Domain": "DomainProfile", "Private": "StandardProfile"}
_RULE_PROFILES: Final = {3: "Domain", 2: "Private", 1: "Public"}
_PROTOCOLS: Final = {"TCP": 6, "UDP": 17}
_SERVICE_PROCESS: Final = 0x20  # SERVICE_WIN32_SHARE_PROCESS
_UNRESTRICTED: Final = 1  # SERVICE_SID_TYPE_UNRESTRICTED
_ACTIVE_STORE: Final = 1
_AUDITED: Final = {
    "0cce9225-69ae-11d9-bed3-505054503030": 0,  # Filtering Platform Packet Drop
    "0cce9226-69ae-11d9-bed3-505054503030": 0,  # Filtering Platform Connection
    "0cce9232-69ae-11d9-bed3-505054503030": 1,  # MPSSVC Rule-Level Policy Change
    "0cce9233-69ae-11d9-bed3-505054503030": 0,  # Filtering Platform Policy Change
}
_RULE_SETTINGS: Final = {"DisableNotifications": 1, "DefaultInboundAction": 1}


def context_rows(
    context: Mapping[str, Any], facts: Mapping[str, Any], interfaces: Sequence[Mapping[str, Any]]
) -> dict[str, list[dict[str, Any]]]:
    """Rows by the kind that ``Get-PyWfpContext -Kind`` takes.

    Args:
        context: As `make_context` gives it.
        facts: As `make_facts` gives them.
        interfaces: Rows of the facts that are sent.
    """
    return {
        "Service": [_service(one) for one in context["services"]],
        "Process": _processes(context),
        "Listener": [_listener(one) for one in context["listeners"]],
        "Route": [row for one in facts["interfaces"] for row in _routes(one)],
        "FirewallProfile": [_profile(one) for one in context["firewall_profiles"]],
        "FirewallRule": context["firewall_rules"],
        "Proxy": [],  # none is set
        "AuditPolicy": [
            {"subcategory": guid, "setting": setting} for guid, setting in _AUDITED.items()
        ],
        "Volume": list(facts["volumes"]),
        "Interface": [dict(one) for one in interfaces],
    }


def registry_rules(rules: Iterable[RuleSpec]) -> list[dict[str, str]]:
    """Firewall rules as the values of the registry of the local store."""
    return [{"store": "local", "id": rule.rule_id, "rule": registry_rule(rule)} for rule in rules]


def registry_rule(rule: RuleSpec) -> str:
    """One rule in the text that the registry holds.

    Source: MS-GPFAS, section 2.2.2.19 (firewall rule grammar).
    """
    fields = [
        ("Action", "Allow" if rule.action.endswith("PERMIT") else "Block"),
        ("Active", "TRUE"),
        ("Dir", rule.direction.title()),
    ]
    if rule.protocol is not None:
        fields.append(("Protocol", str(rule.protocol)))
    fields += [("Profile", _RULE_PROFILES[one]) for one in rule.profiles if len(rule.profiles) < 3]
    if rule.rpc:
        fields.append(("LPort", "RPC"))
    fields += [_ports("LPort", *ports) for ports in rule.ports]
    fields += [_ports("RPort", *ports) for ports in rule.remote_ports]
    if rule.scope == "local":
        fields += [("RA4", "LocalSubnet"), ("RA6", "LocalSubnet")]
    elif rule.scope != "any":
        fields += [("RA4", str(network.with_netmask)) for network in rule.scope]
    for name, value in (("App", rule.program), ("Svc", rule.service)):
        if value:
            fields.append((name, value))
    fields += [("Name", rule.name), ("Desc", rule.description)]
    if rule.edge:
        fields.append(("Edge", "TRUE"))
    return "v2.31|" + "".join(f"{name}={_plain(value)}|" for name, value in fields)


def _ports(name: str, low: int, high: int) -> tuple[str, str]:
    return (name, str(low)) if low == high else (f"{name}2_10", f"{low}-{high}")


def _plain(text: str) -> str:
    return text.replace("|", " ")


def _service(made: Mapping[str, Any]) -> dict[str, Any]:
    path = str(made["path"])
    is_driver = path.endswith(".sys")
    return {
        "name": made["name"],
        "display_name": made["name"],
        "account": None if is_driver else "LocalSystem",
        "state": "Running",
        "start": "Auto",
        "process_id": 0 if is_driver else made["process_id"],
        "image_path": _drive(path),
        "sid_type": _UNRESTRICTED,
        "type": 1 if is_driver else _SERVICE_PROCESS,
        "service_dll": None,
    }


def _processes(context: Mapping[str, Any]) -> list[dict[str, Any]]:
    programs = {4: "System"}
    for one in (*context["services"], *context["listeners"]):
        if not str(one["path"]).endswith(".sys"):
            programs.setdefault(one["process_id"], str(one["path"]))
    return [
        {
            "process_id": number,
            "parent_id": 0 if number == 4 else 4,
            "session_id": 0,
            "name": path.rpartition("\\")[2],
            "path": None if path == "System" else _drive(path),
        }
        for number, path in sorted(programs.items())
    ]


def _listener(made: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "protocol": _PROTOCOLS[made["protocol"]],
        "local_address": made["address"],
        "local_port": made["port"],
        "process_id": made["process_id"],
    }


def _routes(interface: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The routes to what is directly connected."""
    return [
        {
            "destination": str(address.network),
            "next_hop": "0.0.0.0" if address.version == 4 else "::",  # noqa: S104 - means on-link
            "interface_index": interface["index"],
            "metric": 256,
            "store": _ACTIVE_STORE,
        }
        for address in map(ip_interface, interface["addresses"])
    ]


def _profile(made: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "store": "local",
        "profile": _PROFILES.get(made["profile"], "PublicProfile"),
        "values": {"EnableFirewall": int(made["enabled"]), **_RULE_SETTINGS},
    }


def _drive(path: str) -> str:
    """A path of the object manager as programs see it: all practice hosts have one volume."""
    parts = path.split("\\")
    return "\\".join(("C:", *parts[3:])) if path.lower().startswith("\\device\\") else path
