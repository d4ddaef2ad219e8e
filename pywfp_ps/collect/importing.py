"""Dump files into the store: raw bytes first, then what they say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from pywfp_ps.collect.dumps import Dump
from pywfp_ps.collect.parsing import Parsed, ParseJob, ParsePool, in_workers, outcome_of, parse

if TYPE_CHECKING:
    from pywfp_ps.store import RunWriter, Store

_FEW: Final = 3
"""Up to so many payloads are parsed here: starting workers takes longer than they do."""


class Imported(Struct, frozen=True, kw_only=True):
    """What came of one file.

    Attributes:
        host: Host it was taken to come from.
        file: The file.
        outcome: ``ok``, ``partial`` (read in part) or ``failed``.
        cause: Slug of the reason where it is not ``ok``.
        filters: Filters found.
        gaps: Things that could not be understood.
        run_id: The run it is in, ``None`` where nothing was stored.
        duplicate_of: An earlier file of the call with the same bytes.
        problem: What is wrong, one sentence.
        note: What else a person should know of it.
    """

    host: str
    file: str
    outcome: str
    cause: str | None = None
    filters: int = 0
    gaps: int = 0
    run_id: str | None = None
    duplicate_of: str | None = None
    problem: str | None = None
    note: str | None = None


class _Kept(Struct, frozen=True):
    """A dump whose bytes are in the run."""

    dump: Dump
    path: Path
    writer: RunWriter


def import_dumps(
    store: Store, dumps: Sequence[Dump], *, workers: int | None = None
) -> Iterator[Imported]:
    """Stores the files and gives what came of each, as it comes.

    A run holds one state or filter dump of a host. Where several files are of one host, each
    further one goes to a run of its own, in the order given, so the last one is the newest; a file
    of filters beside a state dump is kept beside it, and the state dump, which holds more, answers.

    Args:
        store: Where to.
        dumps: What `look_at` said of the files.
        workers: Worker processes; as many as there are cores where it is ``None``.
    """
    yield from (refused(dump) for dump in dumps if dump.problem)
    good: dict[tuple[str, str], Dump] = {}
    for dump in dumps:
        if not dump.problem and good.setdefault((dump.host, dump.sha256), dump) is not dump:
            yield _plain(dump, note="the same bytes again: not stored twice")
    for wave in _waves(list(good.values())):
        yield from _import_wave(store, wave, workers)


def _plain(dump: Dump, *, note: str, run_id: str | None = None) -> Imported:
    """A file that adds nothing, and why."""
    copy = dump.duplicate_of
    return Imported(
        host=dump.host,
        file=str(dump.path),
        outcome="ok",
        run_id=run_id,
        duplicate_of=str(copy) if copy else None,
        note=note,
    )


def refused(dump: Dump) -> Imported:
    """The outcome of a file of which nothing can come."""
    return Imported(
        host=dump.host,
        file=str(dump.path),
        outcome="failed",
        cause="bad-payload",
        problem=dump.problem,
    )


def _waves(dumps: Sequence[Dump]) -> list[list[Dump]]:
    """The files in waves, none with two files of one host and part."""
    waves: list[list[Dump]] = []
    taken: list[set[tuple[str, str | None]]] = []
    for dump in dumps:
        key = (dump.host, dump.part)
        at = next((n for n, keys in enumerate(taken) if key not in keys), len(waves))
        if at == len(waves):
            waves.append([])
            taken.append(set())
        waves[at].append(dump)
        taken[at].add(key)
    return waves


def _import_wave(store: Store, wave: Sequence[Dump], workers: int | None) -> Iterator[Imported]:
    with_state = {dump.host for dump in wave if dump.part == "state"}
    with ExitStack() as stack:
        writer = stack.enter_context(store.begin_run(command="import"))
        beside = [dump for dump in wave if dump.part != "state" and dump.host in with_state]
        for dump in beside:
            _keep(writer, dump)
            note = "kept beside the state dump, which holds more and answers"
            yield _plain(dump, note=note, run_id=writer.run_id)
        chosen = (_keep(writer, dump) for dump in wave if dump not in beside)
        if len(wave) <= _FEW:
            parsed: Iterable[tuple[_Kept, Parsed]] = ((one, parse(_job(one))) for one in chosen)
        else:
            pool = stack.enter_context(ParsePool(workers))
            parsed = in_workers(pool.submit, chosen, _job)
        for one, result in parsed:
            yield _store(one, result)


def _keep(writer: RunWriter, dump: Dump) -> _Kept:
    path = writer.put_raw(dump.host, dump.part or "state", dump.path.read_bytes())
    return _Kept(dump, path, writer)


def _job(kept: _Kept) -> ParseJob:
    return ParseJob(
        host=kept.dump.host,
        run_id=kept.writer.run_id,
        parts={kept.dump.part or "state": kept.path},
    )


def _store(kept: _Kept, parsed: Parsed) -> Imported:
    outcome, cause = outcome_of(parsed)
    if parsed.tables:
        kept.writer.add(kept.dump.host, parsed.tables)
    kept.writer.add_outcome(kept.dump.host, outcome, cause, detail=parsed.problem)
    copy = kept.dump.duplicate_of
    problem = parsed.problem and parsed.problem.removeprefix(f"{kept.path.name}: ")
    return Imported(
        host=kept.dump.host,
        file=str(kept.dump.path),
        outcome=outcome,
        cause=cause,
        filters=parsed.filters,
        gaps=parsed.gaps,
        run_id=kept.writer.run_id,
        duplicate_of=str(copy) if copy else None,
        problem=problem and f"{kept.dump.path}: {problem}",
    )
