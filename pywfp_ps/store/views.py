"""SQL of the views: which files they read, and which rows of them are the latest."""

# ruff: noqa: S608 - all names are our own, all texts of others go through literal()

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from pywfp_ps.store.columns import VIEWS, View
from pywfp_ps.store.macros import MACROS
from pywfp_ps.store.runs import Part, Run
from pywfp_ps.store.schema import Column, Kind

_WORD: Final = re.compile(r"[a-z_]+")
_CATALOG: Final = re.compile(
    r"\b(?:show|information_schema|duckdb_\w+|pg_\w+|sqlite_master|pragma_\w+)\b"
)
ALL: Final = "_all"
_MACRO_NAMES: Final = frozenset(macro.name for macro in MACROS)
_GLOB: Final = re.compile(r"[*?\[]")


class Latest(Struct, frozen=True, kw_only=True):
    """How many hosts' latest rows a run holds, by group and run.

    Attributes:
        held: Hosts of which the run holds the group.
        newest: Those of them for which it is the latest run.
    """

    held: Mapping[tuple[str, str], int]
    newest: Mapping[tuple[str, str], int]


def mentioned(sql: str) -> list[str]:
    """Views whose name occurs in a text of SQL; all of them where it looks into the catalogue."""
    lower = sql.lower()
    words = set(_WORD.findall(lower))
    every = [name + suffix for name in VIEWS for suffix in ("", ALL)]
    if _CATALOG.search(lower):
        return every
    return [name for name in every if name in words]


def mentions_macros(sql: str) -> bool:
    """Whether a text of SQL names a macro, or looks into the catalogue."""
    lower = sql.lower()
    return bool(_CATALOG.search(lower)) or not _MACRO_NAMES.isdisjoint(_WORD.findall(lower))


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def files(run_parts: Iterable[tuple[Run, Part]]) -> str:
    """A list of files as SQL."""
    paths = (str(run.folder / part.file) for run, part in run_parts)
    return ", ".join(literal(plain_pattern(path)) for path in paths)


def plain_pattern(path: str) -> str:
    """The pattern that only this path fits, where DuckDB reads patterns."""
    return _GLOB.sub(lambda mark: f"[{mark[0]}]", path)


def parts_of(runs: Iterable[Run], kind: Kind) -> list[tuple[Run, Part]]:
    """All files of a kind."""
    return [(run, part) for run in runs for part in run.manifest.parts.get(kind.name, ())]


def _names(columns: Iterable[Column]) -> str:
    return ", ".join(f'"{column.name}"' for column in columns)


def _empty(columns: Iterable[Column]) -> str:
    nulls = ", ".join(f'CAST(NULL AS {column.type.value}) AS "{column.name}"' for column in columns)
    return f"SELECT {nulls} WHERE false"


def rows(parts: Sequence[tuple[Run, Part]], kind: Kind, columns: Sequence[Column]) -> str:
    """SQL that gives `columns` of all rows in files, whichever version wrote them."""
    now = [item for item in parts if item[1].columns == kind.digest]
    old = [item for item in parts if item[1].columns != kind.digest]
    texts = []
    if now:
        texts.append(f"SELECT {_names(columns)} FROM read_parquet([{files(now)}])")
    if old:
        casts = ", ".join(f'CAST("{c.name}" AS {c.type.value}) AS "{c.name}"' for c in columns)
        texts.append(
            f"SELECT {casts} FROM (SELECT * FROM read_parquet([{files(old)}], union_by_name=true)"
            f" UNION ALL BY NAME {_empty(columns)})"
        )
    return " UNION ALL ".join(texts) if texts else _empty(columns)


def view_of_all(view: View, runs: Sequence[Run]) -> str:
    """SQL of a view over every run."""
    if view.name == "hosts":
        return _hosts_of_all(view, runs)
    kinds = (view.kind, *view.beside)
    return " UNION ALL ".join(rows(parts_of(runs, kind), kind, view.columns) for kind in kinds)


def with_aliases(view: View, text: str) -> str:
    """SQL of a view with the objects' own names for some columns behind it."""
    if not view.aliases:
        return text
    repeated = ", ".join(f'"{alias.attr}" AS "{alias.name}"' for alias in view.aliases)
    return f"SELECT *, {repeated} FROM ({text})"


def view_of_latest(view: View, runs: Sequence[Run], latest: Latest) -> str:
    """SQL of a view over the latest rows of each host."""
    if view.name == "hosts":
        return _hosts_of_latest(view, runs)
    kinds = (view.kind, *view.beside)
    texts = [text for kind in kinds for text in _latest_of_kind(view, kind, runs, latest)]
    return " UNION ALL ".join(f"({text})" for text in texts)


def _latest_of_kind(view: View, kind: Kind, runs: Sequence[Run], latest: Latest) -> list[str]:
    group = kind.group
    whole: list[tuple[Run, Part]] = []
    mixed: list[tuple[Run, Part]] = []
    for run, part in parts_of(runs, kind):
        newest = latest.newest.get((group, run.id), 0)
        if newest:
            (whole if newest == latest.held[group, run.id] else mixed).append((run, part))
    texts = [rows(whole, kind, view.columns)] if whole or not mixed else []
    if mixed:
        texts.append(
            f"SELECT {_names(view.columns)} FROM ({rows(mixed, kind, view.columns)}) AS r"
            " SEMI JOIN (SELECT host, run_id FROM internal.latest"
            f" WHERE part = {literal(group)}) AS l USING (host, run_id)"
        )
    return texts


def attempts(runs: Sequence[Run], *, partial: bool) -> list[str]:
    """SQL that works out the latest run of each host and group.

    The latest is the newest run whose visit was ``ok``, another one only where there is none; with
    `partial` just the newest.
    """
    hosts = VIEWS["hosts"].kind
    columns = [c for c in hosts.columns if c.name in ("host", "run_id", "outcome", "holds")]
    order = ", ".join(f"({literal(run.id)}, {place})" for place, run in enumerate(runs))
    ordered = (
        f"(VALUES {order}) AS r(run_id, place)"
        if order
        else "(SELECT '' AS run_id, 0 AS place) AS r"
    )
    rank = "place" if partial else "place + CASE WHEN outcome = 'ok' THEN 4294967296 ELSE 0 END"
    last_attempts = (
        "CREATE OR REPLACE TABLE internal.attempts AS"
        f" SELECT h.*, r.place FROM ({rows(parts_of(runs, hosts), hosts, columns)}) AS h"
        f" JOIN {ordered} USING (run_id)"
    )
    latest = (
        "CREATE OR REPLACE TABLE internal.latest AS"
        f" SELECT host, part, arg_max(run_id, {rank}) AS run_id"
        " FROM (SELECT *, unnest(holds) AS part FROM internal.attempts) GROUP BY host, part"
    )
    return [last_attempts, latest]


COUNT_HELD: Final = (
    "SELECT part, run_id, count(*) FROM"
    " (SELECT unnest(holds) AS part, run_id FROM internal.attempts) GROUP BY ALL"
)
COUNT_NEWEST: Final = "SELECT part, run_id, count(*) FROM internal.latest GROUP BY ALL"


def _stored(view: View) -> list[Column]:
    return [column for column in view.columns if column in view.kind.columns]


def _hosts_of_all(view: View, runs: Sequence[Run]) -> str:
    stored = _stored(view)
    return (
        f"SELECT {_names(stored)}, CASE WHEN list_contains(holds, 'state') THEN false END AS stale,"
        " CASE WHEN list_contains(holds, 'state') THEN run_id END AS snapshot_run_id"
        f" FROM ({rows(parts_of(runs, view.kind), view.kind, stored)})"
    )


_OF_ATTEMPT: Final = ("host", "run_id", "outcome", "cause", "detail", "advice", "can_retry")
_OF_SNAPSHOT: Final = ("taken_at", "source", "complete", "filters", "gap_count")


def _hosts_of_latest(view: View, runs: Sequence[Run]) -> str:
    """A row a host: its last attempt, and beside it what its newest snapshot says."""
    stored = _stored(view)
    shown = []
    for column in stored:
        name = f'"{column.name}"'
        if column.name in _OF_ATTEMPT or column.name == "holds":
            shown.append(f"a.{name}")
        elif column.name in _OF_SNAPSHOT:
            shown.append(f"s.{name}")
        else:
            shown.append(f"coalesce(a.{name}, s.{name}) AS {name}")
    every = rows(parts_of(runs, view.kind), view.kind, stored)
    return (
        f"WITH every AS ({every}), last AS (SELECT host, arg_max(run_id, place) AS run_id"
        " FROM internal.attempts GROUP BY host), newest AS (SELECT host, run_id"
        " FROM internal.latest WHERE part = 'state')"
        f" SELECT {', '.join(shown)}, s.run_id <> a.run_id AS stale, s.run_id AS snapshot_run_id"
        " FROM (SELECT * FROM every SEMI JOIN last USING (host, run_id)) AS a"
        " LEFT JOIN (SELECT * FROM every SEMI JOIN newest USING (host, run_id)) AS s"
        " ON a.host = s.host"
    )


def counted(lines: Iterable[tuple[str, str, int]]) -> dict[tuple[str, str], int]:
    """Counts by group and run."""
    found: defaultdict[tuple[str, str], int] = defaultdict(int)
    for part, run_id, count in lines:
        found[part, run_id] += count
    return dict(found)
