"""The listing of filters, with the questions people ask of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from pywfp_ps.cli.filter_terms import Asked, Term, terms_of
from pywfp_ps.cli.listing import ask
from pywfp_ps.cli.options import Output, Selection, emit, listing_options, open_store

_COLUMNS: Final = (
    "host",
    "filter_id",
    "name",
    "action",
    "layer",
    "sublayer",
    "effective_weight",
    "owner",
    "conditions",
)
_ORDER: Final = ("host", "layer_id", "-sublayer_weight", "-effective_weight", "filter_id")


@click.command()
@click.option("--layer", metavar="NAME", help="Layer: constant, short name (connect) or id.")
@click.option("--provider", metavar="TEXT", help="Provider: constant, GUID or part of its name.")
@click.option("--owner", metavar="TEXT", help="Part of the owning product's or service's name.")
@click.option("--action", metavar="NAME", help="permit, block, callout, or a constant.")
@click.option("--app", metavar="PATH", help="Program: file name, path, or pattern with * and ?.")
@click.option("--protocol", metavar="P", help="IP protocol: tcp, udp, icmp, icmpv6 or a number.")
@click.option("--port", metavar="N[-M]", help="Local or remote port, or a range of ports.")
@click.option("--local-port", metavar="N[-M]", help="Local port, or a range of ports.")
@click.option("--remote-port", metavar="N[-M]", help="Remote port, or a range of ports.")
@click.option("--address", metavar="CIDR", help="Local or remote address or network.")
@click.option("--sid", metavar="SID", help="A SID in a condition, alone or in a descriptor.")
@click.option("--name", metavar="TEXT", help="Part of the display name, in any case.")
@click.option("--persistent", is_flag=True, help="Only filters that survive a reboot.")
@click.option("--hard", is_flag=True, help="Only filters that clear the action right.")
@click.option("--in-force", is_flag=True, help="Leave out boot-time and disabled filters.")
@click.option(
    "--applies",
    is_flag=True,
    help="Find all filters that the traffic can meet: also those without such a condition.",
)
@listing_options
def filters(
    store_folder: Path, selection: Selection, output: Output, applies: bool, **asked: Any
) -> None:
    """List filters in the order in which the engine asks them.

    Options such as --port find the filters that mention it; with --applies also those that have
    no such condition and so apply to it as well.

    Example: `wfp filters --action block --remote-port 443 --in-force`
    """
    terms: list[Term] = terms_of(Asked(**asked), applies=applies)
    with open_store(store_folder) as store:
        answer = ask(
            store,
            "filters",
            selection,
            columns=_COLUMNS if output.format == "table" else (),
            order=_ORDER,
            where=[term.sql for term in terms],
            parameters=[value for term in terms for value in term.values],
        )
        emit(answer, output)
