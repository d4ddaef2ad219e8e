"""What a run over many hosts says while it goes and when it is done."""

from __future__ import annotations

import contextlib
import os
import signal
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
    told = {
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
        "recovered": outcome.is_recovered,
        "retryable": outcome.retryable,
        "disagreements": outcome.disagreements,
        "text": outcome.text or None,
        "to_do": outcome.to_do or None,
    }
    if outcome.is_recovered:
        told |= dict.fromkeys(("seconds", "requests", "sent", "received", "tries"))
    return told


def line_of(outcome: Outcome, *, as_json: bool) -> str:
    """One host in one line."""
    if as_json:
        return json_line(fields_of(outcome))
    words = [f"{outcome.host}: {outcome.outcome}"]
    if outcome.cause:
        words.append(f"({outcome.cause})")
    if outcome.is_recovered:
        words.append("from disk")
    elif outcome.tries:
        words.append(f"{outcome.seconds:.1f} s")
    if outcome.disagreements:
        words.append(f"- its sources disagree in {outcome.disagreements}")
    if outcome.text:
        words.append(f"- {outcome.text}")
    if outcome.to_do:
        words.append(f"- {outcome.to_do}")
    return visible(" ".join(words))


class Recap:
    """Counts outcomes as they come; of a host that is told again the last word counts.

    Args:
        hosts: How many will come.

    Attributes:
        signal: The signal that asked for an end; None where none did.
        stopped_for: Why the run stopped itself before it was done; empty where it did not.
        failure: What went wrong with the store, or with stdout; empty where all is well.
    """

    def __init__(self, hosts: int) -> None:
        self.hosts = hosts
        self.outcomes: Counter[str] = Counter()
        self.causes: Counter[str] = Counter()
        self._to_do: dict[str, str] = {}
        self.signal: signal.Signals | None = None
        self.stopped_for = self.failure = ""
        self._last: dict[str, tuple[str, str]] = {}
        self._sums: Counter[str] = Counter()
        self._visited = 0
        self._started = time.monotonic()
        self._cpu = _cpu_seconds()
        self._bugs: list[str] = []

    def add(self, outcome: Outcome) -> None:
        """Takes one outcome."""
        cause = sys.intern(str(outcome.cause or ""))
        if last := self._last.get(outcome.host):
            self.outcomes[last[0]] -= 1
            self.causes[last[1]] -= 1
        self._last[outcome.host] = (outcome.outcome, cause)
        self.outcomes[outcome.outcome] += 1
        self.causes[cause] += 1
        self._to_do[cause] = outcome.to_do
        if last:
            return  # what its visit has cost is counted
        if outcome.tries:
            self._visited += 1
        for name in ("requests", "sent", "received", "packed", "disagreements"):
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

    @property
    def not_done(self) -> int:
        """Hosts that nobody visited to the end."""
        return self.outcomes["cancelled"] + self.hosts - self.done

    def total(self) -> dict[str, Any]:
        """The numbers of the run."""
        seconds = time.monotonic() - self._started
        shared = max(1, self._visited)
        return {
            "hosts": self.hosts,
            **{name: self.outcomes[name] for name in ("ok", "partial", "failed", "cancelled")},
            "causes": {name: n for name, n in self.causes.most_common() if name and n > 0},
            "not_done": self.not_done,
            "stopped_for": self.stopped_for or self.failure or None,
            "disagreements": self._sums["disagreements"],
            "seconds": round(seconds, 2),
            "requests_a_host": round(self._sums["requests"] / shared, 1),
            "bytes_a_host": (self._sums["sent"] + self._sums["received"]) // shared,
            "cpu_seconds_a_host": round((_cpu_seconds() - self._cpu) / shared, 4),
        }

    def tell(self, *, as_json: bool) -> None:
        """Says the total on stderr."""
        with contextlib.suppress(OSError):  # nobody reads any more
            self._tell(as_json=as_json)

    def _tell(self, *, as_json: bool) -> None:
        for text in self._bugs[:1]:
            click.echo(text, err=True)
        if self.failure:
            click.echo(f"wfp: {visible(self.failure)}", err=True)
        told = self.total()
        if as_json:
            click.echo(json_line({"total": told}), err=True)
            return
        if self.stopped_for and self.not_done:
            click.echo(f"wfp: stopped early: {visible(self.stopped_for)}", err=True)
        counts = ", ".join(f"{told[name]} {name}" for name in ("ok", "partial", "failed"))
        if self.not_done:
            counts += f", {self.not_done} not done"
        click.echo(
            f"wfp: {told['hosts']} host{'s' * (told['hosts'] != 1)} in {told['seconds']} s:"
            f" {counts}; {told['requests_a_host']} requests,"
            f" {told['bytes_a_host'] / 1024:.0f} KiB and"
            f" {told['cpu_seconds_a_host']} CPU s a host",
            err=True,
        )
        if told["disagreements"]:
            click.echo(
                f"wfp: netsh and NtObjectManager disagree in {told['disagreements']} things:"
                " wfp sql 'FROM disagreements WHERE NOT moving'",
                err=True,
            )
        for cause, count in told["causes"].items():
            click.echo(f"wfp:   {count} x {cause}: {self._to_do[cause]}", err=True)

    @property
    def exit_code(self) -> ExitCode:
        """What the run means for the caller."""
        if self.failure:
            return ExitCode.OUR_ERROR
        if self.signal is not None and self.not_done:
            is_term = self.signal == signal.SIGTERM
            return ExitCode.TERMINATED if is_term else ExitCode.INTERRUPTED
        if self.causes["bug"]:
            return ExitCode.OUR_ERROR
        if self.failed == 0:
            return ExitCode.FINDINGS if self._sums["disagreements"] else ExitCode.GOOD
        nothing = self.outcomes["ok"] + self.outcomes["partial"] == 0
        return ExitCode.ALL_HOSTS_FAILED if nothing else ExitCode.SOME_HOSTS_FAILED


def _cpu_seconds() -> float:
    """Of this process and of those it has waited for."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


@contextmanager
def live(recap: Recap, what: str) -> Iterator[Callable[[], None]]:
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
        task = bar.add_task(what, total=recap.hosts, rate="", failures="")

        def moved() -> None:
            rate = recap.done / max(0.1, time.monotonic() - started)
            told = {"failed": recap.failed - recap.outcomes["cancelled"]}
            told["not done"] = recap.outcomes["cancelled"]
            failures = ", ".join(f"{count} {name}" for name, count in told.items() if count)
            bar.update(task, advance=1, rate=f"{rate:.1f}/s", failures=failures)

        yield moved
