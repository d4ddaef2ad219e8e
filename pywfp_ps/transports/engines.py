"""Which PowerShell of this machine is meant: by option, by ``WFP_PWSH``, or by rule."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from pywfp_ps.errors import UsageError
from pywfp_ps.transports.base import Target

VARIABLE = "WFP_PWSH"
"""Environment variable that names a PowerShell: its program, or the folder where that is."""

_DESKTOP = "powershell"  # the program of Windows PowerShell, without extension
_CORE = "pwsh"


class Engine(Struct, frozen=True, kw_only=True):
    """One PowerShell of this machine.

    Attributes:
        program: Absolute path of its program, links followed.
        is_desktop: Whether it is Windows PowerShell, which is part of Windows and runs on .NET
            Framework; otherwise PowerShell 7, on .NET.
    """

    program: Path
    is_desktop: bool

    @property
    def folder(self) -> Path:
        """Where the program and, for PowerShell 7, its assemblies are."""
        return self.program.parent


def here(name: str = "localhost") -> Target:
    """The target that is this machine."""
    return Target(name=name, address="localhost", connection="local")


def find_engine(
    named: str | Path | None = None, *, environ: Mapping[str, str] | None = None
) -> Engine:
    """The PowerShell to use.

    Args:
        named: A program, a folder with one, or a bare name that stands on the PATH. Without it
            `VARIABLE` counts in the same way; without that Windows PowerShell on Windows, then
            ``pwsh`` on the PATH.
        environ: The environment; that of the process where it is ``None``.

    Raises:
        UsageError: There is none, or what is named is none.
    """
    env = os.environ if environ is None else environ
    if named is not None:
        return _named(str(named), "--pwsh", env)
    if env.get(VARIABLE):
        return _named(env[VARIABLE], VARIABLE, env)
    found = _windows_powershell(env) or _on_path(_CORE, env)
    if found is None:
        raise UsageError(_nothing())
    return _engine(found)


def _named(text: str, by: str, env: Mapping[str, str]) -> Engine:
    path = Path(text)
    if path.is_dir():
        for name in (_CORE, _DESKTOP):
            if (found := _program(path / name)) is not None:
                return _engine(found)
        raise UsageError(f"{by}: the folder {text} holds neither pwsh nor powershell")
    found = _on_path(text, env) if path.name == text else _program(path)
    if found is None:
        raise UsageError(f"{by}: {text} is no program that can be run")
    return _engine(found)


def _engine(program: Path) -> Engine:
    real = program.resolve()
    return Engine(program=real, is_desktop=program.stem.lower() == _DESKTOP)


def _windows_powershell(env: Mapping[str, str]) -> Path | None:
    """That of Windows itself; a 32-bit Python sees the 64-bit one under another name."""
    root = env.get("SystemRoot")
    if os.name != "nt" or not root:
        return None
    for system in ("Sysnative", "System32"):
        path = Path(root) / system / "WindowsPowerShell" / "v1.0" / _DESKTOP
        if (found := _program(path)) is not None:
            return found
    return None


def _on_path(name: str, env: Mapping[str, str]) -> Path | None:
    """A program on the PATH; relative folders there count no more than the current one does."""
    for folder in env.get("PATH", "").split(os.pathsep):
        if Path(folder).is_absolute() and (found := _program(Path(folder) / name)) is not None:
            return found
    return None


def _program(path: Path) -> Path | None:
    """`path`, with the extension of programs where the system has one, if it can be run."""
    if os.name == "nt" and path.suffix.lower() != ".exe":
        path = path.with_name(path.name + ".exe")
    return path if path.is_file() and os.access(path, os.X_OK) else None


def _nothing() -> str:
    missing = f"there is no PowerShell here: install PowerShell 7 (pwsh), or name one in {VARIABLE}"
    if sys.platform == "win32":
        return missing
    return (
        f"{missing} or --pwsh. The filter engine is part of Windows: on this system there is none"
        " to read, so ask a Windows host over the network instead"
    )
