"""Hosts into the store."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource
from msgspec import Struct
from msgspec.structs import asdict, replace

from pywfp_ps.cli.limits import given_names, limit_options, limits_of
from pywfp_ps.cli.options import store_option
from pywfp_ps.cli.recap import Recap, line_of
from pywfp_ps.cli.running import Lines, run_collection, say
from pywfp_ps.cli.targets import Meant, TargetOptions, meant_by, target_options
from pywfp_ps.cli.ways import (
    LocalOptions,
    local_meant,
    local_options,
    recording_in,
    source_option,
    transport_for,
)
from pywfp_ps.errors import StoreError, UsageError

if TYPE_CHECKING:
    from pywfp_ps.collect.resuming import Request
    from pywfp_ps.collect.visiting import Plan, Source
    from pywfp_ps.store import RunWriter, Store
    from pywfp_ps.transports.base import Target, Transport

_REPLAY: Final = "replay"
"""Option of a request whose run asked no host: the folder of recordings."""

_BYTES_A_HOST: Final = 600_000
"""What a host of 1,000 filters takes in a store, raw and rows, with room to spare."""


class CollectOptions(Struct, frozen=True, kw_only=True):
    """What a collection is told beside its hosts.

    Attributes:
        here: Whether this machine is meant, and how it is asked.
        source: What is asked on the host.
        visits: Values of the options of `limit_options`.
        max_dump_mb: Largest dump that is taken, in 2^20 bytes.
        no_context: Whether the context is left out.
        resume: The run to go on with.
        record: Folder for the frames of every host.
        replay: Folder with recorded frames, which stand in for the hosts.
        as_json: Whether outcomes are told as JSON.
    """

    here: LocalOptions
    source: Source
    visits: dict[str, Any]
    max_dump_mb: int
    no_context: bool
    resume: str | None
    record: Path | None
    replay: Path | None
    as_json: bool

    def kept(self) -> dict[str, Any]:
        """What a resumed run takes over."""
        own = {"source": self.source, "max_dump_mb": self.max_dump_mb}
        return {**self.visits, **own, "no_context": self.no_context, **asdict(self.here)}


@click.command()
@target_options
@local_options
@source_option
@limit_options(timeout=300)
@click.option("--resume", metavar="RUN", help="Go on with a run: visit the hosts that are not ok.")
@click.option(
    "--max-dump-mb",
    type=click.IntRange(1, 4096),
    default=512,
    show_default=True,
    help="Largest dump to take.",
)
@click.option(
    "--record",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Keep the frames of every host, to replay.",
)
@click.option(
    "--replay",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Ask no host, but take the frames that --record kept.",
)
@click.option("--no-context", is_flag=True, help="Leave out what surrounds the filter engine.")
@click.option(
    "--show-script", is_flag=True, help="Print the script that hosts would run, and its hash."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a host, as they come.")
@store_option
def collect(asked: TargetOptions, show_script: bool, store_folder: Path, **options: Any) -> int:
    """Collect the filter engine's state of hosts over PowerShell remoting, or of this machine.

    HOSTS is a pattern over the inventory, or without one a list such as web-03,web-04. What a host
    sends is on disk before it is read, and every host ends with an outcome and its cause. With
    --source both, a run in which the two disagree ends with exit code 1: see the view
    disagreements.

    Example: `wfp collect --inventory site.yml 'web*:!web-09'` or `wfp collect web-03 -u ops -k`
    """
    from pywfp_ps.collect.resuming import done_hosts, open_hosts, recoverable_hosts
    from pywfp_ps.store import Store

    told = CollectOptions(**options)
    if told.replay and (told.resume or told.record or told.here.local):
        raise UsageError("--replay goes with none of --resume, --record and --local")
    if told.replay and (_is_typed("source") or _is_typed("no_context")):
        raise UsageError("--replay takes what was asked then: no --source or --no-context")
    if show_script:
        _show_script(_plan(told, {}))
        return 0
    if told.replay is not None:
        from pywfp_ps.collect.visiting import CALL

        found = recording_in(told.replay, CALL, asked)
        asked_for = {"source": found.source, "context": found.context}
        plan = replace(_plan(told, {}), **asked_for, recorded=found.asked_at)
        with Store.open(store_folder, create=True) as store:
            return _collect(store, asked, told, found.meant, found.transport, plan)
    if told.resume is None:
        meant = local_meant(asked) if told.here.local else meant_by(asked)
        transport = _transport(told)
        with Store.open(store_folder, create=True) as store:
            return _collect(store, asked, told, meant, transport, _plan(told, meant.groups))
    with Store.open(store_folder) as store:
        asked, told = _as_before(store, told.resume, asked, told)
        done = done_hosts(store, told.resume or "")
        # What is on disk already is not asked for again: its rows alone are still to be made.
        back = recoverable_hosts(store, told.resume or "")
        if told.here.local:
            meant = local_meant(asked, without=done | back)
        else:
            lacks = open_hosts(store, told.resume or "")
            may_be_none = bool(back)
            meant = meant_by(asked, without=done | back, awaited=lacks, may_be_none=may_be_none)
        plan = _plan(told, meant.groups)
        return _collect(store, asked, told, meant, _transport(told), plan, back)


def _collect(
    store: Store,
    asked: TargetOptions,
    told: CollectOptions,
    meant: Meant,
    transport: Transport,
    plan: Plan,
    back: frozenset[str] = frozenset(),
) -> int:
    from pywfp_ps.collect.collecting import Collection
    from pywfp_ps.collect.resuming import recover

    targets = meant.resolved.targets
    _check_room(store, len(targets))
    recap, lines = Recap(len(targets) + len(back)), Lines()
    run = _writer(store, asked, told)
    collection = Collection(run, targets, lambda _: transport, plan)
    run_collection(
        run,
        collection,
        recap,
        lambda outcome: lines.put(line_of(outcome, as_json=told.as_json)),
        before=recover(store, run, meant.groups, hosts=back) if back else (),
        at_end=lambda: _tell_shared(collection.machines.shared(), targets, run),
    )
    has_more = bool(recap.not_done or recap.failed or recap.failure)
    recap.failure = recap.failure or lines.problem
    say(f"run {run.run_id}")
    recap.tell(as_json=told.as_json)
    if has_more and not told.as_json and not told.replay:  # there the total is the last line
        say(f"go on with: wfp collect --resume {run.run_id}{_store_named()}")
    return recap.exit_code


def _is_typed(name: str) -> bool:
    """Whether a parameter stands on the command line."""
    source = click.get_current_context().get_parameter_source(name)
    return source is ParameterSource.COMMANDLINE


def _store_named() -> str:
    """The option that names the store, where the command line named one."""
    if not _is_typed("store_folder"):
        return ""
    folder = click.get_current_context().params["store_folder"]
    return f" --store {shlex.quote(str(folder))}"


def _plan(told: CollectOptions, groups: dict[str, tuple[str, ...]]) -> Plan:
    from pywfp_ps.collect.visiting import CONTEXT, Plan

    return Plan(
        limits=limits_of(told.visits),
        source=told.source,
        max_dump_mb=told.max_dump_mb,
        context=() if told.no_context else CONTEXT,
        groups=groups,
    )


def _transport(told: CollectOptions) -> Transport:
    transport = transport_for(told.here)
    if told.record is None:
        return transport
    from pywfp_ps.transports.recorded import RecordingTransport

    try:  # before anybody is asked, not at the first host
        told.record.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--record {told.record}: {error.strerror}") from None
    return RecordingTransport(transport, told.record)


def _writer(store: Store, asked: TargetOptions, told: CollectOptions) -> RunWriter:
    """The run, with what was asked for in it before anything else."""
    if told.resume:
        writer = store.resume_run(told.resume)
    else:
        writer = store.begin_run(command="collect", version=_version())
    try:
        writer.put_request(_request(asked, told))
    except BaseException:
        with contextlib.suppress(StoreError):
            writer.finish(interrupted=True)
        raise
    return writer


def _version() -> str:
    from importlib.metadata import version

    return version("pywfp-ps")


def _request(asked: TargetOptions, told: CollectOptions) -> Request:
    from pywfp_ps.collect.resuming import Request

    there = [str(Path(one).absolute()) if Path(one).exists() else one for one in asked.inventory]
    return Request(
        hosts=asked.hosts,
        inventory=tuple(there),
        limit=asked.run_limit if asked.is_resumed else asked.limit,
        user=asked.user,
        password_from=asked.password_from,
        vault_from=asked.vault_from,
        allow=asked.allow,
        options={**told.kept(), **({_REPLAY: str(told.replay)} if told.replay else {})},
    )


def _as_before(
    store: Store, run: str, asked: TargetOptions, told: CollectOptions
) -> tuple[TargetOptions, CollectOptions]:
    """What was asked for when the run began, but for what is given now."""
    from pywfp_ps.collect.resuming import request_of

    request = request_of(store, run)
    if request is None:
        if not asked.hosts and not asked.inventory:
            raise UsageError(f"run {run} does not say what was asked for; name its --inventory")
        return asked, told
    if folder := request.options.get(_REPLAY):
        raise UsageError(f"run {run} asked no host; use --replay {folder} again")
    if asked.hosts is not None and asked.hosts != request.hosts:
        raise UsageError("a resumed run has its hosts; use --limit to visit fewer of them")
    allow: Any = asked.allow or request.allow
    asked = replace(
        asked,
        hosts=request.hosts,
        inventory=asked.inventory or request.inventory,
        is_resumed=True,
        run_limit=request.limit,
        user=asked.user or request.user,
        password_from=asked.password_from or request.password_from,
        vault_from=asked.vault_from or request.vault_from,
        allow=allow,
    )
    given = given_names()
    kept = {k: v for k, v in request.options.items() if k in told.kept() and k not in given}
    merged = {**told.kept(), **kept}
    visits = {name: merged.pop(name) for name in told.visits}
    here = LocalOptions(**{name: merged.pop(name) for name in asdict(told.here)})
    return asked, replace(told, visits=visits, here=here, **merged)


def _tell_shared(
    machines: list[tuple[str, ...]], targets: Sequence[Target], run: RunWriter
) -> None:
    """Says which names are one machine, unless their addresses said so before."""
    places = {one.name: (one.address.casefold(), one.port, one.path) for one in targets}
    for names in machines:
        text = f"{', '.join(names)} are one machine by what it says of itself"
        run.note(text)
        if len({places.get(name) for name in names}) > 1:
            say(text)


def _show_script(plan: Plan) -> None:
    from pywfp_ps.collect.visiting import CALL, arguments_of
    from pywfp_ps.resources import script_for

    script = script_for(CALL, arguments_of(plan, "20000101T000000Z-000000"))
    sys.stdout.write(script.text)
    click.echo(f"wfp: {script.call}, SHA-256 {script.sha256}", err=True)


def _check_room(store: Store, hosts: int) -> None:
    """Refuses a run that would not fit on the disk."""
    import shutil

    free, wanted = shutil.disk_usage(store.folder).free, hosts * _BYTES_A_HOST
    if wanted > free:
        raise UsageError(
            f"{hosts} host{'s need' if hosts != 1 else ' needs'} about {wanted >> 20} MB and the"
            f" store's disk has {free >> 20} MB free; use another --store or fewer hosts"
        )
