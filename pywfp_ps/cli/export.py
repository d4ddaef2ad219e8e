"""The store's views as files, to keep or to send away."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from pywfp_ps.cli.listing import hosts_of
from pywfp_ps.cli.options import Selection, open_store, store_option, time_options
from pywfp_ps.cli.progress import progress
from pywfp_ps.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

    from pywfp_ps.report.redact import Redactor
    from pywfp_ps.store import Answer, Store

_KEY_FILE: Final = "redact.key"
_ENDINGS: Final = {"parquet": "parquet", "csv": "csv", "jsonl": "jsonl"}


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--format",
    "format_",
    type=click.Choice(list(_ENDINGS)),
    default="parquet",
    show_default=True,
    help="What to write.",
)
@click.option("--view", "views", multiple=True, metavar="NAME", help="View; all if none is named.")
@click.option("--host", metavar="PATTERN", help="Hosts, e.g. 'web*,!web-09'.")
@click.option(
    "--redact",
    is_flag=True,
    help="Replace names, SIDs, addresses and paths by stable pseudonyms.",
)
@time_options
@store_option
def export(
    folder: Path,
    format_: str,
    views: tuple[str, ...],
    host: str | None,
    redact: bool,
    run: str | None,
    at: datetime | None,
    partial: bool,
    store_folder: Path,
) -> None:
    """Write views of the store to files in FOLDER, one file a view.

    With --redact the pseudonyms are the same in all exports of one store; the key for them stays
    in the store.

    Example: `wfp export out --format csv --view filters --view hosts --redact`
    """
    from pywfp_ps.store import VIEWS

    unknown = sorted(set(views) - set(VIEWS))
    if unknown:
        raise UsageError(f"there is no view {unknown[0]!r}; there are {', '.join(VIEWS)}")
    names = views or tuple(VIEWS)
    paths = {name: folder / f"{name}.{_ENDINGS[format_]}" for name in names}
    for path in paths.values():
        if path.exists():
            raise UsageError(f"{path} is there already; choose another folder")
    with open_store(store_folder) as store, progress("exporting", len(names)) as advance:
        redactor = _redactor(store) if redact else None
        hosts = hosts_of(store, Selection(host=host, run=run, at=at)) if host else None
        _make(folder)
        for name, path in paths.items():
            sql = f"SELECT * FROM {name}"  # noqa: S608 - one of our own views
            if hosts is not None:
                sql += f" WHERE host IN ({', '.join('?' * len(hosts))})"
            answer = store.query(sql, run=run, at=at, partial=partial, parameters=hosts or [])
            _write(answer, path, format_, redactor)
            advance()
            click.echo(str(path))


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the folder {folder}: {error.strerror}") from error


def _redactor(store: Store) -> Redactor:
    from pywfp_ps.payload.raw import write_raw
    from pywfp_ps.report.redact import Redactor

    path = store.folder / _KEY_FILE
    try:
        return Redactor(path.read_bytes())
    except FileNotFoundError:
        key = secrets.token_bytes(32)
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot use the key {path}: {error}") from error
    try:
        write_raw(path, key)
    except OSError:
        click.echo(
            "wfp: the store is read-only: these pseudonyms are good for this export only", err=True
        )
    return Redactor(key)


def _write(answer: Answer, path: Path, format_: str, redactor: Redactor | None) -> None:
    try:
        if format_ == "parquet":
            _write_parquet(answer, path, redactor)
        else:
            _write_text(answer, path, format_, redactor)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error


def _write_text(answer: Answer, path: Path, format_: str, redactor: Redactor | None) -> None:
    from pywfp_ps.report.rows import write_csv, write_json

    rows: Iterable[Sequence[Any]] = answer
    if redactor is not None:
        rows = (redactor.row(answer.columns, row) for row in answer)
    with path.open("w", encoding="utf-8", newline="") as out:
        (write_csv if format_ == "csv" else write_json)(answer.columns, rows, out)


def _write_parquet(answer: Answer, path: Path, redactor: Redactor | None) -> None:
    if redactor is None:
        answer.write_parquet(path)
        return
    import pyarrow.parquet as pq

    batches = answer.arrow()
    with pq.ParquetWriter(path, batches.schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(_redacted(batch, redactor))


def _redacted(batch: pa.RecordBatch, redactor: Redactor) -> pa.RecordBatch:
    import pyarrow as pa

    columns = [
        pa.array([redactor.value(field.name, value) for value in column.to_pylist()], field.type)
        for field, column in zip(batch.schema, batch.columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)
