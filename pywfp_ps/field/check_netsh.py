"""Checks of what netsh does, by what our own way of running it saw."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from pywfp_ps.errors import ReadError
from pywfp_ps.field.checks import Check
from pywfp_ps.field.seen import NotAskedError, Seen
from pywfp_ps.read.engine_options import read_options, read_system_ports

_CODE: Final = re.compile(r"code (-?\d{1,10})")
_OURS: Final = "PyWfp.netsh-failed"


def _case(seen: Seen, name: str) -> dict[str, Any]:
    rows = seen.probe("Netsh")
    for row in rows if isinstance(rows, list) else [rows]:
        if row["case"] == name:
            found: dict[str, Any] = row
            return found
    raise NotAskedError(f"{name} was not tried")


def _works(name: str) -> Check:
    def check(seen: Seen) -> tuple[bool, str]:
        row = _case(seen, name)
        size = "" if row["bytes"] is None else f", {int(row['bytes'])} bytes"
        return row["works"] is True, f"{_end(row)}{size}"

    return check


def _fails(name: str) -> Check:
    def check(seen: Seen) -> tuple[bool, str]:
        row = _case(seen, name)
        refused = not row["works"] and str(row["id"]).startswith(_OURS)
        made = row["bytes"] is not None
        text = f"{_end(row)}, {len(row['said'])} lines printed, file made: {made}"
        return refused and _number(row) != 0 and not made, text

    return check


def _end(row: dict[str, Any]) -> str:
    if row["works"]:
        return "it works"
    number = _number(row)
    return "no exit code" if number is None else f"exit code {number}"


def _number(row: dict[str, Any]) -> int | None:
    found = _CODE.search(str(row["text"]))
    return int(found[1]) if found else None


def _replaces(seen: Seen) -> tuple[bool, str]:
    first, second = _case(seen, "right"), _case(seen, "again")
    if not first["works"]:
        raise NotAskedError(f"the first time failed: {_end(first)}")
    same = second["works"] and second["bytes"] <= 2 * first["bytes"]
    return same, f"{_end(second)}, {first['bytes']} and then {second['bytes']} bytes"


def _console(seen: Seen) -> tuple[bool, str]:
    row = _case(seen, "console")
    if not row["works"]:
        return False, _end(row)
    first = str(row["said"][0]).lstrip("\ufeff\u00ef\u00bb\u00bf") if row["said"] else ""
    return first.startswith("<"), f"{len(row['said'])} lines, XML first: {first.startswith('<')}"


def _state_comes(seen: Seen) -> tuple[bool, str]:
    payload = seen.payload("snapshot", "state")
    return True, f"{payload.plain} bytes, {payload.packed} packed"


def _packs(seen: Seen) -> tuple[bool, str]:
    payload = seen.payload("snapshot", "state")
    ratio = payload.plain / max(payload.packed, 1)
    return ratio * 3 / 4 >= 9, f"gzip makes it 1/{ratio:.1f}, in base64 1/{ratio * 3 / 4:.1f}"


def _options(seen: Seen) -> tuple[bool, str]:
    found, gaps = read_options(seen.raw("snapshot", "options"))
    names = {option.name for option in found}
    known = {"keywords", "netevents", "txnwatchdog"}
    return names == known and not gaps, f"{len(found)} read, {len(gaps)} not understood"


def _ports(seen: Seen) -> tuple[bool, str]:
    try:
        found, gaps = read_system_ports(seen.raw("snapshot", "sysports"))
    except ReadError as error:
        return False, error.problem
    return bool(found) and not gaps, f"{len(found)} ports, {len(gaps)} places not understood"


def _no_problem(*codes: str) -> Callable[[Seen], tuple[bool, str]]:
    def check(seen: Seen) -> tuple[bool, str]:
        ended = seen.ended("snapshot")
        if ended.state == "unreached":
            raise NotAskedError(f"the job did not run: {ended.cause}")
        met = sorted({code for _, code in ended.problems if code in codes})
        return not met, ", ".join(met) or "none of them was met"

    return check


CHECKS: Final[dict[str, Check]] = {
    "netsh-success-zero": _state_comes,
    "netsh-packs": _packs,
    "netsh-replaces": _replaces,
    "netsh-space": _works("space"),
    "netsh-boottimepolicy": _works("boottime"),
    "netsh-timewindow": _works("window"),
    "netsh-many": _works("many"),
    "netsh-capture-status": _works("capture"),
    "netsh-console": _console,
    "netsh-no-folder": _fails("no_folder"),
    "netsh-no-command": _fails("no_command"),
    "netsh-no-option": _fails("no_option"),
    "netsh-no-type": _fails("no_type"),
    "netsh-options": _options,
    "netsh-sysports": _ports,
    "netsh-limits": _no_problem("netsh-timeout", "too-large", "busy", "no-disk", "folder-failed"),
}
