"""What the parts of one job say together: a snapshot, what surrounds it, and where sources differ.

A collection reads a host's parts this way, and so does `reparse`: the rows of a run come from the
bytes it keeps and from nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from msgspec import Struct

from pywfp_ps.collect.context_rows import context_rows
from pywfp_ps.collect.judging import facts_rows
from pywfp_ps.collect.parsing import ENGINE, READ
from pywfp_ps.errors import ReadError
from pywfp_ps.model.context import EngineOption, HostContext
from pywfp_ps.model.identity import NO_PLACES, OwnPlaces
from pywfp_ps.model.merging import Disagreement, merge
from pywfp_ps.model.objects import Gap, Snapshot
from pywfp_ps.model.owners import rule_links
from pywfp_ps.payload import PayloadInfo, Problem, unpack
from pywfp_ps.read.context import read_context, with_context
from pywfp_ps.read.engine_options import read_options, read_record_options, read_system_ports
from pywfp_ps.read.facts import LARGEST, read_facts

if TYPE_CHECKING:
    import pyarrow as pa

    from pywfp_ps.model.host import HostFacts

_LARGEST_PROBLEMS: Final = 32 << 20  # some hundred, each no longer than the frame it came in
_TEXT_LIMIT: Final = 300
T = TypeVar("T")


class Said(Struct, frozen=True, kw_only=True):
    """All that one job brought, read.

    Attributes:
        snapshot: The objects of the filter engine; ``None`` where no part with them could be read.
        context: What surrounds it; every kind is ``None`` where no such part came.
        facts: What the host said of itself.
        disagreements: Where two sources differ; ``None`` where there was one.
        facts_gaps: What of the facts made no sense.
        context_gaps: What of all else did not, or could not be had.
        problem: Why there is no snapshot, though a part with one came.
        lost: Parts of the engine that could not be read, though another could.
    """

    snapshot: Snapshot | None = None
    context: HostContext = HostContext()
    facts: HostFacts | None = None
    disagreements: tuple[Disagreement, ...] | None = None
    facts_gaps: tuple[Gap, ...] = ()
    context_gaps: tuple[Gap, ...] = ()
    problem: str | None = None
    lost: tuple[str, ...] = ()


def read_parts(paths: Mapping[str, Path], *, source: str = "") -> Said:
    """Reads the parts of one host.

    A part that cannot be read is a gap, and takes nothing from the others.

    Args:
        paths: Files by part, plain or gzip, as `RunWriter.put_raw` keeps them. Parts that nobody
            reads are left aside.
        source: What gaps call the one part of the engine; the file's name where it is empty.

    Raises:
        OSError: A file cannot be opened.
    """
    reader = _Reader({part: path for part, path in paths.items() if part in READ}, source)
    return reader.said()


def tables_of_parts(said: Said, *, host: str, run_id: str) -> dict[str, pa.Table]:
    """The rows of one host, a table a kind; ready for `RunWriter.add`."""
    from pywfp_ps.store import table_of, tables_of

    rows: dict[str, list[dict[str, Any]]] = {}
    tables: dict[str, pa.Table] = {}
    links = None
    if said.snapshot is not None:
        if said.context.rules is not None:
            links = rule_links(said.snapshot, said.context)
        tables = tables_of(
            said.snapshot,
            host=host,
            run_id=run_id,
            own=own_places(said.facts),
            context=said.context,
            links=links,
        )
    rows |= context_rows(said.context, links.by_rule if links else None)
    if said.facts is not None:
        rows |= facts_rows(said.facts)
        rows["facts_gaps"] = _gap_rows(said.facts_gaps)
    if _is_told(said.context) or said.context_gaps:
        rows["context_gaps"] = _gap_rows(said.context_gaps)
    if said.disagreements is not None:
        rows["disagreements"] = [_disagreement_row(one) for one in said.disagreements]
    made = {kind: table_of(kind, some, host=host, run_id=run_id) for kind, some in rows.items()}
    return tables | made


def own_places(facts: HostFacts | None) -> OwnPlaces:
    """What belongs to the machine alone; what every machine has, such as loopback, does not."""
    if facts is None:
        return NO_PLACES
    held = [address for one in facts.interfaces for address in one.addresses]
    own = [address for address in held if not address.is_loopback]
    return OwnPlaces(
        addresses=frozenset(address.ip for address in own),
        networks=frozenset(address.network for address in own if not address.is_link_local),
    )


def _gap_rows(gaps: tuple[Gap, ...]) -> list[dict[str, Any]]:
    return [{"source": one.source, "place": one.place, "problem": one.problem} for one in gaps]


def _disagreement_row(one: Disagreement) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__struct_fields__}


def _is_told(context: HostContext) -> bool:
    """Whether any kind of context was."""
    names = (name for name in context.__struct_fields__ if name != "gaps")
    return any(getattr(context, name) is not None for name in names)


class _Reader:
    """Reads parts one by one and remembers what could not be read."""

    def __init__(self, paths: Mapping[str, Path], source: str) -> None:
        self._paths, self._source = paths, source
        self._gaps: list[Gap] = []
        self._unread: dict[str, ReadError] = {}

    def said(self) -> Said:
        snapshot, disagreements = self._engine()
        facts, facts_gaps = self._facts()
        context = self._context()
        self._problems()
        broken = {part: error for part, error in self._unread.items() if part in ENGINE}
        problem = "; ".join(map(str, broken.values())) if snapshot is None and broken else None
        return Said(
            snapshot=snapshot,
            context=context,
            facts=facts,
            disagreements=disagreements,
            facts_gaps=facts_gaps,
            context_gaps=(*context.gaps, *self._gaps),
            problem=problem,
            lost=tuple(sorted(broken)) if snapshot is not None else (),
        )

    def _engine(self) -> tuple[Snapshot | None, tuple[Disagreement, ...] | None]:
        from pywfp_ps.read import read_filters, read_records, read_state

        state = self._read("state", read_state, own_name=True)
        records = self._read("records", read_records, taken_at=self._taken_at("records"))
        if state is not None and records is not None:
            return merge(state, records)
        if state is not None or records is not None:
            return state or records, None
        return self._read("filters", read_filters, own_name=True), None

    def _facts(self) -> tuple[HostFacts | None, tuple[Gap, ...]]:
        found = self._read("facts", _read_facts)
        if found is not None:
            return found
        return None, ()

    def _context(self) -> HostContext:
        context = self._read("context", read_context) or HostContext()
        more: dict[str, Any] = {
            "sysports": self._read("sysports", read_system_ports),
            "options": self._options(),
        }
        return with_context(context, **{kind: told for kind, told in more.items() if told})

    def _options(self) -> tuple[tuple[EngineOption, ...], tuple[Gap, ...]] | None:
        """Options as netsh shows them, and those that only NtObjectManager knows."""
        shown = self._read("options", read_options)
        told = self._read("records", read_record_options) if "records" in self._paths else None
        if told is None or not (told[0] or told[1]):
            return shown
        if shown is None:
            return told
        names = {one.name for one in shown[0]}
        return (
            (*shown[0], *(one for one in told[0] if one.name not in names)),
            (*shown[1], *told[1]),
        )

    def _problems(self) -> None:
        """What the host could not do: a gap a part, but for those whose own lines say it."""
        if "problems" not in self._paths:
            return
        try:
            data = unpack(self._paths["problems"].read_bytes(), limit=_LARGEST_PROBLEMS)
            problems = msgspec.json.decode(data, type=tuple[Problem, ...])
        except (msgspec.DecodeError, UnicodeDecodeError, ReadError) as error:
            self._gap("problems", f"cannot be read ({error})")
            return
        for one in problems:
            if one.part != "context" or "context" not in self._paths:
                self._gap(one.part or "job", one.text or one.code, place=one.code)

    def _read(
        self, part: str, read: Callable[..., T], *, own_name: bool = False, **more: Any
    ) -> T | None:
        path = self._paths.get(part)
        if path is None or part in self._unread:
            return None
        named = self._source if own_name and self._source else path.name
        try:
            return read(path.read_bytes(), source=named, **more)
        except ReadError as error:
            self._unread[part] = error
            self._gap(path.name, f"cannot be read: {error.problem}", place=error.where)
            return None

    def _gap(self, source: str, problem: str, *, place: str = "the whole") -> None:
        told = Gap(source=source, place=place[:_TEXT_LIMIT], problem=problem[:_TEXT_LIMIT])
        self._gaps.append(told)

    def _taken_at(self, part: str) -> datetime | None:
        """When the host says a part was taken, by what is kept beside it."""
        path = self._paths.get(part)
        if path is None:
            return None
        try:
            beside = path.with_suffix(".json").read_bytes()
            return msgspec.json.decode(beside, type=PayloadInfo).taken_at
        except (OSError, msgspec.DecodeError):
            return None


def _read_facts(data: bytes, *, source: str) -> tuple[HostFacts, tuple[Gap, ...]]:
    return read_facts(unpack(data, limit=LARGEST, source=source), source=source)
