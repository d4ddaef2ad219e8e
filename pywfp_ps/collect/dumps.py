"""Dump files that a person names: what they are and whose."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Literal

from msgspec import Struct, structs

from pywfp_ps.errors import ReadError, UsageError
from pywfp_ps.payload.unpack import PLAIN_LIMIT, salvage
from pywfp_ps.read.netsh.encoding import utf8_of

Part = Literal["filters", "state"]

_NETSH_NAMES: Final = frozenset({"btpol", "filters", "netevents", "wfpstate"})
_ROOT: Final = re.compile(rb"<\s*([A-Za-z_][\w.:-]*)[\s/>]")
_LOOK: Final = 65536
_PARTS: Final[dict[bytes, Part]] = {b"wfpstate": "state", b"wfpdiag": "filters"}
_OTHERS: Final = {
    b"netEvents": "the ring of net events (`netsh wfp show netevents`)",
    b"sysports": "system ports (`netsh wfp show sysports`)",
}
_MOST_NAME: Final = 255


class Dump(Struct, frozen=True, kw_only=True):
    """One file to import.

    Attributes:
        path: The file.
        host: Host it is taken to come from.
        part: What it holds; ``None`` where it holds nothing that can be imported.
        sha256: Hash of its bytes as they stand.
        duplicate_of: An earlier file of the call with the same bytes.
        problem: Why nothing can come of it.
    """

    path: Path
    host: str
    part: Part | None = None
    sha256: str = ""
    duplicate_of: Path | None = None
    problem: str | None = None


def look_at(paths: Iterable[Path], host: str | None = None) -> list[Dump]:
    """What each file is and whose, in the order given; nothing is written.

    The host is the name given; else the file's name without its endings, or the name of its folder
    where the file is called as netsh calls it by default.

    Raises:
        UsageError: A file is missing or is a folder, a host name cannot be one, or two files give
            the same host and part.
    """
    first_with: dict[str, Path] = {}
    found = []
    for path in paths:
        dump = _look_at(path, host)
        if dump.sha256:
            earlier = first_with.setdefault(dump.sha256, path)
            if earlier != path:
                dump = structs.replace(dump, duplicate_of=earlier)
        found.append(dump)
    if host is None:
        _refuse_two_of_one(found)
    return found


def _look_at(path: Path, host: str | None) -> Dump:
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name the files in it")
    if not path.exists():
        raise UsageError(f"there is no file {path}")
    name = check_host(host if host is not None else _host_of(path), path)
    try:
        data, _ = salvage(_bytes_of(path), source=str(path))
    except ReadError as error:
        return Dump(path=path, host=name, problem=str(error))
    except OSError as error:
        return Dump(path=path, host=name, problem=f"{path}: cannot be read: {error.strerror}")
    part, problem = _part_of(data)
    sha256 = hashlib.sha256(data).hexdigest()
    shown = problem and f"{path}: {problem}"
    return Dump(path=path, host=name, part=part, sha256=sha256, problem=shown)


def _bytes_of(path: Path) -> bytes:
    """The bytes as they stand, bounded."""
    if not path.is_file():
        raise ReadError(str(path), "the file", "is no regular file")
    with path.open("rb") as file:
        data = file.read(PLAIN_LIMIT + 1)
    if len(data) > PLAIN_LIMIT:
        raise ReadError(str(path), f"byte {PLAIN_LIMIT}", f"larger than {PLAIN_LIMIT} bytes")
    return data


def _host_of(path: Path) -> str:
    stem = path.name
    for ending in (".gz", path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix):
        stem = stem.removesuffix(ending) if ending else stem
    if stem.lower() in _NETSH_NAMES:
        return path.resolve().parent.name
    return stem


def check_host(name: str, path: Path | None = None) -> str:
    """The name, if a host can have it.

    Raises:
        UsageError: It is empty, a path, too long, or has characters that cannot be seen.
    """
    where = f" (from the file {path}; give one with --host)" if path else ""
    if not name.strip() or name in {".", ".."} or "/" in name or "\\" in name:
        raise UsageError(f"{name!r} is no host name{where}")
    if any(unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for letter in name):
        raise UsageError(f"a host name has no invisible characters: {name!r}{where}")
    if len(name) > _MOST_NAME:
        raise UsageError(f"a host name has at most {_MOST_NAME} characters{where}")
    return name


def _part_of(data: bytes) -> tuple[Part | None, str | None]:
    if not data:
        return None, "is empty"
    root = _ROOT.search(_head(data))
    if root is None:
        return None, "is no XML"
    if part := _PARTS.get(root[1]):
        return part, None
    what = _OTHERS.get(root[1], f"XML with the root {root[1].decode('ascii')!r}")
    return None, f"is {what}, not a dump of `netsh wfp show state` or `show filters`"


def _head(data: bytes) -> bytes:
    """The beginning as the reader will see it, whatever its encoding."""
    head, start, _ = utf8_of(data[:_LOOK])
    return head[start:]


def _refuse_two_of_one(dumps: Sequence[Dump]) -> None:
    taken: dict[tuple[str, Part], Dump] = {}
    for dump in dumps:
        if dump.part is None:
            continue
        earlier = taken.setdefault((dump.host, dump.part), dump)
        if earlier is not dump and earlier.sha256 != dump.sha256:
            raise UsageError(
                f"{earlier.path} and {dump.path} both give the {dump.part} of host"
                f" {dump.host!r}; import them one at a time, or name the host with --host"
            )
