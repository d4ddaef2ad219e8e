"""Hosts whose frames are wrong."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from msgspec.structs import replace

from pywfp_ps.payload.frames import (
    Begin,
    Data,
    End,
    Frame,
    Packing,
    Records,
    encode_part,
    read_frame,
    write_frame,
)
from pywfp_remote.lab.host import Arguments, HostBackend, LabHost
from pywfp_remote.lab.host_faults import (
    half_refused,
    instead,
    layer_refused,
    object_unreadable,
    told,
    wmi_refused,
)
from pywfp_remote.lab.problems import PROBLEMS
from pywfp_remote.lab.repack import FACTS, Lines, frames_of, packed_part, repacked

_BOMB_MEGABYTES = 1_024
_BEHIND = timedelta(days=4 * 365)
_TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
_NOISE = ("WARNING: a profile said something", "{not json", '{"frame":"data"}')


class FaultyHost:
    """A backend that answers as its host's faults say, and truly otherwise."""

    def __init__(self, host: LabHost, behind: HostBackend) -> None:
        self._host, self._behind = host, behind
        self._ways = [_WAYS[name] for name in _WAYS if name in host.faults]
        self._problems = {name: PROBLEMS[name] for name in PROBLEMS if name in host.faults}

    def answer(self, call: str, arguments: Arguments) -> Lines:
        """The frame lines of one call, spoilt."""
        lines = told(self._behind.answer(call, arguments), self._host)
        if self._problems:
            lines = instead(lines, self._problems, call.lower())
        for way in self._ways:
            lines = way(lines)
        return lines


def _wrong_hash(lines: Iterable[str]) -> Lines:
    return _ends(lines, lambda end: replace(end, sha256="0" * 64))


def _wrong_count(lines: Iterable[str]) -> Lines:
    return _ends(lines, lambda end: replace(end, frames=end.frames + 1))


def _wrong_size(lines: Iterable[str]) -> Lines:
    return _ends(lines, lambda end: replace(end, plain=(end.plain or 0) + 1))


def _no_end(lines: Iterable[str]) -> Lines:
    return _ends(lines, lambda _: None)


def _ends(lines: Iterable[str], change: Callable[[End], End | None]) -> Lines:
    for frame, line in frames_of(lines):
        if not isinstance(frame, End) or frame.part == FACTS:
            yield line
        elif (changed := change(frame)) is not None:
            yield write_frame(changed)


def _missing_frame(lines: Iterable[str]) -> Lines:
    return (line for frame, line in frames_of(lines) if not _is_second(frame))


def _repeated_frame(lines: Iterable[str]) -> Lines:
    for frame, line in frames_of(lines):
        yield line
        if _is_second(frame):
            yield line


def _reordered(lines: Iterable[str]) -> Lines:
    held: str | None = None
    for frame, line in frames_of(lines):
        if _is_second(frame):
            held = line
            continue
        yield line
        if held is not None:
            yield held
            held = None


def _noise(lines: Iterable[str]) -> Lines:
    for line in lines:
        yield line
        yield from _NOISE


def _payload_bomb(lines: Iterable[str]) -> Lines:
    return repacked(
        lines, lambda frame, _: iter(_with(frame, bomb(_BOMB_MEGABYTES), _BOMB_MEGABYTES << 20))
    )


def _not_gzip(lines: Iterable[str]) -> Lines:
    return repacked(lines, lambda frame, plain: iter(_with(frame, plain[:9_000], 9_000)))


def _constrained(lines: Iterable[str]) -> Lines:
    return repacked(lines, lambda frame, plain: packed_part(frame, plain, Packing.TEXT), facts=True)


def _clock_off(lines: Iterable[str]) -> Lines:
    return repacked(
        lines,
        lambda frame, plain: packed_part(
            replace(frame, taken_at=_earlier(frame.taken_at)), _aged(plain)
        ),
        facts=True,
    )


def _with(frame: Begin, packed: bytes, plain: int) -> list[str]:
    """A part that says gzip and carries `packed`, hashed truly."""
    moment = datetime.fromisoformat(frame.taken_at)
    lines = list(
        encode_part(
            packed,
            part=frame.part,
            content=frame.content,
            call=frame.call,
            taken_at=moment,
            packing=Packing.BASE64,
        )
    )
    end = read_frame(lines[-1])
    if isinstance(end, End):
        lines[-1] = write_frame(replace(end, plain=plain))
    lines[0] = write_frame(frame)
    return lines


def bomb(megabytes: int) -> bytes:
    """Gzip of that many megabytes of zeros, a member each: a thousandth of it, made in no time."""
    return gzip.compress(bytes(1 << 20), mtime=0) * megabytes


def _aged(plain: bytes) -> bytes:
    return _TIME.sub(lambda found: _earlier(found.group().decode()).encode(), plain)


def _earlier(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text) - _BEHIND
    except ValueError:
        return text
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _is_second(frame: Frame | None) -> bool:
    """Whether it is the second piece of a part, or the only one there is."""
    return isinstance(frame, Data | Records) and frame.part != FACTS and frame.n == 1


_WAYS: dict[str, Callable[[Iterable[str]], Lines]] = {
    "half-refused": half_refused,
    "layer-refused": layer_refused,
    "object-unreadable": object_unreadable,
    "wmi-refused": wmi_refused,
    "constrained-language": _constrained,
    "clock-off": _clock_off,
    "payload-bomb": _payload_bomb,
    "not-gzip": _not_gzip,
    "wrong-hash": _wrong_hash,
    "missing-frame": _missing_frame,
    "repeated-frame": _repeated_frame,
    "reordered": _reordered,
    "no-end": _no_end,
    "wrong-count": _wrong_count,
    "wrong-size": _wrong_size,
    "noise": _noise,
}
