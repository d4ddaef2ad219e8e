"""What a machine answered, read on use; what it did not answer says why."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import msgspec

from pywfp_ps.errors import ReadError
from pywfp_ps.field.asking import Asked, Ended
from pywfp_ps.model.context import HostContext
from pywfp_ps.model.merging import Disagreement, merge
from pywfp_ps.model.objects import Gap, Snapshot
from pywfp_ps.payload import Payload
from pywfp_ps.read import read_filters, read_records, read_state
from pywfp_ps.read.context import read_context
from pywfp_ps.read.facts import read_facts


class NotAskedError(Exception):
    """A check has nothing to look at; the text says why, without anything of the host's."""


class Seen:
    """The answers of one machine.

    Every property raises `NotAskedError` where the machine did not answer.
    """

    def __init__(self, asked: Asked) -> None:
        self.asked = asked

    def ended(self, job: str) -> Ended:
        """How a job ended."""
        found = self.asked.ended.get(job)
        if found is None:
            raise NotAskedError(f"the job {job} was not run")
        return found

    def payload(self, job: str, part: str) -> Payload:
        """A whole part of a job."""
        found = self.asked.parts.get((job, part))
        if found is not None and found.complete:
            return found
        ended = self.asked.ended.get(job)
        codes = [code for about, code in ended.problems if about == part] if ended else []
        why = ", ".join(codes) or (ended.cause if ended else "") or "it did not come"
        raise NotAskedError(f"no {part}: {why}")

    def raw(self, job: str, part: str) -> bytes:
        """The plain bytes of a whole part."""
        try:
            return self.payload(job, part).raw()
        except ReadError as error:
            raise NotAskedError(f"no {part}: {error.problem}") from None

    @cached_property
    def state(self) -> Snapshot:
        """What ``show state`` says."""
        return self._read(read_state, "snapshot", "state")

    @cached_property
    def filters(self) -> Snapshot:
        """What ``show filters verbose=on`` says."""
        return self._read(read_filters, "filters", "filters")

    @cached_property
    def records(self) -> Snapshot:
        """What NtObjectManager says."""
        return self._read(read_records, "snapshot", "records")

    @cached_property
    def disagreements(self) -> tuple[Disagreement, ...]:
        """Where the two disagree about what does not come and go."""
        return tuple(one for one in merge(self.state, self.records)[1] if not one.moving)

    @cached_property
    def facts(self) -> dict[str, Any]:
        """The host facts as they came."""
        return self._object(self.raw("snapshot", "facts"), "facts")

    @cached_property
    def fact_gaps(self) -> tuple[Gap, ...]:
        """What of the facts makes no sense."""
        try:
            return read_facts(self.raw("snapshot", "facts"))[1]
        except ReadError as error:
            raise NotAskedError(f"no facts: {error.problem}") from None

    @cached_property
    def context(self) -> HostContext:
        """The context of the host."""
        try:
            return read_context(self.raw("snapshot", "context"))
        except ReadError as error:
            raise NotAskedError(f"no context: {error.problem}") from None

    @cached_property
    def context_lines(self) -> dict[str, dict[str, Any]]:
        """The lines of the context by kind, as they came."""
        return self._lines(self.raw("snapshot", "context"), "kind")

    def probe(self, kind: str) -> Any:
        """What was seen in one kind of the field test's own job."""
        line = self._probes.get(kind)
        if line is None:
            raise NotAskedError(f"{kind} was not tried")
        if line.get("seen") is None:
            error = line.get("error")
            name = error.get("id") if isinstance(error, dict) else None
            raise NotAskedError(f"{kind} could not be tried: {_word(name)}")
        return line["seen"]

    @cached_property
    def _probes(self) -> dict[str, dict[str, Any]]:
        return self._lines(self.raw("field", "field"), "kind")

    def _read(self, read: Any, job: str, part: str) -> Snapshot:
        try:
            found: Snapshot = read(self.raw(job, part))
        except ReadError as error:
            raise NotAskedError(f"no {part}: {error.problem}") from None
        return found

    def _lines(self, data: bytes, by: str) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for line in data.splitlines():
            told = self._object(line, "line") if line.strip() else {}
            if isinstance(told.get(by), str):
                found.setdefault(told[by], told)
        return found

    def _object(self, data: bytes, what: str) -> dict[str, Any]:
        try:
            told = msgspec.json.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            told = None
        if not isinstance(told, dict):
            raise NotAskedError(f"the {what} is no JSON object")
        return told


def _word(name: object) -> str:
    """The first word of an error id, as far as it can be one of ours or PowerShell's."""
    text = str(name or "an error").split(",", maxsplit=1)[0][:60]
    return text if text.replace(".", "").replace("-", "").isalnum() else "an error"
