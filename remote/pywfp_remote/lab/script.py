"""What a script that arrives says: its functions, their parameters, and the commands it runs.

The practice host does not run PowerShell. It reads the text with a PowerShell grammar, so that a
script with a mistake fails here as it would fail there, and a call of what the text does not define
is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import tree_sitter_powershell
from msgspec import Struct
from tree_sitter import Language, Node, Parser

_LANGUAGE = Language(tree_sitter_powershell.language())
_COMMON = {
    "debug",
    "erroraction",
    "errorvariable",
    "informationaction",
    "informationvariable",
    "outbuffer",
    "outvariable",
    "pipelinevariable",
    "verbose",
    "warningaction",
    "warningvariable",
}  # about_CommonParameters; only advanced functions have them


class ScriptError(Exception):
    """The text is no PowerShell.

    Attributes:
        line: Line of the first mistake, from 1.
        text: What stands there.
    """

    def __init__(self, line: int, text: str) -> None:
        super().__init__(line, text)
        self.line, self.text = line, text

    def __str__(self) -> str:
        return f"At line:{self.line}: unexpected text '{self.text}'"


class Statement(Struct, frozen=True, kw_only=True):
    """One command at the top of a script.

    Attributes:
        text: The statement as it was written.
        name: The command's name; with ``&`` before it, the variable's name with its ``$``.
        arguments: What follows the name, quotes taken off literal strings.
    """

    text: str
    name: str
    arguments: tuple[str, ...] = ()


class Script(Struct, frozen=True, kw_only=True):
    """What one text defines and does.

    Attributes:
        parameters: Names in the ``param`` block of the text itself, lower case.
        functions: Lower-case name of each function, to its parameters in lower case.
        statements: Top-level statements other than functions, in order.
        invoked: Lower-case names of all commands that run outside of functions, at any depth; the
            call operator's variable stands with its ``$``.
    """

    parameters: frozenset[str]
    functions: dict[str, frozenset[str]]
    statements: tuple[Statement, ...]
    invoked: frozenset[str]


@lru_cache(maxsize=64)
def read_script(text: str) -> Script:
    """What `text` defines and does; remembered, since a fleet sends one text to every host.

    Raises:
        ScriptError: The grammar finds a mistake.
    """
    root = Parser(_LANGUAGE).parse(text.encode()).root_node
    if root.has_error:
        raise _mistake(root)
    functions = {
        _text(name).lower(): _parameters(node)
        for node in _walk(root, "function_statement")
        if (name := _child(node, "function_name")) is not None
    }
    block = _child(root, "param_block")
    return Script(
        parameters=_names(block) if block else frozenset(),
        functions=functions,
        statements=tuple(_statements(root)),
        invoked=frozenset(
            _command(node).name.lower()
            for node in _everything(root, skip="function_statement")
            if node.type == "command"
        ),
    )


def _parameters(function: Node) -> frozenset[str]:
    body = _child(function, "script_block")
    block = _child(body, "param_block") if body else None
    if block is None:
        declared = _child(function, "function_parameter_declaration")
        return _names(declared) if declared else frozenset()
    advanced = any(
        _text(name).lower() in {"cmdletbinding", "parameter"}
        for name in _walk(block, "attribute_name")
    )
    return _names(block) | (_COMMON if advanced else frozenset())


def _names(block: Node) -> frozenset[str]:
    """Names of the parameters right in this block, without the dollar sign."""
    found = set()
    for parameter in _walk(block, "script_parameter"):
        variable = _child(parameter, "variable")
        if variable is not None:
            found.add(_text(variable).lstrip("$").strip("{}").lower())
    return frozenset(found)


def _statements(root: Node) -> Iterator[Statement]:
    body = _child(root, "statement_list")
    for node in body.named_children if body else ():
        if node.type in {"function_statement", "comment", "empty_statement"}:
            continue
        command = next(_walk(node, "command"), None)
        if command is None or _text(command) != _text(node).strip():
            yield Statement(text=_text(node).strip(), name="")
        else:
            yield _command(command)


def _command(node: Node) -> Statement:
    name = _child(node, "command_name") or _child(node, "command_name_expr")
    elements = _child(node, "command_elements")
    return Statement(
        text=_text(node).strip(),
        name=_unquote(_text(name)) if name else "",
        arguments=tuple(
            _unquote(_text(element))
            for element in (elements.named_children if elements else ())
            if element.type != "command_argument_sep"
        ),
    )


def _unquote(text: str) -> str:
    text = text.strip()
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1].replace(text[0] * 2, text[0])
    return text


def _mistake(root: Node) -> ScriptError:
    for node in _everything(root):
        if node.is_error or node.is_missing:
            return ScriptError(node.start_point.row + 1, _text(node)[:60].strip())
    return ScriptError(1, "")


def _walk(node: Node, kind: str) -> Iterator[Node]:
    return (found for found in _everything(node) if found.type == kind)


def _everything(node: Node, skip: str = "") -> Iterator[Node]:
    """The node and all below it, in order; nothing of those of the kind `skip`."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        if found.type != skip:
            yield found
            waiting.extend(reversed(found.children))


def _child(node: Node, kind: str) -> Node | None:
    return next((child for child in node.children if child.type == kind), None)


def _text(node: Node) -> str:
    return (node.text or b"").decode(errors="replace")
