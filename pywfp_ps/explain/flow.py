"""The traffic a question is about: what is said of it, checked where it is said."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, Literal

from msgspec import Struct

from pywfp_ps.errors import UsageError
from pywfp_ps.explain.sids import family_of_text, is_sid, package_sid
from pywfp_ps.model.text import PROTOCOLS

Address = IPv4Address | IPv6Address
Direction = Literal["forward", "in", "out"]
Action = Literal["bind", "connect", "listen"]
Scalar = int | str | bytes

TCP: Final = 6
UDP: Final = 17
ICMP: Final = frozenset({1, 58})
WITH_PORTS: Final = frozenset({TCP, UDP})
PROFILES: Final = {"none": 0, "public": 1, "private": 2, "domain": 3}
PRESETS: Final = ("admin", "local-service", "network-service", "system", "user")
KERNEL: Final = "System"

_PROTOCOL_NUMBERS: Final = {name.lower(): number for number, name in PROTOCOLS.items()}
_BRACKETED: Final = re.compile(r"\[([^\]]+)\](?::(\d{1,5}))?")
_WITH_PORT: Final = re.compile(r"(\d{1,3}(?:\.\d{1,3}){3}):(\d{1,5})")
_DOS_PATH: Final = re.compile(r"[A-Za-z]:\\[^\\].*")


class Flow(Struct, frozen=True, kw_only=True):
    r"""One connection, datagram exchange, listener or packet. What is ``None`` was not said.

    Attributes:
        direction: Who sends first: ``out`` this host, ``in`` the other side; ``forward`` passes.
        action: ``connect`` for traffic, ``listen`` or ``bind`` for a socket alone.
        ip_version: 4 or 6.
        protocol: IP protocol number, 0 to 255.
        local_address: This host's end; the source of a forwarded packet.
        remote_address: The other end; the destination of a forwarded packet.
        local_port: 0 to 65535, TCP and UDP only.
        remote_port: 0 to 65535, TCP and UDP only.
        icmp_type: 0 to 255, ICMP only.
        icmp_code: 0 to 255, ICMP only.
        app: Program of this host's end: ``System``, or a device path in lower case as the engine
            holds it, or a DOS path in lower case.
        preset: Kind of account: ``user``, ``admin``, ``system``, ``local-service`` or
            ``network-service``.
        user: SID of the account.
        groups: SIDs the token holds beside the user.
        services: Names of services whose SIDs the token holds.
        groups_complete: Whether the token holds nothing that is not said.
        package: SID of the AppContainer, ``none`` for no AppContainer.
        family: Package family name, where the package was said by it.
        remote_package: The same of the other end of a loopback connection.
        capabilities: SIDs of all capabilities of the AppContainer.
        bind_address: Address the socket was bound to before it connected.
        interface: LUID of the interface.
        interface_alias: Its name, where that was said in place of the LUID.
        interface_index: Its index.
        interface_type: IANA interface type; 131 is a tunnel, 24 loopback.
        tunnel_type: TUNNEL_TYPE of the interface.
        quarantine_epoch: Current epoch of the interface.
        quarantined: Whether the interface is held, whatever its released epochs.
        profile: Network category for every profile field: 0 none, 1 public, 2 private, 3 domain.
        original_profile: Category when the flow began.
        current_profile: Category now.
        arrival_profile: Category of the arrival interface.
        nexthop_profile: Category of the next-hop interface.
        loopback: Whether both ends are this host.
        reauthorize: Whether a known flow is classified again.
        raw: Whether the socket is raw.
        redirected: Whether a local product redirected the connection.
        ipsec: Whether IPsec protects it.
        fields: Values of further condition fields, by constant.
    """

    direction: Direction
    action: Action = "connect"
    ip_version: int
    protocol: int
    local_address: Address | None = None
    remote_address: Address | None = None
    local_port: int | None = None
    remote_port: int | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None
    app: str | None = None
    preset: str | None = None
    user: str | None = None
    groups: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    groups_complete: bool = False
    package: str | None = None
    family: str | None = None
    remote_package: str | None = None
    capabilities: tuple[str, ...] | None = None
    bind_address: Address | None = None
    interface: int | None = None
    interface_alias: str | None = None
    interface_index: int | None = None
    interface_type: int | None = None
    tunnel_type: int | None = None
    quarantine_epoch: int | None = None
    quarantined: bool = False
    profile: int | None = None
    original_profile: int | None = None
    current_profile: int | None = None
    arrival_profile: int | None = None
    nexthop_profile: int | None = None
    loopback: bool | None = None
    reauthorize: bool = False
    raw: bool = False
    redirected: bool | None = None
    ipsec: bool | None = None
    fields: tuple[tuple[str, Scalar], ...] = ()

    def __post_init__(self) -> None:
        if self.ip_version not in {4, 6}:
            raise UsageError(f"IP version is 4 or 6, got {self.ip_version}")
        _in_range("protocol", self.protocol, 0xFF)
        for name, most in _RANGES.items():
            _in_range(name.replace("_", " "), getattr(self, name), most)
        for name in ("local_address", "remote_address", "bind_address"):
            address = getattr(self, name)
            if address is not None and address.version != self.ip_version:
                raise UsageError(f"{address} is no IPv{self.ip_version} address")
        self._check_ports()
        self._check_token()

    def _check_ports(self) -> None:
        name = PROTOCOLS.get(self.protocol, str(self.protocol))
        if self.protocol not in WITH_PORTS and (self.local_port, self.remote_port) != (None, None):
            raise UsageError(f"protocol {name} has no ports")
        if self.protocol not in ICMP and (self.icmp_type, self.icmp_code) != (None, None):
            raise UsageError(f"protocol {name} has no ICMP type or code")
        if self.protocol in ICMP and (self.protocol == 1) != (self.ip_version == 4):
            raise UsageError(f"protocol {name} does not run over IPv{self.ip_version}")
        if self.action == "listen" and self.protocol != TCP:
            raise UsageError("only TCP listens; use bind for other protocols")

    def _check_token(self) -> None:
        for sid in (self.user, *self.groups, *(self.capabilities or ())):
            if sid is not None and not is_sid(sid):
                raise UsageError(f"{sid!r} is no SID; one looks like S-1-5-32-545")
        for package in (self.package, self.remote_package):
            if package not in {None, "none"} and not is_sid(package or ""):
                raise UsageError(f"{package!r} is no package SID, family name or 'none'")
        if self.preset is not None and self.preset not in PRESETS:
            raise UsageError(f"no preset {self.preset!r}; there is {', '.join(PRESETS)}")
        for name, _ in self.fields:
            if not name.startswith("FWPM_CONDITION_"):
                raise UsageError(f"{name!r} is no condition field")

    @property
    def is_icmp_error(self) -> bool:
        """Whether it is an ICMP error message: it belongs to another flow and skips ALE."""
        if self.icmp_type is None:
            return False
        if self.protocol == 1:
            return self.icmp_type in {3, 4, 5, 11, 12}
        return self.protocol == 58 and self.icmp_type < 128  # RFC 4443: errors have the high bit 0


_RANGES: Final = {
    "local_port": 0xFFFF,
    "remote_port": 0xFFFF,
    "icmp_type": 0xFF,
    "icmp_code": 0xFF,
    "interface": (1 << 64) - 1,
    "interface_index": 0xFFFFFFFF,
    "interface_type": 0xFFFFFFFF,
    "tunnel_type": 0xFFFFFFFF,
    "quarantine_epoch": (1 << 64) - 1,
    "profile": 3,
    "original_profile": 3,
    "current_profile": 3,
    "arrival_profile": 3,
    "nexthop_profile": 3,
}


def _in_range(name: str, number: int | None, most: int) -> None:
    if number is not None and not 0 <= number <= most:
        raise UsageError(f"{name} is 0 to {most}, got {number}")


def parse_protocol(text: str | int) -> int:
    """The protocol number of a name (``tcp``, ``udp``, ``icmp``, ``icmpv6``) or a number.

    Raises:
        UsageError: It is neither.
    """
    word = str(text).strip().lower()
    if word in _PROTOCOL_NUMBERS:
        return _PROTOCOL_NUMBERS[word]
    if word.isascii() and word.isdigit() and int(word[:4]) <= 0xFF:
        return int(word)
    raise UsageError(f"{text!r} is no protocol; say tcp, udp, icmp, icmpv6 or a number to 255")


def parse_end(text: str) -> tuple[Address, int | None]:
    """Address and port of ``1.2.3.4``, ``1.2.3.4:443``, ``fe80::1``, ``[fe80::1]:443``.

    Raises:
        UsageError: It is none of these.
    """
    found = _BRACKETED.fullmatch(text) or _WITH_PORT.fullmatch(text)
    address, port = (found[1], found[2]) if found else (text, None)
    try:
        parsed = ip_address(address.split("%", 1)[0])
    except ValueError:
        raise UsageError(
            f"{text!r} is no address; one looks like 192.0.2.1:443 or [2001:db8::1]:443"
        ) from None
    number = int(port) if port else None
    _in_range("port", number, 0xFFFF)
    return parsed, number


def parse_app(text: str) -> str:
    r"""A program as the engine holds it: ``System``, a device path or a DOS path, lower case.

    Raises:
        UsageError: It is none of these.
    """
    path = text.strip().removeprefix("\\\\?\\").replace("/", "\\")
    if path.lower() == KERNEL.lower():
        return KERNEL
    if path.lower().startswith("\\device\\") or _DOS_PATH.fullmatch(path):
        return path.lower()
    raise UsageError(
        f"{text!r} is neither a DOS path (C:\\...) nor a device path (\\device\\...) nor System"
    )


def parse_package(text: str) -> tuple[str, str | None]:
    """Package SID (or ``none``) and family name of what was said.

    Raises:
        UsageError: It is no SID, no family name and not ``none``.
    """
    if text.lower() in {"none", "s-1-0-0"}:
        return "none", None
    if is_sid(text):
        return text.upper(), None
    family = family_of_text(text)
    if family is None:
        raise UsageError(f"{text!r} is no package SID, family name or 'none'")
    return package_sid(family), family


def parse_profile(text: str) -> int:
    """The number of a network category.

    Raises:
        UsageError: There is no such category.
    """
    try:
        return PROFILES[text.strip().lower()]
    except KeyError:
        raise UsageError(f"{text!r} is no profile; there is {', '.join(PROFILES)}") from None
