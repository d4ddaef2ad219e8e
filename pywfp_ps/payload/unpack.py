"""Packed bytes to plain bytes, never more of them than was agreed.

Whatever a host or a customer sends may be a bomb: a few kilobytes of gzip that fill the memory.
Every place that unpacks goes through `unpack` or `read_bounded`.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

from pywfp_ps.errors import ReadError

MAGIC = b"\x1f\x8b"
"""First two bytes of every gzip member (RFC 1952, section 2.3.1)."""

PLAIN_LIMIT = 512 * 1024 * 1024
"""Bytes that unpacked data may have: three times the dump of a host with 50,000 filters."""

RATIO_LIMIT = 250
"""Plain bytes a packed byte may become; real dumps reach 19, a bomb of zeros 1,030."""

GZIP_BITS = 31
"""zlib's word for 15 window bits and a gzip header with its checksum."""

_RATIO_FREE = 1024 * 1024  # below this the ratio says nothing: tiny files of one letter pack well
_MOST_MEMBERS = 10_000  # each costs as much as 256 KiB; a dump has one, or two with a mark
_STEP = 256 * 1024
_SMALL_STEP = 256


class TooLargeError(ReadError):
    """The data is larger, or grows faster, than the caller allowed.

    Attributes:
        limit: Plain bytes that were allowed.
    """

    def __init__(self, source: str, where: str, problem: str, limit: int) -> None:
        super().__init__(source, where, problem)
        self.limit = limit


def is_gzip(data: bytes) -> bool:
    """Whether `data` begins like a gzip member."""
    return data.startswith(MAGIC)


def unpack(
    data: bytes,
    *,
    limit: int = PLAIN_LIMIT,
    ratio: int = RATIO_LIMIT,
    source: str = "payload",
) -> bytes:
    """The plain bytes of `data`: gzip is unpacked (all members), anything else passes through.

    Args:
        data: Gzip or plain bytes.
        limit: Most plain bytes.
        ratio: Most plain bytes a packed byte; asked once more than 1 MiB has come out.
        source: What the error calls the data.

    Raises:
        TooLargeError: More than `limit` bytes, or growing more than `ratio`-fold.
        ReadError: The gzip stream is damaged, cut off, or followed by something else, or has more
            than 10,000 members.
    """
    if not is_gzip(data) and len(data) <= limit:
        return data
    return b"".join(unpack_pieces(data, limit=limit, ratio=ratio, source=source))


def unpack_pieces(
    data: bytes,
    *,
    limit: int = PLAIN_LIMIT,
    ratio: int = RATIO_LIMIT,
    source: str = "payload",
) -> Iterator[bytes]:
    """The same piece by piece, in fixed memory; raises as `unpack` does, where it gets there."""
    if not is_gzip(data):
        if len(data) > limit:
            raise TooLargeError(source, f"byte {limit}", f"larger than {limit} bytes", limit)
        yield data
        return
    allowed = min(limit, max(_RATIO_FREE, ratio * len(data)))
    done = at = members = 0
    while at < len(data):
        if not data.startswith(MAGIC, at):
            if data[at:].strip(b"\0"):
                raise ReadError(source, f"byte {at}", "something follows the gzip data")
            return  # tape-style padding, which gzip itself ignores
        members += 1
        if members > _MOST_MEMBERS:
            raise ReadError(source, f"byte {at}", f"more than {_MOST_MEMBERS} gzip members")
        member = _Member(data, at, source, done)
        while piece := member.read(min(_STEP, allowed + 1 - done)):
            done += len(piece)
            if done > allowed:
                reason = f"larger than {limit} bytes" if allowed == limit else f"grows {ratio}-fold"
                where = f"plain byte {allowed}"
                raise TooLargeError(source, where, f"gzip data {reason}", limit)
            yield piece
        at = member.end


def salvage(
    data: bytes,
    *,
    limit: int = PLAIN_LIMIT,
    ratio: int = RATIO_LIMIT,
    source: str = "payload",
) -> tuple[bytes, ReadError | None]:
    """What `unpack` gives, or what comes out of damaged gzip before the damage, and the damage.

    Raises:
        TooLargeError: As `unpack`.
    """
    try:
        return unpack(data, limit=limit, ratio=ratio, source=source), None
    except TooLargeError:
        raise
    except ReadError as error:
        return _before_damage(data, min(limit, max(_RATIO_FREE, ratio * len(data)))), error


def _before_damage(data: bytes, allowed: int) -> bytes:
    """Plain bytes of the first member, unpacked in steps so small that little is lost."""
    inflater = zlib.decompressobj(GZIP_BITS)
    pieces: list[bytes] = []
    done = 0
    for at in range(0, len(data), _SMALL_STEP):
        if inflater.eof or done >= allowed:
            break
        try:
            piece = inflater.decompress(data[at : at + _SMALL_STEP], allowed - done)
        except zlib.error:
            break
        pieces.append(piece)
        done += len(piece)
    return b"".join(pieces)


def read_bounded(
    path: Path | str,
    *,
    limit: int = PLAIN_LIMIT,
    ratio: int = RATIO_LIMIT,
) -> bytes:
    """The plain bytes of a file that is gzip or plain.

    Raises:
        TooLargeError: The file, or what it unpacks to, is over the limits.
        ReadError: It is no regular file, or its gzip stream is damaged.
        OSError: It cannot be opened or read.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        raise ReadError(str(path), "the file", "is no regular file")
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise TooLargeError(str(path), f"byte {limit}", f"larger than {limit} bytes", limit)
    return unpack(data, limit=limit, ratio=ratio, source=str(path))


class _Member:
    """Reads the gzip member that begins at `start`; `end` is where it ended, once it has."""

    def __init__(self, data: bytes, start: int, source: str, done: int) -> None:
        self._data, self._at, self._source, self._done = data, start, source, done
        self._inflater = zlib.decompressobj(GZIP_BITS)

    @property
    def end(self) -> int:
        return self._at - len(self._inflater.unused_data)

    def read(self, most: int) -> bytes:
        """Up to `most` plain bytes; none at the end of the member, which is then checked."""
        while not self._inflater.eof:
            packed = self._inflater.unconsumed_tail
            if not packed:
                packed = self._data[self._at : self._at + _STEP]
                self._at += len(packed)
            try:
                piece = self._inflater.decompress(packed, most)
            except zlib.error as error:
                raise self._error(f"damaged gzip data ({error})") from None
            if piece:
                self._done += len(piece)
                return piece
            if not packed:
                raise self._error("gzip data is cut off")
        return b""

    def _error(self, problem: str) -> ReadError:
        return ReadError(self._source, f"plain byte {self._done}", problem)
