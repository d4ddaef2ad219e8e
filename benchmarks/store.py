"""The store: a group-by over a million filters in 30 runs, rows of one host, one host back."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path

import duckdb
import pyarrow as pa

from pywfp_ps.model.objects import Completeness, Condition, Filter, Layer, Snapshot
from pywfp_ps.model.tables import key_of, names_of
from pywfp_ps.store import Store, tables_of

_ROUNDS = 5
_RUNS = 30
_HOSTS = 34
_FILTERS = 1_000
_SQL = "SELECT layer, action, count(*) FROM {} GROUP BY layer, action ORDER BY ALL"


def rows() -> list[tuple[str, str, str, str, str]]:
    """Rows of the table: what, ours, what it is compared with, ratio, budget."""
    snapshot = _snapshot()
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Path(folder) / "store", create=True)
        _fill(store, snapshot)
        return [*_asked(store), *_as_command(store), *_one_host(store, snapshot)]


def _asked(store: Store) -> list[tuple[str, str, str, str, str]]:
    """The group-by over all runs, and over the latest, beside the same files in bare DuckDB."""
    connection = duckdb.connect()
    found = []
    for view, runs in (("filters_all", _RUNS), ("filters", 1)):
        files = [
            str(run.folder / part.file)
            for run in store.runs()[-runs:]
            for part in run.manifest.parts["filters"]
        ]
        bare_sql = _SQL.format(f"read_parquet({files})")
        ours, bare = _side_by_side(
            partial(_ask, store, _SQL.format(view)), partial(_ask_bare, connection, bare_sql)
        )
        count = runs * _HOSTS * _FILTERS
        found.append(
            (
                f"group-by over {count:,} filters, {runs} of {_RUNS} runs, in process",
                f"{ours * 1e3:.0f} ms",
                f"{bare * 1e3:.0f} ms bare DuckDB, same files",
                f"{ours / bare:.1f} x",
                "100 ms" if runs > 1 else "",
            )
        )
    return found


def _ask(store: Store, sql: str) -> int:
    return len(store.query(sql).all())


def _ask_bare(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    return len(connection.execute(sql).fetchall())


def _as_command(store: Store) -> list[tuple[str, str, str, str, str]]:
    wfp = Path(sys.executable).with_name("wfp")
    command = [str(wfp), "sql", "--store", str(store.folder), "--json"]
    ours, bare = _side_by_side(
        lambda: subprocess.run(
            [*command, _SQL.format("filters_all")], check=True, capture_output=True
        ),
        lambda: subprocess.run([sys.executable, "-c", "import duckdb, click"], check=True),
    )
    return [
        (
            "the same over all runs as `wfp sql`",
            f"{ours * 1e3:.0f} ms",
            f"{bare * 1e3:.0f} ms import of duckdb and click alone",
            f"{ours / bare:.1f} x",
            "700 ms",
        )
    ]


def _one_host(store: Store, snapshot: Snapshot) -> list[tuple[str, str, str, str, str]]:
    run_id = store.runs()[-1].id
    made, read = _side_by_side(
        lambda: tables_of(snapshot, host="h", run_id=run_id), lambda: store.snapshot("host-17")
    )
    return [
        (
            f"rows of a host with {_FILTERS:,} filters",
            f"{made * 1e3:.0f} ms",
            f"{read * 1e3:.0f} ms one host back from the store",
            f"{made / read:.1f} x",
            "",
        )
    ]


def _side_by_side(ours: Callable[[], object], other: Callable[[], object]) -> tuple[float, float]:
    """Median seconds of both, taken in turns after a round that does not count."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(_ROUNDS + 1):
        for kept, work in zip(times, (ours, other), strict=True):
            start = time.perf_counter()
            work()
            if number:
                kept.append(time.perf_counter() - start)
    return statistics.median(times[0]), statistics.median(times[1])


def _fill(store: Store, snapshot: Snapshot) -> None:
    """The rows of one host under other names, so that filling takes seconds."""
    made = tables_of(snapshot, host="", run_id="")
    for _ in range(_RUNS):
        with store.begin_run(command="benchmark") as writer:
            for number in range(_HOSTS):
                host = f"host-{number:02}"
                named = {
                    kind: _renamed(table, host, writer.run_id)
                    for kind, table in made.items()
                    if kind != "conditions" or number == 17
                }
                writer.add(host, named)


def _renamed(table: pa.Table, host: str, run_id: str) -> pa.Table:
    hosts = pa.array([host] * table.num_rows, pa.string())
    runs = pa.array([run_id] * table.num_rows, pa.string())
    return table.set_column(0, "host", hosts).set_column(1, "run_id", runs)


def _snapshot() -> Snapshot:
    layers = names_of("layers")[:60]
    return Snapshot(
        source="netsh",
        completeness=Completeness(command="netsh wfp show state"),
        layers=tuple(
            Layer(id=number, key=key_of("layers", name), const_name=name)
            for number, name in enumerate(layers)
        ),
        filters=tuple(_filter(number, layers[number % len(layers)]) for number in range(_FILTERS)),
    )


def _filter(number: int, layer: str) -> Filter:
    address = IPv4Address((10 << 24) + (number << 8))
    return Filter(
        id=70_000 + number,
        key=key_of("layers", layer),
        name=f"Rule {number % 300}",
        layer=layer,
        layer_key=key_of("layers", layer),
        sublayer="FWPM_SUBLAYER_MPSSVC_WF",
        provider="FWPM_PROVIDER_MPSSVC_WF",
        provider_data=(number // 4).to_bytes(8, "little"),
        effective_weight=(1 << 63) + number,
        action="FWP_ACTION_PERMIT" if number % 3 else "FWP_ACTION_BLOCK",
        conditions=(
            _condition("IP_PROTOCOL", "FWP_UINT8", 6),
            _condition("IP_REMOTE_PORT", "FWP_UINT16", 443),
            _condition("IP_REMOTE_PORT", "FWP_UINT16", number),
            _condition("IP_REMOTE_ADDRESS", "FWP_UINT32", address),
            _condition(
                "ALE_APP_ID",
                "FWP_BYTE_BLOB_TYPE",
                f"\\device\\harddiskvolume3\\program files\\app {number % 50}\\app.exe",
            ),
        ),
    )


def _condition(field: str, kind: str, value: int | str | IPv4Address) -> Condition:
    name = f"FWPM_CONDITION_{field}"
    key = key_of("conditions", name)
    return Condition(field=name, field_key=key, match="FWP_MATCH_EQUAL", type=kind, value=value)
