"""What a real engine finds in place of Windows: a made-up host's netsh, and NtObjectManager.

The stand-ins themselves are no part of the package: they are tests' parts, and a folder of them is
named where an engine is wanted.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import Final

import msgspec
from msgspec.structs import replace

from pywfp_ps.errors import UsageError
from pywfp_ps.write import write_filters, write_state
from pywfp_remote.lab.generated import key_of, made_host
from pywfp_remote.lab.host import LabHost
from pywfp_remote.lab.module_context import SAID, system_ports
from pywfp_remote.lab.module_events import net_events

_NETSH: Final = "stand_in_netsh.py"
_MODULES: Final = "modules"


class StandIns:
    """The environment of each host's engine; call it with a host.

    Args:
        stand_ins: Folder with ``stand_in_netsh.py`` and ``modules``.
        folder: Where hosts get folders of their own; the caller removes it.

    Raises:
        UsageError: The stand-ins are not there.
    """

    def __init__(self, stand_ins: Path, folder: Path) -> None:
        check_stand_ins(stand_ins)
        self._stand_ins, self._folder = stand_ins, folder
        self._programs = folder / "programs"
        self._programs.mkdir(mode=0o700)
        self._write_netsh()

    def __call__(self, host: LabHost) -> dict[str, str]:
        """Variables for the engine of a host; its dumps are written the first time."""
        own = self._folder / host.name
        if not (own / "said.json").exists():
            _write_dumps(host, own)
        paths = os.environ.get("PSModulePath", "")  # noqa: SIM112 - PowerShell's own name
        return {
            "COMPUTERNAME": host.computer,
            "USERNAME": host.account,
            "USERDOMAIN": host.computer,
            "TMPDIR": str(own / "temp"),
            "PATH": os.pathsep.join([str(self._programs), os.environ.get("PATH", "")]),
            "PSModulePath": os.pathsep.join(filter(None, [str(self._stand_ins / _MODULES), paths])),
            "WFP_STAND_IN_FOLDER": str(own),
        }

    def _write_netsh(self) -> None:
        source = self._stand_ins / _NETSH
        if os.name == "nt":
            text = f'@"{sys.executable}" "{source}" %*\r\n'
            (self._programs / "netsh.cmd").write_text(text, newline="")
            return
        program = self._programs / "netsh"
        program.write_text(f'#!/bin/sh\nexec {quote(sys.executable)} {quote(str(source))} "$@"\n')
        program.chmod(0o700)


def check_stand_ins(folder: Path) -> None:
    """See that the stand-ins are there.

    Raises:
        UsageError: They are not.
    """
    if not ((folder / _NETSH).is_file() and (folder / _MODULES).is_dir()):
        raise UsageError(f"no stand-ins for netsh and NtObjectManager are in {folder}")


def _write_dumps(host: LabHost, folder: Path) -> None:
    made, now = made_host(key_of(host)), datetime.now(UTC)
    (folder / "temp").mkdir(mode=0o700, parents=True, exist_ok=True)
    snapshot = replace(made.snapshot, taken_at=now)
    files = {
        "state.xml": write_state(snapshot),
        "filters.xml": write_filters(snapshot),
        "netevents.xml": net_events(made.context["events"], now),
        "sysports.xml": system_ports(made.context["sysports"]),
        "said.json": msgspec.json.encode(SAID),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
