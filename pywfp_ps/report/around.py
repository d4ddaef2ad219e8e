"""One thing that surrounds the filter engine, and the engine's objects behind which it stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from msgspec import structs

from pywfp_ps.model.context import Driver, HostContext, Process, Service
from pywfp_ps.model.firewall import FirewallRule
from pywfp_ps.model.objects import Filter, Provider, Session, Snapshot
from pywfp_ps.model.owners import (
    RuleLinks,
    filters_of_service,
    providers_of_service,
    rule_links,
    session_owner,
)
from pywfp_ps.report.objects import AroundKind, Link, ObjectReport, link_to

Around = Driver | FirewallRule | Process | Service

AROUND: Final[dict[AroundKind, type[Around]]] = {
    "service": Service,
    "driver": Driver,
    "process": Process,
    "rule": FirewallRule,
}
"""Kinds of things, in the order in which they are looked for."""

_KIND_OF: Final[dict[type[Around], AroundKind]] = {type_: kind for kind, type_ in AROUND.items()}


def find_around(context: HostContext, what: str, kind: AroundKind | None = None) -> list[Around]:
    """Things that a text means, by the first of these that finds any.

    A name or id, a whole display name or path, a part of one. Upper and lower case are the same.
    """
    lists: dict[AroundKind, Iterable[Around]] = {
        "service": context.services or (),
        "driver": context.drivers or (),
        "process": context.processes or (),
        "rule": context.rules or (),
    }
    kinds: tuple[AroundKind, ...] = (kind,) if kind else tuple(AROUND)
    candidates = [one for name in kinds for one in lists[name]]
    wanted = what.casefold()
    for means in (_by_name, _by_text, _by_part):
        if found := [one for one in candidates if means(one, wanted)]:
            return found
    return []


def _name(one: Around) -> str:
    if isinstance(one, Process):
        return str(one.process_id)
    return one.id if isinstance(one, FirewallRule) else one.name


def _texts(one: Around) -> tuple[str, ...]:
    texts: tuple[str | None, ...]
    if isinstance(one, Process):
        texts = (one.name, one.path)
    elif isinstance(one, FirewallRule):
        texts = (one.name,)
    else:
        texts = (one.display_name, one.image if isinstance(one, Service) else one.path)
    return tuple(text.casefold() for text in texts if text)


def _by_name(one: Around, what: str) -> bool:
    return _name(one).casefold() == what


def _by_text(one: Around, what: str) -> bool:
    return what in _texts(one)


def _by_part(one: Around, what: str) -> bool:
    return any(what in text for text in _texts(one))


def title_around(one: Around) -> str:
    """A short name that tells the thing from its like."""
    store = f" ({one.store})" if isinstance(one, FirewallRule) else ""
    shown = one.name if isinstance(one, Process | FirewallRule) else one.display_name
    return f"{_name(one)} {shown or ''}".strip() + store


def kind_around(one: Around) -> AroundKind:
    """Its kind."""
    return _KIND_OF[type(one)]


def report_around(snapshot: Snapshot, one: Around, context: HostContext) -> ObjectReport:
    """Everything that context says of a thing, and which objects of the engine it is behind."""
    return ObjectReport(
        kind=kind_around(one),
        title=title_around(one),
        fields=_fields(one),
        referred_by=tuple(_behind(snapshot, one, context)),
    )


def _fields(one: Around) -> dict[str, Any]:
    fields = structs.asdict(one)
    if isinstance(one, FirewallRule):
        fields["version"] = ".".join(map(str, one.version))
        fields["fields"] = [f"{name}={value}" for name, value in one.fields]
        more = ("name", "direction", "action", "is_active")
        fields |= {name: getattr(one, name) for name in more}
    if isinstance(one, Service):
        fields |= {"sid": one.sid, "image": one.image}
    return fields


def _behind(snapshot: Snapshot, one: Around, context: HostContext) -> Iterator[Link]:
    if isinstance(one, FirewallRule):
        yield from _of_rule(snapshot, one, rule_links(snapshot, context))
        return
    if isinstance(one, Process):
        yield from _of_process(snapshot, one, context)
        return
    providers = providers_of_service(one.name, snapshot)
    filters = filters_of_service(one.name, snapshot)
    objects: tuple[tuple[str, tuple[Provider | Filter, ...]], ...] = (
        ("service_name", providers),
        ("provider", filters),
    )
    for relation, listed in objects:
        yield from (link_to(other, relation) for other in listed)
    if isinstance(one, Service) and one.process_id:
        sessions = (s for s in snapshot.sessions if s.process_id == one.process_id)
        yield from (link_to(session, "process_id") for session in sessions)


def _of_rule(snapshot: Snapshot, rule: FirewallRule, links: RuleLinks) -> Iterator[Link]:
    """Filters that come from the rule; those that can come from another one too say so."""
    for filter_ in snapshot.filters:
        link = links.by_filter.get(filter_.id)
        if link is not None and rule in link.candidates:
            sure = link.only is not None
            yield link_to(filter_, f"rule by {link.by}" if sure else "rule, one of several")


def _of_process(snapshot: Snapshot, process: Process, context: HostContext) -> Iterator[Link]:
    sessions: list[Session] = [
        one for one in snapshot.sessions if one.process_id == process.process_id
    ]
    yield from (link_to(one, "process_id") for one in sessions)
    asked = Session(key=None, process_id=process.process_id)
    for name in session_owner(asked, context).services:
        yield Link(relation="process_id", kind="service", name=name)
