"""What a host reports of itself when it cannot do what it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from pywfp_ps.payload.frames import ProblemFrame, write_frame
from pywfp_remote.lab.engine import FailedError
from pywfp_remote.lab.psrp import Failure


class HostProblem(Struct, frozen=True, kw_only=True):
    """What a host reports of itself: a problem frame in place of a part.

    Attributes:
        code: Of the frame, and of the error id after ``PyWfp.``.
        text: What it says.
        thrower: Function of the module that throws.
        category: Name of an ErrorCategory.
        parts: Parts that it strikes.
    """

    code: str
    text: str
    thrower: str
    category: str
    parts: frozenset[str]


_NETSH: Final = frozenset({"state", "filters", "sysports", "netevents"})
_ENGINE: Final = _NETSH | {"options", "records"}
_RECORDS: Final = frozenset({"records"})
_IMPORT: Final = "Import-PyWfpNtObjectManager"

PROBLEMS: dict[str, HostProblem] = {
    "bfe-stopped": HostProblem(
        code="bfe-stopped",
        text="The Base Filtering Engine (service BFE) is not running.",
        thrower="Assert-PyWfpReady",
        category="ResourceUnavailable",
        parts=_ENGINE,
    ),
    "not-elevated": HostProblem(
        code="not-elevated",
        text="The filter engine answers elevated administrators only.",
        thrower="Assert-PyWfpReady",
        category="PermissionDenied",
        parts=_ENGINE | {"events"},
    ),
    "netsh-failed": HostProblem(
        code="netsh-failed",
        text="netsh ended with code 1: The system cannot find the file specified.",
        thrower="Invoke-PyWfpNetsh",
        category="InvalidResult",
        parts=_NETSH,
    ),
    "netsh-slow": HostProblem(
        code="netsh-timeout",
        text="netsh took more than 120 s.",
        thrower="Invoke-PyWfpNetsh",
        category="OperationTimeout",
        parts=_NETSH,
    ),
    "too-large": HostProblem(
        code="too-large",
        text="600000000 bytes are more than the limit of 512 MB.",
        thrower="Assert-PyWfpSize",
        category="LimitsExceeded",
        parts=frozenset({"state", "filters"}),
    ),
    "no-disk": HostProblem(
        code="no-disk",
        text="Only 1048576 bytes are free where C:\\Windows\\Temp is.",
        thrower="Assert-PyWfpDisk",
        category="LimitsExceeded",
        parts=_NETSH,
    ),
    "constrained-language": HostProblem(
        code="constrained-language",
        text="NtObjectManager needs full language; netsh does not.",
        thrower=_IMPORT,
        category="PermissionDenied",
        parts=_RECORDS,
    ),
    "module-missing": HostProblem(
        code="module-missing",
        text="NtObjectManager is not installed.",
        thrower=_IMPORT,
        category="ObjectNotFound",
        parts=_RECORDS,
    ),
    "module-blocked": HostProblem(
        code="antivirus",
        text="Operation did not complete successfully because the file contains a virus or "
        "potentially unwanted software.",
        thrower=_IMPORT,
        category="SecurityError",
        parts=_RECORDS,
    ),
    "module-policy": HostProblem(
        code="execution-policy",
        text="File NtObjectManager.psm1 cannot be loaded because running scripts is disabled on "
        "this system.",
        thrower=_IMPORT,
        category="SecurityError",
        parts=_RECORDS,
    ),
    "module-failed": HostProblem(
        code="module-failed",
        text="Could not load file or assembly 'NtApiDotNet'.",
        thrower=_IMPORT,
        category="InvalidResult",
        parts=_RECORDS,
    ),
}
"""The problems of hosts by the name of the practice fault."""

NETSH_TEXTS: Final = frozenset({"netsh-failed", "netsh-slow", "no-disk"})
"""Problems of which the part ``options`` tells with each of its commands."""


def report(problem: HostProblem, part: str) -> Iterator[str]:
    """The problem's frame; then the function throws.

    Raises:
        FailedError: After the frame.
    """
    yield write_frame(ProblemFrame(code=problem.code, part=part, text=problem.text))
    raise thrown(problem)


def thrown(problem: HostProblem) -> FailedError:
    """What the function throws after it told the problem."""
    return FailedError(
        Failure(
            message=problem.text,
            error_id=f"PyWfp.{problem.code},{problem.thrower}",
            category=problem.category,
            exception="Microsoft.PowerShell.Commands.WriteErrorException",
            command=problem.thrower,
        )
    )
