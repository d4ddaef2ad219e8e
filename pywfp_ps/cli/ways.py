"""Options that say how hosts are reached where it is not over the network."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
from msgspec import Struct

from pywfp_ps.errors import UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from pywfp_ps.cli.targets import Meant, TargetOptions
    from pywfp_ps.transports.base import Transport

Function = TypeVar("Function", bound=Callable[..., Any])
_TRANSPORTS: Final = ("child", "inprocess")

source_option = click.option(
    "--source",
    type=click.Choice(["netsh", "ntobjectmanager", "both"]),
    default="netsh",
    show_default=True,
    help="What is asked on the host; both also says where the two disagree.",
)
"""Adds the option; the command gets `Source` as ``source``."""


class LocalOptions(Struct, frozen=True, kw_only=True):
    """Whether this machine is meant, and the PowerShell to ask it with.

    Attributes:
        local: Whether it is.
        transport: ``child`` or ``inprocess``; empty where nobody chose.
        pwsh: A program, its folder, or a name on the PATH; empty for the usual one.
    """

    local: bool = False
    transport: str = ""
    pwsh: str = ""


def local_options(function: Function) -> Function:
    """Adds the options; the command gets `LocalOptions` as ``here``."""

    @click.option("--local", is_flag=True, help="This machine itself, without a network.")
    @click.option(
        "--transport",
        type=click.Choice(_TRANSPORTS),
        help="With --local: a PowerShell of its own (child, the default), or one in this process.",
    )
    @click.option(
        "--pwsh", metavar="PATH", help="With --local: the PowerShell, or the folder it is in."
    )
    @functools.wraps(function)
    def command(*args: Any, local: bool, transport: str | None, pwsh: str | None, **kw: Any) -> Any:
        if not local and (transport or pwsh):
            raise UsageError("--transport and --pwsh are for --local")
        here = LocalOptions(local=local, transport=transport or "", pwsh=pwsh or "")
        return function(*args, here=here, **kw)

    return command  # type: ignore[return-value] # the wrapper takes the place of the function


def local_meant(asked: TargetOptions, *, without: frozenset[str] = frozenset()) -> Meant:
    """This machine as the only target.

    Raises:
        UsageError: Other hosts are named too, or it is left out.
    """
    from pywfp_ps.cli.targets import Meant
    from pywfp_ps.fleet.connection import Resolved
    from pywfp_ps.transports.engines import here

    if asked.hosts or asked.inventory or asked.limit or asked.user or asked.password_from:
        raise UsageError("--local is this machine alone: no hosts, inventory or account go with it")
    target = here()
    if target.name in without:
        raise UsageError("no host is left that is not ok")
    return Meant(resolved=Resolved(targets=(target,)), groups={})


def transport_for(here: LocalOptions) -> Transport:
    """The transport that the options mean: PowerShell remoting, unless this machine is meant.

    Raises:
        UsageError: There is no PowerShell here, or something that it needs is missing.
    """
    from pywfp_ps.transports import load

    if not here.local:
        remote: Transport = load("psrp")()
        return remote
    local: Transport = load(here.transport or "child")(here.pwsh or None)
    return local


class Recording(Struct, frozen=True, kw_only=True):
    """A folder of recordings, ready to be replayed.

    Attributes:
        meant: Its hosts.
        source: What was asked of them.
        context: Kinds of context that were asked for.
        asked_at: When each host was asked; None where that is unknown.
        transport: What says it all again.
    """

    meant: Meant
    source: str
    context: tuple[str, ...]
    asked_at: Mapping[str, datetime | None]
    transport: Transport


def recording_in(folder: Path, call: str, asked: TargetOptions) -> Recording:
    """The recordings of a call in a folder, of the hosts that a pattern names.

    A host whose recording is damaged is among them, to fail with what is wrong.

    Raises:
        UsageError: There are none, or they were not asked for the same.
    """
    from pywfp_ps.cli.targets import Meant
    from pywfp_ps.fleet.connection import Resolved
    from pywfp_ps.fleet.inventory import load_inventory
    from pywfp_ps.fleet.patterns import select_hosts
    from pywfp_ps.transports.base import Target
    from pywfp_ps.transports.recorded import RecordedTransport, recorded_jobs

    if asked.inventory or asked.user or asked.password_from:
        raise UsageError("--replay asks no host: no inventory or account goes with it")
    recorded = recorded_jobs(folder, call)
    jobs = {job.host: job for job in recorded.jobs}
    names = sorted({*jobs, *recorded.damaged})
    if not names:
        raise UsageError(f"{folder} holds no recording of {call}")
    if asked.hosts or asked.limit:
        inventory = load_inventory([",".join(names) + ","])
        names = select_hosts(inventory, asked.hosts or "all", asked.limit)
    ways = {_asked_for(jobs[name].arguments) for name in names if name in jobs}
    if len(ways) > 1:
        raise UsageError(
            f"hosts in {folder} were asked for different things; name those of one kind"
        )
    source, context = ways.pop() if ways else _asked_for({})
    targets = tuple(Target(name=name, address="recorded", connection="local") for name in names)
    return Recording(
        meant=Meant(resolved=Resolved(targets=targets), groups={}),
        source=source,
        context=context,
        asked_at={name: jobs[name].asked_at if name in jobs else None for name in names},
        transport=RecordedTransport(folder, recorded.damaged),
    )


def _asked_for(arguments: dict[str, str | list[str]]) -> tuple[str, tuple[str, ...]]:
    """Source and kinds of context of a recorded call."""
    source, context = arguments.get("Source", "netsh"), arguments.get("Context", "")
    kinds = [context] if isinstance(context, str) else context
    return str(source), tuple(kind for kind in kinds if kind)
