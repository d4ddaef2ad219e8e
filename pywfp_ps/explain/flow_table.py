"""Flows out of a CSV file whose columns are named like the options of ``wfp explain``."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any, Final

from msgspec import Struct

from pywfp_ps.errors import UsageError
from pywfp_ps.explain.flow import Flow
from pywfp_ps.explain.said import Said, flow_of

_OTHER_NAMES: Final = {
    "as": "account", "capability": "capabilities", "field": "fields", "group": "groups",
    "service": "services",
}  # fmt: skip
_LISTS: Final = frozenset({"capabilities", "fields", "groups", "services"})
_NUMBERS: Final = frozenset(
    {"interface_index", "interface_type", "ip_version", "quarantine_epoch", "tunnel_type"}
)
_SWITCHES: Final = frozenset(
    {"bind", "groups_complete", "ipsec", "listen", "loopback", "no_capabilities", "quarantined",
     "raw", "reauthorize", "redirected"}
)  # fmt: skip
_YES: Final = frozenset({"1", "true", "yes"})
_NO: Final = frozenset({"0", "false", "no"})
_LABEL: Final = "name"
_COLUMNS: Final = frozenset({*Said.__struct_fields__, *_OTHER_NAMES, _LABEL, "no_capabilities"})


class Row(Struct, frozen=True, kw_only=True):
    """One row of the file.

    Attributes:
        line: Its line, from 1; the head is line 1.
        said: What its cells say, by column as the head names it; empty cells are left out.
        flow: The flow, ``None`` where the row makes no sense.
        problem: Why it makes none.
    """

    line: int
    said: dict[str, str]
    flow: Flow | None = None
    problem: str = ""


def read_rows(lines: Iterable[str]) -> Iterator[Row]:
    """The rows of a CSV text with a head line; a bad row carries its problem.

    Columns are the names of the options, with ``-`` or ``_``; ``name`` is a label of your own.
    Several values of one cell are parted by ``;``. Empty cells are not said.

    Raises:
        UsageError: There is no head, or it names a column that is no option.
    """
    reader = csv.reader(lines)
    head = next(reader, None)
    if not head:
        raise UsageError("the file of flows is empty; its first line names the columns")
    head = [name.strip().lstrip("\ufeff") for name in head]
    columns = [_column(name) for name in head]
    twice = {name for name in columns if columns.count(name) > 1}
    if twice:
        raise UsageError(f"the column {min(twice)!r} stands twice")
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(line=reader.line_num, said={}, problem=f"it is no CSV: {error}")
            continue
        if cells:
            yield _row(reader.line_num, head, columns, cells)


def _column(name: str) -> str:
    plain = name.lower().removeprefix("--").replace("-", "_")
    if plain not in _COLUMNS:
        close = get_close_matches(plain, _COLUMNS, n=1)
        hint = f"; did you mean {close[0].replace('_', '-')!r}?" if close else ""
        raise UsageError(f"no column {name!r}{hint}")
    return _OTHER_NAMES.get(plain, plain)


def _row(line: int, head: list[str], columns: list[str], cells: list[str]) -> Row:
    said = {name: cell.strip() for name, cell in zip(head, cells, strict=False) if cell.strip()}
    if len(cells) > len(head):
        return Row(line=line, said=said, problem=f"{len(cells)} cells in {len(head)} columns")
    try:
        return Row(line=line, said=said, flow=flow_of(_said(columns, cells)))
    except UsageError as error:
        return Row(line=line, said=said, problem=str(error))


def _said(columns: list[str], cells: list[str]) -> Said:
    known: dict[str, Any] = {}
    for name, cell in zip(columns, cells, strict=False):
        text = cell.strip()
        if not text or name == _LABEL:
            continue
        if name in _LISTS:
            known[name] = tuple(part.strip() for part in text.split(";") if part.strip())
        elif name in _NUMBERS:
            known[name] = _number(name, text)
        elif name in _SWITCHES:
            known[name] = _switch(name, text)
        else:
            known[name] = text
    if known.pop("no_capabilities", False):
        known.setdefault("capabilities", ())
    return Said(**known)


def _number(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 20:
        raise UsageError(f"{name.replace('_', ' ')} is a number, got {text!r}")
    return int(text)


def _switch(name: str, text: str) -> bool:
    word = text.lower()
    if word in _YES or word in _NO:
        return word in _YES
    raise UsageError(f"{name.replace('_', ' ')} is yes or no, got {text!r}")
