"""The engine against the second implementation, on hostile policies made up for it."""

from __future__ import annotations

import os
import sys
from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pywfp_ps.explain import Engine
from pywfp_ps.model.objects import Snapshot
from pywfp_ps.read import read_state
from pywfp_ps.write import write_state
from tests.explain.flows_given import flow_of_given
from tests.explain.second_opinion import events_of, of_engine, of_second, shares
from tests.explain.strategies import flow_given, policies
from tests.oracle.explain_oracle import explain as second_explain
from tests.oracle.oracle_read import read_state as second_read

FLOWS = 50
EVENTS = ("tie", "veto", "unregistered callout", "unknown field")


def compare(policy: Snapshot, seed: int, counts: Counter[str]) -> None:
    """Asks both about flows over one policy, each from the same text.

    Raises:
        AssertionError: They differ.
    """
    data = write_state(policy)
    engine = Engine(read_state(data))
    second = second_read(data.decode("utf-8-sig"))
    chance = Random(seed)
    version = int(policy.layers[0].const_name[-1])
    for _ in range(FLOWS):
        said = flow_given(chance, version)
        flow = flow_of_given(said)
        first = of_engine(engine, flow)
        other = of_second(second_explain(second, said))
        assert first == other, said
        counts["cases"] += 1
        counts[f"verdict {first['verdict']}"] += 1
        counts[f"policy {first['policy_verdict']}"] += 1
        counts.update(events_of(engine, flow))


def run(examples: int, *, derandomize: bool) -> Counter[str]:
    counts: Counter[str] = Counter()

    @settings(
        max_examples=examples,
        derandomize=derandomize,
        database=None,
        deadline=None,
        suppress_health_check=(
            HealthCheck.too_slow,
            HealthCheck.data_too_large,
            HealthCheck.large_base_example,
            HealthCheck.filter_too_much,
        ),
        phases=[Phase.generate, Phase.shrink],
        print_blob=True,
    )
    @given(policy=policies(), seed=st.integers(0, 1 << 32))
    def case(policy: Snapshot, seed: int) -> None:
        compare(policy, seed, counts)

    case()
    return counts


def check(counts: Counter[str], capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        sys.stdout.write(f"\n{counts['cases']} cases: {shares(counts)}\n")
    share: dict[str, Any] = {name: count / counts["cases"] for name, count in counts.items()}
    few = {
        name: share.get(name, 0)
        for name in ("verdict permit", "verdict block", "verdict unknown")
        if share.get(name, 0) < 0.15
    }
    few |= {name: share.get(name, 0) for name in EVENTS if share.get(name, 0) < 0.05}
    assert few == {}


def test_hostile_policies_get_the_same_answers() -> None:
    counts = run(30, derandomize=True)
    assert counts["cases"] >= 30 * FLOWS


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_many_hostile_policies_get_the_same_answers() -> None:
    assert run(120, derandomize=True)["cases"] >= 120 * FLOWS


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif("WFP_POLICIES" not in os.environ, reason="WFP_POLICIES: how many fresh ones")
def test_fresh_hostile_policies_get_the_same_answers(capsys: pytest.CaptureFixture[str]) -> None:
    check(run(int(os.environ["WFP_POLICIES"]), derandomize=False), capsys)
