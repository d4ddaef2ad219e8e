"""Listings of every kind of object but filters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click
from msgspec import Struct

from pywfp_ps.cli.listing import ask
from pywfp_ps.cli.options import Output, Selection, emit, listing_options, open_store


class Listing(Struct, frozen=True):
    """One listing command.

    Attributes:
        view: The store's view.
        columns: Columns shown unless others are asked for.
        order: Columns the rows are sorted by, ``-`` for falling.
        help: First line of its help.
        example: A call that shows its use.
    """

    view: str
    columns: tuple[str, ...]
    order: tuple[str, ...]
    help: str
    example: str


LISTINGS: Final = {
    "hosts": Listing(
        "hosts",
        (
            "host",
            "outcome",
            "cause",
            "taken_at",
            "complete",
            "stale",
            "filters",
            "gap_count",
            "run_id",
        ),
        ("host",),
        "List hosts, each with its last attempt and what came of it.",
        "wfp hosts --where \"outcome <> 'ok'\"",
    ),
    "layers": Listing(
        "layers",
        ("host", "layer_id", "layer", "name", "filter_count", "callout_count"),
        ("host", "layer_id"),
        "List the layers of the filter engine.",
        "wfp layers --where 'filter_count > 0' --sort=-filter_count",
    ),
    "sublayers": Listing(
        "sublayers",
        ("host", "weight", "sublayer", "name", "provider"),
        ("host", "-weight"),
        "List sublayers, heaviest first: the order in which a layer asks them.",
        "wfp sublayers --host web-03",
    ),
    "providers": Listing(
        "providers",
        ("host", "provider", "name", "service", "flags"),
        ("host", "provider"),
        "List policy providers and the services that own them.",
        "wfp providers --where 'service IS NULL'",
    ),
    "callouts": Listing(
        "callouts",
        ("host", "callout_id", "callout", "name", "layer", "registered"),
        ("host", "callout_id"),
        "List callouts: the places where drivers take part in decisions.",
        "wfp callouts --where 'NOT registered'",
    ),
    "contexts": Listing(
        "contexts",
        ("host", "context", "type", "name", "text"),
        ("host", "context"),
        "List provider contexts.",
        "wfp contexts --where \"type <> 'FWPM_GENERAL_CONTEXT'\"",
    ),
    "sessions": Listing(
        "sessions",
        ("host", "process_id", "user_name", "name", "flags", "kernel_mode"),
        ("host", "process_id"),
        "List client sessions of the filter engine.",
        "wfp sessions --columns host,process_id,name",
    ),
    "endpoints": Listing(
        "endpoints",
        ("host", "protocol", "local_address", "local_port", "remote_address", "remote_port", "app"),
        ("host", "endpoint_id"),
        "List connected endpoints that the engine had authorised.",
        "wfp endpoints --where 'remote_port = 443'",
    ),
}


def _command(name: str, listing: Listing) -> click.Command:
    @listing_options
    def command(store_folder: Path, selection: Selection, output: Output) -> None:
        with open_store(store_folder) as store:
            answer = ask(
                store,
                listing.view,
                selection,
                columns=listing.columns if output.format == "table" else (),
                order=listing.order,
            )
            emit(answer, output)

    function: Callable[..., Any] = command
    function.__doc__ = f"{listing.help}\n\nExample: `{listing.example}`"
    return click.command(name)(function)


hosts = _command("hosts", LISTINGS["hosts"])
layers = _command("layers", LISTINGS["layers"])
sublayers = _command("sublayers", LISTINGS["sublayers"])
providers = _command("providers", LISTINGS["providers"])
callouts = _command("callouts", LISTINGS["callouts"])
contexts = _command("contexts", LISTINGS["contexts"])
sessions = _command("sessions", LISTINGS["sessions"])
endpoints = _command("endpoints", LISTINGS["endpoints"])
