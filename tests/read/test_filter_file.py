"""Filters that people write down: what they become, and what is said of a bad one."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywfp_ps.model.objects import Callout, Completeness, Condition, Filter, Snapshot, SubLayer
from pywfp_ps.model.tables import key_of
from pywfp_ps.read.filter_file import FilterFileError, read_filters

_ACCEPT = "FWPM_LAYER_ALE_AUTH_RECV_ACCEPT_V4"
_DRIVER = "{ca000000-0000-4000-8000-000000000001}"
_WF = "FWPM_SUBLAYER_MPSSVC_WF"


def _host() -> Snapshot:
    return Snapshot(
        source="netsh",
        completeness=Completeness(command="netsh wfp show state"),
        sublayers=(SubLayer(key=None, const_name=_WF, weight=2),),
        callouts=(Callout(id=300, key=None, const_name=_DRIVER, layer=_ACCEPT),),
        filters=(
            Filter(
                id=70, key=None, layer=_ACCEPT, sublayer=_WF, effective_weight=(8 << 60) + 5,
                action="FWP_ACTION_BLOCK",
            ),
        ),
    )  # fmt: skip


def _condition(field: str, match: str, kind: str, value: Any = None, **more: Any) -> Condition:
    name = f"FWPM_CONDITION_{field}"
    return Condition(
        field=name, field_key=key_of("conditions", name), match=f"FWP_MATCH_{match}",
        type=f"FWP_{kind}", value=value, **more,
    )  # fmt: skip


_WHOLE = r"""
filters:
  - name: Keep the lab out
    layer: ALE_AUTH_RECV_ACCEPT_V4
    sublayer: MPSSVC_WF
    action: block
    weight: 0xFFFF_FFFF_0000_0000
    flags: [CLEAR_ACTION_RIGHT]
    conditions:
      - {field: IP_PROTOCOL, value: tcp}
      - {field: IP_LOCAL_PORT, match: RANGE, low: 3000, high: 0x0FA0}
      - {field: IP_REMOTE_ADDRESS, match: EQUAL, value: 203.0.113.0/24}
      - {field: FWPM_CONDITION_IP_REMOTE_ADDRESS, value: 198.51.100.7}
      - {field: ALE_APP_ID, value: '\Device\HarddiskVolume3\Apps\a.exe'}
      - {field: ALE_USER_ID, value: 'O:SYG:SYD:(A;;CC;;;WD)'}
      - {field: ALE_PACKAGE_ID, match: NOT_EQUAL, value: s-1-0-0}
      - {field: CURRENT_PROFILE_ID, value: public}
      - {field: FLAGS, match: FLAGS_NONE_SET, value: 0x1}
  - layer: FWPM_LAYER_ALE_AUTH_CONNECT_V6
    sublayer: FWPM_SUBLAYER_MPSSVC_WF
    action: FWP_ACTION_PERMIT
    conditions:
      - {field: IP_REMOTE_ADDRESS, value: 2001:db8::/32}
"""


def test_filters_become_what_the_host_would_hold() -> None:
    first, second = read_filters(_WHOLE, "a.yml", _host())
    assert first == Filter(
        id=71,
        key=None,
        name="Keep the lab out",
        layer=_ACCEPT,
        layer_key=key_of("layers", _ACCEPT),
        sublayer=_WF,
        sublayer_key=key_of("sublayers", _WF),
        flags=("FWPM_FILTER_FLAG_CLEAR_ACTION_RIGHT",),
        weight_type="FWP_UINT64",
        weight=0xFFFF_FFFF_0000_0000,
        effective_weight=0xFFFF_FFFF_0000_0000,
        action="FWP_ACTION_BLOCK",
        conditions=(
            _condition("IP_PROTOCOL", "EQUAL", "UINT8", 6),
            _condition("IP_LOCAL_PORT", "RANGE", "RANGE_TYPE", low=3000, high=4000,
                       bound_type="FWP_UINT16"),
            _condition("IP_REMOTE_ADDRESS", "EQUAL", "V4_ADDR_MASK", IPv4Address("203.0.113.0"),
                       prefix_length=24, mask=IPv4Address("255.255.255.0")),
            _condition("IP_REMOTE_ADDRESS", "EQUAL", "UINT32", IPv4Address("198.51.100.7")),
            _condition("ALE_APP_ID", "EQUAL", "BYTE_BLOB_TYPE",
                       r"\device\harddiskvolume3\apps\a.exe"),
            _condition("ALE_USER_ID", "EQUAL", "SECURITY_DESCRIPTOR_TYPE",
                       "O:SYG:SYD:(A;;CC;;;WD)"),
            _condition("ALE_PACKAGE_ID", "NOT_EQUAL", "SID", "S-1-0-0"),
            _condition("CURRENT_PROFILE_ID", "EQUAL", "UINT32", 1),
            _condition("FLAGS", "FLAGS_NONE_SET", "UINT32", 1),
        ),
    )  # fmt: skip
    assert (second.id, second.weight_type, second.weight, second.effective_weight) == (
        72, "FWP_EMPTY", None, 0
    )  # fmt: skip
    assert second.conditions == (
        _condition("IP_REMOTE_ADDRESS", "EQUAL", "V6_ADDR_MASK", IPv6Address("2001:db8::"),
                   prefix_length=32),
    )  # fmt: skip


_HEAD = f"layer: {_ACCEPT}\nsublayer: {_WF}\naction: BLOCK\nweight: 99\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "1:1: it is empty"),
        ("[]", "1:1: there is no filter"),
        ("just text", "1:1: there is no filter"),
        ("a: [", "1:5: it is no YAML"),
        ("a: &x 1\nb: *x", "2:4: aliases are not allowed"),
        ("- 5", "1:3: a mapping is wanted here"),
        (_HEAD + "wieght: 5", "5:1: no key 'wieght'; did you mean 'weight'?"),
        (_HEAD + "weight: 5", "5:1: 'weight' stands twice"),
        ("layer: X", "1:1: the filter has no sublayer"),
        (_HEAD.replace(_ACCEPT, "NOWHERE"), "1:8: no layer 'NOWHERE'"),
        (_HEAD.replace(_ACCEPT, "accept"), "1:8: 'accept' means 2 layers"),
        (_HEAD.replace(_WF, "MPSSVC_XX"), "2:11: the host has no sublayer 'MPSSVC_XX'"),
        (_HEAD.replace("BLOCK", "DENY"), "3:9: no action 'DENY'"),
        (_HEAD.replace("BLOCK", "CALLOUT_UNKNOWN"), "3:9: a callout goes with a callout action"),
        (_HEAD.replace("weight: 99", "weight: 8"), "4:9: with weight 8 the engine chooses the low"),
        (_HEAD.replace("weight: 99", "weight: x"), "4:9: 'x' is no number"),
        (_HEAD.replace("weight: 99", "weight: -1"), "4:9: -1 is not within 0 to"),
        (_HEAD + "key: 5", "5:6: '5' is no GUID"),
        (_HEAD + "flags: [HARD]", "5:9: no flag 'HARD'"),
        (_HEAD + "flags: HARD", "5:8: a list of flags is wanted here"),
        (_HEAD + "conditions: 5", "5:13: a list of conditions is wanted here"),
    ],
)
def test_a_bad_file_is_one_line_with_its_place(text: str, message: str) -> None:
    with pytest.raises(FilterFileError) as raised:
        read_filters(text, "a.yml", _host())
    assert str(raised.value).startswith(f"a.yml:{message}")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("value: 5", "the condition has no field"),
        ("field: IP_LOCAL_PROT, value: 5", "no condition field 'IP_LOCAL_PROT'; did you mean"),
        ("field: DIRECTION, value: 5", f"{_ACCEPT} has no field FWPM_CONDITION_DIRECTION"),
        ("field: IP_LOCAL_PORT", "FWP_MATCH_EQUAL needs value"),
        ("field: IP_LOCAL_PORT, value: [1, 2]", "a plain value is wanted here"),
        ("field: IP_LOCAL_PORT, value: ~", "a plain value is wanted here"),
        ("field: IP_LOCAL_PORT, value: http", "'http' is no number, and"),
        ("field: IP_LOCAL_PORT, value: 65536", "65536 does not fit FWP_UINT16"),
        ("field: IP_LOCAL_PORT, match: LIKE, value: 1", "no match type 'LIKE'"),
        ("field: IP_LOCAL_PORT, match: RANGE, value: 1", "FWP_MATCH_RANGE has low and high"),
        ("field: IP_LOCAL_PORT, match: RANGE, low: 9, high: 1", "the range ends before it begins"),
        ("field: IP_LOCAL_PORT, type: UINT32, value: 1", "is FWP_UINT16, not FWP_UINT32"),
        ("field: IP_REMOTE_ADDRESS, value: 10.0.0.1/8", "'10.0.0.1/8' is no network"),
        ("field: IP_REMOTE_ADDRESS, value: '::1'", "'::1' is no IPv4 address"),
        ("field: IP_REMOTE_ADDRESS, match: LESS, value: 10.0.0.0/8", "a network goes with EQUAL"),
        ("field: ALE_APP_ID, value: 'C:\\a.exe'", "is no program as filters hold it"),
        ("field: ALE_USER_ID, value: Everyone", "'Everyone' is no SDDL"),
        ("field: ALE_USER_ID, match: LESS, value: 'D:'", "is tested with EQUAL and a descriptor"),
        ("field: ALE_PACKAGE_ID, value: none", "'none' is no SID"),
    ],
)
def test_a_bad_condition_is_one_line_with_its_place(condition: str, message: str) -> None:
    with pytest.raises(FilterFileError, match=r"^a\.yml:6:\d+: ") as raised:
        read_filters(f"{_HEAD}conditions:\n  - {{{condition}}}", "a.yml", _host())
    assert message in str(raised.value)


@given(st.text(max_size=80) | st.binary(max_size=60).map(lambda one: one.decode("latin-1")))
def test_any_text_is_read_or_refused(text: str) -> None:
    for tail in ("", _HEAD, f"{_HEAD}conditions:\n  - {{field: IP_LOCAL_PORT, value: "):
        with suppress(FilterFileError):
            assert read_filters(tail + text, "a.yml", _host())
