"""The configuration file: default values of options, by command.

store = "/srv/wfp"          # for every command that has --store

[filters]
columns = "host,name,action,layer"
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Any

from pywfp_ps.errors import UsageError


def load_config(named: str | None, commands: Collection[str]) -> dict[str, Any]:
    """Default values a command, as click takes them; empty where there is no file.

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
    if unknown := sorted(set(shared) - {"store"}):
        raise UsageError(f"{path}: unknown setting {unknown[0]!r}; only `store` stands alone")
    defaults: dict[str, Any] = {command: dict(shared) for command in commands}
    for name, values in loaded.items():
        if isinstance(values, dict):
            if name not in defaults:
                raise UsageError(f"{path}: [{name}] is no command of wfp")
            defaults[name] |= {key.replace("-", "_"): value for key, value in values.items()}
    return defaults
