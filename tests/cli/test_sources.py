"""``wfp collect`` by other sources and other ways: NtObjectManager, both, here, and replayed."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pywfp_ps.model.objects import Snapshot
from pywfp_ps.payload.frames import encode_part
from pywfp_ps.read import read_records, read_state
from pywfp_ps.store import VIEWS, Store
from pywfp_ps.write import write_records
from tests.cli.conftest import Wfp
from tests.collect.fleet_rig import fleet_of
from tests.transports.child_rig import engine
from tests.transports.scenarios import TAKEN_AT

_HOSTS = 3
CALL = "Get-PyWfpSnapshot"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with fleet_of(_HOSTS, tmp_path_factory.mktemp("fleet")) as inventory:
        yield inventory


def _rows(store: Path | str, view: str, columns: str = "* EXCLUDE (run_id)") -> list[Any]:
    with Store.open(Path(store)) as opened:
        return sorted(map(repr, opened.query(f"SELECT {columns} FROM {view}")))


def _retaken(recording: Path, part: str, plain: bytes, *, drop: Sequence[str] = ()) -> None:
    """Puts another part in the place of one that a host sent, and leaves out others."""
    told = [json.loads(line) for line in recording.read_text("ascii").splitlines()]
    lines = [one for one in told if isinstance(one, str)]
    gone = {part, *drop}
    kept = [line for line in lines if json.loads(line).get("part") not in gone]
    content = "ntobjectmanager-records" if part == "records" else "netsh-state"
    new = encode_part(plain, part=part, content=content, call=CALL, taken_at=TAKEN_AT)
    whole = [told[0], *kept, *new, told[-1]]
    recording.write_text("".join(json.dumps(one) + "\n" for one in whole), "ascii")


def test_both_sources_of_a_fleet_agree(wfp: Wfp, fleet: Path) -> None:
    call = wfp("collect", "-i", fleet, "--source", "both", "--store", "s", "--json")
    assert call.code == 0, call.err
    assert [row["disagreements"] for row in call.rows] == [0] * _HOSTS
    assert _rows("s", "disagreements") == []
    (source,) = {row["source"] for row in wfp("hosts", "--store", "s", "--json").rows}
    assert source == "both"


def test_records_alone_make_the_objects(wfp: Wfp, fleet: Path) -> None:
    call = wfp("collect", "web*", "-i", fleet, "--source", "ntobjectmanager", "--store", "s")
    assert call.code == 0, call.err
    with Store.open(Path("s")) as store:
        (line,) = store.hosts()
        snapshot = store.snapshot(line.host)
        read = read_records(store.raw(line.host, line.run_id, "records"))
        assert snapshot.filters == read.filters
        assert (snapshot.source, snapshot.taken_at is not None) == ("ntobjectmanager", True)
        assert {one.part for one in store.raw_parts(line.run_id)} >= {"records", "context"}


def test_what_the_sources_say_differently_is_a_finding(
    wfp: Wfp, fleet: Path, tmp_path: Path
) -> None:
    wfp("collect", "web*", "-i", fleet, "--source", "both", "--store", "a", "--record", "r")
    (recording,) = (tmp_path / "r").rglob("*.jsonl")
    with Store.open(Path("a")) as store:
        (line,) = store.hosts()
        records: Snapshot = read_state(store.raw(line.host, line.run_id, "state"))
    changed = msgspec.structs.replace(records.filters[3], effective_weight=7)
    filters = (*records.filters[1:3], changed, *records.filters[4:])
    lost = records.filters[0].id
    told = msgspec.structs.replace(records, filters=filters)
    _retaken(
        recording,
        "records",
        write_records(told, numbers={"FWPM_FILTER_FLAG_HAS_FILTER_ORIGIN": 0x1000}),
    )
    call = wfp("collect", "--replay", "r", "--store", "b")
    assert call.code == 1
    assert "its sources disagree in 2" in call.out
    assert "wfp sql 'FROM disagreements WHERE NOT moving'" in call.err
    columns = "kind, name, field, netsh, ntobjectmanager, moving"
    assert _rows("b", "disagreements", columns) == sorted(
        map(
            repr,
            [
                ("filter", str(lost), None, "listed", "not listed", False),
                (
                    *("filter", str(changed.id), "effective_weight"),
                    *(str(records.filters[3].effective_weight), "7", False),
                ),
            ],
        )
    )
    before = {view: _rows("b", view) for view in VIEWS}
    assert wfp("reparse", "--store", "b").code == 0
    assert {view: _rows("b", view) for view in VIEWS} == before


def test_replay_gives_the_same_rows(wfp: Wfp, fleet: Path) -> None:
    assert (
        wfp("collect", "-i", fleet, "--source", "both", "--store", "a", "--record", "r").code == 0
    )
    call = wfp("collect", "--replay", "r", "--store", "b")
    assert call.code == 0, call.err
    own = {"hosts": "* EXCLUDE (run_id, snapshot_run_id, groups)"}
    for view in VIEWS:
        columns = own.get(view, "* EXCLUDE (run_id)")
        assert _rows("a", view, columns) == _rows("b", view, columns), view
    only = wfp("collect", "web*", "--replay", "r", "--store", "c", "--json")
    assert [row["host"] for row in only.rows] == ["web-001"]


def test_a_damaged_recording_concerns_one_host(wfp: Wfp, fleet: Path) -> None:
    assert wfp("collect", "-i", fleet, "--store", "a", "--record", "r", "--no-context").code == 0
    (damaged,) = Path("r/web-001").iterdir()
    damaged.write_bytes(b"{}\n")
    call = wfp("collect", "--replay", "r", "--store", "b", "--json")
    assert call.code == 3
    told = {row["host"]: (row["outcome"], row["cause"], row["text"]) for row in call.rows}
    bad = told.pop("web-001")
    assert bad == ("failed", "bad-payload", "the recording is damaged")
    assert {state for state, _, _ in told.values()} == {"ok"}
    for rest in Path("r").glob("*/*"):
        rest.write_bytes(b"")
    again = wfp("collect", "--replay", "r", "--store", "c")
    assert (again.code, "--resume" in again.err.splitlines()[-1]) == (4, False)
    # Going on with it would ask whatever has those names out there.
    resumed = wfp("collect", "--resume", "latest", "--store", "c")
    assert (resumed.code, "asked no host; use --replay r again" in resumed.error) == (2, True)


def test_a_damaged_recording_keeps_the_name_of_its_host(wfp: Wfp, tmp_path: Path) -> None:
    with fleet_of(1, tmp_path / "fleet") as inventory:
        text = inventory.read_text()
        inventory.write_text(text.replace("web-001", "Web-001"))
        made = wfp("collect", "-i", inventory, "--store", "a", "--record", "r", "--no-context")
    assert made.code == 0
    (damaged,) = Path("r").glob("*/*.jsonl")
    damaged.write_bytes(b"")
    call = wfp("collect", "Web-001", "--replay", "r", "--store", "b", "--json")
    (row,) = call.rows
    assert (row["host"], row["outcome"], row["cause"]) == ("Web-001", "failed", "bad-payload")


@pytest.mark.parametrize(
    ("at", "told"),
    [
        (None, ""),
        ("2001-01-01T00:00:00+00:00", "ahead"),
        ("2099-01-01T00:00:00+00:00", "behind"),
        ("", ""),
    ],
)
def test_replay_tells_clocks_as_they_were(wfp: Wfp, fleet: Path, at: str | None, told: str) -> None:
    made = wfp("collect", "web*", "-i", fleet, "--store", "a", "--record", "r", "--no-context")
    assert made.code == 0
    (path,) = Path("r").glob("*/*")
    first, _, rest = path.read_bytes().partition(b"\n")
    asked = json.loads(first)
    path.write_bytes(
        json.dumps({**asked, "at": asked["at"] if at is None else at}).encode() + b"\n" + rest
    )
    call = wfp("collect", "--replay", "r", "--store", "b", "--json")
    (row,) = call.rows
    assert row["outcome"] == "ok"
    text = row["text"] or ""
    assert (told in text, "its clock" in text) == (True, bool(told))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--replay", "r"), "r is no folder of recordings"),
        (("--replay", "."), ". holds no recording of Get-PyWfpSnapshot"),
        (("--replay", ".", "--local"), "--replay goes with none of --resume, --record and --local"),
        (("--replay", ".", "-i", "x"), "--replay asks no host"),
        (("--replay", ".", "--source", "netsh"), "--replay takes what was asked then"),
        (("--local", "web-001"), "--local is this machine alone"),
        (("--pwsh", "x"), "--transport and --pwsh are for --local"),
        (("--local", "--pwsh", "nobody"), "--pwsh: nobody is no program that can be run"),
    ],
)
def test_ways_that_cannot_be_are_refused(wfp: Wfp, words: tuple[str, ...], told: str) -> None:
    call = wfp("collect", "--store", "s", *words)
    assert (call.code, told in call.error) == (2, True), call.err
    assert not Path("s").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows always has a PowerShell")
@pytest.mark.parametrize("command", ["collect", "check"])
@pytest.mark.parametrize("transport", ["child", "inprocess"])
def test_a_machine_without_powershell_says_so(
    wfp: Wfp, monkeypatch: pytest.MonkeyPatch, command: str, transport: str
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("WFP_PWSH", raising=False)
    call = wfp(command, "--local", "--transport", transport)
    assert call.code == 2
    assert "there is no PowerShell here" in call.error
    assert "ask a Windows host over the network instead" in call.error


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")
def test_this_machine_is_collected_and_checked(
    wfp: Wfp, fleet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wfp("collect", "web*", "-i", fleet, "--source", "both", "--store", "a", "--record", "r")
    (recording,) = (tmp_path / "r").rglob("*.jsonl")
    told = [json.loads(line) for line in recording.read_text("ascii").splitlines()]
    pwsh = engine(tmp_path / "engine", "said")
    (pwsh.parent / "said").write_text("".join(line + "\n" for line in told[1:-1]), "ascii")
    monkeypatch.setenv("WFP_PWSH", str(pwsh))
    call = wfp("collect", "--local", "--source", "both", "--store", "b", "--json", "--record", "l")
    assert call.code == 0, call.err
    assert [(row["host"], row["outcome"]) for row in call.rows] == [("localhost", "ok")]
    for view in ("filters", "services", "firewall_rules", "sessions"):
        columns = "* EXCLUDE (host, run_id)"
        assert _rows("a", view, columns) == _rows("b", view, columns) != []
    shown = wfp("hosts", "--store", "b", "--json").rows[0]
    assert (shown["computer"], shown["elevated"]) == ("WEB-001", True)
    assert Path("l/localhost/Get-PyWfpSnapshot.jsonl").is_file()
    checked = wfp("check", "--local", "--pwsh", pwsh, "--json")
    assert (checked.code, checked.rows[0]["computer"]) == (0, "WEB-001")
    resumed = wfp("collect", "--resume", "latest", "--store", "b")
    assert resumed.error == "wfp: no host is left that is not ok"


def test_show_names_what_is_behind_and_the_way_back(wfp: Wfp, fleet: Path) -> None:
    assert wfp("collect", "web*", "-i", fleet, "--store", "s").code == 0
    columns = "rule_id, filter_ids[1]"
    (rule, filter_id) = next(
        iter(_query("s", f"SELECT {columns} FROM firewall_rules WHERE len(filter_ids) > 1"))
    )
    shown = wfp("show", str(filter_id), "--kind", "filter", "--store", "s", "--json").rows[0]
    links = {(link["kind"], link["name"]) for link in shown["refers_to"]}
    assert {("rule", rule), ("service", "mpssvc")} <= links
    back = wfp("show", rule, "--store", "s", "--json").rows[0]
    assert back["kind"] == "rule"
    assert str(filter_id) in {link["name"] for link in back["referred_by"]}
    service = wfp("show", "mpssvc", "--kind", "service", "--store", "s")
    assert "provider FWPM_PROVIDER_MPSSVC_WF" in service.out
    assert wfp("show", "nobody", "--kind", "driver", "--store", "s").code == 2


def test_a_module_that_is_missing_leaves_netsh(wfp: Wfp, tmp_path: Path) -> None:
    with fleet_of(1, tmp_path / "fleet", "module-missing=*") as inventory:
        call = wfp("collect", "-i", inventory, "--source", "both", "--store", "s", "--json")
    assert call.code == 3
    (row,) = call.rows
    assert (row["outcome"], row["cause"], row["disagreements"]) == ("partial", "module-missing", 0)
    assert _query("s", "SELECT source, filters > 900 FROM hosts") == [("netsh", True)]
    gaps = _query("s", "SELECT source, place, problem FROM gaps")
    assert gaps == [("records", "module-missing", "NtObjectManager is not installed.")]


def test_check_tells_where_ntobjectmanager_could_not_be_asked(wfp: Wfp, tmp_path: Path) -> None:
    faults = ("module-missing=web-001", "constrained-language=web-002", "not-elevated=app-001")
    with fleet_of(5, tmp_path / "fleet", *faults, "jea=desk-001") as inventory:
        usual = wfp("check", "-i", inventory, "--json")
        both = wfp("check", "-i", inventory, "--source", "both", "--json")
        plain = wfp("check", "-i", inventory, "--limit", "db-001", "--source", "ntobjectmanager")
        alone = wfp("check", "web-001", "-i", inventory, "--source", "ntobjectmanager", "--json")

    def told(rows: list[Any]) -> dict[str, tuple[Any, ...]]:
        return {row["host"]: (row["outcome"], row["cause"], row["ntobjectmanager"]) for row in rows}

    assert told(usual.rows) == {
        "web-001": ("ok", None, []),
        "web-002": ("ok", None, ["2.0.1"]),
        "app-001": ("failed", "not-elevated", ["2.0.1"]),
        "db-001": ("ok", None, ["2.0.1"]),
        "desk-001": ("ok", None, ["2.0.1"]),
    }
    assert told(both.rows) == {
        **told(usual.rows),
        "web-001": ("partial", "module-missing", []),
        "web-002": ("partial", "language-mode", ["2.0.1"]),
    }
    assert told(alone.rows) == {"web-001": ("failed", "module-missing", [])}
    assert (usual.code, both.code, plain.code) == (3, 3, 0)
    assert ", NtObjectManager 2.0.1" in plain.out


def _query(store: str, sql: str) -> list[tuple[Any, ...]]:
    with Store.open(Path(store)) as opened:
        return list(opened.query(sql))
