"""What the practice fleet's tests share: a tiny host, a served fleet, pypsrp as the client."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.wsman import WSMan

from pywfp_ps.payload.frames import encode_part
from pywfp_remote.lab.host import (
    Arguments,
    BackendFactory,
    HostBackend,
    LabHost,
    UnknownCallError,
    Way,
)
from pywfp_remote.lab.practice import Practice

_ITEMS = "".join(f"<item><name>rule {n * 7919 % 99991}</name></item>\n" for n in range(30_000))
DUMP = f"<wfpstate>{_ITEMS}</wfpstate>".encode()

FACTS: dict[str, object] = {
    "account": {"elevated": True},
    "bfe": {"status": 4},
    "clock": {"utc": "2026-11-21T10:00:00.000Z"},
    "powershell": {"language_mode": "FullLanguage"},
}

SCRIPT = """param([string]$Call, [string]$Arguments)
$ErrorActionPreference = 'Stop'
function Get-PyWfpState {
    [CmdletBinding()]
    param([ValidatePattern('^\\d{1,4}$')] [string] $LimitSeconds = '60')
    $LimitSeconds
}
$given = @{}
& $Call @given
"""


class TinyHost:
    """A backend with one small dump."""

    def __init__(self, host: LabHost) -> None:
        self._host = host

    def answer(self, call: str, arguments: Arguments) -> Iterator[str]:
        if call != "Get-PyWfpState":
            raise UnknownCallError(call)
        assert set(arguments) <= {"LimitSeconds"}
        yield from encode_part(
            DUMP, part="state", content="netsh-state", call=call, taken_at=datetime.now(UTC)
        )


class AnyCall:
    """A backend with one small part for every call: facts for facts, a dump for the rest."""

    def answer(self, call: str, arguments: Arguments) -> Iterator[str]:
        about = call == "Get-PyWfpHostFact"
        assert arguments == {}
        yield from encode_part(
            json.dumps(FACTS).encode() if about else DUMP,
            part="facts" if about else "state",
            content="host-facts" if about else "netsh-state",
            call=call,
            taken_at=datetime(2026, 11, 21, 10, tzinfo=UTC),
        )


def tiny(host: LabHost) -> HostBackend:
    return TinyHost(host)


def lab_host(name: str = "web-001", way: Way = Way.NTLM, *faults: str) -> LabHost:
    return LabHost(
        name=name,
        number=int(name[-3:]),
        group=name.partition("-")[0],
        seed=1,
        account="labadmin",
        password="Right1Password",
        way=way,
        faults=frozenset(faults),
    )


@contextmanager
def served(*hosts: LabHost, factory: BackendFactory = tiny, **options: Any) -> Iterator[Practice]:
    """The hosts, answering from an event loop in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    practice = Practice(hosts, factory, **options)
    try:
        asyncio.run_coroutine_threadsafe(practice.open(), loop).result(30)
        yield practice
    finally:
        asyncio.run_coroutine_threadsafe(practice.close(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.run_until_complete(_end_tasks())
        loop.close()


async def _end_tasks() -> None:
    """Ends what waits in this loop, as `asyncio.run` does, and lets it close its connections."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    # Those in the middle of a handshake are known to nobody else; the name is private.
    for transport in list(getattr(asyncio.get_running_loop(), "_transports", {}).values()):
        transport.abort()
    for _ in range(10):
        await asyncio.sleep(0)


def client(practice: Practice, host: LabHost, folder: Path | None = None, **options: Any) -> WSMan:
    """pypsrp's own client for the host, as its inventory line would set it up."""
    place = practice.places[host.name]
    settings: dict[str, Any] = {
        "port": place.port,
        "path": place.path,
        "ssl": host.way.is_tls,
        "username": host.account,
        "password": host.password,
        "auth": {Way.NTLM: "ntlm"}.get(host.way, host.way.value),
        "encryption": "never" if host.way is Way.BASIC else "auto",
        "operation_timeout": 5,
        "read_timeout": 10,
        "no_proxy": True,
    }
    if folder is not None:
        (folder / "ca.pem").write_bytes(practice.authority.certificate)
        settings["cert_validation"] = str(folder / "ca.pem")
        identity = practice.authority.client(host.account)
        (folder / "client.pem").write_bytes(identity.certificate)
        (folder / "client.key").write_bytes(identity.key)
        if host.way is Way.CERTIFICATE:
            settings["certificate_pem"] = str(folder / "client.pem")
            settings["certificate_key_pem"] = str(folder / "client.key")
    return WSMan(place.address, **{**settings, **options})


def invoke(wsman: WSMan, script: str = SCRIPT, **parameters: Any) -> PowerShell:
    """Run one script in a pool of its own and give the finished pipeline.

    After an error nothing more is asked of the host, so that the error seen is the first one.
    """
    with wsman:
        pool = RunspacePool(wsman)
        pool.open()
        shell = PowerShell(pool)
        shell.add_script(script)
        if parameters:
            shell.add_parameters(parameters)
        shell.invoke()
        pool.close()
    return shell


def ask(wsman: WSMan, arguments: str = "{}") -> PowerShell:
    """The finished pipeline of a state call."""
    return invoke(wsman, Call="Get-PyWfpState", Arguments=arguments)


def state_of(wsman: WSMan, arguments: str = "{}") -> bytes:
    """The plain dump that a state call brings."""
    done = ask(wsman, arguments)
    frames = [json.loads(line) for line in done.output]
    text = "".join(frame["text"] for frame in frames if frame["frame"] == "data")
    return gzip.decompress(base64.b64decode(text))
