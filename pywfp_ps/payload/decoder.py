"""Lines to payloads, as they come: bounded, and believing nothing a host says about itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from msgspec import Struct

from pywfp_ps.payload.frames import (
    LINE_LIMIT,
    VERSION,
    Begin,
    Data,
    End,
    Packing,
    ProblemFrame,
    Records,
    read_frame,
)
from pywfp_ps.payload.parts import OpenPart
from pywfp_ps.payload.payload import Fault, Payload, Problem
from pywfp_ps.payload.unpack import PLAIN_LIMIT, RATIO_LIMIT

# Part names become file names; the device names of Windows are none, whatever follows the dot.
_PART = re.compile(r"(?!(?:con|nul|aux|prn|com\d|lpt\d)$)[a-z][a-z0-9-]{0,62}[a-z0-9]")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_HRESULT = re.compile(r"0x[0-9A-Fa-f]{1,8}")


class Limits(Struct, frozen=True, kw_only=True):
    """What one job may bring.

    Attributes:
        plain: Bytes a part may unpack to.
        packed: Bytes of all parts together as they are kept, packed.
        ratio: Plain bytes a packed byte may become.
        parts: Parts that may be begun.
        kept: Foreign lines, problems and faults kept of each; more are only counted.
        noise: Characters kept of a foreign line.
    """

    plain: int = PLAIN_LIMIT
    packed: int = 256 * 1024 * 1024
    ratio: int = RATIO_LIMIT
    parts: int = 64
    kept: int = 200
    noise: int = 1_000


class Received(Struct, frozen=True, kw_only=True):
    """What a job brought beside the parts that were whole.

    Attributes:
        payloads: From `Decoder.finish` the parts that never became whole; from `decode` all.
        problems: What the host says it could not do, in order.
        faults: What is wrong with the frames, those of parts included, in order.
        noise: Foreign lines, cut.
        problem_count: Problems seen; more than are kept.
        fault_count: Faults seen.
        noise_count: Foreign lines seen.
        frame_count: Lines that were frames.
    """

    payloads: tuple[Payload, ...]
    problems: tuple[Problem, ...]
    faults: tuple[Fault, ...]
    noise: tuple[str, ...]
    problem_count: int
    fault_count: int
    noise_count: int
    frame_count: int


class Decoder:
    """Takes the output of one job line by line.

    A part is given out by `feed` the moment its end proves it whole, and is not held after that.
    Everything else about the job comes from `finish`.

    Args:
        host: Inventory name the payloads shall carry.
        transport: How the host is asked.
        limits: What the job may bring.
        hide: Takes out of a host's words what nobody may see.
    """

    def __init__(
        self,
        *,
        host: str,
        transport: str,
        limits: Limits | None = None,
        hide: Callable[[str], str] = str,
    ) -> None:
        self._host, self._transport, self._hide = host, transport, hide
        self._limits = limits or Limits()
        self._open: dict[str, OpenPart] = {}
        self._ended: set[str] = set()
        self._begun = self._held = 0
        self._bad: list[Payload] = []
        self._problems: list[Problem] = []
        self._faults: list[Fault] = []
        self._noise: list[str] = []
        self._problem_count = self._fault_count = self._noise_count = self._frame_count = 0

    def feed(self, line: str) -> Payload | Records | Problem | None:
        """Take one line.

        Returns:
            A part that this line made whole, records that came in their place (live streams), a
            problem the host told, else None. A line that is no frame is kept as noise.
        """
        frame = read_frame(line)
        if frame is None:
            self._foreign(line)
            return None
        self._frame_count += 1
        match frame:
            case Begin():
                self._begin(frame)
            case Data() | Records():
                return self._take(frame)
            case End():
                return self._end(frame)
            case ProblemFrame():
                return self._problem(frame)
        return None

    def finish(self) -> Received:
        """The job has ended, well or not: what is still open is incomplete."""
        for name in list(self._open):
            part = self._open.pop(name)
            part.fault("no-end", f"{part.count} frames came, no end")
            self._bad.append(part.close(self._now()))
        return Received(
            payloads=tuple(self._bad),
            problems=tuple(self._problems),
            faults=tuple(self._faults),
            noise=tuple(self._noise),
            problem_count=self._problem_count,
            fault_count=self._fault_count,
            noise_count=self._noise_count,
            frame_count=self._frame_count,
        )

    def _begin(self, frame: Begin) -> None:
        name = frame.part
        if fault := self._refusal(frame):
            self._fault(fault[0], self._sayable(name), fault[1])
            return
        if name in self._open:
            self._open[name].fault("begun-twice", "a second begin before the end")
            return
        self._begun += 1
        taken_at = _time(frame.taken_at)
        if taken_at is None:
            told = self._hide(frame.taken_at)[:40]
            self._fault("bad-time", name, f"taken_at is {told!r}")
        self._open[name] = OpenPart(
            frame,
            host=self._host,
            transport=self._transport,
            taken_at=taken_at,
            limit=self._limits.plain,
            ratio=self._limits.ratio,
            tell=self._fault,
        )

    def _refusal(self, frame: Begin) -> tuple[str, str] | None:
        """Why a part cannot begin at all."""
        if frame.v != VERSION:
            return "version", f"frames of version {frame.v}, not {VERSION}"
        if not _PART.fullmatch(frame.part):
            return "bad-name", f"no name for a part: {self._hide(frame.part)[:80]!r}"
        if not _WORD.fullmatch(frame.content) or not _WORD.fullmatch(frame.call):
            return "bad-name", "content and call are words"
        if frame.packing is not None and frame.packing not in set(Packing):
            return "packing", f"unknown packing {self._hide(frame.packing)[:40]!r}"
        if frame.part in self._ended:
            return "begun-twice", "a second begin after the end"
        if self._begun >= self._limits.parts and frame.part not in self._open:
            return "too-many-parts", f"more than {self._limits.parts}"
        return None

    def _take(self, frame: Data | Records) -> Records | None:
        part = self._part(frame.part)
        if part is None:
            return None
        before = part.held
        in_place = part.take(frame, room=self._limits.packed - self._held)
        self._held += part.held - before
        return frame if in_place and isinstance(frame, Records) else None

    def _end(self, frame: End) -> Payload | None:
        part = self._part(frame.part)
        if part is None:
            return None
        del self._open[frame.part]
        self._ended.add(frame.part)
        part.check(frame)
        payload = part.close(self._now())
        if payload.complete:
            return payload
        self._bad.append(payload)
        return None

    def _problem(self, frame: ProblemFrame) -> Problem | None:
        code = self._hide(frame.code)
        if code != frame.code or not _WORD.fullmatch(code):
            self._fault("bad-frame", None, f"no problem code: {code[:80]!r}")
            return None
        hresult = frame.hresult or ""
        problem = Problem(
            code=code,
            part=self._sayable(frame.part or ""),
            hresult=hresult if _HRESULT.fullmatch(hresult) else None,
            text=self._hide(frame.text),
        )
        self._problem_count += 1
        if len(self._problems) < self._limits.kept:
            self._problems.append(problem)
            if part := self._open.get(frame.part or ""):
                part.problems.append(problem)
        return problem

    def _part(self, name: str) -> OpenPart | None:
        part = self._open.get(name)
        if part is None:
            code = "after-end" if name in self._ended else "unknown-part"
            self._fault(code, self._sayable(name), "a frame of a part that is not open")
        return part

    def _sayable(self, name: str) -> str | None:
        """A part's name, where it is one; any word can be, also one that nobody may see."""
        if name in self._open or name in self._ended:
            return name
        return name if _PART.fullmatch(name) and self._hide(name) == name else None

    def _foreign(self, line: str) -> None:
        self._noise_count += 1
        if len(self._noise) < self._limits.kept:
            self._noise.append(line[: self._limits.noise])
        if line.lstrip().startswith('{"frame"'):
            what = "too long" if len(line) > LINE_LIMIT else "not readable"
            self._fault("bad-frame", None, f"a frame of {len(line)} characters is {what}")

    def _fault(self, code: str, part: str | None, text: str) -> Fault:
        fault = Fault(code=code, part=part, text=text)
        self._fault_count += 1
        if len(self._faults) < self._limits.kept:
            self._faults.append(fault)
        return fault

    @staticmethod
    def _now() -> datetime:
        return datetime.now(UTC)


def decode(
    lines: Iterable[str], *, host: str, transport: str, limits: Limits | None = None
) -> Received:
    """All of a job at once; `Received.payloads` holds the whole parts, then the others."""
    decoder = Decoder(host=host, transport=transport, limits=limits)
    whole = [found for line in lines if isinstance(found := decoder.feed(line), Payload)]
    rest = decoder.finish()
    return Received(
        payloads=(*whole, *rest.payloads),
        problems=rest.problems,
        faults=rest.faults,
        noise=rest.noise,
        problem_count=rest.problem_count,
        fault_count=rest.fault_count,
        noise_count=rest.noise_count,
        frame_count=rest.frame_count,
    )


def _time(text: str) -> datetime | None:
    """A host's time; None where it is none, has no zone, or lies outside what UTC can hold."""
    try:
        moment = datetime.fromisoformat(text)
        return None if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
