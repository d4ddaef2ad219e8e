from __future__ import annotations

import io
import re
import struct
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from pywfp_ps.errors import ReadError
from pywfp_ps.field import Bundle, Result, read_bundle, write_bundle
from pywfp_ps.field.bundle import Manifest

BUNDLE = Bundle(
    manifest=Manifest(
        v=1,
        tool="0.1.0",
        taken_at=datetime(2026, 11, 21, 10, tzinfo=UTC),
        transport="child",
        machine="host-0123456789",
        os_build="26100.1",
        results=(Result(id="dump-mark", verdict="held", seen="the first bytes are efbbbf3c"),),
        jobs={"snapshot": {"state": "completed"}},
    ),
    raw={("snapshot", "state"): b"<wfpstate/>", ("field", "field"): b"{}\n"},
)


def made(path: Path) -> Path:
    write_bundle(path, BUNDLE)
    return path


def test_a_bundle_comes_back_as_it_was(tmp_path: Path) -> None:
    found = read_bundle(made(tmp_path / "a.zip"))
    assert found.raw == BUNDLE.raw
    assert msgspec.structs.replace(found.manifest, parts={}) == BUNDLE.manifest


def test_the_same_bundle_is_the_same_file(tmp_path: Path) -> None:
    assert made(tmp_path / "a.zip").read_bytes() == made(tmp_path / "b.zip").read_bytes()


def test_a_file_that_is_there_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_text("mine")
    with pytest.raises(FileExistsError):
        write_bundle(path, BUNDLE)
    assert path.read_text() == "mine"


Spoil = Callable[[Path], None]


def entries(**files: bytes) -> Spoil:
    """A zip of other files; the names have ``/`` for ``__``."""

    def spoil(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for name, data in files.items():
                file.writestr(name.replace("__", "/"), data)

    return spoil


def added(name: str, data: bytes = b"x") -> Spoil:
    def spoil(path: Path) -> None:
        with zipfile.ZipFile(path, "a") as file:
            file.writestr(name, data)

    return spoil


def manifest(old: bytes, new: bytes) -> Spoil:
    def spoil(path: Path) -> None:
        with zipfile.ZipFile(path) as file:
            files = {name: file.read(name) for name in file.namelist()}
        assert old in files["manifest.json"]
        files["manifest.json"] = files["manifest.json"].replace(old, new)
        with zipfile.ZipFile(path, "w") as out:
            for name, data in files.items():
                out.writestr(name, data)

    return spoil


def bomb(path: Path) -> None:
    """An entry of zeros that unpacks to a thousand times its size."""
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as file:
        file.writestr("raw/snapshot/records", bytes(64 << 20))


def lies(path: Path) -> None:
    """An entry whose heads say that it is one byte long."""
    bomb(path)
    data = bytearray(path.read_bytes())
    size = struct.pack("<I", 64 << 20)
    at = data.find(size)
    while at >= 0:
        data[at : at + 4] = struct.pack("<I", 1)
        at = data.find(size, at)
    path.write_bytes(bytes(data))


def encrypted(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.find(mark)
        data[place + at] |= 1
    path.write_bytes(bytes(data))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def nested(path: Path) -> None:
    deep = b"[" * 100_000
    entries(**{"manifest.json": deep})(path)


def many(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as file:
        for number in range(100):
            file.writestr(f"raw/snapshot/p{number}", b"")


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (added("../../etc/passwd"), "that no bundle has"),
        (added("/etc/passwd"), "that no bundle has"),
        (added("raw/snapshot/../../x"), "that no bundle has"),
        (added("raw\\snapshot\\x"), "that no bundle has"),
        (added("C:/x"), "that no bundle has"),
        (added("raw/snapshot/"), "that no bundle has"),
        (added("raw/snapshot/\x1b[31m"), "that no bundle has"),
        (added("raw/snapshot/records"), "is not what the manifest says"),
        (entries(a=b"x"), "that no bundle has"),
        (entries(), "has no manifest"),
        (entries(**{"manifest.json": b"no JSON"}), "does not make sense"),
        (entries(**{"manifest.json": b"\xff\xfe"}), "does not make sense"),
        (entries(**{"manifest.json": b"[]"}), "does not make sense"),
        (entries(**{"manifest.json": b'{"v":1}'}), "does not make sense"),
        (nested, "does not make sense"),
        (manifest(b'"v": 1', b'"v": 2'), "is of version 2, not 1"),
        (manifest(b'"held"', b'"perhaps"'), "does not make sense"),
        (manifest(b"2026-11-21T10", b"yesterday"), "does not make sense"),
        (bomb, "unpacks to more than a bundle holds"),
        (lies, "is no bundle|unpacks to more|is not what the manifest says"),
        (encrypted, "is no bundle"),
        (cut, "is no bundle"),
        (many, "names 10[0-9] files"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_hostile_or_damaged_file_is_refused(tmp_path: Path, spoil: Spoil, problem: str) -> None:
    path = made(tmp_path / "a.zip")
    spoil(path)
    with pytest.raises(ReadError, match=problem) as caught:
        read_bundle(path)
    assert re.fullmatch(r"[^\n\x1b]*", str(caught.value))
    assert [one.name for one in tmp_path.iterdir()] == ["a.zip"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_named_twice_is_refused(tmp_path: Path) -> None:
    path = made(tmp_path / "a.zip")
    added("manifest.json", b"{}")(path)
    with pytest.raises(ReadError, match="names a file twice"):
        read_bundle(path)


def test_every_cut_of_a_bundle_is_refused(tmp_path: Path) -> None:
    data = made(tmp_path / "a.zip").read_bytes()
    path = tmp_path / "b.zip"
    for length in range(0, len(data) - 1, 37):
        path.write_bytes(data[:length])
        with pytest.raises(ReadError, match="is no bundle"):
            read_bundle(path)


def test_every_byte_turned_is_refused_or_harmless(tmp_path: Path) -> None:
    data = made(tmp_path / "a.zip").read_bytes()
    path = tmp_path / "b.zip"
    for at in range(0, len(data), 3):
        changed = bytearray(data)
        changed[at] ^= 0x21
        path.write_bytes(bytes(changed))
        try:
            found = read_bundle(path)
        except ReadError:
            continue
        assert found.raw == BUNDLE.raw


def test_a_zip_in_memory_is_what_zipfile_reads(tmp_path: Path) -> None:
    data = io.BytesIO(made(tmp_path / "a.zip").read_bytes())
    with zipfile.ZipFile(data) as file:
        assert file.testzip() is None
        assert file.namelist() == ["manifest.json", "raw/field/field", "raw/snapshot/state"]
