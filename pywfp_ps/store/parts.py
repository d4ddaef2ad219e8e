"""Parquet files of a run: written whole or not at all, read for one host."""

from __future__ import annotations

import secrets
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pywfp_ps.errors import StoreError
from pywfp_ps.payload.raw import write_raw
from pywfp_ps.store.columns import KINDS
from pywfp_ps.store.runs import Part

if TYPE_CHECKING:
    import pyarrow as pa

_REMEDY: Final = "put it back, or rebuild it with wfp reparse"
BUFFER_BYTES: Final = 64 << 20
"""Arrow bytes of rows that wait in memory before a part of each kind is written."""
ROW_GROUP: Final = 65_536
"""Rows that are read together: small enough to find one host, large enough to scan fast."""


def write_part(run: Path, kind: str, table: pa.Table) -> Part:
    """Write rows as a new Parquet file of a run; the rows are sorted by host.

    Raises:
        OSError: No room, no rights; nothing half-written stays.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = KINDS[kind].schema
    table = table.select(schema.names).cast(schema).combine_chunks()
    buffer = pa.BufferOutputStream()
    pq.write_table(
        table,
        buffer,
        compression="zstd",
        compression_level=3,
        row_group_size=ROW_GROUP,
        store_schema=False,
    )
    name = f"{kind}/part-{secrets.token_hex(6)}.parquet"
    path = write_raw(run / name, (buffer.getvalue(),))
    hosts = table.column("host")
    return Part(
        file=name,
        rows=table.num_rows,
        bytes=path.stat().st_size,
        columns=KINDS[kind].digest,
        first=hosts[0].as_py(),
        last=hosts[table.num_rows - 1].as_py(),
    )


def check_parts(run: Path, parts: Iterable[Part]) -> None:
    """Make sure that files are there and as long as when they were written.

    Raises:
        StoreError: One is not.
    """
    for part in parts:
        path = run / part.file
        try:
            size = path.stat().st_size
        except OSError as error:
            raise StoreError(str(path), f"{error.strerror}; {_REMEDY} {run.name}") from None
        if size != part.bytes:
            raise StoreError(str(path), f"has {size} bytes, not {part.bytes}; {_REMEDY} {run.name}")


def rows_of(run: Path, parts: Sequence[Part], host: str, columns: Sequence[str]) -> pa.Table | None:
    """The rows of one host, ``None`` where there are none; columns a part lacks are null.

    Raises:
        StoreError: A file is gone or damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    wanted = [part for part in parts if part.first <= host <= part.last]
    check_parts(run, wanted)
    found = []
    for part in wanted:
        try:
            with pq.ParquetFile(run / part.file) as file:
                groups = _groups_of(file, host)
                present = [name for name in columns if name in file.schema_arrow.names]
                if groups:
                    table = file.read_row_groups(groups, columns=["host", *present])
                    found.append(_rows_of_host(table, host))
        except (OSError, pa.ArrowException) as error:
            raise StoreError(str(run / part.file), f"damaged ({error})") from None
    if not found:
        return None
    table = pa.concat_tables(found, promote_options="default")
    return table if table.num_rows else None


def _rows_of_host(table: pa.Table, host: str) -> pa.Table:
    """The rows of one host out of rows that are sorted by host."""
    names = table.column("host")
    places = range(table.num_rows)
    first = bisect_left(places, host, key=lambda row: names[row].as_py())
    last = bisect_right(places, host, lo=first, key=lambda row: names[row].as_py())
    return table.slice(first, last - first)


def all_rows(run: Path, parts: Sequence[Part]) -> pa.Table:
    """All rows of at least one file.

    Raises:
        StoreError: A file is gone or damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    check_parts(run, parts)
    try:
        tables = [pq.ParquetFile(run / part.file).read() for part in parts]
    except (OSError, pa.ArrowException) as error:
        raise StoreError(str(run), f"damaged ({error})") from None
    return pa.concat_tables(tables, promote_options="default")


def rows_without(run: Path, part: Part, hosts: Set[str]) -> pa.Table:
    """The rows of a file but those of some hosts.

    Raises:
        StoreError: The file is gone or damaged.
    """
    import pyarrow as pa

    table = all_rows(run, (part,))
    wanted = [host not in hosts for host in table.column("host").to_pylist()]
    table = table.filter(pa.array(wanted, pa.bool_()))
    for field in KINDS[part.file.partition("/")[0]].schema:  # an older file lacks newer columns
        if field.name not in table.column_names:
            table = table.append_column(field, pa.nulls(table.num_rows, field.type))
    return table


def _groups_of(file: object, host: str) -> list[int]:
    """Row groups that may hold the host: rows are sorted by host, which is column 0."""
    metadata = file.metadata  # type: ignore[attr-defined] # pyarrow ships no types
    found = []
    for number in range(metadata.num_row_groups):
        area = metadata.row_group(number).column(0).statistics
        if area is None or not area.has_min_max or area.min <= host <= area.max:
            found.append(number)
    return found
