"""Whatever stands in a file, a name or a pattern: it is read, or refused in one sentence."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pywfp_ps.errors import UsageError
from pywfp_ps.fleet.connection import resolve_targets
from pywfp_ps.fleet.inventory import load_inventory
from pywfp_ps.fleet.patterns import select_hosts
from pywfp_ps.fleet.ranges import expand_hosts
from pywfp_ps.fleet.vault import HEADER

PIECES = [
    *(
        "[",
        "]",
        ":",
        "\n",
        " ",
        "  ",
        "=",
        "#",
        "'",
        '"',
        "a",
        "b1",
        "[a]",
        "[a:children]",
        "[a:vars]",
    ),
    *(
        "all",
        "hosts:",
        "children:",
        "vars:",
        "{",
        "}",
        "- ",
        ",",
        "&x ",
        "*x",
        "!vault ",
        "!unsafe ",
    ),
    *(
        "_meta",
        '"hostvars"',
        "{{ a }}",
        "{% if",
        "ansible_port=1",
        "ansible_host: ",
        "null",
        "<<: ",
    ),
    *(
        HEADER,
        "1.1;AES256",
        "61",
        "\t",
        "---",
        "..",
        "/",
        "~",
        "!",
        "@",
        "é",
        "\x00",
        "\udc80",
        "1:3",
    ),
]
texts = st.lists(st.sampled_from(PIECES), max_size=25).map("".join) | st.text(max_size=60)


@settings(max_examples=300, deadline=None)
@given(texts, st.sampled_from(["h", "h.ini", "h.yml", "h.json"]), texts)
def test_any_text_is_read_or_refused(text: str, name: str, beside: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_text(text, encoding="utf-8", errors="surrogateescape")
        path.with_name("group_vars").mkdir()
        path.with_name("group_vars").joinpath("all").write_text(
            beside, encoding="utf-8", errors="surrogateescape"
        )
        said, names, known = "", list[str](), list[str]()
        try:
            inventory = load_inventory([path])
            known = list(inventory.hosts)
            names = [target.name for target in resolve_targets(inventory, known).targets]
        except UsageError as error:
            said = str(error)
        assert "\n" not in said
        assert said or names == known


@settings(max_examples=300, deadline=None)
@given(texts, st.none() | texts)
def test_any_pattern_chooses_or_is_refused(pattern: str, limit: str | None) -> None:
    inventory = load_inventory(["a,b1,a[1:3].corp"])
    try:
        chosen = select_hosts(inventory, pattern, limit)
    except UsageError:
        return
    assert set(chosen) <= {*inventory.hosts, "localhost"}


@settings(max_examples=300, deadline=None)
@given(texts)
def test_any_host_line_gives_names_that_are_none_of_a_path(text: str) -> None:
    try:
        names, port = expand_hosts(text)
    except ValueError:
        return
    assert port is None or 0 < port < 65536
    assert not [name for name in names if set(name) & set("/\\\0\n") or name in {".", ".."}]


@given(st.integers(0, 300), st.integers(0, 300), st.integers(1, 20), st.integers(1, 4))
def test_ranges_count_as_they_say(first: int, last: int, step: int, width: int) -> None:
    text = f"w[{first:0{width}}:{last:0{width}}:{step}].x"
    numbers = range(first, last + 1, step)
    begin = f"{first:0{width}}"
    is_padded = begin[0] == "0" and len(begin) > 1
    if not numbers or (is_padded and len(begin) != len(f"{last:0{width}}")):
        with pytest.raises(ValueError, match=r"range"):
            expand_hosts(text)
        return
    padding = len(begin) if is_padded else 0
    assert expand_hosts(text) == ([f"w{number:0{padding}}.x" for number in numbers], None)
