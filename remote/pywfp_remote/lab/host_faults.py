"""Hosts that cannot do what they are asked, and say so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from pywfp_ps.payload.frames import Begin, ProblemFrame, write_frame
from pywfp_remote.lab.host import LabHost
from pywfp_remote.lab.problems import NETSH_TEXTS, HostProblem, report, thrown
from pywfp_remote.lab.repack import FACTS, Lines, frames_of, packed_part, repacked

_SNAPSHOT = "get-pywfpsnapshot"
_WITH_CONTEXT = {_SNAPSHOT, "get-pywfpcontext"}
_SURROUNDING = {"sysports", "options", "netevents"}
_REFUSED_KINDS = {"sublayer", "callout", "session", "endpoint"}
_FROM_WMI = ("Service", "Driver", "Process", "Listener", "Route", "Interface")
_IN_FACTS = {"not-elevated", "bfe-stopped", "constrained-language", "module-missing"}
_FACTS_FROM_WMI = ("os", "domain", "bfe", "interfaces")
_DENIED = {"id": "NtException", "text": "(0x80070005) - Access is denied."}
_WMI_DENIED = {
    "id": "HRESULT 0x80041003,Microsoft.Management.Infrastructure.CimCmdlets.GetCimInstanceCommand",
    "text": "Access denied",
}
_ANY_EXCEPTION = "0x80131500"  # COR_E_EXCEPTION: CimException has no number of its own


Line = dict[str, Any]


def instead(lines: Iterable[str], problems: Mapping[str, HostProblem], call: str) -> Lines:
    """A problem instead of each part that one strikes.

    As in the module, a call ends there, but for a snapshot: it goes on and throws at its end. What
    only surrounds the policy makes neither end.
    """
    netsh = next((one for name, one in problems.items() if name in NETSH_TEXTS), None)
    lines = lines if netsh is None else _silent_netsh(lines, netsh)
    told: set[str] = set()
    failed: HostProblem | None = None
    for frame, line in frames_of(lines):
        part = None if frame is None else frame.part
        struck = next((one for one in problems.values() if part in one.parts), None)
        if part is None or struck is None:
            yield line
        elif part not in told:
            told.add(part)
            surrounds = call in _WITH_CONTEXT and part in _SURROUNDING
            if not surrounds and call != _SNAPSHOT:
                yield from report(struck, part)
            yield write_frame(ProblemFrame(code=struck.code, part=part, text=struck.text))
            failed = failed if surrounds else struck
    if failed is not None:
        raise thrown(failed)


def _silent_netsh(lines: Iterable[str], problem: HostProblem) -> Lines:
    """The part ``options`` of a host whose netsh does not work: each command has its error."""
    error = {"id": f"PyWfp.{problem.code},{problem.thrower}", "text": problem.text}
    return _edited(
        lines, "options", lambda told: [line | {"said": None, "error": error} for line in told]
    )


def half_refused(lines: Iterable[str]) -> Lines:
    """Kinds of which there is nothing but a gap, and after the part a problem that says so."""

    def change(told: list[Line]) -> Iterator[Line]:
        refused = set()
        for line in told:
            kind = line["kind"]
            if kind not in _REFUSED_KINDS:
                yield line
            elif kind not in refused:
                refused.add(kind)
                yield {"kind": "gap", "of": kind, "about": "all", **_DENIED}

    text = f"{len(_REFUSED_KINDS)} of 8 kinds could not be had: {_DENIED['text']}"
    problem = ProblemFrame(code="partly-refused", part="records", text=text)
    return _edited(lines, "records", change, after=[problem])


def layer_refused(lines: Iterable[str]) -> Lines:
    """A gap instead of all filters of one layer, that with the most."""

    def change(told: list[Line]) -> Iterator[Line]:
        held = Counter(line["layer"] for line in told if line["kind"] == "filter")
        layer = next((name for name, _ in held.most_common(1)), None)
        if layer is not None:
            yield {"kind": "gap", "of": "filter", "about": layer, **_DENIED}
        yield from (one for one in told if one["kind"] != "filter" or one["layer"] != layer)

    return _edited(lines, "records", change)


def object_unreadable(lines: Iterable[str]) -> Lines:
    """A gap instead of one filter."""

    def change(told: list[Line]) -> Iterator[Line]:
        place = next((n for n, line in enumerate(told) if line["kind"] == "filter"), None)
        text = "(0x80070539) - The security ID structure is invalid."
        gap = {"kind": "gap", "of": "filter", "id": "NtException", "text": text}
        yield from (gap if n == place else line for n, line in enumerate(told))

    return _edited(lines, "records", change)


def wmi_refused(lines: Iterable[str]) -> Lines:
    """Kinds of context that come from WMI have an error, and before the part problems say so.

    The engine's process and start are asked of WMI too, before and after.
    """
    problems = [
        ProblemFrame(
            code="access-denied",
            part="context",
            hresult=_ANY_EXCEPTION,
            text=f"{kind}: {_WMI_DENIED['id']}: {_WMI_DENIED['text']}",
        )
        for kind in _FROM_WMI
    ]

    def without(told: list[Line]) -> Iterator[Line]:
        for line in told:
            lost = line["kind"] in _FROM_WMI
            yield line | {"rows": None, "error": _WMI_DENIED} if lost else line

    def unknown(told: list[Line]) -> Iterator[Line]:
        for facts in told:
            lost = [name for name in _FACTS_FROM_WMI if name in facts]
            reasons = [{"fact": name, **_WMI_DENIED} for name in lost]
            yield facts | dict.fromkeys(lost) | {"unknown": [*facts.get("unknown", ()), *reasons]}

    for part in (FACTS, "after"):
        lines = _edited(lines, part, unknown)
    return _edited(lines, "context", without, before=problems)


def told(lines: Iterable[str], host: LabHost) -> Lines:
    """The host's facts agree with its faults."""
    if not host.faults & _IN_FACTS:
        return iter(lines)

    def change(told: list[Line]) -> Iterator[Line]:
        for facts in told:
            if "not-elevated" in host.faults and isinstance(facts.get("account"), dict):
                facts["account"]["elevated"] = False
            if "bfe-stopped" in host.faults:
                facts["bfe"] = {"status": 1, "process_id": None, "started_at": None}
            if "module-missing" in host.faults:
                facts["ntobjectmanager"] = []
            if "constrained-language" in host.faults and isinstance(facts.get("powershell"), dict):
                facts["powershell"]["language_mode"] = host.language_mode
            yield facts

    return _edited(lines, FACTS, change)


def _edited(
    lines: Iterable[str],
    part: str,
    change: Callable[[list[Line]], Iterable[Line]],
    *,
    before: Iterable[ProblemFrame] = (),
    after: Iterable[ProblemFrame] = (),
) -> Lines:
    """A part of JSON lines changed, with problems around it; without the part there are none."""

    def make(frame: Begin, plain: bytes) -> Lines:
        changed = change([msgspec.json.decode(line) for line in plain.splitlines()])
        text = b"".join(msgspec.json.encode(line) + b"\n" for line in changed)
        yield from map(write_frame, before)
        yield from packed_part(frame, text)
        yield from map(write_frame, after)

    return repacked(lines, make, only=part)
