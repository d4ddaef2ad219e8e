"""XML that may be hostile or damaged, to a tree that says which of its elements are whole.

netsh writes two root elements into one file, which is no XML document, so everything is put under
a root of our own. The parser goes on after damage; a second, slower pass then finds out which
elements the damage was in, so that nothing cut short passes for something whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from lxml import etree
from msgspec import Struct

from pywfp_ps.errors import ReadError
from pywfp_ps.read.netsh.cuts import MARK, Cuts, cut
from pywfp_ps.read.netsh.mending import without_object_at

TAG_LIMIT: Final = 24_000_000
"""Tags in one file; the dump of a host with 50,000 filters has about seven million."""

DAMAGE_LIMIT: Final = 1000
"""Damaged places after which the rest of a file is not read."""

_MENDED: Final = 16
"""Damaged objects of a file that are left out one by one; each costs another parse."""

_MENDED_BYTES: Final = 256 << 20
"""Bytes that are parsed again for that; a larger file loses one damaged object at most."""

_IN_TEXT: Final = frozenset(
    {
        "ERR_INVALID_CHAR",
        "ERR_INVALID_ENCODING",
        "ERR_UNDECLARED_ENTITY",
        "WAR_UNDECLARED_ENTITY",
    }
)
"""Damage after which the parser still knows what lies in what."""

_ROOT: Final = "dump"
_PIECE: Final = 64 * 1024
_TAG: Final = re.compile(rb"[^>]*>?")
_REFUSED: Final = frozenset({"ERR_RESOURCE_LIMIT", "ERR_NAME_TOO_LONG", "ERR_NO_MEMORY"})
_OPTIONS: Final[dict[str, Any]] = {
    "collect_ids": False,
    "huge_tree": False,
    "load_dtd": False,
    "no_network": True,
    "recover": True,
    "remove_blank_text": True,
    "remove_comments": True,
    "remove_pis": True,
    "resolve_entities": False,
}
_SOMETHING: Final = re.compile(rb"\S")
_STRANGE: Final = (
    etree.XPath(f"boolean(//@*[name() != 'numItems'][name() != '{MARK}'])"),
    etree.XPath("boolean(//text()/following-sibling::*[1])"),
    etree.XPath("boolean(//text()/preceding-sibling::*[1])"),
)

Element = etree._Element  # noqa: SLF001 - the only name that lxml has for the type


class Damage(Struct, frozen=True):
    """One place where the XML is broken: line (counted from 1) and what the parser says."""

    line: int
    problem: str


class Tree(Struct, frozen=True):
    """What was parsed.

    Attributes:
        root: Our own root above those of the file.
        damage: Where the file is broken, in file order; empty for a sound file.
        broken: Elements that damage lies in, or that were never closed.
        is_plain: Whether no element has text beside elements or an attribute but ``numItems``.
        items: Different items of lists that were taken out before parsing.
        lists: Positions in `items` of what each list holds.
    """

    root: Element
    damage: tuple[Damage, ...] = ()
    broken: frozenset[Element] = frozenset()
    is_plain: bool = True
    items: tuple[Element, ...] = ()
    lists: list[list[int]] = []


def parse(body: bytes, source: str, *, start: int = 0, may_cut: bool = True) -> Tree:
    """The tree of UTF-8 XML text without a declaration.

    Args:
        body: The text.
        source: What errors call it.
        start: Where in the text to begin.
        may_cut: Whether repeated items may be taken out first (see `cuts`).

    Raises:
        ReadError: It is empty, has a document type, too many tags, elements nested too deeply, or
            a single text or name of more than ten million characters.
    """
    if not _SOMETHING.search(body, start):
        raise ReadError(source, "byte 0", "is empty")
    if len(body) > TAG_LIMIT and (tags := body.count(b"<", start)) > TAG_LIMIT:
        raise ReadError(source, "the file", f"has {tags} tags, more than {TAG_LIMIT}")
    if may_cut and (cuts := cut(body, start)) and (tree := _parse_cut(cuts)):
        return tree
    root, damaged, log = _feed(_even(body, start), source)
    if root is not None:
        return Tree(root, is_plain=_is_plain(root))
    # Under a root of our own a document type is out of place, so it is always an error.
    if (place := body.find(b"<!DOCTYPE", start)) >= 0:
        problem = "declares a document type, which netsh never does"
        raise ReadError(source, f"byte {place}", problem)
    _refuse(log, source)
    if tree := _parse_without_damaged(body[start:], log):
        return tree
    return _locate(_even(body, start), damaged, source)


def _even(body: bytes, start: int) -> Iterator[bytes]:
    for at in range(start, len(body), _PIECE):
        yield body[at : at + _PIECE]


def _parse_cut(cuts: Cuts) -> Tree | None:
    """The tree of a dump without its repeated items; ``None`` unless all of it is sound."""
    root, items = _feed(cuts.kept)[0], _feed(cuts.items)[0]
    if root is None or items is None or len(items) != len(cuts.items):
        return None
    if not (_is_plain(items) and all(item.tag == "item" for item in items)):
        return None
    return Tree(root, is_plain=_is_plain(root), items=tuple(items), lists=cuts.lists)


def _parse_without_damaged(body: bytes, log: etree._ListErrorLog) -> Tree | None:
    """The tree without the few objects that are damaged; ``None`` where that is not all."""
    lines = body.count(b"\n")
    damage: list[Damage] = []
    for _ in range(min(_MENDED, 1 + _MENDED_BYTES // len(body))):
        if all(entry.type_name in _IN_TEXT for entry in log):
            return None
        first = next(iter(log))
        column = first.column - (len(_ROOT) + 2 if first.line == 1 else 0)
        found = without_object_at(body, first.line, column)
        if found is None:
            return None
        # Lines of what was taken out are counted, so that the number is the one in the file.
        line = first.line + lines - body.count(b"\n")
        said = f"{first.message[:200].strip()}: an object of {found.size} bytes is left out"
        damage.append(Damage(line, said))
        body = found.body
        root, _, log = _feed(_even(body, 0))
        if root is not None:
            return Tree(root, tuple(damage), is_plain=_is_plain(root))
    return None


def _feed(
    pieces: Iterable[bytes], source: str | None = None
) -> tuple[Element | None, set[int], etree._ListErrorLog]:
    """The root, or ``None`` for a damaged text; pieces with damage; what the parser said."""
    parser = etree.XMLParser(**_OPTIONS)
    parser.feed(f"<{_ROOT}>")
    damaged = set[int]()
    known = 0
    for number, piece in enumerate(pieces):
        parser.feed(piece)
        if source is None:
            continue
        if (errors := len(parser.feed_error_log)) > known:
            damaged.add(number)
            known = errors
            _refuse(parser.feed_error_log, source)
            if errors > DAMAGE_LIMIT:
                break
    root = _end(parser)
    return root, damaged, parser.feed_error_log


def _end(parser: etree.XMLParser) -> Element | None:
    """The root of a sound text; a tag that never ends shows only now, by what it held back."""
    parser.feed(f"</{_ROOT}>")
    if parser.feed_error_log:
        return None
    try:
        root = parser.close()
    except etree.XMLSyntaxError:
        return None
    return None if parser.feed_error_log else root


def _is_plain(root: Element) -> bool:
    return not any(found(root) for found in _STRANGE)


def _refuse(log: etree._ListErrorLog, source: str) -> None:
    for entry in log:
        if entry.type_name in _REFUSED:
            problem = f"the XML parser refuses it ({entry.message.partition(',')[0]})"
            raise ReadError(source, f"line {entry.line}", problem)


def _locate(pieces: Iterable[bytes], damaged: set[int], source: str) -> Tree:
    """Parses again, tag by tag where it is broken, and keeps track of which elements are open."""
    parser = etree.XMLPullParser(events=("start", "end"), **_OPTIONS)
    parser.feed(f"<{_ROOT}>")
    root = next(_elements(parser))[1]
    opened: list[Element] = []
    broken = set[Element]()
    known = 0
    for piece in _finer(pieces, damaged):
        before = tuple(opened)
        parser.feed(piece)
        _follow(parser, opened)
        if (errors := len(parser.feed_error_log)) > known:
            broken.update(before)
            known = errors
            if errors > DAMAGE_LIMIT:
                break
    broken.update(opened)
    _end(parser)
    log = parser.feed_error_log
    _refuse(log, source)
    damage = tuple(Damage(entry.line, entry.message[:200].strip()) for entry in log)
    return Tree(root, damage, frozenset(broken), _is_plain(root))


def _finer(pieces: Iterable[bytes], damaged: set[int]) -> Iterator[bytes]:
    for number, piece in enumerate(pieces):
        if number in damaged or number + 1 in damaged:
            yield from _TAG.findall(piece)
        else:
            yield piece


def _follow(parser: etree.XMLPullParser, opened: list[Element]) -> None:
    for event, element in _elements(parser):
        if event == "start":
            opened.append(element)
        elif element in opened:
            del opened[opened.index(element) :]


def _elements(parser: etree.XMLPullParser) -> Iterator[tuple[str, Element]]:
    for event, element in parser.read_events():
        if isinstance(element, Element):
            yield str(event), element
