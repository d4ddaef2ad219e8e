"""One connection seen from both of its hosts."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from pywfp_ps.errors import UsageError
from pywfp_ps.explain.facts import Address, Facts
from pywfp_ps.explain.flow import Flow
from pywfp_ps.explain.said import Said, flow_of
from pywfp_ps.model.objects import Snapshot


def joined_flows(
    said: Said,
    sides: Sequence[tuple[Snapshot, Facts]],
    port: int,
    *,
    listener_app: str | None = None,
    listener_as: str | None = None,
) -> tuple[Flow, Flow]:
    """The outbound flow of the sender and the inbound flow of the receiver.

    What was said of program, token and interface is the sender's. Addresses that were not said are
    taken from the hosts' interfaces, and where those are not known from connected endpoints.

    Args:
        said: What was said.
        sides: Snapshot and facts of the sender and of the receiver.
        port: Port of the receiver.
        listener_app: Program that listens there.
        listener_as: Account of that program.

    Raises:
        UsageError: An address follows from nothing, or something makes no sense.
    """
    version = said.ip_version or 4
    local = said.local or _address(sides[0], version, "--local", "connecting")
    remote = said.remote or _address(sides[1], version, "--remote", "receiving")
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


def _address(side: tuple[Snapshot, Facts], version: int, option: str, role: str) -> str:
    """An address of the host that others can reach, the one most of its endpoints use."""
    snapshot, facts = side
    counts: dict[Address, int] = {}
    if facts.links is not None:
        held = (one.ip for link in facts.links if link.is_up is not False for one in link.addresses)
        counts = {address: 0 for address in held if _can_be_met(address, version)}
    own = {one for one in facts.addresses if _can_be_met(one, version)}
    for end in snapshot.endpoints:
        address = end.local_address
        if address is not None and address in own and (facts.links is None or address in counts):
            counts[address] = counts.get(address, 0) + 1
    if not counts:
        raise UsageError(
            f"no IPv{version} address of the {role} host is known from its snapshot; say {option}"
        )
    return str(max(counts, key=lambda one: (not one.is_link_local, counts[one], -int(one))))


def _can_be_met(address: Address, version: int) -> bool:
    return address.version == version and not address.is_loopback and not address.is_unspecified
