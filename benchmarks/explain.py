"""One explanation over the whole path, and lint: at 1,000 filters, at 50,000, and as a command."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from pywfp_ps.explain import Engine, Flow
from pywfp_ps.explain.asked import AskedFlows, wanted_of
from pywfp_ps.explain.compile import Program
from pywfp_ps.explain.find import find
from pywfp_ps.explain.guards import USUAL, parse_guard
from pywfp_ps.explain.impact import changed, impact
from pywfp_ps.explain.lint import lint
from pywfp_ps.explain.said import Said
from pywfp_ps.explain.shapes import Wanted
from pywfp_ps.read import read_state
from pywfp_ps.store import Store
from pywfp_ps.write import write_state
from pywfp_remote.lab.generate import make_host

_ROUNDS = 3
_CALLS = 20
_HOST = "web-01"
_WFP = (sys.executable, "-m", "pywfp_ps")


def rows() -> list[tuple[str, str, str, str, str]]:
    """Rows of the table: what, ours, what it is compared with, ratio, budget."""
    data = sample()
    snapshot = read_state(data)
    count = len(snapshot.filters)
    parse = _median(lambda: read_state(data), 3)
    with tempfile.TemporaryDirectory() as folder:
        stored = _stored(data, Path(folder))
        load = _median(lambda: _loaded(stored), 3)
        whole = _command(Path(folder))
    engine = Engine(snapshot)
    few = max(_median(partial(engine.explain, flow), _CALLS) for flow in _flows())
    many_filters = make_host(0, 7, big=True).snapshot
    large = Engine(many_filters)
    many = max(_median(partial(large.explain, flow), 3) for flow in _flows())
    some_filters = make_host(0, 7, filters=1250).snapshot
    some_lint = _median(lambda: lint(some_filters), 1)
    many_lint = _once(lambda: lint(many_filters))
    smb = wanted_of(AskedFlows(
        directions=("in",), protocols=("tcp",), local_ports="445",
        said=Said(app="System", profile="public", loopback=False),
    ))  # fmt: skip
    some = Engine(some_filters)
    one = _median(lambda: find(some, smb, "unknown"), 3)
    every = _median(lambda: find(some, Wanted(), "block"), 3)
    without = changed(some, [], {some_filters.filters[count // 2].id})
    change = _median(lambda: impact(some, without, guards=map(parse_guard, USUAL)), 3)
    return [
        (f"an engine with all layers from {count:,} stored filters", _ms(load),
         f"{_ms(parse)} parsing them", f"{load / parse:.2f} x", "less than parsing"),
        (f"one flow, whole path, {count:,} filters", _ms(few), "-", "-", "5 ms"),
        (f"one flow, whole path, {len(many_filters.filters):,} filters", _ms(many),
         f"{_ms(few)} at {count:,}", f"{many / few:.1f} x", "50 ms"),
        ("wfp explain, whole process", _ms(whole), "-", "-", "500 ms"),
        (f"lint, {len(some_filters.filters):,} filters", f"{some_lint:.2f} s", "-", "-", "10 s"),
        (f"lint, {len(many_filters.filters):,} filters", f"{many_lint:.1f} s",
         f"{some_lint:.2f} s at {len(some_filters.filters):,}",
         f"{many_lint / some_lint:.0f} x", "5 min"),
        (f"find: SMB in on a public network, {len(some_filters.filters):,} filters", _ms(one),
         "-", "-", "a few seconds"),
        (f"find: any blocked flow, {len(some_filters.filters):,} filters", _ms(every),
         "-", "-", "a few seconds"),
        (f"impact of one filter less, eight guards, {len(some_filters.filters):,} filters",
         _ms(change), "-", "-", "a few seconds"),
    ]  # fmt: skip


def _flows() -> list[Flow]:
    here, there = IPv4Address("192.0.2.10"), IPv4Address("203.0.113.10")
    ends: dict[str, Any] = {
        "ip_version": 4,
        "local_address": here,
        "remote_address": there,
        "profile": 2,
    }
    return [
        Flow(direction="out", protocol=6, remote_port=443, preset="user",
             app="\\device\\harddiskvolume3\\windows\\system32\\curl.exe", **ends),
        Flow(direction="in", protocol=6, local_port=445, app="System", **ends),
        Flow(direction="out", protocol=17, remote_port=53, services=("Dnscache",), **ends),
    ]  # fmt: skip


def _median(call: Callable[[], object], calls: int) -> float:
    rounds = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        for _ in range(calls):
            call()
        rounds.append((time.perf_counter() - began) / calls)
    return statistics.median(rounds)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


def sample() -> bytes:
    """The largest real dump there is, else one of a host that is made up."""
    folder = Path(os.environ.get("WFP_SAMPLES", "../shared/samples")) / "wfpstate"
    dumps = sorted(folder.glob("*.xml"), key=lambda path: path.stat().st_size)
    return dumps[-1].read_bytes() if dumps else write_state(make_host(0, 7).snapshot)


def _once(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def _stored(data: bytes, folder: Path) -> Path:
    """A store that holds the dump of one host."""
    file = folder / f"{_HOST}.xml"
    file.write_bytes(data)
    store = folder / "store"
    subprocess.run([*_WFP, "import", str(file), "--store", str(store)], check=True,
                   capture_output=True)  # fmt: skip
    return store


def _loaded(folder: Path) -> list[Program]:
    """Every layer of an engine out of the store."""
    with Store.open(folder) as store:
        return list(Engine(store.snapshot(_HOST)).compiled.programs.values())


def _command(folder: Path) -> float:
    """Seconds of the whole command over the store of a folder."""
    question = ["explain", "--host", _HOST, "--remote", "203.0.113.10:443", "--as", "user",
                "--store", str(folder / "store")]  # fmt: skip
    return _median(lambda: subprocess.run([*_WFP, *question], check=True, capture_output=True), 3)
