"""Hosts into the store."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from pywfp_ps.cli.options import store_option
from pywfp_ps.cli.recap import Recap, line_of, live
from pywfp_ps.cli.targets import Meant, TargetOptions, meant_by, target_options
from pywfp_ps.errors import UsageError
from pywfp_ps.report.rows import json_line

if TYPE_CHECKING:
    from pywfp_ps.collect.visiting import Plan
    from pywfp_ps.store import Store

_BYTES_A_HOST: Final = 600_000
"""What a host of 1,000 filters takes in a store, raw and rows, with room to spare."""


@click.command()
@target_options
@click.option(
    "--source",
    type=click.Choice(["netsh"]),
    default="netsh",
    show_default=True,
    help="What is asked on the host.",
)
@click.option(
    "--at-once",
    type=click.IntRange(1, 1000),
    default=20,
    show_default=True,
    help="Hosts at the same time.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(1),
    default=300,
    show_default=True,
    metavar="SECONDS",
    help="Most time of a host.",
)
@click.option(
    "--retries",
    type=click.IntRange(0, 10),
    default=1,
    show_default=True,
    help="Further tries where a cause can pass.",
)
@click.option(
    "--canary",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Try N hosts first; stop if most of them fail.",
)
@click.option(
    "--rate",
    type=click.FloatRange(0),
    default=0,
    metavar="N",
    help="Begin at most N hosts a second.",
)
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
def collect(
    asked: TargetOptions,
    source: str,
    at_once: int,
    timeout: float,
    retries: int,
    canary: int,
    rate: float,
    resume: str | None,
    max_dump_mb: int,
    record: Path | None,
    no_context: bool,
    show_script: bool,
    as_json: bool,
    store_folder: Path,
) -> int:
    """Collect the filter engine's state of hosts over PowerShell remoting.

    HOSTS is a pattern over the inventory, or without one a list such as web-03,web-04. What a host
    sends is on disk before it is read, and every host ends with an outcome and its cause.

    Example: `wfp collect --inventory site.yml 'web*:!web-09'` or `wfp collect web-03 -u ops -k`
    """
    from pywfp_ps.collect.visiting import Plan
    from pywfp_ps.fleet.fanout import Limits
    from pywfp_ps.store import Store

    if show_script:
        _show_script()
        return 0
    limits = Limits(at_once=at_once, seconds=timeout, retries=retries, canary=canary, rate=rate)
    with Store.open(store_folder, create=True) as store:
        meant = meant_by(asked, only=_left_of(store, resume))
        _check_room(store, len(meant.resolved.targets))
        plan = Plan(limits=limits, max_dump_mb=max_dump_mb, groups=meant.groups)
        return _collect(store, meant, plan, resume, as_json=as_json)


def _collect(store: Store, meant: Meant, plan: Plan, resume: str | None, *, as_json: bool) -> int:
    from pywfp_ps.collect.collecting import Collection
    from pywfp_ps.fleet.fanout import cancelled_by_interrupt
    from pywfp_ps.transports import load

    targets = meant.resolved.targets
    psrp = load("psrp")()
    recap = Recap(len(targets))
    writer = store.begin_run(command="collect")
    with writer as run:
        collection = Collection(run, targets, lambda _: psrp, plan)
        with cancelled_by_interrupt(collection.fan_out), live(recap) as moved:
            for outcome in collection:
                recap.add(outcome)
                moved()
                sys.stdout.write(line_of(outcome, as_json=as_json) + "\n")
                sys.stdout.flush()
        run.note(json_line(recap.total()))
        if recap.is_interrupted:
            run.finish(interrupted=True)
    click.echo(f"wfp: run {run.run_id}", err=True)
    recap.tell(as_json=as_json)
    return recap.exit_code


def _show_script() -> None:
    from pywfp_ps.collect.visiting import CALL
    from pywfp_ps.resources import build_script

    script = build_script(CALL)
    sys.stdout.write(script.text)
    click.echo(f"wfp: {script.call}, SHA-256 {script.sha256}", err=True)


def _left_of(store: Store, resume: str | None) -> frozenset[str] | None:
    """Hosts that a run to go on with has no good outcome of; ``None`` for a new run."""
    if resume is None:
        return None
    run = store.run(resume)
    lines = store.hosts(run=run.id) if run.readable else []
    wanted = frozenset(line.host for line in lines if line.outcome != "ok")
    if run.readable and not wanted:
        raise UsageError(f"run {run.id} has no host left that is not ok")
    return wanted if run.readable else None


def _check_room(store: Store, hosts: int) -> None:
    """Refuses a run that would not fit on the disk."""
    import shutil

    free, wanted = shutil.disk_usage(store.folder).free, hosts * _BYTES_A_HOST
    if wanted > free:
        raise UsageError(
            f"{hosts} hosts need about {wanted >> 20} MB and the store's disk has"
            f" {free >> 20} MB free; use another --store or fewer hosts"
        )
