"""Checks of PowerShell, the way to it, and what the module rests on there."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

from pywfp_ps.field.asking import SAY
from pywfp_ps.field.checks import Check
from pywfp_ps.field.seen import NotAskedError, Seen
from pywfp_ps.model.sddl import parse_sddl

_LETTERS: Final = "A\"\\/<>&'\t\x7f\xfc\u2028\U0001f600"
_JSON: Final[dict[str, Any]] = {
    "texts": {"a": _LETTERS, "b": ""},
    "numbers": {"a": 4294967295, "b": -5, "c": 1.5, "d": 9007199254740993},
    "large": {"a": "00000000-0000-0000-0000-000000000000", "b": "18446744073709551615"},
    "truths": {"a": True, "b": False, "c": None},
    "lists": {"a": [], "b": ["x"], "c": ["x", "y"], "d": [{"e": [1]}]},
    "deep": {"a": {"b": {"c": {"d": {"e": [1]}}}}},
}
_NUMBERS: Final = {
    "minus_five": "-5",
    "one_and_a_half": "1.5",
    "largest": "4294967295",
    "time": "2026-11-21T10:00:00.0000000",
}
_FILE: Final = b"abc\ndef\n"
_MODES: Final = ("FullLanguage", "ConstrainedLanguage", "RestrictedLanguage", "NoLanguage")
_OWNERS: Final = {"S-1-5-32-544": "administrators", "S-1-5-18": "SYSTEM", "LA": "administrator"}
_ACCOUNTS: Final = ("S-1-5-21-", "S-1-5-94-")
_OURS: Final = {"S-1-5-32-544", "S-1-3-4"}


def _server_mode(seen: Seen) -> tuple[bool, str]:
    ended = seen.ended("field")
    if ended.state == "unreached":
        return False, f"no session: {ended.cause}"
    clean = not (ended.faults or ended.noise or ended.foreign)
    text = f"{seen.asked.transport}: {ended.state}, {len(ended.faults)} faults, {ended.noise} noise"
    return ended.state == "completed" and clean, f"{text}, {ended.foreign} other objects"


def _frames_whole(seen: Seen) -> tuple[bool, str]:
    ran = [one for one in seen.asked.ended.values() if one.state != "unreached"]
    if not ran:
        raise NotAskedError("no job ran")
    let_go = seen.asked.ended.get("stopped")
    faults = sorted({fault for one in ran if one is not let_go for fault in one.faults})
    noise = sum(one.noise for one in ran)
    return not faults and not noise, f"{len(ran)} jobs, {noise} noise, faults: {_words(faults)}"


def _stop_finally(seen: Seen) -> tuple[bool, str]:
    ended = seen.ended("stopped")
    if ended.state == "unreached":
        raise NotAskedError(f"the job did not run: {ended.cause}")
    left = seen.probe("Left")["folders"]
    text = f"the job ended as {ended.state} after {ended.seconds:.1f} s, {left} folders left"
    return ended.state == "stopped" and left == 0, text


def _json(seen: Seen) -> tuple[bool, str]:
    told = seen.probe("Json")
    wrong = []
    for name, wanted in _JSON.items():
        text = told[name]
        try:
            same = text.isascii() and json.loads(text) == wanted
        except ValueError:
            same = False
        if not same:
            wrong.append(name)
    return not wrong, f"{len(_JSON) - len(wrong)} of {len(_JSON)} as meant; not: {_words(wrong)}"


def _json_deep(seen: Seen) -> tuple[bool, str]:
    text = seen.probe("Json")["too_deep"]
    held = text.startswith("error ")
    return held, "an error" if held else f"{len(text)} characters of JSON and no error"


def _arguments(seen: Seen) -> tuple[bool, str]:
    told = seen.probe("Argument")
    same = list(told["said"]) == list(SAY) and told["count"] == len(SAY)
    return same, f"{int(told['count'])} of {len(SAY)} texts came, the same: {same}"


def _numbers(seen: Seen) -> tuple[bool, str]:
    told = seen.probe("Shell")
    wrong = [name for name, wanted in _NUMBERS.items() if told[name] != wanted]
    return not wrong, f"not as meant: {_words(wrong)}"


def _native(seen: Seen) -> tuple[bool, str]:
    code = seen.probe("Shell")["program_code"]
    if code is None:
        raise NotAskedError("this is not Windows")
    return isinstance(code, int) and code != 0, f"exit code {int(code)}"


def _error_id(seen: Seen) -> tuple[bool, str]:
    held = str(seen.probe("Shell")["program_missing"]).startswith("PyWfp.program-missing")
    return held, "the id came through" if held else "another id came"


def _hash(seen: Seen) -> tuple[bool, str]:
    digest = seen.probe("Shell")["digest"]
    if digest is None:
        raise NotAskedError("constrained language has no hash classes")
    held = digest == hashlib.sha256(b"abc").hexdigest()
    return held, "SHA-256 as published" if held else "another digest"


def _files(seen: Seen) -> tuple[bool, str]:
    told = seen.probe("Text")
    wrong = [
        name
        for name, wanted in {
            "bytes": len(_FILE),
            "sha256": hashlib.sha256(_FILE).hexdigest(),
            "lines": _FILE.decode().split(),
            "whole": _FILE.decode(),
        }.items()
        if told[name] != wanted
    ]
    return not wrong, f"not as meant: {_words(wrong)}; {int(told['hung_on'])} notes on a line"


def _mode(seen: Seen) -> tuple[bool, str]:
    told = seen.probe("Shell")["language_mode"]
    known = told in _MODES
    return known, told if known else "a mode that is not documented"


def _closed(seen: Seen) -> tuple[bool, str]:
    text = seen.probe("Folder")["access"]
    if not text:
        raise NotAskedError("this is not Windows")
    found = parse_sddl(text)
    granted = {ace.sid for ace in found.dacl or ()}
    protected = "P" in found.dacl_flags
    others = len(granted - _OURS)
    held = protected and granted == _OURS
    return held, f"{len(granted)} accounts, {others} of them others; inherited: {not protected}"


def _owner(seen: Seen) -> tuple[bool, str]:
    text = seen.probe("Folder")["access"]
    if not text:
        raise NotAskedError("this is not Windows")
    owner = parse_sddl(text).owner or ""
    kind = "an account of its own" if owner.startswith(_ACCOUNTS) else _OWNERS.get(owner)
    return kind is not None, f"owned by {kind or 'somebody else'}"


def _gone(seen: Seen) -> tuple[bool, str]:
    gone = seen.probe("Folder")["gone"]
    return gone is True, "it is gone" if gone is True else "it is still there"


def _hive(seen: Seen) -> tuple[bool, str]:
    opens, elevated = seen.probe("Registry")["network_service"], seen.probe("Shell")["elevated"]
    if elevated is None:
        raise NotAskedError("this is not Windows")
    return opens == elevated, f"elevated {bool(elevated)}, the hive opens {bool(opens)}"


def _pace(seen: Seen) -> tuple[bool, str]:
    ended = seen.ended("snapshot")
    if ended.state == "unreached":
        raise NotAskedError(f"the job did not run: {ended.cause}")
    return ended.seconds < 120, f"{ended.seconds:.1f} s for all parts of a collection"


def _words(names: list[str]) -> str:
    return ", ".join(names) or "none"


CHECKS: Final[dict[str, Check]] = {
    "ps-server-mode": _server_mode,
    "ps-frames-whole": _frames_whole,
    "ps-stop-finally": _stop_finally,
    "ps-json": _json,
    "ps-json-too-deep": _json_deep,
    "ps-arguments": _arguments,
    "ps-numbers": _numbers,
    "ps-native-exit": _native,
    "ps-error-id": _error_id,
    "ps-hash": _hash,
    "ps-files": _files,
    "ps-language-mode": _mode,
    "ps-folder-closed": _closed,
    "ps-folder-gone": _gone,
    "ps-owner": _owner,
    "ps-elevation-hive": _hive,
    "ps-pace": _pace,
}
