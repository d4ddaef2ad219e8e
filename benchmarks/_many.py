"""Ten thousand practice hosts, once and by hand: ``python -m benchmarks._many [HOSTS] [AT_ONCE]``.

It takes half an hour and more, so `make bench` leaves it out. Says seconds, hosts that were not
good, the most memory of our processes on the way, the size of the store, and what questions over
all of it take. With ``WFP_INVENTORY`` it asks the hosts of that file in place of new ones.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks._fleet import collect, practice_fleet, targets_of
from pywfp_ps.fleet.outcomes import Outcome
from pywfp_ps.store import Store

_QUESTIONS = (
    "SELECT count(*) FROM filters",
    "SELECT layer, action, count(*) FROM filters GROUP BY ALL",
    "SELECT shape_id, count(DISTINCT host) FROM filters GROUP BY ALL ORDER BY 2 LIMIT 20",
    "SELECT host, count(*) FROM filters WHERE hard AND action = 'FWP_ACTION_BLOCK' GROUP BY ALL",
)
_STEPS = 10


def main() -> None:
    """Collects and says what it took, a line for each tenth of the hosts."""
    given = os.environ.get("WFP_INVENTORY")
    hosts, at_once = (int(word) for word in (*sys.argv[1:], "10000", "32")[:2])
    if given:
        with tempfile.TemporaryDirectory() as folder:
            _collect(Path(given), Path(folder), hosts, at_once)
        return
    with practice_fleet(hosts, big=False, warm=True) as (inventory, _):
        # In a fresh process: what it took to make the fleet is no memory of ours.
        words = (sys.executable, "-m", "benchmarks._many", str(hosts), str(at_once))
        subprocess.run(words, check=True, env={**os.environ, "WFP_INVENTORY": str(inventory)})


def _collect(inventory: Path, folder: Path, hosts: int, at_once: int) -> None:
    ends: Counter[str] = Counter()
    began = time.perf_counter()

    def came(outcome: Outcome, memory: list[int]) -> None:
        ends[f"{outcome.outcome} {outcome.cause or ''}".strip()] += 1
        done = ends.total()
        if done == 100 or done % max(1, hosts // _STEPS) == 0:
            spent = time.perf_counter() - began
            rate = f"{spent:.0f} s, {done / spent:.1f} a second"
            print(f"{done} hosts: {rate}, at most {max(memory) / 1e6:.0f} MB, {dict(ends)}")
            sys.stdout.flush()

    with Store.open(folder / "store", create=True) as store:
        run = collect(store, targets_of(inventory)[:hosts], at_once, came)
        print(f"whole run {run.seconds:.0f} s, {run.cpu / hosts:.3f} CPU s a host")
        sizes = [path.stat().st_size for path in store.folder.rglob("*") if path.is_file()]
        print(f"store {sum(sizes) / 1e6:.0f} MB in {len(sizes)} files")
        for question in _QUESTIONS:
            asked = time.perf_counter()
            rows = store.query(question).all()
            print(f"{time.perf_counter() - asked:.2f} s, {len(rows)} rows: {question}")


if __name__ == "__main__":
    main()
