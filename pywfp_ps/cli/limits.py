"""Options that say how patiently many hosts are visited."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
from click.core import ParameterSource

from pywfp_ps.errors import UsageError

if TYPE_CHECKING:
    from pywfp_ps.fleet.fanout import Limits

Function = TypeVar("Function", bound=Callable[..., Any])
NAMES = ("at_once", "timeout", "retries", "canary", "rate")
"""Parameters that `limit_options` adds."""
LONGEST: Final = 86_400
"""Most seconds of a host: a day."""


class Amount(click.FloatRange):
    """A number from `min` to `max`; what is no number is refused too, which compares with none.

    Args:
        least: The least that is taken.
        most: The most.
        or_none: Whether 0 is taken besides, for no limit.
    """

    name = "number"

    def __init__(self, least: float, most: float, *, or_none: bool = False) -> None:
        super().__init__(min=least, max=most)
        self._or_none = or_none

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number.

        Raises:
            click.BadParameter: It is none, or out of range.
        """
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if self._or_none and number == 0:
            return 0.0
        if self.min is None or self.max is None or not self.min <= number <= self.max:
            none = "0 or " * self._or_none
            told = f"{value!r} is not {none}a number from {self.min:g} to {self.max:g}."
            self.fail(told, param, ctx)
        return number

    def _describe_range(self) -> str:
        return f"{'0 or ' * self._or_none}{self.min:g}<=x<={self.max:g}"


def limit_options(*, timeout: float) -> Callable[[Function], Function]:
    """Adds the options; the command gets their values by name as ``visits``.

    Args:
        timeout: Default of ``--timeout`` in seconds.
    """

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def command(*args: Any, **kw: Any) -> Any:
            visits = {name: kw.pop(name) for name in NAMES}
            return function(*args, visits=visits, **kw)

        made: Any = command
        for option in reversed(_options(timeout)):
            made = option(made)
        return made  # type: ignore[no-any-return] # the wrapper takes the place of the function

    return decorate


def _options(timeout: float) -> tuple[Callable[[Any], Any], ...]:
    return (
        click.option(
            "--at-once",
            type=click.IntRange(1, 1000),
            default=20,
            show_default=True,
            help="Hosts at the same time.",
        ),
        click.option(
            "--timeout",
            type=Amount(1, LONGEST),
            default=timeout,
            show_default=True,
            metavar="SECONDS",
            help="Most time of a host.",
        ),
        click.option(
            "--retries",
            type=click.IntRange(0, 10),
            default=1,
            show_default=True,
            help="Further tries where a cause can pass.",
        ),
        click.option(
            "--canary",
            type=click.IntRange(0, 100_000),
            default=0,
            metavar="N",
            help="Try N hosts first; stop if half of them fail.",
        ),
        click.option(
            "--rate",
            type=Amount(0.001, 1000, or_none=True),
            default=0,
            metavar="N",
            help="Begin at most N hosts a second.",
        ),
    )


def limits_of(visits: dict[str, Any]) -> Limits:
    """What the options mean.

    Raises:
        UsageError: They cannot be; an option of the command never is so, one that a run kept may.
    """
    from pywfp_ps.fleet.fanout import Limits

    try:
        return Limits(
            at_once=int(visits["at_once"]),
            seconds=float(visits["timeout"]),
            retries=int(visits["retries"]),
            canary=int(visits["canary"]),
            rate=float(visits["rate"]),
        )
    except (TypeError, ValueError, OverflowError) as error:
        raise UsageError(f"the limits of the run cannot be: {error}") from None


def given_names() -> frozenset[str]:
    """Parameters of the running command that the user gave, here or in the configuration."""
    ctx = click.get_current_context()
    own = {ParameterSource.DEFAULT, None}
    return frozenset(name for name in ctx.params if ctx.get_parameter_source(name) not in own)
