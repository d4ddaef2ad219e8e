"""Options that describe many flows at once, shared by the commands that ask about all of them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from pywfp_ps.cli.flow_options import rest_options

Function = TypeVar("Function", bound=Callable[..., Any])

_OPTIONS: Final = (
    click.option("--direction", "directions", multiple=True,
                 type=click.Choice(["in", "out", "forward"]),
                 help="Who sends first; in and out unless said."),
    click.option("--protocol", "protocols", multiple=True, metavar="NAME|N",
                 help="tcp, udp, icmp, icmpv6 or a number; every one unless said."),
    click.option("--ip-version", type=click.Choice(["4", "6"]), help="Both unless said."),
    click.option("--local", multiple=True, metavar="ADDR[/BITS][:PORTS]",
                 help="This host's end: 192.0.2.0/24, 192.0.2.7:443, :80,8000-8100."),
    click.option("--remote", multiple=True, metavar="ADDR[/BITS][:PORTS]",
                 help="The other end, in the same way."),
    click.option("--local-port", "local_ports", metavar="PORTS", help="Such as 80,8000-8100."),
    click.option("--remote-port", "remote_ports", metavar="PORTS", help="Such as 443."),
    click.option("--icmp", metavar="TYPE[:CODE]", help="ICMP type and code."),
    click.option("--listen", is_flag=True, help="TCP sockets that listen, not connections."),
    click.option("--bind", is_flag=True, help="Sockets that are bound, not connections."),
    click.option("--layer", metavar="NAME", help="Only this layer of the path."),
)  # fmt: skip


def wanted_options(function: Function) -> Function:
    """Adds the options of many flows; the command gets them as ``wanted``."""

    @functools.wraps(function)
    def command(*args: Any, said: Any, **kw: Any) -> Any:
        from msgspec import structs

        from pywfp_ps.errors import UsageError
        from pywfp_ps.explain.asked import AskedFlows, wanted_of
        from pywfp_ps.model.layers import layers_named

        if kw["listen"] and kw["bind"]:
            raise UsageError("choose one of --listen and --bind")
        layer = kw.pop("layer")
        layers = layers_named(layer) if layer else ()
        if layer and not layers:
            raise UsageError(f"no layer {layer!r}; see wfp path")
        version = kw.pop("ip_version")
        said = structs.replace(said, listen=kw.pop("listen"), bind=kw.pop("bind"))
        names = (
            "directions",
            "protocols",
            "local",
            "remote",
            "local_ports",
            "remote_ports",
            "icmp",
        )
        asked = AskedFlows(
            version=int(version) if version else None,
            layers=layers,
            said=said,
            **{name: kw.pop(name) for name in names},
        )
        return function(*args, wanted=wanted_of(asked), **kw)

    command = rest_options(command)
    for option in reversed(_OPTIONS):
        command = option(command)
    return command  # type: ignore[return-value] # the wrapper takes the place of the function
