"""Collections over real PowerShell remoting: each host a true outcome, the good ones whole."""

from __future__ import annotations

import os
import re
import signal
import threading
from pathlib import Path

import msgspec
import psutil
import pytest
from msgspec.structs import replace

from pywfp_ps.cli.recap import Recap
from pywfp_ps.cli.running import run_collection
from pywfp_ps.collect.collecting import Collection, collect
from pywfp_ps.collect.resuming import recover, recoverable_hosts
from pywfp_ps.collect.visiting import Plan
from pywfp_ps.fleet.causes import ADVICE, Cause
from pywfp_ps.fleet.fanout import Limits
from pywfp_ps.fleet.outcomes import Outcome
from pywfp_ps.payload import PayloadInfo
from pywfp_ps.read import read_state
from pywfp_ps.store import Store
from pywfp_ps.transports import load
from pywfp_ps.transports.base import Credential, Secret
from pywfp_ps.transports.recorded import RecordedTransport, RecordingTransport
from pywfp_remote.lab.faults import FAULTS
from pywfp_remote.lab.gen_plan import name_of
from tests.collect.fleet_rig import (
    QUICK,
    bare,
    collected,
    ends,
    fleet_of,
    refusals,
    targets_of,
)

OK: tuple[str, str | None] = ("ok", None)
ENDS: dict[str, tuple[str, str | None]] = {
    "dns": ("failed", "dns"),
    "refused": ("failed", "refused"),
    "resets": ("failed", "unreachable"),
    "tls-name": ("failed", "tls"),
    "tls-expired": ("failed", "tls"),
    "tls-unknown-ca": ("failed", "tls"),
    "redirect": ("failed", "bad-payload"),
    "html": ("failed", "bad-payload"),
    "html-error": ("failed", "unreachable"),
    "not-found": ("failed", "bad-payload"),
    "clear-answer": ("failed", "bad-payload"),
    "drops": ("failed", "incomplete"),
    "wrong-password": ("failed", "credentials"),
    "logon-lost": ("failed", "quota"),
    "access-denied": ("failed", "access-denied"),
    "quota": ("failed", "quota"),
    "no-configuration": ("failed", "endpoint"),
    "host-died": ("failed", "incomplete"),
    "short-fragment": ("partial", "bad-payload"),
    "empty-fragments": OK,
    "foreign-ids": OK,
    "throws": ("failed", "incomplete"),
    "wrong-hash": ("failed", "incomplete"),
    "missing-frame": ("failed", "incomplete"),
    "no-end": ("failed", "incomplete"),
    "noise": OK,
    "not-gzip": ("failed", "bad-payload"),
    "bfe-stopped": ("failed", "bfe-stopped"),
    "not-elevated": ("failed", "not-elevated"),
    "netsh-failed": ("failed", "netsh-failed"),
    "netsh-slow": ("failed", "timeout"),
    "too-large": ("failed", "too-large"),
    "no-disk": ("failed", "no-disk"),
    "module-missing": OK,
    "module-blocked": OK,
    "module-policy": OK,
    "module-failed": OK,
    "half-refused": OK,
    "layer-refused": OK,
    "object-unreadable": OK,
    "wmi-refused": OK,
    "antivirus": ("failed", "antivirus"),
    "execution-policy": ("failed", "execution-policy"),
    "constrained-language": OK,
    "no-language": ("failed", "language-mode"),
    "jea": OK,
    "clock-off": OK,
    "hostile-names": OK,
}
"""What becomes of a host with each fault that shows soon."""

SLOW_ENDS: dict[str, tuple[str, str | None]] = {
    "unreachable": ("failed", "unreachable"),
    "hangs": ("failed", "timeout"),
    "slow": OK,
    "http-400": ("failed", "bad-payload"),
    "http-500": ("failed", "bad-payload"),
    "empty": ("failed", "bad-payload"),
    "gzip-bomb": ("failed", "bad-payload"),
    "drip": ("failed", "bad-payload"),
    "oversized": ("failed", "bad-payload"),
    "clear-fault": ("failed", "bad-payload"),
    "wrong-relates-to": ("failed", "bad-payload"),
    "fault-in-200": ("failed", "access-denied"),
    "stalls": ("failed", "timeout"),
    "quota-operations": ("failed", "quota"),
    "quota-users": ("failed", "quota"),
    "quota-plugin": ("failed", "quota"),
    "quota-commands": ("failed", "quota"),
    "no-process": ("failed", "endpoint"),
    "no-program": ("failed", "endpoint"),
    "open-timeout": ("failed", "timeout"),
    "shell-lost": ("failed", "incomplete"),
    "aborted": ("failed", "incomplete"),
    "no-output": ("failed", "timeout"),
    "lying-length": OK,
    "no-start": OK,
    "endless-fragments": ("partial", "bad-payload"),
    "unknown-message": ("failed", "bad-payload"),
    "bad-xml": ("partial", "bad-payload"),
    "deep-xml": ("failed", "bad-payload"),
    "xml-bomb": ("partial", "bad-payload"),
    "endless-records": ("partial", "bad-payload"),
    "endless-output": ("partial", "bad-payload"),
    "no-end-state": ("partial", "timeout"),
    "repeated-frame": ("failed", "incomplete"),
    "reordered": ("failed", "incomplete"),
    "wrong-count": ("failed", "incomplete"),
    "wrong-size": ("failed", "incomplete"),
    "payload-bomb": ("failed", "bad-payload"),
}
"""The same of faults that take long to show."""


def test_good_hosts_are_there_whole(fleet: Path, store: Store) -> None:
    targets = targets_of(fleet)
    plan = Plan(limits=QUICK.limits, groups={"web-001": ("web",)})
    run_id, found = collected(store, targets, plan)
    assert found == {one.name: Outcome(host=one.name, outcome="ok", tries=1) for one in targets}
    raw = store.raw("web-001", run_id, "state")
    assert replace(
        store.snapshot("web-001"), completeness=read_state(raw, source="state.gz").completeness
    ) == read_state(raw, source="state.gz")
    columns = "computer, os_build, elevated, groups, holds, complete, detail"
    assert list(store.query(f"SELECT {columns} FROM hosts WHERE host = 'web-001'")) == [
        ("WEB-001", "26100.2849", True, ["web"], ["context", "facts", "state"], True, None)
    ]
    parts = [part.part for part in store.raw_parts(run_id) if part.host == "web-001"]
    assert parts == [
        "after", "context", "facts", "netevents", "options", "state", "sysports",
    ]  # fmt: skip
    (info,) = (
        msgspec.json.decode(part.path.with_suffix(".json").read_bytes(), type=PayloadInfo)
        for part in store.raw_parts(run_id)
        if (part.host, part.part) == ("web-001", "context")
    )
    assert (info.complete, info.transport, info.call) == (True, "psrp", "Get-PyWfpSnapshot")
    assert list(store.query("SELECT DISTINCT consistent FROM snapshots")) == [(True,)]


def test_each_fault_is_told_truly_and_good_hosts_are_not_concerned(
    tmp_path: Path, store: Store
) -> None:
    names = {name_of(2 * number): fault for number, fault in enumerate(ENDS)}
    faults = [f"{fault}={host}" for host, fault in names.items()]
    plan = Plan(limits=Limits(retries=1, retry_pause=0, seconds=60), context=("Route",))
    with fleet_of(2 * len(ENDS), tmp_path / "fleet", *faults) as inventory:
        run_id, found = collected(store, targets_of(inventory), plan)
    expected = dict.fromkeys(map(name_of, range(2 * len(ENDS))), OK)
    expected |= {host: ENDS[fault] for host, fault in names.items()}
    assert _as_cut(ends(found), expected) == expected
    for host, outcome in found.items():
        if outcome.cause is not None:
            assert outcome.to_do == ADVICE[outcome.cause].to_do
            assert outcome.text, host
    held = {str(host) for (host,) in store.query("SELECT DISTINCT host FROM filters")}
    assert held == {host for host, one in found.items() if one.outcome in {"ok", "partial"}}
    assert store.run(run_id).state == "done"
    clock = next(host for host, fault in names.items() if fault == "clock-off")
    assert found[clock].text == "its clock is 1460 days behind"


def test_nonsense_in_the_protocol_is_told_in_plain_words(tmp_path: Path, store: Store) -> None:
    said = {
        "bad-xml": ("partial", "an object that the host sent is no well-formed XML; facts did"),
        "xml-bomb": ("partial", "an object that the host sent is no well-formed XML; facts did"),
        "deep-xml": ("failed", "the answer to reading its output makes no sense: it is nested"),
        "unknown-message": ("failed", "the answer to reading its output makes no sense: a message"),
        "wrong-relates-to": ("failed", "the answer to opening the session makes no sense: it bel"),
        "short-fragment": ("partial", "the answer to reading its output makes no sense: a message"),
    }
    names = {name_of(number): fault for number, fault in enumerate(said)}
    faults = [f"{fault}={host}" for host, fault in names.items()]
    with fleet_of(len(said), tmp_path / "fleet", *faults) as inventory:
        _, found = collected(store, targets_of(inventory))
    for host, fault in names.items():
        state, words = said[fault]
        one = found[host]
        assert (one.cause, one.text[: len(words)]) == ("bad-payload", words)
        assert one.outcome in {state, "failed"}  # as in `_as_cut`
        assert not re.search(r"\b\w+Error\b|Exception|\(error\)", one.text), fault


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_hundred_hosts_of_which_every_third_is_ill(tmp_path: Path, store: Store) -> None:
    every = [*SLOW_ENDS, *ENDS]
    assert set(every) == set(FAULTS)
    ill = [name_of(number) for number in range(0, 200, 3)]
    names = dict(zip(ill, every, strict=False))
    faults = [f"{fault}={host}" for host, fault in names.items()]
    plan = Plan(limits=Limits(retry_pause=1, seconds=60))
    with fleet_of(200, tmp_path / "fleet", *faults, big=False) as inventory:
        targets = targets_of(inventory)
        _, found = collected(store, targets, plan)
    told = {**SLOW_ENDS, **ENDS}
    expected = dict.fromkeys(map(name_of, range(200)), OK)
    expected |= {host: told[fault] for host, fault in names.items()}
    assert _as_cut(ends(found), expected) == expected
    order = list(found)
    last_good = max(order.index(host) for host in order if host not in names)
    assert order.index(next(h for h, fault in names.items() if fault == "hangs")) > last_good


def _as_cut(
    found: dict[str, tuple[str, str | None]], expected: dict[str, tuple[str, str | None]]
) -> dict[str, tuple[str, str | None]]:
    """The ends, where a dump that lies beside nonsense may have come whole before it or not.

    A host under load puts more into one answer, and what is broken takes its answer along.
    """
    is_cut = ("failed", "bad-payload")
    return {
        host: expected[host]
        if end == is_cut and expected[host] == ("partial", "bad-payload")
        else end
        for host, end in found.items()
    }


def test_canaries_that_fail_stop_the_run(fleet: Path, store: Store) -> None:
    first, *others = targets_of(fleet)
    dead = [replace(first, name=f"dead-{n}", address="x.invalid") for n in range(2)]
    plan = replace(QUICK, limits=replace(QUICK.limits, canary=2))
    run_id, found = collected(store, [*dead, *others], plan)
    assert ends(found) == {
        **{one.name: ("failed", "dns") for one in dead},
        **{one.name: ("cancelled", None) for one in others},
    }
    reason = "The host was not visited: 2 of the first 2 hosts failed or were slow."
    assert found[others[0].name].text == reason
    assert store.run(run_id).state == "interrupted"


def test_wrong_password_does_not_lock_the_account(fleet: Path, store: Store) -> None:
    before = refusals(fleet.parent)
    wrong = Credential(user="labadmin", password=Secret("Wr0ng-and-never-right"))
    targets = [
        replace(one, credential=wrong, auth="ntlm", protocol=one.protocol)
        for one in targets_of(fleet)
        if one.auth != "certificate"
    ]
    _, found = collected(store, targets)
    causes = sorted(str(one.cause) for one in found.values())
    assert causes == ["credentials"] * 3 + ["lockout-guard"] * (len(targets) - 3)
    assert refusals(fleet.parent) - before == 3


def test_host_names_that_are_paths_stay_in_the_store(fleet: Path, store: Store) -> None:
    target = targets_of(fleet)[0]
    names = ["../../../escape", "CON", "a:b", "C:\\Windows", "x" * 200]
    run_id, found = collected(store, [replace(target, name=name) for name in names])
    assert ends(found) == dict.fromkeys(names, OK)
    assert sorted(line.host for line in store.hosts()) == sorted(names)
    assert {part.host for part in store.raw_parts(run_id)} == set(names)
    outside = [path for path in store.folder.parent.iterdir() if path != store.folder]
    assert outside == []


def test_two_names_of_one_machine_are_two_hosts_and_told(fleet: Path, store: Store) -> None:
    target = targets_of(fleet)[0]
    twins = [replace(target, name=name) for name in ("one", "two")]
    with store.begin_run(command="collect") as writer:
        collection = Collection(writer, twins, lambda _: load("psrp")(), QUICK)
        assert {outcome.outcome for outcome in collection} == {"ok"}
    assert collection.machines.shared() == [("one", "two")]


def test_dead_parser_costs_no_host(fleet: Path, store: Store) -> None:
    targets = targets_of(fleet)
    found = []
    with store.begin_run(command="collect") as writer:
        psrp = load("psrp")()
        collection = Collection(writer, targets, lambda _: psrp, QUICK, workers=1)
        for outcome in collection:
            found.append(outcome)
            if len(found) == 1:
                _kill_a_parser()
    assert {one.outcome for one in found} == {"ok"}
    assert len(found) == len(targets)


def _kill_a_parser() -> None:
    workers = [
        child
        for child in psutil.Process().children()
        if any("multiprocessing.spawn" in word for word in child.cmdline())
    ]
    assert workers
    workers[0].send_signal(signal.SIGKILL)


def test_bugs_of_the_parser_concern_one_host_each(
    fleet: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dumps under names at which the parsers of this test die or raise."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent / "deadly"))
    targets = targets_of(fleet)[:4]
    bad = [replace(one, name=name) for one, name in zip(targets, BUGS, strict=False)]
    run_id, found = collected(store, [*bad, *targets[2:]])
    assert ends(found) == {
        **dict.fromkeys(BUGS, ("failed", "bug")),
        **{one.name: OK for one in targets[2:]},
    }
    assert {name: found[name].text for name in BUGS} == BUGS
    (note,) = store.run(run_id).manifest.notes
    assert note.startswith("cursed: ")
    assert "in _parse_or_die" in note


BUGS = {
    "deadly": "the parser died on it twice",
    "cursed": "the parser failed: RuntimeError: a bug",
}


def test_cancelled_run_keeps_what_is_done(fleet: Path, store: Store) -> None:
    targets = targets_of(fleet)
    plan = replace(QUICK, limits=replace(QUICK.limits, at_once=1))
    outcomes = []
    with store.begin_run(command="collect") as writer:
        collection = Collection(writer, targets, lambda _: load("psrp")(), plan)
        for outcome in collection:
            outcomes.append(outcome)
            collection.cancel("Enough.")
        writer.finish(interrupted=collection.is_interrupted)
    assert len(outcomes) == len(targets)
    done = {one.host for one in outcomes if one.outcome == "ok"}
    assert done
    # On a slow machine the visits can all be over before the first dump is read.
    assert {one.outcome for one in outcomes} <= {"ok", "cancelled"}
    assert {str(host) for (host,) in store.query("SELECT DISTINCT host FROM filters")} == done
    state = "done" if len(done) == len(targets) else "interrupted"
    assert store.run(writer.run_id).state == state


def test_run_that_is_left_keeps_on_disk_what_it_has_not_read(fleet: Path, store: Store) -> None:
    targets = targets_of(fleet)
    found: dict[str, Outcome] = {}
    with store.begin_run(command="collect") as writer:
        psrp = load("psrp")()
        collection = Collection(writer, targets, lambda _: psrp, QUICK, workers=1)
        for outcome in collection:
            found[outcome.host] = outcome
            if len(found) == 1:
                while collection.unread < len(targets) - 1:
                    assert threading.active_count() > 1  # the visits go on beside
                collection.leave()
        writer.finish(interrupted=collection.is_interrupted)
    assert len(found) == len(targets)
    left = {host for host, one in found.items() if one.outcome == "cancelled"}
    assert left
    assert all(found[host].packed and "it is on disk" in found[host].text for host in left)
    assert recoverable_hosts(store, "latest") == left
    with store.resume_run("latest") as writer:
        again = {one.host: one for one in recover(store, writer, {}, hosts=left)}
    assert {one.outcome for one in again.values()} == {"ok"}
    assert {host: one.plain for host, one in again.items()} == {
        host: found[host].plain for host in left
    }
    assert len(store.hosts()) == len(targets)


def test_second_signal_leaves_and_the_run_is_told(
    fleet: Path, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    targets = targets_of(fleet)
    recap = Recap(len(targets))
    writer = store.begin_run(command="collect")
    psrp = load("psrp")()
    collection = Collection(writer, targets, lambda _: psrp, QUICK, workers=1)

    def tell(_: Outcome) -> None:
        if recap.done == 1:
            while collection.unread < len(targets) - 1:
                assert threading.active_count() > 1
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)

    run_collection(writer, collection, recap, tell)
    assert (recap.exit_code, recap.done, store.run("latest").state) == (143, 8, "interrupted")
    assert recap.outcomes["cancelled"] > 0
    assert (
        f"wfp: The run was ended by SIGTERM: reading {len(targets) - 1} dumps that came;"
        " once more to leave at once" in capsys.readouterr().err
    )


def test_leaving_early_ends_the_run_and_its_visits(fleet: Path, store: Store) -> None:
    for outcome in collect(store, targets_of(fleet), QUICK):
        assert outcome.outcome == "ok"
        break
    (run,) = store.runs()
    assert run.state == "interrupted"
    assert [t.name for t in threading.enumerate() if t.name.startswith("visit-")] == []
    assert len(store.hosts()) == 1


def test_recorded_hosts_are_collected_again_without_them(
    fleet: Path, store: Store, tmp_path: Path
) -> None:
    targets = targets_of(fleet)[:3]
    gone = [replace(targets[0], name="gone", address="x.invalid")]
    recording = RecordingTransport(load("psrp")(), tmp_path / "kept")
    first, found = collected(store, [*targets, *gone], transport=recording)
    second, again = collected(
        store, [*targets, *gone], transport=RecordedTransport(tmp_path / "kept")
    )
    assert again == found
    for part in store.raw_parts(first):
        assert store.raw(part.host, second, part.part) == store.raw(part.host, first, part.part)
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "kept").rglob("*.jsonl")}
    assert modes == {0o600} or os.name == "nt"


def test_dump_that_is_too_large_is_refused_before_it_is_sent(fleet: Path, store: Store) -> None:
    target = targets_of(fleet)[0]
    _, found = collected(store, [target], replace(QUICK, max_dump_mb=1))
    assert ends(found) == {target.name: ("failed", "too-large")}
    assert found[target.name].text.endswith("bytes are more than the limit of 1 MB.")


def test_library_gives_outcomes(fleet: Path, store: Store) -> None:
    targets = targets_of(fleet)[:2]
    found = {one.host: bare(one) for one in collect(store, targets, QUICK, note="by hand")}
    assert re.fullmatch(r"(without .*)?", found[targets[0].name].text)
    assert ends(found) == {one.name: OK for one in targets}
    (run,) = store.runs()
    assert (run.state, run.manifest.note, run.manifest.hosts) == ("done", "by hand", 2)


def test_causes_of_the_tables_exist() -> None:
    causes = {cause for _, cause in (*ENDS.values(), *SLOW_ENDS.values()) if cause}
    assert causes <= {str(cause) for cause in Cause}
