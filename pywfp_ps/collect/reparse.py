"""The rows of runs made anew from the raw bytes they keep."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

from msgspec import Struct

from pywfp_ps.collect.parsing import ParseJob, ParsePool, in_workers, outcome_of

if TYPE_CHECKING:
    from pywfp_ps.store import RawPart, Store


class Reparsed(Struct, frozen=True, kw_only=True):
    """What came of one host's payload.

    Attributes:
        run_id: The run.
        host: The host.
        part: The part that was read.
        outcome: ``ok``, ``partial`` or ``failed``.
        cause: Slug of the reason where it is not ``ok``.
        filters: Filters found.
        gaps: Things that could not be understood.
        problem: What is wrong, one sentence.
    """

    run_id: str
    host: str
    part: str
    outcome: str
    cause: str | None = None
    filters: int = 0
    gaps: int = 0
    problem: str | None = None


def parts_to_read(store: Store, run_id: str) -> list[RawPart]:
    """The part of each host that its rows come from: the state dump, else the filters."""
    chosen: dict[str, RawPart] = {}
    for part in store.raw_parts(run_id):
        if part.part == "state" or (part.part == "filters" and part.host not in chosen):
            chosen[part.host] = part
    return list(chosen.values())


def reparse_run(store: Store, run_id: str, *, workers: int | None = None) -> Iterator[Reparsed]:
    """Reads the raw parts of a run again and replaces its rows when all are read.

    Where the raw bytes of a host are gone or cannot be read any more, its rows are the last that is
    left of them: the whole run then keeps its old rows.

    Raises:
        StoreError: The run is being written, or cannot be; its old rows stay.
    """
    parts = parts_to_read(store, run_id)
    with ExitStack() as stack:
        writer = stack.enter_context(store.rewrite(run_id))
        held = writer.old_hosts("state")
        if gone := sorted(held - {part.host for part in parts}):
            writer.abandon()
            yield from (_without_raw(run_id, host) for host in gone)
            return
        pool = stack.enter_context(ParsePool(workers))

        def job(part: RawPart) -> ParseJob:
            return ParseJob(host=part.host, run_id=run_id, part=part.part, path=part.path)

        for part, parsed in in_workers(pool.submit, parts, job):
            outcome, cause = outcome_of(parsed)
            problem = parsed.problem
            if not parsed.tables and part.host in held:
                writer.abandon()
                problem = f"{part.host}: {problem}; run {run_id} keeps its old rows"
            if writer.is_open:
                if parsed.tables:
                    writer.add(part.host, parsed.tables)
                writer.add_outcome(part.host, outcome, cause, detail=parsed.problem)
            yield Reparsed(
                run_id=run_id,
                host=part.host,
                part=part.part,
                outcome=outcome,
                cause=cause,
                filters=parsed.filters,
                gaps=parsed.gaps,
                problem=problem,
            )


def _without_raw(run_id: str, host: str) -> Reparsed:
    return Reparsed(
        run_id=run_id,
        host=host,
        part="state",
        outcome="failed",
        cause="incomplete",
        problem=f"{host}: its raw bytes are gone from run {run_id}, which keeps its old rows",
    )
