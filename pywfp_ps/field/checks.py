"""Every check of the field test by the id of its assumption, and what came of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from msgspec import Struct

from pywfp_ps.field.asking import Asked
from pywfp_ps.field.assumptions import assumptions
from pywfp_ps.field.seen import NotAskedError, Seen

Verdict = Literal["held", "did not hold", "could not ask"]
Check = Callable[[Seen], tuple[bool, str]]

_MOST_TEXT: Final = 400
_ODD: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What a check meets where a machine answers in another form than the functions here do."""


class Result(Struct, frozen=True, kw_only=True):
    """What came of one assumption on one machine.

    Attributes:
        id: Its id.
        verdict: Whether it held.
        seen: What was seen, or why nothing was: numbers, constants and words of ours.
    """

    id: str
    verdict: Verdict
    seen: str


def checks() -> dict[str, Check]:
    """All checks by id."""
    from pywfp_ps.field import check_dump, check_host, check_netsh, check_policy, check_shell

    found: dict[str, Check] = {}
    for module in (check_shell, check_netsh, check_dump, check_policy, check_host):
        found |= module.CHECKS
    return found


def results(asked: Asked) -> tuple[Result, ...]:
    """A result for every assumption that the field test can check, in the order of the list."""
    seen, known = Seen(asked), checks()
    return tuple(_result(one.id, known[one.id], seen) for one in assumptions() if one.check)


def _result(name: str, check: Check, seen: Seen) -> Result:
    try:
        held, text = check(seen)
    except NotAskedError as error:
        return Result(id=name, verdict="could not ask", seen=str(error)[:_MOST_TEXT])
    except _ODD as error:
        text = f"the answer has another form ({type(error).__name__})"
        return Result(id=name, verdict="could not ask", seen=text)
    verdict: Verdict = "held" if held else "did not hold"
    return Result(id=name, verdict=verdict, seen=text[:_MOST_TEXT])
