"""One object in full."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from msgspec import structs

from pywfp_ps.cli.listing import hosts_of
from pywfp_ps.cli.options import Selection, open_store, store_option, time_options
from pywfp_ps.errors import UsageError
from pywfp_ps.report.rows import json_line
from pywfp_ps.report.text import one_line

if TYPE_CHECKING:
    from pywfp_ps.report.objects import Kind, Thing

_KINDS: Final = (
    "callout",
    "context",
    "endpoint",
    "filter",
    "layer",
    "provider",
    "session",
    "sublayer",
)
_MOST_SHOWN: Final = 10


@click.command()
@click.argument("what")
@click.option("--host", metavar="PATTERN", help="Hosts to look at; all in the store without it.")
@click.option("--kind", type=click.Choice(_KINDS), help="Kind of object, where others match too.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@time_options
@store_option
def show(
    what: str,
    host: str | None,
    kind: Kind | None,
    as_json: bool,
    store_folder: Path,
    run: str | None,
    at: datetime | None,
    partial: bool,
) -> None:
    """Show one object: all about it, what it refers to, and what refers to it.

    WHAT is a filter id, a GUID, a constant (its prefix may be left out), a display name or part
    of one. Where several objects match, they are named and nothing is shown.

    Example: `wfp show 66501 --host web-03`
    """
    from pywfp_ps.report.objects import find, report_lines, report_of

    selection = Selection(host=host, run=run, at=at, partial=partial)
    shown = 0
    with open_store(store_folder) as store:
        holds = {line.host: line.snapshot_run_id for line in store.hosts(run=run, at=at)}
        for name in hosts_of(store, selection):
            if not holds.get(name):
                continue
            snapshot = store.snapshot(name, run, at=at, partial=partial)
            found = find(snapshot, what, kind)
            if len(found) > 1:
                raise UsageError(_ambiguous(what, name, found))
            for thing in found:
                report = report_of(snapshot, thing)
                if as_json:
                    print_line(json_line({"host": name, **structs.asdict(report)}))
                else:
                    print_line(f"host {one_line(name)}")
                    for line in report_lines(report):
                        print_line(line)
                shown += 1
    if not shown:
        raise UsageError(f"no {kind or 'object'} is {what!r}{f' on {host}' if host else ''}")


def print_line(text: str) -> None:
    """Writes one line of data to stdout."""
    sys.stdout.write(text + "\n")


def _ambiguous(what: str, host: str, found: list[Thing]) -> str:
    from pywfp_ps.report.objects import KINDS, title_of

    kinds = {type_: kind for kind, type_ in KINDS.items()}
    names = [f"{kinds[type(thing)]} {title_of(thing)}" for thing in found[:_MOST_SHOWN]]
    more = f" and {len(found) - _MOST_SHOWN} more" if len(found) > _MOST_SHOWN else ""
    return f"{what!r} means {len(found)} objects on {host}: {'; '.join(names)}{more}"
