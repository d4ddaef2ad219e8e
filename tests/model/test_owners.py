"""Who is behind an object, and the way back."""

from __future__ import annotations

from uuid import UUID

import pytest
from msgspec.structs import replace

from pywfp_ps.model import objects as o
from pywfp_ps.model.context import Driver, HostContext, Process, Service
from pywfp_ps.model.firewall import parse_rule
from pywfp_ps.model.origin import Rule
from pywfp_ps.model.owners import (
    Owner,
    RuleLink,
    SessionOwner,
    callout_owner,
    filter_owner,
    filters_of_service,
    provider_owner,
    providers_of_service,
    rule_links,
    session_owner,
)
from pywfp_ps.model.tables import reference

WF, WF_KEY = reference("providers", "FWPM_PROVIDER_MPSSVC_WF")
KEY = UUID("11111111-2222-3333-4444-555555555555")
FIREWALL = o.Provider(key=WF_KEY, const_name=WF or "")
NPCAP = o.Provider(key=KEY, const_name=f"{{{KEY}}}", service_name="NPCAP")
SILENT = o.Provider(key=None, const_name="{silent}")
GONE = replace(NPCAP, service_name="removed")
MPSSVC = Service(
    name="MpsSvc",
    process_id=8,
    image_path="C:\\svchost.exe -k x",
    service_dll="m.dll",
    company="Microsoft",
)
DRIVER = Driver(name="npcap", path="C:\\npcap.sys", company="Nmap", version="1.8")
PROCESS = Process(process_id=8, path="C:\\svchost.exe")
CONTEXT = HostContext(
    services=(MPSSVC, Service(name="BFE", process_id=8), Service(name="off", process_id=0)),
    drivers=(DRIVER,),
    processes=(PROCESS,),
)
STATED = o.Completeness(command="x")


@pytest.mark.parametrize(
    ("provider", "context", "owner"),
    [
        (FIREWALL, CONTEXT, Owner(service_name="mpssvc", service=MPSSVC, is_there=True)),
        (NPCAP, CONTEXT, Owner(service_name="NPCAP", driver=DRIVER, is_there=True)),
        (GONE, CONTEXT, Owner(service_name="removed", is_there=False)),
        (GONE, HostContext(services=()), Owner(service_name="removed")),
        (GONE, HostContext(), Owner(service_name="removed")),
        (replace(NPCAP, service_name=None), CONTEXT, Owner()),
    ],
)
def test_the_owner_of_a_provider(provider: o.Provider, context: HostContext, owner: Owner) -> None:
    assert provider_owner(provider, context) == owner


def test_image_and_company() -> None:
    driver, service = provider_owner(NPCAP, CONTEXT), provider_owner(FIREWALL, CONTEXT)
    assert (driver.image, driver.company) == ("C:\\npcap.sys", "Nmap")
    assert (service.image, service.company) == ("m.dll", "Microsoft")
    assert (Owner().image, Owner().company) == (None, None)


def test_the_driver_of_a_callout() -> None:
    snapshot = o.Snapshot(source="netsh", completeness=STATED, providers=(FIREWALL, NPCAP))
    callout = o.Callout(id=300, key=KEY, const_name="{c}", provider=NPCAP.const_name)
    assert callout_owner(callout, snapshot, CONTEXT).driver == DRIVER
    assert callout_owner(replace(callout, provider=None), snapshot, CONTEXT) == Owner()
    divert = UUID("02366282-9099-43a7-95c3-ab5287b3f2dc")
    known = replace(callout, key=divert, provider=None)
    assert callout_owner(known, snapshot, CONTEXT) == Owner(product="WinDivert")


@pytest.mark.parametrize(
    ("provider", "callout", "owner"),
    [
        (NPCAP.const_name, None, Owner(service_name="NPCAP", driver=DRIVER, is_there=True)),
        (None, "{c}", Owner(service_name="NPCAP", driver=DRIVER, is_there=True)),
        (WF, "{c}", Owner(service_name="mpssvc", service=MPSSVC, is_there=True)),
        (SILENT.const_name, "{c}", Owner()),
        ("{unknown}", "{c}", Owner(service_name="NPCAP", driver=DRIVER, is_there=True)),
        (None, None, Owner()),
    ],
)
def test_the_owner_of_a_filter(provider: str | None, callout: str | None, owner: Owner) -> None:
    its = o.Callout(id=300, key=KEY, const_name="{c}", provider=NPCAP.const_name)
    providers = (FIREWALL, NPCAP, SILENT)
    snapshot = o.Snapshot(source="netsh", completeness=STATED, providers=providers, callouts=(its,))
    filter_ = _filter(1, "f", None, provider=provider, callout=callout)
    assert filter_owner(filter_, snapshot, CONTEXT) == owner


@pytest.mark.parametrize(
    ("number", "context", "owner"),
    [
        (8, CONTEXT, SessionOwner(process=PROCESS, services=("BFE", "MpsSvc"), is_there=True)),
        (9, CONTEXT, SessionOwner(is_there=False)),
        (9, HostContext(), SessionOwner()),
        (None, CONTEXT, SessionOwner()),
        (0, CONTEXT, SessionOwner(is_there=False)),
    ],
)
def test_the_process_of_a_session(
    number: int | None, context: HostContext, owner: SessionOwner
) -> None:
    assert session_owner(o.Session(key=KEY, process_id=number), context) == owner


def _filter(number: int, name: str, group: int | None, **more: object) -> o.Filter:
    made = o.Filter(
        id=number,
        key=None,
        name=name,
        layer="FWPM_LAYER_ALE_AUTH_RECV_ACCEPT_V4",
        sublayer="{s}",
        provider=WF,
        provider_data=None if group is None else group.to_bytes(8, "little"),
        action=o.PERMIT,
    )
    return replace(made, **more)


def _protocol(number: int) -> tuple[o.Condition, ...]:
    field, key = reference("conditions", "FWPM_CONDITION_IP_PROTOCOL")
    return (
        o.Condition(
            field=field or "",
            field_key=key,
            match="FWP_MATCH_EQUAL",
            type="FWP_UINT8",
            value=number,
        ),
    )


ORIGIN = o.ProviderContext(
    key=KEY,
    const_name=f"{{{KEY}}}",
    type="FWPM_GENERAL_CONTEXT",
    data="CORE-1\0".encode("utf-16-le"),
)
WITH_ORIGIN = {"flags": (o.HAS_FILTER_ORIGIN,), "provider_context_key": KEY}
BLOCKED = _filter(1, "Core", 50, action=o.BLOCK, **WITH_ORIGIN)
TWIN = _filter(2, "Core", 50, layer="FWPM_LAYER_ALE_AUTH_RECV_ACCEPT_V6")
TCP = _filter(3, "Teams", 60, conditions=_protocol(6))
UDP = _filter(4, "Teams", 61, conditions=_protocol(17))
OUT = _filter(5, "Two", 62)
NAMELESS = _filter(6, "core-1", 63)
OTHER = replace(_filter(7, "x", None), provider="{other}")
SNAPSHOT = o.Snapshot(
    source="netsh",
    completeness=STATED,
    providers=(FIREWALL, NPCAP),
    contexts=(ORIGIN,),
    filters=(BLOCKED, TWIN, TCP, UDP, OUT, NAMELESS, OTHER),
)
CORE = parse_rule("local", "Core-1", "v2.31|Action=Allow|Active=TRUE|Dir=In|Name=@x.dll,-1|")
TEAMS_TCP = parse_rule(
    "local", "T6", "v2.31|Action=Allow|Active=TRUE|Dir=In|Protocol=6|Name=Teams|"
)
TEAMS_UDP = parse_rule("local", "T17", "v2.31|Action=Allow|Dir=In|Protocol=17|Name=teams|")
TEAMS_OFF = parse_rule("local", "T0", "v2.31|Action=Allow|Active=FALSE|Dir=In|Name=Teams|")
TEAMS_OUT = parse_rule("local", "TO", "v2.31|Action=Allow|Active=TRUE|Dir=Out|Name=Teams|")
TEAMS_BLOCK = parse_rule("local", "TB", "v2.31|Action=Block|Active=TRUE|Dir=In|Name=Teams|")
ONE = parse_rule("local", "1", "v2.31|Name=Two|")
TWO = parse_rule("mdm", "2", "v2.31|Name=Two|")
RULES = (CORE, TEAMS_TCP, TEAMS_UDP, TEAMS_OFF, TEAMS_OUT, TEAMS_BLOCK, ONE, TWO)


def test_filters_and_rules_both_ways() -> None:
    links = rule_links(SNAPSHOT, HostContext(rules=RULES))
    assert links.by_filter == {
        1: RuleLink(
            rule=Rule(name="CORE-1", origin="CORE-1", number=50), by="origin", candidates=(CORE,)
        ),
        2: RuleLink(rule=Rule(name="CORE-1", number=50), by="origin", candidates=(CORE,)),
        3: RuleLink(rule=Rule(name="Teams", number=60), by="name", candidates=(TEAMS_TCP,)),
        4: RuleLink(rule=Rule(name="Teams", number=61), by="name", candidates=(TEAMS_UDP,)),
        5: RuleLink(rule=Rule(name="Two", number=62), by="name", candidates=(ONE, TWO)),
        6: RuleLink(rule=Rule(name="core-1", number=63)),
    }
    assert links.by_rule == {
        ("local", "Core-1"): (1, 2),
        ("local", "T6"): (3,),
        ("local", "T17"): (4,),
    }


def test_without_rules_nothing_is_known() -> None:
    links = rule_links(SNAPSHOT, HostContext())
    assert {link.by for link in links.by_filter.values()} == {None}
    assert links.by_rule == {}


def test_services_lead_back_to_filters() -> None:
    assert providers_of_service("MPSSVC", SNAPSHOT) == (FIREWALL,)
    assert providers_of_service("npcap", SNAPSHOT) == (NPCAP,)
    assert [one.id for one in filters_of_service("mpssvc", SNAPSHOT)] == [1, 2, 3, 4, 5, 6]
    assert filters_of_service("", SNAPSHOT) == ()
