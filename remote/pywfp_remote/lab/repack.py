"""Parts taken out of a host's frames, changed, and put into frames again."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from pywfp_ps.payload.frames import Begin, Data, End, Frame, Packing, encode_part, read_frame

FACTS = "facts"
"""The part that most faults leave alone."""

Lines = Iterator[str]


def repacked(
    lines: Iterable[str],
    make: Callable[[Begin, bytes], Iterable[str]],
    *,
    facts: bool = False,
    only: str = "",
) -> Lines:
    """Parts that are packed are unpacked and handed to `make`; everything else passes.

    Args:
        lines: Frames of one job.
        make: Gives the frames that take the place of a part's.
        facts: Whether the facts are handed over too.
        only: Name of the only part that is; empty for all.
    """
    begun: dict[str, Begin] = {}
    texts: dict[str, list[str]] = {}
    for frame, line in frames_of(lines):
        match frame:
            case Begin(packing="gzip+base64", part=part) if (
                part == only if only else facts or part != FACTS
            ):
                begun[part], texts[part] = frame, []
            case Data(part=part, text=text) if part in begun:
                texts[part].append(text)
            case End(part=part) if part in begun:
                packed = b"".join(map(base64.b64decode, texts.pop(part)))
                yield from make(begun.pop(part), gzip.decompress(packed))
            case _:
                yield line


def packed_part(frame: Begin, plain: bytes, packing: Packing = Packing.GZIP) -> Lines:
    """The frames of a part that begins as `frame` says."""
    return encode_part(
        plain,
        part=frame.part,
        content=frame.content,
        call=frame.call,
        taken_at=datetime.fromisoformat(frame.taken_at),
        packing=packing,
    )


def frames_of(lines: Iterable[str]) -> Iterator[tuple[Frame | None, str]]:
    """Each line with the frame in it, if it is one."""
    return ((read_frame(line), line) for line in lines)
