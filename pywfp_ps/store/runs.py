"""Runs: their ids, their manifests, and what a folder on disk amounts to."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec import Struct

from pywfp_ps.errors import StoreError
from pywfp_ps.payload.raw import write_raw
from pywfp_ps.store.locks import is_held

MANIFEST: Final = "manifest.json"
LOCKS: Final = ".locks"
RAW: Final = "raw"
REQUEST: Final = "request.json"
_ID: Final = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}")
_FILE: Final = re.compile(r"[a-z_]+/part-[0-9a-f-]+\.parquet")

State = Literal["running", "done", "interrupted"]


class Part(Struct, frozen=True, kw_only=True):
    """One Parquet file.

    Attributes:
        file: Its path below the run's folder.
        rows: Rows in it.
        bytes: Its size.
        columns: Digest of its columns, see `Kind.digest`.
        first: First host in it.
        last: Last host in it.
    """

    file: str
    rows: int
    bytes: int
    columns: str
    first: str
    last: str

    def __post_init__(self) -> None:
        if not _FILE.fullmatch(self.file):
            raise ValueError(f"no file of a run: {self.file!r}")


class Manifest(Struct, frozen=True, kw_only=True):
    """What a run is and which files belong to it; written by replace, last.

    Attributes:
        v: Version of the layout.
        id: Run id.
        state: ``running`` until the writer says otherwise.
        command: Command that made it.
        note: Free text of the user.
        started_at: By the controller's clock.
        finished_at: The same; ``None`` while it runs.
        version: Version of this package.
        hosts: Hosts with an outcome.
        outcomes: Hosts by outcome.
        parts: Files by kind.
        folders: Real names of hosts whose raw folder is named otherwise.
        notes: What the command wants to be known, a line each.
    """

    v: int = 1
    id: str
    state: State
    command: str
    note: str = ""
    started_at: datetime
    finished_at: datetime | None = None
    version: str = ""
    hosts: int = 0
    outcomes: dict[str, int] = {}
    parts: dict[str, tuple[Part, ...]] = {}
    folders: dict[str, str] = {}
    notes: tuple[str, ...] = ()

    def rows(self, kind: str) -> int:
        """Rows of a kind."""
        return sum(part.rows for part in self.parts.get(kind, ()))


class Run(Struct, frozen=True, kw_only=True):
    """One run as it lies on disk.

    Attributes:
        id: Run id; later runs sort after earlier ones of another second.
        folder: Where it is.
        state: ``running`` only while its writer lives; a run whose writer died is ``interrupted``.
        manifest: What it says of itself.
        readable: Whether its rows can be asked for: its writer closed it.
    """

    id: str
    folder: Path
    state: State
    manifest: Manifest
    readable: bool


def new_id(now: datetime) -> str:
    """A run id: the second, and six random hex digits."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def is_run_id(text: str) -> bool:
    """Whether a text has the shape of a run id."""
    return _ID.fullmatch(text) is not None


_decoder = msgspec.json.Decoder(Manifest)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest by replace.

    Raises:
        OSError: It could not be written; the old one is untouched.
    """
    write_raw(folder / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1))


def lock_path(store: Path, run_id: str) -> Path:
    """The lock of a run: beside the run folders, so that a run can be renamed and removed."""
    return store / LOCKS / run_id


def read_run(store: Path, run_id: str) -> Run | None:
    """The run of that id, ``None`` where there is no such folder.

    Raises:
        StoreError: Its manifest is missing, unreadable or nonsense.
    """
    folder = store / run_id
    try:
        manifest = _decoder.decode((folder / MANIFEST).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        if not folder.is_dir():
            return None
        raise StoreError(
            str(folder), f"{MANIFEST} is gone; put it back or remove the folder"
        ) from None
    except OSError as error:
        raise StoreError(str(folder / MANIFEST), error.strerror or str(error)) from None
    except (msgspec.DecodeError, ValueError) as error:
        raise StoreError(str(folder / MANIFEST), f"is no manifest ({error})") from None
    if manifest.v != 1:
        raise StoreError(str(folder), f"made by a newer version (layout {manifest.v})")
    if manifest.id != run_id:
        raise StoreError(str(folder), f"holds the manifest of another run, {manifest.id}")
    state = manifest.state
    if state == "running" and not is_held(lock_path(store, run_id)):
        state = "interrupted"
    return Run(
        id=run_id,
        folder=folder,
        state=state,
        manifest=manifest,
        readable=manifest.state != "running",
    )


def list_runs(store: Path) -> Iterator[Run]:
    """All runs, oldest first.

    Raises:
        StoreError: The folder or one of the manifests cannot be read.
    """
    try:
        names = sorted(entry.name for entry in store.iterdir() if is_run_id(entry.name))
    except OSError as error:
        raise StoreError(str(store), error.strerror or str(error)) from None
    runs = [run for name in names if (run := read_run(store, name)) is not None]
    yield from sorted(runs, key=lambda run: (run.manifest.started_at, run.id))
