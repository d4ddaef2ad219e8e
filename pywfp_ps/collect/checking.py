"""Whether hosts can be collected, asked without collecting: reach, logon, rights, versions."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from pywfp_ps.collect.judging import clock_told, report_of
from pywfp_ps.errors import ReadError
from pywfp_ps.fleet.causes import Cause
from pywfp_ps.fleet.fanout import FanOut, Limits
from pywfp_ps.fleet.outcomes import Outcome, Report
from pywfp_ps.fleet.visits import Visit
from pywfp_ps.payload import Decoder, Payload
from pywfp_ps.payload import Limits as FrameLimits
from pywfp_ps.read.facts import LARGEST, read_facts

if TYPE_CHECKING:
    from pywfp_ps.collect.visiting import Source
    from pywfp_ps.model.host import HostFacts
    from pywfp_ps.transports.base import Target, Transport

CALL: Final = "Get-PyWfpHostFact"
_FULL: Final = "FullLanguage"
_RUNNING: Final = 4  # ServiceControllerStatus
_MOST_LACKS: Final = 20
_LONGEST_NAME: Final = 40


class Checked(Struct, frozen=True, kw_only=True):
    """What is known of a host.

    Attributes:
        outcome: ``ok`` where nothing stands in the way of a collection.
        facts: What it says of itself; None where it did not come to that.
        clock: How far its clock is off, in words; empty where it is right or unknown.
    """

    outcome: Outcome
    facts: HostFacts | None = None
    clock: str = ""


class _Engine(Struct, frozen=True):
    """The part of the facts that says whether the engine runs."""

    status: int | None = None


class _Unknown(Struct, frozen=True):
    fact: str = ""


class _Told(Struct, frozen=True):
    bfe: _Engine | None = None


class _Lacks(Struct, frozen=True):
    """The part of the facts that names what the host could not say."""

    unknown: list[_Unknown] = []


class Check:
    """One check of many hosts; iterate over it to run it.

    Args:
        targets: The hosts.
        transport_of: The transport of a host.
        limits: How patiently.
        source: What a collection would ask on the hosts.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        transport_of: Callable[[Target], Transport],
        limits: Limits | None = None,
        source: Source = "netsh",
    ) -> None:
        self._transport_of = transport_of
        self._source: Source = source
        self._facts: dict[str, HostFacts] = {}
        self._guard = threading.Lock()
        self.fan_out = FanOut(targets, self._visit, limits or Limits(seconds=60))

    def __iter__(self) -> Iterator[Checked]:
        """Outcomes as they come."""
        for outcome in self.fan_out:
            with self._guard:
                facts = self._facts.pop(outcome.host, None)
            told = outcome
            if outcome.outcome == "cancelled":  # there is no run to resume
                told = replace(outcome, to_do="Check again.")
            yield Checked(outcome=told, facts=facts, clock=clock_told(facts, datetime.now(UTC)))

    def _visit(self, target: Target, visit: Visit) -> Report:
        transport = self._transport_of(target)
        limits = FrameLimits(plain=LARGEST, packed=LARGEST)
        decoder = Decoder(
            host=target.name,
            transport=transport.name,
            limits=limits,
            hide=target.credential.hide,
        )
        parts: dict[str, Payload] = {}

        def take(line: str) -> None:
            found = decoder.feed(line)
            if isinstance(found, Payload):
                parts[found.part] = found

        ran = transport.run(target, CALL, {}, on_frame=take, watch=visit)
        whole = set(parts)
        report = report_of(ran, decoder.finish(), whole=whole, wanted={"facts"})
        if "facts" not in parts:
            return report
        plain = parts["facts"].raw()
        try:
            facts, _ = read_facts(plain)
        except ReadError as error:
            return replace(report, cause=Cause.BAD_PAYLOAD, text=str(error))
        with self._guard:
            self._facts[target.name] = facts
        sizes: dict[str, Any] = {"packed": parts["facts"].packed, "plain": parts["facts"].plain}
        report = _rights(report, facts, plain)
        if self._source != "netsh":
            report = _module(report, facts, self._source)
        return replace(report, **sizes)


def _rights(report: Report, facts: HostFacts, plain: bytes) -> Report:
    """The report, or what of the facts would fail a collection."""
    if report.cause is not None:
        return report
    if facts.elevated is False:
        return replace(report, cause=Cause.NOT_ELEVATED, text=f"{facts.account} is not elevated")
    if _is_stopped(plain):
        return replace(report, cause=Cause.BFE_STOPPED, text="the service BFE does not run")
    if lacks := _lacks(plain):
        told = f"it could not say {', '.join(lacks)}: a collection may lack more"
        return replace(report, text="; ".join(filter(None, (report.text, told))))
    return report


def _module(report: Report, facts: HostFacts, source: Source) -> Report:
    """The report, or why a collection could not use NtObjectManager; as it would end then."""
    if report.cause is not None:
        return report
    if facts.language_mode not in {None, _FULL}:
        text = f"NtObjectManager needs full language, and it is {facts.language_mode}"
        return replace(report, cause=Cause.LANGUAGE_MODE, partial=True, text=text)  # netsh answers
    if facts.ntobjectmanager == ():
        text = "NtObjectManager is not installed"
        is_partial = source == "both"  # netsh would answer alone
        return replace(report, cause=Cause.MODULE_MISSING, partial=is_partial, text=text)
    return report


def _lacks(plain: bytes) -> list[str]:
    """Names of the facts that the host could not find out."""
    try:
        unknown = msgspec.json.decode(plain, type=_Lacks).unknown
    except (msgspec.DecodeError, UnicodeDecodeError):
        return []
    return [one.fact[:_LONGEST_NAME] for one in unknown[:_MOST_LACKS]]


def _is_stopped(plain: bytes) -> bool:
    """Whether the host says that its filter engine does not run; no word is no."""
    try:
        engine = msgspec.json.decode(plain, type=_Told).bfe
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return engine is not None and engine.status not in {None, _RUNNING}
