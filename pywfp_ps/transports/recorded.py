"""Jobs on disk: kept line by line as they came, and run again without their hosts.

A recording is a folder with a folder for each host and a file for each call in it, and one with the
host's name where the folder cannot have it. A file is lines of JSON: first what was asked, then
each line of output as a text, last how the job ended. It holds what a host sent, so it is as
confidential as a store; accounts and passwords are never in it.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final, TypeVar

import msgspec
from msgspec import Struct

from pywfp_ps.errors import StoreError, UsageError
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

LINE_LIMIT: Final = 8 * 1024 * 1024
"""Bytes of one line of a recording; honest ones have under 70,000."""

_ENDING: Final = ".jsonl"
_HOST: Final = "host.json"  # the host's name, where it is not that of the folder
_LONGEST_NAME: Final = 64 * 1024
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
        at: When, as ISO 8601 in UTC; empty in recordings that do not say.
    """

    v: int = 1
    host: str
    call: str
    arguments: dict[str, str | list[str]]
    transport: str
    at: str = ""

    @property
    def asked_at(self) -> datetime | None:
        """When it was asked; None where that is unknown."""
        try:
            moment = datetime.fromisoformat(self.at)
        except ValueError:
            return None
        return moment if moment.tzinfo else None


class Recorded(Struct, frozen=True, kw_only=True):
    """What a folder of recordings holds of one call.

    Attributes:
        jobs: What was asked of each host, by name of the host.
        damaged: What is wrong with each file that cannot be replayed, by name of the host.
    """

    jobs: tuple[Asked, ...]
    damaged: Mapping[str, str] = {}


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
            UsageError: As there.
            TransportError: As there; the recording ends with it.
        """
        given = check_arguments(call, arguments)
        now = datetime.now(UTC).isoformat()
        asked = Asked(host=target.name, call=call, arguments=given, transport=self.name, at=now)
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

    @contextlib.contextmanager
    def _open(self, host: str, call: str) -> Iterator[IO[bytes]]:
        path = self._folder / folder_name(host) / f"{call}{_ENDING}"
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if path.parent.name != host:  # else nobody could tell whose a damaged one was
                with open(path.with_name(_HOST), "w", opener=_for_the_owner) as named:
                    json.dump(host, named)
            file = open(path, "wb", opener=_for_the_owner)  # noqa: SIM115 - Path has no opener
        except OSError as error:
            raise StoreError(str(path.parent), error.strerror or str(error)) from None
        try:
            yield file
        finally:
            try:
                file.close()  # writes what is left
            except OSError as error:
                raise StoreError(str(path), error.strerror or str(error)) from None


class RecordedTransport:
    """Runs recorded jobs: what came then comes again, to the same end.

    Args:
        folder: The recordings.
        damaged: As in `Recorded`: asked for a host of that name, it says what is wrong.

    Raises:
        UsageError: There is no such folder.
    """

    name = "recorded"

    def __init__(self, folder: Path, damaged: Mapping[str, str] | None = None) -> None:
        self._folder, self._damaged = folder, damaged or {}
        if not folder.is_dir():
            raise UsageError(f"{folder} is no folder of recordings")

    def run(
        self,
        target: Target,
        call: str,
        arguments: Mapping[str, str | Sequence[str]],
        *,
        on_frame: Callable[[str], object],
        watch: Watch,
    ) -> Ran:
        """As `Transport.run`; the arguments must be possible, but what was asked then counts."""
        check_arguments(call, arguments)
        host = target.name
        if problem := self._damaged.get(host):
            raise TransportError(host, "bad-payload", problem)
        path = self._folder / folder_name(host) / f"{call}{_ENDING}"
        try:
            file = path.open("rb")
        except OSError:
            raise TransportError(host, "unreachable", f"no {call} was recorded of it") from None
        with file:
            asked = _read(host, file, Asked)
            if not isinstance(asked, Asked) or (asked.v, asked.host, asked.call) != (1, host, call):
                raise TransportError(host, "bad-payload", "the recording is of something else")
            watch.accepted()
            while (line := _read(host, file, Finished)) is not None:
                if watch.is_stopped:
                    return Ran(state="stopped", usage=Usage())
                if time.monotonic() >= watch.deadline:
                    raise TransportError(host, "timeout", "its time was over")
                if isinstance(line, Finished):
                    return _ended(host, line)
                on_frame(line)
        raise TransportError(host, "incomplete", "the recording has no end")


def recorded_jobs(folder: Path, call: str) -> Recorded:
    """What was asked of each host that has a recording of a call.

    Raises:
        UsageError: There is no such folder.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder of recordings")
    jobs, damaged = list[Asked](), dict[str, str]()
    for path in sorted(folder.glob(f"*/{call}{_ENDING}")):
        try:
            jobs.append(_asked(path))
        except UsageError as error:
            damaged[_host_of(path.parent)] = str(error)
    return Recorded(jobs=tuple(sorted(jobs, key=lambda one: one.host)), damaged=damaged)


def _host_of(folder: Path) -> str:
    """Whose recordings a folder holds; its own name where that is not known."""
    try:
        with (folder / _HOST).open("rb") as named:
            host = json.loads(named.read(_LONGEST_NAME))
    except (OSError, ValueError, RecursionError):
        return folder.name
    is_theirs = isinstance(host, str) and folder_name(host) == folder.name
    return host if is_theirs else folder.name


def _asked(path: Path) -> Asked:
    """The first line of a recording.

    Raises:
        UsageError: It has none of this version, or one of something else.
    """
    try:
        with path.open("rb") as file:
            asked = _read(path.parent.name, file, Asked)
    except OSError as error:
        raise UsageError(f"the recording: {error.strerror or error}") from None
    except TransportError as error:
        raise UsageError(error.text) from None
    if not isinstance(asked, Asked) or asked.v != 1:
        raise UsageError("it is no recording of this version")
    if folder_name(asked.host) != path.parent.name or asked.call != path.stem:
        raise UsageError(f"it is a recording of {asked.host!r}, {asked.call}")
    return asked


def _for_the_owner(path: str, flags: int) -> int:
    return os.open(path, flags | _BINARY, 0o600)


def _ended(host: str, end: Finished) -> Ran:
    if end.what:
        raise TransportError(host, end.what, end.text, end.code, end.usage)
    if end.state not in {"completed", "failed", "stopped"}:
        raise TransportError(host, "bad-payload", "the recording ends in no state that exists")
    state: Any = end.state
    return Ran(state=state, usage=end.usage or Usage(), errors=end.errors, foreign=end.foreign)


def _write(file: IO[bytes], thing: Struct | str) -> None:
    # By way of json, since msgspec writes no half surrogate pairs; a host's words may hold some.
    text = json.dumps(thing if isinstance(thing, str) else msgspec.to_builtins(thing))
    try:
        file.write(f"{text}\n".encode("ascii"))
    except OSError as error:
        raise StoreError(str(file.name), error.strerror or str(error)) from None


def _read(host: str, file: IO[bytes], kind: type[_T]) -> _T | str | None:
    """The next line: a text, or a `kind`; None at the end, and where the last line is not whole."""
    line = file.readline(LINE_LIMIT)
    try:
        if not line.endswith(b"\n"):
            if len(line) >= LINE_LIMIT:
                raise ValueError  # noqa: TRY301 - one place for all damage
            return None
        value = json.loads(line)
        return value if isinstance(value, str) else msgspec.convert(value, kind)
    except (ValueError, RecursionError):  # those of json, codecs and msgspec among them
        pass
    raise TransportError(host, "bad-payload", "the recording is damaged")
