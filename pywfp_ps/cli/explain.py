"""Questions to the verdict engine: explain, path, fields and selftest."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from msgspec import structs

from pywfp_ps.cli.flow_options import flow_options
from pywfp_ps.cli.listing import hosts_of
from pywfp_ps.cli.options import Selection, open_store, store_option, time_options
from pywfp_ps.cli.show import print_line
from pywfp_ps.errors import ExitCode, UsageError
from pywfp_ps.report.rows import json_line
from pywfp_ps.report.text import one_line

if TYPE_CHECKING:
    from pywfp_ps.explain.answer import Explanation
    from pywfp_ps.explain.flow import Flow
    from pywfp_ps.explain.said import Said
    from pywfp_ps.model.objects import Snapshot
    from pywfp_ps.store import Store

_JSON: Final = click.option("--json", "as_json", is_flag=True, help="One JSON object a host.")
_HOST: Final = click.option("--host", metavar="PATTERN", help="Hosts, e.g. 'web*,!web-09'.")


@click.command()
@_HOST
@click.option("--from", "from_host", metavar="HOST", help="Host that connects; goes with --to.")
@click.option("--to", "to_end", metavar="HOST:PORT", help="Host and port it connects to.")
@click.option("--listener-app", metavar="PATH", help="With --to: program that listens there.")
@click.option("--listener-as", metavar="PRESET", help="With --to: account of that program.")
@flow_options
@click.option("--layer", metavar="NAME", help="Only this layer of the path.")
@click.option("--expect", type=click.Choice(["permit", "block"]), help="Exit code 1 if not so.")
@click.option("--strict", is_flag=True, help="With --expect: the strict verdict counts.")
@click.option("--brief", is_flag=True, help="One line a host.")
@click.option("--markdown", "as_markdown", is_flag=True, help="A page for a ticket.")
@_JSON
@time_options
@store_option
def explain(
    said: Said,
    host: str | None,
    from_host: str | None,
    to_end: str | None,
    listener_app: str | None,
    listener_as: str | None,
    layer: str | None,
    expect: str | None,
    strict: bool,
    brief: bool,
    as_markdown: bool,
    as_json: bool,
    run: str | None,
    at: datetime | None,
    partial: bool,
    store_folder: Path,
) -> int:
    """Say whether a connection passes a host's filters, which filter decides, and why.

    Two verdicts stand side by side: the policy verdict (the filters, with callouts of drivers
    taken to let ordinary traffic pass) and the strict one (callouts may do what their class
    allows). What is not said is derived, assumed and listed, or unknown.

    Example: `wfp explain --host web-03 --direction in --local 192.0.2.7:443`
    """
    from pywfp_ps.explain.said import flow_of

    if as_json + as_markdown + brief > 1:
        raise UsageError("choose one of --json, --brief and --markdown")
    selection = Selection(host=host, run=run, at=at, partial=partial)
    if (from_host is None) != (to_end is None):
        raise UsageError("--from and --to go together")
    if from_host is not None and (host or layer or said.listen or said.bind):
        raise UsageError("--from and --to ask for whole connections: leave out --host, --layer, "
                         "--listen and --bind")  # fmt: skip
    if from_host is None and (listener_app or listener_as):
        raise UsageError("--listener-app and --listener-as go with --to")
    if strict and expect is None:
        raise UsageError("--strict goes with --expect")
    with open_store(store_folder) as store:
        if from_host is not None and to_end is not None:
            answers = _joined(store, selection, said, from_host, to_end, listener_app, listener_as)
        else:
            flow = flow_of(said)
            layers = _layers(layer, flow)
            answers = [
                (_explained(store, held, flow, layers), flow)
                for held in _snapshots(store, selection)
            ]
    _print(answers, as_json=as_json, brief=brief, as_markdown=as_markdown, joined=bool(from_host))
    return _expected([answer for answer, _ in answers], expect, strict=strict)


@click.command()
@click.option("--host", metavar="HOST", help="Count this host's filters at each layer.")
@flow_options
@_JSON
@time_options
@store_option
def path(
    said: Said,
    host: str | None,
    as_json: bool,
    run: str | None,
    at: datetime | None,
    partial: bool,
    store_folder: Path,
) -> None:
    """Show the layers that traffic meets, in order and in phases.

    Example: `wfp path --direction in --protocol udp --local 192.0.2.7:53`
    """
    from pywfp_ps.explain.path import path_of
    from pywfp_ps.explain.said import flow_of
    from pywfp_ps.report.explain import path_lines

    steps = path_of(flow_of(said))
    counts: dict[str, int] | None = None
    if host is not None:
        selection = Selection(host=host, run=run, at=at, partial=partial)
        with open_store(store_folder) as store:
            _, _, snapshot = _one(list(_snapshots(store, selection)), host)
        counts = {}
        for filter_ in snapshot.filters:
            if filter_.is_in_force:
                counts[filter_.layer] = counts.get(filter_.layer, 0) + 1
    if as_json:
        for step in steps:
            extra = {} if counts is None else {"filters": counts.get(step.layer, 0)}
            print_line(json_line({**structs.asdict(step), **extra}))
        return
    for line in path_lines(steps, counts):
        print_line(line)


@click.command()
@click.argument("host", metavar="HOST")
@_JSON
@time_options
@store_option
def fields(
    host: str,
    as_json: bool,
    run: str | None,
    at: datetime | None,
    partial: bool,
    store_folder: Path,
) -> None:
    """List every field that a host's filters use, and how `wfp explain` fills it.

    Example: `wfp fields web-03`
    """
    import sys

    from pywfp_ps.explain.used_fields import used_fields
    from pywfp_ps.report.rows import write_table

    selection = Selection(host=host, run=run, at=at, partial=partial)
    with open_store(store_folder) as store:
        _, _, snapshot = _one(list(_snapshots(store, selection)), host)
    found = used_fields(snapshot)
    if as_json:
        for one in found:
            print_line(json_line({"host": host, **structs.asdict(one)}))
        return
    columns = ("field", "filters", "layers", "given_by", "else_is")
    rows = [
        (one.field.removeprefix("FWPM_CONDITION_"), one.filters, len(one.layers), one.given_by,
         one.else_is)
        for one in found
    ]  # fmt: skip
    write_table(columns, rows, sys.stdout, terminal=sys.stdout.isatty())


@click.command()
@_HOST
@click.option("--as", "preset", metavar="PRESET", help="Account to take every program for.")
@_JSON
@time_options
@store_option
def selftest(
    host: str | None,
    preset: str | None,
    as_json: bool,
    run: str | None,
    at: datetime | None,
    partial: bool,
    store_folder: Path,
) -> int:
    """Check the engine against what hosts really do.

    Every connected endpoint was authorised by the host that printed it, so it must never come out
    as a certain block in both directions. Exit code 1 if one does.

    Example: `wfp selftest --host 'web*'`
    """
    from pywfp_ps.cli.facts import facts_for
    from pywfp_ps.explain import Engine
    from pywfp_ps.explain.selftest import self_test

    selection = Selection(host=host, run=run, at=at, partial=partial)
    failed = False
    with open_store(store_folder) as store:
        for name, run_id, snapshot in _snapshots(store, selection):
            facts = facts_for(store, name, run_id, snapshot)
            found = self_test(Engine(snapshot, facts), preset=preset)
            failed = failed or bool(found.contradictions)
            if as_json:
                print_line(json_line({"host": name, "run_id": run_id, **_plain(found)}))
                continue
            share = max(found.asked, 1)
            print_line(
                f"{one_line(name)}: {found.endpoints} endpoints, {len(found.contradictions)} "
                f"blocked both ways; certain {100 * found.certain // share} %, "
                f"policy verdict {100 * found.policy // share} %"
            )
            for wrong in found.contradictions:
                print_line(f"  {one_line(wrong.flow)}: filters {wrong.filter_ids}")
    return int(ExitCode.FINDINGS if failed else ExitCode.GOOD)


def _plain(record: object) -> dict[str, object]:
    import msgspec

    plain: dict[str, object] = msgspec.to_builtins(record)
    return plain


def _snapshots(store: Store, selection: Selection) -> Iterator[tuple[str, str, Snapshot]]:
    """Host, run and snapshot of every host that has one."""
    if selection.host is not None:
        # A host by its name is found without the database, which takes a while to load.
        run_id = store.snapshot_run(
            selection.host, selection.run, at=selection.at, partial=selection.partial
        )
        if run_id is not None:
            yield selection.host, run_id, store.snapshot(selection.host, run_id)
            return
    lines = store.hosts(run=selection.run, at=selection.at, partial=selection.partial)
    holds = {line.host: line.snapshot_run_id for line in lines}
    names = hosts_of(store, selection)
    if not any(holds.get(name) for name in names):
        raise UsageError(f"no snapshot of {selection.host or 'any host'} in the store")
    for name in names:
        run_id = holds.get(name)
        if run_id:
            yield name, run_id, store.snapshot(name, run_id)


def _one(found: list[tuple[str, str, Snapshot]], pattern: str) -> tuple[str, str, Snapshot]:
    if len(found) != 1:
        raise UsageError(f"{pattern!r} means {len(found)} hosts; one is needed")
    return found[0]


def _layers(text: str | None, flow: Flow) -> tuple[str, ...] | None:
    if text is None:
        return None
    from pywfp_ps.explain.path import path_of
    from pywfp_ps.model.layers import layers_named

    wanted = layers_named(text)
    found = tuple(step.layer for step in path_of(flow) if step.layer in wanted)
    if not found:
        raise UsageError(f"{text!r} is no layer on the path of this flow; see wfp path")
    return found


def _explained(
    store: Store, held: tuple[str, str, Snapshot], flow: Flow, layers: tuple[str, ...] | None
) -> Explanation:
    from pywfp_ps.cli.facts import facts_for
    from pywfp_ps.explain.engine import Engine

    host, run_id, snapshot = held
    answer = Engine(snapshot, facts_for(store, *held, [flow])).explain(flow, layers=layers)
    note = structs.replace(answer.snapshot, run_id=run_id)
    return structs.replace(answer, host=host, snapshot=note)


def _joined(
    store: Store,
    selection: Selection,
    said: Said,
    from_host: str,
    to_end: str,
    listener_app: str | None,
    listener_as: str | None,
) -> list[tuple[Explanation, Flow]]:
    """The outbound view of one host and the inbound view of the other."""
    from pywfp_ps.cli.facts import facts_for
    from pywfp_ps.explain.joined import joined_flows

    to_host, port = _host_and_port(to_end)
    sides = [
        _one(list(_snapshots(store, structs.replace(selection, host=one))), one)
        for one in (from_host, to_host)
    ]
    known = [(side[2], facts_for(store, *side)) for side in sides]
    flows = joined_flows(said, known, port, listener_app=listener_app, listener_as=listener_as)
    return [
        (_explained(store, side, flow, None), flow) for side, flow in zip(sides, flows, strict=True)
    ]


def _host_and_port(text: str) -> tuple[str, int]:
    name, sign, port = text.rpartition(":")
    if not sign or not name or not port.isdigit() or int(port[:6]) > 0xFFFF:
        raise UsageError(f"{text!r} is no host and port; one looks like db-01:1433")
    return name, int(port)


def _print(
    answers: list[tuple[Explanation, Flow]],
    *,
    as_json: bool,
    brief: bool,
    as_markdown: bool,
    joined: bool,
) -> None:
    from pywfp_ps.report import explain as report

    if as_json:
        for answer, _ in answers:
            print_line(json_line(_plain(answer)))
        return
    if brief:
        for answer, _ in answers:
            print_line(report.first_line(answer))
        return
    if len(answers) > 1 and not joined and not as_markdown:
        for line in report.grouped([answer for answer, _ in answers]):
            print_line(line)
        return
    if joined:
        print_line(report.joined_line([answer for answer, _ in answers]))
        print_line("")
    for answer, flow in answers:
        writer = report.markdown if as_markdown else report.lines
        for line in writer(answer, flow):
            print_line(line)


def _expected(answers: list[Explanation], expect: str | None, *, strict: bool) -> int:
    if expect is None:
        return int(ExitCode.GOOD)
    got = {answer.verdict if strict else answer.policy_verdict for answer in answers}
    return int(ExitCode.GOOD if got == {expect} else ExitCode.FINDINGS)
