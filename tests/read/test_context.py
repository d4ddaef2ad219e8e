"""Context of a host: every kind, every kind of trouble, and rules by the published grammar."""

from __future__ import annotations

import gzip
import json
from ipaddress import IPv4Address, IPv6Address, ip_interface, ip_network
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pywfp_ps.errors import ReadError
from pywfp_ps.model import context as c
from pywfp_ps.model.firewall import FirewallProfile, FirewallRule, parse_rule
from pywfp_ps.model.host import Interface, Volume
from pywfp_ps.model.objects import Gap
from pywfp_ps.read.context import read_context, with_context
from pywfp_ps.read.engine_options import read_options, read_record_options, read_system_ports

RULE = (
    "v2.31|Action=Block|Active=TRUE|Dir=In|Protocol=6|Profile=Domain|Profile=Private|LPort=80|"
    "LPort2_10=8000-8080|RPort=443|LA4=192.0.2.0/255.255.255.0|RA4=LocalSubnet|RA6=LocalSubnet|"
    "RA42=IntErnet|App=%SystemRoot%\\x.exe|Svc=W32Time|Name=@FirewallAPI.dll,-1|Desc=d=e|"
    "EmbedCtxt=Group|AppPkgId=S-1-15-2-1|"
)
ROWS: dict[str, list[dict[str, Any]]] = {
    "Service": [
        {
            "name": "MpsSvc",
            "display_name": "Firewall",
            "account": "NT Authority\\LocalService",
            "state": "Running",
            "start": "Auto",
            "process_id": 3160,
            "image_path": "C:\\Windows\\system32\\svchost.exe -k LocalServiceNoNetwork -p",
            "sid_type": 3,
            "type": 32,
            "service_dll": "%SystemRoot%\\system32\\mpssvc.dll",
            "company": "Microsoft Corporation",
        }
    ],
    "Driver": [{"name": "npcap", "path": "C:\\n.sys", "company": "Nmap", "signature_status": 0}],
    "Process": [{"process_id": 4, "parent_id": 0, "session_id": 0, "name": "System", "path": None}],
    "Listener": [
        {"protocol": 6, "local_address": "fe80::1%3", "local_port": 445, "process_id": "4"}
    ],
    "Route": [
        {
            "destination": "0.0.0.0/0",
            "next_hop": "192.0.2.1",
            "interface_index": 12,
            "metric": 25,
            "store": 1,
        }
    ],
    "FirewallProfile": [
        {
            "store": "local",
            "profile": "StandardProfile",
            "values": {"EnableFirewall": 0, "DefaultInboundAction": 1, "List": ["a", "b"]},
        }
    ],
    "FirewallRule": [{"store": "local", "id": "R-1", "rule": RULE}],
    "Proxy": [{"key": "HKEY_LOCAL_MACHINE\\X", "values": {"ProxyEnable": 1}}],
    "AuditPolicy": [{"subcategory": "0cce9226-69ae-11d9-bed3-505054503030", "setting": 3}],
    "Volume": [{"letter": "C:", "device": "\\Device\\HarddiskVolume3"}],
    "Interface": [
        {
            "index": 12,
            "alias": "Ethernet",
            "addresses": [{"address": "192.0.2.7", "prefix_length": 24}],
        }
    ],
}
CONTEXT = c.HostContext(
    services=(
        c.Service(
            name="MpsSvc",
            display_name="Firewall",
            account="NT Authority\\LocalService",
            state="Running",
            start="Auto",
            process_id=3160,
            image_path="C:\\Windows\\system32\\svchost.exe -k LocalServiceNoNetwork -p",
            sid_type=3,
            type=32,
            service_dll="%SystemRoot%\\system32\\mpssvc.dll",
            company="Microsoft Corporation",
        ),
    ),
    drivers=(c.Driver(name="npcap", path="C:\\n.sys", company="Nmap", signature_status=0),),
    processes=(c.Process(process_id=4, parent_id=0, session_id=0, name="System"),),
    listeners=(
        c.Listener(protocol=6, local_address=IPv6Address("fe80::1"), local_port=445, process_id=4),
    ),
    routes=(
        c.Route(
            destination=ip_network("0.0.0.0/0"),
            next_hop=IPv4Address("192.0.2.1"),
            interface_index=12,
            metric=25,
            store=1,
        ),
    ),
    profiles=(
        FirewallProfile(
            store="local",
            key="StandardProfile",
            settings=(
                ("EnableFirewall", 0),
                ("DefaultInboundAction", 1),
                ("List", ("a", "b")),
            ),
        ),
    ),
    rules=(parse_rule("local", "R-1", RULE),),
    proxies=(c.Proxy(key="HKEY_LOCAL_MACHINE\\X", settings=(("ProxyEnable", 1),)),),
    audit=(c.AuditPolicy(subcategory=UUID("0cce9226-69ae-11d9-bed3-505054503030"), setting=3),),
    volumes=(Volume(letter="C:", device="\\Device\\HarddiskVolume3"),),
    interfaces=(Interface(index=12, alias="Ethernet", addresses=(ip_interface("192.0.2.7/24"),)),),
)


def line(kind: str, rows: object, error: object = None) -> bytes:
    return (
        json.dumps({"v": 1, "kind": kind, "rows": rows, "error": error, "ms": 3}).encode() + b"\n"
    )


def test_every_kind_is_read() -> None:
    assert read_context(b"".join(line(kind, rows) for kind, rows in ROWS.items())) == CONTEXT


def test_no_rows_are_not_no_answer() -> None:
    told = line("Driver", []) + line("Route", None, {"id": "X", "text": "WMI is broken"})
    assert read_context(told) == c.HostContext(
        drivers=(),
        gaps=(
            Gap(source="context", place="Route", problem="the host could not say: WMI is broken"),
        ),
    )


@pytest.mark.parametrize(
    ("kind", "row", "problem"),
    [
        ("Service", {"display_name": "x"}, "Service[0]: has no name"),
        ("Service", {"name": 5}, "Service[0].name: is int, not text"),
        ("Service", {"name": "x", "process_id": -1}, "Service[0].process_id: is no number from 0"),
        (
            "Service",
            {"name": "x", "process_id": True},
            "Service[0].process_id: is no number from 0",
        ),
        ("Process", {"process_id": 2**32}, "Process[0].process_id: is no number from 0"),
        ("Listener", {"protocol": 6, "local_port": 65536}, "Listener[0].local_port: is no number"),
        (
            "Listener",
            {"protocol": 6, "local_port": 1, "local_address": "x"},
            "Listener[0].local_address: 'x' does not appear",
        ),
        ("Route", {"destination": "x"}, "Route[0]: 'x' does not appear"),
        ("FirewallProfile", {"store": "local", "values": 5}, "FirewallProfile[0]: has no values"),
        (
            "Proxy",
            {"key": "k", "values": {"a": {"b": 1}}},
            "Proxy[0].a: is no number, text or list",
        ),
        (
            "FirewallRule",
            {"store": "s", "id": "i", "rule": "x"},
            "FirewallRule[0]: begins with 'x'",
        ),
        (
            "FirewallRule",
            {"store": "s", "id": "i", "rule": "v2.1|Action=Block|odd|"},
            "FirewallRule[0]: holds 'odd', which is no field",
        ),
        ("AuditPolicy", {"subcategory": "x", "setting": 1}, "AuditPolicy[0]: badly formed"),
        ("Volume", {"letter": 5, "device": "d"}, "volumes[0].letter: is int, not str"),
        ("Driver", 5, "Driver[0]: is no object"),
    ],
)
def test_what_makes_no_sense_is_told(kind: str, row: object, problem: str) -> None:
    first = read_context(line(kind, [row])).gaps[0]
    assert f"{first.place}: {first.problem}".startswith(problem)


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        (b"WARNING: hello\n", "line 2: is no JSON"),
        (line("Weather", []), "line 2: is no kind of context: Weather"),
        (b'{"kind":["Driver"]}\n', "line 2: is no kind of context"),
        (line("Driver", [{"name": "x"}]), "line 2: Driver stands there more than once"),
        (b"[" * 100_000, "line 2: is no JSON (is nested too deep)"),
    ],
)
def test_lines_without_sense_are_told(told: bytes, problem: str) -> None:
    context = read_context(line("Driver", []) + told)
    assert context.drivers == ()
    assert [f"{gap.place}: {gap.problem}"[: len(problem)] for gap in context.gaps] == [problem]


@pytest.mark.parametrize("data", [b"", b"\n", b"Access is denied.", b"{}"])
def test_no_context_at_all_is_refused(data: bytes) -> None:
    with pytest.raises(ReadError, match="holds no context"):
        read_context(data)


def test_a_rule_keeps_repeated_fields() -> None:
    rule = parse_rule("local", "R-1", RULE)
    assert {
        "version": rule.version,
        "action": rule.action,
        "direction": rule.direction,
        "is_active": rule.is_active,
        "profiles": rule.profiles,
        "protocol": rule.protocol,
        "local_ports": rule.local_ports,
        "remote_ports": rule.remote_ports,
        "local_addresses": rule.local_addresses,
        "remote_addresses": rule.remote_addresses,
        "app": rule.app,
        "service": rule.service,
        "name": rule.name,
        "description": rule.description,
        "group": rule.group,
        "package": rule.package,
        "profile values": rule.values("profile"),
    } == {
        "version": (2, 31),
        "action": "block",
        "direction": "in",
        "is_active": True,
        "profiles": ("domain", "private"),
        "protocol": 6,
        "local_ports": ("80", "8000-8080"),
        "remote_ports": ("443",),
        "local_addresses": ("192.0.2.0/255.255.255.0",),
        "remote_addresses": ("LocalSubnet", "IntErnet"),
        "app": "%SystemRoot%\\x.exe",
        "service": "W32Time",
        "name": "@FirewallAPI.dll,-1",
        "description": "d=e",
        "group": "Group",
        "package": "S-1-15-2-1",
        "profile values": ("Domain", "Private"),
    }


def test_a_rule_that_says_nothing_is_unknown_or_all() -> None:
    rule = parse_rule("local", "x", "v2.0|")
    assert (rule.action, rule.is_active, rule.direction) == (None, None, None)
    assert (rule.profiles, rule.protocol, rule.local_ports, rule.app) == (None, None, None, None)


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("255", 255), ("256", None), ("x", None), ("9999", None), ("\u0661", None)],
)
def test_protocols(text: str, number: int | None) -> None:
    assert parse_rule("local", "x", f"v2.0|Protocol={text}|").protocol == number


@given(
    st.lists(
        st.tuples(st.text("ABCab12_", min_size=1, max_size=6), st.text(max_size=6)), max_size=5
    )
)
def test_any_rule_keeps_all_fields(fields: list[tuple[str, str]]) -> None:
    fields = [(name, value.replace("|", "/")) for name, value in fields]
    text = "v2.31|" + "".join(f"{name}={value}|" for name, value in fields)
    assert parse_rule("local", "x", text) == FirewallRule(
        store="local", id="x", version=(2, 31), fields=tuple(fields), raw=text
    )


@pytest.mark.parametrize(
    ("key", "settings", "expected"),
    [
        ("PublicProfile", {"EnableFirewall": 1}, ("public", True, None, None)),
        ("PrivateProfile", {"DefaultOutboundAction": 0}, ("private", None, None, "allow")),
        ("DomainProfile", {"enablefirewall": 2}, ("domain", None, None, None)),
        ("", {"DefaultInboundAction": 1}, (None, None, "block", None)),
    ],
)
def test_settings_of_a_profile(
    key: str, settings: dict[str, int], expected: tuple[Any, ...]
) -> None:
    profile = FirewallProfile(store="local", key=key, settings=tuple(settings.items()))
    assert (profile.profile, profile.is_enabled, profile.inbound, profile.outbound) == expected


@pytest.mark.parametrize(
    ("image", "program"),
    [
        ('"C:\\Program Files\\a b\\x.exe" -k y', "C:\\Program Files\\a b\\x.exe"),
        ("C:\\Program Files\\a b\\x.exe -k y", "C:\\Program Files\\a b\\x.exe"),
        ("\\SystemRoot\\System32\\drivers\\x.sys", "\\SystemRoot\\System32\\drivers\\x.sys"),
        ("C:\\x.exefile\\y.exe", "C:\\x.exefile\\y.exe"),
        ("x -k", "x"),
        ("", None),
        (None, None),
    ],
)
def test_the_program_of_a_service(image: str | None, program: str | None) -> None:
    assert c.Service(name="x", image_path=image).program == program


def test_the_sid_of_a_service() -> None:
    """TrustedInstaller's is the published one."""
    assert c.service_sid("trustedinstaller") == (
        "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
    )


def test_options_of_netsh() -> None:
    def said(command: str, *texts: str, error: object = None) -> bytes:
        told = {"v": 1, "command": command, "said": list(texts), "error": error}
        return json.dumps(told).encode() + b"\n"

    data = (
        said("options optionsfor=netevents", "", "netevents = on", "")
        + said("options optionsfor=keywords", "Die Optionen sind nicht da.")
        + said("security type=engine", "O:SYG:SYD:(A;;CC;;;WD)")
        + b"x\n"
        + said("options optionsfor=txnwatchdog", error={"id": "PyWfp.x", "text": "netsh is ill"})
    )
    found, gaps = read_options(data)
    assert found == (c.EngineOption(name="netevents", value="on"),)
    assert [gap.place for gap in gaps] == [
        "options optionsfor=keywords", "line 4", "options optionsfor=txnwatchdog",
    ]  # fmt: skip
    assert gaps[2].problem == "netsh said no option but: netsh is ill (PyWfp.x)"


def test_options_among_records() -> None:
    lines = [
        {"kind": "engineoption", "option": "CollectNetEvents", "value": {"t": 3, "v": 1}},
        {"kind": "engineoption", "option": "PacketQueuing", "value": {"t": 3, "v": 0}},
        {"kind": "engineoption", "option": "NameCache", "value": {"t": 9, "lost": True}},
        {"kind": "session"},
    ]
    found, gaps = read_record_options("\n".join(map(json.dumps, lines)).encode())
    assert found == (
        c.EngineOption(name="netevents", value="on"),
        c.EngineOption(name="PacketQueuing", value="0"),
    )
    assert [gap.place for gap in gaps] == ["line 3"]


def test_system_ports() -> None:
    """In the shape that the structure suggests; no real file is public."""
    text = (
        '<sysPorts><types numItems="2">'
        "<item><type>FWPM_SYSTEM_PORT_RPC_EPMAP</type>"
        '<ports numItems="1"><item>135</item></ports></item>'
        "<item><type>FWPM_SYSTEM_PORT_TEREDO</type><ports><item>70000</item></ports></item>"
        "</types></sysPorts>"
    )
    found, gaps = read_system_ports(text.encode())
    assert found == (c.SystemPort(type="FWPM_SYSTEM_PORT_RPC_EPMAP", port=135),)
    assert [gap.problem for gap in gaps] == ["is no port of a kind"]
    assert "lists no port" in read_system_ports(b"<odd><x/></odd>")[1][0].problem


def test_options_have_gaps_that_are_counted() -> None:
    record = json.dumps({"kind": "engineoption", "option": "x"}).encode() + b"\n"
    item = b"<item><type>t</type><ports>" + b"<item>x</item>" * 1_500 + b"<item>1</item></ports>"
    for _, gaps in (
        read_options(b"x\n" * 1_500, source="a"),
        read_record_options(record * 1_500, source="a"),
        read_system_ports(b"<all>" + item + b"</item></all>", source="a"),
    ):
        assert len(gaps) == 1_001
        assert gaps[-1] == Gap(source="a", place="the end", problem="and 500 more gaps")


def test_gaps_that_are_not_kept_are_counted() -> None:
    gaps = read_context(line("Driver", [5] * 1_500)).gaps
    assert len(gaps) == 1_001
    assert gaps[-1] == Gap(source="context", place="the context", problem="and 500 more gaps")


def test_rules_of_a_large_host_are_read() -> None:
    """A hundred thousand rules are over 64 MiB; what is alike in them stands in memory once."""
    text = RULE + f"Desc={'d' * 500}|"
    rules = [{"store": "local", "id": f"R-{n}", "rule": text} for n in range(100_014)]
    told = line("FirewallRule", rules)
    del rules
    assert len(told) > 64 << 20
    context = read_context(gzip.compress(told, 1) + gzip.compress(line("Driver", []), 1))
    assert (len(context.rules or ()), context.drivers, context.gaps) == (100_014, (), ())
    assert context.rules is not None
    assert context.rules[-1] == parse_rule("local", "R-100013", text)
    fields = zip(context.rules[0].fields[:-1], context.rules[-1].fields[:-1], strict=True)
    assert all(one is other for one, other in fields)


def test_what_would_fill_the_memory_is_not_read() -> None:
    many = b'{"kind":"Route","rows":[' + b"[]," * 4_000_001 + b"[]]}\n"
    read = read_context(line("Driver", []) + many + line("Proxy", []))
    problem = "is not read: with it there are more than 8000000 values"
    gaps = (Gap(source="context", place="line 2", problem=problem),)
    assert read == c.HostContext(drivers=(), proxies=(), gaps=gaps)


def test_parts_of_their_own_are_added() -> None:
    gap = Gap(source="sysports", place="x", problem="y")
    port = c.SystemPort(type="t", port=1)
    merged = with_context(CONTEXT, sysports=((port,), (gap,)), options=((), ()))
    assert (merged.sysports, merged.options, merged.gaps) == ((port,), (), (gap,))


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 2**33)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(ROWS)), st.data())
def test_whatever_comes_is_read_or_told(kind: str, data: st.DataObject) -> None:
    row = dict(ROWS[kind][0])
    for name in data.draw(st.lists(st.sampled_from(sorted(row)), max_size=3)):
        row[name] = data.draw(_JSON)
    rows = data.draw(st.sampled_from([[row], row, [row, 5]]))
    context = read_context(line(kind, rows))
    read = [
        one for one in (getattr(context, name) for name in CONTEXT.__struct_fields__[:11]) if one
    ]
    assert read or context.gaps or rows == []
    repr(context).encode()
