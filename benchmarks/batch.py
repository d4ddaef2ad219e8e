"""Many flows over one host in one pass: beside the same questions one at a time."""

from __future__ import annotations

import time
from ipaddress import IPv4Address, IPv6Address
from random import Random

from benchmarks.explain import sample
from pywfp_ps.explain import Engine, Flow
from pywfp_ps.explain.batch import Batch, Flows
from pywfp_ps.read import read_state

_FLOWS = 100_000
_ALONE = 300
_APPS = (
    "System",
    r"\device\harddiskvolume3\windows\system32\svchost.exe",
    r"\device\harddiskvolume3\windows\system32\lsass.exe",
    r"\device\harddiskvolume3\program files\browser\browser.exe",
    r"\device\harddiskvolume3\program files\agent\agent.exe",
)
_PRESETS = ("user", "user", "admin", "system", "network-service")


def rows() -> list[tuple[str, str, str, str, str]]:
    """Rows of the table: what, ours, what it is compared with, ratio, budget."""
    engine = Engine(read_state(sample()))
    chance = Random(7)
    flows = [_flow(chance) for _ in range(_FLOWS)]
    started = time.process_time()
    table = Flows(flows)
    packed = time.process_time() - started
    times = []
    for _ in range(3):
        started = time.process_time()
        Batch(engine).answer(table)
        times.append(time.process_time() - started)
    ours = _FLOWS / sorted(times)[1]
    started = time.process_time()
    for flow in flows[:_ALONE]:
        engine.explain(flow)
    alone = _ALONE / (time.process_time() - started)
    count = len(engine.snapshot.filters)
    return [
        (
            f"verdicts over the whole path with tokens, {_FLOWS:,} flows, {count:,} filters",
            f"{ours:,.0f} a second",
            f"{alone:,.0f} a second one at a time",
            f"{ours / alone:.0f} x",
            "at least 100,000 a second, aim 1,000,000",
        ),
        (
            "the same with the flows made into columns first (once for all hosts)",
            f"{_FLOWS / (_FLOWS / ours + packed):,.0f} a second",
            "",
            "",
            "",
        ),
    ]


def _flow(chance: Random) -> Flow:
    """A connection or exchange of datagrams with a token; ports and addresses at random."""
    app = chance.choice(_APPS)
    is_v4 = chance.random() < 0.7
    inbound = chance.random() < 0.5
    high, low = chance.randrange(49152, 65536), chance.choice([22, 53, 80, 135, 443, 445, 3389])
    net = chance.choice([0x0A000000, 0xC0A80000, 0xCB007100])
    remote = IPv4Address(net + chance.randrange(1, 1 << 16)) if is_v4 else _six(chance)
    return Flow(
        direction="in" if inbound else "out",
        ip_version=4 if is_v4 else 6,
        protocol=chance.choice([6, 6, 17]),
        local_address=IPv4Address("10.0.0.7") if is_v4 else IPv6Address("2001:db8::7"),
        local_port=low if inbound else high,
        remote_address=remote,
        remote_port=high if inbound else low,
        app=app,
        preset=None if app == "System" else chance.choice(_PRESETS),
        profile=chance.choice([1, 2, 3]),
        interface=(6 << 48) | 0x8000000000,
        package=None if app == "System" else "none",
    )


def _six(chance: Random) -> IPv6Address:
    return IPv6Address((0x20010DB8 << 96) + chance.randrange(1, 1 << 40))


if __name__ == "__main__":
    for row in rows():
        print(*row, sep=" | ")
