"""Names, GUIDs and numbers, straight from the fact files of the repository."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

_FACTS = Path(__file__).resolve().parents[2] / "tools" / "facts"


@cache
def facts(name: str) -> Any:
    return json.loads((_FACTS / f"{name}.json").read_text("ascii"))


def reference(kind: str, text: str | None) -> tuple[str | None, UUID | None]:
    """Constant (or GUID in braces) and GUID of a printed key; (None, None) for an empty one."""
    if text is None:
        return None, None
    if text.startswith("{"):
        key = UUID(text)
        if key.int == 0:
            return None, None
        for row in facts(kind):
            if row["name"] and UUID(row["guid"]) == key:
                return row["name"], key
        return "{" + str(key) + "}", key
    for row in facts(kind):
        if text == row["name"] or text in row.get("aliases", ()):
            return row["name"], UUID(row["guid"])
    return text, None


def flags(group: str, items: list[str]) -> tuple[list[str], int | None]:
    """Sorted names and the flag word; no word where a name has no public number.

    netsh prints bits that it has no name for together, as eight hex digits.
    """
    numbers = facts("enums")[group]["values"] if group in facts("enums") else {}
    word = 0
    unnumbered = []
    for item in items:
        if numbers.get(item) is not None:
            word |= numbers[item]
        elif item not in numbers and len(item) == 8 and not item.strip("0123456789abcdefABCDEF"):
            word |= int(item, 16)
        else:
            unnumbered.append(item)
    names = list(unnumbered)
    rest = word
    for name, bit in numbers.items():
        if bit and word & bit:
            names.append(name)
            rest &= ~bit
    if rest:
        names.append(f"0x{rest:08x}")
    return sorted(names), None if unnumbered else word


def is_callout_action(action: str) -> bool:
    number = facts("enums")["action_types"]["values"].get(action, 0)
    return bool(number & facts("enums")["action_flags"]["values"]["FWP_ACTION_FLAG_CALLOUT"])


def known_field_types() -> dict[tuple[str, str], str]:
    """Field type by layer and field, for files that list no layers."""
    found = {}
    for row in facts("layers"):
        for line in row["fields"]:
            field, field_type, _, _ = line.split()
            found[row["netsh"], field] = field_type
    return found
