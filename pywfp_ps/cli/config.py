"""The configuration file: default values of options, by command.

store = "/srv/wfp"          # for every command that has --store

[filters]
columns = "host,name,action,layer"
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

import click

from pywfp_ps.errors import UsageError

_SHARED: Final = frozenset({"store"})


def load_config(named: str | None, commands: Collection[str]) -> dict[str, Any]:
    """Settings by command and option name; empty where there is no file.

    Raises:
        UsageError: The file is named but missing, is no TOML, or speaks of an unknown command.
    """
    path = Path(named) if named else _usual_path()
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        if named:
            raise UsageError(f"no configuration file {path}") from None
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the configuration file {path}: {error}") from error
    try:
        loaded = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is no TOML: {error}") from error
    return _by_command(loaded, path, commands)


def _usual_path() -> Path:
    from platformdirs import user_config_path

    return user_config_path("wfp", appauthor=False) / "config.toml"


def _by_command(loaded: dict[str, Any], path: Path, commands: Collection[str]) -> dict[str, Any]:
    shared = {name: value for name, value in loaded.items() if not isinstance(value, dict)}
    if unknown := sorted(set(shared) - _SHARED):
        raise UsageError(f"{path}: unknown setting {unknown[0]!r}; only `store` stands alone")
    for name in loaded:
        if name not in shared and name not in commands:
            raise UsageError(f"{path}: [{name}] is no command of wfp")
    return {command: {**shared, **loaded.get(command, {})} for command in commands}


def for_command(settings: dict[str, Any], command: click.Command) -> dict[str, Any]:
    """Settings by option name as click wants them: by parameter name.

    Raises:
        UsageError: The command has no such option.
    """
    by_option = {
        option.lstrip("-"): parameter.name
        for parameter in command.params
        for option in parameter.opts
        if isinstance(parameter, click.Option) and parameter.name
    }
    found = {}
    for key, value in settings.items():
        name = by_option.get(key) or by_option.get(key.replace("_", "-"))
        if name is not None:
            found[name] = value
        elif key not in _SHARED:
            raise UsageError(f"configuration: `wfp {command.name}` has no option --{key}")
    return found
