"""A practice host's context in the frames in which ``Send-PyWfpContext`` sends it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from pywfp_ps.payload.frames import ProblemFrame, encode_part, write_frame

LISTED: Final = (
    *("Service", "Driver", "Process", "Listener", "Route", "FirewallProfile", "FirewallRule"),
    *("Proxy", "AuditPolicy", "Volume", "Interface"),
)
"""Kinds that come as lines of the part ``context``."""

PARTS: Final = {"SysPort": "sysports", "Option": "options", "NetEvent": "netevents"}
"""Kinds that are parts of their own."""

_NOTHING: Final = "This practice host cannot tell."
_ID: Final = "PyWfp.unexpected,Send-PyWfpContext"


def context_lines(
    call: str,
    asked: str | Sequence[str] | None,
    rows: Mapping[str, Sequence[Mapping[str, Any]]],
) -> Iterator[str]:
    """Frames of the kinds asked for; one that `rows` lack is told as a problem.

    Args:
        call: The function that sends them.
        asked: Kinds, one kind, an empty text for none, or None for all.
        rows: What there is, by kind.
    """
    if asked is None:
        asked = (*LISTED, *PARTS)
    kinds = [asked] if isinstance(asked, str) else list(asked)
    wanted = {kind.lower() for kind in kinds}
    lines = []
    for kind in LISTED:
        if kind.lower() not in wanted:
            continue
        line: dict[str, Any] = {"v": 1, "kind": kind, "rows": rows.get(kind), "error": None}
        if kind not in rows:
            line["error"] = {"id": _ID, "text": _NOTHING}
            yield _problem("context", f"{kind}: {_NOTHING}")
        lines.append(msgspec.json.encode(line | {"ms": 5}))
    if lines:
        yield from encode_part(
            b"\n".join((*lines, b"")),
            part="context",
            content="context",
            call=call,
            taken_at=datetime.now(UTC),
        )
    for kind, part in PARTS.items():
        if kind.lower() in wanted:
            yield _problem(part, _NOTHING)


def _problem(part: str, text: str) -> str:
    return write_frame(ProblemFrame(code="unexpected", part=part, text=text))
