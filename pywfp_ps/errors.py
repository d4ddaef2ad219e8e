"""Every exception a caller may catch, named after what the caller can do about it."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of the ``wfp`` command."""

    GOOD = 0
    FINDINGS = 1
    USAGE = 2
    SOME_HOSTS_FAILED = 3
    ALL_HOSTS_FAILED = 4
    OUR_ERROR = 5
    INTERRUPTED = 130
    TERMINATED = 143


class Terminated(KeyboardInterrupt):
    """Somebody asked this process to end; what cleans up after Ctrl-C does so after this too."""


class WfpError(Exception):
    """Base of all errors of this package; ``exit_code`` is what the command ends with."""

    exit_code: ExitCode = ExitCode.OUR_ERROR


class UsageError(WfpError, ValueError):
    """The caller asked for something that cannot be: a wrong name, option, value or file."""

    exit_code = ExitCode.USAGE


class ReadError(WfpError):
    """A payload could not be turned into objects at all.

    Attributes:
        source: File or part that was read.
        where: Place in it, as exact as known.
        problem: What is wrong with it.
    """

    exit_code = ExitCode.ALL_HOSTS_FAILED

    def __init__(self, source: str, where: str, problem: str) -> None:
        super().__init__(source, where, problem)
        self.source, self.where, self.problem = source, where, problem

    def __str__(self) -> str:
        return f"{self.source}: {self.problem} at {self.where}"


class StoreError(WfpError):
    """The store cannot be opened, read or written.

    Attributes:
        place: Folder or file concerned.
        problem: What is wrong with it.
    """

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(place, problem)
        self.place, self.problem = place, problem

    def __str__(self) -> str:
        return f"store {self.place}: {self.problem}"


class NoStoreError(StoreError):
    """There is no store where one was looked for."""

    exit_code = ExitCode.USAGE
