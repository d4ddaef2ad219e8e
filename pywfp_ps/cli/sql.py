"""SQL over the store."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

import click

from pywfp_ps.cli.options import (
    Output,
    emit,
    open_store,
    output_options,
    store_option,
    time_options,
)
from pywfp_ps.errors import UsageError


@click.command()
@click.argument("query", required=False)
@click.option(
    "-f",
    "--file",
    "script",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Read the query from a file.",
)
@store_option
@time_options
@output_options
def sql(
    query: str | None,
    script: Path | None,
    store_folder: Path,
    run: str | None,
    at: datetime | None,
    partial: bool,
    output: Output,
) -> None:
    """Ask the store in SQL; QUERY is the text, or - to read it from stdin.

    The views are those of `docs/columns.md`; each speaks of the newest good snapshot of every
    host, and its twin with `_all` of every run. Only reading is possible.

    Example: `wfp sql "SELECT layer, count(*) FROM filters GROUP BY layer ORDER BY 2 DESC"`
    """
    text = _query(query, script)
    with open_store(store_folder) as store:
        emit(store.query(text, run=run, at=at, partial=partial), output)


def _query(query: str | None, script: Path | None) -> str:
    if (query is None) == (script is None):
        raise UsageError("give one query: as text, with -f FILE, or - for stdin")
    if script is not None:
        try:
            return script.read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"cannot read {script}: {error}") from error
    return sys.stdin.read() if query == "-" else query or ""
