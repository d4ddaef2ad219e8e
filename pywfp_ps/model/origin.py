r"""Who put a filter there: the firewall rule behind it, and the product or service that owns it.

Filters of the Windows Firewall carry two marks. With HAS_FILTER_ORIGIN set the provider context is
a general context whose data is UTF-16 text: the id or name of the rule, or a default such as
``Query User Default``. And the provider data is a number, 8 bytes little-endian, which all filters
of one rule share; all ones stand for the built-in defaults, which are no one rule.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from msgspec import Struct

from pywfp_ps.model.objects import (
    HAS_FILTER_ORIGIN,
    Filter,
    Provider,
    ProviderContext,
    Snapshot,
)
from pywfp_ps.model.tables import product_of, tables

_BUILT_IN: Final = (1 << 64) - 1
_FIREWALL_PROVIDER: Final = "FWPM_PROVIDER_MPSSVC_"
_FIREWALL_SUBLAYER: Final = "FWPM_SUBLAYER_MPSSVC_"


class Rule(Struct, frozen=True, kw_only=True):
    """The rule of the Windows Firewall behind a filter.

    Attributes:
        name: Id or name from the origin where there is one, else the name its filters share.
        origin: Text of the filter origin, ``None`` where the filter has none.
        number: Number that all filters of the rule share, ``None`` for built-in defaults.
    """

    name: str | None = None
    origin: str | None = None
    number: int | None = None


def rule_number(filter_: Filter) -> int | None:
    """The number that groups a firewall filter with the others of its rule, if it has one."""
    data = filter_.provider_data
    if not (filter_.provider or "").startswith(_FIREWALL_PROVIDER) or not data or len(data) != 8:
        return None
    number = int.from_bytes(data, "little")
    return None if number == _BUILT_IN else number


def rules_of(snapshot: Snapshot) -> dict[int, Rule]:
    """The rule behind each filter that has one, by filter id, in order of the filters.

    A filter without an origin takes that of another filter of the same rule number, if all that
    have one agree; else the name that the filters of its number share.
    """
    contexts = {context.key: context for context in snapshot.contexts if context.key}
    origins = {f.id: origin for f in snapshot.filters if (origin := _origin(f, contexts))}
    named = _names_by_number(snapshot.filters, origins)
    found = {}
    for filter_ in snapshot.filters:
        number = rule_number(filter_)
        origin = origins.get(filter_.id)
        if origin is None and number is None:
            continue
        name = origin or (named.get(number) if number is not None else None)
        found[filter_.id] = Rule(name=name, origin=origin, number=number)
    return found


def _origin(filter_: Filter, contexts: dict[UUID, ProviderContext]) -> str | None:
    if HAS_FILTER_ORIGIN not in filter_.flags or filter_.provider_context_key is None:
        return None
    context = contexts.get(filter_.provider_context_key)
    return context.text if context else None


def _names_by_number(filters: Iterable[Filter], origins: dict[int, str]) -> dict[int, str]:
    by_origin: dict[int, set[str]] = {}
    by_name: dict[int, set[str | None]] = {}
    for filter_ in filters:
        number = rule_number(filter_)
        if number is None:
            continue
        by_name.setdefault(number, set()).add(filter_.name)
        if filter_.id in origins:
            by_origin.setdefault(number, set()).add(origins[filter_.id])
    names: dict[int, str] = {}
    for number, shared in by_name.items():
        one_of = by_origin.get(number) or shared
        only = next(iter(one_of)) if len(one_of) == 1 else None
        if only:
            names[number] = only
    return names


def owner_of(filter_: Filter, providers: dict[str, Provider]) -> str | None:
    """The service or product that owns a filter, ``None`` where nothing in the snapshot says so.

    In this order: the product known to use these GUIDs, the service that the provider names, the
    firewall by its sublayer, the display name of the provider.

    Args:
        filter_: The filter.
        providers: Providers of the same snapshot by constant or GUID, as in `Provider.const_name`.
    """
    product = product_of(filter_.provider_key, filter_.sublayer_key, filter_.callout_key)
    if product:
        return product
    provider = providers.get(filter_.provider) if filter_.provider else None
    if provider and provider.service_name:
        return provider.service_name
    services: dict[str, str | None] = tables()["provider_services"]
    if filter_.provider and services.get(filter_.provider):
        return services[filter_.provider]
    if filter_.sublayer.startswith(_FIREWALL_SUBLAYER):
        return "MPSSVC"
    return provider.name if provider else None
