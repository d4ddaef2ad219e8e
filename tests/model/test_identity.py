from __future__ import annotations

import hashlib
import json
import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from pywfp_ps.model.identity import OwnPlaces, canonical, content_id, shape_id
from pywfp_ps.model.objects import Condition, Filter
from pywfp_ps.model.tables import key_of

_DOC = Path(__file__).resolve().parents[2] / "docs" / "identity.md"
_PORT = "FWPM_CONDITION_IP_REMOTE_PORT"
_APP = "FWPM_CONDITION_ALE_APP_ID"
_ADDRESS = "FWPM_CONDITION_IP_REMOTE_ADDRESS"


def _condition(field: str, type_: str, **what: object) -> Condition:
    key = key_of("conditions", field)
    match = what.pop("match", "FWP_MATCH_EQUAL")
    return Condition(field=field, field_key=key, match=match, type=type_, **what)  # type: ignore[arg-type] # table rows


def _port(number: int) -> Condition:
    return _condition(_PORT, "FWP_UINT16", value=number)


def _app(path: str) -> Condition:
    return _condition(_APP, "FWP_BYTE_BLOB_TYPE", value=path)


def _protocol(number: int) -> Condition:
    return _condition("FWPM_CONDITION_IP_PROTOCOL", "FWP_UINT8", value=number)


def _filter(*conditions: Condition, **what: object) -> Filter:
    fields: dict[str, object] = {
        "id": 1,
        "key": None,
        "layer": "FWPM_LAYER_ALE_AUTH_CONNECT_V4",
        "layer_key": key_of("layers", "FWPM_LAYER_ALE_AUTH_CONNECT_V4"),
        "sublayer": "FWPM_SUBLAYER_UNIVERSAL",
        "sublayer_key": key_of("sublayers", "FWPM_SUBLAYER_UNIVERSAL"),
        "action": "FWP_ACTION_BLOCK",
        "conditions": conditions,
    }
    return Filter(**(fields | what))  # type: ignore[arg-type] # table rows


_VECTORS = {
    "no conditions": _filter(),
    "one port": _filter(_port(443)),
    "alternatives and a program": _filter(
        _app("\\device\\harddiskvolume3\\tools\\agent.exe"), _port(443), _port(80)
    ),
    "a field that comes back": _filter(_port(80), _protocol(6), _port(443)),
    "hard, with a descriptor and a mask": _filter(
        _condition(
            "FWPM_CONDITION_ALE_USER_ID",
            "FWP_SECURITY_DESCRIPTOR_TYPE",
            value="O:LSD:(A;;CC;;;S-1-5-80-1-2-3-4-5)(A;;CC;;;WD)",
        ),
        _condition(
            _ADDRESS,
            "FWP_V4_ADDR_MASK",
            value=IPv4Address("192.0.2.0"),
            mask=IPv4Address("255.255.255.0"),
            prefix_length=24,
        ),
        flags=("FWPM_FILTER_FLAG_CLEAR_ACTION_RIGHT", "FWPM_FILTER_FLAG_INDEXED"),
        flags_value=72,
    ),
}


def _documented() -> dict[str, tuple[str, str]]:
    """Name to canonical JSON and content id, from the page's vectors."""
    pattern = re.compile(r"^### (.+?)\n\n```json\n(.+?)\n```\n\n`(1:[0-9a-f]{32})`", re.MULTILINE)
    return {name: (text, id_) for name, text, id_ in pattern.findall(_DOC.read_text("utf-8"))}


def test_the_documented_vectors_are_all_tested() -> None:
    assert list(_documented()) == list(_VECTORS)


@pytest.mark.parametrize("name", _VECTORS)
def test_a_documented_vector_holds(name: str) -> None:
    text, id_ = _documented()[name]
    assert id_ == "1:" + hashlib.sha256(text.encode()).hexdigest()[:32]
    assert (canonical(_VECTORS[name]), content_id(_VECTORS[name])) == (json.loads(text), id_)


@pytest.mark.parametrize(
    "changed",
    [
        {"id": 99},
        {"effective_weight": 7, "weight": 7, "weight_type": "FWP_UINT64"},
        {"name": "other", "description": "other"},
        {"flags": ("FWPM_FILTER_FLAG_INDEXED", "FWPM_FILTER_FLAG_PERSISTENT"), "flags_value": 65},
    ],
)
def test_what_differs_between_machines_does_not_count(changed: dict[str, object]) -> None:
    assert content_id(structs.replace(_filter(_port(1)), **changed)) == content_id(
        _filter(_port(1))
    )


@pytest.mark.parametrize(
    "other",
    [
        _filter(_port(2)),
        _filter(_port(1), action="FWP_ACTION_PERMIT"),
        _filter(_port(1), flags=("FWPM_FILTER_FLAG_BOOTTIME",), flags_value=2),
        _filter(_port(1), _protocol(6)),
        _filter(_condition(_PORT, "FWP_UINT16", value=1, match="FWP_MATCH_NOT_EQUAL")),
        _filter(_condition(_PORT, "FWP_UINT32", value=1)),
    ],
)
def test_what_the_filter_does_counts(other: Filter) -> None:
    assert content_id(other) != content_id(_filter(_port(1)))


def test_split_runs_of_a_field_are_not_one_run() -> None:
    together = _filter(_port(80), _port(443), _protocol(6))
    split = _filter(_port(80), _protocol(6), _port(443))
    assert content_id(together) != content_id(split)


@given(st.permutations([_port(1), _port(2), _port(3)]), st.booleans())
def test_order_within_and_among_runs_does_not_count(ports: list[Condition], first: bool) -> None:
    mixed = [_protocol(6), *ports] if first else [*ports, _protocol(6)]
    assert content_id(_filter(*mixed)) == content_id(
        _filter(_port(1), _port(2), _port(3), _protocol(6))
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            _app("\\device\\harddiskvolume3\\Tools\\a.exe"),
            _app("\\DEVICE\\harddiskvolume12\\tools\\A.EXE"),
        ),
        (
            _condition(
                "FWPM_CONDITION_ALE_USER_ID",
                "FWP_SECURITY_DESCRIPTOR_TYPE",
                value="D:(A;;CC;;;WD)",
            ),
            _condition(
                "FWPM_CONDITION_ALE_USER_ID",
                "FWP_SECURITY_DESCRIPTOR_TYPE",
                value="D:(A;;0x1;;;S-1-1-0)",
            ),
        ),
    ],
)
def test_spellings_of_one_value_are_equal(one: Condition, other: Condition) -> None:
    assert content_id(_filter(one)) == content_id(_filter(other))


_OWN = OwnPlaces(
    addresses=frozenset({IPv4Address("192.0.2.7"), IPv6Address("2001:db8::7")}),
    networks=frozenset({IPv4Network("192.0.2.0/24")}),
)
_OTHER = OwnPlaces(
    addresses=frozenset({IPv4Address("198.51.100.9"), IPv6Address("2001:db8::9")}),
    networks=frozenset({IPv4Network("198.51.100.0/24")}),
)


@pytest.mark.parametrize(
    ("here", "there"),
    [
        (
            _condition(_ADDRESS, "FWP_UINT32", value=IPv4Address("192.0.2.7")),
            _condition(_ADDRESS, "FWP_UINT32", value=IPv4Address("198.51.100.9")),
        ),
        (
            _condition(
                _ADDRESS,
                "FWP_V4_ADDR_MASK",
                value=IPv4Address("192.0.2.0"),
                mask=IPv4Address("255.255.255.0"),
                prefix_length=24,
            ),
            _condition(
                _ADDRESS,
                "FWP_V4_ADDR_MASK",
                value=IPv4Address("198.51.100.0"),
                mask=IPv4Address("255.255.255.0"),
                prefix_length=24,
            ),
        ),
        (
            _condition(
                _ADDRESS,
                "FWP_RANGE_TYPE",
                match="FWP_MATCH_RANGE",
                low=IPv4Address("192.0.2.0"),
                high=IPv4Address("192.0.2.255"),
                bound_type="FWP_UINT32",
            ),
            _condition(
                _ADDRESS,
                "FWP_RANGE_TYPE",
                match="FWP_MATCH_RANGE",
                low=IPv4Address("198.51.100.0"),
                high=IPv4Address("198.51.100.255"),
                bound_type="FWP_UINT32",
            ),
        ),
        (
            _condition("FWPM_CONDITION_IP_LOCAL_INTERFACE", "FWP_UINT64", value=(6 << 48) + 5),
            _condition("FWPM_CONDITION_IP_LOCAL_INTERFACE", "FWP_UINT64", value=(6 << 48) + 9),
        ),
        (
            _condition(
                "FWPM_CONDITION_ALE_USER_ID",
                "FWP_SECURITY_DESCRIPTOR_TYPE",
                value="D:(A;;CC;;;S-1-5-21-1-2-3-1001)",
            ),
            _condition(
                "FWPM_CONDITION_ALE_USER_ID",
                "FWP_SECURITY_DESCRIPTOR_TYPE",
                value="D:(A;;CC;;;S-1-5-21-7-8-9-1001)",
            ),
        ),
        (
            _app("\\device\\harddiskvolume3\\users\\ann\\appdata\\app-1.2.3\\a.exe"),
            _app("\\device\\harddiskvolume4\\users\\bob\\appdata\\app-10.0\\a.exe"),
        ),
    ],
)
def test_a_shape_blanks_what_belongs_to_one_machine(here: Condition, there: Condition) -> None:
    assert shape_id(_filter(here), _OWN) == shape_id(_filter(there), _OTHER)
    assert content_id(_filter(here)) != content_id(_filter(there))


@pytest.mark.parametrize(
    ("here", "there"),
    [
        (_app("\\users\\public\\a.exe"), _app("\\users\\ann\\a.exe")),
        (
            _condition("FWPM_CONDITION_IP_LOCAL_INTERFACE", "FWP_UINT64", value=6 << 48),
            _condition("FWPM_CONDITION_IP_LOCAL_INTERFACE", "FWP_UINT64", value=71 << 48),
        ),
        (
            _condition(_ADDRESS, "FWP_UINT32", value=IPv4Address("203.0.113.1")),
            _condition(_ADDRESS, "FWP_UINT32", value=IPv4Address("192.0.2.7")),
        ),
    ],
)
def test_a_shape_keeps_what_means_the_same_everywhere(here: Condition, there: Condition) -> None:
    assert shape_id(_filter(here), _OWN) != shape_id(_filter(there), _OWN)
