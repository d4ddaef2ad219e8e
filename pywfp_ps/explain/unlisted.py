"""Layers whose filters a host could not list: what may stand there stands for all of them.

A layer that was refused is not a layer without filters. One made-up entry takes the place of what
nobody saw: it may match, and then permit or block, hard or soft, so nothing is certain there.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from pywfp_ps.explain.callouts import NONE
from pywfp_ps.model.objects import Filter, Snapshot
from pywfp_ps.model.tables import name_of, names_of

SUBLAYER: Final = "(filters that could not be listed)"
"""What stands for the sublayers of filters that nobody saw."""

WEIGHT: Final = 1 << 16
"""Above every sublayer (their weights have 16 bits): what nobody saw may be heaviest."""

VOTES: Final = tuple(range(NONE, 6))
ANSWERS: Final = frozenset((vote, False) for vote in VOTES if vote != NONE)
_PREFIX: Final = "filter "


def unlisted_layers(snapshot: Snapshot) -> frozenset[str]:
    """Constants of the layers whose filters the host was asked for and did not list.

    A single object that could not be read, nobody knows where, is told as a gap and not counted.
    Where a second source listed all filters, nothing is missing.
    """
    if snapshot.source != "ntobjectmanager":
        return frozenset()
    unlisted = snapshot.completeness.unlisted
    if "filter" in unlisted:
        return frozenset({*names_of("layers"), *(layer.const_name for layer in snapshot.layers)})
    known = {layer.key: layer.const_name for layer in snapshot.layers}
    keys = [_uuid(one.removeprefix(_PREFIX)) for one in unlisted if one.startswith(_PREFIX)]
    return frozenset(known.get(key) or name_of("layers", key) for key in keys if key is not None)


def stand_in(layer: str) -> Filter:
    """The filter that stands for those of a layer that nobody saw; its id is 0, which none has."""
    return Filter(
        id=0,
        key=None,
        name="what the host could not list",
        layer=layer,
        sublayer=SUBLAYER,
        action="FWP_ACTION_CALLOUT_UNKNOWN",
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
