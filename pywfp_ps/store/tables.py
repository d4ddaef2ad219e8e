"""Objects of one host as Arrow tables, one a kind."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import repeat
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from pywfp_ps.errors import UsageError
from pywfp_ps.model.context import HostContext
from pywfp_ps.model.identity import NO_PLACES, OwnPlaces
from pywfp_ps.model.objects import Snapshot
from pywfp_ps.model.owners import RuleLinks, rule_links
from pywfp_ps.store.codecs import ENCODE
from pywfp_ps.store.columns import KINDS
from pywfp_ps.store.owner_columns import (
    callout_columns,
    filter_columns,
    provider_columns,
    session_columns,
)
from pywfp_ps.store.schema import Column, Kind, Type

if TYPE_CHECKING:
    import pyarrow as pa

Tables = dict[str, "pa.Table"]
Values = Mapping[str, Sequence[Any]]
_JSON_STRAY = (OverflowError, UnicodeEncodeError, ValueError, TypeError)


def tables_of(
    snapshot: Snapshot,
    *,
    host: str,
    run_id: str,
    own: OwnPlaces = NO_PLACES,
    context: HostContext | None = None,
    links: RuleLinks | None = None,
) -> dict[str, pa.Table]:
    """The rows of one host, a table a kind that has any; ready for `RunWriter.add`.

    Needs nothing but its arguments, so worker processes can call it and send the tables back.

    Args:
        snapshot: What the host said.
        host: Its name in the inventory.
        run_id: The run that the rows go to.
        own: What belongs to that machine alone, for ``shape_id``.
        context: What the host said of its services, drivers, processes and firewall rules.
        links: What `rule_links` makes of the two, where the caller has it already.
    """
    from pywfp_ps.store.filter_rows import condition_rows, filter_order, filter_rows, said_of

    if context is not None and context.rules is not None and links is None:
        links = rule_links(snapshot, context)

    order = filter_order(snapshot)
    derived: dict[str, Callable[[], dict[str, list[Any]]]] = {
        "layers": lambda: {
            "kernel": [layer.is_kernel for layer in snapshot.layers],
            "fields": [[field.name for field in layer.fields] for layer in snapshot.layers],
        },
        "callouts": lambda: {"registered": [c.is_registered for c in snapshot.callouts]},
        "contexts": lambda: {"text": [context.text for context in snapshot.contexts]},
        "sessions": lambda: {"dynamic": [session.is_dynamic for session in snapshot.sessions]},
        "endpoints": lambda: {"file_name": [e.file_name for e in snapshot.endpoints]},
    }
    made: dict[str, pa.Table] = {}
    for kind in KINDS.values():
        if not kind.member or kind.name == "filters":
            continue
        objects = getattr(snapshot, kind.member)
        if objects:
            values = _attributes(kind, objects) | {"row": range(len(objects))}
            values |= derived[kind.name]() if kind.name in derived else {}
            values |= _owners(kind.name, snapshot, context) if context else {}
            made[kind.name] = _table(kind, values, len(objects), host, run_id)
    if snapshot.filters:
        filters = [snapshot.filters[row] for row in order]
        sayings = [said_of(filter_, own) for filter_ in filters]
        kind = KINDS["filters"]
        values = _attributes(kind, filters) | {"row": order}
        values |= filter_rows(snapshot, filters, sayings, links.by_filter if links else None)
        values |= filter_columns(snapshot, filters, context) if context else {}
        made["filters"] = _table(kind, values, len(filters), host, run_id)
        kind = KINDS["conditions"]
        count = sum(len(filter_.conditions) for filter_ in filters)
        if count:
            values = condition_rows(filters, order, sayings)
            made["conditions"] = _table(kind, values, count, host, run_id)
    made["snapshots"] = _snapshot_table(snapshot, host, run_id)
    return made


def _owners(kind: str, snapshot: Snapshot, context: HostContext) -> Values:
    """Who is behind the objects of a kind."""
    if kind == "providers":
        return provider_columns(snapshot.providers, context)
    if kind == "callouts":
        return callout_columns(snapshot, context)
    return session_columns(snapshot.sessions, context) if kind == "sessions" else {}


def table_of(kind: str, rows: Iterable[Mapping[str, Any]], *, host: str, run_id: str) -> pa.Table:
    """Rows of facts, context or events as a table of their kind; what is missing is null.

    Raises:
        UsageError: There is no such kind, or no such column in it.
    """
    if kind not in KINDS:
        raise UsageError(f"the store has no kind {kind!r}")
    known = KINDS[kind]
    kept = list(rows)
    names = {column.name for column in known.columns}
    for row in kept:
        if unknown := sorted(row.keys() - names):
            raise UsageError(f"{kind} has no column {', '.join(unknown)}")
    values = {column.name: [row.get(column.name) for row in kept] for column in known.columns}
    return _table(known, values, len(kept), host, run_id)


def _snapshot_table(snapshot: Snapshot, host: str, run_id: str) -> pa.Table:
    kind = KINDS["snapshots"]
    stated = snapshot.completeness
    values = _attributes(kind, [snapshot]) | {
        "command": [stated.command],
        "elevated": [stated.elevated],
        "whole": [stated.whole],
        "consistent": [stated.consistent],
        "hides_filters": [stated.hides_filters],
        "leaves_out": [stated.leaves_out],
        "unlisted": [stated.unlisted],
        "complete": [snapshot.is_complete],
        "row": [0],
    }
    return _table(kind, values, 1, host, run_id)


def _attributes(kind: Kind, objects: Sequence[Any]) -> dict[str, Sequence[Any]]:
    """The columns that are attributes of the objects."""
    values: dict[str, Sequence[Any]] = {}
    for column in kind.columns:
        if column.attr is not None:
            encode = ENCODE[column.codec]
            plain = map(attrgetter(column.attr), objects)
            values[column.name] = list(plain if encode is None else map(encode, plain))
    return values


def _table(kind: Kind, values: Values, count: int, host: str, run_id: str) -> pa.Table:
    import pyarrow as pa

    strays: dict[int, dict[str, Any]] = {}
    arrays = []
    for column in kind.columns:
        if column.name == "host":
            arrays.append(pa.array(repeat(host, count), pa.string(), size=count))
        elif column.name == "run_id":
            arrays.append(pa.array(repeat(run_id, count), pa.string(), size=count))
        elif column.name == "exact":
            texts = [json.dumps(strays[row]) if row in strays else None for row in range(count)]
            arrays.append(pa.array(texts, pa.string()))
        elif column.name in values:
            arrays.append(_array(column, values[column.name], strays))
        else:
            arrays.append(pa.nulls(count, column.type.arrow))
    return pa.Table.from_arrays(arrays, schema=kind.schema)


def _array(column: Column, values: Sequence[Any], strays: dict[int, dict[str, Any]]) -> pa.Array:
    """The values as an Arrow array; what does not fit the type goes to `strays` by row."""
    import pyarrow as pa

    try:
        return pa.array(values, column.type.arrow)
    except (*_JSON_STRAY, pa.ArrowException):
        kept = list(values)
    for row, value in enumerate(kept):
        try:
            pa.array([value], column.type.arrow)
        except (*_JSON_STRAY, pa.ArrowException):
            strays.setdefault(row, {})[column.name] = value
            kept[row] = _nearest(column, value)
    return pa.array(kept, column.type.arrow)


def _nearest(column: Column, value: Any) -> Any:
    """What the column shows of a value that it cannot hold: text without what is no character."""
    if column.type is Type.TEXT and isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if column.type is Type.TEXTS and isinstance(value, (list, tuple)):
        return [str(item).encode("utf-8", "backslashreplace").decode() for item in value]
    return None
