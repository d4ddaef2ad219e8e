from __future__ import annotations

import json
from datetime import UTC, datetime
from ipaddress import ip_interface
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywfp_ps.errors import ReadError
from pywfp_ps.model.host import HostFacts, Interface, Volume
from pywfp_ps.model.objects import Gap
from pywfp_ps.read.facts import read_after, read_facts, read_newest_filters

_TOLD: dict[str, Any] = {
    "computer": "WEB-03",
    "clock": {"utc": "2026-11-21T10:00:00.000Z"},
    "powershell": {"version": "5.1.26100.1", "language_mode": "FullLanguage"},
    "culture": "de-DE",
    "os": {
        "name": "Microsoft Windows Server 2025",
        "CurrentBuild": "26100",
        "UBR": 2849,
        "architecture": "64-Bit",
        "boot_time": "2026-11-01T06:00:00Z",
    },
    "domain": {"name": "corp.example"},
    "account": {"name": "CORP\\ops", "elevated": True},
    "bfe": {"process_id": 1872, "started_at": "2026-11-01T06:00:09Z"},
    "interfaces": [
        {
            "index": 12,
            "luid": 1689399649632256,
            "alias": "Ethernet",
            "description": "Adapter",
            "type": 6,
            "connected_2": 1,
            "connected_23": 0,
            "addresses": [
                {"address": "192.0.2.7", "prefix_length": 24},
                {"address": "fe80::1%12", "prefix_length": 64},
            ],
            "network": "corp.example",
            "category": 2,
        },
        {"index": 1, "alias": "Loopback"},
    ],
    "volumes": [{"letter": "C:", "device": "\\Device\\HarddiskVolume3"}],
    "ntobjectmanager": ["2.0.1", "1.1.33"],
}
_FACTS = HostFacts(
    computer="WEB-03",
    domain="corp.example",
    os_name="Microsoft Windows Server 2025",
    os_build="26100.2849",
    architecture="64-Bit",
    elevated=True,
    account="CORP\\ops",
    clock=datetime(2026, 11, 21, 10, tzinfo=UTC),
    culture="de-DE",
    boot_time=datetime(2026, 11, 1, 6, tzinfo=UTC),
    bfe_started_at=datetime(2026, 11, 1, 6, 0, 9, tzinfo=UTC),
    bfe_process_id=1872,
    powershell_version="5.1.26100.1",
    language_mode="FullLanguage",
    interfaces=(
        Interface(
            luid=1689399649632256,
            index=12,
            alias="Ethernet",
            description="Adapter",
            type=6,
            is_up=True,
            addresses=(ip_interface("192.0.2.7/24"), ip_interface("fe80::1/64")),
            profile="domain",
            network="corp.example",
        ),
        Interface(index=1, alias="Loopback"),
    ),
    volumes=(Volume(letter="C:", device="\\Device\\HarddiskVolume3"),),
    ntobjectmanager=("2.0.1", "1.1.33"),
)


def test_facts_are_read_whole() -> None:
    assert read_facts(json.dumps(_TOLD).encode()) == (_FACTS, ())


def test_no_facts_are_unknown_not_false() -> None:
    assert read_facts(b"{}") == (HostFacts(), ())


@pytest.mark.parametrize(
    ("told", "place", "problem"),
    [
        ({"computer": 7}, "computer", "is int, not str"),
        ({"account": {"elevated": 1}}, "account.elevated", "is int, not bool"),
        ({"os": "x"}, "os", "is str, not dict"),
        ({"clock": {"utc": "soon"}}, "clock.utc", "'soon' is no time"),
        (
            {"os": {"boot_time": "9999-12-31T23:59:59-14:00"}},
            "os.boot_time",
            "'9999-12-31T23:59:59-14:00' is no time",
        ),
        (
            {"bfe": {"started_at": "0001-01-01T00:00:00+14:00"}},
            "bfe.started_at",
            "'0001-01-01T00:00:00+14:00' is no time",
        ),
        ({"unknown": [[1] * 200]}, "unknown", f"the host could not say {'[' + '1,' * 88}"),
        ({"interfaces": [7]}, "interfaces[0]", "is no object"),
        ({"interfaces": {}}, "interfaces", "is dict, not list"),
        (
            {"interfaces": [{"addresses": [{"address": "x", "prefix_length": 1}]}]},
            "interfaces[0].addresses[0]",
            "'x'/1 is no address",
        ),
        ({"unknown": [{"step": "os"}]}, "unknown", 'the host could not say {"step":"os"}'),
    ],
)
def test_what_makes_no_sense_is_a_gap(told: dict[str, Any], place: str, problem: str) -> None:
    gaps = read_facts(json.dumps(told).encode())[1]
    assert gaps == (Gap(source="facts", place=place, problem=problem),)


def test_gaps_are_not_without_end() -> None:
    _, gaps = read_facts(json.dumps({"unknown": [7] * 9_000}).encode())
    assert len(gaps) == 1_001
    assert gaps[-1] == Gap(source="facts", place="the facts", problem="and 8000 more gaps")


@pytest.mark.parametrize("data", [b"", b"[]", b"7", b"\xff", b"[" * 100_000])
def test_what_is_no_object_is_refused(data: bytes) -> None:
    with pytest.raises(ReadError, match="JSON"):
        read_facts(data)


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*_TOLD, "x"]), inner),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(list(_TOLD)), _JSON))
def test_any_json_is_read(told: dict[str, Any]) -> None:
    facts, _ = read_facts(json.dumps(told).encode())
    assert isinstance(facts, HostFacts)


def test_the_end_of_a_job_tells_when_the_engine_was_started() -> None:
    told = {"bfe": {"started_at": "2026-11-01T06:00:09Z"}}
    assert read_after(json.dumps(told).encode()) == _FACTS.bfe_started_at
    assert read_after(b"nonsense") is None


@pytest.mark.parametrize(
    ("data", "ids"),
    [
        (b'{"newest_filter":["7","9"]}', (7, 9)),
        (b'{"newest_filter":["18446744073709551615","7"]}', (18446744073709551615, 7)),
        (b'{"newest_filter":["", "7"]}', (7,)),
        (b'{"newest_filter":[7, "-1", "x", "1e3", "999999999999999999999"]}', ()),
        (b'{"newest_filter":"7"}', ()),
        (b"[]", ()),
        (b"{", ()),
    ],
)
def test_newest_filters(data: bytes, ids: tuple[int, ...]) -> None:
    assert read_newest_filters(data) == ids
