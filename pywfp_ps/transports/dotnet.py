"""PowerShell's own assemblies in this process, through pythonnet; imported and loaded on use.

A process holds one .NET for its whole life, so the first engine that is loaded is the engine. What
can go wrong on the way was seen with pythonnet 3.2, clr_loader 0.3 and PowerShell 7.6; each case
has a sentence here.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import tempfile
import threading
from pathlib import Path
from typing import Any

from msgspec import Struct

from pywfp_ps.errors import UsageError
from pywfp_ps.transports.engines import Engine

_AUTOMATION = "System.Management.Automation"
_DESKTOP_AUTOMATION = (
    f"{_AUTOMATION}, Version=3.0.0.0, Culture=neutral, PublicKeyToken=31bf3856ad364e35"
)
# In full, so that a file of that name beside a script is never taken for it.
_TRUSTED = "TRUSTED_PLATFORM_ASSEMBLIES"
_CORE_KIND, _DESKTOP_KIND = "CoreCLR", ".NET Framework"  # clr_loader's RuntimeInfo.kind
_STATE_INVALID = 0x800080A3
_OTHERWISE = "the transport child needs none of this"

# Numbers of hostfxr (docs/design/features/host-error-codes.md of dotnet/runtime).
_HOST_ERRORS = {
    0x80008083: "a library of .NET is missing beside its host, so that .NET is to be repaired",
    0x80008093: "{folder}/pwsh.runtimeconfig.json is missing or damaged",
    0x80008094: "{folder}/pwsh.dll is missing or is no program",
    0x80008096: "the .NET that this PowerShell is made for ({framework}) is not installed",
    _STATE_INVALID: "this process already runs a .NET that something else has loaded",
    0x800080A5: "this process already runs another .NET than this PowerShell is made for",
}


class Hosted(Struct, frozen=True):
    """The engine's classes as Python sees them.

    Attributes:
        automation: ``System.Management.Automation``.
        runspaces: ``System.Management.Automation.Runspaces``.
    """

    automation: Any
    runspaces: Any


class _Loaded(Struct, frozen=True):
    hosted: Hosted
    engine: Engine
    process: int


_lock = threading.Lock()
_loaded: _Loaded | None = None


def check_can_load(engine: Engine) -> None:
    """Look for what is needed, without loading anything.

    Raises:
        UsageError: Something is missing; it says what, and what to do.
    """
    for library in ("pythonnet", "clr_loader"):
        if importlib.util.find_spec(library) is None:
            raise UsageError(
                f"PowerShell in this process needs the library {library}: install pywfp-ps[local];"
                f" {_OTHERWISE}"
            )
    if engine.is_desktop:
        return
    for name in ("pwsh.dll", "pwsh.runtimeconfig.json", "pwsh.deps.json", f"{_AUTOMATION}.dll"):
        if not (engine.folder / name).is_file():
            raise UsageError(f"{engine.folder} holds no whole PowerShell: {name} is missing")


def load_engine(engine: Engine) -> Hosted:
    """The engine's classes; loaded by the first call, in half a second, and kept.

    Raises:
        UsageError: It cannot be loaded into this process; it says why.
    """
    global _loaded  # noqa: PLW0603  a process has one .NET
    with _lock:
        if _loaded is None:
            check_can_load(engine)
            _loaded = _Loaded(_load(engine), engine, os.getpid())
        if _loaded.process != os.getpid():
            raise UsageError(
                "this process was forked off one that runs .NET, and using it here would end both:"
                " start workers by spawn"
            )
        if _loaded.engine != engine:
            raise UsageError(
                f"this process already runs {_loaded.engine.program}, and there is one PowerShell"
                f" a process; {_OTHERWISE}"
            )
        return _loaded.hosted


def _load(engine: Engine) -> Hosted:
    os.environ.setdefault("POWERSHELL_TELEMETRY_OPTOUT", "1")  # asked once, when it starts
    try:
        clr = _clr(engine)
        if engine.is_desktop:
            clr.AddReference(_DESKTOP_AUTOMATION)
        else:
            clr.AddReference(str(engine.folder / f"{_AUTOMATION}.dll"))
        automation = importlib.import_module(_AUTOMATION)
        runspaces = importlib.import_module(f"{_AUTOMATION}.Runspaces")
        automation.PowerShell.Create().Dispose()  # a .NET that is too old fails only here
    except UsageError:
        raise
    except Exception as error:
        raise UsageError(sentence_for(error, engine)) from error
    return Hosted(automation, runspaces)


def _clr(engine: Engine) -> Any:
    """The module ``clr`` of pythonnet over the .NET that the engine needs."""
    pythonnet = importlib.import_module("pythonnet")
    loader = importlib.import_module("clr_loader")
    info = pythonnet.get_runtime_info()
    wanted = _DESKTOP_KIND if engine.is_desktop else _CORE_KIND
    if info is None:
        runtime = loader.get_netfx() if engine.is_desktop else _core(loader, engine)
        pythonnet.load(runtime)
        if pythonnet.get_runtime_info() is None:
            raise UsageError(
                f"a .NET was loaded into this process and unloaded again; {_OTHERWISE}"
            )
    elif info.kind != wanted:
        raise UsageError(
            f"this process already runs {info.kind}, and {engine.program.name} needs {wanted};"
            f" {_OTHERWISE}"
        )
    return importlib.import_module("clr")


def _core(loader: Any, engine: Engine) -> Any:
    """A .NET that takes its assemblies from the engine's folder first."""
    own = _own_framework(engine.folder)
    if own is not None:
        return _borrowed(loader, engine.folder, own)
    try:
        return loader.get_coreclr(entry_dll=str(engine.folder / "pwsh.dll"))
    except Exception as error:
        if _number(error) != _STATE_INVALID:
            raise
    return loader.get_coreclr(runtime_config=str(engine.folder / "pwsh.runtimeconfig.json"))


def _borrowed(loader: Any, folder: Path, framework: dict[str, str]) -> Any:
    """An installed .NET for a PowerShell that carries its own, which no other process can use."""
    major_minor = ".".join(framework["version"].split(".")[:2])
    wanted = {"name": framework["name"], "version": f"{major_minor}.0"}
    with tempfile.TemporaryDirectory() as made:
        config = Path(made) / "wfp.runtimeconfig.json"
        config.write_text(json.dumps({"runtimeOptions": {"framework": wanted}}), "utf-8")
        runtime = loader.get_coreclr(runtime_config=str(config))
    known = runtime[_TRUSTED]
    names = {Path(path).name.lower() for path in known.split(os.pathsep)}
    added = [str(path) for path in sorted(folder.glob("*.dll")) if path.name.lower() not in names]
    runtime[_TRUSTED] = os.pathsep.join([*filter(None, known.split(os.pathsep)), *added])
    return runtime


def _own_framework(folder: Path) -> dict[str, str] | None:
    """Name and version of the .NET that a PowerShell carries; None where it uses an installed one.

    Raises:
        UsageError: Its configuration is no JSON.
    """
    included = _configuration(folder).get("includedFrameworks") or ()
    for each in included:
        if each.get("name") == "Microsoft.NETCore.App" and isinstance(each.get("version"), str):
            return {"name": each["name"], "version": each["version"]}
    return None


def _configuration(folder: Path) -> dict[str, Any]:
    path = folder / "pwsh.runtimeconfig.json"
    try:
        options: Any = json.loads(path.read_text("utf-8-sig"))["runtimeOptions"]
        return dict(options)
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(_HOST_ERRORS[0x80008093].format(folder=folder)) from None


def sentence_for(error: BaseException, engine: Engine) -> str:
    """What a failure to load means, for people; .NET's own words may stand on standard error."""
    return f"PowerShell cannot run in this process: {_meaning(error, engine)}; {_OTHERWISE}"


def _meaning(error: BaseException, engine: Engine) -> str:
    number, kind, said = _number(error), type(error).__name__, str(error)
    if number in _HOST_ERRORS:
        return _HOST_ERRORS[number].format(
            folder=engine.folder, framework=_framework(engine.folder)
        )
    if kind == "TypeInitializationException":
        return f"its .NET is too old for the PowerShell in {engine.folder}"
    if kind in {"FileNotFoundException", "FileLoadException", "BadImageFormatException"}:
        return f"an assembly is missing or damaged in {engine.folder}"
    if "only supported on Windows" in said:
        return "Windows PowerShell runs on Windows alone"
    if "already been loaded" in said or "already loaded" in said:
        return "something else has chosen a .NET for it"
    if "reinitialized" in said or "shut down" in said:
        return "its .NET was shut down, and cannot be started again"
    if "hostfxr" in said or "dotnet root" in said or "ProgramFiles" in said:
        return f"no .NET is installed where it is looked for; it needs {_framework(engine.folder)}"
    if "Failed to resolve" in said or "Failed to initialize" in said:
        return "pythonnet's part for .NET does not load"
    return f"it does not load ({kind})"


def _framework(folder: Path) -> str:
    try:
        options = _configuration(folder)
    except UsageError:
        return ".NET"
    frameworks = [options.get("framework"), *(options.get("frameworks") or ())]
    frameworks += options.get("includedFrameworks") or ()
    for each in frameworks:
        if isinstance(each, dict) and each.get("name"):
            return f"{each['name']} {each.get('version', '')}".strip()
    return ".NET"


def _number(error: BaseException) -> int:
    number = getattr(error, "hresult", None)
    return number & 0xFFFFFFFF if isinstance(number, int) else 0
