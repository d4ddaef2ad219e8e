"""All columns, declared once: Parquet schemas, views and the documentation come from here.

``python -m pywfp_ps.store`` prints ``docs/columns.md``.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from pywfp_ps.store import filter_columns, host_columns, state_columns
from pywfp_ps.store.macros import MACROS
from pywfp_ps.store.schema import Column, Kind, Type

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        host_columns.HOSTS,
        filter_columns.FILTERS,
        filter_columns.CONDITIONS,
        state_columns.LAYERS,
        state_columns.SUBLAYERS,
        state_columns.PROVIDERS,
        state_columns.CALLOUTS,
        state_columns.CONTEXTS,
        state_columns.SESSIONS,
        state_columns.ENDPOINTS,
        state_columns.SUBSCRIPTIONS,
        state_columns.KEYWORDS,
        state_columns.STATISTICS,
        state_columns.ASSOCIATIONS,
        state_columns.SNAPSHOTS,
        state_columns.DISAGREEMENTS,
        host_columns.INTERFACES,
        host_columns.VOLUMES,
        host_columns.SERVICES,
        host_columns.DRIVERS,
        host_columns.PROCESSES,
        host_columns.LISTENERS,
        host_columns.ROUTES,
        host_columns.FIREWALL_PROFILES,
        host_columns.FIREWALL_RULES,
        host_columns.PROXIES,
        host_columns.AUDIT_POLICIES,
        host_columns.OPTIONS,
        host_columns.SYSPORTS,
        host_columns.EVENTS,
        host_columns.CHANGES,
        state_columns.GAPS,
        host_columns.FACTS_GAPS,
        host_columns.CONTEXT_GAPS,
    )
}
"""Every kind of rows that a store holds, by name."""

STALE = Column(
    name="stale",
    type=Type.BOOL,
    doc="Whether its snapshot is older than its last attempt; null where it has none.",
    source="derived",
)
SNAPSHOT_RUN = Column(
    name="snapshot_run_id",
    type=Type.TEXT,
    doc="Run whose snapshot the data views show; null where there is none.",
    source="derived",
)


_GAPS = ("facts_gaps", "context_gaps")
"""Kinds that the view ``gaps`` shows beside those of the snapshot, and no view of their own."""


class View(Struct, frozen=True, kw_only=True):
    """One view as SQL sees it.

    Attributes:
        name: Its name; the same with ``_all`` shows every run.
        kind: Kind whose files it reads.
        beside: Further kinds whose rows it shows too.
        doc: What a row is, one sentence.
        columns: In order.
        aliases: The fields of the objects by their own names, behind the columns; `Column.attr`
            of each is the column that it repeats.
    """

    name: str
    kind: Kind
    beside: tuple[Kind, ...] = ()
    doc: str
    columns: tuple[Column, ...]
    aliases: tuple[Column, ...] = ()


def _views() -> dict[str, View]:
    views = {}
    for kind in KINDS.values():
        if kind.name in _GAPS:
            continue
        columns = kind.shown
        if kind.name == "hosts":
            columns = (*columns, STALE, SNAPSHOT_RUN)
        views[kind.name] = View(
            name=kind.name,
            kind=kind,
            beside=tuple(KINDS[name] for name in _GAPS) if kind.name == "gaps" else (),
            doc=kind.doc,
            columns=columns,
            aliases=_aliases(kind),
        )
        if kind.name == "filters":
            wide = tuple(column for column in kind.columns if not column.hidden)
            doc = "One filter with what its conditions say, a column each; null: any."
            views["filters_wide"] = View(name="filters_wide", kind=kind, doc=doc, columns=wide)
    return views


def _aliases(kind: Kind) -> tuple[Column, ...]:
    """Names of the objects' own fields, where a column is named so that views join on it."""
    if kind.group != "state" or kind.name in {"conditions", "filters"}:
        return ()
    taken = {column.name for column in kind.columns}
    return tuple(
        replace(column, name=column.attr, attr=column.name, doc=f"The same as `{column.name}`.")
        for column in kind.shown
        if column.attr and column.attr not in taken
    )


VIEWS: dict[str, View] = _views()
"""Every view, by name; ``<name>_all`` has the same columns."""


def document() -> str:
    """The reference of all columns, as Markdown."""
    lines = [
        "# Columns",
        "",
        "Every view of the store and its columns. A view shows the latest rows of each host; the",
        "same name with `_all` shows every run. Null means unknown or not there, never a guess.",
        "Ids and weights are unsigned 64-bit integers. Times are UTC. GUIDs are lower-case text.",
        "In `filters_wide` a null list means any, unless `rest` holds a condition on it.",
        "",
        "This file is made by `python -m pywfp_ps.store`.",
    ]
    for view in VIEWS.values():
        lines += ["", f"## {view.name}", "", view.doc, ""]
        lines += ["| column | type | unit | source | what |", "|---|---|---|---|---|"]
        shown = (*view.columns, *view.aliases)
        if view.name == "filters_wide":
            lines[-3] += " Has all columns of `filters`, and these."
            lines.insert(-2, "")
            shown = tuple(column for column in shown if column.wide)
        lines += [_row(column) for column in shown]
    lines += ["", "## Macros", "", "| macro | what |", "|---|---|"]
    lines += [f"| `{macro.call}` | {macro.doc} |" for macro in MACROS if macro.doc]
    return "\n".join(lines) + "\n"


def _row(column: Column) -> str:
    filled = replace(column, unit=column.unit or "", source=column.source or "")
    cells = (f"`{filled.name}`", filled.type.value, filled.unit, filled.source, filled.doc)
    return f"| {' | '.join(str(cell).replace('|', '&#124;') for cell in cells)} |"
