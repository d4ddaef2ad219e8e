"""One part while its frames come: kept in bounded memory, checked against its own end."""

from __future__ import annotations

import binascii
import hashlib
import zlib
from collections.abc import Callable
from datetime import datetime

from msgspec import Struct

from pywfp_ps.errors import ReadError
from pywfp_ps.payload.frames import Begin, Data, End, Packing, Records, pack
from pywfp_ps.payload.payload import Fault, Payload, Problem
from pywfp_ps.payload.unpack import GZIP_BITS, TooLargeError, is_gzip, unpack_pieces

_BOM = b"\xef\xbb\xbf"
_FAULTS_KEPT = 20  # of one part; one is enough to spoil it
_HOLES_KEPT = 1_000  # of one part; a frame for any other comes "again"


class OpenPart:
    """Collects the frames of one part.

    Attributes:
        problems: What the host said went wrong with it so far.
        count: Data or records frames that came.
    """

    def __init__(
        self,
        begin: Begin,
        *,
        host: str,
        transport: str,
        taken_at: datetime | None,
        limit: int,
        ratio: int,
        tell: Callable[[str, str | None, str], Fault],
    ) -> None:
        self._begin, self._host, self._transport = begin, host, transport
        self._taken_at, self._limit, self._ratio, self._tell = taken_at, limit, ratio, tell
        self._bytes = _Packed() if begin.packing == Packing.GZIP else _Plain()
        self._faults: list[Fault] = []
        self._next = 0
        self._holes: set[int] = set()
        self.problems: list[Problem] = []
        self.count = 0

    @property
    def held(self) -> int:
        """Bytes kept so far."""
        return self._bytes.held

    def fault(self, code: str, text: str) -> None:
        """Something is wrong with this part: it will not be complete."""
        fault = self._tell(code, self._begin.part, text)
        if len(self._faults) < _FAULTS_KEPT:
            self._faults.append(fault)

    def take(self, frame: Data | Records, *, room: int) -> bool:
        """Keep what `frame` brings, in at most `room` more bytes; whether it came in its place."""
        self.count += 1
        in_place = self._place(frame.n)
        if isinstance(frame, Records) != (self._begin.packing is None):
            self.fault("wrong-kind", f"frame {frame.n} is not of the kind that was announced")
            return False
        plain = self._bytes_of(frame)
        if plain is None:
            return False
        if self._bytes.size + len(plain) > self._limit or len(plain) > room:
            self.fault("too-large", f"frame {frame.n} goes over the limit, its bytes are dropped")
            return False
        self._bytes.add(plain)
        return in_place

    def check(self, end: End) -> None:
        """Compare what came with what the end says."""
        if self._holes or end.frames != self.count:
            self.fault("frames", f"{end.frames} announced, {self.count} came")
        if self._begin.packing is None:
            return
        if self._begin.packing == Packing.TEXT and end.plain == self._bytes.size + len(_BOM):
            self._bytes.put_mark_back()
        measure = self._bytes.measure(self._limit, self._ratio, hash_of=end.hash_of)
        if measure.problem is not None:
            self.fault(*measure.problem)
        elif end.plain != measure.plain:
            self.fault("size", f"{end.plain} bytes announced, {measure.plain} came")
        announced = (end.sha256 or "").lower()
        got = {"packed": measure.packed_hash, "plain": measure.plain_hash}.get(end.hash_of or "")
        if got is None or not announced:
            self.fault("hash", "the end carries no hash")
        elif got != announced:
            self.fault("hash", f"the {end.hash_of} bytes have another SHA-256 than announced")

    def close(self, now: datetime) -> Payload:
        """The part as it is; complete if no fault was found."""
        measure = self._bytes.measure(self._limit, self._ratio)
        data = self._bytes.packed()
        return Payload(
            part=self._begin.part,
            content=self._begin.content,
            call=self._begin.call,
            host=self._host,
            transport=self._transport,
            taken_at=self._taken_at,
            received_at=now,
            complete=not self._faults,
            problems=tuple(self.problems),
            faults=tuple(self._faults),
            packed=len(data),
            plain=measure.plain,
            sha256=hashlib.sha256(data).hexdigest(),
            data=data,
        )

    def _place(self, n: int) -> bool:
        if n == self._next:
            self._next += 1
            return True
        if n > self._next:
            self.fault("missing", f"frame {self._next} expected, {n} came")
            room = _HOLES_KEPT - len(self._holes)
            self._holes.update(range(self._next, min(n, self._next + room)))
            self._next = n + 1
        elif n in self._holes:
            self.fault("reordered", f"frame {n} came after frame {self._next - 1}")
            self._holes.discard(n)
        else:
            self.fault("repeated", f"frame {n} came again")
        return False

    def _bytes_of(self, frame: Data | Records) -> bytes | None:
        if isinstance(frame, Records):
            return b"".join(b"%b\n" % bytes(record) for record in frame.records)
        if self._begin.packing == Packing.TEXT:
            return frame.text.encode()
        try:
            return binascii.a2b_base64(frame.text.encode(), strict_mode=True)
        except ValueError:
            self.fault("bad-text", f"frame {frame.n} is no base64")
            return None


class _Measure(Struct, frozen=True, kw_only=True):
    """Sizes and hashes of what came; `problem` is (code, text) where it does not unpack.

    Packed bytes are hashed unpacked only where that hash was announced.
    """

    plain: int
    plain_hash: str | None
    packed_hash: str
    problem: tuple[str, str] | None = None


class _Packed:
    """Bytes that come as gzip: kept as they come."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._measure: _Measure | None = None

    @property
    def size(self) -> int:
        return len(self._data)

    held = size

    def add(self, packed: bytes) -> None:
        self._data += packed

    def put_mark_back(self) -> None:
        """Packed bytes lose nothing on the way."""

    def packed(self) -> bytes:
        return bytes(self._data)

    def measure(self, limit: int, ratio: int, *, hash_of: str | None = None) -> _Measure:
        if self._measure is None:
            self._measure = self._unpack(limit, ratio, is_plain_hashed=hash_of == "plain")
        return self._measure

    def _unpack(self, limit: int, ratio: int, *, is_plain_hashed: bool) -> _Measure:
        data = bytes(self._data)
        digest = hashlib.sha256()
        size = 0
        problem = None if is_gzip(data) else ("damaged", "no gzip data")
        try:
            for piece in () if problem else unpack_pieces(data, limit=limit, ratio=ratio):
                if is_plain_hashed:
                    digest.update(piece)
                size += len(piece)
        except TooLargeError as error:
            problem = ("bomb" if "-fold" in error.problem else "too-large", error.problem)
        except ReadError as error:
            problem = ("damaged", error.problem)
        return _Measure(
            plain=size,
            plain_hash=digest.hexdigest() if is_plain_hashed else None,
            packed_hash=hashlib.sha256(data).hexdigest(),
            problem=problem,
        )


class _Plain:
    """Bytes that come unpacked: packed here while they come, so that memory stays small."""

    def __init__(self) -> None:
        self._packer = zlib.compressobj(6, zlib.DEFLATED, GZIP_BITS)
        self._data = bytearray()
        self._whole: bytes | None = None
        self._bare, self._marked = hashlib.sha256(), hashlib.sha256(_BOM)
        self._mark = b""
        self.size = 0

    @property
    def held(self) -> int:
        return len(self._data)

    def add(self, plain: bytes) -> None:
        self.size += len(plain)
        self._bare.update(plain)
        self._marked.update(plain)
        self._data += self._packer.compress(plain)

    def put_mark_back(self) -> None:
        """Reading a file as text takes its byte order mark; size and hash still are the file's.

        Where the announced size says that this happened, the mark goes in front again, as a gzip
        member of its own.
        """
        self._mark = _BOM

    def packed(self) -> bytes:
        if self._whole is None:
            self._data += self._packer.flush()
            self._whole = (pack(self._mark) if self._mark else b"") + bytes(self._data)
        return self._whole

    def measure(self, limit: int, ratio: int, *, hash_of: str | None = None) -> _Measure:
        del limit, ratio, hash_of  # both limits were kept while the bytes came, and both hashes
        digest = (self._marked if self._mark else self._bare).hexdigest()
        return _Measure(plain=len(self._mark) + self.size, plain_hash=digest, packed_hash=digest)
