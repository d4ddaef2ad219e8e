"""A question as people write it, turned into a flow."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from pywfp_ps.errors import UsageError
from pywfp_ps.explain.flow import (
    ICMP,
    KERNEL,
    PRESETS,
    Address,
    Flow,
    parse_app,
    parse_end,
    parse_package,
    parse_profile,
    parse_protocol,
)
from pywfp_ps.model.tables import key_of

_PREFIX: Final = "FWPM_CONDITION_"
_LONGEST_ALIAS: Final = 256  # IF_MAX_STRING_SIZE (ifdef.h)
_DIRECTIONS: Final = ("in", "out", "forward")


class Said(Struct, frozen=True, kw_only=True):
    """What was said, as text; names and meanings as in `Flow`.

    Attributes:
        local: ``ADDR`` or ``ADDR:PORT``.
        remote: The same for the other end.
        icmp: ``TYPE`` or ``TYPE:CODE``.
        account: A preset, ``service:NAME`` or ``package:FAMILY``.
        package: SID, family name or ``none``.
        interface: LUID, decimal or ``0x`` and hex digits, or the name of the interface.
        fields: ``NAME=VALUE`` for further condition fields.
        listen: A listening socket, not a connection.
        bind: A bound socket, not a connection.
    """

    direction: str = "out"
    protocol: str = "tcp"
    ip_version: int | None = None
    local: str | None = None
    remote: str | None = None
    icmp: str | None = None
    app: str | None = None
    account: str | None = None
    user: str | None = None
    groups: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    groups_complete: bool = False
    package: str | None = None
    remote_package: str | None = None
    capabilities: tuple[str, ...] | None = None
    bind_address: str | None = None
    interface: str | None = None
    interface_index: int | None = None
    interface_type: int | None = None
    tunnel_type: int | None = None
    quarantine_epoch: int | None = None
    quarantined: bool = False
    profile: str | None = None
    original_profile: str | None = None
    current_profile: str | None = None
    arrival_profile: str | None = None
    nexthop_profile: str | None = None
    loopback: bool | None = None
    reauthorize: bool = False
    raw: bool = False
    redirected: bool | None = None
    ipsec: bool | None = None
    listen: bool = False
    bind: bool = False
    fields: tuple[str, ...] = ()


def flow_of(said: Said) -> Flow:
    """The flow that was described.

    Raises:
        UsageError: Something makes no sense, or the IP version follows from nothing.
    """
    if said.direction not in _DIRECTIONS:
        raise UsageError(f"no direction {said.direction!r}; there is {', '.join(_DIRECTIONS)}")
    if said.listen and said.bind:
        raise UsageError("choose one of --listen and --bind")
    protocol = parse_protocol(said.protocol)
    local, local_port = _end(said.local)
    remote, remote_port = _end(said.remote)
    bound, bound_port = _end(said.bind_address)
    if bound_port is not None:
        raise UsageError("the bind address has no port; say the local port with --local")
    icmp_type, icmp_code = _icmp(said.icmp)
    preset, services, package, family = _account(said)
    luid, alias = _interface(said.interface)
    app = parse_app(said.app) if said.app is not None else None
    if app == KERNEL and preset == "system":
        preset = None  # the kernel is LocalSystem by itself, and holds no service SIDs
    return Flow(
        direction="in" if said.direction == "in" or said.listen else said.direction,  # type: ignore[arg-type] # checked above
        action="listen" if said.listen else "bind" if said.bind else "connect",
        ip_version=_version(said, protocol, (local, remote, bound)),
        protocol=protocol,
        local_address=local,
        remote_address=remote,
        local_port=local_port,
        remote_port=remote_port,
        icmp_type=icmp_type,
        icmp_code=icmp_code,
        app=app,
        preset=preset,
        user=said.user.upper() if said.user else None,
        groups=tuple(group.upper() for group in said.groups),
        services=services,
        groups_complete=said.groups_complete,
        package=package,
        family=family,
        remote_package=parse_package(said.remote_package)[0] if said.remote_package else None,
        capabilities=said.capabilities,
        bind_address=bound,
        interface=luid,
        interface_alias=alias,
        interface_index=said.interface_index,
        interface_type=said.interface_type,
        tunnel_type=said.tunnel_type,
        quarantine_epoch=said.quarantine_epoch,
        quarantined=said.quarantined,
        profile=_profile(said.profile),
        original_profile=_profile(said.original_profile),
        current_profile=_profile(said.current_profile),
        arrival_profile=_profile(said.arrival_profile),
        nexthop_profile=_profile(said.nexthop_profile),
        loopback=said.loopback,
        reauthorize=said.reauthorize,
        raw=said.raw,
        redirected=said.redirected,
        ipsec=said.ipsec,
        fields=tuple(map(_field, said.fields)),
    )


def _end(text: str | None) -> tuple[Address | None, int | None]:
    return parse_end(text) if text else (None, None)


def _version(said: Said, protocol: int, addresses: tuple[Address | None, ...]) -> int:
    versions: set[int] = {address.version for address in addresses if address is not None}
    if said.ip_version is not None:
        versions.add(said.ip_version)
    if len(versions) > 1:
        raise UsageError("an IPv4 and an IPv6 address do not go together")
    if versions:
        return versions.pop()
    if protocol in ICMP:
        return 4 if protocol == 1 else 6
    raise UsageError("say an address (--remote or --local), or the IP version with --ip-version")


def _icmp(text: str | None) -> tuple[int | None, int | None]:
    if text is None:
        return None, None
    kind, _, code = text.partition(":")
    if not kind.isdigit() or (code and not code.isdigit()):
        raise UsageError(f"{text!r} is no ICMP type; one looks like 8 or 3:1")
    return int(kind[:4]), int(code[:4]) if code else None


def _account(said: Said) -> tuple[str | None, tuple[str, ...], str | None, str | None]:
    """Preset, services, package SID and family name."""
    preset, services, package = said.account, said.services, said.package
    if preset is not None and preset.startswith("service:"):
        services = (*services, preset.partition(":")[2])
        preset = None
    elif preset is not None and preset.startswith("package:"):
        package = package or preset.partition(":")[2]
        preset = "user"
    elif preset is not None and preset not in PRESETS:
        known = ", ".join((*PRESETS, "service:NAME", "package:FAMILY"))
        raise UsageError(f"no account {preset!r}; there is {known}")
    if any(not name for name in services):
        raise UsageError("a service needs a name: service:Dnscache")
    sid, family = parse_package(package) if package else (None, None)
    return preset, services, sid, family


def _interface(text: str | None) -> tuple[int | None, str | None]:
    """LUID, or the name that the host calls the interface by."""
    if text is None:
        return None, None
    if not text.strip() or len(text) > _LONGEST_ALIAS:
        raise UsageError(f"{text[:20]!r} is no LUID and no name of an interface")
    return (int(text, 0), None) if _is_number(text) else (None, text.strip())


def _profile(text: str | None) -> int | None:
    return None if text is None else parse_profile(text)


def _field(text: str) -> tuple[str, int | str]:
    name, sign, value = text.partition("=")
    constant = _PREFIX + name.strip().upper().removeprefix(_PREFIX)
    if not sign or not value:
        raise UsageError(f"{text!r} is no field; one looks like COMPARTMENT_ID=1")
    if key_of("conditions", constant) is None:
        raise UsageError(f"no condition field {name.strip()!r}")
    return constant, int(value, 0) if value[:1].isdigit() and _is_number(value) else value


def _is_number(text: str) -> bool:
    try:
        int(text, 0)
    except ValueError:
        return False
    return True
