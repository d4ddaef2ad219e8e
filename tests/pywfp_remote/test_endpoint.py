"""The files of the JEA endpoint, read as an administrator and as PowerShell would read them."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

import pytest

from pywfp_ps import resources
from pywfp_ps.errors import UsageError
from pywfp_remote import endpoint
from tests.psmodules import powershell_rules as rules

GROUP = r"CONTOSO\WFP Readers"
FOLDER = Path(endpoint.__file__).parent
SCRIPTS = sorted(FOLDER.glob("*.ps1"))
MODULE_FILES = {
    PurePosixPath("PyWfp", *path.relative_to(resources.module_folder()).parts)
    for path in resources.module_folder().rglob("*")
    if path.is_file()
}

# Beside what the module uses: each is in Windows PowerShell 5.1.
COMMANDS = {
    "Copy-Item": {"LiteralPath", "Destination", "Recurse"},
    "Get-CimInstance": {"ClassName"},
    "Get-PSSessionConfiguration": {"Name", "ErrorAction"},
    "Import-PowerShellDataFile": {"LiteralPath"},
    "Join-Path": set[str](),
    "Register-PSSessionConfiguration": {"Name", "Path", "NoServiceRestart", "Force"},
    "Remove-Item": {"LiteralPath", "Recurse", "Force"},
    "Restart-Service": {"Name", "Force"},
    "Select-String": {"LiteralPath", "Pattern", "Quiet"},
    "Set-StrictMode": {"Version"},
    "Test-Path": {"LiteralPath"},
    "Test-PSSessionConfigurationFile": {"Path"},
    "Unregister-PSSessionConfiguration": {"Name", "NoServiceRestart", "Force"},
}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_keeps_to_what_windows_powershell_knows(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "COMMANDS", COMMANDS)
    assert rules.faults(path.read_bytes(), {}) == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_is_read_in_two_minutes_and_says_what_its_parameters_do(path: Path) -> None:
    text = path.read_text("ascii")
    assert len(text.splitlines()) <= 70
    assert text.startswith("<#\n.SYNOPSIS\n    ")
    root = rules.PARSER.parse(text.encode()).root_node
    block = next(rules.nodes(root, "param_block"))
    names = [
        rules.text_of(next(c for c in node.children if c.type == "variable")).lstrip("$")
        for node in rules.nodes(block, "script_parameter")
    ]
    assert re.findall(r"^\.PARAMETER (\w+)\n    \S", text, re.MULTILINE) == names
    assert "Set-StrictMode -Version Latest\n$ErrorActionPreference = 'Stop'\n" in text


def test_what_is_registered_can_be_undone() -> None:
    register, unregister = (path.read_text("ascii") for path in SCRIPTS)
    target = "$target = Join-Path $env:ProgramFiles 'WindowsPowerShell\\Modules\\PyWfp'"
    assert target in register
    assert target in unregister
    assert register.count("Register-PSSessionConfiguration -Name $Name") == 1
    assert unregister.count("Unregister-PSSessionConfiguration -Name $Name") == 1
    assert "Remove-Item -LiteralPath $target" in unregister
    assert "Author = 'pywfp_ps'" in (resources.module_folder() / "PyWfp.psd1").read_text("ascii")
    assert "Remove-Item" not in register


def test_a_virtual_account_is_refused_on_a_domain_controller() -> None:
    register = SCRIPTS[0].read_text("ascii")
    assert re.search(r"if \(\$virtual -and \$role -ge 4\) \{[^}]*\n    throw ", register)
    (pattern,) = re.findall(r"-Pattern '([^']+)' -Quiet", register)
    virtual, managed = (
        endpoint.endpoint_texts(group=GROUP, gmsa=gmsa)["PyWfp.pssc"].splitlines()
        for gmsa in (None, r"CONTOSO\wfp$")
    )
    assert [line.strip() for line in virtual if re.search(pattern, line)] == [
        "RunAsVirtualAccount = $true"
    ]
    assert [line for line in managed if re.search(pattern, line)] == []


def parsed(text: str) -> list[str]:
    """The settings of a data file at its top level, as they are written."""
    root = rules.PARSER.parse(text.encode()).root_node
    assert not root.has_error, text
    table = next(rules.nodes(root, "hash_literal_body"))
    return [" ".join(rules.text_of(each).split()) for each in table.named_children
            if each.type == "hash_entry"]  # fmt: skip


def test_the_configuration_lets_one_group_in_and_says_as_whom() -> None:
    settings = parsed(endpoint.endpoint_texts(group=GROUP)["PyWfp.pssc"])
    assert settings[4:] == [
        "SessionType = 'RestrictedRemoteServer'",
        "LanguageMode = 'NoLanguage'",
        "ExecutionPolicy = 'RemoteSigned'",
        r"RoleDefinitions = @{ 'CONTOSO\WFP Readers' = @{ RoleCapabilities = 'PyWfp' } }",
        "RunAsVirtualAccount = $true",
        r"RunAsVirtualAccountGroups = 'BUILTIN\Administrators'",
    ]


def test_a_managed_account_takes_the_place_of_the_virtual_one() -> None:
    settings = parsed(endpoint.endpoint_texts(group=GROUP, gmsa=r"CONTOSO\wfp$")["PyWfp.pssc"])
    assert settings[-1] == r"GroupManagedServiceAccount = 'CONTOSO\wfp'"
    assert not any("RunAsVirtual" in setting for setting in settings)


def test_the_role_is_the_module_and_nothing_else() -> None:
    settings = parsed(endpoint.endpoint_texts(group=GROUP)["PyWfp.psrc"])
    functions = " ".join(rf"'PyWfp\{name}'" for name in resources.public_functions())
    assert settings[3:] == [
        "ModulesToImport = 'CimCmdlets', 'PyWfp'",
        f"VisibleFunctions = @( {functions} )",
        "VisibleCmdlets = @()",
        "VisibleExternalCommands = @()",
        "VisibleProviders = @()",
        "VisibleAliases = @()",
    ]


def test_a_role_can_have_fewer_functions() -> None:
    only = ["get-pywfpstate", "Get-PyWfpHostFact", "Get-PyWfpState"]
    settings = parsed(endpoint.endpoint_texts(group=GROUP, only=only)["PyWfp.psrc"])
    assert settings[4] == (
        r"VisibleFunctions = @( 'PyWfp\Get-PyWfpHostFact' 'PyWfp\Get-PyWfpState' )"
    )


@pytest.mark.parametrize(
    ("group", "written"),
    [
        (r"CONTOSO\O'Neil", r"'CONTOSO\O''Neil'"),
        ("CONTOSO\\a\u2019b", "'CONTOSO\\a\u2019\u2019b'"),
        ("VORDEFINIERT\\\u00c4rzte $(x) `n ${y}", "'VORDEFINIERT\\\u00c4rzte $(x) `n ${y}'"),
    ],
)
def test_a_name_stays_a_name(group: str, written: str) -> None:
    assert f"{written} = @{{" in endpoint.endpoint_texts(group=group)["PyWfp.pssc"]
    data = endpoint.endpoint_files(group=group)[PurePosixPath("PyWfp.pssc")]
    assert data.startswith(b"\xef\xbb\xbf") is not group.isascii(), "5.1 needs the mark"


@pytest.mark.parametrize(
    "name",
    ["", "Readers", "a\\", "\\b", "a\\b\\c", "a\\b\nc", "a\\%GROUP%", 'a\\"', "a\\" + "b" * 257],
)
@pytest.mark.parametrize("what", ["group", "gmsa", "administrators"])
def test_a_name_that_is_none_is_refused(name: str, what: str) -> None:
    given = {"group": GROUP, what: name}
    with pytest.raises(UsageError, match=r"is written DOMAIN\\name"):
        endpoint.endpoint_texts(**given)


def test_a_function_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="no function 'Invoke-Command', only: Get-PyWfp"):
        endpoint.endpoint_texts(group=GROUP, only=["Invoke-Command"])


def test_the_files_are_the_texts_and_the_whole_module() -> None:
    files = endpoint.endpoint_files(group=GROUP)
    texts = {
        PurePosixPath("PyWfp.pssc"),
        PurePosixPath("PyWfp/RoleCapabilities/PyWfp.psrc"),
        PurePosixPath("Register-PyWfpEndpoint.ps1"),
        PurePosixPath("Unregister-PyWfpEndpoint.ps1"),
    }
    assert set(files) == MODULE_FILES | texts
    for path in MODULE_FILES:
        assert files[path] == (resources.module_folder().parent / path).read_bytes()


def test_the_texts_come_in_the_order_of_reading() -> None:
    assert tuple(endpoint.endpoint_texts(group=GROUP)) == endpoint.TEXTS
    assert sorted(endpoint.TEXTS) == sorted(
        path.name for path in FOLDER.iterdir() if path.suffix in {".ps1", ".psrc", ".pssc"}
    )
