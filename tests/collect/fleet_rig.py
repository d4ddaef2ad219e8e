"""Practice fleets for the tests of collecting, and what runs over them come to."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from msgspec.structs import replace

from pywfp_ps.collect.collecting import Collection
from pywfp_ps.collect.visiting import Plan
from pywfp_ps.fleet.connection import resolve_targets
from pywfp_ps.fleet.fanout import Limits
from pywfp_ps.fleet.inventory import load_inventory
from pywfp_ps.fleet.outcomes import Outcome
from pywfp_ps.store import Store
from pywfp_ps.transports import load
from pywfp_ps.transports.base import Target, Transport
from pywfp_remote.lab.control import order, read_running

QUICK = Plan(limits=Limits(retries=0, retry_pause=0, seconds=60), context=("Route", "Service"))
"""A plan for tests: no second try, and little context."""


@contextmanager
def fleet_of(hosts: int, folder: Path, *faults: str, **options: Any) -> Iterator[Path]:
    """A fleet that runs as long as the block; gives its inventory."""
    try:
        options = {"seed": 1, "hours": 0.5, "stays": False, **options}
        yield load("lab.up")(hosts, folder, faults=faults, **options).inventory
    finally:
        load("lab.down")(folder)


def targets_of(inventory: Path) -> list[Target]:
    loaded = load_inventory([str(inventory)])
    return list(resolve_targets(loaded, loaded.hosts).targets)


def collected(
    store: Store,
    targets: Sequence[Target],
    plan: Plan = QUICK,
    transport: Transport | None = None,
) -> tuple[str, dict[str, Outcome]]:
    """A whole run: its id, and the outcomes without what differs from time to time."""
    way = transport or load("psrp")()
    with store.begin_run(command="collect") as writer:
        collection = Collection(writer, targets, lambda _: way, plan)
        found = {one.host: bare(one) for one in collection}
        if collection.is_interrupted:
            writer.finish(interrupted=True)
    return writer.run_id, found


def bare(outcome: Outcome) -> Outcome:
    """An outcome without times and sizes."""
    return replace(outcome, seconds=0, packed=0, plain=0, requests=0, sent=0, received=0)


def ends(found: dict[str, Outcome]) -> dict[str, tuple[str, str | None]]:
    """Outcome and cause of each host."""
    return {host: (one.outcome, one.cause) for host, one in found.items()}


def refusals(fleet: Path) -> int:
    """How many logons the hosts of a fleet have refused since it began."""
    running = read_running(fleet)
    state = order(running, "status") if running is not None else None
    assert state is not None
    return state.totals["refused"]


def changed_inventory(inventory: Path, to: Path, **variables: Any) -> Path:
    """A copy of a fleet's inventory with other variables for every host."""
    told = yaml.safe_load(inventory.read_text("utf-8"))
    for hosts in hosts_of(told):
        for values in hosts.values():
            values.update(variables)
    to.write_text(yaml.safe_dump(told), "utf-8")
    return to


def hosts_of(told: dict[str, Any]) -> Iterator[dict[str, dict[str, Any]]]:
    """The hosts of each group of an inventory that was read."""
    for group in told["all"]["children"].values():
        yield group["hosts"]


def started(*words: object, **environment: str) -> subprocess.Popen[str]:
    """The command in a process of its own."""
    env = {**os.environ, "NO_COLOR": "1", **environment}
    return subprocess.Popen(
        [sys.executable, "-m", "pywfp_ps", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
    )
