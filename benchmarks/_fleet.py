"""What several benchmarks share: practice fleets, and a whole collection in a fresh process.

``python -m benchmarks._fleet INVENTORY HOSTS AT_ONCE`` collects the first hosts of an inventory and
says as JSON what that took.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil
from msgspec import Struct

from pywfp_ps.collect.collecting import Collection
from pywfp_ps.collect.visiting import Plan
from pywfp_ps.fleet.connection import resolve_targets
from pywfp_ps.fleet.fanout import Limits
from pywfp_ps.fleet.inventory import load_inventory
from pywfp_ps.fleet.outcomes import Outcome
from pywfp_ps.store import Store
from pywfp_ps.transports import load
from pywfp_ps.transports.base import Target
from pywfp_remote.lab.fleet import down, up

_STEP = 0.5  # seconds between two looks at memory


class Run(Struct, frozen=True, kw_only=True):
    """One whole collection: fetched, parsed and stored.

    Attributes:
        seconds: Wall time.
        cpu: CPU seconds of the process and its parsers.
        lab: CPU seconds of the practice hosts meanwhile, where they were known.
        memory: Most bytes of the process and its parsers together, shared pages once.
    """

    seconds: float
    cpu: float
    lab: float
    memory: int


def targets_of(inventory: Path) -> list[Target]:
    """All hosts of an inventory."""
    loaded = load_inventory([str(inventory)])
    return list(resolve_targets(loaded, loaded.hosts).targets)


@contextmanager
def practice_fleet(hosts: int, *faults: str, **options: Any) -> Iterator[tuple[Path, Path]]:
    """A practice fleet for a while, in a process of its own: its inventory, a folder for more."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "lab"
        try:
            yield up(hosts, place, seed=7, faults=faults, **options).inventory, Path(folder)
        finally:
            down(place)


def collect_apart(inventory: Path, hosts: int, at_once: int) -> Run:
    """Collects the first hosts of an inventory in a fresh process."""
    words = ("-m", "benchmarks._fleet", str(inventory), str(hosts), str(at_once))
    lab = _lab_of(inventory)
    before = _cpu_of(lab)
    made = subprocess.run((sys.executable, *words), check=True, stdout=subprocess.PIPE).stdout
    run = msgspec.json.decode(made, type=Run)
    return msgspec.structs.replace(run, lab=_cpu_of(lab) - before)


def collect(
    store: Store,
    targets: Sequence[Target],
    at_once: int,
    came: Callable[[Outcome, list[int]], object],
) -> Run:
    """Collects hosts into a store; `came` gets each outcome, and the memory seen so far."""
    psrp = load("psrp")()
    began, cpu = time.perf_counter(), _cpu_seconds()
    with _memory() as seen:
        with store.begin_run(command="bench") as writer:
            plan = Plan(limits=Limits(at_once=at_once), context=())
            for outcome in Collection(writer, targets, lambda _: psrp, plan):
                came(outcome, seen)
        seconds = time.perf_counter() - began
    return Run(seconds=seconds, cpu=_cpu_seconds() - cpu, lab=0, memory=max(seen))


def _main() -> None:
    inventory, hosts, at_once = sys.argv[1:]
    targets = targets_of(Path(inventory))[: int(hosts)]
    with (
        tempfile.TemporaryDirectory() as folder,
        Store.open(Path(folder) / "store", create=True) as store,
    ):
        run = collect(store, targets, int(at_once), _good)
    sys.stdout.buffer.write(msgspec.json.encode(run))


def _good(outcome: Outcome, _: list[int]) -> None:
    if outcome.outcome != "ok":
        raise RuntimeError(f"{outcome.host}: {outcome.cause} {outcome.text}")


@contextmanager
def _memory() -> Iterator[list[int]]:
    """Bytes that this process and its parsers hold, looked at again and again."""
    seen, ended = [0], threading.Event()

    def look() -> None:
        mine = psutil.Process()
        while not ended.wait(_STEP):
            seen.append(_bytes_of(mine) + sum(map(_bytes_of, _parsers(mine))))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def _parsers(mine: psutil.Process) -> list[psutil.Process]:
    """Children but a practice fleet."""
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


def _lab_of(inventory: Path) -> psutil.Process | None:
    """The process of the practice fleet that an inventory belongs to."""
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "pywfp_remote.lab" in words and str(inventory.parent) in words:
            return process
    return None


def _cpu_of(process: psutil.Process | None) -> float:
    if process is None:
        return 0.0
    times = process.cpu_times()
    return float(times.user + times.system)


def _cpu_seconds() -> float:
    """CPU seconds of this process and of children that have ended."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


if __name__ == "__main__":
    _main()
