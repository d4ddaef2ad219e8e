from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pywfp_ps.store import KINDS, VIEWS, Store
from pywfp_ps.store.schema import Type
from tests.store.store_rig import new_store, put_run

_DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "columns.md"

PROMISED = {
    "hosts": "host computer domain run_id taken_at source outcome cause os_name os_build elevated"
    " boot_time bfe_started_at complete stale snapshot_run_id groups filters gap_count",
    "filters": "host filter_id filter_key name description action callout callout_key layer"
    " layer_key layer_id sublayer sublayer_key sublayer_weight weight effective_weight provider"
    " provider_key provider_name service owner flags persistent boottime disabled in_force hard"
    " permit_if_unregistered above_firewall rule rule_store conditions content_id shape_id",
    "filters_wide": "host filter_id protocols local_ports remote_ports local_addresses"
    " remote_addresses apps sids packages profiles luids flags_all flags_none",
    "conditions": "host filter_id position or_group field match type value num_low num_high"
    " ip_family ip_low ip_high prefix_length",
    "callouts": "host registered",
    "events": "host bfe_epoch time type direction protocol local_address local_port remote_address"
    " remote_port app user_sid package_sid filter_id layer filter_name provider",
    "gaps": "host source place problem",
} | dict.fromkeys(
    [
        "layers",
        "sublayers",
        "providers",
        "contexts",
        "sessions",
        "endpoints",
        "subscriptions",
        "keywords",
        "interfaces",
        "volumes",
        "services",
        "drivers",
        "listeners",
        "routes",
        "firewall_profiles",
        "firewall_rules",
        "options",
        "sysports",
        "processes",
        "proxies",
        "audit_policies",
        "disagreements",
        "changes",
    ],
    "host",
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    made = new_store(tmp_path_factory.mktemp("columns"))
    put_run(made, "a")
    return made


def test_the_document_is_up_to_date() -> None:
    made = subprocess.run(
        [sys.executable, "-m", "pywfp_ps.store"], capture_output=True, check=True, text=True
    )
    assert made.stderr == ""
    assert _DOCUMENT.read_text(encoding="utf-8") == made.stdout, (
        "run: python -m pywfp_ps.store > docs/columns.md"
    )


@pytest.mark.parametrize("view", sorted(PROMISED))
def test_every_promised_column_is_there(view: str) -> None:
    names = [column.name for column in VIEWS[view].columns]
    assert sorted(set(PROMISED[view].split()) - set(names)) == []
    assert len(names) == len(set(names))


@pytest.mark.parametrize("suffix", ["", "_all"])
@pytest.mark.parametrize("view", sorted(VIEWS))
def test_every_view_has_the_declared_columns_and_types(
    store: Store, view: str, suffix: str
) -> None:
    answer = store.query(f"SELECT * FROM {view}{suffix}")
    assert list(zip(answer.columns, answer.types, strict=True)) == [
        (column.name, column.type.value) for column in (*VIEWS[view].columns, *VIEWS[view].aliases)
    ]


def test_ids_and_weights_are_unsigned() -> None:
    floats = [
        (kind.name, column.name)
        for kind in KINDS.values()
        for column in kind.columns
        if column.type.value in ("DOUBLE", "FLOAT", "BIGINT")
    ]
    assert floats == []
    assert all(
        column.type in (Type.U64, Type.U32, Type.U16)
        for kind in KINDS.values()
        for column in kind.columns
        if column.name in ("filter_id", "weight", "effective_weight", "raw_context")
    )


def test_every_column_says_what_it_is() -> None:
    silent = [
        (kind.name, column.name)
        for kind in KINDS.values()
        for column in kind.columns
        if not column.doc.endswith((".", "?"))
    ]
    assert silent == []
