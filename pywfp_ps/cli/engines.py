"""Hosts of the store ready for questions about their whole policy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from pywfp_ps.cli.listing import hosts_of
from pywfp_ps.cli.options import Selection
from pywfp_ps.errors import UsageError
from pywfp_ps.report.text import one_line

if TYPE_CHECKING:
    from pywfp_ps.explain import Engine
    from pywfp_ps.store import Store


def engines_of(store: Store, selection: Selection) -> Iterator[tuple[str, str, Engine]]:
    """Host, run and engine of every host that has a snapshot; what may be wrong goes to stderr.

    Raises:
        UsageError: No host that is meant has one.
    """
    from pywfp_ps.cli.facts import facts_for
    from pywfp_ps.explain import Engine

    lines = store.hosts(run=selection.run, at=selection.at, partial=selection.partial)
    holds = {line.host: line.snapshot_run_id for line in lines}
    names = hosts_of(store, selection)
    if not any(holds.get(name) for name in names):
        raise UsageError(f"no snapshot of {selection.host or 'any host'} in the store")
    for name in names:
        run_id = holds.get(name)
        if not run_id:
            click.echo(f"{one_line(name)}: no snapshot, nothing asked", err=True)
            continue
        snapshot = store.snapshot(name, run_id)
        if not snapshot.is_complete:
            click.echo(f"{one_line(name)}: the snapshot is not complete", err=True)
        yield name, run_id, Engine(snapshot, facts_for(store, name, run_id, snapshot))
