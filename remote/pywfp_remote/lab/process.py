"""The process behind a practice fleet: reads the plan, serves, ends when it is told to."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import secrets
import ssl
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from pywfp_ps.errors import UsageError
from pywfp_remote.lab.bridge import Bridge
from pywfp_remote.lab.control import STATE, Control, Running, State, read_running, write_running
from pywfp_remote.lab.host import BackendFactory, LabHost
from pywfp_remote.lab.inventory import write_inventory
from pywfp_remote.lab.plan import Plan
from pywfp_remote.lab.practice import Practice, summary

PLAN = "plan.json"
"""Name of the file with the plan; it holds passwords and is removed once it was read."""

LET_GO = b"!"
"""What whoever started the fleet writes to its standard input when it stands on its own."""

_END_SECONDS = 5.0  # for a fleet that is called off to clean up
_PROBE = b"POST /%s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_STDIN = 0
_SAME_TIME = 32  # probes at once


def load_factory(name: str) -> BackendFactory:
    """The factory that ``module:name`` stands for.

    Raises:
        UsageError: There is no such thing.
    """
    module, _, attribute = name.partition(":")
    try:
        found: Any = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(f"there is no backend {name}: {error}") from error
    factory: BackendFactory = found
    return factory


def run(folder: Path) -> None:
    """Serve the fleet that is planned in `folder` until it is stopped.

    Raises:
        OSError: A port is taken, or the folder cannot be written.
        UsageError: The plan names a backend that does not exist.
    """
    path = folder / PLAN
    plan = msgspec.json.decode(path.read_bytes(), type=Plan)
    path.unlink()
    _allow_many_files()
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(_serve_led(plan, folder))


async def _serve_led(plan: Plan, folder: Path) -> None:
    """Serve, and end where whoever started the fleet is gone before it let go of it."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()

    def follow() -> None:
        if os.read(_STDIN, 1) == LET_GO:
            return
        with contextlib.suppress(RuntimeError):  # the loop has ended by itself
            if task is not None:
                loop.call_soon_threadsafe(task.cancel)
        time.sleep(_END_SECONDS)
        os._exit(1)  # in the middle of making policies, which hears of nothing

    threading.Thread(target=follow, name="lead", daemon=True).start()
    await _serve(plan, folder)


async def _serve(plan: Plan, folder: Path) -> None:
    ports = {}
    if plan.first_port:
        ports = {host.name: plan.first_port + host.number for host in plan.hosts}
    factory = load_factory(plan.backend)
    make_ready: Callable[[tuple[LabHost, ...]], None] | None = getattr(factory, "warm", None)
    if plan.warm and make_ready is not None:
        await asyncio.to_thread(make_ready, plan.hosts)
    stack = contextlib.ExitStack()
    latency, bridge = plan.latency_ms / 1_000, _bridge(plan, stack)
    practice = Practice(plan.hosts, factory, latency=latency, ports=ports, bridge=bridge)
    faulty = sum(1 for host in plan.hosts if host.faults)

    def state() -> State:
        return State(
            hosts=len(plan.hosts),
            faulty=faulty,
            seed=plan.seed,
            asked=plan.asked,
            totals=summary(practice.tallies),
        )

    control = Control(secrets.token_urlsafe(32), state)
    token = control.token
    try:
        await practice.open()
        await _probe_all(practice, plan)
        write_inventory(folder, plan.hosts, practice.places, practice.authority)
        await control.open()
        write_running(folder, Running(pid=os.getpid(), port=control.port, token=token))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(plan.hours * 3_600):
                await control.stopped.wait()
    finally:
        await control.close()
        await practice.close()
        stack.close()
        _forget(folder, token)


def _bridge(plan: Plan, stack: contextlib.ExitStack) -> Bridge | None:
    """What puts the engine behind the hosts, where there is one."""
    if not plan.engine:
        return None
    if not plan.stand_ins:
        return Bridge(Path(plan.engine))
    from pywfp_remote.lab.stand_ins import StandIns

    place = stack.enter_context(tempfile.TemporaryDirectory(prefix="wfp-lab-hosts-"))
    return Bridge(Path(plan.engine), StandIns(Path(plan.stand_ins), Path(place)))


def _forget(folder: Path, token: str) -> None:
    """Remove the state file, unless a later fleet has written its own there."""
    running = read_running(folder)
    if running is not None and running.token == token:
        (folder / STATE).unlink(missing_ok=True)


async def _probe_all(practice: Practice, plan: Plan) -> None:
    """Ask every port once that it answers; ports whose hosts all have faults are left alone."""
    trust = ssl.create_default_context(cadata=practice.authority.certificate.decode())
    ports = {
        practice.places[host.name].port: host for host in reversed(plan.hosts) if not host.faults
    }
    places = asyncio.Semaphore(_SAME_TIME)

    async def probe(port: int) -> None:
        host = ports[port]
        place = practice.places[host.name]
        async with places:
            reader, writer = await asyncio.open_connection(
                place.address, port, ssl=trust if host.way.is_tls else None
            )
            try:
                writer.write(_PROBE % place.path.encode())
                status = await reader.readline()
            finally:
                writer.close()
        if b" 401 " not in status:
            raise ConnectionError(f"{host.name} answers {status!r} on port {port}")

    await asyncio.gather(*map(probe, ports))
    for tally in practice.tallies.values():
        tally.requests = 0


def _allow_many_files() -> None:
    """Let this process open as many files as the system lets it: a port and more a host."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
