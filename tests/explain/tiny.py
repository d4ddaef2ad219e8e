"""Tiny policies over domains small enough to try every flow."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from random import Random
from typing import Any, Final

from msgspec import Struct, structs

from pywfp_ps.explain.flow import Flow
from pywfp_ps.explain.shapes import Wanted
from pywfp_ps.model.objects import (
    CALLOUT_REGISTERED,
    CLEAR_ACTION_RIGHT,
    Callout,
    Completeness,
    Condition,
    Field,
    Filter,
    Layer,
    Snapshot,
    SubLayer,
)
from tests.explain.flows_given import flow_of_given
from tests.explain.strategies import LUIDS
from tests.oracle.whole_oracle import APPS, OWN, PACKAGES, PEER, USERS

Made = dict[str, Any]

_TYPES: Final = {
    "IP_PROTOCOL": "UINT8", "IP_LOCAL_PORT": "UINT16", "IP_REMOTE_PORT": "UINT16",
    "IP_REMOTE_ADDRESS": "UINT32", "IP_LOCAL_ADDRESS": "UINT32", "CURRENT_PROFILE_ID": "UINT32",
    "COMPARTMENT_ID": "UINT32", "ALE_APP_ID": "BYTE_BLOB_TYPE",
    "ALE_USER_ID": "TOKEN_ACCESS_INFORMATION_TYPE",
    "ALE_PACKAGE_ID": "SID", "FLAGS": "UINT32",
}  # fmt: skip
_CHOSEN: Final = (
    "IP_REMOTE_ADDRESS", "IP_LOCAL_ADDRESS", "ALE_USER_ID", "ALE_USER_ID", "IP_PROTOCOL",
    "IP_LOCAL_PORT", "IP_REMOTE_PORT", "CURRENT_PROFILE_ID", "COMPARTMENT_ID", "ALE_APP_ID",
)  # fmt: skip
_LAYERS: Final = {
    "out": ("ALE_AUTH_CONNECT", "ALE_AUTH_CONNECT", "ALE_RESOURCE_ASSIGNMENT"),
    "in": ("ALE_AUTH_RECV_ACCEPT", "ALE_AUTH_RECV_ACCEPT", "ALE_FLOW_ESTABLISHED"),
}
_NO_REMOTE: Final = frozenset({"IP_REMOTE_ADDRESS", "IP_REMOTE_PORT"})
_SUBLAYERS: Final = {32768: "FWPM_SUBLAYER_UNIVERSAL", 2: "FWPM_SUBLAYER_MPSSVC_WF"}
_DRIVER, _GONE = 1, 2
_ACTIONS: Final = (
    *["PERMIT"] * 5, *["BLOCK"] * 5, "CALLOUT_TERMINATING", "CALLOUT_UNKNOWN", "CALLOUT_INSPECTION",
)  # fmt: skip
_POOLS: Final[dict[str, list[Any]]] = {
    "IP_PROTOCOL": [6, 17],
    "IP_LOCAL_PORT": [0, 3, 300, 65535],
    "IP_REMOTE_PORT": [80, 443, 444],
    "IP_REMOTE_ADDRESS": [OWN, "192.0.2.11", "203.0.113.10", "127.0.0.1"],
    "IP_LOCAL_ADDRESS": [OWN, "192.0.2.11", "203.0.113.10", "127.0.0.1"],
    "CURRENT_PROFILE_ID": [1, 2, 3],
    "COMPARTMENT_ID": [0, 1, 2, 3, 5],
}
_SIDS: Final = [*USERS, "WD", "AU", "AC", PACKAGES[1], "S-1-15-3-1", "S-1-15-2-2"]
_ORDER: Final = ["GREATER", "LESS", "GREATER_OR_EQUAL", "LESS_OR_EQUAL"]


class Tiny(Struct, frozen=True, kw_only=True):
    """A tiny policy, a change of it, and the flows to try.

    Attributes:
        fields: The fields in which flows differ.
        base: What all flows say.
        before: Its filters.
        after: Its filters after the change.
    """

    fields: tuple[str, ...]
    base: Made
    before: list[Made]
    after: list[Made]


def tiny_of(seed: int) -> Tiny:
    """A policy and a change, by a seed."""
    chance = Random(seed)
    fields = tuple(dict.fromkeys(chance.sample(_CHOSEN, chance.choice([1, 2, 2, 3]))))
    if chance.random() < 0.15:
        fields = ("IP_LOCAL_ADDRESS", "IP_REMOTE_ADDRESS")  # loopback: the same one, or another
    if {"ALE_USER_ID", "ALE_APP_ID"} <= set(fields):
        fields = tuple(one for one in fields if one != "ALE_APP_ID")
    if {"IP_LOCAL_ADDRESS", "IP_REMOTE_ADDRESS"} <= set(fields):
        fields = ("IP_LOCAL_ADDRESS", "IP_REMOTE_ADDRESS")
    direction = chance.choice(["in", "out"])
    made = [_rule(chance, 100 + at, fields, direction) for at in range(chance.randint(2, 6))]
    cut = chance.randint(0, len(made) - 1)
    before, after = made[: len(made) - 1], made[1:]
    if chance.random() < 0.5:
        before, after = made[:cut] + made[cut + 1 :], made
    return Tiny(fields=fields, base=_base(direction, fields), before=before, after=after)


def _base(direction: str, fields: Sequence[str]) -> Made:
    base: Made = {
        "direction": direction, "ip_version": 4, "protocol": 6, "local_address": OWN,
        "remote_address": PEER, "local_port": 4000, "remote_port": 4001,
        "profile": "public", "interface": LUIDS[0], "app": APPS[-1], "wildcard_bind": True,
    }  # fmt: skip
    if "ALE_USER_ID" not in fields:
        base |= {"as": "user", "groups_complete": True}
    return base


def _rule(chance: Random, number: int, fields: Sequence[str], direction: str) -> Made:
    layer = chance.choice(_LAYERS[direction])
    usable = [one for one in fields if layer != "ALE_RESOURCE_ASSIGNMENT" or one not in _NO_REMOTE]
    usable = [one for one in usable if layer[4:] in {"AUTH_CONNECT", "AUTH_RECV_ACCEPT"}
              or one != "CURRENT_PROFILE_ID"]  # fmt: skip
    conditions: list[Made] = []
    for field in chance.sample(usable, min(len(usable), chance.choice([0, 1, 1, 2, 3]))):
        conditions += [_condition(chance, field) for _ in range(chance.choice([1, 1, 2]))]
    if chance.random() < (0.15 if "IP_LOCAL_ADDRESS" not in fields else 0.4):
        match = chance.choice(["FLAGS_ALL_SET", "FLAGS_NONE_SET", "FLAGS_ANY_SET"])
        conditions.append(_made("FLAGS", match, chance.choice([0x1, 0x1, 0x4, 0x800000, 0x20])))
    if "ALE_USER_ID" in fields and chance.random() < 0.3:
        match = chance.choice(["EQUAL", "NOT_EQUAL"])
        conditions.append(_made("ALE_PACKAGE_ID", match, chance.choice(["S-1-0-0", PACKAGES[1]])))
    if chance.random() < 0.06:
        conditions.append(_made("ALE_NAP_CONTEXT", "EQUAL", 1))
    action = chance.choice(_ACTIONS)
    return {
        "id": number,
        "layer": f"FWPM_LAYER_{layer}_V4",
        "sublayer": chance.choice(sorted(_SUBLAYERS)),
        "weight": chance.choice([1, 2, 2, 2, 3]),
        "action": action,
        "hard": chance.random() < 0.25,
        "callout": _callout(f"FWPM_LAYER_{layer}_V4", chance.choice([_DRIVER, _DRIVER, _GONE]))
        if "CALLOUT" in action
        else None,
        "conditions": conditions,
    }


def _callout(layer: str, number: int) -> str:
    """A callout belongs to one layer."""
    return f"{{ca000000-0000-4000-8000-{10 * sum(map(ord, layer)) + number:012x}}}"


def _made(field: str, match: str, value: Any, high: Any = None) -> Made:
    return {"field": field, "match": match, "value": value, "high": high}


def _condition(chance: Random, field: str) -> Made:
    if field == "ALE_APP_ID":
        match = chance.choice(["EQUAL", "EQUAL", "EQUAL", "NOT_EQUAL", "PREFIX"])
        return _made(field, match, chance.choice(["browser.exe", *APPS[:2]] if match == "PREFIX"
                                                 else APPS[:2]))  # fmt: skip
    if field == "ALE_USER_ID":
        count = chance.randint(1, 3)
        return _made(field, "EQUAL", tuple(
            (chance.choice("AAAD"), chance.choice(_SIDS)) for _ in range(count)
        ))  # fmt: skip
    pool = _POOLS[field]
    value = chance.choice(pool)
    shape = chance.choice(["equal", "equal", "equal", "range", "order", "not", "special"])
    if shape == "range":
        return _made(field, "RANGE", value, chance.choice(pool))
    if shape == "order":
        return _made(field, chance.choice(_ORDER), value)
    if shape == "special" and field.endswith("ADDRESS"):
        return _made(field, "EQUAL", f"{value}/{chance.choice([8, 24, 31])}")
    if shape == "special" and field == "COMPARTMENT_ID":
        return _made(field, chance.choice(["FLAGS_ALL_SET", "FLAGS_ANY_SET", "FLAGS_NONE_SET"]),
                     value)  # fmt: skip
    return _made(field, "NOT_EQUAL" if shape == "not" else "EQUAL", value)


def _model_condition(made: Made) -> Condition:
    name = f"FWPM_CONDITION_{made['field']}"
    kind = _TYPES.get(made["field"], "UINT32")
    value, high = made["value"], made["high"]
    if made["field"] == "ALE_USER_ID":
        entries = "".join(f"({what};;CC;;;{sid})" for what, sid in value)
        value, kind = f"O:SYG:SYD:{entries}", "SECURITY_DESCRIPTOR_TYPE"
    if made["field"].endswith("ADDRESS"):
        if "/" in value:
            net = ip_network(value, strict=False)
            return Condition(
                field=name, match="FWP_MATCH_EQUAL", type="FWP_V4_ADDR_MASK",
                value=ip_address(value.split("/")[0]), prefix_length=net.prefixlen,
                mask=net.netmask,
            )  # fmt: skip
        value, high = ip_address(value), ip_address(high) if high else None
    if made["match"] == "RANGE":
        return Condition(
            field=name, match="FWP_MATCH_RANGE", type="FWP_RANGE_TYPE", low=value, high=high,
            bound_type=f"FWP_{kind}",
        )  # fmt: skip
    return Condition(
        field=name, match=f"FWP_MATCH_{made['match']}", type=f"FWP_{kind}", value=value
    )


def snapshot_of(policy: Sequence[Made]) -> Snapshot:
    """The policy as a snapshot."""
    names = [f"FWPM_LAYER_{stem}_V4" for stems in _LAYERS.values() for stem in stems[1:]]
    fields = tuple(
        Field(
            name=f"FWPM_CONDITION_{name}",
            type="FWPM_FIELD_IP_ADDRESS" if kind == "UINT32" and "ADDRESS" in name
            else "FWPM_FIELD_FLAGS" if name == "FLAGS" else "FWPM_FIELD_RAW_DATA",
            data_type=f"FWP_{kind}",
        )
        for name, kind in _TYPES.items()
    )  # fmt: skip
    return Snapshot(
        source="netsh",
        completeness=Completeness(command="netsh wfp show state"),
        layers=tuple(Layer(id=None, key=None, const_name=name, fields=fields) for name in names),
        sublayers=tuple(
            SubLayer(key=None, const_name=name, weight=weight)
            for weight, name in _SUBLAYERS.items()
        ),
        callouts=tuple(
            Callout(
                id=300 + 2 * at + number,
                key=None,
                const_name=_callout(layer, number),
                flags=(CALLOUT_REGISTERED,) if number == _DRIVER else (),
                layer=layer,
            )
            for at, layer in enumerate(names)
            for number in (_DRIVER, _GONE)
        ),
        filters=tuple(
            Filter(
                id=one["id"],
                key=None,
                layer=one["layer"],
                sublayer=_SUBLAYERS[one["sublayer"]],
                flags=(CLEAR_ACTION_RIGHT,) if one["hard"] else (),
                weight_type="FWP_UINT64",
                weight=one["weight"],
                effective_weight=one["weight"],
                action=f"FWP_ACTION_{one['action']}",
                callout=one["callout"],
                conditions=tuple(map(_model_condition, one["conditions"])),
            )
            for one in policy
        ),
    )


def wanted_of(tiny: Tiny) -> Wanted:
    """The flows of the domain: what all say is fixed, what they differ in is free."""
    fields, base = set(tiny.fields), tiny.base
    flow = flow_of(base)
    given: dict[str, Any] = {"bind_address": ip_address("0.0.0.0"), "interface": base["interface"]}
    if "CURRENT_PROFILE_ID" not in fields:
        given["profile"] = flow.profile
    if "ALE_APP_ID" not in fields:
        given["app"] = flow.app
    if "ALE_USER_ID" not in fields:
        given |= {"preset": "user", "groups_complete": True}
    return Wanted(
        directions=(flow.direction,),
        versions=(4,),
        protocols=(6, 17) if "IP_PROTOCOL" in fields else (6,),
        local=() if "IP_LOCAL_ADDRESS" in fields else (ip_network(OWN),),
        remote=() if "IP_REMOTE_ADDRESS" in fields else (ip_network(base["remote_address"]),),
        local_ports=() if "IP_LOCAL_PORT" in fields else ((4000, 4000),),
        remote_ports=() if "IP_REMOTE_PORT" in fields else ((4001, 4001),),
        given=given,
    )


def exactly(flow: Flow) -> Wanted:
    """One flow and no other."""
    return Wanted(
        directions=(flow.direction,),
        versions=(4,),
        protocols=(flow.protocol,),
        local=(ip_network(str(flow.local_address)),),
        remote=(ip_network(str(flow.remote_address)),),
        local_ports=((flow.local_port or 0, flow.local_port or 0),),
        remote_ports=((flow.remote_port or 0, flow.remote_port or 0),),
        given={
            name: getattr(flow, name)
            for name in ("app", "preset", "groups", "groups_complete", "package", "capabilities",
                         "interface", "profile", "bind_address", "fields")
        },
    )  # fmt: skip


def flow_of(said: Made) -> Flow:
    """A flow of the domain as the engine takes it."""
    plain = {key: value for key, value in said.items() if key not in {"fields", "wildcard_bind"}}
    flow = flow_of_given(plain | {"bind_address": "0.0.0.0"})
    fields = tuple((f"FWPM_CONDITION_{name}", one) for name, one in said.get("fields", {}).items())
    return structs.replace(flow, fields=fields)
