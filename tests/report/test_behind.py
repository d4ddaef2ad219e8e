"""Reports of objects with what context says of who is behind them."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from pywfp_ps.model import objects as o
from pywfp_ps.report.objects import report_of
from tests.model.test_owners import CONTEXT, KEY, NPCAP, RULES, SNAPSHOT, TEAMS_TCP


@pytest.mark.parametrize(
    ("thing", "expected"),
    [
        (
            NPCAP,
            {
                "product": None,
                "owner_service": "NPCAP",
                "owner_there": True,
                "owner_image": "C:\\npcap.sys",
                "owner_company": "Nmap",
                "owner_version": "1.8",
            },
        ),
        (
            o.Session(key=KEY, process_id=8),
            {"process": "C:\\svchost.exe", "process_there": True, "services": ["BFE", "MpsSvc"]},
        ),
        (
            SNAPSHOT.filters[2],
            {
                "owner_service": "mpssvc",
                "owner_image": "m.dll",
                "rule_found_by": "name",
                "firewall_rules": [
                    {"store": "local", "id": "T6", "name": "Teams", "raw": TEAMS_TCP.raw}
                ],
            },
        ),
    ],
)
def test_a_report_says_who_is_behind(thing: Any, expected: dict[str, Any]) -> None:
    fields = report_of(SNAPSHOT, thing, replace(CONTEXT, rules=RULES)).fields
    assert {name: fields[name] for name in expected} == expected


def test_without_context_a_report_says_nothing_of_it() -> None:
    fields = report_of(SNAPSHOT, NPCAP).fields
    assert not any(name.startswith("owner_") for name in fields)
    layer = o.Layer(id=1, key=KEY, const_name="x")
    assert report_of(SNAPSHOT, layer, CONTEXT) == report_of(SNAPSHOT, layer)
