from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from pywfp_ps.model.identity import content_id, shape_id
from pywfp_ps.model.objects import (
    CLEAR_ACTION_RIGHT,
    DISABLED,
    PERMIT_IF_CALLOUT_UNREGISTERED,
    PERSISTENT,
    Condition,
    Node,
)
from pywfp_ps.model.values import Scalar
from pywfp_ps.store.wide import app_text, wide_of
from tests.store.store_rig import FIREWALL, hard_and_soft, made_filter, made_snapshot, new_store

EQUAL, RANGE = "FWP_MATCH_EQUAL", "FWP_MATCH_RANGE"


def cond(field: str, value: Scalar = None, match: str = EQUAL, **more: Any) -> Condition:
    name = f"FWPM_CONDITION_{field}"
    return Condition(field=name, match=match, type=more.pop("type", "T"), value=value, **more)


TCP, UDP = cond("IP_PROTOCOL", 6), cond("IP_PROTOCOL", 17)
HOME = IPv4Address("10.0.0.0")
WIDE: tuple[tuple[str, tuple[Condition, ...], dict[str, list[Any]]], ...] = (
    ("nothing", (), {}),
    ("alternatives", (TCP, UDP), {"protocols": ["6", "17"]}),
    (
        "several columns",
        (TCP, cond("IP_LOCAL_PORT", 53), cond("IP_REMOTE_PORT", match=RANGE, low=1, high=9)),
        {"protocols": ["6"], "local_ports": ["53"], "remote_ports": ["1-9"]},
    ),
    (
        "addresses",
        (
            cond("IP_REMOTE_ADDRESS", HOME, prefix_length=8, mask=IPv4Address("255.0.0.0")),
            cond("IP_REMOTE_ADDRESS", IPv6Address("fe80::1")),
            cond("IP_REMOTE_ADDRESS", match=RANGE, low=HOME, high=HOME + 9),
        ),
        {"remote_addresses": ["10.0.0.0/8", "fe80::1", "10.0.0.0-10.0.0.9"]},
    ),
    (
        "a mask with holes",
        (cond("IP_REMOTE_ADDRESS", HOME, mask=IPv4Address("255.0.255.0")),),
        {"rest": ["IP_REMOTE_ADDRESS = 10.0.0.0"]},
    ),
    (
        "another match",
        (cond("IP_PROTOCOL", 6, "FWP_MATCH_NOT_EQUAL"),),
        {"rest": ["IP_PROTOCOL != TCP"]},
    ),
    (
        "one of the alternatives not understood",
        (TCP, replace(UDP, extra=(Node("x"),))),
        {"rest": ["(IP_PROTOCOL = TCP OR IP_PROTOCOL = (not understood))"]},
    ),
    (
        "a field that comes back",
        (TCP, cond("IP_LOCAL_PORT", 1), UDP),
        {"protocols": ["6"], "local_ports": ["1"], "rest": ["IP_PROTOCOL = UDP"]},
    ),
    (
        "both profiles",
        (cond("ORIGINAL_PROFILE_ID", 1), cond("CURRENT_PROFILE_ID", 1)),
        {"profiles": ["public"]},
    ),
    (
        "two profiles that differ",
        (cond("ORIGINAL_PROFILE_ID", 1), cond("CURRENT_PROFILE_ID", 9)),
        {"profiles": ["public"], "rest": ["CURRENT_PROFILE_ID = 9"]},
    ),
    (
        "users",
        (cond("ALE_USER_ID", "O:LSD:(A;;CC;;;BA)(A;;CC;;;SY)"),),
        {"sids": ["S-1-5-32-544", "S-1-5-18"]},
    ),
    (
        "users kept out",
        (cond("ALE_USER_ID", "D:(D;;CC;;;BA)(A;;CC;;;WD)"),),
        {"rest": ["ALE_USER_ID = D:(D;;CC;;;BA)(A;;CC;;;WD)"]},
    ),
    ("no SDDL", (cond("ALE_USER_ID", "nonsense"),), {"rest": ["ALE_USER_ID = nonsense"]}),
    ("a package", (cond("ALE_PACKAGE_ID", "S-1-0-0"),), {"packages": ["S-1-0-0"]}),
    ("an interface", (cond("IP_LOCAL_INTERFACE", 1 << 63),), {"luids": [1 << 63]}),
    (
        "flags",
        (cond("FLAGS", 1, "FWP_MATCH_FLAGS_ALL_SET"),),
        {"flags_all": ["FWP_CONDITION_FLAG_IS_LOOPBACK"]},
    ),
    (
        "no flags",
        (cond("FLAGS", 5, "FWP_MATCH_FLAGS_NONE_SET"),),
        {
            "flags_none": [
                "FWP_CONDITION_FLAG_IS_LOOPBACK",
                "FWP_CONDITION_FLAG_IS_REAUTHORIZE",
            ]
        },
    ),
    (
        "any flag of one",
        (cond("FLAGS", 1, "FWP_MATCH_FLAGS_ANY_SET"),),
        {"flags_all": ["FWP_CONDITION_FLAG_IS_LOOPBACK"]},
    ),
    (
        "any flag of two",
        (cond("FLAGS", 5, "FWP_MATCH_FLAGS_ANY_SET"),),
        {"rest": ["FLAGS has any of IS_LOOPBACK+IS_REAUTHORIZE"]},
    ),
    ("a field without a column", (cond("DIRECTION", 1),), {"rest": ["DIRECTION = inbound"]}),
)


@pytest.mark.parametrize(
    ("conditions", "columns"),
    [case[1:] for case in WIDE],
    ids=[case[0] for case in WIDE],
)
def test_conditions_as_columns(
    conditions: tuple[Condition, ...], columns: dict[str, list[Any]]
) -> None:
    assert wide_of(conditions) == columns


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("\\Device\\HarddiskVolume3\\Windows\\A.exe", "\\windows\\a.exe"),
        ("System", "system"),
        ("\\device\\mup\\server\\a.exe", "\\device\\mup\\server\\a.exe"),
        ("\\device\\harddiskvolume3", "\\device\\harddiskvolume3"),
    ],
)
def test_a_program_without_its_volume(path: str, shown: str) -> None:
    assert app_text(path) == shown


def test_what_is_derived_for_a_filter(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    with store.begin_run(command="import") as writer:
        snapshot = replace(made_snapshot(), filters=hard_and_soft())
        writer.add("a", snapshot)
        writer.add("b", replace(snapshot, sublayers=snapshot.sublayers[:1]))
    names = "filter_id, layer_id, sublayer_weight, provider_name, service, owner, hard, boottime"
    sql = f"SELECT {names}, in_force, above_firewall, conditions FROM filters WHERE host = ?"
    text = "IP_REMOTE_PORT = 443"
    assert store.query(f"{sql} ORDER BY ALL", parameters=["a"]).all() == [
        (1, 48, 9, "Provider", "svc", "svc", True, False, True, True, text),
        (2, 48, 8, "Provider", "svc", "svc", False, True, False, False, text),
        (3, 48, None, "Provider", "svc", "svc", False, False, True, None, text),
    ]
    unknown = "SELECT filter_id, above_firewall FROM filters WHERE host = 'b' ORDER BY 1"
    assert store.query(unknown).all() == [(1, None), (2, False), (3, None)]


def test_a_sublayer_as_heavy_as_the_firewall_is_not_above_it(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    snapshot = made_snapshot(1)
    own, firewall = snapshot.sublayers
    quarantine = replace(firewall, const_name="FWPM_SUBLAYER_MPSSVC_QUARANTINE", weight=9)
    with store.begin_run(command="import") as writer:
        writer.add("a", replace(snapshot, sublayers=(own, firewall, quarantine)))
        unknown = replace(quarantine, weight=None)
        writer.add("b", replace(snapshot, sublayers=(own, firewall, unknown)))
        lighter = replace(own, weight=8)
        writer.add("c", replace(snapshot, sublayers=(lighter, firewall, unknown)))
    sql = "SELECT host, above_firewall FROM filters ORDER BY host"
    assert store.query(sql).all() == [("a", False), ("b", None), ("c", False)]
    assert firewall.const_name == FIREWALL


def test_flags_stand_in_columns_of_their_own(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    flags = (CLEAR_ACTION_RIGHT, DISABLED, PERMIT_IF_CALLOUT_UNREGISTERED, PERSISTENT)
    with store.begin_run(command="import") as writer:
        filters = tuple(made_filter(n, flags=(flag,)) for n, flag in enumerate(flags))
        writer.add("a", replace(made_snapshot(), filters=filters))
    names = "hard, disabled, permit_if_unregistered, persistent, in_force"
    assert store.query(f"SELECT {names} FROM filters ORDER BY filter_id").all() == [
        (True, False, False, False, True),
        (False, True, False, False, False),
        (False, False, True, False, True),
        (False, False, False, True, True),
    ]


def test_ids_are_those_of_the_model_however_often_they_come(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    same, other = made_filter(1), made_filter(2, action="FWP_ACTION_PERMIT")
    filters = (same, replace(same, id=3, name="x", effective_weight=5), other)
    with store.begin_run(command="import") as writer:
        for host in "ab":
            writer.add(host, replace(made_snapshot(), filters=filters))
    expected = [(f.id, content_id(f), shape_id(f)) for f in (filters[0], other, filters[1])]
    for host in "ab":
        sql = "SELECT filter_id, content_id, shape_id FROM filters WHERE host = ? ORDER BY 1"
        assert store.query(sql, parameters=[host]).all() == expected


def test_conditions_as_numbers_and_addresses(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    big = (1 << 64) - 1
    conditions = (
        cond("IP_REMOTE_PORT", 443),
        cond("IP_REMOTE_PORT", match=RANGE, low=1, high=9),
        cond("IP_LOCAL_INTERFACE", big),
        cond("X", -1),
        cond("IP_REMOTE_ADDRESS", HOME, prefix_length=8, mask=IPv4Address("255.0.0.0")),
        cond("IP_REMOTE_ADDRESS", HOME, mask=IPv4Address("255.0.255.0")),
        cond("IP_REMOTE_ADDRESS", match=RANGE, low=IPv6Address("::1"), high=IPv6Address("::f")),
        cond("IP_REMOTE_ADDRESS", IPv6Address("fe80::"), prefix_length=10),
        cond("Y", b"\1\2"),
    )
    with store.begin_run(command="import") as writer:
        writer.add("a", replace(made_snapshot(), filters=(made_filter(conditions=conditions),)))
    names = "position, or_group, value, num_low, num_high, ip_family, ip_low, ip_high"
    assert store.query(f"SELECT {names} FROM conditions ORDER BY position").all() == [
        (0, 0, "443", 443, 443, None, None, None),
        (1, 0, "1-9", 1, 9, None, None, None),
        (2, 1, str(big), big, big, None, None, None),
        (3, 2, "-1", None, None, None, None, None),
        (4, 3, "10.0.0.0/8", None, None, 4, "0a000000", "0affffff"),
        (5, 3, "10.0.0.0/255.0.255.0", None, None, 4, "0a000000", "0aff00ff"),
        (6, 3, "::1-::f", None, None, 6, "0" * 31 + "1", "0" * 31 + "f"),
        (7, 3, "fe80::/10", None, None, 6, "fe8" + "0" * 29, "febf" + "f" * 28),
        (8, 4, "0102", None, None, None, None, None),
    ]
