"""Columns that say who is behind an object, and shapes of filters that name own addresses."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from msgspec.structs import replace

from pywfp_ps.model import objects as o
from pywfp_ps.model.context import HostContext
from pywfp_ps.model.identity import NO_PLACES, OwnPlaces, shape_id
from pywfp_ps.model.owners import rule_links
from pywfp_ps.store import tables_of
from tests.model.test_owners import CONTEXT, FIREWALL, KEY, NPCAP, RULES, SNAPSHOT
from tests.store.store_rig import made_filter, made_snapshot

ALL = replace(CONTEXT, rules=RULES)
WHOLE = replace(
    SNAPSHOT,
    providers=(FIREWALL, NPCAP),
    callouts=(o.Callout(id=1, key=KEY, const_name="{c}", provider=NPCAP.const_name),),
    sessions=(o.Session(key=KEY, process_id=8), o.Session(key=KEY, process_id=9)),
)


def _columns(kind: str, names: str, context: HostContext | None = ALL) -> list[tuple[Any, ...]]:
    table = tables_of(WHOLE, host="h", run_id="r", context=context)[kind]
    return list(zip(*(table.column(name).to_pylist() for name in names.split()), strict=True))


@pytest.mark.parametrize(
    ("kind", "names", "rows"),
    [
        (
            "providers",
            "service_there image company",
            [(True, "m.dll", "Microsoft"), (True, "C:\\npcap.sys", "Nmap")],
        ),
        ("callouts", "service image company", [("NPCAP", "C:\\npcap.sys", "Nmap")]),
        (
            "sessions",
            "process process_there services",
            [("C:\\svchost.exe", True, ["BFE", "MpsSvc"]), (None, False, [])],
        ),
    ],
)
def test_who_is_behind(kind: str, names: str, rows: list[tuple[Any, ...]]) -> None:
    assert _columns(kind, names) == rows


def test_filters_name_their_rule_and_owner() -> None:
    links = rule_links(WHOLE, ALL).by_filter
    found = {
        row[0]: row[1:]
        for row in _columns("filters", "filter_id rule_id rule_store owner_image owner_company")
    }
    assert len(found) == len(WHOLE.filters)
    for filter_ in WHOLE.filters:
        link = links.get(filter_.id)
        only = link.only if link else None
        rule = (only.id, only.store) if only else (None, None)
        is_firewall = filter_.provider == FIREWALL.const_name
        owner = ("m.dll", "Microsoft") if is_firewall else (None, None)
        assert found[filter_.id] == (*rule, *owner)
    assert any(row[0] is not None for row in found.values())


def test_without_context_nobody_knows() -> None:
    assert set(_columns("filters", "rule_id rule_store owner_image", None)) == {(None, None, None)}
    assert set(_columns("sessions", "process process_there services", None)) == {(None,) * 3}


def test_own_addresses_are_blank_in_shapes_whoever_was_written_before() -> None:
    address = IPv4Address("192.0.2.7")
    at = o.Condition(
        field="FWPM_CONDITION_IP_LOCAL_ADDRESS",
        match="FWP_MATCH_EQUAL",
        type="FWP_UINT32",
        value=address,
    )
    placed = made_filter(1, conditions=(at,))
    snapshot = replace(made_snapshot(), filters=(placed, made_filter(2)))
    mine = OwnPlaces(
        addresses=frozenset({address}), networks=frozenset({IPv4Network("192.0.2.0/24")})
    )
    for own in (NO_PLACES, mine, NO_PLACES, mine):
        table = tables_of(snapshot, host="h", run_id="r", own=own)["filters"]
        expected = [shape_id(one, own) for one in snapshot.filters]
        assert table.column("shape_id").to_pylist() == expected
    assert shape_id(placed, mine) != shape_id(placed)
