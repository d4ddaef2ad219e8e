"""A generated host's facts in the shape in which the module's functions send them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from ipaddress import ip_interface
from typing import Any

from pywfp_ps.payload.frames import time_text
from pywfp_remote.lab.host import LabHost

_CATEGORIES = {"Public": 0, "Private": 1, "DomainAuthenticated": 2}  # NetworkCategory
_RELEASES = {"20348": "21H2", "26100": "24H2"}
_REVISION = 2849
_RUNNING = 4  # ServiceControllerStatus
_PREFERRED = 4  # AddressState
_MODULE_VERSION = "2.0.1"  # of NtObjectManager


def host_facts(host: LabHost, made: Mapping[str, Any], started: datetime) -> dict[str, Any]:
    """What ``Get-PyWfpFact`` of the module would give on this host now.

    Args:
        host: The host.
        made: Facts as the generator makes them.
        started: When the fleet was started; the host's past is moved so that its clock is right.
    """
    moved = started - datetime.fromisoformat(made["clock"])
    booted = datetime.fromisoformat(made["boot_time"]) + moved
    engine = datetime.fromisoformat(made["bfe_started_at"]) + moved
    now = datetime.now(UTC)
    return {
        "v": 1,
        "computer": host.computer,
        "clock": {"utc": time_text(now), "local": time_text(now)},
        "powershell": {
            "version": host.ps_version,
            "edition": "Desktop",
            "language_mode": host.language_mode_inside,
        },
        "culture": made["culture"],
        "ui_culture": made["culture"],
        "os": _system(host, made, booted),
        "domain": _domain(host, made),
        "account": {
            "name": f"{host.computer}\\{host.account}",
            "sid": f"S-1-5-21-{host.identity.int % 4_000_000_000}-1-1-1001",
            "elevated": True,
        },
        "bfe": {
            "status": _RUNNING,
            "process_id": made["bfe_process"],
            "started_at": time_text(engine),
        },
        "net_event_options": {"CollectNetEvents": 1},
        "install_language": "0409",
        "ntobjectmanager": [_MODULE_VERSION],
        "interfaces": [_interface(host, each) for each in made["interfaces"]],
        "volumes": made["volumes"],
        "unknown": [],
        "step_ms": dict.fromkeys(("os", "domain", "account", "bfe", "interfaces", "volumes"), 5),
    }


def after_facts(facts: Mapping[str, Any], newest: str = "") -> dict[str, Any]:
    """What ``Send-PyWfpAfter`` of the module sends on a host where nothing changed meanwhile.

    Args:
        facts: As `host_facts` gives them.
        newest: Newest filter id, where NtObjectManager was asked for it before and after.
    """
    return {
        "v": 1,
        "bfe": facts["bfe"],
        "newest_filter": [newest, newest] if newest else [],
        "swept": [],
        "unknown": [],
    }


def _system(host: LabHost, made: Mapping[str, Any], booted: datetime) -> dict[str, Any]:
    build = made["os_build"].rpartition(".")[2]
    is_client = host.group == "desk"
    return {
        "name": f"Microsoft {made['os_name']}",
        "version": made["os_build"],
        "architecture": made["architecture"],
        "product_type": 1 if is_client else 2 if host.group == "dc" else 3,
        "boot_time": time_text(booted),
        "ProductName": made["os_name"],
        "CurrentBuild": build,
        "UBR": _REVISION,
        "EditionID": "Enterprise" if is_client else "ServerDatacenter",
        "DisplayVersion": _RELEASES.get(build),
        "ReleaseId": "2009",
        "InstallationType": "Client" if is_client else "Server",
    }


def _domain(host: LabHost, made: Mapping[str, Any]) -> dict[str, Any]:
    role = {"desk": 1, "dc": 5}.get(host.group, 3)  # Win32_ComputerSystem.DomainRole
    return {
        "name": made["domain"],
        "joined": True,
        "role": role,
        "dns_host_name": host.name,
    }


def _interface(host: LabHost, made: Mapping[str, Any]) -> dict[str, Any]:
    addresses = [ip_interface(text) for text in made["addresses"]]
    found: dict[str, Any] = {
        "index": made["index"],
        "luid": int(made["luid"]),
        "guid": f"{{{str(host.identity).upper()[:-4]}{made['index']:04X}}}",
        "alias": made["alias"],
        "description": made["alias"],
        "type": made["type"],
        "operational_status": 1 if made["up"] else 2,
    }
    for family, version in ((2, 4), (23, 6)):
        if any(address.version == version for address in addresses):
            found[f"connected_{family}"] = 1
    found["addresses"] = [
        {
            "address": str(address.ip),
            "prefix_length": address.network.prefixlen,
            "state": _PREFERRED,
        }
        for address in addresses
    ]
    found["network"] = made["alias"]
    found["category"] = _CATEGORIES.get(made["profile"], 0)
    return found
