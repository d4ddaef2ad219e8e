"""The jobs that a field test runs on its machine, each on its own try."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import Struct

from pywfp_ps.payload import Decoder, Payload, Problem
from pywfp_ps.transports.base import Patience, Target, Transport, TransportError

SAY: Final = (
    "",
    "plain",
    "20261121T100000000Z",
    "'\"`$(x);&|<>%PATH%",
    "Gr\u00fc\u00dfe \u540d\u524d \U0001f600",
)
"""Texts that a job is given and gives back; ASCII, quotes and letters that take two units."""

_EVENT_HOURS: Final = 24
_EVENTS: Final = "500"
_BEFORE_WINDOWS: Final = "19900101T000000000Z"


class Job(Struct, frozen=True, kw_only=True):
    """One job.

    Attributes:
        name: What its answer is called.
        call: Function of the module.
        arguments: Its parameters.
        stop_after: Part after which it is told to stop; empty to let it end.
        about: What is being done, for people.
    """

    name: str
    call: str
    arguments: Mapping[str, str | Sequence[str]] = {}
    stop_after: str = ""
    about: str


class Ended(Struct, frozen=True, kw_only=True):
    """How a job ended.

    Attributes:
        state: ``completed``, ``failed``, ``stopped``, or ``unreached`` where it did not run at all.
        cause: Slug of the transport, where it failed there.
        errors: Error ids of the script.
        problems: Part and code of what the host said it could not do.
        faults: Codes of what was wrong with the frames.
        noise: Lines that were no frames.
        foreign: Objects that were no text.
        seconds: How long it took.
    """

    state: str
    cause: str = ""
    errors: tuple[str, ...] = ()
    problems: tuple[tuple[str, str], ...] = ()
    faults: tuple[str, ...] = ()
    noise: int = 0
    foreign: int = 0
    seconds: float = 0.0


class Asked(Struct, frozen=True, kw_only=True):
    """What a machine answered.

    Attributes:
        transport: The way to it.
        ended: How each job ended, by its name.
        parts: What came, by job and part.
        texts: The host's own words to problems, by job, part and code.
    """

    transport: str
    ended: Mapping[str, Ended]
    parts: Mapping[tuple[str, str], Payload]
    texts: Mapping[tuple[str, str, str], str] = {}


def jobs(now: datetime) -> tuple[Job, ...]:
    """The jobs, in order; the last one sees what the stopped one left behind."""
    after = (now - timedelta(hours=_EVENT_HOURS)).strftime("%Y%m%dT%H%M%S000Z")
    return (
        Job(
            name="snapshot",
            call="Get-PyWfpSnapshot",
            arguments={"Source": "both"},
            about="reading the filter engine, by netsh and by NtObjectManager, and the host",
        ),
        Job(name="filters", call="Get-PyWfpFilterDump", about="reading `show filters`"),
        Job(
            name="events",
            call="Get-PyWfpSecurityEvent",
            arguments={"After": after, "MaxCount": _EVENTS},
            about="reading the last events of the Security log",
        ),
        Job(
            name="no-events",
            call="Get-PyWfpSecurityEvent",
            arguments={"Before": _BEFORE_WINDOWS},
            about="asking for events that cannot be there",
        ),
        Job(
            name="stopped",
            call="Get-PyWfpState",
            stop_after="facts",
            about="stopping a job half way",
        ),
        Job(
            name="field",
            call="Get-PyWfpFieldTest",
            arguments={"Say": list(SAY)},
            about="trying what documents leave open",
        ),
    )


def ask(
    transport: Transport,
    target: Target,
    *,
    seconds: float = 300,
    now: datetime | None = None,
    on_job: Callable[[Job], object] = lambda _: None,
) -> Asked:
    """Runs all jobs; one that fails costs its own answers.

    Args:
        transport: The way.
        target: The machine.
        seconds: Most time of one job.
        now: The time; that of the clock where it is ``None``.
        on_job: Told of each job as it begins.
    """
    ended: dict[str, Ended] = {}
    parts: dict[tuple[str, str], Payload] = {}
    texts: dict[tuple[str, str, str], str] = {}
    for job in jobs(now or datetime.now(UTC)):
        on_job(job)
        decoder = Decoder(host=target.name, transport=transport.name)
        ended[job.name], payloads, problems = _run(transport, target, job, decoder, seconds)
        for payload in payloads:
            parts[job.name, payload.part] = payload
        for problem in problems:
            texts[job.name, problem.part or "", problem.code] = problem.text
    return Asked(transport=transport.name, ended=ended, parts=parts, texts=texts)


def _run(
    transport: Transport, target: Target, job: Job, decoder: Decoder, seconds: float
) -> tuple[Ended, tuple[Payload, ...], tuple[Problem, ...]]:
    watch = Patience(seconds)
    began = time.monotonic()
    whole: list[Payload] = []

    def take(line: str) -> None:
        found = decoder.feed(line)
        if isinstance(found, Payload):
            whole.append(found)
            if found.part == job.stop_after:
                watch.stop()

    state, cause, foreign = "unreached", "", 0
    errors: tuple[str, ...] = ()
    try:
        ran = transport.run(target, job.call, job.arguments, on_frame=take, watch=watch)
        state, foreign = ran.state, ran.foreign
        errors = tuple(error.error_id for error in ran.errors)
    except TransportError as error:
        cause = error.what
    received = decoder.finish()
    ended = Ended(
        state=state,
        cause=cause,
        errors=errors,
        problems=tuple((problem.part or "", problem.code) for problem in received.problems),
        faults=tuple(fault.code for fault in received.faults),
        noise=received.noise_count,
        foreign=foreign,
        seconds=round(time.monotonic() - began, 3),
    )
    return ended, (*whole, *received.payloads), received.problems
