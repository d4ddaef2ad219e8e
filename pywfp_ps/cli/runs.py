"""The runs of the store."""

from __future__ import annotations

import re
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from pywfp_ps.cli.options import open_store, store_option
from pywfp_ps.errors import UsageError
from pywfp_ps.report.rows import write_json, write_table
from pywfp_ps.report.text import visible

if TYPE_CHECKING:
    from pywfp_ps.store import Run, Store

_COLUMNS: Final = ("run_id", "state", "command", "started_at", "finished_at", "hosts", "filters")
_AGE: Final = re.compile(r"(\d{1,6})([dhm])")
_MOST_NAMED: Final = 10
_UNITS: Final = {"d": "days", "h": "hours", "m": "minutes"}


@click.command()
@click.option("--prune", is_flag=True, help="Remove runs; needs --keep or --older-than.")
@click.option("--keep", type=click.IntRange(min=0), help="With --prune: the newest runs to keep.")
@click.option("--older-than", metavar="AGE", help="With --prune: only runs older, e.g. 30d or 12h.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@store_option
def runs(
    prune: bool, keep: int | None, older_than: str | None, as_json: bool, store_folder: Path
) -> None:
    """List the runs of the store, oldest first, or remove old ones.

    Example: `wfp runs --prune --keep 10 --older-than 30d`
    """
    if not prune and (keep is not None or older_than is not None):
        raise UsageError("--keep and --older-than go with --prune")
    with open_store(store_folder) as store:
        if prune:
            held = _hosts_with_a_snapshot(store)
            listed = store.prune(keep=keep, older_than=_age(older_than))
            click.echo(f"wfp: {len(listed)} run{'s' * (len(listed) != 1)} removed", err=True)
            if lost := sorted(held - _hosts_with_a_snapshot(store)):
                more = f" and {len(lost) - _MOST_NAMED} more" if len(lost) > _MOST_NAMED else ""
                names = visible(", ".join(lost[:_MOST_NAMED]))
                click.echo(f"wfp: hosts without any snapshot now: {names}{more}", err=True)
        else:
            listed = store.runs()
    rows = [_row(run) for run in listed]
    if as_json:
        write_json(_COLUMNS, rows, sys.stdout)
    else:
        write_table(_COLUMNS, rows, sys.stdout, terminal=sys.stdout.isatty())


def _hosts_with_a_snapshot(store: Store) -> set[str]:
    return {line.host for line in store.hosts(partial=True) if line.snapshot_run_id}


def _row(run: Run) -> list[object]:
    told = run.manifest
    return [
        run.id,
        run.state,
        told.command,
        told.started_at,
        told.finished_at,
        told.rows("hosts"),
        told.rows("filters"),
    ]


def _age(text: str | None) -> timedelta | None:
    if text is None:
        return None
    found = _AGE.fullmatch(text)
    if found is None:
        raise UsageError(f"{text!r} is no age; one looks like 30d, 12h or 45m")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
