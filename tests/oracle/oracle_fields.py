"""What each field of a layer holds for a flow: given, derived, assumed or unknown.

Rules: explain.md 1 (flags), 2 (quarantine), 5 (tokens), 6 (fields a simple flow lacks);
arbitration.md 4.1 (empty fields), 11.7 (re-authorisation), 11.9 (loopback), 12.8 (profiles).
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.oracle.oracle_arbitrate import in_force
from tests.oracle.oracle_logic import Tri
from tests.oracle.oracle_match import (
    Bits,
    Empty,
    EndsWith,
    Ephemeral,
    Fields,
    FieldValue,
    Known,
    TokenField,
    Unknown,
)
from tests.oracle.oracle_path import protocol_of
from tests.oracle.oracle_read import State
from tests.oracle.oracle_token import NO_PACKAGE, Token, token_of

PROFILES = {"none": 0, "public": 1, "private": 2, "domain": 3}
LOOPBACK, IPSEC, REAUTHORIZE, WILDCARD, RAW = 0x1, 0x2, 0x4, 0x8, 0x10
REDIRECTED, PROXIED = 0x100000, 0x200000
BOXED_LOOPBACK, PLAIN_LOOPBACK, RESERVED_LOOPBACK = 0x400000, 0x800000, 0x1000000
ALL_BITS = 0xFFFFFFFF
TUNNEL = 131
PREFIX = "FWPM_CONDITION_"
BIND_LAYERS = ("ALE_BIND_REDIRECT", "ALE_RESOURCE_ASSIGNMENT", "ALE_AUTH_LISTEN")


@dataclass(kw_only=True)
class View:
    """A flow on its way through one host; `notes` collects what was derived or assumed."""

    flow: Mapping[str, object]
    state: State
    redirect: Tri = False
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def fields_at(view: View, layer: str) -> Fields:
    """Every field the oracle has an opinion on at this layer; what is missing is unknown."""
    flow, name = view.flow, layer.removeprefix("FWPM_LAYER_").rpartition("_V")[0]
    binding = name in BIND_LAYERS
    token = token_of(flow)
    fields: dict[str, FieldValue] = {
        "IP_PROTOCOL": _known(protocol_of(flow)),
        "IP_LOCAL_PORT": _local_port(view, name),
        "IP_REMOTE_PORT": _port(flow, "remote_port", "icmp_code"),
        "ORIGINAL_ICMP_TYPE": _original_icmp(view),
        "ALE_APP_ID": _app(flow),
        "ALE_USER_ID": TokenField(token),
        "ALE_PACKAGE_FAMILY_NAME": TokenField(token),
        "ALE_PACKAGE_ID": _known(token.package),
        "DIRECTION": _direction(flow),
        "FLAGS": flag_bits(view, name, token),
        **_addresses(view, binding=binding),
        **_profiles(flow),
        **_interfaces(view, name, binding=binding),
        **_remote_tokens(view),
        "INTERFACE_QUARANTINE_EPOCH": quarantine_epoch(view, layer),
    }
    known = {PREFIX + key: value for key, value in fields.items()}
    extra = flow.get("fields")
    if isinstance(extra, Mapping):
        for key, value in extra.items():
            full = key if str(key).startswith(PREFIX) else PREFIX + str(key)
            known[full] = Empty() if value == "empty" else Known(value)
    return known


def _known(value: object) -> FieldValue:
    return Unknown() if value is None else Known(value)


def _port(flow: Mapping[str, object], name: str, icmp: str) -> FieldValue:
    """Ports; for ICMP the same fields hold type and code."""
    return _known(flow.get(icmp if protocol_of(flow) in {1, 58} else name))


def _local_port(view: View, name: str) -> FieldValue:
    """A client that names no port gets a free one, so not one that a filter refuses to bind.

    Seen: a host that blocks binds to a range of ports has connections just beyond its end.
    """
    port = _port(view.flow, "local_port", "icmp_type")
    client = view.flow.get("direction") == "out" and not view.flow.get("action")
    if isinstance(port, Unknown) and client and name == "ALE_RESOURCE_ASSIGNMENT":
        view.note("the stack chooses a local port whose bind is not refused")
        return Ephemeral()
    return port


def _original_icmp(view: View) -> FieldValue:
    """The type a flow began with is that of its first message, so only of a new flow."""
    if protocol_of(view.flow) not in {1, 58} or view.flow.get("reauthorize"):
        return Unknown()
    return _known(view.flow.get("icmp_type"))


def _direction(flow: Mapping[str, object]) -> FieldValue:
    return _known({"out": 0, "in": 1}.get(str(flow.get("direction"))))


def _app(flow: Mapping[str, object]) -> FieldValue:
    """Rule 3.7: lower-case UTF-16 with its NUL; the kernel is the literal text System."""
    app = flow.get("app")
    if app is None:
        return Unknown()
    text = str(app)
    if text.lower() == "system":
        return Known("System\0".encode("utf-16-le"))
    path = text.lower().replace("/", "\\")
    if len(path) > 2 and path[1:3] == ":\\":
        return EndsWith(f"{path[2:]}\0".encode("utf-16-le"))
    return Known(f"{path}\0".encode("utf-16-le"))


def _address(text: object) -> int | None:
    return None if text is None else int(ipaddress.ip_address(str(text).partition("%")[0]))


def _addresses(view: View, *, binding: bool) -> dict[str, FieldValue]:
    """Rule 4.1: an unspecified local address is handed over empty where a socket is bound."""
    flow = view.flow
    remote = _known(_address(flow.get("remote_address")))
    local: FieldValue = _known(_address(flow.get("local_address")))
    kind = _address_type(flow.get("local_address"))
    if binding:
        wildcard = wildcard_bind(view)
        if wildcard is not False:
            local = Empty() if wildcard else Unknown()
            kind = Unknown()
    names = {"IP_LOCAL_ADDRESS": local, "IP_LOCAL_ADDRESS_TYPE": kind, "IP_REMOTE_ADDRESS": remote}
    for version in (4, 6):
        names[f"IP_LOCAL_ADDRESS_V{version}"] = local
        names[f"IP_REMOTE_ADDRESS_V{version}"] = remote
    if flow.get("action") == "forward":
        names |= {"IP_SOURCE_ADDRESS": local, "IP_DESTINATION_ADDRESS": remote}
    return names


def _address_type(text: object) -> FieldValue:
    """NL_ADDRESS_TYPE: 0 unspecified, 1 unicast, 3 multicast, 4 broadcast."""
    if text is None:
        return Unknown()
    address = ipaddress.ip_address(str(text).partition("%")[0])
    if address.is_unspecified:
        return Known(0)
    if address.is_multicast:
        return Known(3)
    return Known(4) if str(address) == "255.255.255.255" else Known(1)


def wildcard_bind(view: View) -> Tri:
    """explain.md 1: an ordinary client binds to the unspecified address; a listener is unsaid."""
    flow = view.flow
    said = flow.get("wildcard_bind")
    if said is not None:
        return bool(said)
    if flow.get("action") in {"bind", "listen"}:
        local = flow.get("local_address")
        return None if local is None else ipaddress.ip_address(str(local)).is_unspecified
    if flow.get("direction") == "out":
        view.note("the client socket was bound to the unspecified address")
        return True
    return None


def _profiles(flow: Mapping[str, object]) -> dict[str, FieldValue]:
    """explain.md 6: each profile field on its own; `profile` is meant for all of them."""
    names = {
        "ORIGINAL_PROFILE_ID": "original_profile",
        "CURRENT_PROFILE_ID": "current_profile",
        "ARRIVAL_INTERFACE_PROFILE_ID": "arrival_profile",
        "NEXTHOP_INTERFACE_PROFILE_ID": "nexthop_profile",
        "LOCAL_INTERFACE_PROFILE_ID": "profile",
    }
    both = flow.get("profile")
    return {name: _profile(flow.get(option, both)) for name, option in names.items()}


def _profile(said: object) -> FieldValue:
    return _known(said if said is None or isinstance(said, int) else PROFILES[str(said).lower()])


def _interfaces(view: View, name: str, *, binding: bool) -> dict[str, FieldValue]:
    """Traps 43: the type is in the LUID. Only the end the packet uses is known (11.7, 11.8)."""
    flow = view.flow
    luid = flow.get("interface")
    kind = flow.get("interface_type")
    if kind is None and isinstance(luid, int):
        kind = luid >> 48
    tunnel = flow.get("tunnel_type")
    if tunnel is None and kind is not None and kind != TUNNEL:
        tunnel = 0
        view.note("an interface of another type is no tunnel")
    local = luid if not binding or wildcard_bind(view) is False else None
    fields: dict[str, FieldValue] = {
        "IP_LOCAL_INTERFACE": _known(local),
        "INTERFACE_TYPE": _known(None if local is None and binding else kind),
        "TUNNEL_TYPE": _known(None if local is None and binding else tunnel),
    }
    inward = name == "ALE_AUTH_RECV_ACCEPT"
    side = "ARRIVAL" if inward else "NEXTHOP"
    new = not flow.get("reauthorize")
    if new and name in {"ALE_AUTH_RECV_ACCEPT", "ALE_AUTH_CONNECT"}:
        fields[f"IP_{side}_INTERFACE"] = _known(luid)
        fields[f"{side}_INTERFACE_TYPE"] = _known(kind)
        fields[f"{side}_TUNNEL_TYPE"] = _known(tunnel)
    return fields


def _remote_tokens(view: View) -> dict[str, FieldValue]:
    """explain.md 6: remote user and machine exist under IPsec only."""
    value: FieldValue = Unknown() if view.flow.get("ipsec") else Empty()
    return {"ALE_REMOTE_USER_ID": value, "ALE_REMOTE_MACHINE_ID": value}


def quarantine_epoch(view: View, layer: str) -> FieldValue:
    """explain.md 2: a pair for this interface names the current epoch, unless said otherwise.

    Only pairs of this layer count: one interface has another epoch for each IP version. A pair is
    two equalities of one filter in force.
    """
    luid = view.flow.get("interface")
    if view.flow.get("quarantined"):
        return Known(-1)
    epochs: set[object] = set()
    here = view.state.layers.get(layer)
    for rule in here.filters if here and luid is not None else ():
        equal = [one for one in rule.conditions if one.match == "FWP_MATCH_EQUAL"]
        names = ("FWPM_CONDITION_IP_ARRIVAL_INTERFACE", "FWPM_CONDITION_IP_NEXTHOP_INTERFACE")
        is_here = any(one.field in names and one.value.data == luid for one in equal)
        if is_here and in_force(rule, view.state):
            named = [one for one in equal if one.field == f"{PREFIX}INTERFACE_QUARANTINE_EPOCH"]
            epochs |= {one.value.data for one in named if isinstance(one.value.data, int)}
    if len(epochs) != 1:
        return Unknown()
    view.note("the epoch of the un-quarantine pair of this interface is the current one")
    return Known(epochs.pop())


def is_loopback(view: View) -> Tri:
    """explain.md 1: both addresses are the host's own."""
    flow = view.flow
    if flow.get("loopback") is not None:
        return bool(flow.get("loopback"))
    local, remote = flow.get("local_address"), flow.get("remote_address")
    if flow.get("action") in {"bind", "listen"}:
        return None if local is None else ipaddress.ip_address(str(local)).is_loopback
    if remote is None:
        return None
    if ipaddress.ip_address(str(remote).partition("%")[0]).is_loopback or remote == local:
        return True
    if str(remote) in view.state.own_addresses:
        return True  # the local end is the host's own by its name
    view.note("the remote address is not one of the host's own")
    return False


def flag_bits(view: View, name: str, token: Token) -> Bits:
    """explain.md 1, row by row. A bit no row speaks of is unknown."""
    flow = view.flow
    on = off = 0

    def put(bit: int, value: Tri) -> None:
        nonlocal on, off
        on |= bit if value is True else 0
        off |= bit if value is False else 0

    loopback = is_loopback(view)
    put(LOOPBACK, loopback)
    if loopback is False:
        off |= BOXED_LOOPBACK | PLAIN_LOOPBACK | RESERVED_LOOPBACK
    elif loopback and name == "ALE_AUTH_RECV_ACCEPT" and token.package is not None:
        put(PLAIN_LOOPBACK, token.package == NO_PACKAGE)
        put(BOXED_LOOPBACK, token.package != NO_PACKAGE)
    again = bool(flow.get("reauthorize")) and name in {"ALE_AUTH_RECV_ACCEPT", "ALE_AUTH_CONNECT"}
    put(REAUTHORIZE, again)
    put(IPSEC, bool(flow.get("ipsec")))
    if not flow.get("ipsec"):
        view.note("not protected by IPsec")
    put(RAW, bool(flow.get("raw")))
    if name == "ALE_RESOURCE_ASSIGNMENT":
        put(WILDCARD, wildcard_bind(view))
    said = flow.get("redirected")
    put(REDIRECTED, view.redirect if said is None else bool(said))
    put(PROXIED, view.redirect)
    return Bits(on, off)
