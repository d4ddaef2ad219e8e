"""Rows of facts and context back to objects, for questions that need them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from ipaddress import ip_address, ip_interface, ip_network
from typing import TYPE_CHECKING, Any, Final

from pywfp_ps.errors import StoreError, UsageError
from pywfp_ps.model.context import (
    SID_TYPES,
    Driver,
    HostContext,
    Listener,
    Process,
    Route,
    Service,
)
from pywfp_ps.model.firewall import FirewallRule, parse_rule
from pywfp_ps.model.host import Interface, Volume
from pywfp_ps.store.parts import rows_of
from pywfp_ps.store.runs import Run

if TYPE_CHECKING:
    import pyarrow as pa

Row = Mapping[str, Any]
_SID_TYPES: Final = {name: number for number, name in SID_TYPES.items()}
_ROUTE_STORES: Final = {"persistent": 0, "active": 1}


def context_of(tables: Mapping[str, pa.Table]) -> HostContext:
    """The context that a host's rows tell; kinds without rows are ``None``.

    Args:
        tables: Rows of one host by kind.

    Raises:
        ValueError: A row makes no sense.
    """
    return HostContext(
        **{
            SURROUNDINGS[name].member: tuple(map(SURROUNDINGS[name].make, table.to_pylist()))
            for name, table in tables.items()
        }
    )


def _interface(row: Row) -> Interface:
    return Interface(
        luid=row["luid"],
        index=row["interface_index"],
        alias=row["alias"],
        type=row["type"],
        is_up=row["up"],
        addresses=tuple(ip_interface(text) for text in row["addresses"] or ()),
        profile=row["profile"],
        network=row["network"],
    )


def _volume(row: Row) -> Volume:
    return Volume(letter=row["letter"] or "", device=row["device"] or "")


def _service(row: Row) -> Service:
    sid_type = row["sid_type"]
    return Service(
        name=row["service"],
        display_name=row["display_name"],
        account=row["account"],
        state=row["state"],
        process_id=row["process_id"],
        image_path=row["image_path"],
        sid_type=_SID_TYPES.get(sid_type),
        service_dll=row.get("library"),
        company=row.get("company"),
    )


def _driver(row: Row) -> Driver:
    return Driver(
        name=row["driver"],
        path=row["path"],
        company=row["company"],
        version=row["version"],
        signer=row["signer"],
    )


def _rule(row: Row) -> FirewallRule:
    return parse_rule(row["store"], row["rule_id"], row["raw"])


def _process(row: Row) -> Process:
    return Process(process_id=row["process_id"], name=row["name"], path=row["path"])


def _listener(row: Row) -> Listener:
    address = row["local_address"]
    return Listener(
        protocol=row["protocol"],
        local_address=None if address is None else ip_address(address),
        local_port=row["local_port"],
        process_id=row["process_id"],
    )


def _route(row: Row) -> Route:
    hop = row["next_hop"]
    return Route(
        destination=ip_network(row["destination"]),
        next_hop=None if hop is None else ip_address(hop),
        interface_index=row["interface_index"],
        metric=row["metric"],
        store=_ROUTE_STORES.get(row["store"]),
    )


class _Kind:
    """Which member of the context a kind of rows makes, out of which columns."""

    def __init__(self, member: str, make: Callable[[Row], Any], columns: str) -> None:
        self.member, self.make, self.columns = member, make, tuple(columns.split())


SURROUNDINGS: Final = {
    "drivers": _Kind("drivers", _driver, "driver path company version signer"),
    "firewall_rules": _Kind("rules", _rule, "store rule_id raw"),
    "interfaces": _Kind(
        "interfaces", _interface, "luid interface_index alias type up addresses profile network"
    ),
    "listeners": _Kind("listeners", _listener, "protocol local_address local_port process_id"),
    "processes": _Kind("processes", _process, "process_id name path"),
    "routes": _Kind("routes", _route, "destination next_hop interface_index metric store"),
    "services": _Kind(
        "services",
        _service,
        "service display_name account state process_id image_path sid_type library company",
    ),
    "volumes": _Kind("volumes", _volume, "letter device"),
}
"""Kinds of rows that can be asked for."""

OWNERS: Final = ("drivers", "firewall_rules", "processes", "services")
"""Those that say who is behind an object of the filter engine."""


def newest_context(
    runs: Sequence[Run], host: str, run: str, kinds: Iterable[str]
) -> tuple[HostContext | None, datetime | None]:
    """What the newest run with any of the kinds tells of a host, see `Store.context`.

    Args:
        runs: Runs that may be asked, oldest first.
        host: Its name.
        run: The run for which no time is given back.
        kinds: Names out of `SURROUNDINGS`.

    Raises:
        UsageError: There is no such kind.
        StoreError: Files are gone or damaged.
    """
    wanted = tuple(kinds)
    if unknown := set(wanted) - set(SURROUNDINGS):
        raise UsageError(f"no kind of surroundings is {min(unknown)!r}")
    for one in reversed(runs):
        tables = {}
        for kind in wanted:
            parts = one.manifest.parts.get(kind, ())
            table = rows_of(one.folder, parts, host, SURROUNDINGS[kind].columns) if parts else None
            if table is not None:
                tables[kind] = table
        if tables:
            try:
                found = context_of(tables)
            except (ValueError, TypeError, KeyError) as error:
                raise StoreError(str(one.folder), f"rows of {host} are damaged ({error})") from None
            return found, None if one.id == run else one.manifest.started_at
    return None, None
