"""Whole files as netsh writes them: ``show state`` and ``show filters``.

netsh prints no security descriptors and no layer counts; those fields are not written. Text that
XML cannot carry (most control characters) has no place in such a file and is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import groupby

from pywfp_ps.model.objects import Callout, Filter, Snapshot
from pywfp_ps.write.markup import items_of, leaf, node_text
from pywfp_ps.write.policy import (
    callout_item,
    context_item,
    filter_item,
    item,
    layer_text,
    provider_item,
    sublayer_item,
)
from pywfp_ps.write.running import (
    endpoint_item,
    ipsec_sections,
    keyword_items,
    session_item,
    subscriptions_text,
)

_DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
_CONTROLS = {code: None for code in range(0x20) if code not in (0x09, 0x0A, 0x0D)}
_NOT_XML = frozenset(map(chr, (*_CONTROLS, 0xFFFE, 0xFFFF)))


def write_state(snapshot: Snapshot, *, newline: str = "\n", encoding: str = "utf-8-sig") -> bytes:
    r"""The file that ``netsh wfp show state`` writes for these objects.

    Args:
        snapshot: The objects. Filters and callouts are printed under their layers, so within a
            layer their order is kept.
        newline: Line end: ``\n`` or ``\r\n``.
        encoding: Codec name. The declaration stays netsh's, as it does when a tool re-encodes.

    Raises:
        ValueError: A filter or callout stands at a layer that the snapshot does not list, or a text
            holds a character that XML cannot carry.
    """
    before, after = ipsec_sections("\t", snapshot)
    lines = [
        _DECLARATION,
        "<wfpstate>",
        *([leaf("\t", "timeStamp", _stamp(snapshot.taken_at))] if snapshot.taken_at else []),
        items_of("\t", "sessions", [session_item("\t\t", one) for one in snapshot.sessions]),
        items_of("\t", "layers", list(_layers("\t\t", snapshot))),
        items_of("\t", "providers", [provider_item("\t\t", one) for one in snapshot.providers]),
        items_of(
            "\t", "providerContexts", [context_item("\t\t", one) for one in snapshot.contexts]
        ),
        items_of("\t", "subLayers", [sublayer_item("\t\t", one) for one in snapshot.sublayers]),
        subscriptions_text("\t", snapshot.subscriptions),
        before,
        items_of(
            "\t", "aleConnectedEndpoints", [endpoint_item("\t\t", e) for e in snapshot.endpoints]
        ),
        *([after] if after else []),
        *(node_text("\t", node) for node in snapshot.extra),
        "</wfpstate>",
        "<firewallState>",
        items_of("\t", "dynamicKeywordAddresses", list(keyword_items("\t\t", snapshot.keywords))),
        "</firewallState>",
        "",
    ]
    return _encode("\n".join(lines), newline, encoding)


def write_filters(snapshot: Snapshot, *, newline: str = "\n", encoding: str = "utf-8-sig") -> bytes:
    """The file that ``netsh wfp show filters`` writes: filters and providers, nothing else.

    Every filter of the snapshot is printed; which ones netsh would hide is not decided here.

    Raises:
        ValueError: A text holds a character that XML cannot carry.
    """
    filters = [filter_item("\t\t", one) for one in snapshot.filters]
    providers = [provider_item("\t\t", one) for one in snapshot.providers]
    lines = [
        _DECLARATION,
        "<wfpdiag>",
        items_of("\t", "filters", filters, counted=False),
        items_of("\t", "providers", providers, counted=False),
        *(node_text("\t", node) for node in snapshot.extra),
        "</wfpdiag>",
        "",
    ]
    return _encode("\n".join(lines), newline, encoding)


def _layers(indent: str, snapshot: Snapshot) -> Iterator[str]:
    inner = indent + "\t"
    filters: dict[str | None, list[Filter]] = {}
    for layer, some in groupby(snapshot.filters, key=lambda one: one.layer):
        filters.setdefault(layer, []).extend(some)
    callouts: dict[str | None, list[Callout]] = {}
    for layer, found in groupby(snapshot.callouts, key=lambda one: one.layer):
        callouts.setdefault(layer, []).extend(found)
    for one in snapshot.layers:
        lines = (
            layer_text(inner, one),
            items_of(
                inner,
                "callouts",
                [callout_item(inner + "\t", c) for c in callouts.pop(one.const_name, ())],
            ),
            items_of(
                inner,
                "filters",
                [filter_item(inner + "\t", f) for f in filters.pop(one.const_name, ())],
            ),
        )
        yield item(indent, lines)
    if filters or callouts:
        names = sorted(str(name) for name in {*filters, *callouts})
        raise ValueError(f"objects at layers that are not listed: {', '.join(names)}")


def _stamp(time: datetime) -> str:
    text = time.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"


def _encode(text: str, newline: str, encoding: str) -> bytes:
    if not _NOT_XML.isdisjoint(text):
        found = sorted(f"U+{ord(letter):04X}" for letter in _NOT_XML.intersection(text))
        raise ValueError(f"text that XML cannot carry: {', '.join(found)}")
    if newline != "\n":
        text = text.replace("\n", newline)
    return text.encode(encoding)
