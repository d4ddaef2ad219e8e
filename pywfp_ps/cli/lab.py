"""The practice fleet."""

from __future__ import annotations

from pathlib import Path

import click

from pywfp_ps.cli.progress import progress
from pywfp_ps.report.text import visible


@click.group()
def lab() -> None:
    """Make up hosts to practise on."""


@lab.command("write")
@click.option("--hosts", type=click.IntRange(1, 100_000), default=25, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, another fleet.")
@click.option(
    "--dir",
    "folder",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Where to; made if it is not there.",
)
def write(hosts: int, seed: int, folder: Path) -> None:
    """Write the dumps of a made-up fleet, a folder a host.

    Example: `wfp lab write --hosts 25 --seed 7 --dir fleet` and then `wfp import fleet/*/*.xml`
    """
    from pywfp_ps.transports import load

    with progress("writing", hosts) as advance:
        for path in load("lab.write")(hosts, seed, folder):
            advance()
            click.echo(visible(str(path)))
