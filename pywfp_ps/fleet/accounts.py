"""Keeps a wrong password from locking an account out."""

from __future__ import annotations

from collections import defaultdict
from typing import Literal

from pywfp_ps.transports.base import Credential

Verdict = Literal["try", "wait", "never"]


class Accounts:
    """Counts refusals of every account that comes with a password.

    So many visits at once wait for a first word about an account as refusals are allowed, and one
    more for each host that has taken it, until as many have: twenty at once with one wrong password
    would be twenty refusals, and one host that takes any password proves nothing of the others.
    Once a host has taken it only refusals in a row count, since one may have a local account of the
    same name.
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
        is_proven = state.taken >= self._limit
        is_free = state.undecided + state.refusals < self._limit + state.taken
        return "try" if is_proven or is_free else "wait"

    def begun(self, credential: Credential) -> None:
        """A visit with it begins."""
        if state := self._state(credential):
            state.undecided += 1

    def accepted(self, credential: Credential, *, again: bool = False) -> None:
        """The host of a visit that was begun has taken it; said once a visit.

        Args:
            credential: The account.
            again: Whether that host had taken it at an earlier visit.
        """
        if state := self._state(credential):
            state.undecided -= 1
            state.taken += not again
            state.refusals = 0

    def ended(self, credential: Credential, *, was_accepted: bool, is_refused: bool) -> None:
        """A visit with it has ended."""
        if state := self._state(credential):
            state.undecided -= not was_accepted
            state.refusals += is_refused

    def _state(self, credential: Credential) -> _State | None:
        is_guarded = self._limit and credential.password is not None
        return self._states[credential.account] if is_guarded else None


class _State:
    """Visits without a word about the account yet, hosts that have taken it, refusals in a row."""

    def __init__(self) -> None:
        self.undecided = self.taken = self.refusals = 0
