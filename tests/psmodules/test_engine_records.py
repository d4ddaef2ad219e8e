"""Records of NtObjectManager's objects on a real engine, with a stand-in for the module."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from pywfp_ps import resources
from tests.psmodules.conftest import Host, Outcome

pytestmark = pytest.mark.pwsh

ONE, TWO = (f"00000000-0000-0000-0000-00000000000{n}" for n in (1, 2))
KEY = "11111111-2222-3333-4444-555555555555"
NAMED = {"key": KEY, "name": "n", "description": "", "flags": 0}
OWNED = {**NAMED, "provider": None, "provider_data": ""}
# The stand-in runs where nobody is an administrator and no filter engine answers.
READY = {" Assert-PyWfpReady\n": "\n"}
# What the tests put other text in place of, by the call whose script has it.
HOOKS = {"Get-PyWfpRecord": [*READY, "'NtObjectManager'", "'key guid Key'"]}


@pytest.fixture(autouse=True)
def modules(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = str(Path(__file__).parent / "modules")
    before = os.environ.get("PSModulePath", "")  # noqa: SIM112 - PowerShell's own name
    monkeypatch.setenv("PSModulePath", os.pathsep.join([ours, before] if before else [ours]))


def ask(host: Host, kinds: Sequence[str], **more: str | list[str]) -> Outcome:
    return host.run("Get-PyWfpRecord", {"Kind": list(kinds), **more}, change=READY)


def records(outcome: Outcome) -> list[dict[str, object]]:
    assert outcome.error_id is None, outcome.stderr
    assert (outcome.received.faults, outcome.received.noise) == ((), ())
    return [json.loads(line) for line in outcome.part("records").raw().splitlines()]


FILTER = {
    "kind": "filter",
    **NAMED,
    "name": 'Gr"\\\u00fc\n',
    "flags": 2147483648,
    "id": 9223372036854775809,
    "layer": ONE,
    "sublayer": TWO,
    "provider": None,
    "callout": None,
    "filter_type": None,
    "provider_data": "",
    "action": 4294967295,
    "weight": {"t": 0},
    "effective_weight": {"t": 4, "v": 7},
    "conditions": [
        {"field": ONE, "match": 0, "value": {"t": 4, "v": 18446744073709551615}},
        {"field": ONE, "match": 10, "value": {"t": 7, "v": -5}},
        {
            "field": TWO,
            "match": 5,
            "value": {"t": 258, "low": {"t": 2, "v": 1}, "high": {"t": 2, "v": 65535}},
        },
        {"field": TWO, "match": 0, "value": {"t": 12, "v": "01ff"}},
        {
            "field": TWO,
            "match": 0,
            "value": {"t": 256, "v": "10.0.0.0", "mask": "255.0.0.0", "prefix": 8},
        },
        {"field": TWO, "match": 0, "value": {"t": 13, "v": None}},
        {"field": TWO, "match": 0, "value": {"t": 9, "lost": True}},
        {"field": TWO, "match": 0, "value": {"t": 99, "lost": True}},
    ],
}
OTHERS: dict[str, list[dict[str, object]]] = {
    "Layer": [
        {"kind": "layer", **NAMED, "key": ONE, "id": 0, "default_sublayer": TWO,
         "fields": [[TWO, 1, 3]]},
        {"kind": "layer", **NAMED, "key": TWO, "id": 1, "default_sublayer": TWO, "fields": []},
    ],
    "SubLayer": [{"kind": "sublayer", **OWNED, "weight": 65535}],
    "Provider": [{"kind": "provider", **NAMED, "provider_data": "", "service": "MpsSvc"}],
    "Callout": [{"kind": "callout", **OWNED, "layer": ONE, "id": 4294967295}],
    "Session": [
        {"kind": "session", "key": ONE, "name": "s", "description": "", "flags": 1,
         "txn_wait_ms": 4294967295, "pid": 4, "sid": None, "user": "NT AUTHORITY\\SYSTEM",
         "kernel": True},
    ],
    "AleEndpoint": [
        {"kind": "endpoint", "id": 5, "local": "::1", "local_port": 80, "remote": "::1",
         "remote_port": 81, "protocol": 6, "token": 4294967298, "mm_sa": 0, "qm_sa": 0,
         "ipsec_status": 0, "flags": 0, "app_id": "\\device\\x"},
    ],
    "NetEvent": [
        {"kind": "netevent", "type": 3, "flags": 1, "time": "2026-11-21T10:00:00.0000000Z",
         "protocol": 132, "local": "10.0.0.1", "local_port": 1, "remote": "10.0.0.2",
         "remote_port": 2, "scope_id": 0, "app_id": "", "user_sid": None, "address_family": 0,
         "package_sid": None, "filter_id": 77, "is_loopback": False},
    ],
}  # fmt: skip


@pytest.mark.parametrize("kind", OTHERS)
def test_each_kind_becomes_its_records(host: Host, kind: str) -> None:
    assert records(ask(host, [kind])) == OTHERS[kind]


def test_filters_come_layer_by_layer(host: Host) -> None:
    outcome = ask(host, ["Filter"])
    assert records(outcome) == [FILTER, {**FILTER, "layer": TWO}]
    assert outcome.json("after")["newest_filter"] == ["9223372036854775809"] * 2


def test_one_layer_can_be_asked_for(host: Host) -> None:
    assert records(ask(host, ["Filter"], LayerKey=[TWO])) == [{**FILTER, "layer": TWO}]


def test_security_descriptors_come_on_request(host: Host) -> None:
    found = records(ask(host, ["Provider"], WithSecurityDescriptor="true"))
    assert [record["sd"] for record in found] == ["O:BAG:BA(A;;GA;;;WD)"]


def test_options_the_host_does_not_know_are_gaps(host: Host) -> None:
    found = records(ask(host, ["EngineOption"]))
    assert [record["kind"] for record in found] == ["engineoption"] * 4 + ["gap", "engineoption"]
    assert found[0] == {
        "kind": "engineoption", "option": "CollectNetEvents", "value": {"t": 3, "v": 1},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "kinds"),
    [("one-layer-fails", ["filter", "gap"]), ("one-filter-fails", ["gap", "filter"])],
)
def test_what_cannot_be_read_costs_only_itself(
    host: Host, monkeypatch: pytest.MonkeyPatch, name: str, kinds: list[str]
) -> None:
    monkeypatch.setenv("WFP_STAND_IN_FW", name)
    assert [record["kind"] for record in records(ask(host, ["Filter"]))] == kinds


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("denied", "access-denied"),
        ("bfe-stopped", "bfe-stopped"),
        ("import-fails", "module-failed"),
        ("antivirus", "antivirus"),
        ("execution-policy", "execution-policy"),
    ],
)
def test_what_the_engine_refuses_has_a_code(
    host: Host, monkeypatch: pytest.MonkeyPatch, name: str, code: str
) -> None:
    monkeypatch.setenv("WFP_STAND_IN_FW", name)
    outcome = ask(host, ["Filter"])
    assert [problem.code for problem in outcome.received.problems] == [code]
    assert re.match(rf"PyWfp\.{code}(,|$)", outcome.error_id or ""), outcome.stderr
    assert [payload.part for payload in outcome.received.payloads] == ["facts"]


def test_kinds_that_are_refused_cost_only_themselves(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WFP_STAND_IN_FW", "endpoints-denied")
    outcome = ask(host, ["AleEndpoint", "Provider"])
    gap, provider = records(outcome)
    assert (gap["kind"], gap["of"], gap["about"]) == ("gap", "endpoint", "all")
    assert provider == OTHERS["Provider"][0]
    assert [(p.part, p.code) for p in outcome.received.problems] == [("records", "partly-refused")]


def test_a_descriptor_that_is_refused_costs_no_object(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WFP_STAND_IN_FW", "sd-denied")
    provider, gap = records(ask(host, ["Provider"], WithSecurityDescriptor="true"))
    assert provider == OTHERS["Provider"][0]
    assert (gap["kind"], gap["of"], gap["about"]) == ("gap", "provider", f"sd of {KEY}")


def test_a_table_that_is_wrong_is_a_bug_and_a_gap(host: Host) -> None:
    change = {**READY, "'key guid Key'": "'key strange Key'"}
    outcome = host.run("Get-PyWfpRecord", {"Kind": ["Provider"]}, change=change)
    assert [str(gap["id"]).partition(",")[0] for gap in records(outcome)] == ["PyWfp.bug"]


def test_a_kind_that_has_no_objects_is_an_empty_part(host: Host) -> None:
    none = "function Get-PyWfpObject { param($Engine, $Kind) }\n"
    own = resources.functions()["get-pywfpobject"].text
    outcome = host.run(
        "Get-PyWfpRecord", {"Kind": ["NetEvent"]}, change={**READY, own: ""}, before=none
    )
    assert records(outcome) == []


def test_a_host_without_the_module_says_so(host: Host) -> None:
    outcome = host.run("Get-PyWfpRecord", change={**READY, "'NtObjectManager'": "'NoSuchModule'"})
    assert [problem.code for problem in outcome.received.problems] == ["module-missing"]


def test_constrained_language_is_told(host: Host) -> None:
    outcome = host.run("Get-PyWfpRecord", change=READY, mode="ConstrainedLanguage")
    assert [problem.code for problem in outcome.received.problems] == ["constrained-language"]


def test_constrained_language_falls_back_to_netsh_and_says_so(host: Host) -> None:
    given = {"Source": "ntobjectmanager", "Context": ""}
    outcome = host.run("Get-PyWfpSnapshot", given, change=READY, mode="ConstrainedLanguage")
    assert [payload.part for payload in outcome.received.payloads] == ["facts", "state", "after"]
    assert outcome.part("state").raw() == host.dump.read_bytes()
    assert [(p.part, p.code) for p in outcome.received.problems] == [
        ("records", "constrained-language")
    ]
    assert re.match(r"PyWfp\.constrained-language(,|$)", outcome.error_id or ""), outcome.stderr


@pytest.mark.parametrize("source", ["ntobjectmanager", "both"])
def test_a_snapshot_brings_records_too(host: Host, source: str) -> None:
    given = {"Source": source, "Context": ""}
    outcome = host.run("Get-PyWfpSnapshot", given, change=READY)
    assert outcome.error_id is None, outcome.stderr
    state = ["state"] if source == "both" else []
    parts = [payload.part for payload in outcome.received.payloads]
    assert parts == ["facts", *state, "records", "after"]
    assert outcome.json("after")["newest_filter"] == ["9223372036854775809"] * 2
