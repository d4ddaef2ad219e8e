"""The JSON lines that ``Get-PyWfpRecord`` sends for objects: the inverse of `read_records`.

Only what NtObjectManager gives is written: no provider contexts, and no value of a type that the
module does not decode.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final
from uuid import UUID

from msgspec.structs import replace

from pywfp_ps.model.enums import FlagGroup, Group, number_of, values_of
from pywfp_ps.model.objects import (
    AleEndpoint,
    Callout,
    Condition,
    Filter,
    Layer,
    Provider,
    Session,
    Snapshot,
    SubLayer,
)
from pywfp_ps.model.values import (
    INTEGER_BITS,
    TEXT_BLOB_FIELDS,
    Scalar,
    TokenInformation,
    blob_of_text,
)

LOST: Final = frozenset({"FWP_BITMAP_INDEX_TYPE", "FWP_DOUBLE", "FWP_FLOAT"})
"""Data types whose values NtObjectManager does not keep; so it is with every newer one."""

_GROUP_ATTRIBUTES: Final = 7  # mandatory, enabled by default, enabled (winnt.h, SE_GROUP_*)
_ALL_ONES: Final = (1 << 128) - 1


def write_records(snapshot: Snapshot, *, numbers: Mapping[str, int] | None = None) -> bytes:
    """The records of a snapshot's objects, in the order in which the module is asked for them.

    Args:
        snapshot: The objects.
        numbers: Numbers to write for flags whose own are not public; a flag without one is left
            out. They are made up by whoever gives them.

    Raises:
        ValueError: An object lacks a GUID, or a value has a type without a public number.
    """
    if numbers:
        snapshot = replace(
            snapshot, filters=tuple(_numbered(one, numbers) for one in snapshot.filters)
        )
    lines: list[dict[str, Any]] = []
    lines += map(_provider, snapshot.providers)
    lines += map(_sublayer, snapshot.sublayers)
    lines += map(_layer, snapshot.layers)
    lines += map(_callout, snapshot.callouts)
    lines += map(_filter, snapshot.filters)
    lines += map(_session, snapshot.sessions)
    lines += map(_endpoint, snapshot.endpoints)
    return b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines)


def _numbered(one: Filter, numbers: Mapping[str, int]) -> Filter:
    if one.flags_value is not None:
        return one
    word = _word("filter_flags", one.flags, None)
    for name in one.flags:
        word |= numbers.get(name, 0)
    return replace(one, flags_value=word)


def _head(
    kind: str, one: Filter | Layer | SubLayer | Provider | Callout, group: FlagGroup
) -> dict[str, Any]:
    return {
        "kind": kind,
        "key": _guid(one.key, kind),
        "name": one.name or "",
        "description": one.description or "",
        "flags": _word(group, one.flags, one.flags_value),
    }


def _tail(one: Filter | Layer | SubLayer | Provider | Callout) -> dict[str, Any]:
    return {} if one.security_descriptor is None else {"sd": one.security_descriptor}


def _provider(one: Provider) -> dict[str, Any]:
    data = {"provider_data": _hex(one.provider_data), "service": one.service_name or ""}
    return {**_head("provider", one, "provider_flags"), **data, **_tail(one)}


def _sublayer(one: SubLayer) -> dict[str, Any]:
    return {
        **_head("sublayer", one, "sublayer_flags"),
        "provider": _reference(one.provider, one.provider_key),
        "provider_data": _hex(one.provider_data),
        "weight": one.weight,
        **_tail(one),
    }


def _layer(one: Layer) -> dict[str, Any]:
    fields = [
        [
            _guid(field.key, "field"),
            _number("field_types", field.type),
            _number("data_types", field.data_type),
        ]
        for field in one.fields
    ]
    return {
        **_head("layer", one, "layer_flags"),
        "id": one.id,
        "default_sublayer": _reference(one.default_sublayer, one.default_sublayer_key),
        "fields": fields,
        **_tail(one),
    }


def _callout(one: Callout) -> dict[str, Any]:
    return {
        **_head("callout", one, "callout_flags"),
        "provider": _reference(one.provider, one.provider_key),
        "provider_data": _hex(one.provider_data),
        "layer": _reference(one.layer, one.layer_key),
        "id": one.id,
        **_tail(one),
    }


def _filter(one: Filter) -> dict[str, Any]:
    return {
        **_head("filter", one, "filter_flags"),
        "id": one.id,
        "layer": _reference(one.layer, one.layer_key),
        "sublayer": _reference(one.sublayer, one.sublayer_key),
        "provider": _reference(one.provider, one.provider_key),
        "callout": _reference(one.callout, one.callout_key),
        "filter_type": None if one.filter_type is None else str(one.filter_type),
        "provider_data": _hex(one.provider_data),
        "action": _number("action_types", one.action),
        "weight": _typed(one.weight_type, one.weight),
        "effective_weight": _typed("FWP_UINT64", one.effective_weight),
        "conditions": [_condition(condition) for condition in one.conditions],
        **_tail(one),
    }


def _condition(one: Condition) -> dict[str, Any]:
    return {
        "field": _guid(one.field_key, "condition"),
        "match": _number("match_types", one.match),
        "value": _condition_value(one),
    }


def _condition_value(one: Condition) -> dict[str, Any]:
    if one.type == "FWP_RANGE_TYPE" and not one.extra:
        return {
            "t": _number("data_types", one.type),
            "low": _typed(one.bound_type or "FWP_EMPTY", one.low, one.field),
            "high": _typed(one.bound_type or "FWP_EMPTY", one.high, one.field),
        }
    if one.type in ("FWP_V4_ADDR_MASK", "FWP_V6_ADDR_MASK") and not one.extra:
        number = _number("data_types", one.type)
        return {"t": number, "v": str(one.value), **_mask(one)}
    if one.extra:
        number = _number("data_types", one.type)
        unread = one.type in ("FWP_SID", "FWP_SECURITY_DESCRIPTOR_TYPE")
        return {"t": number, "v": None} if unread else {"t": number, "lost": True}
    return _typed(one.type, one.value, one.field)


def _mask(one: Condition) -> dict[str, Any]:
    if one.mask is None:
        length = one.prefix_length or 0
        return {"mask": str(IPv6Address(_ALL_ONES ^ (_ALL_ONES >> length))), "prefix": length}
    # What the module calls the prefix of a mask with holes is how many ones stand in front.
    bits = f"{int(one.mask):032b}"
    return {"mask": str(one.mask), "prefix": len(bits) - len(bits.lstrip("1"))}


def _typed(data_type: str, value: Scalar, field: str = "") -> dict[str, Any]:
    number = _number("data_types", data_type)
    if data_type == "FWP_EMPTY":
        return {"t": number}
    if data_type in LOST:
        return {"t": number, "lost": True}
    return {"t": number, "v": _plain(data_type, value, field)}


def _plain(data_type: str, value: Scalar, field: str) -> Any:
    if isinstance(value, IPv4Address) or data_type in INTEGER_BITS:
        return int(value)  # type: ignore[arg-type] # the reader gives integer types no other value
    if isinstance(value, IPv6Address):
        return value.packed.hex()
    if isinstance(value, UUID):
        return value.bytes_le.hex()
    if isinstance(value, TokenInformation):
        lists = {"sids": value.sids, "restricted": value.restricted_sids}
        return {k: [[sid, _GROUP_ATTRIBUTES] for sid in sids] for k, sids in lists.items()}
    if isinstance(value, bytes):
        return value.hex()
    if data_type == "FWP_BYTE_BLOB_TYPE" and field in TEXT_BLOB_FIELDS and isinstance(value, str):
        return blob_of_text(value).hex()
    if data_type == "FWP_BYTE_ARRAY6_TYPE" and isinstance(value, str):
        return value.replace(":", "")
    return value


def _session(one: Session) -> dict[str, Any]:
    return {
        "kind": "session",
        "key": _guid(one.key, "session"),
        "name": one.name or str(one.key),
        "description": one.description or "",
        "flags": _word("session_flags", one.flags, one.flags_value),
        "txn_wait_ms": one.txn_wait_timeout_ms,
        "pid": one.process_id,
        "sid": one.sid,
        "user": one.user_name or "",
        "kernel": one.kernel_mode,
    }


def _endpoint(one: AleEndpoint) -> dict[str, Any]:
    return {
        "kind": "endpoint",
        "id": one.id,
        "local": _text(one.local_address),
        "local_port": one.local_port,
        "remote": _text(one.remote_address),
        "remote_port": one.remote_port,
        "protocol": one.protocol,
        "token": one.token_modified_id,
        "mm_sa": one.mm_sa_id,
        "qm_sa": one.qm_sa_id,
        "ipsec_status": one.ipsec_status,
        "flags": one.flags_value or 0,
        "app_id": one.app_id or "",
    }


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _hex(data: bytes | None) -> str:
    return (data or b"").hex()


def _guid(key: UUID | None, kind: str) -> str:
    if key is None:
        raise ValueError(f"a {kind} without a GUID cannot be written as a record")
    return str(key)


def _reference(name: str | None, key: UUID | None) -> str | None:
    if name is None and key is None:
        return None
    return _guid(key, f"reference to {name}")


def _number(group: Group, constant: str) -> int:
    number = number_of(group, constant)
    if number is None:
        raise ValueError(f"the number of {constant} is not public")
    return number


def _word(group: FlagGroup, names: Iterable[str], word: int | None) -> int:
    if word is not None:
        return word
    known: Callable[[str], int | None] = values_of(group).get
    found = 0
    for name in names:
        found |= int(name, 16) if name.startswith("0x") else known(name) or 0
    return found
