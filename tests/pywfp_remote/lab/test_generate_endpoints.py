"""A connected endpoint of a made-up host is never blocked by the host's own policy.

A small reading of the arbitration rules of its own: what an endpoint leaves unsaid, its token above
all, is unknown, and only a block that is certain counts.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from itertools import groupby

import pytest
from msgspec.structs import replace

from pywfp_ps.model.objects import AleEndpoint, Condition, Filter
from pywfp_remote.lab.gen_catalog import AGENT_PROGRAM
from pywfp_remote.lab.gen_plan import Plan, make_plan
from pywfp_remote.lab.gen_policy import device
from pywfp_remote.lab.generate import make_host

Known = bool | None


def _facts(plan: Plan, endpoint: AleEndpoint) -> dict[str, object]:
    own = {one.ipv4.ip for one in plan.interfaces} | {
        one.ipv6.ip for one in plan.interfaces if one.ipv6
    }
    is_loopback = endpoint.local_address in own and endpoint.remote_address in own
    interface = next(
        one
        for one in plan.interfaces
        if endpoint.local_address in (one.ipv4.ip, one.ipv6.ip if one.ipv6 else None)
    )
    return {
        "ALE_APP_ID": endpoint.app_id,
        "IP_PROTOCOL": endpoint.protocol,
        "IP_LOCAL_PORT": endpoint.local_port,
        "IP_REMOTE_PORT": endpoint.remote_port,
        "IP_LOCAL_ADDRESS": endpoint.local_address,
        "IP_REMOTE_ADDRESS": endpoint.remote_address,
        "IP_LOCAL_INTERFACE": interface.luid,
        "IP_ARRIVAL_INTERFACE": interface.luid,
        "INTERFACE_QUARANTINE_EPOCH": interface.epoch,
        "ORIGINAL_PROFILE_ID": interface.profile,
        "CURRENT_PROFILE_ID": interface.profile,
        "ARRIVAL_TUNNEL_TYPE": 0,
        "ARRIVAL_INTERFACE_TYPE": interface.type,
        "FLAGS": 0x800001 if is_loopback else 0,
        "ALE_PACKAGE_ID": "S-1-0-0",  # no program of these hosts is a packaged app
        "ALE_PACKAGE_FAMILY_NAME": None,
    }


def _holds(condition: Condition, facts: dict[str, object]) -> Known:
    field = condition.field.removeprefix("FWPM_CONDITION_")
    if field not in facts:
        return None
    value = facts[field]
    match condition.match:
        case "FWP_MATCH_EQUAL":
            return value == condition.value
        case "FWP_MATCH_NOT_EQUAL":
            return value != condition.value
        case "FWP_MATCH_FLAGS_ALL_SET" | "FWP_MATCH_FLAGS_NONE_SET":
            assert isinstance(value, int)
            assert isinstance(condition.value, int)
            wanted = condition.value if "ALL" in condition.match else 0
            return value & condition.value == wanted
        case "FWP_MATCH_RANGE":
            return _number(condition.low) <= _number(value) <= _number(condition.high)
    raise AssertionError(condition)


def _number(value: object) -> int:
    assert isinstance(value, int | IPv4Address | IPv6Address)
    return int(value)


def _matches(filter_: Filter, facts: dict[str, object]) -> Known:
    answers: list[Known] = []
    for _, run in groupby(filter_.conditions, key=lambda one: one.field):
        alternatives = [_holds(one, facts) for one in run]
        answers.append(True if True in alternatives else None if None in alternatives else False)
    return False if False in answers else None if None in answers else True


def _may_do(filters: list[Filter], facts: dict[str, object]) -> set[str]:
    """What the filters of a sublayer may decide; callouts leave the word to those below."""
    found: set[str] = set()
    for filter_ in sorted(filters, key=lambda one: -(one.effective_weight or 0)):
        answer = _matches(filter_, facts)
        if answer is not False and not filter_.is_callout:
            found.add(("hard " if filter_.is_hard else "") + filter_.action)
        if answer and not filter_.is_callout:
            return found
    return found | {"nothing"}


def _is_blocked(filters: list[Filter], weights: dict[str, int], facts: dict[str, object]) -> bool:
    """Whether it is certain: all that a sublayer may do is block, and none above permits hard."""
    by_sublayer: dict[str, list[Filter]] = {}
    for one in filters:
        by_sublayer.setdefault(one.sublayer, []).append(one)
    for name in sorted(by_sublayer, key=lambda name: -weights[name]):
        may = _may_do(by_sublayer[name], facts)
        if "hard FWP_ACTION_PERMIT" in may:
            return False
        if may <= {"FWP_ACTION_BLOCK", "hard FWP_ACTION_BLOCK"}:
            return True
    return False


def _verdict(index: int, endpoint: AleEndpoint, way: str) -> bool:
    snapshot = make_host(index, 9).snapshot
    weights = {one.const_name: one.weight or 0 for one in snapshot.sublayers}
    layer = f"FWPM_LAYER_ALE_AUTH_{way}_V{endpoint.ip_version}"
    filters = [one for one in snapshot.filters if one.layer == layer and one.is_in_force]
    return _is_blocked(filters, weights, _facts(make_plan(index, 9), endpoint))


def test_this_reading_does_find_blocks() -> None:
    plain = next(n for n in range(25) if not make_plan(n, 9).differences)
    endpoint = next(one for one in make_host(plain, 9).snapshot.endpoints if one.remote_port == 445)
    assert not _verdict(plain, endpoint, "CONNECT")
    stranger = replace(endpoint, local_port=4, remote_port=50001, app_id="\\device\\no.exe")
    assert _verdict(plain, stranger, "RECV_ACCEPT")
    silenced = next(n for n in range(25) if "silenced-agent" in make_plan(n, 9).differences)
    plan = make_plan(silenced, 9)
    agent = replace(endpoint, local_address=plan.lan.ipv4.ip, app_id=device(plan, AGENT_PROGRAM))
    assert _verdict(silenced, agent, "CONNECT")


@pytest.mark.parametrize("index", range(25))
def test_no_connected_endpoint_is_blocked(index: int) -> None:
    plan = make_plan(index, 9)
    snapshot = make_host(index, 9).snapshot
    weights = {one.const_name: one.weight or 0 for one in snapshot.sublayers}
    listening = {
        condition.value
        for one in snapshot.filters
        if "AUTH_LISTEN" in one.layer
        for condition in one.conditions
        if condition.field == "FWPM_CONDITION_IP_LOCAL_PORT"
    }
    inbound = 0
    for endpoint in snapshot.endpoints:
        way = "CONNECT" if endpoint.local_port not in listening else "RECV_ACCEPT"
        inbound += way == "RECV_ACCEPT"
        layer = f"FWPM_LAYER_ALE_AUTH_{way}_V{endpoint.ip_version}"
        filters = [one for one in snapshot.filters if one.layer == layer and one.is_in_force]
        assert not _is_blocked(filters, weights, _facts(plan, endpoint)), endpoint
    assert inbound > 5 or {"vpn-kill-switch", "firewall-off"} & set(plan.differences)
