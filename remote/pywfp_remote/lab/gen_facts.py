"""What a made-up host says of itself, to match its policy.

Plain JSON values only, with the names of the frames: what the module on a real host would send.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pywfp_ps.model.objects import Snapshot
from pywfp_remote.lab.gen_names import DOMAIN
from pywfp_remote.lab.gen_plan import Plan
from pywfp_remote.lab.gen_processes import BFE, service_processes

_PROFILE_NAMES: Final = {1: "Public", 2: "Private", 3: "DomainAuthenticated"}


def _volume(device: str) -> str:
    """The device as the system writes it; app ids have it in lower case."""
    return device.replace("\\device\\harddiskvolume", "\\Device\\HarddiskVolume")


def iso(time: datetime) -> str:
    """UTC with milliseconds and Z, as the frames have it."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def make_facts(plan: Plan, snapshot: Snapshot) -> dict[str, Any]:
    """Host facts: names, system, clock, filter engine, interfaces and volumes.

    Keys: ``computer``, ``domain``, ``os_name``, ``os_build``, ``architecture``, ``culture``,
    ``elevated``, ``boot_time``, ``clock``, ``bfe_started_at``, ``bfe_process``,
    ``newest_filter_id``, ``interfaces`` (``luid``, ``index``, ``alias``, ``type``, ``up``,
    ``profile``, ``addresses`` with prefix lengths) and ``volumes`` (``letter``, ``device``). Ids
    are decimal text.
    """
    is_desk = plan.group == "desk"
    return {
        "computer": plan.computer,
        "domain": DOMAIN,
        "os_name": "Windows 11 Enterprise" if is_desk else "Windows Server Datacenter",
        "os_build": plan.build,
        "architecture": "AMD64",
        "culture": plan.language,
        "elevated": True,
        "boot_time": iso(plan.booted_at),
        "clock": iso(plan.taken_at),
        "bfe_started_at": iso(plan.booted_at + timedelta(seconds=14)),
        "bfe_process": service_processes(plan.seed, plan.index)[BFE],
        "newest_filter_id": str(max(one.id for one in snapshot.filters)),
        "interfaces": [
            {
                "luid": str(one.luid),
                "index": one.index,
                "alias": one.alias,
                "type": one.type,
                "up": True,
                "profile": _PROFILE_NAMES[one.profile],
                "addresses": [str(address) for address in (one.ipv4, one.ipv6) if address],
            }
            for one in plan.interfaces
        ],
        "volumes": [{"letter": "C:", "device": _volume(plan.volume)}],
    }
