"""Three answers: no, perhaps, yes. AND is the least of them, OR the greatest."""

from __future__ import annotations

from typing import Final

NO: Final = 0
MAYBE: Final = 1
YES: Final = 2


def opposite(answer: int) -> int:
    """Yes for no, no for yes."""
    return YES - answer


def answer_of(known: bool) -> int:
    """Yes or no of what is known."""
    return YES if known else NO
