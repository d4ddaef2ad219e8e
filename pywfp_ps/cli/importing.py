"""Dumps from files, and the store's rows made anew from its raw bytes."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from msgspec import structs

from pywfp_ps.cli.options import open_store, store_option
from pywfp_ps.cli.progress import progress
from pywfp_ps.errors import ExitCode
from pywfp_ps.report.rows import json_line, write_table
from pywfp_ps.report.text import visible

if TYPE_CHECKING:
    from pywfp_ps.collect.importing import Imported
    from pywfp_ps.collect.reparse import Reparsed

_COLUMNS: Final = ("host", "outcome", "cause", "filters", "gaps", "file")


@click.command("import")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE..."
)
@click.option("--host", metavar="NAME", help="Host that the files come from.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a file.")
@store_option
def import_(files: tuple[Path, ...], host: str | None, as_json: bool, store_folder: Path) -> int:
    """Import dumps of `netsh wfp show state` or `show filters`, plain or gzip.

    Without --host the host is the file's name without its ending; for names that netsh gives by
    default (wfpstate, filters, netevents, btpol) it is the name of the file's folder.

    A bundle of `wfp field-test` is imported under the pseudonym of its machine, and what it says of
    each check is printed.

    Example: `wfp import web-03.xml db-01/wfpstate.xml`
    """
    from pywfp_ps.cli.bundles import opened, renamed, tell_checks
    from pywfp_ps.collect.dumps import look_at
    from pywfp_ps.collect.importing import import_dumps, refused
    from pywfp_ps.store import Store

    with opened(files, host) as found:
        dumps = look_at(found.others, host) + found.dumps
        if all(dump.problem for dump in dumps):
            told = renamed(map(refused, dumps), found)
            code = _tell(told, len(files), as_json=as_json)
        else:
            with Store.open(store_folder, create=True) as store:
                told = renamed(import_dumps(store, dumps), found)
                code = _tell(told, len(files), as_json=as_json)
        tell_checks(found, as_json=as_json)
    return code


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN...]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a host.")
@store_option
def reparse(runs: tuple[str, ...], as_json: bool, store_folder: Path) -> int:
    """Make the rows of runs anew from the raw bytes they keep; all runs if none is named.

    The old rows stay until the new ones are whole. Use it after an update of wfp that reads more.

    Example: `wfp reparse` or `wfp reparse 20261121T100000Z-1a2b3c`
    """
    from pywfp_ps.collect.reparse import parts_to_read, reparse_run

    with open_store(store_folder) as store:
        names = [store.run(name).id for name in runs] or [
            run.id for run in store.runs() if run.readable
        ]
        count = sum(len(parts_to_read(store, name)) for name in names)
        results = (result for name in names for result in reparse_run(store, name))
        return _tell(results, count, ("run_id", *_COLUMNS[:-1]), as_json=as_json)


def _tell(
    results: Iterable[Imported | Reparsed],
    count: int,
    columns: Sequence[str] = _COLUMNS,
    *,
    as_json: bool,
) -> int:
    """Prints what came of every file, and gives the exit code."""
    told = []
    with progress("importing", count) as advance:
        for result in results:
            told.append(result)
            advance()
            if as_json:
                sys.stdout.write(json_line(structs.asdict(result)) + "\n")
            for line in _words(result):
                click.echo(f"wfp: {visible(line)}", err=True)
    if not as_json:
        rows = [[getattr(result, name) for name in columns] for result in told]
        write_table(columns, rows, sys.stdout, terminal=sys.stdout.isatty())
    # How a visit ended is no fault of reading again what it brought.
    told = [result for result in told if not getattr(result, "is_old", False)]
    if all(result.outcome == "ok" for result in told):
        return ExitCode.GOOD
    nothing = all(result.outcome == "failed" for result in told)
    return ExitCode.ALL_HOSTS_FAILED if nothing else ExitCode.SOME_HOSTS_FAILED


def _words(result: Imported | Reparsed) -> Iterator[str]:
    """What a person must know of a result beside its row."""
    name = getattr(result, "file", result.host)
    if result.problem:
        yield result.problem
    elif result.outcome == "partial" and not getattr(result, "is_old", False):
        yield f"{name}: damaged; what could be read is stored, see `wfp sql 'FROM gaps'`"
    if copy := getattr(result, "duplicate_of", None):
        yield f"{name}: duplicate of {copy}"
    if note := getattr(result, "note", None):
        yield f"{name}: {note}"
