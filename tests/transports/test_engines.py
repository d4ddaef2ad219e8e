from __future__ import annotations

import os
from pathlib import Path

import pytest

from pywfp_ps.errors import UsageError
from pywfp_ps.transports.base import Target
from pywfp_ps.transports.engines import Engine, find_engine, here

pytestmark = pytest.mark.skipif(os.name == "nt", reason="programs have other names there")


def program(folder: Path, name: str = "pwsh") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_here_is_this_machine() -> None:
    assert here("web-01") == Target(name="web-01", address="localhost", connection="local")


def test_the_option_comes_before_the_variable_and_that_before_the_path(tmp_path: Path) -> None:
    option, variable, path = (program(tmp_path / name) for name in ("a", "b", "c"))
    env = {"WFP_PWSH": str(variable), "PATH": str(path.parent)}
    assert find_engine(option, environ=env).program == option
    assert find_engine(environ=env).program == variable
    assert find_engine(environ={"PATH": str(path.parent)}).program == path


def test_a_folder_or_a_bare_name_will_do(tmp_path: Path) -> None:
    path = program(tmp_path / "engine")
    env = {"PATH": str(tmp_path / "engine")}
    assert find_engine(tmp_path / "engine", environ={}).program == path
    assert find_engine("pwsh", environ=env).program == path
    assert find_engine(environ={"WFP_PWSH": "pwsh", **env}).program == path


def test_a_link_leads_to_the_folder_of_the_engine(tmp_path: Path) -> None:
    real = program(tmp_path / "opt" / "powershell")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "pwsh").symlink_to(real)
    found = find_engine(environ={"PATH": str(tmp_path / "bin")})
    assert found == Engine(program=real, is_desktop=False)
    assert found.folder == real.parent


def test_windows_powershell_is_known_by_its_name(tmp_path: Path) -> None:
    assert find_engine(program(tmp_path, "powershell"), environ={}).is_desktop


@pytest.mark.parametrize("path", ["", ".", "relative:", ":"])
def test_the_current_folder_is_never_searched(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path)
    program(tmp_path / "relative")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"there is no PowerShell here.*WFP_PWSH.*part of Windows"):
        find_engine(environ={"PATH": path})


@pytest.mark.parametrize("by", ["--pwsh", "WFP_PWSH"])
@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda _: "/no/such/pwsh", "is no program that can be run"),
        (lambda _: "no-such-name", "is no program that can be run"),
        (lambda folder: folder, "holds neither pwsh nor powershell"),
        (lambda folder: (folder / "file").write_text("x") and folder / "file", "is no program"),
    ],
)
def test_what_is_named_and_is_none_is_refused(
    by: str, make: object, text: str, tmp_path: Path
) -> None:
    assert callable(make)
    named = str(make(tmp_path))
    env, option = ({"WFP_PWSH": named}, None) if by == "WFP_PWSH" else ({}, named)
    with pytest.raises(UsageError, match=f"{by}: .*{text}"):
        find_engine(option, environ=env)
