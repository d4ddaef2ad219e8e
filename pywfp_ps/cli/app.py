"""The table of commands, and what all of them share."""

from __future__ import annotations

from typing import Final

import click

from pywfp_ps.cli.config import load_config
from pywfp_ps.cli.group import WfpGroup

COMMANDS: Final = {
    "callouts": (
        "pywfp_ps.cli.lists:callouts",
        "List callouts: the places where drivers take part in decisions.",
    ),
    "check": (
        "pywfp_ps.cli.check:check",
        "Say whether hosts can be collected, and what to do where not.",
    ),
    "collect": (
        "pywfp_ps.cli.collect:collect",
        "Collect the state of hosts over PowerShell remoting.",
    ),
    "completion": (
        "pywfp_ps.cli.completion:completion",
        "Print the script that lets a shell complete wfp commands.",
    ),
    "contexts": ("pywfp_ps.cli.lists:contexts", "List provider contexts."),
    "demo": (
        "pywfp_ps.cli.demo:demo",
        "Start practice hosts on this machine, collect them and ask.",
    ),
    "endpoints": (
        "pywfp_ps.cli.lists:endpoints",
        "List connected endpoints that the engine had authorised.",
    ),
    "explain": (
        "pywfp_ps.cli.explain:explain",
        "Say whether a connection passes a host's filters, and why.",
    ),
    "export": ("pywfp_ps.cli.export:export", "Write views of the store to files, one file a view."),
    "field-test": (
        "pywfp_ps.cli.field_test:field_test",
        "Try on a Windows machine what nobody could check.",
    ),
    "fields": (
        "pywfp_ps.cli.explain:fields",
        "List the fields that a host's filters use, and what fills them.",
    ),
    "filters": (
        "pywfp_ps.cli.filters:filters",
        "List filters in the order in which the engine asks them.",
    ),
    "find": (
        "pywfp_ps.cli.find:find",
        "Find a flow that gets a verdict, or prove that none does.",
    ),
    "hosts": (
        "pywfp_ps.cli.lists:hosts",
        "List hosts, each with its last attempt and what came of it.",
    ),
    "impact": (
        "pywfp_ps.cli.impact:impact",
        "Say what a change of filters does, and what it would cut.",
    ),
    "import": (
        "pywfp_ps.cli.importing:import_",
        "Import dumps of `netsh wfp show state` or `show filters`.",
    ),
    "jea": ("pywfp_ps.cli.jea:jea", "Print or write the files of a JEA endpoint."),
    "lab": (
        "pywfp_ps.cli.lab:lab",
        "Make up hosts to practise on: real PSRP endpoints, all here.",
    ),
    "layers": ("pywfp_ps.cli.lists:layers", "List the layers of the filter engine."),
    "lint": (
        "pywfp_ps.cli.lint:lint",
        "Find filters that do nothing, contradict or lack something.",
    ),
    "path": (
        "pywfp_ps.cli.explain:path",
        "Show the layers that traffic meets, in order and in phases.",
    ),
    "providers": (
        "pywfp_ps.cli.lists:providers",
        "List policy providers and the services that own them.",
    ),
    "reach": (
        "pywfp_ps.cli.reach:reach",
        "Say which of many connections pass the filters of many hosts.",
    ),
    "reparse": (
        "pywfp_ps.cli.importing:reparse",
        "Make the rows of runs anew from the raw bytes they keep.",
    ),
    "runs": (
        "pywfp_ps.cli.runs:runs",
        "List the runs of the store, oldest first, or remove old ones.",
    ),
    "selftest": ("pywfp_ps.cli.explain:selftest", "Check the engine against what hosts really do."),
    "sessions": ("pywfp_ps.cli.lists:sessions", "List client sessions of the filter engine."),
    "show": (
        "pywfp_ps.cli.show:show",
        "Show one object: what it says, refers to, and is referred to by.",
    ),
    "sql": ("pywfp_ps.cli.sql:sql", "Ask the store in SQL."),
    "sublayers": (
        "pywfp_ps.cli.lists:sublayers",
        "List sublayers, heaviest first: the order of asking.",
    ),
}
"""Command name to the module and function imported when it is called, and what it does."""


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
    usage, 3 some hosts failed, 4 all hosts failed, 5 our own error, 130 interrupted,
    143 ended by SIGTERM.
    """
    if verbose:
        _say_more(verbose)


def _say_more(verbose: int) -> None:
    """Lets the package's own loggers speak on stderr; libraries stay at warnings."""
    import logging

    from pywfp_ps.cli.running import Told

    logging.basicConfig(level=logging.WARNING, handlers=[Told()])
    for name in ("pywfp_ps", "pywfp_remote"):
        logging.getLogger(name).setLevel(logging.INFO if verbose == 1 else logging.DEBUG)
