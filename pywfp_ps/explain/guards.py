"""Connections that a change must not cut, as people write them.

``NAME=DIRECTION/PROTOCOLS/PORTS`` and then words ``key=value``: ``app``, ``as``, ``local``,
``remote``, ``local-port``, ``remote-port``, ``profile``, ``ip-version``. The ports are those of the
server: this host's where the other side connects, the other side's where this host does. A guard
speaks of no loopback, and of a program that holds the SIDs of no other service.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Final

from msgspec import Struct, structs

from pywfp_ps.errors import UsageError
from pywfp_ps.explain.asked import AskedFlows, wanted_of
from pywfp_ps.explain.said import Said
from pywfp_ps.explain.shapes import Wanted

_LSASS: Final = r"app=C:\Windows\System32\lsass.exe as=system"
_SVCHOST: Final = r"app=C:\Windows\System32\svchost.exe"
USUAL: Final = (
    "WinRM=in/tcp/5985,5986 app=System",
    r"SSH=in/tcp/22 app=C:\Windows\System32\OpenSSH\sshd.exe as=service:sshd",
    f"RDP=in/tcp,udp/3389 {_SVCHOST} as=service:TermService",
    f"DNS=out/udp,tcp/53 {_SVCHOST} as=service:Dnscache",
    f"Kerberos=out/tcp,udp/88 {_LSASS}",
    f"LDAP=out/tcp,udp/389 {_LSASS}",
    f"DHCP=out/udp/67 local-port=68 ip-version=4 {_SVCHOST} as=service:Dhcp",
    f"DHCPv6=out/udp/547 local-port=546 ip-version=6 {_SVCHOST} as=service:Dhcp",
)
"""What is guarded unless something else is asked for."""
_KEYS: Final = ("app", "as", "ip-version", "local", "local-port", "profile", "remote",
                "remote-port")  # fmt: skip


class Guard(Struct, frozen=True, kw_only=True):
    """A guarded connection.

    Attributes:
        name: Its name.
        wanted: Its flows.
    """

    name: str
    wanted: Wanted


def parse_guard(text: str) -> Guard:
    r"""A guard of its text.

    Raises:
        UsageError: It is none; the message says what is wrong with it.
    """
    try:
        return _guard(text)
    except (UsageError, ValueError) as error:
        raise UsageError(f"guard {text!r}: {error}") from None


def _guard(text: str) -> Guard:
    name, sign, rest = text.partition("=")
    words = shlex.split(rest.replace("\\", "\\\\"))
    parts = words[0].split("/") if words else []
    if not sign or not name.strip() or len(parts) != 3:
        raise UsageError("one looks like RDP=in/tcp,udp/3389 or DNS=out/udp/53 as=service:Dnscache")
    direction, protocols, ports = parts
    if direction not in {"in", "out"}:
        raise UsageError(f"no direction {direction!r}; there is in and out")
    said = dict(_settings(words[1:]))
    ends = {"local": said.get("local-port"), "remote": said.get("remote-port")}
    server = "local" if direction == "in" else "remote"
    if ends[server] is not None:
        raise UsageError(f"{server}-port is said already: {ports}")
    ends[server] = ports
    version = said.get("ip-version")
    if version not in {None, "4", "6"}:
        raise UsageError(f"IP version is 4 or 6, got {version}")
    asked = AskedFlows(
        directions=(direction,),
        protocols=tuple(protocols.split(",")),
        version=int(version) if version else None,
        local=(said["local"],) if "local" in said else (),
        remote=(said["remote"],) if "remote" in said else (),
        local_ports=ends["local"],
        remote_ports=ends["remote"],
        said=Said(app=said.get("app"), account=said.get("as"), profile=said.get("profile"),
                  loopback=False),
    )  # fmt: skip
    return Guard(name=name.strip(), wanted=structs.replace(wanted_of(asked), own_service=True))


def _settings(words: list[str]) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for word in words:
        key, sign, value = word.partition("=")
        if not sign or not value or key not in _KEYS:
            raise UsageError(f"no setting {word!r}; there is {', '.join(_KEYS)}")
        if key in seen:
            raise UsageError(f"{key} is said twice")
        seen.add(key)
        yield key, value
