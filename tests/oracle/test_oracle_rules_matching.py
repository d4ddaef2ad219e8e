"""Rules 1 to 4 (scope, matching, match types, missing fields), one named small case each."""

import pytest

from tests.oracle.explain_oracle import explain
from tests.oracle.oracle_build import CONNECT, between, blob, check, dump, rule, typed
from tests.oracle.oracle_logic import Tri, tri_and, tri_not, tri_or
from tests.oracle.oracle_match import compare, runs_of
from tests.oracle.oracle_read import Condition, Value, read_state

FLOW: dict[str, object] = {
    "direction": "out",
    "protocol": "tcp",
    "local_address": "192.0.2.10",
    "remote_address": "203.0.113.10",
    "remote_port": 443,
    "as": "user",
    "app": r"\device\harddiskvolume3\tools\a.exe",
    "layer": CONNECT,
}


def verdict(*conditions: str, fields: dict[str, str] | None = None, **flow: object) -> str:
    """Strict verdict of one block filter with these conditions."""
    state = read_state(dump(rule(1, "BLOCK", *conditions), fields=fields))
    return str(explain(state, FLOW | flow)["verdict"])


def test_rule_1_1_a_block_at_one_layer_ends_the_traffic() -> None:
    later = "FWPM_LAYER_OUTBOUND_TRANSPORT_V4"
    state = read_state(dump(rule(1, "PERMIT"), rule(2, "BLOCK", layer=later)))
    answer = explain(state, FLOW | {"layer": None})
    assert answer["verdict"] == "block"
    assert [one["verdict"] for one in answer["layers"] if one["layer"] == CONNECT] == ["permit"]


def test_rule_1_2_and_1_3_a_filter_without_sublayer_lies_in_universal() -> None:
    state = read_state(
        dump(rule(1, "BLOCK", sublayer=""), sublayers={"FWPM_SUBLAYER_UNIVERSAL": 7})
    )
    shown = explain(state, FLOW)["layers"][0]["sublayers"]
    assert [(one["sublayer"], one["weight"]) for one in shown] == [("FWPM_SUBLAYER_UNIVERSAL", 7)]


def test_rule_1_4_a_v4_filter_never_sees_v6() -> None:
    state = read_state(dump(rule(1, "BLOCK")))
    six = {"local_address": "2001:db8::1", "remote_address": "2001:db8::2", "layer": None}
    assert explain(state, FLOW | six)["verdict"] == "permit"


def test_rule_2_1_no_condition_matches_everything() -> None:
    assert verdict() == "block"


def test_rule_2_2_different_fields_are_and() -> None:
    port = check("IP_REMOTE_PORT", "EQUAL", "UINT16", 443)
    assert verdict(port, check("IP_PROTOCOL", "EQUAL", "UINT8", 6)) == "block"
    assert verdict(port, check("IP_PROTOCOL", "EQUAL", "UINT8", 17)) == "permit"


def test_rule_2_3_neighbours_on_one_field_are_or() -> None:
    ports = [check("IP_REMOTE_PORT", "EQUAL", "UINT16", port) for port in (80, 443)]
    assert verdict(*ports) == "block"


def test_rule_2_4_a_field_that_comes_back_is_another_run() -> None:
    first, second = (check("IP_REMOTE_PORT", "EQUAL", "UINT16", port) for port in (80, 443))
    assert verdict(first, check("IP_PROTOCOL", "EQUAL", "UINT8", 6), second) == "permit"
    parts = [
        Condition(field=name, match="", value=Value(type="", data=0))
        for name in ("a", "a", "b", "a")
    ]
    assert [len(run) for run in runs_of(tuple(parts))] == [2, 1, 1]


def test_rule_2_5_not_equal_alternatives_hold_for_nearly_everything() -> None:
    ports = [check("IP_REMOTE_PORT", "NOT_EQUAL", "UINT16", port) for port in (80, 443)]
    assert verdict(*ports) == "block"


def test_rule_2_6_duplicates_are_alternatives_not_an_error() -> None:
    same = check("IP_REMOTE_PORT", "EQUAL", "UINT16", 443)
    assert verdict(same, same) == "block"


@pytest.mark.parametrize(
    ("field", "kind", "value", "expected"),
    [
        ("IP_REMOTE_PORT", "UINT32", 443, "unknown"),
        ("IP_REMOTE_ADDRESS", "V4_ADDR_MASK", "203.0.113.0/24", "block"),
        ("IP_REMOTE_ADDRESS", "V4_ADDR_MASK", "198.51.100.0/24", "permit"),
        ("IP_REMOTE_ADDRESS", "V6_ADDR_MASK", "2001:db8::/32", "unknown"),
        ("ALE_USER_ID", "SECURITY_DESCRIPTOR_TYPE", "D:(A;;CC;;;WD)", "block"),
        ("ALE_USER_ID", "SID", "S-1-1-0", "unknown"),
        ("IP_REMOTE_PORT", "BITMAP_INDEX_TYPE", 1, "unknown"),
    ],
)
def test_rule_2_7_nothing_is_converted(field: str, kind: str, value: object, expected: str) -> None:
    assert verdict(check(field, "EQUAL", kind, value)) == expected


def test_rule_2_8_addresses_and_ports_are_in_host_order() -> None:
    state = read_state(
        dump(rule(1, "BLOCK", check("IP_REMOTE_ADDRESS", "EQUAL", "UINT32", "10.0.0.1")))
    )
    assert state.layers[CONNECT].filters[0].conditions[0].value.data == 0x0A000001


def test_rule_3_1_equal_with_a_v6_mask_is_masked() -> None:
    net = 0x20010DB8 << 96
    value = Value(type="FWP_V6_ADDR_MASK", data=(net, 0xFFFFFFFF << 96))
    assert compare("FWP_MATCH_EQUAL", net + 99, value) is True
    assert compare("FWP_MATCH_EQUAL", 99, value) is False


@pytest.mark.parametrize(
    ("match", "low", "same", "high"),
    [
        ("GREATER", False, False, True),
        ("LESS", True, False, False),
        ("GREATER_OR_EQUAL", False, True, True),
        ("LESS_OR_EQUAL", True, True, False),
        ("NOT_EQUAL", True, False, True),
        ("EQUAL", False, True, False),
    ],
)
@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("FWP_UINT8", (1, 2, 3)),
        ("FWP_INT32", (-2, -1, 0)),
        ("FWP_BYTE_ARRAY16_TYPE", (1, 1 << 64, 1 << 127)),
        ("FWP_BYTE_BLOB_TYPE", (b"a", b"b", b"c")),
        ("FWP_UNICODE_STRING_TYPE", ("a", "b", "c")),
    ],
)
def test_rule_3_2_order_of_sortable_types(
    match: str, *, low: bool, same: bool, high: bool, kind: str, values: tuple[object, ...]
) -> None:
    wanted = Value(type=kind, data=values[1])
    got = [compare(f"FWP_MATCH_{match}", actual, wanted) for actual in values]
    assert got == [low, same, high]


def test_rule_3_2_sids_take_not_equal_but_no_order() -> None:
    wanted = Value(type="FWP_SID", data="S-1-0-0")
    assert compare("FWP_MATCH_NOT_EQUAL", "S-1-15-2-1", wanted) is True
    assert compare("FWP_MATCH_GREATER", "S-1-15-2-1", wanted) is None


@pytest.mark.parametrize(("port", "expected"), [(99, "permit"), (100, "block"), (200, "block")])
def test_rule_3_3_a_range_includes_both_ends(port: int, expected: str) -> None:
    assert verdict(between("IP_REMOTE_PORT", "UINT16", 100, 200), remote_port=port) == expected


def test_rule_3_3_a_range_of_byte_arrays_is_big_endian() -> None:
    low, high = (
        Value(type="FWP_BYTE_ARRAY16_TYPE", data=data) for data in (0xFE80 << 112, 0xFE81 << 112)
    )
    value = Value(type="FWP_RANGE_TYPE", data=(low, high))
    assert compare("FWP_MATCH_RANGE", (0xFE80 << 112) + 5, value) is True
    assert compare("FWP_MATCH_RANGE", 0xFE82 << 112, value) is False


def test_rule_3_3_a_range_of_another_type_does_not_compare() -> None:
    assert verdict(between("IP_REMOTE_PORT", "UINT32", 1, 65535)) == "unknown"


@pytest.mark.parametrize(
    ("match", "value", "expected"),
    [
        ("FLAGS_ALL_SET", 0b011, True),
        ("FLAGS_ALL_SET", 0b111, False),
        ("FLAGS_ANY_SET", 0b110, True),
        ("FLAGS_ANY_SET", 0b100, False),
        ("FLAGS_NONE_SET", 0b100, True),
        ("FLAGS_NONE_SET", 0b110, False),
    ],
)
def test_rule_3_4_flag_tests(match: str, value: int, *, expected: bool) -> None:
    assert compare(f"FWP_MATCH_{match}", 0b011, Value(type="FWP_UINT32", data=value)) is expected


def test_rule_3_5_case_is_ignored_for_strings_only() -> None:
    text = Value(type="FWP_UNICODE_STRING_TYPE", data="ABC")
    raw = Value(type="FWP_BYTE_BLOB_TYPE", data=b"ABC")
    assert compare("FWP_MATCH_EQUAL_CASE_INSENSITIVE", "abc", text) is True
    assert compare("FWP_MATCH_EQUAL_CASE_INSENSITIVE", b"abc", raw) is None


def test_rule_3_6_prefix_tests_the_end() -> None:
    text = Value(type="FWP_UNICODE_STRING_TYPE", data="c")
    assert compare("FWP_MATCH_PREFIX", "abc", text) is True
    assert compare("FWP_MATCH_NOT_PREFIX", "abc", text) is False
    assert compare("FWP_MATCH_PREFIX", "cab", text) is False


def test_rule_3_7_app_ids_compare_byte_for_byte() -> None:
    path = str(FLOW["app"])
    assert verdict(check("ALE_APP_ID", "EQUAL", "BYTE_BLOB_TYPE", path)) == "block"
    assert verdict(check("ALE_APP_ID", "EQUAL", "BYTE_BLOB_TYPE", path.upper())) == "permit"
    assert (
        verdict(check("ALE_APP_ID", "EQUAL", "BYTE_BLOB_TYPE", "System"), app="system") == "block"
    )
    assert blob("a") == "<data>61000000</data>"


def test_rule_3_8_a_dos_path_leaves_the_volume_open() -> None:
    same = check("ALE_APP_ID", "EQUAL", "BYTE_BLOB_TYPE", str(FLOW["app"]))
    other = check("ALE_APP_ID", "EQUAL", "BYTE_BLOB_TYPE", r"\device\harddiskvolume3\tools\b.exe")
    assert verdict(same, app=r"C:\Tools\a.exe") == "unknown"
    assert verdict(other, app=r"C:\Tools\a.exe") == "permit"


def test_rule_4_1_an_unspecified_address_is_empty_at_resource_assignment() -> None:
    assign = "FWPM_LAYER_ALE_RESOURCE_ASSIGNMENT_V4"
    given = check("IP_LOCAL_ADDRESS", "EQUAL", "UINT32", "192.0.2.10")
    empty = check("IP_LOCAL_ADDRESS", "EQUAL", "EMPTY")
    state = read_state(
        dump(
            rule(1, "BLOCK", given, layer=assign), rule(2, "PERMIT", empty, layer=assign, weight=9)
        )
    )
    answer = explain(state, FLOW | {"layer": assign})
    assert (answer["verdict"], answer["layers"][0]["filter_id"]) == ("permit", 2)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (check("COMPARTMENT_ID", "EQUAL", "EMPTY"), "block"),
        (check("COMPARTMENT_ID", "EQUAL", "UINT32", 1), "permit"),
        (check("COMPARTMENT_ID", "NOT_EQUAL", "UINT32", 1), "unknown"),
        (check("COMPARTMENT_ID", "GREATER", "UINT32", 1), "unknown"),
        (between("COMPARTMENT_ID", "UINT32", 1, 2), "unknown"),
        (check("COMPARTMENT_ID", "FLAGS_NONE_SET", "UINT32", 1), "unknown"),
    ],
)
def test_rules_4_2_and_4_3_empty_fields(condition: str, expected: str) -> None:
    state = read_state(dump(rule(1, "BLOCK", condition)))
    answer = explain(state, FLOW | {"fields": {"COMPARTMENT_ID": "empty"}})
    assert answer["verdict"] == expected


@pytest.mark.parametrize(
    ("parts", "both", "either"),
    [
        ([True, None], None, True),
        ([False, None], False, None),
        ([True, False], False, True),
        ([None, None], None, None),
        ([], True, False),
    ],
)
def test_rule_4_4_three_valued_logic(parts: list[Tri], both: Tri, either: Tri) -> None:
    assert (tri_and(parts), tri_or(parts)) == (both, either)
    assert (tri_not(True), tri_not(False), tri_not(None)) == (False, True, None)


def test_rule_4_4_a_field_nobody_knows_is_unknown_and_named() -> None:
    state = read_state(dump(rule(1, "BLOCK", check("COMPARTMENT_ID", "EQUAL", "UINT32", 1))))
    answer = explain(state, FLOW)
    assert (answer["verdict"], answer["unknowns"]) == ("unknown", ["FWPM_CONDITION_COMPARTMENT_ID"])


def test_rule_4_4_a_field_the_layer_does_not_have_is_unknown_and_named() -> None:
    condition = check("VLAN_ID", "EQUAL", "UINT16", 1)
    state = read_state(dump(rule(1, "BLOCK", condition)))
    answer = explain(state, FLOW | {"fields": {"VLAN_ID": 1}})
    assert (answer["verdict"], answer["unknowns"]) == ("unknown", ["FWPM_CONDITION_VLAN_ID"])


def test_a_match_type_nobody_knows_is_unknown() -> None:
    assert verdict(check("IP_REMOTE_PORT", "TYPE_99", "UINT16", 443)) == "unknown"


def test_typed_values_read_back() -> None:
    assert typed("UINT16", 5) == "<type>FWP_UINT16</type><uint16>5</uint16>"
