"""Jobs on disk: kept line by line as they came, and run again without their hosts.

A recording is a folder with a folder for each host and a file for each call in it. A file is lines
of JSON: first what was asked, then each line of output as a text, last how the job ended.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final, TypeVar

import msgspec
from msgspec import Struct

from pywfp_ps.errors import ReadError, StoreError, UsageError
from pywfp_ps.payload.names import folder_name
from pywfp_ps.transports.base import (
    Ran,
    ScriptError,
    Target,
    Transport,
    TransportError,
    Usage,
    Watch,
)

_ENDING: Final = ".jsonl"
_BINARY: Final = getattr(os, "O_BINARY", 0)
_T = TypeVar("_T")


class Asked(Struct, frozen=True, kw_only=True):
    """First line of a recording.

    Attributes:
        v: Version of the layout.
        host: Inventory name.
        call: Function that was run.
        arguments: Its parameters.
        transport: How the host was asked.
    """

    v: int = 1
    host: str
    call: str
    arguments: dict[str, str | list[str]]
    transport: str


class Finished(Struct, frozen=True, kw_only=True):
    """Last line of a recording: how the job ended; with `what`, it did not come to an end.

    Attributes:
        state: As in `Ran`.
        usage: What it cost.
        errors: As in `Ran`.
        foreign: As in `Ran`.
        what: As in `TransportError`.
        text: As in `TransportError`.
        code: As in `TransportError`.
    """

    state: str = ""
    usage: Usage | None = None
    errors: tuple[ScriptError, ...] = ()
    foreign: int = 0
    what: str = ""
    text: str = ""
    code: int | str | None = None


class RecordingTransport:
    """Runs jobs by another transport and keeps what they bring, one file a host and call.

    Args:
        behind: What runs the jobs.
        folder: Where recordings go; made where missing, for its owner alone.
    """

    def __init__(self, behind: Transport, folder: Path) -> None:
        self._behind, self._folder = behind, folder
        self.name = behind.name

    def run(
        self,
        target: Target,
        call: str,
        arguments: Mapping[str, str | Sequence[str]],
        *,
        on_frame: Callable[[str], object],
        watch: Watch,
    ) -> Ran:
        """As `Transport.run`.

        Raises:
            StoreError: The recording cannot be written.
        """
        given = {k: v if isinstance(v, str) else list(v) for k, v in arguments.items()}
        asked = Asked(host=target.name, call=call, arguments=given, transport=self.name)
        with self._open(target.name, call) as file:
            _write(file, asked)

            def keep(line: str) -> None:
                _write(file, line)
                on_frame(line)

            try:
                ran = self._behind.run(target, call, arguments, on_frame=keep, watch=watch)
            except TransportError as error:
                lost = Finished(
                    what=error.what, text=error.text, code=error.code, usage=error.usage
                )
                _write(file, lost)
                raise
            ended = Finished(
                state=ran.state, usage=ran.usage, errors=ran.errors, foreign=ran.foreign
            )
            _write(file, ended)
            return ran

    def _open(self, host: str, call: str) -> IO[bytes]:
        folder = self._folder / folder_name(host)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = folder / f"{call}{_ENDING}"
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _BINARY, 0o600)
            return os.fdopen(handle, "wb")
        except OSError as error:
            raise StoreError(str(folder), error.strerror or str(error)) from None


class RecordedTransport:
    """Runs recorded jobs: what came then comes again, to the same end.

    Args:
        folder: The recordings.
    """

    name = "recorded"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def run(
        self,
        target: Target,
        call: str,
        arguments: Mapping[str, str | Sequence[str]],  # noqa: ARG002 - what was asked then counts
        *,
        on_frame: Callable[[str], object],
        watch: Watch,
    ) -> Ran:
        """As `Transport.run`.

        Raises:
            UsageError: No such call of that host was recorded.
            ReadError: The recording is damaged.
        """
        path = self._folder / folder_name(target.name) / f"{call}{_ENDING}"
        try:
            file = path.open("rb")
        except FileNotFoundError:
            raise UsageError(f"{self._folder} holds no {call} of {target.name}") from None
        with file:
            asked = _read(path, file.readline(), Asked)
            if asked.v != 1 or asked.host != target.name:
                raise ReadError(str(path), "line 1", "is the recording of something else")
            watch.accepted()
            for line in file:
                if line.startswith(b'"'):
                    on_frame(_read(path, line, str))
                else:
                    return _ended(target.name, _read(path, line, Finished))
        raise TransportError(target.name, "incomplete", "the recording has no end")


def _ended(host: str, end: Finished) -> Ran:
    if end.what:
        raise TransportError(host, end.what, end.text, end.code, end.usage)
    if end.state not in {"completed", "failed", "stopped"}:
        raise TransportError(host, "bad-payload", "the recording ends in no state that exists")
    state: Any = end.state
    return Ran(state=state, usage=end.usage or Usage(), errors=end.errors, foreign=end.foreign)


def _write(file: IO[bytes], thing: Struct | str) -> None:
    try:
        file.write(msgspec.json.encode(thing) + b"\n")
    except OSError as error:
        raise StoreError(str(file.name), error.strerror or str(error)) from None


def _read(path: Path, line: bytes, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(line, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ReadError(str(path), "a line", f"is damaged ({error})") from None
