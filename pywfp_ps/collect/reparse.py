"""The rows of runs made anew from the raw bytes they keep."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from pywfp_ps.collect.judging import stated
from pywfp_ps.collect.parsing import (
    ENGINE,
    READ,
    Parsed,
    ParseJob,
    ParsePool,
    in_workers,
    outcome_of,
)
from pywfp_ps.collect.visiting import Fetched
from pywfp_ps.errors import ReadError
from pywfp_ps.payload import read_bounded
from pywfp_ps.read.facts import LARGEST

if TYPE_CHECKING:
    from pywfp_ps.store import HostLine, RunWriter, Store


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
        is_old: Whether outcome and cause are those of the visit, which reading does not change.
    """

    run_id: str
    host: str
    part: str
    outcome: str
    cause: str | None = None
    filters: int = 0
    gaps: int = 0
    problem: str | None = None
    is_old: bool = False


class HostParts(Struct, frozen=True, kw_only=True):
    """What a run keeps of one host, as far as rows come from it.

    Attributes:
        host: The host.
        paths: Files by part.
    """

    host: str
    paths: dict[str, Path]

    @property
    def part(self) -> str:
        """The parts with the engine's objects, else all; by name."""
        return "+".join(sorted(ENGINE & self.paths.keys()) or sorted(self.paths))


def parts_to_read(store: Store, run_id: str) -> list[HostParts]:
    """The parts of each host that its rows come from; the state dump goes before the filters."""
    found: dict[str, dict[str, Path]] = {}
    for part in store.raw_parts(run_id):
        if part.part in READ or part.part == "after":
            found.setdefault(part.host, {})[part.part] = part.path
    for paths in found.values():
        if "state" in paths or "records" in paths:
            paths.pop("filters", None)
    return [HostParts(host=host, paths=paths) for host, paths in found.items()]


def reparse_run(store: Store, run_id: str, *, workers: int | None = None) -> Iterator[Reparsed]:
    """Reads the raw parts of a run again and replaces its rows when all are read.

    Where the raw bytes of a host are gone or cannot be read any more, its rows are the last that is
    left of them: the whole run then keeps its old rows.

    Raises:
        StoreError: The run is being written, or cannot be; its old rows stay.
    """
    hosts = parts_to_read(store, run_id)
    with ExitStack() as stack:
        writer = stack.enter_context(store.rewrite(run_id))
        held = writer.old_hosts("state")
        with_engine = {one.host for one in hosts if not ENGINE.isdisjoint(one.paths)}
        before = {one.host: one for one in _lines(store, run_id)}
        if gone := sorted(held - with_engine):
            writer.abandon()
            yield from (_without_raw(run_id, host) for host in gone)
            return
        pool = stack.enter_context(ParsePool(workers))

        def job(one: HostParts) -> ParseJob:
            return ParseJob(host=one.host, run_id=run_id, parts=one.paths)

        for one, parsed in in_workers(pool.submit, hosts, job):
            outcome: str
            outcome, cause = outcome_of(parsed)
            problem = parsed.problem
            if "snapshots" not in parsed.tables and one.host in held:
                writer.abandon()
                problem = f"{one.host}: {problem}; run {run_id} keeps its old rows"
            if writer.is_open:
                _add(writer, one, parsed, before.get(one.host))
            old = before.get(one.host)
            is_old = problem is None and old is not None and _stands(old, outcome, one.paths)
            if is_old and old is not None:
                outcome, cause = old.outcome, old.cause
            yield Reparsed(
                run_id=run_id,
                host=one.host,
                part=one.part,
                is_old=is_old,
                outcome=outcome,
                cause=cause,
                filters=parsed.filters,
                gaps=parsed.gaps,
                problem=problem,
            )


def _lines(store: Store, run_id: str) -> list[HostLine]:
    """What the run said of its hosts before."""
    return store.hosts(run=run_id) if store.run(run_id).readable else []


def _add(writer: RunWriter, one: HostParts, parsed: Parsed, before: HostLine | None) -> None:
    """Adds the rows of a host, and how its visit ended where reading has something to say of it."""
    if parsed.tables:
        fetched = Fetched()
        for part in ("facts", "after"):
            if path := one.paths.get(part):
                with contextlib.suppress(ReadError):  # a gap already
                    fetched.look_at(part, read_bounded(path, limit=LARGEST))
        tables = stated(parsed.tables, fetched.facts, consistent=fetched.consistent)
        writer.add(one.host, tables)
    outcome, cause = outcome_of(parsed)
    if before is not None and _stands(before, outcome, one.paths):
        old: Any = before.outcome
        writer.add_outcome(one.host, old, before.cause)  # and what was said of it
    elif outcome != "ok":
        writer.add_outcome(one.host, outcome, cause, detail=parsed.problem)
    elif ENGINE.isdisjoint(one.paths):
        writer.add_outcome(one.host, "failed", "incomplete")
    elif before is None:
        writer.add_outcome(one.host, "ok")


def _stands(before: HostLine, outcome: str, paths: Mapping[str, Path]) -> bool:
    """Whether how a visit ended is not for reading to change: it brought less than was asked for.

    What a damaged dump made of it is, where the dump can be read now.
    """
    if outcome == before.outcome or ENGINE.isdisjoint(paths):
        return True
    is_visit = "problems" in paths or ("facts" in paths and before.cause == "incomplete")
    return is_visit and before.outcome != "ok"


def _without_raw(run_id: str, host: str) -> Reparsed:
    return Reparsed(
        run_id=run_id,
        host=host,
        part="state",
        outcome="failed",
        cause="incomplete",
        problem=f"{host}: its raw bytes are gone from run {run_id}, which keeps its old rows",
    )
