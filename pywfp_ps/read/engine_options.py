"""Options of the engine and system ports, from netsh's console and files and from records."""

from __future__ import annotations

import re
from typing import Any, Final

from lxml import etree

from pywfp_ps.model.context import EngineOption, SystemPort
from pywfp_ps.model.objects import Gap
from pywfp_ps.payload.unpack import unpack
from pywfp_ps.read.netsh.encoding import utf8_of
from pywfp_ps.read.netsh.tree import parse
from pywfp_ps.read.record_lines import Log, lines_of, record_of
from pywfp_ps.read.record_values import strict_json

_LINE: Final = re.compile(r"\s*(netevents|keywords|txnwatchdog)\s*=\s*(\S.*?)\s*", re.IGNORECASE)
_NAMES: Final = {
    "CollectNetEvents": "netevents",
    "NetEventMatchAnyKeywords": "keywords",
    "TxnWatchdogTimeoutInMsec": "txnwatchdog",
}
_TRUTH: Final = {0: "off", 1: "on"}
_PORT_MAX: Final = 0xFFFF
_LONGEST: Final = 200
_MOST_GAPS: Final = 1_000
_LARGEST: Final = 1 << 20  # bytes of options, and of ports; both are some hundred lines


def read_options(
    data: bytes, *, source: str = "options"
) -> tuple[tuple[EngineOption, ...], tuple[Gap, ...]]:
    """Options that ``netsh wfp show options`` printed, by JSON lines of what each call said.

    netsh prints ``netevents = on``; what looks otherwise becomes a gap with its text. What it says
    of security is not read.

    Raises:
        ReadError: The data is too large.
    """
    found, gaps = [], []
    plain = unpack(data, limit=_LARGEST, source=source)
    for number, line in enumerate(plain.splitlines(), start=1):
        try:
            told = strict_json(line)
            command, said = str(told["command"]), told["said"]
        except (ValueError, TypeError, KeyError) as problem:
            gaps.append(_gap(source, f"line {number}", f"is no answer of netsh ({problem})"))
            continue
        if not command.startswith("options "):
            continue
        texts = [text for text in said if isinstance(text, str)] if isinstance(said, list) else []
        options = [match for text in texts if (match := _LINE.fullmatch(text))]
        found += [EngineOption(name=one[1].lower(), value=one[2]) for one in options]
        if not options:
            instead = " ".join(texts).strip() or _error_text(told.get("error"))
            gaps.append(_gap(source, command, f"netsh said no option but: {instead}"))
    return tuple(found), _first(gaps, source)


def read_record_options(
    data: bytes, *, source: str = "records"
) -> tuple[tuple[EngineOption, ...], tuple[Gap, ...]]:
    """Options of the engine among NtObjectManager's records, by netsh's names where it has one.

    Raises:
        ReadError: The data is too large.
    """
    log = Log(source)
    found: list[EngineOption] = []
    unread: list[Gap] = []
    for number, line in lines_of(unpack(data, source=source)):
        record = record_of(number, line, log) if b"engineoption" in line else None
        if record is None or record.kind != "engineoption":
            continue
        name, value = record.text("option"), record.take("value", _number)
        if name is None or value is None:
            unread.append(_gap(source, record.place, "is no option and its value"))
            continue
        text = _TRUTH.get(value) if name == "CollectNetEvents" else None
        found.append(EngineOption(name=_NAMES.get(name, name), value=text or str(value)))
    return tuple(found), _first(unread, source)


def _number(raw: bytes) -> int:
    told: Any = strict_json(raw)
    value = told.get("v") if isinstance(told, dict) else None
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("is no number")  # noqa: TRY004 - bad input, like any other
    return value


def read_system_ports(
    data: bytes, *, source: str = "sysports"
) -> tuple[tuple[SystemPort, ...], tuple[Gap, ...]]:
    """Ports in a file of ``netsh wfp show sysports``.

    No such file is public. Whatever holds a ``type`` and a list ``ports`` beside it is read, as
    the members of FWPM_SYSTEM_PORTS_BY_TYPE0 are called; where nothing does, that is a gap.

    Raises:
        ReadError: It is no XML, is too large, or tries what only a hostile file does.
    """
    text, start, _ = utf8_of(unpack(data, limit=_LARGEST, source=source))
    tree = parse(text, source, start=start, may_cut=False)
    found: list[SystemPort] = []
    gaps = [_gap(source, f"line {one.line}", f"damaged: {one.problem}") for one in tree.damage[:20]]
    for ports in tree.root.iter("ports"):
        parent = ports.getparent()
        kind = None if parent is None else parent.findtext("type")
        for port in ports:
            number = port.text or ""
            if not kind or not re.fullmatch("[0-9]{1,5}", number) or int(number) > _PORT_MAX:
                gaps.append(_gap(source, f"line {port.sourceline}", "is no port of a kind"))
                continue
            found.append(SystemPort(type=kind, port=int(number)))
    if not found:
        head = etree.tostring(tree.root, encoding="unicode")[:_LONGEST]
        gaps.append(_gap(source, "the file", f"lists no port in a way that is known: {head}"))
    return tuple(found), _first(gaps, source)


def _error_text(error: object) -> str:
    """What the host said in place of an answer."""
    if isinstance(error, dict) and {"id", "text"} <= set(error):
        return f"{error['text']} ({error['id']})"
    return str(error)


def _first(gaps: list[Gap], source: str) -> tuple[Gap, ...]:
    """The first gaps, and one that counts the others."""
    more = len(gaps) - _MOST_GAPS
    if more <= 0:
        return tuple(gaps)
    return (*gaps[:_MOST_GAPS], _gap(source, "the end", f"and {more} more gaps"))


def _gap(source: str, place: str, problem: str) -> Gap:
    return Gap(source=source, place=place[:_LONGEST], problem=problem[:_LONGEST])
