"""The second readings stay second: nothing in this folder imports the package."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

_HERE = Path(__file__).parent
_FORBIDDEN = {"pywfp_ps", "pywfp_remote"}
_LOADERS = {"__import__", "import_module", "exec", "eval", "run_module", "run_path"}


def _roots(source: str) -> set[str]:
    """First names of all that a source imports; a call that could hide an import counts too."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            inside = module == "tests" or module.startswith("tests.")
            beside = node.level == 0 and (not inside or module.startswith("tests.oracle"))
            found.add(module.split(".")[0] if beside else "." * node.level + module)
        elif isinstance(node, ast.Call):
            called = node.func
            name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
            if name in _LOADERS:
                found.add(f"{name}()")
    return found


def _is_allowed(root: str) -> bool:
    return root not in _FORBIDDEN and not root.startswith(("tests.", ".")) and "(" not in root


@pytest.mark.parametrize("path", sorted(_HERE.rglob("*.py")), ids=lambda path: path.name)
def test_imports_nothing_of_the_package(path: Path) -> None:
    assert [root for root in sorted(_roots(path.read_text("utf-8"))) if not _is_allowed(root)] == []


@pytest.mark.parametrize(
    "source",
    [
        "import pywfp_ps",
        "import pywfp_ps.read as r",
        "from pywfp_ps.model import Filter",
        "from pywfp_remote import lab",
        "def f():\n    from pywfp_ps import errors",
        "import importlib\nimportlib.import_module('pywfp_ps')",
        "__import__('pywfp_ps')",
        "from .. import conftest",
        "from tests.read import helper",
    ],
)
def test_sees_an_import_through_the_wall(source: str) -> None:
    assert not all(_is_allowed(root) for root in _roots(source))
