"""Arrow tables of one host back to its snapshot."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pywfp_ps.model.objects import (
    AleEndpoint,
    Callout,
    Completeness,
    Condition,
    DynamicKeyword,
    Filter,
    Gap,
    Layer,
    Provider,
    ProviderContext,
    SecurityAssociation,
    Session,
    Snapshot,
    Statistics,
    SubLayer,
    Subscription,
)
from pywfp_ps.model.values import Scalar
from pywfp_ps.store.codecs import DECODE, value_of
from pywfp_ps.store.columns import KINDS
from pywfp_ps.store.schema import Kind

if TYPE_CHECKING:
    import pyarrow as pa

_CLASSES: dict[str, type[Any]] = {
    "layers": Layer,
    "sublayers": SubLayer,
    "providers": Provider,
    "contexts": ProviderContext,
    "callouts": Callout,
    "sessions": Session,
    "endpoints": AleEndpoint,
    "subscriptions": Subscription,
    "keywords": DynamicKeyword,
    "statistics": Statistics,
    "associations": SecurityAssociation,
    "gaps": Gap,
}
_KEPT = {"row", "exact", "filter_row", "position", "value", "low", "high", "letters"}
_STATED = (
    "command",
    "elevated",
    "whole",
    "consistent",
    "hides_filters",
    "leaves_out",
    "unlisted",
)


def columns_needed(kind: Kind) -> list[str]:
    """Columns that rebuilding reads."""
    stated = _STATED if kind.name == "snapshots" else ()
    return [c.name for c in kind.columns if c.attr or c.name in _KEPT or c.name in stated]


def snapshot_of(tables: Mapping[str, pa.Table]) -> Snapshot:
    """The snapshot whose rows `tables` hold: one host's, in any order.

    Raises:
        ValueError: There is no row that says what the snapshot is, or rows do not fit together.
    """
    if "snapshots" not in tables or tables["snapshots"].num_rows != 1:
        raise ValueError("not one row that describes the snapshot")
    members: dict[str, Any] = {
        name: _objects(name, table) for name, table in tables.items() if name in _CLASSES
    }
    values = _values(KINDS["snapshots"], tables["snapshots"])
    # A column that an older version did not write says nothing.
    stated = {name: values.columns[name][0] for name in _STATED if name in values.columns}
    for name in ("leaves_out", "unlisted"):
        stated[name] = tuple(stated.get(name) or ())
    members |= {name: column[0] for name, column in values.attributes.items()}
    return Snapshot(
        completeness=Completeness(**stated),
        filters=_filters(tables),
        **members,
    )


class _Values:
    """The columns of a table as lists: attributes decoded, all others as they are."""

    def __init__(self, attributes: dict[str, list[Any]], columns: dict[str, list[Any]]) -> None:
        self.attributes, self.columns = attributes, columns


def _values(kind: Kind, table: pa.Table) -> _Values:
    present = set(table.column_names)
    columns = {
        name: table.column(name).to_pylist() for name in columns_needed(kind) if name in present
    }
    if kind.name == "conditions":
        _sort(columns, list(zip(columns["filter_row"], columns["position"], strict=True)))
    elif "row" in columns:
        _sort(columns, columns["row"])
    for row, text in enumerate(columns.get("exact", ())):
        if text is not None:
            for name, value in json.loads(text).items():
                if name in columns:
                    columns[name][row] = value
    attributes = {}
    for column in kind.columns:
        if column.attr is not None and column.name in columns:
            decode = DECODE[column.codec]
            values = columns[column.name]
            attributes[column.attr] = values if decode is None else list(map(decode, values))
    return _Values(attributes, columns)


def _sort(columns: dict[str, list[Any]], keys: Sequence[Any]) -> None:
    """Puts rows in the order of their keys; Arrow's own way takes longer to load than to run."""
    order = sorted(range(len(keys)), key=keys.__getitem__)
    if order != list(range(len(keys))):
        for name, values in columns.items():
            columns[name] = [values[at] for at in order]


def _objects(name: str, table: pa.Table) -> tuple[Any, ...]:
    attributes = _values(KINDS[name], table).attributes
    make = _CLASSES[name]
    names = tuple(attributes)
    rows = zip(*attributes.values(), strict=True)
    return tuple(make(**dict(zip(names, row, strict=True))) for row in rows)


def _filters(tables: Mapping[str, pa.Table]) -> tuple[Filter, ...]:
    if "filters" not in tables:
        return ()
    values = _values(KINDS["filters"], tables["filters"])
    names = tuple(values.attributes)
    conditions = _conditions(tables["conditions"]) if "conditions" in tables else {}
    rows = zip(*values.attributes.values(), strict=True)
    return tuple(
        Filter(**dict(zip(names, row, strict=True)), conditions=conditions.get(place, ()))
        for place, row in zip(values.columns["row"], rows, strict=True)
    )


def _conditions(table: pa.Table) -> dict[int, tuple[Condition, ...]]:
    """The conditions of each filter in order, by the filter's position."""
    values = _values(KINDS["conditions"], table)
    kept, attributes = values.columns, values.attributes
    names = tuple(attributes)
    found: dict[int, list[Condition]] = {}
    same: dict[object, Condition] = {}  # few conditions of a host differ from all others
    plain = zip(*attributes.values(), strict=True)
    scalars = zip(kept["letters"], kept["value"], kept["low"], kept["high"], strict=True)
    for filter_row, row, scalar in zip(kept["filter_row"], plain, scalars, strict=True):
        key = (row, scalar)
        condition = same.get(key)
        if condition is None:
            condition = same[key] = _condition(dict(zip(names, row, strict=True)), *scalar)
        found.setdefault(filter_row, []).append(condition)
    return {filter_row: tuple(listed) for filter_row, listed in found.items()}


def _condition(
    given: dict[str, Any], letters: str, value: str | None, low: str | None, high: str | None
) -> Condition:
    masked = given["prefix_length"] is not None or given["mask"] is not None
    return Condition(
        **given,
        value=_value(letters, value, masked=masked),
        low=value_of(letters[1], low),
        high=value_of(letters[2], high),
    )


def _value(letters: str, text: str | None, *, masked: bool) -> Scalar:
    """The value behind the text that `bounds.value_text` shows."""
    if masked and text is not None and letters[0] != "-" and "t" not in letters:
        text = text.rsplit("/", 1)[0]
    return value_of(letters[0], text)
