"""The described token of a flow: which SIDs it holds, three-valued.

Rules: explain.md 5 (tokens), arbitration.md 3.9 to 3.11 (token checks).
"""

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.oracle.oracle_logic import Tri

EVERYONE = "S-1-1-0"
ANONYMOUS = "S-1-5-7"
AUTHENTICATED = "S-1-5-11"
ADMINISTRATORS = "S-1-5-32-544"
USERS = "S-1-5-32-545"
SERVICE = "S-1-5-6"
SYSTEM = "S-1-5-18"
SERVICE_ACCOUNTS = {"local-service": "S-1-5-19", "network-service": "S-1-5-20"}
SERVICE_HOSTS = frozenset([SYSTEM, "S-1-5-19", "S-1-5-20"])
NO_PACKAGE = "S-1-0-0"
ALL_PACKAGES = "S-1-15-2-1"


@dataclass(frozen=True, kw_only=True)
class Token:
    """What was said about the token.

    `package` is NO_PACKAGE, a package SID, or None (unsaid); `family` a package family name, "" (no
    identity) or None (unsaid); `capabilities` the complete set, or None (unsaid). `holds` and
    `lacks` are known SIDs; `complete` means that nothing outside `holds` is in it;
    `hosts_services` says whether unnamed service SIDs may be in it.
    """

    holds: frozenset[str] = frozenset([EVERYONE])
    lacks: frozenset[str] = frozenset()
    complete: bool = False
    hosts_services: Tri = None
    package: str | None = None
    family: str | None = None
    capabilities: frozenset[str] | None = None
    notes: tuple[str, ...] = field(default=())


def service_sid(name: str) -> str:
    """The service SID of a name: SHA-1 of the upper-case name in UTF-16LE, five words."""
    if name.upper().startswith("S-1-5-80-"):
        return name.upper()
    digest = hashlib.sha1(name.upper().encode("utf-16-le"), usedforsecurity=False).digest()
    return "S-1-5-80-" + "-".join(str(word) for word in struct.unpack("<5I", digest))


def package_sid(name: str) -> str:
    """The package SID of a family name: SHA-256 of the lower-case name, first seven words."""
    digest = hashlib.sha256(name.lower().encode("utf-16-le")).digest()
    return "S-1-15-2-" + "-".join(str(word) for word in struct.unpack("<7I", digest[:28]))


def holds_sid(token: Token, sid: str) -> Tri:
    """Is this SID in the user side of the token? (explain.md 5)."""
    if sid in token.holds:
        return True
    if sid in token.lacks or token.complete:
        return False
    if sid.startswith("S-1-5-80-") and token.hosts_services is False:
        return False
    return None


def holds_package_sid(token: Token, sid: str) -> Tri:
    """Is this package or capability SID in the AppContainer side? (rule 3.10).

    Where the package is unsaid the question is about some package: which one is open, but every
    package is one of all packages.
    """
    if token.package == NO_PACKAGE:
        return False
    if sid == ALL_PACKAGES:
        return True
    if sid.startswith("S-1-15-3-"):
        return None if token.capabilities is None else sid in token.capabilities
    if token.package is None:
        return None
    if sid == "S-1-15-2-2":
        return None
    return sid == token.package


def token_of(flow: Mapping[str, object]) -> Token:
    """The token that a flow describes (explain.md 5; presets of the `--as` option)."""
    preset = str(flow.get("as") or "")
    user = str(flow.get("user") or "")
    service = flow.get("service")
    package = flow.get("package")
    if preset.startswith("service:"):
        preset, service = "service", preset.partition(":")[2]
    if preset.startswith("package:"):
        preset, package = "user", preset.partition(":")[2]
    holds, lacks, hosts = _account(preset, user)
    if service is not None:
        services = [service] if isinstance(service, str) else [str(one) for one in _list(service)]
        holds |= {service_sid(one) for one in services} | {AUTHENTICATED, SERVICE}
        hosts = None
    if _is_kernel(flow) and service is None:
        holds |= {SYSTEM, AUTHENTICATED, ADMINISTRATORS}
        lacks |= set(SERVICE_HOSTS) | {ANONYMOUS}  # one account: what it is, it is not another
        hosts = False
    if user:
        holds |= {user}
    holds |= {EVERYONE} | {str(one) for one in _list(flow.get("groups"))}
    said = bool(preset or service or _is_kernel(flow))
    sid, family = _package(package, NO_PACKAGE if said else None)
    caps = flow.get("capabilities")
    return Token(
        holds=frozenset(holds),
        lacks=frozenset(lacks - holds),
        complete=bool(flow.get("groups_complete")),
        hosts_services=hosts,
        package=sid,
        family=family,
        capabilities=None if caps is None else frozenset(str(one) for one in _list(caps)),
    )


def _list(value: object) -> list[object]:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple, set, frozenset)) else [value]


def _is_kernel(flow: Mapping[str, object]) -> bool:
    return str(flow.get("app") or "").lower() == "system"


def _account(preset: str, user: str) -> tuple[set[str], set[str], Tri]:
    """SIDs surely held, surely not held, and whether service SIDs may be there."""
    accounts = set(SERVICE_HOSTS) | {ANONYMOUS}
    if preset in {"user", "admin"}:
        admin = {ADMINISTRATORS}
        holds = {AUTHENTICATED, USERS} | (admin if preset == "admin" else set())
        return holds, accounts | {SERVICE} | (set() if preset == "admin" else admin), False
    if preset == "system" or (not preset and user == SYSTEM):
        return {SYSTEM, AUTHENTICATED, ADMINISTRATORS}, accounts - {SYSTEM}, None
    sid = SERVICE_ACCOUNTS.get(preset, user if not preset and user in SERVICE_HOSTS else "")
    if sid:
        return {sid, AUTHENTICATED, USERS, SERVICE}, (accounts | {ADMINISTRATORS}) - {sid}, None
    if preset == "service":
        return {AUTHENTICATED, SERVICE}, {ANONYMOUS}, None
    if user == ANONYMOUS:
        return {ANONYMOUS}, set(SERVICE_HOSTS) | {AUTHENTICATED}, False
    if user:
        return {user, AUTHENTICATED}, accounts, False
    return set(), set(), None


def _package(package: object, default: str | None) -> tuple[str | None, str | None]:
    if package is None:
        return default, "" if default == NO_PACKAGE else None
    text = str(package)
    if text.lower() == "none" or text == NO_PACKAGE:
        return NO_PACKAGE, ""
    if text.upper().startswith("S-1-15-2-"):
        return text.upper(), None
    return package_sid(text), text
