from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywfp_ps.report.redact import Redactor
from pywfp_ps.store import VIEWS
from pywfp_ps.store.schema import Type

_REDACTOR = Redactor(b"k" * 32)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("layer", "FWPM_LAYER_ALE_AUTH_CONNECT_V4"),
        ("sublayer_key", "b3cdd441-af90-41ba-a745-7c6008ff2301"),
        ("conditions", "IP_PROTOCOL = TCP AND IP_REMOTE_PORT in 80-443"),
        ("remote_addresses", ["127.0.0.1", "0.0.0.0", "10.0.0.0", "255.255.255.255", "ff02::1"]),
        ("security_descriptor", "O:LSD:(A;;CC;;;S-1-5-18)(A;;CC;;;S-1-15-3-1)"),
        ("owner", "WinDivert"),
        ("app", "System"),
        ("effective_weight", (1 << 64) - 1),
        ("taken_at", None),
    ],
)
def test_what_is_the_same_everywhere_stays(column: str, value: object) -> None:
    assert _REDACTOR.value(column, value) == value


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("host", "web-03"),
        ("name", "Allow Ann's game"),
        ("name", "FWPM_ANN"),
        ("conditions", "ALE_APP_ID = \\device\\harddiskvolume3\\users\\ann\\Ann (x86) AND Bob.exe"),
        ("conditions", "(ALE_APP_ID = \\users\\ann\\a.exe OR ALE_APP_ID = \\users\\ann\\b.exe)"),
        ("conditions", "IP_REMOTE_ADDRESS = 192.0.2.7/24"),
        ("conditions", "MAC_LOCAL_ADDRESS = 00:1a:2b:3c:4d:5e AND IP_PROTOCOL = TCP"),
        ("value", "00-1a-2b-3c-4d-5e"),
        ("conditions", "IP_REMOTE_ADDRESS in 2001:db8::7-2001:db8::9"),
        ("value", "O:LSD:(A;;CC;;;S-1-5-21-1111-2222-3333-1001)"),
        ("value", "S-1-5-80-1111-2222-3333"),
        ("local_address", "192.0.2.7"),
        ("a column of tomorrow", "Ann"),
        ("value", "web-03.corp.example"),
        ("value", "61006e006e00"),
        ("conditions", "ALE_EFFECTIVE_NAME = web-03.corp.example AND IP_PROTOCOL = TCP"),
        ("conditions", "ALE_APP_ID = ann.exe"),
        ("rest", "{5ee3398a-5dd9-41ee-8eb2-eb488b773a23} = Bob"),
        ("provider_data", b"Ann"),
        ("extra", '[["name","Ann"]]'),
        ("content_id", "1:d5f22a711045349af61612ed080987aa"),
        ("shape_id", "1:d5f22a711045349af61612ed080987aa"),
        ("value", 'O:SYD:(XA;;CC;;;WD;(WIN://SYSAPPID Contains "Ann.App_1"))'),
    ],
)
def test_what_could_tell_who_or_where_goes(column: str, value: object) -> None:
    given_back = str(_REDACTOR.value(column, value)).casefold()
    for secret in (
        "ann",
        "bob",
        "web-03",
        "192.0.2.7",
        "db8",
        "1111",
        "d5f22a71",
        "4d:5e",
        "4d-5e",
    ):
        assert secret not in given_back


def test_a_guid_with_a_hardware_address_goes() -> None:
    assert _REDACTOR.value("filter_key", "5ee3398a-5dd9-11ee-8eb2-eb488b773a23").startswith("guid-")


@pytest.mark.parametrize(
    "text",
    [
        "IP_PROTOCOL = TCP AND IP_REMOTE_PORT in 80-443",
        "FLAGS has none of IS_LOOPBACK+IS_REAUTHORIZE AND (DIRECTION = inbound OR DIRECTION = out)",
        "IP_REMOTE_ADDRESS in 0.0.0.0-255.255.255.255 AND IP_LOCAL_PORT != 80",
        "ALE_USER_ID = O:LSD:(A;;CC;;;S-1-5-18) AND ALE_PACKAGE_ID != S-1-0-0",
        "",
    ],
)
def test_conditions_that_tell_nothing_stay(text: str) -> None:
    assert _REDACTOR.value("conditions", text) == text


def test_a_path_keeps_the_bracket_behind_it() -> None:
    text = "(ALE_APP_ID = \\a\\b.exe OR IP_PROTOCOL = TCP)"
    assert _REDACTOR.value("conditions", text).endswith(" OR IP_PROTOCOL = TCP)")
    inner = "(IP_PROTOCOL = TCP OR ALE_APP_ID = \\a\\b.exe)"
    assert _REDACTOR.value("conditions", inner).endswith(")")


@given(st.text(min_size=1), st.binary(min_size=16, max_size=32))
def test_a_pseudonym_is_stable_and_keyed(value: str, key: bytes) -> None:
    one = Redactor(key).value("name", value)
    assert one == Redactor(key).value("name", value)
    assert one.startswith("name-")
    assert one != Redactor(key + b"!").value("name", value)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        Redactor(b"short")


@pytest.mark.parametrize(
    ("view", "column"),
    [
        (view.name, column.name)
        for view in VIEWS.values()
        for column in (*view.columns, *view.aliases)
        if column.type in {Type.TEXT, Type.TEXTS}
    ],
)
def test_a_planted_secret_survives_in_no_column(view: str, column: str) -> None:
    planted = "CORP\\ann S-1-5-21-7-8-9-1001 192.0.2.77 2001:db8::77 \\users\\ann\\x.exe"
    shown = str(_REDACTOR.value(column, [planted])).casefold()
    assert not {"ann", "1001", "192.0.2.77", "db8"} & {
        part for part in ("ann", "1001", "192.0.2.77", "db8") if part in shown
    }, (view, column)


def test_equal_filters_stay_equal() -> None:
    one = "1:d5f22a711045349af61612ed080987aa"
    assert _REDACTOR.value("content_id", one) == _REDACTOR.value("shape_id", one)
    assert _REDACTOR.value("content_id", one) != _REDACTOR.value("content_id", one[:-1] + "b")
