"""A real PowerShell behind an endpoint: PSRP fragments between WSMan and ``pwsh -s``, unchanged.

One engine a shell. Its lines are written one after the other, each once the one before was
acknowledged: the engine hands every line to a thread of its own, so that they could overtake.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from uuid import UUID

from pywfp_ps.transports.server_mode import POOL, Kind, read_element, write_element
from pywfp_remote.lab.host import LabHost
from pywfp_remote.lab.psrp import EndFinder, Fragment
from pywfp_remote.lab.shell import BadFragmentsError, Outbox, ShellDiedError

ARGUMENTS: Final = ("-s", "-NoLogo", "-NoProfile")
"""Command line after the program."""

ENGINES_AT_ONCE: Final = max(4, 2 * (os.cpu_count() or 1))
"""Engines that run at the same time, a hundred megabytes each; further shells wait."""

_LINE: Final = 64 << 20
_ACK_SECONDS: Final = 60.0
_END_SECONDS: Final = 5.0
_SAID: Final = 300

Environment = Callable[[LabHost], Mapping[str, str]]
"""What the engine of a host finds in its environment, on top of this process's own."""


class Bridge:
    """Makes the shells of endpoints that have a real engine behind them.

    Args:
        program: The engine, a program in server mode with `ARGUMENTS`.
        environment: Asked in a worker thread, once a shell.
    """

    def __init__(self, program: Path, environment: Environment | None = None) -> None:
        self._program, self._environment = program, environment
        self._places = asyncio.Semaphore(ENGINES_AT_ONCE)
        self._starting: set[asyncio.Task[EngineShell]] = set()

    async def close(self) -> None:
        """Start no more engines; those that are being started are ended."""
        for task in self._starting:
            task.cancel()
        await asyncio.gather(*self._starting, return_exceptions=True)

    async def shell(self, shell_id: str, host: LabHost, idle_seconds: float) -> EngineShell:
        """A shell with an engine of its own.

        Raises:
            OSError: The engine cannot be started.
            ShellDiedError: There was no place for one more in its time, or all is being ended.
        """
        task = asyncio.create_task(self._start(shell_id, host, idle_seconds))
        self._starting.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            raise ShellDiedError("the fleet is being ended") from None
        finally:
            self._starting.discard(task)

    async def _start(self, shell_id: str, host: LabHost, idle_seconds: float) -> EngineShell:
        try:
            async with asyncio.timeout(_ACK_SECONDS):
                await self._places.acquire()
        except TimeoutError:
            raise ShellDiedError("too many engines run already") from None
        try:
            more = await asyncio.to_thread(self._environment, host) if self._environment else {}
            process = await asyncio.create_subprocess_exec(
                str(self._program),
                *ARGUMENTS,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={**os.environ, "POWERSHELL_TELEMETRY_OPTOUT": "1", **more},
                limit=_LINE,
                start_new_session=True,
            )
        except BaseException:
            self._places.release()
            raise
        return EngineShell(shell_id, process, idle_seconds, self._places.release)


class EngineShell:
    """One runspace pool of a real engine behind a WSMan shell id; as `Shell` to its endpoint.

    Attributes:
        shell_id: Upper-case GUID text.
        idle_seconds: How long it may be left alone.
        used: ``time.monotonic()`` of its last use.
    """

    def __init__(
        self,
        shell_id: str,
        process: asyncio.subprocess.Process,
        idle_seconds: float,
        on_end: Callable[[], None],
    ) -> None:
        self.shell_id, self.idle_seconds, self.used = shell_id, idle_seconds, time.monotonic()
        self._process, self._on_end = process, on_end
        self._outboxes: dict[UUID | None, Outbox] = {None: Outbox()}
        self._ends: dict[UUID | None, EndFinder] = {}
        self._running: set[UUID] = set()
        self._acks: dict[tuple[str, UUID], asyncio.Event] = {}
        self._orders: asyncio.Queue[tuple[Kind, UUID, bytes, str] | None] = asyncio.Queue()
        self._said = b""
        self._tasks = [
            asyncio.create_task(task) for task in (self._read(), self._write(), self._drain())
        ]
        asyncio.get_running_loop().call_later(idle_seconds, self._expire)

    @property
    def expired(self) -> bool:
        """Whether it was left alone longer than it may be; never while a pipeline runs."""
        return not self._running and time.monotonic() - self.used > self.idle_seconds

    @property
    def is_gone(self) -> bool:
        """Whether the engine has ended."""
        return all(task.done() for task in self._tasks)

    @property
    def commands(self) -> int:
        """Pipelines that the client has not closed."""
        return len(self._outboxes) - 1

    def outbox(self, pipeline: UUID | None) -> Outbox | None:
        """What waits for this pipeline, or for the pool; None when there is no such pipeline."""
        return self._outboxes.get(pipeline)

    def begin(self, pipeline: UUID, fragments: str) -> None:
        """Start a pipeline with its first fragments.

        Raises:
            BadFragmentsError: They are no base64.
        """
        self._outboxes[pipeline] = Outbox()
        self._running.add(pipeline)
        self._order("Command", pipeline)
        self.feed(fragments, pipeline)

    def feed(self, fragments: str, pipeline: UUID | None = None, stream: str = "stdin") -> None:
        """Hand base64 text of fragments to the engine.

        Raises:
            BadFragmentsError: They are no base64.
        """
        try:
            data = base64.b64decode(fragments, validate=True)
        except (binascii.Error, ValueError) as error:
            raise BadFragmentsError(str(error)) from error
        if data:
            self._order("Data", pipeline or POOL, data, stream)

    def stop(self, pipeline: UUID) -> None:
        """Stop a pipeline; one that has ended stays as it is."""
        if pipeline in self._running:
            self._order("Signal", pipeline)

    def end(self, pipeline: UUID) -> None:
        """Forget a pipeline and what waits for it."""
        if self._outboxes.pop(pipeline, None) is not None:
            self._running.discard(pipeline)
            self._ends.pop(pipeline, None)
            self._order("Close", pipeline)

    def close(self) -> None:
        """End every pipeline, then the session, then the process, in the background."""
        for pipeline in [one for one in self._outboxes if one is not None]:
            self.end(pipeline)
        self._order("Close", POOL)
        self._orders.put_nowait(None)
        asyncio.get_running_loop().call_later(_END_SECONDS, self._kill)

    async def closed(self) -> None:
        """Return once the engine is gone; call `close` first."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _order(self, kind: Kind, guid: UUID, data: bytes = b"", stream: str = "stdin") -> None:
        self.used = time.monotonic()
        self._orders.put_nowait((kind, guid, data, stream))

    async def _write(self) -> None:
        """Write what is ordered, then close the engine's input, by which it ends itself."""
        with contextlib.suppress(OSError, TimeoutError, asyncio.CancelledError):
            while (order := await self._orders.get()) is not None:
                kind, guid, data, stream = order
                line = write_element(kind, guid, data)
                if stream == "pr":  # the client's answer to a question of the engine
                    line = line.replace(b"'Default'", b"'PromptResponse'", 1)
                await self._ordered(kind, guid, line)
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        asyncio.get_running_loop().call_later(_END_SECONDS, self._kill)
        await self._process.wait()
        self._on_end()

    def _expire(self) -> None:
        """End it where nobody has used it for long: a client that never heard of it, say."""
        if self.is_gone:
            return
        if self.expired:
            self.close()
        else:
            again = max(1.0, self.used + self.idle_seconds - time.monotonic())
            asyncio.get_running_loop().call_later(again, self._expire)

    def _kill(self) -> None:
        """End the engine with all it has started, as far as the system allows."""
        if self._process.returncode is not None:
            return
        with contextlib.suppress(OSError):
            if os.name == "posix":
                os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            self._process.kill()

    async def _ordered(self, kind: Kind, guid: UUID, line: bytes) -> None:
        acknowledged = self._acks[f"{kind}Ack", guid] = asyncio.Event()
        if self._process.stdin is None or self._process.returncode is not None:
            return
        self._process.stdin.write(line)
        await self._process.stdin.drain()
        gone = asyncio.create_task(self._process.wait())
        came = asyncio.create_task(acknowledged.wait())
        try:
            await asyncio.wait(
                {gone, came}, timeout=_ACK_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            gone.cancel()
            came.cancel()
            self._acks.pop((f"{kind}Ack", guid), None)

    async def _read(self) -> None:
        """Sort what the engine says until it is gone; then whoever waits hears of it."""
        output = self._process.stdout
        with contextlib.suppress(OSError, ValueError):
            while output is not None and (line := await output.readline()):
                self._take(line)
        code = await self._process.wait()
        said = self._said.decode("utf-8", "replace")
        words = " ".join("".join(c if c.isprintable() else " " for c in said).split())[:_SAID]
        for outbox in self._outboxes.values():
            outbox.fail(f"the engine ended with code {code}. {words}".rstrip())
        self._orders.put_nowait(None)

    def _take(self, line: bytes) -> None:
        element = read_element(line)
        if element is None:
            return  # a program wrote past the protocol
        if element.name != "Data":
            if (event := self._acks.get((element.name, element.guid))) is not None:
                event.set()
            return
        pipeline = None if element.guid == POOL else element.guid
        outbox = self._outboxes.get(pipeline)
        if outbox is None:
            return
        last = self._ends.setdefault(pipeline, EndFinder()).is_end(element.body)
        if last and pipeline is not None:
            self._running.discard(pipeline)
        text = element.body.decode("ascii", "replace")
        outbox.put(Fragment(pipeline=pipeline, text=text, last=last))

    async def _drain(self) -> None:
        errors = self._process.stderr
        with contextlib.suppress(OSError, ValueError):
            while errors is not None and (piece := await errors.read(4096)):
                self._said = (self._said + piece)[-4096:]
