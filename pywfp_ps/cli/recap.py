"""What a run over many hosts says while it goes and when it is done."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from pywfp_ps.errors import ExitCode
from pywfp_ps.report.rows import json_line
from pywfp_ps.report.text import visible

if TYPE_CHECKING:
    from pywfp_ps.fleet.outcomes import Outcome


def fields_of(outcome: Outcome) -> dict[str, Any]:
    """An outcome as JSON has it."""
    return {
        "host": outcome.host,
        "outcome": outcome.outcome,
        "cause": outcome.cause,
        "seconds": round(outcome.seconds, 3),
        "packed": outcome.packed,
        "plain": outcome.plain,
        "requests": outcome.requests,
        "sent": outcome.sent,
        "received": outcome.received,
        "tries": outcome.tries,
        "retryable": outcome.retryable,
        "text": outcome.text or None,
        "to_do": outcome.to_do or None,
    }


def line_of(outcome: Outcome, *, as_json: bool) -> str:
    """One host in one line."""
    if as_json:
        return json_line(fields_of(outcome))
    words = [f"{outcome.host}: {outcome.outcome}"]
    if outcome.cause:
        words.append(f"({outcome.cause})")
    words.append(f"{outcome.seconds:.1f} s")
    if outcome.text and outcome.outcome != "ok":
        words.append(f"- {outcome.text}")
    if outcome.to_do:
        words.append(f"- {outcome.to_do}")
    return visible(" ".join(words))


class Recap:
    """Counts outcomes as they come.

    Args:
        hosts: How many will come.
    """

    def __init__(self, hosts: int) -> None:
        self.hosts = hosts
        self.outcomes: Counter[str] = Counter()
        self.causes: Counter[str] = Counter()
        self._to_do: dict[str, str] = {}
        self.is_interrupted = False
        self._sums: Counter[str] = Counter()
        self._visited = 0
        self._started = time.monotonic()
        self._cpu = _cpu_seconds()
        self._bugs: list[str] = []

    def add(self, outcome: Outcome) -> None:
        """Takes one outcome."""
        self.outcomes[outcome.outcome] += 1
        if outcome.cause:
            self.causes[str(outcome.cause)] += 1
            self._to_do[str(outcome.cause)] = outcome.to_do
        if outcome.outcome == "cancelled":
            self.is_interrupted = True
        if outcome.tries:
            self._visited += 1
        for name in ("requests", "sent", "received", "packed"):
            self._sums[name] += getattr(outcome, name)
        if outcome.traceback:
            self._bugs.append(outcome.traceback)

    @property
    def done(self) -> int:
        """Hosts with an outcome."""
        return sum(self.outcomes.values())

    @property
    def failed(self) -> int:
        """Hosts that are not there whole."""
        return self.done - self.outcomes["ok"]

    def total(self) -> dict[str, Any]:
        """The numbers of the run."""
        seconds = time.monotonic() - self._started
        shared = max(1, self._visited)
        return {
            "hosts": self.hosts,
            **{name: self.outcomes[name] for name in ("ok", "partial", "failed", "cancelled")},
            "causes": dict(self.causes.most_common()),
            "seconds": round(seconds, 2),
            "requests_a_host": round(self._sums["requests"] / shared, 1),
            "bytes_a_host": (self._sums["sent"] + self._sums["received"]) // shared,
            "cpu_seconds_a_host": round((_cpu_seconds() - self._cpu) / shared, 4),
        }

    def tell(self, *, as_json: bool) -> None:
        """Says the total on stderr."""
        for text in self._bugs[:1]:
            click.echo(text, err=True)
        told = self.total()
        if as_json:
            click.echo(json_line({"total": told}), err=True)
            return
        counts = ", ".join(f"{told[name]} {name}" for name in ("ok", "partial", "failed"))
        if told["cancelled"]:
            counts += f", {told['cancelled']} not done"
        click.echo(
            f"wfp: {told['hosts']} hosts in {told['seconds']} s: {counts};"
            f" {told['requests_a_host']} requests, {told['bytes_a_host'] / 1024:.0f} KiB and"
            f" {told['cpu_seconds_a_host']} CPU s a host",
            err=True,
        )
        for cause, count in self.causes.most_common():
            click.echo(f"wfp:   {count} x {cause}: {self._to_do[cause]}", err=True)

    @property
    def exit_code(self) -> ExitCode:
        """What the run means for the caller."""
        if self.is_interrupted:
            return ExitCode.INTERRUPTED
        if self.causes["bug"]:
            return ExitCode.OUR_ERROR
        if self.failed == 0:
            return ExitCode.GOOD
        nothing = self.outcomes["ok"] + self.outcomes["partial"] == 0
        return ExitCode.ALL_HOSTS_FAILED if nothing else ExitCode.SOME_HOSTS_FAILED


def _cpu_seconds() -> float:
    """Of this process and of those it has waited for."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


@contextmanager
def live(recap: Recap) -> Iterator[Callable[[], None]]:
    """A bar on stderr with rate, failures so far and the time left; only on a terminal."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    bar = Progress(
        "{task.description}",
        BarColumn(),
        MofNCompleteColumn(),
        "{task.fields[rate]}",
        "{task.fields[failures]}",
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        started = time.monotonic()
        task = bar.add_task("collecting", total=recap.hosts, rate="", failures="")

        def moved() -> None:
            rate = recap.done / max(0.1, time.monotonic() - started)
            failures = f"{recap.failed} failed" if recap.failed else ""
            bar.update(task, advance=1, rate=f"{rate:.1f}/s", failures=failures)

        yield moved
