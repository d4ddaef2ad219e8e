"""One object in full."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from datetime import datetime
from functools import partial
from itertools import chain, count
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
    from pywfp_ps.model.context import HostContext
    from pywfp_ps.model.objects import Snapshot
    from pywfp_ps.report.objects import AroundKind, Kind, ObjectReport
    from pywfp_ps.store import Store

_AROUND: Final = ("driver", "process", "rule", "service")
_KINDS: Final = (
    *("callout", "context", "endpoint", "filter", "layer", "provider", "session", "sublayer"),
    *_AROUND,
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
    kind: Kind | AroundKind | None,
    as_json: bool,
    store_folder: Path,
    run: str | None,
    at: datetime | None,
    partial: bool,
) -> None:
    """Show one object: all about it, what it refers to, and what refers to it.

    WHAT is a filter id, a GUID, a constant (its prefix may be left out), a display name or part
    of one. Where several objects match, they are named and nothing is shown. Services, drivers,
    processes and firewall rules are looked at where no object of the engine matches, or where
    --kind asks for them.

    Example: `wfp show 66501 --host web-03` or `wfp show --kind service mpssvc --host web-03`
    """
    from pywfp_ps.report.objects import report_lines

    selection = Selection(host=host, run=run, at=at, partial=partial)
    shown = 0
    with open_store(store_folder) as store:
        lines = store.hosts(run=run, at=at, partial=partial)
        holds = {line.host: line.snapshot_run_id for line in lines}
        for name in hosts_of(store, selection):
            if not holds.get(name):
                continue
            snapshot = store.snapshot(name, run, at=at, partial=partial)
            reports = _reports(snapshot, _context(store, name, holds[name]), what, kind)
            if len(reports) > 1:
                raise UsageError(_ambiguous(what, name, list(reports)))
            for make in reports.values():
                report = make()
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


def _context(store: Store, host: str, run: str | None) -> HostContext:
    """What surrounded the engine when the snapshot was taken; another time would mislead."""
    from pywfp_ps.model.context import HostContext
    from pywfp_ps.store.surroundings import OWNERS

    context, began = store.context(host, run or "", OWNERS)
    return HostContext() if context is None or began is not None else context


def _reports(
    snapshot: Snapshot, context: HostContext, what: str, kind: Kind | AroundKind | None
) -> dict[str, Callable[[], ObjectReport]]:
    """Titles of all that a text means, and what makes the report of each."""
    from pywfp_ps.report.around import find_around, kind_around, report_around, title_around
    from pywfp_ps.report.objects import KINDS, find, report_of, title_of

    made: dict[str, Callable[[], ObjectReport]] = {}
    kinds = {type_: name for name, type_ in KINDS.items()}
    if kind is None or kind in KINDS:
        for thing in find(snapshot, what, kind):
            title = f"{kinds[type(thing)]} {title_of(thing)}"
            made[_free(title, made)] = partial(report_of, snapshot, thing, context)
    if made or kind in KINDS:
        return made
    for one in find_around(context, what, kind):  # type: ignore[arg-type] # asked the line before
        title = f"{kind_around(one)} {title_around(one)}"
        made[_free(title, made)] = partial(report_around, snapshot, one, context)
    return made


def _free(title: str, taken: Collection[str]) -> str:
    """The title, with a number where another object has it."""
    numbered = (f"{title} ({number})" for number in count(2))
    return next(one for one in chain([title], numbered) if one not in taken)


def _ambiguous(what: str, host: str, titles: list[str]) -> str:
    more = f" and {len(titles) - _MOST_SHOWN} more" if len(titles) > _MOST_SHOWN else ""
    named = "; ".join(titles[:_MOST_SHOWN])
    return f"{what!r} means {len(titles)} objects on {host}: {named}{more}"
