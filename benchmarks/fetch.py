"""Collecting whole fleets: beside Ansible's psrp connection, with ill hosts, and in memory.

Everything goes over loopback to practice hosts, whose processes share the cores with ours; what
both sides of a row ask of them is said in the row.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from msgspec import Struct

from pywfp_ps.collect.collecting import Collection
from pywfp_ps.collect.visiting import Plan, Visitor
from pywfp_ps.fleet.connection import resolve_targets
from pywfp_ps.fleet.fanout import FanOut, Limits
from pywfp_ps.fleet.inventory import load_inventory
from pywfp_ps.resources import build_script
from pywfp_ps.store import Store
from pywfp_ps.transports import load
from pywfp_ps.transports.base import Target
from pywfp_remote.lab.fleet import down, up
from pywfp_remote.lab.gen_plan import name_of

_FORKS = 20
_BESIDE_ANSIBLE = 40
_FEW = 4
_PLAIN = "netsh wfp show state file=-"
_FLEET = 1000
_LATENCY = 50.0
_FAR_AT_ONCE = 50
_LEAST_BYTES = 100_000  # of a host, packed or not
_STEP = 0.1  # seconds between two looks at memory
_MEGABYTE = 1e6

Row = tuple[str, str, str, str, str]


def rows() -> list[Row]:
    """Rows of the table: what, ours, what it is compared with, ratio, budget."""
    return [*_ansible_rows(), *_ill_rows()]


# Beside Ansible.


def _ansible_rows() -> list[Row]:
    """Ours beside ``raw``: with the plain XML of few hosts, and with the same packed dumps."""
    with _fleet(_BESIDE_ANSIBLE, big=False, warm=True) as (inventory, folder):
        targets = _targets(inventory)
        few = targets[:_FEW]
        _fetch(few, folder)  # whatever is made on first use
        fetched = statistics.median(_fetch(targets, folder) for _ in range(3))
        runs = [_collect(targets, folder) for _ in range(3)]
        fetched_few = statistics.median(_fetch(few, folder) for _ in range(3))
        stored_few = statistics.median(_collect(few, folder).seconds for _ in range(3))
        packed = _ansible(inventory, "all", _packed_script())
        plain = _ansible(inventory, ",".join(one.name for one in few), _PLAIN)
    stored = statistics.median(run.seconds for run in runs)
    busy = statistics.median(run.cpu / run.seconds for run in runs)
    cpu = statistics.median(run.cpu for run in runs) / len(targets)
    raw = f"{plain:.1f} s Ansible psrp raw `{_PLAIN}`"
    same = f"{packed:.1f} s Ansible psrp raw, {_FORKS} forks, our script and packed dumps"
    return [
        (
            f"fetch {len(few)} hosts until durable",
            f"{fetched_few:.2f} s",
            raw,
            f"{plain / fetched_few:.1f} x as fast",
            "at least 6 x as fast",
        ),
        (
            f"fetch, parse and store {len(few)} hosts",
            f"{stored_few:.2f} s",
            f"{raw}, nothing parsed",
            f"{plain / stored_few:.1f} x as fast",
            "at least 2 x as fast",
        ),
        (
            f"fetch {len(targets)} hosts until durable",
            f"{fetched:.1f} s",
            same,
            f"{packed / fetched:.1f} x as fast",
            "counted",
        ),
        (
            f"fetch, parse and store {len(targets)} hosts",
            f"{stored:.1f} s",
            f"{same}, nothing parsed",
            f"{packed / stored:.1f} x as fast",
            "counted",
        ),
        (
            "CPU time of it / wall time, 2 cores",
            f"{busy:.2f}",
            "the practice hosts need the rest",
            "",
            "at least 1.7",
        ),
        ("client CPU a host of it", f"{cpu:.2f} s", "", "", "counted"),
    ]


def _packed_script() -> str:
    """What makes Ansible run our functions: their text, and the call by name."""
    text = build_script("Get-PyWfpState").text
    return f"{text[text.index('function ') : text.index('$PyWfpGiven')]}Get-PyWfpState\n"


def _ansible(inventory: Path, hosts: str, command: str) -> float:
    """Seconds that Ansible takes for a command on hosts."""
    program = Path(sys.executable).parent / "ansible"
    words = [str(program), hosts, "-i", str(inventory), "-f", str(_FORKS), "-m", "raw", "-a"]
    quiet = {"ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8"}
    with tempfile.TemporaryFile() as out:
        began = time.perf_counter()
        subprocess.run(
            [*words, command],
            check=True,
            stdout=out,
            stderr=subprocess.PIPE,
            env={**os.environ, **quiet},
        )
        spent = time.perf_counter() - began
        size = out.seek(0, os.SEEK_END)
    if size < _LEAST_BYTES * (hosts.count(",") + 1):
        raise RuntimeError(f"Ansible brought {size} bytes only")
    return spent


def _fetch(targets: Sequence[Target], folder: Path) -> float:
    """Seconds until the raw parts of every host are durable."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        psrp = load("psrp")()
        with (
            Store.open(Path(place) / "store", create=True) as store,
            store.begin_run(command="bench") as writer,
        ):
            plan = Plan(limits=Limits(at_once=_FORKS), context=())
            visitor = Visitor(writer, lambda _: psrp, plan)
            began = time.perf_counter()
            states = [one.outcome for one in FanOut(targets, visitor.visit, plan.limits)]
            spent = time.perf_counter() - began
    if states != ["ok"] * len(targets):
        raise RuntimeError(f"not all hosts are ok: {states}")
    return spent


# Whole runs.


class _Run(Struct, frozen=True, kw_only=True):
    """One whole collection.

    Attributes:
        seconds: Wall time.
        cpu: CPU seconds of this process and its parsers.
        memory: Most bytes of this process and its parsers together, shared pages once.
    """

    seconds: float
    cpu: float
    memory: int


def _collect(targets: Sequence[Target], folder: Path) -> _Run:
    with tempfile.TemporaryDirectory(dir=folder) as place, _memory() as memory:
        psrp = load("psrp")()
        began, cpu = time.perf_counter(), _cpu()
        with (
            Store.open(Path(place) / "store", create=True) as store,
            store.begin_run(command="bench") as writer,
        ):
            plan = Plan(limits=Limits(at_once=_FORKS), context=())
            for outcome in Collection(writer, targets, lambda _: psrp, plan):
                if outcome.outcome != "ok":
                    raise RuntimeError(f"{outcome.host}: {outcome.cause} {outcome.text}")
        seconds = time.perf_counter() - began
    return _Run(seconds=seconds, cpu=_cpu() - cpu, memory=max(memory))


def _ill_rows() -> list[Row]:
    """A fleet far away, with and without its tenth that is dead or hangs; and what it takes."""
    names = [name_of(number) for number in range(0, _FLEET, 10)]
    kinds = ("refused", "hangs", "unreachable", "resets")
    faults = [f"{kinds[n % len(kinds)]}={name}" for n, name in enumerate(names)]
    with _fleet(_FLEET, *faults, big=False, latency_ms=_LATENCY, warm=True) as (inventory, folder):
        every = _targets(inventory)
        good = [one for one in every if one.name not in names]
        _fetch(good[:20], folder)
        ill = _time_of_good(every, folder, frozenset(names))
        well = _time_of_good(good, folder, frozenset())
        few = _collect(good[:100], folder)
        many = _collect(good, folder)
    return [
        (
            f"{_FLEET} hosts, 50 ms latency, 10 % dead: 95 % of the good ones durable",
            f"{ill:.0f} s",
            f"{well:.0f} s without the dead ones",
            f"{ill / well:.2f} x",
            "at most 1.3 x",
        ),
        (
            f"memory of the process tree, 100 -> {len(good)} hosts",
            f"{many.memory / _MEGABYTE:.0f} MB",
            f"{few.memory / _MEGABYTE:.0f} MB for 100",
            f"{(many.memory - few.memory) / _MEGABYTE:+.0f} MB",
            "at most + 100 MB",
        ),
        (
            f"{len(good)} hosts fetched, parsed and stored",
            f"{many.seconds:.0f} s",
            f"{many.cpu / len(good):.2f} CPU s a host",
            f"{len(good) / many.seconds:.1f} hosts a second",
            "counted",
        ),
    ]


def _time_of_good(targets: Sequence[Target], folder: Path, ill: frozenset[str]) -> float:
    """Seconds until the raw parts of 95 % of the good hosts are durable."""
    came: list[float] = []
    with tempfile.TemporaryDirectory(dir=folder) as place:
        psrp = load("psrp")()
        with (
            Store.open(Path(place) / "store", create=True) as store,
            store.begin_run(command="bench") as writer,
        ):
            plan = Plan(limits=Limits(at_once=_FAR_AT_ONCE, seconds=60, retries=0), context=())
            visitor = Visitor(writer, lambda _: psrp, plan)
            began = time.perf_counter()
            for outcome in FanOut(targets, visitor.visit, plan.limits):
                visitor.take(outcome.host)
                if outcome.host not in ill:
                    came.append(time.perf_counter() - began)
                    if outcome.outcome != "ok":
                        raise RuntimeError(f"{outcome.host}: {outcome.cause} {outcome.text}")
    return sorted(came)[int(len(came) * 0.95) - 1]


@contextmanager
def _memory() -> Iterator[list[int]]:
    """Bytes that this process and its parsers hold, looked at again and again."""
    seen, ended = [0], threading.Event()

    def look() -> None:
        mine = psutil.Process()
        while not ended.wait(_STEP * 5):
            seen.append(_bytes_of(mine) + sum(map(_bytes_of, _parsers(mine))))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def _parsers(mine: psutil.Process) -> list[psutil.Process]:
    """Children but the practice fleet."""
    found = []
    for child in mine.children(recursive=True):
        try:
            words = child.cmdline()
        except psutil.Error:
            continue
        if any("multiprocessing" in word for word in words):
            found.append(child)
    return found


def _bytes_of(process: psutil.Process) -> int:
    try:
        info: Any = process.memory_full_info()
    except psutil.Error:
        return 0
    return int(getattr(info, "pss", 0) or info.rss)


def _cpu() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def _targets(inventory: Path) -> list[Target]:
    loaded = load_inventory([str(inventory)])
    return list(resolve_targets(loaded, loaded.hosts).targets)


@contextmanager
def _fleet(hosts: int, *faults: str, **options: Any) -> Iterator[tuple[Path, Path]]:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "lab"
        try:
            yield up(hosts, place, seed=7, faults=faults, **options).inventory, Path(folder)
        finally:
            down(place)
