"""Making a store, and removing runs from it."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from pywfp_ps.errors import StoreError, UsageError
from pywfp_ps.payload.raw import write_raw
from pywfp_ps.store.locks import Lock, is_held
from pywfp_ps.store.runs import LOCKS, Run, is_run_id, lock_path

MARK: Final = "store.json"
VERSION: Final = b'{"v": 1}\n'
_BUSY: Final = "is being written"


def create_store(place: Path) -> None:
    """Make an empty store; another process may be making it too."""
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        others = [entry for entry in place.iterdir() if entry.name != MARK and not _is_ours(entry)]
        if others:
            raise StoreError(str(place), "is no store and not empty; choose another folder")
        place.chmod(0o700)
        write_raw(place / MARK, VERSION)
    except OSError as error:
        raise StoreError(str(place), error.strerror or str(error)) from None


def _is_ours(entry: Path) -> bool:
    """Whether an entry can be what another process has just begun."""
    name = entry.name
    return name == LOCKS or is_run_id(name) or (name[0] == "." and name.endswith((".tmp", ".new")))


def prune(
    store: Path, runs: Sequence[Run], *, keep: int | None, older_than: timedelta | None
) -> list[Run]:
    """Remove runs, see `Store.prune`."""
    if keep is None and older_than is None:
        raise UsageError("prune needs a number of runs to keep, or an age")
    if (keep is not None and keep < 0) or (older_than is not None and older_than < timedelta()):
        raise UsageError("prune: a number of runs or an age cannot be negative")
    _sweep(store)
    spared = {run.id for run in runs[max(0, len(runs) - keep) :]} if keep else set[str]()
    border = None if older_than is None else datetime.now(UTC) - older_than
    gone = []
    for run in runs:
        is_old = border is None or run.manifest.started_at < border
        if is_old and run.id not in spared and run.state != "running" and _remove(store, run):
            gone.append(run)
    return gone


def _remove(store: Path, run: Run) -> bool:
    """Remove a run; whether it was there and nobody was writing it."""
    lock = Lock(lock_path(store, run.id))
    try:
        lock.take(_BUSY)
    except StoreError as error:
        if error.problem == _BUSY:
            return False
        raise
    # Out of sight in one step, so that nobody ever sees half of it.
    away = store / f".{run.id}.gone"
    try:
        run.folder.rename(away)
        shutil.rmtree(away)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StoreError(str(run.folder), error.strerror or str(error)) from None
    finally:
        lock.release()
        with contextlib.suppress(OSError):
            lock.path.unlink(missing_ok=True)
    return True


def _sweep(store: Path) -> None:
    """Remove what processes that died had begun to make or to remove."""
    for entry in [*store.glob(".*.new"), *store.glob(".*.gone")]:
        run_id = entry.name[1:].rpartition(".")[0]
        if is_run_id(run_id) and not is_held(lock_path(store, run_id)):
            shutil.rmtree(entry, ignore_errors=True)
    for lock in (store / LOCKS).glob("*"):
        if is_run_id(lock.name) and not (store / lock.name).exists() and not is_held(lock):
            with contextlib.suppress(OSError):
                lock.unlink()
