from __future__ import annotations

import gzip
import re
from pathlib import Path
from types import ModuleType

import pytest

from pywfp_ps import resources
from pywfp_ps.fleet import causes
from tests.psmodules import powershell_rules as rules
from tests.psmodules import test_engine, test_engine_records

HERE = Path(__file__).parent
FOLDER = resources.module_folder()
FILES = sorted(FOLDER.glob("P*/*.ps1"))
MODULE = {path.stem: rules.function_of(path.read_bytes()) for path in FILES}
PUBLIC = {path.stem for path in FILES if path.parent.name == "Public"}
SENDERS = PUBLIC | {name for name in MODULE if name.startswith("Send-")}


def by_name(path: Path) -> str:
    return path.stem


every_file = pytest.mark.parametrize("path", FILES, ids=by_name)


@every_file
def test_it_keeps_to_what_both_engines_know(path: Path) -> None:
    assert rules.faults(path.read_bytes(), MODULE) == []


@every_file
def test_it_holds_one_function_of_its_name(path: Path) -> None:
    root = rules.PARSER.parse(path.read_bytes()).root_node
    (body,) = root.children
    assert [node.type for node in body.children] == ["function_statement"]
    assert rules.name_of(body.children[0]) == path.stem


@every_file
def test_its_name_is_an_approved_verb_and_a_noun_of_ours(path: Path) -> None:
    verb, noun = path.stem.split("-")
    assert verb in rules.VERBS
    assert noun.startswith("PyWfp")
    assert not re.search(r"[^su]s$", noun), "singular"


@every_file
def test_it_writes_frames_and_nothing_else(path: Path) -> None:
    assert rules.leaks(path.stem, MODULE, SENDERS) == []


@every_file
def test_its_help_names_every_parameter_and_no_other(path: Path) -> None:
    source = path.read_text("ascii")
    start = re.match(
        r"function [\w-]+ \{\n    <#\n    \.SYNOPSIS\n        \S.*?#>\n", source, re.DOTALL
    )
    assert start is not None, "help comes first"
    assert re.findall(r"\.PARAMETER (\w+)\n        \S", start[0]) == rules.parameters_of(
        MODULE[path.stem]
    )
    assert "    [CmdletBinding()]\n    param(" in source


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_a_public_function_is_strict_and_stops_at_errors(name: str) -> None:
    text = rules.text_of(MODULE[name])
    assert "    Set-StrictMode -Version Latest\n    $ErrorActionPreference = 'Stop'\n" in text, (
        "both, first"
    )
    assert re.search(
        r"catch \{\n        Send-PyWfpProblem -Part \S+ -Problem \$_\n        throw", text
    )


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_a_public_parameter_is_a_text_or_texts_that_are_checked(name: str) -> None:
    block = next(rules.nodes(MODULE[name], "param_block"))
    for parameter in rules.nodes(block, "script_parameter"):
        text = rules.text_of(parameter)
        assert re.match(r"\[Validate(Pattern|Set)\([^$]", text), text
        assert re.search(r"\] \[string(\[\])?\] \$", text), text


def test_the_manifest_exports_the_public_files_by_name() -> None:
    manifest = (FOLDER / "PyWfp.psd1").read_text("ascii")
    block = re.search(r"FunctionsToExport = @\(\n(.*?)\n    \)", manifest, re.DOTALL)
    assert block is not None
    assert re.findall(r"^        '([\w-]+)'$", block[1], re.MULTILINE) == sorted(PUBLIC)
    for what in ("Cmdlets", "Variables", "Aliases"):
        assert f"{what}ToExport = @()" in manifest
    assert not rules.PARSER.parse(manifest.encode()).root_node.has_error


def test_nothing_else_lies_in_the_module() -> None:
    others = {path.name for path in FOLDER.rglob("*") if path.is_file()} - {p.name for p in FILES}
    assert others == {"PyWfp.psd1", "PyWfp.psm1", "RecordMap.psd1"}


def test_every_function_is_used() -> None:
    used = {name.lower() for each in resources.functions().values() for name in each.needs}
    assert {name for name in MODULE if name not in PUBLIC and name.lower() not in used} == set()


def test_every_problem_code_is_known_and_brought_about() -> None:
    code = re.compile(r"-ErrorId 'PyWfp\.([a-z-]+)'|code'?\]? = '([a-z-]+)'")
    texts = [each.text for each in resources.functions().values()]
    codes = {one or two for text in texts for one, two in code.findall(text)}
    assert {"bfe-stopped", "access-denied", "truncated", "unexpected"} <= codes
    assert codes - set(causes._PROBLEMS) == {"bug", "truncated", "unexpected"}
    tests = "".join(path.read_text() for path in HERE.glob("test_engine*.py"))
    assert {one for one in codes if f'"{one}"' not in tests and f".{one}" not in tests} == set()


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_a_public_function_is_tried_on_an_engine(name: str) -> None:
    tests = "".join(path.read_text() for path in HERE.glob("test_engine*.py"))
    assert f'"{name}"' in tests


@pytest.mark.parametrize("module", [test_engine, test_engine_records], ids=["engine", "records"])
def test_what_tests_put_other_text_in_place_of_is_there(module: ModuleType) -> None:
    for call, texts in module.HOOKS.items():
        script = resources.build_script(call).text
        assert [text for text in texts if text not in script] == []


@pytest.mark.parametrize("path", sorted(HERE.rglob("*.ps*1")), ids=by_name)
def test_what_tests_run_parses(path: Path) -> None:
    assert not rules.PARSER.parse(path.read_bytes()).root_node.has_error


def test_nothing_packs_to_what_gzip_makes_of_it() -> None:
    found = re.search(r"@\(([\d, ]+)\)", rules.text_of(MODULE["Send-PyWfpStream"]))
    assert found is not None
    assert gzip.decompress(bytes(map(int, found[1].split(", ")))) == b""


HIDDEN = {
    "proxy:8080": "proxy:8080",
    "http=a:1;https=b:2": "http=a:1;https=b:2",
    "user:secret@proxy:8080": "***@proxy:8080",
    "http=user:secret@a:1;https=b:2": "http=***@a:1;https=b:2",
    "http=u:secret@a:1;https=v:secret@b:2": "http=***@b:2",
    "http=http://u:secret@a:1": "http=http://***@a:1",
    "HTTPS://u:se/cr;et=@p:1/x.pac": "HTTPS://***@p:1/x.pac",
    "http://u:se@cret@p:1/x.pac?key=secret#secret": "http://***@p:1/x.pac?***",
    "http://u:?secret@p:1": "http://***@p:1",
    "u:sec\nret@p": "***@p",
    "secret://secret@p": "***@p",
    "": "",
}


@pytest.mark.parametrize("text", HIDDEN)
def test_accounts_are_hidden(text: str) -> None:
    """The expressions mean the same in Python but for how a group is named."""
    steps = re.findall(r"-replace '(.+)', '(.+)'", rules.text_of(MODULE["Hide-PyWfpAccount"]))
    assert len(steps) == 2
    shown = text
    for pattern, new in steps:
        shown = re.sub(pattern, new.replace("$1", r"\g<1>"), shown, flags=re.IGNORECASE)
    assert shown == HIDDEN[text]


def in_function(body: str) -> bytes:
    return f"function Get-PyWfpX {{\n{body}\n}}\n".encode()


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("$a = $b ?? $c", "does not parse"),
        ("$a ??= 1", "does not parse"),
        ("$a = $b?.c", "does not parse"),
        ("$a = $b ? 1 : 2", "does not parse"),
        ("$a = [x]::new[int](1)", "does not parse"),
        ("Start-Sleep 1\n | Test-Path", "unknown command|does not parse"),
        ("Test-Path a && Test-Path b", "PowerShell 7's"),
        ("Test-Path a || Test-Path b", "PowerShell 7's"),
        ("ForEach-Object -Parallel { }", "does not parse|unknown command"),
        ("$a = 5u", "unknown command 5u|does not parse"),
        ("$a = 0b101", "unknown command 0b101|does not parse"),
        ("clean { Test-Path x }", "does not parse|unknown command clean"),
        ('$a = "`e[0m"', "`e and `u"),
        ('$a = "`u{41}"', "`e and `u"),
        ("trap { continue }", "trap swallows"),
        ("class A { }", "classes are refused"),
        ("$a = 'x\ny'", "over several lines"),
        ("$a = @'\nx\n'@", "here-string"),
        ("$a = gci", "unknown command gci"),
        ("Write-Host x", "unknown command Write-Host"),
        ("Invoke-Expression $x", "unknown command Invoke-Expression"),
        ("powershell.exe -EncodedCommand x", "unknown command powershell.exe"),
        ("Get-Content -AsByteStream x", "Get-Content has no -AsByteStream"),
        ("$a = ConvertTo-Json -EscapeHandling x", "ConvertTo-Json has no -EscapeHandling"),
        ("$a = [System.Net.WebClient]::new()", "type System.Net.WebClient is not on the list"),
        ("$a = New-Object System.Net.WebClient", "New-Object System.Net.WebClient is not"),
        ("Write-Error -Message x", "Write-Error needs"),
        ("$profile = 1", r"\$profile is an automatic variable"),
        ("foreach ($input in 1) { }", r"\$input is an automatic variable"),
        ("param([string] $Args)", r"\$args is an automatic variable"),
        ("$n = 1\n$N = 2", "are one variable"),
        ("$a = 1\n$a++", "write \\+= 1"),
        ("'x' > file", "redirection"),
        ("$a = 1\r\n", "CR or tab"),
        ("$a = '\u00e9'", "not ASCII"),
    ],
)
def test_each_mistake_is_seen(body: str, fault: str) -> None:
    assert re.search(fault, "\n".join(rules.faults(in_function(body), {})))


@pytest.mark.parametrize(
    ("body", "leak"),
    [
        ("$list.Add(1)", "an expression writes"),
        ("'text'", "an expression writes"),
        ("return 1", "an expression writes"),
        ("New-Item x", "New-Item writes"),
        ("if ($a) { $b }", "an expression writes"),
        ("foreach ($a in 1) { try { $a } finally { } }", "an expression writes"),
        ("try { } catch { & $x }", "an expression writes"),
        ("begin { } process { 1 } end { }", "an expression writes"),
        ("Get-PyWfpY", "Get-PyWfpY writes"),
        ("$a = Send-PyWfpX", "caught by an assignment"),
        ("$a = @(foreach ($b in 1) { Send-PyWfpX })", "caught by an assignment"),
    ],
)
def test_each_leak_is_seen(body: str, leak: str) -> None:
    module = {
        "Get-PyWfpX": rules.function_of(in_function(body)),
        "Get-PyWfpY": rules.function_of(in_function("1")),
        "Send-PyWfpX": rules.function_of(in_function("$a = 1")),
    }
    assert re.search(
        leak, "\n".join(rules.leaks("Get-PyWfpX", module, {"Get-PyWfpX", "Send-PyWfpX"}))
    )
    quiet = rules.function_of(in_function("[void] $a.Add(1)\n$a = 1\nStart-Sleep -Milliseconds 1"))
    assert rules.leaks("Get-PyWfpX", {"Get-PyWfpX": quiet}, {"Get-PyWfpX"}) == []


def test_frames_sent_by_a_function_that_gives_values_are_seen() -> None:
    module = {"Get-PyWfpX": rules.function_of(in_function("Send-PyWfpX"))}
    assert rules.leaks("Get-PyWfpX", module, {"Send-PyWfpX"}) == [
        "2: sends frames and is no sender by its name"
    ]
