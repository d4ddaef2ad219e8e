"""The reader against the second reading: every object, every field, of every real sample."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pywfp_ps.model.objects import Snapshot
from pywfp_ps.read import read_filters, read_state
from pywfp_ps.write import write_filters, write_state
from tests.oracle.oracle_netsh import read, taken_at
from tests.read.plain_shape import plain

KINDS = (
    "layers",
    "sublayers",
    "providers",
    "contexts",
    "callouts",
    "filters",
    "sessions",
    "endpoints",
    "subscriptions",
    "keywords",
    "statistics",
    "associations",
)
SAMPLES = (
    "wfpstate/host-a-200-filters.xml",
    "wfpstate/host-b-665-filters.xml",
    "wfpstate/host-c-1050-filters.xml",
    "filters/host-c-990-filters.xml",
    "filters/host-d-1161-filters.xml",
    "filters/host-e-286-filters-crlf.xml",
    "filters/host-e-286-filters-lf.xml",
)


def _differences(place: str, ours: object, second: object) -> Iterator[str]:
    """Each place where two plain values differ, in value or in type."""
    if isinstance(ours, dict) and isinstance(second, dict):
        for name in sorted(ours.keys() | second.keys()):
            if name not in second:
                yield f"{place}.{name}: only the package has it, {ours[name]!r}"
            elif name not in ours:
                yield f"{place}.{name}: only the second reading has it, {second[name]!r}"
            else:
                yield from _differences(f"{place}.{name}", ours[name], second[name])
    elif isinstance(ours, list) and isinstance(second, list):
        if len(ours) != len(second):
            yield f"{place}: {len(ours)} items, second reading {len(second)}"
        for count, (left, right) in enumerate(zip(ours, second, strict=False)):
            yield from _differences(f"{place}[{count}]", left, right)
    elif type(ours) is not type(second) or ours != second:
        yield f"{place}: {ours!r}, second reading {second!r}"


def _compare(snapshot: Snapshot, data: bytes) -> None:
    second = read(data)
    assert tuple(second) == KINDS
    ours = {kind: plain(getattr(snapshot, kind)) for kind in KINDS}
    found = list(_differences("snapshot", ours, second))
    assert not found, f"{len(found)} differences, first ones:\n" + "\n".join(found[:5])


def _snapshot(name: str, data: bytes) -> Snapshot:
    return read_state(data) if name.startswith("wfpstate") else read_filters(data)


def test_the_list_of_samples_is_complete(samples: Path) -> None:
    paths = [*samples.glob("wfpstate/*.xml"), *samples.glob("filters/*.xml")]
    assert {path.relative_to(samples).as_posix() for path in paths} == set(SAMPLES)


@pytest.mark.parametrize("name", SAMPLES)
def test_every_object_equals_the_second_reading(samples: Path, name: str) -> None:
    data = (samples / name).read_bytes()
    _compare(_snapshot(name, data), data)


@pytest.mark.parametrize("name", SAMPLES)
def test_nothing_is_left_over(samples: Path, name: str) -> None:
    data = (samples / name).read_bytes()
    snapshot = _snapshot(name, data)
    left = (snapshot.gaps, snapshot.extra, snapshot.completeness.whole, snapshot.taken_at)
    assert left == ((), (), True, taken_at(data))


@pytest.mark.parametrize("name", SAMPLES)
def test_what_is_written_again_equals_the_second_reading(samples: Path, name: str) -> None:
    data = (samples / name).read_bytes()
    snapshot = _snapshot(name, data)
    written = write_state(snapshot) if name.startswith("wfpstate") else write_filters(snapshot)
    assert read(written) == read(data)


def test_line_endings_make_no_difference(samples: Path) -> None:
    crlf, lf = (
        read_filters((samples / "filters" / f"host-e-286-filters-{end}.xml").read_bytes())
        for end in ("crlf", "lf")
    )
    assert crlf == lf


@pytest.mark.parametrize(
    ("ours", "second"),
    [
        ({"id": 1}, {"id": 2}),
        ({"id": 1}, {"id": True}),
        ({"id": None}, {}),
        ({}, {"id": None}),
        ({"flags": ["a"]}, {"flags": ["a", "b"]}),
        ({"flags": ["a", "b"]}, {"flags": ["b", "a"]}),
        ({"value": "00"}, {"value": b"00"}),
    ],
)
def test_the_comparison_sees_a_difference(ours: object, second: object) -> None:
    assert list(_differences("x", ours, second))
