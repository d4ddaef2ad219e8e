from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pywfp_ps.errors import StoreError, UsageError
from pywfp_ps.store import Store
from tests.store.store_rig import new_store, put_run


@pytest.fixture
def store(tmp_path: Path) -> Store:
    (tmp_path / "secret.csv").write_text("password\n")
    made = new_store(tmp_path)
    put_run(made, "a")
    return made


REFUSED = (
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_text('{store}/../secret.csv')",
    "SELECT * FROM '{store}/../secret.csv'",
    "SELECT * FROM read_csv('{store}/../secret.csv')",
    "SELECT * FROM read_blob('/proc/self/environ')",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM read_csv('http://127.0.0.1:9/x.csv')",
    "SELECT * FROM read_parquet('s3://bucket/x')",
    "SELECT * FROM parquet_metadata('/etc/passwd')",
    "COPY (SELECT 1) TO '{store}/evil.csv'",
    "COPY filters TO '/tmp/evil.csv'",
    "COPY filters FROM '/etc/passwd'",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{store}/evil.csv'",
    "EXPLAIN (ANALYZE) COPY (SELECT 1) TO '{store}/evil.csv'",
    "/* x */ EXPLAIN ANALYZE COPY (SELECT 1) TO '{store}/evil.csv'",
    "EXPLAIN ANALYZE EXPLAIN ANALYZE COPY (SELECT 1) TO '{store}/evil.csv'",
    "ATTACH '{store}/evil.db'",
    "DETACH memory",
    "INSTALL httpfs",
    "LOAD httpfs",
    "PRAGMA version",
    "PRAGMA enable_profiling",
    "EXPORT DATABASE '{store}/evil'",
    "IMPORT DATABASE '{store}/evil'",
    "SET memory_limit = '99GB'",
    "RESET memory_limit",
    "SET enable_external_access = true",
    "CALL pragma_version()",
    "CREATE TABLE t AS SELECT 1",
    "CREATE OR REPLACE VIEW filters AS SELECT 1",
    "CREATE SECRET (TYPE s3)",
    "DROP VIEW filters",
    "DELETE FROM internal.latest",
    "INSERT INTO internal.latest SELECT 'a', 'b', 'c'",
    "UPDATE internal.latest SET host = 'x'",
    "BEGIN",
    "USE memory",
    "PREPARE p AS SELECT 1",
    "CHECKPOINT",
    "VACUUM",
    "SELECT 1; SELECT 2",
    "SELECT 1; COPY (SELECT 1) TO '{store}/evil.csv'",
    "PIVOT (SELECT 'a' k) ON k USING count(*); COPY (SELECT 1) TO '{store}/evil.csv'",
    "",
    "-- nothing",
    "SELECT",
    "SELECT nothing FROM filters",
    "SELECT * FROM no_such_view",
    "SELECT * FROM store",
    "SELECT * FROM python_rows",
)


@pytest.mark.parametrize("sql", REFUSED)
def test_what_does_more_than_read_the_store_is_refused_in_one_line(store: Store, sql: str) -> None:
    python_rows = [1, 2, 3]
    before = sorted(store.folder.rglob("*"))
    with pytest.raises(UsageError, match=r"^SQL: ") as caught:
        store.query(sql.format(store=store.folder)).all()
    assert "\n" not in str(caught.value)
    assert sorted(store.folder.rglob("*")) == before
    assert store.query("SELECT count(*) FROM filters").all() == [(2,)]
    assert python_rows == [1, 2, 3]


ALLOWED = (
    ("FROM filters SELECT count(*)", [(2,)]),
    ("(SELECT 1)", [(1,)]),
    ("VALUES (1), (2)", [(1,), (2,)]),
    ("WITH x AS (SELECT 1 AS a) SELECT a FROM x", [(1,)]),
    ("SELECT 1;", [(1,)]),
    ("PIVOT (SELECT 'a' AS k, 1 AS v) ON k USING sum(v)", [(1,)]),
    ("SELECT count(*) FROM (DESCRIBE filters) WHERE column_name = 'filter_id'", [(1,)]),
    ("SELECT filter_id FROM FILTERS_WIDE ORDER BY 1", [(1,), (2,)]),
    ('SELECT filter_id FROM "filters" ORDER BY 1', [(1,), (2,)]),
    ("SELECT sum(filter_id) FROM filters", [(3,)]),
    ("SELECT 18446744073709551615::UBIGINT", [((1 << 64) - 1,)]),
)


@pytest.mark.parametrize(("sql", "rows"), ALLOWED)
def test_what_reads_is_allowed(store: Store, sql: str, rows: list[tuple[object, ...]]) -> None:
    assert store.query(sql).all() == rows


@pytest.mark.parametrize("sql", ["EXPLAIN SELECT 1", "explain analyze FROM filters", "SHOW TABLES"])
def test_plans_and_the_catalogue_can_be_looked_at(store: Store, sql: str) -> None:
    assert store.query(sql).all()


def test_parameters_are_values(store: Store) -> None:
    sql = "SELECT host FROM hosts WHERE host = ?"
    assert store.query(sql, parameters=["a"]).all() == [("a",)]
    assert store.query(sql, parameters=["' OR 1=1 --"]).all() == []


def test_names_that_come_twice_are_told_apart(store: Store) -> None:
    assert store.query("SELECT 1 AS a, 2 AS a, 3 AS a_2").columns == ("a", "a_2", "a_2_2")


def test_the_memory_limit_holds(store: Store) -> None:
    small = Store.open(store.folder, memory_limit="64MB")
    with pytest.raises(StoreError, match="more memory than allowed"):
        small.query("SELECT list(range) FROM range(100000000)").all()


_ENDLESS = """
import sys
from pywfp_ps.store import Store
store = Store.open(sys.argv[1])
print("ready", flush=True)
store.query("SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b").all()
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to one child")
def test_interrupt_ends_a_long_query(store: Store) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", _ENDLESS, str(store.folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=60)
    assert child.returncode != 0
    assert errors.rstrip().endswith("KeyboardInterrupt")
