"""Loading .NET, with stand-ins for pythonnet and clr_loader that do what these were seen to do."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from pywfp_ps.errors import UsageError
from pywfp_ps.transports import dotnet
from pywfp_ps.transports.engines import Engine
from pywfp_ps.transports.inprocess import InProcessTransport

AUTOMATION = "System.Management.Automation"
NEEDED = ("pwsh", "pwsh.dll", "pwsh.deps.json", "pwsh.runtimeconfig.json", f"{AUTOMATION}.dll")
FRAMEWORK = {"name": "Microsoft.NETCore.App", "version": "10.0.12"}


class ClrError(Exception):
    def __init__(self, hresult: int) -> None:
        super().__init__(hex(hresult))
        self.hresult = hresult


class TypeInitializationException(Exception):  # noqa: N818  the name is .NET's
    pass


class FileNotFoundException(Exception):  # noqa: N818  the name is .NET's
    pass


class Loader:
    """Stands in for pythonnet, clr_loader, clr and the namespaces of .NET.

    Attributes:
        kind: Of the .NET that runs in the process; empty for none.
        asked: What was done, in order.
        fails: What raises, by the name of the step.
    """

    def __init__(self) -> None:
        self.kind, self.asked = "", list[Any]()
        self.fails: dict[str, Exception] = {}
        self.properties = {"TRUSTED_PLATFORM_ASSEMBLIES": "/dotnet/System.Runtime.dll:"}
        self.forgets = False

    def step(self, name: str, *told: Any) -> None:
        self.asked.append((name, *told))
        if name in self.fails:
            raise self.fails[name]

    def get_coreclr(self, **options: str) -> dict[str, str]:
        (name, value), *rest = options.items()
        assert rest == []
        made_here = name == "runtime_config" and "wfp." in value
        told = json.loads(Path(value).read_text("utf-8")) if made_here else value
        self.step(f"get_coreclr {name}", told)
        return self.properties

    def get_netfx(self) -> str:
        self.step("get_netfx")
        return "netfx"

    def load(self, runtime: object) -> None:
        self.step("load")
        self.kind = "" if self.forgets else "CoreCLR" if runtime != "netfx" else ".NET Framework"

    def get_runtime_info(self) -> Any:
        return SimpleNamespace(kind=self.kind) if self.kind else None

    def add_reference(self, name: str) -> None:
        self.step("AddReference", name)

    def create(self) -> Any:
        self.step("Create")
        return SimpleNamespace(Dispose=lambda: None)

    def modules(self) -> dict[str, Any]:
        return {
            "pythonnet": SimpleNamespace(load=self.load, get_runtime_info=self.get_runtime_info),
            "clr_loader": SimpleNamespace(get_coreclr=self.get_coreclr, get_netfx=self.get_netfx),
            "clr": SimpleNamespace(AddReference=self.add_reference),
            AUTOMATION: SimpleNamespace(PowerShell=SimpleNamespace(Create=self.create)),
            f"{AUTOMATION}.Runspaces": SimpleNamespace(),
        }


@pytest.fixture
def loader(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loader]:
    found, imported = Loader(), importlib.import_module

    def import_module(name: str) -> ModuleType:
        module = found.modules().get(name)
        return imported(name) if module is None else module

    def find_spec(name: str) -> object:
        return found.modules().get(name)

    monkeypatch.setattr(importlib, "import_module", import_module)
    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    monkeypatch.setattr(dotnet, "_loaded", None)
    monkeypatch.setenv("POWERSHELL_TELEMETRY_OPTOUT", "1")
    yield found
    assert "clr" not in sys.modules


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    for name in NEEDED:
        (tmp_path / name).write_text("{}")
    configure(tmp_path, framework=FRAMEWORK)
    return Engine(program=tmp_path / "pwsh", is_desktop=False)


def configure(folder: Path, **options: object) -> None:
    text = json.dumps({"runtimeOptions": options})
    (folder / "pwsh.runtimeconfig.json").write_text(text)


DESKTOP = Engine(program=Path("/Windows/powershell.exe"), is_desktop=True)


def test_powershell_7_is_loaded_by_its_own_program(loader: Loader, engine: Engine) -> None:
    hosted = dotnet.load_engine(engine)
    assert loader.asked == [
        ("get_coreclr entry_dll", str(engine.folder / "pwsh.dll")),
        ("load",),
        ("AddReference", str(engine.folder / f"{AUTOMATION}.dll")),
        ("Create",),
    ]
    assert dotnet.load_engine(engine) is hosted
    assert len(loader.asked) == 4, "once a process"


def test_windows_powershell_is_found_by_its_full_name(loader: Loader) -> None:
    dotnet.load_engine(DESKTOP)
    (_, load, reference, _) = loader.asked
    assert (loader.asked[0], load) == (("get_netfx",), ("load",))
    assert reference[1].startswith(f"{AUTOMATION}, Version=3.0.0.0, ")
    assert "PublicKeyToken=31bf3856ad364e35" in reference[1]


def test_a_dotnet_that_runs_already_is_used(loader: Loader, engine: Engine) -> None:
    loader.kind = "CoreCLR"
    dotnet.load_engine(engine)
    assert [step[0] for step in loader.asked] == ["AddReference", "Create"]


def test_one_that_pythonnet_does_not_know_of_is_joined(loader: Loader, engine: Engine) -> None:
    loader.fails["get_coreclr entry_dll"] = ClrError(0x800080A3)
    dotnet.load_engine(engine)
    assert loader.asked[1] == (
        "get_coreclr runtime_config",
        str(engine.folder / "pwsh.runtimeconfig.json"),
    )


def test_a_powershell_with_its_own_dotnet_borrows_an_installed_one(
    loader: Loader, engine: Engine
) -> None:
    configure(engine.folder, includedFrameworks=[FRAMEWORK])
    for name in ("Newtonsoft.Json.dll", "system.runtime.dll"):
        (engine.folder / name).write_text("")
    dotnet.load_engine(engine)
    wanted = {"name": FRAMEWORK["name"], "version": "10.0.0"}
    assert loader.asked[0] == (
        "get_coreclr runtime_config",
        {"runtimeOptions": {"framework": wanted}},
    )
    own = ["Newtonsoft.Json.dll", f"{AUTOMATION}.dll", "pwsh.dll"]
    assert loader.properties["TRUSTED_PLATFORM_ASSEMBLIES"].split(os.pathsep) == [
        "/dotnet/System.Runtime.dll",
        *(str(engine.folder / name) for name in own),
    ]


@pytest.mark.parametrize(
    ("step", "error", "text"),
    [
        ("entry_dll", RuntimeError("Can not determine dotnet root"), "no .NET is installed"),
        ("entry_dll", RuntimeError("Could not find a suitable hostfxr library in /x"),
         "no .NET is installed.*Microsoft.NETCore.App 10.0.12"),
        ("entry_dll", ClrError(0x80008093), "runtimeconfig.json is missing or damaged"),
        ("entry_dll", ClrError(0x80008096), r"Microsoft.NETCore.App 10.0.12\) is not installed"),
        ("entry_dll", ClrError(0x80008096 - (1 << 32)), "is not installed"),
        ("entry_dll", ClrError(0x80008094), "pwsh.dll is missing or is no program"),
        ("entry_dll", ClrError(0x800080A5), "already runs another .NET"),
        ("entry_dll", ClrError(0x80008083), "to be repaired"),
        ("entry_dll", ClrError(0x80001234), r"it does not load \(ClrError\)"),
        ("entry_dll", RuntimeError("Runtime can not be reinitialized"), "shut down"),
        ("load", RuntimeError("The runtime x has already been loaded"), "something else has"),
        ("load", RuntimeError("Failed to initialize Python.Runtime.dll"), "part for .NET"),
        ("AddReference", FileNotFoundException("Unable to find assembly\n  at X"),
         "an assembly is missing or damaged in"),
        ("Create", TypeInitializationException("SMA\n  at X"), "too old for the PowerShell in"),
        ("Create", FileNotFoundException("ApplicationInsights"), "an assembly is missing"),
        ("Create", MemoryError(), r"it does not load \(MemoryError\)"),
    ],
)  # fmt: skip
def test_each_failure_has_a_sentence(
    loader: Loader, engine: Engine, step: str, error: Exception, text: str
) -> None:
    loader.fails["get_coreclr entry_dll" if step == "entry_dll" else step] = error
    with pytest.raises(UsageError, match=f"PowerShell cannot run in this process: .*{text}") as got:
        dotnet.load_engine(engine)
    assert str(got.value).endswith("; the transport child needs none of this")
    assert "\n" not in str(got.value)
    assert dotnet._loaded is None


@pytest.mark.parametrize(
    ("kind", "which", "text"),
    [
        ("Mono", "core", "already runs Mono, and pwsh needs CoreCLR"),
        (".NET Framework", "core", "already runs .NET Framework, and pwsh needs CoreCLR"),
        ("CoreCLR", "desktop", "already runs CoreCLR, and powershell.exe needs .NET Framework"),
    ],
)
def test_another_kind_of_dotnet_is_in_the_way(
    loader: Loader, engine: Engine, kind: str, which: str, text: str
) -> None:
    loader.kind = kind
    with pytest.raises(UsageError, match=text):
        dotnet.load_engine(engine if which == "core" else DESKTOP)


def test_windows_powershell_elsewhere_is_refused(loader: Loader) -> None:
    loader.fails["get_netfx"] = RuntimeError(".NET Framework is only supported on Windows")
    with pytest.raises(UsageError, match="runs on Windows alone"):
        dotnet.load_engine(DESKTOP)


def test_one_that_was_unloaded_does_not_come_again(loader: Loader, engine: Engine) -> None:
    loader.forgets = True
    with pytest.raises(UsageError, match="unloaded again"):
        dotnet.load_engine(engine)


@pytest.mark.usefixtures("loader")
def test_there_is_one_engine_a_process(engine: Engine) -> None:
    dotnet.load_engine(engine)
    with pytest.raises(UsageError, match=r"this process already runs .*pwsh, and there is one"):
        dotnet.load_engine(DESKTOP)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing is forked here")
@pytest.mark.usefixtures("loader")
def test_it_is_refused_after_a_fork(engine: Engine) -> None:
    dotnet.load_engine(engine)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            dotnet.load_engine(engine)
            said = "used"
        except UsageError as error:
            said = str(error)
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as pipe:
        assert "was forked off one that runs .NET" in pipe.read()
    dotnet.load_engine(engine)


@pytest.mark.parametrize("library", ["pythonnet", "clr_loader"])
def test_a_missing_library_is_named_with_what_installs_it(
    loader: Loader, engine: Engine, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = loader.modules()
    del known[library]
    monkeypatch.setattr(importlib.util, "find_spec", known.get)
    engine.program.chmod(0o755)
    with pytest.raises(UsageError, match=rf"the library {library}: install pywfp-ps\[local\]"):
        InProcessTransport(engine.program)
    assert loader.asked == []


@pytest.mark.parametrize("name", NEEDED[1:])
@pytest.mark.usefixtures("loader")
def test_a_folder_that_is_no_whole_powershell_is_refused(engine: Engine, name: str) -> None:
    (engine.folder / name).unlink()
    with pytest.raises(UsageError, match=f"holds no whole PowerShell: {name} is missing"):
        dotnet.load_engine(engine)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"runtimeOptions": 5}', "\x00"])
def test_a_damaged_configuration_has_a_sentence(loader: Loader, engine: Engine, text: str) -> None:
    (engine.folder / "pwsh.runtimeconfig.json").write_text(text)
    with pytest.raises(UsageError, match=r"runtimeconfig.json is missing or damaged"):
        dotnet.load_engine(engine)
    assert loader.asked == []


def test_the_core_imports_no_dotnet() -> None:
    assert not {"clr", "clr_loader", "pythonnet"} & sys.modules.keys()
