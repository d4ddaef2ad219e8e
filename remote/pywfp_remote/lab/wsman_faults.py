"""Hosts whose WSMan service says no: the numbered faults of Windows, each at its action."""

from __future__ import annotations

import asyncio

from msgspec import Struct

from pywfp_remote.lab.host import LabHost
from pywfp_remote.lab.wsman import FaultError, Request, timed_out, too_many_shells


class Refusal(Struct, frozen=True, kw_only=True):
    """One numbered fault.

    Attributes:
        action: WSMan action it answers.
        code: Its number; None for a fault without detail.
        subcode: Its subcode.
        text: Its words.
        in_pipeline: Whether it strikes only Receives of a pipeline.
        after: Receives of that pipeline that are answered truly before.
    """

    action: str
    code: int | None
    subcode: str
    text: str
    in_pipeline: bool = False
    after: int = 0


_DENIED = "Access is denied. "
_QUOTA = "The WS-Management service cannot process the request. "
_DIED = (
    "The WSMan provider host process did not return a proper response.  A provider in the host "
    "process may have behaved improperly. "
)

REFUSALS: dict[str, Refusal] = {
    "access-denied": Refusal(action="Create", code=5, subcode="w:AccessDenied", text=_DENIED),
    "fault-in-200": Refusal(action="Create", code=5, subcode="w:AccessDenied", text=_DENIED),
    "quota": Refusal(
        action="Create", code=2150859173, subcode="w:QuotaLimit", text=too_many_shells(30)
    ),
    "quota-operations": Refusal(
        action="Command",
        code=2150859174,
        subcode="w:QuotaLimit",
        text=_QUOTA + "The maximum number of concurrent operations for this user has been "
        "exceeded. Close existing operations for this user, or raise the quota for this user.",
    ),
    "quota-users": Refusal(
        action="Create",
        code=2150859179,
        subcode="w:QuotaLimit",
        text=_QUOTA + "The maximum number of users executing shell operations has been exceeded. "
        "Retry after sometime or raise the quota for concurrent shell users.",
    ),
    "quota-plugin": Refusal(
        action="Create",
        code=2150859236,
        subcode="w:QuotaLimit",
        text=_QUOTA + "The maximum number of concurrent shells allowed for this plugin has been "
        "exceeded. Retry your request later or raise the Maximum Shells per Plugin quota.",
    ),
    "quota-commands": Refusal(
        action="Command",
        code=None,
        subcode="w:InternalError",
        text="The WS-Management service cannot process the request because of an internal error.",
    ),
    "no-configuration": Refusal(
        action="Create",
        code=2150858811,
        subcode="w:InvalidResourceURI",
        text=_QUOTA + "Cannot find the session configuration in the WSMan: drive on this computer.",
    ),
    "no-process": Refusal(
        action="Create",
        code=1018,
        subcode="w:InternalError",
        text="Illegal operation attempted on a registry key that has been marked for deletion. ",
    ),
    "no-program": Refusal(
        action="Create",
        code=2,
        subcode="w:InternalError",
        text="The system cannot find the file specified. ",
    ),
    "shell-lost": Refusal(
        action="Receive",
        code=2150858843,
        subcode="w:InvalidSelectors",
        text="The request for the Windows Remote Shell failed because the shell was not found on "
        "the server. Possible causes are: the specified ShellId is incorrect or the shell no "
        "longer exists on the server.",
        in_pipeline=True,
    ),
    "host-died": Refusal(
        action="Receive",
        code=1726,
        subcode="w:InternalError",
        text=_DIED,
        in_pipeline=True,
        after=2,
    ),
    "aborted": Refusal(
        action="Receive",
        code=995,
        subcode="w:InternalError",
        text="The I/O operation has been aborted because of either a thread exit or an "
        "application request. ",
        in_pipeline=True,
        after=2,
    ),
}
"""The numbered faults by the name of the practice fault. Numbers: winerror.h, wsmerror.h."""


class WsmanFaults:
    """The hook of one host's service: raises what the host's faults say."""

    def __init__(self, host: LabHost) -> None:
        self._refusals = [REFUSALS[name] for name in sorted(host.faults) if name in REFUSALS]
        self._mute = "no-output" in host.faults
        self._late = "open-timeout" in host.faults
        self._receives: dict[str, int] = {}

    @property
    def slowly(self) -> bool:
        """Whether the payload must come in single fragments, so that there is a middle."""
        return any(refusal.after for refusal in self._refusals)

    async def __call__(self, request: Request, command: str) -> None:
        """Asked before each action; `command` is the pipeline a Receive is for, if any.

        Raises:
            FaultError: The host does not do it.
        """
        if request.action == "Receive" and (self._mute if command else self._late):
            await asyncio.sleep(request.seconds)
            raise timed_out()
        for refusal in self._refusals:
            if refusal.action != request.action or (refusal.in_pipeline and not command):
                continue
            seen = self._receives.get(command, 0)
            if refusal.after > seen:
                self._receives[command] = seen + 1
                continue
            raise FaultError(refusal.code, refusal.subcode, refusal.text)
