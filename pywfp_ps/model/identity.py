r"""What makes two filters the same policy: ``content_id`` on any host, ``shape_id`` over a fleet.

Filter ids, keys, weights and display names differ between machines with the same policy, so none
of them counts. Both ids are ``1:`` and the first 32 hex digits of the SHA-256 of canonical JSON
(UTF-8, keys sorted, no white space, no escapes beyond JSON's own) of an object with these keys:

``action``
    FWP_ACTION_TYPE constant.
``callout``, ``layer``, ``sublayer``
    GUID in lower case without braces; the constant where its GUID is not public; null for none.
``conditions``
    List of runs. A run is a list of conditions on one field that stand next to each other (they are
    alternatives), sorted by their JSON. The first run of each field is sorted among its like by its
    JSON; a run whose field came up before keeps its position in the list.
``flags``
    Those of CLEAR_ACTION_RIGHT, PERMIT_IF_CALLOUT_UNREGISTERED, BOOTTIME and DISABLED that are set,
    as full constants, sorted.

A condition is the list [field, match type, data type, value]: the field as GUID or constant, a
range as [low, high], an address with a mask as "address/mask" (IPv4) or "address/prefix length"
(IPv6), a security descriptor as [DACL, SACL], each null or a list of entries in order, an entry as
[type, flags, rights, object GUID, inherited GUID, SID, condition] (a descriptor that is no SDDL as
its text), an app id in lower case with the number of its volume replaced by ``*``, bytes as
{"hex": "..."}, all else as JSON number or text, and what was not understood as [tag, text,
children].
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

from pywfp_ps.model.objects import (
    BOOTTIME,
    CLEAR_ACTION_RIGHT,
    DISABLED,
    PERMIT_IF_CALLOUT_UNREGISTERED,
    Condition,
    Filter,
    Node,
)
from pywfp_ps.model.sddl import Ace, parse_sddl
from pywfp_ps.model.values import TEXT_BLOB_FIELDS, Scalar, TokenInformation, text_of

_COUNTED_FLAGS: Final = frozenset(
    {CLEAR_ACTION_RIGHT, PERMIT_IF_CALLOUT_UNREGISTERED, BOOTTIME, DISABLED}
)
_VOLUME: Final = re.compile(r"harddiskvolume\d+")
_LUID_FIELDS: Final = frozenset(
    {
        "FWPM_CONDITION_INTERFACE",
        "FWPM_CONDITION_IP_ARRIVAL_INTERFACE",
        "FWPM_CONDITION_IP_FORWARD_INTERFACE",
        "FWPM_CONDITION_IP_LOCAL_INTERFACE",
        "FWPM_CONDITION_IP_NEXTHOP_INTERFACE",
        "FWPM_CONDITION_IP_PHYSICAL_ARRIVAL_INTERFACE",
        "FWPM_CONDITION_IP_PHYSICAL_NEXTHOP_INTERFACE",
    }
)
_MACHINE_SID: Final = re.compile(r"S-1-5-21(?:-\d+){3}-(\d+)")
_USER_FOLDER: Final = re.compile(r"\\users\\(?!public\\)[^\\]+\\")
_VERSION_FOLDER: Final = re.compile(r"(?<=[\\_-])v?\d+(?:\.\d+)+(?=[\\_-])")

Text = Callable[[str], str]
Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class OwnPlaces(Struct, frozen=True, kw_only=True):
    """What belongs to one machine and is replaced in a shape.

    Attributes:
        addresses: The machine's own addresses.
        networks: The subnets it is attached to.
    """

    addresses: frozenset[Address] = frozenset()
    networks: frozenset[Network] = frozenset()


NO_PLACES: Final = OwnPlaces()


def content_id(filter_: Filter) -> str:
    """Id of what the filter does, the same from every source and on every host."""
    return _digest(canonical(filter_))


def shape_id(filter_: Filter, own: OwnPlaces = NO_PLACES) -> str:
    """Id of what the filter does with everything that is bound to one machine blanked out.

    Replaced by placeholders: own addresses and subnets, interface LUIDs (the interface type stays),
    S-1-5-21 SIDs (the last number stays), user folders and version folders in paths.
    """
    return _digest(canonical(filter_, own))


def canonical(filter_: Filter, own: OwnPlaces | None = None) -> dict[str, Any]:
    """The object that is hashed: for a content id without, for a shape id with ``own``."""
    return {
        "action": filter_.action,
        "callout": _name(filter_.callout_key, filter_.callout),
        "conditions": _runs(filter_.conditions, own),
        "flags": sorted(_COUNTED_FLAGS.intersection(filter_.flags)),
        "layer": _name(filter_.layer_key, filter_.layer),
        "sublayer": _name(filter_.sublayer_key, filter_.sublayer),
    }


def _digest(what: dict[str, Any]) -> str:
    return "1:" + hashlib.sha256(_json(what).encode()).hexdigest()[:32]


_json: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


def _name(key: UUID | None, constant: str | None) -> str | None:
    return str(key) if key else constant


def _runs(conditions: Collection[Condition], own: OwnPlaces | None) -> list[list[Any]]:
    runs: list[tuple[bool, list[Any]]] = []
    seen: set[str] = set()
    last: str | None = None
    for condition in conditions:
        field = _name(condition.field_key, condition.field) or ""
        if field != last:
            runs.append((field not in seen, []))
            seen.add(field)
            last = field
        runs[-1][1].append(_condition(condition, field, own))
    firsts = _sorted([_sorted(run) for is_first, run in runs if is_first])
    ordered = iter(firsts)
    return [next(ordered) if is_first else _sorted(run) for is_first, run in runs]


def _sorted(items: list[Any]) -> list[Any]:
    return sorted(items, key=_json) if len(items) > 1 else items


def _condition(condition: Condition, field: str, own: OwnPlaces | None) -> list[Any]:
    value: Any
    if condition.extra:
        value = [_node(node) for node in condition.extra]
    elif condition.type == "FWP_RANGE_TYPE":
        low = _scalar(condition.low, condition, own)
        high = _scalar(condition.high, condition, own)
        value = _own_range(condition, own) or [low, high]
    elif condition.type in ("FWP_V4_ADDR_MASK", "FWP_V6_ADDR_MASK"):
        value = _masked(condition, own)
    else:
        value = _scalar(condition.value, condition, own)
    return [field, condition.match, condition.type, value]


def _node(node: Node) -> list[Any]:
    return [node.tag, node.text, [_node(child) for child in node.children]]


def _masked(condition: Condition, own: OwnPlaces | None) -> str:
    mask = condition.mask if condition.mask is not None else condition.prefix_length
    if own is not None and isinstance(condition.value, Address):
        if condition.prefix_length is not None and _is_own_network(
            condition.value, condition.prefix_length, own
        ):
            return f"<own subnet v{condition.value.version}>"
        if condition.value in own.addresses:
            return f"<own address v{condition.value.version}>/{mask}"
    return f"{text_of(condition.value)}/{mask}"


def _is_own_network(address: Address, prefix: int, own: OwnPlaces) -> bool:
    return any(
        network.version == address.version and network.prefixlen == prefix and address in network
        for network in own.networks
    )


def _own_range(condition: Condition, own: OwnPlaces | None) -> str | None:
    """Placeholder where a range of addresses is exactly one of the machine's subnets."""
    if own is None:
        return None
    for network in own.networks:
        if (condition.low, condition.high) == (network[0], network[-1]):
            return f"<own subnet v{network.version}>"
    return None


def _scalar(value: Scalar, condition: Condition, own: OwnPlaces | None) -> Any:
    if isinstance(value, Address):
        if own is not None and value in own.addresses:
            return f"<own address v{value.version}>"
        return str(value)
    if isinstance(value, int) and own is not None and condition.field in _LUID_FIELDS:
        return f"<interface of type {value >> 48}>"
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, TokenInformation):
        blank = _machine_free if own is not None else _same
        return [[blank(sid) for sid in sids] for sids in (value.sids, value.restricted_sids)]
    if isinstance(value, str):
        return _text(value, condition, own)
    return value


def _text(value: str, condition: Condition, own: OwnPlaces | None) -> Any:
    if condition.type == "FWP_SECURITY_DESCRIPTOR_TYPE":
        return _descriptor(value, _machine_free if own is not None else _same)
    if condition.field in TEXT_BLOB_FIELDS:
        path = _VOLUME.sub("harddiskvolume*", value.lower())
        return _path_shape(path) if own is not None else path
    return _machine_free(value) if own is not None else value


def _same(text: str) -> str:
    return text


def _machine_free(text: str) -> str:
    return _MACHINE_SID.sub(r"<S-1-5-21>-\1", text)


def _path_shape(path: str) -> str:
    return _VERSION_FOLDER.sub("<version>", _USER_FOLDER.sub(r"\\users\\<user>\\", path))


def _descriptor(text: str, blank: Text) -> Any:
    try:
        parsed = parse_sddl(text)
    except ValueError:
        return blank(text)

    def entries(acl: tuple[Ace, ...] | None) -> list[list[Any]] | None:
        return None if acl is None else [_entry(ace, blank) for ace in acl]

    return [entries(parsed.dacl), entries(parsed.sacl)]


def _entry(ace: Ace, blank: Text) -> list[Any]:
    return [
        ace.type,
        ace.flags,
        ace.rights_text if ace.rights is None else ace.rights,
        ace.object_guid.lower(),
        ace.inherit_guid.lower(),
        blank(ace.sid),
        ace.condition and blank(ace.condition),
    ]
