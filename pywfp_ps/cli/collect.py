"""Hosts into the store."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from msgspec import Struct
from msgspec.structs import replace

from pywfp_ps.cli.limits import given_names, limit_options, limits_of
from pywfp_ps.cli.options import store_option
from pywfp_ps.cli.recap import Recap, line_of, live
from pywfp_ps.cli.targets import Meant, TargetOptions, meant_by, target_options
from pywfp_ps.errors import UsageError
from pywfp_ps.report.rows import json_line
from pywfp_ps.report.text import visible

if TYPE_CHECKING:
    from pywfp_ps.collect.resuming import Request
    from pywfp_ps.collect.visiting import Plan
    from pywfp_ps.fleet.outcomes import Outcome
    from pywfp_ps.store import RunWriter, Store
    from pywfp_ps.transports.base import Transport

_BYTES_A_HOST: Final = 600_000
"""What a host of 1,000 filters takes in a store, raw and rows, with room to spare."""


class CollectOptions(Struct, frozen=True, kw_only=True):
    """What a collection is told beside its hosts.

    Attributes:
        source: What is asked on the host.
        visits: Values of the options of `limit_options`.
        max_dump_mb: Largest dump that is taken, in 2^20 bytes.
        no_context: Whether the context is left out.
        resume: The run to go on with.
        record: Folder for the frames of every host.
        as_json: Whether outcomes are told as JSON.
    """

    source: str
    visits: dict[str, Any]
    max_dump_mb: int
    no_context: bool
    resume: str | None
    record: Path | None
    as_json: bool

    def kept(self) -> dict[str, Any]:
        """What a resumed run takes over."""
        own = {"source": self.source, "max_dump_mb": self.max_dump_mb}
        return {**self.visits, **own, "no_context": self.no_context}


@click.command()
@target_options
@click.option(
    "--source",
    type=click.Choice(["netsh", "ntobjectmanager", "both"]),
    default="netsh",
    show_default=True,
    help="What is asked on the host; only netsh for now.",
)
@limit_options(timeout=300)
@click.option("--resume", metavar="RUN", help="Go on with a run: visit the hosts that are not ok.")
@click.option(
    "--max-dump-mb",
    type=click.IntRange(1, 4096),
    default=512,
    show_default=True,
    help="Largest dump to take.",
)
@click.option(
    "--record",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Keep the frames of every host, to replay.",
)
@click.option("--no-context", is_flag=True, help="Leave out what surrounds the filter engine.")
@click.option(
    "--show-script", is_flag=True, help="Print the script that hosts would run, and its hash."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a host, as they come.")
@store_option
def collect(asked: TargetOptions, show_script: bool, store_folder: Path, **options: Any) -> int:
    """Collect the filter engine's state of hosts over PowerShell remoting.

    HOSTS is a pattern over the inventory, or without one a list such as web-03,web-04. What a host
    sends is on disk before it is read, and every host ends with an outcome and its cause.

    Example: `wfp collect --inventory site.yml 'web*:!web-09'` or `wfp collect web-03 -u ops -k`
    """
    from pywfp_ps.collect.resuming import done_hosts
    from pywfp_ps.store import Store

    told = CollectOptions(**options)
    if told.source != "netsh":
        raise UsageError(f"--source {told.source} cannot be collected yet; use --source netsh")
    if show_script:
        _show_script(_plan(told, {}))
        return 0
    if told.resume is None:
        meant = meant_by(asked)
        with Store.open(store_folder, create=True) as store:
            return _collect(store, asked, told, meant)
    with Store.open(store_folder) as store:
        asked, told = _as_before(store, told.resume, asked, told)
        done = done_hosts(store, told.resume or "")
        # Where the run died with all of its hosts on disk, their rows are still to be made.
        is_dead = not store.run(told.resume or "").readable
        meant = meant_by(asked, without=done, may_be_none=is_dead)
        return _collect(store, asked, told, meant, len(done))


def _collect(
    store: Store, asked: TargetOptions, told: CollectOptions, meant: Meant, done: int = 0
) -> int:
    from pywfp_ps.collect.collecting import Collection
    from pywfp_ps.collect.resuming import recover
    from pywfp_ps.fleet.fanout import cancelled_by_interrupt

    targets = meant.resolved.targets
    _check_room(store, len(targets))
    transport = _transport(told.record)
    is_dead = told.resume is not None and not store.run(told.resume).readable
    recap = Recap(len(targets) + done * is_dead)
    with _writer(store, asked, told) as run, live(recap) as moved:

        def tell(outcome: Outcome) -> None:
            recap.add(outcome)
            moved()
            sys.stdout.write(line_of(outcome, as_json=told.as_json) + "\n")
            sys.stdout.flush()

        for outcome in recover(store, run, meant.groups) if is_dead else ():
            tell(outcome)
        collection = Collection(run, targets, lambda _: transport, _plan(told, meant.groups))
        with cancelled_by_interrupt(collection.fan_out):
            for outcome in collection:
                tell(outcome)
        _tell_shared(collection.machines.shared(), run)
        run.note(json_line(recap.total()))
        if collection.is_interrupted:
            run.finish(interrupted=True)
    click.echo(f"wfp: run {run.run_id}", err=True)
    recap.tell(as_json=told.as_json)
    return recap.exit_code


def _plan(told: CollectOptions, groups: dict[str, tuple[str, ...]]) -> Plan:
    from pywfp_ps.collect.visiting import CONTEXT, Plan

    return Plan(
        limits=limits_of(told.visits),
        max_dump_mb=told.max_dump_mb,
        context=() if told.no_context else CONTEXT,
        groups=groups,
    )


def _transport(record: Path | None) -> Transport:
    from pywfp_ps.transports import load

    psrp: Transport = load("psrp")()
    if record is None:
        return psrp
    from pywfp_ps.transports.recorded import RecordingTransport

    return RecordingTransport(psrp, record)


@contextmanager
def _writer(store: Store, asked: TargetOptions, told: CollectOptions) -> Iterator[RunWriter]:
    """The run, with what was asked for in it before anything else."""
    if told.resume:
        writer = store.resume_run(told.resume)
    else:
        writer = store.begin_run(command="collect", version=_version())
    with writer:
        writer.put_request(_request(asked, told))
        yield writer


def _version() -> str:
    from importlib.metadata import version

    return version("pywfp-ps")


def _request(asked: TargetOptions, told: CollectOptions) -> Request:
    from pywfp_ps.collect.resuming import Request

    there = [str(Path(one).absolute()) if Path(one).exists() else one for one in asked.inventory]
    return Request(
        hosts=asked.hosts,
        inventory=tuple(there),
        limit=asked.limit,
        user=asked.user,
        password_from=asked.password_from,
        vault_from=asked.vault_from,
        allow=asked.allow,
        options=told.kept(),
    )


def _as_before(
    store: Store, run: str, asked: TargetOptions, told: CollectOptions
) -> tuple[TargetOptions, CollectOptions]:
    """What was asked for when the run began, but for what is given now."""
    from pywfp_ps.collect.resuming import request_of

    request = request_of(store, run)
    if request is None:
        if not asked.hosts and not asked.inventory:
            raise UsageError(f"run {run} does not say what was asked for; name its --inventory")
        return asked, told
    if asked.hosts is not None and asked.hosts != request.hosts:
        raise UsageError("a resumed run has its hosts; use --limit to visit fewer of them")
    allow: Any = asked.allow or request.allow
    asked = replace(
        asked,
        hosts=request.hosts,
        inventory=asked.inventory or request.inventory,
        limit=asked.limit or request.limit,
        user=asked.user or request.user,
        password_from=asked.password_from or request.password_from,
        vault_from=asked.vault_from or request.vault_from,
        allow=allow,
    )
    given = given_names()
    kept = {k: v for k, v in request.options.items() if k in told.kept() and k not in given}
    merged = {**told.kept(), **kept}
    visits = {name: merged.pop(name) for name in told.visits}
    return asked, replace(told, visits=visits, **merged)


def _tell_shared(machines: list[tuple[str, ...]], run: RunWriter) -> None:
    for names in machines:
        text = f"{', '.join(names)} are one machine by what it says of itself"
        click.echo(f"wfp: {visible(text)}", err=True)
        run.note(text)


def _show_script(plan: Plan) -> None:
    from pywfp_ps.collect.visiting import CALL, arguments_of
    from pywfp_ps.resources import script_for

    script = script_for(CALL, arguments_of(plan, "20000101T000000Z-000000"))
    sys.stdout.write(script.text)
    click.echo(f"wfp: {script.call}, SHA-256 {script.sha256}", err=True)


def _check_room(store: Store, hosts: int) -> None:
    """Refuses a run that would not fit on the disk."""
    import shutil

    free, wanted = shutil.disk_usage(store.folder).free, hosts * _BYTES_A_HOST
    if wanted > free:
        raise UsageError(
            f"{hosts} hosts need about {wanted >> 20} MB and the store's disk has"
            f" {free >> 20} MB free; use another --store or fewer hosts"
        )
