"""Many flows at once give what one at a time gives."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pywfp_ps.explain import Engine, Facts, Flow
from pywfp_ps.explain.batch import Answer, Batch, Flows
from pywfp_ps.model.objects import Snapshot
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
