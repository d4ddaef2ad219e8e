"""What a made-up host says of itself, and what surrounds its policy, to match the policy.

Plain JSON values only, with the names of the frames: what the module on a real host would send.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pywfp_ps.model.objects import Snapshot
from pywfp_remote.lab.gen_catalog import AGENT_PROGRAM, AGENT_SERVICE, NEEDS
from pywfp_remote.lab.gen_context import registry_rules
from pywfp_remote.lab.gen_names import DOMAIN
from pywfp_remote.lab.gen_plan import Plan
from pywfp_remote.lab.gen_policy import SVCHOST, device
from pywfp_remote.lab.gen_rules import TCP, RuleSpec

_PROFILE_NAMES: Final = {1: "Public", 2: "Private", 3: "DomainAuthenticated"}
_OWN_PROGRAMS: Final = {
    "mpssvc": SVCHOST,
    "BFE": SVCHOST,
    AGENT_SERVICE: AGENT_PROGRAM,
    "NDU": "%system32%\\drivers\\ndu.sys",
}


def iso(time: datetime) -> str:
    """UTC with milliseconds and Z, as the frames have it."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def make_facts(plan: Plan, snapshot: Snapshot) -> dict[str, Any]:
    """Host facts: names, system, clock, filter engine, interfaces and volumes.

    Keys: ``computer``, ``domain``, ``os_name``, ``os_build``, ``architecture``, ``culture``,
    ``elevated``, ``boot_time``, ``clock``, ``bfe_started_at``, ``newest_filter_id``,
    ``interfaces`` (``luid``, ``index``, ``alias``, ``type``, ``up``, ``profile``, ``addresses``
    with prefix lengths) and ``volumes`` (``letter``, ``device``). Ids are decimal text.
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
        "volumes": [{"letter": "C:", "device": plan.volume.title()}],
    }


def make_context(plan: Plan, rules: Sequence[RuleSpec]) -> dict[str, Any]:
    """What surrounds the policy, by kind.

    The kinds are ``services``, ``listeners``, ``firewall_profiles`` and ``firewall_rules``, which
    stand as in the registry. A service has ``name``, ``sid_type``, ``process_id`` and ``path``; a
    listener ``protocol``, ``address``, ``port``, ``process_id`` and ``path``. The service of a
    removed product is missing here, which is how it shows.
    """
    rng = plan.random("context")
    services: dict[str, str] = dict(_OWN_PROGRAMS)
    for need in NEEDS:
        services.setdefault(need.service, need.program)
    pids = {name: rng.randrange(200, 4000) * 4 for name in services}
    listeners = [
        {
            "protocol": "TCP" if rule.protocol == TCP else "UDP",
            "address": "0.0.0.0",  # noqa: S104 - a made-up listener, nothing is bound
            "port": rule.ports[0][0],
            "process_id": 4 if rule.program == "System" else rng.randrange(200, 4000) * 4,
            "path": device(plan, rule.program or SVCHOST),
        }
        for rule in rules
        if rule.serves and rule.ports
    ]
    return {
        "services": [
            {
                "name": name,
                "sid_type": "unrestricted",
                "process_id": pids[name],
                "path": device(plan, path),
            }
            for name, path in sorted(services.items())
        ],
        "listeners": listeners,
        "firewall_profiles": [
            {"profile": name, "enabled": not plan.has("firewall-off")}
            for name in ("Domain", "Private", "Public")
        ],
        "firewall_rules": registry_rules(rules),
    }
