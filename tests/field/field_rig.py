"""A made-up machine for a field test: a practice host, and the probes of a good Windows."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from pywfp_ps.field import Asked, ask
from pywfp_ps.field.asking import SAY
from pywfp_ps.model.objects import HAS_FILTER_ORIGIN
from pywfp_ps.payload import decode
from pywfp_ps.payload.frames import encode_part
from pywfp_ps.read import read_state
from pywfp_ps.transports.base import Patience, Ran, ScriptError, Target, Usage, Watch
from pywfp_ps.transports.engines import here
from pywfp_ps.write.records import write_records
from pywfp_remote.lab.generated import GeneratedHosts
from tests.pywfp_remote.lab.lab_rig import lab_host

HERE = here()
NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
ABSENT = {"dump-keywords", "dump-value-forms"}
"""Checks of what no practice host has."""

LETTERS = "A\"\\/<>&'\t\x7f\xfc\u2028\U0001f600"
WORKS = {"works": True, "id": None, "text": None, "said": ["Data collection successful"]}
FAILS = {
    "works": False,
    "id": "PyWfp.netsh-failed,Invoke-PyWfpNetsh",
    "text": "netsh ended with code 1: The following command was not found",
    "said": ["The following command was not found: wfp show nothing."],
    "head": [],
    "bytes": None,
}
FILE = {"head": ["<sysPorts>"], "bytes": 900}
PRINTED: dict[str, Any] = {"head": [], "bytes": None}

PROBES: dict[str, Any] = {
    "Shell": {
        "version": "5.1.26100.1",
        "edition": "Desktop",
        "language_mode": "FullLanguage",
        "elevated": True,
        "minus_five": "-5",
        "one_and_a_half": "1.5",
        "largest": "4294967295",
        "time": "2026-11-21T10:00:00.0000000",
        "program_code": 2,
        "program_missing": "PyWfp.program-missing,Find-PyWfpProgram",
        "digest": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    },
    "Json": {
        "texts": msgspec.json.encode({"a": LETTERS, "b": ""}).decode()
        .encode("ascii", "backslashreplace").decode()
        .replace("\\U0001f600", "\\ud83d\\ude00").replace("\\xfc", "\\u00fc"),
        "numbers": '{"a":4294967295,"b":-5,"c":1.5,"d":9007199254740993}',
        "large": '{"a":"00000000-0000-0000-0000-000000000000","b":"18446744073709551615"}',
        "truths": '{"a":true,"b":false,"c":null}',
        "lists": '{"a":[],"b":["x"],"c":["x","y"],"d":[{"e":[1]}]}',
        "deep": '{"a":{"b":{"c":{"d":{"e":[1]}}}}}',
        "too_deep": "error ActionPreferenceStop,Microsoft.PowerShell.Commands.ConvertToJsonCommand",
    },
    "Text": {
        "bytes": 8,
        "sha256": "924d391c158a46409fdff363063d718ea0bc00b14556f129984942af91233bbe",
        "lines": ["abc", "def"],
        "whole": "abc\ndef\n",
        "hung_on": 7,
    },
    "Left": {"folders": 0},
    "Folder": {
        "access": "O:BAG:SYD:PAI(A;OICI;FA;;;OW)(A;OICI;FA;;;BA)",
        "gone": True,
    },
    "Netsh": [
        {"case": "right", **WORKS, **FILE},
        {"case": "again", **WORKS, **FILE},
        {"case": "space", **WORKS, **FILE},
        {"case": "console", **WORKS, **PRINTED, "said": ["<?xml version=\"1.0\"?>"]},
        {"case": "boottime", **WORKS, **FILE},
        {"case": "window", **WORKS, **FILE},
        {"case": "no_folder", **FAILS},
        {"case": "no_command", **FAILS},
        {"case": "no_option", **FAILS},
        {"case": "no_type", **FAILS},
        {"case": "many", **WORKS, **FILE},
        {"case": "capture", **WORKS, **PRINTED},
    ],
    "Registry": {
        "options": True,
        "rules": True,
        "restricted": True,
        "language": True,
        "network_service": True,
        "option_names": ["CollectNetEvents"],
    },
    "Module": {
        "order": [],
        "type": "NtCoreLib.Net.Firewall.FirewallFilter",
        "plain": {"filters": 3, "boottime": 1, "disabled": 0},
        "asked": {"filters": 3, "boottime": 1, "disabled": 0},
    },
}  # fmt: skip

Change = Callable[[dict[str, Any]], object]


@cache
def _hosts() -> GeneratedHosts:
    return GeneratedHosts()


@cache
def answer(call: str, arguments: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    """The frames of a practice host."""
    lines = tuple(_hosts()(lab_host("web-002")).answer(call, dict(arguments)))
    return tuple(_with_origin_bit(lines)) if call == "Get-PyWfpSnapshot" else lines


def part_of(lines: Sequence[str], part: str) -> bytes:
    """The plain bytes of one part."""
    payloads = decode(lines, host="here", transport="child").payloads
    return next(payload for payload in payloads if payload.part == part).raw()


def _with_origin_bit(lines: Sequence[str]) -> Iterator[str]:
    """The snapshot with a number for the flag that has no public one."""
    bits = {HAS_FILTER_ORIGIN: 0x1000}
    for line in lines:
        frame = msgspec.json.decode(line)
        if frame.get("part") != "records":
            yield line
        elif frame["frame"] == "begin":
            text = write_records(read_state(part_of(lines, "state")), numbers=bits)
            content = frame["content"]
            yield from encode_part(
                text, part="records", content=content, call=frame["call"], taken_at=NOW
            )


def field_frames(probes: Mapping[str, Any], say: Sequence[str]) -> Iterator[str]:
    """The part ``field`` of a machine with these probes; one that is ``None`` failed."""
    told = {**probes, "Argument": probes.get("Argument", {"said": say, "count": len(say)})}
    module = told.get("Module")
    if isinstance(module, dict) and module.get("order") == []:
        told["Module"] = {**module, "order": _order()}
    error = {"id": "PyWfp.module-missing,Import-PyWfpNtObjectManager", "text": "It is missing."}
    lines = [
        {"v": 1, "kind": kind, "seen": seen, "error": None if seen is not None else error, "ms": 1}
        for kind, seen in told.items()
    ]
    text = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
    return encode_part(
        text, part="field", content="field-test", call="Get-PyWfpFieldTest", taken_at=NOW
    )


@cache
def _order() -> list[str]:
    """Ids of connect, IPv4, as an engine would sort them whose ties rise by id."""
    state = read_state(part_of(answer("Get-PyWfpState", ()), "state"))
    weights = {one.const_name: one.weight or 0 for one in state.sublayers}
    found = [one for one in state.filters if one.layer == "FWPM_LAYER_ALE_AUTH_CONNECT_V4"]
    found.sort(key=lambda one: (-weights[one.sublayer], -(one.effective_weight or 0), one.id))
    return [str(one.id) for one in found]


class Machine:
    """A transport to the machine.

    Args:
        probes: What its probes saw.
        spoil: Gets the lines of each call and gives those that come instead.
    """

    name = "child"

    def __init__(
        self,
        probes: Mapping[str, Any] | None = None,
        spoil: Callable[[str, tuple[str, ...]], Sequence[str]] = lambda _, lines: lines,
    ) -> None:
        self._probes = PROBES if probes is None else probes
        self._spoil = spoil

    def run(
        self,
        target: Target,
        call: str,
        arguments: Mapping[str, str | Sequence[str]],
        *,
        on_frame: Callable[[str], object],
        watch: Watch,
    ) -> Ran:
        assert target == HERE
        lines = self._lines(call, arguments)
        for line in self._spoil(call, lines):
            on_frame(line)
            if watch.is_stopped:
                return Ran(state="stopped", usage=Usage())
        return Ran(state="completed", usage=Usage())

    def _lines(self, call: str, arguments: Mapping[str, str | Sequence[str]]) -> tuple[str, ...]:
        if call == "Get-PyWfpFieldTest":
            return tuple(field_frames(self._probes, list(arguments["Say"])))
        return answer(call, tuple((name, str(value)) for name, value in arguments.items()))


class Broken:
    """A transport whose jobs all end with an error of the script."""

    name = "child"

    def run(self, *_: object, watch: Patience, **__: object) -> Ran:
        assert not watch.is_stopped
        error = ScriptError(error_id="PyWfp.not-elevated,Assert-PyWfpReady", text="no")
        return Ran(state="failed", usage=Usage(), errors=(error,))


def asked(machine: Any | None = None) -> Asked:
    return ask(machine or Machine(), HERE, now=datetime.now(UTC))


def changed(kind: str, change: Change) -> dict[str, Any]:
    """The probes with one kind changed."""
    probes = copy.deepcopy(PROBES)
    change(probes[kind])
    return probes


def put(folder: Path, name: str, lines: Sequence[str]) -> None:
    """The lines that a stand-in engine whose folder this is says to a call."""
    (folder / f"{name}.lines").write_text("".join(f"{line}\n" for line in lines), "utf-8")


def write_answers(folder: Path) -> None:
    """All that the jobs of a field test ask for; the job that is stopped waits for that."""
    for call in ("Get-PyWfpSnapshot", "Get-PyWfpFilterDump", "Get-PyWfpSecurityEvent"):
        given = (("Source", "both"),) if call.endswith("Snapshot") else ()
        put(folder, call, answer(call, given))
    before = (("Before", "19900101T000000000Z"),)
    put(folder, "Get-PyWfpSecurityEvent-Before", answer("Get-PyWfpSecurityEvent", before))
    put(folder, "Get-PyWfpState", (*answer("Get-PyWfpHostFact", ()), "wait"))
    put(folder, "Get-PyWfpFieldTest", list(field_frames(PROBES, list(SAY))))
