"""What a change does, for a terminal, for a ticket and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from pywfp_ps.explain.impact import Change, Guarded, Impact, Side
from pywfp_ps.model.text import PROTOCOLS
from pywfp_ps.report.flows import command_of, example_text
from pywfp_ps.report.text import one_line

_DANGERS: Final = {"cut": "CUT", "may-be-cut": "may be cut", "safe": "safe", "unknown": "unknown"}
_MOST_SHOWN: Final = 20
_MOST_VALUES: Final = 4
_KNOWN: Final = frozenset({1, 6, 17, 58})
_PARTS: Final = {
    "local": "this host's address", "remote": "the other address", "local_port": "local port",
    "remote_port": "remote port", "app": "program", "icmp_type": "ICMP type",
    "icmp_code": "ICMP code", "bind": "bound to",
}  # fmt: skip


def lines_of(found: Impact, host: str) -> Iterator[str]:
    """The answer: guarded connections first, then the classes of flows."""
    yield f"{one_line(host)}: {_summary(found)}"
    for one in found.guarded:
        yield f"  {_guarded(one)}"
        if one.flow is not None:
            yield f"      {example_text(one.flow)}"
    for change in found.changes[:_MOST_SHOWN]:
        yield f"  {_class(change)}"
        for part in _parts(change):
            yield f"      {part}"
        yield f"      for example {example_text(change.flow)}"
    if len(found.changes) > _MOST_SHOWN:
        yield f"  and {len(found.changes) - _MOST_SHOWN} more; --json shows all"


def markdown(found: Impact, host: str) -> Iterator[str]:
    """A page for a ticket."""
    yield f"# Impact on {_cell(host)}"
    yield ""
    yield f"{_cell(_summary(found))}."
    yield ""
    if found.guarded:
        yield "| guarded | after the change | example |"
        yield "|---|---|---|"
        for one in found.guarded:
            text = _DANGERS[one.danger] + (f": {one.reason}" if one.reason else "")
            flow = "" if one.flow is None else example_text(one.flow)
            yield f"| {_cell(one.name)} | {_cell(text)} | {_cell(flow)} |"
        yield ""
    if found.changes:
        yield "| flows | before | after | example |"
        yield "|---|---|---|---|"
        for change in found.changes:
            cells = (
                "; ".join((_kind(change), *_parts(change))),
                _side(change.before), _side(change.after), example_text(change.flow),
            )  # fmt: skip
            yield f"| {' | '.join(map(_cell, cells))} |"


def record_of(found: Impact, host: str, run_id: str) -> dict[str, Any]:
    """The answer as a JSON object."""
    plain: dict[str, Any] = msgspec.to_builtins(found, enc_hook=str)
    for record, change in zip(plain["changes"], found.changes, strict=True):
        record["command"] = command_of(change.flow, host)
    for record, one in zip(plain["guarded"], found.guarded, strict=True):
        record["command"] = None if one.flow is None else command_of(one.flow, host)
    return {"host": host, "run_id": run_id, "dangerous": found.is_dangerous, **plain}


def _summary(found: Impact) -> str:
    count = len(found.changes)
    text = f"{_count(len(found.added), 'filter')} added, {_count(len(found.removed), 'filter')} "
    text += f"removed; {_count(count, 'class', 'classes')} of flows change"
    text += "s" if count == 1 else ""
    cut = [one.name for one in found.guarded if one.danger != "safe"]
    if cut:
        text += f"; guarded connections in danger: {', '.join(cut)}"
    if found.beside:
        layers = ", ".join(one.removeprefix("FWPM_LAYER_") for one in found.beside)
        text += f"; no verdict hangs on {layers}"
    if found.reason:
        text += f"; not all is known, gave up: {found.reason}"
    return one_line(text, limit=1000)


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _guarded(one: Guarded) -> str:
    text = f"{_DANGERS[one.danger]}: {one.name}"
    if one.before is not None and one.after is not None:
        text += f": {_side(one.before)} -> {_side(one.after)}"
    return one_line(text + (f" ({one.reason})" if one.reason else ""))


def _class(change: Change) -> str:
    return one_line(f"{_kind(change)}: {_side(change.before)} -> {_side(change.after)}")


def _kind(change: Change) -> str:
    protocol = PROTOCOLS[change.protocol] if change.protocol in _KNOWN else "other protocols"
    return f"{change.direction} {protocol} over IPv{change.ip_version}"


def _side(side: Side) -> str:
    if side.deciding is None:
        return side.verdict
    name = f" {side.deciding.name!r}" if side.deciding.name else ""
    return f"{side.verdict} by filter {side.deciding.filter_id}{name}"


def _parts(change: Change) -> Iterable[str]:
    for name, values in change.values.items():
        if name == "protocol":
            continue
        shown = [one.rsplit("\\", 1)[-1] for one in values[:_MOST_VALUES]]
        more = f" and {len(values) - _MOST_VALUES} more" if len(values) > _MOST_VALUES else ""
        part = _PARTS.get(name, name.removeprefix("FWPM_CONDITION_"))
        yield one_line(f"{part}: {', '.join(shown)}{more}")


def _cell(text: str) -> str:
    plain = one_line(text, limit=1000).replace("\\", "\\\\")
    for sign in "|`*_<>[]#":
        plain = plain.replace(sign, f"\\{sign}")
    return plain
