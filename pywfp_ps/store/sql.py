"""The SQL engine: shut off from everything but the store's folder, one reading statement a time."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pywfp_ps.errors import StoreError, UsageError
from pywfp_ps.store.macros import statements
from pywfp_ps.store.views import literal, plain_pattern

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

Parameters = Sequence[object] | Mapping[str, object]
_CHUNK: Final = 10_000
_EXPLAIN: Final = re.compile(r"\s*explain\s+(?:analyze\s+)?", re.IGNORECASE)
_READS: Final = re.compile(r"[\s(]*(?:pivot|select|with|from)\b", re.IGNORECASE)
_LOCKED: Final = (
    "SET TimeZone = 'UTC'",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)


class Answer:
    """Rows of a query, fetched as they are asked for; can be gone through once.

    Attributes:
        columns: Names, each once: a name that comes again gets ``_2`` and so on.
        types: DuckDB's types, as text.
    """

    def __init__(self, cursor: duckdb.DuckDBPyConnection, sql: str, parameters: Parameters) -> None:
        self._cursor, self._sql, self._parameters = cursor, sql, parameters
        described = cursor.description or []
        self.columns = _distinct(str(item[0]) for item in described)
        self.types = tuple(str(item[1]) for item in described)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """The rows as tuples: exact integers, aware UTC times, lists, bytes.

        Raises:
            UsageError: The query fails on a row.
        """
        while True:
            with _Failures():
                rows = self._cursor.fetchmany(_CHUNK)
            if not rows:
                return
            yield from rows

    def all(self) -> list[tuple[Any, ...]]:
        """All rows that are left."""
        return list(self)

    def arrow(self) -> pa.RecordBatchReader:
        """The rows from the first one on as Arrow record batches.

        Raises:
            UsageError: The query fails.
        """
        with _Failures():
            # Asked again as a relation: what a cursor has begun to fetch goes to Arrow by copies.
            self._cursor.abort()
            relation = self._cursor.sql(self._sql, params=self._parameters or None)
            return relation.to_arrow_reader(_CHUNK)

    def write_parquet(self, path: Path) -> int:
        """Write the rows to a Parquet file; the number of rows.

        Raises:
            UsageError: The query fails on a row.
            OSError: The file cannot be written.
        """
        import pyarrow.parquet as pq

        count = 0
        reader = self.arrow()
        with pq.ParquetWriter(path, reader.schema, compression="zstd") as writer, _Failures():
            for batch in reader:
                writer.write_batch(batch)
                count += batch.num_rows
        return count


def _distinct(names: Iterator[str]) -> tuple[str, ...]:
    found: list[str] = []
    for name in names:
        count, free = 1, name
        while free in found:
            count += 1
            free = f"{name}_{count}"
        found.append(free)
    return tuple(found)


class Engine:
    """One in-memory database that may read below one folder and nothing else."""

    def __init__(self, folder: Path, memory_limit: str | None) -> None:
        import duckdb

        self._folder = folder
        self._has_macros = False
        options: dict[str, str | bool | int | float | list[str]] = {
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
            "python_enable_replacements": "false",
            "temp_directory": "",
            "memory_limit": memory_limit or _half_of_memory(),
        }
        try:
            self._connection = duckdb.connect(":memory:", config=options)
        except duckdb.Error as error:
            raise UsageError(f"SQL engine: {_first_line(error)}") from None
        self._connection.execute("CREATE SCHEMA internal")
        # The second is how a folder with such characters is named where patterns are read.
        allowed = [literal(f"{text}{os.sep}") for text in (str(folder), plain_pattern(str(folder)))]
        self._connection.execute(f"SET allowed_directories = [{', '.join(allowed)}]")
        for statement in _LOCKED:
            self._connection.execute(statement)

    def make_macros(self) -> None:
        """Make the macros; a second time does nothing."""
        if not self._has_macros:
            for statement in statements():
                self.run(statement)
            self._has_macros = True

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        """Run our own SQL.

        Raises:
            StoreError: The files of the store cannot be read.
        """
        import duckdb

        try:
            return self._connection.execute(sql).fetchall()
        except duckdb.Error as error:
            raise StoreError(str(self._folder), _first_line(error)) from None

    def ask(self, sql: str, parameters: Parameters) -> Answer:
        """Run the user's SQL: one statement, and one that reads.

        Raises:
            UsageError: It does more than read, or makes no sense.
            StoreError: The files of the store cannot be read, or memory does not suffice.
        """
        check(self._connection, sql)
        with _Failures():
            cursor = self._connection.cursor()
            cursor.execute(sql, parameters or None)
        return Answer(cursor, sql, parameters)

    def close(self) -> None:
        """Give back memory and files."""
        self._connection.close()


def check(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Make sure that `sql` is one statement that only reads.

    Raises:
        UsageError: It is not.
    """
    import duckdb

    with _Failures():
        found = connection.extract_statements(sql)
    if len(found) != 1:
        raise UsageError("SQL: one statement at a time, please" if found else "SQL: no statement")
    kind = found[0].type
    if kind == duckdb.StatementType.EXPLAIN:
        inner, count = _EXPLAIN.subn("", sql, count=1)
        if count:
            check(connection, inner)
            return
    reads = kind == duckdb.StatementType.SELECT or (
        kind == duckdb.StatementType.MULTI and _READS.match(sql) is not None
    )
    if not reads:
        name = kind.name.removesuffix("_STATEMENT")
        raise UsageError(f"SQL: only SELECT is allowed here, not {name}")


class _Failures:
    """Errors of the engine as one line of ours."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        import duckdb

        if isinstance(error, duckdb.OutOfMemoryException):
            raise StoreError("query", f"needs more memory than allowed: {_first_line(error)}")
        if isinstance(error, duckdb.IOException):
            raise StoreError("query", _first_line(error)) from None
        if isinstance(error, duckdb.InterruptException):
            raise KeyboardInterrupt from None
        if isinstance(error, duckdb.Error):
            raise UsageError(f"SQL: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    """What the engine says, on one line, without its picture of the statement."""
    text = str(error).partition("\n\nLINE ")[0].partition("\nLINE ")[0]
    return " ".join(text.split())


def _half_of_memory() -> str:
    try:
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return "2GB"  # Windows has no sysconf
    return f"{max(pages // 2, 1 << 29) // (1 << 20)}MiB"
