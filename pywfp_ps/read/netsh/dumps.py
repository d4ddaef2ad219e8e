"""Whole files: which kind a file is, and what its command never lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from pywfp_ps.errors import ReadError
from pywfp_ps.model.objects import Completeness, Node, Snapshot
from pywfp_ps.payload.unpack import salvage
from pywfp_ps.read.netsh.cuts import MARK
from pywfp_ps.read.netsh.elements import Log, WasCutError, node_of
from pywfp_ps.read.netsh.encoding import seen_controls, utf8_of
from pywfp_ps.read.netsh.sections import FILTERS, FIREWALL, MAY_BE_MISSING, STATE, Sections
from pywfp_ps.read.netsh.tree import Element, Tree, parse

_STATE: Final = Completeness(
    command="netsh wfp show state",
    leaves_out=(
        "Security descriptors of objects are never printed.",
        "Objects that the account may not read are left out without a word.",
    ),
)
_FILTERS: Final = Completeness(
    command="netsh wfp show filters",
    leaves_out=(
        "Layers, sublayers, callouts, provider contexts, sessions and endpoints are not printed.",
        *_STATE.leaves_out,
    ),
)
_HIDDEN: Final = (
    "Inspection filters are left out unless verbose=on was given.",
    "Filters at discard, stream and datagram layers are left out unless verbose=on was given.",
    "Filters that a heavier one of their sublayer covers are left out unless verbose=on was given.",
)
_ROOTS: Final = {
    "wfpstate": "a file of netsh wfp show state",
    "wfpdiag": "a file of netsh wfp show filters",
    "netEvents": "a file of net events (netsh wfp show netevents)",
    "netEvent": "a file of net events",
    "filterChange": "a file of filter changes from a capture",
    "Events": "an export of an event log",
    "Event": "an export of an event log",
    "html": "a web page",
}
_DAMAGE_TOLD: Final = 20
_STRANGE_TOLD: Final = 100


def read_state(data: bytes, *, source: str = "state") -> Snapshot:
    """Everything that a file of ``netsh wfp show state`` holds.

    A damaged or cut file gives what could be read, with `Gap` objects for the rest and
    ``completeness.whole`` false.

    Args:
        data: The file: UTF-8 or UTF-16, perhaps gzipped.
        source: What gaps and errors call it.

    Raises:
        ReadError: It is no such file, is too large, or tries what only a hostile file does.
    """

    def read(tree: Tree, log: Log) -> Snapshot:
        _expect("wfpstate", tree, source)
        return _state(tree, log)

    return _read(data, source, read)


def read_filters(data: bytes, *, source: str = "filters", verbose: bool | None = None) -> Snapshot:
    """The filters and providers of a file of ``netsh wfp show filters``.

    Args:
        data: The file: UTF-8 or UTF-16, perhaps gzipped.
        source: What gaps and errors call it.
        verbose: Whether it was taken with ``verbose=on``; the file does not say.

    Raises:
        ReadError: As `read_state`.
    """

    def read(tree: Tree, log: Log) -> Snapshot:
        _expect("wfpdiag", tree, source)
        return _filters(tree, log, verbose=verbose)

    return _read(data, source, read)


def read_dump(data: bytes, *, source: str = "dump") -> Snapshot:
    """Either of the two files, whichever it is.

    Raises:
        ReadError: As `read_state`.
    """

    def read(tree: Tree, log: Log) -> Snapshot:
        if any(root.tag == "wfpdiag" for root in tree.root):
            _expect("wfpdiag", tree, source)
            return _filters(tree, log, verbose=None)
        _expect("wfpstate", tree, source)
        return _state(tree, log)

    return _read(data, source, read)


def _read(data: bytes, source: str, read: Callable[[Tree, Log], Snapshot]) -> Snapshot:
    plain, damage = salvage(data, source=source)
    if damage is not None and not plain:
        raise damage
    body, start, problem = utf8_of(plain)
    body, controls = seen_controls(body, start)
    text = _Text(body, start, controls, [p for p in (problem, damage and damage.problem) if p])
    try:
        return read(*_open(text, source, may_cut=True))
    except WasCutError:
        return read(*_open(text, source, may_cut=False))


class _Text(NamedTuple):
    """UTF-8 text of a file, where it begins, and what is known of it before it is parsed."""

    body: bytes
    start: int
    controls: int
    damage: list[str]


def _open(text: _Text, source: str, *, may_cut: bool) -> tuple[Tree, Log]:
    tree = parse(text.body, source, start=text.start, may_cut=may_cut)
    log = Log(source, tree)
    for problem in text.damage:
        log.gap("the text", problem)
        log.whole = False
    if text.controls:
        log.gap("the text", f"characters that XML forbids are shown as symbols: {text.controls}")
    for damage in tree.damage[:_DAMAGE_TOLD]:
        log.gap(f"line {damage.line}", f"damaged: {damage.problem}")
    if (more := len(tree.damage) - _DAMAGE_TOLD) > 0:
        log.gap("the file", f"is damaged at {more} more places")
    if not tree.is_plain:
        _keep_strange(tree.root, log)
    return tree, log


def _keep_strange(root: Element, log: Log) -> None:
    """Keeps what no object has a place for: attributes, and text beside elements."""
    count = 0
    for element in root.iter():
        attributes = tuple(
            (str(k), str(v)) for k, v in element.attrib.items() if k not in ("numItems", MARK)
        )
        beside = [element.text, *(child.tail for child in element)] if len(element) else []
        text = "".join(piece for piece in beside if piece and not piece.isspace())
        if not (attributes or text):
            continue
        count += 1
        log.kept.append(Node(str(element.tag), text or None, (), attributes))
        if count <= _STRANGE_TOLD:
            place = root.getroottree().getpath(element).removeprefix(f"/{root.tag!s}/")
            log.gap(place, "has an attribute or text that netsh never writes")
    if count > _STRANGE_TOLD:
        log.gap("the file", f"has {count - _STRANGE_TOLD} more elements of that kind")


def _expect(wanted: str, tree: Tree, source: str) -> None:
    """Refuses a file without the root element that is wanted, saying what it is instead."""
    roots = {str(root.tag): root for root in tree.root}
    root = roots.get(wanted)
    if root is not None and not (wanted == "wfpdiag" and _is_capture(root)):
        return
    if root is not None:
        found = "the diagnostics of a capture (netsh wfp capture)"
    elif not roots:
        found = "no XML"
    else:
        tag = next(iter(roots))
        found = _ROOTS.get(tag, f"a file with the root element {tag[:60]}")
    raise ReadError(source, "its root", f"is not {_ROOTS[wanted]} but {found}")


def _is_capture(root: Element) -> bool:
    tags = {child.tag for child in root}
    return not tags.isdisjoint(("events", "initialState")) and "filters" not in tags


def _state(tree: Tree, log: Log) -> Snapshot:
    sections = Sections(log)
    for root in tree.root:
        if root.tag == "wfpstate":
            sections.read(root, STATE)
        elif root.tag == "firewallState":
            sections.read(root, FIREWALL)
        else:
            log.kept.append(node_of(root))
    sections.miss("wfpstate", (tag for tag in STATE if tag not in MAY_BE_MISSING))
    if all(root.tag != "firewallState" for root in tree.root):
        log.whole = False  # every real dump ends with it: this one was cut between the two
    sections.miss("firewallState", FIREWALL)
    return sections.snapshot(_STATE)


def _filters(tree: Tree, log: Log, *, verbose: bool | None) -> Snapshot:
    sections = Sections(log)
    for root in tree.root:
        if root.tag == "wfpdiag":
            sections.read(root, FILTERS)
        else:
            log.kept.append(node_of(root))
    sections.miss("wfpdiag", ("filters", "providers"))
    if verbose:
        command = f"{_FILTERS.command} verbose=on"
        return sections.snapshot(msgspec.structs.replace(_FILTERS, command=command))
    leaves_out = (*_HIDDEN, *_FILTERS.leaves_out)
    return sections.snapshot(
        msgspec.structs.replace(_FILTERS, hides_filters=True, leaves_out=leaves_out)
    )
