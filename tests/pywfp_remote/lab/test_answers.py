"""What generated hosts answer: every function, read without a gap, and all of one piece."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

import pytest
from lxml import etree
from msgspec import Struct
from pypsrp.powershell import PowerShell, RunspacePool

from pywfp_ps.explain import Engine, Flow
from pywfp_ps.model.context import HostContext
from pywfp_ps.model.host import HostFacts
from pywfp_ps.model.merging import merge
from pywfp_ps.model.objects import BLOCK, Snapshot
from pywfp_ps.model.origin import rules_of
from pywfp_ps.model.owners import provider_owner, rule_links, session_owner
from pywfp_ps.payload.decoder import Received, decode
from pywfp_ps.read import read_records, read_state
from pywfp_ps.read.context import read_context, with_context
from pywfp_ps.read.engine_options import read_options, read_record_options, read_system_ports
from pywfp_ps.read.facts import read_facts
from pywfp_ps.resources import arguments_json, public_functions, script_for
from pywfp_remote.lab.engine import FailedError
from pywfp_remote.lab.gen_names import HOSTILE
from pywfp_remote.lab.gen_plan import BLOCK as HOSTS
from pywfp_remote.lab.generated import GeneratedHost, backend_of, key_of, made_host
from pywfp_remote.lab.host import LabHost, Way
from pywfp_remote.lab.plan import make_plan
from tests.pywfp_remote.lab.lab_rig import client, invoke, lab_host, served

PARTS = {
    "Get-PyWfpContext": ["context", "sysports", "options", "netevents"],
    "Get-PyWfpFieldTest": ["field"],
    "Get-PyWfpFilterDump": ["filters"],
    "Get-PyWfpHostFact": ["facts"],
    "Get-PyWfpNetEventDump": ["netevents"],
    "Get-PyWfpOption": ["options"],
    "Get-PyWfpRecord": ["facts", "records", "after"],
    "Get-PyWfpSecurityEvent": ["events"],
    "Get-PyWfpSnapshot": [
        "facts", "state", "context", "sysports", "options", "netevents", "after",
    ],
    "Get-PyWfpState": ["facts", "state", "after"],
}  # fmt: skip


class Answer(Struct, frozen=True, kw_only=True):
    """All that a host says, as read."""

    host: LabHost
    facts: HostFacts
    state: Snapshot
    records: Snapshot
    context: HostContext
    events: list[dict[str, Any]]

    @property
    def differences(self) -> tuple[str, ...]:
        return made_host(key_of(self.host)).differences


def parts_of(host: LabHost, call: str, **arguments: str | list[str]) -> Received:
    lines = backend_of(host).answer(call, arguments)
    return decode(lines, host=host.name, transport="psrp")


def raw_of(received: Received) -> dict[str, bytes]:
    assert (received.faults, received.problems, received.noise) == ((), (), ())
    return {payload.part: payload.raw() for payload in received.payloads}


def answer_of(host: LabHost) -> Answer:
    raw = raw_of(parts_of(host, "Get-PyWfpSnapshot", Source="both"))
    log = raw_of(parts_of(host, "Get-PyWfpSecurityEvent"))["events"]
    facts, gaps = read_facts(raw["facts"])
    assert gaps == ()
    context = with_context(
        read_context(raw["context"]),
        sysports=read_system_ports(raw["sysports"]),
        options=read_options(raw["options"]),
    )
    return Answer(
        host=host,
        facts=facts,
        state=read_state(raw["state"]),
        records=read_records(raw["records"]),
        context=context,
        events=[json.loads(line) for line in log.splitlines()],
    )


@pytest.fixture(scope="module")
def answers() -> list[Answer]:
    return [answer_of(host) for host in make_plan(HOSTS, seed=1).hosts]


def test_every_public_function_has_an_answer() -> None:
    assert tuple(sorted(GeneratedHost.ANSWERS)) == public_functions()
    assert sorted(PARTS) == sorted(GeneratedHost.ANSWERS)


@pytest.mark.parametrize("call", PARTS)
def test_each_call_comes_inline_and_by_name(call: str) -> None:
    arguments = {"Run": "r1"} if call in ("Get-PyWfpContext", "Get-PyWfpOption") else {}
    plain, jea = lab_host("web-001"), lab_host("web-002", Way.NTLM, "jea")
    with served(plain, jea, factory=backend_of) as practice:
        given = arguments_json(call, arguments)
        script = script_for(call, arguments).text
        inline = invoke(client(practice, plain), script, Call=call, Arguments=given)
        with client(practice, jea) as wsman, RunspacePool(wsman) as pool:
            shell = PowerShell(pool)
            shell.add_cmdlet(call).add_parameters(arguments)
            named = shell.invoke()
    for lines in (inline.output, named):
        received = decode(lines, host="h", transport="psrp")
        assert [p.part for p in received.payloads] == PARTS[call]
        assert all(p.complete and p.call == call for p in received.payloads)
        assert (received.fault_count, received.noise_count, received.problems) == (0, 0, ())
        assert max(map(len, lines)) <= 32_000


def test_readers_find_no_gap(answers: list[Answer]) -> None:
    for one in answers:
        assert (one.state.gaps, one.records.gaps, one.context.gaps) == ((), (), ()), one.host.name
        kinds = [name for name in HostContext.__struct_fields__ if name != "gaps"]
        assert [kind for kind in kinds if getattr(one.context, kind) is None] == []


def test_hostile_words_are_read_as_they_are() -> None:
    one = answer_of(lab_host("web-001", Way.NTLM, "hostile-names"))
    assert (one.state.gaps, one.records.gaps, one.context.gaps) == ((), (), ())
    words = {service.display_name for service in one.context.services or ()}
    words |= {process.path for process in one.context.processes or ()}
    assert len(words & set(HOSTILE)) > 5


def test_both_sources_say_the_same(answers: list[Answer]) -> None:
    for one in answers:
        assert merge(one.state, one.records)[1] == (), one.host.name


def test_options_are_the_same_from_both_sources() -> None:
    host = lab_host("web-001")
    raw = raw_of(parts_of(host, "Get-PyWfpRecord")) | raw_of(parts_of(host, "Get-PyWfpOption"))
    netsh, records = read_options(raw["options"])[0], read_record_options(raw["records"])[0]
    assert {o.name: o.value for o in netsh}["netevents"] == "on"
    assert {o.name: o.value for o in records}["netevents"] == "on"


def test_providers_have_their_services_but_for_what_is_gone(answers: list[Answer]) -> None:
    gone = {
        "product-leftovers": "PellitoryGuardSvc",
        "unregistered-callout": "CorncrakeShaper",
    }
    for one in answers:
        owners = [provider_owner(provider, one.context) for provider in one.state.providers]
        missing = {owner.service_name for owner in owners if owner.is_there is False}
        assert missing == {gone[each] for each in one.differences if each in gone}


def test_sessions_have_their_processes_but_for_the_dump_s_own(answers: list[Answer]) -> None:
    for one in answers:
        found = [session_owner(session, one.context) for session in one.state.sessions]
        assert [owner.is_there for owner in found] == [True] * (len(found) - 1) + [False]
        engine = {name for owner in found for name in owner.services if owner.services}
        assert {"BFE", "QuillguardSensor"} <= engine
        assert one.facts.bfe_process_id in {session.process_id for session in one.state.sessions}


def test_listeners_have_processes_and_connections_have_listeners(answers: list[Answer]) -> None:
    for one in answers:
        processes = {process.process_id for process in one.context.processes or ()}
        listeners = one.context.listeners or ()
        assert {listener.process_id for listener in listeners} <= processes
        ports = {(listener.protocol, listener.local_port) for listener in listeners}
        inward = {
            (e.protocol, e.local_port) for e in one.state.endpoints if (e.local_port or 0) < 49_152
        }
        assert inward <= ports, one.host.name


def test_filters_lead_to_rules_of_the_registry(answers: list[Answer]) -> None:
    for one in answers:
        links = rule_links(one.state, one.context).by_filter
        rules = rules_of(one.state)
        named = {
            f.id
            for f in one.state.filters
            if f.provider == "FWPM_PROVIDER_MPSSVC_WF"
            and f.id in rules
            and not (rules[f.id].origin or "").endswith("Default")
            and f.weight in (9, 10)
        }
        lost = [f.name for f in one.state.filters if f.id in named and not links[f.id].candidates]
        assert lost == [], one.host.name
        blocks = [f for f in one.state.filters if f.id in named and f.action == BLOCK]
        assert all(links[f.id].by == "origin" and links[f.id].only for f in blocks)
        walls = [f for f in one.state.filters if (f.name or "").startswith("Fence wall")]
        assert walls
        assert all(links[f.id].only for f in walls)


def test_interfaces_addresses_and_volumes_are_those_of_conditions(answers: list[Answer]) -> None:
    for one in answers:
        luids = {interface.luid for interface in one.facts.interfaces}
        assert luids == {interface.luid for interface in one.context.interfaces or ()}
        conditions = [c for f in one.state.filters for c in f.conditions]
        tested = {c.value for c in conditions if c.field.endswith("_INTERFACE")}
        assert {value for value in tested if isinstance(value, int)} <= luids
        volumes = {volume.device.lower() for volume in one.facts.volumes}
        apps = {str(c.value) for c in conditions if c.field == "FWPM_CONDITION_ALE_APP_ID"}
        devices = {"\\".join(app.split("\\")[:3]) for app in apps if app.startswith("\\device")}
        assert devices <= volumes
        indexes = {interface.index for interface in one.facts.interfaces}
        assert {route.interface_index for route in one.context.routes or ()} <= indexes


def test_events_are_of_filters_that_are_there(answers: list[Answer]) -> None:
    for one in answers:
        filters = {f.id: f for f in one.state.filters}
        layers = {layer.const_name: layer.id for layer in one.state.layers}
        audited = {a.subcategory.hex: a.setting for a in one.context.audit or ()}
        assert bool(one.events) == bool(audited["0cce922669ae11d9bed3505054503030"])
        drops = [event for event in one.events if event["event_id"] != 5447]
        assert bool(drops) == (bool(one.events) and "firewall-off" not in one.differences)
        for event in one.events:
            data = {each["name"]: each["text"] for each in event["data"]}
            found = filters[int(data.get("FilterRTID") or data["FilterId"])]
            assert int(data.get("LayerRTID") or data["LayerId"]) == layers[found.layer]
            age = datetime.now(UTC) - datetime.fromisoformat(event["time"])
            assert timedelta(0) < age < timedelta(hours=5)


def test_changes_name_the_filter_that_was_added(answers: list[Answer]) -> None:
    one = next(each for each in answers if each.events and not each.differences)
    change = next(event for event in one.events if event["event_id"] == 5447)
    data = {each["name"]: each["text"] for each in change["data"]}
    found = next(f for f in one.state.filters if f.id == int(data["FilterId"]))
    assert list(data) == [
        "ProcessId", "UserSid", "UserName", "ProviderKey", "ProviderName", "ChangeType",
        "FilterKey", "FilterName", "FilterType", "FilterId", "LayerKey", "LayerName", "LayerId",
        "Weight", "Conditions", "Action", "CalloutKey", "CalloutName",
    ]  # fmt: skip
    assert (data["FilterKey"], data["FilterName"]) == (f"{{{found.key}}}", found.name)
    assert data["Weight"] == str(found.effective_weight)
    assert data["Conditions"].count("Condition ID:") == len(found.conditions)


LAYERS = {44: "FWPM_LAYER_ALE_AUTH_RECV_ACCEPT_V4", 48: "FWPM_LAYER_ALE_AUTH_CONNECT_V4"}


def test_events_are_what_explaining_says(answers: list[Answer]) -> None:
    for one in answers:
        engine, lan = Engine(one.state), one.facts.interfaces[1]
        for event in made_host(key_of(one.host)).context["events"]:
            flow = Flow(
                direction="in" if event["inward"] else "out",
                ip_version=4,
                protocol=event["protocol"],
                local_address=ip_address(event["local"]),
                remote_address=ip_address(event["remote"]),
                local_port=event["local_port"],
                remote_port=event["remote_port"],
                app=event["app"],
                user=event["user_sid"],
                package="none",
                interface=lan.luid,
                profile=event["profile"],
            )
            answer = engine.explain(flow, layers=[LAYERS[event["layer_id"]]])
            winners = {won.sublayer: won.filter_id for won in answer.layers[0].sublayers}
            assert answer.verdict == "block", (one.host.name, event)
            assert winners[event["sublayer"]] == event["filter_id"], (one.host.name, event)


def test_net_events_are_the_same_from_both_sources() -> None:
    host = lab_host("web-001")
    xml = raw_of(parts_of(host, "Get-PyWfpNetEventDump"))["netevents"]
    lines = raw_of(parts_of(host, "Get-PyWfpRecord", Kind="NetEvent"))["records"].splitlines()
    items = etree.fromstring(xml).findall("item")
    netsh = [
        (i.findtext("classifyDrop/filterId"), i.findtext("header/remoteAddrV4")) for i in items
    ]
    records = [(str(r["filter_id"]), r["remote"]) for r in map(json.loads, lines)]
    assert netsh == records
    assert len(netsh) == 30


def test_records_can_be_asked_for_by_kind_and_layer() -> None:
    host, layer = lab_host("web-001"), "c38d57d1-05a7-4c33-904f-7fbceee60e82"
    raw = raw_of(
        parts_of(
            host,
            "get-pywfprecord",
            kind=["filter", "Provider"],
            LayerKey=layer.upper(),
            WithSecurityDescriptor="true",
        )
    )
    found = [json.loads(line) for line in raw["records"].splitlines()]
    assert [one["kind"] for one in found] == sorted(one["kind"] for one in found)
    assert {one["layer"] for one in found if one["kind"] == "filter"} == {layer}
    assert all(one["sd"].startswith("O:") for one in found)
    newest = str(max(f.id for f in made_host(key_of(host)).snapshot.filters))
    assert json.loads(raw["after"])["newest_filter"] == [newest, newest]


def test_the_log_can_be_asked_by_time_and_id() -> None:
    host = lab_host("db-002")
    whole = raw_of(parts_of(host, "Get-PyWfpSecurityEvent"))["events"].splitlines()
    times = [datetime.fromisoformat(json.loads(line)["time"]) for line in whole]
    assert times == sorted(times)
    middle = datetime.now(UTC) - timedelta(hours=1)
    after = middle.strftime("%Y%m%dT%H%M%S000Z")
    late = raw_of(parts_of(host, "Get-PyWfpSecurityEvent", After=after))["events"].splitlines()
    early = raw_of(parts_of(host, "Get-PyWfpSecurityEvent", Before=after))["events"].splitlines()
    assert (len(late) > 0, len(early) > 0, len(late) + len(early)) == (True, True, len(whole))
    cut = parts_of(host, "Get-PyWfpSecurityEvent", MaxCount="2", Id=["5152", "5157"])
    assert [problem.code for problem in cut.problems] == ["truncated"]
    assert len(cut.payloads[0].raw().splitlines()) == 2


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("Get-PyWfpContext", {"Kind": "Weather"}),
        ("Get-PyWfpRecord", {"Kind": ["Filter", "Weather"]}),
        ("Get-PyWfpSnapshot", {"Source": "guess"}),
        ("Get-PyWfpSecurityEvent", {"Id": "4624"}),
        ("Get-PyWfpSecurityEvent", {"After": "yesterday"}),
        ("Get-PyWfpState", {"MaxMegabytes": "many"}),
    ],
)
def test_what_no_parameter_takes_is_refused(call: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(FailedError, match="Cannot validate argument"):
        list(backend_of(lab_host("web-001")).answer(call, arguments))
