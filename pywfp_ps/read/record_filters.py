"""Records of filters and their conditions."""

from __future__ import annotations

import json
from functools import partial
from typing import Any, Final

import msgspec

from pywfp_ps.model.enums import constant_of
from pywfp_ps.model.objects import Condition, Filter, Node
from pywfp_ps.model.tables import name_of
from pywfp_ps.read.netsh.addresses import AddressFields
from pywfp_ps.read.netsh.values import Mixed, Place
from pywfp_ps.read.record_lines import Log, Record, guid_of, integer_of
from pywfp_ps.read.record_values import (
    EMPTY,
    mixed_of,
    single_of,
    strict_json,
    type_of,
)

_CALLOUT: Final = "FWP_ACTION_CALLOUT_"
_WEIGHTS: Final = frozenset({EMPTY, "FWP_UINT8", "FWP_UINT64"})
_items: Final = msgspec.json.Decoder(list[msgspec.Raw])
_EMPTY_VALUE: Final = b'{"t":0}'
_CONDITION: Final = frozenset({"field", "match", "value"})


def read_filter(addresses: AddressFields, record: Record, log: Log) -> Filter:
    """One filter, given which fields of its layer hold addresses.

    Raises:
        ValueError: It has no id, layer, sublayer or action.
    """
    layer, layer_key = record.own("layers", "layer")
    sublayer, sublayer_key = record.own("sublayers", "sublayer")
    provider, provider_key = record.reference("providers", "provider")
    flags, flags_value = record.flags("filter_flags")
    weight_type, weight = _weight(record, "weight")
    action = constant_of(
        "action_types", record.need("action", lambda raw: integer_of(raw, "FWP_UINT32"))
    )
    callout, callout_key = record.reference("callouts", "callout")
    filter_type = record.key("filter_type")
    if filter_type is not None and callout is None and _is_callout(action, filter_type):
        # netsh has one element for the two, and that is how its reader tells them apart.
        callout, callout_key, filter_type = name_of("callouts", filter_type), filter_type, None
    return Filter(
        id=record.need("id", lambda raw: integer_of(raw, "FWP_UINT64")),
        key=record.key("key"),
        name=record.text("name"),
        description=record.text("description"),
        layer=layer,
        layer_key=layer_key,
        sublayer=sublayer,
        sublayer_key=sublayer_key,
        provider=provider,
        provider_key=provider_key,
        provider_data=record.data("provider_data"),
        flags=flags,
        flags_value=flags_value,
        weight_type=weight_type,
        weight=weight,
        effective_weight=_weight(record, "effective_weight")[1],
        action=action,
        callout=callout,
        callout_key=callout_key,
        filter_type=filter_type,
        conditions=_conditions(record, addresses.of(layer), log),
        security_descriptor=record.descriptor(),
        extra=record.rest(),
    )


def _is_callout(action: str, key: Any) -> bool:
    return action.startswith(_CALLOUT) or name_of("callouts", key).startswith("FWPM_")


def _weight(record: Record, name: str) -> tuple[str, int | None]:
    return record.take(name, _read_weight) or (EMPTY, None)


def _read_weight(raw: bytes) -> tuple[str, int | None]:
    if raw == _EMPTY_VALUE:
        return EMPTY, None
    told = strict_json(raw)
    data_type = type_of(told)
    if data_type not in _WEIGHTS:
        raise ValueError(f"{data_type} is no weight")
    value = single_of(told, data_type, Place())
    return data_type, value if isinstance(value, int) else None


def _conditions(record: Record, addresses: frozenset[str], log: Log) -> tuple[Condition, ...]:
    """All conditions in the order listed, those without sense too: without, more would match."""
    raw = record.raw("conditions")
    if raw is None:
        return ()
    try:
        items = _items.decode(raw)
    except msgspec.MsgspecError:
        record.note("conditions", "is no list")
        return (_unknown("conditions", raw),)
    found = []
    for count, item in enumerate(map(bytes, items)):
        condition, trouble = log.once((addresses, item), partial(_condition, item, addresses))
        found.append(condition)
        if trouble:
            record.note(f"conditions[{count}]", trouble)
    return tuple(found)


def _unknown(name: str, raw: bytes) -> Condition:
    node = Node(name, raw.decode("utf-8", "replace"))
    return Condition(field="", match="", type="", extra=(node,))


def _condition(raw: bytes, addresses: frozenset[str]) -> tuple[Condition, str | None]:
    """One condition and what is wrong with it; what was not understood is in its ``extra``."""
    try:
        item = strict_json(raw)
        if not isinstance(item, dict) or not item.keys() >= _CONDITION:
            raise ValueError("is not field, match and value")  # noqa: TRY301 - same end as all
        key = guid_of(f'"{item["field"]}"'.encode())
        if key is None:
            raise ValueError("has no field")  # noqa: TRY301 - same end as all trouble
        match = constant_of("match_types", integer_of(f"{item['match']}".encode(), "FWP_UINT32"))
        data_type = type_of(item["value"])
    except ValueError as problem:
        return _unknown("condition", raw), str(problem)
    field = name_of("conditions", key)
    extra = tuple(_node(name, value) for name, value in item.items() if name not in _CONDITION)
    found, trouble = Mixed(), None
    try:
        found = mixed_of(item["value"], data_type, Place(field, field in addresses))
    except ValueError as problem:
        trouble = str(problem)
        extra += (_node("value", item["value"]),)
    condition = Condition(
        field=field,
        field_key=key,
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


def _node(name: str, value: Any) -> Node:
    return Node(name, json.dumps(value, separators=(",", ":")))
