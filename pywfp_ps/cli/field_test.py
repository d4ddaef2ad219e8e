"""What this machine says to all that nobody could check."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from msgspec import structs

from pywfp_ps.cli.ways import LocalOptions, transport_for
from pywfp_ps.errors import ExitCode, UsageError
from pywfp_ps.report.rows import json_line
from pywfp_ps.report.text import visible

if TYPE_CHECKING:
    from pywfp_ps.field import Asked, Result

_WIDEST: Final = 24


@click.command("field-test")
@click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the bundle, under its usual name; the current one otherwise.",
)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.zip", help="The bundle."
)
@click.option(
    "--transport",
    type=click.Choice(["child", "inprocess"]),
    default="child",
    show_default=True,
    help="A PowerShell of its own, or one in this process.",
)
@click.option("--pwsh", metavar="PATH", help="The PowerShell, or the folder it is in.")
@click.option(
    "--timeout",
    type=click.IntRange(min=10),
    default=300,
    show_default=True,
    help="Most seconds of each of its six jobs.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a check.")
def field_test(
    folder: Path | None,
    out: Path | None,
    transport: str,
    pwsh: str | None,
    timeout: int,
    as_json: bool,
) -> int:
    """Try on this Windows machine what nobody could check, and write a bundle to send back.

    Only reads; changes nothing. A line a check: held, did not hold, or could not ask. The bundle
    holds the results and what netsh and the module said, without names, SIDs, addresses and paths.
    Exit code 1 where something did not hold, 4 where nothing could be asked.

    Example: `wfp field-test` or `wfp field-test --out here.zip --transport inprocess`
    """
    from pywfp_ps.field import ask, results
    from pywfp_ps.transports.engines import VARIABLE, here

    path = _path(folder, out)
    way = transport_for(LocalOptions(local=True, transport=transport, pwsh=pwsh or ""))
    if sys.platform != "win32" and not (pwsh or os.environ.get(VARIABLE)):
        raise UsageError(
            "this is no Windows, so there is no netsh and no filter engine to try:"
            " run the field test on a Windows machine"
        )
    asked = ask(
        way,
        here(),
        seconds=timeout,
        on_job=lambda job: click.echo(f"wfp: {job.about}", err=True),
    )
    found = results(asked)
    for one in found:
        line = json_line(structs.asdict(one)) if as_json else _line(one)
        sys.stdout.write(visible(line) + "\n")
    sys.stdout.flush()
    return _end(asked, found, path)


def _line(one: Result) -> str:
    return f"{one.verdict:<13}  {one.id:<{_WIDEST}}  {one.seen}"


def _path(folder: Path | None, out: Path | None) -> Path:
    """Where the bundle goes, looked at before ten minutes are spent."""
    if folder and out:
        raise UsageError("choose one of --dir and --out")
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    path = out or (folder or Path()) / f"wfp-field-{stamp}.zip"
    if path.exists():
        raise UsageError(f"{path} is there already; choose another file")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(exist_ok=False)
        path.unlink()
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error
    return path


def _end(asked: Asked, found: Sequence[Result], path: Path) -> int:
    """Writes the bundle where there is anything in it, and says what came of all."""
    from pywfp_ps.field import assumptions, bundle_of, names_of, write_bundle
    from pywfp_ps.report.redact import Redactor
    from pywfp_ps.report.redact_raw import RawRedactor

    if all(ended.state == "unreached" for ended in asked.ended.values()):
        causes = sorted({ended.cause for ended in asked.ended.values()})
        click.echo(f"wfp: nothing could be asked: {', '.join(causes)}", err=True)
        return ExitCode.ALL_HOSTS_FAILED
    # The key is thrown away: nobody can tell what a pseudonym stands for, not even we.
    redactor = Redactor(secrets.token_bytes(32))
    raw = RawRedactor(redactor, names_of(asked))
    machine = redactor.pseudonym("host", "this machine")
    bundle = bundle_of(asked, found, raw, tool=version("pywfp-ps"), machine=machine)
    try:
        write_bundle(path, bundle)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error
    counts = {
        verdict: sum(one.verdict == verdict for one in found)
        for verdict in ("held", "did not hold", "could not ask")
    }
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    by_hand = sum(bool(one.by_hand) for one in assumptions())
    click.echo(f"wfp: {told}; {by_hand} more need a person: docs/unproven.md", err=True)
    click.echo(f"wfp: look at {path} and send it back", err=True)
    return ExitCode.FINDINGS if counts["did not hold"] else ExitCode.GOOD
