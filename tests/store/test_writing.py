from __future__ import annotations

import errno
import gzip
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest
from msgspec import Struct

from pywfp_ps.errors import StoreError, UsageError
from pywfp_ps.payload import raw
from pywfp_ps.store import KINDS, About, Store, table_of, tables_of
from pywfp_ps.store.parts import write_part
from pywfp_ps.store.runs import Part, read_run, write_manifest
from pywfp_ps.store.sql import Answer, Engine, Parameters
from tests.store.store_rig import made_snapshot, new_store, put_run

COUNT = "SELECT host, count(*) FROM filters GROUP BY host ORDER BY host"
_ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return new_store(tmp_path)


class Info(Struct, frozen=True):
    content: str


def test_raw_parts_are_kept_as_they_came_under_safe_names(store: Store) -> None:
    hosts = ("web-01", "Web-01", "CON", "../../x", "a\nb", "x" * 300, "ü")
    with store.begin_run(command="import") as writer:
        for host in hosts:
            writer.put_raw(host, "state", host.encode())
        packed = gzip.compress(b"packed", 1)
        path = writer.put_raw("web-01", "facts", packed, info=Info("facts"))
        assert path.read_bytes() == packed
        assert path.with_suffix(".json").read_bytes() == b'{"content":"facts"}'
    assert [store.raw(host, writer.run_id, "state") for host in hosts] == [
        host.encode() for host in hosts
    ]
    parts = [(part.host, part.part) for part in store.raw_parts(writer.run_id)]
    assert parts == sorted([*((host, "state") for host in hosts), ("web-01", "facts")])
    inside = {path.relative_to(writer.folder / "raw").parts[0] for path in
              (writer.folder / "raw").rglob("*.gz")}  # fmt: skip
    assert len({name.lower() for name in inside}) == len(hosts)


@pytest.mark.parametrize("part", ["", "../x", "A", "a/b", "a\0", "x" * 65])
def test_a_strange_part_name_is_refused(store: Store, part: str) -> None:
    with store.begin_run(command="import") as writer, pytest.raises(UsageError, match="no name"):
        writer.put_raw("a", part, b"")
    with pytest.raises(UsageError, match="holds no part"):
        store.raw("a", writer.run_id, part)


@pytest.mark.parametrize("host", ["", "\udcff"])
def test_a_host_needs_a_name_that_is_text(store: Store, host: str) -> None:
    with store.begin_run(command="import") as writer, pytest.raises(UsageError, match="host"):
        writer.put_raw(host, "state", b"")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no mode bits")
def test_only_the_owner_may_look_into_the_store(store: Store) -> None:
    with store.begin_run(command="import") as writer:
        writer.put_raw("a", "state", b"x")
        writer.add("a", made_snapshot())
    modes = {stat.S_IMODE(path.stat().st_mode) for path in store.folder.rglob("*") if path.is_dir()}
    files = {
        stat.S_IMODE(path.stat().st_mode) for path in store.folder.rglob("*") if path.is_file()
    }
    assert (stat.S_IMODE(store.folder.stat().st_mode), modes, files) == (0o700, {0o700}, {0o600})


def test_many_hosts_share_a_part_sorted_by_host(store: Store) -> None:
    with store.begin_run(command="import") as writer:
        for host in ("c", "a", "b"):
            writer.add(host, made_snapshot())
    parts = writer_parts(store, writer.run_id)["filters"]
    assert [(part.rows, part.first, part.last) for part in parts] == [(6, "a", "c")]
    assert [store.snapshot(host) for host in "abc"] == [made_snapshot()] * 3


def writer_parts(store: Store, run_id: str) -> dict[str, tuple[Part, ...]]:
    return store.run(run_id).manifest.parts


def test_a_small_buffer_makes_several_parts(store: Store) -> None:
    with store.begin_run(command="import", buffer_bytes=1) as writer:
        for host in ("c", "a", "b"):
            writer.add(host, made_snapshot())
    assert len(writer_parts(store, writer.run_id)["filters"]) == 3
    assert store.query(COUNT).all() == [("a", 2), ("b", 2), ("c", 2)]
    assert store.snapshot("b") == made_snapshot()


def test_tables_of_a_worker_are_the_same_as_a_snapshot(store: Store) -> None:
    with store.begin_run(command="import") as writer:
        writer.add("a", tables_of(made_snapshot(), host="a", run_id=writer.run_id))
    assert store.snapshot("a") == made_snapshot()


def test_facts_and_outcomes_stand_in_hosts(store: Store) -> None:
    boot = datetime(2026, 11, 1, 8, tzinfo=UTC)
    with store.begin_run(command="collect", note="weekly") as writer:
        writer.add("a", made_snapshot())
        about = About(computer="A1", os_build="26100", boot_time=boot, groups=("web", "prod"))
        writer.add_outcome("a", "ok", about=about)
        writer.add_outcome("b", "failed", "dns", detail="no such name", advice="check", about=about)
        writer.note("b is unknown")
    names = "host, computer, os_build, boot_time, groups, outcome, cause, elevated, source, filters"
    assert store.query(f"SELECT {names} FROM hosts ORDER BY host").all() == [
        ("a", "A1", "26100", boot, ["web", "prod"], "ok", None, True, "netsh", 2),
        ("b", "A1", "26100", boot, ["web", "prod"], "failed", "dns", None, None, None),
    ]
    run = store.run("latest").manifest
    assert (run.hosts, run.outcomes, run.notes, run.note) == (
        2, {"failed": 1, "ok": 1}, ("b is unknown",), "weekly"
    )  # fmt: skip


def test_a_kind_is_added_once_a_host(store: Store) -> None:
    with store.begin_run(command="import") as writer:
        writer.add("a", made_snapshot())
        with pytest.raises(UsageError, match="already has"):
            writer.add("a", made_snapshot())
        with pytest.raises(UsageError, match="no kind 'nothing'"):
            writer.add("a", {"nothing": pa.table({})})
        volumes = [{"letter": "C:", "device": "D"}]
        writer.add("a", {"volumes": table_of("volumes", volumes, host="a", run_id=writer.run_id)})
    assert store.query("SELECT host, letter FROM volumes").all() == [("a", "C:")]
    with pytest.raises(UsageError, match="is closed"):
        writer.add("b", made_snapshot())


def test_an_unknown_column_is_refused() -> None:
    with pytest.raises(UsageError, match="volumes has no column lettre"):
        table_of("volumes", [{"lettre": "C:"}], host="a", run_id="r")
    with pytest.raises(UsageError, match="no kind 'x'"):
        table_of("x", [], host="a", run_id="r")


def test_parts_of_another_version_stay_readable(store: Store) -> None:
    run_id = put_run(store, "a")
    run = read_run(store.folder, run_id)
    assert run is not None
    (part,) = run.manifest.parts["filters"]
    import pyarrow.parquet as pq

    old = pq.read_table(run.folder / part.file).drop_columns(["owner", "rest", "filter_type"])
    old = old.append_column("gone", pa.array(["x"] * old.num_rows))
    pq.write_table(old, run.folder / part.file)
    size = (run.folder / part.file).stat().st_size
    parts = {**run.manifest.parts, "filters": (
        msgspec.structs.replace(part, bytes=size, columns="0123"),)}  # fmt: skip
    write_manifest(run.folder, msgspec.structs.replace(run.manifest, parts=parts))
    put_run(store, "b")
    sql = "SELECT host, filter_id, owner IS NULL, rest FROM filters_wide ORDER BY ALL"
    assert store.query(sql).all() == [
        ("a", 1, True, None), ("a", 2, True, None), ("b", 1, False, None), ("b", 2, False, None)
    ]  # fmt: skip
    assert store.snapshot("a") == made_snapshot()


def test_a_file_that_is_gone_or_cut_is_noticed(store: Store) -> None:
    run_id = put_run(store, "a")
    parts = sorted((store.folder / run_id / "filters").iterdir())
    parts[0].write_bytes(parts[0].read_bytes()[:-1])
    with pytest.raises(StoreError, match=rf"has \d+ bytes, not \d+.*wfp reparse {run_id}"):
        store.query(COUNT)
    parts[0].unlink()
    with pytest.raises(StoreError, match=f"No such file.*wfp reparse {run_id}"):
        store.query(COUNT)
    with pytest.raises(StoreError, match="No such file"):
        store.snapshot("a")
    assert store.query("SELECT count(*) FROM conditions").all() == [(2,)]


def test_a_manifest_that_is_gone_or_nonsense_is_noticed(store: Store) -> None:
    run_id = put_run(store, "a")
    manifest = store.folder / run_id / "manifest.json"
    text = manifest.read_text()
    for wrong, match in (
        ("{", "is no manifest"),
        (text.replace('"v": 1', '"v": 2'), "newer version"),
        (text.replace("filters/part", "../../etc/part"), "is no manifest"),
        (text.replace(run_id, "20200101T000000Z-000000"), "another run"),
    ):
        manifest.write_text(wrong)
        with pytest.raises(StoreError, match=match):
            store.runs()
    manifest.unlink()
    with pytest.raises(StoreError, match=r"manifest\.json is gone"):
        store.query(COUNT)


def test_what_is_no_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no store"):
        Store.open(tmp_path / "none")
    (tmp_path / "file").write_text("x")
    for place in (tmp_path, tmp_path / "file"):
        with pytest.raises(StoreError, match="store"):
            Store.open(place, create=True)
    Store.open(tmp_path / "new", create=True)
    (tmp_path / "new" / "store.json").write_text('{"v": 2}')
    with pytest.raises(StoreError, match="newer version"):
        Store.open(tmp_path / "new")


@pytest.mark.parametrize("name", ["with space", "it's", "a[1]*?", "ü", "semi;colon"])
def test_any_folder_name_will_do(tmp_path: Path, name: str) -> None:
    if os.name == "nt" and set(name) & set("*?"):
        pytest.skip("Windows has no such names")
    store = new_store(tmp_path / name)
    put_run(store, "a")
    assert store.query(COUNT).all() == [("a", 2)]
    assert store.snapshot("a") == made_snapshot()


def refuse(wanted: str, number: int) -> Callable[..., Path]:
    """A `write_raw` that has no room for files of one kind."""

    def write(path: Path, data: object) -> Path:
        if wanted in str(path):
            raise OSError(number, os.strerror(number))
        return raw.write_raw(path, data)  # type: ignore[arg-type]

    return write


@pytest.mark.parametrize(
    ("where", "is_told"), [("filters/", True), ("conditions/", True), ("manifest.json", False)]
)
def test_a_full_disk_leaves_no_run_that_looks_whole(
    store: Store, monkeypatch: pytest.MonkeyPatch, where: str, is_told: bool
) -> None:
    put_run(store, "a", count=1)
    with store.begin_run(command="import") as writer:
        writer.add("a", made_snapshot(3))
        for module in ("parts", "runs"):
            monkeypatch.setattr(f"pywfp_ps.store.{module}.write_raw", refuse(where, errno.ENOSPC))
        with pytest.raises(StoreError, match="No space left on device"):
            writer.finish()
    monkeypatch.undo()
    assert [(run.state, run.readable) for run in store.runs()] == [
        ("done", True), ("interrupted", is_told)
    ]  # fmt: skip
    assert store.query(COUNT).all() == [("a", 1)]
    assert writer.lost == {"a": "failed"}
    assert list(writer.folder.rglob(".reserve")) == []
    if is_told:
        (line,) = store.hosts(run=writer.run_id)
        assert (line.outcome, line.cause) == ("failed", "store")
        assert list(writer.folder.glob("[!h]*/*.parquet")) == []


def test_rows_that_had_no_room_once_are_written_when_there_is_some(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store.begin_run(command="import", buffer_bytes=1) as writer:
        writer.add("a", made_snapshot(1))
        monkeypatch.setattr("pywfp_ps.store.parts.write_raw", refuse("filters/", errno.ENOSPC))
        with pytest.raises(StoreError, match="No space left on device"):
            writer.add("b", made_snapshot(3))
        monkeypatch.undo()
        writer.add("c", made_snapshot(2))
    assert writer.lost == {}
    assert sorted(store.query(COUNT).all()) == [("a", 1), ("b", 3), ("c", 2)]


_AS_NOBODY = """
import os, sys
import duckdb, pyarrow.parquet, pytz
import importlib.metadata, pywfp_ps.store.filter_rows, pywfp_ps.store.writer
from pywfp_ps.store import Store
from pywfp_ps.errors import StoreError
os.setgid(65534); os.setuid(65534)
store = Store.open(sys.argv[1])
print(store.query("SELECT count(*) FROM filters").all(), [run.state for run in store.runs()])
try:
    store.begin_run(command="import")
except StoreError as error:
    print(error)
try:
    store.prune(keep=0)
except StoreError as error:
    print(error)
"""


@pytest.mark.skipif(
    not hasattr(os, "getuid") or os.getuid() != 0, reason="root alone can be another"
)
def test_a_store_that_cannot_be_written_can_be_read(store: Store, tmp_path: Path) -> None:
    run_id = put_run(store, "a")
    for path in [*store.folder.rglob("*"), store.folder]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    for parent in store.folder.parents:
        if parent.stat().st_uid == 0 and str(parent).startswith("/tmp/"):
            parent.chmod(parent.stat().st_mode | 0o055)
    done = subprocess.run(
        [sys.executable, "-c", _AS_NOBODY, str(store.folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=_ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "HOME": str(tmp_path)},
    )
    lines = done.stdout.splitlines()
    assert lines[0] == "[(2,)] ['done']", done.stderr
    assert "Permission denied" in lines[1]
    assert (store.folder / run_id).is_dir()


_IMPORT = """
import sys
from pywfp_ps.store import Store
from tests.store.store_rig import made_snapshot
store = Store.open(sys.argv[1], create=True)
for number in range(3):
    with store.begin_run(command="import", buffer_bytes=1) as writer:
        for host in range(3):
            name = f"{sys.argv[2]}-{host}"
            writer.put_raw(name, "state", name.encode())
            writer.add(name, made_snapshot())
    assert len(store.query("SELECT host FROM filters").all()) >= 6
    store.prune(keep=6)
"""


@pytest.mark.slow
def test_imports_at_once_do_not_harm_each_other(tmp_path: Path) -> None:
    def start(name: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", _IMPORT, str(tmp_path / "store"), name]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=_ROOT)

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(start, "abcd"))
    assert [(one.returncode, one.stderr) for one in done] == [(0, "")] * 4
    store = Store.open(tmp_path / "store")
    assert {run.state for run in store.runs()} == {"done"}
    for run in store.runs():
        for part in store.raw_parts(run.id):
            assert store.raw(part.host, run.id, part.part) == part.host.encode()
            assert store.snapshot(part.host, run.id) == made_snapshot()


def test_raw_parts_can_be_put_by_many_threads(store: Store) -> None:
    hosts = [f"HOST {number}" for number in range(30)]
    with store.begin_run(command="collect") as writer, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda host: writer.put_raw(host, "state", host.encode()), hosts))
    assert sorted(part.host for part in store.raw_parts(writer.run_id)) == sorted(hosts)


def test_a_rewrite_replaces_the_rows_and_keeps_the_outcomes(store: Store) -> None:
    with store.begin_run(command="collect") as writer:
        writer.add("a", made_snapshot(1, whole=False))
        writer.add("b", made_snapshot(1))
        writer.add_outcome("b", "partial", "timeout", about=About(computer="B1"))
        writer.add_outcome("c", "failed", "dns")
        writer.add_outcome("d", "failed", "bug")
    before = sorted(path.name for path in writer.folder.rglob("*.parquet"))
    with store.rewrite(writer.run_id[:-1]) as again:
        for host in "abd":
            again.add(host, made_snapshot(4))
    assert not set(before) & {path.name for path in writer.folder.rglob("*.parquet")}
    sql = "SELECT host, outcome, cause, computer, filters FROM hosts ORDER BY host"
    assert store.query(sql).all() == [
        ("a", "ok", None, None, 4),
        ("b", "partial", "timeout", "B1", 4),
        ("c", "failed", "dns", None, None),
        ("d", "ok", None, None, 4),
    ]
    assert store.query(COUNT).all() == [("a", 4), ("b", 4), ("d", 4)]
    assert [run.state for run in store.runs()] == ["done"]


def test_a_rewrite_that_fails_changes_nothing(store: Store) -> None:
    run_id = put_run(store, "a")
    before = {path: path.read_bytes() for path in store.folder.rglob("*") if path.is_file()}

    def rewrite() -> None:
        with store.rewrite(run_id, buffer_bytes=1) as writer:
            writer.add("a", made_snapshot(9))
            raise RuntimeError("a reader failed")

    with pytest.raises(RuntimeError, match="a reader failed"):
        rewrite()
    assert {path: path.read_bytes() for path in store.folder.rglob("*") if path.is_file()} == before


def test_a_run_is_rewritten_by_one_at_a_time(store: Store) -> None:
    run_id = put_run(store, "a")
    with (
        store.rewrite(run_id) as writer,
        pytest.raises(StoreError, match=f"run {run_id} is being written"),
    ):
        store.rewrite(run_id)
    assert writer.run_id == run_id


def test_prune_keeps_the_newest_and_what_is_being_written(store: Store) -> None:
    runs = [put_run(store, "a") for _ in range(4)]
    order = [run.id for run in store.runs()]
    assert sorted(order) == sorted(runs)
    with store.begin_run(command="import") as writer:
        gone = store.prune(keep=3)
        assert [run.id for run in gone] == order[:2]
        assert store.prune(older_than=timedelta(hours=1)) == []
        assert store.prune(keep=1, older_than=timedelta()) != []
    assert [run.id for run in store.runs()] == [writer.run_id]
    assert [run.id for run in store.prune(keep=0)] == [writer.run_id]
    assert sorted(entry.name for entry in store.folder.iterdir()) == [".locks", "store.json"]


def test_prune_says_what_it_cannot_remove(store: Store) -> None:
    run = put_run(store, "a")
    lock = store.folder / ".locks" / run
    lock.unlink(missing_ok=True)
    lock.mkdir()  # as good as a disk that cannot be written
    with pytest.raises(StoreError, match=f"{run}: Is a directory"):
        store.prune(keep=0)
    assert [one.id for one in store.runs()] == [run]


def test_prune_needs_a_limit_that_makes_sense(store: Store) -> None:
    with pytest.raises(UsageError, match="a number of runs to keep, or an age"):
        store.prune()
    with pytest.raises(UsageError, match="negative"):
        store.prune(keep=-1)
    with pytest.raises(UsageError, match="negative"):
        store.prune(older_than=timedelta(days=-1))


def test_answers_go_to_parquet_with_exact_ids(store: Store, tmp_path: Path) -> None:
    put_run(store, "a")
    path = tmp_path / "out.parquet"
    sql = "SELECT host, filter_id, 18446744073709551615::UBIGINT AS big FROM filters"
    assert store.query(sql).write_parquet(path) == 2
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    assert table.schema.field("big").type == pa.uint64()
    assert table.column("big").to_pylist() == [(1 << 64) - 1] * 2


def test_every_kind_can_be_written_empty_columns_included(tmp_path: Path) -> None:
    for name in KINDS:
        table = table_of(name, [{}], host="a", run_id="r")
        part = write_part(tmp_path, name, table)
        assert (part.rows, part.first, part.columns) == (1, "a", KINDS[name].digest)


def test_a_run_that_goes_while_a_question_is_asked_is_not_missed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_run(store, "a")
    put_run(store, "a")
    ask, other = Engine.ask, Store.open(store.folder)

    def after_a_prune(engine: Engine, sql: str, parameters: Parameters) -> Answer:
        other.prune(keep=1)
        return ask(engine, sql, parameters)

    monkeypatch.setattr(Engine, "ask", after_a_prune)
    assert store.query("SELECT count(*) FROM snapshots_all").all() == [(1,)]
