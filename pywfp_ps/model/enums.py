"""Numbers and flag words as the SDK names them, losing nothing that has no name yet."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Literal

from pywfp_ps.model.tables import tables

Group = Literal[
    "action_types",
    "classify_option_types",
    "data_types",
    "field_types",
    "ip_versions",
    "match_types",
    "net_event_types",
    "provider_context_types",
]
FlagGroup = Literal[
    "callout_flags",
    "condition_flags",
    "filter_flags",
    "layer_flags",
    "net_event_flags",
    "provider_context_flags",
    "provider_flags",
    "session_flags",
    "sublayer_flags",
]


_HEX_WORD = re.compile(r"(?:0x)?[0-9a-fA-F]{8}")


@cache
def values_of(group: Group | FlagGroup) -> dict[str, int | None]:
    """Constant to number; ``None`` where the number is not public. Sentinels are left out."""
    found: dict[str, int | None] = tables()["enums"][group]
    return {name: number for name, number in found.items() if not name.endswith("_MAX")}


@cache
def _names(group: Group | FlagGroup) -> dict[int, str]:
    return {number: name for name, number in values_of(group).items() if number is not None}


def constant_of(group: Group, number: int) -> str:
    """The constant of a number, or ``0x`` and eight hex digits where it has none."""
    return _names(group).get(number) or f"0x{number:08x}"


def number_of(group: Group, constant: str) -> int | None:
    """The number of a constant (or of its hex form), ``None`` where it is not public."""
    if constant.startswith("0x"):
        return int(constant, 16)
    return values_of(group).get(constant)


@cache
def flags_of_number(group: FlagGroup, number: int) -> tuple[str, ...]:
    """Sorted constants of a flag word; bits without a name together as ``0x`` and eight digits."""
    found = []
    rest = number
    for bit, name in _names(group).items():
        if bit and number & bit == bit:
            found.append(name)
            rest &= ~bit
    if rest:
        found.append(f"0x{rest:08x}")
    return tuple(sorted(found))


@cache
def _flags_of_items(group: FlagGroup, items: tuple[str, ...]) -> tuple[tuple[str, ...], int | None]:
    number = 0
    unnumbered = []
    known = values_of(group)
    for item in items:
        if item in known:
            bit = known[item]
            if bit is None:
                unnumbered.append(item)
            else:
                number |= bit
        elif _HEX_WORD.fullmatch(item):
            number |= int(item, 16)
        else:
            unnumbered.append(item)
    names = tuple(sorted((*flags_of_number(group, number), *unnumbered)))
    return names, None if unnumbered else number


def flags_of_items(group: FlagGroup, items: Iterable[str]) -> tuple[tuple[str, ...], int | None]:
    """Sorted constants and number of a flag list as netsh prints it.

    netsh prints the bits it knows by name and all others of one word together as eight hex digits
    without ``0x`` (``00000300``). The number is ``None`` where an item has no public number.
    """
    return _flags_of_items(group, tuple(items))
