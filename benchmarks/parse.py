"""Parsing a dump: against lxml alone, untangle, fifty times as many filters, and records."""

from __future__ import annotations

import contextlib
import gzip
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import untangle
from lxml import etree
from msgspec.structs import replace

from pywfp_ps.model.objects import Completeness, Snapshot
from pywfp_ps.read import read_records, read_state
from pywfp_ps.write import write_records

_ROUNDS = 3
_CALLS = 5
_TARGET = 50_000
_ROOT = Path(__file__).resolve().parent.parent
_NOTHING = Snapshot(source="netsh", completeness=Completeness(command="netsh wfp show state"))
_FILTERS = b"<filters numItems="


def rows() -> list[tuple[str, str, str, str, str]]:
    """Rows of the table: what, ours, what it is compared with, ratio, budget."""
    data = _dump()
    one_root = _one_root(data)
    ours, bare = _side_by_side(lambda: read_state(data), lambda: etree.fromstring(one_root))
    found = [
        (
            f"parse a state dump of {len(data) / 1e6:.1f} MB to objects",
            _milliseconds(ours),
            f"{_milliseconds(bare)} lxml.etree.fromstring",
            f"{ours / bare:.1f} x",
            "at most 4 x, aim 2 x",
        )
    ]
    text = one_root.decode()
    again, tangled = _side_by_side(lambda: read_state(data), lambda: untangle.parse(text), calls=1)
    found.append(
        (
            "the same",
            _milliseconds(again),
            f"{_milliseconds(tangled)} untangle",
            f"{tangled / again:.1f} x as fast",
            "at least 5 x as fast",
        )
    )
    small = len(read_state(data).filters)
    large_data, large = _enlarged(data, small)
    few, many = _side_by_side(lambda: read_state(data), lambda: read_state(large_data), calls=1)
    found.append(
        (
            f"parse {large:,} filters",
            f"{many / large * 1e6:.0f} us a filter",
            f"{few / small * 1e6:.0f} us a filter at {small:,}",
            f"{many / large / (few / small):.2f} x",
            "within 1.5 x a filter",
        )
    )
    found.append(_records_row(data))
    return found


def _records_row(data: bytes) -> tuple[str, str, str, str, str]:
    """NtObjectManager's records of the same host, held against its dump."""
    records = _records(data)
    theirs, ours = _side_by_side(lambda: read_state(data), lambda: read_records(records))
    dumped, told = len(read_state(data).filters), len(read_records(records).filters)
    return (
        f"read {told:,} filters from records of {len(records) / 1e6:.1f} MB",
        f"{ours / told * 1e6:.0f} us a filter",
        f"{theirs / dumped * 1e6:.0f} us a filter from the dump",
        f"{ours / told / (theirs / dumped):.2f} x",
        "within 2 x a filter",
    )


def _records(data: bytes) -> bytes:
    """The records that belong to the dump, else those of its objects that can be written so."""
    path = _samples() / "ntobjectmanager" / "host-c.jsonl.gz"
    if path.is_file():
        return gzip.decompress(path.read_bytes())
    snapshot = read_state(data)
    kinds = ("layers", "sublayers", "providers", "callouts", "filters", "sessions", "endpoints")
    lines = []
    for kind in kinds:
        for one in getattr(snapshot, kind):
            with contextlib.suppress(ValueError):  # something of it has no public number
                lines.append(write_records(replace(_NOTHING, **{kind: (one,)})))
    return b"".join(lines)


def _side_by_side(
    one: Callable[[], object], other: Callable[[], object], *, calls: int = _CALLS
) -> tuple[float, float]:
    """Median over rounds of the seconds of a call, the two taking turns by rounds.

    A round is the median of some calls in a row, so that neither pays for memory that the other
    gave back.
    """
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(_ROUNDS):
        for call, rounds in zip((one, other), taken, strict=True):
            rounds.append(statistics.median(_seconds(call) for _ in range(calls)))
    return statistics.median(taken[0]), statistics.median(taken[1])


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def _samples() -> Path:
    named = os.environ.get("WFP_SAMPLES")
    return Path(named) if named else _ROOT.parent / "shared" / "samples"


def _dump() -> bytes:
    """A real dump where there are samples, else a made-up one of the same size."""
    path = _samples() / "wfpstate" / "host-c-1050-filters.xml"
    if path.is_file():
        return path.read_bytes()
    case = (_ROOT / "tests" / "data" / "netsh" / "values.xml").read_bytes()
    return _enlarged(case, len(read_state(case).filters), 1050)[0]


def _one_root(data: bytes) -> bytes:
    """The same dump as lxml and untangle can take it: no mark, no declaration, one root."""
    body = data.removeprefix(b"\xef\xbb\xbf")
    return b"<dump>" + body[body.index(b"?>") + 2 :] + b"</dump>"


def _enlarged(data: bytes, count: int, target: int = _TARGET) -> tuple[bytes, int]:
    """The dump with every list of filters repeated, each repetition with ids of its own."""
    times = -(-target // count)
    pieces = data.split(_FILTERS)
    made = [pieces[0]]
    for piece in pieces[1:]:
        stated, _, rest = piece.partition(b">")
        inside, end, after = rest.partition(b"\t\t\t</filters>")
        number = int(stated.strip(b'"'))
        made.append(b'%s"%d">' % (_FILTERS, number * times))
        made += [
            inside.replace(b"<filterId>", b"<filterId>%d" % turn) for turn in range(1, times + 1)
        ]
        made.append(end + after)
    return b"".join(made), count * times
