"""One dump in every form in which it may arrive, and what is refused."""

from __future__ import annotations

import codecs
import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pywfp_ps.errors import ReadError
from pywfp_ps.model.objects import Completeness, Filter, Snapshot
from pywfp_ps.payload import TooLargeError
from pywfp_ps.read import read_dump, read_filters, read_state
from pywfp_ps.read.netsh import tree
from pywfp_ps.read.netsh.cuts import cut
from tests.read.netsh_cases import CASES, case

TEXT = case("running").decode("utf-8-sig")
DECLARATION = TEXT.partition("\n")[0]


def _utf16(order: str, mark: bytes) -> bytes:
    return mark + TEXT.encode(order)


@pytest.mark.parametrize(
    "data",
    [
        TEXT.encode(),
        TEXT.replace("\n", "\r\n").encode("utf-8-sig"),
        TEXT.replace("\n", "").replace("\t", "").encode(),
        TEXT.removeprefix(DECLARATION).encode(),
        TEXT.removeprefix(DECLARATION).lstrip().encode(),
        b"\r\n" + TEXT.encode(),
        _utf16("utf-16-le", codecs.BOM_UTF16_LE),
        _utf16("utf-16-be", codecs.BOM_UTF16_BE),
        _utf16("utf-16-le", b""),
        _utf16("utf-16-be", b""),
        gzip.compress(TEXT.encode("utf-8-sig"), mtime=0),
        gzip.compress(_utf16("utf-16-le", codecs.BOM_UTF16_LE), mtime=0),
        TEXT.replace("<wfpstate>", "<!-- why not --><wfpstate><?pi?>").encode(),
        TEXT.replace("NT-AUTORITÄT", "<![CDATA[NT-AUTORITÄT]]>").encode(),
        TEXT.replace("NT-AUTORITÄT", "NT-AUTORIT&#196;T").encode(),
        TEXT.replace("NT-AUTORITÄT", "NT-<!-- -->AUTORITÄT").encode(),
    ],
    ids=[
        "no mark",
        "CRLF",
        "one line",
        "no declaration",
        "nothing before the root",
        "white space first",
        "UTF-16 LE",
        "UTF-16 BE",
        "UTF-16 LE without a mark",
        "UTF-16 BE without a mark",
        "gzip",
        "gzip of UTF-16",
        "comment and instruction",
        "CDATA",
        "character reference",
        "comment inside text",
    ],
)
def test_every_form_gives_the_same_snapshot(data: bytes) -> None:
    assert read_state(data) == read_state(case("running"))


@pytest.mark.parametrize("size", [1, 7, 100, 4096])
@pytest.mark.parametrize("name", sorted(path.stem for path in CASES.glob("*.xml")))
def test_the_size_of_the_pieces_makes_no_difference(
    name: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = read_dump(case(name))
    monkeypatch.setattr(tree, "_PIECE", size)
    pieces = read_dump(case(name))
    assert _without_lines(pieces) == _without_lines(whole)


def _without_lines(snapshot: Snapshot) -> tuple[object, ...]:
    kept = [gap for gap in snapshot.gaps if not gap.place.startswith("line ")]
    return snapshot.filters, snapshot.layers, snapshot.contexts, snapshot.completeness, kept


@pytest.mark.parametrize("name", sorted(path.stem for path in CASES.glob("*.xml")))
def test_taking_repetitions_out_makes_no_difference(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = read_dump(case(name))
    monkeypatch.setattr(tree, "cut", lambda *_: None)
    assert read_dump(case(name)) == taken


def test_taking_repetitions_out_makes_no_difference_to_real_files(
    samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [path.read_bytes() for path in sorted(samples.glob("wfpstate/*.xml"))]
    assert all(cut(data, data.index(b"?>") + 2) for data in files)
    taken = [read_dump(data) for data in files]
    monkeypatch.setattr(tree, "cut", lambda *_: None)
    assert [read_dump(data) for data in files] == taken


FALSE_LIST = (
    '<filterCondition numItems="1"><item><fieldKey>FWPM_CONDITION_IP_PROTOCOL</fieldKey>'
    "<matchType>FWP_MATCH_EQUAL</matchType><conditionValue><type>FWP_UINT8</type>"
    "<uint8>6</uint8></conditionValue></item></filterCondition>"
)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<name>no condition</name>", f"<name><![CDATA[</weight>{FALSE_LIST}]]></name>"),
        ("<name>no condition</name>", f"<name>x<!--</weight>{FALSE_LIST}--></name>"),
        ("<name>no condition</name>", f"<name>x<?a </weight>{FALSE_LIST}?></name>"),
        ("<reserved/>", f"<weight/>{FALSE_LIST}<reserved/>"),
        ("<reserved/>", f"<unheard>\n<weight></weight>{FALSE_LIST}</unheard><reserved/>"),
        ("<filterCondition/>", f"{FALSE_LIST[:-18]}<x></filterCondition>"),
        ("<filterCondition/>", FALSE_LIST.replace("</item>", "</item></item><item>")),
        ("<filterCondition/>", FALSE_LIST.replace("<item>", "<item>loose")),
        ("<filterCondition/>", FALSE_LIST.replace("<uint8>", '<uint8 base="10">')),
        ("<filterCondition/>", FALSE_LIST.replace("<item>", "<item><filterCondition/>")),
        ("<filterCondition/>", FALSE_LIST.replace("numItems=", 'taken-out-before-parsing="0" x=')),
        ("<filterCondition/>", '<filterCondition taken-out-before-parsing="7"/>'),
    ],
)
def test_what_looks_like_a_list_is_read_as_it_stands(
    old: str, new: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = case("filters").decode("utf-8-sig").replace(old, new, 1).encode()
    taken = read_dump(data)
    monkeypatch.setattr(tree, "cut", lambda *_: None)
    assert read_dump(data) == taken


def test_utf16_with_half_a_letter_is_not_whole() -> None:
    data = _utf16("utf-16-le", codecs.BOM_UTF16_LE)[:-1]
    snapshot = read_state(data, source="x.xml")
    assert not snapshot.completeness.whole
    assert snapshot.gaps[0].place == "the text"
    assert snapshot.sessions == read_state(case("running")).sessions


def test_time_is_utc() -> None:
    text = TEXT.replace("05:06:07.089Z", "05:06:07.089+02:00")
    taken = datetime(2026, 3, 4, 3, 6, 7, 89000, tzinfo=UTC)
    assert read_state(text.encode()).taken_at == taken


@pytest.mark.parametrize(
    ("verbose", "command", "hides"),
    [
        (None, "netsh wfp show filters", True),
        (False, "netsh wfp show filters", True),
        (True, "netsh wfp show filters verbose=on", False),
    ],
)
def test_show_filters_says_what_it_hides(verbose: bool | None, command: str, hides: bool) -> None:
    stated = read_filters(case("matches"), verbose=verbose).completeness
    told = (stated.command, stated.hides_filters, stated.whole)
    assert told == (command, hides, True)
    assert any("inspection" in line.lower() for line in stated.leaves_out) is hides


def test_show_state_hides_no_filters() -> None:
    stated = read_state(case("empty-lists")).completeness
    assert stated == Completeness(
        command="netsh wfp show state",
        leaves_out=(
            "Security descriptors of objects are never printed.",
            "Objects that the account may not read are left out without a word.",
        ),
    )


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b" \r\n", "is empty"),
        (gzip.compress(b"", mtime=0), "is empty"),
        (b"Data collection successful", "but no XML"),
        (bytes(range(256)), "but no XML"),
        (b"<netEvents/>", "but a file of net events"),
        (b"<wfpdiag><initialState/></wfpdiag>", "but the diagnostics of a capture"),
        (b"<html><body/></html>", "but a web page"),
        (b"<sysports><item/></sysports>", "but a file with the root element sysports"),
        (b"<Events><Event/></Events>", "but an export of an event log"),
    ],
)
def test_what_is_no_dump_is_named(data: bytes, problem: str) -> None:
    with pytest.raises(ReadError, match=problem) as caught:
        read_dump(data, source="odd.xml")
    assert caught.value.source == "odd.xml"


def test_each_function_refuses_the_others_file() -> None:
    with pytest.raises(ReadError, match="is not a file of netsh wfp show state but a file of"):
        read_state(case("matches"))
    with pytest.raises(ReadError, match="is not a file of netsh wfp show filters but a file of"):
        read_filters(case("values"))


def test_a_wrong_file_packed_too_tightly_is_refused() -> None:
    with pytest.raises(TooLargeError, match="grows"):
        read_dump(gzip.compress(b"<wfpstate>" + b" " * 8_000_000))


@pytest.mark.parametrize(
    ("name", "filters", "providers"),
    [
        ("wfpstate/host-a-200-filters.xml", 200, 12),
        ("wfpstate/host-b-665-filters.xml", 665, 14),
        ("wfpstate/host-c-1050-filters.xml", 1050, 16),
        ("filters/host-c-990-filters.xml", 990, 16),
        ("filters/host-d-1161-filters.xml", 1161, 21),
        ("filters/host-e-286-filters-crlf.xml", 286, 15),
        ("filters/host-e-286-filters-lf.xml", 286, 15),
    ],
)
def test_real_files_come_out_whole(samples: Path, name: str, filters: int, providers: int) -> None:
    snapshot = read_dump((samples / name).read_bytes())
    left = (snapshot.gaps, snapshot.extra, snapshot.completeness.whole)
    assert left == ((), (), True)
    assert (len(snapshot.filters), len(snapshot.providers)) == (filters, providers)
    assert all(not condition.extra for one in snapshot.filters for condition in one.conditions)
    assert sum(layer.filter_count for layer in snapshot.layers) in (0, filters)


def test_a_filter_listing_is_part_of_the_state(samples: Path) -> None:
    state = read_state((samples / "wfpstate/host-c-1050-filters.xml").read_bytes())
    listing = read_filters((samples / "filters/host-c-990-filters.xml").read_bytes())
    by_key: dict[object, Filter] = {one.key: one for one in state.filters}
    same = [one for one in listing.filters if one == by_key.get(one.key)]
    assert len(same) > 900
