from __future__ import annotations

import contextlib
import gzip
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywfp_ps.errors import ReadError
from pywfp_ps.payload.unpack import TooLargeError, read_bounded, unpack, unpack_pieces

PLAIN = b"<wfpstate>" + bytes(range(256)) * 40


@given(st.binary(max_size=5000), st.integers(0, 9))
def test_packed_and_plain_give_the_same_bytes(data: bytes, level: int) -> None:
    packed = gzip.compress(data, level)
    assert unpack(packed) == data
    if not data.startswith(b"\x1f\x8b"):
        assert unpack(data) == data


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=5), st.integers(0, 64))
def test_members_in_a_row_are_one_text(parts: list[bytes], padding: int) -> None:
    packed = b"".join(gzip.compress(part) for part in parts) + b"\0" * padding
    assert unpack(packed) == b"".join(parts)


@pytest.mark.parametrize("cut", [2, 9, 10, 11, 100, -1, -8, -9])
def test_cut_gzip_is_refused(cut: int) -> None:
    with pytest.raises(ReadError, match=r"cut off|damaged"):
        unpack(gzip.compress(PLAIN)[:cut])


@given(st.data())
def test_a_flipped_bit_never_gives_other_bytes(data: st.DataObject) -> None:
    packed = bytearray(gzip.compress(PLAIN, mtime=0))
    at = data.draw(st.integers(10, len(packed) - 1))
    packed[at] ^= 1 << data.draw(st.integers(0, 7))
    with contextlib.suppress(ReadError):
        assert unpack(bytes(packed)) == PLAIN


@pytest.mark.parametrize(
    ("data", "limit", "ratio", "problem"),
    [
        (b"x" * 11, 10, 250, "larger than 10 bytes"),
        (gzip.compress(b"x" * 11, mtime=0), 10, 250, "larger than 10 bytes"),
        (gzip.compress(bytes(3_000_000), mtime=0), 10_000_000, 250, "grows 250-fold"),
        (gzip.compress(bytes(600_000), mtime=0) * 4, 10_000_000, 250, "grows 250-fold"),
    ],
    ids=["plain", "packed", "ratio", "ratio over members"],
)
def test_too_much_is_refused(data: bytes, limit: int, ratio: int, problem: str) -> None:
    with pytest.raises(TooLargeError, match=problem) as caught:
        unpack(data, limit=limit, ratio=ratio, source="host")
    assert (caught.value.source, caught.value.limit) == ("host", limit)


def test_exactly_the_limit_passes() -> None:
    assert unpack(gzip.compress(PLAIN), limit=len(PLAIN)) == PLAIN
    assert unpack(PLAIN, limit=len(PLAIN)) == PLAIN


def test_a_bomb_is_left_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    given_out = 0
    real = zlib.decompressobj

    class Counting:
        def __init__(self, bits: int) -> None:
            self._inner = real(bits)

        def __getattr__(self, name: str) -> object:
            return getattr(self._inner, name)

        def decompress(self, data: bytes, most: int) -> bytes:
            nonlocal given_out
            out = self._inner.decompress(data, most)
            given_out += len(out)
            return out

    monkeypatch.setattr(zlib, "decompressobj", Counting)
    with pytest.raises(TooLargeError):
        unpack(gzip.compress(bytes(200_000_000), 1), limit=2_000_000)
    assert given_out == 2_000_001


def test_what_follows_the_gzip_data_is_refused() -> None:
    with pytest.raises(ReadError, match="something follows"):
        unpack(gzip.compress(PLAIN) + b"<more/>")


def test_files_are_read_packed_or_plain(tmp_path: Path) -> None:
    packed, plain = tmp_path / "a.gz", tmp_path / "a.xml"
    packed.write_bytes(gzip.compress(PLAIN))
    plain.write_bytes(PLAIN)
    assert (read_bounded(packed), read_bounded(str(plain))) == (PLAIN, PLAIN)


def test_files_over_the_limit_and_folders_are_refused(tmp_path: Path) -> None:
    big = tmp_path / "big.xml"
    big.write_bytes(PLAIN)
    with pytest.raises(TooLargeError, match="larger than 100 bytes"):
        read_bounded(big, limit=100)
    with pytest.raises(ReadError, match="no regular file"):
        read_bounded(tmp_path)
    with pytest.raises(FileNotFoundError, match="absent"):
        read_bounded(tmp_path / "absent")


def test_pieces_are_small_and_make_up_the_whole() -> None:
    plain = bytes(range(256)) * 8000
    pieces = list(unpack_pieces(gzip.compress(plain)))
    assert b"".join(pieces) == plain
    assert max(map(len, pieces)) <= 256 * 1024


def test_members_without_end_are_refused() -> None:
    empty = gzip.compress(b"")
    assert unpack(empty * 10_000) == b""
    with pytest.raises(ReadError, match="more than 10000 gzip members"):
        unpack(empty * 200_000)
