"""Hypothesis strategies that make hostile policies, and flows that meet them.

Values come from small pools, so that conditions match, touch and miss each other often. Policies
are written as netsh writes them, so that two readers can start from the same text.
"""

from __future__ import annotations

from ipaddress import ip_address
from random import Random
from typing import Any, Final

from hypothesis import strategies as st

from pywfp_ps.model.objects import (
    CALLOUT_REGISTERED,
    CLEAR_ACTION_RIGHT,
    PERMIT_IF_CALLOUT_UNREGISTERED,
    Callout,
    Completeness,
    Condition,
    Field,
    Filter,
    Layer,
    Provider,
    Snapshot,
    SubLayer,
)
from pywfp_ps.model.tables import key_of

_COMMON: Final = {
    "IP_PROTOCOL": "UINT8", "IP_LOCAL_ADDRESS": "ADDRESS", "IP_REMOTE_ADDRESS": "ADDRESS",
    "IP_LOCAL_PORT": "UINT16", "IP_REMOTE_PORT": "UINT16", "FLAGS": "UINT32",
    "IP_LOCAL_ADDRESS_TYPE": "UINT8", "COMPARTMENT_ID": "UINT32",
}  # fmt: skip
_INTERFACE: Final = {"IP_LOCAL_INTERFACE": "UINT64", "INTERFACE_TYPE": "UINT32",
                     "TUNNEL_TYPE": "UINT32"}  # fmt: skip
_TOKEN: Final = {
    "ALE_APP_ID": "BYTE_BLOB_TYPE", "ALE_USER_ID": "TOKEN_ACCESS_INFORMATION_TYPE",
    "ALE_PACKAGE_ID": "SID", "ALE_PACKAGE_FAMILY_NAME": "TOKEN_ACCESS_INFORMATION_TYPE",
}  # fmt: skip
_AUTHORISING: Final = (
    _COMMON | _INTERFACE | _TOKEN
    | {
        "ALE_REMOTE_USER_ID": "TOKEN_ACCESS_INFORMATION_TYPE", "IP_ARRIVAL_INTERFACE": "UINT64",
        "ARRIVAL_INTERFACE_TYPE": "UINT32", "ARRIVAL_TUNNEL_TYPE": "UINT32",
        "IP_NEXTHOP_INTERFACE": "UINT64", "NEXTHOP_INTERFACE_TYPE": "UINT32",
        "NEXTHOP_TUNNEL_TYPE": "UINT32", "ORIGINAL_PROFILE_ID": "UINT32",
        "CURRENT_PROFILE_ID": "UINT32", "ORIGINAL_ICMP_TYPE": "UINT16",
        "INTERFACE_QUARANTINE_EPOCH": "UINT64", "ALE_SIO_FIREWALL_SYSTEM_PORT": "UINT32",
    }
)  # fmt: skip
_NO_REMOTE: Final = frozenset({"IP_REMOTE_ADDRESS", "IP_REMOTE_PORT"})
_BIND: Final = {
    name: kind for name, kind in (_COMMON | _INTERFACE | _TOKEN).items() if name not in _NO_REMOTE
}
_PACKET: Final = {
    name: kind
    for name, kind in (_COMMON | _INTERFACE).items()
    if name not in {"IP_PROTOCOL", "IP_LOCAL_PORT", "IP_REMOTE_PORT"}
}
LAYERS: Final[dict[str, dict[str, str]]] = {
    "ALE_BIND_REDIRECT": _BIND,
    "ALE_RESOURCE_ASSIGNMENT": _BIND | {"LOCAL_INTERFACE_PROFILE_ID": "UINT32"},
    "ALE_AUTH_LISTEN": {name: kind for name, kind in _BIND.items() if name != "IP_PROTOCOL"},
    "ALE_CONNECT_REDIRECT": _COMMON | _TOKEN,
    "ALE_AUTH_CONNECT": _AUTHORISING,
    "ALE_AUTH_RECV_ACCEPT": _AUTHORISING,
    "ALE_FLOW_ESTABLISHED": _COMMON | _INTERFACE | _TOKEN | {"DIRECTION": "UINT32"},
    "INBOUND_TRANSPORT": _COMMON | _INTERFACE | {"CURRENT_PROFILE_ID": "UINT32"},
    "OUTBOUND_TRANSPORT": _COMMON | _INTERFACE | {"CURRENT_PROFILE_ID": "UINT32"},
    "INBOUND_IPPACKET": _PACKET,
    "OUTBOUND_IPPACKET": _PACKET,
    "STREAM": {
        name: kind for name, kind in _COMMON.items() if name != "IP_PROTOCOL"
    } | {"DIRECTION": "UINT32"},
    "DATAGRAM_DATA": _COMMON | _INTERFACE | {"DIRECTION": "UINT32"},
    "INBOUND_ICMP_ERROR": _PACKET | {"INTERFACE_QUARANTINE_EPOCH": "UINT64"},
    "OUTBOUND_ICMP_ERROR": _PACKET | {"INTERFACE_QUARANTINE_EPOCH": "UINT64"},
}  # fmt: skip
"""Layers that flows meet, and a part of their fields with the types of real dumps."""

_BUSY: Final = ("ALE_AUTH_CONNECT", "ALE_AUTH_RECV_ACCEPT", "ALE_RESOURCE_ASSIGNMENT")
SUBLAYERS: Final = (
    ("FWPM_SUBLAYER_UNIVERSAL", 32768),
    ("FWPM_SUBLAYER_MPSSVC_WSH", 3),
    ("FWPM_SUBLAYER_MPSSVC_WF", 2),
    ("FWPM_SUBLAYER_INSPECTION", 0),
)
MISSING_SUBLAYER: Final = "{b0000000-0000-4000-8000-00000000000f}"

ADDRESSES: Final = {
    4: ["192.0.2.10", "192.0.2.11", "203.0.113.10", "203.0.113.200", "127.0.0.1", "224.0.0.251"],
    6: ["2001:db8::10", "2001:db8::11", "2001:db8:1::10", "fe80::1", "::1", "ff02::fb"],
}
PORTS: Final = [53, 80, 443, 1024, 50000, 65535]
APPS: Final = [
    "System",
    r"\device\harddiskvolume3\windows\system32\svchost.exe",
    r"\device\harddiskvolume3\apps\browser.exe",
    r"\device\harddiskvolume1\apps\browser.exe",
]
PACKAGE: Final = "S-1-15-2-1001-1002-1003-1004-1005-1006-1007"
OTHER_PACKAGE: Final = "S-1-15-2-2001-1002-1003-1004-1005-1006-1007"
USER: Final = "S-1-5-21-1-2-3-1001"
DNSCACHE: Final = "S-1-5-80-859482183-879914841-863379149-1145462774-2388618682"
LUIDS: Final = [(6 << 48) | 0x1000000, (71 << 48) | 0x2000000, (131 << 48) | 0x3000000]
EPOCHS: Final = [0, 10000002, 10000083]
_TRUSTEES: Final = [
    "WD", "AU", "AN", "BA", "BU", "SY", "LS", "NS", "SU", "IU", USER, "S-1-5-21-1-2-3-1002",
    DNSCACHE, "S-1-5-80-1-2-3-4-5", "AC", "S-1-15-2-2", PACKAGE, OTHER_PACKAGE, "S-1-15-3-1",
    "S-1-15-3-3",
]  # fmt: skip
_FLAGS: Final = [0x1, 0x2, 0x4, 0x8, 0x9, 0x10, 0x100000, 0x300000, 0x400000, 0x800000, 0xC00001,
                 0x1000000, 0x20, 0]  # fmt: skip
_NUMBERS: Final[dict[str, list[int]]] = {
    "IP_PROTOCOL": [6, 17, 1, 58, 47],
    "IP_LOCAL_PORT": [*PORTS, 8],
    "IP_REMOTE_PORT": [*PORTS, 0],
    "IP_LOCAL_ADDRESS_TYPE": [1, 3, 4],
    "INTERFACE_TYPE": [6, 71, 131],
    "ARRIVAL_INTERFACE_TYPE": [6, 71, 131],
    "NEXTHOP_INTERFACE_TYPE": [6, 71, 131],
    "TUNNEL_TYPE": [0, 11],
    "ARRIVAL_TUNNEL_TYPE": [0, 11],
    "NEXTHOP_TUNNEL_TYPE": [0, 11],
    "IP_LOCAL_INTERFACE": LUIDS,
    "IP_ARRIVAL_INTERFACE": LUIDS,
    "IP_NEXTHOP_INTERFACE": LUIDS,
    "INTERFACE_QUARANTINE_EPOCH": EPOCHS,
    "ORIGINAL_PROFILE_ID": [1, 2, 3],
    "CURRENT_PROFILE_ID": [1, 2, 3],
    "LOCAL_INTERFACE_PROFILE_ID": [1, 2, 3],
    "ORIGINAL_ICMP_TYPE": [8, 128, 0],
    "DIRECTION": [0, 1],
    "COMPARTMENT_ID": [1],
    "ALE_SIO_FIREWALL_SYSTEM_PORT": [0, 1, 2],
}
_PAIRED: Final = frozenset(
    {"INTERFACE_QUARANTINE_EPOCH", "IP_ARRIVAL_INTERFACE", "IP_NEXTHOP_INTERFACE"}
)
"""What releases an interface from quarantine is one epoch with one interface."""
_ORDER: Final = ["GREATER", "LESS", "GREATER_OR_EQUAL", "LESS_OR_EQUAL"]


def _condition(field: str, match: str, kind: str, value: Any = None, **more: Any) -> Condition:
    name = f"FWPM_CONDITION_{field}"
    return Condition(
        field=name,
        field_key=key_of("conditions", name),
        match=f"FWP_MATCH_{match}",
        type=f"FWP_{kind}",
        value=value,
        **more,
    )


@st.composite
def descriptors(draw: st.DrawFn) -> str:
    """Access lists of allowing, denying and conditional entries, and a few without a list."""
    if draw(st.integers(0, 29)) == 0:
        return draw(st.sampled_from(["O:SYG:SY", "O:SYG:SYD:", "O:SYG:SYD:NO_ACCESS_CONTROL"]))
    entries = []
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["A", "A", "A", "A", "D", "XA", "XD"]))
        rights = draw(st.sampled_from(["CC", "CC", "CCRC", "CC", "CC", "RC", "GA", "0x1"]))
        flags = draw(st.sampled_from(["", "", "", "", "IO"]))
        condition = ';(WIN://SYSAPPID Contains "Package.Name_publisherid")'
        entries.append(
            f"({kind};{flags};{rights};;;{draw(st.sampled_from(_TRUSTEES))}"
            f"{condition if kind.startswith('X') else ''})"
        )
    return "O:SYG:SYD:" + "".join(entries)


@st.composite
def _address_condition(draw: st.DrawFn, field: str, version: int) -> Condition:
    pool = [ip_address(text) for text in ADDRESSES[version]]
    kind = "UINT32" if version == 4 else "BYTE_ARRAY16_TYPE"
    shape = draw(st.sampled_from(["equal", "equal", "range", "mask", "order", "not"]))
    address = draw(st.sampled_from(pool))
    if shape == "range":
        other = draw(st.sampled_from(pool))
        return _condition(
            field, "RANGE", "RANGE_TYPE", low=address, high=other, bound_type=f"FWP_{kind}"
        )
    if shape == "mask":
        mask = "V4_ADDR_MASK" if version == 4 else "V6_ADDR_MASK"
        match = draw(st.sampled_from(["EQUAL", "EQUAL", "EQUAL", "NOT_EQUAL"]))
        bits = draw(st.sampled_from([0, 8, 24, 32] if version == 4 else [0, 32, 64, 128]))
        net = None
        if version == 4:
            net = ip_address(((1 << bits) - 1) << (32 - bits))
        return _condition(field, match, mask, address, prefix_length=bits, mask=net)
    if shape == "order":
        return _condition(field, draw(st.sampled_from(_ORDER)), kind, address)
    return _condition(field, "EQUAL" if shape == "equal" else "NOT_EQUAL", kind, address)


@st.composite
def _number_condition(draw: st.DrawFn, field: str, kind: str) -> Condition:
    pool = _NUMBERS[field]
    shape = draw(st.sampled_from(["equal"] * 6 + ["range", "order", "not", "flags"]))
    if field == "INTERFACE_QUARANTINE_EPOCH":
        shape = "equal"  # what releases an interface is a pair of equalities
    number = draw(st.sampled_from(pool))
    if shape == "range":
        high = draw(st.sampled_from(pool))
        return _condition(
            field, "RANGE", "RANGE_TYPE", low=number, high=high, bound_type=f"FWP_{kind}"
        )
    if shape == "order":
        return _condition(field, draw(st.sampled_from(_ORDER)), kind, number)
    if shape == "flags":
        match = draw(st.sampled_from(["FLAGS_ALL_SET", "FLAGS_ANY_SET", "FLAGS_NONE_SET"]))
        return _condition(field, match, kind, number)
    return _condition(field, "EQUAL" if shape == "equal" else "NOT_EQUAL", kind, number)


@st.composite
def conditions(draw: st.DrawFn, field: str, kind: str, version: int) -> Condition:
    """A condition on a field whose layer supplies that type; now and then one that cannot fit."""
    oddity = draw(st.integers(0, 59))
    if oddity == 0:
        return _condition(field, "EQUAL", "EMPTY")
    if oddity == 1 and kind in {"UINT8", "UINT16"}:
        return _condition(field, "EQUAL", "UINT32", 6)
    if kind == "ADDRESS":
        return draw(_address_condition(field, version))
    if kind == "TOKEN_ACCESS_INFORMATION_TYPE":
        if oddity == 2:
            return _condition(field, "EQUAL", "SID", "S-1-1-0")
        match = "NOT_EQUAL" if oddity == 3 else "EQUAL"
        return _condition(field, match, "SECURITY_DESCRIPTOR_TYPE", draw(descriptors()))
    if kind == "SID":
        match = draw(st.sampled_from(["EQUAL", "NOT_EQUAL"]))
        return _condition(field, match, kind, draw(st.sampled_from(["S-1-0-0", PACKAGE])))
    if kind == "BYTE_BLOB_TYPE":
        match = draw(st.sampled_from(["EQUAL"] * 6 + ["NOT_EQUAL", "PREFIX", "GREATER"]))
        return _condition(field, match, kind, draw(st.sampled_from(APPS)))
    if field == "FLAGS":
        match = draw(
            st.sampled_from(["FLAGS_ALL_SET", "FLAGS_ALL_SET", "FLAGS_NONE_SET", "FLAGS_ANY_SET"])
        )
        return _condition(field, match, kind, draw(st.sampled_from(_FLAGS)))
    return draw(_number_condition(field, kind))


@st.composite
def _filter(draw: st.DrawFn, number: int, layer: str, callouts: list[Callout]) -> Filter:
    stem, version = layer[:-3], int(layer[-1])
    fields = LAYERS[stem]
    made: list[Condition] = []
    for name in draw(
        st.lists(st.sampled_from(sorted(fields)), max_size=3, unique=draw(st.integers(0, 9)) > 0)
    ):
        count = 1 if name in _PAIRED else draw(st.sampled_from([1, 1, 1, 2, 3]))
        made += [draw(conditions(name, fields[name], version)) for _ in range(count)]
    if draw(st.integers(0, 39)) == 0:
        made.append(_condition("ALE_NAP_CONTEXT", "EQUAL", "UINT32", 1))
    asks = bool(callouts) and draw(st.integers(0, 3)) == 0
    action, callout = draw(st.sampled_from(["BLOCK", "PERMIT", "PERMIT"])), None
    if asks:
        kinds = ["CALLOUT_TERMINATING", "CALLOUT_UNKNOWN", "CALLOUT_INSPECTION"]
        action = draw(st.sampled_from(kinds))
        callout = draw(
            st.sampled_from(
                [one.const_name for one in callouts if one.layer == f"FWPM_LAYER_{layer}"] * 4
                + [callouts[0].const_name, _callout_name(99)]
            )
        )
    elif draw(st.integers(0, 79)) == 0:
        action = draw(st.sampled_from(["CONTINUE", "NONE", "BITMAP_INDEX_SET"]))
    flags = set()
    if draw(st.integers(0, 3)) == 0:
        flags.add(CLEAR_ACTION_RIGHT)
    if callout and draw(st.integers(0, 2)) == 0:
        flags.add(PERMIT_IF_CALLOUT_UNREGISTERED)
    if draw(st.integers(0, 39)) == 0:
        flags.add("FWPM_FILTER_FLAG_BOOTTIME")
    sublayer = draw(st.sampled_from([*(name for name, _ in SUBLAYERS)] * 6 + [MISSING_SUBLAYER]))
    weight = draw(st.sampled_from([0, 1, 1, 2, 3, 1 << 60, (1 << 64) - 1]))
    return Filter(
        id=number,
        key=None,
        name=f"filter {number}",
        layer=f"FWPM_LAYER_{layer}",
        sublayer=sublayer,
        provider=draw(st.sampled_from([None] * 8 + ["FWPM_PROVIDER_IKEEXT"])),
        flags=tuple(sorted(flags)),
        weight_type="FWP_UINT64",
        weight=weight,
        effective_weight=weight,
        action=f"FWP_ACTION_{action}",
        callout=callout,
        conditions=tuple(made),
    )


def _callout_name(number: int) -> str:
    return f"{{ca000000-0000-4000-8000-{number:012x}}}"


def _callouts(layers: list[str]) -> list[Callout]:
    return [
        Callout(
            id=1000 + 4 * at + number,
            key=None,
            const_name=_callout_name(0x100 + 4 * at + number),
            name=f"callout {number}",
            flags=(CALLOUT_REGISTERED,) if number % 2 else (),
            layer=f"FWPM_LAYER_{layer}",
        )
        for at, layer in enumerate(layers)
        for number in range(4)
    ]


def _layer(name: str, *, has_fields: bool) -> Layer:
    stem, version = name[:-3], int(name[-1])
    address = "FWP_UINT32" if version == 4 else "FWP_BYTE_ARRAY16_TYPE"
    fields = [
        Field(
            name=f"FWPM_CONDITION_{field}",
            type="FWPM_FIELD_FLAGS"
            if field == "FLAGS"
            else "FWPM_FIELD_IP_ADDRESS"
            if kind == "ADDRESS"
            else "FWPM_FIELD_RAW_DATA",
            data_type=address if kind == "ADDRESS" else f"FWP_{kind}",
        )
        for field, kind in LAYERS[stem].items()
    ]
    return Layer(
        id=None,
        key=None,
        const_name=f"FWPM_LAYER_{name}",
        fields=tuple(fields) if has_fields else (),
    )


@st.composite
def _theme(draw: st.DrawFn, layer: str, callouts: list[Callout], number: int) -> list[Filter]:
    """Two filters that tie, or a hard permit over a callout, or a callout without its driver."""
    theme = draw(st.sampled_from(["nothing", "tie", "veto", "veto", "unregistered"]))
    own = [one for one in callouts if one.layer == f"FWPM_LAYER_{layer}"]

    def made(at: int, action: str, sublayer: int, **more: Any) -> Filter:
        return Filter(
            id=number + at,
            key=None,
            layer=f"FWPM_LAYER_{layer}",
            sublayer=SUBLAYERS[sublayer][0],
            weight_type="FWP_UINT64",
            weight=5,
            effective_weight=5,
            action=f"FWP_ACTION_{action}",
            **more,
        )

    if theme == "tie":
        return [made(0, "PERMIT", 1), made(1, draw(st.sampled_from(["BLOCK", "PERMIT"])), 1)]
    if theme == "veto" and own:
        return [
            made(0, "PERMIT", 1, flags=(CLEAR_ACTION_RIGHT,)),
            made(1, "CALLOUT_TERMINATING", 2, callout=own[1].const_name),
        ]
    if theme == "unregistered" and own:
        return [made(0, "CALLOUT_TERMINATING", 1, callout=own[0].const_name)]
    return []


@st.composite
def policies(draw: st.DrawFn) -> Snapshot:
    """A policy over a few busy layers: equal weights, touching ranges, hard permits, callouts."""
    version = draw(st.sampled_from([4, 4, 6]))
    names = [f"{stem}_V{version}" for stem in LAYERS]
    busy = {draw(st.sampled_from([f"{stem}_V{version}" for stem in _BUSY]))}
    busy |= set(draw(st.lists(st.sampled_from(names), max_size=2)))
    callouts = _callouts(sorted(busy)) if draw(st.integers(0, 4)) > 1 else []
    filters: list[Filter] = []
    for name in sorted(busy):
        for _ in range(draw(st.integers(1, 7))):
            filters.append(draw(_filter(100 + len(filters), name, callouts)))
    filters += draw(_theme(min(busy), callouts, 100 + len(filters)))
    order = draw(st.permutations(range(len(filters)))) if filters else []
    disabled = draw(st.booleans())
    return Snapshot(
        source="netsh",
        completeness=Completeness(command="netsh wfp show state"),
        layers=tuple(_layer(name, has_fields=draw(st.integers(0, 9)) > 0) for name in names),
        sublayers=tuple(
            SubLayer(key=None, const_name=name, weight=weight) for name, weight in SUBLAYERS
        ),
        providers=(
            Provider(
                key=None,
                const_name="FWPM_PROVIDER_IKEEXT",
                flags=("FWPM_PROVIDER_FLAG_DISABLED",) if disabled else (),
            ),
        ),
        callouts=tuple(callouts),
        filters=tuple(filters[at] for at in order),
    )


def flow_given(chance: Random, version: int) -> dict[str, Any]:
    """A flow as a mapping, said more or less completely."""
    pool = ADDRESSES[version]
    icmp = 1 if version == 4 else 58
    protocol = chance.choice([6, 6, 6, 17, 17, icmp, 47])
    given: dict[str, Any] = {
        "direction": chance.choice(["in", "out"]),
        "ip_version": version,
        "protocol": protocol,
        "local_address": chance.choice(pool[:2]),
        "remote_address": chance.choice(pool),
    }
    if protocol in {6, 17}:
        for key in ("local_port", "remote_port"):
            if chance.random() < 0.8:
                given[key] = chance.choice(PORTS)
    if protocol == icmp:
        kinds = [8, 0, 3] if version == 4 else [128, 129, 1]
        given |= {"icmp_type": chance.choice(kinds), "icmp_code": 0}
    if protocol == 6 and chance.random() < 0.1:
        given |= {"direction": "in", "action": "listen"}
        given["local_address"] = chance.choice([*pool[:2], "0.0.0.0" if version == 4 else "::"])
        del given["remote_address"]
        given.pop("remote_port", None)
    return given | _identity(chance) | _place(chance)


def _identity(chance: Random) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if chance.random() < 0.8:
        given["app"] = chance.choice([*APPS, r"c:\apps\browser.exe"])
    kind = chance.choice(["preset"] * 5 + ["service", "user", "none"])
    if given.get("app") == "System":  # the kernel's token is not that of anybody else
        kind = "none"
    if kind == "preset":
        presets = ["user", "user", "user", "admin", "system", "local-service", "network-service"]
        given["as"] = chance.choice(presets)
    elif kind == "service":
        given["service"] = "Dnscache"
    elif kind == "user":
        given["user"] = chance.choice([USER, "S-1-5-19"])
    if chance.random() < 0.6:
        given["groups_complete"] = True
    if chance.random() < 0.25:
        given["package"] = chance.choice([PACKAGE, PACKAGE, "none"])
        if given["package"] != "none" and chance.random() < 0.7:
            given["capabilities"] = chance.choice([[], ["S-1-15-3-1"]])
    return given


def _place(chance: Random) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if chance.random() < 0.85:
        given["profile"] = chance.choice(["public", "private", "domain"])
    if chance.random() < 0.8:
        given["interface"] = chance.choice(LUIDS)
    for key in ("loopback", "reauthorize", "raw"):
        if chance.random() < 0.05:
            given[key] = True
    return given
