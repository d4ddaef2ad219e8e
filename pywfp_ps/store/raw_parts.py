"""Raw parts of a run: what was durable before anything was parsed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from pywfp_ps.errors import StoreError, UsageError
from pywfp_ps.payload.names import folder_name
from pywfp_ps.payload.unpack import read_bounded
from pywfp_ps.store.runs import RAW, Run
from pywfp_ps.store.writer import HOST_FILE


class RawPart(Struct, frozen=True, kw_only=True):
    """One part as it came.

    Attributes:
        host: Name of the host.
        part: Name of the part, such as ``state``.
        path: The gzip file.
    """

    host: str
    part: str
    path: Path


def read_raw(run: Run, host: str, part: str) -> bytes:
    """The plain bytes of a part, see `Store.raw`."""
    path = run.folder / RAW / folder_name(host) / f"{part}.gz"
    if os.sep in part or not path.is_file():
        raise UsageError(f"run {run.id} holds no part {part!r} of {host!r}")
    try:
        return read_bounded(path)
    except OSError as error:
        raise StoreError(str(path), error.strerror or str(error)) from None


def raw_parts(run: Run) -> Iterator[RawPart]:
    """All raw parts of a run, see `Store.raw_parts`."""
    for host in sorted(raw_hosts(run)):
        for path in sorted((run.folder / RAW / folder_name(host)).glob("*.gz")):
            yield RawPart(host=host, part=path.name.removesuffix(".gz"), path=path)


def raw_hosts(run: Run) -> list[str]:
    """Hosts that have a raw folder, by their real names.

    Raises:
        StoreError: The folder cannot be read.
    """
    raw = run.folder / RAW
    if not raw.is_dir():
        return []
    hosts = []
    try:
        for entry in raw.iterdir():
            name = run.manifest.folders.get(entry.name)
            if name is None and (entry / HOST_FILE).is_file():
                name = msgspec.json.decode((entry / HOST_FILE).read_bytes(), type=str)
            hosts.append(entry.name if name is None else name)
    except OSError as error:
        raise StoreError(str(raw), error.strerror or str(error)) from None
    except msgspec.DecodeError as error:
        raise StoreError(str(raw), f"damaged {HOST_FILE} ({error})") from None
    return hosts
