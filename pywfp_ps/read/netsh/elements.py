"""What all objects of a netsh file share: lists, parts of an item, keys, flags, blobs, kept nodes.

A function that reads one object raises ValueError where the object makes no sense without the
part; all lesser trouble is noted in the `Log` and what was not understood goes to `kept`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Final, TypeVar
from uuid import UUID

from lxml.etree import tostring

from pywfp_ps.errors import ReadError
from pywfp_ps.model.enums import FlagGroup, flags_of_items, flags_of_number
from pywfp_ps.model.objects import Gap, Node
from pywfp_ps.model.tables import Kind, reference
from pywfp_ps.model.values import guid, integer
from pywfp_ps.read.netsh.cuts import MARK
from pywfp_ps.read.netsh.tree import Element, Tree

DEPTH_LIMIT: Final = 100
"""Elements above each other in what is kept as it stood; real dumps reach 14."""

MOST: Final = 10_000
"""Gaps, and unknown elements, that are kept of one file."""

_PROBLEM_LENGTH: Final = 200
_HEX_WORD: Final = re.compile(r"[0-9A-Fa-f]{8}")
_MEMO_LIMIT: Final = 20_000
_NIL: Final = UUID(int=0)

Parts = dict[str, Element]
K = TypeVar("K")
T = TypeVar("T")


class WasCutError(Exception):
    """An element must be kept as it stands, but a list in it was taken out before parsing."""


class Log:
    """What one reading has to say beside its objects, and what it has read before.

    A file of a few hundred kilobytes may unpack to millions of things that make no sense; of each
    list the first `MOST` are kept.

    Attributes:
        gaps: In the order found.
        more: Gaps that were found after those.
        kept: Whole sections and list members that are unknown.
        whole: Whether the file was read to its end and in its own words.
        notes: Place below the item that is being read, and problem; moved to `gaps` after it.
        known: What was made of the items that were taken out before parsing, by kind.
    """

    def __init__(self, source: str, tree: Tree) -> None:
        self.source = source
        self.tree = tree
        self.broken = tree.broken
        self.whole = not tree.damage
        self.gaps: list[Gap] = []
        self.more = 0
        self.kept: list[Node] = []
        self.notes: list[tuple[str, str]] = []
        self.known: dict[object, dict[int, Any]] = {}
        self._memo: dict[tuple[object, bytes], Any] = {}

    def once(self, element: Element, read: Callable[[Element, K], T], kind: K) -> T:
        """What `read` makes of an element; asked once for elements that stand alike.

        Most conditions, flags and weights of a dump are repeated many times, and to write an
        element out again costs far less than to read it.

        Args:
            element: The element that is read.
            read: Reads it, or raises ValueError; the answer is not ``None`` and rests on nothing
                but the element and `kind`.
            kind: Given to `read`; no two readers share a kind.
        """
        key = (kind, tostring(element))
        found: T | None = self._memo.get(key)
        if found is None:
            found = read(element, kind)
            if len(self._memo) >= _MEMO_LIMIT:
                self._memo.clear()
            self._memo[key] = found
        return found

    def gap(self, place: str, problem: str) -> None:
        """Adds a gap."""
        if len(self.gaps) >= MOST:
            self.more += 1
            return
        problem = problem[:_PROBLEM_LENGTH]
        self.gaps.append(Gap(source=self.source, place=place, problem=problem))

    def all_gaps(self) -> tuple[Gap, ...]:
        """The gaps, and one that counts the others."""
        if not self.more:
            return tuple(self.gaps)
        rest = Gap(source=self.source, place="the file", problem=f"and {self.more} more gaps")
        return (*self.gaps, rest)

    def keep(self, element: Element) -> None:
        """Keeps an unknown element as it stands."""
        if len(self.kept) < MOST:
            self.kept.append(node_of(element))

    def note(self, place: str, problem: str) -> None:
        """Notes trouble at a place below the item that is being read."""
        if len(self.notes) < MOST:
            self.notes.append((place, problem))

    def settle(self, place: str) -> None:
        """Turns the notes into gaps, now that the place of the item is known."""
        for below, problem in self.notes:
            self.gap(f"{place}/{below}" if below else place, problem)
        self.notes.clear()


def read_list(element: Element, place: str, log: Log, read: Callable[[Element, Log], T]) -> list[T]:
    """All items of a list that make sense; every other one becomes a gap."""
    found: list[T] = []
    count = 0
    for child in element:
        if child.tag != "item":
            log.gap(place, f"holds an element {child.tag!s} beside its items")
            log.keep(child)
            continue
        try:
            if log.broken and child in log.broken:
                raise ValueError("is damaged or cut off")  # noqa: TRY301 - same end as all trouble
            found.append(read(child, log))
        except ValueError as problem:
            log.gap(f"{place}/item[{count}]", str(problem))
        if log.notes:
            log.settle(f"{place}/item[{count}]")
        count += 1
    if problem_found := miscount(element, count):
        log.gap(place, problem_found)
    return found


def read_nested(
    parts: Parts, tag: str, log: Log, read: Callable[[Element, Log], T]
) -> tuple[T, ...]:
    """All items of a list inside an item; trouble is noted, to be settled with the outer item."""
    element = parts.get(tag)
    if element is None:
        return ()
    outer = log.gaps, log.notes
    log.gaps, log.notes = [], []
    found = tuple(read_list(element, tag, log, read))
    inner = log.gaps
    log.gaps, log.notes = outer
    log.notes += [(gap.place, gap.problem) for gap in inner]
    return found


def read_repeated(
    element: Element,
    tag: str,
    log: Log,
    read: Callable[[Element, K], tuple[T | None, str | None]],
    kind: K,
) -> tuple[T, ...]:
    """All items of a list that may have been taken out before parsing.

    Args:
        element: The list.
        tag: Its place below the item that is being read.
        log: Where trouble is noted.
        read: Gives an object, or ``None`` to leave it out, and what is wrong with it; rests on
            nothing but the element and `kind`.
        kind: Given to `read`; no two readers share a kind.
    """
    mark = element.get(MARK)
    if mark is None:
        results = [read(child, kind) for child in element]
    else:
        known = log.known.setdefault(kind, {})
        items = log.tree.items
        results = []
        for number in log.tree.lists[int(mark)]:
            result = known.get(number)
            if result is None:
                result = known[number] = read(items[number], kind)
            results.append(result)
    if problem := miscount(element, len(results)):
        log.note(tag, problem)
    for count, (_, trouble) in enumerate(results):
        if trouble:
            log.note(f"{tag}/item[{count}]", trouble)
    return tuple(found for found, _ in results if found is not None)


def miscount(element: Element, count: int) -> str | None:
    """What is wrong with the ``numItems`` of a list, ``None`` where it is right or not there."""
    stated = element.get("numItems")
    if stated is None or stated == str(count):
        return None
    return f"numItems says {stated[:20]}, there are {count}"


def parts_of(item: Element, known: frozenset[str], kept: list[Node], log: Log) -> Parts:
    """The children of an item by tag; unknown and repeated ones go to `kept`."""
    found = {child.tag: child for child in item}
    if len(found) == len(item) and known.issuperset(found):
        return found
    parts: Parts = {}
    for child in item:
        if child.tag in known and child.tag not in parts:
            parts[child.tag] = child
            continue
        if child.tag in parts:
            log.note(child.tag, "stands there more than once; the first was read")
        kept.append(node_of(child))
    return parts


def text_at(parts: Parts, tag: str, kept: list[Node]) -> str | None:
    """Text of a part, as it stood; ``None`` where the part is missing or empty."""
    element = parts.get(tag)
    if element is None:
        return None
    text = element.text
    if text is None and len(element):
        kept.append(node_of(element))
    return text


def required(parts: Parts, tag: str) -> str:
    """Text of a part without which the item makes no sense.

    Raises:
        ValueError: It is missing or empty.
    """
    element = parts.get(tag)
    text = None if element is None else element.text
    if text is None:
        raise ValueError(f"has no {tag}")
    return text


def attempt(
    read: Callable[[str], T], parts: Parts, tag: str, kept: list[Node], log: Log
) -> T | None:
    """A part turned into a value; one that makes no sense is noted and kept."""
    text = text_at(parts, tag, kept)
    if text is None:
        return None
    try:
        return read(text)
    except ValueError as problem:
        log.note(tag, str(problem))
        kept.append(node_of(parts[tag]))
        return None


def number(parts: Parts, tag: str, bits: str, kept: list[Node], log: Log) -> int | None:
    """A decimal number of an integer data type such as FWP_UINT32."""
    return attempt(lambda text: integer(bits, text), parts, tag, kept, log)


def unique(text: str) -> UUID | None:
    """A GUID that belongs to one object; the nil GUID is none."""
    key = guid(text)
    return None if key == _NIL else key


@lru_cache(maxsize=4096)
def refer(kind: Kind, text: str | None) -> tuple[str | None, UUID | None]:
    """Constant and GUID of a reference; nothing and the nil GUID refer to nothing.

    Raises:
        ValueError: It is a GUID that makes no sense.
    """
    if text is None:
        return None, None
    name, key = reference(kind, text)
    return (None, None) if key == _NIL else (name, key)


def reference_at(
    kind: Kind, parts: Parts, tag: str, kept: list[Node], log: Log
) -> tuple[str | None, UUID | None]:
    """Constant and GUID that a part refers to."""
    found = attempt(lambda text: refer(kind, text), parts, tag, kept, log)
    return found or (None, None)


def own_key(kind: Kind, parts: Parts, tag: str) -> tuple[str, UUID | None]:
    """Constant and GUID of an object itself.

    Raises:
        ValueError: There is none, or it makes no sense.
    """
    name, key = refer(kind, required(parts, tag))
    if name is None:
        raise ValueError(f"{tag} is nil")
    return name, key


def display(parts: Parts, kept: list[Node]) -> tuple[str | None, str | None]:
    """Name and description as printed, in the language of the host."""
    element = parts.get("displayData")
    if element is None:
        return None, None
    if len(element) == 2:
        first, second = element
        tags = (first.tag, second.tag)
        if tags == ("name", "description") and not (len(first) or len(second)):
            return first.text or None, second.text or None
    found: Parts = {}
    for child in element:
        if child.tag in ("name", "description") and child.tag not in found and not len(child):
            found[child.tag] = child
        else:
            kept.append(node_of(child))
    name, description = found.get("name"), found.get("description")
    return (
        None if name is None else name.text or None,
        None if description is None else description.text or None,
    )


def flags_at(
    group: FlagGroup | None, parts: Parts, kept: list[Node], log: Log
) -> tuple[tuple[str, ...], int | None]:
    """Sorted flags and flag word; no list at all is no flags."""
    element = parts.get("flags")
    if element is None:
        return (), 0
    try:
        return log.once(element, _flag_list, group)
    except ValueError as problem:
        log.note("flags", str(problem))
        kept.append(node_of(element))
    readable = [child.text for child in element if child.tag == "item" and child.text]
    return _flags(group, tuple(readable))[0], None


def _flag_list(element: Element, group: FlagGroup | None) -> tuple[tuple[str, ...], int | None]:
    """A list of names and hex words, or one decimal number as subscriptions have it."""
    items = []
    for child in element:
        if child.tag != "item" or not child.text or len(child):
            raise ValueError("holds what is no flag")
        items.append(child.text)
    if problem := miscount(element, len(items)):
        raise ValueError(problem)
    if items or element.text is None:
        return _flags(group, tuple(items))
    word = integer("FWP_UINT32", element.text)
    if group:
        return flags_of_number(group, word), word
    return ((f"0x{word:08x}",) if word else ()), word


@lru_cache(maxsize=4096)
def _flags(group: FlagGroup | None, items: tuple[str, ...]) -> tuple[tuple[str, ...], int | None]:
    if group:
        return flags_of_items(group, items)
    word = 0
    names = []
    for item in items:
        if _HEX_WORD.fullmatch(item):
            word |= int(item, 16)
        else:
            names.append(item)
    if word:
        names.append(f"0x{word:08x}")
    return tuple(sorted(names)), None if any(not n.startswith("0x") for n in names) else word


def blob_at(parts: Parts, tag: str, kept: list[Node], log: Log) -> bytes | None:
    """Bytes of a blob element, whose ``asString`` loses and is not read."""
    element = parts.get(tag)
    if element is None or (not len(element) and element.text is None):
        return None
    try:
        return blob_of(element)
    except ValueError as problem:
        log.note(tag, str(problem))
        kept.append(node_of(element))
        return None


def blob_of(element: Element) -> bytes:
    """Bytes of an element with ``data`` in hex and perhaps ``asString``.

    Raises:
        ValueError: It is something else.
    """
    data = element[0] if len(element) else None
    if data is None or data.tag != "data" or len(data):
        raise ValueError("has no data")
    if len(element) > 2 or (len(element) == 2 and element[1].tag != "asString"):
        raise ValueError("holds more than data and asString")
    return bytes_of(data.text or "")


def bytes_of(text: str) -> bytes:
    """Bytes of hex digits without anything between them.

    Raises:
        ValueError: It is something else.
    """
    data = bytes.fromhex(text)
    if len(data) * 2 != len(text):
        raise ValueError("hex digits with gaps between them")
    return data


def node_of(element: Element, depth: int = 0) -> Node:
    """An element as it stands, with all below it.

    Raises:
        ReadError: Elements are nested deeper than `DEPTH_LIMIT`.
        WasCutError: A list in it was taken out before parsing.
    """
    if depth > DEPTH_LIMIT:
        raise ReadError(
            "the file", f"line {element.sourceline}", f"nests more than {DEPTH_LIMIT} elements"
        )
    children = tuple(node_of(child, depth + 1) for child in element)
    if element.get(MARK) is not None:
        raise WasCutError
    attributes = tuple(
        (str(name), str(value)) for name, value in element.attrib.items() if name != "numItems"
    )
    return Node(str(element.tag), None if children else element.text, children, attributes)


def nodes_of(elements: Iterable[Element]) -> tuple[Node, ...]:
    """Several elements as they stand."""
    return tuple(map(node_of, elements))
