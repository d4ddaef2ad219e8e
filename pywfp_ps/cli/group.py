"""The group of all commands: loads each on use, and turns errors into one line in one place."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import click

from pywfp_ps.cli.config import for_command
from pywfp_ps.errors import ExitCode, Terminated, WfpError
from pywfp_ps.report.text import visible


class LazyGroup(click.Group):
    """A group whose commands live in modules that are imported when they are asked for.

    The table that names them says what each does as well, so that the help imports none of them.
    """

    def __init__(
        self, *args: Any, lazy: Mapping[str, tuple[str, str]] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.lazy = dict(lazy or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All command names, sorted."""
        return sorted({*super().list_commands(ctx), *self.lazy})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now if need be."""
        if cmd_name not in self.lazy:
            return super().get_command(ctx, cmd_name)
        place, short_help = self.lazy[cmd_name]
        module, _, name = place.partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        command.short_help = short_help
        return command

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - click gives it
        formatter: click.HelpFormatter,
    ) -> None:
        """Lists the commands of the table as the table describes them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.lazy[name][1]) for name in sorted(self.lazy)])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is called, with its settings from the configuration file in place."""
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None and name and ctx.default_map and isinstance(ctx.default_map, dict):
            ctx.default_map[name] = for_command(ctx.default_map.get(name, {}), command)
        return name, command, rest


class WfpGroup(LazyGroup):
    """The top of all commands; the only place where an exit code is made of an error."""

    def main(  # type: ignore[override] # click overloads this by the value of standalone_mode
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        **extra: Any,
    ) -> NoReturn:
        """Runs a command and leaves with its exit code."""
        extra.pop("standalone_mode", None)
        _fill_streams()
        _end(self._run(args, prog_name, extra))

    def _run(self, args: Sequence[str] | None, prog_name: str | None, extra: Any) -> int:
        try:
            result = super().main(args, prog_name or "wfp", standalone_mode=False, **extra)
            sys.stdout.flush()
        except click.ClickException as error:
            return _click_error(error)
        except (KeyboardInterrupt, click.Abort) as error:
            if isinstance(error, Terminated) or isinstance(error.__cause__, Terminated):
                click.echo("wfp: ended by SIGTERM", err=True)
                return ExitCode.TERMINATED
            click.echo("wfp: interrupted", err=True)
            return ExitCode.INTERRUPTED
        except WfpError as error:
            click.echo(f"wfp: {visible(str(error))}", err=True)
            return error.exit_code
        except BrokenPipeError:
            _drop_stdout()
            return ExitCode.GOOD
        except Exception:  # noqa: BLE001 - the last line of defence: a bug shows where it is
            traceback.print_exc()
            click.echo("wfp: this is a bug in wfp; please report the lines above", err=True)
            return ExitCode.OUR_ERROR
        return result if isinstance(result, int) else ExitCode.GOOD


def _click_error(error: click.ClickException) -> int:
    """One line for a wrong call, with a pointer to the help."""
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return ExitCode.USAGE
    hint = f" (see `{ctx.command_path} --help`)" if ctx else ""
    click.echo(f"wfp: {visible(error.format_message())}{hint}", err=True)
    return ExitCode.USAGE


def _fill_streams() -> None:
    """Puts nowhere in place of stdin, stdout and stderr that the process was started without.

    Otherwise the next files to be opened would take their numbers, and what is meant for nobody
    would end in them.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is not None:
            continue
        nowhere = os.open(os.devnull, os.O_RDWR)
        if nowhere != number:
            os.dup2(nowhere, number)
            os.close(nowhere)
        os.set_inheritable(number, True)
        setattr(sys, name, os.fdopen(number, "w" if number else "r", encoding="utf-8"))


def _drop_stdout() -> None:
    """Keeps the interpreter from complaining again about a reader that has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _end(code: int) -> NoReturn:
    sys.exit(int(code))
