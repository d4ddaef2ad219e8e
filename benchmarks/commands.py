"""Whole commands: how long they take, and whether an import keeps the cores busy."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pywfp_ps.transports import load

_DUMPS = 200
_DISTINCT = 25
_WFP = (sys.executable, "-m", "pywfp_ps")


def _seconds(work: Callable[[], object]) -> float:
    """Median of three."""
    times = []
    for _ in range(3):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)


def _import(dumps: list[Path], store: Path) -> tuple[float, float]:
    """Wall and processor seconds of one import."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    _run(*_WFP, "import", *map(str, dumps), "--store", str(store))
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def rows() -> Iterator[tuple[str, ...]]:
    """What, ours, what stands beside it, the ratio, the budget."""
    bare = _seconds(lambda: _run(sys.executable, "-c", "import click"))
    ours = _seconds(lambda: _run(*_WFP, "--help"))
    yield (
        "`wfp --help`, whole process",
        f"{ours * 1000:.0f} ms",
        f"{bare * 1000:.0f} ms for Python and click",
        f"{ours / bare:.1f}",
        "150 ms",
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = load("lab.write")(_DISTINCT, 1, folder / "made")
        dumps = []
        for at in range(_DUMPS):
            path = folder / f"host-{at:03}.xml"
            path.hardlink_to(made[at % _DISTINCT])
            dumps.append(path)
        wall, cpu = _import(dumps, folder / "store")
    cores = len(os.sched_getaffinity(0))
    yield (
        f"import of {_DUMPS} dumps, processor time / wall time",
        f"{cpu / wall:.2f} ({wall:.1f} s)",
        f"{cores} cores",
        f"{cpu / wall / cores:.2f} of them",
        ">= 1.7 on 2 cores",
    )
