"""The table of commands, and what all of them share."""

from __future__ import annotations

from typing import Final

import click

from pywfp_ps.cli.config import load_config
from pywfp_ps.cli.group import WfpGroup

COMMANDS: Final = {
    "callouts": "pywfp_ps.cli.lists:callouts",
    "check": "pywfp_ps.cli.check:check",
    "collect": "pywfp_ps.cli.collect:collect",
    "completion": "pywfp_ps.cli.completion:completion",
    "contexts": "pywfp_ps.cli.lists:contexts",
    "demo": "pywfp_ps.cli.demo:demo",
    "endpoints": "pywfp_ps.cli.lists:endpoints",
    "explain": "pywfp_ps.cli.explain:explain",
    "export": "pywfp_ps.cli.export:export",
    "fields": "pywfp_ps.cli.explain:fields",
    "filters": "pywfp_ps.cli.filters:filters",
    "hosts": "pywfp_ps.cli.lists:hosts",
    "import": "pywfp_ps.cli.importing:import_",
    "jea": "pywfp_ps.cli.jea:jea",
    "lab": "pywfp_ps.cli.lab:lab",
    "layers": "pywfp_ps.cli.lists:layers",
    "lint": "pywfp_ps.cli.lint:lint",
    "path": "pywfp_ps.cli.explain:path",
    "providers": "pywfp_ps.cli.lists:providers",
    "reach": "pywfp_ps.cli.reach:reach",
    "reparse": "pywfp_ps.cli.importing:reparse",
    "runs": "pywfp_ps.cli.runs:runs",
    "selftest": "pywfp_ps.cli.explain:selftest",
    "sessions": "pywfp_ps.cli.lists:sessions",
    "show": "pywfp_ps.cli.show:show",
    "sql": "pywfp_ps.cli.sql:sql",
    "sublayers": "pywfp_ps.cli.lists:sublayers",
}
"""Command name to the module and function that is imported when it is called."""


def _configure(ctx: click.Context, _parameter: click.Parameter, path: str | None) -> None:
    """Reads the configuration before any command is looked at."""
    if not ctx.resilient_parsing:
        ctx.default_map = load_config(path, tuple(COMMANDS))


@click.group(
    cls=WfpGroup,
    lazy=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: `wfp import wfpstate.xml --host web-03` and then `wfp filters --port 443`.",
)
@click.version_option(None, "-V", "--version", package_name="pywfp-ps", prog_name="wfp")
@click.option("-v", "--verbose", count=True, help="Say more on stderr; twice for details.")
@click.option(
    "--config",
    type=click.Path(dir_okay=False),
    envvar="WFP_CONFIG",
    callback=_configure,
    expose_value=False,
    help="Configuration file (TOML) to use in place of the usual one.",
)
def main(verbose: int) -> None:
    """Read, explain, trace and change the Windows Filtering Platform.

    Data goes to stdout, words and progress to stderr. Exit codes: 0 good, 1 findings, 2 wrong
    usage, 3 some hosts failed, 4 all hosts failed, 5 our own error, 130 interrupted.
    """
    if verbose:
        _say_more(verbose)


def _say_more(verbose: int) -> None:
    """Lets the package's own loggers speak on stderr; libraries stay at warnings."""
    import logging

    logging.basicConfig(level=logging.WARNING, format="wfp: %(message)s")
    for name in ("pywfp_ps", "pywfp_remote"):
        logging.getLogger(name).setLevel(logging.INFO if verbose == 1 else logging.DEBUG)
