"""Tokens and security descriptors: rules 3.9 to 3.11 and section 5 of the explain page."""

import pytest

from tests.oracle.oracle_logic import Tri
from tests.oracle.oracle_sddl import access_granted
from tests.oracle.oracle_sddl_condition import (
    FALSE,
    TRUE,
    UNDEFINED,
    UNKNOWN,
    Answer,
    evaluate_condition,
)
from tests.oracle.oracle_token import (
    NO_PACKAGE,
    holds_package_sid,
    holds_sid,
    package_sid,
    service_sid,
    token_of,
)

USER = "S-1-5-21-1-2-3-1001"
BOX = "S-1-15-2-1001-1002-1003-1004-1005-1006-1007"
DHCP = "S-1-5-80-2940520708-3855866260-481812779-327648279-1710889582"
CLIENT = "(A;;CC;;;S-1-15-3-1)(A;;CC;;;WD)(A;;CC;;;AN)"
FAMILY = "Contoso.App_8wekyb3d8bbwe"
IDENTITY = f'(XA;;CC;;;WD;(WIN://SYSAPPID Contains "{FAMILY}"))(A;;CC;;;S-1-15-3-1)'


def granted(sddl: str, **flow: object) -> Tri:
    return access_granted(sddl, token_of(flow))


@pytest.mark.parametrize(
    ("sddl", "expected"),
    [
        ("D:(A;;CC;;;WD)", True),
        ("O:SYG:SYD:(A;;CCRC;;;WD)", True),
        ("D:(A;;RC;;;WD)", False),
        ("D:(A;;0x1;;;WD)", True),
        ("D:(A;;0x2;;;WD)", False),
        ("D:(A;;GA;;;WD)", None),
        ("D:(A;IO;CC;;;WD)", False),
        ("D:(A;NP;CC;;;WD)S:NO_ACCESS_CONTROL", True),
        ("D:", False),
        ("D:NO_ACCESS_CONTROL", True),
        ("O:SYG:SY", True),
        ("D:(A;;CC;;;QQ)", None),
        ("nonsense", None),
        ("D:(OA;;CC;;;WD)", None),
    ],
)
def test_rule_3_9_the_right_is_0x1(sddl: str, expected: Tri) -> None:
    assert granted(sddl, **{"as": "user"}) is expected


@pytest.mark.parametrize(
    ("sddl", "expected"),
    [
        ("D:(D;;CC;;;BU)(A;;CC;;;WD)", False),
        ("D:(A;;CC;;;WD)(D;;CC;;;BU)", True),
        ("D:(D;;CC;;;IU)(A;;CC;;;WD)", None),
        ("D:(D;;CC;;;IU)(D;;CC;;;WD)", False),
        ("D:(A;;CC;;;IU)(A;;CC;;;WD)", True),
        ("D:(A;;CC;;;IU)(D;;CC;;;WD)", None),
        ("D:(A;;CC;;;BA)", False),
    ],
)
def test_rule_3_9_entries_count_in_order(sddl: str, expected: Tri) -> None:
    assert granted(sddl, **{"as": "user"}) is expected


@pytest.mark.parametrize(
    ("flow", "expected"),
    [
        ({"as": "user"}, True),
        ({"as": "user", "package": BOX, "capabilities": ["S-1-15-3-1"]}, True),
        ({"as": "user", "package": BOX, "capabilities": []}, False),
        ({"as": "user", "package": BOX}, None),
        ({"user": "S-1-5-21-1-2-3-1001"}, None),
        ({"user": "S-1-5-21-1-2-3-1001", "capabilities": ["S-1-15-3-1"]}, True),
    ],
)
def test_rule_3_10_an_appcontainer_needs_two_grants(flow: dict[str, object], expected: Tri) -> None:
    assert granted(f"O:LSD:{CLIENT}", **flow) is expected


def test_rule_3_10_neither_side_alone_is_enough() -> None:
    flow = {"as": "user", "package": BOX, "capabilities": []}
    assert granted("D:(A;;CC;;;WD)", **flow) is False
    assert granted("D:(A;;CC;;;AC)", **flow) is False
    assert granted("D:(A;;CC;;;WD)(A;;CC;;;AC)", **flow) is True
    assert granted(f"D:(A;;CC;;;WD)(A;;CC;;;{BOX})", **flow) is True
    assert granted("D:(A;;CC;;;AC)", **{"as": "user"}) is False
    # Whichever package it is, it is one of all packages: the first entry denies its side.
    assert granted(f"D:(D;;CC;;;AC)(A;;CC;;;{USER})(A;;CC;;;S-1-15-2-2)", user=USER) is None
    assert granted("D:(D;;CC;;;AC)(A;;CC;;;S-1-15-2-2)", user=USER) is False
    assert granted("D:(A;;CC;;;WD)(A;;CC;;;AC)", user=USER) is True


@pytest.mark.parametrize(
    ("flow", "expected"),
    [
        ({"as": "user"}, False),
        ({"as": f"package:{FAMILY}", "capabilities": ["S-1-15-3-1"]}, True),
        ({"as": f"package:{FAMILY.upper()}", "capabilities": ["S-1-15-3-1"]}, True),
        ({"as": f"package:{FAMILY}", "capabilities": []}, False),
        ({"as": "package:Other.App_8wekyb3d8bbwe", "capabilities": ["S-1-15-3-1"]}, False),
        ({"as": "user", "package": BOX, "capabilities": ["S-1-15-3-1"]}, None),
        ({}, None),
    ],
)
def test_rule_3_11_conditional_entries(flow: dict[str, object], expected: Tri) -> None:
    assert granted(f"O:SYG:SYD:{IDENTITY}", **flow) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f'(WIN://SYSAPPID Contains "{FAMILY}")', TRUE),
        ('(WIN://SYSAPPID Contains "x")', FALSE),
        (f'(WIN://SYSAPPID Any_of {{"x", "{FAMILY}"}})', TRUE),
        ('(!(WIN://SYSAPPID Contains "x"))', TRUE),
        (f'(WIN://SYSAPPID Contains "x" || WIN://SYSAPPID Contains "{FAMILY}")', TRUE),
        (f'(WIN://SYSAPPID Contains "x" && WIN://SYSAPPID Contains "{FAMILY}")', FALSE),
        ("(Exists WIN://SYSAPPID)", TRUE),
        ('(WIN://OTHER Contains "x")', UNKNOWN),
        ('(WIN://SYSAPPID Contains "x"', UNKNOWN),
        ("", UNKNOWN),
    ],
)
def test_rule_3_11_expressions(text: str, expected: Answer) -> None:
    assert evaluate_condition(text, token_of({"as": f"package:{FAMILY}"})) == expected


def test_rule_3_11_without_identity_the_attribute_is_missing() -> None:
    ordinary = token_of({"as": "user"})
    assert evaluate_condition('(WIN://SYSAPPID Contains "x")', ordinary) == UNDEFINED
    assert (
        access_granted('D:(XD;;CC;;;WD;(WIN://SYSAPPID Contains "x"))(A;;CC;;;WD)', ordinary)
        is False
    )


def test_section_5_names_become_sids_by_their_published_algorithms() -> None:
    assert service_sid("Dhcp") == service_sid("DHCP") == DHCP
    assert service_sid(DHCP) == DHCP
    # The family name and SID of the browser that every Windows 10 carried.
    assert package_sid("Microsoft.MicrosoftEdge_8wekyb3d8bbwe") == (
        "S-1-15-2-3624051433-2125758914-1423191267-1740899205-1073925389-3782572162-737981194"
    )


@pytest.mark.parametrize("sid", ["S-1-5-4", "S-1-5-2", "S-1-5-3", "S-1-5-21-1-2-3-513"])
def test_section_5_unsaid_groups_are_unknown_unless_complete(sid: str) -> None:
    assert holds_sid(token_of({"as": "user"}), sid) is None
    assert holds_sid(token_of({"as": "user", "groups_complete": True}), sid) is False
    assert holds_sid(token_of({"as": "user", "groups": [sid]}), sid) is True


@pytest.mark.parametrize(
    "flow",
    [
        {"as": "system"},
        {"as": "local-service"},
        {"as": "network-service"},
        {"user": "S-1-5-18"},
        {"user": "S-1-5-20"},
        {"as": "service:Dnscache"},
        {"service": "Dnscache"},
        {},
    ],
)
def test_section_5_service_accounts_are_never_no_service(flow: dict[str, object]) -> None:
    assert holds_sid(token_of(flow), DHCP) is None


@pytest.mark.parametrize(
    "flow", [{"as": "user"}, {"as": "admin"}, {"user": "S-1-5-21-1-2-3-1001"}, {"app": "System"}]
)
def test_section_5_people_and_the_kernel_hold_no_service(flow: dict[str, object]) -> None:
    assert holds_sid(token_of(flow), DHCP) is False


def test_section_5_a_named_service_is_held() -> None:
    for flow in ({"as": "service:Dhcp"}, {"service": "dhcp"}, {"service": ["Dhcp", "Dnscache"]}):
        assert holds_sid(token_of(flow), DHCP) is True
    only = token_of({"service": "Dnscache", "groups_complete": True})
    assert holds_sid(only, DHCP) is False


def test_section_5_presets_differ_in_administrators() -> None:
    admins = "S-1-5-32-544"
    said = [holds_sid(token_of({"as": name}), admins) for name in ("user", "admin", "system")]
    assert said == [False, True, True]
    assert holds_sid(token_of({"user": "S-1-5-21-1-2-3-1001"}), admins) is None


def test_packages_are_none_said_or_unknown() -> None:
    assert token_of({"as": "user"}).package == NO_PACKAGE
    assert token_of({"package": "none"}).package == NO_PACKAGE
    assert token_of({}).package is None
    assert token_of({"package": FAMILY}).package == package_sid(FAMILY)
    assert holds_package_sid(token_of({"package": BOX}), BOX) is True
    assert holds_package_sid(token_of({"package": BOX}), "S-1-15-2-2") is None
