"""The lines a host's functions write, and how to make them.

One JSON object a line, ASCII, at most 32,000 characters: one whole PSRP fragment carries 32,697
(MS-PSRP 2.2.4 fragments as Windows cuts them, 32,768 bytes, less headers and the string's tags).
"""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct

from pywfp_ps.payload.unpack import GZIP_BITS

LINE_LIMIT = 32_000
"""Characters a line may have."""

VERSION = 1
"""Of the frames; a reader refuses parts of any other."""

_BASE64_SIZE = 30_000  # a multiple of 4, so that every line decodes by itself
_TEXT_SIZE = 5_000  # escaped as \uXXXX each character takes six


Count = Annotated[int, Meta(ge=-(2**53), le=2**53)]
"""A number of frames or bytes; what has thousands of digits is none, and slow to write out."""


class Packing(StrEnum):
    """How the data frames of a part carry its plain bytes."""

    GZIP = "gzip+base64"
    BASE64 = "base64"
    TEXT = "text"


class Begin(Struct, frozen=True, kw_only=True, tag_field="frame", tag="begin"):
    """Opens a part. A part of records has no `packing`."""

    v: Count
    part: str
    call: str
    content: str
    packing: str | None = None
    taken_at: str = ""


class Data(Struct, frozen=True, kw_only=True, tag_field="frame", tag="data"):
    """A piece of a part; `n` counts from 0."""

    part: str
    n: Count
    text: str


class Records(Struct, frozen=True, kw_only=True, tag_field="frame", tag="records"):
    """Some records of a part, each as the JSON it came in; `n` counts from 0."""

    part: str
    n: Count
    records: list[Raw]


class End(Struct, frozen=True, kw_only=True, tag_field="frame", tag="end"):
    """Closes a part: data or records frames, plain bytes, hash of the packed or plain bytes."""

    part: str
    frames: Count
    plain: Count | None = None
    hash_of: str | None = None
    sha256: str | None = None


class ProblemFrame(Struct, frozen=True, kw_only=True, tag_field="frame", tag="problem"):
    """Something the host could not do."""

    code: str
    part: str | None = None
    hresult: str | None = None
    text: str = ""


Frame = Begin | Data | Records | End | ProblemFrame

# Every escape in turn, so that an escaped backslash before the letters "ud800" is left alone.
_ESCAPES = re.compile(
    r"\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|(?P<half>\\ud[89a-f][0-9a-f]{2})|\\.", re.IGNORECASE
)
_decoder: msgspec.json.Decoder[Frame] = msgspec.json.Decoder(Frame)


def read_frame(line: str) -> Frame | None:
    """The frame in `line`, or None where it is none (a banner, a warning, half a line).

    Windows' names are any 16-bit numbers; half a surrogate pair among them, which no UTF-8 can
    hold, becomes U+FFFD.
    """
    if len(line) > LINE_LIMIT:
        return None
    frame = _try(line)
    if frame is None and "\\ud" in line.lower():
        frame = _try(_ESCAPES.sub(_mend, line))
    return frame


def write_frame(frame: Frame) -> str:
    """`frame` as one line of ASCII, without a line end."""
    text = msgspec.json.encode(frame).decode()
    if text.isascii():
        return text
    return "".join(c if c < "\x7f" else _escape(c) for c in text)


def pack(plain: bytes) -> bytes:
    """Gzip of `plain`; the same bytes for the same bytes."""
    packer = zlib.compressobj(6, zlib.DEFLATED, GZIP_BITS)
    return packer.compress(plain) + packer.flush()


def encode_part(
    plain: bytes,
    *,
    part: str,
    content: str,
    call: str,
    taken_at: datetime,
    packing: Packing = Packing.GZIP,
) -> Iterator[str]:
    """The lines of one part.

    Args:
        plain: What the part shall unpack to; for `Packing.TEXT` it must be UTF-8, and a byte order
            mark is left out as the host's own reading of a file leaves it out.
        part: Its name, unique in the job.
        content: Kind of `plain`.
        call: Function that makes it.
        taken_at: An aware time.
        packing: How it is carried. Text hashes the plain bytes, the others the packed ones.
    """
    packed = pack(plain) if packing is Packing.GZIP else plain
    yield _begin(part, content, call, taken_at, packing)
    count = 0
    for count, text in enumerate(_texts(packed, packing), 1):
        yield write_frame(Data(part=part, n=count - 1, text=text))
    yield write_frame(
        End(
            part=part,
            frames=count,
            plain=len(plain),
            hash_of="plain" if packing is Packing.TEXT else "packed",
            sha256=hashlib.sha256(packed).hexdigest(),
        )
    )


def encode_records(
    batches: Iterable[Sequence[object]],
    *,
    part: str,
    content: str,
    call: str,
    taken_at: datetime,
) -> Iterator[str]:
    """The lines of a part of records, one line a batch; a batch must fit in `LINE_LIMIT`.

    Raises:
        ValueError: A batch does not fit.
    """
    yield _begin(part, content, call, taken_at, None)
    count = 0
    for count, batch in enumerate(batches, 1):
        records = [Raw(msgspec.json.encode(record)) for record in batch]
        line = write_frame(Records(part=part, n=count - 1, records=records))
        if len(line) > LINE_LIMIT:
            raise ValueError(f"records frame {count - 1} has {len(line)} characters")
        yield line
    yield write_frame(End(part=part, frames=count))


def time_text(moment: datetime) -> str:
    """An aware time as the frames write it: UTC with milliseconds and ``Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _try(line: str) -> Frame | None:
    try:
        return _decoder.decode(line.encode("utf-8", "surrogatepass"))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _mend(escape: re.Match[str]) -> str:
    return "\\ufffd" if escape["half"] else escape[0]


def _begin(part: str, content: str, call: str, taken_at: datetime, packing: Packing | None) -> str:
    return write_frame(
        Begin(
            v=VERSION,
            part=part,
            call=call,
            content=content,
            packing=packing,
            taken_at=time_text(taken_at),
        )
    )


def _texts(packed: bytes, packing: Packing) -> Iterator[str]:
    if packing is Packing.TEXT:
        text = packed.decode("utf-8-sig")
        for at in range(0, len(text), _TEXT_SIZE):
            yield text[at : at + _TEXT_SIZE]
        return
    step = _BASE64_SIZE // 4 * 3
    for at in range(0, len(packed), step):
        yield base64.b64encode(packed[at : at + step]).decode()


def _escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))
