"""Repeated items taken out of a dump before it is parsed.

Half of a dump are the conditions of filters and the fields of layers, and nine of ten of those are
repetitions to the byte. So each such list is replaced by a number, each different item is parsed
once, and who reads the list reads those. A file in which that could change what anything means is
parsed as it stands: one with comments or instructions, and one that is damaged.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

MARK: Final = f"taken-out-{secrets.token_hex(8)}"
"""Attribute that holds the number of a list that was taken out; no file can know the name."""

_ATTRIBUTE: Final = f' {MARK}="'.encode()
_END: Final = b"</item>"
_LISTS: Final[tuple[tuple[bytes, bytes, tuple[bytes, ...]], ...]] = (
    (b'<filterCondition numItems="', b"</filterCondition>", (b"</weight>",)),
    (b'<field numItems="', b"</field>", (b"</flags>", b"<flags/>")),
)
"""Beginning and end of a list, and what netsh prints before it: templates have such lists too."""

_COUNT: Final = re.compile(rb'\d{1,9}"(?=>\s*<item>)')
_BEFORE: Final = 40
_NO_TAG: Final = re.compile(rb"<[!?]")


class Cuts(Struct, frozen=True):
    """What was taken out.

    Attributes:
        kept: The dump in pieces, with numbers in place of lists.
        items: Every different item.
        lists: Positions of the items of each list.
    """

    kept: list[bytes]
    items: list[bytes]
    lists: list[list[int]]


def cut(body: bytes, start: int = 0) -> Cuts | None:
    """Takes the lists of conditions and fields out; ``None`` where that is not safe or no use.

    Args:
        body: XML text.
        start: Where in it to begin.
    """
    if not _has_only_tags(body, start):
        return None
    numbers: dict[bytes, int] = {}
    lists: list[list[int]] = []
    kept: list[bytes] = []
    at = start
    for place, inside, end in _lists(body, start):
        items = body[inside + 1 : end].split(_END)
        last = items.pop()
        if place < at or (last and not last.isspace()):
            return None
        kept += (body[at:inside], b'%s%d"/>' % (_ATTRIBUTE, len(lists)))
        lists.append([numbers.setdefault(item, len(numbers)) for item in items])
        at = body.index(b">", end) + 1
    if not lists:
        return None
    kept.append(body[at:])
    return Cuts(kept, [item + _END for item in numbers], lists)


def _lists(body: bytes, start: int) -> Iterator[tuple[int, int, int]]:
    """Where each list begins, where its start tag ends (before ``>``) and its end tag begins."""
    places = {body.find(kind[0], start): kind for kind in _LISTS}
    places.pop(-1, None)
    while places:
        place = min(places)
        opening, closing, before = kind = places.pop(place)
        inside = place + len(opening)
        counted = _COUNT.match(body, inside)
        if counted and body[max(0, place - _BEFORE) : place].rstrip().endswith(before):
            end = body.find(closing, inside)
            if end < 0:
                return
            yield place, counted.end(), end
            inside = end
        if (following := body.find(opening, inside)) >= 0:
            places[following] = kind


def _has_only_tags(body: bytes, start: int) -> bool:
    """Whether every ``<`` begins a tag, or a CDATA section that holds none.

    netsh wraps display strings that hold an ampersand in CDATA.
    """
    for found in _NO_TAG.finditer(body, start):
        at = found.start()
        end = body.find(b"]]>", at)
        if end < 0 or not body.startswith(b"<![CDATA[", at) or body.find(b"<", at + 1, end) >= 0:
            return False
    return True
