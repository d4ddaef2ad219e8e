"""PSRP over the standard input and output of a PowerShell in server mode (``-s``).

One element a line: ``<Data Stream='Default' PSGuid='...'>BASE64</Data>``, where the base64 is whole
PSRP fragments, and ``Command``, ``Signal`` and ``Close`` without a body; the engine answers each by
the same name with ``Ack``. The pool is the GUID of zeros. Seen on the wire of PowerShell 7.6.
"""

from __future__ import annotations

import binascii
import re
import struct
from collections.abc import Callable, Iterator
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct
from psrpcore import (
    ClientPowerShell,
    ClientRunspacePool,
    ErrorRecordEvent,
    PipelineOutputEvent,
    PipelineStateEvent,
    PSRPPayload,
    StreamType,
)
from psrpcore.types import PSInvocationState, RunspacePoolState

from pywfp_ps.transports.base import ScriptError
from pywfp_ps.transports.records import script_error

POOL = UUID(int=0)
"""What the runspace pool is called in the attribute ``PSGuid``."""

FRAGMENT_SIZE = 32_768
"""Bytes of a fragment with its header, as PowerShell cuts them."""

Kind = Literal["Data", "Command", "Signal", "Close"]

_ELEMENT = re.compile(
    rb"<(?P<name>(?:Data|Command|Signal|Close)(?:Ack)?)"
    rb"(?P<attributes>(?: [A-Za-z]+=(?:'[^'<>]*'|\"[^\"<>]*\"))*) ?"
    rb"(?:/>|>(?P<body>[^<>]*)</Data>)\s*\Z"
)
_GUID = re.compile(rb" PSGuid=['\"]([0-9A-Fa-f-]{36})['\"]")
_HEADER = struct.Struct(">QQBI")  # object id, fragment id, flags, length: MS-PSRP 2.2.4


class Element(Struct, frozen=True, kw_only=True):
    """One element of the engine.

    Attributes:
        name: Such as ``DataAck``.
        guid: Whom it is about: a pipeline, or `POOL`.
        body: Fragments in base64; empty but for ``Data``.
        before: What stands before it on its line and is none of the protocol.
    """

    name: str
    guid: UUID
    body: bytes = b""
    before: bytes = b""


class NoSenseError(Exception):
    """What came is no PSRP."""


class Output(Struct, frozen=True, kw_only=True):
    """An object on the output stream; None where it is no text."""

    text: str | None


class Ended(Struct, frozen=True, kw_only=True):
    """The last state of the pipeline: ``Completed``, ``Failed`` or ``Stopped``."""

    state: str


Event = Output | ScriptError | Ended


def read_element(line: bytes) -> Element | None:
    """The element that `line` ends with; None where that is none.

    A program that writes past the protocol may leave half a line before it.
    """
    found = _ELEMENT.search(line)
    if found is None:
        return None
    guid = _GUID.search(found["attributes"])
    return Element(
        name=found["name"].decode(),
        guid=UUID(guid[1].decode()) if guid else POOL,
        body=(found["body"] or b"").strip(),
        before=line[: found.start()],
    )


def write_element(kind: Kind, guid: UUID, fragments: bytes = b"") -> bytes:
    """One line for the engine. An empty one would be the end for it."""
    if kind == "Data":
        body = binascii.b2a_base64(fragments, newline=False).decode()
        return f"<Data Stream='Default' PSGuid='{guid}'>{body}</Data>\n".encode()
    return f"<{kind} PSGuid='{guid}' />\n".encode()


class Client:
    """Our side of one pool with at most one pipeline: lines in, lines out, nothing between."""

    def __init__(self) -> None:
        self._pool = _made(ClientRunspacePool)
        self._pipeline: Any = None

    @property
    def is_open(self) -> bool:
        """Whether the pool takes pipelines."""
        return bool(self._pool.state == RunspacePoolState.Opened)

    @property
    def is_over(self) -> bool:
        """Whether the engine has given up the pool."""
        return self._pool.state in {RunspacePoolState.Broken, RunspacePoolState.Closed}

    @property
    def pipeline_id(self) -> UUID | None:
        """The pipeline, once there is one."""
        return self._pipeline.pipeline_id if self._pipeline is not None else None

    @property
    def is_running(self) -> bool:
        """Whether a pipeline has begun and not ended."""
        running = {PSInvocationState.Running, PSInvocationState.Stopping}
        return self._pipeline is not None and self._pipeline.state in running

    def open(self) -> None:
        """Have the opening messages sent."""
        self._pool.open()

    def start(self, script: str, **parameters: str) -> None:
        """Have a pipeline with one script sent, in a scope of its own."""
        self._pipeline = _made(ClientPowerShell, self._pool)
        self._pipeline.add_script(script, use_local_scope=True)
        self._pipeline.add_parameters(**parameters)
        self._pipeline.start()

    def waiting(self) -> Iterator[tuple[UUID, bytes]]:
        """Fragments to send, in order, each for its own line, with whom they are for."""
        while (payload := self._pool.data_to_send(FRAGMENT_SIZE)) is not None:
            yield payload.pipeline_id or POOL, payload.data

    def receive(self, element: Element) -> Iterator[Event]:
        """What a ``Data`` element of the engine says of the pipeline.

        Raises:
            NoSenseError: It does not fit together.
        """
        if not element.body:
            return
        fragments = _fragments(element.body)
        pipeline = None if element.guid == POOL else element.guid
        self._ask(
            lambda: self._pool.receive_data(PSRPPayload(fragments, StreamType.default, pipeline))
        )
        while (event := self._ask(self._pool.next_event)) is not None:
            yield from self._events(event)

    def _events(self, event: object) -> Iterator[Event]:
        said: Any = event  # psrpcore's generic base hides the fields from type checkers
        if isinstance(event, PipelineOutputEvent):
            yield Output(text=str(said.data) if isinstance(said.data, str) else None)
        elif isinstance(event, ErrorRecordEvent):
            yield script_error(said.record)
        elif isinstance(event, PipelineStateEvent) and not self.is_running:
            if said.state == PSInvocationState.Failed and said.reason is not None:
                yield script_error(said.reason)
            yield Ended(state=str(said.state.name))

    @staticmethod
    def _ask(do: Callable[[], Any]) -> Any:
        try:
            return do()
        except Exception as error:
            raise NoSenseError(f"{type(error).__name__} in a message of the engine") from error


def _fragments(body: bytes) -> bytes:
    """The fragments in a body, which must be whole: psrpcore would take half a one for one."""
    try:
        data = binascii.a2b_base64(body, strict_mode=True)
    except ValueError as error:
        raise NoSenseError("a line of the engine is no base64") from error
    at = 0
    while at < len(data):
        if at + _HEADER.size > len(data):
            raise NoSenseError("a line of the engine ends in half a fragment")
        *_, size = _HEADER.unpack_from(data, at)
        at += _HEADER.size + size
    if at != len(data):
        raise NoSenseError("a line of the engine ends in half a fragment")
    return data


def _made(kind: Any, *arguments: Any) -> Any:
    """An object of psrpcore, whose generic base hides its fields from type checkers."""
    return kind(*arguments)
