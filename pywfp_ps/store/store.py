"""The store: a folder of runs, written run by run, asked by SQL or by host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import msgspec
from msgspec import Struct

from pywfp_ps.errors import NoStoreError, StoreError, UsageError
from pywfp_ps.model.context import HostContext
from pywfp_ps.model.objects import Snapshot
from pywfp_ps.payload.names import folder_name
from pywfp_ps.store.columns import KINDS, VIEWS
from pywfp_ps.store.keeping import MARK, VERSION, create_store, prune
from pywfp_ps.store.locks import Lock
from pywfp_ps.store.parts import BUFFER_BYTES, all_rows, check_parts, rows_of
from pywfp_ps.store.rebuild import columns_needed, snapshot_of
from pywfp_ps.store.runs import (
    RAW,
    REQUEST,
    Manifest,
    Run,
    is_run_id,
    list_runs,
    lock_path,
    new_id,
    read_run,
    write_manifest,
)
from pywfp_ps.store.sql import Answer, Engine
from pywfp_ps.store.surroundings import newest_context
from pywfp_ps.store.views import (
    ALL,
    COUNT_HELD,
    COUNT_NEWEST,
    Latest,
    attempts,
    counted,
    mentioned,
    mentions_macros,
    parts_of,
    view_of_all,
    view_of_latest,
    with_aliases,
)

if TYPE_CHECKING:
    from pywfp_ps.store.raw_parts import RawPart
    from pywfp_ps.store.writer import RunWriter

_TRIES: Final = 5


class HostLine(Struct, frozen=True, kw_only=True):
    """One host as the view ``hosts`` has it, in short.

    Attributes:
        host: Its name.
        run_id: Run of its last attempt.
        outcome: How that ended: ok, partial, failed or cancelled.
        cause: Why it was not ok.
        snapshot_run_id: Run whose snapshot the data views show.
        stale: Whether that is older than the last attempt.
    """

    host: str
    run_id: str
    outcome: str
    cause: str | None
    snapshot_run_id: str | None
    stale: bool | None


class Store:
    """A folder of runs.

    Open it with `Store.open`; it holds a database in memory once a query was asked, which `close`
    or the end of a ``with`` block gives back.

    Attributes:
        folder: Where it is.
    """

    def __init__(self, folder: Path, *, memory_limit: str | None = None) -> None:
        self.folder = folder
        self._memory_limit = memory_limit
        self._engine: Engine | None = None

    @classmethod
    def open(
        cls, folder: Path | str, *, create: bool = False, memory_limit: str | None = None
    ) -> Self:
        """Open a store.

        Args:
            folder: Where it is.
            create: Make it where there is none; the folder may exist if it is empty.
            memory_limit: What queries may use, such as ``2GB``; half of the machine's by default.

        Raises:
            StoreError: There is none, or the folder holds something else.
        """
        place = Path(folder).expanduser().resolve()
        try:
            version = (place / MARK).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            if not create:
                raise NoStoreError(
                    str(place), "there is no store; wfp import or wfp collect makes one"
                ) from None
            create_store(place)
            version = VERSION
        except OSError as error:
            raise StoreError(str(place), error.strerror or str(error)) from None
        try:
            known = msgspec.json.decode(version, type=dict[str, int]).get("v") == 1
        except msgspec.DecodeError:
            known = False
        if not known:
            raise StoreError(str(place / MARK), "made by a newer version, or damaged")
        return cls(place, memory_limit=memory_limit)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back the database in memory."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    # Runs

    def runs(self) -> list[Run]:
        """All runs, oldest first.

        Raises:
            StoreError: A manifest is gone or unreadable.
        """
        return list(list_runs(self.folder))

    def run(self, name: str) -> Run:
        """The run of an id, of the beginning of one, or ``latest``.

        Raises:
            UsageError: No run, or more than one, is meant.
        """
        if is_run_id(name):
            run = read_run(self.folder, name)
            found = [run] if run else []
        else:
            runs = self.runs()
            found = runs[-1:] if name == "latest" else [r for r in runs if r.id.startswith(name)]
        if len(found) != 1 or not name:
            some = f"{len(found)} runs begin" if len(found) > 1 else "no run begins"
            raise UsageError(f"{some} with {name!r}; wfp runs lists them")
        return found[0]

    def begin_run(
        self, *, command: str, note: str = "", version: str = "", buffer_bytes: int = BUFFER_BYTES
    ) -> RunWriter:
        """Begin a run; rows can be asked for once it is finished.

        Args:
            command: What makes the run, such as ``import``; never with secrets.
            note: Free text of the user.
            version: Version of the program; this one's where it is empty.
            buffer_bytes: Rows held in memory before a part is written.

        Raises:
            StoreError: The store cannot be written.
        """
        from importlib import metadata

        from pywfp_ps.store.writer import RunWriter

        now = datetime.now(UTC)
        manifest = Manifest(
            id=new_id(now),
            state="running",
            command=command,
            note=note,
            started_at=now,
            version=version or metadata.version("pywfp-ps"),
        )
        lock = Lock(lock_path(self.folder, manifest.id))
        lock.take("a run of that id is being written")
        folder = self.folder / manifest.id
        try:
            # The manifest is there before the folder has its name: no run is ever without one.
            new = self.folder / f".{manifest.id}.new"
            new.mkdir(mode=0o700)
            (new / RAW).mkdir(mode=0o700)
            write_manifest(new, manifest)
            new.rename(folder)
        except OSError as error:
            lock.release()
            raise StoreError(str(self.folder), error.strerror or str(error)) from None
        return RunWriter(folder, manifest, lock, buffer_bytes=buffer_bytes)

    def rewrite(self, name: str, *, buffer_bytes: int = BUFFER_BYTES) -> RunWriter:
        """Write the rows of a run anew, from what `raw_parts` gives.

        The old rows stay until the new ones are whole; an exception keeps them. Outcomes of hosts
        that are not added again are kept.

        Raises:
            UsageError: There is no such run.
            StoreError: It is being written, or cannot be.
        """
        from pywfp_ps.store.raw_parts import raw_hosts
        from pywfp_ps.store.writer import RunWriter

        run = self.run(name)
        lock = Lock(lock_path(self.folder, run.id))
        lock.take(f"run {run.id} is being written")
        try:
            run = self.run(run.id)
            parts = run.manifest.parts.get("hosts")
            kept = all_rows(run.folder, parts) if parts else None
            named = {folder_name(host): host for host in raw_hosts(run)}
            folders = {folder: host for folder, host in named.items() if folder != host}
            manifest = msgspec.structs.replace(run.manifest, folders=folders)
            return RunWriter(
                run.folder, manifest, lock, rewrites=True, kept=kept, buffer_bytes=buffer_bytes
            )
        except BaseException:
            lock.release()
            raise

    def resume_run(self, name: str, *, buffer_bytes: int = BUFFER_BYTES) -> RunWriter:
        """Go on with a run.

        Rows and outcomes of hosts that are not added again stay as they are. A host that brings
        rows replaces all of its old ones; one with an outcome alone keeps them. Until the writer
        is finished, queries see the run as it was. Of a run whose writer died only raw parts are
        there, see `raw_parts`.

        Raises:
            UsageError: There is no such run.
            StoreError: It is being written, or cannot be.
        """
        from pywfp_ps.store.writer import RunWriter

        run = self.run(name)
        lock = Lock(lock_path(self.folder, run.id))
        lock.take(f"run {run.id} is being written")
        try:
            run = self.run(run.id)
            parts = run.manifest.parts.get("hosts")
            kept = all_rows(run.folder, parts) if parts else None
            return RunWriter(
                run.folder, run.manifest, lock, goes_on=True, kept=kept, buffer_bytes=buffer_bytes
            )
        except BaseException:
            lock.release()
            raise

    def request(self, name: str) -> bytes | None:
        """What a run was asked for, as `RunWriter.put_request` kept it; None where nobody did.

        Raises:
            UsageError: There is no such run.
            StoreError: It cannot be read.
        """
        path = self.run(name).folder / REQUEST
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(str(path), error.strerror or str(error)) from None

    def prune(self, *, keep: int | None = None, older_than: timedelta | None = None) -> list[Run]:
        """Remove runs: all but the newest `keep`, and of those left the ones `older_than`.

        With both, a run goes only if both say so. A run that is being written stays.

        Returns:
            The runs that are gone.

        Raises:
            UsageError: Neither limit is given, or one makes no sense.
            StoreError: A run cannot be removed.
        """
        if keep is None and older_than is None:
            raise UsageError("prune needs a number of runs to keep, or an age")
        if (keep is not None and keep < 0) or (older_than is not None and older_than < timedelta()):
            raise UsageError("prune: a number of runs or an age cannot be negative")
        return prune(self.folder, self.runs(), keep=keep, older_than=older_than)

    # Questions

    def query(
        self,
        sql: str,
        *,
        run: str | None = None,
        at: datetime | None = None,
        partial: bool = False,
        parameters: Sequence[object] | Mapping[str, object] = (),
    ) -> Answer:
        """Ask in SQL; docs/columns.md has the views.

        Args:
            sql: One statement that reads.
            run: Show exactly this run, in views without ``_all``.
            at: Show what was known then: runs finished by that time.
            partial: Take the newest snapshot even where it is partial and an older one is not.
            parameters: Values for ``?`` or ``$name`` in the statement.

        Returns:
            The rows, which can be fetched while other queries are asked.

        Raises:
            UsageError: The statement is wrong or does more than read, or there is no such run.
            StoreError: Files are gone or damaged.
        """
        if self._engine is None:
            self._engine = Engine(self.folder, self._memory_limit)
        if mentions_macros(sql):
            self._engine.make_macros()
        left = _TRIES
        while True:
            left -= 1
            every, shown = self._visible(run, at)
            try:
                self._make_views(self._engine, mentioned(sql), every, shown, partial=partial)
                return self._engine.ask(sql, parameters)
            except StoreError:
                # Another process may have pruned or rewritten a run just now; else it stays wrong.
                if not left or self._visible(run, at) == (every, shown):
                    raise

    def _visible(self, name: str | None, at: datetime | None) -> tuple[list[Run], list[Run]]:
        """Runs of the ``_all`` views, and of the others."""
        if name is not None and at is not None:
            raise UsageError("choose one of a run and a time")
        every = [run for run in self.runs() if run.readable]
        if at is not None:
            moment = at if at.tzinfo else at.replace(tzinfo=UTC)
            every = [
                run
                for run in every
                if run.manifest.finished_at is not None and run.manifest.finished_at <= moment
            ]
        return every, every if name is None else [self._readable(name)]

    def _readable(self, name: str) -> Run:
        run = self.run(name)
        if run.state == "running":
            raise StoreError(str(run.folder), "is still being written")
        if not run.readable:
            raise StoreError(
                str(run.folder), f"its writer died; wfp reparse {run.id} rebuilds it from raw parts"
            )
        return run

    def _make_views(
        self,
        engine: Engine,
        names: Sequence[str],
        every: Sequence[Run],
        shown: Sequence[Run],
        *,
        partial: bool,
    ) -> None:
        latest = None
        for name in names:
            view = VIEWS.get(name) or VIEWS[name.removesuffix(ALL)]
            is_all = name not in VIEWS
            for run, part in parts_of(every if is_all else shown, view.kind):
                check_parts(run.folder, (part,))
            if is_all:
                text = view_of_all(view, every)
            else:
                latest = latest or self._latest(engine, shown, partial=partial)
                text = view_of_latest(view, shown, latest)
            engine.run(f'CREATE OR REPLACE VIEW "{name}" AS {with_aliases(view, text)}')

    def _latest(self, engine: Engine, runs: Sequence[Run], *, partial: bool) -> Latest:
        for run, part in parts_of(runs, KINDS["hosts"]):
            check_parts(run.folder, (part,))
        for statement in attempts(runs, partial=partial):
            engine.run(statement)
        held = [(str(p), str(r), int(n)) for p, r, n in engine.run(COUNT_HELD)]
        newest = [(str(p), str(r), int(n)) for p, r, n in engine.run(COUNT_NEWEST)]
        return Latest(held=counted(held), newest=counted(newest))

    def hosts(
        self, *, run: str | None = None, at: datetime | None = None, partial: bool = False
    ) -> list[HostLine]:
        """All hosts by name, as of their last attempt."""
        names = HostLine.__struct_fields__
        sql = f"SELECT {', '.join(names)} FROM hosts ORDER BY host"  # noqa: S608 - our own names
        rows = self.query(sql, run=run, at=at, partial=partial)
        return [HostLine(**dict(zip(names, row, strict=True))) for row in rows]

    def snapshot(
        self,
        host: str,
        run: str | None = None,
        *,
        at: datetime | None = None,
        partial: bool = False,
    ) -> Snapshot:
        """The snapshot of a host, equal to what its source was read as.

        Args:
            host: Its name.
            run: Run that holds it; by default the one that data views show.
            at: As for `query`.
            partial: As for `query`.

        Raises:
            UsageError: There is no snapshot of that host.
            StoreError: Files are gone or damaged.
        """
        chosen = self._readable(run) if run is not None else self._run_of(host, at, partial=partial)
        tables = {}
        for kind in KINDS.values():
            if kind.group == "state":
                parts = chosen.manifest.parts.get(kind.name, ())
                table = rows_of(chosen.folder, parts, host, columns_needed(kind))
                if table is not None:
                    tables[kind.name] = table
        if "snapshots" not in tables:
            raise UsageError(f"run {chosen.id} holds no snapshot of {host!r}")
        try:
            return snapshot_of(tables)
        except (ValueError, TypeError, KeyError, msgspec.DecodeError) as error:
            raise StoreError(str(chosen.folder), f"rows of {host} are damaged ({error})") from None

    def context(
        self, host: str, run: str, kinds: Iterable[str]
    ) -> tuple[HostContext | None, datetime | None]:
        """What surrounds the filter engine of a host, as far as asked for.

        Args:
            host: Its name.
            run: Run of its snapshot. Where that holds none of the kinds, the newest run before it
                that does is taken.
            kinds: Names out of `surroundings.SURROUNDINGS`.

        Returns:
            The context, ``None`` where no run has any, and when its run began if that is not the
            run of the snapshot.

        Raises:
            StoreError: Files are gone or damaged.
        """
        runs = [one for one in self.runs() if one.readable and one.id <= run]
        return newest_context(runs, host, run, kinds)

    def snapshot_run(
        self,
        host: str,
        run: str | None = None,
        *,
        at: datetime | None = None,
        partial: bool = False,
    ) -> str | None:
        """Id of the run that `snapshot` takes, ``None`` where no run holds a snapshot of the host.

        Raises:
            UsageError: There is no such run.
            StoreError: Files are gone or damaged.
        """
        if run is None:
            found = self._holding(self._visible(None, at)[1], host, partial=partial)
        else:
            found = self._holding([self._readable(run)], host, partial=True)
        return found.id if found else None

    def _run_of(self, host: str, at: datetime | None, *, partial: bool) -> Run:
        """The run whose snapshot of a host the data views show."""
        found = self._holding(self._visible(None, at)[1], host, partial=partial)
        if found is None:
            raise UsageError(f"the store holds no snapshot of {host!r}")
        return found

    def _holding(self, runs: Sequence[Run], host: str, *, partial: bool) -> Run | None:
        """The newest run with a good snapshot of a host, else the newest with any."""
        other = None
        for run in reversed(runs):
            parts = run.manifest.parts.get("hosts", ())
            table = rows_of(run.folder, parts, host, ("outcome", "holds"))
            row = table.to_pylist()[0] if table is not None else {}
            if "state" in (row.get("holds") or ()):
                if partial or row["outcome"] == "ok":
                    return run
                other = other or run
        return other

    # Raw parts

    def raw(self, host: str, run: str, part: str) -> bytes:
        """The plain bytes of a part as they came.

        Raises:
            UsageError: There is no such part.
            StoreError: It cannot be read.
            ReadError: It does not unpack, or to too much.
        """
        from pywfp_ps.store.raw_parts import read_raw

        return read_raw(self.run(run), host, part)

    def raw_parts(self, run: str) -> Iterator[RawPart]:
        """All raw parts of a run by host and part, also of a run whose writer died.

        Raises:
            StoreError: The folder cannot be read.
        """
        from pywfp_ps.store.raw_parts import raw_parts

        return raw_parts(self.run(run))
