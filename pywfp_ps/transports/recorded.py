"""Jobs kept as they came and replayed: for tests, for support cases, for work without a network.

A recording is a text file: a line of JSON that says what was asked, then each line of the job's
output as a JSON string, then a line of JSON that says how the job ended. It holds what the host
sent, so it is as confidential as a store; it never holds an account or a password.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Literal

import msgspec
from msgspec import Struct

from pywfp_ps.errors import UsageError
from pywfp_ps.payload.names import folder_name
from pywfp_ps.resources import check_arguments
from pywfp_ps.transports.base import (
    Ran,
    ScriptError,
    Target,
    Transport,
    TransportError,
    Usage,
    Watch,
)

VERSION = 1
"""Of the file."""

LINE_LIMIT = 8 * 1024 * 1024
"""Characters of one line of a recording; honest ones have under 70,000."""

_OPEN = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)


class _Head(Struct, frozen=True, kw_only=True):
    v: int
    host: str
    transport: str
    call: str
    arguments: dict[str, str | list[str]]
    recorded_at: datetime


class _End(Struct, frozen=True, kw_only=True):
    """How the job ended: `state` is that of `Ran`, or ``error`` for a `TransportError`."""

    state: Literal["completed", "failed", "stopped", "error"]
    usage: Usage | None = None
    errors: tuple[ScriptError, ...] = ()
    foreign: int = 0
    what: str = ""
    text: str = ""
    code: int | str | None = None


def recording_path(folder: Path, host: str, call: str) -> Path:
    """Where the recording of one call of one host lies."""
    return folder / f"{folder_name(host)}.{call}.jsonl"


class RecordingTransport:
    """Another transport whose every job is kept; a later job of the same call takes its place.

    Args:
        inner: What asks the host.
        folder: Where recordings go; made where missing, for its owner only.
    """

    def __init__(self, inner: Transport, folder: Path) -> None:
        self._inner, self._folder = inner, folder

    @property
    def name(self) -> str:
        """That of the transport that asks."""
        return self._inner.name

    def run(
        self,
        target: Target,
        call: str,
        arguments: Mapping[str, str | Sequence[str]],
        *,
        on_frame: Callable[[str], object],
        watch: Watch,
    ) -> Ran:
        """As `Transport.run`; raises `OSError` too, where the recording cannot be written."""
        head = _Head(
            v=VERSION,
            host=target.name,
            transport=self._inner.name,
            call=call,
            arguments=check_arguments(call, arguments),
            recorded_at=datetime.now(UTC),
        )
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = recording_path(self._folder, target.name, call)
        part = path.with_name(f"{path.name}.part")
        with open(os.open(part, _OPEN, 0o600), "w", encoding="ascii", newline="\n") as file:  # noqa: PTH123 - a descriptor, not a path

            def keep(line: str) -> None:
                file.write(json.dumps(line) + "\n")  # ASCII, half surrogate pairs too
                on_frame(line)

            _write(file, head)
            try:
                ran = self._inner.run(target, call, arguments, on_frame=keep, watch=watch)
            except TransportError as error:
                _write(file, _failed(error))
                file.flush()
                part.replace(path)
                raise
            _write(file, _ended(ran))
        part.replace(path)
        return ran


class RecordedTransport:
    """Replays what `RecordingTransport` kept: the same lines in the same order, the same end.

    Args:
        folder: Where the recordings are.

    Raises:
        UsageError: There is no such folder.
    """

    name = "recorded"

    def __init__(self, folder: Path | str) -> None:
        self._folder = Path(folder)
        if not self._folder.is_dir():
            raise UsageError(f"{folder} is no folder of recordings")

    def hosts(self) -> tuple[str, ...]:
        """Names of the hosts that there are recordings of, sorted; damaged ones are left out."""
        found = set()
        for path in self._folder.glob("*.jsonl"):
            with contextlib.suppress(OSError, ValueError), path.open(encoding="ascii") as file:
                found.add(_read_head(file).host)
        return tuple(sorted(found))

    def run(
        self,
        target: Target,
        call: str,
        arguments: Mapping[str, str | Sequence[str]],
        *,
        on_frame: Callable[[str], object],
        watch: Watch,
    ) -> Ran:
        """As `Transport.run`; what is asked is checked, and the recording answers all the same."""
        check_arguments(call, arguments)
        path = recording_path(self._folder, target.name, call)
        try:
            file = path.open(encoding="ascii", newline="\n")
        except OSError:
            text = f"there is no recording of {call}"
            raise TransportError(target.name, "unreachable", text) from None
        with file:
            watch.accepted()
            for line in _lines(file, target.name, call):
                if watch.is_stopped:
                    return Ran(state="stopped", usage=Usage())
                if time.monotonic() >= watch.deadline:
                    raise TransportError(target.name, "timeout", "its time was over")
                if isinstance(line, _End):
                    return _again(line, target.name)
                on_frame(line)
        raise TransportError(target.name, "incomplete", "the recording breaks off")


def _lines(file: IO[str], host: str, call: str) -> Iterator[str | _End]:
    """The lines of a recording, and how it ended.

    Raises:
        TransportError: It is damaged, or of something else.
    """
    try:
        head = _read_head(file)
        if (head.host, head.call) != (host, call):
            raise ValueError("it is of another host or call")  # noqa: TRY301
        while text := _read_line(file):
            if text.startswith('"'):
                line: str = json.loads(text)
                yield line
            else:
                yield msgspec.json.decode(text, type=_End)
                return
    except ValueError as error:  # of msgspec, json and codecs too
        damage = f"the recording is damaged: {type(error).__name__}"
    else:
        return
    raise TransportError(host, "bad-payload", damage)


def _read_head(file: IO[str]) -> _Head:
    head = msgspec.json.decode(_read_line(file), type=_Head)
    if head.v != VERSION:
        raise ValueError(f"a recording of version {head.v}")
    return head


def _read_line(file: IO[str]) -> str:
    """The next line; empty at the end, and where the last one has no end."""
    line = file.readline(LINE_LIMIT)
    if line.endswith("\n"):
        return line
    if len(line) >= LINE_LIMIT:
        raise ValueError("a line of the recording is too long")
    return ""


def _write(file: IO[str], what: _Head | _End) -> None:
    # By way of json, since msgspec writes no half surrogate pairs; a host's words may hold some.
    file.write(json.dumps(msgspec.to_builtins(what)) + "\n")


def _ended(ran: Ran) -> _End:
    return _End(state=ran.state, usage=ran.usage, errors=ran.errors, foreign=ran.foreign)


def _failed(error: TransportError) -> _End:
    return _End(state="error", usage=error.usage, what=error.what, text=error.text, code=error.code)


def _again(end: _End, host: str) -> Ran:
    if end.state == "error":
        raise TransportError(host, end.what, end.text, end.code, end.usage)
    return Ran(state=end.state, usage=end.usage or Usage(), errors=end.errors, foreign=end.foreign)
