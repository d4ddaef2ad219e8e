"""Options that say which hosts are meant and how they let us in."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click
from msgspec import Struct

from pywfp_ps.errors import UsageError
from pywfp_ps.report.text import visible

if TYPE_CHECKING:
    from pathlib import Path

    from pywfp_ps.fleet.connection import Resolved, Risk
    from pywfp_ps.fleet.inventory import Inventory

Function = TypeVar("Function", bound=Callable[..., Any])


class TargetOptions(Struct, frozen=True, kw_only=True):
    """Which hosts, and the account to use where an inventory names none.

    Attributes:
        hosts: A pattern; without an inventory a list of hosts.
        inventory: Inventory files and folders.
        limit: A further pattern.
        user: Account.
        password_from: Source of its password.
        vault_from: Sources of vault passwords.
        allow: Risks that are taken by name.
        is_resumed: Whether they go on with a run.
        run_limit: The pattern that the run began with; `limit` holds beside it, for this once.
    """

    hosts: str | None
    inventory: tuple[str, ...]
    limit: str | None
    user: str | None
    password_from: str | None
    vault_from: tuple[str, ...]
    allow: tuple[Risk, ...]
    is_resumed: bool = False
    run_limit: str | None = None


class Meant(Struct, frozen=True, kw_only=True):
    """The hosts that options mean, ready to be visited."""

    resolved: Resolved
    groups: dict[str, tuple[str, ...]]


def target_options(function: Function) -> Function:
    """Adds the options; the command gets `TargetOptions` as ``asked``."""

    @click.argument("hosts", required=False)
    @click.option(
        "-i",
        "--inventory",
        multiple=True,
        metavar="PATH",
        help="Inventory as Ansible has it: INI, YAML, JSON, or a folder of them.",
    )
    @click.option("--limit", metavar="PATTERN", help="Only hosts that match this too.")
    @click.option("-u", "--user", help="Account, where the inventory names none.")
    @click.option("-k", "--ask-pass", is_flag=True, help="Ask for the account's password.")
    @click.option(
        "--password-from",
        metavar="SOURCE",
        help="env:NAME, file:PATH, keyring:SERVICE[/USER] or command:PROGRAM that prints it.",
    )
    @click.option(
        "--vault-password-from",
        "vault_from",
        multiple=True,
        metavar="[LABEL@]SOURCE",
        help="Password of a vault: prompt, env:NAME, file:PATH, keyring:... or command:...",
    )
    @click.option(
        "--allow",
        multiple=True,
        type=click.Choice(["basic", "credssp", "clear"]),
        help="Take a risk: basic and credssp hand over the password, clear lets all be read.",
    )
    @functools.wraps(function)
    def command(
        *args: Any,
        hosts: str | None,
        inventory: tuple[str, ...],
        limit: str | None,
        user: str | None,
        ask_pass: bool,
        password_from: str | None,
        vault_from: tuple[str, ...],
        allow: tuple[Risk, ...],
        **kw: Any,
    ) -> Any:
        if ask_pass and password_from:
            raise UsageError("choose one of --ask-pass and --password-from")
        asked = TargetOptions(
            hosts=hosts,
            inventory=inventory,
            limit=limit,
            user=user,
            password_from="prompt" if ask_pass else password_from,
            vault_from=vault_from,
            allow=allow,
        )
        return function(*args, asked=asked, **kw)

    return command  # type: ignore[return-value] # the wrapper takes the place of the function


def inventory_alone(path: Path) -> TargetOptions:
    """All hosts of an inventory that says everything."""
    return TargetOptions(
        hosts=None,
        inventory=(str(path),),
        limit=None,
        user=None,
        password_from=None,
        vault_from=(),
        allow=(),
    )


def meant_by(
    asked: TargetOptions,
    *,
    without: frozenset[str] = frozenset(),
    awaited: frozenset[str] = frozenset(),
    may_be_none: bool = False,
) -> Meant:
    """The targets that the options mean; notices go to stderr.

    Args:
        asked: The options.
        without: Names to leave out; their groups are known all the same.
        awaited: Names that a run still lacks; those that are meant no more are told.
        may_be_none: Whether it is well where all names are left out.

    Raises:
        UsageError: Nothing is named, or something that is not there.
    """
    from pywfp_ps.fleet.connection import resolve_targets
    from pywfp_ps.fleet.patterns import select_hosts
    from pywfp_ps.fleet.secrets import read_secret
    from pywfp_ps.transports.base import Credential

    inventory = _inventory(asked)
    pattern = asked.hosts if asked.inventory and asked.hosts else "all"
    if asked.is_resumed:
        every = _of_run(inventory, pattern, asked.run_limit, awaited)
        wanted = set(select_hosts(inventory, asked.limit or "all"))
        names = [name for name in every if name in wanted]
    else:
        names = every = select_hosts(inventory, pattern, asked.limit)
    left = [name for name in names if name not in without]
    if not left and not may_be_none:
        within = f" within the limit {asked.limit!r}" if asked.is_resumed and asked.limit else ""
        raise UsageError(f"no host is left{within} that is not ok")
    password = None
    if asked.password_from:
        password = read_secret(asked.password_from, user=asked.user or "")
    fallback = Credential(user=asked.user, password=password)
    resolved = resolve_targets(inventory, left, fallback=fallback, allow=asked.allow)
    for notice in resolved.notices:
        click.echo(f"wfp: {visible(str(notice))}", err=True)
    groups = {
        name: tuple(
            group.name
            for group in inventory.host(name).all_groups()
            if group.name not in {"all", "ungrouped"}
        )
        for name in every
    }
    return Meant(resolved=resolved, groups=groups)


def _of_run(
    inventory: Inventory, pattern: str, limit: str | None, awaited: frozenset[str]
) -> list[str]:
    """The hosts that a run meant; what the inventory has lost of them since is told on stderr."""
    from pywfp_ps.fleet.patterns import select_hosts

    terms: list[str] = []
    found = select_hosts(inventory, pattern, limit, gone=terms)
    for term in dict.fromkeys(terms):
        told = f"the run named {term!r}, which is no host and no group of the inventory now"
        click.echo(f"wfp: {visible(told)}", err=True)
    if lost := sorted(awaited - set(found)):
        more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
        told = f"{lost[0]}{more} of the run: not ok, and the inventory has no such host now"
        if lost[0] in inventory.hosts:
            told = (
                f"{lost[0]}{more} of the run: not ok, and its pattern does not mean that host now"
            )
        click.echo(f"wfp: {visible(told)}", err=True)
    return found


def _inventory(asked: TargetOptions) -> Inventory:
    from pywfp_ps.fleet.inventory import load_inventory
    from pywfp_ps.fleet.secrets import read_vault_password
    from pywfp_ps.fleet.vault import Vault

    if not asked.inventory and not asked.hosts:
        raise UsageError("name hosts (web-03,web-04) or an inventory (--inventory)")
    vault = Vault([read_vault_password(source) for source in asked.vault_from])
    sources = asked.inventory or (f"{str(asked.hosts).removesuffix(',')},",)
    return load_inventory(sources, vault=vault)
