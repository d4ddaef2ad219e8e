"""What is written has the shape of what netsh writes: elements, order, counts, escapes."""

from __future__ import annotations

import re
from ipaddress import IPv4Address
from uuid import UUID

import pytest
from hypothesis import given, settings
from lxml import etree

from pywfp_ps.model.objects import (
    AleEndpoint,
    Callout,
    Completeness,
    Condition,
    Filter,
    Layer,
    Node,
    Snapshot,
    Statistics,
    Subscription,
)
from pywfp_ps.write import write_filters, write_state
from tests.strategies_model import snapshots

_LAYER = "FWPM_LAYER_ALE_AUTH_CONNECT_V4"
_KEY = UUID("0e1b7f2a-6d3c-4b8e-9a55-1c2d3e4f5a6b")
_STATE = Completeness(command="netsh wfp show state")
_FILTER = Filter(
    id=70001,
    key=_KEY,
    name="Tea & <biscuits>",
    layer=_LAYER,
    sublayer="FWPM_SUBLAYER_UNIVERSAL",
    provider="FWPM_PROVIDER_MPSSVC_WF",
    provider_data=bytes.fromhex("2340000000000000"),
    flags=(
        "0x80000000",
        "FWPM_FILTER_FLAG_HAS_FILTER_ORIGIN",
        "FWPM_FILTER_FLAG_INDEXED",
        "FWPM_FILTER_FLAG_PERSISTENT",
    ),
    flags_value=None,
    weight_type="FWP_UINT8",
    weight=9,
    effective_weight=0x9000000000000001,
    action="FWP_ACTION_PERMIT",
    conditions=(
        Condition(
            field="FWPM_CONDITION_IP_REMOTE_ADDRESS",
            match="FWP_MATCH_EQUAL",
            type="FWP_UINT32",
            value=IPv4Address("192.0.2.7"),
        ),
        Condition(
            field="FWPM_CONDITION_ALE_APP_ID",
            match="FWP_MATCH_EQUAL",
            type="FWP_BYTE_BLOB_TYPE",
            value="\\a",
        ),
    ),
    raw_context=0,
)
_FILTER_LINES = """\
<item>
	<filterKey>{0e1b7f2a-6d3c-4b8e-9a55-1c2d3e4f5a6b}</filterKey>
	<displayData>
		<name><![CDATA[Tea & <biscuits>]]></name>
		<description/>
	</displayData>
	<flags numItems="4">
		<item>FWPM_FILTER_FLAG_PERSISTENT</item>
		<item>FWPM_FILTER_FLAG_INDEXED</item>
		<item>FWPM_FILTER_FLAG_HAS_FILTER_ORIGIN</item>
		<item>80000000</item>
	</flags>
	<providerKey>FWPM_PROVIDER_MPSSVC_WF</providerKey>
	<providerData>
		<data>2340000000000000</data>
		<asString>#@......</asString>
	</providerData>
	<layerKey>FWPM_LAYER_ALE_AUTH_CONNECT_V4</layerKey>
	<subLayerKey>FWPM_SUBLAYER_UNIVERSAL</subLayerKey>
	<weight>
		<type>FWP_UINT8</type>
		<uint8>9</uint8>
	</weight>
	<filterCondition numItems="2">
		<item>
			<fieldKey>FWPM_CONDITION_IP_REMOTE_ADDRESS</fieldKey>
			<matchType>FWP_MATCH_EQUAL</matchType>
			<conditionValue>
				<type>FWP_UINT32</type>
				<uint32>192.0.2.7</uint32>
			</conditionValue>
		</item>
		<item>
			<fieldKey>FWPM_CONDITION_ALE_APP_ID</fieldKey>
			<matchType>FWP_MATCH_EQUAL</matchType>
			<conditionValue>
				<type>FWP_BYTE_BLOB_TYPE</type>
				<byteBlob>
					<data>5c0061000000</data>
					<asString>\\a</asString>
				</byteBlob>
			</conditionValue>
		</item>
	</filterCondition>
	<action>
		<type>FWP_ACTION_PERMIT</type>
		<filterType/>
	</action>
	<rawContext>0</rawContext>
	<reserved/>
	<filterId>70001</filterId>
	<effectiveWeight>
		<type>FWP_UINT64</type>
		<uint64>10376293541461622785</uint64>
	</effectiveWeight>
</item>
"""


def _snapshot(**parts: object) -> Snapshot:
    return Snapshot(source="netsh", completeness=_STATE, **parts)  # type: ignore[arg-type] # cases


def _indented(text: str, depth: int) -> str:
    return "".join("\t" * depth + line for line in text.splitlines(keepends=True))


def test_show_filters_is_printed_line_by_line_as_netsh_does() -> None:
    written = write_filters(_snapshot(filters=(_FILTER,))).decode("utf-8")
    expected = (
        '\ufeff<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
        f"<wfpdiag>\n\t<filters>\n{_indented(_FILTER_LINES, 2)}\t</filters>\n"
        "\t<providers/>\n</wfpdiag>\n"
    )
    assert written == expected


def test_show_state_nests_the_same_filter_deeper() -> None:
    layer = Layer(id=48, key=None, const_name=_LAYER)
    written = write_state(_snapshot(layers=(layer,), filters=(_FILTER,))).decode("utf-8-sig")
    assert f'\t\t\t<filters numItems="1">\n{_indented(_FILTER_LINES, 4)}\t\t\t</filters>' in written


def test_an_empty_state_has_two_roots_and_self_closed_lists() -> None:
    assert write_state(_snapshot()).decode("utf-8-sig").splitlines()[1:] == [
        "<wfpstate>",
        "\t<sessions/>",
        "\t<layers/>",
        "\t<providers/>",
        "\t<providerContexts/>",
        "\t<subLayers/>",
        "\t<subscriptions>",
        "\t\t<calloutSubscriptions/>",
        "\t\t<filterSubscriptions/>",
        "\t\t<netEventSubscriptions/>",
        "\t\t<providerSubscriptions/>",
        "\t\t<providerContextSubscriptions/>",
        "\t\t<subLayerSubscriptions/>",
        "\t</subscriptions>",
        "\t<ipsecSaContexts/>",
        "\t<aleConnectedEndpoints/>",
        "</wfpstate>",
        "<firewallState>",
        "\t<dynamicKeywordAddresses/>",
        "</firewallState>",
    ]


@pytest.mark.parametrize(
    ("parts", "lines"),
    [
        pytest.param(
            {"endpoints": (AleEndpoint(id=1, ipsec_status=0, app_id="a.b"),)},
            ["<ipsecStatus>0 (ERROR_SUCCESS)</ipsecStatus>", "<asString>a...b...</asString>"],
            id="dots for the NULs of an endpoint's program",
        ),
        pytest.param(
            {"subscriptions": (Subscription(kind="net_event", template=Node("enumTemplate")),)},
            ['<netEventSubscriptions numItems="1">', "<enumTemplate/>", "<flags>0</flags>"],
            id="a zero for the flags of an event subscription",
        ),
        pytest.param(
            {"statistics": (Statistics(kind="ikeext", tree=Node("ikeextStatistics")),)},
            ["<ikeextStatistics/>", "<ikeextSas/>"],
            id="associations of the keying module where its counters are",
        ),
        pytest.param(
            {"extra": (Node("newSection", "x", (), (("why", 'a "b" & \n'),)),)},
            ['<newSection why="a &quot;b&quot; &amp; &#10;">x</newSection>'],
            id="attributes of what was not understood",
        ),
        pytest.param(
            {
                "layers": (Layer(id=1, key=None, const_name="L"),),
                "callouts": (
                    Callout(
                        id=46,
                        key=None,
                        const_name="C",
                        layer="L",
                        flags=(
                            "FWPM_CALLOUT_FLAG_REGISTERED",
                            "FWP_CALLOUT_FLAG_ALLOW_URO",
                            "FWP_CALLOUT_FLAG_ALLOW_USO",
                        ),
                    ),
                ),
            },
            ["<item>FWPM_CALLOUT_FLAG_REGISTERED</item>", "<item>00000300</item>"],
            id="callout flags that netsh has no name for as leftover bits",
        ),
    ],
)
def test_lines_of(parts: dict[str, object], lines: list[str]) -> None:
    written = [line.strip() for line in write_state(_snapshot(**parts)).decode().splitlines()]
    assert [line for line in lines if line not in written] == []


@pytest.mark.parametrize(("newline", "encoding"), [("\r\n", "utf-8-sig"), ("\n", "utf-16")])
def test_line_ends_and_encodings_change_nothing_else(newline: str, encoding: str) -> None:
    plain = write_filters(_snapshot(filters=(_FILTER,))).decode("utf-8-sig")
    other = write_filters(_snapshot(filters=(_FILTER,)), newline=newline, encoding=encoding)
    assert other.decode(encoding) == plain.replace("\n", newline)


def test_a_filter_at_a_layer_that_is_not_listed_is_refused() -> None:
    with pytest.raises(ValueError, match="layers that are not listed: FWPM_LAYER_ALE_AUTH_CONN"):
        write_state(_snapshot(filters=(_FILTER,)))


def test_text_that_xml_cannot_carry_is_refused() -> None:
    with pytest.raises(ValueError, match=re.escape("U+001B")):
        write_state(_snapshot(layers=(Layer(id=1, key=None, const_name="L", name="\x1b[31m"),)))


@settings(max_examples=20, deadline=None)
@given(snapshots())
def test_counts_are_right_everywhere(snapshot: Snapshot) -> None:
    text = write_state(snapshot).split(b"?>", 1)[1]
    for element in etree.fromstring(b"<both>" + text + b"</both>").iter():
        count = element.get("numItems")
        if count is not None:
            assert (int(count), {child.tag for child in element}) == (len(element), {"item"})
