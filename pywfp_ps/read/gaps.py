"""What a reading could not understand, bounded: a hostile host can say millions of such things."""

from __future__ import annotations

from typing import Final

from pywfp_ps.model.objects import Gap

MOST: Final = 1_000
"""Gaps that are kept of one part."""

_PROBLEM_LENGTH: Final = 200


class Gaps:
    """The first gaps of one part, and how many others there were.

    Args:
        source: What the gaps call the part.
        whole: What the gap that counts the others names as its place.
    """

    def __init__(self, source: str, whole: str) -> None:
        self._source, self._whole = source, whole
        self._kept: list[Gap] = []
        self._more = 0

    def add(self, place: str, problem: str) -> None:
        """Adds a gap."""
        if len(self._kept) >= MOST:
            self._more += 1
            return
        self._kept.append(Gap(source=self._source, place=place, problem=problem[:_PROBLEM_LENGTH]))

    def all(self) -> tuple[Gap, ...]:
        """The gaps, and one that counts the others."""
        if not self._more:
            return tuple(self._kept)
        rest = Gap(source=self._source, place=self._whole, problem=f"and {self._more} more gaps")
        return (*self._kept, rest)
