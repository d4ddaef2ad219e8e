"""What is wrong with a policy, as far as it can be proven from the snapshot alone.

A finding names the filter and the filters that prove it. What a condition that nobody understands,
an empty field or a driver may do is left open, and nothing is reported that hangs on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address
from itertools import groupby
from typing import Final, Literal, get_args

from msgspec import Struct

from pywfp_ps.explain.boxes import Box, Space, Stack, meets
from pywfp_ps.explain.callouts import FILTER_BLOCK, HARD_PERMIT, NONE, SOFT_PERMIT
from pywfp_ps.explain.cells import is_reversed
from pywfp_ps.explain.compile import Compiled, Entry, Program, SubProgram, compile_snapshot
from pywfp_ps.explain.match import Empty
from pywfp_ps.explain.tokens import Token
from pywfp_ps.explain.words import conditions_in_words
from pywfp_ps.model.objects import Filter, Layer, Snapshot
from pywfp_ps.model.origin import owner_of

Kind = Literal[
    "contradicting",
    "hard-permit",
    "missing-callout",
    "missing-context",
    "missing-provider",
    "missing-sublayer",
    "never-matches",
    "shadowed",
    "unregistered-callout",
]
KINDS: Final[tuple[str, ...]] = get_args(Kind)

_FIREWALL: Final = "FWPM_SUBLAYER_MPSSVC_WF"
_FIREWALL_PROVIDER: Final = "FWPM_PROVIDER_MPSSVC_"
_BUILT_IN: Final = b"\xff" * 8
_FIREWALL_PREFIX: Final = "FWPM_SUBLAYER_MPSSVC_"
_PERMITS: Final = frozenset({SOFT_PERMIT, HARD_PERMIT})
_MOST_NAMED: Final = 8
_MANY: Final = 64


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that is wrong, or worth to know.

    Attributes:
        kind: What is found.
        filter_id: The filter it is about.
        name: Its display name.
        layer: Constant of its layer.
        sublayer: Constant or GUID of its sublayer.
        provider: Constant or GUID of its provider.
        product: Whose filter it is.
        text: The finding in one sentence.
        proof: Ids of the filters that prove it together.
        object: The object that is missing or not registered.
        example: Fields of a flow that shows it, as ``NAME=value``; other fields may be anything.
        minor: Whether nothing would change without the filter, or Windows itself made it so.
    """

    kind: Kind
    filter_id: int
    name: str | None = None
    layer: str
    sublayer: str
    provider: str | None = None
    product: str | None = None
    text: str
    proof: tuple[int, ...] = ()
    object: str | None = None
    example: tuple[str, ...] = ()
    minor: bool = False


def lint(snapshot: Snapshot) -> list[Finding]:
    """All findings of a snapshot: by layer, sublayer and weight, then what is missing."""
    return list(Linter(snapshot).findings())


class Linter:
    """Looks for findings in one snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._compiled: Compiled = compile_snapshot(snapshot)
        self._layers: dict[str, Layer] = {one.const_name: one for one in snapshot.layers}
        self._providers = {one.const_name: one for one in snapshot.providers}

    def findings(self) -> Iterator[Finding]:
        """The findings, layer by layer."""
        for name in sorted(self._compiled.programs):
            yield from self._layer(self._compiled.programs[name])
        yield from self._references()

    def _finding(
        self, kind: Kind, filter_: Filter, text: str, *, is_minor: bool = False, **more: object
    ) -> Finding:
        return Finding(
            kind=kind,
            filter_id=filter_.id,
            name=filter_.name,
            layer=filter_.layer,
            sublayer=filter_.sublayer,
            provider=filter_.provider,
            product=owner_of(filter_, self._providers),
            text=text,
            minor=is_minor or _is_built_in(filter_),
            **more,  # type: ignore[arg-type] # fields of Finding
        )

    def _layer(self, program: Program) -> Iterator[Finding]:
        entries = [e for sub in program.sublayers for group in sub.groups for e in group]
        layer = self._layers.get(program.layer)
        types = {field.name: field.data_type for field in layer.fields} if layer else {}
        space = Space(program, entries, types)
        dead: set[int] = set()
        for sub in program.sublayers:
            yield from self._sublayer(space, program, sub, dead)
        yield from self._hard_permits(space, program, dead)

    def _sublayer(
        self, space: Space, program: Program, sub: SubProgram, dead: set[int]
    ) -> Iterator[Finding]:
        above, above_possible = Stack(), Stack()
        votes = {e.filter.id: e.strict for group in sub.groups for e in group}
        for group in sub.groups:
            for entry in group:
                boxes = space.boxes(entry)
                wholes = [space.possible(entry)] if boxes is None else boxes
                real = [part for box in wholes for part in space.real(box)]
                if not real:
                    dead.add(entry.filter.id)
                    text = _why_never(space, program, entry)
                    yield self._finding("never-matches", entry.filter, text)
                elif (proof := _cover(space, real, above)) is not None:
                    dead.add(entry.filter.id)
                    is_same = all(votes[one] == entry.strict for one in proof)
                    text = _why_shadowed(proof, is_same=is_same)
                    yield self._finding(
                        "shadowed", entry.filter, text, proof=proof, is_minor=is_same
                    )
            yield from self._contradictions(space, group, above_possible, dead)
            for entry in group:
                if NONE not in entry.strict and entry.filter.effective_weight is not None:
                    found = space.boxes(entry) or []
                    for box in found:
                        above.add(entry.filter.id, box)
                    above_possible.add(entry.filter.id, space.possible(entry))

    def _contradictions(
        self, space: Space, group: tuple[Entry, ...], above: Stack, dead: set[int]
    ) -> Iterator[Finding]:
        alive = [
            e for e in group if e.filter.id not in dead and e.filter.effective_weight is not None
        ]
        permits = [e for e in alive if len(e.strict) == 1 and e.strict[0] in _PERMITS]
        blocks = [e for e in alive if e.strict == (FILTER_BLOCK,)]
        if not permits or not blocks:
            return
        block_boxes = Stack()
        for entry in blocks:
            block_boxes.add(entry.filter.id, space.sure(entry))
        for entry in permits:
            sure = space.sure(entry)
            against = []
            example: Box = {}
            for block, box in block_boxes.near(sure):
                left = _common(space, sure, box, above)
                if left is not None:
                    against.append(block)
                    example = example or {axis: left[axis] for axis in {**sure, **box}}
            if against:
                yield self._finding(
                    "contradicting",
                    entry.filter,
                    f"permits at the same weight what {_filters(against)} "
                    f"{'blocks' if len(against) == 1 else 'block'}; which one wins is not defined",
                    proof=tuple(sorted(against)),
                    example=_example(space, example),
                )

    def _hard_permits(self, space: Space, program: Program, dead: set[int]) -> Iterator[Finding]:
        weights = {sub.sublayer: sub.weight for sub in program.sublayers}
        firewall = weights.get(_FIREWALL)
        if firewall is None:
            return
        blocks = [
            (e.filter.id, sub.weight or 0, space.sure(e))
            for sub in program.sublayers
            if sub.sublayer.startswith(_FIREWALL_PREFIX) and sub.weight is not None
            for group in sub.groups
            for e in group
            if e.strict == (FILTER_BLOCK,) and e.filter.id not in dead
        ]
        for sub in program.sublayers:
            if sub.weight is None or sub.weight <= firewall:
                continue
            for entry in (e for group in sub.groups for e in group):
                if entry.strict != (HARD_PERMIT,) or entry.filter.id in dead:
                    continue
                box = space.sure(entry)
                proof = tuple(
                    sorted(
                        block
                        for block, weight, other in blocks
                        if weight < sub.weight and _common(space, box, other, Stack()) is not None
                    )
                )
                if proof:
                    yield self._finding(
                        "hard-permit",
                        entry.filter,
                        "a hard permit above the Windows Firewall: its blocks below cannot stop "
                        f"this traffic ({_filters(proof)})",
                        proof=proof,
                    )

    def _references(self) -> Iterator[Finding]:
        """Objects that filters in force name and that are not there."""
        snapshot = self._snapshot
        stated = snapshot.completeness
        if not stated.whole or stated.elevated is False or stated.consistent is False:
            return  # an object may be missing in the reading alone
        gaps = {gap.place.split("/", 1)[0].split("[", 1)[0] for gap in snapshot.gaps}
        sublayers = {one.const_name for one in snapshot.sublayers}
        contexts = {one.const_name for one in snapshot.contexts}
        listed = {
            "sublayers": sublayers if snapshot.sublayers and not gaps else None,
            "providers": set(self._providers) if snapshot.providers and not gaps else None,
            "contexts": contexts if snapshot.contexts and not gaps else None,
        }
        for program in (self._compiled.programs[name] for name in sorted(self._compiled.programs)):
            for sub in program.sublayers:
                for entry in (e for group in sub.groups for e in group):
                    yield from self._missing(entry.filter, listed)
                    yield from self._callout(entry.filter, is_listed=not gaps)

    def _missing(self, filter_: Filter, listed: dict[str, set[str] | None]) -> Iterator[Finding]:
        named: tuple[tuple[Kind, str | None, str, str], ...] = (
            ("missing-sublayer", filter_.sublayer, "sublayers", "sublayer"),
            ("missing-provider", filter_.provider, "providers", "provider"),
            ("missing-context", filter_.provider_context, "contexts", "provider context"),
        )
        for kind, name, section, word in named:
            known = listed[section]
            if name is not None and known is not None and name not in known:
                text = f"the {word} {name} is not in the snapshot"
                yield self._finding(kind, filter_, text, object=name)

    def _callout(self, filter_: Filter, *, is_listed: bool) -> Iterator[Finding]:
        if not filter_.callout:
            return
        callout = self._compiled.callouts.get(filter_.callout)
        if callout is None:
            if is_listed and self._snapshot.callouts:
                text = f"the callout {filter_.callout} is not in the snapshot"
                yield self._finding("missing-callout", filter_, text, object=filter_.callout)
        elif not callout.is_registered:
            permits = "FWPM_FILTER_FLAG_PERMIT_IF_CALLOUT_UNREGISTERED" in filter_.flags
            does = "permits" if permits else "blocks"
            if filter_.action == "FWP_ACTION_CALLOUT_INSPECTION":
                does = "does nothing"
            text = (
                f"no driver has registered the callout {callout.name or filter_.callout}: "
                f"the filter {does}"
            )
            yield self._finding("unregistered-callout", filter_, text, object=filter_.callout)


def _cover(space: Space, boxes: Iterable[Box], above: Stack) -> tuple[int, ...] | None:
    """Filters that together match all that the boxes hold; ``None`` where none are known to."""
    used: set[int] = set()
    for box in boxes:
        # What is left of a part is left of the whole, and few boxes can meet this part.
        part = above.least_taken(space, box)
        if space.cover(part, above.near(part)).left is not None:
            return None
        found = space.cover(box, above.near(box))
        if found.used is None:
            return None
        used |= found.used
    return tuple(sorted(used))


def _common(space: Space, one: Box, other: Box, above: Stack) -> Box | None:
    """Flows of both boxes that are surely possible and that no box above takes."""
    if not (all(one.values()) and all(other.values()) and meets(one, other)):
        return None
    both = dict(one)
    for axis, mask in other.items():
        both[axis] = both.get(axis, mask) & mask
    for whole in space.real(both):
        part = {axis: mask & space.plain(axis) for axis, mask in whole.items()}
        if not all(part.values()):
            continue
        near = above.near(part)
        if len(near) > _MANY:
            least = above.least_taken(space, part, plain=True)
            found = space.cover(least, above.near(least), plain=True)
            if found.left is not None:
                return found.left
        found = space.cover(part, near, plain=True)
        if found.left is not None:
            return found.left
    return None


def _filters(ids: Iterable[int]) -> str:
    listed = sorted(ids)
    shown = ", ".join(map(str, listed[:_MOST_NAMED]))
    more = f" and {len(listed) - _MOST_NAMED} more" if len(listed) > _MOST_NAMED else ""
    return f"filter{'' if len(listed) == 1 else 's'} {shown}{more}"


def _is_built_in(filter_: Filter) -> bool:
    """Whether it is one of the firewall's own defaults, which belong to no rule."""
    is_firewall = (filter_.provider or "").startswith(_FIREWALL_PROVIDER)
    return is_firewall and filter_.provider_data == _BUILT_IN


def _why_shadowed(proof: tuple[int, ...], *, is_same: bool) -> str:
    together = " together" if len(proof) > 1 else ""
    same = " and does the same" if is_same else ""
    takes = "takes" if len(proof) == 1 else "take"
    return f"never asked: {_filters(proof)} above it {takes} all its traffic{together}{same}"


def _why_never(space: Space, program: Program, entry: Entry) -> str:
    conditions = entry.filter.conditions
    for run in entry.runs:
        if all(is_reversed(program.atoms[at]) for at in program.runs[run]):
            field = program.fields[program.runs[run][0]]
            text = conditions_in_words([c for c in conditions if c.field == field])
            return f"matches nothing: the range ends before it begins ({text})"
    empty = {axis for box in space.boxes(entry) or [] for axis, mask in box.items() if not mask}
    fields = {f for axis in empty if axis < len(space.axes) for f in space.axes[axis].fields}
    runs = groupby(conditions, key=lambda one: one.field)
    text = " AND ".join(
        conditions_in_words(list(run)) for field, run in runs if not fields or field in fields
    )
    if not fields:
        return f"matches nothing: ICMP has no type or code above 255 ({text})"
    return f"matches nothing: no value satisfies {text}"


def _example(space: Space, box: Box) -> tuple[str, ...]:
    found = []
    for axis in sorted(box):
        if axis >= len(space.axes):
            continue
        one = space.axes[axis]
        at = (box[axis] & -box[axis]).bit_length() - 1
        found.append(f"{_field_text(one.fields)}={_value_text(one.fields[0], one.samples[at])}")
    return tuple(found)


def _field_text(fields: tuple[str, ...]) -> str:
    """A field without the prefix everybody knows; ``token`` for what a token fills."""
    return fields[0].removeprefix("FWPM_CONDITION_") if len(fields) == 1 else "token"


def _value_text(field: str, value: object) -> str:
    if isinstance(value, Empty):
        return "(empty)"
    if isinstance(value, Token):
        package = "" if value.package in {None, "none"} else f" in package {value.package}"
        return "+".join(sorted(value.held)) + package
    if isinstance(value, int) and field.endswith("_ADDRESS"):
        return str(IPv4Address(value) if value < 1 << 32 else IPv6Address(value))
    if isinstance(value, bytes):
        return value.decode("utf-16-le", "replace").rstrip("\0")
    return str(value)
