"""Collecting whole fleets: beside Ansible's psrp connection, with ill hosts, and in memory.

Everything goes over loopback to practice hosts, whose process shares the cores with ours; what both
sides of a row ask of them is said in the row. The rows with a budget are beside what Ansible's
``raw`` can do without us: netsh that prints its XML, of few hosts, as one takes it seconds. Rows
besides have it run our functions and bring the same packed dumps, and a bare loop of pypsrp do so
too: the work is the same there and the clients differ.

Fleets are as small as gives the same ratios, so that all of it takes about four minutes on two
quiet cores.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks._fleet import collect_apart, practice_fleet, targets_of
from benchmarks.wire import bare_timed
from pywfp_ps.collect.visiting import Plan, Visitor
from pywfp_ps.fleet.fanout import FanOut, Limits
from pywfp_ps.resources import build_script
from pywfp_ps.store import Store
from pywfp_ps.transports import load
from pywfp_ps.transports.base import Target
from pywfp_remote.lab.gen_plan import name_of

_FORKS = 20
_BESIDE_ANSIBLE = 40
_FEW = 6
_PLAIN = "netsh wfp show state file=-"
_FLEET = 250
_LATENCY = 50.0
_FAR_AT_ONCE = 50
_SECONDS = 60.0
_FIRST = 100
_LEAST_BYTES = 100_000  # of a host, packed or not
_MEGABYTE = 1e6

Row = tuple[str, str, str, str, str]


def rows() -> Iterator[Row]:
    """Rows of the table: what, ours, what it is compared with, ratio, budget."""
    yield from _ansible_rows()
    yield from _ill_rows()
    yield from _collect_rows()


def _ansible_rows() -> Iterator[Row]:
    """Ours beside ``raw`` with the plain XML of few hosts, and with the packed dumps of more."""
    with practice_fleet(_BESIDE_ANSIBLE, big=False, warm=True) as (inventory, folder):
        targets = targets_of(inventory)
        _fetch(targets[:_FEW], folder)  # whatever is made on first use
        bare_timed(targets[:_FEW], folder, _FORKS)
        yield from _plain_rows(inventory, folder, targets[:_FEW])
        yield from _packed_rows(inventory, folder, targets)


def _plain_rows(inventory: Path, folder: Path, few: Sequence[Target]) -> Iterator[Row]:
    fetched = sorted(_fetch(few, folder) for _ in range(3))[1]
    stored = collect_apart(inventory, len(few), _FORKS).seconds
    plain, their_cpu = _ansible(inventory, ",".join(one.name for one in few), _PLAIN)
    raw = f"{plain:.1f} s Ansible psrp raw `{_PLAIN}`, {_FORKS} forks"
    yield (
        f"fetch {len(few)} hosts until durable",
        f"{fetched:.2f} s",
        f"{raw}; {their_cpu:.1f} s of CPU are its own",
        f"{plain / fetched:.1f} x as fast",
        "at least 6 x as fast",
    )
    yield (
        f"fetch, parse and store {len(few)} hosts, parsers started for it",
        f"{stored:.1f} s",
        f"{raw}, nothing parsed",
        f"{plain / stored:.1f} x as fast",
        "at least 2 x as fast",
    )


def _packed_rows(inventory: Path, folder: Path, targets: Sequence[Target]) -> Iterator[Row]:
    cpu = time.process_time()
    fetched = sorted(_fetch(targets, folder) for _ in range(3))[1]
    cpu = (time.process_time() - cpu) / 3 / len(targets)
    bare = sorted(bare_timed(targets, folder, _FORKS) for _ in range(3))[1]
    stored = collect_apart(inventory, len(targets), _FORKS).seconds
    packed, their_cpu = _ansible(inventory, "all", _packed_script())
    their_cpu /= len(targets)
    same = f"{packed:.1f} s Ansible psrp raw, {_FORKS} forks, our script and packed dumps"
    yield (
        f"fetch {len(targets)} hosts until durable",
        f"{fetched:.1f} s",
        same,
        f"{packed / fetched:.1f} x as fast",
        "counted",
    )
    yield (
        "the same by a bare pypsrp loop",
        f"{bare:.1f} s",
        same,
        f"{packed / bare:.1f} x as fast",
        "what pypsrp can do",
    )
    yield (
        "client CPU of it a host",
        f"{cpu * 1e3:.0f} ms",
        f"{their_cpu * 1e3:.0f} ms Ansible; no practice host shares in it",
        f"{their_cpu / cpu:.1f} x as much",
        "counted",
    )
    yield (
        f"fetch, parse and store {len(targets)} hosts, parsers started for it",
        f"{stored:.1f} s",
        f"{same}, nothing parsed",
        f"{packed / stored:.1f} x as fast",
        "counted",
    )


def _packed_script() -> str:
    """What makes Ansible run our functions: their text, and the call by name."""
    text = build_script("Get-PyWfpState").text
    return f"{text[text.index('function ') : text.index('$PyWfpGiven')]}Get-PyWfpState\n"


def _ansible(inventory: Path, hosts: str, command: str) -> tuple[float, float]:
    """Wall and CPU seconds that Ansible takes for a command on hosts."""
    program = Path(sys.executable).parent / "ansible"
    words = [str(program), hosts, "-i", str(inventory), "-f", str(_FORKS), "-m", "raw", "-a"]
    quiet = {"ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8"}
    with tempfile.TemporaryFile() as out:
        began, before = time.perf_counter(), _ended()
        subprocess.run(
            [*words, command],
            check=True,
            stdout=out,
            stderr=subprocess.PIPE,
            env={**os.environ, **quiet},
        )
        spent = time.perf_counter() - began, _ended() - before
        size = out.seek(0, os.SEEK_END)
    if size < _LEAST_BYTES * (hosts.count(",") + 1):
        raise RuntimeError(f"Ansible brought {size} bytes only")
    return spent


def _ended() -> float:
    """CPU seconds of children that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def _fetch(targets: Sequence[Target], folder: Path) -> float:
    """Seconds until the raw parts of every host are durable."""
    limits = Limits(at_once=_FORKS)
    return max(_durable(targets, folder, limits, frozenset()))


def _ill_rows() -> list[Row]:
    """A fleet far away, with and without its tenth that is dead or hangs."""
    names = [name_of(number) for number in range(0, _FLEET, 10)]
    kinds = ("refused", "hangs", "unreachable", "resets")
    faults = [f"{kinds[n % len(kinds)]}={name}" for n, name in enumerate(names)]
    fleet = practice_fleet(_FLEET, *faults, big=False, latency_ms=_LATENCY, warm=True)
    with fleet as (inventory, folder):
        every = targets_of(inventory)
        good = [one for one in every if one.name not in names]
        _fetch(good[:20], folder)
        limits = Limits(at_once=_FAR_AT_ONCE, seconds=_SECONDS, retries=0)
        most = int(len(good) * 0.95) - 1
        ill = sorted(_durable(every, folder, limits, frozenset(names)))[most]
        well = sorted(_durable(good, folder, limits, frozenset()))[most]
    return [
        (
            f"{_FLEET} hosts, 50 ms latency, 10 % dead: 95 % of the good ones durable",
            f"{ill:.0f} s",
            f"{well:.0f} s without the dead ones",
            f"{ill / well:.2f} x",
            "at most 1.3 x",
        )
    ]


def _durable(
    targets: Sequence[Target], folder: Path, limits: Limits, ill: frozenset[str]
) -> list[float]:
    """Seconds until the raw parts of each good host are durable."""
    came: list[float] = []
    with tempfile.TemporaryDirectory(dir=folder) as place:
        psrp = load("psrp")()
        with (
            Store.open(Path(place) / "store", create=True) as store,
            store.begin_run(command="bench") as writer,
        ):
            visitor = Visitor(writer, lambda _: psrp, Plan(limits=limits, context=()))
            began = time.perf_counter()
            fan_out = FanOut(targets, visitor.visit, limits)
            for outcome in fan_out:
                visitor.take(outcome.host)
                if outcome.host in ill:
                    continue
                came.append(time.perf_counter() - began)
                if outcome.outcome != "ok":
                    raise RuntimeError(f"{outcome.host}: {outcome.cause} {outcome.text}")
                if len(came) == len(targets) - len(ill):
                    fan_out.cancel("all good ones are there")
    return came


def _collect_rows() -> list[Row]:
    """Whole collections, each in a fresh process: cores kept busy, and memory."""
    with practice_fleet(_FLEET, big=False, warm=True) as (inventory, _):
        few = collect_apart(inventory, _FIRST, _FORKS)
        many = collect_apart(inventory, _FLEET, _FORKS)
    busy, ours = (many.cpu + many.lab) / many.seconds, many.cpu / many.seconds
    return [
        (
            f"{_FLEET} hosts fetched, parsed and stored",
            f"{many.seconds:.0f} s",
            f"{many.cpu / _FLEET:.2f} CPU s a host",
            f"{_FLEET / many.seconds:.1f} hosts a second",
            "counted",
        ),
        (
            f"CPU time of it / wall time, {len(os.sched_getaffinity(0))} cores",
            f"{busy:.2f}",
            f"{ours:.2f} are ours, the practice hosts have the rest",
            "",
            "at least 1.7",
        ),
        (
            f"memory of the process tree, {_FIRST} -> {_FLEET} hosts",
            f"{many.memory / _MEGABYTE:.0f} MB",
            f"{few.memory / _MEGABYTE:.0f} MB for {_FIRST}",
            f"{(many.memory - few.memory) / _MEGABYTE:+.0f} MB",
            "at most + 100 MB",
        ),
    ]
