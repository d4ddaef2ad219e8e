"""Facts of a host out of the store, for commands that ask the verdict engine."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pywfp_ps.explain.facts import Facts
    from pywfp_ps.explain.flow import Flow
    from pywfp_ps.model.objects import Snapshot
    from pywfp_ps.store import Store


def facts_for(
    store: Store, host: str, run_id: str, snapshot: Snapshot, flows: Iterable[Flow] | None = None
) -> Facts:
    """What the store tells of a host beside its policy.

    Args:
        store: The store.
        host: Name of the host.
        run_id: Run that holds the snapshot.
        snapshot: The snapshot.
        flows: What will be asked about; only what can tell something of it is read.
    """
    from pywfp_ps.explain.derive import KINDS, kinds_for
    from pywfp_ps.explain.facts import facts_of

    kinds = KINDS if flows is None else kinds_for(flows)
    context, began = store.context(host, run_id, kinds)
    of_when = f"{began:%Y-%m-%d %H:%M}Z" if began is not None else ""
    return facts_of(snapshot, context, of_when=of_when)
