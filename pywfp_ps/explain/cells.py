"""The values of a field, cut into cells on which every condition of a layer has one answer.

With cells a condition is a set of cells, a filter a box of such sets, and "matches whatever that
one matches" is a question about sets: exact, whatever the size of the values. An axis is one field,
or the fields that hang on the program's token together.

What the rules leave open (a test that is not equality on an empty field, rule 4.3; conditions that
nobody understands) is open but the same for equal conditions of one flow. So each empty value
stands in several cells, one for each way it may answer, and a condition that is not understood is
an axis of its own with two cells: it holds or it does not.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Final

from msgspec import Struct

from pywfp_ps.explain.compile import Entry, Program
from pywfp_ps.explain.match import EMPTY, Atom

Selection = frozenset[int]

_MOST_SAMPLES: Final = 20_000
_MOST_SELECTIONS: Final = 256
_WIDTHS: Final = {
    "FWP_UINT8": 8, "FWP_UINT16": 16, "FWP_UINT32": 32, "FWP_UINT64": 64,
    "FWP_V4_ADDR_MASK": 32, "FWP_V6_ADDR_MASK": 128, "FWP_BYTE_ARRAY16_TYPE": 128,
}  # fmt: skip
_ALWAYS_THERE: Final = frozenset({"FWPM_CONDITION_FLAGS", "FWPM_CONDITION_IP_PROTOCOL"})
_ORDER: Final = frozenset({"GREATER", "LESS", "GREATER_OR_EQUAL", "LESS_OR_EQUAL", "RANGE"})


class Axis(Struct, frozen=True, kw_only=True):
    """One axis: cells are bits of an integer.

    Attributes:
        fields: The fields on it.
        samples: A value for each cell.
        plain: Cells on which all conditions have a certain answer or are taken not to hold.
        exact: For each condition the cells on which it holds.
        upper: For each condition the plain cells on which it holds or may hold.
    """

    fields: tuple[str, ...]
    samples: tuple[object, ...]
    plain: int
    exact: dict[int, int]
    upper: dict[int, int]

    @property
    def full(self) -> int:
        """All cells."""
        return (1 << len(self.samples)) - 1


class Base(Struct, frozen=True, kw_only=True):
    """Cells of the values of one kind, before the empty value joins them.

    Attributes:
        samples: A value for each cell.
        masks: For each condition the cells on which it holds; one that is not there is unknown.
    """

    samples: list[object]
    masks: dict[int, int]


def widths_of(entries: Iterable[Entry], types: Mapping[str, str]) -> dict[str, int | None]:
    """Bits of each number field; ``None`` where nobody tells.

    Args:
        entries: Filters, whose conditions have types.
        types: FWP_DATA_TYPE of the layer's fields, which come first.
    """
    found: dict[str, set[int | None]] = {}
    for entry in entries:
        for condition in entry.filter.conditions:
            kind = condition.bound_type or condition.type
            if kind != "FWP_EMPTY":
                found.setdefault(condition.field, set()).add(_WIDTHS.get(kind))
    told = {
        field: next(iter(widths)) if len(widths) == 1 else None for field, widths in found.items()
    }
    return told | {field: _WIDTHS.get(kind) for field, kind in types.items()}


def number_cells(atoms: dict[int, Atom], width: int, cuts: Iterable[int] = ()) -> Base:
    """Cells of a number field.

    Args:
        atoms: Its conditions by position.
        width: Bits of the field.
        cuts: Further numbers at which a cell begins.
    """
    spans: dict[int, list[tuple[int, int]]] = {}
    bits: dict[int, Atom] = {}
    low, high = 0, (1 << width) - 1
    for at, atom in atoms.items():
        found = _spans(atom, low, high)
        if found is None:
            bits[at] = atom
        else:
            spans[at] = found
    starts = {low, *(cut for cut in cuts if low <= cut <= high)}
    for found in spans.values():
        starts |= {edge for a, b in found for edge in (a, b + 1) if low <= edge <= high}
    edges = sorted(starts)
    samples, firsts = _samples(edges, high, list(bits.values()))
    if samples is None:  # too many patterns of flags: these conditions stay unknown
        bits = {}
        samples, firsts = list(edges), list(range(len(edges)))
    ends = [*firsts, len(samples)]
    masks = {}
    for at, found in spans.items():
        mask = 0
        for a, b in found:
            first, last = bisect_left(edges, a), bisect_left(edges, b + 1)
            mask |= _run_of_bits(ends[first], ends[last])
        masks[at] = mask
    for at, atom in bits.items():
        masks[at] = sum(1 << n for n, value in enumerate(samples) if _holds(atom, value))
    return Base(samples=list(samples), masks=masks)


def _run_of_bits(first: int, last: int) -> int:
    return ((1 << (last - first)) - 1) << first if last > first else 0


def _spans(atom: Atom, low: int, high: int) -> list[tuple[int, int]] | None:
    """The values on which a condition holds as ranges; ``None`` for a test of single bits."""
    value = atom.low
    if not isinstance(value, int):
        return None
    if atom.mask is not None:
        free = ((1 << (high.bit_length())) - 1) & ~atom.mask
        if free & (free + 1):
            return None
        base = value & atom.mask
        return [(base, base | free)]
    top = atom.high if isinstance(atom.high, int) else value
    found = {
        "EQUAL": [(value, value)],
        "NOT_EQUAL": [(low, value - 1), (value + 1, high)],
        "GREATER": [(value + 1, high)],
        "LESS": [(low, value - 1)],
        "GREATER_OR_EQUAL": [(value, high)],
        "LESS_OR_EQUAL": [(low, value)],
        "RANGE": [(value, top)],
    }.get(atom.match)
    if found is None:
        return None
    return [(max(a, low), min(b, high)) for a, b in found if max(a, low) <= min(b, high)]


def _bits_of(atom: Atom) -> int:
    if atom.mask is not None:
        return atom.mask
    return atom.low if isinstance(atom.low, int) else 0


def _holds(atom: Atom, value: int) -> bool:
    wanted = atom.low if isinstance(atom.low, int) else 0
    if atom.mask is not None:
        return value & atom.mask == wanted & atom.mask
    if atom.match == "FLAGS_ALL_SET":
        return value & wanted == wanted
    is_any = value & wanted != 0
    return is_any if atom.match == "FLAGS_ANY_SET" else not is_any


def _samples(edges: list[int], high: int, bits: list[Atom]) -> tuple[list[int] | None, list[int]]:
    """Values that stand for all, and the position of the first one of each range."""
    if not bits:
        return list(edges), list(range(len(edges)))
    groups = _groups(bits)
    samples: list[int] = []
    firsts = []
    for start, after in zip(edges, [*edges[1:], high + 1], strict=True):
        firsts.append(len(samples))
        seen: set[tuple[bool, ...]] = set()
        for value in _patterns(start, after - 1, groups):
            answers = tuple(_holds(atom, value) for atom in bits)
            if answers not in seen:
                seen.add(answers)
                samples.append(value)
            if len(samples) > _MOST_SAMPLES:
                return None, []
    return samples, firsts


def _groups(bits: list[Atom]) -> list[list[int]]:
    """Bits that all conditions treat alike."""
    every = 0
    for atom in bits:
        every |= _bits_of(atom)
    groups: dict[tuple[tuple[int, int], ...], list[int]] = {}
    for bit in range(every.bit_length()):
        if every >> bit & 1:
            key = tuple(
                (
                    _bits_of(atom) >> bit & 1,
                    (atom.low if isinstance(atom.low, int) else 0) >> bit & 1,
                )
                for atom in bits
            )
            groups.setdefault(key, []).append(bit)
    return list(groups.values())


def _patterns(low: int, high: int, groups: list[list[int]]) -> Iterator[int]:
    """Numbers from low to high with every pattern that the groups of bits can show there."""
    if 3 ** len(groups) > _MOST_SAMPLES * 4:
        yield from range(_MOST_SAMPLES + 1)  # says that there are too many
        return
    for base, free in _blocks(low, high):
        choices: list[list[int]] = []
        for group in groups:
            inside = [1 << bit for bit in group if bit < free]
            if inside:
                some = [inside[0]] if len(inside) > 1 else []
                choices.append([0, *some, sum(inside)])
        for chosen in product(*choices):
            yield base + sum(chosen)


def _blocks(low: int, high: int) -> Iterator[tuple[int, int]]:
    """A range as blocks of a base and a count of free low bits."""
    while low <= high:
        free = (low & -low).bit_length() - 1 if low else (high + 1).bit_length()
        while low + (1 << free) - 1 > high:
            free -= 1
        yield low, free
        low += 1 << free


def text_cells(atoms: dict[int, Atom]) -> Base:
    """Cells of a field of bytes or SIDs: the values named, and what lies between them.

    Tests of the end of a value (rule 3.6 is unproven) and tests without case stay unknown.
    """
    known = {
        at: atom for at, atom in atoms.items() if atom.match in _ORDER | {"EQUAL", "NOT_EQUAL"}
    }
    if not any(atom.match in _ORDER for atom in known.values()):
        names = sorted({atom.low for atom in known.values()}, key=repr)
        places = {name: at for at, name in enumerate(names)}
        everything = (1 << (len(names) + 1)) - 1
        masks = {}
        for at, atom in known.items():
            one = 1 << places[atom.low]
            masks[at] = one if atom.match == "EQUAL" else everything & ~one
        return Base(samples=[*names, "any other"], masks=masks)
    edges = {end for atom in known.values() for end in (atom.low, atom.high)}
    points = sorted(end for end in edges if isinstance(end, bytes))
    samples = _with_gaps(points)
    masks = {
        at: sum(1 << n for n, value in enumerate(samples) if _bytes_hold(atom, value))
        for at, atom in known.items()
    }
    return Base(samples=list(samples), masks=masks)


def _with_gaps(points: Sequence[bytes]) -> list[bytes]:
    """The points and a value of each gap that is not empty: next behind x is x and a NUL."""
    samples = [] if points[:1] == [b""] else [b""]
    for at, point in enumerate(points):
        samples.append(point)
        if at + 1 == len(points) or points[at + 1] != point + b"\0":
            samples.append(point + b"\0")
    return samples


def _bytes_hold(atom: Atom, value: bytes) -> bool:
    low, high = atom.low, atom.high
    if not isinstance(low, bytes):
        return False
    if atom.match == "RANGE":
        return isinstance(high, bytes) and low <= value <= high
    return {
        "EQUAL": value == low,
        "NOT_EQUAL": value != low,
        "GREATER": value > low,
        "LESS": value < low,
        "GREATER_OR_EQUAL": value >= low,
        "LESS_OR_EQUAL": value <= low,
    }[atom.match]


def selections(
    program: Program, entries: Iterable[Entry], maybe: frozenset[int]
) -> set[Selection] | None:
    """Ways in which conditions that are open on an empty value may hold, as far as they matter.

    A filter with alternatives needs one of them, so the fewest that satisfy some filter are enough
    to tell what heavier ones leave over. ``None`` where there are too many.
    """
    found: set[Selection] = set()
    if not maybe:
        return found
    for entry in entries:
        choices = []
        for run in entry.runs:
            open_ = [atom for atom in program.runs[run] if atom in maybe]
            if open_:
                choices.append([*open_, None])
        count = 1
        for choice in choices:
            count *= len(choice)
        if count > _MOST_SELECTIONS:
            return None
        found |= {frozenset(a for a in chosen if a is not None) for chosen in product(*choices)}
    return found - {frozenset()}


def open_when_empty(atom: Atom) -> bool:
    """Whether the rules do not say what a test does with an empty field (rule 4.3)."""
    is_open = atom.kind in {"bytes", "integer", "sid"} and atom.match != "EQUAL"
    return is_open and not is_reversed(atom)


def is_reversed(atom: Atom) -> bool:
    """Whether a range ends before it begins: then it holds for nothing (rule 3.3)."""
    low, high = atom.low, atom.high
    if isinstance(low, int) and isinstance(high, int):
        return low > high
    return isinstance(low, bytes) and isinstance(high, bytes) and low > high


def with_empty(
    fields: tuple[str, ...], base: Base, atoms: dict[int, Atom], ways: Iterable[Selection]
) -> Axis:
    """The axis of a field that may be empty, too; the stack always supplies some fields."""
    if fields[0] in _ALWAYS_THERE:
        exact = {
            at: base.masks.get(at, 0)
            for at, a in atoms.items()
            if a.kind == "empty" or at in base.masks
        }
        full = (1 << len(base.samples)) - 1
        return Axis(
            fields=fields, samples=tuple(base.samples), plain=full, exact=exact, upper=exact
        )
    listed = [frozenset[int](), *sorted(ways, key=sorted)]
    count = len(base.samples)
    exact, upper = {}, {}
    for at, atom in atoms.items():
        if atom.kind == "empty":
            exact[at] = upper[at] = _run_of_bits(count, count + len(listed))
            upper[at] = 1 << count
        elif at in base.masks:
            chosen = sum(1 << (count + n) for n, way in enumerate(listed) if at in way)
            exact[at] = base.masks[at] | chosen
            upper[at] = base.masks[at] | (open_when_empty(atom) << count)
    return Axis(
        fields=fields,
        samples=(*base.samples, *([EMPTY] * len(listed))),
        plain=(1 << (count + 1)) - 1,
        exact=exact,
        upper=upper,
    )
