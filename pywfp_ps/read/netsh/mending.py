"""A damaged dump without the objects that the damage is in.

A parser that goes on after damage no longer knows what lies in what: one stray ``<`` in a name can
cost every filter after it. netsh, however, begins each object in the same way and indents it, so
the text itself says where a damaged object begins and ends. Without it the rest is sound.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

_FIRST: Final = b"|".join(
    (
        b"filterKey",
        b"providerContextKey",
        b"calloutKey",
        b"endpointId",
        b"subLayerKey",
        b"sessionKey",
        b"providerKey",
    )
)
_OBJECT: Final = re.compile(
    rb"(?<![ \t])([ \t]{0,64}+)<(?:(item)>\s*<(?:" + _FIRST + rb")|(layer)>\s*<layerKey)>"
)
"""The beginning of an object: it is known by the element that netsh prints first of all."""

_LONGEST: Final = 1 << 20


class Without(Struct, frozen=True):
    """A text without one object.

    Attributes:
        body: The rest.
        start: Where the object was, a byte offset.
        size: How long it was, in bytes.
    """

    body: bytes
    start: int
    size: int


def without_object_at(body: bytes, line: int, column: int) -> Without | None:
    """The text without the object at a place; ``None`` where none is there.

    Args:
        body: The text, from its first line on.
        line: Counted from 1.
        column: In bytes, counted from 1; one past the end of the line means its end.
    """
    at = _offset(body, line, column)
    if at == len(body):
        return None  # the file was cut there, and more than an object is missing
    last = None
    for found in _OBJECT.finditer(body, max(0, at - _LONGEST), min(len(body), at + 1)):
        last = found
    if last is None:
        return None
    start, tag = last.start(), last[2] or last[3]
    following = _OBJECT.search(body, at, at + _LONGEST)
    ends = [following.start()] if following else []
    end_tag = re.compile(rb"\n" + last[1] + b"</" + tag + rb">\r?\n")
    closing = end_tag.search(body, start, at + _LONGEST)
    if closing and closing.end() > at:
        ends.append(closing.end())
    if not ends:
        return None
    end = min(ends)
    return Without(body[:start] + body[end:], start, end - start)


def _offset(body: bytes, line: int, column: int) -> int:
    at = 0
    for _ in range(line - 1):
        following = body.find(b"\n", at)
        if following < 0:
            break
        at = following + 1
    return min(at + max(0, column - 1), len(body))
