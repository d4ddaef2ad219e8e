from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pywfp_ps.model.objects import Completeness, Condition, Filter, Snapshot, SubLayer
from pywfp_ps.store import Store

from .conftest import Wfp

_FLOWS = "name,remote,as\nweb,192.0.2.7:443,user\nbad,nonsense,\nmail,192.0.2.7:25,user\n"


def _filter(number: int, weight: int, action: str, *conditions: Condition) -> Filter:
    return Filter(
        id=number,
        key=None,
        name=f"filter {number}",
        layer="FWPM_LAYER_ALE_AUTH_CONNECT_V4",
        sublayer="FWPM_SUBLAYER_UNIVERSAL",
        effective_weight=weight,
        action=f"FWP_ACTION_{action}",
        conditions=conditions,
    )


@pytest.fixture
def store(wfp: Wfp, tmp_path: Path) -> Path:  # noqa: ARG001 - wfp chooses the folder
    port = Condition(
        field="FWPM_CONDITION_IP_REMOTE_PORT",
        match="FWP_MATCH_EQUAL",
        type="FWP_UINT16",
        value=443,
    )
    policy = Snapshot(
        source="netsh",
        completeness=Completeness(command="netsh wfp show state"),
        sublayers=(SubLayer(key=None, const_name="FWPM_SUBLAYER_UNIVERSAL", weight=5),),
        filters=(_filter(1 << 62, 1, "BLOCK"), _filter(2, 9, "PERMIT", port)),
    )
    folder = tmp_path / "store"
    with Store.open(folder, create=True) as opened, opened.begin_run(command="test") as run:
        for host in ("web-01", "web-02"):
            run.add(host, policy)
            run.add_outcome(host, "ok")
    return folder


_NAMES = ("host", "line", "name", "policy_verdict", "certain", "filter_id", "filter_name")
_EXPECTED = [
    (host, line, name, verdict, True, number, f"filter {number}")
    for host in ("web-01", "web-02")
    for line, name, verdict, number in ((2, "web", "permit", 2), (4, "mail", "block", 1 << 62))
]


def test_reports_a_bad_row_and_answers_the_rest(wfp: Wfp, store: Path) -> None:
    call = wfp("reach", "-", "--store", store, "--json", stdin=_FLOWS)
    assert call.code == 2
    assert call.error.startswith("wfp: line 3: 'nonsense' is no address")
    assert [tuple(row[name] for name in _NAMES) for row in call.rows] == _EXPECTED


def test_writes_parquet(wfp: Wfp, store: Path, tmp_path: Path) -> None:
    flows = tmp_path / "flows.csv"
    flows.write_text(_FLOWS, "utf-8")
    call = wfp("reach", flows, "--store", store, "--parquet", "out.parquet")
    assert (call.code, call.out) == (2, "")
    rows = pq.read_table("out.parquet").to_pylist()
    assert [tuple(row[name] for name in _NAMES) for row in rows] == _EXPECTED


def test_only_one_verdict_on_one_host_as_csv(wfp: Wfp, store: Path) -> None:
    words = ["--host", "web-02", "--only", "block", "--csv"]
    call = wfp("reach", "-", "--store", store, *words, stdin="remote\n192.0.2.7:25\n192.0.2.7:443")
    head, row = call.out.splitlines()
    assert (call.code, head.split(",")[:2], row.split(",")[:2]) == (
        0, ["host", "line"], ["web-02", "2"],
    )  # fmt: skip


def test_agrees_with_explain(wfp: Wfp, store: Path) -> None:
    (one, *_) = wfp(
        "explain", "--store", store, "--host", "web-01", "--remote", "192.0.2.7:25", "--json"
    ).rows
    call = wfp(
        "reach", "-", "--store", store, "--host", "web-01", "--json", stdin="remote\n192.0.2.7:25\n"
    )
    (row,) = call.rows
    assert (row["verdict"], row["policy_verdict"], row["filter_id"], row["layer"]) == (
        one["verdict"], one["policy_verdict"], one["deciding"]["filter_id"],
        one["deciding"]["layer"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("stdin", "words", "error"),
    [
        ("", [], "empty"),
        ("colour\n", [], "no column 'colour'"),
        ("remote\n", ["--host", "db"], "db"),
    ],
)
def test_what_makes_no_sense_is_refused(
    wfp: Wfp, store: Path, stdin: str, words: list[str], error: str
) -> None:
    call = wfp("reach", "-", "--store", store, *words, stdin=stdin)
    assert call.code == 2
    assert error in call.error
