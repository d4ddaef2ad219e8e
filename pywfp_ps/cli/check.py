"""Whether hosts can be collected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pywfp_ps.cli.limits import limit_options, limits_of
from pywfp_ps.cli.recap import Recap, fields_of
from pywfp_ps.cli.running import Lines, run_visits
from pywfp_ps.cli.targets import TargetOptions, meant_by, target_options
from pywfp_ps.cli.ways import (
    LocalOptions,
    local_meant,
    local_options,
    source_option,
    transport_for,
)
from pywfp_ps.report.rows import json_line
from pywfp_ps.report.text import visible

if TYPE_CHECKING:
    from pywfp_ps.collect.checking import Checked
    from pywfp_ps.collect.visiting import Source


@click.command()
@target_options
@local_options
@source_option
@limit_options(timeout=60)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a host, as they come.")
def check(
    asked: TargetOptions, here: LocalOptions, source: Source, visits: dict[str, Any], as_json: bool
) -> int:
    """Say whether hosts can be collected: reach, logon, rights, versions. Changes nothing.

    A line a host with what stands in the way, and what to do about it. With --source, whether
    NtObjectManager is installed there and the session lets it run; whether it loads, only a
    collection tells.

    Example: `wfp check --inventory site.yml`, `wfp check web-03 -u ops -k` or `wfp check --local`
    """
    from pywfp_ps.collect.checking import Check

    targets = (local_meant(asked) if here.local else meant_by(asked)).resolved.targets
    transport = transport_for(here)
    recap = Recap(len(targets))
    checking = Check(targets, lambda _: transport, limits_of(visits), source)
    lines = Lines()
    put = _json if as_json else _line
    run_visits(checking.fan_out, ((one.outcome, put(one)) for one in checking), recap, lines)
    recap.failure = lines.problem
    recap.tell(as_json=as_json)
    return recap.exit_code


def _line(checked: Checked) -> str:
    """One host in one line: what it is where it is well, else why not and what to do."""
    outcome, facts = checked.outcome, checked.facts
    words = [f"{outcome.host}: {outcome.outcome}"]
    if outcome.cause:
        words.append(f"({outcome.cause})")
    if facts is not None:
        told = (facts.computer, facts.os_name, facts.os_build, f"as {facts.account}")
        words.append("- " + ", ".join(word for word in told if word))
        words.append(f", PowerShell {facts.powershell_version} {facts.language_mode}")
        words += [f", NtObjectManager {one}" for one in (facts.ntobjectmanager or ())[:1]]
    words += [f"- {text}" for text in (outcome.text, outcome.to_do, checked.clock) if text]
    return visible(" ".join(words).replace(" , ", ", "))


def _json(checked: Checked) -> str:
    facts = checked.facts
    told = {
        name: getattr(facts, name, None)
        for name in (
            *("computer", "domain", "os_name", "os_build", "account", "elevated"),
            *("powershell_version", "language_mode", "ntobjectmanager", "clock"),
            "bfe_started_at",
        )
    }
    return json_line({**fields_of(checked.outcome), **told, "clock_off": checked.clock or None})
