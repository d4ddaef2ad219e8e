"""From the options of a listing to one question to the store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from pywfp_ps.cli.options import Selection
from pywfp_ps.errors import UsageError

if TYPE_CHECKING:
    from pywfp_ps.fleet.inventory import Inventory
    from pywfp_ps.store import Answer, Store

_WHERE: Final = "SELECT * FROM {} WHERE\n{}\n"
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
        columns: The command's own choice of columns; empty for all.
        order: The command's own order.
        where: Further conditions, in SQL with ``?``.
        parameters: Values for their ``?``, in order.

    Raises:
        UsageError: A column or host pattern is unknown.
    """
    known = columns_of(view)
    chosen = [_known(name, known, view) for name in selection.columns or columns or known]
    conditions = list(where)
    values = list(parameters)
    if selection.host:
        names = hosts_of(store, selection)
        conditions.append(f"host IN ({', '.join('?' * len(names))})")
        values += names
    # The user's own condition stands in brackets of its own: no text in it can reach beyond them.
    inner = f"({_WHERE.format(view, selection.where)})" if selection.where else view
    sql = f"SELECT {', '.join(map(_quoted, chosen))} FROM {inner}"  # noqa: S608 - names are checked
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
    answer = store.query(
        "SELECT host, groups FROM hosts ORDER BY host", run=selection.run, at=selection.at
    )
    groups = {host: tuple(member_of or ()) for host, member_of in answer}
    if selection.host is None:
        return list(groups)
    if selection.host in groups:
        return [selection.host]
    from pywfp_ps.fleet.patterns import select_hosts

    try:
        return select_hosts(_inventory(groups), selection.host)
    except UsageError as error:
        known = ", ".join(list(groups)[:_MOST_NAMES_SHOWN]) or "none"
        more = ", ..." if len(groups) > _MOST_NAMES_SHOWN else ""
        raise UsageError(f"{error}; hosts in the store: {known}{more}") from None


def _inventory(groups_of: dict[str, tuple[str, ...]]) -> Inventory:
    """The store's hosts as an inventory; names that no inventory allows are left out."""
    from pywfp_ps.fleet.groups import Groups
    from pywfp_ps.fleet.inventory import Inventory
    from pywfp_ps.fleet.problems import InventoryError, Place
    from pywfp_ps.fleet.vault import Vault

    place = Place("the store")
    groups = Groups()
    for host, names in groups_of.items():
        with suppress(InventoryError):
            for name in names or ("ungrouped",):
                groups.add_host(host, groups.add_group(name, place), place)
    groups.finish()
    return Inventory(groups, [], Vault())


def columns_of(view: str) -> list[str]:
    """Names of a view's columns, in order."""
    from pywfp_ps.store import VIEWS

    return [column.name for column in (*VIEWS[view].columns, *VIEWS[view].aliases)]


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
