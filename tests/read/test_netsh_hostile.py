"""Files that want more than to be read: bombs, depth, size, damage anywhere."""

from __future__ import annotations

import re
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pywfp_ps.errors import ReadError
from pywfp_ps.model.objects import Filter, Snapshot
from pywfp_ps.read import read_dump
from pywfp_ps.read.netsh import elements, tree
from tests.read.netsh_cases import case

LAUGHS = '<!DOCTYPE w [<!ENTITY a0 "ha">{}]>'.format(
    "".join(f'<!ENTITY a{n} "' + f"&a{n - 1};" * 10 + '">' for n in range(1, 30))
)
WHOLE = case("filters")
FILTERS = read_dump(WHOLE).filters


@contextmanager
def _little_memory(limit: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < limit
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "data",
    [
        f"{LAUGHS}<wfpstate><timeStamp>&a29;</timeStamp></wfpstate>",
        "<!DOCTYPE wfpstate><wfpstate/>",
        '<!DOCTYPE w SYSTEM "file:///etc/passwd"><wfpstate/>',
        '<!DOCTYPE w [<!ENTITY e SYSTEM "file:///etc/passwd">]><wfpstate>&e;</wfpstate>',
        "<wfpstate><sessions/><!DOCTYPE x></wfpstate>",
    ],
)
def test_a_document_type_is_refused(data: str) -> None:
    with pytest.raises(ReadError, match="declares a document type"):
        read_dump(data.encode())


def test_an_entity_is_never_looked_up() -> None:
    snapshot = read_dump(b"<wfpdiag><filters>&secret;</filters><providers/></wfpdiag>")
    assert not snapshot.completeness.whole


@pytest.mark.parametrize("kind", ["item", "other"])
def test_items_without_end_that_are_none_are_counted(kind: str) -> None:
    many = 3 * elements.MOST
    data = b"<wfpdiag><filters>" + f"<{kind}/>".encode() * many + b"</filters></wfpdiag>"
    snapshot = read_dump(data)
    assert (snapshot.filters, len(snapshot.gaps)) == ((), elements.MOST + 1)
    assert len(snapshot.extra) <= elements.MOST
    count = re.fullmatch(r"and (\d+) more gaps", snapshot.gaps[-1].problem)
    assert count is not None
    assert int(count[1]) >= many - elements.MOST


def test_trouble_without_end_in_one_item_is_counted() -> None:
    item = case("filters")
    twice = b"<layerKey>a</layerKey>" * (3 * elements.MOST)
    snapshot = read_dump(item.replace(b"<layerKey>", twice + b"<layerKey>", 1))
    assert len(snapshot.gaps) <= elements.MOST + 1


@pytest.mark.parametrize("depth", [300, 100_000, 2_000_000])
def test_deep_nesting_is_refused(depth: int) -> None:
    with _little_memory(64 << 20), pytest.raises(ReadError, match=r"refuses it|nests more than"):
        read_dump(b"<wfpstate>" + b"<a>" * depth)


def test_nesting_that_the_parser_takes_is_refused_when_kept() -> None:
    depth = elements.DEPTH_LIMIT + 10
    with pytest.raises(ReadError, match="nests more than"):
        read_dump(b"<wfpstate>" + b"<a>" * depth + b"</a>" * depth + b"</wfpstate>")


@pytest.mark.parametrize(
    "data",
    [
        b"<wfpstate><a>" + b"x" * 11_000_000 + b"</a></wfpstate>",
        b'<wfpstate><a b="' + b"x" * 11_000_000 + b'"/></wfpstate>',
        b"<wfpstate><a" + b"x" * 11_000_000 + b"/></wfpstate>",
    ],
    ids=["text", "attribute", "name"],
)
def test_a_huge_node_is_refused(data: bytes) -> None:
    with _little_memory(64 << 20), pytest.raises(ReadError, match="refuses it"):
        read_dump(data)


def test_too_many_tags_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "TAG_LIMIT", 1000)
    with pytest.raises(ReadError, match="2002 tags, more than 1000"):
        read_dump(b"<wfpstate>" + b"<a/>" * 2000 + b"</wfpstate>")


def test_damage_without_end_is_left_unread() -> None:
    broken = read_dump(b"<wfpstate>" + b"<a>\x01</a>" * 200_000 + b"</wfpstate>")
    assert (broken.completeness.whole, len(broken.gaps) < 50) == (False, True)


def test_stray_attributes_without_end_are_counted() -> None:
    text = "<wfpstate>" + "<sessions/>".join(f'<x{n} a="1"/>' for n in range(200)) + "</wfpstate>"
    told = [gap for gap in read_dump(text.encode()).gaps if "more elements" in gap.problem]
    assert len(told) == 1


def _is_start_of_all(snapshot: Snapshot) -> bool:
    return snapshot.filters == FILTERS[: len(snapshot.filters)]


@pytest.mark.parametrize("share", [index / 40 for index in range(40)])
def test_a_cut_anywhere_keeps_what_is_before_it(share: float) -> None:
    at = int(len(WHOLE) * share)
    if b"<wfpstate>" not in WHOLE[:at]:
        with pytest.raises(ReadError):
            read_dump(WHOLE[:at])
        return
    snapshot = read_dump(WHOLE[:at])
    closed = WHOLE[:at].count(b"</item>\n\t\t\t\t<item>\n\t\t\t\t\t<filterKey>")
    assert not snapshot.completeness.whole
    assert _is_start_of_all(snapshot)
    assert len(snapshot.filters) >= closed


@given(st.integers(0, len(WHOLE) - 1), st.binary(min_size=0, max_size=12), st.integers(0, 40))
@settings(max_examples=300, deadline=None)
def test_other_bytes_anywhere_never_raise_anything_else(at: int, new: bytes, gone: int) -> None:
    data = WHOLE[:at] + new + WHOLE[at + gone :]
    try:
        snapshot = read_dump(data)
    except ReadError:
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tree, "cut", lambda *_: None)
        assert read_dump(data) == snapshot
    if snapshot.is_complete:
        known = {one.id for one in FILTERS}
        assert all(isinstance(one, Filter) for one in snapshot.filters)
        assert len({one.id for one in snapshot.filters} - known) <= 1


_STRAY = (b"<", b"&", b"</x>", b"<a b='", b"<item>", b"</item>", b"</filters>", b"\0\1")


@settings(max_examples=60, deadline=None)
@given(share=st.floats(0, 1), stray=st.sampled_from(_STRAY))
def test_damage_in_one_object_costs_that_object(share: float, stray: bytes) -> None:
    at = WHOLE.index(b"<displayData>", int(share * WHOLE.rindex(b"<displayData>")))
    at += len(b"<displayData>")
    snapshot = read_dump(WHOLE[:at] + stray + WHOLE[at:])
    known = {one.id: one for one in FILTERS}
    as_before = [one for one in snapshot.filters if one == known.get(one.id)]
    assert len(as_before) >= len(FILTERS) - 1
    assert len(snapshot.filters) - len(as_before) <= 1
    assert snapshot.gaps


def test_runs_of_blanks_and_beginnings_take_no_time() -> None:
    blanks = b"<wfpdiag><filters>" + b" " * 3_000_000 + b"</x>"
    beginnings = b"<wfpdiag><filters>" + b"\n  <item></item>" * 200_000 + b"</x>"
    for data in (blanks, beginnings):
        assert not read_dump(data).completeness.whole


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_bytes_give_a_snapshot_or_a_read_error(data: bytes) -> None:
    for start in (b"", b"<wfpstate>", b"\xff\xfe<\0", b"\x1f\x8b"):
        try:
            read_dump(start + data)
        except ReadError:
            continue


TAGS = st.sampled_from(
    [
        "item", "layer", "filters", "callouts", "field", "flags", "type", "data", "displayData",
        "filterCondition", "conditionValue", "weight", "effectiveWeight", "action", "filterType",
        "classifyOptions", "options", "value", "enumTemplate", "uint8", "byteBlob", "rangeValue",
        "fieldKey", "matchType", "layerKey", "subLayerKey", "filterId", "name", "unheardOf",
    ]
)  # fmt: skip
TEXTS = st.sampled_from(
    ["", "1", "FWP_UINT8", "FWP_RANGE_TYPE", "FWPM_LAYER_ALE_AUTH_CONNECT_V4", "{x}", "-1", "é"]
)
TREES = st.recursive(
    st.tuples(TAGS, TEXTS),
    lambda inner: st.tuples(TAGS, st.lists(inner, max_size=5)),
    max_leaves=25,
)


def _xml(node: object) -> str:
    assert isinstance(node, tuple)
    tag, inside = node
    text = inside if isinstance(inside, str) else "".join(map(_xml, inside))
    return f"<{tag}>{text}</{tag}>"


@given(
    st.sampled_from(
        ["layers", "providers", "subLayers", "providerContexts", "sessions", "subscriptions",
         "aleConnectedEndpoints", "ipsecStatistics", "ikeextSas", "timeStamp"]
    ),
    st.lists(TREES, max_size=4),
)  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_well_formed_nonsense_gives_gaps(section: str, trees: list[object]) -> None:
    inside = "".join(map(_xml, trees))
    snapshot = read_dump(f"<wfpstate><{section}>{inside}</{section}></wfpstate>".encode())
    assert snapshot.gaps
