"""Context as rows, which must fit the columns of the store's views."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_network
from typing import Any
from uuid import UUID

import pytest

from pywfp_ps.collect.context_rows import context_rows
from pywfp_ps.model import context as c
from pywfp_ps.model.firewall import FirewallProfile, parse_rule
from pywfp_ps.model.host import Interface, Volume
from pywfp_ps.store import table_of

CONTEXT = c.HostContext(
    services=(
        c.Service(name="Dnscache", state="Running", start="Auto", process_id=8, sid_type=1),
        c.Service(name="nsi", state="Stopped", process_id=8, sid_type=7),
        c.Service(name="off", process_id=0),
    ),
    drivers=(c.Driver(name="npcap", path="C:\\n.sys", company="Nmap", version="1"),),
    processes=(c.Process(process_id=8, path="C:\\svchost.exe"),),
    listeners=(
        c.Listener(protocol=17, local_address=IPv4Address("0.0.0.0"), local_port=53, process_id=8),
        c.Listener(protocol=6, local_port=80),
    ),
    routes=(c.Route(destination=ip_network("10.0.0.0/8"), metric=5, store=0),),
    profiles=(
        FirewallProfile(
            store="group-policy", key="PublicProfile", settings=(("EnableFirewall", 1),)
        ),
    ),
    rules=(
        parse_rule("mdm", "R", "v2.31|Action=Allow|Dir=Out|Profile=Public|RPort=1-2|RPort=443|"),
    ),
    proxies=(c.Proxy(key="HKLM", settings=(("ProxyEnable", 1), ("Off", None))),),
    audit=(c.AuditPolicy(subcategory=UUID("0cce9226-69ae-11d9-bed3-505054503030"), setting=1),),
    volumes=(Volume(letter="C:", device="\\Device\\HarddiskVolume3"),),
    interfaces=(Interface(luid=5, index=1, alias="lo"),),
    sysports=(c.SystemPort(type="FWPM_SYSTEM_PORT_TEREDO", port=3544),),
    options=(c.EngineOption(name="netevents", value="on"),),
)
SID = "S-1-5-80-859482183-879914841-863379149-1145462774-2388618682"


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (
            "listeners",
            [
                {
                    "protocol": 17,
                    "local_address": "0.0.0.0",
                    "local_port": 53,
                    "process_id": 8,
                    "app": "C:\\svchost.exe",
                    "service": "Dnscache,nsi",
                },
                {
                    "protocol": 6,
                    "local_address": None,
                    "local_port": 80,
                    "process_id": None,
                    "app": None,
                    "service": None,
                },
            ],
        ),
        (
            "routes",
            [
                {
                    "destination": "10.0.0.0/8",
                    "next_hop": None,
                    "interface_index": None,
                    "metric": 5,
                    "store": "persistent",
                }
            ],
        ),
        (
            "firewall_profiles",
            [
                {
                    "store": "group-policy",
                    "profile": "public",
                    "enabled": True,
                    "inbound": None,
                    "outbound": None,
                    "settings": '{"EnableFirewall":1}',
                }
            ],
        ),
        (
            "firewall_rules",
            [
                {
                    "store": "mdm",
                    "rule_id": "R",
                    "name": None,
                    "description": None,
                    "rule_group": None,
                    "enabled": None,
                    "direction": "out",
                    "action": "allow",
                    "profiles": ["public"],
                    "protocol": None,
                    "local_ports": None,
                    "remote_ports": ["1-2", "443"],
                    "local_addresses": None,
                    "remote_addresses": None,
                    "app": None,
                    "service": None,
                    "package_sid": None,
                    "raw_fields": [
                        *("Action=Allow", "Dir=Out", "Profile=Public", "RPort=1-2", "RPort=443"),
                    ],
                    "raw": "v2.31|Action=Allow|Dir=Out|Profile=Public|RPort=1-2|RPort=443|",
                }
            ],
        ),
        (
            "processes",
            [
                {
                    "process_id": 8,
                    "parent_id": None,
                    "session": None,
                    "name": None,
                    "path": "C:\\svchost.exe",
                    "services": ["Dnscache", "nsi"],
                }
            ],
        ),
        ("proxies", [{"key": "HKLM", "settings": '{"ProxyEnable":1,"Off":null}'}]),
        (
            "audit_policies",
            [
                {
                    "subcategory": "0cce9226-69ae-11d9-bed3-505054503030",
                    "name": "Filtering Platform Connection",
                    "success": True,
                    "failure": False,
                }
            ],
        ),
        ("options", [{"option": "netevents", "value": "on"}]),
        ("sysports", [{"type": "FWPM_SYSTEM_PORT_TEREDO", "protocol": None, "port": 3544}]),
        ("volumes", [{"letter": "C:", "device": "\\Device\\HarddiskVolume3"}]),
    ],
)
def test_rows_of_a_view(view: str, expected: list[dict[str, Any]]) -> None:
    assert context_rows(CONTEXT)[view] == expected


def test_rows_of_services() -> None:
    rows = context_rows(CONTEXT)["services"]
    assert [(row["service_sid"], row["sid_type"], row["state"], row["process_id"]) for row in rows][
        :2
    ] == [(SID, "unrestricted", "running", 8), (rows[1]["service_sid"], "7", "stopped", 8)]
    assert (rows[2]["sid_type"], rows[2]["state"], rows[2]["process_id"]) == (None, None, None)


def test_every_view_takes_its_rows() -> None:
    made = context_rows(CONTEXT, {("mdm", "R"): (7, 9)})
    assert made["firewall_rules"][0]["filter_ids"] == [7, 9]
    assert set(made) == {
        *("services", "drivers", "listeners", "routes", "firewall_profiles", "firewall_rules"),
        *("options", "sysports", "volumes", "interfaces", "processes", "proxies"),
        "audit_policies",
    }
    for view, rows in made.items():
        table = table_of(view, rows, host="h", run_id="r")
        assert table.num_rows == len(rows)
        assert set(rows[0]) == set(table.column_names) - {"host", "run_id"}


def test_what_was_not_told_has_no_rows_at_all() -> None:
    assert context_rows(c.HostContext(drivers=())) == {"drivers": []}
