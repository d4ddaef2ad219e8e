"""The server's side of one runspace pool: psrpcore's protocol, sent the way Windows sends it.

psrpcore understands everything that arrives. What it sends differs from Windows in five points that
a client could come to rely on, and they are put right here: every message begins with a UTF-8 byte
order mark, a pipeline never says that it is running, one fragment travels alone and the first of a
long message is full, object numbers have no holes, and a pipeline can end as failed.
"""

from __future__ import annotations

import base64
import re
import struct
import uuid
from collections.abc import Iterator
from typing import Any, cast

from msgspec import Struct
from psrpcore import PSRPPayload, ServerPipeline, ServerRunspacePool, StreamType
from psrpcore.types import (
    ErrorCategory,
    ErrorCategoryInfo,
    ErrorRecord,
    InvocationInfo,
    NETException,
    PipelineState,
    PSInvocationState,
    PSRPMessageType,
    PSVersion,
    RunspacePoolState,
)

FRAGMENT_SIZE = 32_768
"""Bytes of one fragment with its header, as Windows cuts them whatever the client asks for."""

_HEADER = struct.Struct(">QQBI")  # object id, fragment id, flags, length: MS-PSRP 2.2.4
_BLOB = FRAGMENT_SIZE - _HEADER.size
_MESSAGE_HEADER = 40  # destination, type, pool id, pipeline id: MS-PSRP 2.2.1
_BOM = b"\xef\xbb\xbf"
_STATE_TYPE = struct.pack("<I", PSRPMessageType.PipelineState.value)
_STATE = re.compile(rb'N="PipelineState">(\d)<')
_ENDED = {3, 4, 5}  # stopped, completed, failed: MS-PSRP 2.2.3.3
_RUNNING = 1
_LAST_FRAGMENT = 2  # flag of a message's last fragment: MS-PSRP 2.2.4


class Fragment(Struct, frozen=True, kw_only=True):
    """One fragment as it goes into one ``Stream`` element.

    Attributes:
        pipeline: Id of the pipeline it belongs to, None for the pool.
        text: The fragment in base64.
        last: Whether it ends its pipeline.
    """

    pipeline: uuid.UUID | None
    text: str
    last: bool = False


class Failure(Struct, frozen=True, kw_only=True):
    """What an error record says.

    Attributes:
        message: Text of the exception.
        error_id: FullyQualifiedErrorId.
        category: Name of an ErrorCategory.
        exception: Full .NET name of the exception's class.
        command: What failed, for CategoryInfo.Activity; empty when unknown.
        target: Name of what it failed on.
    """

    message: str
    error_id: str
    category: str = "NotSpecified"
    exception: str = "System.Management.Automation.RuntimeException"
    command: str = ""
    target: str = ""


def version_table(ps_version: str, build: str) -> dict[str, Any]:
    """The PSVersionTable that Windows PowerShell 5.1 gives a client when the pool opens."""
    return {
        "PSVersion": PSVersion(ps_version),
        "PSEdition": "Desktop",
        "PSCompatibleVersions": [PSVersion(text) for text in ("1.0", "2.0", "3.0", "4.0", "5.0")]
        + [PSVersion(ps_version)],
        "CLRVersion": PSVersion("4.0.30319.42000"),
        "BuildVersion": PSVersion(build),
        "WSManStackVersion": PSVersion("3.0"),
        "PSRemotingProtocolVersion": PSVersion("2.3"),
        "SerializationVersion": PSVersion("1.1.0.1"),
    }


class Pool:
    """One runspace pool: fragments in, events and fragments out; no input or output of its own."""

    def __init__(self, versions: dict[str, Any]) -> None:
        self._pool: Any = ServerRunspacePool(  # its generic base hides the class from type checkers
            application_private_data={"PSVersionTable": versions}
        )
        self._objects = 0
        self._dirty = False

    @property
    def is_open(self) -> bool:
        """Whether the client's opening messages have arrived."""
        return bool(self._pool.state == RunspacePoolState.Opened)

    @property
    def most_pipelines(self) -> int:
        """How many pipelines may run at once."""
        return max(1, int(self._pool.max_runspaces))

    def receive(self, fragments: bytes) -> Iterator[Any]:
        """The events in `fragments`, as psrpcore's classes: any number of them, or none yet.

        Raises:
            PSRPCoreError: The fragments are not in order or name an unknown pipeline.
            ValueError, KeyError, struct.error: They make no sense.
        """
        self._pool.receive_data(PSRPPayload(fragments, StreamType.default, None))
        while (event := self._pool.next_event()) is not None:
            yield event

    def pipeline(self, pipeline_id: uuid.UUID) -> ServerPipeline:
        """A new pipeline; must exist before its CreatePipeline message is received."""
        pipeline: Any = ServerPipeline(self._pool, pipeline_id)
        return cast("ServerPipeline", pipeline)

    def respond(self, call_id: int, value: bool | int) -> None:
        """Answer a question about the pool's runspaces."""
        self._pool.runspace_availability_response(call_id, value)

    def waiting(self) -> Iterator[Fragment]:
        """Everything that is to be sent now, in order, one fragment each."""
        while (payload := self._pool.data_to_send()) is not None:
            yield from self._cut_all(payload)

    def _cut_all(self, payload: PSRPPayload) -> Iterator[Fragment]:
        rest = memoryview(payload.data)
        while rest:
            _, _, _, size = _HEADER.unpack_from(rest)
            message = bytes(rest[_HEADER.size : _HEADER.size + size])
            rest = rest[_HEADER.size + size :]
            state = _state_of(message)
            if state != _RUNNING:
                yield from self._cut(message, payload.pipeline_id, last=state in _ENDED)

    def _cut(self, message: bytes, pipeline: uuid.UUID | None, *, last: bool) -> Iterator[Fragment]:
        self._objects += 1
        if len(message) > _MESSAGE_HEADER:
            message = message[:_MESSAGE_HEADER] + _BOM + message[_MESSAGE_HEADER:]
        count = max(1, -(-len(message) // _BLOB))
        for number in range(count):
            blob = message[number * _BLOB : (number + 1) * _BLOB]
            end = number == count - 1
            flags = (number == 0) | (end << 1)
            raw = _HEADER.pack(self._objects, number, flags, len(blob)) + blob
            yield Fragment(
                pipeline=pipeline, text=base64.b64encode(raw).decode(), last=last and end
            )


class EndFinder:
    """Finds the last message of a pipeline in fragments that somebody else has made."""

    def __init__(self) -> None:
        self._message = bytearray()

    def is_end(self, fragments: bytes) -> bool:
        """Whether these fragments, in base64, end a message that ends the pipeline."""
        try:
            rest = memoryview(base64.b64decode(fragments, validate=True))
        except ValueError:
            return False
        ended = False
        while len(rest) >= _HEADER.size:
            _, number, flags, size = _HEADER.unpack_from(rest)
            blob = bytes(rest[_HEADER.size : _HEADER.size + size])
            rest = rest[_HEADER.size + size :]
            if number == 0:
                self._message.clear()
            # Only states are looked into; of everything else the first bytes will do.
            if number == 0 or self._message[4:8] == _STATE_TYPE:
                self._message += blob
            if flags & _LAST_FRAGMENT:
                ended = _state_of(bytes(self._message)) in _ENDED
        return ended


def write_failure(pipeline: ServerPipeline, failure: Failure) -> None:
    """Put a non-terminating error on the pipeline's error stream."""
    pipeline.prepare_message(error_record(failure), PSRPMessageType.ErrorRecord)


def fail(pipeline: ServerPipeline, failure: Failure) -> None:
    """End the pipeline as failed: the error travels inside its last state, as on Windows."""
    state = PipelineState(PipelineState=int(PSInvocationState.Failed))
    state.ExceptionAsErrorRecord = error_record(failure)
    pipeline.prepare_message(state)
    pipeline.state = PSInvocationState.Failed


def error_record(failure: Failure) -> ErrorRecord:
    """A full error record, with the invocation that a client prints as the position."""
    exception = NETException(Message=failure.message, HResult=-2146233087)
    names = [failure.exception, "System.Management.Automation.RuntimeException"]
    exception.PSObject.type_names = list(
        dict.fromkeys([*names, "System.SystemException", *exception.PSTypeNames])
    )
    invocation = InvocationInfo(
        BoundParameters={},
        CommandOrigin=None,
        ExpectingInput=False,
        HistoryId=1,
        InvocationName=failure.command,
        Line="",
        OffsetInLine=0,
        PipelineLength=0,
        PipelinePosition=0,
        PositionMessage="",
        ScriptLineNumber=1,
        ScriptName="",
        UnboundArguments=[],
    )
    record = ErrorRecord(
        Exception=exception,
        CategoryInfo=ErrorCategoryInfo(
            Category=ErrorCategory[failure.category],
            Activity=failure.command,
            Reason=failure.exception.rpartition(".")[2],
            TargetName=failure.target,
            TargetType="String" if failure.target else "",
        ),
        TargetObject=failure.target or None,
        FullyQualifiedErrorId=failure.error_id,
        InvocationInfo=invocation,
        ScriptStackTrace="at <ScriptBlock>, <No file>: line 1",
    )
    record.PSObject.to_string = failure.message
    return record


def _state_of(message: bytes) -> int | None:
    """The number in a PIPELINE_STATE message, None for every other message."""
    if message[4:8] != _STATE_TYPE:
        return None
    found = _STATE.search(message)
    return int(found.group(1)) if found else None
