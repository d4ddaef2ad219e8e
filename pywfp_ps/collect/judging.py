"""What came of a host, from what its job brought and how it ended."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Set
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from pywfp_ps.collect.parsing import Parsed
from pywfp_ps.fleet.causes import (
    ADVICE,
    Cause,
    of_error_id,
    of_exception,
    of_frame_fault,
    of_problem,
)
from pywfp_ps.fleet.outcomes import Outcome, Report
from pywfp_ps.payload import Problem, Received
from pywfp_ps.transports.base import Ran, TransportError

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa

    from pywfp_ps.model.host import HostFacts
    from pywfp_ps.store import About

CONTEXT_PARTS: Final = frozenset({"context", "sysports", "options", "netevents"})
"""Parts that surround the dump; what lacks of them is told and makes no host partial."""

_CLOCK_SECONDS: Final = 300
"""From here on a clock that is off is told: Kerberos takes no more, and times mislead."""

_MOST_LACKS: Final = 20
_ENGINE: Final = frozenset({"state", "records"})
_CLIXML: Final = re.compile(r"<(S|Obj|!DOCTYPE|\?xml)[\s>]")


def report_of(
    ran: Ran | TransportError, received: Received, *, whole: Set[str], wanted: Set[str]
) -> Report:
    """What a job says of itself: with a whole dump it is good or partial, without one it failed.

    The host's own words come first, then PowerShell's error, then the connection, then what the
    frames lack.

    Args:
        ran: How the job ended.
        received: What is wrong with what it brought.
        whole: Parts that came whole.
        wanted: Parts that a good job brings.
    """
    cause, text = _why(ran, received, whole, wanted)
    if cause is None:
        return _counted(Report(text=_lacks(received.problems)), ran)
    return _counted(Report(cause=cause, partial=bool(whole & _ENGINE), text=text), ran)


def _why(
    ran: Ran | TransportError, received: Received, whole: Set[str], wanted: Set[str]
) -> tuple[Cause | None, str]:
    for problem in received.problems:
        if problem.part not in CONTEXT_PARTS:
            return of_problem(problem.code, problem.hresult), problem.text or problem.code
    if isinstance(ran, TransportError):
        return of_exception(ran, logged_on=True), ran.text
    for error in ran.errors:
        if ran.state == "failed" and (cause := of_error_id(error.error_id)):
            return cause, error.text or error.error_id
    if unreadable := _unreadable(received, wanted - whole):
        return Cause.BAD_PAYLOAD, unreadable
    for fault in received.faults:
        # A line that only looks like a frame takes nothing from parts that are proven whole.
        if fault.part is not None or not wanted <= whole:
            text = f"{fault.part or 'frames'}: {fault.text or fault.code}"
            return of_frame_fault(fault.code), text
    if ran.state == "failed":
        first = ran.errors[0] if ran.errors else None
        return Cause.INCOMPLETE, (first.text or first.error_id) if first else "the script failed"
    if missing := sorted(wanted - whole):
        parts = f"part{'s' * (len(missing) > 1)} {', '.join(missing)}"
        return Cause.INCOMPLETE, f"the job ended without sending the {parts}"
    return None, ""


def _unreadable(received: Received, missing: Set[str]) -> str:
    """What to say where a part is missing and an object came that is no text, but broken XML.

    pypsrp gives out the XML itself of an object that it cannot read.
    """
    if not missing or not any(_CLIXML.match(line) for line in received.noise):
        return ""
    parts = ", ".join(sorted(missing))
    return f"an object that the host sent is no well-formed XML; {parts} did not come whole"


def _lacks(problems: Iterable[Problem]) -> str:
    """What of the context could not be had."""
    names = dict.fromkeys(
        problem.text.partition(":")[0] if problem.part == "context" else problem.part or ""
        for problem in problems
    )
    return f"without {', '.join(list(names)[:_MOST_LACKS])}" if names else ""


def _counted(report: Report, ran: Ran | TransportError) -> Report:
    usage = ran.usage
    if usage is None:
        return report
    return replace(report, requests=usage.requests, sent=usage.sent, received=usage.received)


def judged(outcome: Outcome, parsed: Parsed) -> Outcome:
    """The outcome of a host whose parts were fetched, once they were parsed."""
    if parsed.problem is not None:
        cause = Cause.BUG if parsed.is_bug else Cause.BAD_PAYLOAD
        told = with_cause(outcome, "failed", cause, parsed.problem)
        return replace(told, traceback=parsed.traceback)
    outcome = replace(outcome, disagreements=parsed.disagreements)
    if outcome.outcome == "ok" and parsed.whole and parsed.unread:
        count = parsed.unread
        unread = f"{count} {'item' if count == 1 else 'items'} could not be read, see the view gaps"
        return noted(outcome, unread)
    if outcome.outcome != "ok" or parsed.whole:
        return outcome
    text = "the dump is damaged; what could be read is stored"
    if parsed.lost:
        text = f"{', '.join(parsed.lost)} cannot be read; the other source is stored alone"
    return with_cause(outcome, "partial", Cause.BAD_PAYLOAD, text)


def with_cause(outcome: Outcome, state: Any, cause: Cause, text: str) -> Outcome:
    """The outcome with another end."""
    advice = ADVICE[cause]
    return replace(
        outcome,
        outcome=state,
        cause=cause,
        text=text,
        retryable=advice.can_pass,
        to_do=advice.to_do,
    )


def clock_told(facts: HostFacts | None, now: datetime | None) -> str:
    """How far the host's clock was off, where that is much; else, and where unknown, empty."""
    if facts is None or facts.clock is None or now is None:
        return ""
    seconds = (facts.clock - now).total_seconds()
    if abs(seconds) < _CLOCK_SECONDS:
        return ""
    size = abs(seconds)
    amount = f"{size / 86400:.0f} days" if size >= 2 * 86400 else f"{size / 60:.0f} minutes"
    return f"its clock is {amount} {'ahead' if seconds > 0 else 'behind'}"


def noted(outcome: Outcome, *notes: str) -> Outcome:
    """The outcome with notes after its text."""
    texts = [text for text in (outcome.text, *notes) if text]
    return replace(outcome, text="; ".join(texts))


class Machines:
    """Tells hosts that are one machine under several names, by what they say of themselves."""

    def __init__(self) -> None:
        self._names: dict[tuple[object, ...], list[str]] = {}

    def add(self, host: str, facts: HostFacts | None) -> None:
        """Takes in a host."""
        if facts is None:
            return
        sign = (facts.computer, facts.domain, facts.boot_time, facts.bfe_started_at)
        if None not in sign:
            self._names.setdefault(sign, []).append(host)

    def shared(self) -> list[tuple[str, ...]]:
        """The names of each machine that has several."""
        return sorted(tuple(sorted(names)) for names in self._names.values() if len(names) > 1)


def about(facts: HostFacts | None, groups: tuple[str, ...]) -> About:
    """What the store's row of a host says of it."""
    from pywfp_ps.store import About

    if facts is None:
        return About(groups=groups)
    return About(
        computer=facts.computer,
        domain=facts.domain,
        os_name=facts.os_name,
        os_build=facts.os_build,
        elevated=facts.elevated,
        boot_time=facts.boot_time,
        bfe_started_at=facts.bfe_started_at,
        groups=groups,
    )


def stated(
    tables: Mapping[str, pa.Table], facts: HostFacts | None, *, consistent: bool | None
) -> dict[str, pa.Table]:
    """The tables of a snapshot with what its job knows of how it was taken."""
    import pyarrow as pa

    if "snapshots" not in tables:
        return dict(tables)
    told = {"consistent": consistent, "elevated": facts.elevated if facts else None}
    snapshots = tables["snapshots"]
    for name, value in told.items():
        at = snapshots.schema.get_field_index(name)
        field = snapshots.schema.field(at)
        values = pa.array([value] * snapshots.num_rows, field.type)
        snapshots = snapshots.set_column(at, field, values)
    return {**tables, "snapshots": snapshots}


def facts_rows(facts: HostFacts) -> dict[str, list[dict[str, Any]]]:
    """Rows of the views that facts alone fill."""
    return {
        "interfaces": [
            {
                "luid": one.luid,
                "interface_index": one.index,
                "alias": one.alias,
                "description": one.description,
                "type": one.type,
                "up": one.is_up,
                "addresses": [str(address) for address in one.addresses],
                "profile": one.profile,
                "network": one.network,
            }
            for one in facts.interfaces
        ],
        "volumes": [{"letter": one.letter, "device": one.device} for one in facts.volumes],
    }
