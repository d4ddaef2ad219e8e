from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pywfp_ps.cli import main
from pywfp_remote.endpoint import endpoint_files, endpoint_texts

GROUP = "CONTOSO\\WFP Readers"


def wfp(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["jea", *arguments], catch_exceptions=False)


def test_it_prints_what_an_administrator_reads() -> None:
    result = wfp("--group", GROUP)
    told = "".join(f"# {name}\n\n{text}\n" for name, text in endpoint_texts(group=GROUP).items())
    assert (result.exit_code, result.stdout, result.stderr) == (0, told, "")


@pytest.mark.parametrize("before", ["nothing", "empty"])
def test_it_writes_all_that_a_host_needs(tmp_path: Path, before: str) -> None:
    folder = tmp_path / "jea"
    if before == "empty":
        folder.mkdir()
    result = wfp("--group", GROUP, "--gmsa", "CONTOSO\\wfp$", str(folder))
    files = endpoint_files(group=GROUP, gmsa="CONTOSO\\wfp$")
    assert (result.exit_code, result.stdout) == (0, f"{folder}\n")
    assert {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()} == {
        path.as_posix() for path in files
    }
    assert all(folder.joinpath(*p.parts).read_bytes() == data for p, data in files.items())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Missing option '--group'"),
        (("--group", "Readers"), "is written DOMAIN\\name"),
        (("--group", GROUP, "--function", "Invoke-Command"), "no function 'Invoke-Command'"),
        (("--group", GROUP, "--gmsa", "C\\x", "--administrators", "C\\y"), "not --administrators"),
        (("--group", GROUP, "."), ". is not empty"),
    ],
)
def test_wrong_usage_says_what_is_wrong(arguments: tuple[str, ...], said: str) -> None:
    result = wfp(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr


def test_functions_and_group_of_another_language_are_written() -> None:
    result = wfp(
        "--group", GROUP, "--function", "Get-PyWfpState", "--administrators", "VORDEFINIERT\\Admins"
    )
    assert "RunAsVirtualAccountGroups = 'VORDEFINIERT\\Admins'" in result.stdout
    assert "        'PyWfp\\Get-PyWfpState'\n    )" in result.stdout
