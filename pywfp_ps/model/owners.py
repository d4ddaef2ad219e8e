"""Who is behind an object: service, driver, process, firewall rule, and the way back.

A snapshot names services, callouts and processes; context says what those are on the host. Nothing
here is guessed: a step that nothing in the two says is ``None``, and where a kind of context could
not be read it is unknown whether the thing is there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal, TypeVar

from msgspec import Struct

from pywfp_ps.model.context import Driver, HostContext, Process, Service
from pywfp_ps.model.firewall import FirewallRule
from pywfp_ps.model.objects import BLOCK, PERMIT, Callout, Filter, Provider, Session, Snapshot
from pywfp_ps.model.origin import Rule, rules_of
from pywfp_ps.model.tables import product_of, tables

T = TypeVar("T", Service, Driver)
RuleKey = tuple[str, str]
"""Store and id of a firewall rule."""

_PROTOCOL: Final = "FWPM_CONDITION_IP_PROTOCOL"
_EQUAL: Final = "FWP_MATCH_EQUAL"
_DIRECTIONS: Final = (("ALE_AUTH_CONNECT_", "out"), ("ALE_AUTH_RECV_ACCEPT_", "in"))
_ACTIONS: Final = {BLOCK: frozenset({"block"}), PERMIT: frozenset({"allow", "bypass"})}


class Owner(Struct, frozen=True, kw_only=True):
    """What is behind a provider or callout on this host.

    Attributes:
        product: Product that always uses these GUIDs, where one is known.
        service_name: Service or driver that the provider names.
        service: That service.
        driver: That driver, if it is one and runs.
        is_there: Whether a service or a running driver of that name is there; ``None`` where no
            name is given, or context does not say.
    """

    product: str | None = None
    service_name: str | None = None
    service: Service | None = None
    driver: Driver | None = None
    is_there: bool | None = None

    @property
    def image(self) -> str | None:
        """File that runs."""
        if self.driver is not None:
            return self.driver.path
        return self.service.image if self.service is not None else None

    @property
    def company(self) -> str | None:
        """Company by the version resource of `image`."""
        if self.driver is not None:
            return self.driver.company
        return self.service.company if self.service is not None else None


class SessionOwner(Struct, frozen=True, kw_only=True):
    """The client of a session.

    Attributes:
        process: Its process, ``None`` where it is gone or processes were not read.
        services: Services in that process, sorted; several share a host process.
        is_there: Whether the process is still there; ``None`` where nobody said.
    """

    process: Process | None = None
    services: tuple[str, ...] = ()
    is_there: bool | None = None


class RuleLink(Struct, frozen=True, kw_only=True):
    """The firewall rules that a filter can come from.

    Attributes:
        rule: What the filter itself says.
        by: ``origin`` where it names the rule by its id, ``name`` where only names are alike;
            ``None`` where no rule of the host fits, or it is unknown.
        candidates: The rules; the filter comes from exactly one where there is just one.
    """

    rule: Rule
    by: Literal["name", "origin"] | None = None
    candidates: tuple[FirewallRule, ...] = ()

    @property
    def only(self) -> FirewallRule | None:
        """The rule, where there is no other it could be."""
        return self.candidates[0] if len(self.candidates) == 1 else None


def service_name_of(provider: Provider) -> str | None:
    """The service that a provider names, or that a well-known provider always has."""
    known: Mapping[str, str | None] = tables()["provider_services"]
    return provider.service_name or known.get(provider.const_name)


def provider_owner(provider: Provider, context: HostContext) -> Owner:
    """Provider to service or driver, image and company."""
    return _owner(service_name_of(provider), product_of(provider.key), context)


def callout_owner(callout: Callout, snapshot: Snapshot, context: HostContext) -> Owner:
    """Callout to driver: what its provider names. A callout itself names no driver."""
    provider = next((p for p in snapshot.providers if _is(p, callout)), None)
    name = service_name_of(provider) if provider is not None else None
    return _owner(name, product_of(callout.key, callout.provider_key), context)


def filter_owners(
    filters: Iterable[Filter], snapshot: Snapshot, context: HostContext
) -> Iterator[Owner]:
    """Filter to service or driver, one for each filter, in order.

    What its provider names; where it has none, what the provider of its callout names. The product
    is that of any GUID of the filter.
    """
    providers = {one.const_name: one for one in snapshot.providers}
    behind = {name: service_name_of(one) for name, one in providers.items()}
    callouts = {one.const_name: one.provider for one in snapshot.callouts}
    known: dict[tuple[str | None, str | None], Owner] = {}
    for one in filters:
        name = behind.get(one.provider or "")
        if name is None and one.provider not in providers:
            name = behind.get(callouts.get(one.callout or "") or "")
        product = product_of(one.provider_key, one.sublayer_key, one.callout_key)
        if (name, product) not in known:
            known[name, product] = _owner(name, product, context)
        yield known[name, product]


def filter_owner(filter_: Filter, snapshot: Snapshot, context: HostContext) -> Owner:
    """The same for one filter of a snapshot."""
    return next(filter_owners([filter_], snapshot, context))


def _is(provider: Provider, callout: Callout) -> bool:
    return callout.provider is not None and provider.const_name == callout.provider


def _owner(name: str | None, product: str | None, context: HostContext) -> Owner:
    service = _named(name, context.services)
    driver = _named(name, context.drivers)
    is_there: bool | None = None
    if name is not None:
        if service is not None or driver is not None:
            is_there = True
        elif context.services is not None and context.drivers is not None:
            is_there = False
    return Owner(
        product=product, service_name=name, service=service, driver=driver, is_there=is_there
    )


def _named(name: str | None, found: Iterable[T] | None) -> T | None:
    if name is None:
        return None
    return next((one for one in found or () if one.name.casefold() == name.casefold()), None)


def session_owner(session: Session, context: HostContext) -> SessionOwner:
    """Session to process, and to the services in it.

    The two are asked for in one job, seconds apart: a process that went and whose number was
    given away in between would not show.
    """
    if session.process_id is None:
        return SessionOwner()
    process = next(
        (one for one in context.processes or () if one.process_id == session.process_id), None
    )
    services = sorted(
        one.name for one in context.services or () if one.process_id == session.process_id
    )
    told = None if context.processes is None else process is not None
    return SessionOwner(
        process=process,
        services=tuple(services) if session.process_id else (),
        is_there=told,
    )


def providers_of_service(name: str, snapshot: Snapshot) -> tuple[Provider, ...]:
    """The way back: providers that name a service or driver."""
    wanted = name.casefold()
    return tuple(
        one
        for one in snapshot.providers
        if (named := service_name_of(one)) and named.casefold() == wanted
    )


def filters_of_service(name: str, snapshot: Snapshot) -> tuple[Filter, ...]:
    """Filters of all providers that name a service or driver, in order."""
    providers = {one.const_name for one in providers_of_service(name, snapshot)}
    return tuple(one for one in snapshot.filters if one.provider in providers)


class RuleLinks(Struct, frozen=True, kw_only=True):
    """Filters and firewall rules, both ways.

    Attributes:
        by_filter: What each filter that belongs to a rule comes from, by filter id.
        by_rule: Ids of the filters that come from a rule and no other, by store and id of the rule.
    """

    by_filter: dict[int, RuleLink]
    by_rule: dict[RuleKey, tuple[int, ...]]


def rule_links(snapshot: Snapshot, context: HostContext) -> RuleLinks:
    """Which filter comes from which firewall rule.

    By the filter's origin where it is the id of a rule; else by name, among the active rules of
    that name that agree with all filters of the same rule number in direction, action and
    protocol. Names that stand in the registry as references to a resource are not resolved: such
    rules are found by origin alone.
    """
    rules = rules_of(snapshot)
    ids, names = _index(context.rules or ())
    groups: dict[object, list[Filter]] = defaultdict(list)
    for filter_ in snapshot.filters:
        if rule := rules.get(filter_.id):
            groups[_group(filter_, rule)].append(filter_)
    by_filter: dict[int, RuleLink] = {}
    by_rule: dict[RuleKey, list[int]] = defaultdict(list)
    for members in groups.values():
        has_origin = any(rules[one.id].origin is not None for one in members)
        link = _link(rules[members[0].id], members, ids if has_origin else {}, names)
        for filter_ in members:
            found = RuleLink(rule=rules[filter_.id], by=link.by, candidates=link.candidates)
            by_filter[filter_.id] = found
            if (only := found.only) is not None:
                by_rule[only.store, only.id].append(filter_.id)
    return RuleLinks(
        by_filter={f.id: by_filter[f.id] for f in snapshot.filters if f.id in by_filter},
        by_rule={key: tuple(sorted(found)) for key, found in by_rule.items()},
    )


_Index = Mapping[str, list[FirewallRule]]


def _index(rules: Iterable[FirewallRule]) -> tuple[_Index, _Index]:
    ids: dict[str, list[FirewallRule]] = defaultdict(list)
    names: dict[str, list[FirewallRule]] = defaultdict(list)
    for rule in rules:
        ids[rule.id.casefold()].append(rule)
        if rule.name is not None:
            names[rule.name.casefold()].append(rule)
    return ids, names


def _group(filter_: Filter, rule: Rule) -> object:
    """Filters of one rule number and name come from one rule; without a number each is alone."""
    return (rule.number, rule.name) if rule.number is not None else filter_.id


def _link(rule: Rule, members: list[Filter], ids: _Index, names: _Index) -> RuleLink:
    if rule.name is None:
        return RuleLink(rule=rule)
    name = rule.name.casefold()
    if found := ids.get(name):
        return RuleLink(rule=rule, by="origin", candidates=tuple(found))
    fitting = tuple(one for one in names.get(name, ()) if all(_fits(one, f) for f in members))
    return RuleLink(rule=rule, by="name" if fitting else None, candidates=fitting)


def _fits(rule: FirewallRule, filter_: Filter) -> bool:
    """Whether nothing in a filter speaks against a rule."""
    if rule.is_active is False:
        return False
    direction = next((way for mark, way in _DIRECTIONS if mark in filter_.layer), None)
    if direction is not None and rule.direction not in (None, direction):
        return False
    actions = _ACTIONS.get(filter_.action)
    if actions is not None and rule.action is not None and rule.action not in actions:
        return False
    protocols = {
        one.value for one in filter_.conditions if one.field == _PROTOCOL and one.match == _EQUAL
    }
    return not protocols or rule.protocol is None or rule.protocol in protocols
