"""``wfp collect`` and ``wfp check`` over a real practice fleet, as a person calls them."""

from __future__ import annotations

import gzip
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import yaml

from pywfp_ps.resources import script_for
from pywfp_ps.store import Store
from tests.cli.conftest import Wfp
from tests.collect.fleet_rig import changed_inventory, fleet_of, hosts_of, started

_HOSTS = 6
_SLOWLY = ("--at-once", "1", "--rate", "0.2")
"""Options with which a run is still going when its first host is done."""

_KEYS = {"host", "outcome", "cause", "seconds", "packed", "plain"}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with fleet_of(_HOSTS, tmp_path_factory.mktemp("fleet")) as inventory:
        yield inventory


def test_collect_prints_a_json_line_a_host(wfp: Wfp, fleet: Path) -> None:
    call = wfp("collect", "--inventory", fleet, "--store", "s", "--json", "--at-once", "4")
    assert call.code == 0
    assert len(call.rows) == _HOSTS
    for row in call.rows:
        assert set(row) >= _KEYS
        assert (row["outcome"], row["cause"]) == ("ok", None)
        assert row["packed"] * 10 < row["plain"] > 3_000_000
        assert row["seconds"] > 0
    total = json.loads(call.err.splitlines()[-1])["total"]
    assert (total["hosts"], total["ok"], total["failed"]) == (_HOSTS, _HOSTS, 0)
    assert total["requests_a_host"] > 5
    assert total["cpu_seconds_a_host"] > 0
    hosts = wfp("hosts", "--store", "s", "--json")
    assert {row["host"] for row in hosts.rows} == {row["host"] for row in call.rows}


def test_collect_takes_patterns_and_says_what_failed(wfp: Wfp, fleet: Path, tmp_path: Path) -> None:
    broken = _with(fleet, tmp_path / "i.yml", "web-001", ansible_host="nowhere.invalid")
    call = wfp("collect", "web*,app*", "-i", broken, "--store", "s", "--limit", "!web-002")
    assert call.code == 3
    lines = dict(line.split(": ", 1) for line in call.out.splitlines())
    assert lines["web-001"].startswith("failed (dns)")
    assert "set ansible_host" in lines["web-001"]
    assert "web-002" not in lines
    assert "wfp:   1 x dns: Check its spelling" in call.err


def test_all_failed_has_its_own_exit_code(wfp: Wfp, fleet: Path, tmp_path: Path) -> None:
    dead = changed_inventory(fleet, tmp_path / "dead.yml", ansible_host="nowhere.invalid")
    assert wfp("collect", "-i", dead, "--store", "s", "--retries", "0").code == 4


def test_resume_asks_nothing_twice(wfp: Wfp, fleet: Path, tmp_path: Path) -> None:
    half = _with(fleet, tmp_path / "half.yml", "web-001", ansible_host="nowhere.invalid")
    assert wfp("collect", "-i", half, "--store", "s", "--no-context").code == 3
    half.write_bytes(fleet.read_bytes())
    again = wfp("collect", "--resume", "latest", "--store", "s", "--json")
    assert again.code == 0
    assert [(row["host"], row["outcome"]) for row in again.rows] == [("web-001", "ok")]
    with Store.open("s") as store:
        (run,) = store.runs()
        assert (run.state, run.manifest.outcomes) == ("done", {"ok": _HOSTS})
        assert {part.part for part in store.raw_parts(run.id)} == {"after", "facts", "state"}
    assert wfp("collect", "--resume", "latest", "--store", "s").error.endswith(
        "no host is left that is not ok"
    )
    other = wfp("collect", "web-002", "--resume", "latest", "--store", "s")
    assert other.error == "wfp: a resumed run has its hosts; use --limit to visit fewer of them"


def test_limit_of_a_resumed_run_holds_for_this_once(wfp: Wfp, fleet: Path, tmp_path: Path) -> None:
    ill = changed_inventory(fleet, tmp_path / "ill.yml", ansible_host="nowhere.invalid")
    words = ("--store", "s", "--no-context", "--json")
    first = wfp("collect", "-i", ill, "--limit", "!db*", *words)
    hosts = {row["host"] for row in first.rows}
    assert (first.code, len(hosts)) == (4, _HOSTS - 1)
    ill.write_bytes(fleet.read_bytes())
    resume = ("collect", "--resume", "latest", *words)
    other = wfp(*resume, "--limit", "db*")
    assert other.error == "wfp: no host is left within the limit 'db*' that is not ok"
    some = {row["host"] for row in wfp(*resume, "--limit", "web*:db*").rows}
    assert some == {host for host in hosts if host.startswith("web")}
    rest = {row["host"] for row in wfp(*resume).rows}
    assert (some | rest, some & rest) == (hosts, set())
    rows = wfp("hosts", "--store", "s", "--json").rows
    assert {row["host"]: row["outcome"] for row in rows} == dict.fromkeys(hosts, "ok")


def test_host_that_left_the_inventory_is_told_where_its_run_goes_on(
    wfp: Wfp, fleet: Path, tmp_path: Path
) -> None:
    ill = changed_inventory(fleet, tmp_path / "ill.yml", ansible_host="nowhere.invalid")
    words = ("--store", "s", "--no-context")
    assert wfp("collect", "web*", "-i", ill, *words).code == 4
    told = yaml.safe_load(fleet.read_text())
    for hosts in hosts_of(told):
        hosts.pop("web-001", None)
    ill.write_text(yaml.safe_dump(told))
    said = "wfp: web-001 of the run: not ok, and the inventory has no such host now"
    again = wfp("collect", "--resume", "latest", *words)
    assert (again.code, again.err.splitlines()[0]) == (0, said)
    last = wfp("collect", "--resume", "latest", *words)
    assert (last.code, last.err.splitlines()) == (2, [said, "wfp: no host is left that is not ok"])


def test_run_whose_limit_names_what_is_gone_goes_on(wfp: Wfp, fleet: Path, tmp_path: Path) -> None:
    ill = changed_inventory(fleet, tmp_path / "ill.yml", ansible_host="nowhere.invalid")
    words = ("--store", "s", "--no-context")
    first = wfp("collect", "web-001,db-001,app-001", "--limit", "web-001,db-001", "-i", ill, *words)
    assert first.code == 4
    told = yaml.safe_load(fleet.read_text())
    for hosts in hosts_of(told):
        hosts.pop("web-001", None)
    ill.write_text(yaml.safe_dump(told))
    again = wfp("collect", "--resume", "latest", "--limit", "db-001", *words, "--json")
    assert {row["host"]: row["outcome"] for row in again.rows} == {"db-001": "ok"}
    assert again.err.splitlines()[:2] == [
        "wfp: the run named 'web-001', which is no host and no group of the inventory now",
        "wfp: web-001 of the run: not ok, and the inventory has no such host now",
    ]


def test_run_that_was_killed_is_resumed_from_its_raw_parts(
    wfp: Wfp, fleet: Path, tmp_path: Path
) -> None:
    store = tmp_path / "s"
    run = started("collect", "-i", fleet, "--store", store, *_SLOWLY)
    assert run.stdout is not None
    first = run.stdout.readline().partition(":")[0]
    run.send_signal(signal.SIGKILL)
    run.communicate(timeout=60)
    again = wfp("collect", "--resume", "latest", "--store", store, "--json", "--rate", "0")
    assert again.code == 0, again.err
    assert sorted(row["host"] for row in again.rows) == _names(fleet)
    recovered = {row["host"]: row for row in again.rows if row["recovered"]}
    assert first in recovered
    for row in recovered.values():
        assert row["packed"] * 10 < row["plain"] > 3_000_000
        unknown = {row[name] for name in ("seconds", "requests", "sent", "received", "tries")}
        assert unknown == {None}
    assert len(wfp("hosts", "--store", store, "--json").rows) == _HOSTS


def test_killed_run_is_resumed_where_nobody_is_left_to_visit(
    wfp: Wfp, fleet: Path, tmp_path: Path
) -> None:
    store = tmp_path / "s"
    run = started("collect", "-i", fleet, "--store", store, *_SLOWLY)
    assert run.stdout is not None
    first = run.stdout.readline().partition(":")[0]
    run.send_signal(signal.SIGKILL)
    run.communicate(timeout=60)
    again = wfp("collect", "--resume", "latest", "--limit", first, "--store", store, "--json")
    assert again.code == 0, again.err
    assert {row["outcome"] for row in again.rows} == {"ok"}
    assert first in {row["host"] for row in wfp("hosts", "--store", store, "--json").rows}


def test_host_of_a_dead_run_that_lacks_its_context_is_visited_again(
    wfp: Wfp, fleet: Path, tmp_path: Path
) -> None:
    store = tmp_path / "s"
    run = started("collect", "-i", fleet, "--store", store, *_SLOWLY)
    assert run.stdout is not None
    first = run.stdout.readline().partition(":")[0]
    run.send_signal(signal.SIGKILL)
    run.communicate(timeout=60)
    (context,) = store.rglob(f"{first}/context.gz")
    context.unlink()
    words = ("--resume", "latest", "--limit", first, "--store", store, "--json", "--rate", "0")
    again = wfp("collect", *words)
    assert again.code == 0, again.err
    assert {row["host"]: row["recovered"] for row in again.rows}[first] is False


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent to one process there")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_keeps_what_is_done_and_says_what_is_not(
    wfp: Wfp, fleet: Path, tmp_path: Path, number: signal.Signals
) -> None:
    store = tmp_path / "s"
    run = started("collect", "-i", fleet, "--store", store, "--json", *_SLOWLY)
    assert run.stdout is not None
    first = json.loads(run.stdout.readline())
    run.send_signal(number)
    out, err = run.communicate(timeout=60)
    assert run.returncode == 128 + number, err
    assert "Traceback" not in err
    rows = [first, *map(json.loads, out.splitlines())]
    assert sorted(row["host"] for row in rows) == _names(fleet)
    assert {row["outcome"] for row in rows} == {"ok", "cancelled"}
    held = {row["host"] for row in wfp("filters", "--store", store, "--json").rows}
    assert held == {row["host"] for row in rows if row["outcome"] == "ok"}
    assert wfp("collect", "--resume", "latest", "--store", store, "--rate", "0").code == 0
    assert (
        len(wfp("sql", "SELECT DISTINCT host FROM filters", "--store", store, "--json").rows) == 6
    )


def test_canaries_that_fail_end_the_run_as_what_it_is(
    wfp: Wfp, fleet: Path, tmp_path: Path
) -> None:
    dead = changed_inventory(fleet, tmp_path / "dead.yml", ansible_host="nowhere.invalid")
    words = ("-i", dead, "--canary", "2", "--retries", "0", "--at-once", "1")
    call = wfp("collect", *words, "--store", "s", "--json")
    total = json.loads(call.err.splitlines()[-1])["total"]
    told = "2 of the first 2 hosts failed or were slow."
    assert (call.code, total["failed"], total["not_done"]) == (4, 2, _HOSTS - 2)
    assert total["stopped_for"] == told
    plain = wfp("check", *words)
    assert (plain.code, f"wfp: stopped early: {told}" in plain.err) == (4, True)
    assert plain.out.splitlines()[-1].endswith(f"not visited: {told} - Check again.")
    first = _names(fleet)[0]
    half = _with(dead, tmp_path / "half.yml", first, ansible_host="127.0.0.1")
    mixed = wfp("collect", first, "desk-001", "-i", half, "--store", "s", "--retries", "0")
    assert mixed.code == 2  # one pattern, not two
    hosts = f"{first},desk-001,db-001"
    some = wfp("collect", hosts, *words[2:], "-i", half, "--store", "s", "--canary", "3")
    assert some.code == 3, some.err


@pytest.mark.skipif(sys.platform == "win32", reason="pipes differ there")
def test_reader_that_goes_does_not_end_the_run(wfp: Wfp, fleet: Path, tmp_path: Path) -> None:
    store = tmp_path / "s"
    run = started("collect", "-i", fleet, "--store", store, "--at-once", "1")
    assert run.stdout is not None
    assert run.stderr is not None
    run.stdout.readline()
    run.stdout.close()
    with run.stderr:
        err = run.stderr.read()
    assert (run.wait(60), "Traceback" in err) == (0, False), err
    assert f"wfp: {_HOSTS} hosts in " in err
    assert len(wfp("hosts", "--store", store, "--json").rows) == _HOSTS


@pytest.mark.skipif(sys.platform == "win32", reason="descriptors are the shell's to close")
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_run_without_standard_streams_is_like_any_other(
    wfp: Wfp, fleet: Path, tmp_path: Path, closed: str
) -> None:
    store = tmp_path / "s"
    words = ["-m", "pywfp_ps", "collect", "web-001", "-i", str(fleet), "--store", str(store)]
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, *words],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, "Traceback" in done.stdout + done.stderr) == (0, False), done
    assert [run.state for run in Store(store).runs()] == ["done"]
    assert [row["outcome"] for row in wfp("hosts", "--store", store, "--json").rows] == ["ok"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full device")
def test_output_that_cannot_be_written_is_told_and_the_run_goes_on(
    wfp: Wfp, fleet: Path, tmp_path: Path
) -> None:
    store = tmp_path / "s"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "pywfp_ps", "collect", "-i", fleet, "--store", store],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 5
    assert "wfp: stdout could not be written: No space left on device; the run" in done.stderr
    assert f"{_HOSTS} ok" in done.stderr
    assert len(wfp("hosts", "--store", store, "--json").rows) == _HOSTS


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of file sizes there")
@pytest.mark.parametrize(
    ("limit", "ends"),
    [
        pytest.param(100_000, {"failed", "cancelled"}, id="no room for what hosts send"),
        pytest.param(240_000, {"failed"}, id="no room for the rows of all"),
    ],
)
def test_full_disk_in_the_middle_is_told_and_ends_the_run(
    wfp: Wfp, fleet: Path, tmp_path: Path, limit: int, ends: set[str]
) -> None:
    store = tmp_path / "s"
    done = subprocess.run(
        [sys.executable, "-m", "pywfp_ps", "collect", "-i", fleet, "--store", store, "--json"],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (5, False), done.stderr
    assert "File too large" in done.stderr
    total = json.loads(done.stderr.splitlines()[-1])["total"]
    last = {row["host"]: row for row in map(json.loads, done.stdout.splitlines())}
    assert sorted(last) == _names(fleet)
    assert {row["outcome"] for row in last.values()} == ends
    failed = [row for row in last.values() if row["outcome"] == "failed"]
    assert (total["ok"], total["failed"]) == (0, len(failed))
    assert {row["cause"] for row in failed} == {"store"}
    with Store.open(store) as opened:
        (run,) = opened.runs()
        assert run.state == "interrupted"
        kept = {line.host: line.outcome for line in opened.hosts(run=run.id)}
        assert kept == {host: row["outcome"] for host, row in last.items()}
    assert list(store.rglob("*.tmp")) == []
    again = wfp("collect", "--resume", "latest", "--store", store, "--json")
    assert again.code == 0, again.err
    recovered = {row["host"] for row in again.rows if row["recovered"]}
    assert recovered == (set(last) if ends == {"failed"} else set())
    held = wfp("sql", "SELECT DISTINCT host FROM filters", "--store", store, "--json")
    assert sorted(row["host"] for row in held.rows) == _names(fleet)


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs a place nobody can write to")
def test_store_that_cannot_be_written_is_refused_before_anybody_is_asked(
    wfp: Wfp, fleet: Path
) -> None:
    call = wfp("collect", "-i", fleet, "--store", "/sys/kernel/wfp-store")
    assert (call.code, call.out) == (5, "")
    assert call.error.startswith("wfp: store /sys/kernel/wfp-store: ")


BAD: list[tuple[str, str]] = [
    ("all:\n  hosts:\n    a: {ansible_port: x}\n", "ansible_port"),
    ("all:\n  hosts: [a\n", "i.yml"),
    ("g:\n  children: {h: {}}\nh:\n  children: {g: {}}\n", "g"),
    ("#!/bin/sh\necho '{}'\n", "i.yml"),
    (
        "all:\n  hosts:\n    a: {ansible_password: !vault '$ANSIBLE_VAULT;1.1;AES256\n  00'}\n",
        "i.yml",
    ),
]


@pytest.mark.parametrize(("text", "words"), BAD)
def test_inventory_that_makes_no_sense_is_refused(
    wfp: Wfp, tmp_path: Path, text: str, words: str
) -> None:
    path = tmp_path / "i.yml"
    path.write_text(text)
    path.chmod(0o755)
    call = wfp("collect", "-i", path, "--store", "s")
    assert (call.code, call.out) == (2, "")
    assert words in call.error
    assert not (tmp_path / "s").exists()


def test_wrong_authority_is_not_trusted(wfp: Wfp, fleet: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    with fleet_of(3, tmp_path / "f2") as second:
        other.write_bytes((second.parent / "ca.pem").read_bytes())
    wrong = changed_inventory(fleet, tmp_path / "i.yml", ansible_psrp_ca_cert=str(other))
    call = wfp("collect", "db*", "-i", wrong, "--store", "s", "--json")
    assert {(row["outcome"], row["cause"]) for row in call.rows} == {("failed", "tls")}


def test_two_names_for_one_place_are_told_first(wfp: Wfp, fleet: Path, tmp_path: Path) -> None:
    told = yaml.safe_load(fleet.read_text())
    web = told["all"]["children"]["web"]["hosts"]
    web["twin"] = dict(web["web-001"])
    path = tmp_path / "i.yml"
    path.write_text(yaml.safe_dump(told))
    call = wfp("collect", "web-001,twin", "-i", path, "--store", "s", "--json")
    assert call.code == 0
    assert call.err.count("wfp: web-001, twin lead to the same place, 127.0.0.1 port") == 1
    assert [line for line in call.err.splitlines() if "twin" in line] == [call.err.splitlines()[0]]
    web["twin"]["ansible_host"] = "localhost"
    path.write_text(yaml.safe_dump(told))
    other = wfp("collect", "web-001,twin", "-i", path, "--store", "s", "--json")
    lines = [line for line in other.err.splitlines() if "twin" in line]
    assert lines == ["wfp: twin, web-001 are one machine by what it says of itself"]


def test_record_keeps_frames(wfp: Wfp, fleet: Path, tmp_path: Path) -> None:
    assert wfp("collect", "web-001", "-i", fleet, "--store", "s", "--record", "r").code == 0
    kept = [path.relative_to(tmp_path / "r") for path in (tmp_path / "r").rglob("*.jsonl")]
    assert kept == [Path("web-001/Get-PyWfpSnapshot.jsonl")]


def test_script_that_hosts_run_can_be_read_first(wfp: Wfp) -> None:
    call = wfp("collect", "--show-script", "--no-context")
    script = script_for("Get-PyWfpSnapshot", {"Source": "netsh", "Context": ""})
    assert (call.code, call.out) == (0, script.text)
    assert script.sha256 in call.error


def test_run_that_would_not_fit_is_refused_first(wfp: Wfp, monkeypatch: pytest.MonkeyPatch) -> None:
    nearly_full = SimpleNamespace(free=1 << 20)
    monkeypatch.setattr("shutil.disk_usage", lambda _: nearly_full)
    call = wfp("collect", "a.invalid,b.invalid", "--store", "s")
    assert (call.code, call.out) == (2, "")
    assert call.error == (
        "wfp: 2 hosts need about 1 MB and the store's disk has 1 MB free;"
        " use another --store or fewer hosts"
    )
    monkeypatch.undo()
    assert wfp("runs", "--store", "s", "--json").rows == []


def test_folder_for_frames_that_cannot_be_is_refused_first(wfp: Wfp, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    call = wfp("collect", "h.invalid", "--store", "s", "--record", "file/x")
    assert (call.code, call.error) == (2, "wfp: --record file/x: Not a directory")


def test_password_that_nobody_gave_is_asked_for(wfp: Wfp, fleet: Path, tmp_path: Path) -> None:
    inventory = _with(fleet, tmp_path / "i.yml", "web-001", ansible_password=None)
    call = wfp("check", "web-001", "-i", inventory, "--json")
    (row,) = call.rows
    assert (call.code, row["cause"]) == (4, "credentials")
    assert "without a password (--ask-pass or ansible_password) or a Kerberos ticket" in row["text"]


@pytest.mark.parametrize(
    ("words", "said", "unsaid"),
    [
        ((), (), ("visit", "requests, ")),
        (("-v",), ("visit 1: http, 127.0.0.1 port ", "ntlm as WEB-001"), ("bytes",)),
        (("-vv",), ("visit 1: ", "has taken the account", "part state is on disk", "received"), ()),
    ],
)
def test_more_is_said_where_more_is_asked_for(
    fleet: Path, tmp_path: Path, words: tuple[str, ...], said: tuple[str, ...], unsaid: tuple[str]
) -> None:
    run = started(*words, "collect", "web-001", "-i", fleet, "--store", tmp_path / "s", "--json")
    out, err = run.communicate(timeout=120)
    lines = [line for line in err.splitlines() if line.startswith("wfp: web-001")]
    assert (run.returncode, len(out.splitlines())) == (0, 1), err
    assert [text for text in said if not any(text in line for line in lines)] == []
    assert [text for text in unsaid if any(text in line for line in lines)] == []


def test_nobody_is_named(wfp: Wfp) -> None:
    call = wfp("collect", "--store", "s")
    assert call.error == "wfp: name hosts (web-03,web-04) or an inventory (--inventory)"


def test_secrets_are_nowhere(fleet: Path, tmp_path: Path) -> None:
    """Passwords of good hosts, and of one that is refused, in all that we print, keep and run."""
    canary = "C4nary-of-a-password"
    path = _with(fleet, tmp_path / "i.yml", "web-001", ansible_password=canary)
    told = yaml.safe_load(path.read_text())
    secrets = [
        str(values["ansible_password"])
        for hosts in hosts_of(told)
        for values in hosts.values()
        if "ansible_password" in values
    ]
    assert canary in secrets
    store = tmp_path / "s"
    words = ["-vv", "collect", "-i", path, "--store", store, "-u", "ops"]
    run = started(*words, "--password-from", "env:WFP_CANARY", WFP_CANARY=canary)
    lines = set[str]()
    while run.poll() is None:
        lines |= _command_lines(run.pid)
    out, err = run.communicate(timeout=60)
    assert run.returncode == 3, err
    assert any("spawn_main" in line for line in lines)
    places = {"stdout": out, "stderr": err, "processes": "\n".join(lines)}
    for file in [*store.rglob("*"), *Path.cwd().glob("core*")]:
        if file.is_file():
            data = file.read_bytes()
            plain = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
            places[str(file)] = (data + plain).decode("latin-1")
    found = [place for place, text in places.items() for one in secrets if one in text]
    assert found == []


def _command_lines(pid: int) -> set[str]:
    try:
        process = psutil.Process(pid)
        every = [process, *process.children(recursive=True)]
        return {" ".join(one.cmdline()) for one in every}
    except psutil.Error:
        return set()


def test_check_says_what_stands_in_the_way(wfp: Wfp, tmp_path: Path) -> None:
    faults = ("not-elevated=web-001", "bfe-stopped=web-002", "refused=app-001")
    with fleet_of(5, tmp_path / "f", *faults) as inventory:
        call = wfp("check", "-i", inventory, "--json", "--retries", "0")
        plain = wfp("check", "-i", inventory, "--limit", "web-001")
    rows: dict[str, dict[str, Any]] = {row["host"]: row for row in call.rows}
    assert {host: (row["outcome"], row["cause"]) for host, row in rows.items()} == {
        "web-001": ("failed", "not-elevated"),
        "web-002": ("failed", "bfe-stopped"),
        "app-001": ("failed", "refused"),
        "db-001": ("ok", None),
        "desk-001": ("ok", None),
    }
    db = rows["db-001"]
    assert (db["computer"], db["elevated"], db["language_mode"]) == ("DB-001", True, "FullLanguage")
    assert (call.code, plain.code) == (3, 4)
    assert plain.out.startswith("web-001: failed (not-elevated) - WEB-001, Microsoft Windows")
    assert "Use an account that is an administrator" in plain.out


def _names(inventory: Path) -> list[str]:
    told = yaml.safe_load(inventory.read_text())
    return sorted(name for hosts in hosts_of(told) for name in hosts)


def _with(inventory: Path, to: Path, host: str, **variables: Any) -> Path:
    """A copy of the inventory with other variables for one host."""
    told = yaml.safe_load(inventory.read_text())
    for hosts in hosts_of(told):
        if host in hosts:
            hosts[host].update(variables)
    to.write_text(yaml.safe_dump(told))
    to.chmod(0o600)
    return to


def test_environment_of_the_tests_is_loopback_only(fleet: Path) -> None:
    told = yaml.safe_load(fleet.read_text())
    assert {one["ansible_host"] for hosts in hosts_of(told) for one in hosts.values()} == {
        "127.0.0.1"
    }
    assert os.environ.get("WFP_STORE") is None
