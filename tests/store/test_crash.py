from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from pywfp_ps.errors import StoreError, UsageError
from pywfp_ps.store import Store
from tests.store.crash_writer import HOSTS
from tests.store.store_rig import made_snapshot, put_run

_WRITER = Path(__file__).with_name("crash_writer.py")
_ROOT = Path(__file__).resolve().parents[2]
COUNT = "SELECT host, count(*) FROM filters GROUP BY host ORDER BY host"


def write(folder: Path, last_step: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(_WRITER), str(folder), str(last_step)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
    )


def check(folder: Path) -> str:
    """Whatever happened: a run is whole or says that it is not, and the store goes on working."""
    if not (folder / "store.json").exists():
        with pytest.raises(StoreError, match="there is no store"):
            Store.open(folder)
    store = Store.open(folder, create=True)
    (state,) = [str(run.state) for run in store.runs()] or ["none"]
    if state == "done":
        assert store.query(COUNT).all() == [(host, 2) for host in sorted(HOSTS)]
        assert all(store.snapshot(host) == made_snapshot() for host in HOSTS)
    else:
        assert store.query(COUNT).all() == []
        with pytest.raises(UsageError, match="no snapshot"):
            store.snapshot("a")
    for run in store.runs():
        for part in store.raw_parts(run.id):
            assert store.raw(part.host, run.id, part.part) == part.host.encode() * 1000
        if state == "interrupted":
            with pytest.raises(StoreError, match="wfp reparse"):
                store.query(COUNT, run=run.id)
            with store.rewrite(run.id) as writer:
                for host in {part.host for part in store.raw_parts(run.id)}:
                    writer.add(host, made_snapshot())
            assert [again.state for again in store.runs()] == ["interrupted"]
    new = put_run(store, "z")
    assert store.query("SELECT DISTINCT host FROM filters WHERE host = 'z'").all() == [("z",)]
    store.prune(keep=1)
    assert [run.id for run in store.runs()] == [new]
    assert {entry.name for entry in folder.iterdir()} - {"store.json", ".locks", new} <= {
        entry.name for entry in folder.glob(".*.tmp")
    }
    return state


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
@pytest.mark.timeout(900)
def test_a_writer_killed_anywhere_leaves_no_run_that_looks_whole(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole", 0)
    assert whole.returncode == 0, whole.stderr
    steps = int(whole.stdout.split()[-1])
    assert check(tmp_path / "whole") == "done"
    points = random.Random(7).sample(range(1, steps + 1), 50)
    seen = set()
    for point in points:
        folder = tmp_path / str(point)
        killed = write(folder, point)
        assert killed.returncode < 0, (point, killed.stderr)
        seen.add(check(folder))
    assert seen == {"none", "interrupted", "done"}
