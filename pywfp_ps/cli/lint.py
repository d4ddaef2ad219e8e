"""Findings about whole policies."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path

import click
from msgspec import structs

from pywfp_ps.cli.listing import hosts_of
from pywfp_ps.cli.options import Selection, open_store, store_option, time_options
from pywfp_ps.cli.show import print_line
from pywfp_ps.errors import ExitCode, UsageError
from pywfp_ps.report.rows import json_line


def _kinds(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> tuple[str, ...]:
    from pywfp_ps.explain.lint import KINDS

    names = tuple(name.strip() for name in (text or "").split(",") if name.strip())
    unknown = [name for name in names if name not in KINDS]
    if unknown:
        raise UsageError(f"no kind of finding is {unknown[0]!r}; there is {', '.join(KINDS)}")
    return names


@click.command()
@click.option("--host", metavar="PATTERN", help="Hosts, e.g. 'web*,!web-09'.")
@click.option("--kind", "kinds", metavar="A,B", callback=_kinds, help="Only these kinds.")
@click.option("--all", "show_all", is_flag=True, help="Minor findings too.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a finding.")
@time_options
@store_option
def lint(
    host: str | None,
    kinds: tuple[str, ...],
    show_all: bool,
    as_json: bool,
    run: str | None,
    at: datetime | None,
    partial: bool,
    store_folder: Path,
) -> int:
    """Find filters that do nothing, contradict each other or rest on what is not there.

    Only what is proven is reported, with the filters that prove it. A finding is minor where
    nothing would change without the filter, or where Windows itself made it so. Exit code 1 if
    something is found.

    Example: `wfp lint --host 'web*'`
    """
    from pywfp_ps.explain.lint import lint as look
    from pywfp_ps.report.lint import heading, lines_of, without_snapshot

    selection = Selection(host=host, run=run, at=at, partial=partial)
    found_any = False
    with open_store(store_folder) as store:
        holds = {line.host: line.snapshot_run_id for line in store.hosts(run=run, at=at)}
        names = hosts_of(store, selection)
        if not any(holds.get(name) for name in names):
            raise UsageError(f"no snapshot of {host or 'any host'} in the store")
        for name in names:
            if not holds.get(name):
                click.echo(without_snapshot(name), err=True)
                continue
            snapshot = store.snapshot(name, run, at=at, partial=partial)
            found = [one for one in look(snapshot) if not kinds or one.kind in kinds]
            shown = [one for one in found if show_all or not one.minor]
            found_any = found_any or bool(shown)
            if as_json:
                for one in shown:
                    record = {"host": name, "run_id": holds[name], **structs.asdict(one)}
                    print_line(json_line(record))
                continue
            print_line(heading(name, snapshot, Counter(one.kind for one in shown),
                               hidden=len(found) - len(shown)))  # fmt: skip
            for line in lines_of(shown):
                print_line(line)
    return int(ExitCode.FINDINGS if found_any else ExitCode.GOOD)
