"""One connection seen from both of its hosts."""

from __future__ import annotations

from msgspec import structs

from pywfp_ps.errors import UsageError
from pywfp_ps.explain.facts import Address, facts_of
from pywfp_ps.explain.flow import Flow
from pywfp_ps.explain.said import Said, flow_of
from pywfp_ps.model.objects import Snapshot


def joined_flows(
    said: Said,
    sender: Snapshot,
    receiver: Snapshot,
    port: int,
    *,
    listener_app: str | None = None,
    listener_as: str | None = None,
) -> tuple[Flow, Flow]:
    """The outbound flow of the sender and the inbound flow of the receiver.

    What was said of program, token and interface is the sender's. Addresses that were not said are
    taken from the hosts' connected endpoints.

    Raises:
        UsageError: An address follows from nothing, or something makes no sense.
    """
    version = said.ip_version or 4
    local = said.local or _address(sender, version, "--local", "connecting")
    remote = said.remote or _address(receiver, version, "--remote", "receiving")
    bare = remote if said.remote is None else str(_without_port(remote))
    there = f"[{bare}]:{port}" if ":" in bare else f"{bare}:{port}"
    out = flow_of(structs.replace(said, direction="out", local=local, remote=there))
    inbound = Said(
        direction="in",
        protocol=said.protocol,
        local=there,
        remote=local,
        app=listener_app,
        account=listener_as,
        profile=said.profile,
        ipsec=said.ipsec,
    )
    return out, flow_of(inbound)


def _without_port(text: str) -> Address:
    from pywfp_ps.explain.flow import parse_end

    return parse_end(text)[0]


def _address(snapshot: Snapshot, version: int, option: str, role: str) -> str:
    """An address of the host that others can reach, the one most of its endpoints use."""
    counts: dict[Address, int] = {}
    own = facts_of(snapshot).addresses
    for end in snapshot.endpoints:
        address = end.local_address
        if address is None or address not in own or address.is_loopback:
            continue
        if address.version == version:
            counts[address] = counts.get(address, 0) + 1
    if not counts:
        raise UsageError(
            f"no IPv{version} address of the {role} host is known from its snapshot; say {option}"
        )
    return str(max(counts, key=lambda one: (not one.is_link_local, counts[one], -int(one))))
