"""From the options of a listing to one question to the store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from pywfp_ps.cli.options import Selection
from pywfp_ps.errors import UsageError

if TYPE_CHECKING:
    from pywfp_ps.store import Answer, Store

_MOST_NAMES_SHOWN: Final = 8


def ask(
    store: Store,
    view: str,
    selection: Selection,
    *,
    columns: Sequence[str],
    order: Sequence[str] = ("host",),
    where: Iterable[str] = (),
    parameters: Sequence[Any] = (),
) -> Answer:
    """The rows of a view that a selection names.

    Args:
        store: The store to ask.
        view: Name of the view.
        selection: What the options say.
        columns: The command's own choice of columns.
        order: The command's own order.
        where: Further conditions, in SQL with ``?``.
        parameters: Values for their ``?``, in order.

    Raises:
        UsageError: A column or host pattern is unknown.
    """
    known = store.columns(view)
    chosen = [_known(name, known, view) for name in selection.columns or columns]
    conditions = list(where)
    values = list(parameters)
    if selection.host:
        names = hosts_of(store, selection)
        conditions.append(f"host IN ({', '.join('?' * len(names))})")
        values += names
    if selection.where:
        conditions.append(f"(\n{selection.where}\n)")
    sql = f"SELECT {', '.join(map(_quoted, chosen))} FROM {view}"  # noqa: S608 - names are checked
    if conditions:
        sql += f" WHERE {' AND '.join(conditions)}"
    keys = [_order(key, known, view) for key in selection.sort or order]
    sql += f" ORDER BY {', '.join(keys)}"
    if selection.limit is not None:
        sql += f" LIMIT {selection.limit}"
    return store.query(
        sql, run=selection.run, at=selection.at, partial=selection.partial, parameters=values
    )


def hosts_of(store: Store, selection: Selection) -> list[str]:
    """Names of the hosts that the selection's pattern means.

    Raises:
        UsageError: No host matches.
    """
    from pywfp_ps.fleet.patterns import match_hosts

    answer = store.query(
        "SELECT host, groups FROM hosts ORDER BY host", run=selection.run, at=selection.at
    )
    groups: dict[str, list[str]] = {"all": []}
    for host, member_of in answer.rows():
        groups["all"].append(host)
        for group in member_of or ():
            groups.setdefault(group, []).append(host)
    names = match_hosts(selection.host or "all", groups)
    if not names:
        known = ", ".join(groups["all"][:_MOST_NAMES_SHOWN])
        more = ", ..." if len(groups["all"]) > _MOST_NAMES_SHOWN else ""
        raise UsageError(
            f"no host matches {selection.host!r}; the store has {known or 'none'}{more}"
        )
    return names


def _known(name: str, known: Sequence[str], view: str) -> str:
    if name in known:
        return name
    close = get_close_matches(name, known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else f"; it has {', '.join(known)}"
    raise UsageError(f"{view} has no column {name!r}{hint}")


def _order(key: str, known: Sequence[str], view: str) -> str:
    name = _known(key.removeprefix("-"), known, view)
    return f"{_quoted(name)} {'DESC' if key.startswith('-') else 'ASC'} NULLS LAST"


def _quoted(name: str) -> str:
    return f'"{name}"'
