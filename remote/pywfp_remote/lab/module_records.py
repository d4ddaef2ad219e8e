"""A practice host's records of NtObjectManager, as ``Send-PyWfpRecord`` sends them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from pywfp_ps.model.objects import HAS_FILTER_ORIGIN, Filter, Snapshot
from pywfp_ps.write import write_records

KINDS: Final = (
    *("Provider", "SubLayer", "Layer", "Callout", "Filter", "Session", "AleEndpoint"),
    "EngineOption",
)
"""What a collection asks for, in this order."""

ALL_KINDS: Final = (*KINDS, "NetEvent")

_FIELDS: Final = {
    "provider": "providers",
    "sublayer": "sublayers",
    "layer": "layers",
    "callout": "callouts",
    "session": "sessions",
    "aleendpoint": "endpoints",
}
_NOTHING: Final[dict[str, Any]] = dict.fromkeys((*_FIELDS.values(), "filters"), ())
_DESCRIPTOR: Final = "O:SYG:SYD:(A;;CCRPWPRC;;;BA)(A;;CCRC;;;LS)(A;;CCRC;;;NS)"
_DESCRIBED: Final = frozenset({"provider", "sublayer", "layer", "callout", "filter"})
_MADE_UP: Final = {HAS_FILTER_ORIGIN: 0x1000}
"""The engine gives a number for it; which one is not public."""

_UINT32: Final = 3
_OPTIONS: Final = {
    "CollectNetEvents": 1,
    "NetEventMatchAnyKeywords": 0,
    "NameCache": 0,
    "MonitorIPsecConnections": 0,
    "PacketQueuing": 0,
    "TxnWatchdogTimeoutInMsec": 0,
}
"""What an engine has that nobody has touched."""


def record_text(
    snapshot: Snapshot,
    *,
    kinds: Sequence[str] = KINDS,
    layers: Collection[str] = (),
    described: bool = False,
    events: Sequence[Mapping[str, Any]] = (),
) -> bytes:
    """The lines of these kinds, in the order in which they are asked for.

    Args:
        snapshot: The host's objects.
        kinds: As ``Get-PyWfpRecord -Kind`` takes them.
        layers: GUIDs of the only layers whose filters are wanted; none means all.
        described: Whether objects have their security descriptors.
        events: Records of net events.
    """
    told = _described(snapshot) if described else snapshot
    return b"".join(_lines(told, kind.lower(), {one.lower() for one in layers}, events)
                    for kind in kinds)  # fmt: skip


def _lines(
    snapshot: Snapshot, kind: str, layers: Collection[str], events: Sequence[Mapping[str, Any]]
) -> bytes:
    if kind == "engineoption":
        return _joined(
            {"kind": "engineoption", "option": name, "value": {"t": _UINT32, "v": value}}
            for name, value in _OPTIONS.items()
        )
    if kind == "netevent":
        return _joined(iter(events))
    nothing = replace(snapshot, **_NOTHING)
    if kind == "filter":
        wanted = replace(nothing, filters=tuple(_wanted(snapshot, layers)))
        return write_records(wanted, numbers=_MADE_UP)
    field = _FIELDS[kind]
    return write_records(replace(nothing, **{field: getattr(snapshot, field)}))


def _wanted(snapshot: Snapshot, layers: Collection[str]) -> Iterator[Filter]:
    for one in snapshot.filters:
        if not layers or str(one.layer_key) in layers:
            yield one


def _joined(lines: Iterator[Mapping[str, Any]]) -> bytes:
    return b"".join(msgspec.json.encode(line) + b"\n" for line in lines)


def _described(snapshot: Snapshot) -> Snapshot:
    fields = [*(_FIELDS[kind] for kind in _DESCRIBED & _FIELDS.keys()), "filters"]
    return replace(
        snapshot,
        **{
            field: tuple(
                replace(one, security_descriptor=_DESCRIPTOR) for one in getattr(snapshot, field)
            )
            for field in fields
        },
    )


def newest_filter(snapshot: Snapshot) -> str:
    """The highest filter id as decimal text."""
    return str(max((one.id for one in snapshot.filters), default=0))
