"""Answers about all flows of a host, for a terminal and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from pywfp_ps.explain.find import Found
from pywfp_ps.report.explain import first_line
from pywfp_ps.report.flows import command_of, example_text
from pywfp_ps.report.text import one_line

_DONE = {"permit": "permitted", "block": "blocked", "unknown": "of unknown verdict"}


def lines_of(found: Found, host: str) -> Iterator[str]:
    """The answer: an example and how to explain it, or that there is none, or why nobody knows."""
    name = one_line(host)
    verdict = _DONE[found.verdict] + (" (strictly)" if found.strict else "")
    if found.flow is not None and found.explanation is not None:
        yield f"{name}: yes, such a flow is {verdict}: {example_text(found.flow)}"
        yield f"  {first_line(found.explanation)}"
        yield f"  {command_of(found.flow, host)}"
        return
    if found.status == "gave-up":
        yield f"{name}: gave up: {one_line(found.reason)}"
        return
    if not found.shapes:
        yield f"{name}: no, there is no such flow at all"
        return
    kinds = "1 kind" if found.shapes == 1 else f"{found.shapes} kinds"
    yield f"{name}: no, no such flow is {verdict}: proven for {kinds} of paths"
    if found.unknown is not None:
        yield f"  but the verdict of some is unknown: {example_text(found.unknown)}"
        yield f"  {command_of(found.unknown, host)}"


def record_of(found: Found, host: str, run_id: str) -> dict[str, Any]:
    """The answer as a JSON object."""
    plain: dict[str, Any] = msgspec.to_builtins(found, enc_hook=str)
    return {
        "host": host,
        "run_id": run_id,
        **plain,
        "command": None if found.flow is None else command_of(found.flow, host),
        "unknown_command": None if found.unknown is None else command_of(found.unknown, host),
    }
