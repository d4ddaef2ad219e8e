"""The shipped PowerShell functions, and the one script that carries a call to a host.

The script is plain text and the same bytes every time, so that a security team can read it, hash it
and allow it. What a call is given never becomes part of it: see `arguments_json`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import tree_sitter_powershell
from msgspec import Struct
from tree_sitter import Language, Node, Parser

from pywfp_ps.errors import UsageError

MODULE = "PyWfp"
_SNAPSHOT = "Get-PyWfpSnapshot"
_READERS = {
    **{
        kind: f"Get-PyWfp{kind}"
        for kind in (
            *("Service", "Driver", "Process", "Listener", "Route", "FirewallProfile"),
            *("FirewallRule", "Proxy", "AuditPolicy"),
        )
    },
    "Option": "Send-PyWfpOption",
}
"""What only one kind of context needs; the facts need volumes and interfaces too."""

_INDENT = 4  # spaces, in the files of the module
_HEAD = """\
param([string]$Call, [string]$Arguments)
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
"""
_TAIL = """\
$PyWfpGiven = @{}
foreach ($PyWfpPair in @((ConvertFrom-Json -InputObject $Arguments).PSObject.Properties)) {
 $PyWfpGiven[$PyWfpPair.Name] = $PyWfpPair.Value
}
& $Call @PyWfpGiven
"""
# In the module a table is a file; a script that is sent has no files, so the table stands in it.
_TABLE = re.compile(
    r"Import-LocalizedData -BaseDirectory \(Split-Path \$PSScriptRoot\) -FileName '(\w+\.psd1)'"
)
# Newer engines turn texts that look like ISO times into dates on the way.
_ISO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d.*")


class Function(Struct, frozen=True, kw_only=True):
    """One function of the module, as it is sent.

    Attributes:
        name: As in the file.
        public: Whether it can be called from outside.
        parameters: Names without the dollar sign, in order.
        text: Without comments and help, a space for each indent, LF only.
        needs: Functions of the module that it runs, sorted.
    """

    name: str
    public: bool
    parameters: tuple[str, ...]
    text: str
    needs: tuple[str, ...]


class Script(Struct, frozen=True, kw_only=True):
    """What is sent to a host for one call.

    Attributes:
        call: The function that it runs.
        functions: Names of all functions in it, sorted.
        text: ASCII, LF only.
        sha256: Of the text, 64 hex digits.
    """

    call: str
    functions: tuple[str, ...]
    text: str
    sha256: str


@cache
def module_folder() -> Path:
    """Folder of the shipped module: beside this file in a wheel, at the root in a checkout.

    Raises:
        FileNotFoundError: The installation is broken.
    """
    here = Path(__file__).resolve().parent
    for root in (here, here.parent):
        folder = root / "psmodules" / MODULE
        if (folder / f"{MODULE}.psd1").is_file():
            return folder
    raise FileNotFoundError(f"the PowerShell module {MODULE} is missing beside {here}")


@cache
def functions() -> Mapping[str, Function]:
    """All functions of the module by lower-case name."""
    found = _read(module_folder())
    names = {name.lower() for name, _, _ in found}
    return {
        name.lower(): Function(
            name=name,
            public=public,
            parameters=tuple(_parameters(node)),
            text=_TABLE.sub(lambda found: _table(found[1]), _plain_text(node)),
            needs=tuple(sorted(_commands(node) & names - {name.lower()})),
        )
        for name, public, node in found
    }


def public_functions() -> tuple[str, ...]:
    """Names that `build_script` takes, sorted."""
    return tuple(sorted(each.name for each in functions().values() if each.public))


@cache
def build_script(call: str, *, without: frozenset[str] = frozenset()) -> Script:
    """The script that runs `call`: its functions and nothing else.

    It takes two parameters: ``Call``, the name, and ``Arguments``, what `arguments_json` gives.

    Args:
        call: The function.
        without: Functions to leave out with all that only they need, where the arguments see to it
            that they are never run: ``Send-PyWfpRecord`` for a snapshot from netsh alone.

    Raises:
        UsageError: The module has no such public function, or none to leave out.
    """
    wanted = _public(call)
    left_out = {name.lower() for name in without}
    if unknown := left_out - functions().keys():
        raise UsageError(f"{MODULE} has no function {min(unknown)!r} to leave out")
    names = {wanted.name.lower()}
    waiting = [wanted]
    while waiting:
        new = set(waiting.pop().needs) - names - left_out
        names |= new
        waiting += [functions()[name] for name in new]
    parts = [functions()[name] for name in sorted(names)]
    text = "".join([_HEAD, *(part.text for part in parts), _TAIL])
    return Script(
        call=wanted.name,
        functions=tuple(part.name for part in parts),
        text=text,
        sha256=hashlib.sha256(text.encode("ascii")).hexdigest(),
    )


def script_for(call: str, arguments: Mapping[str, str | Sequence[str]]) -> Script:
    """The script for one call with these arguments: without functions that it would never run.

    The same kind of call gives the same bytes every time.

    Raises:
        UsageError: There is no such function.
    """
    if call.lower() != _SNAPSHOT.lower():
        return build_script(call)
    given = {name.lower(): value for name, value in arguments.items()}
    left_out = set[str]()
    if str(given.get("source", "netsh")).lower() == "netsh":
        left_out.add("Send-PyWfpRecord")
    if (context := given.get("context")) is not None:
        asked = {kind.lower() for kind in ([context] if isinstance(context, str) else context)}
        left_out |= {reader for kind, reader in _READERS.items() if kind.lower() not in asked}
    return build_script(call, without=frozenset(left_out))


def arguments_json(call: str, arguments: Mapping[str, str | Sequence[str]]) -> str:
    """The JSON object for a script's ``Arguments``: ASCII, texts and lists of texts only.

    Numbers travel as decimal text and times as ``yyyyMMddTHHmmssfffZ``, since Windows PowerShell
    and PowerShell 7 read other types of JSON differently.

    Raises:
        UsageError: `call` is unknown, has no such parameter, or a value is of another kind.
    """
    return json.dumps(check_arguments(call, arguments), separators=(",", ":"))


def check_arguments(
    call: str, arguments: Mapping[str, str | Sequence[str]]
) -> dict[str, str | list[str]]:
    """`arguments` under the parameters' own names, for a host where the module is installed.

    Raises:
        UsageError: As for `arguments_json`.
    """
    wanted = _public(call)
    known = {name.lower(): name for name in wanted.parameters}
    checked: dict[str, str | list[str]] = {}
    for name, value in arguments.items():
        if name.lower() not in known:
            choice = ", ".join(wanted.parameters) or "none"
            raise UsageError(f"{wanted.name} has no parameter {name!r}, only: {choice}")
        if known[name.lower()] in checked:
            raise UsageError(f"{wanted.name}: {known[name.lower()]} is given twice")
        if isinstance(value, (list, tuple)):
            checked[known[name.lower()]] = [_checked(wanted.name, name, text) for text in value]
        else:
            checked[known[name.lower()]] = _checked(wanted.name, name, value)
    return checked


def _checked(call: str, name: str, text: object) -> str:
    if not isinstance(text, str):
        raise UsageError(f"{call} -{name}: {type(text).__name__} is neither text nor list of texts")
    if _ISO_TIME.fullmatch(text):
        raise UsageError(f"{call} -{name}: write times as yyyyMMddTHHmmssfffZ, not {text!r}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{call} -{name}: the text holds half a surrogate pair") from None
    return text


def _public(call: str) -> Function:
    found = functions().get(call.lower())
    if found is None or not found.public:
        choice = ", ".join(public_functions())
        raise UsageError(f"{MODULE} has no function {call!r}, only: {choice}")
    return found


def _read(folder: Path) -> list[tuple[str, bool, Node]]:
    """Name, whether public, and syntax node of each function, one a file."""
    parser = Parser(Language(tree_sitter_powershell.language()))
    found = []
    for place in ("Private", "Public"):
        for path in sorted((folder / place).glob("*.ps1")):
            source = path.read_bytes().replace(b"\r\n", b"\n")
            root = parser.parse(source).root_node
            node = next(_nodes(root, "function_statement"), None)
            if root.has_error or node is None:
                raise ValueError(f"{path} holds no function that parses")
            found.append((path.stem, place == "Public", node))
    return found


def _parameters(function: Node) -> Iterator[str]:
    block = next(_nodes(function, "param_block"), None)
    for parameter in _nodes(block, "script_parameter") if block else ():
        variable = next(child for child in parameter.children if child.type == "variable")
        yield _text(variable).lstrip("$")


def _commands(function: Node) -> set[str]:
    return {_text(node).lower() for node in _nodes(function, "command_name")}


def _plain_text(code: Node) -> str:
    """The code without comments, blank lines and spaces at line ends; a space for each indent.

    Raises:
        ValueError: A text in it goes over several lines, so that it would not stay the same.
    """
    for text in _nodes(code, "string_literal"):
        if text.start_point.row != text.end_point.row:
            raise ValueError(f"a text over several lines: {_text(text)[:60]!r}")
    source = code.text or b""
    kept, at = [], 0
    for comment in _nodes(code, "comment"):
        start = comment.start_byte - code.start_byte
        kept.append(source[at:start])
        at = comment.end_byte - code.start_byte
    kept.append(source[at:])
    lines = (line.rstrip() for line in b"".join(kept).decode("ascii").split("\n"))
    return "".join(f"{_narrow(line)}\n" for line in lines if line)


def _narrow(line: str) -> str:
    """The line with one space for each indent: every character goes to every host."""
    code = line.lstrip(" ")
    return " " * ((len(line) - len(code)) // _INDENT) + code


def _table(name: str) -> str:
    """The dictionary of a data file, as it is sent."""
    source = (module_folder() / name).read_bytes().replace(b"\r\n", b"\n")
    return _plain_text(
        Parser(Language(tree_sitter_powershell.language())).parse(source).root_node
    ).rstrip()


def _nodes(root: Node, kind: str) -> Iterator[Node]:
    """All nodes of one kind below `root`, in the order of the text."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node.type == kind:
            yield node
        waiting += reversed(node.children)


def _text(node: Node) -> str:
    return (node.text or b"").decode("ascii")
