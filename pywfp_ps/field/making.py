"""What a machine answered and what came of it, made into a bundle without anybody's names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import msgspec

from pywfp_ps.errors import ReadError
from pywfp_ps.field.asking import Asked
from pywfp_ps.field.bundle import VERSION, Bundle, Manifest
from pywfp_ps.field.checks import Result
from pywfp_ps.model.host import HostFacts
from pywfp_ps.read.facts import read_facts

_XML: Final = frozenset({"filters", "netevents", "state", "sysports"})
_JSON: Final = frozenset({"after", "context", "facts", "field", "options", "records"})
_SHOWN: Final = re.compile(r"[A-Za-z0-9 .()-]{1,60}")
_MOST_ID: Final = 120


class Redacts(Protocol):
    """What takes names, SIDs, addresses and paths out of raw payloads."""

    def xml(self, data: bytes) -> bytes:
        """Out of a file of netsh."""
        ...

    def json_lines(self, data: bytes) -> bytes:
        """Out of JSON, an object a line."""
        ...

    def words(self, text: str) -> str:
        """Out of what a program printed."""
        ...


def facts_of(asked: Asked) -> HostFacts | None:
    """The facts of the machine, where they came."""
    payload = asked.parts.get(("snapshot", "facts"))
    try:
        return read_facts(payload.raw())[0] if payload is not None and payload.complete else None
    except ReadError:
        return None


def names_of(asked: Asked) -> tuple[str, ...]:
    """Names of the machine and of the account that may not stand in any text."""
    facts = facts_of(asked)
    found = (facts.computer, facts.domain, facts.account) if facts else ()
    return tuple(name for name in found if name)


def bundle_of(
    asked: Asked,
    results: Sequence[Result],
    redacts: Redacts,
    *,
    tool: str,
    machine: str,
    now: datetime | None = None,
) -> Bundle:
    """The bundle to send back: results, how the jobs ended, and redacted payloads.

    Events of the Security log are left out; what the checks saw of them is in the results.

    Args:
        asked: What the machine answered.
        results: What came of it.
        redacts: Takes out what tells who or where.
        tool: Version of this project.
        machine: Pseudonym of the machine.
        now: The time; that of the clock where it is ``None``.
    """
    facts = facts_of(asked)
    raw: dict[tuple[str, str], bytes] = {}
    for (job, part), payload in asked.parts.items():
        redact = redacts.xml if part in _XML else redacts.json_lines if part in _JSON else None
        if payload.complete and redact is not None:
            raw[job, part] = redact(payload.raw())
    manifest = Manifest(
        v=VERSION,
        tool=tool,
        taken_at=now or datetime.now(UTC),
        transport=asked.transport,
        machine=machine,
        os_build=_shown(facts.os_build if facts else None),
        os_name=_shown(facts.os_name if facts else None),
        powershell=_shown(facts.powershell_version if facts else None),
        results=tuple(
            Result(id=one.id, verdict=one.verdict, seen=redacts.words(one.seen)) for one in results
        ),
        jobs={name: _job(name, asked, redacts) for name in asked.ended},
    )
    return Bundle(manifest=manifest, raw=raw)


def _shown(text: str | None) -> str | None:
    """A version or a product's name, where it looks like one."""
    return text if text and _SHOWN.fullmatch(text) else None


def _job(name: str, asked: Asked, redacts: Redacts) -> dict[str, Any]:
    ended: dict[str, Any] = msgspec.to_builtins(asked.ended[name])
    ended["errors"] = [redacts.words(text)[:_MOST_ID] for text in ended["errors"]]
    ended["said"] = [
        {"part": part, "code": code, "text": redacts.words(text)}
        for (job, part, code), text in asked.texts.items()
        if job == name
    ]
    return ended
