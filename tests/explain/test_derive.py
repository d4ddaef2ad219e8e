"""What facts of a host tell of a flow, by hand-written facts."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

import pytest
from msgspec import structs

from pywfp_ps.explain import Engine, Facts
from pywfp_ps.explain.batch import Batch, Flows
from pywfp_ps.explain.derive import Deriver, best_routes, kinds_for
from pywfp_ps.explain.facts import facts_of
from pywfp_ps.explain.said import Said, flow_of
from pywfp_ps.explain.sids import package_sid, service_sid
from pywfp_ps.model.context import HostContext, Listener, Process, Route, Service
from pywfp_ps.model.host import Interface, Volume
from pywfp_ps.model.objects import AleEndpoint
from tests.explain.small import ACCEPT, BIND, CONNECT, on, policy, rule

WIRE, AIR, LOOP = (6 << 48) | 1, (71 << 48) | 2, (24 << 48) | 3
SVCHOST = r"c:\windows\system32\svchost.exe"


def _route(network: str, index: int, metric: int | None = 0, store: int | None = 1) -> Route:
    return Route(destination=ip_network(network), interface_index=index, metric=metric, store=store)


def _listener(port: int, process: int | None, address: str = "0.0.0.0", protocol: int = 6) -> Any:
    return Listener(
        protocol=protocol,
        local_address=ip_address(address),
        local_port=port,
        process_id=process,
    )


CONTEXT = HostContext(
    interfaces=(
        Interface(luid=WIRE, index=6, alias="Ethernet", is_up=True, profile="domain",
                  addresses=(ip_interface("10.0.0.5/24"), ip_interface("fe80::5/64"))),
        Interface(luid=AIR, index=9, alias="WLAN", is_up=True, profile="public",
                  addresses=(ip_interface("192.168.1.5/24"), ip_interface("192.168.1.6/24"))),
        Interface(luid=LOOP, index=1, alias="Loopback", addresses=(ip_interface("127.0.0.1/8"),)),
    ),
    routes=(
        _route("0.0.0.0/0", 6, 0), _route("192.168.0.0/16", 6), _route("10.0.0.0/24", 6),
        _route("192.168.1.0/24", 9), _route("198.51.100.0/24", 9, None),
        _route("198.51.100.0/24", 6, None), _route("203.0.113.0/24", 9, 0, 0),
    ),
    listeners=(
        _listener(443, 4), _listener(3389, 80), _listener(3389, 80, "::"),
        _listener(53, 80, protocol=17), _listener(8080, 81), _listener(8080, 82, "10.0.0.5"),
        _listener(9000, 81), _listener(9000, 82), _listener(7000, 81, "10.0.0.9"),
        _listener(6000, 83), _listener(5000, None),
    ),
    processes=(
        Process(process_id=80, path=r"C:\Windows\System32\svchost.exe"),
        Process(process_id=81, path=r"C:\apps\a.exe"),
        Process(process_id=82, path=r"C:\apps\b.exe"), Process(process_id=83),
    ),
    services=(
        Service(name="TermService", account=r"NT Authority\NetworkService", process_id=80,
                sid_type=1),
        Service(name="Dnscache", account=r"NT AUTHORITY\NetworkService", process_id=80, sid_type=1),
        Service(name="Old", account=r"NT AUTHORITY\NetworkService", process_id=80, sid_type=0),
        Service(name="Own", account=r"CORP\own", process_id=81, sid_type=1),
        Service(name="Bare", account="LocalSystem", sid_type=0),
        Service(name="Maybe", account="LocalSystem"),
    ),
    volumes=(Volume(letter="C:", device=r"\Device\HarddiskVolume3"),),
)  # fmt: skip
FACTS = facts_of(policy(), CONTEXT)


def _changes(said: Said, facts: Facts = FACTS) -> dict[str, Any]:
    """What facts fill in, beside what was said."""
    flow = flow_of(said)
    found = Deriver(facts).completed(flow).flow
    return {
        name: getattr(found, name)
        for name in flow.__struct_fields__
        if getattr(found, name) != getattr(flow, name)
    }


def _out(remote: str, **more: Any) -> Said:
    return Said(remote=remote, **more)


def _in(local: str, **more: Any) -> Said:
    return Said(direction="in", local=local, remote="10.0.0.77:50000", **more)


_TERM = {"bind_address": ip_address("0.0.0.0"), "app": SVCHOST, "preset": "network-service",
         "services": ("Dnscache", "TermService")}  # fmt: skip


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        # local address from routes
        (_out("203.0.113.9:443"), {"local_address": ip_address("10.0.0.5")}),
        (_out("10.0.0.9:443"), {"local_address": ip_address("10.0.0.5")}),
        (_out("192.168.1.9:443"), {}),  # the interface holds two addresses
        (_out("198.51.100.9:443"), {}),  # two routes of equal length: interfaces have metrics too
        (_out("2001:db8::9"), {}),  # no route
        (_out("10.0.0.5:443"), {"local_address": ip_address("10.0.0.5")}),  # the host itself
        (_out("127.0.0.1:443"), {"local_address": ip_address("127.0.0.1")}),
        (_out("203.0.113.9:443", local="192.0.2.1"), {}),  # what is said stands
        (Said(direction="in", ip_version=4), {}),  # which of three addresses is open
        (Said(direction="in", remote="203.0.113.9"), {}),
        (Said(direction="forward", remote="203.0.113.9"), {}),
        # the interface by its name or index
        (_out("203.0.113.9", interface="ethernet"),
         {"interface": WIRE, "local_address": ip_address("10.0.0.5")}),
        (_out("203.0.113.9", interface_index=6),
         {"interface": WIRE, "local_address": ip_address("10.0.0.5")}),
        (_out("203.0.113.9", interface="WLAN"), {"interface": AIR}),
        (_out("203.0.113.9", interface="eth7"), {"local_address": ip_address("10.0.0.5")}),
        # who listens
        (_in("10.0.0.5:3389"), _TERM),
        (_in("10.0.0.5:53", protocol="udp"), _TERM),
        (_in("10.0.0.5:443"), {"bind_address": ip_address("0.0.0.0"), "app": "System"}),
        (_in("10.0.0.5:443", app="System"), {"bind_address": ip_address("0.0.0.0")}),
        (_in("10.0.0.5:8080"), {"bind_address": ip_address("10.0.0.5"), "app": r"c:\apps\b.exe"}),
        (_in("192.168.1.5:8080"),
         {"bind_address": ip_address("0.0.0.0"), "app": r"c:\apps\a.exe", "services": ("Own",)}),
        (_in("10.0.0.5:9000"), {"bind_address": ip_address("0.0.0.0")}),  # one of two processes
        (_in("10.0.0.5:7000"), {}),  # bound to another address
        (_in("10.0.0.5:6000"), {"bind_address": ip_address("0.0.0.0")}),  # a path nobody may read
        (_in("10.0.0.5:5000"), {"bind_address": ip_address("0.0.0.0")}),
        (_in("10.0.0.5:3389", account="user"),
         {"bind_address": ip_address("0.0.0.0"), "app": SVCHOST}),
        (_in("10.0.0.5:3389", app=r"D:\other.exe"), {"bind_address": ip_address("0.0.0.0")}),
        (_in("10.0.0.5:3389", reauthorize=True), {}),
        # a service by its name
        (_out("203.0.113.9", local="10.0.0.5", account="service:dnscache"),
         {"app": SVCHOST, "services": ("Dnscache", "TermService"), "preset": "network-service"}),
        (_out("203.0.113.9", local="10.0.0.5", account="service:Bare"),
         {"services": (), "preset": "system"}),  # SidType none
        (_out("203.0.113.9", local="10.0.0.5", account="service:Maybe"), {"preset": "system"}),
        (_out("203.0.113.9", local="10.0.0.5", account="service:Nobody"), {}),
    ],
)  # fmt: skip
def test_facts_fill_in_what_they_settle(said: Said, expected: dict[str, Any]) -> None:
    assert _changes(said) == expected
    deriver = Deriver(FACTS)
    for _ in range(2):  # the second time it is known
        assert deriver.flow_told(flow_of(said)) == deriver.completed(flow_of(said)).flow


@pytest.mark.parametrize(
    ("said", "notes", "listening"),
    [
        (_in("10.0.0.5:22"), ("nothing listens on TCP 22 there",), False),
        (_in("10.0.0.5:3389"), (), True),
        (_in("10.0.0.5:9000"), ("more than one process listens on TCP 9000",), True),
        (_in("10.0.0.5:3389", app=r"D:\other.exe"), (f"{SVCHOST} holds TCP 3389",), True),
        (_out("203.0.113.9", interface="eth7"), ("the host has no interface named 'eth7'",), None),
        (
            _out("203.0.113.9", account="service:Nobody"),
            ("the host has no service 'Nobody'",),
            None,
        ),
        (_out("203.0.113.9:443"), (), None),
    ],
)
def test_facts_speak_against_a_question(
    said: Said, notes: tuple[str, ...], listening: bool | None
) -> None:
    found = Deriver(FACTS).completed(flow_of(said))
    assert [note[: len(wanted)] for note, wanted in zip(found.notes, notes, strict=True)] == list(
        notes
    )
    assert found.listening is listening


def test_every_derivation_names_its_source() -> None:
    found = Deriver(FACTS).completed(flow_of(_in("10.0.0.5:3389")))
    assert found.derived == (
        "what listens on TCP 3389 is bound to 0.0.0.0 (listeners)",
        rf"the program is {SVCHOST}, which holds TCP 3389 (listeners)",
        (
            "the token of the process that holds TCP 3389 (listeners) holds the SID of Dnscache, "
            "TermService and is that of network-service; Old has no SID of its own (services)"
        ),
    )


def test_what_comes_in_meets_the_only_address() -> None:
    one = structs.replace(FACTS, links=(FACTS.links or ())[:1])
    said = Said(direction="in", remote="203.0.113.9")
    assert _changes(said, one) == {"local_address": ip_address("10.0.0.5")}


def test_without_facts_nothing_is_filled_in() -> None:
    none = facts_of(policy())
    for said in (_out("203.0.113.9:443"), _in("10.0.0.5:3389"), _out("192.0.2.1", account="user")):
        assert _changes(said, none) == {}
    found = Deriver(none).completed(flow_of(_out("192.0.2.1", interface="eth0")))
    assert found.notes == ("the interfaces of the host are not known: none is named 'eth0'",)


def test_an_unknown_list_is_no_empty_one() -> None:
    unknown = structs.replace(FACTS, listeners=None)
    assert Deriver(unknown).completed(flow_of(_in("10.0.0.5:22"))).listening is None
    empty = structs.replace(FACTS, listeners=())
    assert Deriver(empty).completed(flow_of(_in("10.0.0.5:22"))).listening is False


def test_the_longest_prefix_wins_and_equals_stay_open() -> None:
    routes = CONTEXT.routes or ()
    assert [one.interface_index for one in best_routes(ip_address("192.0.2.1"), routes)] == [6]
    assert [one.interface_index for one in best_routes(ip_address("192.168.1.9"), routes)] == [9]
    assert len(best_routes(ip_address("198.51.100.1"), routes)) == 2


def test_only_views_that_can_tell_something_are_read() -> None:
    assert kinds_for([flow_of(_out("192.0.2.1", local="10.0.0.5"))]) == {"interfaces"}
    assert kinds_for([flow_of(_out("192.0.2.1"))]) == {"interfaces", "routes"}
    assert kinds_for([flow_of(_in("10.0.0.5:443"))]) == {
        "interfaces", "listeners", "processes", "services", "volumes",
    }  # fmt: skip


def test_facts_that_disagree_with_the_dump_or_are_older_are_said() -> None:
    end = AleEndpoint(id=1, local_address=ip_address("10.9.9.9"))
    facts = facts_of(policy(endpoints=(end,)), CONTEXT, of_when="2026-01-02 03:04Z")
    warnings = Engine(policy(endpoints=(end,)), facts).explain(flow_of(_out("192.0.2.1"))).snapshot
    assert warnings.warnings == (
        "facts of the host are from 2026-01-02 03:04Z, not of the same visit",
        "the dump has connections from 10.9.9.9, which no interface of the facts holds",
    )


def test_facts_make_a_verdict_certain() -> None:
    term = f"O:SYG:SYD:(A;;CC;;;{service_sid('TermService')})"
    filters = (
        rule(1, "PERMIT", on("ALE_USER_ID", term, kind="SECURITY_DESCRIPTOR_TYPE"),
             on("ALE_APP_ID", r"\device\harddiskvolume3\windows\system32\svchost.exe",
                kind="BYTE_BLOB_TYPE"),
             on("ORIGINAL_PROFILE_ID", 3, kind="UINT32"), weight=2, layer=ACCEPT),
        rule(2, "BLOCK", weight=1, layer=ACCEPT),
        rule(3, "BLOCK", on("FLAGS", 0x8, "FLAGS_NONE_SET", "UINT32"), layer=BIND),
        rule(4, "BLOCK", on("INTERFACE_INDEX", 9, kind="UINT32"), layer="FWPM_LAYER_STREAM_V4"),
    )  # fmt: skip
    flow = flow_of(_in("10.0.0.5:3389"))
    with_facts = Engine(policy(*filters), FACTS).explain(flow)
    assert (with_facts.verdict, with_facts.deciding and with_facts.deciding.filter_id) == (
        "permit", 1,
    )  # fmt: skip
    assert Engine(policy(*filters)).explain(flow).verdict == "unknown"


def test_own_services_and_packages_are_names_in_the_answer() -> None:
    family = "Contoso.Notes_8wekyb3d8bbwe"
    identity = f'O:SYG:SYD:(XA;;CC;;;WD;(WIN://SYSAPPID Contains "{family}"))'
    own = f"O:SYG:SYD:(A;;CC;;;{service_sid('Own')})(A;;CC;;;{package_sid(family)})"
    filters = (
        rule(1, "BLOCK", on("ALE_USER_ID", own, kind="SECURITY_DESCRIPTOR_TYPE")),
        rule(2, "BLOCK", on("ALE_PACKAGE_ID", package_sid(family), kind="SID"), weight=2),
        rule(3, "BLOCK", on("ALE_USER_ID", identity, kind="SECURITY_DESCRIPTOR_TYPE"), weight=3),
    )
    answer = Engine(policy(*filters), FACTS).explain(flow_of(_out("203.0.113.9:443")))
    assert {one.when for one in answer.outcomes if one.layer == CONNECT} == {
        f"ALE_USER_ID is service Own or package {family}",
        f"ALE_PACKAGE_ID = package {family}",
    }


def test_many_flows_at_once_are_completed_too() -> None:
    term = f"O:SYG:SYD:(A;;CC;;;{service_sid('TermService')})"
    filters = (
        rule(1, "PERMIT", on("ALE_USER_ID", term, kind="SECURITY_DESCRIPTOR_TYPE"), weight=2,
             layer=ACCEPT),
        rule(2, "BLOCK", on("ORIGINAL_PROFILE_ID", 3, kind="UINT32"), weight=1, layer=ACCEPT),
        rule(3, "BLOCK", on("IP_LOCAL_ADDRESS", "10.0.0.5", kind="UINT32")),
        rule(4, "BLOCK", on("FLAGS", 0x1, "FLAGS_ALL_SET", "UINT32"), weight=9),
    )  # fmt: skip
    flows = [
        flow_of(said)
        for port in ("53", "443", "3389", "8080", "9000", "22")
        for said in (
            _in(f"10.0.0.5:{port}"), _in(f"192.168.1.5:{port}"), _out(f"203.0.113.9:{port}"),
            _out(f"192.168.1.9:{port}"), _out(f"10.0.0.5:{port}", account="user"),
            _out(f"203.0.113.9:{port}", interface="WLAN"),
        )
    ]  # fmt: skip
    engine = Engine(policy(*filters), FACTS)
    result = Batch(engine).answer(Flows(flows))
    found = [(result[at].verdict, result[at].filter_id) for at in range(len(flows))]
    alone = [engine.explain(flow) for flow in flows]
    assert found == [
        (one.verdict, one.deciding.filter_id if one.deciding else None) for one in alone
    ]
    assert {verdict for verdict, _ in found} >= {"block", "permit"}


def test_whose_a_port_is_that_the_kernel_holds_is_said_where_no_list_tells_it() -> None:
    question = flow_of(Said(direction="in", local="10.0.0.5:445", remote="203.0.113.1:50000"))
    (note,) = Deriver(Facts()).completed(question).notes
    assert "TCP 445 is the kernel's" in note
    assert "--app System" in note
    named = structs.replace(question, app="System")
    assert Deriver(Facts()).completed(named).notes == ()
    assert Deriver(Facts()).completed(structs.replace(question, local_port=80)).notes == ()


def test_the_kernel_as_system_is_the_kernel() -> None:
    plain = Said(direction="in", local="10.0.0.5:445", app="System")
    assert flow_of(structs.replace(plain, account="system")) == flow_of(plain)
