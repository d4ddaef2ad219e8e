"""Two readings of one host made one, and every disagreement between them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Hashable, Sequence
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from pywfp_ps.model.objects import Completeness, Condition, Snapshot
from pywfp_ps.model.sources import OBJECTS, differences, snapshot_differences
from pywfp_ps.model.text import condition_text

_MOVING: Final = frozenset({"endpoint", "session"})
_BY_ID: Final = frozenset({"endpoint", "filter"})
_NUMBERED: Final = frozenset({"callout", "layer"})
_LONGEST: Final = 200
_THERE: Final = "listed"
_MISSING: Final = "not listed"


class Disagreement(Struct, frozen=True, kw_only=True):
    """Two sources that say different things of one host.

    Attributes:
        kind: Kind of the object.
        name: Its constant, GUID or id.
        field: Field in question, ``None`` where one source does not list the object at all.
        netsh: What netsh says, as text.
        ntobjectmanager: What NtObjectManager says, as text.
        moving: Whether objects of the kind come and go between two readings: sessions, endpoints.
    """

    kind: str
    name: str
    field: str | None = None
    netsh: str | None = None
    ntobjectmanager: str | None = None
    moving: bool = False

    @property
    def text(self) -> str:
        """The whole in one sentence."""
        what = f"{self.kind} {self.name}" + (f", {self.field}" if self.field else "")
        return f"{what}: netsh says {self.netsh}, NtObjectManager {self.ntobjectmanager}"


def merge(netsh: Snapshot, records: Snapshot) -> tuple[Snapshot, tuple[Disagreement, ...]]:
    """One snapshot of what both sources said, and every disagreement.

    Objects stand as netsh prints them, with what netsh cannot know filled in from the records;
    those that only the records list stand after them. Where the two disagree netsh's word stands.
    What NtObjectManager could not list is no disagreement: nobody knows what it would have said.

    Args:
        netsh: What netsh said.
        records: What NtObjectManager said of the same host in the same job.
    """
    found: list[Disagreement] = []
    unlisted = records.completeness.unlisted
    lists = {
        attribute: _merged(
            kind, getattr(netsh, attribute), getattr(records, attribute), found, unlisted
        )
        for kind, attribute in OBJECTS.items()
    }
    found += [
        Disagreement(
            kind="snapshot",
            name=netsh.source,
            field=one.field,
            netsh=_text(one.netsh),
            ntobjectmanager=_text(one.records),
        )
        for one in snapshot_differences(netsh, records)
        if one.blind is None
    ]
    merged = replace(
        netsh,
        source="both",
        taken_at=netsh.taken_at or records.taken_at,
        completeness=_completeness(netsh, records),
        gaps=netsh.gaps + records.gaps,
        extra=netsh.extra + records.extra,
        **lists,
    )
    return _recounted(merged), tuple(found)


def _merged(
    kind: str,
    ours: Sequence[Any],
    theirs: Sequence[Any],
    found: list[Disagreement],
    unlisted: Collection[str],
) -> tuple[Any, ...]:
    partners = _partners(kind, ours, theirs)
    merged, alone = [], []
    for at, one in enumerate(ours):
        partner = partners.get(at)
        if partner is None:
            alone.append(one)
            merged.append(one)
        else:
            merged.append(_filled(kind, one, theirs[partner], found))
    found.extend(
        _alone(kind, one, netsh=_THERE, ntobjectmanager=_MISSING)
        for one in _unexplained(kind, alone, unlisted)
    )
    taken = set(partners.values())
    for at, other in enumerate(theirs):
        if at not in taken:
            found.append(_alone(kind, other, netsh=_MISSING, ntobjectmanager=_THERE))
            merged.append(other)
    return tuple(merged)


def _unexplained(kind: str, alone: list[Any], unlisted: Collection[str]) -> list[Any]:
    """Objects that one source does not list, though it could have."""
    if kind in unlisted:
        return []
    left = [one for one in alone if f"{kind} {getattr(one, 'layer_key', None)}" not in unlisted]
    lost = sum(text == f"{kind} ?" for text in unlisted)
    return left if len(left) > lost else []


def _partners(kind: str, ours: Sequence[Any], theirs: Sequence[Any]) -> dict[int, int]:
    """Position by netsh to position by NtObjectManager of the same object."""
    partners: dict[int, int] = {}
    for identity in (_identity, _number):
        waiting: dict[Hashable, list[int]] = defaultdict(list)
        taken = set(partners.values())
        for at in reversed(range(len(theirs))):
            if at not in taken:
                waiting[identity(kind, theirs[at])].append(at)
        for at, one in enumerate(ours):
            mark = identity(kind, one)
            if at not in partners and mark is not None and waiting.get(mark):
                partners[at] = waiting[mark].pop()
    return partners


def _identity(kind: str, one: Any) -> Hashable:
    mark: Hashable = one.id if kind in _BY_ID else one.key
    return mark


def _number(kind: str, one: Any) -> Hashable:
    """A run-time id, for objects whose constant has no public GUID: they share no key."""
    if kind not in _NUMBERED or not (one.key is None or one.const_name.startswith("{")):
        return None
    number: Hashable = one.id
    return number


def _filled(kind: str, one: Any, other: Any, found: list[Disagreement]) -> Any:
    more = {}
    for difference in differences(kind, one, other):
        if difference.blind is None:
            found.append(
                Disagreement(
                    kind=kind,
                    name=_name(kind, one),
                    field=_path(kind, difference.kind, difference.field),
                    netsh=_text(difference.netsh),
                    ntobjectmanager=_text(difference.records),
                    moving=kind in _MOVING,
                )
            )
        elif difference.blind.source == "netsh" and difference.kind == kind:
            more[difference.field] = difference.records
    # Its constants say more than the module's spare bits and bare GUIDs; numbers and keys are new.
    known = {
        name: value
        for name, value in more.items()
        if name.endswith(("_key", "_value")) or name in ("key", "security_descriptor")
    }
    return replace(one, **known) if known else one


def _path(kind: str, inner: str, field: str) -> str:
    return field if kind == inner else f"{inner} {field}"


def _alone(kind: str, one: Any, *, netsh: str, ntobjectmanager: str) -> Disagreement:
    return Disagreement(
        kind=kind,
        name=_name(kind, one),
        netsh=netsh,
        ntobjectmanager=ntobjectmanager,
        moving=kind in _MOVING,
    )


def _name(kind: str, one: Any) -> str:
    if kind in _BY_ID:
        return str(one.id)
    return str(getattr(one, "const_name", None) or one.key)


def _text(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, tuple):
        if value and isinstance(value[0], Condition):
            return condition_text(value)[:_LONGEST]
        return (", ".join(map(_text, value)) or "none")[:_LONGEST]
    if isinstance(value, bytes):
        return value.hex()[:_LONGEST]
    return str(value)[:_LONGEST]


def _completeness(netsh: Snapshot, records: Snapshot) -> Completeness:
    ours, theirs = netsh.completeness, records.completeness
    has_descriptors = any(
        one.security_descriptor is not None
        for attribute in ("layers", "sublayers", "providers", "callouts", "filters")
        for one in getattr(records, attribute)
    )
    leaves_out = tuple(
        text for text in ours.leaves_out if not (has_descriptors and "descriptor" in text)
    )
    return Completeness(
        command=f"{ours.command}; {theirs.command}",
        elevated=ours.elevated if ours.elevated is not None else theirs.elevated,
        whole=ours.whole and theirs.whole,
        consistent=ours.consistent,
        hides_filters=ours.hides_filters and not theirs.whole,
        leaves_out=leaves_out,
        unlisted=theirs.unlisted,
    )


def _recounted(snapshot: Snapshot) -> Snapshot:
    counts: dict[tuple[str, str | None], int] = defaultdict(int)
    for kind in ("filters", "callouts"):
        for one in getattr(snapshot, kind):
            counts[kind, one.layer] += 1
    layers = tuple(
        replace(
            layer,
            filter_count=counts["filters", layer.const_name],
            callout_count=counts["callouts", layer.const_name],
        )
        for layer in snapshot.layers
    )
    return replace(snapshot, layers=layers)
