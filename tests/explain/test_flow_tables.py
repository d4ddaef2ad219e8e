"""The tables of flows, written from the samples and the rules before the engine was run on them."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from pywfp_ps.explain import Engine
from pywfp_ps.explain.selftest import self_test
from pywfp_ps.read import read_state
from tests.explain.flows_given import flow_of_given

_DATA = Path(__file__).parent / "data"
HOSTS = ("a", "b", "c")


def _table(host: str) -> dict[str, Any]:
    return tomllib.loads((_DATA / f"flows-host-{host}.toml").read_text("utf-8"))


ROWS = [(host, row) for host in HOSTS for row in _table(host)["flow"]]


@cache
def engine_of(path: Path) -> Engine:
    return Engine(read_state(path.read_bytes()))


def _engine(samples: Path, host: str) -> Engine:
    return engine_of(samples / _table(host)["sample"])


@pytest.mark.parametrize(("host", "row"), ROWS, ids=[f"{host}-{row['name']}" for host, row in ROWS])
def test_a_row_of_the_table_holds(samples: Path, host: str, row: dict[str, Any]) -> None:
    answer = _engine(samples, host).explain(flow_of_given(row["given"]))
    one = answer.deciding
    deciding = one and {
        "layer": one.layer,
        "sublayer": one.sublayer,
        "filter_id": one.filter_id,
    }
    assert {
        "verdict": answer.verdict,
        "policy_verdict": answer.policy_verdict,
        "deciding": deciding,
    } == {
        "verdict": row["verdict"],
        "policy_verdict": row["policy_verdict"],
        "deciding": row.get("deciding"),
    }


@pytest.mark.parametrize("host", HOSTS)
def test_no_connected_endpoint_is_surely_blocked_both_ways(samples: Path, host: str) -> None:
    found = self_test(_engine(samples, host))
    assert (found.endpoints > 90, found.contradictions) == (True, ())


@pytest.mark.parametrize("host", HOSTS)
def test_a_blocking_policy_over_the_same_endpoints_is_noticed(samples: Path, host: str) -> None:
    """The self-test can fail: a hard block of everything contradicts every endpoint."""
    from msgspec.structs import replace

    snapshot = _engine(samples, host).snapshot
    blocked = replace(
        snapshot,
        filters=tuple(
            replace(one, action="FWP_ACTION_BLOCK", callout=None, conditions=(), flags=())
            for one in snapshot.filters
        ),
    )
    found = self_test(Engine(blocked))
    assert len(found.contradictions) == found.endpoints


@pytest.mark.parametrize("host", HOSTS)
def test_outcomes_tell_an_exception_where_the_policy_verdict_is_open(
    samples: Path, host: str
) -> None:
    engine = _engine(samples, host)
    for row in _table(host)["flow"]:
        answer = engine.explain(flow_of_given(row["given"]))
        words = [one.when for one in answer.outcomes]
        if answer.policy_verdict == "unknown":
            assert words[-1] == "otherwise"
            assert len({one.verdict for one in answer.outcomes}) > 1
        else:
            assert words == ["always"]
