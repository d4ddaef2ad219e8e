from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from msgspec.structs import replace

from pywfp_ps.model.objects import (
    ClassifyOption,
    Completeness,
    Condition,
    Filter,
    ProviderContext,
    Session,
    Snapshot,
)
from pywfp_ps.model.values import TokenInformation
from pywfp_ps.store import Store, tables_of
from pywfp_ps.store.rebuild import snapshot_of
from tests.strategies_model import conditions, snapshots

_SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example)
_PLAIN = Filter(id=7, key=None, layer="L", sublayer="S", action="FWP_ACTION_BLOCK")
_STATED = Completeness(command="netsh wfp show state")


@settings(max_examples=40, deadline=None, suppress_health_check=_SLOW)
@given(snapshot=snapshots())
def test_tables_give_the_snapshot_back(snapshot: Snapshot) -> None:
    assert snapshot_of(tables_of(snapshot, host="h", run_id="r")) == snapshot


@settings(max_examples=150, deadline=None)
@given(condition=conditions())
def test_every_condition_comes_back(condition: Condition) -> None:
    snapshot = Snapshot(
        source="netsh",
        completeness=_STATED,
        filters=(replace(_PLAIN, conditions=(condition,)),),
    )
    assert snapshot_of(tables_of(snapshot, host="h", run_id="r")) == snapshot


def test_odd_values_come_back() -> None:
    odd = (
        Condition(field="F", match="M", type="T", value=TokenInformation(sids=("a,b", "c;d"))),
        Condition(field="F", match="M", type="T", low=TokenInformation(), high="x", value="y/z"),
        Condition(field="F", match="M", type="T", value="a/b", prefix_length=3),
        Condition(field="F", match="M", type="T", value=IPv6Address("fe80::1%eth0")),
        Condition(field="F", match="M", type="T", value=IPv4Address(1), mask=IPv4Address(5)),
        Condition(field="G", match="M", type="T", value=-(1 << 70), low=1.5, high=float("inf")),
        Condition(field="G", match="M", type="T", value=b"", prefix_length=0),
        Condition(field="G", match="M", type="T", value="", mask=IPv6Address(0)),
    )
    option = ClassifyOption(type="O", value_type="FWP_BYTE_BLOB_TYPE", value=b"\0\xff")
    context = ProviderContext(key=None, const_name="c", type="T", options=(option,))
    snapshot = Snapshot(
        source="both",
        completeness=_STATED,
        filters=(
            replace(_PLAIN, conditions=odd, weight=1 << 64, raw_context=-1, layer="Z"),
            replace(_PLAIN, effective_weight=(1 << 64) - 1, name="\ud800", flags=("\udfff",)),
            replace(_PLAIN, conditions=odd[:1], name="", description="a\0b"),
        ),
        contexts=(context,),
        sessions=(Session(key=None, process_id=1 << 40), Session(key=None, process_id=4)),
    )
    assert snapshot_of(tables_of(snapshot, host="h", run_id="r")) == snapshot


@settings(max_examples=5, deadline=None, suppress_health_check=_SLOW)
@given(first=snapshots(), second=snapshots())
def test_the_store_gives_each_host_its_own_snapshot(
    tmp_path_factory: pytest.TempPathFactory, first: Snapshot, second: Snapshot
) -> None:
    folder: Path = tmp_path_factory.mktemp("store")
    store = Store.open(folder / "s", create=True)
    with store.begin_run(command="import", buffer_bytes=1) as writer:
        writer.add("b", second)
        writer.add("a", first)
    assert (store.snapshot("a"), store.snapshot("b")) == (first, second)
