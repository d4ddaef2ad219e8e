"""Which hosts a practice fleet has: names, groups, ways in, passwords and faults."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from pywfp_ps.errors import UsageError
from pywfp_remote.lab.faults import (
    FAULTS,
    NEEDS_SEALING,
    NEEDS_TLS,
    FaultRule,
    Stage,
    faults_of,
    parse_rules,
)
from pywfp_remote.lab.gen_plan import group_of, name_of
from pywfp_remote.lab.host import LabHost, Way

BACKEND = "pywfp_remote.lab.generated:backend_of"
"""Where the hosts' answers come from unless the caller names another factory."""

MOST_HOSTS = 20_000
"""Hosts one fleet may have."""

BIG_FLEET = 200
"""From this many hosts on the first terminal server has 50,000 filters."""

ACCOUNT = "labadmin"
"""The local administrator of every practice host."""

_MADE_UP = frozenset({Stage.PSRP, Stage.FRAMES, Stage.HOST})
_WAYS = {"db": Way.NEGOTIATE, "dc": Way.CERTIFICATE}  # the other groups are sealed NTLM


class Plan(Struct, frozen=True, kw_only=True):
    """Everything a practice fleet's process must know. Holds passwords.

    Attributes:
        hosts: Its hosts.
        backend: ``module:factory`` of what answers for them.
        seed: Draws policies, not passwords.
        latency_ms: Added before every answer.
        first_port: Port of the first host, the next has the next; 0 lets the system choose.
        hours: After which the fleet ends itself.
        warm: Whether all policies are made before anybody asks.
        engine: Program of a PowerShell that answers instead of the backend; empty for none.
        stand_ins: Folder with what it finds in place of Windows; empty where Windows is there.
        asked: What the caller asked for, to tell whether a running fleet is the same.
    """

    hosts: tuple[LabHost, ...]
    backend: str
    seed: int
    latency_ms: float
    first_port: int
    hours: float
    warm: bool
    asked: str
    engine: str = ""
    stand_ins: str = ""

    def __repr__(self) -> str:
        return f"Plan({len(self.hosts)} hosts, seed={self.seed})"


def make_plan(
    hosts: int,
    *,
    seed: int = 0,
    faults: Sequence[str] = (),
    latency_ms: float = 0.0,
    way: Way | None = None,
    backend: str = BACKEND,
    first_port: int = 0,
    hours: float = 24.0,
    big: bool | None = None,
    warm: bool = False,
    engine: str = "",
    stand_ins: str = "",
) -> Plan:
    """The plan of a fleet; passwords are new each time.

    Args:
        hosts: How many, 1 to `MOST_HOSTS`.
        seed: The same seed gives the same hosts.
        faults: Rules such as ``quota=web-00*``.
        latency_ms: 0 to 60,000.
        way: One way in for all hosts; by default each group has its own.
        backend: ``module:factory``.
        first_port: 0, or the first of a row of ports that must be free.
        hours: 0 to 8,760.
        big: Whether the first terminal server has 50,000 filters; by default from `BIG_FLEET`
            hosts on.
        warm: Whether all policies are made before anybody asks.
        engine: Program of a PowerShell that answers instead of the backend.
        stand_ins: Folder with what it finds in place of Windows.

    Raises:
        UsageError: A number is out of range, or a rule names no fault or no host.
    """
    _in_range("hosts", hosts, 1, MOST_HOSTS)
    _in_range("latency", latency_ms, 0, 60_000)
    _in_range("hours", hours, 0.001, 8_760)
    _in_range("first port", first_port, 0, 65_535 - min(hosts, 60_000))
    rules = parse_rules(faults)
    if engine:
        _check_faults(rules)
    made = tuple(_hosts(hosts, seed, rules, way, hosts >= BIG_FLEET if big is None else big))
    _each_used(rules, made)
    asked = f"{hosts} {seed} {sorted(faults)} {latency_ms} {way} {backend} {first_port} {big}"
    asked += f" {engine} {stand_ins}" if engine else ""
    return Plan(
        hosts=made,
        backend=backend,
        seed=seed,
        latency_ms=latency_ms,
        first_port=first_port,
        hours=hours,
        warm=warm,
        asked=asked,
        engine=engine,
        stand_ins=stand_ins,
    )


def _check_faults(rules: Iterable[FaultRule]) -> None:
    for rule in rules:
        if FAULTS[rule.name].stage in _MADE_UP:
            raise UsageError(f"the fault {rule.name} is made up, and a real engine knows none such")


def _hosts(
    hosts: int, seed: int, rules: Iterable[FaultRule], way: Way | None, big: bool
) -> Iterator[LabHost]:
    for number in range(hosts):
        name, group = name_of(number), group_of(number)[0]
        faults = faults_of(name, rules)
        yield LabHost(
            name=name,
            number=number,
            group=group,
            seed=seed,
            account=ACCOUNT,
            password=new_password(),
            way=_way(way or _WAYS.get(group, Way.NTLM), faults),
            faults=faults,
            big=big and name == "terminal-001",
        )


def new_password() -> str:
    """A password that nobody has had before."""
    return secrets.token_urlsafe(18)


def _way(way: Way, faults: frozenset[str]) -> Way:
    if faults & NEEDS_TLS and not way.is_tls:
        return Way.NEGOTIATE
    if faults & NEEDS_SEALING:
        return Way.NTLM
    if "wrong-password" in faults and way is Way.CERTIFICATE:
        return Way.NEGOTIATE
    return way


def _each_used(rules: Iterable[FaultRule], hosts: Sequence[LabHost]) -> None:
    for rule in rules:
        if not any(rule.applies(host.name) for host in hosts):
            patterns = ",".join(rule.patterns)
            raise UsageError(f"no host has a name like {patterns}, for the fault {rule.name}")


def _in_range(what: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise UsageError(f"{what} must be {least} to {most}, got {value}")
