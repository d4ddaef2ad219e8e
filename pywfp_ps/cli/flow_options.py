"""Options that describe a flow, shared by the commands that ask about one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])

_PROFILES: Final = click.Choice(["public", "private", "domain", "none"])

_TRAFFIC: Final = (
    click.option(
        "--direction",
        type=click.Choice(["in", "out", "forward"]),
        default="out",
        show_default=True,
        help="Who sends first: this host (out) or the other side (in).",
    ),
    click.option("--protocol", default="tcp", show_default=True, metavar="NAME|N",
                 help="tcp, udp, icmp, icmpv6 or a number."),
    click.option("--local", metavar="ADDR[:PORT]", help="This host's end."),
    click.option("--remote", metavar="ADDR[:PORT]", help="The other end."),
    click.option("--ip-version", type=click.Choice(["4", "6"]),
                 help="Where no address says it."),
    click.option("--icmp", metavar="TYPE[:CODE]", help="ICMP type and code."),
    click.option("--listen", is_flag=True, help="A TCP socket that listens."),
    click.option("--bind", is_flag=True, help="A socket that is bound."),
)  # fmt: skip
_REST: Final = (
    click.option("--app", metavar="PATH", help="Program: DOS path, device path or System."),
    click.option("--as", "account", metavar="PRESET",
                 help="user, admin, system, local-service, network-service, service:NAME or "
                 "package:FAMILY."),
    click.option("--user", metavar="SID", help="Account the program runs as."),
    click.option("--group", "groups", multiple=True, metavar="SID", help="A group it holds."),
    click.option("--service", "services", multiple=True, metavar="NAME",
                 help="A service whose SID its token holds."),
    click.option("--groups-complete", is_flag=True, help="The token holds nothing else."),
    click.option("--package", metavar="SID|FAMILY|none", help="AppContainer of the program."),
    click.option("--remote-package", metavar="SID|FAMILY|none",
                 help="AppContainer at the other end of a loopback connection."),
    click.option("--capability", "capabilities", multiple=True, metavar="SID",
                 help="A capability of the AppContainer; say all of them."),
    click.option("--no-capabilities", is_flag=True, help="The AppContainer has none."),
    click.option("--bind-address", metavar="ADDR", help="Address the socket was bound to."),
    click.option("--interface", metavar="LUID|NAME", help="Interface of this host."),
    click.option("--interface-index", type=int, metavar="N", help="Its index."),
    click.option("--interface-type", type=int, metavar="N", help="Its IANA type."),
    click.option("--tunnel-type", type=int, metavar="N", help="Its tunnel type."),
    click.option("--quarantine-epoch", type=int, metavar="N", help="Its quarantine epoch."),
    click.option("--quarantined", is_flag=True, help="The interface is held in quarantine."),
    click.option("--profile", type=_PROFILES, help="Network category, for every profile field."),
    click.option("--original-profile", type=_PROFILES, help="Category when the flow began."),
    click.option("--current-profile", type=_PROFILES, help="Category now."),
    click.option("--arrival-profile", type=_PROFILES, help="Category of the arrival interface."),
    click.option("--nexthop-profile", type=_PROFILES, help="Category of the next-hop interface."),
    click.option("--loopback/--no-loopback", default=None, help="Whether both ends are this host."),
    click.option("--reauthorize", is_flag=True, help="A known flow that is classified again."),
    click.option("--raw", is_flag=True, help="A raw socket."),
    click.option("--redirected/--no-redirected", default=None,
                 help="Whether a local product redirected the connection."),
    click.option("--ipsec/--no-ipsec", default=None, help="Whether IPsec protects it."),
    click.option("--field", "fields", multiple=True, metavar="NAME=VALUE",
                 help="Value of any other condition field, vSwitch and MAC fields too."),
)  # fmt: skip
_TRAFFIC_NAMES: Final = ("direction", "protocol", "local", "remote", "icmp", "listen", "bind")
_REST_NAMES: Final = (
    "app", "account", "user", "groups", "services", "groups_complete", "package",
    "remote_package", "bind_address", "interface", "interface_index", "interface_type",
    "tunnel_type", "quarantine_epoch", "quarantined", "profile", "original_profile",
    "current_profile", "arrival_profile", "nexthop_profile", "loopback", "reauthorize", "raw",
    "redirected", "ipsec", "fields",
)  # fmt: skip


def flow_options(function: Function) -> Function:
    """Adds the options of a flow; the command gets them as ``said``."""

    @functools.wraps(function)
    def command(*args: Any, ip_version: str | None, **kw: Any) -> Any:
        from msgspec import structs

        traffic = {name: kw.pop(name) for name in _TRAFFIC_NAMES}
        version = int(ip_version) if ip_version else None
        said = structs.replace(kw.pop("said"), ip_version=version, **traffic)
        return function(*args, said=said, **kw)

    command = rest_options(command)
    for option in reversed(_TRAFFIC):
        command = option(command)
    return command  # type: ignore[return-value] # the wrapper takes the place of the function


def rest_options(function: Function) -> Function:
    """Adds what a flow says beside its traffic; the command gets it as ``said``."""

    @functools.wraps(function)
    def command(*args: Any, capabilities: tuple[str, ...], no_capabilities: bool, **kw: Any) -> Any:
        from pywfp_ps.explain.said import Said

        said = Said(
            capabilities=capabilities if capabilities or no_capabilities else None,
            **{name: kw.pop(name) for name in _REST_NAMES},
        )
        return function(*args, said=said, **kw)

    for option in reversed(_REST):
        command = option(command)
    return command  # type: ignore[return-value] # the wrapper takes the place of the function
