"""What came of a host, from what its job brought and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

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
from pywfp_ps.payload import Received
from pywfp_ps.transports.base import Ran, TransportError

if TYPE_CHECKING:
    import pyarrow as pa

    from pywfp_ps.model.host import HostFacts
    from pywfp_ps.store import About


def report_of(ran: Ran | TransportError, received: Received, *, has_state: bool) -> Report:
    """What a job says of itself: with a whole dump it is good or partial, without one it failed.

    The host's own words come first, then PowerShell's error, then what the frames lack, then the
    connection.
    """
    cause, text = _why(ran, received)
    if has_state and cause is None:
        return _counted(Report(), ran)
    cause = cause or Cause.INCOMPLETE
    text = text or "the job ended without sending the dump"
    return _counted(Report(cause=cause, partial=has_state, text=text), ran)


def _why(ran: Ran | TransportError, received: Received) -> tuple[Cause | None, str]:
    for problem in received.problems:
        return of_problem(problem.code, problem.hresult), problem.text or problem.code
    if isinstance(ran, Ran):
        for error in ran.errors:
            if cause := of_error_id(error.error_id):
                return cause, error.text or error.error_id
    for fault in received.faults:
        return of_frame_fault(fault.code), f"{fault.part or 'frames'}: {fault.text or fault.code}"
    if isinstance(ran, TransportError):
        return of_exception(ran, logged_on=True), ran.text
    if ran.state == "failed":
        first = ran.errors[0] if ran.errors else None
        return Cause.INCOMPLETE, (first.text or first.error_id) if first else "the script failed"
    return None, ""


def _counted(report: Report, ran: Ran | TransportError) -> Report:
    usage = ran.usage
    if usage is None:
        return report
    return replace(report, requests=usage.requests, sent=usage.sent, received=usage.received)


def judged(outcome: Outcome, parsed: Parsed) -> Outcome:
    """The outcome of a host whose dump was fetched, once it was parsed."""
    if parsed.problem is not None:
        cause = Cause.BUG if parsed.is_bug else Cause.BAD_PAYLOAD
        return _failed(outcome, "failed", cause, parsed.problem)
    if not parsed.whole and outcome.outcome == "ok":
        text = "the dump is damaged; what could be read is stored"
        return _failed(outcome, "partial", Cause.BAD_PAYLOAD, text)
    return outcome


def _failed(outcome: Outcome, state: str, cause: Cause, text: str) -> Outcome:
    advice = ADVICE[cause]
    return replace(
        outcome,
        outcome=state,
        cause=cause,
        text=text,
        retryable=advice.can_pass,
        to_do=advice.to_do,
    )


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
