"""A folder with the stand-in engine in it, as a program that can be run."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from pywfp_ps.transports import load
from pywfp_ps.transports.child import ChildLimits, ChildTransport

STAND_IN = Path(__file__).with_name("stand_in_engine.py")
QUICK = ChildLimits(stopping=2, closing=2)


def engine(folder: Path, scenario: str = "nothing", way: str = "works") -> Path:
    """The program; it waits for ``go`` in the same folder where the scenario does."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "pwsh"
    words = [sys.executable, str(STAND_IN), way, scenario, str(folder / "go")]
    program.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    program.chmod(0o755)
    return program


def child(folder: Path, scenario: str = "nothing", way: str = "works") -> ChildTransport:
    transport: ChildTransport = load("child")(engine(folder, scenario, way), limits=QUICK)
    return transport
