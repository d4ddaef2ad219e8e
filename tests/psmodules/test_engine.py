"""The functions on a real engine, with a stand-in for netsh."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from pywfp_ps import resources
from pywfp_ps.payload import decode
from tests.psmodules.conftest import Host, stubs

pytestmark = pytest.mark.pwsh

MODES = ["FullLanguage", "ConstrainedLanguage"]
DISK = "Assert-PyWfpDisk -Folder $Folder -Megabytes 200"
ELEVATED = "if ((Test-PyWfpElevated) -eq $false) {"
FOLDER = "$folder = New-PyWfpFolder -Run $Run"
RUN = "Invoke-PyWfpNetsh -Folder $folder -Argument $Argument -Path $path"
# What the tests put other text in place of, by the call whose script has it.
HOOKS = {"Get-PyWfpState": [DISK, ELEVATED, FOLDER, RUN], "Get-PyWfpSecurityEvent": [ELEVATED]}
DUMP = (
    b"\xef\xbb\xbf<wfpstate>"
    + "".join(
        f"\t<item>{n} &amp; Gr\u00fc\u00dfe \u540d\u524d \U0001f600</item>\r\n"
        for n in range(40_000)
    ).encode()
)


def test_the_module_imports_and_exports_its_functions(host: Host) -> None:
    manifest = resources.module_folder() / "PyWfp.psd1"
    names = "(Get-Command -Module PyWfp | Sort-Object Name).Name -join ' '"
    run = host.start("-Command", f"Import-Module '{manifest}'; {names}")
    assert (run.stdout.split(), run.stderr) == (list(resources.public_functions()), "")


def test_the_installed_module_reads_its_table(host: Host) -> None:
    manifest = resources.module_folder() / "PyWfp.psd1"
    table = "& (Get-Module PyWfp) { (Get-PyWfpRecordMap)['Provider'] -join ' ' }"
    run = host.start("-Command", f"Import-Module '{manifest}'; {table}")
    assert run.stdout.startswith("key guid Key name text Name "), run.stderr


def test_the_installed_module_sends_the_same_frames(host: Host) -> None:
    manifest = resources.module_folder() / "PyWfp.psd1"
    told = "Get-PyWfpHostFact | ForEach-Object { [Console]::Out.WriteLine($_) }"
    run = host.start("-Command", f"Import-Module '{manifest}'; {told}")
    received = decode(run.stdout.splitlines(), host="here", transport="test")
    assert [(p.part, p.complete) for p in received.payloads] == [("facts", True)], run.stderr


@pytest.mark.parametrize("mode", MODES)
def test_facts_are_sent_in_any_language_mode(host: Host, mode: str) -> None:
    outcome = host.run("Get-PyWfpHostFact", mode=mode)
    assert outcome.error_id is None, outcome.stderr
    assert [payload.part for payload in outcome.received.payloads] == ["facts"]
    assert (outcome.received.faults, outcome.received.noise) == ((), ())
    facts = outcome.json("facts")
    assert facts["v"] == 1
    assert set(facts) >= {"os", "bfe", "interfaces", "volumes", "clock", "account", "unknown"}
    powershell = facts["powershell"]
    assert isinstance(powershell, dict)
    assert powershell["language_mode"] == mode
    assert host.left() == []


@pytest.mark.parametrize("mode", MODES)
def test_the_state_comes_back_byte_for_byte(host: Host, mode: str) -> None:
    host.dump.write_bytes(DUMP)
    outcome = host.run("Get-PyWfpState", {"Run": "r1", "LimitSeconds": "60"}, mode=mode)
    assert outcome.error_id is None, outcome.stderr
    assert [p.part for p in outcome.received.payloads] == ["facts", "state", "after"]
    assert (outcome.received.faults, outcome.received.noise) == ((), ())
    assert outcome.part("state").raw() == DUMP
    assert outcome.json("after")["newest_filter"] == []
    assert host.left() == []


@pytest.mark.parametrize(
    ("way", "code"),
    [
        ("fails", "netsh-failed"),
        ("writes-nothing", "netsh-failed"),
        ("writes-empty", "netsh-failed"),
        ("hangs", "netsh-timeout"),
    ],
)
def test_what_netsh_does_wrong_has_a_code(host: Host, way: str, code: str) -> None:
    host.way = way
    outcome = host.run("Get-PyWfpState", {"LimitSeconds": "1" if way == "hangs" else "60"})
    assert [problem.code for problem in outcome.received.problems] == [code]
    assert re.match(rf"PyWfp\.{code}(,|$)", outcome.error_id or ""), outcome.stderr
    assert [p.part for p in outcome.received.payloads] == ["facts"]
    # Windows ends the wrapper of the stand-in only, and what hangs in it holds its files.
    assert host.left() == [] or (way == "hangs" and os.name == "nt")


@pytest.mark.parametrize("mode", MODES)
def test_a_dump_over_the_limit_is_too_large(host: Host, mode: str) -> None:
    host.dump.write_bytes(b"x" * 2_000_000)
    outcome = host.run("Get-PyWfpState", {"MaxMegabytes": "1"}, mode=mode)
    assert [problem.code for problem in outcome.received.problems] == ["too-large"]
    assert host.left() == []


@pytest.mark.parametrize(
    ("change", "before", "code"),
    [
        ({DISK: f"{DISK}0000000"}, "", "no-disk"),
        ({ELEVATED: "if ($true) {"}, "", "not-elevated"),
        ({ELEVATED: "if ($false) {"},
         "function Get-Service { New-Object psobject -Property @{ Status = 1 } }\n", "bfe-stopped"),
    ],
    ids=["disk", "elevation", "engine"],
)  # fmt: skip
def test_a_host_that_cannot_says_why(
    host: Host, change: dict[str, str], before: str, code: str
) -> None:
    outcome = host.run("Get-PyWfpState", change=change, before=before)
    assert [problem.code for problem in outcome.received.problems] == [code]
    assert re.match(rf"PyWfp\.{code}(,|$)", outcome.error_id or ""), outcome.stderr
    assert host.left() == []


def make(host: Host, name: str) -> Path:
    folder = host.temp / name
    folder.mkdir()
    (folder / "state.xml").write_text("x")
    return folder


def test_what_a_dead_run_left_is_swept_and_named(host: Host) -> None:
    make(host, "pywfp-r0-999999999-0123456789ab")
    make(host, "pywfp-not-ours")
    outcome = host.run("Get-PyWfpState")
    assert outcome.json("after")["swept"] == ["pywfp-r0-999999999-0123456789ab"]
    assert host.left() == ["pywfp-not-ours"]


@pytest.mark.parametrize("mode", MODES)
def test_a_clock_that_is_set_is_no_time_passed(host: Host, mode: str) -> None:
    jumps = ("+ 60000", "- 60000", "- 500")
    since = [f"(Get-PyWfpStep -Since ((Get-PyWfpTick) {jump}))" for jump in jumps]
    ahead, behind, passed = host.value(", ".join(since), mode=mode)
    assert (ahead, behind) == (100, 100)
    assert 500 <= passed <= 10_000 or passed == 100


@pytest.mark.skipif(os.name != "nt", reason="elsewhere folders have no such owners")
def test_folders_of_this_account_are_runs_and_those_of_others_are_not(host: Host) -> None:
    ours = make(host, "pywfp-r0-1-0123456789ab")
    wanted = f"(Test-PyWfpOwner -Path '{ours}'), (Test-PyWfpOwner -Path '{host.temp / 'gone'}')"
    assert host.value(wanted) == [True, False]


def test_a_run_waits_for_none_of_its_own_folders(host: Host) -> None:
    earlier = f"$null = New-PyWfpFolder -Run 'r0'; {FOLDER}"
    outcome = host.run("Get-PyWfpState", {"LimitSeconds": "1"}, change={FOLDER: earlier})
    assert outcome.error_id is None, outcome.stderr
    assert outcome.part("state").complete
    assert [name[:9] for name in host.left()] == ["pywfp-r0-"]


def test_a_run_waits_for_an_older_one_and_then_gives_up(host: Host) -> None:
    other = make(host, f"pywfp-r0-{os.getpid()}-0123456789ab")
    outcome = host.run("Get-PyWfpState", {"LimitSeconds": "1"})
    assert [problem.code for problem in outcome.received.problems] == ["busy"]
    assert host.left() == [other.name]


@pytest.mark.skipif(os.name == "nt", reason="Windows asks icacls, this asks the mode bits")
def test_the_folder_is_closed_to_others(host: Host) -> None:
    shown = "$m = (Get-Item $path -Force).UnixMode; Write-Error $m -ErrorAction Stop"
    change = {RUN: f"$path = $folder; {shown}; {RUN}"}
    outcome = host.run("Get-PyWfpState", change=change)
    assert "drwx------" in outcome.received.problems[0].text


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"LimitSeconds": "-1"}, "ParameterArgumentValidationError,Get-PyWfpState"),
        ({"Run": "../x"}, "ParameterArgumentValidationError,Get-PyWfpState"),
        ({"Run": "x\n"}, "ParameterArgumentValidationError,Get-PyWfpState"),
        ({"Rum": "x"}, "NamedParameterNotFound,Get-PyWfpState"),
    ],
)
def test_wrong_arguments_are_refused(host: Host, arguments: dict[str, str], error: str) -> None:
    outcome = host.run("Get-PyWfpState", arguments)
    assert (outcome.error_id, outcome.received.payloads) == (error, ())


NETSH_CALLS = {
    "Get-PyWfpFilterDump": ("filters", "netsh-filters", "show filters verbose=on"),
    "Get-PyWfpNetEventDump": ("netevents", "netsh-netevents", "show netevents timewindow=60"),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("call", NETSH_CALLS)
def test_a_dump_is_what_netsh_was_asked_for(host: Host, call: str, mode: str) -> None:
    part, content, words = NETSH_CALLS[call]
    host.way = "echoes"
    given = {"WindowSeconds": "60"} if "netevents" in part else {}
    outcome = host.run(call, given, mode=mode)
    assert outcome.error_id is None, outcome.stderr
    payload = outcome.part(part)
    assert (payload.content, payload.call) == (content, call)
    assert payload.raw().decode() == f"<asked>wfp {words}</asked>"
    assert host.left() == []


@pytest.mark.parametrize("call", [*NETSH_CALLS])
def test_a_dump_that_fails_says_so(host: Host, call: str) -> None:
    host.way = "fails"
    outcome = host.run(call)
    assert [problem.code for problem in outcome.received.problems] == ["netsh-failed"]
    assert outcome.received.payloads == ()
    assert host.left() == []


def test_options_are_what_netsh_prints(host: Host) -> None:
    outcome = host.run("Get-PyWfpOption")
    assert outcome.error_id is None, outcome.stderr
    lines = [json.loads(line) for line in outcome.part("options").raw().splitlines()]
    assert [line["command"] for line in lines] == [
        "options optionsfor=netevents",
        "options optionsfor=keywords",
        "options optionsfor=txnwatchdog",
        "security type=engine",
        "security type=netevents",
    ]
    assert all("successful" in line["said"][0] and line["error"] is None for line in lines)
    assert host.left() == []


def test_an_option_that_fails_is_named_with_its_error(host: Host) -> None:
    host.way = "fails"
    outcome = host.run("Get-PyWfpOption")
    lines = [json.loads(line) for line in outcome.part("options").raw().splitlines()]
    assert [line["said"] for line in lines] == [None] * 5
    assert {line["error"]["id"].split(",")[0] for line in lines} == {"PyWfp.netsh-failed"}


def test_each_kind_of_context_stands_on_its_own(host: Host) -> None:
    kinds = ["volume", "Service", "LISTENER"]
    before = (
        "function Get-PyWfpVolume { [ordered]@{ letter = 'C:'; device = 'D' } }\n"
        "function Get-CimInstance { Write-Error -Message 'no CIM' -ErrorAction Stop }\n"
    )
    own = resources.functions()["get-pywfpvolume"].text
    outcome = host.run("Get-PyWfpContext", {"Kind": kinds}, change={own: ""}, before=before)
    assert outcome.error_id is None, outcome.stderr
    lines = [json.loads(line) for line in outcome.part("context").raw().splitlines()]
    assert [(line["kind"], line["rows"]) for line in lines] == [
        ("Service", None),
        ("Listener", None),
        ("Volume", [{"letter": "C:", "device": "D"}]),
    ]
    assert [bool(line["error"]) for line in lines] == [True, True, False]
    assert [(p.part, p.code) for p in outcome.received.problems] == [("context", "unexpected")] * 2


def test_system_ports_are_a_part_of_their_own(host: Host) -> None:
    host.way = "echoes"
    outcome = host.run("Get-PyWfpContext", {"Kind": ["SysPort"]})
    assert outcome.part("sysports").raw() == b"<asked>wfp show sysports</asked>"


def test_a_netsh_that_hangs_is_not_asked_again(host: Host) -> None:
    host.way = "hangs"
    outcome = host.run("Get-PyWfpOption", {"LimitSeconds": "1"})
    assert [problem.code for problem in outcome.received.problems] == ["netsh-timeout"]
    assert outcome.received.payloads == ()


def test_context_that_cannot_be_had_ends_as_an_error(host: Host) -> None:
    before = "function Send-PyWfpText { Write-Error -Message 'made up' -ErrorAction Stop }\n"
    own = resources.functions()["send-pywfptext"].text
    outcome = host.run("Get-PyWfpContext", {"Kind": ["Volume"]}, change={own: ""}, before=before)
    codes = [(problem.part, problem.code) for problem in outcome.received.problems]
    assert codes[-1] == ("context", "unexpected")
    assert outcome.error_id is not None


def test_facts_that_cannot_be_sent_end_as_an_error(host: Host) -> None:
    before = "function Get-PyWfpFact { Write-Error -Message 'made up' -ErrorAction Stop }\n"
    own = resources.functions()["get-pywfpfact"].text
    outcome = host.run("Get-PyWfpHostFact", change={own: ""}, before=before)
    assert [(p.part, p.code) for p in outcome.received.problems] == [("facts", "unexpected")]
    assert outcome.received.payloads == ()


def test_an_unknown_kind_is_refused(host: Host) -> None:
    outcome = host.run("Get-PyWfpContext", {"Kind": ["Secret"]})
    assert outcome.error_id == "ParameterArgumentValidationError,Get-PyWfpContext"


@pytest.mark.parametrize("count", [0, 1, 900])
def test_events_are_streamed_in_frames(
    host: Host, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setenv("WFP_EVENTS", str(count))
    given = {"After": "20261121T090000000Z", "Id": ["5157", "5152"]}
    outcome = host.run("Get-PyWfpSecurityEvent", given, before=stubs("events"))
    assert outcome.error_id is None, outcome.stderr
    assert (outcome.received.faults, outcome.received.problems) == ((), ())
    payload = outcome.part("events")
    assert payload.complete
    records = [json.loads(line) for line in payload.raw().splitlines()]
    assert [record["record_id"] for record in records] == list(range(1, count + 1))
    if records:
        assert records[0]["computer"] == (
            "*[System[(EventID=5157 or EventID=5152)"
            " and TimeCreated[@SystemTime>='2026-11-21T09:00:00.000Z']]]"
        )
        assert records[0]["data"] == [{"name": "Application", "text": "\\x&\u540d"}]


def test_more_events_than_asked_for_are_told(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WFP_EVENTS", "3")
    outcome = host.run("Get-PyWfpSecurityEvent", {"MaxCount": "3"}, before=stubs("events"))
    assert [problem.code for problem in outcome.received.problems] == ["truncated"]
    assert outcome.part("events").complete


@pytest.mark.skipif(os.name == "nt", reason="Windows has a Security log")
def test_a_log_that_cannot_be_read_is_an_error(host: Host) -> None:
    outcome = host.run("Get-PyWfpSecurityEvent")
    assert [problem.code for problem in outcome.received.problems] == ["unexpected"]
    assert not outcome.part("events").complete


def test_the_log_opens_for_elevated_administrators_only(host: Host) -> None:
    outcome = host.run("Get-PyWfpSecurityEvent", change={ELEVATED: "if ($true) {"})
    assert [problem.code for problem in outcome.received.problems] == ["not-elevated"]
    assert outcome.received.payloads == ()


def test_more_ids_than_the_log_takes_are_refused(host: Host) -> None:
    ids = ["5031", *map(str, range(5150, 5160)), *map(str, range(5440, 5451))]
    change = {ELEVATED: "if ($false) {"}
    outcome = host.run("Get-PyWfpSecurityEvent", {"Id": ids}, change=change)
    assert [problem.code for problem in outcome.received.problems] == ["too-many"]


def test_a_snapshot_is_one_job_with_all_its_parts(host: Host) -> None:
    given = {"Context": ["SysPort", "Option", "NetEvent", "Volume"]}
    outcome = host.run("Get-PyWfpSnapshot", given)
    assert outcome.error_id is None, outcome.stderr
    assert [payload.part for payload in outcome.received.payloads] == [
        "facts", "state", "context", "sysports", "options", "netevents", "after",
    ]  # fmt: skip
    assert outcome.part("state").raw() == host.dump.read_bytes()
    assert {payload.complete for payload in outcome.received.payloads} == {True}
    assert host.left() == []


def test_a_snapshot_goes_on_where_its_source_fails(host: Host) -> None:
    host.way = "fails"
    outcome = host.run("Get-PyWfpSnapshot", {"Context": ["Volume"]})
    assert [payload.part for payload in outcome.received.payloads] == ["facts", "context", "after"]
    assert ("state", "netsh-failed") in [(p.part, p.code) for p in outcome.received.problems]
    assert re.match(r"PyWfp\.netsh-failed(,|$)", outcome.error_id or ""), outcome.stderr


def test_a_netsh_that_hangs_costs_its_time_once(host: Host) -> None:
    host.way = "hangs"
    given = {"LimitSeconds": "1", "Context": ["SysPort", "Option", "NetEvent"]}
    outcome = host.run("Get-PyWfpSnapshot", given)
    assert [payload.part for payload in outcome.received.payloads] == ["facts", "after"]
    assert [(p.part, p.code) for p in outcome.received.problems] == [
        (part, "netsh-timeout") for part in ("state", "sysports", "options", "netevents")
    ]


def test_a_snapshot_without_context_sends_none(host: Host) -> None:
    outcome = host.run("Get-PyWfpSnapshot", {"Context": ""})
    assert [payload.part for payload in outcome.received.payloads] == ["facts", "state", "after"]
