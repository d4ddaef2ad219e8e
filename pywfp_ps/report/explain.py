"""Answers of the engine as text: for a terminal, in one line, and as a page for a ticket."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby, zip_longest
from operator import itemgetter
from typing import Final

from pywfp_ps.explain.answer import Explanation, LayerAnswer, Reason
from pywfp_ps.explain.flow import Flow
from pywfp_ps.explain.path import Step
from pywfp_ps.explain.used_fields import given_by
from pywfp_ps.explain.words import short
from pywfp_ps.model.text import PROFILES, PROTOCOLS
from pywfp_ps.report.text import one_line, visible

_OLD_DAYS: Final = 2
_MOST_EXCEPTIONS: Final = 2
_MOST_PRODUCTS: Final = 4
_MOST_DECIDERS: Final = 5


def flow_text(flow: Flow) -> str:
    """The question in one line: ``out TCP 192.0.2.10 -> 203.0.113.1:443 by chrome.exe as user``."""
    protocol = PROTOCOLS.get(flow.protocol, str(flow.protocol))
    local = _end(flow.local_address, flow.local_port, flow.ip_version)
    remote = _end(flow.remote_address, flow.remote_port, flow.ip_version)
    arrow = "<-" if flow.direction == "in" else "->"
    parts = [flow.direction, protocol]
    if flow.icmp_type is not None:
        parts.append(f"type {flow.icmp_type}")
    if flow.action == "connect":
        parts.append(f"{local} {arrow} {remote}")
    else:
        parts = [flow.action, protocol, local]
    if flow.app:
        parts.append(f"by {flow.app.rsplit(chr(92), 1)[-1]}")
    account = flow.preset or flow.user or ", ".join(f"service {name}" for name in flow.services)
    if account:
        parts.append(f"as {account}")
    if flow.package and flow.package != "none":
        parts.append(f"in package {flow.family or flow.package}")
    if flow.profile is not None:
        parts.append(f"on a {PROFILES[flow.profile]} network")
    return visible(" ".join(parts))


def _end(address: object, port: int | None, version: int) -> str:
    text = "any" if address is None else str(address)
    if port is None:
        return text
    return f"[{text}]:{port}" if version == 6 and address is not None else f"{text}:{port}"


def first_line(answer: Explanation, *, now: datetime | None = None) -> str:
    """The answer in plain words: verdict, deciding filter, its rule and product, who may override.

    Args:
        answer: The answer.
        now: The time to count a snapshot's age to; the present without it.
    """
    doubts = _doubts(answer, now or datetime.now(UTC))
    host = f"{one_line(answer.host)}: " if answer.host else ""
    text = f"{host}{_verdict(answer)}"
    overriders = [one for one in answer.overriders if not one.modelled]
    if overriders and answer.policy_verdict != "block":
        text += f"; may still be dropped by {_products(one.product for one in overriders)}"
    elif answer.policy_verdict == "permit" and not answer.certain:
        text += "; callouts of Windows are taken to let it pass"
    if answer.listening is False and answer.policy_verdict != "block":
        text += "; nothing listens on that port"
    return text + (f" [{'; '.join(doubts)}]" if doubts else "")


def _verdict(answer: Explanation) -> str:
    word = answer.policy_verdict.upper()
    if answer.policy_verdict == "unknown":
        return f"UNKNOWN: {_conditional(answer)}"
    sure = "" if answer.certain else " by the filters"
    if answer.deciding is None:
        if answer.deciders:
            return f"{word}{sure}: filter {_deciders(answer)}"
        return f"{word}{sure}; no filter decides, what nothing blocks passes"
    return f"{word}{sure}: {_deciding(answer)}"


def _deciders(answer: Explanation) -> str:
    """Filters that could be the one, those of one name that stand together named once."""
    pairs = zip_longest(answer.deciders[:_MOST_DECIDERS], answer.decider_names[:_MOST_DECIDERS])
    parts = []
    for name, same in groupby(pairs, itemgetter(1)):
        ids = " or ".join(str(one) for one, _ in same)
        parts.append(f"{ids} '{one_line(name, 60)}'" if name else ids)
    if len(answer.deciders) > _MOST_DECIDERS:
        parts.append("more")
    return " or ".join(parts)


def _deciding(answer: Explanation) -> str:
    one = answer.deciding
    if one is None:
        return "no filter"
    text = f"filter {one.filter_id}"
    if one.name:
        text += f" '{one_line(one.name, 80)}'"
    facts = []
    if one.rule and one.rule != one.name:
        facts.append(f"rule {one_line(one.rule, 80)}")
    if one.product:
        facts.append(one_line(one.product, 60))
    facts.append(f"at {short(one.layer)}")
    return f"{text} ({', '.join(facts)})"


def _conditional(answer: Explanation) -> str:
    ordinary = next((one.verdict for one in answer.outcomes if one.when == "otherwise"), "unknown")
    unless = [one for one in answer.outcomes if one.when != "otherwise"]
    if answer.unlisted:
        return f"the filters at {_layers(answer.unlisted)} could not be listed"
    if not unless:
        fields = ", ".join(one.removeprefix("FWPM_CONDITION_") for one in answer.unknowns)
        return f"it hangs on {fields or 'filters of equal weight or callouts'}"
    shown = [
        f"{one_line(one.when, 160)} (filter {one.filter_id})" for one in unless[:_MOST_EXCEPTIONS]
    ]
    if ordinary == "unknown" and len(unless) <= _MOST_EXCEPTIONS:
        pairs = zip(unless, shown, strict=True)
        return ", ".join(f"{one.verdict} if {text}" for one, text in pairs)
    more = f" or in {len(unless) - len(shown)} more cases" if len(unless) > len(shown) else ""
    return f"{ordinary}, unless {' or '.join(shown)}{more}"


def _products(names: Iterable[str]) -> str:
    counts = Counter(names)
    shown = [
        one_line(name, 60) + (f" ({count} callouts)" if count > 1 else "")
        for name, count in list(counts.items())[:_MOST_PRODUCTS]
    ]
    if len(counts) > len(shown):
        shown.append(f"{len(counts) - len(shown)} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _doubts(answer: Explanation, now: datetime) -> list[str]:
    doubts = [visible(warning) for warning in answer.snapshot.warnings]
    if answer.snapshot.taken_at:
        age = now - datetime.fromisoformat(answer.snapshot.taken_at)
        if age.days >= _OLD_DAYS:
            doubts.append(f"the snapshot is {age.days} days old")
    return doubts


def lines(answer: Explanation, flow: Flow, *, now: datetime | None = None) -> Iterator[str]:
    """The whole answer for a terminal, line by line."""
    yield first_line(answer, now=now)
    yield f"  question: {flow_text(flow)}"
    yield ""
    yield from _table(answer.layers)
    yield ""
    yield from _tree(answer.reasons)
    yield from _rest(answer)


def _rest(answer: Explanation) -> Iterator[str]:
    sections = (
        ("could end otherwise", [f"{one.verdict} when {one.when}" for one in answer.outcomes
                                 if one.when != "always"]),
        ("taken for granted", list(answer.assumptions)),
        ("would make it certain", certain_by(answer)),
        ("may override", [f"{one.product}: {one.can} ({short(one.layer)})"
                          for one in answer.overriders]),
        ("notes", list(answer.notes)),
    )  # fmt: skip
    for title, items in sections:
        if items:
            yield f"{title}:"
            yield from (f"  {one_line(item)}" for item in items)


def certain_by(answer: Explanation) -> list[str]:
    """What to say so that the verdict gets certain, by field."""
    return [
        f"{field.removeprefix('FWPM_CONDITION_')}: say {given_by(field)}"
        for field in answer.unknowns
    ]


def _table(layers: Sequence[LayerAnswer]) -> Iterator[str]:
    rows = [
        (one.phase, short(one.layer), one.verdict, one.policy_verdict, _id(one.policy_filter_id))
        for one in layers
    ]
    head = ("phase", "layer", "strict", "policy", "filter")
    widths = [max(len(row[at]) for row in (head, *rows)) for at in range(len(head))]
    for row in (head, *rows):
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()


def _id(filter_id: int | None) -> str:
    return "-" if filter_id is None else str(filter_id)


def _tree(reasons: Sequence[Reason], depth: int = 0) -> Iterator[str]:
    for one in reasons:
        yield f"{'  ' * depth}{one_line(one.text)}"
        yield from _tree(one.because, depth + 1)


def markdown(answer: Explanation, flow: Flow, *, now: datetime | None = None) -> Iterator[str]:
    """The answer as a page to paste in a ticket."""
    yield f"# {_escaped(first_line(answer, now=now))}"
    yield ""
    yield f"Question: {_escaped(flow_text(flow))}"
    if answer.snapshot.taken_at:
        run = f", run {answer.snapshot.run_id}" if answer.snapshot.run_id else ""
        yield f"Snapshot: {answer.snapshot.taken_at}{run}"
    yield ""
    yield "| Phase | Layer | Strict | Policy | Filter |"
    yield "|---|---|---|---|---|"
    for layer in answer.layers:
        cells = (layer.phase, short(layer.layer), layer.verdict, layer.policy_verdict)
        yield f"| {' | '.join(map(_escaped, cells))} | {_id(layer.policy_filter_id)} |"
    yield ""
    yield "## Why"
    yield ""
    yield from (f"{line[: len(line) - len(line.lstrip())]}- {_escaped(line.lstrip())}"
                for line in _tree(answer.reasons))  # fmt: skip
    for line in _rest(answer):
        if line.startswith("  "):
            yield f"- {_escaped(line.strip())}"
        else:
            yield from ("", f"## {line.rstrip(':').capitalize()}", "")


def _escaped(text: str) -> str:
    """Text that Markdown shows as it stands."""
    for sign in "\\`*_[]<>|#":
        text = text.replace(sign, f"\\{sign}")
    return text


def grouped(answers: Sequence[Explanation]) -> Iterator[str]:
    """One line a host, hosts with the same reason together, the largest group first."""
    groups: dict[tuple[str, str], list[Explanation]] = {}
    for answer in answers:
        groups.setdefault((answer.policy_verdict, _same_reason(answer)), []).append(answer)
    for (verdict, reason), held in sorted(groups.items(), key=lambda item: -len(item[1])):
        hosts = "host" if len(held) == 1 else "hosts"
        yield f"{len(held)} {hosts} {verdict.upper()}: {reason}"
        yield from (f"  {first_line(answer)}" for answer in held)


def _layers(names: tuple[str, ...]) -> str:
    first, *others = names
    return short(first) + (f" and {len(others)} more" if others else "")


def _same_reason(answer: Explanation) -> str:
    """The reason in words that are the same on other hosts: no ids of filters."""
    if answer.deciding is not None:
        one = answer.deciding
        name = one.rule or one.name or "a filter without name"
        return f"'{one_line(name, 80)}' at {short(one.layer)}"
    if answer.unlisted and answer.policy_verdict == "unknown":
        return f"filters at {_layers(answer.unlisted)} could not be listed"
    if answer.policy_verdict == "unknown":
        fields = ", ".join(one.removeprefix("FWPM_CONDITION_") for one in answer.unknowns)
        return f"hangs on {fields or 'equal weights or callouts'}"
    return "no one filter decides"


def path_lines(steps: Sequence[Step], counts: dict[str, int] | None = None) -> Iterator[str]:
    """The layers of a path as a table, with the filters in force of a host where it is known."""
    rows = [
        (str(one.step), one.phase, short(one.layer), one.why,
         "" if counts is None else str(counts.get(one.layer, 0)))
        for one in steps
    ]  # fmt: skip
    head = ("step", "phase", "layer", "what meets it", "" if counts is None else "filters")
    widths = [max(len(row[at]) for row in (head, *rows)) for at in range(len(head))]
    for row in (head, *rows):
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()


def joined_line(answers: Sequence[Explanation]) -> str:
    """One connection over two hosts in one line: it passes where both let it."""
    verdicts = {answer.policy_verdict for answer in answers}
    verdict = "block" if "block" in verdicts else "unknown" if "unknown" in verdicts else "permit"
    views = zip(("leaving", "arriving at"), answers, strict=True)
    parts = [f"{way} {one_line(one.host or '')} {one.policy_verdict}" for way, one in views]
    return f"{verdict.upper()}: {', '.join(parts)}"
