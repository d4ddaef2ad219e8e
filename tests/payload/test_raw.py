from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from pywfp_ps.payload.raw import write_raw


def test_bytes_and_pieces_are_written_and_the_path_given_back(tmp_path: Path) -> None:
    path = tmp_path / "run" / "host" / "state.gz"
    assert write_raw(path, b"one") == path
    assert path.read_bytes() == b"one"
    write_raw(path, iter([b"two", b" three"]))
    assert path.read_bytes() == b"two three"
    assert [entry.name for entry in path.parent.iterdir()] == ["state.gz"]


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = write_raw(tmp_path / "state.gz", b"before")

    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write_raw(path, pieces())
    assert path.read_bytes() == b"before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.gz"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no mode bits")
def test_only_the_owner_may_read(tmp_path: Path) -> None:
    path = write_raw(tmp_path / "run" / "state.gz", b"x")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_the_name_is_taken_only_after_the_bytes_are_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.gz"
    seen: list[bool] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        seen.append(path.exists())
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    write_raw(path, b"x")
    assert seen == ([False] if os.name == "nt" else [False, True])


def test_the_longest_name_the_file_system_takes_is_fine(tmp_path: Path) -> None:
    assert write_raw(tmp_path / ("x" * 255), b"x").read_bytes() == b"x"
