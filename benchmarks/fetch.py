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
from pywfp_ps.store import Store
from pywfp_ps.transports import load
from pywfp_ps.transports.base import Target
from pywfp_remote.lab.fleet import down, up
from pywfp_remote.lab.gen_plan import name_of

_FORKS = 20
_BESIDE_ANSIBLE = 40
_FLEET = 1000
_LATENCY = 50.0
_RAW = "netsh wfp show state file=-"
_STEP = 0.1  # seconds between two looks at memory
_MEGABYTE = 1e6

Row = tuple[str, str, str, str, str]


def rows() -> list[Row]:
    """Rows of the table: what, ours, what it is compared with, ratio, budget."""
    return [*_ansible_rows(), *_ill_rows()]


# Beside Ansible.


def _ansible_rows() -> list[Row]:
    with _fleet(_BESIDE_ANSIBLE, big=False, warm=True) as (inventory, folder):
        targets = _targets(inventory)
        _fetch(targets[:2], folder)  # whatever is made on first use
        ansible = _ansible(inventory)
        fetched = statistics.median(_fetch(targets, folder) for _ in range(3))
        runs = [_collect(targets, folder) for _ in range(3)]
    stored = statistics.median(run.seconds for run in runs)
    busy = statistics.median(run.cpu / run.seconds for run in runs)
    cpu = statistics.median(run.cpu for run in runs) / len(targets)
    return [
        (
            f"fetch {len(targets)} hosts until durable",
            f"{fetched:.1f} s",
            f"{ansible:.1f} s Ansible psrp raw, {_FORKS} forks",
            f"{ansible / fetched:.1f} x as fast",
            "at least 6 x as fast",
        ),
        (
            f"fetch, parse and store {len(targets)} hosts",
            f"{stored:.1f} s",
            f"{ansible:.1f} s Ansible psrp raw, which parses nothing",
            f"{ansible / stored:.1f} x as fast",
            "at least 2 x as fast",
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


def _ansible(inventory: Path) -> float:
    """Seconds that Ansible takes to fetch the dump of every host."""
    program = Path(sys.executable).parent / "ansible"
    words = [program, "all", "-i", inventory, "-f", str(_FORKS), "-m", "raw", "-a", _RAW]
    quiet = {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_HOST_KEY_CHECKING": "0", "ANSIBLE_PIPELINING": "1"}
    with tempfile.TemporaryFile() as out:
        began = time.perf_counter()
        subprocess.run(
            words, check=True, stdout=out, stderr=subprocess.PIPE, env={**os.environ, **quiet}
        )
        spent = time.perf_counter() - began
        size = out.tell()
    if size < 3_000_000 * _BESIDE_ANSIBLE:
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
        good: Seconds until 95 % of the hosts that are well were done.
        memory: Most bytes of this process and its parsers together, shared pages once.
    """

    seconds: float
    cpu: float
    good: float
    memory: int


def _collect(
    targets: Sequence[Target],
    folder: Path,
    *,
    ill: frozenset[str] = frozenset(),
    at_once: int = _FORKS,
) -> _Run:
    came: list[float] = []
    with tempfile.TemporaryDirectory(dir=folder) as place, _memory() as memory:
        psrp = load("psrp")()
        began, cpu = time.perf_counter(), _cpu()
        with (
            Store.open(Path(place) / "store", create=True) as store,
            store.begin_run(command="bench") as writer,
        ):
            limits = Limits(at_once=at_once, seconds=60, retries=0)
            plan = Plan(limits=limits, context=())
            for outcome in Collection(writer, targets, lambda _: psrp, plan):
                if outcome.host not in ill:
                    if outcome.outcome != "ok":
                        raise RuntimeError(f"{outcome.host}: {outcome.cause} {outcome.text}")
                    came.append(time.perf_counter() - began)
        seconds = time.perf_counter() - began
    good = sorted(came)[int(len(came) * 0.95) - 1]
    return _Run(seconds=seconds, cpu=_cpu() - cpu, good=good, memory=max(memory))


def _ill_rows() -> list[Row]:
    """A fleet far away, well and with a tenth that is dead or hangs; and what memory it takes."""
    names = [name_of(number) for number in range(0, _FLEET, 10)]
    kinds = ("refused", "hangs", "unreachable", "resets")
    faults = [f"{kinds[n % len(kinds)]}={name}" for n, name in enumerate(names)]
    with _fleet(_FLEET, big=False, latency_ms=_LATENCY, warm=True) as (inventory, folder):
        targets = _targets(inventory)
        few = _collect(targets[:100], folder, at_once=50)
        well = _collect(targets, folder, at_once=50)
    with _fleet(_FLEET, *faults, big=False, latency_ms=_LATENCY, warm=True) as (inventory, folder):
        ill = _collect(_targets(inventory), folder, ill=frozenset(names), at_once=50)
    share = ill.good / (well.good * 0.9)
    return [
        (
            f"{_FLEET} hosts, 50 ms latency, 10 % dead: 95 % of the good ones",
            f"{ill.good:.0f} s",
            f"{well.good * 0.9:.0f} s for as many without bad ones",
            f"{share:.2f} x",
            "at most 1.3 x",
        ),
        (
            f"memory of the process tree, 100 -> {_FLEET} hosts",
            f"{well.memory / _MEGABYTE:.0f} MB",
            f"{few.memory / _MEGABYTE:.0f} MB for 100",
            f"{(well.memory - few.memory) / _MEGABYTE:+.0f} MB",
            "at most + 100 MB",
        ),
        (
            f"{_FLEET} hosts fetched, parsed and stored",
            f"{well.seconds:.0f} s",
            f"{well.cpu / _FLEET:.2f} CPU s a host",
            f"{_FLEET / well.seconds:.1f} hosts a second",
            "counted",
        ),
    ]


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
