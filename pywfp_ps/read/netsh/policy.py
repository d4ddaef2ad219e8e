"""Layers, callouts, sublayers, providers and provider contexts."""

from __future__ import annotations

from typing import Final

from pywfp_ps.model.objects import (
    Callout,
    ClassifyOption,
    Field,
    Layer,
    Node,
    Provider,
    ProviderContext,
    SubLayer,
)
from pywfp_ps.read.netsh.elements import (
    Log,
    Parts,
    blob_at,
    display,
    flags_at,
    node_of,
    nodes_of,
    number,
    own_key,
    parts_of,
    read_nested,
    read_repeated,
    reference_at,
    required,
    text_at,
)
from pywfp_ps.read.netsh.tree import Element
from pywfp_ps.read.netsh.values import Place, single

_OWNED: Final = frozenset({"displayData", "flags", "providerData", "providerKey"})
_CALLOUT: Final = _OWNED | {"applicableLayer", "calloutId", "calloutKey"}
_SUBLAYER: Final = _OWNED | {"subLayerKey", "weight"}
_PROVIDER: Final = _OWNED | {"serviceName"}
_CONTEXT: Final = _OWNED | {
    "classifyOptions",
    "dataBuffer",
    "providerContextId",
    "providerContextKey",
    "type",
}
_LAYER: Final = frozenset(
    {"defaultSubLayerKey", "displayData", "field", "flags", "layerId", "layerKey"}
)
_FIELD: Final = frozenset({"dataType", "fieldKey", "type"})
_OPTION: Final = frozenset({"type", "value"})
_PLAIN_CONTEXTS: Final = frozenset({"FWPM_CLASSIFY_OPTIONS_CONTEXT", "FWPM_GENERAL_CONTEXT"})


def read_layer(element: Element, log: Log) -> Layer:
    """One layer from its element ``layer``, without the filters and callouts beside it.

    Raises:
        ValueError: It has no key.
    """
    kept: list[Node] = []
    parts = parts_of(element, _LAYER, kept, log)
    const_name, key = own_key("layers", parts, "layerKey")
    name, description = display(parts, kept)
    flags, flags_value = flags_at("layer_flags", parts, kept, log)
    default, default_key = reference_at("sublayers", parts, "defaultSubLayerKey", kept, log)
    return Layer(
        id=number(parts, "layerId", "FWP_UINT16", kept, log),
        key=key,
        const_name=const_name,
        name=name,
        description=description,
        flags=flags,
        flags_value=flags_value,
        default_sublayer=default,
        default_sublayer_key=default_key,
        fields=_fields(parts, log),
        extra=tuple(kept),
    )


def _fields(parts: Parts, log: Log) -> tuple[Field, ...]:
    element = parts.get("field")
    return () if element is None else read_repeated(element, "field", log, _field, "field")


def _field(item: Element, _: str) -> tuple[Field | None, str | None]:
    """One field, or what is wrong with it."""
    parts = {str(child.tag): child for child in item}
    if item.tag != "item" or len(parts) != len(item):
        return None, "is no item, or repeats an element"
    try:
        name, key = own_key("conditions", parts, "fieldKey")
        field = Field(
            name=name,
            key=key,
            type=required(parts, "type"),
            data_type=required(parts, "dataType"),
            extra=nodes_of(child for tag, child in parts.items() if tag not in _FIELD),
        )
    except ValueError as problem:
        return None, str(problem)
    return field, None


def read_callout(item: Element, log: Log) -> Callout:
    """One callout.

    Raises:
        ValueError: It has no key.
    """
    kept: list[Node] = []
    parts = parts_of(item, _CALLOUT, kept, log)
    const_name, key = own_key("callouts", parts, "calloutKey")
    name, description = display(parts, kept)
    flags, flags_value = flags_at("callout_flags", parts, kept, log)
    provider, provider_key = reference_at("providers", parts, "providerKey", kept, log)
    layer, layer_key = reference_at("layers", parts, "applicableLayer", kept, log)
    return Callout(
        id=number(parts, "calloutId", "FWP_UINT32", kept, log),
        key=key,
        const_name=const_name,
        name=name,
        description=description,
        flags=flags,
        flags_value=flags_value,
        provider=provider,
        provider_key=provider_key,
        provider_data=blob_at(parts, "providerData", kept, log),
        layer=layer,
        layer_key=layer_key,
        extra=tuple(kept),
    )


def read_sublayer(item: Element, log: Log) -> SubLayer:
    """One sublayer.

    Raises:
        ValueError: It has no key.
    """
    kept: list[Node] = []
    parts = parts_of(item, _SUBLAYER, kept, log)
    const_name, key = own_key("sublayers", parts, "subLayerKey")
    name, description = display(parts, kept)
    flags, flags_value = flags_at("sublayer_flags", parts, kept, log)
    provider, provider_key = reference_at("providers", parts, "providerKey", kept, log)
    return SubLayer(
        key=key,
        const_name=const_name,
        name=name,
        description=description,
        flags=flags,
        flags_value=flags_value,
        provider=provider,
        provider_key=provider_key,
        provider_data=blob_at(parts, "providerData", kept, log),
        weight=number(parts, "weight", "FWP_UINT16", kept, log),
        extra=tuple(kept),
    )


def read_provider(item: Element, log: Log) -> Provider:
    """One provider.

    Raises:
        ValueError: It has no key.
    """
    kept: list[Node] = []
    parts = parts_of(item, _PROVIDER, kept, log)
    const_name, key = own_key("providers", parts, "providerKey")
    name, description = display(parts, kept)
    flags, flags_value = flags_at("provider_flags", parts, kept, log)
    return Provider(
        key=key,
        const_name=const_name,
        name=name,
        description=description,
        flags=flags,
        flags_value=flags_value,
        provider_data=blob_at(parts, "providerData", kept, log),
        service_name=text_at(parts, "serviceName", kept),
        extra=tuple(kept),
    )


def read_context(item: Element, log: Log) -> ProviderContext:
    """One provider context with what its type holds.

    Raises:
        ValueError: It has no key or no type.
    """
    kept: list[Node] = []
    parts = parts_of(item, _CONTEXT, kept, log)
    const_name, key = own_key("contexts", parts, "providerContextKey")
    kind = required(parts, "type")
    payload: tuple[Node, ...] = ()
    if kind not in _PLAIN_CONTEXTS:
        payload = tuple(node for node in kept if node.tag not in _CONTEXT)
        kept = [node for node in kept if node.tag in _CONTEXT]
    name, description = display(parts, kept)
    flags, flags_value = flags_at("provider_context_flags", parts, kept, log)
    provider, provider_key = reference_at("providers", parts, "providerKey", kept, log)
    return ProviderContext(
        key=key,
        const_name=const_name,
        id=number(parts, "providerContextId", "FWP_UINT64", kept, log),
        name=name,
        description=description,
        flags=flags,
        flags_value=flags_value,
        provider=provider,
        provider_key=provider_key,
        provider_data=blob_at(parts, "providerData", kept, log),
        type=kind,
        data=blob_at(parts, "dataBuffer", kept, log),
        options=_options(parts, kept, log),
        payload=payload,
        extra=tuple(kept),
    )


def _options(parts: Parts, kept: list[Node], log: Log) -> tuple[ClassifyOption, ...]:
    element = parts.get("classifyOptions")
    if element is None:
        return ()
    found = parts_of(element, frozenset({"options"}), kept, log)
    return read_nested(found, "options", log, _read_option)


def _read_option(item: Element, log: Log) -> ClassifyOption:
    kept: list[Node] = []
    parts = parts_of(item, _OPTION, kept, log)
    kind = required(parts, "type")
    holder = parts.get("value")
    if holder is None or not len(holder) or holder[0].tag != "type" or not holder[0].text:
        raise ValueError("has no type of value")
    value = None
    try:
        if len(holder) > 2:
            raise ValueError("more than one value")  # noqa: TRY301 - same end as all trouble
        value = single(holder[0].text, holder[1] if len(holder) > 1 else None, Place())
    except ValueError as problem:
        log.note("value", str(problem))
        kept += nodes_of(list(holder)[1:]) or (node_of(holder),)
    return ClassifyOption(type=kind, value_type=holder[0].text, value=value, extra=tuple(kept))
