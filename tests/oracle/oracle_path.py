"""Which layers a flow meets, in order, with their phase.

Rules: arbitration.md 1.1, 1.4, 11.2 to 11.4, 11.6, 11.7; explain.md 4 (phases, data layers).
Discard layers are no step: they cannot change a verdict (9.5).
"""

from collections.abc import Mapping

PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "icmpv6": 58}
ICMP_ERRORS = {1: frozenset([3, 4, 5, 11, 12]), 58: frozenset([1, 2, 3, 4])}

BIND = [("ALE_BIND_REDIRECT", "bind"), ("ALE_RESOURCE_ASSIGNMENT", "bind")]
LISTEN = [("ALE_AUTH_LISTEN", "bind")]
CONNECT = [("ALE_CONNECT_REDIRECT", "connect"), ("ALE_AUTH_CONNECT", "connect")]
ACCEPT = [("ALE_AUTH_RECV_ACCEPT", "accept")]
SEND = [("OUTBOUND_TRANSPORT", "packet"), ("OUTBOUND_IPPACKET", "packet")]
RECEIVE = [("INBOUND_IPPACKET", "packet"), ("INBOUND_TRANSPORT", "packet")]
ESTABLISHED = [("ALE_FLOW_ESTABLISHED", "data")]
STREAM = [("STREAM", "data")]
DATAGRAM = [("DATAGRAM_DATA", "data")]


def protocol_of(flow: Mapping[str, object]) -> int | None:
    """The protocol number of a flow; None where it is not said."""
    said = flow.get("protocol")
    if said is None or isinstance(said, int):
        return said
    text = str(said).lower()
    return PROTOCOLS[text] if text in PROTOCOLS else int(text)


def version_of(flow: Mapping[str, object]) -> int:
    """4 or 6, from what is said or from the addresses or the protocol (rule 1.4)."""
    said = flow.get("ip_version")
    if said is not None:
        return int(str(said))
    addresses = [str(flow.get(name) or "") for name in ("remote_address", "local_address")]
    return 6 if any(":" in one for one in addresses) or protocol_of(flow) == 58 else 4


def path_of(flow: Mapping[str, object]) -> list[tuple[str, str]]:
    """Layer keys and phases in the order of the path."""
    version = version_of(flow)
    only = flow.get("layer")
    steps = _steps(flow)
    named = [(f"FWPM_LAYER_{name}_V{version}", phase) for name, phase in steps]
    if only is None:
        return named
    chosen = [step for step in named if step[0] == only]
    return chosen or [(str(only), "")]


def _steps(flow: Mapping[str, object]) -> list[tuple[str, str]]:
    action = str(flow.get("action") or "")
    protocol = protocol_of(flow)
    if action == "bind":
        return BIND
    if action == "listen":
        return BIND + LISTEN
    if action == "forward":
        return [
            ("INBOUND_IPPACKET", "packet"),
            ("IPFORWARD", "packet"),
            ("OUTBOUND_IPPACKET", "packet"),
        ]
    outbound = flow.get("direction") == "out"
    if flow.get("icmp_type") in ICMP_ERRORS.get(protocol or 0, frozenset()):
        return _icmp_error(outbound=outbound)
    if protocol == 6:
        if outbound:
            return BIND + CONNECT + SEND + RECEIVE + ESTABLISHED + STREAM
        return BIND + LISTEN + RECEIVE + ACCEPT + SEND + ESTABLISHED + STREAM
    bind = [] if protocol in {1, 58} else BIND
    if outbound:
        return bind + CONNECT + ESTABLISHED + DATAGRAM + SEND
    return bind + RECEIVE + ACCEPT + ESTABLISHED + DATAGRAM


def _icmp_error(*, outbound: bool) -> list[tuple[str, str]]:
    """Rule 11.4: ICMP errors skip ALE and meet the ICMP error layers."""
    if outbound:
        return [("OUTBOUND_ICMP_ERROR", "packet"), ("OUTBOUND_IPPACKET", "packet")]
    return [("INBOUND_IPPACKET", "packet"), ("INBOUND_ICMP_ERROR", "packet")]


def deciding_layer(flow: Mapping[str, object]) -> str:
    """The layer that authorises this flow: where a permit is attributed to."""
    action = str(flow.get("action") or "")
    names = {"bind": "ALE_RESOURCE_ASSIGNMENT", "listen": "ALE_AUTH_LISTEN", "forward": "IPFORWARD"}
    inward = flow.get("direction") == "in"
    name = names.get(action) or ("ALE_AUTH_RECV_ACCEPT" if inward else "ALE_AUTH_CONNECT")
    return f"FWPM_LAYER_{name}_V{version_of(flow)}"
