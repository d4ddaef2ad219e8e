"""The faults a practice host can have, by name: one table, one line each."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from fnmatch import fnmatchcase

from msgspec import Struct

from pywfp_ps.errors import UsageError


class Stage(StrEnum):
    """Where on the way a fault strikes."""

    ADDRESS = "address"
    TLS = "tls"
    HTTP = "http"
    LOGON = "logon"
    WSMAN = "wsman"
    PSRP = "psrp"
    FRAMES = "frames"
    HOST = "host"


class Fault(Struct, frozen=True):
    """One fault.

    Attributes:
        name: How it is asked for.
        stage: Where it strikes.
        doc: What it does, in one line.
    """

    name: str
    stage: Stage
    doc: str


_TABLE: dict[Stage, dict[str, str]] = {
    Stage.ADDRESS: {
        "dns": "The inventory's address is a name that never resolves (RFC 2606).",
        "refused": "Nothing listens on the port.",
        "unreachable": "Connecting gets no answer at all (full backlog; Windows refuses instead).",
        "hangs": "The connection is accepted, and then nothing ever comes.",
        "resets": "The connection is accepted and cut at once.",
    },
    Stage.TLS: {
        "tls-name": "The certificate is for another name.",
        "tls-expired": "The certificate ran out an hour ago.",
        "tls-unknown-ca": "The certificate comes from an authority that nobody trusts.",
    },
    Stage.HTTP: {
        "slow": "Every answer takes two seconds longer.",
        "redirect": "Every request is sent elsewhere with 307, where each arrival is counted.",
        "html": "Every request gets a web page with status 200, as from a captive portal.",
        "html-error": "Every SOAP request gets a web page with status 503.",
        "not-found": "Every SOAP request gets 404.",
        "http-400": "Every SOAP request gets 400 and nothing else.",
        "http-500": "Every SOAP request gets 500 and nothing else.",
        "empty": "Every SOAP request gets 200 and nothing else.",
        "gzip-bomb": "Answers are 100 KB of gzip that unpack to 100 MB.",
        "drip": "Answers come one byte every half second, without an end.",
        "oversized": "Answers are 8 MB long, correct otherwise.",
        "clear-answer": "Sealed requests get correct answers in clear text.",
        "clear-fault": "Sealed requests get a forged fault in clear text.",
        "wrong-relates-to": "Answers relate to a message that nobody sent.",
        "fault-in-200": "The shell is refused, but with status 200.",
        "drops": "The connection is cut in the middle of an answer that carries the payload.",
        "stalls": "Nothing more comes once the payload has begun.",
    },
    Stage.LOGON: {
        "wrong-password": "The inventory has a wrong password.",
        "logon-lost": "The logon is forgotten in mid-run: 401 to everything after the command.",
    },
    Stage.WSMAN: {
        "access-denied": "No right to make a shell: fault 5.",
        "quota": "Too many shells of this user: fault 2150859173.",
        "quota-operations": "Too many operations of this user: fault 2150859174.",
        "quota-users": "Too many users with shells: fault 2150859179.",
        "quota-plugin": "Too many shells of this plug-in: fault 2150859236.",
        "quota-commands": "Too many commands in the shell: a fault without a number.",
        "no-configuration": "No such session configuration: fault 2150858811.",
        "no-process": "The host process cannot start: fault 1018.",
        "no-program": "The host process is not found: fault 2.",
        "open-timeout": "The shell does not start in time: fault 2150858793.",
        "shell-lost": "The shell is gone when the payload is asked for: fault 2150858843.",
        "host-died": "The host process dies in mid-payload: fault 1726.",
        "aborted": "The shell is deleted in mid-payload: fault 995.",
        "no-output": "The command never says anything: Receive times out again and again.",
    },
    Stage.PSRP: {
        "short-fragment": "The payload's last fragment is shorter than its header.",
        "lying-length": "The last fragment claims four gigabytes.",
        "no-start": "A message's first fragment does not say that it is the first.",
        "empty-fragments": "Ten thousand empty fragments come before the payload.",
        "endless-fragments": "A message never ends.",
        "unknown-message": "A message of a type that does not exist.",
        "bad-xml": "An output object whose XML is cut off.",
        "deep-xml": "An output object nested two thousand deep.",
        "xml-bomb": "An output object with a document type and entities in it.",
        "foreign-ids": "Messages carry ids of a pool and a pipeline that do not exist.",
        "endless-records": "Progress records without an end before the payload.",
        "endless-output": "Output lines without an end.",
        "throws": "The function throws in the middle of its payload.",
        "no-end-state": "The pipeline sends all and never ends.",
    },
    Stage.FRAMES: {
        "wrong-hash": "The hash in the end frame belongs to something else.",
        "missing-frame": "One data frame is lost.",
        "repeated-frame": "One data frame comes twice.",
        "reordered": "Two data frames change places.",
        "no-end": "The end frame never comes.",
        "wrong-count": "The end frame counts one frame too many.",
        "wrong-size": "The end frame states another plain size.",
        "noise": "Lines that are no frames lie between the frames.",
        "payload-bomb": "The dump is gzip that unpacks to a gigabyte of zeros.",
        "not-gzip": "The dump says it is gzip and is not.",
    },
    Stage.HOST: {
        "bfe-stopped": "The Base Filtering Engine does not run.",
        "not-elevated": "The account has no administrator's token.",
        "netsh-failed": "netsh ends with an error.",
        "netsh-slow": "netsh does not finish in its time.",
        "too-large": "The dump is larger than allowed.",
        "no-disk": "The system volume is full.",
        "module-missing": "NtObjectManager is not installed.",
        "module-blocked": "Antivirus does not let NtObjectManager load.",
        "module-policy": "The execution policy does not let NtObjectManager load.",
        "module-failed": "NtObjectManager is installed and does not load.",
        "half-refused": "The filter engine gives NtObjectManager some kinds of objects only.",
        "layer-refused": "NtObjectManager cannot list the filters of one layer.",
        "object-unreadable": "NtObjectManager cannot read one of the filters.",
        "wmi-refused": "WMI refuses the account: services, processes and routes stay unknown.",
        "antivirus": "The script is refused as malicious before it runs.",
        "execution-policy": "Running scripts is forbidden by policy.",
        "constrained-language": "PowerShell runs in constrained language mode.",
        "no-language": "PowerShell takes no scripts and has no functions of ours.",
        "jea": "PowerShell takes no scripts but has our functions installed.",
        "clock-off": "The clock is four years behind.",
        "hostile-names": "Names in the policy carry markup, escapes, SQL and control characters.",
    },
}

_ALIASES = {"module-absent": "module-missing", "netsh-timeout": "netsh-slow"}

FAULTS: dict[str, Fault] = {
    name: Fault(name, stage, doc) for stage, rows in _TABLE.items() for name, doc in rows.items()
}
"""Every fault by name."""

NEEDS_TLS = frozenset(_TABLE[Stage.TLS])
"""Faults that only an HTTPS host can have: asking for one makes the host one."""

NEEDS_SEALING = frozenset({"clear-answer", "clear-fault"})
"""Faults that only a host with sealed messages can have."""

OWN_PORT = frozenset(_TABLE[Stage.ADDRESS]) | NEEDS_TLS
"""Faults of a port rather than of a host: such a host never shares one."""


class FaultRule(Struct, frozen=True):
    """One fault for the hosts that match one of the patterns."""

    name: str
    patterns: tuple[str, ...]

    def applies(self, host: str) -> bool:
        """Whether the host of this name has the fault."""
        return any(_matches(host, pattern) for pattern in self.patterns)


def parse_rules(texts: Iterable[str]) -> tuple[FaultRule, ...]:
    """Read rules such as ``quota=web-00*,db-003`` or ``slow=3n``.

    A pattern is a shell pattern over inventory names, or ``Kn+M``: every K-th host from the M-th
    on, by the digits at the end of its name.

    Raises:
        UsageError: There is no such fault, or the text is no rule.
    """
    rules = []
    for text in texts:
        name, equals, patterns = text.partition("=")
        name = _ALIASES.get(name.strip().lower(), name.strip().lower())
        if name not in FAULTS:
            raise UsageError(f"there is no fault {name!r}; the faults are: {', '.join(FAULTS)}")
        wanted = tuple(part.strip() for part in patterns.split(",") if part.strip())
        if not equals or not wanted:
            raise UsageError(f"a fault needs hosts: {name}=PATTERN[,PATTERN...]")
        rules.append(FaultRule(name, wanted))
    return tuple(rules)


def faults_of(host: str, rules: Iterable[FaultRule]) -> frozenset[str]:
    """The faults of the host of this name."""
    return frozenset(rule.name for rule in rules if rule.applies(host))


def _matches(host: str, pattern: str) -> bool:
    step = re.fullmatch(r"(\d+)n(?:\+(\d+))?", pattern)
    if step is None:
        return fnmatchcase(host, pattern)
    digits = re.search(r"(\d+)$", host)
    every, first = int(step.group(1)), int(step.group(2) or 0)
    if digits is None or every == 0:
        return False
    number = int(digits.group(1))
    return number >= first and (number - first) % every == 0
