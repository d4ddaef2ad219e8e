"""What the module's files must keep to, read off their syntax trees.

No engine is needed. The grammar refuses most of what Windows PowerShell 5.1 does not know (``??``,
``?.``, the ternary, ``-Parallel``, a pipe at the start of a line); the rest is refused here: what
is not on a list of commands, parameters and types that 5.1 has is a mistake.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

PARSER = Parser(Language(tree_sitter_powershell.language()))

# learn.microsoft.com, "Approved Verbs for PowerShell Commands"; those that a module like this needs
VERBS = {
    "Add", "Assert", "Clear", "ConvertFrom", "ConvertTo", "Enable", "Disable", "Find", "Get",
    "Hide", "Invoke", "Measure", "New", "Read", "Remove", "Repair", "Restore", "Select", "Send",
    "Set", "Start", "Stop", "Test", "Undo", "Update", "Wait", "Write", "Import",
}  # fmt: skip

# about_Automatic_Variables of 5.1 and 7, and preferences that a function has no business to change
AUTOMATIC = {
    "$", "?", "^", "_", "args", "consolefilename", "enabledexperimentalfeatures", "error", "event",
    "eventargs", "eventsubscriber", "executioncontext", "false", "foreach", "home", "host", "input",
    "iscoreclr", "islinux", "ismacos", "iswindows", "lastexitcode", "matches", "myinvocation",
    "nestedpromptlevel", "null", "pid", "profile", "psboundparameters", "pscmdlet", "pscommandpath",
    "psculture", "psdebugcontext", "psedition", "pshome", "psitem", "psscriptroot",
    "pssenderinfo", "psuiculture", "psversiontable", "pwd", "sender", "shellid", "stacktrace",
    "switch", "this", "true",
}  # fmt: skip

_ITEM = {"LiteralPath", "Force", "ErrorAction"}

COMMANDS: Mapping[str, set[str]] = {
    "ConvertTo-Json": {"InputObject", "Compress", "Depth", "WarningAction"},
    "Get-Acl": {"LiteralPath"},
    "Get-AuthenticodeSignature": {"LiteralPath"},
    "Get-ChildItem": {"LiteralPath", "Directory", "File", "Filter", "Force", "ErrorAction"},
    "Get-CimInstance": {"Namespace", "ClassName", "Filter", "OperationTimeoutSec"},
    "Get-Command": {"Name", "CommandType", "ErrorAction"},
    "Get-Content": {"LiteralPath", "Raw", "Encoding", "TotalCount"},
    "Get-Culture": set(),
    "Get-FileHash": {"LiteralPath", "Algorithm"},
    "Get-Item": _ITEM,
    "Get-ItemProperty": _ITEM | {"Path", "Name"},
    "Get-Module": {"ListAvailable", "Name"},
    "Get-Process": {"Id", "ErrorAction"},
    "Get-Service": {"Name", "ErrorAction"},
    "Get-UICulture": set(),
    "Get-WinEvent": {"LogName", "FilterXPath", "Oldest", "MaxEvents", "ErrorAction"},
    "Import-Module": {"Name", "PassThru", "WarningAction"},
    "Import-LocalizedData": {"BaseDirectory", "FileName"},
    "Invoke-CimMethod": {"Query", "MethodName", "Arguments"},
    "Join-Path": set(),
    "New-Item": {"ItemType", "Path"},
    "New-Object": set(),
    "Remove-Item": _ITEM,
    "Set-Content": {"LiteralPath", "Value", "Encoding", "NoNewline"},
    "Set-StrictMode": {"Version"},
    "Split-Path": set(),
    "Start-Process": {"NoNewWindow", "PassThru"},
    "Start-Sleep": {"Milliseconds"},
    "Stop-Process": {"InputObject", "Force"},
    "Test-Path": {"LiteralPath"},
    "Write-Error": {"Message", "ErrorId", "Category", "ErrorAction"},
    # NtObjectManager, 1.1 and 2
    "Get-FwAleEndpoint": {"Engine", "ErrorAction"},
    "Get-FwCallout": {"Engine", "ErrorAction"},
    "Get-FwEngine": set(),
    "Get-FwEngineOption": {"Engine", "Option", "ErrorAction"},
    "Get-FwFilter": {"Engine", "Template", "ErrorAction"},
    "Get-FwLayer": {"Engine", "ErrorAction"},
    "Get-FwNetEvent": {"Engine", "ErrorAction"},
    "Get-FwProvider": {"Engine", "ErrorAction"},
    "Get-FwSession": {"Engine", "ErrorAction"},
    "Get-FwSubLayer": {"Engine", "ErrorAction"},
    "New-FwFilterTemplate": {"LayerKey", "Flags", "ErrorAction"},
}
"""Commands that 5.1 and 7 have, with the parameters that are used; anything else is refused."""

QUIET = {
    "Remove-Item",
    "Set-Content",
    "Set-StrictMode",
    "Start-Sleep",
    "Stop-Process",
    "Write-Error",
}
"""Commands that write nothing to the output stream."""

TYPES = {
    "CmdletBinding", "Parameter", "ValidatePattern", "ValidateSet", "switch",
    "array", "bool", "byte", "byte[]", "char", "datetime", "guid", "hashtable", "int", "long",
    "object", "object[]", "string", "string[]", "uint32", "void", "math", "regex",
    "ordered", "xml",
    "System.BitConverter", "System.Convert", "System.Text.Encoding",
    "System.IO.File", "System.IO.FileAccess", "System.IO.FileMode", "System.IO.FileShare",
    "System.IO.Compression.CompressionMode",
    "System.Diagnostics.ProcessPriorityClass", "System.Diagnostics.Stopwatch",
    "System.StringComparison",
    "System.Security.Cryptography.SHA256",
    "System.Security.Principal.WindowsBuiltInRole", "System.Security.Principal.WindowsIdentity",
}  # fmt: skip
"""Types of .NET Framework 4.5 and .NET; lower case makes no difference."""

CLASSES = {
    "System.Text.StringBuilder", "System.Text.RegularExpressions.Regex",
    "System.IO.DriveInfo", "System.IO.MemoryStream", "System.IO.Compression.GZipStream", "byte[]",
    "System.Security.Cryptography.SHA256CryptoServiceProvider",
    "System.Security.Principal.WindowsPrincipal",
}  # fmt: skip
"""What New-Object may make."""

_REFUSED_NODES = {
    "pipeline_chain_tail": "&& and || are PowerShell 7's",
    "trap_statement": "a trap swallows a stop",
    "class_statement": "classes are refused by constrained language as a whole script",
    "enum_statement": "classes are refused by constrained language as a whole script",
    "expandable_here_string_literal": "a here-string would lose its layout on the way",
    "verbatim_here_string_characters": "a here-string would lose its layout on the way",
    "post_increment_expression": "write += 1, which never is output",
    "post_decrement_expression": "write -= 1, which never is output",
    "pre_increment_expression": "write += 1, which never is output",
    "pre_decrement_expression": "write -= 1, which never is output",
    "file_redirection_operator": "writing files by redirection has two encodings",
}
_LISTS = {
    "named_block_list", "named_block", "statement_list", "statement_block", "script_block",
    "script_block_body", "if_statement", "elseif_clauses", "elseif_clause", "else_clause",
    "for_statement", "foreach_statement", "while_statement", "do_statement", "try_statement",
    "catch_clauses", "catch_clause", "finally_clause", "switch_statement", "switch_body",
    "switch_clauses", "switch_clause",
}  # fmt: skip


def nodes(root: Node, *kinds: str) -> Iterator[Node]:
    """All nodes of these kinds, in order."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if not kinds or node.type in kinds:
            yield node
        waiting += reversed(node.children)


def text_of(node: Node) -> str:
    return (node.text or b"").decode("ascii", "replace")


def function_of(source: bytes) -> Node:
    """The one function of a file."""
    return next(nodes(PARSER.parse(source).root_node, "function_statement"))


def name_of(function: Node) -> str:
    return text_of(next(nodes(function, "function_name")))


def parameters_of(function: Node) -> list[str]:
    block = next(nodes(function, "param_block"), None)
    if block is None:
        return []
    return [
        text_of(next(child for child in node.children if child.type == "variable")).lstrip("$")
        for node in nodes(block, "script_parameter")
    ]


def faults(source: bytes, module: Mapping[str, Node]) -> list[str]:
    """Everything that is wrong with one file, as ``line: what``.

    Args:
        source: The file.
        module: All functions of the module by name.
    """
    found = [(1, what) for what in _layout(source)]
    root = PARSER.parse(source).root_node
    for rule in (_syntax, _strings, _commands, _types, _variables):
        found += [(node.start_point.row + 1, what) for node, what in rule(root, module)]
    return [f"{line}: {what}" for line, what in sorted(set(found))]


def _layout(source: bytes) -> Iterator[str]:
    if not source.isascii():
        yield "not ASCII"
    if b"\r" in source or b"\t" in source:
        yield "CR or tab"
    if not source.endswith(b"\n") or source.endswith(b"\n\n"):
        yield "ends in other than one line end"


Found = Iterator[tuple[Node, str]]


def _syntax(root: Node, module: Mapping[str, Node]) -> Found:
    del module
    for node in nodes(root):
        if node.is_error or node.is_missing:
            yield node, f"does not parse: {text_of(node)[:40]}"
        if node.type in _REFUSED_NODES:
            yield node, _REFUSED_NODES[node.type]
        if node.type == "comment" and text_of(node).lower().startswith("#requires"):
            yield node, "#Requires does not travel"


def _strings(root: Node, module: Mapping[str, Node]) -> Found:
    del module
    for node in nodes(root, "string_literal"):
        text = text_of(node)
        if "\n" in text:
            yield node, "a string over several lines would lose its layout on the way"
        if text.startswith('"') and re.search(r"`[eu]", text):
            yield node, "`e and `u are other text in 5.1"


def _commands(root: Node, module: Mapping[str, Node]) -> Found:
    for node in nodes(root, "command"):
        name = next((child for child in node.children if child.type == "command_name"), None)
        if name is None:
            continue  # & $variable
        allowed = COMMANDS.get(text_of(name))
        if allowed is None and text_of(name) in module:
            allowed = set(parameters_of(module[text_of(name)]))
        if allowed is None:
            yield node, f"unknown command {text_of(name)}"
            continue
        for parameter in nodes(node, "command_parameter"):
            owner = parameter.parent
            while owner is not None and owner.type != "command":
                owner = owner.parent
            if owner == node and text_of(parameter).lstrip("-").rstrip(":") not in allowed:
                yield parameter, f"{text_of(name)} has no {text_of(parameter)} on the list"
        if text_of(name) == "New-Object":
            made = re.match(r"New-Object ([\w.\[\]]+)", text_of(node))
            if made is None or made[1] not in CLASSES:
                yield node, f"{text_of(node)[:60]} is not on the list"
        if text_of(name) == "Write-Error" and not _is_good_error(text_of(node)):
            yield node, "Write-Error needs -ErrorId 'PyWfp.slug' and -ErrorAction Stop"


def _is_good_error(text: str) -> bool:
    return bool(re.search(r"-ErrorId 'PyWfp\.[a-z][a-z-]*'", text)) and "-ErrorAction Stop" in text


def _types(root: Node, module: Mapping[str, Node]) -> Found:
    del module
    allowed = {name.lower() for name in TYPES}
    for node in nodes(root, "type_literal", "attribute_name"):
        name = text_of(node).strip("[]") if node.type == "attribute_name" else text_of(node)[1:-1]
        if name.lower() not in allowed:
            yield node, f"type {name} is not on the list"


def _variables(root: Node, module: Mapping[str, Node]) -> Found:
    del module
    spelled: dict[str, str] = {}
    for node in nodes(root, "variable"):
        name = text_of(node).lstrip("$@").strip("{}")
        first = spelled.setdefault(name.lower(), name)
        if first != name:
            yield node, f"${name} and ${first} are one variable"
    for node in _assigned(root):
        name = text_of(node).lstrip("$").strip("{}").lower()
        if name in AUTOMATIC:
            yield node, f"${name} is an automatic variable"


def _assigned(root: Node) -> Iterator[Node]:
    """Variables that get a value: assignments, parameters, loop variables."""
    for node in nodes(root, "left_assignment_expression"):
        if re.fullmatch(r"(\[[\w.\[\]]+\]\s*)?\$\w+", text_of(node)):
            found = next(nodes(node, "variable"))
            if text_of(found).lower() != "$null":
                yield found
    for node in nodes(root, "script_parameter", "foreach_statement"):
        yield next(child for child in node.children if child.type == "variable")


# ---- what a function writes to the output stream


def statements(function: Node) -> Iterator[Node]:
    """Pipelines and flow statements whose output is the function's own."""
    waiting = [child for child in function.children if child.type == "script_block"]
    while waiting:
        node = waiting.pop()
        if node.type in {"pipeline", "flow_control_statement"}:
            if node.parent is not None and node.parent.type in {
                "statement_list",
                "statement_block",
            }:
                yield node
        elif node.type in _LISTS:
            waiting += node.children


def output_of(statement: Node) -> str | None:
    """What a statement writes: None for nothing, the command that does, or ``an expression``."""
    if statement.type == "flow_control_statement":
        inner = next((c for c in statement.children if c.type == "pipeline"), None)
        keyword = text_of(statement.children[0]).lower()
        return output_of(inner) if inner is not None and keyword == "return" else None
    first = statement.children[0]
    if first.type == "assignment_expression":
        return None
    commands = [node for node in first.children if node.type == "command"]
    if commands:
        name = next((c for c in commands[-1].children if c.type == "command_name"), None)
        return text_of(name) if name is not None else "an expression"
    return None if text_of(statement).lower().startswith("[void]") else "an expression"


def quiet_functions(module: Mapping[str, Node]) -> set[str]:
    """Functions that write nothing, however deep one looks."""
    quiet = set(module)
    while True:
        loud = {
            name
            for name in quiet
            for statement in statements(module[name])
            if (out := output_of(statement)) is not None and out not in quiet | QUIET
        }
        if not loud:
            return quiet
        quiet -= loud


def leaks(name: str, module: Mapping[str, Node], senders: set[str]) -> list[str]:
    """What a function that sends frames writes beside frames, and where others send frames."""
    function = module[name]
    found = []
    if name in senders:
        silent = quiet_functions(module) | QUIET | senders
        for statement in statements(function):
            out = output_of(statement)
            if out is not None and out not in silent and name != "Send-PyWfpFrame":
                found.append(f"{statement.start_point.row + 1}: {out} writes to the output")
    own = {id_of(node) for node in map(_last_command, statements(function)) if node is not None}
    for node in nodes(function, "command"):
        called = next((c for c in node.children if c.type == "command_name"), None)
        if called is None or text_of(called) not in senders:
            continue
        if name not in senders:
            found.append(f"{node.start_point.row + 1}: sends frames and is no sender by its name")
        elif id_of(node) not in own:
            found.append(f"{node.start_point.row + 1}: frames are caught by an assignment")
    return found


def id_of(node: Node) -> tuple[int, int]:
    return node.start_byte, node.end_byte


def _last_command(statement: Node) -> Node | None:
    chain = statement.children[0]
    commands = [node for node in chain.children if node.type == "command"]
    return commands[-1] if commands else None
