"""A run that goes on: who is visited again replaces, who fails again keeps, the others stay."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from msgspec import Struct

from pywfp_ps.errors import StoreError, UsageError
from pywfp_ps.store import About, Store
from tests.store.store_rig import made_snapshot, new_store, put_run

FILTERS = "SELECT host, count(*) FROM filters GROUP BY host ORDER BY host"
HOSTS = "SELECT host, outcome, cause, detail, computer, filters FROM hosts ORDER BY host"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return new_store(tmp_path)


class Request(Struct, frozen=True):
    limit: str


def test_hosts_with_rows_replace_and_the_others_stay(store: Store) -> None:
    with store.begin_run(command="collect", buffer_bytes=1) as writer:  # a part a host and kind
        for host in ("a", "b", "c", "d"):
            writer.add(host, made_snapshot(2, whole=host == "a"))
        writer.add_outcome("e", "failed", "timeout", detail="slow")
        writer.finish(interrupted=True)
    before = store.run(writer.run_id).manifest
    with store.resume_run(writer.run_id) as again:
        assert [again.has_old_rows(host) for host in ("b", "e")] == [True, False]
        again.add("b", made_snapshot(5))
        again.add_outcome("b", "ok", about=About(computer="B2"))
        again.add_outcome("c", "failed", "quota", detail="full")
        again.add_outcome("d", "cancelled", detail="not begun")
        again.add("e", made_snapshot(1))
        assert list(store.query(FILTERS)) == [("a", 2), ("b", 2), ("c", 2), ("d", 2)]
    assert list(store.query(FILTERS)) == [("a", 2), ("b", 5), ("c", 2), ("d", 2), ("e", 1)]
    assert list(store.query(HOSTS)) == [
        ("a", "ok", None, None, None, 2),
        ("b", "ok", None, None, "B2", 5),
        ("c", "failed", "quota", "full", None, 2),
        ("d", "partial", "incomplete", None, None, 2),
        ("e", "ok", None, None, None, 1),
    ]
    after = store.run(writer.run_id).manifest
    assert (before.state, after.state, after.hosts) == ("interrupted", "done", 5)
    assert after.outcomes == {"failed": 1, "ok": 3, "partial": 1}
    kept = {part.file for part in before.parts["filters"] if part.first in {"a", "c", "d"}}
    assert kept < {part.file for part in after.parts["filters"]}
    assert store.snapshot("b") == made_snapshot(5)
    assert store.snapshot("c", writer.run_id) == made_snapshot(2, whole=False)


def test_part_of_many_hosts_is_written_anew_without_the_one(store: Store) -> None:
    run_id = put_run(store, "a", "b", "c")
    with store.resume_run(run_id) as again:
        again.add("b", made_snapshot(7))
    assert list(store.query(FILTERS)) == [("a", 2), ("b", 7), ("c", 2)]
    assert [store.snapshot(host) for host in ("a", "c")] == [made_snapshot(2)] * 2
    files = {str(path.relative_to(again.folder)) for path in again.folder.glob("*/part-*")}
    named = {p.file for parts in store.run(run_id).manifest.parts.values() for p in parts}
    assert files == named


def test_error_while_it_goes_on_keeps_what_came(store: Store) -> None:
    run_id = put_run(store, "a")

    def interrupted() -> None:
        with store.resume_run(run_id) as again:
            again.add("b", made_snapshot(3))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(store.query(FILTERS)) == [("a", 2), ("b", 3)]
    assert store.run(run_id).state == "interrupted"


def test_run_is_resumed_by_one_at_a_time(store: Store) -> None:
    run_id = put_run(store, "a")
    with store.resume_run(run_id), pytest.raises(StoreError, match="is being written"):
        store.resume_run(run_id)
    with pytest.raises(UsageError, match="no run begins with 'x'"):
        store.resume_run("x")


def test_run_whose_writer_died_is_resumed_from_nothing(store: Store) -> None:
    code = (
        "import os, sys; from pywfp_ps.store import Store\n"
        "writer = Store.open(sys.argv[1]).begin_run(command='collect')\n"
        "writer.put_raw('a', 'state', b'dump')\n"
        "os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(store.folder)], check=False, timeout=60)
    (run,) = store.runs()
    assert (run.state, run.readable) == ("interrupted", False)
    with store.resume_run(run.id) as again:
        assert [part.host for part in store.raw_parts(run.id)] == ["a"]
        again.add("a", made_snapshot(4))
    assert list(store.query(FILTERS)) == [("a", 4)]
    assert store.run(run.id).state == "done"


def test_request_is_kept_with_the_run(store: Store) -> None:
    with store.begin_run(command="collect") as writer:
        assert store.request(writer.run_id) is None
        writer.put_request(Request(limit="web*"))
        assert store.request(writer.run_id) == b'{"limit":"web*"}'
