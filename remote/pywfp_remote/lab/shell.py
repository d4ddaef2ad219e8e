"""One shell on one practice host: its pool, its pipelines, and what waits to be received."""

from __future__ import annotations

import asyncio
import base64
import binascii
import struct
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Any
from uuid import UUID

from psrpcore import (
    CreatePipelineEvent,
    EndOfPipelineInputEvent,
    GetAvailableRunspacesEvent,
    PowerShell,
    PSRPCoreError,
    ResetRunspaceStateEvent,
    ServerPipeline,
    SetMaxRunspacesEvent,
    SetMinRunspacesEvent,
)
from psrpcore.types import HostMethodIdentifier, PSInvocationState

from pywfp_remote.lab.engine import Error, Exit, FailedError, Output, Sleep, Step, Warn, run
from pywfp_remote.lab.host import HostBackend, LabHost
from pywfp_remote.lab.psrp import Failure, Fragment, Pool, fail, version_table, write_failure
from pywfp_remote.lab.psrp_faults import Spoiler

_BATCH = 16  # steps a visit to the worker thread: about half a megabyte of frames
_ENDLESS_BATCH = 8  # fragments of an endless answer: under half a megabyte
_BAD_INPUT = (PSRPCoreError, ValueError, KeyError, struct.error, binascii.Error, SyntaxError)


class BadFragmentsError(Exception):
    """What the client sent is no PSRP."""


class ShellDiedError(Exception):
    """What stood behind a shell is gone."""


class Outbox:
    """Fragments of one pipeline, or of the pool, that the client has not taken yet.

    Attributes:
        taken: Fragments given out so far.
        reply: Message id of the last Receive and its answer, for a client that asks again.
    """

    def __init__(self) -> None:
        self._waiting: deque[Fragment] = deque()
        self._endless: Iterator[Fragment] | None = None
        self._arrived = asyncio.Event()
        self._died: str | None = None
        self.taken = 0
        self.reply: tuple[str, str] = ("", "")

    def put(self, fragment: Fragment) -> None:
        """Add one and wake whoever waits."""
        self._waiting.append(fragment)
        self._arrived.set()

    def put_endless(self, fragments: Iterator[Fragment]) -> None:
        """Let what is taken go on with these for ever once the rest is gone."""
        self._endless = fragments
        self._arrived.set()

    def fail(self, reason: str) -> None:
        """Let whoever takes more than there is hear that nothing will come."""
        self._died = reason
        self._arrived.set()

    async def take(self, seconds: float, room: int, most: int) -> list[Fragment]:
        """What is there: at most `room` characters and `most` fragments (0: any number).

        Raises:
            TimeoutError: Nothing came within `seconds`.
            ShellDiedError: Nothing will come any more.
        """
        if self._endless is not None:
            return list(islice(self._endless, min(most or _ENDLESS_BATCH, _ENDLESS_BATCH)))
        if not self._waiting and self._died is None:
            self._arrived.clear()
            async with asyncio.timeout(seconds):
                await self._arrived.wait()
        if not self._waiting and self._died is not None:
            raise ShellDiedError(self._died)
        found: list[Fragment] = []
        while self._waiting and (not found or room >= len(self._waiting[0].text)):
            if most and len(found) >= most:
                break
            fragment = self._waiting.popleft()
            room -= len(fragment.text)
            found.append(fragment)
        self.taken += len(found)
        return found


class Shell:
    """One runspace pool behind a WSMan shell id.

    Attributes:
        shell_id: Upper-case GUID text.
        idle_seconds: How long it may be left alone.
        used: ``time.monotonic()`` of its last use.
    """

    def __init__(
        self, shell_id: str, host: LabHost, backend: HostBackend, idle_seconds: float
    ) -> None:
        self.shell_id, self.idle_seconds, self.used = shell_id, idle_seconds, time.monotonic()
        self._host, self._backend = host, backend
        build = host.ps_version.replace("5.1", "10.0", 1)
        self._pool = Pool(version_table(host.ps_version, build))
        self._outboxes: dict[UUID | None, Outbox] = {None: Outbox()}
        self._pipelines: dict[UUID, ServerPipeline] = {}
        self._tasks: dict[UUID, asyncio.Task[None]] = {}
        self._places: asyncio.Semaphore | None = None
        self._first = True
        self._spoiler = Spoiler(host)

    @property
    def expired(self) -> bool:
        """Whether it was left alone longer than it may be; never while a pipeline runs."""
        busy = any(not task.done() for task in self._tasks.values())
        return not busy and time.monotonic() - self.used > self.idle_seconds

    def outbox(self, pipeline: UUID | None) -> Outbox | None:
        """What waits for this pipeline, or for the pool; None when there is no such pipeline."""
        return self._outboxes.get(pipeline)

    @property
    def commands(self) -> int:
        """Pipelines that the client has not closed."""
        return len(self._pipelines)

    def begin(self, pipeline: UUID, fragments: str) -> None:
        """Start a pipeline with its first fragments.

        Raises:
            BadFragmentsError: They are no PSRP.
        """
        self._outboxes[pipeline] = Outbox()
        self._pipelines[pipeline] = self._pool.pipeline(pipeline)
        self.feed(fragments)

    def feed(self, fragments: str, _pipeline: UUID | None = None, _stream: str = "") -> None:
        """Take base64 text of fragments, which name their pipeline, and do what they ask.

        Raises:
            BadFragmentsError: They are no PSRP.
        """
        try:
            for event in self._pool.receive(base64.b64decode(fragments, validate=True)):
                self._handle(event)
        except _BAD_INPUT as error:
            raise BadFragmentsError(f"{type(error).__name__}: {error}") from error
        self._flush()

    def stop(self, pipeline: UUID) -> None:
        """Stop a pipeline; one that has ended stays as it is."""
        found, task = self._pipelines.get(pipeline), self._tasks.get(pipeline)
        if task is not None:
            task.cancel()
        if found is not None and found.state == PSInvocationState.Running:
            found.stop()
            self._flush()

    def end(self, pipeline: UUID) -> None:
        """Forget a pipeline and what waits for it."""
        self.stop(pipeline)
        found = self._pipelines.pop(pipeline, None)
        if found is not None:
            found.close()
        self._outboxes.pop(pipeline, None)
        self._tasks.pop(pipeline, None)

    def close(self) -> None:
        """Stop everything."""
        for pipeline in list(self._pipelines):
            self.end(pipeline)

    def _handle(self, event: object) -> None:
        said: Any = event  # psrpcore's generic base hides the fields from type checkers
        match event:
            case CreatePipelineEvent():
                if said.pipeline.no_input:
                    self._start(said.pipeline_id)
            case EndOfPipelineInputEvent():
                self._start(said.pipeline_id)
            case GetAvailableRunspacesEvent():
                self._pool.respond(said.ci, self._pool.most_pipelines)
            case SetMaxRunspacesEvent() | SetMinRunspacesEvent() | ResetRunspaceStateEvent():
                self._pool.respond(said.ci, True)
            case _:
                pass

    def _start(self, pipeline_id: UUID) -> None:
        pipeline = self._pipelines[pipeline_id]
        if pipeline_id not in self._tasks and isinstance(pipeline.metadata, PowerShell):
            pipeline.start()
            self._tasks[pipeline_id] = asyncio.create_task(self._run(pipeline))

    async def _run(self, pipeline: ServerPipeline) -> None:
        if self._places is None:
            self._places = asyncio.Semaphore(self._pool.most_pipelines)
        async with self._places:
            if self._first:
                self._first = False
                pipeline.write_progress(
                    "Preparing modules for first use.", 0, " ", percent_complete=-1
                )
            try:
                await self._steps(pipeline)
            except FailedError as error:
                fail(pipeline, error.failure)
            except asyncio.CancelledError:
                return  # stop() has said so already
            except Exception as error:  # noqa: BLE001  the host's own mistake, told like Windows would
                fail(pipeline, Failure(message=repr(error), error_id=type(error).__name__))
            else:
                pipeline.complete()
            self._flush()

    async def _steps(self, pipeline: ServerPipeline) -> None:
        metadata: Any = pipeline.metadata
        steps = run(metadata, self._host, self._backend)
        batch: list[Step] = []
        while True:
            batch, error = await asyncio.to_thread(_next_batch, steps)
            for step in batch:
                if isinstance(step, Sleep):
                    self._flush()
                    await asyncio.sleep(step.seconds)
                else:
                    _write(pipeline, step)
            self._flush()
            if error is not None:
                raise error
            if not batch:
                return

    def _flush(self) -> None:
        self.used = time.monotonic()
        for fragment in self._pool.waiting():
            outbox = self._outboxes.get(fragment.pipeline)
            if outbox is None:
                continue
            spoilt = self._spoiler.spoil(fragment)
            for piece in spoilt.fragments:
                outbox.put(piece)
            if spoilt.endless is not None:
                outbox.put_endless(spoilt.endless)


def _next_batch(steps: Iterator[Step]) -> tuple[list[Step], Exception | None]:
    """Some more steps, and what ended them if it was no good end."""
    batch: list[Step] = []
    try:
        batch.extend(_until_sleep(islice(steps, _BATCH)))
    except Exception as error:  # noqa: BLE001  handed to the event loop, where it is told apart
        return batch, error
    return batch, None


def _until_sleep(steps: Iterator[Step]) -> Iterator[Step]:
    for step in steps:
        yield step
        if isinstance(step, Sleep):
            return


def _write(pipeline: ServerPipeline, step: Step) -> None:
    match step:
        case Output(text):
            pipeline.write_output(text)
        case Error(failure):
            write_failure(pipeline, failure)
        case Warn(text):
            pipeline.write_warning(text)
        case Exit(code):
            with suppress(PSRPCoreError):  # a client without a host hears nothing of it
                _set_exit(pipeline, code)


def _set_exit(pipeline: ServerPipeline, code: int) -> None:
    metadata: Any = pipeline.metadata
    host = metadata.host
    pool_host = pipeline.runspace_pool.host
    absent = host.IsHostNull and not (
        host.UseRunspaceHost and pool_host and not pool_host.IsHostNull
    )
    if not absent:
        pipeline.host_call(HostMethodIdentifier.SetShouldExit, [code])
