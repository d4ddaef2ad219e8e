"""The reader against the second reading where no public dump goes: a made-up state of oddities."""

from __future__ import annotations

import pytest

from pywfp_ps.read import read_state
from tests.oracle.oracle_netsh import Plain, read
from tests.read.plain_shape import plain

_NOBODY = "{00000000-0000-0000-0000-000000000000}"
_MADE_UP = "{0d0d0d0d-1111-4222-8333-444444444444}"
_CONNECT_V4 = "{c38d57d1-05a7-4c33-904f-7fbceee60e82}"
_WF_PROVIDER = "{DECC16CA-3F33-4346-BE1E-8FB4AE0F3D62}"


def _condition(field: str, data_type: str, value: str, match: str = "EQUAL") -> str:
    return (
        f"<item><fieldKey>{field}</fieldKey><matchType>FWP_MATCH_{match}</matchType>"
        f"<conditionValue><type>{data_type}</type>{value}</conditionValue></item>"
    )


def _range(data_type: str, tag: str, low: str, high: str) -> str:
    ends = (("valueLow", low), ("valueHigh", high))
    return (
        "<rangeValue>"
        + "".join(
            f"<{end}><type>{data_type}</type><{tag}>{text}</{tag}></{end}>" for end, text in ends
        )
        + "</rangeValue>"
    )


def _v4(address: str, mask: str) -> str:
    return f"<v4AddrMask><addr>{address}</addr><mask>{mask}</mask></v4AddrMask>"


def _blob(data: str) -> str:
    return f"<byteBlob><data>{data}</data><asString>?</asString></byteBlob>"


_LOCAL, _REMOTE = "FWPM_CONDITION_IP_LOCAL_ADDRESS", "FWPM_CONDITION_IP_REMOTE_ADDRESS"
_APP = "FWPM_CONDITION_ALE_APP_ID"
CONDITIONS = {
    "empty": _condition(_APP, "FWP_EMPTY", ""),
    "address": _condition(_REMOTE, "FWP_UINT32", "<uint32>192.0.2.1</uint32>"),
    "address in six": _condition(
        _REMOTE, "FWP_BYTE_ARRAY16_TYPE", "<byteArray16>2001:DB8::1</byteArray16>"
    ),
    "field of the file": _condition(
        "FWPM_CONDITION_RESERVED0", "FWP_UINT32", "<uint32>192.0.2.9</uint32>"
    ),
    "number": _condition("FWPM_CONDITION_FLAGS", "FWP_UINT32", "<uint32>4294967295</uint32>"),
    "wide number": _condition(
        "FWPM_CONDITION_IP_LOCAL_INTERFACE",
        "FWP_UINT64",
        "<uint64>18446744073709551615</uint64>",
    ),
    "below zero": _condition(_MADE_UP, "FWP_INT32", "<int32>-2147483648</int32>", "LESS"),
    "mask": _condition(_LOCAL, "FWP_V4_ADDR_MASK", _v4("10.0.0.0", "255.0.0.0")),
    "no bits": _condition(_LOCAL, "FWP_V4_ADDR_MASK", _v4("0.0.0.0", "0.0.0.0")),
    "all bits": _condition(_LOCAL, "FWP_V4_ADDR_MASK", _v4("10.0.0.1", "255.255.255.255")),
    "holes": _condition(_LOCAL, "FWP_V4_ADDR_MASK", _v4("10.0.1.0", "255.0.255.0")),
    "prefix": _condition(
        _LOCAL,
        "FWP_V6_ADDR_MASK",
        "<v6AddrMask><addr>2001:db8::</addr><prefixLength>0</prefixLength></v6AddrMask>",
    ),
    "ports": _condition(
        "FWPM_CONDITION_IP_REMOTE_PORT",
        "FWP_RANGE_TYPE",
        _range("FWP_UINT16", "uint16", "0", "65535"),
        "RANGE",
    ),
    "addresses": _condition(
        _LOCAL, "FWP_RANGE_TYPE", _range("FWP_UINT32", "uint32", "192.0.2.1", "192.0.2.9"), "RANGE"
    ),
    "path": _condition(_APP, "FWP_BYTE_BLOB_TYPE", _blob("41002e0065000000")),
    "path without end": _condition(_APP, "FWP_BYTE_BLOB_TYPE", _blob("41002e006500")),
    "path ending twice": _condition(_APP, "FWP_BYTE_BLOB_TYPE", _blob("4100000000000000")),
    "only an end": _condition(_APP, "FWP_BYTE_BLOB_TYPE", _blob("0000")),
    "odd bytes": _condition(_APP, "FWP_BYTE_BLOB_TYPE", _blob("410000")),
    "other bytes": _condition(
        "FWPM_CONDITION_EMBEDDED_REMOTE_PORT", "FWP_BYTE_BLOB_TYPE", _blob("41002e0065000000")
    ),
    "interface": _condition(
        "FWPM_CONDITION_RPC_IF_UUID",
        "FWP_BYTE_ARRAY16_TYPE",
        "<byteArray16>{12345678-1234-abcd-ef00-0123456789ab}</byteArray16>",
    ),
    "sixteen bytes": _condition(
        _MADE_UP,
        "FWP_BYTE_ARRAY16_TYPE",
        "<byteArray16>000102030405060708090a0b0c0d0e0f</byteArray16>",
    ),
    "network card": _condition(
        "FWPM_CONDITION_MAC_LOCAL_ADDRESS",
        "FWP_BYTE_ARRAY6_TYPE",
        "<byteArray6>00:00:5e:00:53:01</byteArray6>",
    ),
    "text": _condition(
        _MADE_UP, "FWP_UNICODE_STRING_TYPE", "<unicodeString> a &lt;b&gt; </unicodeString>"
    ),
    "real": _condition(_MADE_UP, "FWP_DOUBLE", "<double64>0.5</double64>"),
    "token": _condition(
        _MADE_UP,
        "FWP_TOKEN_INFORMATION_TYPE",
        "<tokenInformation><sids><item>S-1-1-0</item><item>S-1-5-18</item></sids>"
        "<restrictedSids/></tokenInformation>",
    ),
    "other name": _condition(
        "FWPM_CONDITION_ALE_SIO_FIREWALL_SOCKET_PROPERTY", "FWP_UINT32", "<uint32>1</uint32>"
    ),
    "GUID of a name": _condition(
        "{0c1ba1af-5765-453f-af22-a8f791ac775b}", "FWP_UINT16", "<uint16>443</uint16>"
    ),
    "unknown name": _condition("FWPM_CONDITION_OF_TOMORROW", "FWP_UINT8", "<uint8>0</uint8>"),
    "unknown match": _condition(
        "FWPM_CONDITION_IP_PROTOCOL", "FWP_UINT8", "<uint8>6</uint8>", "OF_TOMORROW"
    ),
}
ACTIONS = {
    "permit": "<type>FWP_ACTION_PERMIT</type><filterType/>",
    "filter type": f"<type>FWP_ACTION_BLOCK</type><filterType>{_MADE_UP}</filterType>",
    "callout": f"<type>FWP_ACTION_CALLOUT_TERMINATING</type><filterType>{_MADE_UP}</filterType>",
    "callout by its own tag": (
        f"<type>FWP_ACTION_CALLOUT_UNKNOWN</type><calloutKey>{_MADE_UP}</calloutKey>"
    ),
    "callout by GUID": (
        "<type>FWP_ACTION_CALLOUT_INSPECTION</type>"
        "<filterType>{5132900d-5e84-4b5f-80e4-01741e81ff10}</filterType>"
    ),
    "unknown": "<type>FWP_ACTION_OF_TOMORROW</type><filterType/>",
}
FLAGS = {
    "none": (),
    "rest": ("FWPM_FILTER_FLAG_PERSISTENT", "00030000"),
    "rest that has names": ("00000009",),
    "rest of digits": ("10000000",),
    "no number": ("FWPM_FILTER_FLAG_HAS_FILTER_ORIGIN", "FWPM_FILTER_FLAG_BOOTTIME"),
    "unknown name": ("FWPM_FILTER_FLAG_OF_TOMORROW", "FWPM_FILTER_FLAG_DISABLED"),
}
PROVIDERS = ("", _WF_PROVIDER, _MADE_UP.upper(), _NOBODY, "FWPM_PROVIDER_OF_TOMORROW")


def _filter(
    number: int,
    *,
    conditions: str = "",
    action: str = ACTIONS["permit"],
    flags: tuple[str, ...] = (),
    provider: str = "",
    extra: str = "",
) -> str:
    items = "".join(f"<item>{flag}</item>" for flag in flags)
    return (
        f"<item><filterKey>{_MADE_UP}</filterKey>"
        "<displayData><name>  </name><description>a &amp; b</description></displayData>"
        f"<flags>{items}</flags><providerKey>{provider}</providerKey><providerData/>"
        f"<layerKey>{_CONNECT_V4}</layerKey><subLayerKey>{_MADE_UP}</subLayerKey>"
        "<weight><type>FWP_UINT64</type><uint64>18446744073709551615</uint64></weight>"
        f"<filterCondition>{conditions}</filterCondition><action>{action}</action>"
        f"<rawContext>18446744073709551615</rawContext><reserved/><filterId>{number}</filterId>"
        "<effectiveWeight><type>FWP_UINT64</type><uint64>9007199254740993</uint64>"
        f"</effectiveWeight>{extra}</item>"
    )


def _state(filters: str = "", rest: str = "") -> bytes:
    field = (
        "<item><fieldKey>FWPM_CONDITION_RESERVED0</fieldKey><type>FWPM_FIELD_IP_ADDRESS</type>"
        "<dataType>FWP_UINT32</dataType></item>"
    )
    known = "".join(
        f"<item><fieldKey>{name}</fieldKey><type>FWPM_FIELD_IP_ADDRESS</type>"
        "<dataType>FWP_UINT32</dataType></item>"
        for name in (_LOCAL, _REMOTE)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><wfpstate><layers><item><layer>'
        f"<layerKey>{_CONNECT_V4}</layerKey><displayData><name/><description/></displayData>"
        f"<flags/><field>{known}{field}</field><defaultSubLayerKey>{_NOBODY}</defaultSubLayerKey>"
        f"<layerId>48</layerId></layer><callouts/><filters>{filters}</filters></item></layers>"
        f"{rest}</wfpstate><firewallState><dynamicKeywordAddresses/></firewallState>"
    ).encode()


def _both(data: bytes) -> tuple[dict[str, object], dict[str, list[Plain]]]:
    snapshot, second = read_state(data), read(data)
    return {kind: plain(getattr(snapshot, kind)) for kind in second}, second


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_condition(name: str) -> None:
    ours, second = _both(_state(_filter(1, conditions=CONDITIONS[name])))
    assert ours == second
    assert len(second["filters"]) == 1


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action(name: str) -> None:
    ours, second = _both(_state(_filter(1, action=ACTIONS[name])))
    assert ours == second


@pytest.mark.parametrize("name", FLAGS)
def test_flags(name: str) -> None:
    ours, second = _both(_state(_filter(1, flags=FLAGS[name])))
    assert ours == second


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_reference(provider: str) -> None:
    ours, second = _both(_state(_filter(1, provider=provider)))
    assert ours == second


@pytest.mark.parametrize(
    "extra",
    [
        "<ofTomorrow/>",
        '<ofTomorrow unit="ms">1</ofTomorrow>',
        '<ofTomorrow numItems="2"><item>a</item><item/></ofTomorrow><other><deep>1</deep></other>',
    ],
)
def test_what_nobody_knows_is_kept(extra: str) -> None:
    ours, second = _both(_state(_filter(1, extra=extra)))
    assert ours == second
    assert second["filters"][0]["extra"]


def _context(kind: str, held: str) -> str:
    return (
        f"<providerContexts><item><providerContextKey>{_MADE_UP}</providerContextKey>"
        f"<displayData><name>a</name><description/></displayData><flags/><providerKey/>"
        f"<providerData/><type>{kind}</type>{held}"
        "<providerContextId>9223372036854775808</providerContextId></item></providerContexts>"
    )


def _sa(tag: str) -> str:
    return f"<{tag}><item><saId>1</saId><list><item>a</item></list></item></{tag}>"


def _subscription(tag: str, flags: str) -> str:
    return (
        f"<subscriptions><{tag}><item><enumTemplate><providerKey/><layerKey>x</layerKey>"
        f"</enumTemplate><flags>{flags}</flags><sessionKey>{_MADE_UP}</sessionKey>"
        f"</item></{tag}></subscriptions>"
    )


@pytest.mark.parametrize(
    "rest",
    [
        _context("FWPM_GENERAL_CONTEXT", "<dataBuffer/>"),
        _context("FWPM_GENERAL_CONTEXT", ""),
        _context("FWPM_OF_TOMORROW", "<a><b>1</b></a><c/>"),
        _context("FWPM_CLASSIFY_OPTIONS_CONTEXT", "<classifyOptions><options/></classifyOptions>"),
        _sa("ipsecSaContexts"),
        _sa("ikeextSas"),
        "<ikeextStatistics><a><b>1</b></a></ikeextStatistics><ipsecStatistics/>",
        _subscription("calloutSubscriptions", ""),
        _subscription("providerSubscriptions", "<item>FWPM_SUBSCRIPTION_FLAG_OF_TOMORROW</item>"),
        _subscription("subLayerSubscriptions", "<item>00000004</item>"),
        _subscription("netEventSubscriptions", "0"),
    ],
)
def test_a_section(rest: str) -> None:
    ours, second = _both(_state(rest=rest))
    assert ours == second
    assert sum(map(len, second.values())) > 1
