"""Filters and their conditions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from uuid import UUID

from msgspec import Struct

from pywfp_ps.model.objects import Condition, Filter, Node
from pywfp_ps.model.values import integer
from pywfp_ps.read.netsh.addresses import AddressFields
from pywfp_ps.read.netsh.elements import (
    Log,
    Parts,
    attempt,
    blob_at,
    display,
    flags_at,
    node_of,
    nodes_of,
    number,
    own_key,
    parts_of,
    read_repeated,
    refer,
    reference_at,
    required,
    unique,
)
from pywfp_ps.read.netsh.tree import Element
from pywfp_ps.read.netsh.values import Mixed, Place, mixed

_FILTER: Final = frozenset(
    {
        "action",
        "displayData",
        "effectiveWeight",
        "filterCondition",
        "filterId",
        "filterKey",
        "flags",
        "layerKey",
        "providerContextKey",
        "providerData",
        "providerKey",
        "rawContext",
        "reserved",
        "subLayerKey",
        "weight",
    }
)
_CONDITION: Final = frozenset({"conditionValue", "fieldKey", "matchType"})
_TARGETS: Final = frozenset({"calloutKey", "filterType"})
_CALLOUT: Final = "FWP_ACTION_CALLOUT_"
_EMPTY: Final = "FWP_EMPTY"
_WEIGHTS: Final = {"FWP_UINT8": "uint8", "FWP_UINT64": "uint64"}


class _Action(Struct, frozen=True):
    """An action with the callout it asks, or the filter type of an action that asks none."""

    type: str
    callout: str | None = None
    callout_key: UUID | None = None
    filter_type: UUID | None = None
    extra: tuple[Node, ...] = ()


def filter_reader(addresses: AddressFields) -> Callable[[Element, Log], Filter]:
    """What reads one filter, given which fields of its layer hold addresses."""

    def read(item: Element, log: Log) -> Filter:
        kept: list[Node] = []
        parts = parts_of(item, _FILTER, kept, log)
        layer, layer_key = own_key("layers", parts, "layerKey")
        sublayer, sublayer_key = own_key("sublayers", parts, "subLayerKey")
        name, description = display(parts, kept)
        provider, provider_key = reference_at("providers", parts, "providerKey", kept, log)
        flags, flags_value = flags_at("filter_flags", parts, kept, log)
        weight_type, weight = _weight(parts, "weight", kept, log)
        effective_weight = _weight(parts, "effectiveWeight", kept, log)[1]
        action = _action(parts, log)
        kept += action.extra
        context, context_key = reference_at("contexts", parts, "providerContextKey", kept, log)
        reserved = parts.get("reserved")
        if reserved is not None and (reserved.text is not None or len(reserved)):
            kept.append(node_of(reserved))
        return Filter(
            id=integer("FWP_UINT64", required(parts, "filterId")),
            key=attempt(unique, parts, "filterKey", kept, log),
            name=name,
            description=description,
            layer=layer,
            layer_key=layer_key,
            sublayer=sublayer,
            sublayer_key=sublayer_key,
            provider=provider,
            provider_key=provider_key,
            provider_data=blob_at(parts, "providerData", kept, log),
            flags=flags,
            flags_value=flags_value,
            weight_type=weight_type,
            weight=weight,
            effective_weight=effective_weight,
            action=action.type,
            callout=action.callout,
            callout_key=action.callout_key,
            filter_type=action.filter_type,
            conditions=_conditions(parts, addresses.of(layer), log),
            provider_context=context,
            provider_context_key=context_key,
            raw_context=number(parts, "rawContext", "FWP_UINT64", kept, log),
            extra=tuple(kept),
        )

    return read


def _conditions(parts: Parts, addresses: frozenset[str], log: Log) -> tuple[Condition, ...]:
    """All conditions in the order listed, those without sense too: without, more would match."""
    element = parts.get("filterCondition")
    if element is None:
        log.note("filterCondition", "is missing; read as no conditions")
        return ()
    return read_repeated(element, "filterCondition", log, _condition, addresses)


def _condition(item: Element, addresses: frozenset[str]) -> tuple[Condition, str | None]:
    """One condition and what is wrong with it; what was not understood is in its ``extra``."""
    parts = {str(child.tag): child for child in item}
    try:
        if item.tag != "item" or len(parts) != len(item):
            raise ValueError("is no item, or repeats an element")  # noqa: TRY301 - same end as all
        field, field_key = own_key("conditions", parts, "fieldKey")
        match = required(parts, "matchType")
        data_type = required(
            {child.tag: child for child in parts.get("conditionValue", ())}, "type"
        )
    except ValueError as problem:
        return Condition(field="", match="", type="", extra=(node_of(item),)), str(problem)
    extra = nodes_of(child for tag, child in parts.items() if tag not in _CONDITION)
    values = [child for child in parts["conditionValue"] if child.tag != "type"]
    found, trouble = Mixed(), None
    try:
        if len(values) > 1:
            raise ValueError("has more than one value")  # noqa: TRY301 - same end as all trouble
        value = values[0] if values else None
        found = mixed(data_type, value, Place(field, field in addresses))
    except ValueError as problem:
        trouble = str(problem)
        extra += nodes_of(values or [parts["conditionValue"]])
    condition = Condition(
        field=field,
        field_key=field_key,
        match=match,
        type=data_type,
        value=found.value,
        low=found.low,
        high=found.high,
        bound_type=found.bound_type,
        prefix_length=found.prefix_length,
        mask=found.mask,
        extra=extra,
    )
    return condition, trouble


def _weight(parts: Parts, tag: str, kept: list[Node], log: Log) -> tuple[str, int | None]:
    element = parts.get(tag)
    if element is None:
        log.note(tag, "is missing")
        return _EMPTY, None
    try:
        return log.once(element, _typed_weight, "weight")
    except ValueError as problem:
        log.note(tag, str(problem))
        kept.append(node_of(element))
        return element.findtext("type") or _EMPTY, None


def _typed_weight(element: Element, _: str) -> tuple[str, int | None]:
    data_type = required({child.tag: child for child in element}, "type")
    if data_type == _EMPTY and len(element) == 1:
        return _EMPTY, None
    if len(element) != 2 or element[1].tag != _WEIGHTS.get(data_type):
        raise ValueError(f"{data_type[:60]} with something else than its value")
    return data_type, integer(data_type, element[1].text or "")


def _action(parts: Parts, log: Log) -> _Action:
    element = parts.get("action")
    if element is None:
        raise ValueError("has no action")
    return log.once(element, _read_action, "action")


def _read_action(element: Element, _: str) -> _Action:
    found = {str(child.tag): child for child in element}
    action = required(found, "type")
    targets = [child for child in element if child.tag in _TARGETS and child.text is not None]
    if len(targets) > 1:
        raise ValueError("its action names more than one callout")
    extra = nodes_of(
        child
        for child in element
        if child is not found["type"] and (child.tag not in _TARGETS or len(child))
    )
    if not targets:
        return _Action(action, extra=extra)
    target, key = refer("callouts", targets[0].text)
    if action.startswith(_CALLOUT) or key is None or (target or "").startswith("FWPM_"):
        return _Action(action, target, key, extra=extra)
    return _Action(action, None, None, key, extra)
