"""Runs over many hosts, to their end: a line a host, signals, and a disk or a reader that goes."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterable
from typing import IO, TYPE_CHECKING

import click

from pywfp_ps.cli.recap import Recap, live
from pywfp_ps.errors import StoreError
from pywfp_ps.fleet.signals import Signalled, ended_by_signals
from pywfp_ps.report.rows import json_line
from pywfp_ps.report.text import visible

if TYPE_CHECKING:
    from pywfp_ps.collect.collecting import Collection
    from pywfp_ps.fleet.fanout import FanOut
    from pywfp_ps.fleet.outcomes import Outcome
    from pywfp_ps.store import RunWriter


class Lines:
    """Lines on stdout. A run does not end because nobody reads them any more.

    Attributes:
        problem: Why they could not be written, where it is not that the reader has gone.
    """

    def __init__(self) -> None:
        self.problem = ""
        self._is_gone = False

    def put(self, text: str) -> None:
        """Writes a line, if anybody reads."""
        if self._is_gone:
            return
        try:
            sys.stdout.write(_writable(text, sys.stdout) + "\n")
            sys.stdout.flush()
        except BrokenPipeError:
            self._is_gone = True
            _drop(sys.stdout)
        except OSError as error:
            self._is_gone = True
            self.problem = f"stdout could not be written: {error.strerror or error}"
            _drop(sys.stdout)
            say(f"{self.problem}; the run goes on")


def say(text: str) -> None:
    """Writes a line to stderr, if anybody reads."""
    try:
        click.echo(_writable(f"wfp: {visible(text)}", sys.stderr), err=True)
    except OSError:
        _drop(sys.stderr)


class Told(logging.Handler):
    """Says what is logged, as everything else is said: printable, and beside the progress."""

    def emit(self, record: logging.LogRecord) -> None:
        """Says a record."""
        try:
            say(record.getMessage())
        except Exception:  # noqa: BLE001 - as logging does: a record is worth no run
            self.handleError(record)


def run_collection(
    run: RunWriter,
    collection: Collection,
    recap: Recap,
    tell: Callable[[Outcome], None],
    *,
    before: Iterable[Outcome] = (),
    at_end: Callable[[], None] = lambda: None,
) -> None:
    """Runs a collection and finishes its run; the recap knows how that ended.

    Args:
        run: The run, open.
        collection: What goes into it.
        recap: Takes the outcomes.
        tell: Says one outcome.
        before: Outcomes that need no visit.
        at_end: Called once all outcomes are there, while the run is still open.
    """

    def end(reason: str) -> None:
        collection.cancel(reason)
        _say_beside(_left(reason, collection.fan_out, collection.unread))

    signalled = Signalled()
    try:
        with (
            run,
            live(recap, "collecting") as moved,
            ended_by_signals(end, collection.leave) as signalled,
        ):
            for outcome in before:
                recap.add(outcome)
                moved()
                tell(outcome)
                if collection.is_left:
                    break
            for outcome in collection:
                recap.add(outcome)
                moved()
                tell(outcome)
            at_end()
            run.note(json_line(recap.total()))
            run.finish(interrupted=collection.is_interrupted)
    except StoreError as error:
        recap.failure = str(error)
        for outcome in collection.told_again(error):
            recap.add(outcome)
            tell(outcome)
    except KeyboardInterrupt:  # the third: its first word counts
        pass
    if collection.fan_out.ended_by == "canary":
        recap.stopped_for = collection.fan_out.ended_for
    recap.signal = signalled.number


def run_visits(
    fan_out: FanOut, visits: Iterable[tuple[Outcome, str]], recap: Recap, lines: Lines
) -> None:
    """Runs visits that keep nothing, and says of each what comes with it."""

    def end(reason: str) -> None:
        fan_out.cancel(reason)
        _say_beside(_left(reason, fan_out, 0))

    signalled = Signalled()
    try:
        with live(recap, "checking") as moved, ended_by_signals(end) as signalled:
            for outcome, text in visits:
                recap.add(outcome)
                moved()
                lines.put(text)
    except KeyboardInterrupt:
        pass
    if fan_out.ended_by == "canary":
        recap.stopped_for = fan_out.ended_for
    recap.signal = signalled.number


def _left(reason: str, fan_out: FanOut, unread: int) -> str:
    """What a run that was asked to end still waits for."""
    waits = []
    if visits := fan_out.running:
        waits.append(f"ending {visits} visit{'s' * (visits != 1)}")
    if unread:
        waits.append(f"reading {unread} dump{'s' * (unread != 1)} that came")
    more = "; once more to leave at once" if unread else ""
    return f"{reason.rstrip('.')}: {' and '.join(waits) or 'finishing'}{more}"


def _say_beside(text: str) -> None:
    """Says something from a signal handler, which must not write where it came in between."""
    threading.Thread(target=say, args=(text,), daemon=True).start()


def _writable(text: str, stream: IO[str]) -> str:
    """The text without what the encoding of a stream cannot say."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _drop(stream: IO[str]) -> None:
    """Keeps whoever writes there next, the interpreter's end too, from failing again."""
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
