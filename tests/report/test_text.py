from __future__ import annotations

import json
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywfp_ps.report.rows import cell, json_line, write_table
from pywfp_ps.report.text import csv_cell, json_safe, one_line, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb\tc", "a\\x0ab\\x09c"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("caf\u00e9 \u65e5\u672c", "caf\u00e9 \u65e5\u672c"),
        ("a\u200bb\ufeff", "a\\u200bb\\ufeff"),
        ("\x9b31m", "\\x9b31m"),
    ],
)
def test_text_is_shown_without_acting(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text())
def test_nothing_shown_can_move_a_cursor(text: str) -> None:
    for shown in (visible(text), cell(text)):
        assert not any(ord(letter) < 32 or 0x7F <= ord(letter) < 0xA0 for letter in shown)


@given(st.text())
def test_json_means_the_same_and_cannot_act(text: str) -> None:
    line = json_line({"t": text}) if not any("\ud800" <= c <= "\udfff" for c in text) else "{}"
    assert "\x1b" not in line
    assert "\n" not in line
    if line != "{}":
        assert json.loads(line) == {"t": text}


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\t=1", "\r=1", "\uff1d1"])
def test_a_formula_is_text_in_csv(text: str) -> None:
    assert csv_cell(text) == "'" + text


@pytest.mark.parametrize("text", ["", "a=1", "1-2", "'=1"])
def test_other_text_stays_in_csv(text: str) -> None:
    assert csv_cell(text) == text


def test_one_line_is_cut_with_an_ellipsis() -> None:
    assert one_line("x" * 400, 10) == "x" * 9 + "\u2026"


def test_json_keeps_delete_out_of_terminals() -> None:
    assert json_safe('"\x7f"') == '"\\u007f"'


def test_name_without_end_does_not_make_every_row_as_long() -> None:
    out = StringIO()
    rows = [("web-001", "x" * 3_000_000), *((f"web-{n:03}", "y") for n in range(2, 20))]
    write_table(("host", "name"), rows, out, terminal=False)
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) < 11_000
    assert [line.strip()[-1] for line in lines if "web-001" in line] == ["\u2026"]
