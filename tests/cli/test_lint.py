from __future__ import annotations

from pathlib import Path

import pytest

from pywfp_ps.model.objects import Completeness, Filter, Snapshot
from pywfp_ps.store import Store

from .conftest import Wfp


def _filter(number: int, weight: int, action: str) -> Filter:
    return Filter(
        id=number,
        key=None,
        name=f"\x1b[31mfilter {number}",
        layer="FWPM_LAYER_ALE_AUTH_CONNECT_V4",
        sublayer="FWPM_SUBLAYER_UNIVERSAL",
        effective_weight=weight,
        action=f"FWP_ACTION_{action}",
    )


def _save(store: Path, filters: tuple[Filter, ...]) -> None:
    snapshot = Snapshot(
        source="netsh", completeness=Completeness(command="netsh wfp show state"), filters=filters
    )
    with Store.open(store, create=True) as opened, opened.begin_run(command="test") as run:
        run.add("web-01", snapshot)
        run.add_outcome("web-01", "ok")
        run.add_outcome("web-02", "failed")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    _save(folder, (_filter(1, 9, "BLOCK"), _filter(2, 5, "PERMIT"), _filter(3, 1, "BLOCK")))
    return folder


def test_findings_are_lines_and_exit_code_1(wfp: Wfp, store: Path) -> None:
    call = wfp("lint", "--store", store)
    assert (call.code, call.out.splitlines(), call.err) == (
        1,
        [
            "web-01: 3 filters, 1 finding (1 shadowed); 1 minor, see --all",
            "  shadowed: filter 2 \\x1b[31mfilter 2, ALE_AUTH_CONNECT_V4, UNIVERSAL",
            "      never asked: filter 1 above it takes all its traffic",
        ],
        "web-02: no snapshot, nothing looked at\n",
    )


def test_json_has_one_object_a_finding(wfp: Wfp, store: Path) -> None:
    call = wfp("lint", "--store", store, "--host", "web-01", "--all", "--json")
    assert [(row["host"], row["kind"], row["filter_id"], row["proof"], row["minor"])
            for row in call.rows] == [
        ("web-01", "shadowed", 2, [1], False),
        ("web-01", "shadowed", 3, [1], True),
    ]  # fmt: skip


def test_no_findings_of_a_kind_is_good(wfp: Wfp, store: Path) -> None:
    call = wfp("lint", "--store", store, "--host", "web-01", "--kind", "contradicting")
    assert (call.code, call.out) == (0, "web-01: 3 filters, 0 findings\n")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--kind", "odd"], "no kind of finding is 'odd'"),
        (["--host", "db"], "db"),
        (["--host", "web-02"], "no snapshot of web-02"),
    ],
)
def test_what_makes_no_sense_is_refused(
    wfp: Wfp, store: Path, words: list[str], error: str
) -> None:
    call = wfp("lint", "--store", store, *words)
    assert call.code == 2
    assert error in call.error
