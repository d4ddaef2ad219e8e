"""Fetching over PSRP: requests, bytes and time, beside a bare loop of pypsrp with as many threads.

Both fetch the same dumps of the same practice hosts until each is durable on disk. Ours also
guards the connection and checks every frame; the bare loop believes what comes.
"""

from __future__ import annotations

import base64
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from msgspec import Struct
from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.wsman import WSMan

from pywfp_ps.collect.visiting import CONTEXT
from pywfp_ps.fleet.connection import resolve_targets
from pywfp_ps.fleet.inventory import load_inventory
from pywfp_ps.payload import Decoder, Payload, write_raw
from pywfp_ps.resources import build_script
from pywfp_ps.transports import load
from pywfp_ps.transports.base import Patience, Target, Usage
from pywfp_remote.lab.fleet import down, up

_HOSTS = 200
_THREADS = 20
_ROUNDS = 3
_CALL = "Get-PyWfpState"
_WHOLE = "Get-PyWfpSnapshot"
_WITH_CONTEXT = 25  # hosts; every group and every difference stands once among them
_SECONDS = 120.0


class _Fetched(Struct, frozen=True, kw_only=True):
    """What one visit brought and cost; `packed` and `plain` are of the dump alone."""

    packed: int
    plain: int
    usage: Usage

    @property
    def wire(self) -> int:
        """All bytes of the visit, both ways."""
        return self.usage.sent + self.usage.received


def rows() -> list[tuple[str, str, str, str, str]]:
    """Rows of the table: what, ours, what it is compared with, ratio, budget."""
    with tempfile.TemporaryDirectory() as folder:
        status = up(_HOSTS, Path(folder) / "lab", seed=7, big=False, warm=True)
        try:
            inventory = load_inventory([status.inventory])
            targets = resolve_targets(inventory, inventory.hosts).targets
            return _rows(targets, Path(folder))
        finally:
            down(Path(folder) / "lab")


def _rows(targets: Sequence[Target], folder: Path) -> list[tuple[str, str, str, str, str]]:
    ours: list[float] = []
    bare: list[float] = []
    ours_cpu: list[float] = []
    bare_cpu: list[float] = []
    fetched: list[_Fetched] = []
    _bare(targets[0], folder)  # whatever is made on first use
    for _ in range(_ROUNDS):
        seconds, cpu, fetched = _timed(targets, folder, _ours)
        ours.append(seconds)
        ours_cpu.append(cpu)
        seconds, cpu, _ = _timed(targets, folder, _bare)
        bare.append(seconds)
        bare_cpu.append(cpu)
    whole = [_with_context(target, folder) for target in targets[:_WITH_CONTEXT]]
    plain = sum(one.plain for one in fetched)
    packed = sum(one.packed for one in fetched)
    wire = sum(one.wire for one in fetched)
    requests = sum(one.usage.requests for one in fetched) / len(fetched)
    mine, theirs = statistics.median(ours), statistics.median(bare)
    my_cpu, their_cpu = statistics.median(ours_cpu), statistics.median(bare_cpu)
    average = plain / len(fetched) / 1e6
    xml = f"{average:.1f} MB of XML"
    return [
        ("packed dump", _kilobytes(packed, fetched), xml, _part(packed, plain), "at most 1/18"),
        ("all bytes both ways", _kilobytes(wire, fetched), xml, _part(wire, plain), "at most 1/8"),
        (
            f"all bytes both ways with the context, {len(whole)} hosts",
            _kilobytes(sum(one.wire for one in whole), whole),
            "the same XML; context and facts come besides",
            _part(sum(one.wire for one in whole), sum(one.plain for one in whole)),
            "counted",
        ),
        (
            "requests a host",
            f"{requests:.1f}",
            "6 at least, 2 to 3 more for a logon",
            "",
            "counted",
        ),
        (
            f"fetch {len(targets)} hosts until durable, {_THREADS} threads",
            f"{mine:.2f} s",
            f"{theirs:.2f} s bare pypsrp loop",
            f"{mine / theirs:.2f} x",
            "at most 1.3 x",
        ),
        (
            "client CPU a host",
            f"{my_cpu / len(targets) * 1e3:.0f} ms",
            f"{their_cpu / len(targets) * 1e3:.0f} ms bare pypsrp loop",
            f"{my_cpu / their_cpu:.2f} x",
            "counted",
        ),
    ]


def bare_timed(targets: Sequence[Target], folder: Path, threads: int) -> float:
    """Seconds that the bare loop takes."""
    return _timed(targets, folder, _bare, threads)[0]


def _timed(
    targets: Sequence[Target],
    folder: Path,
    fetch: Callable[[Target, Path], _Fetched],
    threads: int = _THREADS,
) -> tuple[float, float, list[_Fetched]]:
    """Wall seconds, CPU seconds of this process, and what each visit brought."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        began, cpu = time.perf_counter(), time.process_time()
        with ThreadPoolExecutor(threads) as pool:
            fetched = list(pool.map(lambda target: fetch(target, Path(place)), targets))
        return time.perf_counter() - began, time.process_time() - cpu, fetched


def _ours(target: Target, folder: Path) -> _Fetched:
    return _visit(target, folder, _CALL, {})


def _with_context(target: Target, folder: Path) -> _Fetched:
    """As `wfp collect` asks for it."""
    return _visit(target, folder, _WHOLE, {"Source": "netsh", "Context": CONTEXT})


def _visit(
    target: Target, folder: Path, call: str, arguments: Mapping[str, str | Sequence[str]]
) -> _Fetched:
    decoder = Decoder(host=target.name, transport="psrp")
    dumps: list[Payload] = []

    def take(line: str) -> None:
        part = decoder.feed(line)
        if isinstance(part, Payload):
            write_raw(folder / target.name / f"{part.part}.gz", part.data)
            if part.part == "state":
                dumps.append(part)

    patience = Patience(_SECONDS)
    ran = load("psrp")().run(target, call, arguments, on_frame=take, watch=patience)
    (dump,) = dumps
    return _Fetched(packed=dump.packed, plain=dump.plain, usage=ran.usage)


def _bare(target: Target, folder: Path) -> _Fetched:
    """The least one can write with pypsrp; no limit, no check, no stop."""
    account = target.credential
    wsman = WSMan(
        target.address,
        port=target.port,
        path=target.path,
        ssl=target.protocol == "https",
        auth=target.auth,
        username=account.user,
        password=account.password.reveal() if account.password else None,
        cert_validation=target.ca_file or True,  # type: ignore[arg-type]  # a path is fine too
        certificate_pem=target.certificate_file,
        certificate_key_pem=target.certificate_key_file,
        no_proxy=True,
    )
    with wsman, RunspacePool(wsman) as pool:
        shell = PowerShell(pool)
        shell.add_script(build_script(_CALL).text)
        shell.add_parameters({"Call": _CALL, "Arguments": "{}"})
        frames = [json.loads(line) for line in shell.invoke()]
    for part in {frame["part"] for frame in frames}:
        texts = (f["text"] for f in frames if f["part"] == part and f["frame"] == "data")
        write_raw(folder / target.name / f"{part}.gz", map(base64.b64decode, texts))
    return _Fetched(packed=0, plain=0, usage=Usage())


def _kilobytes(total: int, fetched: Sequence[_Fetched]) -> str:
    return f"{total / len(fetched) / 1e3:.0f} KB"


def _part(some: int, plain: int) -> str:
    return f"1/{plain / some:.1f}"
