"""What surrounds the filter engine on a host: services, drivers, processes, ports, routes, policy.

A list that is ``None`` was not asked for or could not be read, which is not an empty one.
"""

from __future__ import annotations

import hashlib
import re
import struct
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final
from uuid import UUID

from msgspec import Struct

from pywfp_ps.model.firewall import FirewallProfile, FirewallRule, Setting
from pywfp_ps.model.host import Interface, Volume
from pywfp_ps.model.objects import Gap

SID_TYPES: Final = {0: "none", 1: "unrestricted", 3: "restricted"}
"""SERVICE_SID_TYPE_INFO (winsvc.h)."""

AUDIT_NAMES: Final = {
    UUID("0cce9225-69ae-11d9-bed3-505054503030"): "Filtering Platform Packet Drop",
    UUID("0cce9226-69ae-11d9-bed3-505054503030"): "Filtering Platform Connection",
    UUID("0cce9232-69ae-11d9-bed3-505054503030"): "MPSSVC Rule-Level Policy Change",
    UUID("0cce9233-69ae-11d9-bed3-505054503030"): "Filtering Platform Policy Change",
}
"""Subcategories of auditing that tell of the filter engine and the firewall (ntsecapi.h)."""

_PROGRAM: Final = re.compile(r'"([^"]*)"|(.*?\.(?:exe|sys|com))(?=\s|$)|(\S+)', re.IGNORECASE)


class Service(Struct, frozen=True, kw_only=True):
    """One Windows service (Win32_Service and its registry key).

    Attributes:
        name: Service name.
        account: Account it runs as.
        state: As Windows says it in English: ``Running``, ``Stopped`` and so on.
        start: ``Auto``, ``Manual``, ``Disabled`` and so on.
        process_id: Its process, 0 where it does not run.
        image_path: Command line of the image.
        sid_type: 0 none, 1 unrestricted, 3 restricted.
        type: Service type bits (winnt.h, SERVICE_WIN32 and so on).
        service_dll: Library that a shared host loads for it.
        company: Company in the version resource of `image`.
    """

    name: str
    display_name: str | None = None
    account: str | None = None
    state: str | None = None
    start: str | None = None
    process_id: int | None = None
    image_path: str | None = None
    sid_type: int | None = None
    type: int | None = None
    service_dll: str | None = None
    company: str | None = None

    @property
    def sid(self) -> str:
        """SID of the service: SHA-1 of its name (MS-DTYP 2.4.2.4, S-1-5-80)."""
        return service_sid(self.name)

    @property
    def program(self) -> str | None:
        """The image without arguments."""
        found = _PROGRAM.match((self.image_path or "").strip())
        return next((text for text in found.groups() if text), None) if found else None

    @property
    def image(self) -> str | None:
        """What runs: its own library in a shared host, else the image."""
        return self.service_dll or self.program


class Driver(Struct, frozen=True, kw_only=True):
    """One running driver (Win32_SystemDriver) and the version resource of its file.

    Attributes:
        signer: Subject of the certificate; asked for drivers of other companies than Microsoft.
        signature_status: SignatureStatus of PowerShell, 0 valid.
    """

    name: str
    display_name: str | None = None
    path: str | None = None
    company: str | None = None
    version: str | None = None
    signer: str | None = None
    signature_status: int | None = None


class Process(Struct, frozen=True, kw_only=True):
    """One process (Win32_Process); command lines are not asked for, since they carry secrets."""

    process_id: int
    parent_id: int | None = None
    session_id: int | None = None
    name: str | None = None
    path: str | None = None


class Listener(Struct, frozen=True, kw_only=True):
    """One TCP port that listens or UDP port that is bound.

    Attributes:
        protocol: 6 or 17.
    """

    protocol: int
    local_address: IPv4Address | IPv6Address | None = None
    local_port: int
    process_id: int | None = None


class Route(Struct, frozen=True, kw_only=True):
    """One route (MSFT_NetRoute).

    Attributes:
        store: 0 persistent, 1 active.
    """

    destination: IPv4Network | IPv6Network
    next_hop: IPv4Address | IPv6Address | None = None
    interface_index: int | None = None
    metric: int | None = None
    store: int | None = None


class Proxy(Struct, frozen=True, kw_only=True):
    """Proxy settings in one registry key, accounts in addresses blanked by the host.

    Attributes:
        key: The key, of the machine or of a user by SID.
        settings: Name and data of every value.
    """

    key: str
    settings: tuple[tuple[str, Setting], ...] = ()


class AuditPolicy(Struct, frozen=True, kw_only=True):
    """Audit setting of one subcategory.

    Attributes:
        subcategory: Its GUID.
        setting: 0 none, 1 success, 2 failure, 3 both.
    """

    subcategory: UUID
    setting: int

    @property
    def audits_success(self) -> bool:
        """Whether what succeeds is logged."""
        return bool(self.setting & 1)

    @property
    def audits_failure(self) -> bool:
        """Whether what fails is logged."""
        return bool(self.setting & 2)


class SystemPort(Struct, frozen=True, kw_only=True):
    """One system port (FWPM_SYSTEM_PORTS0): what words such as RPC-EPMap in rules stand for.

    Attributes:
        type: FWPM_SYSTEM_PORT_TYPE constant.
    """

    type: str
    port: int


class EngineOption(Struct, frozen=True, kw_only=True):
    """One option of the engine (FWPM_ENGINE_OPTION).

    Attributes:
        name: ``netevents``, ``keywords`` or ``txnwatchdog`` as netsh calls them, or
            NtObjectManager's name of one that netsh does not show.
        value: As text.
    """

    name: str
    value: str


class HostContext(Struct, frozen=True, kw_only=True):
    """All context of one host; a kind that is ``None`` was not asked for or could not be read."""

    services: tuple[Service, ...] | None = None
    drivers: tuple[Driver, ...] | None = None
    processes: tuple[Process, ...] | None = None
    listeners: tuple[Listener, ...] | None = None
    routes: tuple[Route, ...] | None = None
    profiles: tuple[FirewallProfile, ...] | None = None
    rules: tuple[FirewallRule, ...] | None = None
    proxies: tuple[Proxy, ...] | None = None
    audit: tuple[AuditPolicy, ...] | None = None
    volumes: tuple[Volume, ...] | None = None
    interfaces: tuple[Interface, ...] | None = None
    sysports: tuple[SystemPort, ...] | None = None
    options: tuple[EngineOption, ...] | None = None
    gaps: tuple[Gap, ...] = ()


def service_sid(name: str) -> str:
    """SID of the service of that name."""
    digest = hashlib.sha1(name.upper().encode("utf-16-le"), usedforsecurity=False).digest()
    return "S-1-5-80-" + "-".join(map(str, struct.unpack("<5I", digest)))
