"""Writes one run: raw bytes first, rows in parts of many hosts, the manifest last."""

from __future__ import annotations

import contextlib
import gzip
import re
import secrets
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Literal, Self

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from pywfp_ps.errors import StoreError, UsageError
from pywfp_ps.model.objects import Snapshot
from pywfp_ps.payload.names import folder_name
from pywfp_ps.payload.raw import write_raw
from pywfp_ps.payload.unpack import is_gzip
from pywfp_ps.store.columns import KINDS
from pywfp_ps.store.locks import Lock
from pywfp_ps.store.parts import BUFFER_BYTES, rows_without, write_part
from pywfp_ps.store.runs import RAW, REQUEST, Manifest, Part, write_manifest
from pywfp_ps.store.tables import table_of, tables_of

if TYPE_CHECKING:
    import pyarrow as pa

HOST_FILE: Final = "host.json"
"""Beside raw parts whose folder is not named as the host: its real name, as a JSON text."""

_PART_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_GZIP_LEVEL: Final = 6
_RESERVE: Final = ".reserve"
_RESERVE_BYTES: Final = 1 << 20
"""Kept free while a run is written, so that a full disk leaves room for the last words on it."""

Outcome = Literal["ok", "partial", "failed", "cancelled"]


class About(Struct, frozen=True, kw_only=True):
    """What a run knows of a host beside its outcome; goes to the columns of the same names."""

    computer: str | None = None
    domain: str | None = None
    os_name: str | None = None
    os_build: str | None = None
    elevated: bool | None = None
    boot_time: datetime | None = None
    bfe_started_at: datetime | None = None
    groups: tuple[str, ...] = ()


NOTHING: Final = About()


class RunWriter:
    """Writes a run; use it as a context manager.

    Leaving the block well finishes the run; leaving it by an exception keeps what is there and
    marks the run interrupted. A process that dies leaves a run that is never taken for a whole one.
    `put_raw` may be called from several threads.

    Attributes:
        run_id: Id of the run.
        folder: Its folder.
        flushes: How often rows went to disk so far; then all of them were there.
        lost: Hosts whose last rows could not be written, with what is left of them. The run says so
            of them where it can be finished at all.
    """

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        lock: Lock,
        *,
        rewrites: bool = False,
        goes_on: bool = False,
        kept: pa.Table | None = None,
        buffer_bytes: int = BUFFER_BYTES,
    ) -> None:
        self.run_id, self.folder = manifest.id, folder
        self._manifest, self._lock = manifest, lock
        self._rewrites, self._goes_on, self._kept = rewrites, goes_on, kept
        self._old: frozenset[str] | None = None
        self._buffer_bytes = buffer_bytes
        self._waiting: dict[str, dict[str, pa.Table]] = {}
        self._waiting_bytes = 0
        self._parts: dict[str, list[Part]] = {}
        self._seen: dict[str, Mapping[str, object]] = {}
        self._outcomes: dict[str, dict[str, object]] = {}
        self._folders = dict(manifest.folders)
        self._notes = list(manifest.notes)
        self._guard = threading.RLock()
        self._open = True
        self.flushes = 0
        self.lost: dict[str, Literal["partial", "failed"]] = {}
        self._reserve = folder / _RESERVE
        if not rewrites:
            with contextlib.suppress(OSError):  # then the last words may not fit: no worse than now
                write_raw(self._reserve, secrets.token_bytes(_RESERVE_BYTES))

    def put_raw(self, host: str, part: str, data: bytes, *, info: Struct | None = None) -> Path:
        """Keep the bytes of a part; when this returns they are on disk whole.

        Args:
            host: Name of the host.
            part: Name of the part, such as ``state``: lower-case letters, digits, ``.``, ``_``,
                ``-``.
            data: The bytes; gzip is kept as it is, all else is packed.
            info: Where, when and how they were taken; kept as JSON beside them.

        Returns:
            Path of the file.

        Raises:
            UsageError: No such part name can be.
            StoreError: It could not be written.
        """
        if not _PART_NAME.fullmatch(part):
            raise UsageError(f"no name for a part: {part!r}")
        self._check(host)
        folder = self.folder / RAW / folder_name(host)
        packed = data if is_gzip(data) else gzip.compress(data, _GZIP_LEVEL, mtime=0)
        with _told(folder):
            if folder.name != host and self._folders.get(folder.name) != host:
                write_raw(folder / HOST_FILE, msgspec.json.encode(host))
                self._folders[folder.name] = host
            if info is not None:
                write_raw(folder / f"{part}.json", msgspec.json.encode(info))
            return write_raw(folder / f"{part}.gz", packed)

    def add(self, host: str, rows: Snapshot | Mapping[str, pa.Table]) -> None:
        """Add the rows of a host: a snapshot, or tables from `tables_of` and `table_of`.

        A host may be added in several steps, each kind once. Its outcome is ``ok`` for a snapshot
        read to its end, else ``partial``, unless `add_outcome` says another.

        Raises:
            UsageError: The host already has rows of one of these kinds in this run, or there is no
                such kind.
            StoreError: A part could not be written.
        """
        self._check(host)
        if isinstance(rows, Snapshot):
            rows = tables_of(rows, host=host, run_id=self.run_id)
        with self._guard:
            seen = dict(self._seen.get(host, {}))
            for kind, table in rows.items():
                if kind not in KINDS or kind == "hosts":
                    raise UsageError(f"the store has no kind {kind!r} to add rows to")
                if kind in seen:
                    raise UsageError(f"{host} already has {kind} in run {self.run_id}")
                seen[kind] = _noted(kind, table)
            self._seen[host] = seen
            for kind, table in rows.items():
                if table.num_rows:
                    self._waiting.setdefault(kind, {})[host] = table
                    self._waiting_bytes += table.nbytes
            if self._waiting_bytes >= self._buffer_bytes:
                self._flush()

    def add_outcome(
        self,
        host: str,
        outcome: Outcome,
        cause: str | None = None,
        *,
        detail: str | None = None,
        advice: str | None = None,
        can_retry: bool | None = None,
        about: About = NOTHING,
    ) -> None:
        """Say how the visit of a host ended; the last word counts.

        Args:
            host: Name of the host.
            outcome: ``ok``, ``partial``, ``failed`` or ``cancelled``.
            cause: Slug of the reason, for all but ``ok``.
            detail: The reason in words.
            advice: What to do about it.
            can_retry: Whether trying again can help.
            about: What is known of the host.
        """
        self._check(host)
        told = {"detail": detail, "advice": advice, "can_retry": can_retry}
        facts = {**msgspec.structs.asdict(about), "groups": list(about.groups) or None}
        with self._guard:
            self._outcomes[host] = {"outcome": outcome, "cause": cause, **told, **facts}

    @property
    def is_open(self) -> bool:
        """Whether rows can still be added."""
        return self._open

    def has_old_rows(self, host: str) -> bool:
        """Whether a run that goes on holds rows of a host from before."""
        if self._kept is None:
            return False
        if self._old is None:
            hosts, holds = self._kept.column("host"), self._kept.column("holds")
            pairs = zip(hosts.to_pylist(), holds.to_pylist(), strict=True)
            self._old = frozenset(name for name, held in pairs if held)
        return host in self._old

    def old_hosts(self, group: str) -> frozenset[str]:
        """Hosts of which a run that goes on or is rewritten held a group, such as ``state``."""
        if self._kept is None:
            return frozenset()
        hosts, holds = self._kept.column("host"), self._kept.column("holds")
        pairs = zip(hosts.to_pylist(), holds.to_pylist(), strict=True)
        return frozenset(host for host, held in pairs if held and group in held)

    def put_request(self, request: Struct) -> None:
        """Keep what was asked for, so that `Store.request` gives it back; never with secrets.

        Raises:
            StoreError: It could not be written.
        """
        with _told(self.folder / REQUEST):
            write_raw(self.folder / REQUEST, msgspec.json.encode(request))

    def note(self, text: str) -> None:
        """Keep a line about the run in its manifest."""
        with self._guard:
            self._notes.append(text)

    def finish(self, *, interrupted: bool = False) -> None:
        """Write what is left, then the manifest; a second time does nothing.

        Args:
            interrupted: Whether the run ended before it was done.

        Raises:
            StoreError: Something could not be written; the run counts as interrupted.
        """
        with self._guard:
            if not self._open:
                return
            failure: StoreError | None = None
            try:
                self._free_reserve()
                try:
                    self._flush()
                except StoreError as error:
                    failure = error
                    self._lose(error)
                self._keep_old_rows()
                hosts = self._hosts_table()
                if hosts.num_rows:
                    self._write("hosts", hosts)
                self._close(hosts, interrupted=interrupted or failure is not None)
            except StoreError as error:
                self.lost = dict.fromkeys(self._seen, "failed")
                raise failure or error from None
            finally:
                self._open = False
                self._lock.release()
            if failure is not None:
                raise failure

    def abandon(self) -> None:
        """Leave what was there before: the rows of a rewritten run, or a run of raw parts only."""
        with self._guard:
            if self._open:
                self._open = False
                self._free_reserve()
                self._remove_others(self._manifest)
                self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.finish()
        elif self._rewrites:
            self.abandon()
        else:
            with contextlib.suppress(StoreError):  # the first error is the one to tell
                self.finish(interrupted=True)

    def _check(self, host: str) -> None:
        if not self._open:
            raise UsageError(f"run {self.run_id} is closed")
        try:
            host.encode()
        except UnicodeEncodeError:
            raise UsageError(f"no host name: {host!a}") from None
        if not host:
            raise UsageError("a host needs a name")

    def _flush(self) -> None:
        """Write the rows that wait, all of them or none."""
        import pyarrow as pa

        made: list[tuple[str, Part]] = []
        try:
            for kind, hosts in self._waiting.items():
                tables = [hosts[host] for host in sorted(hosts)]
                made.append((kind, self._part(kind, pa.concat_tables(tables))))
        except BaseException:
            for _, part in made:
                with contextlib.suppress(OSError):
                    (self.folder / part.file).unlink()
            raise
        for kind, part in made:
            self._parts.setdefault(kind, []).append(part)
        self._waiting.clear()
        self._waiting_bytes = 0
        self.flushes += 1

    def _lose(self, why: StoreError) -> None:
        """Say of the hosts whose rows wait that the store does not hold them."""
        for kind, hosts in self._waiting.items():
            for host in hosts:
                seen = {k: v for k, v in self._seen.get(host, {}).items() if k != kind}
                self._seen[host] = seen
                self.lost[host] = "partial" if "snapshots" in seen else "failed"
        for host, outcome in self.lost.items():
            if not self._seen[host]:
                del self._seen[host]
            told = {"outcome": outcome, "cause": "store", "detail": str(why), "can_retry": True}
            self._outcomes[host] = {**self._outcomes.get(host, {}), **told, "advice": None}
        self._waiting.clear()

    def _free_reserve(self) -> None:
        with contextlib.suppress(OSError):
            self._reserve.unlink(missing_ok=True)

    def _write(self, kind: str, table: pa.Table) -> None:
        self._parts.setdefault(kind, []).append(self._part(kind, table))

    def _part(self, kind: str, table: pa.Table) -> Part:
        with _told(self.folder / kind):
            return write_part(self.folder, kind, table)

    def _keep_old_rows(self) -> None:
        """Of a run that goes on: the parts it had, without hosts that brought rows again."""
        if not self._goes_on:
            return
        again = set(self._seen)
        for kind, parts in self._manifest.parts.items():
            for part in parts if kind != "hosts" else ():
                if not any(part.first <= host <= part.last for host in again):
                    self._parts.setdefault(kind, []).append(part)
                    continue
                rest = rows_without(self.folder, part, again)
                if rest.num_rows:
                    self._write(kind, rest)

    def _hosts_table(self) -> pa.Table:
        """A row a host of this run; of a rewritten run also those that were not added again."""
        import pyarrow as pa

        names = sorted({*self._seen, *self._outcomes})
        rows = [self._host_row(host) for host in names]
        made = table_of("hosts", rows, host="", run_id=self.run_id)
        made = made.set_column(0, "host", pa.array(names, pa.string()))
        if self._kept is None:
            return made
        if self._goes_on:
            return resumed_hosts(self._kept, made, set(self._seen))
        return merged_hosts(self._kept, made, {host for host in names if host in self._outcomes})

    def _host_row(self, host: str) -> dict[str, object]:
        seen = self._seen.get(host, {})
        told = self._outcomes.get(host, {})
        snapshot = seen.get("snapshots")
        row: dict[str, object] = dict(snapshot) if isinstance(snapshot, dict) else {}
        whole = row.pop("whole", True)
        row["outcome"] = "ok" if whole else "partial"
        if not whole:
            row["cause"] = "incomplete"
        row["holds"] = sorted({str(KINDS[kind].group) for kind in seen}) or None
        if snapshot is not None:
            row["filters"] = seen.get("filters", 0)
            counts = (seen.get(kind, 0) for kind in ("gaps", "facts_gaps", "context_gaps"))
            row["gap_count"] = sum(count for count in counts if isinstance(count, int))
        stated = {name: value for name, value in told.items() if value is not None}
        if "outcome" in stated and "cause" not in stated:
            row.pop("cause", None)
        return row | stated

    def _close(self, hosts: pa.Table, *, interrupted: bool) -> None:
        before = self._manifest
        outcomes = Counter(hosts.column("outcome").to_pylist())
        is_done = not interrupted and (not self._rewrites or before.state == "done")
        manifest = replace(
            before,
            state="done" if is_done else "interrupted",
            finished_at=(None if self._goes_on else before.finished_at) or datetime.now(UTC),
            hosts=hosts.num_rows,
            outcomes=dict(sorted(outcomes.items())),
            parts={kind: tuple(parts) for kind, parts in sorted(self._parts.items())},
            folders=dict(sorted(self._folders.items())),
            notes=tuple(self._notes),
        )
        with _told(self.folder):
            write_manifest(self.folder, manifest)
        self._remove_others(manifest)

    def _remove_others(self, manifest: Manifest) -> None:
        """Remove Parquet files that the manifest does not name."""
        named = {part.file for parts in manifest.parts.values() for part in parts}
        for kind in KINDS:
            for path in (self.folder / kind).glob("part-*.parquet"):
                if f"{kind}/{path.name}" not in named:
                    with contextlib.suppress(OSError):
                        path.unlink()


def merged_hosts(kept: pa.Table, made: pa.Table, told: set[str]) -> pa.Table:
    """Rows of hosts after a rewrite: new where rows came anew, what was told of them before kept.

    Args:
        kept: Rows before.
        made: Rows of the rewrite.
        told: Hosts whose outcome the rewrite said itself.
    """
    import pyarrow as pa

    before = {row["host"]: row for row in kept.to_pylist()}
    again = {row["host"]: row for row in made.to_pylist()}
    rows = []
    for host in sorted(before | again):
        old, new = before.get(host, {}), again.get(host, {})
        row = old | {name: value for name, value in new.items() if value is not None or not old}
        if old and new and host not in told:
            if old["outcome"] == "ok" or old["cause"] in _READING:
                row |= {name: new[name] for name in ("outcome", "cause", "detail", "advice")}
            else:  # reading again does not make a partial visit a whole one
                row |= {name: old[name] for name in ("outcome", "cause")}
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=made.schema)


def resumed_hosts(kept: pa.Table, made: pa.Table, brought: set[str]) -> pa.Table:
    """Rows of hosts after a run went on: the last attempt of each, over the rows that it holds.

    Args:
        kept: Rows before.
        made: Rows of the hosts that were visited now.
        brought: Those that brought rows; of the others the old rows stay.
    """
    import pyarrow as pa

    rows = {row["host"]: row for row in kept.to_pylist()}
    for new in made.to_pylist():
        host = new["host"]
        old = rows.get(host)
        if old is None or host in brought:
            rows[host] = new
        elif new["outcome"] != "cancelled":  # nobody tried to the end, so the old word stands
            rows[host] = old | {name: new[name] for name in _OF_ATTEMPT}
    return pa.Table.from_pylist([rows[host] for host in sorted(rows)], schema=made.schema)


_OF_ATTEMPT: Final = ("outcome", "cause", "detail", "advice", "can_retry")
_READING: Final = ("incomplete", "bug", "bad-payload")
"""Causes that another reader may lift."""


def _noted(kind: str, table: pa.Table) -> object:
    """What the row of a host needs of a table: its row, for the snapshot, else how many rows."""
    if kind != "snapshots":
        return table.num_rows
    names = ["taken_at", "source", "elevated", "whole", "complete"]
    rows = table.select(names).to_pylist()
    return rows[0] if rows else {}


@contextlib.contextmanager
def _told(place: Path) -> Iterator[None]:
    """Errors of the file system as one clear `StoreError`."""
    try:
        yield
    except OSError as error:
        raise StoreError(str(place), error.strerror or str(error)) from error
