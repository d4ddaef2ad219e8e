"""What surrounds a made-up host's policy: the rows of its context, to match the policy.

Plain JSON values only, with the names of the frames. What belongs to one host alone and not to its
policy (interfaces, volumes) comes from the facts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv4Interface, ip_interface
from typing import Any, Final

from pywfp_remote.lab.gen_names import HOSTILE
from pywfp_remote.lab.gen_plan import Plan
from pywfp_remote.lab.gen_processes import (
    Running,
    driver_rows,
    process_rows,
    running,
    service_rows,
)
from pywfp_remote.lab.gen_registry import profile_rows, rule_rows
from pywfp_remote.lab.gen_rules import TCP, UDP, RuleSpec

_ACTIVE_STORE, _PERSISTENT_STORE = 1, 0
_SPOILT: Final = 0.3
_WORDS: Final = {
    "Service": ("display_name", "account", "company"),
    "Driver": ("display_name", "company", "version", "signer"),
    "Process": ("name", "path"),
}
_TUNNEL: Final = 53
_DIRECT: Final = 1  # WINHTTP_ACCESS_TYPE_NO_PROXY
_LEAST_RPC: Final = 49_664  # first dynamic port of Windows that services get
_RPC_SERVICES: Final = ("EventLog", "Schedule", "Spooler", "Netlogon")
_BROWSER_KEY: Final = "SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Internet Settings"
_AUDITED: Final = {
    "0cce9225-69ae-11d9-bed3-505054503030": 2,  # Filtering Platform Packet Drop: failures
    "0cce9226-69ae-11d9-bed3-505054503030": 3,  # Filtering Platform Connection: both
    "0cce9232-69ae-11d9-bed3-505054503030": 1,  # MPSSVC Rule-Level Policy Change
    "0cce9233-69ae-11d9-bed3-505054503030": 1,  # Filtering Platform Policy Change
}
_OTHERS: Final = {
    "0cce9215-69ae-11d9-bed3-505054503030": 3,  # Logon
    "0cce9216-69ae-11d9-bed3-505054503030": 1,  # Logoff
    "0cce922b-69ae-11d9-bed3-505054503030": 0,  # Process Creation
    "0cce922f-69ae-11d9-bed3-505054503030": 1,  # Audit Policy Change
}
_AUDITING_GROUPS: Final = frozenset({"web", "db", "dc", "terminal"})


def is_audited(plan: Plan) -> bool:
    """Whether connections and policy changes go into the Security log there."""
    return plan.group in _AUDITING_GROUPS


def make_context(plan: Plan, rules: Sequence[RuleSpec]) -> dict[str, Any]:
    """What surrounds the policy, by the name that ``Get-PyWfpContext -Kind`` takes.

    Also ``sysports``: ports of each kind. The service of a removed product is missing here, which
    is how it shows.
    """
    now = running(plan, rules)
    context = {
        "Service": service_rows(now),
        "Driver": driver_rows(plan),
        "Process": process_rows(now),
        "Listener": _listeners(now, rules),
        "Route": _routes(plan),
        "FirewallProfile": profile_rows(plan),
        "FirewallRule": rule_rows(rules),
        "Proxy": _proxies(plan),
        "AuditPolicy": [
            {"subcategory": guid, "setting": setting if is_audited(plan) or n else 0}
            for n, table in enumerate((_AUDITED, _OTHERS))
            for guid, setting in table.items()
        ],
        "sysports": {
            "FWPM_SYSTEM_PORT_RPC_EPMAP": [135],
            "FWPM_SYSTEM_PORT_TEREDO": [],
            "FWPM_SYSTEM_PORT_IPHTTPS_IN": [],
            "FWPM_SYSTEM_PORT_IPHTTPS_OUT": [],
        },
    }
    return _spoilt(plan, context) if plan.has("hostile-names") else context


def _spoilt(plan: Plan, context: dict[str, Any]) -> dict[str, Any]:
    """Words that harm whoever prints them, where a host may have any words."""
    rng = plan.random("hostile context")
    for kind, fields in _WORDS.items():
        for row in context[kind]:
            row.update({name: rng.choice(HOSTILE) for name in fields if rng.random() < _SPOILT})
    return context


def context_rows(
    context: Mapping[str, Any], facts: Mapping[str, Any], interfaces: Sequence[Mapping[str, Any]]
) -> dict[str, list[dict[str, Any]]]:
    """Rows by the kind that ``Get-PyWfpContext -Kind`` takes.

    Args:
        context: As `make_context` gives it.
        facts: As `make_facts` gives them.
        interfaces: Rows of the facts that are sent.
    """
    rows = {kind: value for kind, value in context.items() if kind[0].isupper()}
    return {**rows, "Volume": list(facts["volumes"]), "Interface": [dict(i) for i in interfaces]}


def _listeners(now: Running, rules: Sequence[RuleSpec]) -> list[dict[str, Any]]:
    """What listens: behind rules that let in, and behind the dynamic ports of RPC."""
    found: dict[tuple[int, int], int] = {
        (rule.protocol or TCP, rule.ports[0][0]): now.serving(rule)
        for rule in rules
        if rule.ports and (rule.serves or now.services.get(rule.service or ""))
    }
    found[TCP, 135] = now.services["RpcSs"]
    found[UDP, 5353] = now.services["Dnscache"]
    ids = [now.by_program["%system32%\\wininit.exe"], now.by_program["%system32%\\services.exe"]]
    ids += [now.services[name] for name in _RPC_SERVICES]
    found.update({(TCP, _LEAST_RPC + n): number for n, number in enumerate(ids)})
    return [
        {
            "protocol": protocol,
            "local_address": address,
            "local_port": port,
            "process_id": number,
        }
        for (protocol, port), number in sorted(found.items())
        for address in ("0.0.0.0", "::")  # noqa: S104 - made-up listeners, nothing is bound
    ]


def _routes(plan: Plan) -> list[dict[str, Any]]:
    """Networks that are connected, what leads out, and a tunnel that takes all."""
    rows = []
    for one in plan.interfaces:
        for address in (one.ipv4, one.ipv6):
            if address is None:
                continue
            four = isinstance(address, IPv4Interface)
            rows.append(_route(str(address.network), one.index, four=four))
            if address.network.num_addresses > 1:
                host = f"{address.ip}/{address.max_prefixlen}"
                rows.append(_route(host, one.index, four=four))
            many = "224.0.0.0/4" if four else "ff00::/8"
            rows.append(_route(many, one.index, four=four))
    gateway = str(plan.lan.network[1])
    rows.append(_route("0.0.0.0/0", plan.lan.index, hop=gateway, metric=0))
    if plan.lan.ipv6 is not None:
        gateway6 = str(ip_interface(plan.lan.ipv6).network[1])
        rows.append(_route("::/0", plan.lan.index, hop=gateway6, metric=0, four=False))
    for one in plan.interfaces:
        if one.type == _TUNNEL:
            rows += [_route(half, one.index, metric=1) for half in ("0.0.0.0/1", "128.0.0.0/1")]
    if plan.group == "dc":
        other = _route("10.200.0.0/16", plan.lan.index, hop=gateway, metric=1)
        rows += [other, other | {"store": _PERSISTENT_STORE}]
    return rows


def _route(
    destination: str, index: int, *, hop: str = "", metric: int = 256, four: bool = True
) -> dict[str, Any]:
    return {
        "destination": destination,
        "next_hop": hop or (str(IPv4Address(0)) if four else "::"),
        "interface_index": index,
        "metric": metric,
        "store": _ACTIVE_STORE,
    }


def _proxies(plan: Plan) -> list[dict[str, Any]]:
    """The machine's own setting; on desks that of a user as well."""
    machine = f"HKEY_LOCAL_MACHINE\\{_BROWSER_KEY}"
    rows: list[dict[str, Any]] = [
        {
            "key": f"{machine}\\Connections",
            "values": {
                "WinHttpSettings": None,  # bytes, which are never told as they are
                "WinHttpFlags": _DIRECT,
                "WinHttpProxy": "",
                "WinHttpBypass": "",
            },
        }
    ]
    if plan.group in ("desk", "terminal"):
        sid = plan.users[0][1]
        rows.append(
            {
                "key": f"HKEY_USERS\\{sid}\\{_BROWSER_KEY}",
                "values": {
                    "ProxyEnable": 1,
                    "ProxyServer": "proxy.brindle.example:3128",
                    "ProxyOverride": "*.brindle.example;<local>",
                },
            }
        )
    return rows
