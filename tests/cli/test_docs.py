from __future__ import annotations

import importlib.util
import inspect
from pathlib import Path
from types import ModuleType

import click
import pytest
from click.testing import CliRunner

from pywfp_ps.cli import main
from pywfp_ps.cli.app import COMMANDS

_ROOT = Path(__file__).resolve().parents[2]


def _make_docs() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_docs", _ROOT / "tools" / "make_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_COMMANDS: dict[str, click.Command] = dict(
    _make_docs().walk(main, click.Context(main, info_name="wfp"))
)


@pytest.mark.parametrize("name", _COMMANDS)
def test_a_command_has_help_and_an_example(name: str) -> None:
    text = inspect.cleandoc(_COMMANDS[name].help or "")
    assert text.partition("\n")[0].endswith("."), "the first line of the help is one sentence"
    if not isinstance(_COMMANDS[name], click.Group):
        assert f"Example: `{name.split(' ', maxsplit=1)[0]} " in text


@pytest.mark.parametrize("name", _COMMANDS)
def test_an_option_has_help(name: str) -> None:
    silent = [
        parameter.name
        for parameter in _COMMANDS[name].params
        if isinstance(parameter, click.Option) and not parameter.help and not parameter.hidden
    ]
    assert silent == []


@pytest.mark.parametrize("name", _COMMANDS)
def test_a_command_stands_in_the_readme_or_its_docs(name: str) -> None:
    assert f"## {name}\n" in (_ROOT / "docs" / "commands.md").read_text("utf-8")


def test_the_page_of_commands_is_up_to_date() -> None:
    page = (_ROOT / "docs" / "commands.md").read_text("utf-8")
    assert page == _make_docs().text(), "run tools/make_docs.py"


def test_the_overview_says_what_each_command_does_in_a_line() -> None:
    rows = CliRunner().invoke(main, ["--help"], terminal_width=80).output.splitlines()
    start = rows.index("Commands:") + 1
    listed = [row.split(maxsplit=1) for row in rows[start : rows.index("", start)]]
    assert [name for name, _ in listed] == sorted(COMMANDS)
    assert [text for _, text in listed if not text.endswith(".")] == []
