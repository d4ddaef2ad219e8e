"""Filters and their conditions."""

from __future__ import annotations

from typing import Final
from uuid import UUID

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
    miscount,
    node_of,
    nodes_of,
    number,
    own_key,
    parts_of,
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
_ACTION: Final = frozenset({"calloutKey", "filterType", "type"})
_CALLOUT: Final = "FWP_ACTION_CALLOUT_"
_WEIGHTS: Final = {"FWP_UINT8": "uint8", "FWP_UINT64": "uint64"}


class FilterReader:
    """Reads filters, once told which fields of their layers hold addresses."""

    def __init__(self, addresses: AddressFields) -> None:
        self._addresses = addresses

    def __call__(self, item: Element, log: Log) -> Filter:
        """One filter.

        Raises:
            ValueError: Its id, layer, sublayer or action is missing or makes no sense.
        """
        kept: list[Node] = []
        parts = parts_of(item, _FILTER, kept, log)
        layer, layer_key = own_key("layers", parts, "layerKey")
        sublayer, sublayer_key = own_key("sublayers", parts, "subLayerKey")
        name, description = display(parts, kept)
        provider, provider_key = reference_at("providers", parts, "providerKey", kept, log)
        flags, flags_value = flags_at("filter_flags", parts, kept, log)
        weight_type, weight = _weight(parts, "weight", kept, log)
        _, effective_weight = _weight(parts, "effectiveWeight", kept, log)
        action, callout, callout_key, filter_type = _action(parts, kept, log)
        context, context_key = reference_at("contexts", parts, "providerContextKey", kept, log)
        if (reserved := parts.get("reserved")) is not None and (
            len(reserved) or reserved.text is not None
        ):
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
            action=action,
            callout=callout,
            callout_key=callout_key,
            filter_type=filter_type,
            conditions=_conditions(parts, self._addresses.of(layer), log),
            provider_context=context,
            provider_context_key=context_key,
            raw_context=number(parts, "rawContext", "FWP_UINT64", kept, log),
            extra=tuple(kept),
        )


def _weight(parts: Parts, tag: str, kept: list[Node], log: Log) -> tuple[str, int | None]:
    element = parts.get(tag)
    if element is None:
        log.note(tag, "is missing")
        return "FWP_EMPTY", None
    data_type = "FWP_EMPTY"
    try:
        children = list(element)
        if not children or children[0].tag != "type" or not children[0].text:
            raise ValueError("has no type")  # noqa: TRY301 - same end as all trouble
        data_type = children[0].text
        if data_type == "FWP_EMPTY" and len(children) == 1:
            return data_type, None
        if len(children) != 2 or children[1].tag != _WEIGHTS.get(data_type):
            raise ValueError(f"{data_type[:60]} with something else than its value")  # noqa: TRY301
        return data_type, integer(data_type, children[1].text or "")
    except ValueError as problem:
        log.note(tag, str(problem))
        kept.append(node_of(element))
        return data_type, None


def _action(
    parts: Parts, kept: list[Node], log: Log
) -> tuple[str, str | None, UUID | None, UUID | None]:
    """Action, callout with its GUID, and for what is no callout the filter type."""
    element = parts.get("action")
    if element is None:
        raise ValueError("has no action")
    found = {child.tag: child for child in element}
    action = required(found, "type")
    if len(found) != len(element) or not found.keys() <= {"type", "filterType", "calloutKey"}:
        kept += nodes_of(c for c in element if c is not found.get(c.tag) or c.tag not in _ACTION)
    callout, callout_key = None, None
    for tag in ("calloutKey", "filterType"):
        if found.get(tag) is not None and found[tag].text is not None:
            callout, callout_key = reference_at("callouts", found, tag, kept, log)
    if callout is None or action.startswith(_CALLOUT):
        return action, callout, callout_key, None
    if callout_key is None or callout.startswith("FWPM_"):
        return action, callout, callout_key, None
    return action, None, None, callout_key


def _conditions(parts: Parts, addresses: frozenset[str], log: Log) -> tuple[Condition, ...]:
    element = parts.get("filterCondition")
    if element is None:
        log.note("filterCondition", "is missing; read as no conditions")
        return ()
    found = [_condition(item, count, addresses, log) for count, item in enumerate(element)]
    if problem := miscount(element, len(found)):
        log.note("filterCondition", problem)
    return tuple(found)


def _condition(item: Element, count: int, addresses: frozenset[str], log: Log) -> Condition:
    """One condition; what was not understood of it is in its ``extra``."""
    kept: list[Node] = []
    try:
        if item.tag != "item":
            raise ValueError(f"is an element {item.tag!s}")  # noqa: TRY301 - same end as all
        parts = parts_of(item, _CONDITION, kept, log)
        field, field_key = own_key("conditions", parts, "fieldKey")
        match = required(parts, "matchType")
        holder = parts.get("conditionValue")
        if holder is None or not len(holder) or holder[0].tag != "type" or not holder[0].text:
            raise ValueError("has no type of value")  # noqa: TRY301 - same end as all trouble
    except ValueError as problem:
        log.note(f"filterCondition/item[{count}]", str(problem))
        return Condition(field="", match="", type="", extra=(node_of(item),))
    data_type = holder[0].text
    try:
        if len(holder) > 2:
            raise ValueError("more than one value")  # noqa: TRY301 - same end as all trouble
        value = holder[1] if len(holder) > 1 else None
        found = mixed(data_type, value, Place(field, field in addresses))
    except ValueError as problem:
        log.note(f"filterCondition/item[{count}]/conditionValue", str(problem))
        kept += nodes_of(list(holder)[1:]) or (node_of(holder),)
        found = Mixed()
    return Condition(
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
        extra=tuple(kept),
    )
