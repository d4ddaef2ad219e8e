"""Writes small hand-made dumps in the shape of ``netsh wfp show state``, for the oracle's tests."""

import ipaddress
from xml.sax.saxutils import escape

CONNECT = "FWPM_LAYER_ALE_AUTH_CONNECT_V4"
ACCEPT = "FWPM_LAYER_ALE_AUTH_RECV_ACCEPT_V4"
ASSIGN = "FWPM_LAYER_ALE_RESOURCE_ASSIGNMENT_V4"
FIELDS = {
    "ALE_APP_ID": "FWP_BYTE_BLOB_TYPE",
    "ALE_USER_ID": "FWP_TOKEN_ACCESS_INFORMATION_TYPE",
    "ALE_PACKAGE_FAMILY_NAME": "FWP_TOKEN_ACCESS_INFORMATION_TYPE",
    "ALE_REMOTE_USER_ID": "FWP_TOKEN_ACCESS_INFORMATION_TYPE",
    "ALE_PACKAGE_ID": "FWP_SID",
    "ALE_SIO_FIREWALL_SYSTEM_PORT": "FWP_UINT32",
    "ALE_EFFECTIVE_NAME": "FWP_UNICODE_STRING_TYPE",
    "IP_PROTOCOL": "FWP_UINT8",
    "IP_LOCAL_ADDRESS_TYPE": "FWP_UINT8",
    "IP_LOCAL_PORT": "FWP_UINT16",
    "IP_REMOTE_PORT": "FWP_UINT16",
    "ORIGINAL_ICMP_TYPE": "FWP_UINT16",
    "IP_LOCAL_INTERFACE": "FWP_UINT64",
    "IP_ARRIVAL_INTERFACE": "FWP_UINT64",
    "IP_NEXTHOP_INTERFACE": "FWP_UINT64",
    "INTERFACE_QUARANTINE_EPOCH": "FWP_UINT64",
    "ARRIVAL_INTERFACE_TYPE": "FWP_UINT32",
    "ARRIVAL_TUNNEL_TYPE": "FWP_UINT32",
    "NEXTHOP_TUNNEL_TYPE": "FWP_UINT32",
    "ORIGINAL_PROFILE_ID": "FWP_UINT32",
    "CURRENT_PROFILE_ID": "FWP_UINT32",
    "COMPARTMENT_ID": "FWP_UINT32",
    "DIRECTION": "FWP_UINT32",
    "FLAGS": "FWP_UINT32",
}
TAGS = {
    "FWP_BYTE_ARRAY16_TYPE": "byteArray16",
    "FWP_BYTE_BLOB_TYPE": "byteBlob",
    "FWP_SECURITY_DESCRIPTOR_TYPE": "sd",
    "FWP_UNICODE_STRING_TYPE": "unicodeString",
    "FWP_V4_ADDR_MASK": "v4AddrMask",
    "FWP_V6_ADDR_MASK": "v6AddrMask",
    "FWP_RANGE_TYPE": "rangeValue",
}


def blob(text: str) -> str:
    """The body of an app id: hex of UTF-16LE with its NUL."""
    return f"<data>{(text + chr(0)).encode('utf-16-le').hex()}</data>"


def typed(kind: str, value: object) -> str:
    """A typed value: `kind` short (UINT16) or whole; ranges are pairs of typed values."""
    name = kind if kind.startswith("FWP_") else f"FWP_{kind}"
    if name == "FWP_EMPTY":
        return f"<type>{name}</type>"
    tag = TAGS.get(name, name.removeprefix("FWP_").lower())
    if name == "FWP_V4_ADDR_MASK":
        net = ipaddress.IPv4Network(str(value))
        body = f"<addr>{net.network_address}</addr><mask>{net.netmask}</mask>"
    elif name == "FWP_V6_ADDR_MASK":
        six = ipaddress.IPv6Network(str(value))
        body = f"<addr>{six.network_address}</addr><prefixLength>{six.prefixlen}</prefixLength>"
    elif name == "FWP_RANGE_TYPE" and isinstance(value, tuple):
        low, high = value
        body = f"<valueLow>{low}</valueLow><valueHigh>{high}</valueHigh>"
    else:
        body = blob(str(value)) if tag == "byteBlob" else escape(str(value))
    return f"<type>{name}</type><{tag}>{body}</{tag}>"


def check(field: str, match: str, kind: str, value: object = "") -> str:
    """One condition."""
    return (
        f"<item><fieldKey>FWPM_CONDITION_{field}</fieldKey><matchType>FWP_MATCH_{match}</matchType>"
        f"<conditionValue>{typed(kind, value)}</conditionValue></item>"
    )


def between(field: str, kind: str, low: object, high: object) -> str:
    """A range condition."""
    return check(field, "RANGE", "RANGE_TYPE", (typed(kind, low), typed(kind, high)))


def rule(
    number: int,
    action: str,
    *conditions: str,
    weight: int = 100,
    sublayer: str = "A",
    layer: str = CONNECT,
    flags: str = "",
    callout: str = "",
    provider: str = "",
) -> tuple[str, str]:
    """One filter and its layer; `action` short (BLOCK), flags short and space separated."""
    names = "".join(f"<item>FWPM_FILTER_FLAG_{name}</item>" for name in flags.split())
    kind = action if action.startswith("FWP_") else f"FWP_ACTION_{action}"
    return layer, (
        f"<item><filterKey>{{{number}}}</filterKey><displayData><name>f{number}</name></displayData>"
        f"<flags>{names}</flags><providerKey>{provider}</providerKey><layerKey>{layer}</layerKey>"
        f"<subLayerKey>{sublayer}</subLayerKey><weight><type>FWP_EMPTY</type></weight>"
        f"<filterCondition>{''.join(conditions)}</filterCondition>"
        f"<action><type>{kind}</type><filterType>{callout}</filterType></action>"
        f"<filterId>{number}</filterId><effectiveWeight><type>FWP_UINT64</type>"
        f"<uint64>{weight}</uint64></effectiveWeight></item>"
    )


def _use_of(field: str) -> str:
    """What netsh says of a field beside its data type."""
    if field == "FLAGS":
        return "FWPM_FIELD_FLAGS"
    return "FWPM_FIELD_IP_ADDRESS" if field.endswith("_ADDRESS") else "FWPM_FIELD_RAW_DATA"


def dump(
    *rules: tuple[str, str],
    sublayers: dict[str, int] | None = None,
    callouts: dict[str, bool] | None = None,
    disabled: str = "",
    endpoints: str = "",
    fields: dict[str, str] | None = None,
) -> str:
    """A whole dump: the layers the rules name, sublayers by weight, callouts registered or not."""
    registered = "<item>FWPM_CALLOUT_FLAG_REGISTERED</item>"
    called = "".join(
        f"<item><calloutKey>{key}</calloutKey><displayData><name>{key}</name></displayData>"
        f"<flags>{registered if there else ''}</flags></item>"
        for key, there in (callouts or {}).items()
    )
    layers = ""
    for key in dict.fromkeys([layer for layer, _ in rules]):
        address = "FWP_BYTE_ARRAY16_TYPE" if key.endswith("V6") else "FWP_UINT32"
        known = FIELDS | {"IP_LOCAL_ADDRESS": address, "IP_REMOTE_ADDRESS": address}
        listed = "".join(
            f"<item><fieldKey>FWPM_CONDITION_{name}</fieldKey><type>{_use_of(name)}</type>"
            f"<dataType>{kind}</dataType></item>"
            for name, kind in (known if fields is None else fields).items()
        )
        layers += (
            f"<item><layer><layerKey>{key}</layerKey><field>{listed}</field></layer>"
            f"<callouts>{called}</callouts>"
            f"<filters>{''.join(text for layer, text in rules if layer == key)}</filters></item>"
        )
    subs = "".join(
        f"<item><subLayerKey>{key}</subLayerKey><weight>{weight}</weight></item>"
        for key, weight in (sublayers or {"A": 10, "B": 5, "C": 1}).items()
    )
    off = f"<item><providerKey>{disabled}</providerKey><flags><item>FWPM_PROVIDER_FLAG_DISABLED"
    providers = f"{off}</item></flags></item>" if disabled else ""
    return (
        '\ufeff<?xml version="1.0" encoding="UTF-8"?>\n<wfpstate>'
        f"<layers>{layers}</layers><providers>{providers}</providers><subLayers>{subs}</subLayers>"
        f"<aleConnectedEndpoints>{endpoints}</aleConnectedEndpoints></wfpstate>"
        "<firewallState><dynamicKeywordAddresses/></firewallState>"
    )
