"""What netsh and NtObjectManager cannot know, and whether two readings agree apart from that.

`BLIND` is the whole list: a difference between the two readings of one host at one time that no
row of it explains is a disagreement. ``docs/sources.md`` prints it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from pywfp_ps.model.enums import FlagGroup, values_of
from pywfp_ps.model.objects import (
    Callout,
    Filter,
    Layer,
    Provider,
    Session,
    Snapshot,
    SubLayer,
)
from pywfp_ps.model.sddl import Ace, SecurityDescriptor, parse_sddl

Source = Literal["netsh", "ntobjectmanager"]


class Case(Struct, frozen=True):
    """Two objects that differ in a field: netsh's and NtObjectManager's."""

    netsh: Any
    records: Any
    field: str


OBJECTS: Final[dict[str, str]] = {
    "layer": "layers",
    "sublayer": "sublayers",
    "provider": "providers",
    "callout": "callouts",
    "filter": "filters",
    "session": "sessions",
    "endpoint": "endpoints",
}
"""Kinds of objects that both sources list, and where a snapshot has them."""

_UNDECODED: Final = frozenset({"FWP_BITMAP_INDEX_TYPE", "FWP_DOUBLE", "FWP_FLOAT"})
_PARTS: Final = {"conditions": "condition", "fields": "field"}
_INVALID: Final = frozenset({"FWP_SECURITY_DESCRIPTOR_TYPE", "FWP_SID"})
_SPARE: Final = ("0x", "FWPM_FILTER_FLAG_RESERVED")
_FLAGS: Final[dict[type, FlagGroup]] = {
    Callout: "callout_flags",
    Filter: "filter_flags",
    Layer: "layer_flags",
    Provider: "provider_flags",
    Session: "session_flags",
    SubLayer: "sublayer_flags",
}


class Blind(Struct, frozen=True, kw_only=True):
    """Something that one source cannot know.

    Attributes:
        source: Which one cannot.
        kind: Kind of object; ``snapshot`` is the whole, ``any`` every kind that has the field.
        fields: Which of its fields.
        when: In which case; empty where always.
        why: One sentence.
        explains: Whether this is such a case.
    """

    source: Source
    kind: str
    fields: tuple[str, ...]
    when: str = ""
    why: str
    explains: Callable[[Case], bool] = lambda _: True

    def is_about(self, kind: str, field: str) -> bool:
        """Whether it says something of a field of a kind of object."""
        return field in self.fields and self.kind in (kind, "any")


def _unnumbered(case: Case) -> bool:
    """Whether all that netsh names more are flags without public number, and spare bits stand in.

    How many bits they are is not known: one at least.
    """
    ours, theirs = set(case.netsh.flags), set(case.records.flags)
    if case.netsh.flags_value is not None or case.records.flags_value is None:
        return False
    numbers = values_of(_FLAGS[type(case.netsh)])
    spare = {name for name in theirs if name.startswith(_SPARE)}
    named = {name for name in ours - theirs if not name.startswith(_SPARE)}
    is_public = any(numbers.get(name) is not None for name in named)
    return bool(spare and named) and not is_public and theirs - spare <= ours


def _not_public(case: Case) -> bool:
    """Whether netsh prints a constant whose GUID is not public, and the module a bare GUID."""
    own = case.field in ("const_name", "key")
    name = "const_name" if own else case.field.removesuffix("_key")
    key = "key" if own else f"{name}_key"
    bare = getattr(case.records, name, None)
    return (
        getattr(case.netsh, name, None) is not None
        and getattr(case.netsh, key) is None
        and bare is not None
        and bare.startswith("{")
    )


def _undecoded(case: Case) -> bool:
    data_type = case.records.type
    lost = data_type.startswith("0x") or data_type in _UNDECODED or data_type in _INVALID
    return lost and bool(case.records.extra)


def _newer_type(case: Case) -> bool:
    newer = case.records.type.startswith("0x")
    return newer and bool(case.netsh.extra) and bool(case.records.extra)


def _no_bytes(case: Case) -> bool:
    return case.netsh.provider_data == b"" and case.records.provider_data is None


def _named_by_key(case: Case) -> bool:
    return case.netsh.name == str(case.netsh.key) and case.records.name is None


def _unprinted(case: Case) -> bool:
    return case.netsh.security_descriptor is None


BLIND: Final[tuple[Blind, ...]] = (
    Blind(
        source="ntobjectmanager",
        kind="snapshot",
        fields=("contexts", "subscriptions", "keywords", "statistics", "associations"),
        why="The module has no class for them.",
    ),
    Blind(
        source="ntobjectmanager",
        kind="snapshot",
        fields=("taken_at",),
        why="The records do not say; the part they come in does.",
    ),
    Blind(
        source="ntobjectmanager",
        kind="filter",
        fields=("provider_context", "provider_context_key", "raw_context"),
        why="The module does not expose them, so the origin of a filter is unknown too.",
    ),
    Blind(
        source="netsh",
        kind="any",
        fields=("security_descriptor",),
        why="netsh never prints those of objects.",
        explains=_unprinted,
    ),
    Blind(
        source="netsh",
        kind="any",
        fields=("flags", "flags_value"),
        when="a flag has no public number",
        why="netsh prints its constant without the number, the module the number alone.",
        explains=_unnumbered,
    ),
    Blind(
        source="netsh",
        kind="any",
        fields=(
            *("const_name", "key", "field", "field_key", "layer", "layer_key", "sublayer"),
            *("sublayer_key", "provider", "provider_key", "callout", "callout_key"),
            *("default_sublayer", "default_sublayer_key"),
        ),
        when="the GUID behind a constant is not public",
        why="netsh prints the constant in place of the GUID, the module the GUID alone.",
        explains=_not_public,
    ),
    Blind(
        source="ntobjectmanager",
        kind="condition",
        fields=("value",),
        when="of type FLOAT, DOUBLE or BITMAP_INDEX, or not valid",
        why="The module does not keep the value; the condition is unknown.",
        explains=_undecoded,
    ),
    Blind(
        source="ntobjectmanager",
        kind="condition",
        fields=("type",),
        when="newer than the module",
        why="netsh prints a constant, the module a number.",
        explains=_newer_type,
    ),
    Blind(
        source="ntobjectmanager",
        kind="any",
        fields=("provider_data",),
        when="of no bytes",
        why="The module gives no bytes for no data too.",
        explains=_no_bytes,
    ),
    Blind(
        source="ntobjectmanager",
        kind="session",
        fields=("name",),
        when="equal to the key",
        why="The module names a session without a name after its key.",
        explains=_named_by_key,
    ),
    Blind(
        source="ntobjectmanager",
        kind="any",
        fields=("extra",),
        why="What is not understood is kept in the words of its own source.",
    ),
)
"""Everything that one of the two cannot know."""

OWN_WORDS: Final = frozenset({"source", "completeness", "gaps", "extra"})
"""Fields of a snapshot in which each source speaks of itself."""


class Difference(Struct, frozen=True, kw_only=True):
    """One field in which two objects differ.

    Attributes:
        kind: ``filter`` and so on, or ``condition``.
        field: Its name.
        netsh: The value by netsh.
        records: The value by NtObjectManager.
        blind: The row that explains it; ``None`` makes it a disagreement.
    """

    kind: str
    field: str
    netsh: Any
    records: Any
    blind: Blind | None = None


def differences(kind: str, netsh: Struct, records: Struct) -> Iterator[Difference]:
    """Every field in which two objects of one kind differ, explained or not.

    A filter's conditions and a layer's fields are held against each other one by one where there
    are as many; counts that a reader makes itself are left out.
    """
    for field in netsh.__struct_fields__:
        ours, theirs = getattr(netsh, field), getattr(records, field)
        if ours == theirs or field in ("filter_count", "callout_count"):
            continue
        if field in _PARTS and len(ours) == len(theirs):
            for one, other in zip(ours, theirs, strict=True):
                yield from differences(_PARTS[field], one, other)
            continue
        if field == "value" and _same_descriptor(netsh, records):
            continue
        row = next(
            (
                row
                for row in BLIND
                if row.is_about(kind, field) and row.explains(Case(netsh, records, field))
            ),
            None,
        )
        yield Difference(kind=kind, field=field, netsh=ours, records=theirs, blind=row)


def _same_descriptor(one: Any, other: Any) -> bool:
    """Whether two SDDL texts say the same: Windows and the module may spell them differently."""
    if one.type != "FWP_SECURITY_DESCRIPTOR_TYPE" or one.type != other.type:
        return False
    try:
        first, second = _said(one.value), _said(other.value)
    except ValueError:
        return False
    return first == second


def _said(text: Any) -> SecurityDescriptor | None:
    """A descriptor without the letters of rights whose mask is known."""
    if not isinstance(text, str):
        return None
    found = parse_sddl(text)
    return replace(found, dacl=_masks(found.dacl), sacl=_masks(found.sacl))


def _masks(aces: tuple[Ace, ...] | None) -> tuple[Ace, ...] | None:
    if aces is None:
        return None
    return tuple(ace if ace.rights is None else replace(ace, rights_text="") for ace in aces)


def snapshot_differences(netsh: Snapshot, records: Snapshot) -> Iterator[Difference]:
    """Every part of two snapshots that only one of them can have, and is there."""
    for field in netsh.__struct_fields__:
        if field in OWN_WORDS or field in OBJECTS.values():
            continue
        ours, theirs = getattr(netsh, field), getattr(records, field)
        if ours == theirs:
            continue
        row = next((row for row in BLIND if row.is_about("snapshot", field)), None)
        yield Difference(kind="snapshot", field=field, netsh=ours, records=theirs, blind=row)
