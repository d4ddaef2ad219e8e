"""What generated hosts answer: the frames that the module's functions would send there.

Making one policy takes a tenth of a second, so no more than `DISTINCT` are made: later hosts have
the policy of an earlier one of their group, under their own names.
"""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from pywfp_ps.payload.frames import Begin, encode_part, read_frame, time_text, write_frame
from pywfp_ps.write import write_state
from pywfp_remote.lab.gen_context import context_rows
from pywfp_remote.lab.gen_plan import BLOCK
from pywfp_remote.lab.generate import make_host
from pywfp_remote.lab.host import Arguments, HostBackend, LabHost, UnknownCallError
from pywfp_remote.lab.module_context import context_lines
from pywfp_remote.lab.module_facts import after_facts, host_facts
from pywfp_remote.lab.problems import PROBLEMS, report

DISTINCT = 8 * BLOCK
"""Policies of one fleet; a whole number of blocks, so that a host's group is its policy's."""

_FACT_CALL = "Get-PyWfpHostFact"
_STATE_CALL = "Get-PyWfpState"
_SNAPSHOT_CALL = "Get-PyWfpSnapshot"
_CALLS = {call.lower(): call for call in (_FACT_CALL, _STATE_CALL, _SNAPSHOT_CALL)}
_MEGABYTE = 1 << 20
_DEFAULT_MEGABYTES = "512"  # of Get-PyWfpState -MaxMegabytes


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


class _Key(Struct, frozen=True):
    """What decides a policy."""

    index: int
    seed: int
    big: bool
    hostile: bool


class GeneratedHosts:
    """The backend factory of generated hosts; what it has made once it keeps."""

    def __init__(self) -> None:
        self._made: dict[_Key, Made] = {}
        self._locks: dict[_Key, threading.Lock] = {}
        self._started = datetime.now(UTC)

    def __call__(self, host: LabHost) -> HostBackend:
        """The backend of one host; its policy is made when it is first asked for."""
        return GeneratedHost(host, self, self._started)

    def warm(self, hosts: Sequence[LabHost], processes: int | None = None) -> None:
        """Make all policies of these hosts now, in processes of their own."""
        missing = list({_key(host): None for host in hosts if _key(host) not in self._made})
        if len(missing) <= BLOCK:
            self._made.update((key, make(key)) for key in missing)
            return
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(processes, mp_context=context) as pool:
            self._made.update(zip(missing, pool.map(make, missing), strict=True))

    def made(self, host: LabHost) -> Made:
        """The policy of a host; two that ask for the same one at once wait for one making."""
        key = _key(host)
        with self._locks.setdefault(key, threading.Lock()):
            if key not in self._made:
                self._made[key] = make(key)
        return self._made[key]


class GeneratedHost:
    """One generated host."""

    def __init__(self, host: LabHost, source: GeneratedHosts, started: datetime) -> None:
        self._host, self._source, self._started = host, source, started

    def answer(self, call: str, arguments: Arguments) -> Iterator[str]:
        """The frames of `Get-PyWfpHostFact`, `Get-PyWfpState` or `Get-PyWfpSnapshot`.

        Raises:
            UnknownCallError: Another function, or a source that is not netsh.
            FailedError: The dump is larger than ``MaxMegabytes``.
        """
        name = _CALLS.get(call.lower())
        given = {key.lower(): value for key, value in arguments.items()}
        if name is None or str(given.get("source", "netsh")).lower() != "netsh":
            raise UnknownCallError(call)
        yield from self._facts(name)
        if name == _FACT_CALL:
            return
        yield from self._state(name, given)
        if name == _SNAPSHOT_CALL:
            yield from self._context(name, given)
        facts = host_facts(self._host, self._source.made(self._host).facts, self._started)
        yield from _part("after", "after-facts", name, after_facts(facts))

    def _facts(self, call: str) -> Iterator[str]:
        facts = host_facts(self._host, self._source.made(self._host).facts, self._started)
        return _part("facts", "host-facts", call, facts)

    def _context(self, call: str, arguments: Arguments) -> Iterator[str]:
        made = self._source.made(self._host)
        facts = host_facts(self._host, made.facts, self._started)
        rows = context_rows(made.context, made.facts, facts["interfaces"])
        return context_lines(call, arguments.get("context"), rows)

    def _state(self, call: str, arguments: Arguments) -> Iterator[str]:
        made = self._source.made(self._host)
        limit = int(str(arguments.get("maxmegabytes", _DEFAULT_MEGABYTES)))
        if made.plain > limit * _MEGABYTE:
            yield from report(PROBLEMS["too-large"], "state")
        begin = read_frame(made.lines[0])
        if isinstance(begin, Begin):
            yield write_frame(replace(begin, call=call, taken_at=time_text(datetime.now(UTC))))
        yield from made.lines[1:]


def make(key: _Key) -> Made:
    """One policy in frames. A few megabytes; fifty times that for a big one."""
    host = make_host(key.index, key.seed, big=key.big, hostile=key.hostile)
    now = datetime.now(UTC)
    plain = write_state(replace(host.snapshot, taken_at=now))
    lines = encode_part(plain, part="state", content="netsh-state", call=_STATE_CALL, taken_at=now)
    return Made(facts=host.facts, context=host.context, lines=tuple(lines), plain=len(plain))


def _key(host: LabHost) -> _Key:
    return _Key(host.number % DISTINCT, host.seed, host.big, "hostile-names" in host.faults)


def _part(part: str, content: str, call: str, facts: object) -> Iterator[str]:
    return encode_part(
        msgspec.json.encode(facts),
        part=part,
        content=content,
        call=call,
        taken_at=datetime.now(UTC),
    )


backend_of = GeneratedHosts()
"""The factory that a fleet uses unless it is given another."""
