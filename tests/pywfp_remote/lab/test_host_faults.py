"""Hosts that cannot do what they are asked: what they say, and what the client makes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Struct
from msgspec.structs import replace

from pywfp_ps.cli.recap import line_of
from pywfp_ps.collect.checking import Check
from pywfp_ps.collect.reparse import reparse_run
from pywfp_ps.collect.visiting import Source
from pywfp_ps.payload.decoder import Received, decode
from pywfp_ps.read import read_records
from pywfp_ps.read.context import read_context
from pywfp_ps.read.engine_options import read_options
from pywfp_ps.store import Store
from pywfp_ps.transports import load
from pywfp_ps.transports.base import Target
from pywfp_remote.lab.engine import FailedError
from pywfp_remote.lab.faults import FAULTS, Stage, parse_rules
from pywfp_remote.lab.frame_faults import FaultyHost
from pywfp_remote.lab.gen_plan import name_of
from pywfp_remote.lab.generated import backend_of
from pywfp_remote.lab.host import Way
from pywfp_remote.lab.problems import PROBLEMS
from tests.collect.fleet_rig import QUICK, collected, ends, fleet_of, targets_of
from tests.pywfp_remote.lab.lab_rig import lab_host

AROUND = ["context", "sysports", "options", "netevents"]
SNAPSHOT = ["facts", "state", "records", *AROUND, "after"]


class Said(Struct, frozen=True, kw_only=True):
    """What one call brought before it ended."""

    received: Received
    thrown: str | None

    @property
    def parts(self) -> list[str]:
        return [payload.part for payload in self.received.payloads]

    @property
    def problems(self) -> list[tuple[str | None, str]]:
        return [(problem.part, problem.code) for problem in self.received.problems]

    def raw(self, part: str) -> bytes:
        return next(p.raw() for p in self.received.payloads if p.part == part)


def ask(name: str, call: str, host: str = "web-001", **arguments: str | list[str]) -> Said:
    faulty = lab_host(host, Way.NTLM, name)
    thrown = None
    lines: list[str] = []
    try:
        lines.extend(FaultyHost(faulty, backend_of(faulty)).answer(call, arguments))
    except FailedError as error:
        thrown = error.failure.error_id
    received = decode(lines, host=host, transport="psrp")
    assert (received.faults, received.noise) == ((), ())
    return Said(received=received, thrown=thrown)


def error_id(name: str) -> str:
    return f"PyWfp.{PROBLEMS[name].code},{PROBLEMS[name].thrower}"


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_snapshot_goes_on_without_what_is_struck(name: str) -> None:
    said = ask(name, "Get-PyWfpSnapshot", Source="both")
    struck = PROBLEMS[name].parts
    assert said.parts == [part for part in SNAPSHOT if part not in struck]
    assert said.problems == [(p, PROBLEMS[name].code) for p in SNAPSHOT if p in struck]
    assert said.thrown == error_id(name)


@pytest.mark.parametrize("name", PROBLEMS)
def test_context_alone_never_throws(name: str) -> None:
    said = ask(name, "Get-PyWfpContext")
    assert said.parts == [part for part in AROUND if part not in PROBLEMS[name].parts]
    assert said.thrown is None


OWN_PART = {
    "Get-PyWfpState": "state",
    "Get-PyWfpFilterDump": "filters",
    "Get-PyWfpNetEventDump": "netevents",
    "Get-PyWfpOption": "options",
    "Get-PyWfpRecord": "records",
    "Get-PyWfpSecurityEvent": "events",
}


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("call", OWN_PART)
def test_a_call_for_one_thing_ends_where_it_fails(call: str, name: str) -> None:
    said, part = ask(name, call), OWN_PART[call]
    if part in PROBLEMS[name].parts:
        assert (said.problems, said.thrown) == ([(part, PROBLEMS[name].code)], error_id(name))
        assert set(said.parts) <= {"facts"}
    else:
        assert (said.problems, said.thrown) == ([], None)
        assert part in said.parts


@pytest.mark.parametrize("name", ["netsh-failed", "netsh-slow", "no-disk"])
def test_options_tell_with_each_command_that_netsh_does_not_work(name: str) -> None:
    said = ask(name, "Get-PyWfpOption")
    options, gaps = read_options(said.raw("options"))
    assert (options, len(gaps)) == ((), 3)
    assert all(f"PyWfp.{PROBLEMS[name].code}" in gap.problem for gap in gaps)


def test_constrained_language_falls_back_to_netsh_and_says_so() -> None:
    said = ask("constrained-language", "Get-PyWfpSnapshot", Source="ntobjectmanager", Context="")
    assert said.parts == ["facts", "state", "after"]
    assert said.problems == [("records", "constrained-language")]
    facts = json.loads(said.raw("facts"))
    assert facts["powershell"]["language_mode"] == "ConstrainedLanguage"


def test_constrained_language_has_values_without_names() -> None:
    said = ask("constrained-language", "Get-PyWfpSecurityEvent", host="db-002", MaxCount="2")
    events = [json.loads(line) for line in said.raw("events").splitlines()]
    named = ask("jea", "Get-PyWfpSecurityEvent", host="db-002", MaxCount="2").raw("events")
    data = [[each["text"] for each in json.loads(line)["data"]] for line in named.splitlines()]
    assert [event["values"] for event in events] == data
    assert all("data" not in event for event in events)


def test_half_of_the_kinds_is_refused() -> None:
    said = ask("half-refused", "Get-PyWfpRecord")
    assert (said.problems, said.thrown) == ([("records", "partly-refused")], None)
    read = read_records(said.raw("records"))
    assert (read.sublayers, read.callouts, read.sessions, read.endpoints) == ((), (), (), ())
    assert len(read.filters) > 900
    assert len([gap for gap in read.gaps if "Access is denied" in gap.problem]) == 4


@pytest.mark.parametrize("name", ["layer-refused", "object-unreadable"])
def test_what_cannot_be_read_is_a_gap_and_the_rest_is_there(name: str) -> None:
    said = ask(name, "Get-PyWfpRecord")
    good = read_records(ask("jea", "Get-PyWfpRecord").raw("records"))
    read = read_records(said.raw("records"))
    assert (said.problems, said.thrown) == ([], None)
    lost = {one.id for one in good.filters} - {one.id for one in read.filters}
    layers = {one.layer for one in good.filters if one.id in lost}
    assert (len(lost) > 1, len(layers)) == (name == "layer-refused", 1)
    assert len(read.gaps) == 1


def test_what_wmi_refuses_is_unknown_and_not_nothing() -> None:
    said = ask("wmi-refused", "Get-PyWfpSnapshot")
    assert said.thrown is None
    assert {code for _, code in said.problems} == {"access-denied"}
    context = read_context(said.raw("context"))
    unknown = {n for n in context.__struct_fields__ if getattr(context, n) is None}
    assert unknown == {
        "services", "drivers", "processes", "listeners", "routes", "interfaces",
        "sysports", "options",
    }  # fmt: skip
    assert len(context.gaps) == 6
    facts = json.loads(said.raw("facts"))
    assert [each["fact"] for each in facts["unknown"]] == ["os", "domain", "bfe", "interfaces"]
    after = json.loads(said.raw("after"))
    assert (after["bfe"], [each["fact"] for each in after["unknown"]]) == (None, ["bfe"])


def test_a_fault_has_the_names_that_people_use() -> None:
    assert [rule.name for rule in parse_rules(["module-absent=*", "netsh-timeout=web-*"])] == [
        "module-missing",
        "netsh-slow",
    ]


class Ends(Struct, frozen=True):
    """The source that is asked, and what becomes of the host at the client."""

    source: Source
    outcome: str
    cause: str | None
    leaves_gaps: bool = False


ASKED: dict[str, Ends] = {
    "bfe-stopped": Ends("both", "failed", "bfe-stopped"),
    "not-elevated": Ends("both", "failed", "not-elevated"),
    "netsh-failed": Ends("both", "partial", "netsh-failed"),
    "netsh-slow": Ends("both", "partial", "timeout"),
    "too-large": Ends("both", "partial", "too-large"),
    "no-disk": Ends("netsh", "failed", "no-disk"),
    "constrained-language": Ends("ntobjectmanager", "partial", "language-mode"),
    "module-missing": Ends("ntobjectmanager", "failed", "module-missing"),
    "module-blocked": Ends("both", "partial", "antivirus"),
    "module-policy": Ends("both", "partial", "execution-policy"),
    "module-failed": Ends("ntobjectmanager", "failed", "module-missing"),
    "half-refused": Ends("ntobjectmanager", "partial", "incomplete", leaves_gaps=True),
    "layer-refused": Ends("ntobjectmanager", "ok", None, leaves_gaps=True),
    "object-unreadable": Ends("ntobjectmanager", "ok", None, leaves_gaps=True),
    "wmi-refused": Ends("netsh", "ok", None, leaves_gaps=True),
}


def test_every_fault_of_the_host_itself_is_met() -> None:
    elsewhere = {
        "antivirus", "execution-policy", "no-language", "jea", "clock-off", "hostile-names",
    }  # fmt: skip
    hosts = {name for name, fault in FAULTS.items() if fault.stage is Stage.HOST}
    assert set(ASKED) | elsewhere == hosts


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Target]]:
    """A host a fault; its target by the fault's name."""
    faults = [f"{name}={name_of(n)}" for n, name in enumerate(ASKED)]
    with fleet_of(len(ASKED), tmp_path_factory.mktemp("fleet"), *faults) as inventory:
        targets = {target.name: target for target in targets_of(inventory)}
        yield {name: targets[name_of(n)] for n, name in enumerate(ASKED)}


@pytest.mark.parametrize("source", sorted({end.source for end in ASKED.values()}))
def test_each_ends_as_its_true_cause_or_gap_at_the_client(
    fleet: dict[str, Target], tmp_path: Path, source: Source
) -> None:
    names = [name for name, end in ASKED.items() if end.source == source]
    plan = replace(QUICK, source=source)
    with Store.open(tmp_path, create=True) as store:
        _, found = collected(store, [fleet[name] for name in names], plan)
        told = {name: ends(found)[fleet[name].name] for name in names}
        lost = {name for name in names if _gaps(store, fleet[name].name)}
    assert told == {name: (ASKED[name].outcome, ASKED[name].cause) for name in names}
    assert {name for name in names if ASKED[name].leaves_gaps} <= lost


def test_good_outcomes_say_what_could_not_be_read(fleet: dict[str, Target], tmp_path: Path) -> None:
    names = ["layer-refused", "object-unreadable", "too-large"]
    plan = replace(QUICK, source="ntobjectmanager")
    with Store.open(tmp_path, create=True) as store:
        _, found = collected(store, [fleet[name] for name in names], plan)
    unread = "1 item could not be read, see the view gaps"
    assert [found[fleet[name].name].text for name in names] == [unread, unread, ""]
    line = line_of(found[fleet["layer-refused"].name], as_json=False)
    assert line.endswith(f"- {unread}")


def test_reading_again_calls_no_host_good_that_could_not_be_asked(
    fleet: dict[str, Target], tmp_path: Path
) -> None:
    names = ["bfe-stopped", "netsh-failed", "layer-refused"]
    with Store.open(tmp_path, create=True) as store:
        run, found = collected(
            store, [fleet[name] for name in names], replace(QUICK, source="both")
        )
        again = {one.host: (one.outcome, one.cause) for one in reparse_run(store, run, workers=1)}
    assert again == ends(found)
    assert again[fleet["bfe-stopped"].name] == ("failed", "bfe-stopped")


def test_check_says_what_a_host_could_not_say(fleet: dict[str, Target]) -> None:
    transport = load("psrp")()
    check = Check([fleet["wmi-refused"], fleet["too-large"]], lambda _: transport)
    told = {one.outcome.host: one.outcome for one in check}
    refused = told[fleet["wmi-refused"].name]
    assert refused.outcome == "ok"
    assert refused.text == (
        "it could not say os, domain, bfe, interfaces: a collection may lack more"
    )
    assert told[fleet["too-large"].name].text == ""


def _gaps(store: Store, host: str) -> int:
    return len(list(store.query(f"SELECT problem FROM gaps WHERE host = '{host}'")))
