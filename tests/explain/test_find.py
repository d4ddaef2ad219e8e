"""Which flows `find` takes for flows that can be."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from pywfp_ps.explain import Engine
from pywfp_ps.explain.asked import AskedFlows, wanted_of
from pywfp_ps.explain.facts import Facts
from pywfp_ps.explain.find import Found, find
from pywfp_ps.explain.said import Said
from pywfp_ps.model.objects import Filter
from tests.explain.small import ACCEPT, CONNECT, on, policy, rule

_ETHERNET, _TUNNEL = (6 << 48) | 1, (131 << 48) | 1
_SYSTEM, _LOCAL_SERVICE, _ADMINISTRATORS = "S-1-5-18", "S-1-5-19", "S-1-5-32-544"


def _ask(
    *filters: Filter, facts: Facts | None = None, said: Said | None = None, **more: Any
) -> Found:
    """Whether something is blocked, over TCP and IPv4."""
    asked = AskedFlows(version=4, protocols=("tcp",), said=said or Said(), **more)
    return find(Engine(policy(*filters), facts), wanted_of(asked), "block")


def _held_by(*sids: str) -> Any:
    entries = "".join(f"(A;;CC;;;{sid})" for sid in sids)
    return on("ALE_USER_ID", f"O:SYG:SYD:{entries}", kind="SECURITY_DESCRIPTOR_TYPE")


def _again() -> Any:
    """Conditions that come back later are no alternatives: both must hold."""
    return on("IP_PROTOCOL", 6, kind="UINT8")


@pytest.mark.parametrize(
    ("sids", "status"),
    [
        ((_SYSTEM, _LOCAL_SERVICE), "none"),
        ((_LOCAL_SERVICE, _ADMINISTRATORS), "none"),
        ((_SYSTEM, _ADMINISTRATORS), "found"),
        (("S-1-5-7", "S-1-1-0"), "none"),
        (("S-1-5-80-1", "S-1-5-80-2"), "found"),
    ],
)
def test_a_token_holds_what_goes_together(sids: tuple[str, str], status: str) -> None:
    block = rule(1, "BLOCK", _held_by(sids[0]), _again(), _held_by(sids[1]))
    assert _ask(block).status == status


def test_the_kernel_has_the_token_of_the_kernel() -> None:
    kernel = on("ALE_APP_ID", "System", kind="BYTE_BLOB_TYPE")
    assert _ask(rule(1, "BLOCK", kernel, _held_by(_SYSTEM))).status == "found"
    assert _ask(rule(1, "BLOCK", kernel, _held_by("S-1-5-80-1"))).status == "none"
    assert _ask(rule(1, "BLOCK", kernel), said=Said(account="user")).status == "none"


def test_a_program_without_its_volume_is_on_any_volume() -> None:
    app = on("ALE_APP_ID", r"\device\harddiskvolume7\apps\a.exe", kind="BYTE_BLOB_TYPE")
    said = Said(app=r"C:\Apps\a.exe")
    assert _ask(rule(1, "BLOCK", app), said=said).status == "found"
    known = Facts(volumes={"C:": r"\Device\HarddiskVolume3"})
    assert _ask(rule(1, "BLOCK", app), said=said, facts=known).status == "none"


def test_facts_tie_addresses_to_interfaces_and_profiles() -> None:
    own = ip_address("192.0.2.7")
    facts = Facts(addresses=frozenset({own}), interfaces={own: _ETHERNET}, profiles={_ETHERNET: 1})
    local = on("IP_LOCAL_ADDRESS", "192.0.2.7", kind="UINT32")
    for profile, status in ((1, "found"), (2, "none")):
        current = on("CURRENT_PROFILE_ID", profile, kind="UINT32")
        assert _ask(rule(1, "BLOCK", local, current), facts=facts).status == status
    elsewhere = on("IP_LOCAL_INTERFACE", _ETHERNET + 1, kind="UINT64")
    assert _ask(rule(1, "BLOCK", local, elsewhere), facts=facts).status == "none"
    assert _ask(rule(1, "BLOCK", local, elsewhere)).status == "found"


def test_only_a_tunnel_has_a_tunnel_type() -> None:
    kind = on("TUNNEL_TYPE", 11, kind="UINT32")
    for luid, status in ((_ETHERNET, "none"), (_TUNNEL, "found")):
        interface = on("IP_LOCAL_INTERFACE", luid, kind="UINT64")
        assert _ask(rule(1, "BLOCK", kind, interface)).status == status
    for number, status in ((6, "none"), (131, "found")):
        said = Said(interface_type=number)
        assert _ask(rule(1, "BLOCK", kind), said=said).status == status


def test_loopback_is_both_ends_being_the_same_or_own() -> None:
    looped = on("FLAGS", 1, match="FLAGS_ALL_SET", kind="UINT32")
    remote = on("IP_REMOTE_ADDRESS", "203.0.113.9", kind="UINT32")
    assert _ask(rule(1, "BLOCK", looped, remote)).status == "found"
    assert _ask(rule(1, "BLOCK", looped, remote), local=("192.0.2.1",)).status == "none"
    own = Facts(addresses=frozenset({ip_address("203.0.113.9")}))
    assert _ask(rule(1, "BLOCK", looped, remote), local=("192.0.2.1",), facts=own).status == "found"
    assert _ask(rule(1, "BLOCK", looped, remote), said=Said(loopback=False)).status == "none"


def test_a_bound_socket_is_bound_to_its_address_or_to_none() -> None:
    layer = "FWPM_LAYER_ALE_RESOURCE_ASSIGNMENT_V4"
    wildcard = on("FLAGS", 8, match="FLAGS_ALL_SET", kind="UINT32")
    local = on("IP_LOCAL_ADDRESS", "192.0.2.7", kind="UINT32")
    assert _ask(rule(1, "BLOCK", wildcard, layer=layer)).status == "found"
    assert _ask(rule(1, "BLOCK", local, layer=layer)).status == "found"
    assert _ask(rule(1, "BLOCK", wildcard, local, layer=layer)).status == "none"


def test_a_layer_beside_the_path_has_no_flows() -> None:
    found = _ask(rule(1, "BLOCK", layer=ACCEPT), directions=("out",), layers=(ACCEPT,))
    assert (found.status, found.shapes) == ("none", 0)


def test_time_that_is_over_is_no_answer() -> None:
    asked = wanted_of(AskedFlows(version=4))
    found = find(Engine(policy(rule(1, "PERMIT", layer=CONNECT))), asked, "block", seconds=-1)
    assert (found.status, found.reason) == ("gave-up", "no answer within -1 seconds")


def test_an_example_is_of_an_address_that_the_host_holds() -> None:
    own = ip_address("10.0.0.5")
    facts = Facts(addresses=frozenset({own}), interfaces={own: _ETHERNET}, profiles={_ETHERNET: 1})
    block = rule(1, "BLOCK", on("IP_REMOTE_PORT", 443))
    flow = _ask(block, facts=facts).flow
    assert flow is not None
    assert flow.local_address == own
    assert _ask(block).flow is not None


def test_an_example_is_an_echo_and_of_no_network_address() -> None:
    block = rule(1, "BLOCK", layer=ACCEPT)
    asked = AskedFlows(
        version=4, protocols=("icmp",), directions=("in",), icmp="8", remote=("10.0.0.0/24",)
    )
    flow = find(Engine(policy(block)), wanted_of(asked), "block").flow
    assert flow is not None
    assert (flow.icmp_type, flow.icmp_code) == (8, 0)
    assert str(flow.remote_address) == "10.0.0.1"
