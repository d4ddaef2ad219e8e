"""What NtObjectManager could not list is neither there nor missing."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from pywfp_ps.model.merging import merge
from pywfp_ps.model.objects import Snapshot
from pywfp_ps.read import read_records, read_state
from pywfp_ps.write import write_records, write_state
from pywfp_remote.lab.generate import make_host
from tests.read.two_sources import NUMBERS

LAYER = "c38d57d1-05a7-4c33-904f-7fbceee60e82"
Told = dict[str, Any]


@cache
def _both() -> tuple[Snapshot, list[Told]]:
    host = make_host(0, 0).snapshot
    lines = write_records(host, numbers=NUMBERS).splitlines()
    return read_state(write_state(host)), [json.loads(line) for line in lines]


def _is_sublayer(told: Told) -> bool:
    return bool(told["kind"] == "sublayer")


def _is_at_layer(told: Told) -> bool:
    return bool(told["kind"] == "filter" and told["layer"] == LAYER)


def _is_first(told: Told) -> bool:
    first = next(one for one in _both()[1] if one["kind"] == "filter")
    return told == first


def _read(told: list[Told]) -> Snapshot:
    return read_records(b"".join(json.dumps(one).encode() + b"\n" for one in told))


@pytest.mark.parametrize(
    ("is_lost", "gap", "unlisted"),
    [
        (_is_sublayer, {"of": "sublayer", "about": "all"}, "sublayer"),
        (_is_at_layer, {"of": "filter", "about": LAYER.upper()}, f"filter {LAYER}"),
        (_is_first, {"of": "filter", "about": ""}, "filter ?"),
    ],
)
def test_it_is_no_disagreement(
    is_lost: Callable[[Told], bool], gap: dict[str, str], unlisted: str
) -> None:
    netsh, every = _both()
    kept = [one for one in every if not is_lost(one)]
    told = {"kind": "gap", **gap, "id": "x", "text": "Access is denied."}
    refused = _read([*kept, told])
    merged, found = merge(netsh, refused)
    assert [one for one in found if one.kind == gap["of"]] == []
    assert merged.completeness.unlisted == refused.completeness.unlisted == (unlisted,)
    assert [one.id for one in merged.filters] == [one.id for one in netsh.filters]
    assert len(merged.sublayers) == len(netsh.sublayers)


@pytest.mark.parametrize("is_lost", [_is_at_layer, _is_first])
def test_what_is_left_out_without_a_word_is_one(is_lost: Callable[[Told], bool]) -> None:
    netsh, every = _both()
    lost = {one["id"] for one in every if is_lost(one)}
    found = merge(netsh, _read([one for one in every if not is_lost(one)]))[1]
    assert {one.name for one in found if one.kind == "filter"} == set(map(str, lost))


def test_more_missing_than_lost_is_one() -> None:
    netsh, every = _both()
    told = {"kind": "gap", "of": "filter", "about": "", "id": "x", "text": "?"}
    records = _read([*(one for one in every if not _is_at_layer(one)), told])
    assert any(one.kind == "filter" for one in merge(netsh, records)[1])


def test_a_record_that_makes_no_sense_is_lost() -> None:
    _, every = _both()
    broken = [{**one, "key": 5} if _is_sublayer(one) else one for one in every]
    assert set(_read(broken).completeness.unlisted) == {"sublayer ?"}
