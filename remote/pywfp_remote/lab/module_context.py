"""A practice host's context in the frames in which ``Send-PyWfpContext`` sends it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from pywfp_ps.payload.frames import encode_part
from pywfp_ps.write.markup import items_of, leaf

LISTED: Final = (
    *("Service", "Driver", "Process", "Listener", "Route", "FirewallProfile", "FirewallRule"),
    *("Proxy", "AuditPolicy", "Volume", "Interface"),
)
"""Kinds that come as lines of the part ``context``."""

PARTS: Final = {"SysPort": "sysports", "Option": "options", "NetEvent": "netevents"}
"""Kinds that are parts of their own."""

KINDS: Final = (*LISTED, *PARTS)

_ENGINE_RIGHTS: Final = "D:(A;;CCDCLCSWRPWPDTLOCRSDRCWDWO;;;BA)(A;;CCLCSWRPRC;;;LS)"
SAID: Final = {
    "options optionsfor=netevents": "netevents = on",
    "options optionsfor=keywords": "keywords = none",
    "options optionsfor=txnwatchdog": "txnwatchdog = 0",
    "security type=engine": f"O:SYG:SY{_ENGINE_RIGHTS}",
    "security type=netevents": f"O:SYG:SY{_ENGINE_RIGHTS}",
}
"""What netsh prints of an engine that nobody has touched."""


def context_part(
    call: str, kinds: Collection[str], rows: Mapping[str, Sequence[Mapping[str, Any]]]
) -> Iterator[str]:
    """The part ``context``, a line a kind; nothing where none of its kinds is asked for.

    Args:
        call: The function that sends it.
        kinds: What is asked for.
        rows: What there is, by kind.
    """
    wanted = {kind.lower() for kind in kinds}
    lines = [
        msgspec.json.encode({"v": 1, "kind": kind, "rows": rows[kind], "error": None, "ms": 5})
        for kind in LISTED
        if kind.lower() in wanted
    ]
    if lines:
        yield from encode_part(
            b"\n".join((*lines, b"")),
            part="context",
            content="context",
            call=call,
            taken_at=datetime.now(UTC),
        )


def options_text() -> bytes:
    """The part ``options``: what netsh printed, a JSON line a command."""
    lines = [
        {"v": 1, "command": command, "said": ["", said, ""], "error": None}
        for command, said in SAID.items()
    ]
    return b"".join(msgspec.json.encode(line) + b"\n" for line in lines)


def system_ports(ports: Mapping[str, Sequence[int]]) -> bytes:
    """A file of ``netsh wfp show sysports`` as we think that it looks: no real one is public.

    Source of the names: FWPM_SYSTEM_PORTS_BY_TYPE0 (fwpmtypes.h).
    """
    items = []
    for kind, numbers in ports.items():
        held = items_of("\t\t", "ports", [leaf("\t\t\t", "item", number) for number in numbers])
        items.append("\n".join(("\t<item>", leaf("\t\t", "type", kind), held, "\t</item>")))
    root = items_of("", "sysports", items)
    head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    return f"\ufeff{head}\n{root}\n".encode()
