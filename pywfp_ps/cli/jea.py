"""Files for an endpoint of few rights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pywfp_ps.errors import UsageError
from pywfp_ps.report.text import visible
from pywfp_ps.transports import load


@click.command()
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--group",
    required=True,
    metavar="DOMAIN\\GROUP",
    help="Who may read: its members need no other right on the hosts.",
)
@click.option(
    "--gmsa",
    metavar="DOMAIN\\ACCOUNT",
    help="Group managed service account to run as; needed on domain controllers.",
)
@click.option(
    "--administrators",
    metavar="NAME",
    help="Administrators' group of the hosts, where Windows is not English;"
    " BUILTIN\\Administrators otherwise.",
)
@click.option(
    "--function",
    "only",
    multiple=True,
    metavar="NAME",
    help="Let this function be called, and only those named; all without it.",
)
def jea(
    folder: Path | None,
    group: str,
    gmsa: str | None,
    administrators: str | None,
    only: tuple[str, ...],
) -> None:
    r"""Print the files of a JEA endpoint, or write them with the module to a new FOLDER.

    An administrator copies the folder to a host and runs Register-PyWfpEndpoint.ps1 there, or
    Unregister-PyWfpEndpoint.ps1 to undo it. After that members of the group can collect the host
    without being administrators of it, and can do nothing else there.

    Example: `wfp jea --group 'CONTOSO\WFP Readers' jea`
    and then in the inventory `ansible_psrp_configuration_name: PyWfp`
    """
    if gmsa and administrators:
        raise UsageError("with --gmsa the groups of that account count, not --administrators")
    options: dict[str, Any] = {"group": group, "gmsa": gmsa, "only": only}
    if administrators:
        options["administrators"] = administrators
    if folder is None:
        for name, text in load("jea.texts")(**options).items():
            click.echo(f"# {name}\n\n{_visible_lines(text)}")
        return
    _write(folder, load("jea.files")(**options))


def _visible_lines(text: str) -> str:
    """`text` with nothing in it that a terminal would obey."""
    return "".join(f"{visible(line)}\n" for line in text.splitlines())


def _write(folder: Path, files: dict[Any, bytes]) -> None:
    """Writes to a folder that is empty or not there: what is registered must be what was read."""
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty; name a new folder")
    for path, data in files.items():
        target = folder.joinpath(*path.parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    click.echo(visible(str(folder)))
    click.echo(f"wfp: {len(files)} files; Register-PyWfpEndpoint.ps1 is the way in", err=True)
