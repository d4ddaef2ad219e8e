"""What surrounds the engine, and the way back to the engine's objects."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from pywfp_ps.model import objects as o
from pywfp_ps.model.context import HostContext
from pywfp_ps.report.around import find_around, report_around, title_around
from pywfp_ps.report.objects import AroundKind, report_of
from tests.model.test_owners import (
    CONTEXT,
    DRIVER,
    FIREWALL,
    KEY,
    MPSSVC,
    NPCAP,
    PROCESS,
    RULES,
    SNAPSHOT,
    TEAMS_TCP,
)

ALL = replace(CONTEXT, rules=RULES)
SESSION = o.Session(key=KEY, process_id=8)
WHOLE = replace(SNAPSHOT, providers=(FIREWALL, NPCAP), sessions=(SESSION,))


@pytest.mark.parametrize(
    ("what", "kind", "found"),
    [
        ("mpssvc", None, [MPSSVC]),
        ("M.DLL", None, [MPSSVC]),
        ("NPCAP", None, [DRIVER]),
        ("npcap", "service", []),
        ("8", None, [PROCESS]),
        ("T6", None, [TEAMS_TCP]),
        ("t6", "rule", [TEAMS_TCP]),
        ("svchost", "process", [PROCESS]),
        ("nothing", None, []),
    ],
)
def test_things_are_found(what: str, kind: AroundKind | None, found: list[Any]) -> None:
    assert find_around(ALL, what, kind) == found


def test_nothing_is_found_where_nothing_was_told() -> None:
    assert find_around(HostContext(), "mpssvc") == []


@pytest.mark.parametrize(
    ("thing", "links"),
    [
        (
            MPSSVC,
            [
                ("service_name", "provider"),
                *[
                    ("provider", "filter")
                    for one in SNAPSHOT.filters
                    if one.provider == FIREWALL.const_name
                ],
                ("process_id", "session"),
            ],
        ),
        (DRIVER, [("service_name", "provider")]),
        (
            PROCESS,
            [("process_id", "session"), ("process_id", "service"), ("process_id", "service")],
        ),
    ],
)
def test_the_way_back(thing: Any, links: list[tuple[str, str]]) -> None:
    report = report_around(WHOLE, thing, ALL)
    assert [(link.relation, link.kind) for link in report.referred_by] == links


def test_a_rule_leads_to_its_filters_and_they_to_it() -> None:
    report = report_around(WHOLE, TEAMS_TCP, ALL)
    assert report.title == title_around(TEAMS_TCP) == "T6 Teams (local)"
    assert report.fields["fields"] == [f"{name}={value}" for name, value in TEAMS_TCP.fields]
    assert [(link.relation, link.name) for link in report.referred_by] == [
        ("rule by name", str(SNAPSHOT.filters[2].id))
    ]
    back = report_of(WHOLE, SNAPSHOT.filters[2], ALL).refers_to
    assert [(link.kind, link.name, link.missing) for link in back if link.kind == "rule"] == [
        ("rule", "T6", False)
    ]


def test_what_is_gone_is_missing() -> None:
    gone = o.Session(key=KEY, process_id=9)
    (link,) = report_of(WHOLE, gone, ALL).refers_to
    assert (link.kind, link.name, link.missing) == ("process", "9", True)
    (link,) = report_of(WHOLE, gone, HostContext()).refers_to
    assert link.missing is False
