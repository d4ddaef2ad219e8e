"""Hosts whose frames are wrong, or that cannot do what they are asked."""

from __future__ import annotations

import base64
import gzip
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from pywfp_ps.payload.frames import (
    Begin,
    Data,
    End,
    Frame,
    Packing,
    ProblemFrame,
    Records,
    encode_part,
    read_frame,
    write_frame,
)
from pywfp_remote.lab.host import Arguments, HostBackend, LabHost
from pywfp_remote.lab.problems import PROBLEMS, HostProblem, report, thrown

_FACTS = "facts"
_DUMP = "Get-PyWfpState"
_SNAPSHOT = "get-pywfpsnapshot"
_NETSH_PARTS = {"state", "sysports", "options", "netevents"}
_BOMB_MEGABYTES = 1_024
_BEHIND = timedelta(days=4 * 365)
_TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
_NOISE = ("WARNING: a profile said something", "{not json", '{"frame":"data"}')

Lines = Iterator[str]


class FaultyHost:
    """A backend that answers as its host's faults say, and truly otherwise."""

    def __init__(self, host: LabHost, behind: HostBackend) -> None:
        self._host, self._behind = host, behind
        self._ways = [_WAYS[name] for name in _WAYS if name in host.faults]
        self._problem = next((PROBLEMS[name] for name in PROBLEMS if name in host.faults), None)

    def answer(self, call: str, arguments: Arguments) -> Lines:
        """The frame lines of one call, spoilt."""
        lines = _told(self._behind.answer(call, arguments), self._host)
        if self._problem is not None:
            if call.lower() == _SNAPSHOT and self._problem.calls == _DUMP:
                lines = _without_dumps(lines, self._problem)
            elif call.startswith(self._problem.calls):
                lines = _problem(lines, self._problem)
        for way in self._ways:
            lines = way(lines)
        return lines


def _problem(lines: Iterable[str], problem: HostProblem) -> Lines:
    """Facts as they are; instead of the next part a problem, and the end."""
    for frame, line in _read(lines):
        if frame is None or frame.part in {_FACTS, None}:
            yield line
            continue
        yield from report(problem, frame.part or "")


def _without_dumps(lines: Iterable[str], problem: HostProblem) -> Lines:
    """A problem instead of each part that netsh writes; the rest comes, and then the end."""
    told: set[str] = set()
    for frame, line in _read(lines):
        if frame is None or frame.part not in _NETSH_PARTS:
            yield line
        elif frame.part not in told:
            told.add(frame.part)
            yield write_frame(ProblemFrame(code=problem.code, part=frame.part, text=problem.text))
    raise thrown(problem)


def _told(lines: Iterable[str], host: LabHost) -> Lines:
    """The host's facts agree with its faults."""
    if not host.faults & {"not-elevated", "bfe-stopped", "constrained-language"}:
        return iter(lines)

    def change(frame: Begin, plain: bytes) -> Lines:
        if frame.part != _FACTS:
            return _part(frame, plain)
        facts: dict[str, Any] = msgspec.json.decode(plain)
        if "not-elevated" in host.faults and isinstance(facts.get("account"), dict):
            facts["account"]["elevated"] = False
        if "bfe-stopped" in host.faults:
            facts["bfe"] = {"status": 1, "process_id": None, "started_at": None}
        if "constrained-language" in host.faults and isinstance(facts.get("powershell"), dict):
            facts["powershell"]["language_mode"] = host.language_mode
        return _part(frame, msgspec.json.encode(facts))

    return _repack(lines, change, facts=True)


def _wrong_hash(lines: Iterable[str]) -> Lines:
    return _ends(lines, lambda end: replace(end, sha256="0" * 64))


def _wrong_count(lines: Iterable[str]) -> Lines:
    return _ends(lines, lambda end: replace(end, frames=end.frames + 1))


def _wrong_size(lines: Iterable[str]) -> Lines:
    return _ends(lines, lambda end: replace(end, plain=(end.plain or 0) + 1))


def _no_end(lines: Iterable[str]) -> Lines:
    return _ends(lines, lambda _: None)


def _ends(lines: Iterable[str], change: Callable[[End], End | None]) -> Lines:
    for frame, line in _read(lines):
        if not isinstance(frame, End) or frame.part == _FACTS:
            yield line
        elif (changed := change(frame)) is not None:
            yield write_frame(changed)


def _missing_frame(lines: Iterable[str]) -> Lines:
    return (line for frame, line in _read(lines) if not _is_second(frame))


def _repeated_frame(lines: Iterable[str]) -> Lines:
    for frame, line in _read(lines):
        yield line
        if _is_second(frame):
            yield line


def _reordered(lines: Iterable[str]) -> Lines:
    held: str | None = None
    for frame, line in _read(lines):
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
    return _repack(
        lines, lambda frame, _: iter(_with(frame, bomb(_BOMB_MEGABYTES), _BOMB_MEGABYTES << 20))
    )


def _not_gzip(lines: Iterable[str]) -> Lines:
    return _repack(lines, lambda frame, plain: iter(_with(frame, plain[:9_000], 9_000)))


def _constrained(lines: Iterable[str]) -> Lines:
    return _repack(lines, lambda frame, plain: _part(frame, plain, Packing.TEXT), facts=True)


def _clock_off(lines: Iterable[str]) -> Lines:
    return _repack(
        lines,
        lambda frame, plain: _part(replace(frame, taken_at=_earlier(frame.taken_at)), _aged(plain)),
        facts=True,
    )


def _repack(
    lines: Iterable[str], make: Callable[[Begin, bytes], Iterable[str]], *, facts: bool = False
) -> Lines:
    """Parts that are packed are unpacked and handed to `make`; everything else passes."""
    begun: dict[str, Begin] = {}
    texts: dict[str, list[str]] = {}
    for frame, line in _read(lines):
        match frame:
            case Begin(packing="gzip+base64", part=part) if facts or part != _FACTS:
                begun[part], texts[part] = frame, []
            case Data(part=part, text=text) if part in begun:
                texts[part].append(text)
            case End(part=part) if part in begun:
                packed = b"".join(map(base64.b64decode, texts.pop(part)))
                yield from make(begun.pop(part), gzip.decompress(packed))
            case _:
                yield line


def _part(frame: Begin, plain: bytes, packing: Packing = Packing.GZIP) -> Lines:
    return encode_part(
        plain,
        part=frame.part,
        content=frame.content,
        call=frame.call,
        taken_at=datetime.fromisoformat(frame.taken_at),
        packing=packing,
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
    return isinstance(frame, Data | Records) and frame.part != _FACTS and frame.n == 1


def _read(lines: Iterable[str]) -> Iterator[tuple[Frame | None, str]]:
    return ((read_frame(line), line) for line in lines)


_WAYS: dict[str, Callable[[Iterable[str]], Lines]] = {
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
