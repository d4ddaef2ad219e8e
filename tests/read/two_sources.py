"""Both readings of one host, and a plain look at where they differ."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from pywfp_ps.model import objects as o
from pywfp_ps.read import read_records, read_state
from pywfp_ps.write import write_records, write_state

# The number is made up: the real one is not public.
NUMBERS = {o.HAS_FILTER_ORIGIN: 0x1000}
KINDS = {
    "layers": "layer",
    "sublayers": "sublayer",
    "providers": "provider",
    "callouts": "callout",
    "filters": "filter",
    "sessions": "session",
    "endpoints": "endpoint",
    "conditions": "condition",
    "fields": "field",
}


_GUIDS = ("FWPM_CONDITION_DCOM_APP_ID", "FWPM_CONDITION_RPC_IF_UUID")


def both_ways(snapshot: o.Snapshot) -> tuple[o.Snapshot, o.Snapshot]:
    """What the two readers make of what the two writers write."""
    records = write_records(snapshot, numbers=NUMBERS)
    return read_state(write_state(snapshot)), read_records(records)


def differing(ours: Struct, theirs: Struct, kind: str = "snapshot") -> Iterator[tuple[str, str]]:
    """Kind and field of every difference, objects held against each other in their order."""
    for field in ours.__struct_fields__:
        one, other = getattr(ours, field), getattr(theirs, field)
        if one == other:
            continue
        if field in KINDS and len(one) == len(other):
            for first, second in zip(one, other, strict=True):
                yield from differing(first, second, KINDS[field])
        else:
            yield kind, field


def writable(snapshot: o.Snapshot) -> o.Snapshot:
    """A drawn snapshot without constants that no number stands behind, nor GUIDs as addresses."""
    return replace(
        snapshot,
        filters=tuple(map(_writable, snapshot.filters)),
        layers=tuple(map(_without_mixed_fields, snapshot.layers)),
    )


def _without_mixed_fields(layer: o.Layer) -> o.Layer:
    fields = (
        replace(one, type="FWPM_FIELD_RAW_DATA") if one.name in _GUIDS else one
        for one in layer.fields
    )
    return replace(layer, fields=tuple(fields))


def _writable(filter_: o.Filter) -> o.Filter:
    made_up: dict[str, Any] = {}
    if filter_.action == "FWP_ACTION_MADE_UP":
        made_up["action"] = "0x00001099"
    kept = [one for one in filter_.conditions if one.type != "FWP_MADE_UP_TYPE"]
    return replace(filter_, conditions=tuple(kept), **made_up)
