"""Reads the raw XML of ``netsh wfp show state`` into plain records, for the oracle alone.

Sources: netsh.md 6 (two roots, lists with and without numItems, value shapes) and 10.
"""

import ipaddress
import re
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET  # the samples and the tests' own text, nothing hostile

NUMBER_TAGS = frozenset(
    ["uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"],
)
UNREADABLE = "unreadable"


@dataclass(frozen=True, kw_only=True)
class Value:
    """A typed condition value; `data` is UNREADABLE where the oracle cannot read it.

    Integers, addresses and byte arrays are ints, blobs bytes, SIDs, descriptors and strings text,
    address masks (address, mask) pairs, ranges (low Value, high Value) pairs, FWP_EMPTY None.
    """

    type: str
    data: object


@dataclass(frozen=True, kw_only=True)
class Condition:
    field: str
    match: str
    value: Value


@dataclass(frozen=True, kw_only=True)
class Callout:
    key: str
    name: str
    flags: frozenset[str]
    provider: str


@dataclass(frozen=True, kw_only=True)
class Filter:
    id: int
    name: str
    layer: str
    sublayer: str
    weight: int
    action: str
    callout: str
    flags: frozenset[str]
    provider: str
    context: str
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer; `fields` maps field name to data type and is empty where none are printed."""

    key: str
    fields: dict[str, str]
    callouts: dict[str, Callout]
    filters: tuple[Filter, ...]
    default_sublayer: str


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One entry of aleConnectedEndpoints."""

    version: int
    local: str
    remote: str
    protocol: int
    local_port: int
    remote_port: int
    app: str


@dataclass(frozen=True, kw_only=True)
class State:
    layers: dict[str, Layer]
    sublayers: dict[str, int]
    disabled_providers: frozenset[str]
    origins: dict[str, str]
    endpoints: tuple[Endpoint, ...]
    own_addresses: frozenset[str] = field(default_factory=frozenset)


def read_state_file(path: Path) -> State:
    return read_state(path.read_bytes().decode("utf-8-sig"))


def read_state(text: str) -> State:
    """Wrap the two roots in one, then read layer by layer (netsh.md 6, 10.1)."""
    bare = re.sub(r"^\s*<\?xml[^>]*\?>", "", text.removeprefix("\ufeff"))
    root = ET.fromstring(f"<all>{bare}</all>")
    state = root.find("wfpstate")
    if state is None:
        raise ValueError("no wfpstate in this text")
    endpoints = tuple(_endpoint(item) for item in _items(state, "aleConnectedEndpoints"))
    return State(
        layers={layer.key: layer for layer in map(_layer, _items(state, "layers"))},
        sublayers={
            _text(item, "subLayerKey"): int(_text(item, "weight"))
            for item in _items(state, "subLayers")
        },
        disabled_providers=frozenset(
            _text(item, "providerKey")
            for item in _items(state, "providers")
            if "FWPM_PROVIDER_FLAG_DISABLED" in _flags(item)
        ),
        origins={
            _text(item, "providerContextKey"): _utf16(_text(item, "dataBuffer/data"))
            for item in _items(state, "providerContexts")
        },
        endpoints=endpoints,
        own_addresses=frozenset(end.local for end in endpoints),
    )


def _items(parent: ET.Element, name: str) -> list[ET.Element]:
    return parent.findall(f"{name}/item")


def _text(item: ET.Element, path: str) -> str:
    return (item.findtext(path) or "").strip()


def _flags(item: ET.Element) -> frozenset[str]:
    return frozenset((flag.text or "").strip() for flag in _items(item, "flags"))


def _utf16(hexed: str) -> str:
    return bytes.fromhex(hexed).decode("utf-16-le", "replace").rstrip("\0")


def _layer(item: ET.Element) -> Layer:
    key = _text(item, "layer/layerKey")
    return Layer(
        key=key,
        fields={
            _text(one, "fieldKey"): _text(one, "dataType")
            for one in item.findall("layer/field/item")
        },
        callouts={
            _text(one, "calloutKey"): Callout(
                key=_text(one, "calloutKey"),
                name=_text(one, "displayData/name"),
                flags=_flags(one),
                provider=_text(one, "providerKey"),
            )
            for one in _items(item, "callouts")
        },
        filters=tuple(_filter(one, key) for one in _items(item, "filters")),
        default_sublayer=_text(item, "layer/defaultSubLayerKey") or "FWPM_SUBLAYER_UNIVERSAL",
    )


def _filter(item: ET.Element, layer: str) -> Filter:
    return Filter(
        id=int(_text(item, "filterId")),
        name=_text(item, "displayData/name"),
        layer=layer,
        sublayer=_text(item, "subLayerKey"),
        weight=int(_text(item, "effectiveWeight/uint64") or 0),
        action=_text(item, "action/type"),
        callout=_text(item, "action/filterType"),
        flags=_flags(item),
        provider=_text(item, "providerKey"),
        context=_text(item, "providerContextKey"),
        conditions=tuple(
            Condition(
                field=_text(one, "fieldKey"),
                match=_text(one, "matchType"),
                value=read_value(one.find("conditionValue")),
            )
            for one in _items(item, "filterCondition")
        ),
    )


def read_value(item: ET.Element | None) -> Value:
    """A typed value (netsh.md 6, value rules); rule 2.8: host order, dotted or decimal text."""
    if item is None:
        return Value(type="", data=UNREADABLE)
    kind = _text(item, "type")
    if kind == "FWP_EMPTY":
        return Value(type=kind, data=None)
    body = next((child for child in item if child.tag != "type"), None)
    if body is None:
        return Value(type=kind, data=UNREADABLE)
    try:
        return Value(type=kind, data=_data(body))
    except ValueError:
        return Value(type=kind, data=UNREADABLE)


def _data(body: ET.Element) -> object:
    text = (body.text or "").strip()
    if body.tag in NUMBER_TAGS:
        return int(ipaddress.IPv4Address(text)) if "." in text else int(text)
    if body.tag == "rangeValue":
        return (read_value(body.find("valueLow")), read_value(body.find("valueHigh")))
    if body.tag == "byteArray16":
        return int(ipaddress.IPv6Address(text))
    if body.tag == "v4AddrMask":
        address, mask = (int(ipaddress.IPv4Address(_text(body, n))) for n in ("addr", "mask"))
        return (address, mask)
    if body.tag == "v6AddrMask":
        length = int(_text(body, "prefixLength"))
        if not 0 <= length <= 128:
            raise ValueError("no prefix length")
        mask = (1 << 128) - (1 << (128 - length))
        return (int(ipaddress.IPv6Address(_text(body, "addr"))), mask)
    if body.tag == "byteBlob":
        return bytes.fromhex(_text(body, "data"))
    if body.tag in {"sid", "sd", "unicodeString"}:
        return body.text or ""
    return UNREADABLE


def _endpoint(item: ET.Element) -> Endpoint:
    version = 4 if _text(item, "ipVersion").endswith("V4") else 6
    return Endpoint(
        version=version,
        local=_text(item, f"localV{version}Address"),
        remote=_text(item, f"remoteV{version}Address"),
        protocol=int(_text(item, "ipProtocol")),
        local_port=int(_text(item, "localPort") or 0),
        remote_port=int(_text(item, "remotePort") or 0),
        app=_utf16(_text(item, "appId/data")),
    )
