"""Rows as JSON lines, CSV or a table."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO
from typing import IO, Any, Final

from msgspec import Struct

from pywfp_ps.report.text import csv_cell, json_safe, visible

Row = Sequence[Any]
_EXACT_DOUBLE: Final = 1 << 53
_WIDEST_CELL: Final = 10_000


def plain(value: Any) -> Any:
    """A value as JSON knows it: UTC times with ``Z``, bytes as hex, GUIDs as text, no NaN."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, datetime):
        return _time(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).hex()
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, Struct):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    return value.isoformat() if isinstance(value, date) else str(value)


def _number(value: Decimal) -> int | float | str:
    """The same number where JSON has it exactly as doubles are read, else its text."""
    if not value.is_finite():
        return str(value)
    if value == value.to_integral_value():
        return int(value)
    return float(value) if Decimal(repr(float(value))) == value else str(value)


def _time(value: datetime) -> str:
    moment = value if value.tzinfo else value.replace(tzinfo=UTC)
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"


def _exact_for_doubles(value: Any) -> Any:
    """Integers that a double cannot hold as text, at any depth."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _EXACT_DOUBLE:
        return str(value)
    if isinstance(value, dict):
        return {key: _exact_for_doubles(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_exact_for_doubles(item) for item in value]
    return value


def json_line(record: Any, *, ids_as_text: bool = False) -> str:
    """One JSON text on one line, safe to show on a terminal."""
    value = _exact_for_doubles(plain(record)) if ids_as_text else plain(record)
    return json_safe(json.dumps(value, ensure_ascii=False, allow_nan=False))


def write_json(
    columns: Sequence[str], rows: Iterable[Row], out: IO[str], *, ids_as_text: bool = False
) -> None:
    """Writes one JSON object a row."""
    for row in rows:
        record = dict(zip(columns, row, strict=True))
        out.write(json_line(record, ids_as_text=ids_as_text) + "\n")


def write_csv(columns: Sequence[str], rows: Iterable[Row], out: IO[str]) -> None:
    """Writes a head line and one CSV line a row (RFC 4180, but LF).

    Lists stand as JSON, null as an empty cell; text that a spreadsheet would run gets an
    apostrophe in front.
    """
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([csv_cell(name) for name in columns])
    for row in rows:
        writer.writerow([_csv_value(value) for value in row])


def _csv_value(value: Any) -> Any:
    flat = plain(value)
    if isinstance(flat, bool):
        return "true" if flat else "false"
    if isinstance(flat, (list, dict)):
        return csv_cell(json_line(flat))
    return csv_cell(visible(flat)) if isinstance(flat, str) else flat


def cell(value: Any) -> str:
    """A value as a table shows it."""
    flat = plain(value)
    if flat is None:
        return ""
    if isinstance(flat, bool):
        return "yes" if flat else "no"
    if isinstance(flat, list) and all(isinstance(item, (str, int, float)) for item in flat):
        return visible(", ".join(str(item) for item in flat))
    if isinstance(flat, (list, dict)):
        return json_line(flat)
    return visible(str(flat))


def write_table(
    columns: Sequence[str],
    rows: Iterable[Row],
    out: IO[str],
    *,
    terminal: bool,
) -> None:
    """Writes an aligned table; nothing at all where there are no rows.

    On a terminal wide cells are folded to its width; elsewhere each row stays one line. Each is as
    wide as the widest, so that of a text of millions of characters only the beginning is shown.
    """
    kept = [[_cut(cell(value)) for value in row] for row in rows]
    if not kept:
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    numeric = [all(_is_number(row[at]) for row in kept) for at in range(len(columns))]
    for at, name in enumerate(columns):
        justify = "right" if numeric[at] else "left"
        table.add_column(
            Text(visible(name)),
            justify=justify,  # type: ignore[arg-type] # a plain str here is one of rich's words
            overflow="fold",
            no_wrap=not terminal,
        )
    for row in kept:
        table.add_row(*(Text(text) for text in row))
    width = None if terminal else sum(map(len, columns)) + _widest(kept)
    drawn = StringIO()  # rich would end the program where the reader has gone
    terminal_width = None if width is not None else Console(file=out).width
    Console(
        file=drawn, width=width or terminal_width, highlight=False, markup=False, emoji=False
    ).print(table)
    out.write(drawn.getvalue())


def _cut(text: str) -> str:
    return text if len(text) <= _WIDEST_CELL else text[: _WIDEST_CELL - 1] + "\u2026"


def _is_number(text: str) -> bool:
    return not text or text.removeprefix("-").isdigit()


def _widest(rows: Sequence[Sequence[str]]) -> int:
    """More than enough columns for every row on one line; a cell can be two columns a character."""
    return sum(2 * max(len(row[at]) for row in rows) + 3 for at in range(len(rows[0])))
