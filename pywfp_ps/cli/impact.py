"""What a change of filters would do."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pywfp_ps.cli.engines import engines_of
from pywfp_ps.cli.options import Selection, open_store, store_option, time_options
from pywfp_ps.cli.show import print_line
from pywfp_ps.cli.wanted_options import wanted_options
from pywfp_ps.errors import ExitCode, UsageError
from pywfp_ps.report.rows import json_line

if TYPE_CHECKING:
    from pywfp_ps.explain.guards import Guard
    from pywfp_ps.explain.shapes import Wanted
    from pywfp_ps.model.objects import Filter, Snapshot
    from pywfp_ps.store import Store

_GUID = re.compile(r"\{?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\}?", re.IGNORECASE)


@click.command()
@click.option("--host", metavar="PATTERN", help="Hosts, e.g. 'web*,!web-09'.")
@click.option("--add", "files", multiple=True, metavar="FILTER.yml",
              type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Filters to add: Microsoft's names, in YAML.")  # fmt: skip
@click.option("--remove", "removals", multiple=True, metavar="KEY|QUERY",
              help="Filters to remove: an id, a key, or a condition over the columns of "
              "`wfp filters` in SQL.")  # fmt: skip
@click.option("--guard", "guards", multiple=True, metavar="NAME=DIRECTION/PROTOCOLS/PORTS",
              help="A connection that must not be cut, in place of the usual ones; see "
              "docs/policy.md.")  # fmt: skip
@click.option("--no-guards", is_flag=True, help="Guard nothing.")
@click.option("--seconds", type=click.FloatRange(min=0.1), default=60.0, show_default=True,
              metavar="N", help="Give up on a host after so long.")  # fmt: skip
@wanted_options
@click.option("--markdown", "as_markdown", is_flag=True, help="A page for a ticket.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a host.")
@time_options
@store_option
def impact(
    wanted: Wanted,
    host: str | None,
    files: tuple[Path, ...],
    removals: tuple[str, ...],
    guards: tuple[str, ...],
    no_guards: bool,
    seconds: float,
    as_markdown: bool,
    as_json: bool,
    run: str | None,
    at: datetime | None,
    partial: bool,
    store_folder: Path,
) -> int:
    """Say which verdicts a change of filters changes, and what it would cut.

    All flows are looked at, in classes with an example each: the verdict and the deciding filter
    before and after. Guarded are WinRM, SSH and RDP in, DNS, Kerberos, LDAP and DHCP out, unless
    --guard (or `guard` under [impact] in the configuration file) says others. Exit code 1 if a
    guarded connection would be cut or may be.

    Example: `wfp impact --host web-03 --add block-smb.yml --remove 68031`
    """
    from pywfp_ps.explain.impact import changed
    from pywfp_ps.explain.impact import impact as look
    from pywfp_ps.report import impact as report

    if as_json and as_markdown:
        raise UsageError("choose one of --json and --markdown")
    if not files and not removals:
        raise UsageError("say what changes: --add FILTER.yml, --remove KEY|QUERY, or both")
    selection = Selection(host=host, run=run, at=at, partial=partial)
    watched = _guards(guards, no_guards)
    texts = [(path, _text_of(path)) for path in files]
    found = []
    with open_store(store_folder) as store:
        for name, run_id, engine in engines_of(store, selection):
            added = _added(texts, engine.snapshot)
            removed = _removed(store, name, run_id, engine.snapshot, removals)
            after = changed(engine, added, removed)
            one = look(engine, after, wanted=wanted, guards=watched, seconds=seconds)
            found.append(one)
            if as_json:
                print_line(json_line(report.record_of(one, name, run_id)))
                continue
            for line in (report.markdown if as_markdown else report.lines_of)(one, name):
                print_line(line)
    if any(one.is_dangerous for one in found):
        return int(ExitCode.FINDINGS)
    failed = [one for one in found if one.reason]
    if failed:
        every = len(failed) == len(found)
        return int(ExitCode.ALL_HOSTS_FAILED if every else ExitCode.SOME_HOSTS_FAILED)
    return int(ExitCode.GOOD)


def _guards(texts: tuple[str, ...], no_guards: bool) -> list[Guard]:
    from pywfp_ps.explain.guards import USUAL, parse_guard

    return [] if no_guards else [parse_guard(text) for text in texts or USUAL]


def _text_of(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError:
        raise UsageError(f"{path} is no UTF-8 text") from None


def _added(texts: Iterable[tuple[Path, str]], snapshot: Snapshot) -> list[Filter]:
    from msgspec import structs

    from pywfp_ps.read.filter_file import read_filters

    read = [one for path, text in texts for one in read_filters(text, str(path), snapshot)]
    return [structs.replace(one, id=read[0].id + at) for at, one in enumerate(read)]


def _removed(
    store: Store, host: str, run_id: str, snapshot: Snapshot, removals: Iterable[str]
) -> frozenset[int]:
    """Ids of the filters that are meant.

    Raises:
        UsageError: One means no filter of the host.
    """
    known = {one.id for one in snapshot.filters}
    found: set[int] = set()
    for text in removals:
        if text.isascii() and text.isdigit():
            ids = {int(text)} & known
        elif _GUID.fullmatch(text.strip()):
            key = text.strip().strip("{}").lower()
            ids = {one.id for one in snapshot.filters if str(one.key) == key}
        else:
            ids = _queried(store, host, run_id, text)
        if not ids:
            raise UsageError(f"{host} has no filter {text!r}")
        found |= ids
    return frozenset(found)


def _queried(store: Store, host: str, run_id: str, condition: str) -> set[int]:
    from pywfp_ps.cli.listing import ask

    selection = Selection(host=host, where=condition, run=run_id)
    rows = ask(store, "filters", selection, columns=("filter_id",))
    return {int(row[0]) for row in rows}
