"""Many flows at once give what one at a time gives."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from pywfp_ps.explain import Engine, Facts, Flow
from pywfp_ps.explain.batch import Answer, Batch, Flows
from pywfp_ps.model.objects import Completeness, Condition, Filter, Snapshot, SubLayer
from pywfp_ps.read import read_state
from tests.explain.flows_given import flow_of_given
from tests.explain.strategies import ADDRESSES, LUIDS, flow_given, policies


def one_at_a_time(engine: Engine, flow: Flow) -> Answer:
    found = engine.explain(flow)
    return Answer(
        verdict=found.verdict,
        policy_verdict=found.policy_verdict,
        filter_id=found.deciding.filter_id if found.deciding else None,
        layer=found.deciding.layer if found.deciding else None,
    )


def compare(engine: Engine, flows: list[Flow]) -> set[Answer]:
    """Compares both for all flows.

    Raises:
        AssertionError: They differ.
    """
    result = Batch(engine).answer(Flows(flows))
    for at, flow in enumerate(flows):
        assert result[at] == one_at_a_time(engine, flow), flow
    return set(result.answers)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(policy=policies(), seed=st.integers(0, 1 << 32), has_facts=st.booleans())
def test_made_up_policies_give_the_same(policy: Snapshot, seed: int, *, has_facts: bool) -> None:
    version = int(policy.layers[0].const_name[-1])
    chance = Random(seed)
    flows = [flow_of_given(flow_given(chance, version)) for _ in range(60)]
    own = [ip_address(text) for text in ADDRESSES[version][:2]]
    facts = Facts(
        addresses=frozenset(own[:1]),
        volumes={"C:": r"\Device\HarddiskVolume3"},
        interfaces=dict(zip(own, LUIDS, strict=False)),
        profiles={LUIDS[0]: 1},
    )
    compare(Engine(policy, facts if has_facts else None), flows)


def _real_flows(chance: Random, count: int, addresses: list[str]) -> list[Flow]:
    apps = ["System", r"\device\harddiskvolume3\windows\system32\svchost.exe", None,
            r"c:\program files\browser\browser.exe"]  # fmt: skip
    flows = []
    for _ in range(count):
        version = chance.choice([4, 4, 6])
        protocol = chance.choice([6, 6, 17, 1 if version == 4 else 58])
        given: dict[str, Any] = {
            "direction": chance.choice(["in", "out"]),
            "ip_version": version,
            "protocol": protocol,
            "local_address": chance.choice([None, *addresses]),
            "remote_address": chance.choice(
                ["192.0.2.7", "10.1.2.3", "127.0.0.1", "2001:db8::7", "::1", "224.0.0.251"]
            ),
        }
        for end in ("local_address", "remote_address"):
            if given[end] is None or ip_address(given[end]).version != version:
                del given[end]
        if protocol in {6, 17}:
            if chance.random() < 0.7:
                given["local_port"] = chance.choice([53, 135, 137, 445, 3389, 5353, 50000])
            given["remote_port"] = chance.choice([53, 80, 443, 445, 1900, 60000])
        app = chance.choice(apps)
        if app:
            given["app"] = app
        if app != "System":
            given["as"] = chance.choice(["user", "system", "network-service"])
        if chance.random() < 0.7:
            given["profile"] = chance.choice(["public", "private", "domain"])
        flows.append(flow_of_given(given))
    return flows


@pytest.mark.parametrize("name", ["host-a-200", "host-b-665", "host-c-1050"])
def test_real_hosts_give_the_same(samples: Path, name: str) -> None:
    engine = Engine(read_state((samples / "wfpstate" / f"{name}-filters.xml").read_bytes()))
    own = sorted(map(str, engine.facts.addresses))[:4]
    found = compare(engine, _real_flows(Random(7), 400, ["192.0.2.1", "fd00::1", *own]))
    assert len(found) > 3


def _filter(number: int, stem: str, action: str, *conditions: tuple[str, str, str, int]) -> Filter:
    return Filter(
        id=number,
        key=None,
        layer=f"FWPM_LAYER_{stem}_V4",
        sublayer="FWPM_SUBLAYER_UNIVERSAL",
        effective_weight=100 - number,
        action=f"FWP_ACTION_{action}",
        conditions=tuple(
            Condition(
                field=f"FWPM_CONDITION_{field}",
                match=f"FWP_MATCH_{match}",
                type=f"FWP_{kind}",
                value=value,
            )
            for field, match, kind, value in conditions
        ),
    )


def _engine(*filters: Filter, facts: Facts | None = None) -> Engine:
    policy = Snapshot(
        source="netsh",
        completeness=Completeness(command="netsh wfp show state"),
        sublayers=(SubLayer(key=None, const_name="FWPM_SUBLAYER_UNIVERSAL", weight=5),),
        filters=filters,
    )
    return Engine(policy, facts)


def _client(remote: str, port: int) -> Flow:
    return flow_of_given(
        {
            "direction": "out", "protocol": 6, "local_address": "192.0.2.10",
            "remote_address": remote, "remote_port": port,
        }
    )  # fmt: skip


def _verdicts(engine: Engine, *flows: Flow) -> list[str]:
    compare(engine, list(flows))
    result = Batch(engine).answer(Flows(flows))
    return [result[at].policy_verdict for at in range(len(flows))]


def test_flows_of_one_shape_part_where_only_some_may_be_redirected() -> None:
    engine = _engine(
        _filter(1, "ALE_CONNECT_REDIRECT", "CONTINUE", ("IP_REMOTE_PORT", "EQUAL", "UINT16", 80)),
        _filter(2, "ALE_AUTH_CONNECT", "BLOCK", ("FLAGS", "FLAGS_ALL_SET", "UINT32", 0x100000)),
    )
    flows = [_client("192.0.2.9", port) for port in (80, 443)]
    assert _verdicts(engine, *flows) == ["unknown", "permit"]


def test_flows_of_one_shape_part_where_only_some_stay_on_the_host() -> None:
    engine = _engine(
        _filter(1, "ALE_AUTH_CONNECT", "BLOCK", ("FLAGS", "FLAGS_ALL_SET", "UINT32", 1)),
        facts=Facts(addresses=frozenset({ip_address("192.0.2.9")})),
    )
    flows = [_client(remote, 80) for remote in ("192.0.2.8", "192.0.2.9")]
    assert _verdicts(engine, *flows) == ["permit", "block"]


def test_flows_of_one_shape_part_by_the_interface_of_their_address() -> None:
    addresses = [ip_address("192.0.2.10"), ip_address("192.0.2.11")]
    engine = _engine(
        _filter(
            1, "ALE_AUTH_CONNECT", "BLOCK", ("IP_LOCAL_INTERFACE", "EQUAL", "UINT64", LUIDS[1])
        ),
        facts=Facts(interfaces=dict(zip(addresses, LUIDS, strict=False))),
    )
    flows = [structs.replace(_client("192.0.2.9", 80), local_address=one) for one in addresses]
    assert _verdicts(engine, *flows) == ["permit", "block"]


def test_a_refused_port_is_no_block_whatever_else_the_filter_asks() -> None:
    engine = _engine(
        _filter(
            1, "ALE_RESOURCE_ASSIGNMENT", "BLOCK",
            ("IP_LOCAL_PORT", "EQUAL", "UINT16", 5000), ("IP_REMOTE_PORT", "EQUAL", "UINT16", 80),
        )
    )  # fmt: skip
    assert _verdicts(engine, _client("192.0.2.9", 80), _client("192.0.2.9", 443)) == [
        "permit", "permit",
    ]  # fmt: skip


def test_flags_tests_on_a_port_take_every_port_apart() -> None:
    engine = _engine(
        _filter(1, "ALE_AUTH_CONNECT", "BLOCK", ("IP_REMOTE_PORT", "FLAGS_ALL_SET", "UINT16", 2))
    )
    flows = [_client("192.0.2.9", port) for port in (1, 2, 3, 4, 6)]
    assert _verdicts(engine, *flows) == ["permit", "block", "block", "permit", "block"]


def test_no_flows_get_no_answers() -> None:
    result = Batch(_engine()).answer(Flows([]))
    assert (result.answers, len(result.codes)) == ((), 0)
