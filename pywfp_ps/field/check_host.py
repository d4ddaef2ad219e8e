"""Checks of host facts, of every kind of context, and of the Security log."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final

import msgspec

from pywfp_ps.field.checks import Check
from pywfp_ps.field.seen import NotAskedError, Seen
from pywfp_ps.model.origin import rules_of

_WORD: Final = re.compile(r"[a-z_]{1,30}")
_RUNNING: Final = 4
_PROFILES: Final = {"DomainProfile", "PublicProfile", "StandardProfile"}
_SLOW_MS: Final = 5_000
_SERVICE_MS: Final = 3_000
_ENGINE_OPTIONS: Final = "options"
_FILTER_FIELD: Final = "FilterRTID"
_LAYER_FIELD: Final = "LayerRTID"
_DROPS: Final = {5150, 5151, 5152, 5153, 5154, 5155, 5156, 5157, 5158, 5159}


def _facts(seen: Seen) -> tuple[bool, str]:
    unknown = [str(one["fact"]) for one in seen.facts["unknown"]]
    named = ", ".join(name for name in unknown if _WORD.fullmatch(name)) or "none"
    gaps = seen.fact_gaps
    return not gaps, f"not found out: {named}; {len(gaps)} gaps"


def _engine(seen: Seen) -> tuple[bool, str]:
    told = seen.facts["bfe"]
    running = told["status"] == _RUNNING
    known = isinstance(told["process_id"], int)
    began = isinstance(told["started_at"], str)
    return running and known and began, f"running {running}, process {known}, start time {began}"


def _consistent(seen: Seen) -> tuple[bool, str]:
    after = msgspec.json.decode(seen.raw("snapshot", "after"))
    same = after["bfe"] == seen.facts["bfe"]
    newest = after["newest_filter"]
    moved = len(set(newest)) > 1
    return same, f"the engine's service is the same: {same}; filters were added meanwhile: {moved}"


def _clock(seen: Seen) -> tuple[bool, str]:
    text = str(seen.facts["clock"]["utc"])
    moment = datetime.fromisoformat(text)
    return moment.tzinfo is not None, f"has a zone: {moment.tzinfo is not None}"


def _luids(seen: Seen) -> tuple[bool, str]:
    own = {row["luid"] for row in seen.facts["interfaces"]}
    named = {
        condition.value
        for one in seen.state.filters
        for condition in one.conditions
        if condition.field == "FWPM_CONDITION_IP_LOCAL_INTERFACE"
        or condition.field.endswith(("ARRIVAL_INTERFACE", "NEXTHOP_INTERFACE"))
    }
    numbers = {value for value in named if isinstance(value, int)}
    if not numbers:
        raise NotAskedError("no filter names an interface")
    return bool(numbers & own), f"{len(numbers & own)} of {len(numbers)} LUIDs are interfaces here"


def _volumes(seen: Seen) -> tuple[bool, str]:
    devices = [str(row["device"]).lower() for row in seen.facts["volumes"]]
    apps = {one.app_id.lower() for one in seen.state.endpoints if one.app_id}
    paths = [app for app in apps if app.startswith("\\device\\")]
    if not paths:
        raise NotAskedError("no endpoint names a program")
    found = sum(any(path.startswith(f"{device}\\") for device in devices) for path in paths)
    return found > 0, f"{found} of {len(paths)} programs lie on a volume with a letter"


def _kind(kind: str) -> Check:
    def check(seen: Seen) -> tuple[bool, str]:
        line = seen.context_lines.get(kind)
        if line is None:
            raise NotAskedError(f"{kind} did not come")
        rows = line["rows"]
        if not isinstance(rows, list):
            return False, f"an error after {int(line['ms'])} ms"
        gaps = [gap for gap in seen.context.gaps if gap.place.startswith(kind)]
        text = f"{len(rows)} rows, {len(gaps)} gaps, {int(line['ms'])} ms"
        return bool(rows) and not gaps, text

    return check


def _companies(seen: Seen) -> tuple[bool, str]:
    line = seen.context_lines.get("Service")
    if line is None or not line["rows"]:
        raise NotAskedError("no services came")
    rows, taken = line["rows"], int(line["ms"])
    without = sum(row.get("company") is None for row in rows)
    dlls = sum(row.get("service_dll") is not None for row in rows)
    text = f"{len(rows)} services in {taken} ms, {without} without a company, {dlls} with a library"
    return taken < _SERVICE_MS and dlls > 0, text


def _fast(seen: Seen) -> tuple[bool, str]:
    taken = {kind: int(line["ms"]) for kind, line in seen.context_lines.items()}
    slowest = max(taken, key=lambda kind: taken[kind])
    known = slowest if slowest.isalpha() else "one"
    return sum(taken.values()) < _SLOW_MS, f"{sum(taken.values())} ms, the most for {known}"


def _profiles(seen: Seen) -> tuple[bool, str]:
    profiles = seen.context.profiles
    if profiles is None:
        raise NotAskedError("no profiles came")
    keys = {one.key.rpartition("\\")[2] for one in profiles if one.store == "local"}
    found = sorted(keys & _PROFILES)
    return len(found) == len(_PROFILES), f"in the local store: {', '.join(found) or 'none'}"


def _rule_origins(seen: Seen) -> tuple[bool, str]:
    rules = seen.context.rules
    if rules is None:
        raise NotAskedError("no firewall rules came")
    ids = {rule.id.casefold() for rule in rules}
    braced = {
        rule.origin.casefold()
        for rule in rules_of(seen.state).values()
        if rule.origin and rule.origin.startswith("{")
    }
    if not braced:
        raise NotAskedError("no filter names the id of a rule")
    found = len(braced & ids)
    return found * 10 >= len(braced) * 9, f"{found} of {len(braced)} ids are in the registry"


def _session_process(seen: Seen) -> tuple[bool, str]:
    processes = seen.context.processes
    if processes is None:
        raise NotAskedError("no processes came")
    known = {one.process_id for one in processes}
    asked = {one.process_id for one in seen.state.sessions if one.process_id}
    if not asked:
        raise NotAskedError("no session names a process")
    found = len(asked & known)
    return found * 2 > len(asked), f"{found} of {len(asked)} processes of sessions are listed"


def _key(name: str) -> Check:
    def check(seen: Seen) -> tuple[bool, str]:
        there = seen.probe("Registry")[name]
        return there is True, "it is there" if there is True else "it is not there"

    return check


def _option_names(seen: Seen) -> tuple[bool, str]:
    names = [str(name) for name in seen.probe("Registry")["option_names"]]
    shown = [name for name in names if re.fullmatch(r"[A-Za-z]{1,40}", name)]
    return bool(shown), ", ".join(shown) or "no names"


def _events(seen: Seen) -> tuple[bool, str]:
    ended, data = seen.ended("events"), seen.raw("events", "events")
    told = [msgspec.json.decode(line) for line in data.splitlines()]
    if not told:
        raise NotAskedError("the log holds none of these events")
    drops = [one for one in told if one["event_id"] in _DROPS]
    names: set[str] = {str(field["name"]) for one in drops for field in one["data"] or ()}
    held = ended.state == "completed" and (not drops or {_FILTER_FIELD, _LAYER_FIELD} <= names)
    return held, f"{len(told)} events, {len(drops)} of connections, {len(names)} fields"


def _no_events(seen: Seen) -> tuple[bool, str]:
    ended = seen.ended("no-events")
    if ended.state == "unreached" or ended.problems:
        codes = ", ".join(code for _, code in ended.problems) or ended.cause
        known = ended.state == "unreached" or "not-elevated" in codes or "access-denied" in codes
        if known:
            raise NotAskedError(codes)
        return False, codes
    payload: Any = seen.payload("no-events", "events")
    return payload.plain == 0, f"{payload.plain} bytes and no error"


CHECKS: Final[dict[str, Check]] = {
    "host-facts": _facts,
    "host-engine": _engine,
    "host-consistent": _consistent,
    "host-clock": _clock,
    "host-luids": _luids,
    "host-volumes": _volumes,
    "host-services": _kind("Service"),
    "host-companies": _companies,
    "host-drivers": _kind("Driver"),
    "host-processes": _kind("Process"),
    "host-listeners": _kind("Listener"),
    "host-routes": _kind("Route"),
    "host-profiles": _kind("FirewallProfile"),
    "host-rules": _kind("FirewallRule"),
    "host-proxy": _kind("Proxy"),
    "host-audit": _kind("AuditPolicy"),
    "host-local-profiles": _profiles,
    "host-rule-origins": _rule_origins,
    "host-session-process": _session_process,
    "host-fast": _fast,
    "host-option-key": _key(_ENGINE_OPTIONS),
    "host-option-names": _option_names,
    "host-rule-key": _key("rules"),
    "host-restricted-key": _key("restricted"),
    "host-language-key": _key("language"),
    "events-read": _events,
    "events-none": _no_events,
}
