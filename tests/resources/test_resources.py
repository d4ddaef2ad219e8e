from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import tree_sitter_powershell
from tree_sitter import Language, Parser

from pywfp_ps import resources
from pywfp_ps.errors import UsageError

EVERY = resources.public_functions()


def test_the_module_lies_where_the_package_can_find_it() -> None:
    assert (resources.module_folder() / "PyWfp.psd1").is_file()


def test_public_functions_are_the_files_of_that_folder() -> None:
    names = sorted(path.stem for path in (resources.module_folder() / "Public").glob("*.ps1"))
    assert list(EVERY) == names
    assert "Get-PyWfpState" in EVERY


@pytest.mark.parametrize("call", EVERY)
def test_a_script_is_plain_short_and_parses(call: str) -> None:
    script = resources.build_script(call)
    assert script.text.isascii()
    assert not set("\r\t") & set(script.text)
    assert not re.search(r"<#|#>|^\s*#|\n\n| \n|^ {9}", script.text, re.MULTILINE)
    assert script.sha256 == hashlib.sha256(script.text.encode()).hexdigest()
    root = Parser(Language(tree_sitter_powershell.language())).parse(script.text.encode()).root_node
    assert not root.has_error


@pytest.mark.parametrize("call", EVERY)
def test_a_script_defines_what_it_calls_and_nothing_else(call: str) -> None:
    text = resources.build_script(call).text
    defined = set(re.findall(r"^function ([\w-]+) \{$", text, re.MULTILINE))
    called = set(re.findall(r"\b[A-Z]\w+-PyWfp\w+", re.sub(r"'[^']*'", "", text)))
    assert called - defined == set()
    assert defined - called - {call} == set()
    assert defined == set(resources.build_script(call).functions)


def test_a_script_begins_and_ends_as_agreed() -> None:
    text = resources.build_script("Get-PyWfpState").text
    assert text.startswith(
        "param([string]$Call, [string]$Arguments)\n"
        "$ErrorActionPreference = 'Stop'\n"
        "$ProgressPreference = 'SilentlyContinue'\n"
        "function "
    )
    assert text.endswith("\n& $Call @PyWfpGiven\n")


def test_code_is_the_same_without_its_comments() -> None:
    commented = (resources.module_folder() / "Private" / "Get-PyWfpExitCode.ps1").read_text()
    sent = resources.functions()["get-pywfpexitcode"].text
    kept = [line for line in commented.splitlines() if line.strip() in sent.split("\n ")]
    assert " $null = & $Path @Argument 2>&1" in sent.splitlines()
    assert "#" not in sent
    assert kept


def test_another_process_builds_the_same_bytes() -> None:
    code = (
        "from pywfp_ps import resources\n"
        "print(*(resources.build_script(c).sha256 for c in resources.public_functions()))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert found == [resources.build_script(call).sha256 for call in EVERY]


def test_line_ends_of_a_checkout_make_no_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = resources.build_script("Get-PyWfpState")
    for path in resources.module_folder().rglob("*.ps*"):
        copy = tmp_path / path.relative_to(resources.module_folder())
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    monkeypatch.setattr(resources, "module_folder", lambda: tmp_path)
    resources.functions.cache_clear()
    resources.build_script.cache_clear()
    try:
        assert resources.build_script("Get-PyWfpState") == expected
    finally:
        resources.functions.cache_clear()
        resources.build_script.cache_clear()


def test_names_are_found_whatever_their_case() -> None:
    assert resources.build_script("get-pywfpSTATE") == resources.build_script("Get-PyWfpState")


@pytest.mark.parametrize("call", ["", "Get-Process", "Send-PyWfpFrame", "Get-PyWfpState; exit"])
def test_what_is_no_public_function_is_refused(call: str) -> None:
    with pytest.raises(UsageError, match=r"has no function .* only: .*Get-PyWfpState"):
        resources.build_script(call)
    with pytest.raises(UsageError, match="has no function"):
        resources.arguments_json(call, {})


def test_arguments_are_texts_in_ascii_json() -> None:
    made = resources.arguments_json("Get-PyWfpState", {"run": "\u540d", "LimitSeconds": "9"})
    assert made == '{"Run":"\\u540d","LimitSeconds":"9"}'
    assert json.loads(resources.arguments_json("Get-PyWfpHostFact", {})) == {}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"Rum": "x"}, "no parameter 'Rum', only: Run"),
        ({"Run": "x", "run": "y"}, "Run is given twice"),
        ({"Run": 5}, "int is neither text nor list"),
        ({"Run": ["a", 5]}, "int is neither text nor list"),
        ({"Run": None}, "NoneType is neither text nor list"),
        ({"Run": True}, "bool is neither text nor list"),
        ({"Run": "2026-11-21T10:00:00Z"}, "write times as yyyyMMddTHHmmssfffZ"),
        ({"Run": "\ud800"}, "half a surrogate pair"),
    ],
)
def test_other_arguments_are_refused(arguments: dict[str, str], problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        resources.arguments_json("Get-PyWfpState", arguments)


def test_a_list_of_texts_stays_a_list() -> None:
    assert resources.check_arguments("Get-PyWfpState", {"run": ("a", "b")}) == {"Run": ["a", "b"]}


def test_what_will_not_run_can_be_left_out() -> None:
    whole = resources.build_script("Get-PyWfpSnapshot")
    part = resources.build_script("Get-PyWfpSnapshot", without=frozenset({"send-pywfprecord"}))
    gone = set(whole.functions) - set(part.functions)
    assert gone >= {"Send-PyWfpRecord", "Get-PyWfpRecordMap", "Import-PyWfpNtObjectManager"}
    assert not gone & {"Send-PyWfpText", "Assert-PyWfpReady"}
    assert set(part.functions) < set(whole.functions)
    with pytest.raises(UsageError, match="no function 'x' to leave out"):
        resources.build_script("Get-PyWfpSnapshot", without=frozenset({"x"}))


def test_script_of_a_snapshot_has_only_what_its_arguments_run() -> None:
    call = "Get-PyWfpSnapshot"
    every = set(resources.build_script(call).functions)
    netsh = set(resources.script_for(call, {"Source": "netsh"}).functions)
    bare = set(resources.script_for(call, {"Source": "netsh", "Context": ""}).functions)
    some = set(resources.script_for(call, {"Source": "both", "Context": ["Route"]}).functions)
    assert "Send-PyWfpRecord" in every - netsh
    assert {"Get-PyWfpService", "Get-PyWfpRoute", "Send-PyWfpOption"} <= netsh - bare
    assert {"Send-PyWfpContext", "Get-PyWfpVolume", "Get-PyWfpInterface"} <= bare
    assert ("Get-PyWfpRoute" in some, "Get-PyWfpProxy" in some) == (True, False)
    state = "Get-PyWfpState"
    assert resources.script_for(state, {}) == resources.build_script(state)
