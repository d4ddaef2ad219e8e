"""One object of a snapshot: everything about it, what it refers to, what refers to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal
from uuid import UUID

from msgspec import Struct, structs

from pywfp_ps.model.context import HostContext
from pywfp_ps.model.identity import content_id, shape_id
from pywfp_ps.model.objects import (
    AleEndpoint,
    Callout,
    Filter,
    Layer,
    Node,
    Provider,
    ProviderContext,
    Session,
    Snapshot,
    SubLayer,
)
from pywfp_ps.model.origin import owner_of, rules_of
from pywfp_ps.model.text import condition_text
from pywfp_ps.report.behind import around, behind
from pywfp_ps.report.rows import cell
from pywfp_ps.report.text import visible

Kind = Literal[
    "callout", "context", "endpoint", "filter", "layer", "provider", "session", "sublayer"
]
AroundKind = Literal["driver", "process", "rule", "service"]
"""Kinds of what surrounds the filter engine."""

Thing = Layer | SubLayer | Provider | ProviderContext | Callout | Filter | Session | AleEndpoint

KINDS: Final[dict[Kind, type[Thing]]] = {
    "filter": Filter,
    "layer": Layer,
    "sublayer": SubLayer,
    "provider": Provider,
    "callout": Callout,
    "context": ProviderContext,
    "session": Session,
    "endpoint": AleEndpoint,
}
_KIND_OF: Final[dict[type[Thing], Kind]] = {type_: kind for kind, type_ in KINDS.items()}
_PREFIXES: Final = (
    "FWPM_LAYER_",
    "FWPM_SUBLAYER_",
    "FWPM_PROVIDER_",
    "FWPM_CALLOUT_",
    "FWPM_PROVIDER_CONTEXT_",
)


class Link(Struct, frozen=True, kw_only=True):
    """One object at the other end of a reference.

    Attributes:
        relation: The member that holds the reference.
        kind: Kind of the other object.
        name: Its constant, GUID, id or display name.
        text: Its display name or what it does.
        missing: Whether the snapshot lacks the object that is referred to.
    """

    relation: str
    kind: Kind | AroundKind
    name: str
    text: str | None = None
    missing: bool = False


class ObjectReport(Struct, frozen=True, kw_only=True):
    """One object with all its references, both ways."""

    kind: Kind | AroundKind
    title: str
    fields: dict[str, Any]
    refers_to: tuple[Link, ...] = ()
    referred_by: tuple[Link, ...] = ()


def things_of(snapshot: Snapshot, kind: Kind) -> tuple[Thing, ...]:
    """All objects of a kind, in the order listed."""
    lists: dict[Kind, tuple[Thing, ...]] = {
        "filter": snapshot.filters,
        "layer": snapshot.layers,
        "sublayer": snapshot.sublayers,
        "provider": snapshot.providers,
        "callout": snapshot.callouts,
        "context": snapshot.contexts,
        "session": snapshot.sessions,
        "endpoint": snapshot.endpoints,
    }
    return lists[kind]


def find(snapshot: Snapshot, what: str, kind: Kind | None = None) -> list[Thing]:
    """Objects that a text means, by the first of these that finds any.

    A GUID or constant (its prefix may be left out), a decimal id, a whole display name, a part of
    a display name. Upper and lower case are the same.
    """
    kinds = (kind,) if kind else tuple(KINDS)
    candidates = [thing for one in kinds for thing in things_of(snapshot, one)]
    for means in (_by_key, _by_id, _by_name, _by_part):
        if found := [thing for thing in candidates if means(thing, what.casefold())]:
            return found
    return []


def _by_key(thing: Thing, what: str) -> bool:
    if isinstance(thing, AleEndpoint):
        return False
    constant = getattr(thing, "const_name", "").casefold()
    short = (constant.removeprefix(prefix.casefold()) for prefix in _PREFIXES)
    return what.strip("{}") == str(thing.key) or what in {constant, *short} - {""}


def _by_id(thing: Thing, what: str) -> bool:
    return what.isdigit() and str(getattr(thing, "id", "")) == what


def _by_name(thing: Thing, what: str) -> bool:
    return (_shown(thing) or "").casefold() == what


def _by_part(thing: Thing, what: str) -> bool:
    return what in (_shown(thing) or "").casefold()


def _shown(thing: Thing) -> str | None:
    return thing.file_name if isinstance(thing, AleEndpoint) else thing.name


def title_of(thing: Thing) -> str:
    """A short name that tells the object from its like."""
    if isinstance(thing, Filter):
        return f"{thing.id} {thing.name or ''}".strip()
    if isinstance(thing, AleEndpoint):
        return f"{thing.id} {thing.file_name or ''}".strip()
    name = getattr(thing, "const_name", None) or f"{{{thing.key}}}"
    return f"{name} {thing.name or ''}".strip()


def report_of(snapshot: Snapshot, thing: Thing, context: HostContext | None = None) -> ObjectReport:
    """Everything a snapshot says about one of its objects, and context about who is behind it.

    Args:
        snapshot: Where the object is from.
        thing: The object.
        context: What the host said of its services, drivers, processes and firewall rules.
    """
    fields = {
        name: _plain(value)
        for name, value in structs.asdict(thing).items()
        if name not in ("extra", "fields", "conditions")
    }
    if isinstance(thing, Filter):
        fields |= _of_filter(snapshot, thing)
    if isinstance(thing, Layer):
        fields["fields"] = [f"{f.name} {f.data_type}" for f in thing.fields]
    if isinstance(thing, ProviderContext):
        fields["text"] = thing.text
    if context is not None:
        fields |= behind(snapshot, thing, context)
    if thing.extra:
        fields["extra"] = [_plain(node) for node in thing.extra]
    return ObjectReport(
        kind=_KIND_OF[type(thing)],
        title=title_of(thing),
        fields=fields,
        refers_to=(*_refers_to(snapshot, thing), *_stands_on(snapshot, thing, context)),
        referred_by=tuple(_referred_by(snapshot, thing)),
    )


def _of_filter(snapshot: Snapshot, filter_: Filter) -> dict[str, Any]:
    rule = rules_of(snapshot).get(filter_.id)
    providers = {provider.const_name: provider for provider in snapshot.providers}
    return {
        "conditions": condition_text(filter_.conditions) or "(none: matches everything)",
        "in_force": filter_.is_in_force,
        "hard": filter_.is_hard,
        "rule": rule.name if rule else None,
        "rule_number": rule.number if rule else None,
        "owner": owner_of(filter_, providers),
        "content_id": content_id(filter_),
        "shape_id": shape_id(filter_),
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Node):
        inner = [_plain(child) for child in value.children]
        return {value.tag: inner or value.text}
    if isinstance(value, Struct):
        return {name: _plain(item) for name, item in structs.asdict(value).items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


_REFERENCES: Final[tuple[tuple[type[Thing], str, str, Kind], ...]] = (
    (Filter, "layer", "layer_key", "layer"),
    (Filter, "sublayer", "sublayer_key", "sublayer"),
    (Filter, "provider", "provider_key", "provider"),
    (Filter, "callout", "callout_key", "callout"),
    (Filter, "provider_context", "provider_context_key", "context"),
    (Layer, "default_sublayer", "default_sublayer_key", "sublayer"),
    (SubLayer, "provider", "provider_key", "provider"),
    (Callout, "layer", "layer_key", "layer"),
    (Callout, "provider", "provider_key", "provider"),
    (ProviderContext, "provider", "provider_key", "provider"),
)
"""Holder, member with the constant, member with the GUID, kind referred to."""


def _refers_to(snapshot: Snapshot, thing: Thing) -> Iterator[Link]:
    for holder, constant, key, kind in _REFERENCES:
        if not isinstance(thing, holder):
            continue
        name, guid = getattr(thing, constant), getattr(thing, key)
        if name is None and guid is None:
            continue
        other = next((t for t in things_of(snapshot, kind) if _is(t, name, guid)), None)
        yield Link(
            relation=constant,
            kind=kind,
            name=name or f"{{{guid}}}",
            text=_shown(other) if other else None,
            missing=other is None,
        )


def _stands_on(snapshot: Snapshot, thing: Thing, context: HostContext | None) -> Iterator[Link]:
    """What of the host is behind an object, as far as context names it."""
    for one in around(snapshot, thing, context) if context is not None else ():
        yield Link(
            relation=one.relation,
            kind=one.kind,
            name=one.name,
            text=one.text,
            missing=one.is_there is False,
        )


def _is(thing: Thing, name: str | None, guid: UUID | None) -> bool:
    if guid is not None and getattr(thing, "key", None) is not None:
        return getattr(thing, "key", None) == guid
    return name is not None and getattr(thing, "const_name", None) == name


def _referred_by(snapshot: Snapshot, thing: Thing) -> Iterator[Link]:
    kind = _KIND_OF[type(thing)]
    for holder, constant, key, target in _REFERENCES:
        if target != kind:
            continue
        for other in things_of(snapshot, _KIND_OF[holder]):
            if _is(thing, getattr(other, constant), getattr(other, key)):
                yield link_to(other, constant)
    if isinstance(thing, Session) and thing.key:
        for subscription in snapshot.subscriptions:
            if subscription.session_key == thing.key:
                watched = f"{subscription.kind} subscription"
                yield Link(relation="session_key", kind="session", name=watched)
    if isinstance(thing, Filter):
        yield from _siblings(snapshot, thing)


def link_to(other: Thing, relation: str) -> Link:
    """The link to an object that refers to another by `relation`."""
    name = str(other.id) if isinstance(other, Filter) else title_of(other).partition(" ")[0]
    text = f"{other.action} {other.name or ''}" if isinstance(other, Filter) else _shown(other)
    return Link(relation=relation, kind=_KIND_OF[type(other)], name=name, text=text)


def _siblings(snapshot: Snapshot, filter_: Filter) -> Iterator[Link]:
    """The other filters of the same firewall rule."""
    rules = rules_of(snapshot)
    rule = rules.get(filter_.id)
    if rule is None or rule.number is None:
        return
    for other in snapshot.filters:
        same = rules.get(other.id)
        if other.id != filter_.id and same and same.number == rule.number:
            yield link_to(other, "rule")


def report_lines(report: ObjectReport, *, most: int = 20) -> Iterator[str]:
    """A report as lines for a terminal; at most so many links of one kind, with a count."""
    yield visible(f"{report.kind} {report.title}")
    width = max(map(len, report.fields), default=0)
    for name, value in report.fields.items():
        if value not in (None, [], ""):
            yield f"  {name:<{width}}  {cell(value)}"
    for head, links in (("refers to", report.refers_to), ("referred by", report.referred_by)):
        if links:
            yield f"{head} ({len(links)})"
            yield from map(_link_line, links[:most])
            if len(links) > most:
                yield f"  ... and {len(links) - most} more; --json has all"


def _link_line(link: Link) -> str:
    text = f"  {link.relation}: {link.kind} {link.name}"
    shown = f" ({link.text})" if link.text else ""
    return visible(text + shown + (" - not in this snapshot" if link.missing else ""))
