from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from pywfp_ps.errors import StoreError, UsageError
from pywfp_ps.store import Store, table_of
from pywfp_ps.store.runs import Manifest, new_id, read_run, write_manifest
from tests.store.store_rig import made_snapshot, new_store, put_run

HOSTS = "SELECT host, run_id, outcome, filters, stale, snapshot_run_id FROM hosts ORDER BY host"
COUNT = "SELECT host, count(*) FROM filters GROUP BY host ORDER BY host"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return new_store(tmp_path)


def failed(store: Store, host: str) -> str:
    with store.begin_run(command="collect") as writer:
        writer.add_outcome(host, "failed", "timeout", detail="no answer", can_retry=True)
    return writer.run_id


def shift(store: Store, run_id: str, hours: int) -> None:
    """Move a run in time."""
    run = read_run(store.folder, run_id)
    assert run is not None
    finished = run.manifest.finished_at
    assert finished is not None
    moved = timedelta(hours=hours)
    manifest = replace(
        run.manifest,
        started_at=run.manifest.started_at + moved,
        finished_at=finished + moved,
    )
    write_manifest(run.folder, manifest)


def test_an_empty_store_has_empty_typed_views(store: Store) -> None:
    answer = store.query("SELECT host, filter_id, conditions FROM filters")
    assert (answer.types, answer.all()) == (("VARCHAR", "UBIGINT", "VARCHAR"), [])
    assert store.hosts() == []


def test_the_newest_snapshot_of_each_host_is_shown(store: Store) -> None:
    first = put_run(store, "a", "b", count=2)
    second = put_run(store, "b", "c", count=3)
    assert store.query(COUNT).all() == [("a", 2), ("b", 3), ("c", 3)]
    assert store.query(HOSTS).all() == [
        ("a", first, "ok", 2, False, first),
        ("b", second, "ok", 3, False, second),
        ("c", second, "ok", 3, False, second),
    ]
    every = "SELECT run_id, host, count(*) FROM filters_all GROUP BY ALL ORDER BY ALL"
    assert sorted(store.query(every).all()) == sorted(
        [(first, "a", 2), (first, "b", 2), (second, "b", 3), (second, "c", 3)]
    )


def test_a_failed_visit_leaves_the_older_snapshot_and_says_so(store: Store) -> None:
    good = put_run(store, "a")
    bad = failed(store, "a")
    assert store.query(HOSTS).all() == [("a", bad, "failed", 2, True, good)]
    assert store.query(COUNT).all() == [("a", 2)]
    line = store.hosts()[0]
    assert (line.cause, line.stale, line.snapshot_run_id) == ("timeout", True, good)


def test_a_host_that_was_never_reached_has_a_row(store: Store) -> None:
    bad = failed(store, "a")
    assert store.query(HOSTS).all() == [("a", bad, "failed", None, None, None)]
    with pytest.raises(UsageError, match="no snapshot of 'a'"):
        store.snapshot("a")


def test_a_partial_snapshot_hides_no_whole_one_unless_asked(store: Store) -> None:
    whole = put_run(store, "a", count=5)
    part = put_run(store, "a", "b", count=1, whole=False)
    assert store.query(COUNT).all() == [("a", 5), ("b", 1)]
    assert store.query(COUNT, partial=True).all() == [("a", 1), ("b", 1)]
    assert store.query(HOSTS).all() == [
        ("a", part, "partial", 5, True, whole),
        ("b", part, "partial", 1, False, part),
    ]
    assert len(store.snapshot("a").filters) == 5
    assert len(store.snapshot("a", partial=True).filters) == 1
    assert not store.snapshot("b").completeness.whole


def test_one_run_is_shown_exactly(store: Store) -> None:
    first = put_run(store, "a", "b", count=2)
    put_run(store, "b", count=3)
    part = put_run(store, "b", count=1, whole=False)
    assert store.query(COUNT, run=first).all() == [("a", 2), ("b", 2)]
    assert store.query(COUNT, run=part).all() == [("b", 1)]
    assert store.query(HOSTS, run=first).all()[1] == ("b", first, "ok", 2, False, first)
    assert len(store.snapshot("b", first).filters) == 2


def test_as_of_a_time_only_runs_finished_by_then_count(store: Store) -> None:
    first = put_run(store, "a", count=2)
    second = put_run(store, "a", count=3)
    shift(store, first, -10)
    shift(store, second, -5)
    put_run(store, "a", count=4)
    now = datetime.now(UTC)
    seen = [store.query(COUNT, at=now - timedelta(hours=hours)).all() for hours in (11, 9, 4, 0)]
    assert seen == [[], [("a", 2)], [("a", 3)], [("a", 4)]]
    every = "SELECT count(DISTINCT run_id) FROM filters_all"
    assert store.query(every, at=now - timedelta(hours=4)).all() == [(2,)]
    assert len(store.snapshot("a", at=now - timedelta(hours=9)).filters) == 2


def test_latest_goes_by_the_start_of_the_run_not_by_its_end(store: Store) -> None:
    slow = put_run(store, "a", count=2)
    quick = put_run(store, "a", count=3)
    shift(store, slow, -1)
    run = read_run(store.folder, slow)
    assert run is not None
    late = replace(run.manifest, finished_at=datetime.now(UTC) + timedelta(hours=1))
    write_manifest(run.folder, late)
    assert store.query(COUNT).all() == [("a", 3)]
    assert store.hosts()[0].run_id == quick


def test_events_alone_do_not_hide_an_older_snapshot(store: Store) -> None:
    first = put_run(store, "a")
    with store.begin_run(command="import") as writer:
        rows = [{"filter_id": 7, "type": "FWPM_NET_EVENT_TYPE_CLASSIFY_DROP"}]
        writer.add("a", {"events": table_of("events", rows, host="a", run_id=writer.run_id)})
    assert store.query(COUNT).all() == [("a", 2)]
    assert store.query("SELECT filter_id FROM events").all() == [(7,)]
    line = store.hosts()[0]
    assert (line.run_id, line.snapshot_run_id, line.stale) == (writer.run_id, first, True)


def test_an_interrupted_run_keeps_the_hosts_that_were_done(store: Store) -> None:
    def interrupted() -> None:
        with store.begin_run(command="collect") as writer:
            writer.add("a", made_snapshot())
            writer.add_outcome("b", "cancelled", "interrupted")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [(run.state, run.readable) for run in store.runs()] == [("interrupted", True)]
    assert store.query(COUNT).all() == [("a", 2)]
    assert [line.outcome for line in store.hosts()] == ["ok", "cancelled"]


def test_a_run_whose_writer_died_is_never_shown(store: Store) -> None:
    put_run(store, "a", count=2)
    now = datetime.now(UTC)
    dead = Manifest(id=new_id(now), state="running", command="import", started_at=now)
    write_manifest(store.folder / dead.id, dead)
    assert [(run.state, run.readable) for run in store.runs()][1] == ("interrupted", False)
    assert store.query(COUNT).all() == [("a", 2)]
    with pytest.raises(StoreError, match=f"wfp reparse {dead.id}"):
        store.query(COUNT, run=dead.id)


def test_a_run_that_is_being_written_is_not_shown(store: Store) -> None:
    with store.begin_run(command="import") as writer:
        writer.add("a", made_snapshot())
        assert [run.state for run in store.runs()] == ["running"]
        assert store.query(COUNT).all() == []
        with pytest.raises(StoreError, match="still being written"):
            store.query(COUNT, run=writer.run_id)
    assert store.query(COUNT).all() == [("a", 2)]


@pytest.mark.parametrize(
    ("name", "match"),
    [("", "no run|runs begin"), ("x", "no run begins with 'x'"), ("2", "2 runs begin with '2'")],
)
def test_a_wrong_run_is_refused(store: Store, name: str, match: str) -> None:
    put_run(store, "a")
    put_run(store, "a")
    with pytest.raises(UsageError, match=match):
        store.query(COUNT, run=name)


def test_a_run_is_found_by_its_beginning_and_as_latest(store: Store) -> None:
    first = put_run(store, "a")
    second = put_run(store, "a")
    shift(store, first, -1)
    assert store.run(first[:-1]).id == first
    assert store.run("latest").id == second


def test_rows_can_be_fetched_while_other_queries_are_asked(store: Store) -> None:
    put_run(store, "a", count=30)
    sql = "SELECT filter_id + 1000 * range FROM filters, range(1000) ORDER BY ALL"
    first = store.query(sql)
    rows = iter(first)
    start = [next(rows)[0] for _ in range(3)]
    put_run(store, "b")
    assert store.query(COUNT).all() == [("a", 30), ("b", 2)]
    assert start + [row[0] for row in rows] == list(range(1, 31)) + [
        number for more in range(1, 1000) for number in range(1 + 1000 * more, 31 + 1000 * more)
    ]


def test_a_run_that_was_not_finished_by_then_does_not_count(store: Store) -> None:
    run_id = put_run(store, "a")
    manifest = store.run(run_id).manifest
    early = replace(manifest, started_at=manifest.started_at - timedelta(hours=5))
    write_manifest(store.folder / run_id, early)
    assert store.query(COUNT, at=early.started_at + timedelta(hours=1)).all() == []
    assert early.finished_at is not None
    assert store.query(COUNT, at=early.finished_at).all() == [("a", 2)]
