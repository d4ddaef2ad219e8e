"""Questions about all flows of a host."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from pywfp_ps.cli.engines import engines_of
from pywfp_ps.cli.options import Selection, open_store, store_option, time_options
from pywfp_ps.cli.show import print_line
from pywfp_ps.cli.wanted_options import wanted_options
from pywfp_ps.errors import ExitCode
from pywfp_ps.report.rows import json_line

if TYPE_CHECKING:
    from pywfp_ps.explain.shapes import Wanted


@click.command()
@click.option("--host", metavar="PATTERN", help="Hosts, e.g. 'web*,!web-09'.")
@click.option("--verdict", required=True, type=click.Choice(["permit", "block", "unknown"]),
              help="The verdict to find a flow for.")  # fmt: skip
@click.option("--strict", is_flag=True, help="The strict verdict, not the policy verdict.")
@click.option("--expect", type=click.Choice(["found", "none"]), help="Exit code 1 if not so.")
@click.option("--seconds", type=click.FloatRange(min=0.1), default=60.0, show_default=True,
              metavar="N", help="Give up on a host after so long.")  # fmt: skip
@wanted_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object a host.")
@time_options
@store_option
def find(
    wanted: Wanted,
    host: str | None,
    verdict: Literal["permit", "block", "unknown"],
    strict: bool,
    expect: str | None,
    seconds: float,
    as_json: bool,
    run: str | None,
    at: datetime | None,
    partial: bool,
    store_folder: Path,
) -> int:
    """Find a flow that gets a verdict, or prove that none does.

    Every flow that the options allow is looked at, not a sample: all programs, tokens, addresses,
    ports, interfaces and profiles. The answer is an example with the command that explains it, or
    the proof that there is none, or that it gave up and why.

    Example: `wfp find --host web-03 --verdict permit --direction in --local-port 445`
    """
    from pywfp_ps.explain.find import find as look
    from pywfp_ps.report.find import lines_of, record_of

    selection = Selection(host=host, run=run, at=at, partial=partial)
    statuses = []
    with open_store(store_folder) as store:
        for name, run_id, engine in engines_of(store, selection):
            found = look(engine, wanted, verdict, strict=strict, seconds=seconds)
            statuses.append(found.status)
            if as_json:
                print_line(json_line(record_of(found, name, run_id)))
                continue
            for line in lines_of(found, name):
                print_line(line)
    failed = statuses.count("gave-up")
    if failed:
        return int(
            ExitCode.ALL_HOSTS_FAILED if failed == len(statuses) else ExitCode.SOME_HOSTS_FAILED
        )
    return int(ExitCode.FINDINGS if expect and set(statuses) != {expect} else ExitCode.GOOD)
