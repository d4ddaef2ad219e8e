"""Going on with a run: what was asked for, who is left, and what a dead run still holds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from pywfp_ps.collect.collecting import add_outcome
from pywfp_ps.collect.judging import judged, stated
from pywfp_ps.collect.parsing import ParseJob, ParsePool, in_workers
from pywfp_ps.collect.visiting import Fetched, Plan
from pywfp_ps.errors import StoreError, UsageError
from pywfp_ps.fleet.outcomes import Outcome
from pywfp_ps.payload import PayloadInfo

if TYPE_CHECKING:
    from pywfp_ps.store import RawPart, RunWriter, Store

_JOB: Final = Plan(context=()).wanted
"""Parts that a job without context brings, the one sent last among them."""


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
    """Hosts of a run that need no further visit.

    Of a run whose writer died these are the hosts whose job had come to its end; `recover` makes
    their rows.
    """
    run = store.run(name)
    if run.state == "running":
        raise UsageError(f"run {run.id} is being written")
    if run.readable:
        return frozenset(line.host for line in store.hosts(run=run.id) if line.outcome == "ok")
    return frozenset(_whole_jobs(store, run.id))


def recover(
    store: Store,
    writer: RunWriter,
    groups: Mapping[str, tuple[str, ...]],
    *,
    workers: int | None = None,
) -> Iterator[Outcome]:
    """Rows and outcomes of hosts whose jobs had ended when their run died, from raw parts.

    Args:
        store: The store.
        writer: The run, resumed.
        groups: Groups of each host in the inventory.
        workers: As for `ParsePool`.
    """
    jobs = _whole_jobs(store, writer.run_id)
    with ExitStack() as stack:
        pool = stack.enter_context(ParsePool(workers))

        def job(host: str) -> ParseJob:
            return ParseJob(host=host, run_id=writer.run_id, part="state", path=jobs[host]["state"])

        for host, parsed in in_workers(pool.submit, jobs, job):
            fetched = Fetched()
            for part in ("facts", "after"):
                fetched.look_at(part, store.raw(host, writer.run_id, part))
            outcome = judged(Outcome(host=host, outcome="ok", tries=1), parsed)
            if parsed.tables:
                rows = stated(parsed.tables, fetched.facts, consistent=fetched.consistent)
                writer.add(host, rows)
            add_outcome(writer, outcome, fetched, groups.get(host, ()))
            yield outcome


def _whole_jobs(store: Store, run_id: str) -> dict[str, dict[str, Path]]:
    """The parts of each host whose job came to its end: what is sent last is there."""
    found: dict[str, dict[str, Path]] = {}
    for part in store.raw_parts(run_id):
        if part.part in _JOB and _is_whole(part):
            found.setdefault(part.host, {})[part.part] = part.path
    return {host: parts for host, parts in found.items() if len(parts) == len(_JOB)}


def _is_whole(part: RawPart) -> bool:
    """Whether the bytes are those that were whole when they came."""
    try:
        info = msgspec.json.decode(part.path.with_suffix(".json").read_bytes(), type=PayloadInfo)
        digest = hashlib.sha256(part.path.read_bytes()).hexdigest()
    except (OSError, msgspec.DecodeError):
        return False
    return info.complete and info.sha256 == digest
