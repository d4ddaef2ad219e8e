"""Which layers traffic meets, in order and in phases.

Sources: rules 11.2 to 11.11 and the section on phases. The verdict path leaves out discard layers
(they see what is dropped already), the fast, MAC and stream-packet layers and what ends a flow.
"""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

from pywfp_ps.explain.flow import ICMP, TCP, Flow

Phase = Literal["accept", "bind", "connect", "data", "packet"]


class Step(Struct, frozen=True, kw_only=True):
    """One layer on the path.

    Attributes:
        step: Position, from 1.
        phase: What the traffic is about to do there.
        stem: Name without the prefix and the IP version.
        layer: Constant of the layer.
        why: What meets the layer.
    """

    step: int
    phase: Phase
    stem: str
    layer: str
    why: str


_Part = tuple[tuple[Phase, str, str], ...]

_BIND: Final[_Part] = (
    ("bind", "ALE_BIND_REDIRECT", "the socket is bound"),
    ("bind", "ALE_RESOURCE_ASSIGNMENT", "the socket gets its address and port"),
)
_LISTEN: Final[_Part] = (("bind", "ALE_AUTH_LISTEN", "the socket listens"),)
_CONNECT: Final[_Part] = (
    ("connect", "ALE_CONNECT_REDIRECT", "the program connects or sends"),
    ("connect", "ALE_AUTH_CONNECT", "the connection is authorised"),
)
_ACCEPT: Final[_Part] = (("accept", "ALE_AUTH_RECV_ACCEPT", "the connection is authorised"),)
_OUT: Final[_Part] = (
    ("packet", "OUTBOUND_TRANSPORT", "the first packet leaves"),
    ("packet", "OUTBOUND_IPPACKET", "the first packet leaves"),
)
_IN: Final[_Part] = (
    ("packet", "INBOUND_IPPACKET", "the first packet arrives"),
    ("packet", "INBOUND_TRANSPORT", "the first packet arrives"),
)
_ANSWER_IN: Final[_Part] = (
    ("packet", "INBOUND_IPPACKET", "the SYN-ACK arrives"),
    ("packet", "INBOUND_TRANSPORT", "the SYN-ACK arrives"),
)
_ANSWER_OUT: Final[_Part] = (
    ("packet", "OUTBOUND_TRANSPORT", "the SYN-ACK leaves"),
    ("packet", "OUTBOUND_IPPACKET", "the SYN-ACK leaves"),
)
_FLOW: Final[_Part] = (("data", "ALE_FLOW_ESTABLISHED", "the flow stands"),)
_STREAM: Final[_Part] = (("data", "STREAM", "data flows"),)
_DATAGRAM: Final[_Part] = (("data", "DATAGRAM_DATA", "a datagram flows"),)

_TCP_CLIENT: Final = _BIND + _CONNECT + _OUT + _ANSWER_IN + _FLOW + _STREAM
_TCP_SERVER: Final = _BIND + _LISTEN + _IN + _ACCEPT + _ANSWER_OUT + _FLOW + _STREAM
_ICMP_OUT: Final = _CONNECT + _FLOW + _DATAGRAM + _OUT
_ICMP_IN: Final = _IN + _ACCEPT + _FLOW + _DATAGRAM
_ERROR_OUT: Final[_Part] = (
    ("packet", "OUTBOUND_ICMP_ERROR", "the error message leaves"),
    ("packet", "OUTBOUND_IPPACKET", "the error message leaves"),
)
_ERROR_IN: Final[_Part] = (
    ("packet", "INBOUND_IPPACKET", "the error message arrives"),
    ("packet", "INBOUND_ICMP_ERROR", "the error message arrives"),
)
_FORWARD: Final[_Part] = (
    ("packet", "INBOUND_IPPACKET", "the packet arrives"),
    ("packet", "IPFORWARD", "the packet passes through"),
    ("packet", "OUTBOUND_IPPACKET", "the packet leaves"),
)


def path_of(flow: Flow) -> tuple[Step, ...]:
    """The layers a flow meets, in order."""
    return tuple(
        Step(step=at, phase=phase, stem=stem, layer=layer_name(stem, flow), why=why)
        for at, (phase, stem, why) in enumerate(_parts(flow), 1)
    )


def layer_name(stem: str, flow: Flow) -> str:
    """The constant of a layer for the flow's IP version."""
    return f"FWPM_LAYER_{stem}_V{flow.ip_version}"


def deciding_stem(flow: Flow) -> str:
    """The layer that authorises the flow: a permit of the whole path is credited to it."""
    if flow.direction == "forward":
        return "IPFORWARD"
    if flow.action == "listen":
        return "ALE_AUTH_LISTEN"
    if flow.action == "bind":
        return "ALE_RESOURCE_ASSIGNMENT"
    if flow.is_icmp_error:
        return "OUTBOUND_ICMP_ERROR" if flow.direction == "out" else "INBOUND_ICMP_ERROR"
    return "ALE_AUTH_CONNECT" if flow.direction == "out" else "ALE_AUTH_RECV_ACCEPT"


def _parts(flow: Flow) -> _Part:
    if flow.direction == "forward":
        return _FORWARD
    if flow.action == "listen":
        return _BIND + _LISTEN
    if flow.action == "bind":
        return _BIND
    outbound = flow.direction == "out"
    if flow.is_icmp_error:
        return _ERROR_OUT if outbound else _ERROR_IN
    if flow.protocol in ICMP:
        return _ICMP_OUT if outbound else _ICMP_IN
    if flow.protocol == TCP:
        return _TCP_CLIENT if outbound else _TCP_SERVER
    return _BIND + (_ICMP_OUT if outbound else _ICMP_IN)


def verdict_layers() -> frozenset[str]:
    """Constants of all layers that some flow meets, over both IP versions."""
    parts = (
        _TCP_CLIENT, _TCP_SERVER, _BIND, _LISTEN, _ICMP_OUT, _ICMP_IN, _ERROR_OUT, _ERROR_IN,
        _FORWARD,
    )  # fmt: skip
    stems = {stem for part in parts for _, stem, _ in part}
    return frozenset(f"FWPM_LAYER_{stem}_V{version}" for stem in stems for version in (4, 6))
