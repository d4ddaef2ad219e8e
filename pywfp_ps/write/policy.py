"""Filters, callouts, providers and contexts as netsh prints them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from pywfp_ps.model.objects import (
    Callout,
    Condition,
    Field,
    Filter,
    Layer,
    Node,
    Provider,
    ProviderContext,
    SubLayer,
)
from pywfp_ps.write.markup import (
    VALUE_TAGS,
    blob,
    display_data,
    escape,
    flag_list,
    items_of,
    key,
    leaf,
    node_text,
    value_text,
)

_MASKS: Final = {"FWP_V4_ADDR_MASK": "v4AddrMask", "FWP_V6_ADDR_MASK": "v6AddrMask"}


def item(indent: str, lines: Iterable[str], extra: tuple[Node, ...] = ()) -> str:
    """An ``item`` element around its lines, what was not understood last."""
    kept = (node_text(indent + "\t", node) for node in extra)
    return "\n".join((f"{indent}<item>", *lines, *kept, f"{indent}</item>"))


def filter_item(indent: str, filter_: Filter) -> str:
    """One filter as a list item."""
    inner = indent + "\t"
    lines = [
        key(inner, "filterKey", filter_.key),
        display_data(inner, filter_.name, filter_.description),
        flag_list(inner, "flags", "filter_flags", filter_.flags),
        leaf(inner, "providerKey", filter_.provider),
        blob(inner, "providerData", filter_.provider_data),
        leaf(inner, "layerKey", filter_.layer),
        leaf(inner, "subLayerKey", filter_.sublayer),
        _typed(inner, "weight", filter_.weight_type, filter_.weight),
        conditions_list(inner, filter_.conditions),
        _action(inner, filter_),
    ]
    if filter_.provider_context is not None:
        lines.append(leaf(inner, "providerContextKey", filter_.provider_context))
    elif filter_.raw_context is not None:
        lines.append(leaf(inner, "rawContext", filter_.raw_context))
    lines += [f"{inner}<reserved/>", leaf(inner, "filterId", filter_.id)]
    if filter_.effective_weight is not None:
        lines.append(_typed(inner, "effectiveWeight", "FWP_UINT64", filter_.effective_weight))
    return item(indent, lines, filter_.extra)


def _typed(indent: str, tag: str, data_type: str, value: int | None) -> str:
    inner = indent + "\t"
    held = VALUE_TAGS.get(data_type)
    number = f"{inner}<{held}>{value}</{held}>\n" if held and value is not None else ""
    return f"{indent}<{tag}>\n{inner}<type>{escape(data_type)}</type>\n{number}{indent}</{tag}>"


def _action(indent: str, filter_: Filter) -> str:
    inner = indent + "\t"
    if filter_.callout is not None:
        target = leaf(inner, "filterType", filter_.callout)
    else:
        target = key(inner, "filterType", filter_.filter_type)
    kind = leaf(inner, "type", filter_.action)
    return f"{indent}<action>\n{kind}\n{target}\n{indent}</action>"


def conditions_list(indent: str, conditions: Iterable[Condition]) -> str:
    """The element ``filterCondition``."""
    inner = indent + "\t"
    return items_of(indent, "filterCondition", [_condition(inner, one) for one in conditions])


@lru_cache(maxsize=65536)
def _condition(indent: str, condition: Condition) -> str:
    """One condition; what was not understood stands where its value would, or behind it."""
    if not condition.field and condition.extra:
        return "\n".join(node_text(indent, node) for node in condition.extra)
    inner = indent + "\t"
    value = list(_condition_value(inner + "\t", condition))
    is_understood = bool(value) or condition.type == "FWP_EMPTY"
    if not is_understood:
        value = [node_text(inner + "\t", node) for node in condition.extra]
    lines = [
        leaf(inner, "fieldKey", condition.field),
        leaf(inner, "matchType", condition.match),
        f"{inner}<conditionValue>",
        leaf(inner + "\t", "type", condition.type),
        *value,
        f"{inner}</conditionValue>",
    ]
    return item(indent, lines, condition.extra if is_understood else ())


def _condition_value(indent: str, condition: Condition) -> Iterator[str]:
    inner = indent + "\t"
    if condition.type == "FWP_RANGE_TYPE":
        if condition.bound_type is None:
            return
        yield f"{indent}<rangeValue>"
        for tag, bound in (("valueLow", condition.low), ("valueHigh", condition.high)):
            yield f"{inner}<{tag}>"
            yield leaf(inner + "\t", "type", condition.bound_type)
            value = value_text(inner + "\t", condition.bound_type, bound)
            if value is not None:
                yield value
            yield f"{inner}</{tag}>"
        yield f"{indent}</rangeValue>"
    elif condition.type in _MASKS:
        if condition.value is None:
            return
        tag = _MASKS[condition.type]
        yield f"{indent}<{tag}>"
        yield leaf(inner, "addr", str(condition.value))
        if condition.type == "FWP_V4_ADDR_MASK":
            yield leaf(inner, "mask", str(condition.mask))
        else:
            yield leaf(inner, "prefixLength", condition.prefix_length)
        yield f"{indent}</{tag}>"
    else:
        value = value_text(indent, condition.type, condition.value)
        if value is not None:
            yield value


def callout_item(indent: str, callout: Callout) -> str:
    """One callout as a list item."""
    inner = indent + "\t"
    lines = [
        leaf(inner, "calloutKey", callout.const_name),
        display_data(inner, callout.name, callout.description),
        flag_list(inner, "flags", "callout_flags", callout.flags),
        leaf(inner, "providerKey", callout.provider),
        blob(inner, "providerData", callout.provider_data),
        leaf(inner, "applicableLayer", callout.layer),
    ]
    if callout.id is not None:
        lines.append(leaf(inner, "calloutId", callout.id))
    return item(indent, lines, callout.extra)


def layer_text(indent: str, layer: Layer) -> str:
    """The element ``layer`` of a layer's list item."""
    inner = indent + "\t"
    lines = [
        f"{indent}<layer>",
        leaf(inner, "layerKey", layer.const_name),
        display_data(inner, layer.name, layer.description),
        flag_list(inner, "flags", "layer_flags", layer.flags),
        items_of(inner, "field", [_field(inner + "\t", field) for field in layer.fields]),
        leaf(inner, "defaultSubLayerKey", layer.default_sublayer),
    ]
    if layer.id is not None:
        lines.append(leaf(inner, "layerId", layer.id))
    lines += [node_text(inner, node) for node in layer.extra]
    return "\n".join((*lines, f"{indent}</layer>"))


@lru_cache(maxsize=4096)
def _field(indent: str, field: Field) -> str:
    inner = indent + "\t"
    lines = (
        leaf(inner, "fieldKey", field.name),
        leaf(inner, "type", field.type),
        leaf(inner, "dataType", field.data_type),
    )
    return item(indent, lines, field.extra)


def provider_item(indent: str, provider: Provider) -> str:
    """One provider as a list item."""
    inner = indent + "\t"
    lines = (
        leaf(inner, "providerKey", provider.const_name),
        display_data(inner, provider.name, provider.description),
        flag_list(inner, "flags", "provider_flags", provider.flags),
        blob(inner, "providerData", provider.provider_data),
        leaf(inner, "serviceName", provider.service_name),
    )
    return item(indent, lines, provider.extra)


def sublayer_item(indent: str, sublayer: SubLayer) -> str:
    """One sublayer as a list item."""
    inner = indent + "\t"
    lines = [
        leaf(inner, "subLayerKey", sublayer.const_name),
        display_data(inner, sublayer.name, sublayer.description),
        flag_list(inner, "flags", "sublayer_flags", sublayer.flags),
        leaf(inner, "providerKey", sublayer.provider),
        blob(inner, "providerData", sublayer.provider_data),
    ]
    if sublayer.weight is not None:
        lines.append(leaf(inner, "weight", sublayer.weight))
    return item(indent, lines, sublayer.extra)


def context_item(indent: str, context: ProviderContext) -> str:
    """One provider context as a list item."""
    inner = indent + "\t"
    lines = [
        leaf(inner, "providerContextKey", context.const_name),
        display_data(inner, context.name, context.description),
        flag_list(inner, "flags", "provider_context_flags", context.flags),
        leaf(inner, "providerKey", context.provider),
        blob(inner, "providerData", context.provider_data),
        leaf(inner, "type", context.type),
        *_context_value(inner, context),
        *(node_text(inner, node) for node in context.payload),
    ]
    if context.id is not None:
        lines.append(leaf(inner, "providerContextId", context.id))
    return item(indent, lines, context.extra)


def _context_value(indent: str, context: ProviderContext) -> Iterator[str]:
    if context.data is not None or context.type == "FWPM_GENERAL_CONTEXT":
        yield blob(indent, "dataBuffer", context.data)
    if context.options or context.type == "FWPM_CLASSIFY_OPTIONS_CONTEXT":
        inner, deep = indent + "\t", indent + "\t\t"
        options = []
        for option in context.options:
            value = value_text(deep + "\t\t", option.value_type, option.value)
            lines = [
                leaf(deep + "\t", "type", option.type),
                f"{deep}\t<value>",
                leaf(deep + "\t\t", "type", option.value_type),
                *([value] if value is not None else []),
                f"{deep}\t</value>",
            ]
            options.append(item(deep, lines, option.extra))
        yield f"{indent}<classifyOptions>"
        yield items_of(inner, "options", options)
        yield f"{indent}</classifyOptions>"
