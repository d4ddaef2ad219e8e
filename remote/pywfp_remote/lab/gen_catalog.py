"""Which rules a host has: those of its Windows roles, of its group's products, of its users."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network
from random import Random
from typing import Final, Literal
from uuid import UUID

from pywfp_remote.lab.gen_names import COMPANIES, PACKAGE_WORDS, PURPOSES, TRADES, USERS
from pywfp_remote.lab.gen_plan import FIRST_RID, Plan
from pywfp_remote.lab.gen_policy import BLOCK, SVCHOST
from pywfp_remote.lab.gen_rules import TCP, UDP, Need, RuleSpec

AGENT_PROGRAM: Final = "%programs%\\quillguard\\sensor\\qgsensor.exe"
AGENT_SERVICE: Final = "QuillguardSensor"

_ROLE_PORTS: Final[dict[str, tuple[tuple[str, str, int, int], ...]]] = {
    "web": (
        ("Site over TLS", "System", TCP, 443),
        ("Site in the clear", "System", TCP, 80),
        ("Site health page", "System", TCP, 8081),
    ),
    "app": (
        ("Order service", "%programs%\\marlpit\\orders\\orders.exe", TCP, 8443),
        ("Stock service", "%programs%\\marlpit\\stock\\stock.exe", TCP, 9120),
        ("Service health", "%programs%\\marlpit\\orders\\orders.exe", TCP, 8081),
    ),
    "db": (
        ("Ledger database", "%programs%\\heddle\\db\\bin\\heddled.exe", TCP, 1433),
        ("Ledger browser", "%programs%\\heddle\\db\\bin\\heddlebr.exe", UDP, 1434),
    ),
    "file": (
        ("Shares", "System", TCP, 445),
        ("Old shares", "System", TCP, 139),
    ),
    "dc": (
        ("Directory", "%system32%\\lsass.exe", TCP, 389),
        ("Directory over TLS", "%system32%\\lsass.exe", TCP, 636),
        ("Tickets", "%system32%\\lsass.exe", TCP, 88),
        ("Names", "%system32%\\dns.exe", UDP, 53),
        ("Shares", "System", TCP, 445),
    ),
    "desk": (("Shares", "System", TCP, 445),),
    "terminal": (
        ("Desktops", SVCHOST, TCP, 3389),
        ("Desktops, datagrams", SVCHOST, UDP, 3389),
    ),
}

_WINDOWS: Final[tuple[tuple[str, str, str | None, int, int, bool], ...]] = (
    ("Managing from afar", "System", None, TCP, 5985, False),
    ("Managing from afar, TLS", "System", None, TCP, 5986, False),
    ("Desktop of this machine", SVCHOST, "TermService", TCP, 3389, False),
    ("Desktop of this machine, datagrams", SVCHOST, "TermService", UDP, 3389, False),
    ("Address lease", SVCHOST, "Dhcp", UDP, 68, False),
    ("Address lease, version six", SVCHOST, "Dhcp", UDP, 546, False),
    ("Names on the link", SVCHOST, "Dnscache", UDP, 5355, True),
    ("Names by multicast", SVCHOST, "Dnscache", UDP, 5353, True),
    ("Old names", "System", None, UDP, 137, True),
    ("Old datagrams", "System", None, UDP, 138, True),
    ("Finding devices", SVCHOST, "SSDPSRV", UDP, 1900, True),
    ("Finding functions", SVCHOST, "FDResPub", UDP, 3702, True),
    ("Printing to here", "%system32%\\spoolsv.exe", "Spooler", TCP, 515, True),
    ("Remote calls, the door", SVCHOST, "RpcEptMapper", TCP, 135, False),
    ("Event log from afar", SVCHOST, "EventLog", TCP, 0, False),
    ("Tasks from afar", SVCHOST, "Schedule", TCP, 0, False),
    ("Services from afar", "%system32%\\services.exe", None, TCP, 0, False),
    ("Instruments from afar", SVCHOST, "Winmgmt", TCP, 0, False),
)
"""Inbound rules of Windows itself: words, program, service, protocol, port (0: RPC), near only."""

NEEDS: Final[tuple[Need, ...]] = (
    *(
        Need(service=service, program=SVCHOST, direction="out", protocol=proto, remote_ports=ports)
        for service, proto, ports in (
            ("Dnscache", UDP, ((53, 53),)),
            ("Dnscache", TCP, ((53, 53),)),
            ("Dhcp", UDP, ((67, 67),)),
            ("W32Time", UDP, ((123, 123),)),
            ("CryptSvc", TCP, ((80, 80), (443, 443))),
            ("DoSvc", TCP, ()),
            ("DoSvc", UDP, ()),
            ("BITS", TCP, ()),
            ("wuauserv", TCP, ()),
            ("WinHttpAutoProxySvc", TCP, ()),
            ("Wcmsvc", TCP, ()),
            ("NlaSvc", TCP, ()),
            ("iphlpsvc", TCP, ((80, 80), (443, 443))),
            ("DiagTrack", TCP, ((443, 443),)),
            ("LanmanWorkstation", TCP, ((445, 445),)),
            ("gpsvc", TCP, ((389, 389),)),
            ("Schedule", TCP, ()),
            ("TokenBroker", TCP, ((443, 443),)),
            ("lfsvc", TCP, ((443, 443),)),
            ("PolicyAgent", UDP, ((500, 500), (4500, 4500))),
            ("IKEEXT", UDP, ((500, 500), (4500, 4500))),
            ("TermService", TCP, ()),
            ("PeerDistSvc", TCP, ()),
            ("WpnService", TCP, ((443, 443),)),
        )
    ),
    *(
        Need(service=service, program=SVCHOST, direction="in", protocol=proto, ports=ports, rpc=rpc)
        for service, proto, ports, rpc in (
            ("Dnscache", UDP, ((5353, 5353),), False),
            ("Dnscache", UDP, ((5355, 5355),), False),
            ("Dhcp", UDP, ((68, 68),), False),
            ("Dhcp", UDP, ((546, 546),), False),
            ("W32Time", UDP, ((123, 123),), False),
            ("TermService", TCP, ((3389, 3389),), False),
            ("TermService", UDP, ((3389, 3389),), False),
            ("RpcEptMapper", TCP, ((135, 135),), False),
            ("EventLog", TCP, (), True),
            ("Schedule", TCP, (), True),
            ("PolicyAgent", TCP, (), True),
            ("SSDPSRV", UDP, ((1900, 1900),), False),
            ("DoSvc", TCP, ((7680, 7680),), False),
            ("PeerDistSvc", TCP, (), False),
        )
    ),
    *(
        Need(
            service=s,
            program=SVCHOST,
            direction=way,
            protocol=UDP,
            ports=((3702, 3702),),
            near=True,
        )
        for s in ("FDResPub", "fdPHost")
        for way in ("in", "out")
    ),
    Need(service="VSS", program="%system32%\\vssvc.exe", direction="in", rpc=True),
    Need(service="vds", program="%system32%\\vds.exe", direction="in", rpc=True),
    Need(service="SNMPTrap", program="%system32%\\snmptrap.exe", direction="in", protocol=UDP),
    Need(service="sppsvc", program="%system32%\\sppextcomobj.exe", direction="out"),
)
"""What the services of Windows state in these hosts."""

WALLED: Final[tuple[tuple[str, Literal["in", "out"]], ...]] = (
    ("%system32%\\searchfilterhost.exe", "in"),
    ("%system32%\\searchprotocolhost.exe", "in"),
    ("%system32%\\searchfilterhost.exe", "out"),
    ("%system32%\\dmcertinst.exe", "in"),
    ("%system32%\\dmcertinst.exe", "out"),
    ("%system32%\\deviceenroller.exe", "in"),
)
"""Programs of Windows that may not talk, and in which direction."""


def role_rules(plan: Plan) -> Iterator[RuleSpec]:
    """Rules for what the host is there for, and those of Windows."""
    for words, path, proto, number in _ROLE_PORTS[plan.group]:
        yield RuleSpec(
            rule_id=f"{plan.group.title()}-{number}-{proto}",
            name=f"{words} ({number})",
            description=f"Lets clients reach {words.lower()} on port {number}.",
            program=path,
            service="TermService" if path == SVCHOST else None,
            protocol=proto,
            ports=((number, number),),
            serves=proto == TCP,
        )
    for words, path, service, proto, number, near in _WINDOWS:
        yield RuleSpec(
            rule_id=f"Win-{words.title().replace(' ', '').replace(',', '')}",
            name=words,
            description=f"{words}: part of Windows, on by choice of the administrator.",
            program=path,
            service=service,
            protocol=proto,
            ports=((number, number),) if number else (),
            rpc=number == 0,
            scope="local" if near else "any",
            profiles=(3, 2) if near else (3, 2, 1),
            serves=path == "System" and proto == TCP,
        )
    yield agent_rule()


def agent_rule() -> RuleSpec:
    """The rule of the security agent that every host has."""
    return RuleSpec(
        rule_id="Quillguard-Sensor-Out",
        name="Quillguard Sensor",
        description="The sensor reports what it sees to its own service.",
        direction="out",
        program=AGENT_PROGRAM,
        protocol=TCP,
        remote_ports=((443, 443),),
    )


def product_rules(rng: Random, plan: Plan) -> Iterator[RuleSpec]:
    """Rules of invented products without end, the same for the same numbers."""
    makers = list(COMPANIES)
    rng.shuffle(makers)
    count = 0
    while True:
        maker = makers[count % len(makers)]
        trade = rng.choice(TRADES)
        version = f"{rng.randrange(1, 12)}.{rng.randrange(10)}.{rng.randrange(4000)}"
        folder = f"%programs%\\{maker}\\{trade} {version}".replace(" & ", "-")
        for part in rng.sample(("agent", "server", "update", "console", "peer"), 2):
            count += 1
            yield _product_rule(rng, plan, f"{maker} {trade}", part, f"{folder}\\{part}.exe")


def _product_rule(rng: Random, plan: Plan, product: str, part: str, path: str) -> RuleSpec:
    proto = rng.choice((TCP, TCP, UDP))
    number = rng.randrange(1100, 48000)
    ports = ((number, number + rng.choice((0, 0, 0, 4, 20))),)
    rule_id = f"{{{UUID(int=rng.getrandbits(128), version=4)}}}".upper()
    purpose = rng.choice(PURPOSES)
    kind = rng.random()
    if kind < 0.06:
        return RuleSpec(
            rule_id=rule_id,
            name=f"{product}: no calls home by {part}",
            description=f"{product} {part}, stopped by the administrator.",
            direction="out",
            action=BLOCK,
            program=path,
            protocol=None,
        )
    if kind < 0.2:
        return _app_rule(rng, plan, rule_id)
    return RuleSpec(
        rule_id=rule_id,
        name=f"{product} {part} ({'TCP' if proto == TCP else 'UDP'})",
        description=(
            f"{product}: {part}, {purpose}. Put there by the installer of {product}; whoever takes "
            "it away should know who still relies on it."
        ),
        program=path,
        protocol=proto,
        ports=ports if rng.random() < 0.8 else (),
        scope=_scope(rng),
        profiles=rng.choice(((3, 2, 1), (3, 2), (3, 2))),
        edge=rng.random() < 0.1,
    )


def _scope(rng: Random) -> Literal["any", "local"] | tuple[IPv4Network, ...]:
    kind = rng.random()
    if kind < 0.62:
        return "any"
    if kind < 0.84:
        return "local"
    return tuple(
        IPv4Network(f"10.{rng.randrange(16, 24)}.{rng.randrange(64)}.0/24")
        for _ in range(rng.randrange(1, 4))
    )


def _app_rule(rng: Random, plan: Plan, rule_id: str) -> RuleSpec:
    word = rng.choice(PACKAGE_WORDS)
    maker = "".join(rng.choice("0123456789abcdefghjkmnpqrstvwxyz") for _ in range(13))
    return RuleSpec(
        rule_id=rule_id,
        name=f"{word} app",
        description=f"{word}: a packaged app that others on this network may find.",
        package=f"Fernwood.{word}_{maker}",
        user_sid=f"{plan.domain_sid}-{FIRST_RID + rng.randrange(len(USERS))}",
        protocol=None,
        profiles=(3, 2),
        edge=rng.random() < 0.5,
    )
