"""Frames and words that make no sense: each ends as a cause or a gap, and nothing else is lost."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import Struct, field
from msgspec.structs import replace

from pywfp_ps.collect.reading import read_parts, tables_of_parts
from pywfp_ps.collect.reparse import reparse_run
from pywfp_ps.fleet.outcomes import Outcome
from pywfp_ps.model import objects as o
from pywfp_ps.model.tables import key_of
from pywfp_ps.payload.frames import encode_part
from pywfp_ps.store import VIEWS, Store
from pywfp_ps.transports.base import Credential, Secret, Target
from pywfp_ps.transports.recorded import RecordedTransport
from pywfp_ps.write import write_records, write_state
from tests.collect.fleet_rig import QUICK, collected
from tests.store.store_rig import CONNECT, port

CALL = "Get-PyWfpSnapshot"
NOW = datetime.now(UTC)
SUBLAYER = "FWPM_SUBLAYER_UNIVERSAL"
ENDED: dict[str, Any] = {"state": "completed", "usage": {}}
PLAN = replace(QUICK, source="both", context=("Service", "Route"))


def _snapshot(name: str = "Filter") -> o.Snapshot:
    key = key_of("sublayers", SUBLAYER)
    layer_key = key_of("layers", CONNECT)
    kept = o.Filter(
        id=7,
        key=key,
        name=name,
        description=name,
        layer=CONNECT,
        layer_key=layer_key,
        sublayer=SUBLAYER,
        sublayer_key=key,
        weight_type="FWP_EMPTY",
        effective_weight=1,
        flags_value=0,
        raw_context=0,
        action=o.BLOCK,
        conditions=(port(443),),
    )
    return o.Snapshot(
        source="netsh",
        taken_at=NOW,
        completeness=o.Completeness(command="netsh wfp show state"),
        layers=(o.Layer(id=48, key=layer_key, const_name=CONNECT, flags_value=0, filter_count=1),),
        sublayers=(o.SubLayer(key=key, const_name=SUBLAYER, weight=9, flags_value=0),),
        filters=(kept,),
    )


FACTS: dict[str, Any] = {
    "computer": "BOX",
    "clock": {"utc": NOW.isoformat()},
    "account": {"elevated": True},
    "interfaces": [],
    "volumes": [{"letter": "C:", "device": "\\Device\\HarddiskVolume3"}],
}
CONTEXT: list[Any] = [
    {"v": 1, "kind": "Service", "rows": [{"name": "svc", "process_id": 4}], "error": None},
    {"v": 1, "kind": "Route", "rows": [{"destination": "10.0.0.0/8"}], "error": None},
]


class Job(Struct, frozen=True, kw_only=True):
    """What a host sends, part by part."""

    state: bytes = write_state(_snapshot())
    records: bytes = write_records(_snapshot())
    facts: Any = field(default_factory=lambda: FACTS)
    context: list[Any] = field(default_factory=lambda: CONTEXT)
    taken_at: datetime = NOW

    def lines(self) -> dict[str, list[str]]:
        """Frames of each part, in order."""
        plain = {
            "facts": ("host-facts", _json(self.facts)),
            "state": ("netsh-state", self.state),
            "records": ("ntobjectmanager-records", self.records),
            "context": ("context", b"".join(_json(line) + b"\n" for line in self.context)),
            "after": ("after-facts", _json({"bfe": {}})),
        }
        return {
            part: list(
                encode_part(data, part=part, content=what, call=CALL, taken_at=self.taken_at)
            )
            for part, (what, data) in plain.items()
        }


def _json(thing: Any) -> bytes:
    return thing if isinstance(thing, bytes) else json.dumps(thing).encode()


def _all(lines: dict[str, list[str]]) -> list[str]:
    return [line for part in lines.values() for line in part]


def _record(folder: Path, host: str, lines: list[str]) -> None:
    """A recording of a job that sent these lines."""
    asked = {"host": host, "call": CALL, "arguments": {}, "transport": "psrp"}
    path = folder / host / f"{CALL}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = (asked, *lines, ENDED)
    path.write_text("".join(json.dumps(one) + "\n" for one in whole), "ascii")


class Ran(Struct, frozen=True):
    """One run over hosts that each send something else."""

    store: Store
    run_id: str
    outcomes: dict[str, Outcome]

    def ended(self, host: str) -> tuple[str, str | None]:
        return self.outcomes[host].outcome, self.outcomes[host].cause

    def gaps(self, host: str) -> list[tuple[Any, ...]]:
        """Those that a good host has not."""
        sql = "SELECT source, place, problem FROM gaps WHERE host = ? ORDER BY ALL"
        usual = set(self.store.query(sql, parameters=["good"]))
        return [gap for gap in self.store.query(sql, parameters=[host]) if gap not in usual]


def _run(folder: Path, jobs: dict[str, list[str]]) -> Iterator[Ran]:
    for host, lines in jobs.items():
        _record(folder / "kept", host, lines)
    targets = [Target(name=host, address="recorded", connection="local") for host in jobs]
    with Store.open(folder / "store", create=True) as store:
        run_id, found = collected(store, targets, PLAN, RecordedTransport(folder / "kept"))
        yield Ran(store, run_id, found)


def _rows(store: Store, view: str) -> list[str]:
    return sorted(map(repr, store.query(f"SELECT * FROM {view}")))


def _swap(lines: list[str], one: int, other: int) -> list[str]:
    swapped = list(lines)
    swapped[one], swapped[other] = swapped[other], swapped[one]
    return swapped


def _edited(line: str, **changes: Any) -> str:
    return json.dumps({**json.loads(line), **changes})


OK = ("ok", None)
INCOMPLETE = ("partial", "incomplete")
BAD = ("partial", "bad-payload")
GOOD = Job().lines()


_LARGE: Final = json.dumps([*range(900_000)]).encode()


def _part(name: str, plain: bytes) -> list[str]:
    return list(encode_part(plain, part=name, content=name, call=CALL, taken_at=NOW))


def _without(part: str) -> list[str]:
    return _all({name: lines for name, lines in GOOD.items() if name != part})


def _with(part: str, change: Callable[[list[str]], list[str]]) -> list[str]:
    return _all({**GOOD, part: change(GOOD[part])})


FRAMES: Final = [
    pytest.param(_without("records"), INCOMPLETE, [], id="a part never comes"),
    pytest.param(
        _with("records", lambda told: told[:-1]),
        INCOMPLETE,
        [("records", "no-end")],
        id="stops",
    ),
    pytest.param(
        _with("records", lambda told: [told[0], told[-1]]),
        INCOMPLETE,
        [("records", "damaged"), ("records", "frames"), ("records", "hash")],
        id="a frame is missing",
    ),
    pytest.param(
        _with("records", lambda told: [*told[:2], told[1], *told[2:]]),
        INCOMPLETE,
        [("records", "frames")],
        id="a frame comes twice",
    ),
    pytest.param(
        _all(GOOD) + GOOD["records"],
        INCOMPLETE,
        [("records", "begun-twice")],
        id="a part comes twice",
    ),
    pytest.param(
        _with("records", lambda told: [*told[:-1], _edited(told[-1], frames=7)]),
        INCOMPLETE,
        [("records", "frames")],
        id="lies about frames",
    ),
    pytest.param(
        _with("records", lambda told: [*told[:-1], _edited(told[-1], plain=7)]),
        INCOMPLETE,
        [("records", "size")],
        id="lies about size",
    ),
    pytest.param(
        _with("records", lambda told: [*told[:-1], _edited(told[-1], sha256="0" * 64)]),
        INCOMPLETE,
        [("records", "hash")],
        id="lies about the hash",
    ),
    pytest.param(
        _with("context", lambda told: [*told[:-1], _edited(told[-1], sha256="0" * 64)]),
        INCOMPLETE,
        [("context", "hash")],
        id="the context's hash is wrong",
    ),
    pytest.param(
        _with("records", lambda told: _swap(told, 0, 1)),
        INCOMPLETE,
        [("records", "unknown-part")],
        id="frames come before their begin",
    ),
    pytest.param(
        [
            "Welcome to BOX!",
            "",
            "AVERTISSEMENT : accès réservé \u202e",
            *_all(GOOD),
            "\x1b[2Jbye",
        ],
        OK,
        [],
        id="banners and other languages",
    ),
    pytest.param(
        ['{"frame":"data","part":"', *_all(GOOD)], OK, [("job", "bad-frame")], id="half a frame"
    ),
    pytest.param(
        _all(GOOD) + _part("problems", b'[{"code":"x","part":"records","text":"lost"}]'),
        OK,
        [],
        id="a part of the name of our own",
    ),
    pytest.param(
        _all(GOOD) + _part("options", _LARGE + b"\n") + _part("sysports", b"<a>%b</a>" % _LARGE),
        OK,
        [("options.gz", "plain byte 1048576"), ("sysports.gz", "plain byte 1048576")],
        id="more options than there can be",
    ),
]


LONE = b'{"kind":"wormhole","x":1}\n'


PARTS: Final = [
    pytest.param(
        Job(records=write_records(_snapshot()) + LONE),
        OK,
        [("records.gz", "line 4")],
        id="record of a kind that is unknown",
    ),
    pytest.param(
        Job(records=write_records(_snapshot()).replace(b'"weight":9', b'"weight":[true]')),
        OK,
        [("records.gz", "line 1/weight")],
        id="record with a wrong type",
    ),
    pytest.param(
        Job(records=b"\x00\xff nothing like it"),
        BAD,
        [("records.gz", "the beginning")],
        id="records that are none",
    ),
    pytest.param(
        Job(state=b"<html>Sign in</html>"), BAD, [("state.gz", "its root")], id="no state"
    ),
    pytest.param(
        Job(context=[{"kind": "Service", "rows": [5, {"name": []}], "error": None}]),
        OK,
        [
            ("context.gz", "Service[0]"),
            ("context.gz", "Service[1]"),
            ("context.gz", "Service[1].name"),
        ],
        id="context of wrong types",
    ),
    pytest.param(
        Job(context=[{"kind": "Service", "rows": None, "error": {"text": "Zugriff"}}]),
        OK,
        [("context.gz", "Service")],
        id="context that could not be read",
    ),
    pytest.param(
        Job(context=[[], 5]), OK, [("context.gz", "the beginning")], id="no context at all"
    ),
    pytest.param(
        Job(facts={**FACTS, "computer": 5, "volumes": {}}),
        OK,
        [("facts.gz", "computer"), ("facts.gz", "volumes")],
        id="facts of wrong types",
    ),
    pytest.param(
        Job(facts=_json({**FACTS, "x": 0})[:-2] + _LARGE + b"}"),
        OK,
        [("facts.gz", "plain byte 4194304")],
        id="facts larger than facts are",
    ),
    pytest.param(
        Job(
            facts={
                **FACTS,
                "os": {"boot_time": "9999-12-31T23:59:59-14:00"},
                "bfe": {"started_at": "0001-01-01T00:00:00+14:00"},
            }
        ),
        OK,
        [("facts.gz", "os.boot_time"), ("facts.gz", "bfe.started_at")],
        id="times that no clock can show",
    ),
    pytest.param(Job(facts=b"[1]"), OK, [("facts.gz", "the beginning")], id="facts that are none"),
    pytest.param(
        Job(facts={**FACTS, "clock": "12:30 Uhr"}), OK, [("facts.gz", "clock")], id="no time"
    ),
]
YEARS: Final = (1, 1601, 1999, 2099, 9999)
CASES: Final = [*FRAMES, *PARTS]


def _host(param: Any) -> str:
    return str(param.id).replace(" ", "-").replace("'", "")


def _clock(year: int) -> datetime:
    return datetime(year, 6, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    jobs = {"good": _all(GOOD)}
    for case in CASES:
        sent: Any = case.values[0]
        jobs[_host(case)] = _all(sent.lines()) if isinstance(sent, Job) else sent
    for year in YEARS:
        facts = {**FACTS, "clock": {"utc": _clock(year).isoformat()}}
        jobs[f"year-{year}"] = _all(Job(facts=facts, taken_at=_clock(year)).lines())
    yield from _run(tmp_path_factory.mktemp("bad"), jobs)


def test_a_good_job_is_there_whole(ran: Ran) -> None:
    assert ran.ended("good") == OK
    sql = "SELECT source, filters, elevated, outcome FROM hosts WHERE host = 'good'"
    assert list(ran.store.query(sql)) == [("both", 1, True, "ok")]
    assert ran.store.snapshot("good").filters == _snapshot().filters
    assert list(ran.store.query("SELECT service FROM services WHERE host = 'good'")) == [("svc",)]


@pytest.mark.parametrize(
    ("host", "ended", "places"),
    [pytest.param(_host(case), *case.values[1:], id=str(case.id)) for case in CASES],
)
def test_what_makes_no_sense_has_a_cause_or_a_gap_and_costs_nothing_else(
    ran: Ran, host: str, ended: tuple[str, str | None], places: list[tuple[str, str]]
) -> None:
    assert ran.ended(host) == ended
    found = {gap[:2] for gap in ran.gaps(host)}
    assert (set(places) <= found, bool(found)) == (True, bool(places)), found
    kept = ran.store.snapshot(host, partial=True).filters
    wanted = [(one.id, one.name, one.action, one.conditions) for one in _snapshot().filters]
    assert [(one.id, one.name, one.action, one.conditions) for one in kept] == wanted


def test_the_gaps_of_a_host_are_counted(ran: Ran) -> None:
    counted = ran.store.query("SELECT host, count(*) FROM gaps GROUP BY ALL ORDER BY ALL")
    said = ran.store.query("SELECT host, gap_count FROM hosts WHERE gap_count > 0 ORDER BY ALL")
    assert list(counted) == list(said)


@pytest.mark.parametrize("year", YEARS)
def test_a_clock_that_is_years_off_is_told_and_loses_nothing(ran: Ran, year: int) -> None:
    outcome = ran.outcomes[f"year-{year}"]
    assert outcome.outcome == "ok"
    way = "behind" if year < NOW.year else "ahead"
    assert re.search(rf"(^|; )its clock is \d{{4,7}} days {way}$", outcome.text)
    assert ran.store.snapshot(outcome.host).filters == _snapshot().filters


def test_reading_all_of_it_again_changes_nothing(ran: Ran) -> None:
    before = {view: _rows(ran.store, view) for view in VIEWS}
    list(reparse_run(ran.store, ran.run_id, workers=1))
    for view in VIEWS:
        assert _rows(ran.store, view) == before[view], view


def test_password_that_a_host_says_is_in_no_row_and_no_outcome(tmp_path: Path) -> None:
    said = {"frame": "problem", "part": "records", "code": "netsh-failed", "text": f"no {CANARY}"}
    told = {**GOOD, "records": [GOOD["records"][0], json.dumps(said), *GOOD["records"][1:]]}
    _record(tmp_path / "kept", "box", _all(told))
    way = RecordedTransport(tmp_path / "kept")
    account = Credential(user="u", password=Secret(CANARY))
    target = Target(name="box", address="recorded", connection="local", credential=account)
    with Store.open(tmp_path / "store", create=True) as store:
        _, found = collected(store, [target], PLAN, way)
        assert (found["box"].outcome, "no ****" in found["box"].text) == ("partial", True)
        problems = list(store.query("SELECT problem FROM gaps WHERE source = 'records'"))
    assert ("no ********",) in problems
    kept = [path for path in (tmp_path / "store").rglob("*") if path.is_file()]
    assert [path for path in kept if CANARY.encode() in path.read_bytes()] == []


CANARY: Final = "Canary7Zx!password"
CONTROLS: Final = (
    "".join(map(chr, [*range(1, 0x20), 0x7F, *range(0x80, 0xA0)])) + "\u202e\u2028\ufeff\ufffe"
)


@settings(max_examples=30, deadline=None)
@given(st.text(min_size=1, max_size=40))
@example(CONTROLS)
@example("'; DROP TABLE filters; --")
@example("\x00")
def test_names_of_every_character_arrive(name: str) -> None:
    parts = {
        "records": write_records(_snapshot(name)),
        "facts": _json({**FACTS, "computer": name}),
        "context": _json(
            {"kind": "Service", "rows": [{"name": name, "process_id": 4}], "error": None}
        ),
    }
    with tempfile.TemporaryDirectory() as folder:
        paths = {part: Path(folder, f"{part}.gz") for part in parts}
        for part, data in parts.items():
            paths[part].write_bytes(data)
        said = read_parts(paths)
    assert said.snapshot is not None
    assert said.facts is not None
    assert said.context.services is not None
    assert said.snapshot.filters[0].name == name
    assert (said.facts.computer, said.context.services[0].name) == (name, name)
    tables = tables_of_parts(said, host="h", run_id="r")
    assert tables["services"].column("service").to_pylist() == [name]
    assert tables["filters"].column("name").to_pylist() == [name]
