"""A second reading of `netsh wfp show state` and `show filters`: slow, obvious, on its own.

Everything comes back as plain dictionaries that carry the field names of the model. GUIDs are
`uuid.UUID`, addresses are `ipaddress` objects and blobs are `bytes`, so that a text which only
looks like one of them is a difference.
"""

from __future__ import annotations

import re
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address
from uuid import UUID
from xml.etree import ElementTree as ET

from tests.oracle.oracle_facts import flags, is_callout_action, known_field_types, reference

Plain = dict[str, object]
FieldTypes = dict[tuple[str, str], str]

SUBSCRIPTIONS = {
    "calloutSubscriptions": "callout",
    "filterSubscriptions": "filter",
    "netEventSubscriptions": "net_event",
    "providerSubscriptions": "provider",
    "providerContextSubscriptions": "provider_context",
    "subLayerSubscriptions": "sublayer",
}
INTEGERS = {
    f"FWP_{sign}INT{bits}": f"{sign.lower()}int{bits}"
    for sign in ("", "U")
    for bits in (8, 16, 32, 64)
}
TEXTS = {
    "FWP_SID": "sid",
    "FWP_SECURITY_DESCRIPTOR_TYPE": "sd",
    "FWP_UNICODE_STRING_TYPE": "unicodeString",
    "FWP_BYTE_ARRAY6_TYPE": "byteArray6",
}
FLOATS = {"FWP_FLOAT": "float32", "FWP_DOUBLE": "double64"}
GUIDS = {"FWPM_CONDITION_RPC_IF_UUID", "FWPM_CONDITION_DCOM_APP_ID"}
TEXT_BLOBS = {
    "FWPM_CONDITION_ALE_APP_ID",
    "FWPM_CONDITION_ALE_ORIGINAL_APP_ID",
    "FWPM_CONDITION_ALE_EFFECTIVE_NAME",
    "FWPM_CONDITION_IMAGE_NAME",
    "FWPM_CONDITION_PIPE",
    "FWPM_CONDITION_RPC_SERVER_NAME",
}


def tree_of(data: bytes) -> ET.Element:
    """The documents of a file (a state dump holds two) under one made-up root."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = data.decode("utf-16")
    else:
        text = data.decode("utf-8-sig")
    return ET.fromstring("<root>" + re.sub(r"<\?xml[^>]*\?>", "", text) + "</root>")


def read(data: bytes) -> dict[str, list[Plain]]:
    """Every object of the file by kind, in the file's order."""
    root = tree_of(data)
    types = known_field_types()
    for layer in root.findall("./wfpstate/layers/item/layer"):
        for field in layer.findall("./field/item"):
            place = (layer.findtext("layerKey", ""), field.findtext("fieldKey", ""))
            types[place] = field.findtext("type", "")
    layers = root.findall("./wfpstate/layers/item")
    filters = [one for layer in layers for one in layer.findall("./filters/item")]
    filters += root.findall("./wfpdiag/filters/item")
    callouts = [one for layer in layers for one in layer.findall("./callouts/item")]
    providers = root.findall("./wfpstate/providers/item")
    providers += root.findall("./wfpdiag/providers/item")
    keywords = root.findall("./firewallState/dynamicKeywordAddresses/item")
    return {
        "layers": [_layer(one) for one in layers],
        "sublayers": [_sublayer(one) for one in root.findall("./wfpstate/subLayers/item")],
        "providers": [_provider(one) for one in providers],
        "contexts": [_context(one) for one in root.findall("./wfpstate/providerContexts/item")],
        "callouts": [_callout(one) for one in callouts],
        "filters": [_filter(one, types) for one in filters],
        "sessions": [_session(one) for one in root.findall("./wfpstate/sessions/item")],
        "endpoints": [_endpoint(x) for x in root.findall("./wfpstate/aleConnectedEndpoints/item")],
        "subscriptions": [
            _subscription(kind, one)
            for group in root.findall("./wfpstate/subscriptions/*")
            for tag, kind in SUBSCRIPTIONS.items()
            if group.tag == tag
            for one in group.findall("./item")
        ],
        "keywords": [_keyword(one) for one in keywords],
        "statistics": [
            {"kind": kind, "tree": node(one)}
            for one in root.findall("./wfpstate/*")
            for kind in ("ikeext", "ipsec")
            if one.tag == f"{kind}Statistics"
        ],
        "associations": [
            {"kind": kind, "tree": node(one)}
            for section in root.findall("./wfpstate/*")
            for kind, tag in (("ikeext", "ikeextSas"), ("ipsec", "ipsecSaContexts"))
            if section.tag == tag
            for one in section.findall("./item")
        ],
    }


def taken_at(data: bytes) -> datetime | None:
    """When the host says the state was taken."""
    text = tree_of(data).findtext("./wfpstate/timeStamp")
    return None if text is None else datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z")


def node(element: ET.Element) -> Plain:
    """An element as it stands; `numItems` only counts, so it goes."""
    children = [node(child) for child in element]
    return {
        "tag": element.tag,
        "text": None if children else element.text or None,
        "children": children,
        "attributes": [[k, v] for k, v in element.attrib.items() if k != "numItems"],
    }


class Item:
    """An element, and which of its children nobody has asked for yet."""

    def __init__(self, element: ET.Element | None) -> None:
        self.left = [] if element is None else list(element)

    def take(self, tag: str) -> ET.Element | None:
        for child in self.left:
            if child.tag == tag:
                self.left.remove(child)
                return child
        return None

    def text(self, tag: str) -> str | None:
        child = self.take(tag)
        return None if child is None else child.text or None

    def number(self, tag: str) -> int | None:
        text = self.text(tag)
        return None if text is None else int(text)

    def blob(self, tag: str) -> bytes | None:
        child = self.take(tag)
        text = None if child is None else child.findtext("data")
        return bytes.fromhex(text) if text else None

    def guid(self, tag: str) -> UUID | None:
        text = self.text(tag)
        return UUID(text) if text and UUID(text).int else None

    def extra(self) -> list[Plain]:
        return [node(child) for child in self.left]


def _display(item: Item) -> Plain:
    shown = item.take("displayData")
    assert shown is None or {child.tag for child in shown} <= {"name", "description"}
    return {
        "name": None if shown is None else shown.findtext("name") or None,
        "description": None if shown is None else shown.findtext("description") or None,
    }


def _flags(item: Item, group: str) -> Plain:
    element = item.take("flags")
    if element is not None and len(element) == 0 and (element.text or "").strip():
        names, word = flags(group, [f"{int(element.text or ''):08X}"])
    else:
        names, word = flags(group, [] if element is None else [one.text or "" for one in element])
    return {"flags": names, "flags_value": word}


def _named(item: Item, tag: str, kind: str) -> Plain:
    name, key = reference(kind, item.text(tag))
    return {"key": key, "const_name": name}


def _referring(item: Item, tag: str, kind: str, field: str) -> Plain:
    name, key = reference(kind, item.text(tag))
    return {field: name, f"{field}_key": key}


def _owner(item: Item) -> Plain:
    owner = _referring(item, "providerKey", "providers", "provider")
    return {**owner, "provider_data": item.blob("providerData")}


def _layer(element: ET.Element) -> Plain:
    beside = Item(element)
    item = Item(beside.take("layer"))
    callouts, filters = beside.take("callouts"), beside.take("filters")
    fields = item.take("field")
    return {
        **_named(item, "layerKey", "layers"),
        **_display(item),
        **_flags(item, "layer_flags"),
        "fields": [] if fields is None else [_field(one) for one in fields],
        **_referring(item, "defaultSubLayerKey", "sublayers", "default_sublayer"),
        "id": item.number("layerId"),
        "filter_count": 0 if filters is None else len(filters),
        "callout_count": 0 if callouts is None else len(callouts),
        "security_descriptor": None,
        "extra": item.extra() + beside.extra(),
    }


def _field(element: ET.Element) -> Plain:
    item = Item(element)
    name, key = reference("conditions", item.text("fieldKey"))
    return {
        "name": name,
        "key": key,
        "type": item.text("type"),
        "data_type": item.text("dataType"),
        "extra": item.extra(),
    }


def _sublayer(element: ET.Element) -> Plain:
    item = Item(element)
    return {
        **_named(item, "subLayerKey", "sublayers"),
        **_display(item),
        **_flags(item, "sublayer_flags"),
        **_owner(item),
        "weight": item.number("weight"),
        "security_descriptor": None,
        "extra": item.extra(),
    }


def _provider(element: ET.Element) -> Plain:
    item = Item(element)
    return {
        **_named(item, "providerKey", "providers"),
        **_display(item),
        **_flags(item, "provider_flags"),
        "provider_data": item.blob("providerData"),
        "service_name": item.text("serviceName"),
        "security_descriptor": None,
        "extra": item.extra(),
    }


def _context(element: ET.Element) -> Plain:
    item = Item(element)
    found = {
        **_named(item, "providerContextKey", "contexts"),
        **_display(item),
        **_flags(item, "provider_context_flags"),
        **_owner(item),
        "type": item.text("type"),
        "id": item.number("providerContextId"),
        "data": None,
        "options": [],
        "payload": [],
        "extra": [],
    }
    if found["type"] == "FWPM_GENERAL_CONTEXT":
        found["data"] = item.blob("dataBuffer")
        found["extra"] = item.extra()
    elif found["type"] == "FWPM_CLASSIFY_OPTIONS_CONTEXT":
        box = item.take("classifyOptions")
        options = [] if box is None else box.findall("./options/item")
        found["options"] = [_option(one) for one in options]
        found["extra"] = item.extra()
    else:
        found["payload"] = item.extra()
    return found


def _option(element: ET.Element) -> Plain:
    item = Item(element)
    option_type = item.text("type")
    value = value_of(item.take("value"), "", "")
    assert value["low"] is None
    assert value["mask"] is None
    return {
        "type": option_type,
        "value_type": value["type"],
        "value": value["value"],
        "extra": item.extra(),
    }


def _callout(element: ET.Element) -> Plain:
    item = Item(element)
    return {
        **_named(item, "calloutKey", "callouts"),
        **_display(item),
        **_flags(item, "callout_flags"),
        **_owner(item),
        **_referring(item, "applicableLayer", "layers", "layer"),
        "id": item.number("calloutId"),
        "security_descriptor": None,
        "extra": item.extra(),
    }


def _filter(element: ET.Element, types: FieldTypes) -> Plain:
    item = Item(element)
    layer = element.findtext("layerKey", "")
    weight = Item(item.take("weight"))
    effective = Item(item.take("effectiveWeight"))
    conditions = item.take("filterCondition")
    reserved = item.text("reserved")
    assert reserved is None, "netsh never fills it"
    found = {
        "id": item.number("filterId"),
        "key": item.guid("filterKey"),
        **_display(item),
        **_flags(item, "filter_flags"),
        **_owner(item),
        **_referring(item, "layerKey", "layers", "layer"),
        **_referring(item, "subLayerKey", "sublayers", "sublayer"),
        "weight_type": weight.text("type"),
        "weight": next((int(one.text or "") for one in weight.left), None),
        "conditions": []
        if conditions is None
        else [_condition(x, layer, types) for x in conditions],
        **_action(Item(item.take("action"))),
        "raw_context": item.number("rawContext"),
        **_referring(item, "providerContextKey", "contexts", "provider_context"),
        "security_descriptor": None,
        "extra": item.extra(),
    }
    assert effective.text("type") == "FWP_UINT64"
    found["effective_weight"] = effective.number("uint64")
    return found


def _action(action: Item) -> Plain:
    kind = action.text("type") or ""
    target = action.text("filterType") or action.text("calloutKey")
    assert not action.left
    if is_callout_action(kind):
        callout, callout_key = reference("callouts", target)
        filter_type = None
    else:
        callout, callout_key = None, None
        filter_type = UUID(target) if target else None
    return {
        "action": kind,
        "callout": callout,
        "callout_key": callout_key,
        "filter_type": filter_type,
    }


def _condition(element: ET.Element, layer: str, types: FieldTypes) -> Plain:
    item = Item(element)
    printed = item.text("fieldKey") or ""
    field, key = reference("conditions", printed)
    return {
        "field": field,
        "field_key": key,
        "match": item.text("matchType"),
        **value_of(item.take("conditionValue"), field or "", types.get((layer, printed), "")),
        "extra": item.extra(),
    }


def value_of(element: ET.Element | None, field: str, field_type: str) -> Plain:
    """Type and value of one typed value; address fields show addresses as text."""
    item = Item(element)
    found: Plain = {"value": None, "low": None, "high": None, "bound_type": None}
    found |= {"prefix_length": None, "mask": None}
    kind = item.text("type") or ""
    found["type"] = kind
    if kind == "FWP_V4_ADDR_MASK":
        both = Item(item.take("v4AddrMask"))
        mask = IPv4Address(both.text("mask") or "")
        found |= {"value": IPv4Address(both.text("addr") or ""), "mask": mask}
        found["prefix_length"] = _prefix_length(mask)
    elif kind == "FWP_V6_ADDR_MASK":
        both = Item(item.take("v6AddrMask"))
        found["value"] = IPv6Address(both.text("addr") or "")
        found["prefix_length"] = both.number("prefixLength")
    elif kind == "FWP_RANGE_TYPE":
        both = Item(item.take("rangeValue"))
        low = value_of(both.take("valueLow"), field, field_type)
        high = value_of(both.take("valueHigh"), field, field_type)
        assert low["type"] == high["type"]
        found |= {"low": low["value"], "high": high["value"], "bound_type": low["type"]}
    elif kind != "FWP_EMPTY":
        found["value"] = _single(item, kind, field, field_type == "FWPM_FIELD_IP_ADDRESS")
    assert not item.left, f"{kind} at {field} has {item.left[0].tag}"
    return found


def _single(item: Item, kind: str, field: str, address: bool) -> object:
    if kind == "FWP_UINT32" and address:
        return IPv4Address(item.text("uint32") or "")
    if kind in INTEGERS:
        return item.number(INTEGERS[kind])
    if kind in FLOATS:
        return float(item.text(FLOATS[kind]) or "")
    if kind in TEXTS:
        return item.text(TEXTS[kind])
    if kind == "FWP_BYTE_BLOB_TYPE":
        blob = item.blob("byteBlob") or b""
        return _text_of(blob) if field in TEXT_BLOBS else blob
    if kind == "FWP_BYTE_ARRAY16_TYPE":
        text = item.text("byteArray16") or ""
        if address:
            return IPv6Address(text)
        return UUID(text) if field in GUIDS else bytes.fromhex(text)
    if kind == "FWP_BITMAP_INDEX_TYPE":
        return item.number("bitmapIndex")
    if kind == "FWP_BITMAP_ARRAY64_TYPE":
        return bytes.fromhex(item.text("bitmapArray64") or "")
    if kind == "FWP_TOKEN_ACCESS_INFORMATION_TYPE":
        return bytes.fromhex(item.text("tokenAccessInformation") or "")
    if kind == "FWP_TOKEN_INFORMATION_TYPE":
        token = item.take("tokenInformation")
        assert token is not None
        return {
            "sids": [one.text for one in token.findall("./sids/item")],
            "restricted_sids": [one.text for one in token.findall("./restrictedSids/item")],
        }
    raise NotImplementedError(f"this reading knows no {kind} at {field}")


def _text_of(blob: bytes) -> str | bytes:
    """UTF-16LE that ends in one NUL, else the bytes."""
    if len(blob) % 2 == 0 and blob.endswith(b"\0\0"):
        text = blob[:-2].decode("utf-16-le")
        if "\0" not in text:
            return text
    return blob


def _prefix_length(mask: IPv4Address) -> int | None:
    bits = f"{int(mask):032b}"
    ones = bits.rstrip("0")
    return len(ones) if "0" not in ones else None


def _session(element: ET.Element) -> Plain:
    item = Item(element)
    return {
        "key": item.guid("sessionKey"),
        **_display(item),
        **_flags(item, "session_flags"),
        "txn_wait_timeout_ms": item.number("txnWaitTimeoutInMSec"),
        "process_id": item.number("processId"),
        "sid": item.text("sid"),
        "user_name": item.text("username"),
        "kernel_mode": {"true": True, "false": False, None: None}[item.text("kernelMode")],
        "extra": item.extra(),
    }


def _endpoint(element: ET.Element) -> Plain:
    item = Item(element)
    family = {"FWP_IP_VERSION_V4": 4, "FWP_IP_VERSION_V6": 6}[item.text("ipVersion") or ""]
    make = IPv4Address if family == 4 else IPv6Address
    status = item.text("ipsecStatus")
    app_id = item.blob("appId")
    return {
        "id": item.number("endpointId"),
        "ip_version": family,
        "local_address": make(item.text(f"localV{family}Address") or ""),
        "remote_address": make(item.text(f"remoteV{family}Address") or ""),
        "local_port": item.number("localPort"),
        "remote_port": item.number("remotePort"),
        "protocol": item.number("ipProtocol"),
        "token_modified_id": item.number("localTokenModifiedId"),
        "mm_sa_id": item.number("mmSaId"),
        "qm_sa_id": item.number("qmSaId"),
        "ipsec_status": None if status is None else int(status.split(" ")[0]),
        **_flags(item, "endpoint_flags"),
        "app_id": None if app_id is None else app_id.decode("utf-16-le").rstrip("\0"),
        "extra": item.extra(),
    }


def _subscription(kind: str, element: ET.Element) -> Plain:
    item = Item(element)
    template = item.take("enumTemplate")
    return {
        "kind": kind,
        "template": None if template is None else node(template),
        **_flags(item, "subscription_flags"),
        "session_key": item.guid("sessionKey"),
        "extra": item.extra(),
    }


def _keyword(element: ET.Element) -> Plain:
    item = Item(element)
    return {
        "id": item.guid("id"),
        "keyword": item.text("keyword"),
        **_flags(item, "keyword_flags"),
        "addresses": item.text("addresses"),
        "extra": item.extra(),
    }
