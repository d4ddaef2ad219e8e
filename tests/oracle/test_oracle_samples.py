"""The second opinion against the flow tables and the endpoints of the real state samples."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.oracle.explain_oracle import explain
from tests.oracle.oracle_path import deciding_layer
from tests.oracle.oracle_read import Endpoint, State, read_state_file

DATA = Path(__file__).resolve().parent.parent / "explain" / "data"
HOSTS = ["a", "b", "c"]


def table(host: str) -> dict[str, Any]:
    return tomllib.loads((DATA / f"flows-host-{host}.toml").read_text("utf-8"))


@cache
def state_of(path: Path) -> State:
    return read_state_file(path)


ROWS = [(host, row) for host in HOSTS for row in table(host)["flow"]]


def policy_decider(answer: dict[str, Any], main: str) -> dict[str, Any] | None:
    """Where and by which filter the policy verdict falls: the first block, else the main layer."""
    verdict = answer["policy_verdict"]
    for layer in answer["layers"]:
        at_home = (
            layer["layer"] == main if verdict == "permit" else layer["policy_verdict"] == verdict
        )
        if at_home and verdict != "unknown":
            deciding = layer["policy_filter_id"]
            shown = [one for one in layer["sublayers"] if one["policy_filter_id"] == deciding]
            if deciding is None:
                return None
            return {
                "layer": layer["layer"],
                "sublayer": shown[0]["sublayer"],
                "filter_id": deciding,
            }
    return None


@pytest.mark.parametrize(("host", "row"), ROWS, ids=[f"{host}-{row['name']}" for host, row in ROWS])
def test_a_table_row_holds(samples: Path, host: str, row: dict[str, Any]) -> None:
    state = state_of(samples / table(host)["sample"])
    answer = explain(state, row["given"])
    got = {
        "verdict": answer["verdict"],
        "policy_verdict": answer["policy_verdict"],
        "deciding": policy_decider(answer, deciding_layer(row["given"])),
    }
    assert got == {
        "verdict": row["verdict"],
        "policy_verdict": row["policy_verdict"],
        "deciding": row.get("deciding"),
    }


@pytest.mark.parametrize(("host", "row"), ROWS, ids=[f"{host}-{row['name']}" for host, row in ROWS])
def test_losers_are_filters_of_the_sample(samples: Path, host: str, row: dict[str, Any]) -> None:
    state = state_of(samples / table(host)["sample"])
    known = {one.id for layer in state.layers.values() for one in layer.filters}
    losers = {one["filter_id"] for one in row.get("losers", [])}
    assert losers <= known
    assert row.get("deciding", {}).get("filter_id") not in losers


@pytest.mark.parametrize("host", HOSTS)
def test_a_table_holds_forty_flows_of_which_25_are_certain_as_policy(host: str) -> None:
    rows = table(host)["flow"]
    assert len({row["name"] for row in rows}) == len(rows) == 40
    assert sum(row["policy_verdict"] != "unknown" for row in rows) >= 25
    asked = {row["name"]: row["policy_verdict"] for row in rows}
    must = [
        name
        for name in asked
        if name.startswith(("https-chrome", "dns-nslookup", "smb-in", "rdp-in"))
    ]
    assert len(must) >= 5
    assert "unknown" not in {asked[name] for name in must}


def flow_of(end: Endpoint, direction: str) -> dict[str, object]:
    flow: dict[str, object] = {
        "direction": direction,
        "ip_version": end.version,
        "protocol": end.protocol,
        "local_address": end.local,
        "remote_address": end.remote,
        "app": end.app,
    }
    ports = ("icmp_type", "icmp_code") if end.protocol in {1, 58} else ("local_port", "remote_port")
    return flow | dict(zip(ports, (end.local_port, end.remote_port), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("host", HOSTS)
def test_section_9_no_connected_endpoint_is_surely_blocked_both_ways(
    samples: Path, host: str
) -> None:
    state = state_of(samples / table(host)["sample"])
    wrong = [
        end
        for end in state.endpoints
        if {explain(state, flow_of(end, way))["verdict"] for way in ("out", "in")} == {"block"}
    ]
    assert (len(state.endpoints) > 90, wrong) == (True, [])


@pytest.mark.slow
@pytest.mark.parametrize("host", HOSTS)
def test_section_9_no_program_of_an_ordinary_user_is_blocked_both_ways_by_policy(
    samples: Path, host: str
) -> None:
    state = state_of(samples / table(host)["sample"])
    own = [end for end in state.endpoints if "system32" not in end.app and end.app != "System"]
    ways = ("out", "in")
    wrong = [
        end
        for end in own
        if {explain(state, flow_of(end, way) | {"as": "user"})["policy_verdict"] for way in ways}
        == {"block"}
    ]
    assert (len(own) > 20, wrong) == (True, [])
