"""The PowerShell side: projecting and packing filters, and calls in this process.

Needs an engine (``WFP_PWSH``, ``pwsh`` or Windows PowerShell); the rows say so where there is none.
The filters are made up, with classes in the shape of NtObjectManager's, so that machines compare.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pywfp_ps.errors import UsageError
from pywfp_ps.payload import decode
from pywfp_ps.transports import load
from pywfp_ps.transports.base import Patience
from pywfp_ps.transports.engines import find_engine, here

_ROUNDS = 3
_FILTERS, _CONDITIONS = 1050, 4373
_LIMIT = 300.0
_PATHS = "PSModulePath"
_PROJECT = f"project and pack {_FILTERS:,} filters with {_CONDITIONS:,} conditions, cold"
_ROWS = (
    (_PROJECT, "0.28 s prototype", "no slower than the prototype"),
    ("frame text of them", "", "at most 130 KB"),
    ("PowerShell in this process, first result", "", "under 0.6 s"),
    ("the same, a warm call", "", "under 2 ms"),
)
_MANIFEST = """\
@{
    RootModule = 'NtObjectManager.psm1'; ModuleVersion = '2.0.1'
    GUID = '7d7a9b9c-5f0f-4b0e-8d8a-2b0d6b1f2c33'; FunctionsToExport = '*'
}
"""
_MODULE = Path(__file__).with_name("made_up_filters.psm1")
_FIRST = """
import time
began = time.perf_counter()
from benchmarks.engine import first_call
first_call()
print(time.perf_counter() - began)
"""


def rows() -> list[tuple[str, str, str, str, str]]:
    """Rows of the table: what, ours, what it is compared with, ratio, budget."""
    try:
        find_engine()
    except UsageError:
        return [(what, "not run: no PowerShell here", beside, "", b) for what, beside, b in _ROWS]
    found = [*_projection(), *_in_process()]
    return [
        (what, ours, beside, ratio, budget)
        for (what, beside, budget), (ours, ratio) in zip(_ROWS, found, strict=True)
    ]


def _projection() -> list[tuple[str, str]]:
    """Seconds from the opened engine to the last frame, and bytes of the frames."""
    taken, size = [], 0
    try:
        with _made_up_module():
            for _ in range(_ROUNDS):
                seconds, size = _one_projection()
                taken.append(seconds)
    except _NotRunError as error:
        return [(f"not run: {error}", "")] * 2
    middle = statistics.median(taken)
    return [(f"{middle:.2f} s", f"{middle / 0.28:.1f} x"), (f"{size / 1000:.0f} KB", "")]


class _NotRunError(Exception):
    """There is no number; the text says why."""


def _one_projection() -> tuple[float, int]:
    lines: list[str] = []
    ends: list[float] = []

    def take(line: str) -> None:
        lines.append(line)
        if '"frame":"end"' in line and '"part":"records"' in line:
            ends.append(time.time())

    ran = load("child")().run(
        here(),
        "Get-PyWfpRecord",
        {"Kind": ["Filter"]},
        on_frame=take,
        watch=Patience(_LIMIT),
    )
    parts = {p.part: p for p in decode(lines, host="here", transport="child").payloads}
    records = parts.get("records")
    if records is None or not records.complete or records.taken_at is None:
        names = ", ".join(error.error_id for error in ran.errors) or ran.state
        raise _NotRunError(f"the engine answered otherwise ({names})")
    count = sum(b'"kind":"filter"' in line for line in records.raw().splitlines())
    if count != _FILTERS:
        raise _NotRunError(f"{count} filters came instead of {_FILTERS}")
    size = sum(len(line) for line in lines if '"part":"records"' in line)
    # Both times are of one clock. The function notes its own once the engine is open.
    return ends[0] - records.taken_at.timestamp(), size


@contextmanager
def _made_up_module() -> Iterator[None]:
    before = os.environ.get(_PATHS)
    with tempfile.TemporaryDirectory(prefix="wfp-bench-") as name:
        folder = Path(name) / "NtObjectManager"
        folder.mkdir()
        numbers = f"({_FILTERS}, {_CONDITIONS})"
        text = _MODULE.read_text("ascii").replace("(COUNT, CONDITIONS)", numbers)
        (folder / "NtObjectManager.psm1").write_text(text, "ascii")
        (folder / "NtObjectManager.psd1").write_text(_MANIFEST, "ascii")
        os.environ[_PATHS] = os.pathsep.join(filter(None, (name, before)))
        try:
            yield
        finally:
            if before is None:
                del os.environ[_PATHS]
            else:
                os.environ[_PATHS] = before


def _in_process() -> list[tuple[str, str]]:
    """Seconds to the first result in a fresh process, and of a warm call in one."""
    try:
        firsts = [_first_in_a_process() for _ in range(_ROUNDS)]
        warm = _warm_calls()
    except _NotRunError as error:
        return [(f"not run: {error}", "")] * 2
    first = statistics.median(firsts)
    return [(f"{first:.2f} s", ""), (f"{warm * 1000:.1f} ms", "")]


def _first_in_a_process() -> float:
    done = subprocess.run(
        [sys.executable, "-c", _FIRST], capture_output=True, text=True, timeout=_LIMIT, check=False
    )
    if done.returncode:
        raise _NotRunError((done.stderr.strip().splitlines() or ["it failed"])[-1][:120])
    return float(done.stdout)


def first_call() -> None:
    """One trivial call in this process, from nothing."""
    _Trivial().call()


def _warm_calls(count: int = 200) -> float:
    """Median seconds of a trivial call once the engine is up."""
    taken = []
    try:
        trivial = _Trivial()
        trivial.call()
        for _ in range(count):
            began = time.perf_counter()
            trivial.call()
            taken.append(time.perf_counter() - began)
    except Exception as error:
        raise _NotRunError(str(error)[:120]) from error
    return statistics.median(taken)


class _Trivial:
    """The transport in this process with the least of all scripts in place of the module's."""

    def __init__(self) -> None:
        from pywfp_ps.resources import Script
        from pywfp_ps.transports import inprocess

        text = "param([string]$Call, [string]$Arguments)\n'x'\n"
        script = Script(call="Get-PyWfpHostFact", functions=(), text=text, sha256="")
        setattr(inprocess, "script_for", lambda *_: script)  # noqa: B010 - only for this process
        self._transport = load("inprocess")()

    def call(self) -> None:
        lines: list[str] = []
        self._transport.run(
            here(), "Get-PyWfpHostFact", {}, on_frame=lines.append, watch=Patience(_LIMIT)
        )
        if lines != ["x"]:
            raise _NotRunError(f"the engine said {lines!r:.60}")
