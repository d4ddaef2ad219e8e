"""The file that a field test sends back, and how one from somebody is read: as hostile as any file.

A zip with ``manifest.json`` and redacted raw payloads beside it, ``raw/<job>/<part>``. Nothing in
it is ever written to a path that the file itself names.
"""

from __future__ import annotations

import hashlib
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from pywfp_ps.errors import ReadError
from pywfp_ps.field.checks import Result

MAGIC: Final = b"PK\x03\x04"
"""First bytes of a zip file (APPNOTE.TXT, section 4.3.7)."""

VERSION: Final = 1
"""Of the bundle; a reader refuses any other."""

_MANIFEST: Final = "manifest.json"
_NAME: Final = re.compile(r"raw/[a-z][a-z-]{0,30}/[a-z][a-z0-9-]{0,30}")
_MOST_FILE: Final = 256 << 20
_MOST_ZIP: Final = 128 << 20
_MOST_MANIFEST: Final = 4 << 20
_MOST_ENTRIES: Final = 64
_MOST_RATIO: Final = 250
_RATIO_FREE: Final = 1 << 20
_STEP: Final = 1 << 20
_PACKINGS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_DAMAGE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,  # an unknown way of packing
    OverflowError,
    RuntimeError,  # an encrypted entry
    ValueError,
)
"""What zipfile raises for files that somebody made or damaged."""

_DATE: Final = (2026, 1, 1, 0, 0, 0)  # of every entry: the same bytes give the same file


class Manifest(Struct, frozen=True, kw_only=True):
    """What a bundle says of itself.

    Attributes:
        v: Version of the form.
        tool: Version of this project that made it.
        taken_at: When, by the clock of the machine.
        transport: How PowerShell was reached.
        machine: Pseudonym of the machine, new in each bundle.
        os_build: Build of Windows.
        os_name: Product name of Windows.
        powershell: Its version and edition.
        results: What came of each check.
        jobs: How each job ended.
        parts: SHA-256 of each raw payload, by its name in the file.
    """

    v: int
    tool: str
    taken_at: datetime
    transport: str
    machine: str
    os_build: str | None = None
    os_name: str | None = None
    powershell: str | None = None
    results: tuple[Result, ...]
    jobs: Mapping[str, Any] = {}
    parts: Mapping[str, str] = {}


class Bundle(Struct, frozen=True, kw_only=True):
    """A bundle in memory.

    Attributes:
        manifest: What it says of itself.
        raw: Redacted payloads by job and part.
    """

    manifest: Manifest
    raw: Mapping[tuple[str, str], bytes]


def write_bundle(path: Path, bundle: Bundle) -> None:
    """Writes the file anew.

    Raises:
        FileExistsError: There is something already.
        OSError: It cannot be written.
    """
    raw = {f"raw/{job}/{part}": data for (job, part), data in sorted(bundle.raw.items())}
    parts = {name: hashlib.sha256(data).hexdigest() for name, data in raw.items()}
    manifest = msgspec.structs.replace(bundle.manifest, parts=parts)
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in {_MANIFEST: text, **raw}.items():
            entry = zipfile.ZipInfo(name, _DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(entry, data)
    with path.open("xb") as out:
        out.write(made.getvalue())


def is_bundle(path: Path) -> bool:
    """Whether a file begins like a zip file."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def read_bundle(path: Path) -> Bundle:
    """What a file of `write_bundle` holds.

    Raises:
        ReadError: It is none, it is damaged, or it tries what only a hostile file does.
        OSError: It cannot be read.
    """
    source = str(path)
    with path.open("rb") as opened:
        data = opened.read(_MOST_ZIP + 1)
    if len(data) > _MOST_ZIP:
        raise ReadError(source, "the file", f"is larger than {_MOST_ZIP} bytes")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            return _read(file, source)
    except _DAMAGE as error:
        raise ReadError(source, "the file", f"is no bundle ({type(error).__name__})") from None


def _read(file: zipfile.ZipFile, source: str) -> Bundle:
    entries = file.infolist()
    if len(entries) > _MOST_ENTRIES:
        raise ReadError(source, "its list", f"names {len(entries)} files")
    names = [entry.filename for entry in entries]
    if len(set(names)) != len(names):
        raise ReadError(source, "its list", "names a file twice")
    for name in names:
        if file.getinfo(name).compress_type not in _PACKINGS:
            raise ReadError(source, "its list", "is packed in a way that no bundle is")
        if name != _MANIFEST and not _NAME.fullmatch(name):
            raise ReadError(source, "its list", f"names a file that no bundle has: {name[:80]!r}")
    if _MANIFEST not in names:
        raise ReadError(source, "its list", "has no manifest: it is no bundle of a field test")
    manifest = _manifest(_bytes(file, _MANIFEST, _MOST_MANIFEST, source), source)
    raw: dict[tuple[str, str], bytes] = {}
    left = _MOST_FILE
    for name in names:
        if name == _MANIFEST:
            continue
        content = _bytes(file, name, left, source)
        left -= len(content)
        if hashlib.sha256(content).hexdigest() != manifest.parts.get(name):
            raise ReadError(source, name, "is not what the manifest says")
        _, job, part = name.split("/")
        raw[job, part] = content
    return Bundle(manifest=manifest, raw=raw)


def _bytes(file: zipfile.ZipFile, name: str, limit: int, source: str) -> bytes:
    """An entry, bounded by what comes out and not by what its head says."""
    packed = file.getinfo(name).compress_size
    allowed = min(limit, max(_RATIO_FREE, _MOST_RATIO * packed))
    pieces: list[bytes] = []
    done = 0
    with file.open(name) as entry:
        while piece := entry.read(_STEP):
            done += len(piece)
            if done > allowed:
                raise ReadError(source, name, "unpacks to more than a bundle holds")
            pieces.append(piece)
    return b"".join(pieces)


def _manifest(data: bytes, source: str) -> Manifest:
    try:
        found = msgspec.json.decode(data, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        problem = f"does not make sense ({error})"
        raise ReadError(source, _MANIFEST, problem[:200]) from None
    if found.v != VERSION:
        raise ReadError(source, _MANIFEST, f"is of version {found.v}, not {VERSION}")
    return found
