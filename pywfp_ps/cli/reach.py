"""Verdicts about many flows on many hosts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import click

from pywfp_ps.cli.listing import hosts_of
from pywfp_ps.cli.options import (
    Output,
    Selection,
    open_store,
    output_options,
    store_option,
    time_options,
)
from pywfp_ps.errors import ExitCode, UsageError
from pywfp_ps.report import rows as writers
from pywfp_ps.report.text import one_line

if TYPE_CHECKING:
    from pywfp_ps.explain.batch import Flows
    from pywfp_ps.explain.flow_table import Row
    from pywfp_ps.store import Store

_COLUMNS: Final = (
    "host", "line", "name", "direction", "protocol", "local", "remote", "app", "verdict", "certain",
    "policy_verdict", "filter_id", "filter_name", "layer", "run_id",
)  # fmt: skip
_SAID: Final = ("name", "direction", "protocol", "local", "remote", "app")


@click.command()
@click.argument("flows", metavar="FLOWS.csv", type=click.File(encoding="utf-8", errors="strict"))
@click.option("--host", metavar="PATTERN", help="Hosts, e.g. 'web*,!web-09'.")
@click.option(
    "--only",
    type=click.Choice(["permit", "block", "unknown"]),
    help="Only flows with this policy verdict.",
)
@output_options
@time_options
@store_option
def reach(
    flows: IO[str],
    host: str | None,
    only: str | None,
    output: Output,
    run: str | None,
    at: datetime | None,
    partial: bool,
    store_folder: Path,
) -> int:
    """Say which of many connections pass the filters of many hosts.

    FLOWS.csv (or - for standard input) has a head line with names of the options of
    `wfp explain`: direction, protocol, local, remote, app, as, profile and so on. The verdicts are
    those of `wfp explain`. A row that makes no sense is reported by line, the others are answered,
    and the exit code is 2.

    Example: `wfp reach flows.csv --host 'web*' --parquet verdicts.parquet`
    """
    from pywfp_ps.explain.batch import Flows
    from pywfp_ps.explain.flow_table import read_rows

    try:
        read = list(read_rows(flows))
    except UnicodeDecodeError as error:
        raise UsageError(f"{flows.name} is no UTF-8 text") from error
    bad = [row for row in read if row.flow is None]
    for row in bad:
        click.echo(f"wfp: line {row.line}: {one_line(row.problem)}", err=True)
    good = [row for row in read if row.flow is not None]
    table = Flows([row.flow for row in good if row.flow is not None])
    selection = Selection(host=host, run=run, at=at, partial=partial)
    with open_store(store_folder) as store:
        _write(_verdicts(store, selection, good, table, only), output)
    return int(ExitCode.USAGE if bad else ExitCode.GOOD)


def _verdicts(
    store: Store, selection: Selection, rows: list[Row], flows: Flows, only: str | None
) -> Iterator[tuple[Any, ...]]:
    """A row for each host and flow, host by host."""
    from pywfp_ps.cli.facts import facts_for
    from pywfp_ps.explain import Engine
    from pywfp_ps.explain.batch import Batch

    lines = store.hosts(run=selection.run, at=selection.at, partial=selection.partial)
    holds = {line.host: line.snapshot_run_id for line in lines}
    names = hosts_of(store, selection)
    if not any(holds.get(name) for name in names):
        raise UsageError(f"no snapshot of {selection.host or 'any host'} in the store")
    for name in names:
        if not holds.get(name):
            click.echo(f"{one_line(name)}: no snapshot, nothing asked", err=True)
            continue
        snapshot = store.snapshot(name, selection.run, at=selection.at, partial=selection.partial)
        if not snapshot.is_complete:
            click.echo(f"{one_line(name)}: the snapshot is not complete", err=True)
        filters = {one.id: one.name for one in snapshot.filters}
        facts = facts_for(store, name, holds[name] or "", snapshot, flows.flows)
        found = Batch(Engine(snapshot, facts)).answer(flows)
        for row, code in zip(rows, found.codes.tolist(), strict=True):
            one = found.answers[code]
            if only is None or one.policy_verdict == only:
                yield (
                    name, row.line, *(row.said.get(word) for word in _SAID), one.verdict,
                    one.verdict != "unknown", one.policy_verdict, one.filter_id,
                    None if one.filter_id is None else filters.get(one.filter_id), one.layer,
                    holds[name],
                )  # fmt: skip


def _write(rows: Iterator[tuple[Any, ...]], output: Output) -> None:
    out = sys.stdout
    if output.format == "parquet" and output.parquet is not None:
        _write_parquet(rows, output.parquet)
    elif output.format == "json":
        writers.write_json(_COLUMNS, rows, out, ids_as_text=output.ids_as_text)
    elif output.format == "csv":
        writers.write_csv(_COLUMNS, rows, out)
    else:
        shown = ("host", "line", "name", "remote", "policy_verdict", "verdict", "filter_id",
                 "filter_name")  # fmt: skip
        places = [_COLUMNS.index(name) for name in shown]
        chosen = [tuple(row[at] for at in places) for row in rows]
        writers.write_table(shown, chosen, out, terminal=out.isatty())


def _write_parquet(rows: Iterator[tuple[Any, ...]], path: Path) -> None:
    from itertools import islice

    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {"line": pa.uint64(), "filter_id": pa.uint64(), "certain": pa.bool_()}
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in _COLUMNS])
    try:
        with pq.ParquetWriter(path, schema) as writer:
            while chunk := list(islice(rows, 100_000)):
                columns = zip(*chunk, strict=True)
                arrays = [
                    pa.array(column, kind)
                    for column, kind in zip(columns, schema.types, strict=True)
                ]
                writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error
