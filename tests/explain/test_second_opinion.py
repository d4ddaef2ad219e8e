"""The engine against the second implementation, on hostile policies made up for it.

A failing run of fresh policies is repeated with ``WFP_SEED``, which it prints.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as hypothesis_seed
from hypothesis import strategies as st
from msgspec import structs

from pywfp_ps.explain import Engine
from pywfp_ps.explain.batch import Batch, Flows
from pywfp_ps.model.objects import PERMIT_IF_CALLOUT_UNREGISTERED, Condition, Snapshot
from pywfp_ps.read import read_state
from pywfp_ps.write import write_state
from tests.explain.flows_given import flow_of_given
from tests.explain.second_opinion import events_of, of_batch, of_engine, of_second, shares, short_of
from tests.explain.small import ACCEPT, CONNECT, DRIVER, on, policy, rule
from tests.explain.strategies import flow_given, policies
from tests.oracle.explain_oracle import explain as second_explain
from tests.oracle.oracle_read import State
from tests.oracle.oracle_read import read_state as second_read

FLOWS = 50
POLICIES = 1000
"""Of each kind, the same in every run and fresh ones; WFP_POLICIES says how many fresh ones."""
EVENTS = ("tie", "veto", "unregistered callout", "unknown field")


def compare(made: Snapshot, seed: int, counts: Counter[str]) -> None:
    """Asks all three about flows over one policy, each from the same text.

    Raises:
        AssertionError: They differ.
    """
    data = write_state(made)
    engine = Engine(read_state(data))
    second = second_read(data.decode("utf-8-sig"))
    chance = Random(seed)
    version = int(made.layers[0].const_name[-1])
    given = [flow_given(chance, version) for _ in range(FLOWS)]
    agree(engine, second, given, counts)


def agree(engine: Engine, second: State, given: list[dict[str, Any]], counts: Counter[str]) -> None:
    """Asks all three about these flows.

    Raises:
        AssertionError: They differ.
    """
    flows = list(map(flow_of_given, given))
    at_once = Batch(engine).answer(Flows(flows))
    for at, (said, flow) in enumerate(zip(given, flows, strict=True)):
        other = second_explain(second, said)
        first, stages = of_engine(engine, flow)
        assert first == of_second(other), said
        assert of_batch(at_once[at], flow) == short_of(first), said
        counts["cases"] += 1
        counts[f"verdict {first['verdict']}"] += 1
        counts[f"policy {first['policy_verdict']}"] += 1
        counts.update(events_of(stages))


def run(examples: int, start: int | None = None) -> Counter[str]:
    """Compares on so many policies: the same in every run, or those of a start of chance."""
    counts: Counter[str] = Counter()

    @settings(
        max_examples=examples,
        derandomize=start is None,
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
    @given(made=policies(), seed=st.integers(0, 1 << 32))
    def case(made: Snapshot, seed: int) -> None:
        compare(made, seed, counts)

    if start is not None:
        case = hypothesis_seed(start)(case)
    case()
    return counts


def check(counts: Counter[str], what: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Prints what came up, and fails where something came up too rarely to prove much."""
    with capsys.disabled():
        sys.stderr.write(f"\n{what}: {counts['cases']:,} cases: {shares(counts)}\n")
    share: dict[str, Any] = {name: count / counts["cases"] for name, count in counts.items()}
    few = {
        name: share.get(name, 0)
        for name in ("verdict permit", "verdict block", "verdict unknown")
        if share.get(name, 0) < 0.15
    }
    few |= {name: share.get(name, 0) for name in EVENTS if share.get(name, 0) < 0.05}
    assert few == {}


_LUID = 71 << 48
_ASKS = "CALLOUT_TERMINATING"
_UNLISTED = "{ca000000-0000-4000-8000-000000000063}"
_IF_GONE = (PERMIT_IF_CALLOUT_UNREGISTERED,)
FOUND: list[tuple[dict[str, Any], list[Condition], dict[str, Any]]] = [
    # Which package it is was not said, but each is one of all packages: the list denies them.
    ({"layer": ACCEPT}, [
        on("ALE_USER_ID", "O:SYG:SYD:(D;;CC;;;AC)(A;;CC;;;S-1-15-2-2)",
           kind="SECURITY_DESCRIPTOR_TYPE"),
        on("COMPARTMENT_ID", 1, kind="UINT32"),
    ], {"user": "S-1-5-21-1-2-3-1001"}),
    # A test of bits does not pair an interface with an epoch.
    ({"layer": ACCEPT}, [
        on("INTERFACE_QUARANTINE_EPOCH", 7, kind="UINT64"),
        on("IP_ARRIVAL_INTERFACE", _LUID, "FLAGS_ANY_SET", "UINT64"),
    ], {"interface": _LUID}),
    ({"layer": ACCEPT}, [
        on("INTERFACE_QUARANTINE_EPOCH", 7, kind="UINT64"),
        on("IP_ARRIVAL_INTERFACE", _LUID, kind="UINT64"),
    ], {"interface": _LUID}),
    # What wants a redirected flow is not what redirects it.
    ({"layer": "FWPM_LAYER_ALE_BIND_REDIRECT_V4"}, [
        on("FLAGS", 0x100000, "FLAGS_ALL_SET", "UINT32"),
        on("COMPARTMENT_ID", 1, kind="UINT32"),
    ], {"direction": "out"}),
]  # fmt: skip
"""Layer and conditions of a filter, and what is said of the flow: where they once differed."""


@pytest.mark.parametrize(("place", "conditions", "said"), FOUND)
def test_cases_that_once_differed(
    place: dict[str, Any], conditions: list[Condition], said: dict[str, Any]
) -> None:
    filters = (
        rule(1, "PERMIT", *conditions, weight=1, **place),
        rule(2, "BLOCK", layer=ACCEPT),
        rule(3, "PERMIT", on("INTERFACE_QUARANTINE_EPOCH", 8, kind="UINT64"),
             on("IP_ARRIVAL_INTERFACE", _LUID, kind="UINT64"), flags=("FWPM_FILTER_FLAG_BOOTTIME",),
             layer=ACCEPT),
    )  # fmt: skip
    data = write_state(structs.replace(policy(*filters), callouts=()))
    given = {"direction": "in", "protocol": 6, "local_address": "192.0.2.10",
             "remote_address": "203.0.113.10", "local_port": 443, **said}  # fmt: skip
    agree(Engine(read_state(data)), second_read(data.decode("utf-8-sig")), [given], Counter())


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((_ASKS, DRIVER), (_ASKS, _UNLISTED)),
        ((_ASKS, _UNLISTED), (_ASKS, _UNLISTED)),
        ((_ASKS, DRIVER), (_ASKS, DRIVER)),
        (("CALLOUT_UNKNOWN", _UNLISTED), ("PERMIT", None)),
        (("CALLOUT_UNKNOWN", DRIVER), ("PERMIT", None)),
        ((_ASKS, DRIVER), ("PERMIT", None)),
    ],
)
def test_equal_weights_share_the_credit_where_answers_differ(
    first: tuple[str, str | None], second: tuple[str, str | None]
) -> None:
    app = on("ALE_APP_ID", "System", kind="BYTE_BLOB_TYPE")
    made = policy(
        rule(1, first[0], on("COMPARTMENT_ID", 1, kind="UINT32"), callout=first[1], flags=_IF_GONE),
        rule(2, second[0], app, callout=second[1], flags=_IF_GONE),
        rule(3, second[0], app, callout=second[1], flags=_IF_GONE),
    )
    callouts = tuple(structs.replace(one, layer=CONNECT) for one in made.callouts)
    data = write_state(structs.replace(made, callouts=callouts))
    given = {"direction": "out", "protocol": 6, "local_address": "192.0.2.10",
             "remote_address": "203.0.113.10", "app": "System"}  # fmt: skip
    agree(Engine(read_state(data)), second_read(data.decode("utf-8-sig")), [given], Counter())


def test_hostile_policies_get_the_same_answers() -> None:
    assert run(25)["cases"] >= 25 * FLOWS


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_many_hostile_policies_get_the_same_answers(capsys: pytest.CaptureFixture[str]) -> None:
    counts = run(POLICIES)
    assert counts["cases"] >= POLICIES * FLOWS
    check(counts, "the same policies in every run", capsys)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_fresh_hostile_policies_get_the_same_answers(capsys: pytest.CaptureFixture[str]) -> None:
    start = int(os.environ.get("WFP_SEED", "0")) or Random().randrange(1, 1 << 40)
    check(run(int(os.environ.get("WFP_POLICIES", POLICIES)), start), f"WFP_SEED={start}", capsys)
