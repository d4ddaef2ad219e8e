"""Keeps a wrong password from locking an account out."""

from __future__ import annotations

from collections import defaultdict
from typing import Literal

from pywfp_ps.transports.base import Credential

Verdict = Literal["try", "wait", "never"]


class Accounts:
    """Counts refusals of every account that comes with a password.

    Until a host has taken an account, only so many visits with it run as refusals are allowed:
    twenty at once with one wrong password would be twenty refusals. After that only refusals in a
    row count, since one host may have a local account of the same name.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._states: defaultdict[str, _State] = defaultdict(_State)

    def verdict(self, credential: Credential) -> Verdict:
        """Whether to try a host with it now, once others are through, or not at all."""
        state = self._state(credential)
        if state is None:
            return "try"
        if state.refusals >= self._limit:
            return "never"
        is_free = state.is_proven or state.visits + state.refusals < self._limit
        return "try" if is_free else "wait"

    def begun(self, credential: Credential) -> None:
        """A visit with it begins."""
        if state := self._state(credential):
            state.visits += 1

    def accepted(self, credential: Credential) -> None:
        """A host has taken it."""
        if state := self._state(credential):
            state.is_proven, state.refusals = True, 0

    def ended(self, credential: Credential, *, is_refused: bool) -> None:
        """A visit with it has ended."""
        if state := self._state(credential):
            state.visits -= 1
            state.refusals += is_refused

    def _state(self, credential: Credential) -> _State | None:
        is_guarded = self._limit and credential.password is not None
        return self._states[credential.account] if is_guarded else None


class _State:
    def __init__(self) -> None:
        self.visits = self.refusals = 0
        self.is_proven = False
