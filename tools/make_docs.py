"""Makes ``docs/commands.md`` from the commands' own help: ``python tools/make_docs.py``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from pywfp_ps.cli import main

TARGET = Path(__file__).resolve().parent.parent / "docs" / "commands.md"
_HEAD = """\
# Commands

Made from the commands' own help by `tools/make_docs.py`. Data goes to stdout, words and progress to
stderr. Exit codes: 0 good; 1 findings or a failed expectation; 2 wrong usage; 3 some hosts failed;
4 all hosts failed; 5 our own error; 130 interrupted; 143 ended by SIGTERM.
"""


def walk(group: click.Group, ctx: click.Context) -> Iterator[tuple[str, click.Command]]:
    """Every command below a group with its full name, sorted."""
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        assert command is not None
        path = f"{ctx.command_path} {name}"
        yield path, command
        if isinstance(command, click.Group):
            yield from walk(command, click.Context(command, info_name=name, parent=ctx))


def text() -> str:
    """The page."""
    root = click.Context(main, info_name="wfp")
    pages = [_HEAD]
    for path, command in [("wfp", main), *walk(main, root)]:
        ctx = click.Context(
            command, info_name=path, help_option_names=["-h", "--help"], max_content_width=100
        )
        with ctx:
            ctx.terminal_width = 100
            pages.append(f"## {path}\n\n```text\n{command.get_help(ctx)}\n```\n")
    return "\n".join(pages)


if __name__ == "__main__":
    TARGET.write_text(text(), "utf-8")
