"""SIDs from names, and security descriptors against described tokens, rule by rule."""

from __future__ import annotations

from typing import Any

import pytest

from pywfp_ps.errors import UsageError
from pywfp_ps.explain.logic import MAYBE, NO, YES
from pywfp_ps.explain.said import Said, flow_of
from pywfp_ps.explain.sids import name_of_sid, package_sid, service_sid
from pywfp_ps.explain.tokens import grants, parse_descriptor, token_of

EDGE = "Microsoft.MicrosoftEdge_8wekyb3d8bbwe"
EDGE_SID = "S-1-15-2-3624051433-2125758914-1423191267-1740899205-1073925389-3782572162-737981194"
NAMED = "WIN://SYSAPPID Contains"
OTHER = "S-1-15-2-1001-1002-1003-1004-1005-1006-1007"
USER = "S-1-5-21-1-2-3-1001"


def test_the_sid_of_a_service_is_the_one_windows_gives() -> None:
    assert service_sid("TrustedInstaller") == (
        "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
    )
    assert service_sid("trustedinstaller") == service_sid("TRUSTEDINSTALLER")


def test_the_sid_of_a_package_is_the_one_windows_gives() -> None:
    assert package_sid(EDGE) == package_sid(EDGE.upper()) == EDGE_SID


@pytest.mark.parametrize(
    ("sid", "name"),
    [
        (service_sid("Dnscache"), "service Dnscache"),
        ("S-1-15-3-1", "capability internetClient"),
        ("S-1-5-32-544", "Administrators"),
        (service_sid("Audiosrv"), "service Audiosrv"),
        (service_sid("vmicheartbeat"), "service vmicheartbeat"),
        ("S-1-5-80-1-2-3-4-5", "S-1-5-80-1-2-3-4-5"),
    ],
)
def test_sids_are_names_again(sid: str, name: str) -> None:
    assert name_of_sid(sid) == name


_CASES: list[tuple[str, dict[str, Any], str, int]] = [
    ("everyone is always held", {"account": "user"}, "(A;;CC;;;WD)", YES),
    ("another right does not match", {"account": "user"}, "(A;;RC;;;WD)", NO),
    ("generic rights are unknown", {"account": "user"}, "(A;;GA;;;WD)", MAYBE),
    ("inherit-only entries are skipped", {"account": "user"}, "(A;IO;CC;;;WD)", NO),
    ("file rights hold the match right", {"account": "user"}, "(A;;FR;;;WD)", YES),
    ("write rights do not", {"account": "user"}, "(A;;FW;;;WD)", NO),
    ("an empty list grants nothing", {"account": "user"}, "", NO),
    ("no list grants", {"account": "user"}, "NO_ACCESS_CONTROL", YES),
    ("no list may not be for packages", {"package": OTHER}, "NO_ACCESS_CONTROL", MAYBE),
    ("a user is in Users", {"account": "user"}, "(A;;CC;;;BU)", YES),
    ("a user is no administrator", {"account": "user"}, "(A;;CC;;;BA)", NO),
    ("an admin is", {"account": "admin"}, "(A;;CC;;;BA)", YES),
    ("interactive is unsaid", {"account": "user"}, "(A;;CC;;;IU)", MAYBE),
    ("but not in a complete list", {"account": "user", "groups_complete": True},
     "(A;;CC;;;IU)", NO),
    ("a user runs no service", {"account": "user"}, "(A;;CC;;;S-1-5-80-1-2-3-4-5)", NO),
    ("LocalSystem may", {"account": "system"}, "(A;;CC;;;S-1-5-80-1-2-3-4-5)", MAYBE),
    ("a service holds its SID", {"account": "service:Dnscache"},
     f"(A;;CC;;;{service_sid('Dnscache')})", YES),
    ("and may hold others", {"account": "service:Dnscache"}, "(A;;CC;;;S-1-5-80-1-2-3-4-5)", MAYBE),
    ("unless the list is complete", {"account": "service:Dnscache", "groups_complete": True},
     "(A;;CC;;;S-1-5-80-1-2-3-4-5)", NO),
    ("the kernel is LocalSystem", {"app": "System"}, "(A;;CC;;;SY)", YES),
    ("and holds no service SID", {"app": "System"}, "(A;;CC;;;S-1-5-80-1-2-3-4-5)", NO),
    ("a user by SID runs no service", {"user": USER, "package": "none"},
     "(A;;CC;;;S-1-5-80-1-2-3-4-5)", NO),
    ("but may be in a package", {"user": USER}, "(A;;CC;;;WD)", MAYBE),
    ("deny before allow", {"account": "user"}, "(D;;CC;;;BU)(A;;CC;;;WD)", NO),
    ("allow before deny", {"account": "user"}, "(A;;CC;;;WD)(D;;CC;;;BU)", YES),
    ("a doubtful deny leaves doubt", {"account": "user"}, "(D;;CC;;;IU)(A;;CC;;;WD)", MAYBE),
    ("two doubts that agree leave none", {"account": "user"}, "(D;;CC;;;IU)(D;;CC;;;WD)", NO),
    ("an AppContainer needs two grants", {"package": OTHER}, "(A;;CC;;;WD)", NO),
    ("one for each side", {"package": OTHER}, "(A;;CC;;;WD)(A;;CC;;;AC)", YES),
    ("the package side alone is not enough", {"package": OTHER}, "(A;;CC;;;AC)", NO),
    ("its own SID grants", {"package": OTHER}, f"(A;;CC;;;WD)(A;;CC;;;{OTHER})", YES),
    ("that of another does not", {"package": EDGE}, f"(A;;CC;;;WD)(A;;CC;;;{OTHER})", NO),
    ("the capability is held", {"package": OTHER, "capabilities": ("S-1-15-3-1",)},
     "(A;;CC;;;S-1-15-3-1)(A;;CC;;;WD)", YES),
    ("the capability is not held", {"package": OTHER, "capabilities": ()},
     "(A;;CC;;;S-1-15-3-1)(A;;CC;;;WD)", NO),
    ("capabilities are unsaid", {"package": OTHER}, "(A;;CC;;;S-1-15-3-1)(A;;CC;;;WD)", MAYBE),
    ("a restricted package is unknown", {"package": OTHER}, "(A;;CC;;;S-1-15-2-2)(A;;CC;;;WD)",
     MAYBE),
    ("no package: conditional allow does not apply", {"account": "user"},
     f'(XA;;CC;;;WD;(WIN://SYSAPPID Contains "{EDGE}"))', NO),
    ("no package: conditional deny applies", {"account": "user"},
     f'(XD;;CC;;;WD;(WIN://SYSAPPID Contains "{EDGE}"))(A;;CC;;;WD)', NO),
    ("the package is named", {"package": EDGE},
     f'(XA;;CC;;;WD;(WIN://SYSAPPID Contains "{EDGE}"))(A;;CC;;;AC)', YES),
    ("its SID tells its family", {"package": EDGE_SID},
     f'(XA;;CC;;;WD;(WIN://SYSAPPID Contains "{EDGE}"))(A;;CC;;;AC)', YES),
    ("another package is named", {"package": OTHER},
     f'(XA;;CC;;;WD;(WIN://SYSAPPID Contains "{EDGE}"))(A;;CC;;;AC)', NO),
    ("either of two names", {"package": EDGE},
     f'(XA;;CC;;;WD;({NAMED} "a_8wekyb3d8bbwe" || {NAMED} "{EDGE}"))(A;;CC;;;AC)', YES),
    ("a negated name", {"package": EDGE},
     f'(XA;;CC;;;WD;(!(WIN://SYSAPPID Contains "{EDGE}")))(A;;CC;;;AC)', NO),
    ("a condition nobody knows", {"account": "user"}, '(XA;;CC;;;WD;(@User.x == "y"))', MAYBE),
    ("a condition that makes no sense", {"account": "user"}, "(XA;;CC;;;WD;(&&))", MAYBE),
    ("letters of a domain account", {"account": "user"}, "(A;;CC;;;DA)", MAYBE),
]  # fmt: skip


@pytest.mark.parametrize(
    ("said", "entries", "answer"),
    [case[1:] for case in _CASES],
    ids=[case[0].replace(" ", "-") for case in _CASES],
)
def test_a_descriptor_against_a_token(said: dict[str, Any], entries: str, answer: int) -> None:
    flow = flow_of(Said(ip_version=4, **said))
    assert grants(parse_descriptor(f"O:SYG:SYD:{entries}"), token_of(flow)) == answer


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"user": "Administrator"}, "is no SID"),
        ({"account": "root"}, "no account 'root'"),
        ({"account": "service:"}, "a service needs a name"),
        ({"package": "something"}, "no package SID"),
        ({"app": "notepad.exe"}, "neither a DOS path"),
        ({"remote": "1.2.3.4.5"}, "is no address"),
        ({"remote": "192.0.2.1:70000"}, "port is 0 to 65535"),
        ({"remote": "192.0.2.1", "local": "2001:db8::1"}, "do not go together"),
        ({"remote": "192.0.2.1:1", "protocol": "icmp"}, "has no ports"),
        ({"remote": "2001:db8::1", "protocol": "icmp"}, "does not run over IPv6"),
        ({"icmp": "8", "remote": "192.0.2.1"}, "has no ICMP type"),
        ({"protocol": "sctpx"}, "is no protocol"),
        ({"fields": ("NOPE=1",), "remote": "192.0.2.1"}, "no condition field"),
        ({"interface": " ", "remote": "192.0.2.1"}, "is no LUID and no name"),
        ({}, "say an address"),
    ],
)
def test_what_makes_no_sense_is_refused(said: dict[str, Any], problem: str) -> None:
    tells_version = said.keys() & {"remote", "protocol"} or not said
    more: dict[str, Any] = {} if tells_version else {"ip_version": 4}
    with pytest.raises(UsageError, match=problem):
        flow_of(Said(**more, **said))
