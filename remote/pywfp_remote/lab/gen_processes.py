"""Which services, drivers and processes a made-up host runs, and under which process ids."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from msgspec import Struct

from pywfp_remote.lab.gen_catalog import AGENT_PROGRAM, AGENT_SERVICE, NEEDS
from pywfp_remote.lab.gen_plan import Plan
from pywfp_remote.lab.gen_policy import SVCHOST, folder_of
from pywfp_remote.lab.gen_rules import RuleSpec

BFE: Final = "BFE"
FIREWALL: Final = "mpssvc"
SYSTEM: Final = 4
"""Process id of the kernel's own process."""

VPN_PROGRAM: Final = "%programs%\\tern\\vpn\\ternvpn.exe"
_SERVICES_PROGRAM: Final = "%system32%\\services.exe"
_SYSTEM_ACCOUNT: Final = "LocalSystem"
_LOCAL: Final = "NT AUTHORITY\\LocalService"
_NETWORK: Final = "NT AUTHORITY\\NetworkService"
_ACCOUNTS: Final = {
    **dict.fromkeys(
        (BFE, FIREWALL, "Dhcp", "EventLog", "W32Time", "WinHttpAutoProxySvc", "SSDPSRV"), _LOCAL
    ),
    **dict.fromkeys(("FDResPub", "fdPHost", "lmhosts", "SNMPTrap", "DiagTrack"), _LOCAL),
    **dict.fromkeys(("RpcSs", "RpcEptMapper", "Dnscache", "NlaSvc", "CryptSvc", "DoSvc"), _NETWORK),
    **dict.fromkeys(("LanmanWorkstation", "PolicyAgent", "PeerDistSvc", "TermService"), _NETWORK),
}
_MORE: Final = {
    "RpcSs": SVCHOST,
    "lmhosts": SVCHOST,
    "Winmgmt": SVCHOST,
    "Spooler": "%system32%\\spoolsv.exe",
    "Netlogon": "%system32%\\lsass.exe",
    AGENT_SERVICE: AGENT_PROGRAM,
}
_STOPPED: Final = frozenset({"SNMPTrap", "vds", "VSS", "sppsvc", "PeerDistSvc", "lfsvc"})
_TOGETHER: Final = {FIREWALL: BFE, "RpcEptMapper": "RpcSs"}
"""Services that share the process of another."""

_OWN_PROCESS, _SHARED_PROCESS = 0x10, 0x20  # SERVICE_WIN32_OWN_PROCESS, ..._SHARE_PROCESS
_UNRESTRICTED: Final = 1  # SERVICE_SID_TYPE_UNRESTRICTED
_WINDOWS_COMPANY: Final = "Microsoft Corporation"
_AGENT_COMPANY: Final = "Quillguard"
_DRIVERS: Final = (
    "afd", "dfsc", "http", "mpsdrv", "mrxsmb", "mslldp", "ndis", "ndu", "netbt", "nsiproxy",
    "srv2", "tcpip", "tdx", "vmbus", "wfplwfs",
)  # fmt: skip
"""Running drivers of Windows that have to do with the network."""


class Running(Struct, frozen=True, kw_only=True):
    r"""What runs on a host.

    Attributes:
        programs: Process id to short path of the program, such as ``%system32%\lsass.exe``.
        services: Process id of each service by name; 0 where it does not run.
        by_program: First process id of each program.
    """

    programs: dict[int, str]
    services: dict[str, int]
    by_program: dict[str, int]

    def serving(self, rule: RuleSpec) -> int:
        """The process behind what a rule lets in."""
        if rule.service is not None and self.services.get(rule.service):
            return self.services[rule.service]
        return self.by_program.get(rule.program or _SERVICES_PROGRAM, SYSTEM)


def running(plan: Plan, rules: Sequence[RuleSpec]) -> Running:
    """What runs there; the same ids as `service_processes`."""
    services = service_processes(plan.seed, plan.index)
    images = _images()
    programs = {SYSTEM: "System"}
    for name, number in services.items():
        if number:
            programs[number] = images[name]
    by_program = {path: number for number, path in reversed(programs.items())}
    rng = plan.random("programs")
    more = ["%system32%\\lsass.exe", _SERVICES_PROGRAM, "%system32%\\wininit.exe"]
    more += [VPN_PROGRAM] if plan.has("vpn-kill-switch") else []
    more += [rule.program for rule in rules if rule.serves and rule.program]
    for path in more:
        if path not in by_program:
            number = rng.randrange(4000, 9000) * 4
            by_program[path], programs[number] = number, path
    return Running(
        programs=dict(sorted(programs.items())), services=services, by_program=by_program
    )


@lru_cache(maxsize=512)
def _images() -> dict[str, str]:
    images = {BFE: SVCHOST, FIREWALL: SVCHOST, **_MORE}
    for need in NEEDS:
        images.setdefault(need.service, need.program)
    return images


@lru_cache(maxsize=1024)
def _numbers(seed: int, index: int) -> tuple[tuple[str, int], ...]:
    from random import Random

    rng = Random(f"{seed}/{index}/processes")  # noqa: S311 - not for secrets
    names = sorted(name for name in _images() if name not in _TOGETHER)
    numbers = rng.sample(range(170, 3900), len(names))
    found = {name: 0 if name in _STOPPED else n * 4 for name, n in zip(names, numbers, strict=True)}
    found.update({name: found[other] for name, other in _TOGETHER.items()})
    return tuple(sorted(found.items()))


def service_processes(seed: int, index: int) -> dict[str, int]:
    """Process id of each service of a host; 0 where it does not run."""
    return dict(_numbers(seed, index))


def service_rows(now: Running) -> list[dict[str, Any]]:
    """Services as ``Get-PyWfpService`` names them."""
    rows = []
    for name, path in sorted(_images().items()):
        account = _ACCOUNTS.get(name, _SYSTEM_ACCOUNT)
        shares = path == SVCHOST
        group = account.rpartition("\\")[2]
        rows.append(
            {
                "name": name,
                "display_name": f"{name} service",
                "account": account,
                "state": "Running" if now.services[name] else "Stopped",
                "start": "Auto" if now.services[name] else "Manual",
                "process_id": now.services[name],
                "image_path": dos_path(path) + (f" -k {group} -p -s {name}" if shares else ""),
                "sid_type": _UNRESTRICTED,
                "type": _SHARED_PROCESS if shares else _OWN_PROCESS,
                "service_dll": f"%SystemRoot%\\System32\\{name.lower()}.dll" if shares else None,
                "company": _AGENT_COMPANY if name == AGENT_SERVICE else _WINDOWS_COMPANY,
            }
        )
    return rows


def driver_rows(plan: Plan) -> list[dict[str, Any]]:
    """Running drivers as ``Get-PyWfpDriver`` names them.

    That of the shaper is not there: its callouts are registered by nobody.
    """
    foreign = [("QuillguardFlt", _AGENT_COMPANY, "6.2.118.0")]
    if plan.has("vpn-kill-switch"):
        foreign.append(("TernTunnel", "Tern", "3.1.4.0"))
    rows: list[dict[str, Any]] = [
        {
            "name": name.upper() if name == "ndu" else name,
            "display_name": f"{name} driver",
            "path": f"C:\\Windows\\system32\\drivers\\{name}.sys",
            "company": _WINDOWS_COMPANY,
            "version": f"{plan.build}.1 (built by the makers)",
            "signer": None,
        }
        for name in _DRIVERS
    ]
    for name, company, version in foreign:
        rows.append(
            {
                "name": name,
                "display_name": f"{company} network driver",
                "path": f"C:\\Windows\\system32\\drivers\\{name.lower()}.sys",
                "company": company,
                "version": version,
                "signer": f"CN={company}, O={company}, C=GB",
                "signature_status": 0,
            }
        )
    return rows


def process_rows(now: Running) -> list[dict[str, Any]]:
    """Processes as ``Get-PyWfpProcess`` names them."""
    parent = now.by_program[_SERVICES_PROGRAM]
    rows: list[dict[str, Any]] = [
        {"process_id": 0, "parent_id": 0, "session_id": 0, "name": "System Idle Process",
         "path": None},
    ]  # fmt: skip
    for number, path in now.programs.items():
        is_service = number in now.services.values()
        rows.append(
            {
                "process_id": number,
                "parent_id": 0 if number == SYSTEM else parent if is_service else SYSTEM,
                "session_id": 0,
                "name": path.rpartition("\\")[2],
                "path": None if path == "System" else dos_path(path),
            }
        )
    return rows


def dos_path(path: str) -> str:
    """A short path as programs see it: all practice hosts start from C."""
    return "C:" + folder_of(path)
