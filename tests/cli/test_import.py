from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from pywfp_ps.model.objects import Completeness, Filter, Layer, Snapshot
from pywfp_ps.write import write_filters, write_state

from .conftest import Wfp

_CONNECT = "FWPM_LAYER_ALE_AUTH_CONNECT_V4"


def _snapshot(*ids: int) -> Snapshot:
    filters = tuple(
        Filter(
            id=id_,
            key=None,
            name=f"filter {id_}",
            layer=_CONNECT,
            sublayer="FWPM_SUBLAYER_UNIVERSAL",
            action="FWP_ACTION_BLOCK",
            effective_weight=id_,
        )
        for id_ in ids
    )
    return Snapshot(
        source="netsh",
        completeness=Completeness(command="netsh wfp show state"),
        layers=(Layer(id=48, key=None, const_name=_CONNECT, filter_count=len(ids)),),
        filters=filters,
    )


def _state(*ids: int) -> bytes:
    return write_state(_snapshot(*ids))


def _put(path: str | Path, data: bytes) -> Path:
    place = Path(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    return place


def _counts(wfp: Wfp) -> dict[str, int]:
    rows = wfp("sql", "--store", "s", "--json", "SELECT host, filters FROM hosts").rows
    return {row["host"]: row["filters"] for row in rows}


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("web-03.xml", "web-03"),
        ("web-03.xml.gz", "web-03"),
        ("web-03.example.net.xml", "web-03.example.net"),
        ("plain", "plain"),
        ("db-01/wfpstate.xml", "db-01"),
        ("db-01/FILTERS.XML", "db-01"),
        ("db-01/wfpstate.xml.gz", "db-01"),
    ],
)
def test_a_file_gives_its_host_by_name(wfp: Wfp, name: str, host: str) -> None:
    data = _state(1)
    _put(name, gzip.compress(data) if name.endswith(".gz") else data)
    assert wfp("import", name, "--store", "s").code == 0
    assert _counts(wfp) == {host: 1}


def test_the_host_can_be_named(wfp: Wfp) -> None:
    _put("a.xml", _state(1))
    assert wfp("import", "a.xml", "--store", "s", "--host", "web:03 ").code == 0
    assert _counts(wfp) == {"web:03 ": 1}


def test_many_files_are_parsed_by_workers(wfp: Wfp) -> None:
    names = [_put(f"h{n}.xml", _state(*range(1, n + 2))) for n in range(5)]
    call = wfp("import", *names, "--store", "s", "--json")
    assert (call.code, sorted((r["host"], r["outcome"], r["filters"]) for r in call.rows)) == (
        0,
        [(f"h{n}", "ok", n + 1) for n in range(5)],
    )


def test_two_files_of_one_host_are_refused_before_anything_is_written(wfp: Wfp) -> None:
    files = [_put("a/wfpstate.xml", _state(1)), _put("x/a.xml", _state(2))]
    call = wfp("import", *files, "--store", "s")
    assert (call.code, "both give the state of host 'a'" in call.error) == (2, True)
    assert not Path("s").exists()


def test_files_of_a_named_host_become_runs_in_order(wfp: Wfp) -> None:
    files = [_put("a.xml", _state(1)), _put("b.xml", _state(1, 2))]
    assert wfp("import", *files, "--store", "s", "--host", "h").code == 0
    assert _counts(wfp) == {"h": 2}
    runs = wfp("runs", "--store", "s", "--json").rows
    assert [run["filters"] for run in runs] == [1, 2]


def test_identical_bytes_are_noted(wfp: Wfp) -> None:
    files = [_put("a.xml", _state(1)), _put("b.xml", _state(1)), _put("c/a.xml", _state(1))]
    call = wfp("import", *files, "--store", "s")
    assert call.code == 0
    assert "b.xml: duplicate of a.xml" in call.err
    assert "a.xml: the same bytes again: not stored twice" in call.err
    assert _counts(wfp) == {"a": 1, "b": 1}


def test_filters_beside_a_state_dump_are_kept_but_do_not_answer(wfp: Wfp) -> None:
    state = _put("h/wfpstate.xml", _state(1, 2))
    filters = _put("h/filters.xml", write_filters(_snapshot(1)))
    call = wfp("import", filters, state, "--store", "s")
    assert (call.code, "kept beside the state dump" in call.err) == (0, True)
    assert _counts(wfp) == {"h": 2}
    assert len(list(Path("s").glob("*/raw/h/*.gz"))) == 2


def test_show_filters_alone_is_stored_and_known_to_hide_some(wfp: Wfp) -> None:
    _put("h.xml", write_filters(_snapshot(1)))
    assert wfp("import", "h.xml", "--store", "s").code == 0
    rows = wfp("hosts", "--store", "s", "--json").rows
    assert [(r["host"], r["filters"], r["complete"]) for r in rows] == [("h", 1, False)]


@pytest.mark.parametrize(
    ("data", "code", "problem"),
    [
        (b"", 4, "is empty"),
        (b"hello", 4, "no XML"),
        (b"<other/>", 4, "root 'other'"),
        (b"<netEvents/>", 4, "net events"),
        (gzip.compress(bytes(1 << 24), mtime=0), 4, "grows"),
    ],
)
def test_what_is_no_dump_is_refused_and_leaves_nothing(
    wfp: Wfp, data: bytes, code: int, problem: str
) -> None:
    _put("x.xml", data)
    call = wfp("import", "x.xml", "--store", "s")
    assert (call.code, problem in call.err.splitlines()[0]) == (code, True)
    assert not Path("s").exists()


def test_a_dump_cut_in_the_middle_gives_what_could_be_read(wfp: Wfp) -> None:
    data = _state(1, 2, 3)
    _put("x.xml", data[: data.index(b"filter 3")])
    call = wfp("import", "x.xml", "--store", "s", "--json")
    assert (call.code, [(r["outcome"], r["cause"], r["filters"]) for r in call.rows]) == (
        3,
        [("partial", "incomplete", 2)],
    )
    rows = wfp("hosts", "--store", "s", "--json").rows
    assert [(r["outcome"], r["complete"], r["gap_count"] > 0) for r in rows] == [
        ("partial", False, True)
    ]


@pytest.mark.parametrize("damage", [slice(None, -20), slice(None, -4)])
def test_a_gzip_that_is_damaged_gives_what_could_be_read(wfp: Wfp, damage: slice) -> None:
    _put("x.xml.gz", gzip.compress(_state(1, 2, 3), mtime=0)[damage])
    call = wfp("import", "x.xml.gz", "--store", "s", "--json")
    assert (call.code, [(r["outcome"], r["filters"] >= 2) for r in call.rows]) == (
        3,
        [("partial", True)],
    )


def test_a_control_character_in_a_name_costs_no_filter(wfp: Wfp) -> None:
    _put("x.xml", _state(1, 2).replace(b"filter 2", b"fil\x1bter&#1; 2"))
    assert wfp("import", "x.xml", "--store", "s").code == 0
    names = wfp("filters", "--store", "s", "--json", "--sort", "filter_id").rows
    assert [row["name"] for row in names] == ["filter 1", "fil\u241bter\u2401 2"]


def test_good_files_go_in_beside_a_bad_one(wfp: Wfp) -> None:
    files = [_put("good.xml", _state(1)), _put("bad.xml", b"")]
    call = wfp("import", *files, "--store", "s")
    assert (call.code, "bad.xml: is empty" in call.err) == (3, True)
    assert _counts(wfp) == {"good": 1}


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["gone.xml"], "no file gone.xml"),
        (["."], "is a folder"),
        (["a.xml", "--host", "../../x"], "is no host name"),
        (["a.xml", "--host", "..\\x"], "is no host name"),
        (["a.xml", "--host", ""], "is no host name"),
        (["a.xml", "--host", "a\x1bb"], "invisible"),
        (["a.xml", "--host", "a\u202eb"], "invisible"),
        (["a.xml", "--host", "x" * 256], "at most 255"),
        ([], "Missing argument"),
    ],
)
def test_a_wrong_call_is_one_line_and_code_2(wfp: Wfp, words: list[str], problem: str) -> None:
    _put("a.xml", _state(1))
    call = wfp("import", *words, "--store", "s")
    assert (call.code, problem in call.error) == (2, True)
    assert not Path("s").exists()


def test_a_file_name_with_escapes_is_refused_visibly(wfp: Wfp) -> None:
    _put("a\x1b[31mb.xml", _state(1))
    call = wfp("import", "a\x1b[31mb.xml", "--store", "s")
    assert (call.code, "\x1b" in call.error) == (2, False)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a file system nobody may write")
def test_a_store_that_cannot_be_made_is_one_line(wfp: Wfp) -> None:
    _put("a.xml", _state(1))
    call = wfp("import", "a.xml", "--store", "/proc/store")
    assert (call.code, call.error.startswith("wfp: store /proc/store: ")) == (5, True)


def test_a_store_that_is_a_file_is_one_line(wfp: Wfp) -> None:
    _put("a.xml", _state(1))
    _put("s", b"")
    assert wfp("import", "a.xml", "--store", "s").code == 2


def test_reparse_makes_the_same_rows_again(wfp: Wfp) -> None:
    _put("a.xml", _state(1, 2))
    wfp("import", "a.xml", "--store", "s")
    query = ("sql", "--store", "s", "--json", "SELECT * FROM filters ORDER BY filter_id")
    before = wfp(*query).out
    call = wfp("reparse", "--store", "s", "--json")
    assert (call.code, [r["outcome"] for r in call.rows]) == (0, ["ok"])
    assert wfp(*query).out == before


@pytest.mark.parametrize("harm", ["gone", "damaged"])
def test_reparse_keeps_the_rows_whose_raw_bytes_are_lost(wfp: Wfp, harm: str) -> None:
    _put("a.xml", _state(1, 2))
    _put("b.xml", _state(3))
    wfp("import", "a.xml", "b.xml", "--store", "s")
    query = ("sql", "--store", "s", "--json", "SELECT * FROM filters ORDER BY filter_id")
    before = wfp(*query).out
    (raw,) = Path("s").glob("*/raw/a/state.gz")
    if harm == "gone":
        raw.unlink()
    else:
        raw.write_bytes(raw.read_bytes()[:40])
    call = wfp("reparse", "--store", "s")
    assert call.code in (3, 4)
    assert "keeps its old rows" in call.error
    assert wfp(*query).out == before


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_known(wfp: Wfp, encoding: str) -> None:
    _put("a.xml", _state(1, 2).decode("utf-8-sig").encode(encoding))
    assert wfp("import", "a.xml", "--store", "s").code == 0
    assert _counts(wfp) == {"a": 2}


def test_what_is_wrong_with_a_file_names_the_file(wfp: Wfp) -> None:
    _put("a.xml", b'<!DOCTYPE wfpstate [<!ENTITY a "b">]><wfpstate/>')
    assert wfp("import", "a.xml", "--store", "s").error.startswith("wfp: a.xml: declares")


def test_to_prune_says_which_hosts_have_no_snapshot_any_more(wfp: Wfp) -> None:
    for number, host in enumerate(("web", "db", "web"), start=1):
        wfp("import", _put(f"{number}.xml", _state(number)), "--host", host, "--store", "s")
    call = wfp("runs", "--prune", "--keep", "2", "--store", "s")
    assert (call.code, call.err) == (0, "wfp: 1 run removed\n")
    call = wfp("runs", "--prune", "--keep", "1", "--store", "s")
    assert (call.code, call.err) == (
        0,
        "wfp: 1 run removed\nwfp: hosts without any snapshot now: db\n",
    )
