"""A made-up Windows host: who it is, how it is reached, and what it is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Protocol
from uuid import UUID, uuid5

from msgspec import Struct

_NAMESPACE = UUID("3d1f4f0e-52b1-4a0e-9d2b-1f0c5a2f7c11")  # of this practice fleet, drawn once


class Way(StrEnum):
    """How a host lets itself be reached."""

    NTLM = "ntlm"
    """HTTP, NTLM by Negotiate, every message sealed."""
    NEGOTIATE = "negotiate"
    """HTTPS with the fleet's own CA, Negotiate bound to the certificate."""
    CERTIFICATE = "certificate"
    """HTTPS with the fleet's own CA and a client certificate."""
    BASIC = "basic"
    """HTTP with a bare password; for loopback only."""

    @property
    def is_tls(self) -> bool:
        """Whether the way goes over HTTPS."""
        return self in {Way.NEGOTIATE, Way.CERTIFICATE}


class LabHost(Struct, frozen=True, kw_only=True):
    """One host of the practice fleet.

    Attributes:
        name: Its name in the inventory, such as ``web-003``.
        number: Its number in the fleet, from 0.
        group: Its group, such as ``web`` or ``terminal``.
        seed: The fleet's seed; the same seed and number give the same host.
        account: Account that may log on, without a domain.
        password: Its password. Not shown by ``repr``.
        way: How it is reached.
        faults: Names of the faults it has.
        big: Whether it has 50,000 filters instead of a thousand.
        ps_version: Version of its Windows PowerShell.
    """

    name: str
    number: int
    group: str
    seed: int
    account: str
    password: str
    way: Way = Way.NTLM
    faults: frozenset[str] = frozenset()
    big: bool = False
    ps_version: str = "5.1.20348.2849"

    def __repr__(self) -> str:
        faults = ",".join(sorted(self.faults))
        return f"LabHost({self.name!r}, way={self.way.value!r}, faults={faults!r})"

    @property
    def computer(self) -> str:
        """The NetBIOS name: upper case, at most 15 characters."""
        return self.name.upper()[:15]

    @property
    def language_mode(self) -> str:
        """What its PowerShell lets a script do: a name of PSLanguageMode."""
        if self.faults & {"jea", "no-language"}:
            return "NoLanguage"
        return "ConstrainedLanguage" if "constrained-language" in self.faults else "FullLanguage"

    @property
    def language_mode_inside(self) -> str:
        """What its functions see: those of an installed module run in full language."""
        return "FullLanguage" if "jea" in self.faults else self.language_mode

    @property
    def identity(self) -> UUID:
        """A GUID that is this host's alone and the same at every start."""
        return uuid5(_NAMESPACE, f"{self.seed}/{self.number}")


Arguments = Mapping[str, str | list[str]]
"""Parameters of a call by name; values are text or lists of text."""


class HostBackend(Protocol):
    """What an endpoint asks of the host behind it."""

    def answer(self, call: str, arguments: Arguments) -> Iterator[str]:
        """The frame lines that the function `call` would emit on this host, in order.

        Called from a worker thread, never twice at once for one pipeline.

        Raises:
            UnknownCallError: This host has no such function.
        """
        ...


BackendFactory = Callable[[LabHost], HostBackend]
"""Makes the backend of one host; called when the host is first asked, not before."""


class UnknownCallError(LookupError):
    """The host behind an endpoint does not know the function it was asked to run."""
