"""SIDs that follow from names, and back.

Sources: the SID of a service is S-1-5-80 and the SHA-1 of the upper-case name in UTF-16LE, as five
32-bit little-endian numbers; that of a package is S-1-15-2 and the first seven numbers of the
SHA-256 of the lower-case family name in UTF-16LE (DeriveAppContainerSidFromAppContainerName);
that of a named capability is S-1-15-3-1024 and the eight numbers of the SHA-256 of the upper-case
name (DeriveCapabilitySidsFromName).
"""

from __future__ import annotations

import hashlib
import re
import struct
from functools import lru_cache
from typing import Final

EVERYONE: Final = "S-1-1-0"
NO_PACKAGE: Final = "S-1-0-0"
ALL_PACKAGES: Final = "S-1-15-2-1"
SYSTEM: Final = "S-1-5-18"
LOCAL_SERVICE: Final = "S-1-5-19"
NETWORK_SERVICE: Final = "S-1-5-20"
SERVICE_ACCOUNTS: Final = frozenset({SYSTEM, LOCAL_SERVICE, NETWORK_SERVICE})
AUTHENTICATED: Final = "S-1-5-11"
SERVICE_LOGON: Final = "S-1-5-6"
ADMINISTRATORS: Final = "S-1-5-32-544"
USERS: Final = "S-1-5-32-545"
SERVICE_PREFIX: Final = "S-1-5-80-"
PACKAGE_PREFIX: Final = "S-1-15-2-"
CAPABILITY_PREFIX: Final = "S-1-15-3-"

_SID: Final = re.compile(r"S-1(?:-(?:\d{1,14}|0x[0-9a-fA-F]{1,12})){1,17}", re.IGNORECASE)
_FAMILY: Final = re.compile(r"[A-Za-z0-9.\-]{1,50}_[a-hjkmnp-tv-z0-9]{13}")

_CAPABILITIES: Final = {
    1: "internetClient", 2: "internetClientServer", 3: "privateNetworkClientServer",
    4: "picturesLibrary", 5: "videosLibrary", 6: "musicLibrary", 7: "documentsLibrary",
    8: "enterpriseAuthentication", 9: "sharedUserCertificates", 10: "removableStorage",
}  # fmt: skip
"""Capabilities with short SIDs, S-1-15-3-N (winnt.h)."""

KNOWN_SERVICES: Final = (
    "ADWS", "AJRouter", "AllJoyn", "AppIDSvc", "AppXSvc", "AssignedAccessManagerSvc",
    "AudioEndpointBuilder", "Audiosrv", "AxInstSV", "BFE", "BITS", "BTAGService", "CDPSvc",
    "CertPropSvc", "ClipSVC", "CryptSvc", "CscService", "DcomLaunch", "defragsvc",
    "DeviceAssociationService", "DevQueryBroker", "DFSR", "Dhcp", "DHCPServer", "DiagTrack",
    "DisplayEnhancementService", "DmEnrollmentSvc", "dmwappushservice", "DNS", "Dnscache", "DoSvc",
    "dot3svc", "DPS", "DsmSvc", "DusmSvc", "EapHost", "EFS", "EventLog", "EventSystem", "Fax",
    "fdPHost", "FDResPub", "fhsvc", "FrameServer", "gpsvc", "hidserv", "hns", "HomeGroupListener",
    "HomeGroupProvider", "HvHost", "icssvc", "IKEEXT", "InstallService", "IPHLPSVC", "Kdc",
    "KeyIso", "KtmRm", "LanmanServer", "LanmanWorkstation", "lfsvc", "LicenseManager", "lmhosts",
    "MapsBroker", "MpsSvc", "MSDTC", "MSiSCSI", "NcaSvc", "NcbService", "Netlogon", "Netman",
    "netprofm", "NetSetupSvc", "NetTcpPortSharing", "NgcSvc", "NlaSvc", "nsi", "NTDS", "nvagent",
    "p2pimsvc", "p2psvc", "PcaSvc", "PeerDistSvc", "PerfHost", "PhoneSvc", "PLA", "PNRPAutoReg",
    "PNRPsvc", "PolicyAgent", "PrintNotify", "ProfSvc", "PushToInstall", "QWAVE", "RasAuto",
    "RasMan", "RemoteAccess", "RemoteRegistry", "RpcEptMapper", "RpcLocator", "RpcSs", "Schedule",
    "SCPolicySvc", "SDRSVC", "seclogon", "SEMgrSvc", "SENS", "Sense", "SessionEnv", "SharedAccess",
    "SmsRouter", "SNMP", "SNMPTRAP", "Spooler", "sppsvc", "SSDPSRV", "SstpSvc", "StiSvc", "StorSvc",
    "swprv", "SysMain", "TapiSrv", "TermService", "TextInputManagementService", "Themes",
    "TokenBroker", "TrkWks", "TrustedInstaller", "UmRdpService", "upnphost", "UserManager",
    "UsoSvc", "VaultSvc", "vds", "vmcompute", "vmicguestinterface", "vmicheartbeat",
    "vmickvpexchange", "vmicrdv", "vmicshutdown", "vmictimesync", "vmicvmsession", "vmicvss",
    "vmms", "VSS", "W32Time", "W3SVC", "WaaSMedicSvc", "WalletService", "wbengine", "Wcmsvc",
    "wcncsvc", "WdiServiceHost", "WdiSystemHost", "WdNisSvc", "WebClient", "webthreatdefsvc",
    "Wecsvc", "WerSvc", "WFDSConMgrSvc", "WinDefend", "WinHttpAutoProxySvc", "Winmgmt", "WinRM",
    "WlanSvc", "wlidsvc", "wlpasvc", "wmiApSrv", "WMPNetworkSvc", "WPDBusEnum", "WpnService",
    "wscsvc", "WSearch", "wuauserv", "WwanSvc", "XblAuthManager", "XboxNetApiSvc",
)  # fmt: skip
"""Services of Windows whose SIDs stand in filters; names for answers where no list is at hand."""


def is_sid(text: str) -> bool:
    """Whether the text is a SID."""
    return _SID.fullmatch(text) is not None


def _numbers(digest: bytes, count: int) -> str:
    return "-".join(str(number) for number in struct.unpack(f"<{count}I", digest[: 4 * count]))


@lru_cache(maxsize=4096)
def service_sid(name: str) -> str:
    """The SID of a service by its name (not its display name), in any case."""
    # The algorithm is Microsoft's; nothing here rests on the strength of SHA-1.
    digest = hashlib.sha1(name.upper().encode("utf-16-le"), usedforsecurity=False).digest()
    return SERVICE_PREFIX + _numbers(digest, 5)


@lru_cache(maxsize=4096)
def package_sid(family: str) -> str:
    """The SID of an AppContainer by its package family name, in any case."""
    digest = hashlib.sha256(family.lower().encode("utf-16-le")).digest()
    return PACKAGE_PREFIX + _numbers(digest, 7)


def family_of_text(text: str) -> str | None:
    """The text if it is a package family name: a name, ``_`` and 13 letters of the publisher."""
    return text if _FAMILY.fullmatch(text) else None


@lru_cache(maxsize=1)
def _service_names() -> dict[str, str]:
    return {service_sid(name): name for name in KNOWN_SERVICES}


def name_of_sid(sid: str) -> str:
    """What people call a SID: a service, a capability, a well-known account; else the SID."""
    if sid.startswith(SERVICE_PREFIX):
        name = _service_names().get(sid)
        return f"service {name}" if name else sid
    if sid.startswith(CAPABILITY_PREFIX) and sid.count("-") == 4:
        name = _CAPABILITIES.get(int(sid.rsplit("-", 1)[1]))
        return f"capability {name}" if name else sid
    return _NAMES.get(sid, sid)


_NAMES: Final = {
    EVERYONE: "Everyone",
    "S-1-5-2": "NETWORK",
    "S-1-5-4": "INTERACTIVE",
    SERVICE_LOGON: "SERVICE",
    "S-1-5-7": "ANONYMOUS",
    AUTHENTICATED: "Authenticated Users",
    SYSTEM: "LocalSystem",
    LOCAL_SERVICE: "LocalService",
    NETWORK_SERVICE: "NetworkService",
    ADMINISTRATORS: "Administrators",
    USERS: "Users",
    ALL_PACKAGES: "every AppContainer",
    "S-1-15-2-2": "every restricted AppContainer",
    NO_PACKAGE: "no AppContainer",
}
