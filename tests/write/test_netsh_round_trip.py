"""Writing is the inverse of reading: for made-up policies, and byte for byte for real files."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pywfp_ps.model.objects import Completeness, Node, Snapshot, Statistics
from pywfp_ps.read import read_filters, read_state
from pywfp_ps.write import write_filters, write_state
from tests.strategies_model import filters, providers, snapshots

_SAMPLES = (
    "wfpstate/host-a-200-filters.xml",
    "wfpstate/host-b-665-filters.xml",
    "wfpstate/host-c-1050-filters.xml",
    "filters/host-c-990-filters.xml",
    "filters/host-d-1161-filters.xml",
    "filters/host-e-286-filters-crlf.xml",
    "filters/host-e-286-filters-lf.xml",
)
_ODD = Snapshot(
    source="netsh",
    taken_at=datetime(2026, 3, 2, tzinfo=UTC),
    completeness=Completeness(command="netsh wfp show state"),
    statistics=(Statistics(kind="ipsec", tree=Node("ipsecStatistics")),),
    extra=(Node("newSection", None, (Node("odd", "a ]]> b & \r\n c"),)),),
)


def _same(read: Snapshot, written: Snapshot) -> None:
    """All objects are equal; gaps stand only where a value has a type of a newer Windows."""
    assert read == replace(written, completeness=read.completeness, gaps=read.gaps)
    assert read.completeness.whole
    newer = [one for held in read.filters for one in held.conditions if one.extra]
    assert len(read.gaps) == len(newer)


@settings(max_examples=30, deadline=None)
@given(snapshots(), st.sampled_from([("\n", "utf-8-sig"), ("\r\n", "utf-8-sig"), ("\n", "utf-16")]))
@example(_ODD, ("\r\n", "utf-8-sig"))
def test_a_state_reads_back_as_it_was(snapshot: Snapshot, how: tuple[str, str]) -> None:
    newline, encoding = how
    written = write_state(snapshot, newline=newline, encoding=encoding)
    _same(read_state(written), snapshot)


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_a_list_of_filters_reads_back_as_it_was(data: st.DataObject) -> None:
    snapshot = Snapshot(
        source="netsh",
        completeness=Completeness(command="netsh wfp show filters"),
        filters=tuple(data.draw(st.lists(filters(), max_size=4))),
        providers=tuple(data.draw(st.lists(providers(), max_size=2))),
    )
    _same(read_filters(write_filters(snapshot)), snapshot)


@pytest.mark.parametrize("name", _SAMPLES)
def test_a_real_file_is_written_again_byte_for_byte(samples: Path, name: str) -> None:
    """Only the dotted texts of blanked user folders may differ: hex was blanked, they were not."""
    real = (samples / name).read_bytes()
    newline = "\r\n" if b"\r\n" in real else "\n"
    if name.startswith("wfpstate"):
        written = write_state(read_state(real), newline=newline)
    else:
        written = write_filters(read_filters(real), newline=newline)
    pairs = zip(real.splitlines(keepends=True), written.splitlines(keepends=True), strict=True)
    assert [pair for pair in pairs if pair[0] != pair[1] and b".u.s.e.r.s." not in pair[0]] == []
