"""Options that say how patiently many hosts are visited."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from pywfp_ps.fleet.fanout import Limits

Function = TypeVar("Function", bound=Callable[..., Any])
NAMES = ("at_once", "timeout", "retries", "canary", "rate")
"""Parameters that `limit_options` adds."""


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
            type=click.FloatRange(1),
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
            type=click.IntRange(0),
            default=0,
            metavar="N",
            help="Try N hosts first; stop if half of them fail.",
        ),
        click.option(
            "--rate",
            type=click.FloatRange(0),
            default=0,
            metavar="N",
            help="Begin at most N hosts a second.",
        ),
    )


def limits_of(visits: dict[str, Any]) -> Limits:
    """What the options mean."""
    from pywfp_ps.fleet.fanout import Limits

    return Limits(
        at_once=int(visits["at_once"]),
        seconds=float(visits["timeout"]),
        retries=int(visits["retries"]),
        canary=int(visits["canary"]),
        rate=float(visits["rate"]),
    )


def given_names() -> frozenset[str]:
    """Parameters of the running command that the user gave, here or in the configuration."""
    ctx = click.get_current_context()
    own = {ParameterSource.DEFAULT, None}
    return frozenset(name for name in ctx.params if ctx.get_parameter_source(name) not in own)
