"""What every condition field is for a flow at a layer: given, derived, assumed, empty or unknown.

One table names a maker for each field. A field without one is unknown unless the question gives it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Final, Literal

from msgspec import Struct

from pywfp_ps.explain.facts import Facts
from pywfp_ps.explain.flow import ICMP, KERNEL, WITH_PORTS, Address, Flow
from pywfp_ps.explain.match import EMPTY, UNKNOWN, Bits, Tail, Value
from pywfp_ps.explain.sids import NO_PACKAGE
from pywfp_ps.explain.tokens import Token, token_of
from pywfp_ps.model.text import PROFILES
from pywfp_ps.model.values import blob_of_text

How = Literal["assumed", "derived", "empty", "given", "unknown"]

IS_LOOPBACK: Final = 0x1
IS_IPSEC: Final = 0x2
IS_REAUTHORIZE: Final = 0x4
IS_WILDCARD_BIND: Final = 0x8
IS_RAW: Final = 0x10
IS_REDIRECTED: Final = 0x100000
IS_PROXY: Final = 0x200000
IS_APPCONTAINER_LOOPBACK: Final = 0x400000
IS_OTHER_LOOPBACK: Final = 0x800000
IS_RESERVED: Final = 0x1000000
_LOOPBACK_KINDS: Final = IS_APPCONTAINER_LOOPBACK | IS_OTHER_LOOPBACK | IS_RESERVED
_TUNNEL: Final = 131
_NO_EPOCH: Final = -1
BIND_STEMS: Final = frozenset({"ALE_BIND_REDIRECT", "ALE_RESOURCE_ASSIGNMENT", "ALE_AUTH_LISTEN"})
_AUTHORISING: Final = frozenset({"ALE_AUTH_CONNECT", "ALE_AUTH_RECV_ACCEPT"})
_UNICAST, _MULTICAST, _BROADCAST = 1, 3, 4


class Filled(Struct, frozen=True):
    """A field's value and where it comes from.

    Attributes:
        value: The value.
        how: Where it comes from.
        text: What was derived or assumed, or why it is unknown, as a sentence part.
    """

    value: Value
    how: How
    text: str = ""


class Context(Struct, frozen=True, kw_only=True):
    """What filling needs beside the flow.

    Attributes:
        facts: Facts of the host.
        epochs: Quarantine epochs that release an interface, by layer and LUID.
        may_be_redirected: Whether a filter may match at a redirect layer of the path.
    """

    facts: Facts
    epochs: Mapping[tuple[str, int], frozenset[int]]
    may_be_redirected: bool = False


_UNSAID: Final = Filled(UNKNOWN, "unknown", "not said")


class Fields:
    """The fields of one flow, filled when they are asked for."""

    def __init__(self, flow: Flow, context: Context) -> None:
        self.flow = flow
        self.context = context
        self.given = dict(flow.fields)
        self.token: Token = token_of(flow)
        self.is_loopback, self.loopback_text = loopback_of(flow, context.facts)
        self._cache: dict[tuple[str, str], Filled] = {}

    def filled(self, field: str, stem: str) -> Filled:
        """What a field is at the layer with that name (without prefix and IP version)."""
        key = (field, stem)
        found = self._cache.get(key)
        if found is None:
            found = self._cache[key] = self._fill(field, stem)
        return found

    def why_open(self, field: str, stem: str) -> str:
        """Why a test of the field is open; for flags not what was assumed of other bits."""
        if field != "FWPM_CONDITION_FLAGS" or field in self.given:
            return self.filled(field, stem).text
        if self.is_loopback is None:
            return "whether it is loopback is not said"
        if self.is_loopback:
            return "whether an AppContainer is at either end is not said"
        if self.context.may_be_redirected and self.flow.redirected is None:
            return "whether a product of this host redirects it is not said"
        return "nothing tells it"

    def _fill(self, field: str, stem: str) -> Filled:
        if field in self.given:
            value = self.given[field]
            return Filled(blob_of_text(value) if isinstance(value, str) else value, "given")
        maker = _MAKERS.get(field.removeprefix("FWPM_CONDITION_"))
        return maker(self, stem) if maker else Filled(UNKNOWN, "unknown", "nothing tells it")


def loopback_of(flow: Flow, facts: Facts) -> tuple[bool | None, str]:
    """Whether both ends are the host itself, and how that is known (loopback, section 1)."""
    remote = flow.remote_address
    if flow.loopback is not None:
        return flow.loopback, ""
    if remote is None:
        local = flow.local_address if flow.action != "connect" else None
        return (None, "") if local is None else (local.is_loopback, "")
    if remote.is_loopback or remote == flow.local_address:
        return True, ""
    if remote in facts.addresses:
        return True, f"{remote} is an address of this host: loopback"
    return False, "the remote address is not one of the host's own"


def _given(value: Value | None) -> Filled:
    return _UNSAID if value is None else Filled(value, "given")


def _app(fields: Fields, _stem: str) -> Filled:
    app = fields.flow.app
    if app is None:
        return _UNSAID
    if app == KERNEL or app.startswith("\\device\\"):
        return Filled(blob_of_text(app), "given")
    volume = fields.context.facts.volumes.get(app[:2].upper())
    if volume:
        path = volume.lower() + app[2:]
        return Filled(blob_of_text(path), "derived", f"{app[:2].upper()} is {volume} (volumes)")
    return Filled(Tail(app[2:]), "derived", f"the volume of drive {app[:2].upper()} is not known")


def _token(fields: Fields, _stem: str) -> Filled:
    token = fields.token
    if not token.is_said and token.package is None:
        return Filled(token, "unknown", "nothing is said of the program's token")
    return Filled(token, "given" if token.complete else "assumed", _token_text(fields))


def _token_text(fields: Fields) -> str:
    flow = fields.flow
    if flow.app == KERNEL and not (flow.preset or flow.user or flow.services):
        return "the kernel runs as LocalSystem and holds no service SID"
    if flow.preset in {"user", "admin"}:
        kind = "an administrator" if flow.preset == "admin" else "an ordinary user"
        return f"the token is that of {kind}, without service SIDs"
    return ""


def _package(fields: Fields, _stem: str) -> Filled:
    package = fields.token.package
    if package is None:
        return Filled(UNKNOWN, "unknown", "whether the program is an AppContainer is not said")
    value = NO_PACKAGE if package == "none" else package
    if fields.flow.package is not None:
        return Filled(value, "given")
    return Filled(value, "assumed", "the program is no AppContainer")


def _bind_address(fields: Fields) -> Filled:
    flow = fields.flow
    if flow.action != "connect":
        said = flow.local_address
        if said is None:
            return _UNSAID
        return Filled(EMPTY, "given") if int(said) == 0 else Filled(int(said), "given")
    if flow.bind_address is not None:
        value = int(flow.bind_address)
        return Filled(value or EMPTY, "given")
    if flow.direction == "out":
        return Filled(EMPTY, "assumed", "the client socket was bound to the unspecified address")
    return Filled(UNKNOWN, "unknown", "the address the listener is bound to is not said")


def _local_address(fields: Fields, stem: str) -> Filled:
    if stem in BIND_STEMS:
        return _bind_address(fields)
    address = fields.flow.local_address
    return _given(None if address is None else int(address))


def _remote_address(fields: Fields, _stem: str) -> Filled:
    address = fields.flow.remote_address
    return _given(None if address is None else int(address))


def _type_of(address: Address) -> int:
    if int(address) == 0:
        return 0
    if address.is_multicast:
        return _MULTICAST
    return _BROADCAST if address.version == 4 and int(address) == 0xFFFFFFFF else _UNICAST


def _local_type(fields: Fields, stem: str) -> Filled:
    address = fields.flow.local_address
    is_bind = stem in BIND_STEMS and (fields.flow.action == "connect" or not int(address or 0))
    if is_bind or address is None:
        return Filled(UNKNOWN, "unknown", "the kind of the local address is not known")
    kind = _type_of(address)
    return Filled(kind, "derived", f"{address} is {_TYPES[kind]}")


_TYPES: Final = {0: "unspecified", 1: "a unicast address", 3: "a multicast address",
                 4: "the broadcast address"}  # fmt: skip


def _destination_type(fields: Fields, _stem: str) -> Filled:
    address = fields.flow.remote_address
    if address is None or fields.flow.direction == "in":
        return Filled(UNKNOWN, "unknown", "the kind of the destination is not known")
    kind = _type_of(address)
    if kind == _UNICAST:
        return Filled(kind, "assumed", f"{address} is no broadcast address of a subnet")
    return Filled(kind, "derived", f"{address} is {_TYPES[kind]}")


def _local_port(fields: Fields, _stem: str) -> Filled:
    flow = fields.flow
    if flow.protocol in ICMP:
        return _given(flow.icmp_type)
    if flow.protocol not in WITH_PORTS:
        return Filled(UNKNOWN, "unknown", "the protocol has no ports")
    return _given(flow.local_port)


def _remote_port(fields: Fields, _stem: str) -> Filled:
    flow = fields.flow
    if flow.protocol in ICMP:
        return _given(flow.icmp_code)
    if flow.protocol not in WITH_PORTS:
        return Filled(UNKNOWN, "unknown", "the protocol has no ports")
    return _given(flow.remote_port)


def _interface(fields: Fields) -> Filled:
    flow = fields.flow
    if flow.interface is not None:
        return Filled(flow.interface, "given")
    address = flow.local_address
    luid = fields.context.facts.interfaces.get(address) if address else None
    if luid is not None:
        return Filled(luid, "derived", f"{address} is on the interface {luid} (interfaces)")
    return Filled(UNKNOWN, "unknown", "the interface is not said")


def _interface_type(fields: Fields) -> Filled:
    if fields.flow.interface_type is not None:
        return Filled(fields.flow.interface_type, "given")
    luid = _interface(fields).value
    if isinstance(luid, int):
        kind = luid >> 48  # NET_LUID: the type is in the top 16 bits
        return Filled(kind, "derived", f"the interface {luid} is of type {kind}")
    return Filled(UNKNOWN, "unknown", "the type of the interface is not said")


def _tunnel_type(fields: Fields) -> Filled:
    if fields.flow.tunnel_type is not None:
        return Filled(fields.flow.tunnel_type, "given")
    kind = _interface_type(fields).value
    if isinstance(kind, int) and kind != _TUNNEL:
        return Filled(0, "derived", f"an interface of type {kind} is no tunnel")
    return Filled(UNKNOWN, "unknown", "the type of the tunnel is not said")


_Plain = Callable[[Fields], Filled]
_Maker = Callable[[Fields, str], Filled]


def _where_bound(maker: _Plain) -> _Maker:
    """A field of the interface of the local address: a socket bound to none is on none."""

    def make(fields: Fields, stem: str) -> Filled:
        if stem in BIND_STEMS and not isinstance(_bind_address(fields).value, int):
            return Filled(UNKNOWN, "unknown", "a socket bound to no address is on no interface")
        return maker(fields)

    return make


def _one_way(maker: _Plain, stem_of_way: str) -> _Maker:
    """A field that a new flow knows at one authorising layer, and a known flow nowhere."""

    def make(fields: Fields, stem: str) -> Filled:
        if fields.flow.reauthorize:
            return Filled(UNKNOWN, "unknown", "a packet of a known flow may go either way")
        if stem in _AUTHORISING and stem != stem_of_way:
            return Filled(UNKNOWN, "unknown", "a new flow does not tell it at this layer")
        return maker(fields)

    return make


def _profile(name: str) -> _Maker:
    def make(fields: Fields, _stem: str) -> Filled:
        said: int | None = getattr(fields.flow, name) if name else None
        if said is None:
            said = fields.flow.profile
        if said is not None:
            return Filled(said, "given")
        luid = _interface(fields).value
        known = fields.context.facts.profiles.get(luid) if isinstance(luid, int) else None
        if isinstance(luid, int) and known is not None:
            return Filled(
                known,
                "derived",
                f"the network of the interface {luid} is {PROFILES[known]} (interfaces)",
            )
        return Filled(UNKNOWN, "unknown", "the network category is not said")

    return make


def _epoch(fields: Fields, stem: str) -> Filled:
    flow = fields.flow
    if flow.quarantined:
        return Filled(_NO_EPOCH, "given")
    if flow.quarantine_epoch is not None:
        return Filled(flow.quarantine_epoch, "given")
    luid = _interface(fields).value
    layer = f"FWPM_LAYER_{stem}_V{flow.ip_version}"
    if not isinstance(luid, int):
        return Filled(UNKNOWN, "unknown", "the interface is not said")
    known = fields.context.epochs.get((layer, luid), frozenset())
    if len(known) == 1:
        (epoch,) = known
        return Filled(epoch, "assumed", f"the interface {luid} is not in quarantine")
    return Filled(UNKNOWN, "unknown", "the filters do not tell one epoch for the interface")


def _remote_identity(fields: Fields, _stem: str) -> Filled:
    if fields.flow.ipsec:
        return Filled(UNKNOWN, "unknown", "who IPsec authenticated is not said")
    how: How = "assumed" if fields.flow.ipsec is None else "empty"
    return Filled(EMPTY, how, "not protected by IPsec")


def _direction(fields: Fields, _stem: str) -> Filled:
    return _given({"out": 0, "in": 1}.get(fields.flow.direction))


def _icmp_type(fields: Fields, _stem: str) -> Filled:
    if fields.flow.reauthorize:
        return Filled(UNKNOWN, "unknown", "the type the flow began with is not said")
    return _given(fields.flow.icmp_type)


def _flags(fields: Fields, stem: str) -> Filled:
    """Flags by layer and flow (section 1); a bit without a row there is unknown."""
    flow = fields.flow
    known = [_loopback_bits(fields, stem)]
    texts = [fields.loopback_text] if fields.loopback_text else []
    known.append(_bit(IS_IPSEC, flow.ipsec or False))
    if flow.ipsec is None:
        texts.append("not protected by IPsec")
    known.append(_bit(IS_REAUTHORIZE, flow.reauthorize and stem in _AUTHORISING))
    known.append(_bit(IS_RAW, flow.raw))
    if stem == "ALE_RESOURCE_ASSIGNMENT":
        bound = _bind_address(fields)
        if bound.value is not UNKNOWN:
            known.append(_bit(IS_WILDCARD_BIND, bound.value is EMPTY))
        if bound.how == "assumed":
            texts.append(bound.text)
    if flow.redirected is not None:
        known.append(_bit(IS_REDIRECTED, flow.redirected))
        known.append(Bits(0, 0) if flow.redirected else Bits(0, IS_PROXY))
    elif not (fields.context.may_be_redirected and flow.direction == "out"):
        known.append(Bits(0, IS_REDIRECTED | IS_PROXY))
    is_set, is_clear = 0, 0
    for one in known:
        is_set, is_clear = is_set | one.set, is_clear | one.clear
    bits = Bits(is_set, is_clear)
    return Filled(bits, "assumed" if texts else "derived", "; ".join(texts))


def _bit(bit: int, is_set: bool) -> Bits:
    return Bits(bit, 0) if is_set else Bits(0, bit)


def _loopback_bits(fields: Fields, stem: str) -> Bits:
    if fields.is_loopback is None:
        return Bits(0, 0)
    if not fields.is_loopback:
        return Bits(0, IS_LOOPBACK | _LOOPBACK_KINDS)
    packages = {fields.token.package, fields.flow.remote_package} - {None}
    if stem != "ALE_AUTH_RECV_ACCEPT" or not packages:
        return Bits(IS_LOOPBACK, 0)
    if packages == {"none"}:
        return Bits(IS_LOOPBACK | IS_OTHER_LOOPBACK, IS_APPCONTAINER_LOOPBACK)
    return Bits(IS_LOOPBACK | IS_APPCONTAINER_LOOPBACK, IS_OTHER_LOOPBACK)


_ARRIVAL: Final = "ALE_AUTH_RECV_ACCEPT"
_NEXTHOP: Final = "ALE_AUTH_CONNECT"


def _index(fields: Fields) -> Filled:
    if fields.flow.interface_index is not None:
        return Filled(fields.flow.interface_index, "given")
    luid = _interface(fields).value
    index = fields.context.facts.indexes.get(luid) if isinstance(luid, int) else None
    if isinstance(luid, int) and index is not None:
        return Filled(index, "derived", f"the interface {luid} has the index {index} (interfaces)")
    return Filled(UNKNOWN, "unknown", "the index of the interface is not said")


_MAKERS: Final[dict[str, _Maker]] = {
    "ALE_APP_ID": _app,
    "ALE_PACKAGE_FAMILY_NAME": _token,
    "ALE_PACKAGE_ID": _package,
    "ALE_REMOTE_MACHINE_ID": _remote_identity,
    "ALE_REMOTE_USER_ID": _remote_identity,
    "ALE_USER_ID": _token,
    "ARRIVAL_INTERFACE_INDEX": _one_way(_index, _ARRIVAL),
    "ARRIVAL_INTERFACE_PROFILE_ID": _profile("arrival_profile"),
    "ARRIVAL_INTERFACE_TYPE": _one_way(_interface_type, _ARRIVAL),
    "ARRIVAL_TUNNEL_TYPE": _one_way(_tunnel_type, _ARRIVAL),
    "CURRENT_PROFILE_ID": _profile("current_profile"),
    "DIRECTION": _direction,
    "FLAGS": _flags,
    "INTERFACE_INDEX": _where_bound(_index),
    "INTERFACE_QUARANTINE_EPOCH": _epoch,
    "INTERFACE_TYPE": _where_bound(_interface_type),
    "IP_ARRIVAL_INTERFACE": _one_way(_interface, _ARRIVAL),
    "IP_DESTINATION_ADDRESS": _remote_address,
    "IP_DESTINATION_ADDRESS_TYPE": _destination_type,
    "IP_LOCAL_ADDRESS": _local_address,
    "IP_LOCAL_ADDRESS_TYPE": _local_type,
    "IP_LOCAL_INTERFACE": _where_bound(_interface),
    "IP_LOCAL_PORT": _local_port,
    "IP_NEXTHOP_INTERFACE": _one_way(_interface, _NEXTHOP),
    "IP_PROTOCOL": lambda fields, _stem: Filled(fields.flow.protocol, "given"),
    "IP_REMOTE_ADDRESS": _remote_address,
    "IP_REMOTE_PORT": _remote_port,
    "IP_SOURCE_ADDRESS": _local_address,
    "LOCAL_INTERFACE_PROFILE_ID": _profile(""),
    "NEXTHOP_INTERFACE_INDEX": _one_way(_index, _NEXTHOP),
    "NEXTHOP_INTERFACE_PROFILE_ID": _profile("nexthop_profile"),
    "NEXTHOP_INTERFACE_TYPE": _one_way(_interface_type, _NEXTHOP),
    "NEXTHOP_TUNNEL_TYPE": _one_way(_tunnel_type, _NEXTHOP),
    "ORIGINAL_ICMP_TYPE": _icmp_type,
    "ORIGINAL_PROFILE_ID": _profile("original_profile"),
    "TUNNEL_TYPE": _where_bound(_tunnel_type),
}


@cache
def handled_fields() -> frozenset[str]:
    """Constants of the fields that have a maker: what a flow says or implies by its own words."""
    return frozenset(f"FWPM_CONDITION_{name}" for name in _MAKERS)
