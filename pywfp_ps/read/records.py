"""Records of NtObjectManager: the JSON lines that ``Get-PyWfpRecord`` sends.

They become the same objects that `read_state` makes of a netsh dump. What each of the two sources
cannot know stands in `pywfp_ps.model.sources`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, Final

from msgspec.structs import replace

from pywfp_ps.errors import ReadError
from pywfp_ps.model.objects import (
    AleEndpoint,
    Callout,
    Completeness,
    Filter,
    Layer,
    Provider,
    Session,
    Snapshot,
    SubLayer,
)
from pywfp_ps.payload.unpack import unpack
from pywfp_ps.read.netsh.addresses import AddressFields
from pywfp_ps.read.record_filters import read_filter
from pywfp_ps.read.record_lines import Log, Record, lines_of, record_of
from pywfp_ps.read.record_objects import (
    gap_of,
    read_callout,
    read_endpoint,
    read_layer,
    read_provider,
    read_session,
    read_sublayer,
)

COMMAND: Final = "NtObjectManager: Get-FwFilter, Get-FwLayer and others"
LEAVES_OUT: Final = (
    "Provider contexts are not given, nor which filter uses which.",
    "Subscriptions, dynamic keywords and IPsec statistics are not given.",
    "Objects that the account may not read are left out without a word.",
)
NO_DESCRIPTORS: Final = "Security descriptors of objects were not asked for."
_FILTER: Final = b'{"kind":"filter",'
_EXPECTED: Final = ("provider", "sublayer", "layer", "callout", "filter", "session")
_READERS: Final[dict[str, Callable[[Record, Log], Any]]] = {
    "provider": read_provider,
    "sublayer": read_sublayer,
    "layer": read_layer,
    "callout": read_callout,
    "session": read_session,
    "endpoint": read_endpoint,
}


def read_records(
    data: bytes, *, source: str = "records", taken_at: datetime | None = None
) -> Snapshot:
    """Everything that NtObjectManager's records hold.

    A line that makes no sense becomes a `Gap`, and so does what the host itself says it could not
    read. Options of the engine are no part of a snapshot: `read_engine_options` has them.

    Args:
        data: JSON lines, perhaps gzipped.
        source: What gaps and errors call them.
        taken_at: When the host says they were taken; the lines themselves do not say.

    Raises:
        ReadError: No line is a record, or the data is too large.
    """
    log = Log(source)
    sorted_ = _Sorted(log)
    for number, line in lines_of(unpack(data, source=source)):
        sorted_.line(number, line)
    snapshot = sorted_.snapshot(taken_at)
    if not sorted_.met:
        problem = log.gaps[0].problem
        raise ReadError(source, "the beginning", f"holds no record of NtObjectManager: {problem}")
    return snapshot


class _Sorted:
    """Objects by kind; filters are read last, since their layers say which fields are addresses."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._addresses = AddressFields()
        self._found: dict[str, list[Any]] = {kind: [] for kind in (*_READERS, "filter")}
        self._filters: list[tuple[int, bytes | Record]] = []
        self._events = 0
        self.met: set[str] = set()

    def line(self, number: int, line: bytes) -> None:
        """Reads a line, or keeps a filter for later: as bytes, which cost least."""
        if line.startswith(_FILTER):
            self._filters.append((number, line))
            return
        record = record_of(number, line, self._log)
        if record is not None and record.kind == "filter":
            self._filters.append((number, record))
        elif record is not None:
            self._add(record)

    def _add(self, record: Record) -> None:
        kind = record.kind
        if kind in _READERS:
            self._read(record, _READERS[kind])
        elif kind == "gap":
            kind = gap_of(record, self._log)
        elif kind == "netevent":
            self._events += 1
        elif kind != "engineoption":
            self._log.gap(record.place, f"is of a kind that is not known: {kind[:40]}")
            self._log.keep(kind[:40], "; ".join(f"{n.tag}: {n.text}" for n in record.rest()))
            return
        self.met.add(kind)

    def _read(self, record: Record, read: Callable[[Record, Log], Any]) -> None:
        try:
            self._found[record.kind].append(read(record, self._log))
        except ValueError as problem:
            self._lose(record, str(problem))
        except RecursionError:
            self._lose(record, "is nested too deep")

    def _lose(self, record: Record, problem: str) -> None:
        self._log.gap(record.place, f"{record.kind} {problem}")
        self._log.lost.append(record.kind)

    def snapshot(self, taken_at: datetime | None) -> Snapshot:
        """All that was read."""
        for layer in self._found["layer"]:
            self._addresses.learn(layer.const_name, layer.fields)
        for number, line in self._filters:
            record = record_of(number, line, self._log) if isinstance(line, bytes) else line
            if record is not None and record.kind == "filter":
                self.met.add("filter")
                self._read(record, partial(read_filter, self._addresses))
            elif record is not None:
                self._add(record)  # it names its kind twice
        self._filters.clear()
        for kind in _EXPECTED:
            if kind not in self.met:
                self._log.gap("the records", f"no {kind} was sent")
                self._log.unlisted[kind] = None
        if self._events:
            self._log.gap("the records", f"{self._events} net events are no part of a snapshot")
        return self._filled(taken_at)

    def _filled(self, taken_at: datetime | None) -> Snapshot:
        filters: list[Filter] = self._found["filter"]
        callouts: list[Callout] = self._found["callout"]
        sublayers: list[SubLayer] = self._found["sublayer"]
        providers: list[Provider] = self._found["provider"]
        sessions: list[Session] = self._found["session"]
        endpoints: list[AleEndpoint] = self._found["endpoint"]
        owned = (*filters, *callouts, *sublayers, *providers, *self._found["layer"])
        asked = any(one.security_descriptor is not None for one in owned)
        return Snapshot(
            source="ntobjectmanager",
            taken_at=taken_at,
            completeness=Completeness(
                command=COMMAND,
                whole=self._log.whole,
                leaves_out=LEAVES_OUT if asked else (*LEAVES_OUT, NO_DESCRIPTORS),
                unlisted=self._unlisted(),
            ),
            layers=_counted(self._found["layer"], filters, callouts),
            sublayers=tuple(sublayers),
            providers=tuple(providers),
            callouts=tuple(callouts),
            filters=tuple(filters),
            sessions=tuple(sessions),
            endpoints=tuple(endpoints),
            gaps=self._log.gaps,
            extra=tuple(self._log.kept),
        )

    def _unlisted(self) -> tuple[str, ...]:
        kinds = (*_READERS, "filter")
        listed = (text for text in self._log.unlisted if text.partition(" ")[0] in kinds)
        return (*listed, *(f"{kind} ?" for kind in self._log.lost if kind in kinds))


def _counted(
    layers: list[Layer], filters: list[Filter], callouts: list[Callout]
) -> tuple[Layer, ...]:
    counts: dict[tuple[str, str | None], int] = {}
    for kind, held in (("filter", filters), ("callout", callouts)):
        for one in held:
            counts[kind, one.layer] = counts.get((kind, one.layer), 0) + 1
    return tuple(
        replace(
            layer,
            filter_count=counts.get(("filter", layer.const_name), 0),
            callout_count=counts.get(("callout", layer.const_name), 0),
        )
        for layer in layers
    )
