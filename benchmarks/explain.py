"""One explanation over the whole path: at 1,000 filters, at 50,000, and as a command."""

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

from msgspec.structs import replace

from pywfp_ps.explain import Engine, Flow
from pywfp_ps.model.objects import Snapshot
from pywfp_ps.model.values import text_of
from pywfp_ps.read import read_state

_ROUNDS = 3
_CALLS = 20
_MANY = 50_000
_APP = "FWPM_CONDITION_ALE_APP_ID"


def rows() -> list[tuple[str, str, str, str, str]]:
    """Rows of the table: what, ours, what it is compared with, ratio, budget."""
    data = _dump()
    snapshot = read_state(data)
    count = len(snapshot.filters)
    parse = _median(lambda: read_state(data), 3)
    load = _median(lambda: Engine(snapshot), 3)
    engine = Engine(snapshot)
    few = max(_median(partial(engine.explain, flow), _CALLS) for flow in _flows())
    large = Engine(_enlarged(snapshot))
    many = max(_median(partial(large.explain, flow), 3) for flow in _flows())
    whole = _command(data)
    return [
        (f"an engine from {count:,} filters", _ms(load), f"{_ms(parse)} parsing them",
         f"{load / parse:.2f} x", "less than parsing"),
        (f"one flow, whole path, {count:,} filters", _ms(few), "-", "-", "5 ms"),
        (f"one flow, whole path, {len(large.snapshot.filters):,} filters", _ms(many),
         f"{_ms(few)} at {count:,}", f"{many / few:.1f} x", "50 ms"),
        ("wfp explain, whole process", _ms(whole), "-", "-", "500 ms"),
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


def _dump() -> bytes:
    folder = Path(os.environ.get("WFP_SAMPLES", "../shared/samples"))
    return (folder / "wfpstate" / "host-c-1050-filters.xml").read_bytes()


def _enlarged(snapshot: Snapshot) -> Snapshot:
    """As many filters as a terminal server has: rules for programs, again and again for others."""
    filters = list(snapshot.filters)
    named = [one for one in filters if any(c.field == _APP for c in one.conditions)]
    top = max(one.id for one in filters)
    while len(filters) < _MANY:
        for one in named:
            top += 1
            conditions = tuple(
                replace(c, value=f"{text_of(c.value)}.{top}") if c.field == _APP else c
                for c in one.conditions
            )
            filters.append(replace(one, id=top, conditions=conditions))
    return replace(snapshot, filters=tuple(filters[:_MANY]))


def _command(data: bytes) -> float:
    """Seconds of the whole command over a store that holds the dump."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "web-01.xml"
        file.write_bytes(data)
        wfp = [sys.executable, "-c", "from pywfp_ps.cli import main; main()"]
        store = ["--store", str(Path(folder) / "store")]
        subprocess.run([*wfp, "import", str(file), *store], check=True, capture_output=True)
        question = ["explain", "--host", "web-01", "--remote", "203.0.113.10:443", "--as", "user"]
        return _median(
            lambda: subprocess.run([*wfp, *question, *store], check=True, capture_output=True), 1
        )
