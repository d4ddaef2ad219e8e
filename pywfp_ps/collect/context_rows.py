"""Rows of the store's views that context fills."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from pywfp_ps.collect.judging import facts_rows
from pywfp_ps.model.context import AUDIT_NAMES, SID_TYPES, HostContext
from pywfp_ps.model.firewall import Setting
from pywfp_ps.model.host import HostFacts
from pywfp_ps.model.owners import RuleKey

Row = dict[str, Any]
_ROUTE_STORES: Final = {0: "persistent", 1: "active"}


def context_rows(
    context: HostContext, filters_of: Mapping[RuleKey, tuple[int, ...]] | None = None
) -> dict[str, list[Row]]:
    """Rows by view; a kind that the host could not tell has no entry, which is not no rows.

    Args:
        context: What the host said.
        filters_of: Ids of the filters that come from each firewall rule, where they are known.
    """
    made = {}
    for view, kind, rows in _VIEWS:
        if getattr(context, kind) is not None:
            made[view] = rows(context)
    if filters_of is not None and context.rules is not None:
        for row, rule in zip(made["firewall_rules"], context.rules, strict=True):
            row["filter_ids"] = list(filters_of.get((rule.store, rule.id), ()))
    return made


def _services(context: HostContext) -> list[Row]:
    return [
        {
            "service": one.name,
            "display_name": one.display_name,
            "state": _lower(one.state),
            "start": _lower(one.start),
            "account": one.account,
            "sid_type": None if one.sid_type is None else _sid_type(one.sid_type),
            "service_sid": one.sid,
            "process_id": one.process_id or None,
            "image_path": one.image_path,
            "library": one.service_dll,
            "company": one.company,
        }
        for one in context.services or ()
    ]


def _lower(text: str | None) -> str | None:
    return text.lower() if text else None


def _sid_type(number: int) -> str:
    return SID_TYPES.get(number, str(number))


def _drivers(context: HostContext) -> list[Row]:
    return [
        {
            "driver": one.name,
            "path": one.path,
            "company": one.company,
            "version": one.version,
            "signer": one.signer,
        }
        for one in context.drivers or ()
    ]


def _services_by_process(context: HostContext) -> dict[int, list[str]]:
    services: dict[int, list[str]] = {}
    for one in context.services or ():
        if one.process_id:
            services.setdefault(one.process_id, []).append(one.name)
    return services


def _processes(context: HostContext) -> list[Row]:
    services = _services_by_process(context)
    return [
        {
            "process_id": one.process_id,
            "parent_id": one.parent_id,
            "session": one.session_id,
            "name": one.name,
            "path": one.path,
            "services": None if context.services is None else services.get(one.process_id, []),
        }
        for one in context.processes or ()
    ]


def _listeners(context: HostContext) -> list[Row]:
    paths = {one.process_id: one.path for one in context.processes or ()}
    services = _services_by_process(context)
    return [
        {
            "protocol": one.protocol,
            "local_address": _text(one.local_address),
            "local_port": one.local_port,
            "process_id": one.process_id,
            "app": paths.get(one.process_id) if one.process_id is not None else None,
            "service": ",".join(services.get(one.process_id or 0, ())) or None,
        }
        for one in context.listeners or ()
    ]


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _routes(context: HostContext) -> list[Row]:
    return [
        {
            "destination": str(one.destination),
            "next_hop": _text(one.next_hop),
            "interface_index": one.interface_index,
            "metric": one.metric,
            "store": None if one.store is None else _ROUTE_STORES.get(one.store, str(one.store)),
        }
        for one in context.routes or ()
    ]


def _profiles(context: HostContext) -> list[Row]:
    return [
        {
            "store": one.store,
            "profile": one.profile,
            "enabled": one.is_enabled,
            "inbound": one.inbound,
            "outbound": one.outbound,
            "settings": _json(one.settings),
        }
        for one in context.profiles or ()
    ]


def _json(settings: tuple[tuple[str, Setting], ...]) -> str:
    return msgspec.json.encode(dict(settings)).decode()


def _proxies(context: HostContext) -> list[Row]:
    return [{"key": one.key, "settings": _json(one.settings)} for one in context.proxies or ()]


def _audit(context: HostContext) -> list[Row]:
    return [
        {
            "subcategory": str(one.subcategory),
            "name": AUDIT_NAMES.get(one.subcategory),
            "success": one.audits_success,
            "failure": one.audits_failure,
        }
        for one in context.audit or ()
    ]


def _rules(context: HostContext) -> list[Row]:
    return [
        {
            "store": one.store,
            "rule_id": one.id,
            "name": one.name,
            "description": one.description,
            "rule_group": one.group,
            "enabled": one.is_active,
            "direction": one.direction,
            "action": one.action,
            "profiles": _list(one.profiles),
            "protocol": one.protocol,
            "local_ports": _list(one.local_ports),
            "remote_ports": _list(one.remote_ports),
            "local_addresses": _list(one.local_addresses),
            "remote_addresses": _list(one.remote_addresses),
            "app": one.app,
            "service": one.service,
            "package_sid": one.package,
            "raw_fields": [f"{name}={value}" for name, value in one.fields],
            "raw": one.raw,
        }
        for one in context.rules or ()
    ]


def _list(values: tuple[str, ...] | None) -> list[str] | None:
    return None if values is None else list(values)


def _options(context: HostContext) -> list[Row]:
    return [{"option": one.name, "value": one.value} for one in context.options or ()]


def _sysports(context: HostContext) -> list[Row]:
    return [
        {"type": one.type, "protocol": None, "port": one.port} for one in context.sysports or ()
    ]


def _interfaces(context: HostContext) -> list[Row]:
    return facts_rows(HostFacts(interfaces=context.interfaces or ()))["interfaces"]


def _volumes(context: HostContext) -> list[Row]:
    return facts_rows(HostFacts(volumes=context.volumes or ()))["volumes"]


_VIEWS: Final[tuple[tuple[str, str, Callable[[HostContext], list[Row]]], ...]] = (
    ("services", "services", _services),
    ("drivers", "drivers", _drivers),
    ("processes", "processes", _processes),
    ("listeners", "listeners", _listeners),
    ("routes", "routes", _routes),
    ("firewall_profiles", "profiles", _profiles),
    ("firewall_rules", "rules", _rules),
    ("proxies", "proxies", _proxies),
    ("audit_policies", "audit", _audit),
    ("options", "options", _options),
    ("sysports", "sysports", _sysports),
    ("interfaces", "interfaces", _interfaces),
    ("volumes", "volumes", _volumes),
)
"""View, kind of context, and what makes the rows."""
