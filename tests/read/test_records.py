"""Records line by line: every value type, every kind of trouble, and anything at all."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pywfp_ps.errors import ReadError
from pywfp_ps.model import objects as o
from pywfp_ps.model.tables import key_of
from pywfp_ps.model.values import TokenInformation
from pywfp_ps.payload.unpack import TooLargeError
from pywfp_ps.read import read_records
from pywfp_ps.write import write_records

LAYER = str(key_of("layers", "FWPM_LAYER_ALE_AUTH_CONNECT_V4"))
SUBLAYER = str(key_of("sublayers", "FWPM_SUBLAYER_UNIVERSAL"))
GUID = "11111111-2222-3333-4444-555555555555"
FILTER: dict[str, Any] = {
    "kind": "filter",
    "key": GUID,
    "name": "n",
    "description": "",
    "flags": 0,
    "id": 7,
    "layer": LAYER,
    "sublayer": SUBLAYER,
    "provider": None,
    "callout": None,
    "filter_type": None,
    "provider_data": "",
    "action": 0x1001,
    "weight": {"t": 0},
    "effective_weight": {"t": 4, "v": 9},
    "conditions": [],
}
SESSION: dict[str, Any] = {
    "kind": "session",
    "key": GUID,
    "name": GUID,
    "description": "",
    "flags": 0,
    "txn_wait_ms": 4294967295,
    "pid": 4,
    "sid": None,
    "user": "",
    "kernel": True,
}
ENDPOINT: dict[str, Any] = {
    "kind": "endpoint",
    "id": 5,
    "local": "fe80::1%12",
    "local_port": 80,
    "remote": "fe80::2",
    "remote_port": 81,
    "protocol": 6,
    "token": -4294967296,
    "mm_sa": 0,
    "qm_sa": 0,
    "ipsec_status": 0,
    "flags": 3,
    "app_id": "\\device\\x",
}


def lines(*records: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def problems(snapshot: o.Snapshot) -> list[str]:
    """Gaps but those that say a kind was not sent."""
    told = [f"{gap.place}: {gap.problem}" for gap in snapshot.gaps]
    return [text for text in told if not text.endswith("was sent")]


def condition(field: str, value: dict[str, Any]) -> tuple[o.Condition, list[str]]:
    key = key_of("conditions", f"FWPM_CONDITION_{field}")
    held = [{"field": str(key), "match": 0, "value": value}]
    snapshot = read_records(lines({**FILTER, "conditions": held}))
    (found,) = snapshot.filters[0].conditions
    return found, problems(snapshot)


@pytest.mark.parametrize(
    ("field", "value", "data_type", "expected"),
    [
        ("IP_PROTOCOL", {"t": 0}, "FWP_EMPTY", None),
        ("IP_PROTOCOL", {"t": 1, "v": 6}, "FWP_UINT8", 6),
        ("IP_REMOTE_PORT", {"t": 2, "v": 65535}, "FWP_UINT16", 65535),
        ("FLAGS", {"t": 3, "v": 1}, "FWP_UINT32", 1),
        ("IP_REMOTE_ADDRESS", {"t": 3, "v": 3221225985}, "FWP_UINT32", IPv4Address("192.0.2.1")),
        ("IP_LOCAL_INTERFACE", {"t": 4, "v": 2**64 - 1}, "FWP_UINT64", 2**64 - 1),
        ("FLAGS", {"t": 5, "v": -128}, "FWP_INT8", -128),
        ("FLAGS", {"t": 8, "v": -(2**63)}, "FWP_INT64", -(2**63)),
        (
            "IP_REMOTE_ADDRESS",
            {"t": 11, "v": "20010db8000000000000000000000001"},
            "FWP_BYTE_ARRAY16_TYPE",
            IPv6Address("2001:db8::1"),
        ),
        (
            "RPC_IF_UUID",
            {"t": 11, "v": "11111111222233334444555555555555"},
            "FWP_BYTE_ARRAY16_TYPE",
            UUID("11111111-2222-3333-4444-555555555555"),
        ),
        ("FLAGS", {"t": 11, "v": "00" * 16}, "FWP_BYTE_ARRAY16_TYPE", bytes(16)),
        ("ALE_APP_ID", {"t": 12, "v": "61000000"}, "FWP_BYTE_BLOB_TYPE", "a"),
        ("ALE_APP_ID", {"t": 12, "v": "6100"}, "FWP_BYTE_BLOB_TYPE", b"a\0"),
        ("ALE_USER_ID", {"t": 13, "v": "S-1-5-18"}, "FWP_SID", "S-1-5-18"),
        (
            "ALE_USER_ID",
            {"t": 14, "v": "D:(A;;CC;;;WD)"},
            "FWP_SECURITY_DESCRIPTOR_TYPE",
            "D:(A;;CC;;;WD)",
        ),
        (
            "ALE_USER_ID",
            {"t": 15, "v": {"sids": [["S-1-5-18", 7]], "restricted": []}},
            "FWP_TOKEN_INFORMATION_TYPE",
            TokenInformation(sids=("S-1-5-18",)),
        ),
        ("FLAGS", {"t": 16, "v": "1020"}, "FWP_TOKEN_ACCESS_INFORMATION_TYPE", b"\x10 "),
        ("FLAGS", {"t": 17, "v": 'h\u00f6st "\\\n'}, "FWP_UNICODE_STRING_TYPE", 'h\u00f6st "\\\n'),
        ("FLAGS", {"t": 18, "v": "001b21010203"}, "FWP_BYTE_ARRAY6_TYPE", "00:1b:21:01:02:03"),
        ("FLAGS", {"t": 20, "v": "01" * 8}, "FWP_BITMAP_ARRAY64_TYPE", b"\x01" * 8),
    ],
)
def test_a_value_of_each_type(
    field: str, value: dict[str, Any], data_type: str, expected: object
) -> None:
    found, trouble = condition(field, value)
    assert (found.type, found.value, found.extra, trouble) == (data_type, expected, (), [])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            {"t": 256, "v": "10.0.0.0", "mask": "255.0.255.0", "prefix": 8},
            {"value": IPv4Address("10.0.0.0"), "mask": IPv4Address("255.0.255.0")},
        ),
        (
            {"t": 256, "v": "10.0.0.0", "mask": "255.0.0.0", "prefix": 8},
            {
                "value": IPv4Address("10.0.0.0"),
                "mask": IPv4Address("255.0.0.0"),
                "prefix_length": 8,
            },
        ),
        (
            {"t": 257, "v": "2001:db8::", "mask": "ffff:ffff::", "prefix": 32},
            {"value": IPv6Address("2001:db8::"), "prefix_length": 32},
        ),
        (
            {"t": 258, "low": {"t": 3, "v": 1}, "high": {"t": 3, "v": 2}},
            {
                "low": IPv4Address("0.0.0.1"),
                "high": IPv4Address("0.0.0.2"),
                "bound_type": "FWP_UINT32",
            },
        ),
    ],
)
def test_masks_and_ranges(value: dict[str, Any], expected: dict[str, Any]) -> None:
    found, trouble = condition("IP_REMOTE_ADDRESS", value)
    names = ("value", "low", "high", "bound_type", "mask", "prefix_length")
    assert {name: getattr(found, name) for name in names} == {**dict.fromkeys(names), **expected}
    assert trouble == []


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"t": 9, "lost": True}, "the module gives no value of type FWP_FLOAT"),
        ({"t": 99, "lost": True}, "the module gives no value of type 0x00000063"),
        ({"t": 99, "v": 1}, "unknown data type 0x00000063"),
        ({"t": 13, "v": None}, "could not read the value of type FWP_SID"),
        ({"t": 13, "v": "BUILTIN\\Users"}, "is no SID"),
        ({"t": 14, "v": "Administrators"}, "is no security descriptor"),
        ({"t": 2, "v": 65536}, "65536 is out of range for FWP_UINT16"),
        ({"t": 2, "v": -1}, "-1 is out of range for FWP_UINT16"),
        ({"t": 2, "v": True}, "FWP_UINT16 that is no integer"),
        ({"t": 2, "v": "1"}, "FWP_UINT16 that is no integer"),
        ({"t": 2, "v": 1.5}, "FWP_UINT16 that is no integer"),
        ({"t": 2, "v": 10**4000}, "FWP_UINT16 that is no integer of 64 bits"),
        ({"t": 2, "v": 1, "w": 2}, "a value is not just t, v"),
        ({"t": 0, "v": 1}, "a value is not just t"),
        ({"t": 11, "v": "00"}, "1 bytes where 16 belong"),
        ({"t": 12, "v": "0"}, "is no bytes in hex"),
        ({"t": 12, "v": "0 0 "}, "is no bytes in hex"),
        ({"t": 12, "v": 5}, "FWP_BYTE_BLOB_TYPE that is no text"),
        ({"t": 15, "v": {"sids": [["S-1-5-18"]], "restricted": []}}, "a SID and its attributes"),
        ({"t": 256, "v": "10.0.0.0", "mask": "8", "prefix": 8}, "Expected 4 octets"),
        ({"t": 257, "v": "::", "mask": "ffff::", "prefix": 8}, "a mask that is not the prefix"),
        ({"t": 257, "v": "::", "mask": "::", "prefix": 129}, "a prefix of 129 bits"),
        (
            {"t": 258, "low": {"t": 1, "v": 1}, "high": {"t": 2, "v": 2}},
            "a range from FWP_UINT8 to FWP_UINT16",
        ),
        (
            {"t": 258, "low": {"t": 258, "low": {}, "high": {}}, "high": {"t": 258}},
            "a value is not just t, v",
        ),
    ],
)
def test_a_value_without_sense_keeps_its_condition(value: dict[str, Any], problem: str) -> None:
    found, trouble = condition("FLAGS", value)
    assert (found.field, found.value, found.low) == ("FWPM_CONDITION_FLAGS", None, None)
    assert [node.tag for node in found.extra] == ["value"]
    assert len(trouble) == 1
    assert trouble[0].startswith("line 1/conditions[0]: ")
    assert problem in trouble[0]


@pytest.mark.parametrize(
    "held",
    [
        [5],
        [None],
        [{"field": GUID, "match": 0}],
        [{"field": "FLAGS", "match": 0, "value": {"t": 0}}],
        [{"field": "00000000-0000-0000-0000-000000000000", "match": 0, "value": {"t": 0}}],
        [{"field": GUID, "match": "0x", "value": {"t": 0}}],
        [{"field": GUID, "match": 0, "value": 7}],
        [{"field": GUID, "match": 0, "value": {"t": "3", "v": 1}}],
        "conditions",
        {"0": {}},
    ],
)
def test_a_condition_without_sense_is_there_and_unknown(held: object) -> None:
    snapshot = read_records(lines({**FILTER, "conditions": held}))
    (found,) = snapshot.filters[0].conditions
    assert (found.field, found.match, found.type, len(found.extra)) == ("", "", "", 1)
    assert len(problems(snapshot)) == 1


@pytest.mark.parametrize(
    ("change", "attribute", "expected"),
    [
        ({"flags": 4161}, "flags_value", 4161),
        ({"action": 0x4099}, "action", "0x00004099"),
        ({"weight": {"t": 1, "v": 15}}, "weight", 15),
        ({"weight": {"t": 4, "v": 2**64 - 1}}, "weight_type", "FWP_UINT64"),
        ({"callout": GUID, "action": 0x5003}, "callout", f"{{{GUID}}}"),
        ({"filter_type": GUID}, "filter_type", UUID(GUID)),
        ({"provider_data": "00ff"}, "provider_data", b"\x00\xff"),
        ({"name": ""}, "name", None),
        ({"sd": "D:(A;;CC;;;WD)"}, "security_descriptor", "D:(A;;CC;;;WD)"),
        ({"newer": {"a": [1]}}, "extra", (o.Node("newer", '{"a": [1]}'),)),
        ({"id": 2**64 - 1}, "id", 2**64 - 1),
    ],
)
def test_a_member_of_a_filter(change: dict[str, Any], attribute: str, expected: object) -> None:
    snapshot = read_records(lines({**FILTER, **change}))
    assert getattr(snapshot.filters[0], attribute) == expected
    assert problems(snapshot) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"flags": -1}, "flags: -1 is out of range"),
        ({"flags": "1"}, "flags: is no integer"),
        ({"name": 5}, "name: is no text"),
        ({"key": "5"}, "key: is no GUID"),
        ({"provider": [GUID]}, "provider: is no GUID"),
        ({"provider_data": "0x00"}, "provider_data: is no bytes"),
        ({"weight": {"t": 2, "v": 1}}, "weight: FWP_UINT16 is no weight"),
        ({"effective_weight": None}, "effective_weight: has no data type"),
        ({"sd": "x"}, "sd: is no security descriptor"),
    ],
)
def test_a_member_without_sense_costs_only_itself(change: dict[str, Any], problem: str) -> None:
    snapshot = read_records(lines({**FILTER, **change}))
    assert len(snapshot.filters) == 1
    assert [node.tag for node in snapshot.filters[0].extra] == list(change)
    assert [text.partition("/")[2][: len(problem)] for text in problems(snapshot)] == [problem]


@pytest.mark.parametrize(
    "name", sorted(set(FILTER) - {"kind", "id", "layer", "sublayer", "action"})
)
def test_a_missing_member_is_told(name: str) -> None:
    snapshot = read_records(lines({k: v for k, v in FILTER.items() if k != name}))
    assert problems(snapshot) == [f"line 1/{name}: is missing"]
    assert len(snapshot.filters) == 1


@pytest.mark.parametrize("name", ["id", "layer", "sublayer", "action"])
def test_a_filter_makes_no_sense_without(name: str) -> None:
    snapshot = read_records(lines(SESSION, {**FILTER, name: None}))
    assert snapshot.filters == ()
    assert len(problems(snapshot)) == 1
    assert problems(snapshot)[0].startswith("line 2: filter ")


def test_sessions_and_endpoints() -> None:
    snapshot = read_records(lines(SESSION, ENDPOINT))
    assert snapshot.sessions == (
        o.Session(
            key=UUID(GUID),
            txn_wait_timeout_ms=4294967295,
            process_id=4,
            kernel_mode=True,
        ),
    )
    assert snapshot.endpoints == (
        o.AleEndpoint(
            id=5,
            ip_version=6,
            local_address=IPv6Address("fe80::1"),
            remote_address=IPv6Address("fe80::2"),
            local_port=80,
            remote_port=81,
            protocol=6,
            token_modified_id=0xFFFFFFFF00000000,
            mm_sa_id=0,
            qm_sa_id=0,
            ipsec_status=0,
            flags=("0x00000003",),
            flags_value=3,
            app_id="\\device\\x",
        ),
    )
    assert problems(snapshot) == []


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"WARNING: profile not loaded", "is no record"),
        (b"[]", "is no record"),
        (b'{"kind":5}', "is no record"),
        (b'{"key":"x"}', "has no kind"),
        (b'{"kind":"filter","id":', "is no record"),
        (b'{"kind":"filter"}{"kind":"filter"}', "is no record"),
        (b'{"kind":"\xff"}', "is no record"),
        (b"[" * 100_000, "is no record"),
        (b'{"kind":"filter","conditions":' + b"[" * 100_000, "is no record"),
    ],
)
def test_a_line_that_is_no_record_is_told(line: bytes, problem: str) -> None:
    snapshot = read_records(lines(SESSION) + line + b"\n" + lines(FILTER))
    assert (len(snapshot.sessions), len(snapshot.filters)) == (1, 1)
    assert not snapshot.completeness.whole
    assert len(problems(snapshot)) == 1
    assert problems(snapshot)[0].startswith(f"line 2: {problem}")


def test_nesting_without_end_costs_a_member() -> None:
    deep = "[" * 900 + "]" * 900
    text = json.dumps(FILTER).replace('"conditions": []', f'"conditions": {deep}')
    snapshot = read_records(text.encode())
    assert len(snapshot.filters) == 1
    assert len(problems(snapshot)) == 1


def test_a_repeated_member_is_told() -> None:
    text = json.dumps(FILTER, separators=(",", ":"))
    for twice in (
        text.replace('"id":7', '"id":7,"id":8'),
        text.replace('"id":7', '"id":7, "\\u0069d":8'),
    ):
        snapshot = read_records(twice.encode())
        assert problems(snapshot) == ["line 1: repeats a member; the last was read"]
        assert snapshot.filters[0].id == 8


def test_a_kind_that_stands_there_twice_is_told() -> None:
    text = json.dumps(FILTER, separators=(",", ":")).replace("{", '{"kind":"filter",', 1)
    snapshot = read_records(
        text.replace('"kind":"filter","key"', '"kind":"session","key"').encode()
    )
    assert (len(snapshot.filters), len(snapshot.sessions)) == (0, 1)
    assert problems(snapshot)[0] == "line 1: repeats a member; the last was read"


def test_filters_may_come_before_their_layers() -> None:
    """A field of a layer that no table knows is an address because the layer says so."""
    layer = {
        "kind": "layer", "key": GUID, "name": "", "description": "", "flags": 0, "id": 200,
        "default_sublayer": None, "fields": [[SUBLAYER, 1, 3]],
    }  # fmt: skip
    held = [{"field": SUBLAYER, "match": 0, "value": {"t": 3, "v": 1}}]
    snapshot = read_records(lines({**FILTER, "layer": GUID, "conditions": held}, layer))
    assert snapshot.filters[0].conditions[0].value == IPv4Address("0.0.0.1")
    assert (snapshot.layers[0].filter_count, problems(snapshot)) == (1, [])


def test_spaces_and_escapes_are_no_repetition() -> None:
    assert problems(read_records(b'  {"kind" : "session" }\r\n' + lines(SESSION)))[0] == (
        "line 1/key: is missing"
    )
    escaped = json.dumps(SESSION).replace('"pid"', '"\\u0070id"')
    assert problems(read_records(escaped.encode())) == []


def test_half_a_surrogate_pair_is_replaced() -> None:
    text = json.dumps({**FILTER, "name": "NAME"}).replace("NAME", "a\\ud800b")
    snapshot = read_records(text.encode())
    assert snapshot.filters[0].name == "a\ufffdb"
    assert problems(snapshot) == ["line 1: half of a surrogate pair was replaced"]


def test_what_the_host_could_not_read_is_told_in_its_words() -> None:
    gap = {"kind": "gap", "of": "filter", "about": LAYER, "id": "X", "text": "(0x80070005) - no"}
    snapshot = read_records(lines(SESSION, gap))
    assert problems(snapshot) == [f"line 2/filter/{LAYER}: the host said: (0x80070005) - no"]
    assert "no filter was sent" not in [one.problem for one in snapshot.gaps]


def test_kinds_without_a_place_in_a_snapshot_are_told() -> None:
    option = {"kind": "engineoption", "option": "NameCache", "value": {"t": 3, "v": 1}}
    snapshot = read_records(
        lines(option, {"kind": "netevent"}, {"kind": "netevent"}, {"kind": "x", "a": 1})
    )
    assert problems(snapshot) == [
        "line 4: is of a kind that is not known: x",
        "the records: 2 net events are no part of a snapshot",
    ]
    assert snapshot.extra == (o.Node("x", "a: 1"),)


@pytest.mark.parametrize("data", [b"", b"\n\n", b"Access is denied.\n", b"{}", b"[1]"])
def test_no_record_at_all_is_refused(data: bytes) -> None:
    with pytest.raises(ReadError, match="holds no record of NtObjectManager"):
        read_records(data)


def test_a_bomb_is_refused() -> None:
    with pytest.raises(TooLargeError, match="grows 250-fold"):
        read_records(gzip.compress(bytes(50 << 20)))


def test_gaps_are_bounded() -> None:
    snapshot = read_records(lines(SESSION) + b"x\n" * 3000)
    assert len(snapshot.gaps) == 1001
    assert snapshot.gaps[-1].problem == "and 2005 more gaps"


def test_the_time_is_given() -> None:
    at = datetime(2026, 11, 21, tzinfo=UTC)
    assert read_records(lines(SESSION), taken_at=at).taken_at == at
    assert read_records(lines(SESSION)).taken_at is None


def test_missing_kinds_are_told() -> None:
    told = [gap.problem for gap in read_records(lines(SESSION)).gaps]
    kinds = ("provider", "sublayer", "layer", "callout", "filter")
    assert told == [f"no {kind} was sent" for kind in kinds]


@pytest.mark.parametrize("name", ["host-a", "host-b", "host-c"])
def test_real_records_are_written_again_byte_for_byte(samples: Path, name: str) -> None:
    data = gzip.decompress((samples / "ntobjectmanager" / f"{name}.jsonl.gz").read_bytes())
    assert write_records(read_records(data)) == data


def test_made_up_values_are_written_again(samples: Path) -> None:
    data = gzip.decompress((samples / "ntobjectmanager" / "made-up-values.jsonl.gz").read_bytes())
    written = write_records(read_records(data))
    pairs = zip(
        map(json.loads, data.splitlines()), map(json.loads, written.splitlines()), strict=True
    )
    # Attributes of a token's groups have no place in a condition.
    assert [one["name"] for one, other in pairs if one != other] == ["value token information"]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**65), 2**65) | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
_VALUES = (
    st.sampled_from([GUID, LAYER, "", "00ff", 0, 1, -1, 2**32, 2**64, {"t": 3, "v": 1}]) | _JSON
)


@st.composite
def _records(draw: st.DrawFn) -> bytes:
    record = dict(draw(st.sampled_from([FILTER, SESSION, ENDPOINT])))
    for name in draw(
        st.lists(st.sampled_from([*record, "conditions", "of", "fields"]), max_size=4)
    ):
        record[name] = draw(_VALUES)
    record["kind"] = draw(
        st.sampled_from(
            [
                "filter",
                "layer",
                "sublayer",
                "provider",
                "callout",
                "session",
                "endpoint",
                "gap",
                "x",
            ]
        )
    )
    text = json.dumps(record).encode()
    if draw(st.booleans()):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.binary(max_size=4)) + text[at + draw(st.integers(0, 9)) :]
    return text


@settings(max_examples=150, deadline=None)
@given(st.lists(_records(), max_size=4))
def test_whatever_comes_is_read_or_told(found: list[bytes]) -> None:
    """No line is lost without a word, and what is read can go into a store as UTF-8."""
    snapshot = read_records(lines(SESSION) + b"\n".join(found))
    read = sum(len(getattr(snapshot, kind)) for kind in ("layers", "sublayers", "providers"))
    read += sum(
        len(getattr(snapshot, kind)) for kind in ("callouts", "filters", "sessions", "endpoints")
    )
    told = len({gap.place.partition("/")[0] for gap in snapshot.gaps if gap.place != "the records"})
    assert read - 1 + told >= len([line for line in b"\n".join(found).split(b"\n") if line.strip()])
    repr(snapshot).encode()


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_refused_or_read(data: bytes) -> None:
    try:
        read_records(data)
    except ReadError:
        return
