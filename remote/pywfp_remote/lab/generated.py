"""What generated hosts answer: the frames that the module's functions would send there.

Making one policy takes a tenth of a second, so no more than `DISTINCT` are made: later hosts have
the policy of an earlier one of their group, under their own names. What few ask for (records, a
dump of filters) is made when it is asked for.
"""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, ClassVar, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from pywfp_ps.payload.frames import (
    Begin,
    ProblemFrame,
    encode_part,
    encode_records,
    read_frame,
    time_text,
    write_frame,
)
from pywfp_ps.write import write_filters, write_state
from pywfp_remote.lab import module_context, module_records
from pywfp_remote.lab.arguments import Given
from pywfp_remote.lab.engine import FailedError
from pywfp_remote.lab.gen_context import context_rows
from pywfp_remote.lab.gen_plan import BLOCK
from pywfp_remote.lab.generate import MadeHost, make_host
from pywfp_remote.lab.host import Arguments, HostBackend, LabHost, UnknownCallError
from pywfp_remote.lab.module_events import (
    event_records,
    net_events,
    security_changes,
    security_events,
)
from pywfp_remote.lab.module_facts import after_facts, host_facts
from pywfp_remote.lab.problems import PROBLEMS, report

DISTINCT: Final = 8 * BLOCK
"""Policies of one fleet; a whole number of blocks, so that a host's group is its policy's."""

_STATE_CALL: Final = "Get-PyWfpState"
_MEGABYTE: Final = 1 << 20
_MOST_MEGABYTES: Final = 512  # what MaxMegabytes is where nobody says
_MOST_EVENTS: Final = 100_000  # likewise MaxCount
_EVENT_IDS: Final = (
    "5031",
    *(str(n) for n in range(5150, 5160)),
    *(str(n) for n in range(5440, 5451)),
)
_CONSTRAINED: Final = "ConstrainedLanguage"
_SOURCES: Final = ("netsh", "ntobjectmanager", "both")
_PROBES: Final = (
    *("Shell", "Json", "Argument", "Text", "Left", "Folder", "Netsh", "Registry", "Module"),
)
_A_BATCH: Final = 20  # events in one frame; 31,000 characters hold more

Frames = Iterator[str]


class Made(Struct, frozen=True, kw_only=True):
    """One generated policy, ready to be sent.

    Attributes:
        facts: As `make_facts` gives them.
        context: As `make_context` gives it.
        lines: Frames of the state part; the time in the first is to be put in.
        plain: Bytes of the dump.
    """

    facts: dict[str, Any]
    context: dict[str, Any]
    lines: tuple[str, ...]
    plain: int

    @property
    def processes(self) -> dict[str, int]:
        """Process id by the program's path as the filter engine sees it."""
        device = self.facts["volumes"][0]["device"].lower()
        found = {"System": 4}
        for row in self.context["Process"]:
            if row["path"]:
                found.setdefault(device + row["path"].lower().removeprefix("c:"), row["process_id"])
        return found


class Key(Struct, frozen=True):
    """What decides a policy."""

    index: int
    seed: int
    big: bool
    hostile: bool


class GeneratedHosts:
    """The backend factory of generated hosts; what it has made once it keeps."""

    def __init__(self) -> None:
        self._made: dict[Key, Made] = {}
        self._kept: dict[tuple[Key, str], tuple[tuple[str, ...], int]] = {}
        self._locks: dict[Key, threading.Lock] = {}
        self._started = datetime.now(UTC)

    def __call__(self, host: LabHost) -> HostBackend:
        """The backend of one host; its policy is made when it is first asked for."""
        return GeneratedHost(host, self, self._started)

    def warm(self, hosts: Sequence[LabHost], processes: int | None = None) -> None:
        """Make all policies of these hosts now, in processes of their own."""
        missing = list({key_of(host): None for host in hosts if key_of(host) not in self._made})
        if len(missing) <= BLOCK:
            self._made.update((key, make(key)) for key in missing)
            return
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(processes, mp_context=context) as pool:
            self._made.update(zip(missing, pool.map(make, missing), strict=True))

    def made(self, host: LabHost) -> Made:
        """The policy of a host; two that ask for the same one at once wait for one making."""
        key = key_of(host)
        with self._locks.setdefault(key, threading.Lock()):
            if key not in self._made:
                self._made[key] = make(key)
        return self._made[key]

    def kept(self, host: LabHost, part: str) -> tuple[tuple[str, ...], int]:
        """The frames of ``filters`` or ``records`` and their plain size; made once a policy."""
        key = key_of(host)
        with self._locks.setdefault(key, threading.Lock()):
            if (key, part) not in self._kept:
                self._kept[key, part] = make_part(key, part)
        return self._kept[key, part]


class GeneratedHost:
    """One generated host."""

    def __init__(self, host: LabHost, source: GeneratedHosts, started: datetime) -> None:
        self._host, self._source, self._started = host, source, started

    def answer(self, call: str, arguments: Arguments) -> Frames:
        """The frames of any public function of the module.

        Raises:
            UnknownCallError: The module has no such function.
            FailedError: A dump is larger than ``MaxMegabytes``, or an argument is none.
        """
        name = _CALLS.get(call.lower())
        if name is None:
            raise UnknownCallError(call)
        return self.ANSWERS[name](self, name, Given(name, arguments))

    def _only_facts(self, call: str, _given: Given) -> Frames:
        return self._facts(call)

    def _state_call(self, call: str, given: Given) -> Frames:
        yield from self._facts(call)
        yield from self._state(call, given)
        yield from self._after(call)

    def _record_call(self, call: str, given: Given) -> Frames:
        kinds = given.choices("Kind", module_records.ALL_KINDS, module_records.KINDS)
        layers = given.texts("LayerKey", ())
        described = given.text("WithSecurityDescriptor", "false").lower() == "true"
        yield from self._facts(call)
        is_usual = (kinds, layers, described) == (module_records.KINDS, (), False)
        yield from (
            self._usual_records(call)
            if is_usual
            else self._records(call, kinds, layers, described=described)
        )
        yield from self._after(call, self._newest())

    def _snapshot_call(self, call: str, given: Given) -> Frames:
        (source,) = given.choices("Source", _SOURCES, ("netsh",))
        kinds = given.choices("Context", ("", *module_context.KINDS), module_context.KINDS)
        failed: FailedError | None = None
        yield from self._facts(call)
        # Where the module cannot be loaded at all netsh answers instead, and a problem says so.
        if source != "ntobjectmanager" or self._host.language_mode == _CONSTRAINED:
            try:
                yield from self._state(call, given)
            except FailedError as error:
                failed = error  # the rest is sent all the same
        if source != "netsh":
            yield from self._usual_records(call)
        yield from self._context(call, kinds)
        yield from self._after(call, "" if source == "netsh" else self._newest())
        if failed is not None:
            raise failed

    def _context_call(self, call: str, given: Given) -> Frames:
        return self._context(
            call, given.choices("Kind", module_context.KINDS, module_context.KINDS)
        )

    def _filters_call(self, call: str, given: Given) -> Frames:
        lines, plain = self._source.kept(self._host, "filters")
        yield from self._within(given, plain, "filters")
        yield from _retold(lines, call)

    def _options_call(self, call: str, _given: Given) -> Frames:
        return self._own_part("options", call)

    def _net_events_call(self, call: str, given: Given) -> Frames:
        window = given.number("WindowSeconds", 0) if given.text("WindowSeconds") else None
        return self._own_part("netevents", call, window)

    def _security_call(self, call: str, given: Given) -> Frames:
        ids = given.choices("Id", _EVENT_IDS, _EVENT_IDS)
        after, before = given.moment("After"), given.moment("Before")
        most = given.number("MaxCount", _MOST_EVENTS)
        found = [
            event
            for event in self._security_log()
            if str(event["event_id"]) in ids
            and (after is None or datetime.fromisoformat(event["time"]) >= after)
            and (before is None or datetime.fromisoformat(event["time"]) <= before)
        ][:most]
        *frames, end = encode_records(
            [found[at : at + _A_BATCH] for at in range(0, len(found), _A_BATCH)],
            part="events",
            content="security-events",
            call=call,
            taken_at=datetime.now(UTC),
        )
        yield from frames
        if len(found) >= most:
            text = f"There may be more than {len(found)} events."
            yield write_frame(ProblemFrame(code="truncated", part="events", text=text))
        yield end

    def _security_log(self) -> list[dict[str, Any]]:
        made = self._source.made(self._host)
        settings = {row["subcategory"]: row["setting"] for row in made.context["AuditPolicy"]}
        if not settings[_CONNECTIONS]:
            return []
        computer, now = self._host.computer, datetime.now(UTC)
        found = [
            *security_changes(made.context["changes"], now, computer, made.facts["bfe_process"]),
            *security_events(made.context["events"], now, computer, made.processes),
        ]
        if self._host.language_mode == _CONSTRAINED:
            for event in found:  # without .NET the members' names are not to be had
                event["values"] = [each["text"] for each in event.pop("data")]
        return found

    def _field_call(self, call: str, given: Given) -> Frames:
        """What shows how Windows behaves; a host that is made up says only what it does itself."""
        said = given.texts("Say", ())
        error = {"id": "PyWfp.made-up,Get-PyWfpFieldTest", "text": "This host is made up."}
        lines = []
        for kind in given.choices("Kind", _PROBES, _PROBES):
            line: dict[str, Any] = {"v": 1, "kind": kind, "seen": None, "error": error, "ms": 1}
            if kind == "Argument":
                line |= {"seen": {"said": said, "count": len(said)}, "error": None}
            lines.append(msgspec.json.encode(line) + b"\n")
        return _part("field", "field-test", call, b"".join(lines))

    def _facts(self, call: str) -> Frames:
        return _part("facts", "host-facts", call, msgspec.json.encode(self._told()))

    def _told(self) -> dict[str, Any]:
        return host_facts(self._host, self._source.made(self._host).facts, self._started)

    def _after(self, call: str, newest: str = "") -> Frames:
        told = after_facts(self._told(), newest)
        return _part("after", "after-facts", call, msgspec.json.encode(told))

    def _newest(self) -> str:
        return str(self._source.made(self._host).facts["newest_filter_id"])

    def _context(self, call: str, kinds: Sequence[str]) -> Frames:
        made = self._source.made(self._host)
        rows = context_rows(made.context, made.facts, self._told()["interfaces"])
        yield from module_context.context_part(call, kinds, rows)
        for kind, part in module_context.PARTS.items():
            if kind in kinds:
                yield from self._own_part(part, call)

    def _own_part(self, part: str, call: str, window: int | None = None) -> Frames:
        context = self._source.made(self._host).context
        if part == "options":
            return _part(part, "netsh-console", call, module_context.options_text())
        if part == "sysports":
            plain = module_context.system_ports(context["sysports"])
        else:
            events = [
                event
                for event in context["events"]
                if window is None or event["ago_ms"] <= window * 1000
            ]
            plain = net_events(events, datetime.now(UTC))
        return _part(part, f"netsh-{part}", call, plain)

    def _state(self, call: str, given: Given) -> Frames:
        made = self._source.made(self._host)
        yield from self._within(given, made.plain, "state")
        yield from _retold(made.lines, call)

    def _within(self, given: Given, plain: int, part: str) -> Frames:
        """Nothing, or the problem that a dump of this size is too large."""
        most = given.number("MaxMegabytes", _MOST_MEGABYTES)
        if plain > most * _MEGABYTE:
            text = f"{plain} bytes are more than the limit of {most} MB."
            yield from report(replace(PROBLEMS["too-large"], text=text), part)

    def _usual_records(self, call: str) -> Frames:
        return _retold(self._source.kept(self._host, "records")[0], call)

    def _records(
        self, call: str, kinds: Sequence[str], layers: Sequence[str], *, described: bool
    ) -> Frames:
        host, now = made_host(key_of(self._host)), datetime.now(UTC)
        text = module_records.record_text(
            host.snapshot,
            kinds=kinds,
            layers=layers,
            described=described,
            events=list(event_records(host.context["events"], now)),
        )
        return _part("records", _RECORDS, call, text)

    ANSWERS: ClassVar[dict[str, Callable[[GeneratedHost, str, Given], Frames]]] = {
        "Get-PyWfpHostFact": _only_facts,
        "Get-PyWfpState": _state_call,
        "Get-PyWfpFieldTest": _field_call,
        "Get-PyWfpFilterDump": _filters_call,
        "Get-PyWfpNetEventDump": _net_events_call,
        "Get-PyWfpOption": _options_call,
        "Get-PyWfpContext": _context_call,
        "Get-PyWfpRecord": _record_call,
        "Get-PyWfpSecurityEvent": _security_call,
        "Get-PyWfpSnapshot": _snapshot_call,
    }
    """Every public function of the module, and what answers it."""


_CALLS: Final = {name.lower(): name for name in GeneratedHost.ANSWERS}
_RECORDS: Final = "ntobjectmanager-records"
_CONNECTIONS: Final = "0cce9226-69ae-11d9-bed3-505054503030"  # Filtering Platform Connection


def make(key: Key) -> Made:
    """One policy in frames. A few megabytes; fifty times that for a big one."""
    host = make_host(key.index, key.seed, big=key.big, hostile=key.hostile)
    now = datetime.now(UTC)
    plain = write_state(replace(host.snapshot, taken_at=now))
    lines = encode_part(plain, part="state", content="netsh-state", call=_STATE_CALL, taken_at=now)
    return Made(facts=host.facts, context=host.context, lines=tuple(lines), plain=len(plain))


@lru_cache(maxsize=4)
def made_host(key: Key) -> MadeHost:
    """The host itself, for what is asked for rarely."""
    return make_host(key.index, key.seed, big=key.big, hostile=key.hostile)


def make_part(key: Key, part: str) -> tuple[tuple[str, ...], int]:
    """The frames of ``filters`` or ``records``, and how many plain bytes they carry."""
    snapshot, now = made_host(key).snapshot, datetime.now(UTC)
    if part == "filters":
        content, plain = "netsh-filters", write_filters(replace(snapshot, taken_at=now))
    else:
        content, plain = _RECORDS, module_records.record_text(snapshot)
    lines = encode_part(plain, part=part, content=content, call=_STATE_CALL, taken_at=now)
    return tuple(lines), len(plain)


def key_of(host: LabHost) -> Key:
    """What decides the policy of a host."""
    return Key(host.number % DISTINCT, host.seed, host.big, "hostile-names" in host.faults)


def _retold(lines: Sequence[str], call: str) -> Frames:
    """Frames that are kept, as if they were made right now by this call."""
    begin = read_frame(lines[0])
    if isinstance(begin, Begin):
        yield write_frame(replace(begin, call=call, taken_at=time_text(datetime.now(UTC))))
    yield from lines[1:]


def _part(part: str, content: str, call: str, plain: bytes) -> Frames:
    return encode_part(plain, part=part, content=content, call=call, taken_at=datetime.now(UTC))


backend_of = GeneratedHosts()
"""The factory that a fleet uses unless it is given another."""
