"""The practice fleet."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click

from pywfp_ps.cli.limits import Amount
from pywfp_ps.cli.progress import progress
from pywfp_ps.errors import ExitCode, UsageError
from pywfp_ps.fleet.signals import interrupted_by_sigterm
from pywfp_ps.report.rows import json_line, write_table
from pywfp_ps.report.text import visible
from pywfp_ps.transports import load
from pywfp_ps.transports.engines import VARIABLE, find_engine

_FOLDER: Final = click.option(
    "--dir",
    "folder",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the fleet; made if it is not there.",
)
_PWSH: Final = "pwsh"
_SEED: Final = click.option(
    "--seed", type=int, default=1, show_default=True, help="Another seed, another fleet."
)


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Tells of a folder that cannot be written as of a wrong call.

    Raises:
        UsageError: It cannot.
    """
    try:
        yield
    except BrokenPipeError:  # of whoever read what we said of it
        raise
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror or error}") from None


@click.group()
def lab() -> None:
    """Make up hosts to practise on: real PSRP endpoints on this machine, or their dumps."""


@lab.command("up")
@click.option(
    "--hosts", type=click.IntRange(1, 20_000), default=25, show_default=True, help="How many."
)
@_FOLDER
@_SEED
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="NAME=HOSTS",
    help="Give hosts a fault, e.g. quota=web-00*; `wfp lab faults` lists them.",
)
@click.option(
    "--latency", type=Amount(0, 60_000), default=0, metavar="MS", help="Delay each answer."
)
@click.option("--first-port", type=click.IntRange(0, 65000), default=0, help="Ports from here on.")
@click.option(
    "--engine", metavar="PWSH", help="Let a real PowerShell answer: pwsh, or its program."
)
@click.option(
    "--stand-ins",
    type=click.Path(file_okay=False, path_type=Path),
    help="What the engine finds in place of Windows; by default tests/psmodules of the sources.",
)
def up(
    hosts: int,
    folder: Path,
    seed: int,
    faults: tuple[str, ...],
    latency: float,
    first_port: int,
    engine: str | None,
    stand_ins: Path | None,
) -> None:
    """Start a practice fleet in the background; returns when every endpoint answers.

    The inventory, with passwords made up for this fleet, is DIR/inventory.yml. With --engine every
    session is one of a real PowerShell 7, with stand-ins for netsh and NtObjectManager; elsewhere
    than on Windows such a host has nothing else of Windows.

    Example: `wfp lab up --hosts 25 --dir f` and then `wfp collect --inventory f/inventory.yml`
    """
    with interrupted_by_sigterm(), writing_to(folder):
        started = load("lab.up")(
            hosts,
            folder,
            seed=seed,
            faults=faults,
            latency_ms=latency,
            first_port=first_port,
            **_behind(engine, stand_ins),
        )
    click.echo(visible(str(started.inventory)))


def _behind(engine: str | None, stand_ins: Path | None) -> dict[str, str]:
    """The engine, and what it finds in place of Windows."""
    if engine is None:
        if stand_ins is not None:
            raise UsageError("--stand-ins are for --engine")
        return {}
    try:
        found = find_engine(None if engine == _PWSH else engine)
    except UsageError:
        raise UsageError(
            f"--engine {engine}: no such PowerShell is here; install PowerShell 7 (pwsh), or name "
            f"its program here or in {VARIABLE}"
        ) from None
    folder = stand_ins or Path(__file__).parents[2] / "tests" / "psmodules"
    if stand_ins is None and sys.platform == "win32" and not folder.is_dir():
        return {"engine": str(found.program)}
    if not folder.is_dir():
        raise UsageError(
            f"there are no stand-ins for Windows in {folder}: they come with the sources; name "
            "their folder tests/psmodules by --stand-ins"
        )
    return {"engine": str(found.program), "stand_ins": str(folder.absolute())}


@lab.command("down")
@_FOLDER
def down(folder: Path) -> None:
    """End the practice fleet of a folder.

    Example: `wfp lab down --dir fleet`
    """
    now = load("lab.status")(folder)
    if not (now.running or now.inventory.exists()):
        raise UsageError(f"{folder} is not the folder of a practice fleet")
    ended = load("lab.down")(folder)
    click.echo(f"wfp: {'ended' if ended else 'no practice fleet runs in'} {folder}", err=True)


@lab.command("status")
@_FOLDER
def status(folder: Path) -> int:
    """Say whether the practice fleet of a folder runs, as JSON; exit code 1 if it does not.

    Example: `wfp lab status --dir fleet`
    """
    told = load("lab.status")(folder)
    sys.stdout.write(json_line(told) + "\n")
    return ExitCode.GOOD if told.running else ExitCode.FINDINGS


@lab.command("faults")
def faults() -> None:
    """List the faults that a practice host can have.

    Example: `wfp lab faults`
    """
    known: dict[str, Any] = load("lab.faults")
    write_table(
        ("fault", "what the host does"),
        [(name, fault.doc) for name, fault in known.items()],
        sys.stdout,
        terminal=sys.stdout.isatty(),
    )


@lab.command("write")
@click.option(
    "--hosts", type=click.IntRange(1, 100_000), default=25, show_default=True, help="How many."
)
@_SEED
@_FOLDER
def write(hosts: int, seed: int, folder: Path) -> None:
    """Write the dumps of a made-up fleet, a folder a host.

    Example: `wfp lab write --hosts 25 --seed 7 --dir fleet` and then `wfp import fleet/*/*.xml`
    """
    with progress("writing", hosts) as advance, writing_to(folder):
        for path in load("lab.write")(hosts, seed, folder):
            advance()
            click.echo(visible(str(path)))
