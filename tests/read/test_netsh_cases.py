"""Every made-up file beside what it must become; a new case is two files and no code."""

from __future__ import annotations

import json

import pytest

from pywfp_ps.read import read_dump
from tests.read.netsh_cases import CASES, plain

NAMES = sorted(path.stem for path in CASES.glob("*.xml"))


def test_every_case_has_its_expectation() -> None:
    assert sorted(path.name.split(".")[0] for path in CASES.glob("*.expected.json")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_case_becomes_what_stands_beside_it(name: str) -> None:
    expected = json.loads((CASES / f"{name}.expected.json").read_text("utf-8"))
    snapshot = read_dump((CASES / f"{name}.xml").read_bytes(), source=name)
    assert plain(snapshot) == expected
