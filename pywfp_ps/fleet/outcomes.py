"""What became of each host."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from pywfp_ps.fleet.causes import ADVICE, Cause

State = Literal["ok", "partial", "failed", "cancelled"]


class Report(Struct, frozen=True, kw_only=True):
    """What a job gives back about a host that answered.

    Attributes:
        cause: None where all is there; else why it is not.
        partial: Whether what is there can be used all the same.
        text: Details for a person, without secrets.
        packed: Bytes of the payloads as they are kept.
        plain: Bytes they unpack to.
        requests: Requests made.
        sent: Bytes of their bodies.
        received: Bytes of the answers' bodies.
    """

    cause: Cause | None = None
    partial: bool = False
    text: str = ""
    packed: int = 0
    plain: int = 0
    requests: int = 0
    sent: int = 0
    received: int = 0


class Outcome(Struct, frozen=True, kw_only=True):
    """What became of one host, after its last try.

    Attributes:
        host: Inventory name.
        outcome: ``ok``, ``partial``, ``failed``, or ``cancelled`` where nobody tried to the end.
        cause: Why it is not ``ok``; None for ``ok``, and for ``cancelled`` hosts.
        retryable: Whether the same try may go well later.
        to_do: What the person at the keyboard can do.
        text: Details, without secrets.
        tries: How often the host was visited; 0 if never.
        seconds: From the begin of the last visit to its end.
        packed: As in `Report`, of the last visit; so are the following.
        disagreements: In how many things two sources of the host differ.
        is_recovered: Whether it was made of what an earlier visit left on disk: times, requests
            and bytes on the way are not known of it then.
        traceback: Of a bug of ours, else empty.
    """

    host: str
    outcome: State
    cause: Cause | None = None
    retryable: bool = False
    to_do: str = ""
    text: str = ""
    tries: int = 0
    seconds: float = 0.0
    packed: int = 0
    plain: int = 0
    requests: int = 0
    sent: int = 0
    received: int = 0
    disagreements: int = 0
    is_recovered: bool = False
    traceback: str = ""


def outcome_of(host: str, report: Report, *, tries: int, seconds: float) -> Outcome:
    """The outcome that a report means."""
    state: State = "ok" if report.cause is None else "partial" if report.partial else "failed"
    advice = ADVICE[report.cause] if report.cause else None
    return Outcome(
        host=host,
        outcome=state,
        cause=report.cause,
        retryable=advice.can_pass if advice else False,
        to_do=advice.to_do if advice else "",
        text=report.text,
        tries=tries,
        seconds=seconds,
        packed=report.packed,
        plain=report.plain,
        requests=report.requests,
        sent=report.sent,
        received=report.received,
    )


def cancelled(host: str, text: str, *, tries: int = 0, seconds: float = 0.0) -> Outcome:
    """The outcome of a host that nobody tried to the end."""
    return Outcome(
        host=host,
        outcome="cancelled",
        retryable=True,
        to_do="Visit the host again (collect does so with --resume).",
        text=text,
        tries=tries,
        seconds=seconds,
    )
