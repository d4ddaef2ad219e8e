"""A host's words, cut to what people can read."""

from __future__ import annotations

from typing import Any

from pywfp_ps.transports.base import ScriptError

_TEXT_LIMIT = 300


def clean(text: object, limit: int = _TEXT_LIMIT) -> str:
    """Words for people: one line, printable, cut; empty for what is no text."""
    if not isinstance(text, str):
        return ""
    line = "".join(c if c.isprintable() else " " for c in str(text)[: limit * 4])
    line = " ".join(line.split())
    return line if len(line) <= limit else f"{line[: limit - 3]}..."


def script_error(record: Any) -> ScriptError:
    """An error record in our words: one of .NET, or one of psrpcore, whose names are the same."""
    details = getattr(getattr(record, "ErrorDetails", None), "Message", None)
    message = getattr(getattr(record, "Exception", None), "Message", None)
    error_id = clean(getattr(record, "FullyQualifiedErrorId", None))
    return ScriptError(error_id=error_id, text=clean(details) or clean(message))


def reserve(seconds: float) -> float:
    """How long before its deadline a script is stopped, so that it can clean up."""
    return min(max(2.5, seconds / 10), 10.0, seconds / 2)
