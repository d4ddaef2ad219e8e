"""Records of all objects but filters."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Final

from pywfp_ps.model.enums import constant_of
from pywfp_ps.model.objects import (
    AleEndpoint,
    Callout,
    Field,
    Layer,
    Provider,
    Session,
    SubLayer,
)
from pywfp_ps.model.tables import name_of
from pywfp_ps.read.record_lines import Log, Record, guid_of, integer_of
from pywfp_ps.read.record_values import as_list, as_text, strict_json

_UINT64: Final = (1 << 64) - 1
_GUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def read_provider(record: Record, _: Log) -> Provider:
    """One provider.

    Raises:
        ValueError: It has no key; so it is with all objects that have one of their own.
    """
    const_name, key = record.own("providers", "key")
    flags, flags_value = record.flags("provider_flags")
    return Provider(
        key=key,
        const_name=const_name,
        name=record.text("name"),
        description=record.text("description"),
        flags=flags,
        flags_value=flags_value,
        provider_data=record.data("provider_data"),
        service_name=record.text("service"),
        security_descriptor=record.descriptor(),
        extra=record.rest(),
    )


def read_sublayer(record: Record, _: Log) -> SubLayer:
    """One sublayer."""
    const_name, key = record.own("sublayers", "key")
    flags, flags_value = record.flags("sublayer_flags")
    provider, provider_key = record.reference("providers", "provider")
    return SubLayer(
        key=key,
        const_name=const_name,
        name=record.text("name"),
        description=record.text("description"),
        flags=flags,
        flags_value=flags_value,
        provider=provider,
        provider_key=provider_key,
        provider_data=record.data("provider_data"),
        weight=record.number("weight", "FWP_UINT16"),
        security_descriptor=record.descriptor(),
        extra=record.rest(),
    )


def read_callout(record: Record, _: Log) -> Callout:
    """One callout."""
    const_name, key = record.own("callouts", "key")
    flags, flags_value = record.flags("callout_flags")
    provider, provider_key = record.reference("providers", "provider")
    layer, layer_key = record.reference("layers", "layer")
    return Callout(
        id=record.number("id", "FWP_UINT32"),
        key=key,
        const_name=const_name,
        name=record.text("name"),
        description=record.text("description"),
        flags=flags,
        flags_value=flags_value,
        provider=provider,
        provider_key=provider_key,
        provider_data=record.data("provider_data"),
        layer=layer,
        layer_key=layer_key,
        security_descriptor=record.descriptor(),
        extra=record.rest(),
    )


def read_layer(record: Record, log: Log) -> Layer:
    """One layer, before its filters and callouts are counted."""
    const_name, key = record.own("layers", "key")
    flags, flags_value = record.flags("layer_flags")
    default, default_key = record.reference("sublayers", "default_sublayer")
    return Layer(
        id=record.number("id", "FWP_UINT16"),
        key=key,
        const_name=const_name,
        name=record.text("name"),
        description=record.text("description"),
        flags=flags,
        flags_value=flags_value,
        default_sublayer=default,
        default_sublayer_key=default_key,
        fields=_fields(record, log),
        security_descriptor=record.descriptor(),
        extra=record.rest(),
    )


def _fields(record: Record, log: Log) -> tuple[Field, ...]:
    raw = record.raw("fields")
    if raw is None:
        return ()
    found, troubles = log.once(("fields", raw), lambda: _read_fields(raw))
    for place, trouble in troubles:
        record.note(place, trouble)
    if troubles:
        record.keep("fields", raw)
    return found


def _read_fields(raw: bytes) -> tuple[tuple[Field, ...], tuple[tuple[str, str], ...]]:
    """All fields that make sense, and place and problem of what does not."""
    try:
        items = as_list(strict_json(raw))
    except ValueError as problem:
        return (), (("fields", str(problem)),)
    found, troubles = [], []
    for count, item in enumerate(items):
        try:
            found.append(_field(item))
        except ValueError as problem:
            troubles.append((f"fields[{count}]", str(problem)))
    return tuple(found), tuple(troubles)


def _field(item: Any) -> Field:
    if not isinstance(item, list) or len(item) != 3 or not isinstance(item[0], str):
        raise ValueError("is not key, type and data type")
    numbers = [integer_of(str(number).encode(), "FWP_UINT32") for number in item[1:]]
    key = guid_of(f'"{item[0]}"'.encode())
    if key is None:
        raise ValueError("has no key")
    return Field(
        name=name_of("conditions", key),
        key=key,
        type=constant_of("field_types", numbers[0]),
        data_type=constant_of("data_types", numbers[1]),
    )


def read_session(record: Record, _: Log) -> Session:
    """One session; the module names a session without a name after its key."""
    key = record.key("key")
    name = record.text("name")
    flags, flags_value = record.flags("session_flags")
    return Session(
        key=key,
        name=None if key is not None and name == str(key) else name,
        description=record.text("description"),
        flags=flags,
        flags_value=flags_value,
        txn_wait_timeout_ms=record.number("txn_wait_ms", "FWP_UINT32"),
        process_id=record.number("pid", "FWP_UINT32"),
        sid=record.text("sid"),
        user_name=record.text("user"),
        kernel_mode=record.truth("kernel"),
        extra=record.rest(),
    )


def read_endpoint(record: Record, _: Log) -> AleEndpoint:
    """One connected endpoint."""
    local = record.take("local", _address)
    remote = record.take("remote", _address)
    version = local if local is not None else remote
    word = record.number("flags", "FWP_UINT32")
    return AleEndpoint(
        id=record.number("id", "FWP_UINT64"),
        ip_version=None if version is None else version.version,
        local_address=local,
        remote_address=remote,
        local_port=record.number("local_port", "FWP_UINT16"),
        remote_port=record.number("remote_port", "FWP_UINT16"),
        protocol=record.number("protocol", "FWP_UINT8"),
        token_modified_id=record.take("token", _luid),
        mm_sa_id=record.number("mm_sa", "FWP_UINT64"),
        qm_sa_id=record.number("qm_sa", "FWP_UINT64"),
        ipsec_status=record.number("ipsec_status", "FWP_UINT32"),
        flags=(f"0x{word:08x}",) if word else (),
        flags_value=word,
        app_id=record.text("app_id"),
        extra=record.rest(),
    )


def _address(raw: bytes) -> IPv4Address | IPv6Address | None:
    found = strict_json(raw)
    if found is None:
        return None
    # The module hangs the scope on link-local addresses, netsh does not.
    return ip_address(as_text(found).partition("%")[0])


def _luid(raw: bytes) -> int:
    """A LUID of 64 bits, whose upper half the module gives with a sign."""
    try:
        return integer_of(raw, "FWP_UINT64")
    except ValueError:
        return integer_of(raw, "FWP_INT64") & _UINT64


def gap_of(record: Record, log: Log) -> str:
    """Adds what the host says it could not read; gives the kind it speaks of."""
    kind = record.text("of") or "something"
    words = {node.tag: node.text or "" for node in record.rest()}
    about = words.get("about", "").strip('"')
    told = words.get("text", "").strip('"') or words.get("id", "").strip('"') or "no reason given"
    log.gap(f"{record.place}/{kind}{f'/{about[:60]}' if about else ''}", f"the host said: {told}")
    if about == "all":
        log.unlisted[kind] = None
    elif _GUID.fullmatch(about):
        log.unlisted[f"{kind} {about.lower()}"] = None
    elif not about.startswith("sd of "):
        log.lost.append(kind)
    return kind
