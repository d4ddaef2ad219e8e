"""Going on with a run: what was asked for, who is left, and what a dead run still holds."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

import msgspec
from msgspec import Struct

from pywfp_ps.collect.collecting import add_outcome
from pywfp_ps.collect.judging import judged, stated
from pywfp_ps.collect.parsing import READ, ParseJob, ParsePool, in_workers
from pywfp_ps.collect.visiting import CONTEXT, Fetched, Plan, Source
from pywfp_ps.errors import StoreError, UsageError
from pywfp_ps.fleet.outcomes import Outcome
from pywfp_ps.payload import PayloadInfo

if TYPE_CHECKING:
    from pywfp_ps.store import RawPart, RunWriter, Store

_READ_AT_ONCE: Final = ("facts", "after")


class Request(Struct, frozen=True, kw_only=True):
    """What a collection was asked for; where secrets come from, never a secret.

    Attributes:
        v: Version of this layout.
        hosts: Pattern, or list of hosts.
        inventory: Inventories; files and folders by their absolute paths.
        limit: A further pattern.
        user: Account for hosts whose inventory names none.
        password_from: Source of its password, such as ``env:NAME``.
        vault_from: Sources of vault passwords.
        allow: Risks that are taken by name.
        options: Values of the command's other options by name.
    """

    v: int = 1
    hosts: str | None = None
    inventory: tuple[str, ...] = ()
    limit: str | None = None
    user: str | None = None
    password_from: str | None = None
    vault_from: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    options: dict[str, int | float | bool | str] = {}


def request_of(store: Store, name: str) -> Request | None:
    """What a run was asked for; None where it keeps no request.

    Raises:
        UsageError: There is no such run.
        StoreError: The request is damaged.
    """
    data = store.request(name)
    if data is None:
        return None
    try:
        request = msgspec.json.decode(data, type=Request)
    except msgspec.DecodeError as error:
        raise StoreError(str(store.run(name).folder), f"damaged request.json ({error})") from None
    if request.v != 1:
        raise StoreError(str(store.run(name).folder), "request.json is of a newer version")
    return request


def done_hosts(store: Store, name: str) -> frozenset[str]:
    """Hosts of a run whose rows are there whole.

    Raises:
        UsageError: There is no such run, or it is being written.
    """
    run = store.run(name)
    if run.state == "running":
        raise UsageError(f"run {run.id} is being written")
    if not run.readable:
        return frozenset()
    return frozenset(line.host for line in store.hosts(run=run.id) if line.outcome == "ok")


def open_hosts(store: Store, name: str) -> frozenset[str]:
    """Hosts that a run knows and that are not ``ok``; of one whose writer died it knows none."""
    run = store.run(name)
    lines = store.hosts(run=run.id) if run.readable else ()
    return frozenset(line.host for line in lines if line.outcome != "ok")


def recoverable_hosts(store: Store, name: str) -> frozenset[str]:
    """Hosts of a run whose job had come to its end and whose rows are not there.

    Of a run whose writer died these are all whose job had; of another one those that it had no
    room for, or no time to read. They need no further visit: `recover` makes their rows.
    """
    run = store.run(name)
    lines = store.hosts(run=run.id) if run.readable else ()
    done = {one.host for one in lines if one.cause != "store" and one.outcome != "cancelled"}
    if run.readable and len(done) == len(lines):
        return frozenset()
    return frozenset(_whole_jobs(store, run.id, with_context=True).keys() - done)


def recover(
    store: Store,
    writer: RunWriter,
    groups: Mapping[str, tuple[str, ...]],
    *,
    hosts: Container[str] | None = None,
    workers: int | None = None,
) -> Iterator[Outcome]:
    """Rows and outcomes of hosts whose jobs had ended, from raw parts.

    Args:
        store: The store.
        writer: The run, resumed.
        groups: Groups of each host in the inventory.
        hosts: Which, as of `recoverable_hosts`; all where it is ``None``.
        workers: As for `ParsePool`.
    """
    whole = _whole_jobs(store, writer.run_id)
    jobs = {host: parts for host, parts in whole.items() if hosts is None or host in hosts}
    with ExitStack() as stack:
        pool = stack.enter_context(ParsePool(workers))

        def job(host: str) -> ParseJob:
            return ParseJob(host=host, run_id=writer.run_id, parts=jobs[host])

        for host, parsed in in_workers(pool.submit, jobs, job):
            fetched = Fetched()
            for part in _READ_AT_ONCE:
                fetched.look_at(part, store.raw(host, writer.run_id, part))
            packed, plain = _sizes(jobs[host].values())
            outcome = Outcome(
                host=host, outcome="ok", packed=packed, plain=plain, is_recovered=True
            )
            outcome = judged(outcome, parsed)
            tables = stated(parsed.tables, fetched.facts, consistent=fetched.consistent)
            add_outcome(writer, outcome, fetched, groups.get(host, ()), tables)
            yield outcome


def _whole_jobs(
    store: Store, run_id: str, *, with_context: bool = False
) -> dict[str, dict[str, Path]]:
    """The parts of each host whose job came to its end: what is sent last is there.

    Args:
        store: The store.
        run_id: The run.
        with_context: Whether a host counts only if the context that was asked for is there too.
    """
    job = _parts_of_job(store, run_id, with_context=with_context)
    found: dict[str, dict[str, Path]] = {}
    for part in store.raw_parts(run_id):
        # Problems are our own note, and have nothing beside them to be held against.
        if part.part == "problems" or (part.part in job | READ and _is_whole(part)):
            found.setdefault(part.host, {})[part.part] = part.path
    return {host: parts for host, parts in found.items() if job <= parts.keys()}


def _parts_of_job(store: Store, run_id: str, *, with_context: bool) -> frozenset[str]:
    """Parts that a good job of the run brings, the one sent last among them."""
    request = request_of(store, run_id)
    options = request.options if request else {"no_context": True}
    source: Any = options.get("source", "netsh")
    source = source if source in get_args(Source) else "netsh"
    has_context = with_context and not options.get("no_context", False)
    return Plan(source=source, context=CONTEXT if has_context else ()).wanted


def _sizes(paths: Iterable[Path]) -> tuple[int, int]:
    """Bytes of all whole parts beside these, as they are kept and unpacked."""
    infos = [
        info
        for folder in {path.parent for path in paths}
        for path in folder.glob("*.json")
        if (info := _info_of(path)) is not None and info.complete
    ]
    return sum(info.packed for info in infos), sum(info.plain for info in infos)


def _info_of(path: Path) -> PayloadInfo | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=PayloadInfo)
    except (OSError, msgspec.DecodeError):
        return None


def _is_whole(part: RawPart) -> bool:
    """Whether the bytes are those that were whole when they came."""
    info = _info_of(part.path.with_suffix(".json"))
    try:
        digest = hashlib.sha256(part.path.read_bytes()).hexdigest()
    except OSError:
        return False
    return info is not None and info.complete and info.sha256 == digest
