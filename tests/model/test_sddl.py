from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywfp_ps.model.sddl import Ace, SecurityDescriptor, parse_sddl


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", SecurityDescriptor()),
        ("O:LS", SecurityDescriptor(owner="S-1-5-19")),
        ("D:", SecurityDescriptor(dacl=())),
        ("D:NO_ACCESS_CONTROL", SecurityDescriptor(dacl_flags="NO_ACCESS_CONTROL")),
        (
            "O:BAG:SYD:PAI(D;;GA;;;AN)(A;;CCRC;;;S-1-5-80-1-2-3-4-5)S:(ML;;NW;;;LW)",
            SecurityDescriptor(
                owner="S-1-5-32-544",
                group="S-1-5-18",
                dacl_flags="PAI",
                dacl=(
                    Ace(type="D", rights=0x10000000, rights_text="GA", sid="S-1-5-7"),
                    Ace(type="A", rights=0x20001, rights_text="CCRC", sid="S-1-5-80-1-2-3-4-5"),
                ),
                sacl=(Ace(type="ML", rights=None, rights_text="NW", sid="S-1-16-4096"),),
            ),
        ),
        (
            'D:(XA;;CC;;;WD;(WIN://SYSAPPID Contains "A;)(B"))',
            SecurityDescriptor(
                dacl=(
                    Ace(
                        type="XA",
                        rights=1,
                        rights_text="CC",
                        sid="S-1-1-0",
                        condition='(WIN://SYSAPPID Contains "A;)(B")',
                    ),
                )
            ),
        ),
        (
            "D:(OA;CI;0x1;bf967aba-0de6-11d0-a285-00aa003049e2;;DA)",
            SecurityDescriptor(
                dacl=(
                    Ace(
                        type="OA",
                        flags="CI",
                        rights=1,
                        rights_text="0x1",
                        object_guid="bf967aba-0de6-11d0-a285-00aa003049e2",
                        sid="DA",
                    ),
                )
            ),
        ),
    ],
)
def test_sddl_is_taken_apart(text: str, expected: SecurityDescriptor) -> None:
    assert parse_sddl(text) == expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("nonsense", "no SDDL"),
        ("D:(A;;CC;;;WD", "open parenthesis"),
        ("D:(A;;CC;;WD)", "six fields"),
        ("D:(A;;CC;;;what)", "no SID"),
        ("D:(A;;CC;;;WD)x(A;;CC;;;WD)", "between entries"),
        ("O:BAO:BA", "no SDDL"),
        ("O:x", "no SID"),
        ("D:a!(A;;CC;;;WD)", "flags"),
    ],
)
def test_what_is_no_sddl_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_sddl(text)


@given(st.text(alphabet='OGDS:();"AWC 1-', max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse_sddl(text)
    except ValueError:
        return
