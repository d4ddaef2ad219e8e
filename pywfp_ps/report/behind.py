"""Fields of an object's report that say who is behind it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from msgspec import Struct

from pywfp_ps.model.context import HostContext
from pywfp_ps.model.firewall import FirewallRule
from pywfp_ps.model.objects import Callout, Filter, Provider, Session, Snapshot
from pywfp_ps.model.owners import (
    Owner,
    callout_owner,
    filter_owner,
    provider_owner,
    rule_links,
    session_owner,
)


def behind(snapshot: Snapshot, thing: object, context: HostContext) -> dict[str, Any]:
    """Service, driver, process or firewall rule behind an object; empty for other kinds.

    ``..._there`` is false where the name is that of nothing on the host, null where unknown.
    """
    if isinstance(thing, Provider):
        return _owner(provider_owner(thing, context))
    if isinstance(thing, Callout):
        return _owner(callout_owner(thing, snapshot, context))
    if isinstance(thing, Session):
        owner = session_owner(thing, context)
        return {
            "process": owner.process.path or owner.process.name if owner.process else None,
            "process_there": owner.is_there,
            "services": list(owner.services),
        }
    if isinstance(thing, Filter):
        return _filter(snapshot, thing, context)
    return {}


def _owner(owner: Owner) -> dict[str, Any]:
    return {
        "product": owner.product,
        "owner_service": owner.service_name,
        "owner_there": owner.is_there,
        "owner_image": owner.image,
        "owner_company": owner.company,
        "owner_version": owner.driver.version if owner.driver else None,
    }


def _filter(snapshot: Snapshot, filter_: Filter, context: HostContext) -> dict[str, Any]:
    owner = filter_owner(filter_, snapshot, context)
    fields: dict[str, Any] = _owner(owner) if owner.service_name is not None else {}
    link = rule_links(snapshot, context).by_filter.get(filter_.id)
    if link is not None:
        fields["rule_found_by"] = link.by
        fields["firewall_rules"] = [_rule(one) for one in link.candidates]
    return fields


def _rule(rule: FirewallRule) -> dict[str, Any]:
    return {"store": rule.store, "id": rule.id, "name": rule.name, "raw": rule.raw}


class Behind(Struct, frozen=True, kw_only=True):
    """One thing of the host that stands behind an object.

    Attributes:
        relation: How the object leads to it.
        kind: Kind of the thing.
        name: Its name or id.
        text: What people call it, or its file.
        is_there: Whether it is there; ``None`` where nobody said.
    """

    relation: str
    kind: Literal["driver", "process", "rule", "service"]
    name: str
    text: str | None = None
    is_there: bool | None = None


def around(snapshot: Snapshot, thing: object, context: HostContext) -> Iterator[Behind]:
    """Services, drivers, processes and firewall rules behind an object, those that are named."""
    if isinstance(thing, Session):
        owner = session_owner(thing, context)
        if thing.process_id is not None:
            path = owner.process.path or owner.process.name if owner.process else None
            number = str(thing.process_id)
            yield Behind(
                relation="process_id",
                kind="process",
                name=number,
                text=path,
                is_there=owner.is_there,
            )
        for name in owner.services:
            yield Behind(relation="process_id", kind="service", name=name, is_there=True)
    elif isinstance(thing, Provider):
        yield from _service(provider_owner(thing, context), "service_name")
    elif isinstance(thing, Callout):
        yield from _service(callout_owner(thing, snapshot, context), "provider")
    elif isinstance(thing, Filter):
        relation = "callout" if thing.provider is None else "provider"
        yield from _service(filter_owner(thing, snapshot, context), relation)
        link = rule_links(snapshot, context).by_filter.get(thing.id)
        for one in link.candidates if link is not None else ():
            yield Behind(relation="rule", kind="rule", name=one.id, text=one.name, is_there=True)


def _service(owner: Owner, relation: str) -> Iterator[Behind]:
    if owner.service_name is not None:
        yield Behind(
            relation=relation,
            kind="driver" if owner.driver is not None else "service",
            name=owner.service_name,
            text=owner.image,
            is_there=owner.is_there,
        )
