from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywfp_ps.payload.names import LONGEST, folder_name

PLAIN = ["web-03", "dc01.corp.example", "10.0.0.7", "a", "_", "x" * LONGEST, "console", "com10"]

UGLY = [
    *("CON", "con", "Con.txt", "nul", "aux.corp.example", "com1", "COM¹", "lpt9.x", "conin$"),
    *("web.", "web..", ".", "..", "", " ", "web ", ".hidden", "-rf", "~", "webser~1"),
    *("fe80::1", "c:", "../../x", "/etc/passwd", r"..\..\x", r"\\srv\share", "a/b", "a\0b", "a\nb"),
    *("x" * (LONGEST + 1), "x" * 5000, "é" * 200, "İ" * 100, "\udcff", "web-03\u202e", "a*?<>|b"),
    *("WEB-03", "Web-03", "ﬁ", "ß", "K"),
]

hosts = st.text(st.characters(codec=None, exclude_categories=()), max_size=300) | st.from_regex(
    r"(?i)(?:con|nul|web|\.|~|-|:|com1|/){0,60}", fullmatch=True
)


@pytest.mark.parametrize("host", PLAIN)
def test_a_plain_name_is_its_own_folder(host: str) -> None:
    assert folder_name(host) == host


@pytest.mark.parametrize("host", UGLY)
def test_an_ugly_name_gets_a_marked_folder_that_exists_once_made(host: str, tmp_path: Path) -> None:
    folder = folder_name(host)
    (tmp_path / folder).mkdir()
    assert [made.name for made in tmp_path.iterdir()] == [folder]
    assert re.search(r"~[0-9a-f]{32}$", folder)


def test_folders_never_change_between_versions() -> None:
    assert [folder_name(name) for name in ("WEB-03", "../../x", "CON.corp")] == [
        "web-03~8d6f3af6771eee4aedb1de1f7141428f",
        "__.._x~9cdf6a50100a862e14286c7a334296da",
        "_con.corp~d393990866190748bd5f6a9daeccd633",
    ]


@given(hosts)
def test_a_folder_is_safe_everywhere(host: str) -> None:
    folder = folder_name(host)
    assert re.fullmatch(r"[a-z0-9_][a-z0-9._~-]*[a-z0-9_-]|[a-z0-9_]", folder)
    assert len(folder.encode()) <= LONGEST
    assert not re.match(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\.|$)", folder)


@given(st.lists(hosts, unique=True, max_size=8))
def test_two_hosts_never_share_a_folder(names: list[str]) -> None:
    names = list({*names, *(n.lower() for n in names), *(n.upper() for n in names)})
    assert len({folder_name(name).lower() for name in names}) == len(names)


def test_the_folder_of_a_folder_name_is_another() -> None:
    folder = folder_name("WEB-03")
    assert folder_name(folder) != folder
