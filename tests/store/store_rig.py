"""Small made-up hosts for the store's tests."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace

from pywfp_ps.model.objects import (
    BOOTTIME,
    CLEAR_ACTION_RIGHT,
    Completeness,
    Condition,
    Filter,
    Gap,
    Layer,
    Provider,
    Snapshot,
    SubLayer,
)
from pywfp_ps.model.tables import key_of
from pywfp_ps.store import Store

CONNECT = "FWPM_LAYER_ALE_AUTH_CONNECT_V4"
FIREWALL = "FWPM_SUBLAYER_MPSSVC_WF"


def port(number: int) -> Condition:
    return Condition(
        field="FWPM_CONDITION_IP_REMOTE_PORT",
        field_key=key_of("conditions", "FWPM_CONDITION_IP_REMOTE_PORT"),
        match="FWP_MATCH_EQUAL",
        type="FWP_UINT16",
        value=number,
    )


def made_filter(number: int = 1, **changes: object) -> Filter:
    made = Filter(
        id=number,
        key=None,
        name=f"filter {number}",
        layer=CONNECT,
        layer_key=key_of("layers", CONNECT),
        sublayer="{11111111-1111-1111-1111-111111111111}",
        provider="P",
        action="FWP_ACTION_BLOCK",
        conditions=(port(443),),
    )
    return replace(made, **changes)


def made_snapshot(count: int = 2, *, whole: bool = True, first: int = 1) -> Snapshot:
    return Snapshot(
        source="netsh",
        taken_at=datetime(2026, 11, 20, 10, tzinfo=UTC),
        completeness=Completeness(command="netsh wfp show state", elevated=True, whole=whole),
        layers=(Layer(id=48, key=key_of("layers", CONNECT), const_name=CONNECT),),
        sublayers=(
            SubLayer(key=None, const_name="{11111111-1111-1111-1111-111111111111}", weight=9),
            SubLayer(key=None, const_name=FIREWALL, weight=8),
        ),
        providers=(Provider(key=None, const_name="P", name="Provider", service_name="svc"),),
        filters=tuple(made_filter(first + number) for number in range(count)),
        gaps=() if whole else (Gap(source="state", place="filters/item[2]", problem="cut off"),),
    )


def hard_and_soft() -> tuple[Filter, ...]:
    return (
        made_filter(1, flags=(CLEAR_ACTION_RIGHT,)),
        made_filter(2, flags=(BOOTTIME,), sublayer=FIREWALL),
        made_filter(3, sublayer="unknown"),
    )


def new_store(folder: Path) -> Store:
    return Store.open(folder / "store", create=True)


def put_run(store: Store, *hosts: str, count: int = 2, whole: bool = True) -> str:
    with store.begin_run(command="import") as writer:
        for host in hosts:
            writer.add(host, made_snapshot(count, whole=whole))
    return writer.run_id
