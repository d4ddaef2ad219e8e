"""What a host reports of itself when it cannot do what it is asked."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from pywfp_ps.payload.frames import ProblemFrame, write_frame
from pywfp_remote.lab.engine import FailedError
from pywfp_remote.lab.psrp import Failure


class HostProblem(Struct, frozen=True, kw_only=True):
    """What a host reports of itself: a problem frame, and then the function throws.

    Attributes:
        code: Of the frame, and of the error id after ``PyWfp.``.
        text: What it says.
        thrower: Function of the module that throws.
        category: Name of an ErrorCategory.
        calls: Prefix of the calls that have the problem.
    """

    code: str
    text: str
    thrower: str
    category: str
    calls: str = "Get-PyWfpState"


PROBLEMS: dict[str, HostProblem] = {
    "bfe-stopped": HostProblem(
        code="bfe-stopped",
        text="The Base Filtering Engine (service BFE) is not running.",
        thrower="Assert-PyWfpReady",
        category="ResourceUnavailable",
    ),
    "not-elevated": HostProblem(
        code="not-elevated",
        text="The filter engine answers elevated administrators only.",
        thrower="Assert-PyWfpReady",
        category="PermissionDenied",
    ),
    "netsh-failed": HostProblem(
        code="netsh-failed",
        text="netsh ended with code 1: The system cannot find the file specified.",
        thrower="Invoke-PyWfpNetsh",
        category="InvalidResult",
    ),
    "netsh-slow": HostProblem(
        code="netsh-timeout",
        text="netsh took more than 120 s.",
        thrower="Invoke-PyWfpNetsh",
        category="OperationTimeout",
    ),
    "too-large": HostProblem(
        code="too-large",
        text="600000000 bytes are more than the limit of 512 MB.",
        thrower="Assert-PyWfpSize",
        category="LimitsExceeded",
    ),
    "no-disk": HostProblem(
        code="no-disk",
        text="Only 1048576 bytes are free where C:\\Windows\\Temp is.",
        thrower="Assert-PyWfpDisk",
        category="LimitsExceeded",
    ),
    "module-missing": HostProblem(
        code="module-missing",
        text="The module NtObjectManager is not installed.",
        thrower="Get-PyWfpRecord",
        category="NotInstalled",
        calls="Get-PyWfpRecord",
    ),
}
"""The problems of hosts by the name of the practice fault."""


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
