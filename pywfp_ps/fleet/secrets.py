"""Where secrets come from; never from a command line, which every user of a machine can read.

A source is written ``prompt``, ``env:NAME``, ``file:PATH``, ``keyring:SERVICE`` (or
``keyring:SERVICE/USER``) or ``command:PROGRAM ARGUMENTS``. No error repeats what a source gave.
"""

from __future__ import annotations

import getpass
import os
import shlex
import subprocess
import sys
import warnings
from collections.abc import Callable, Mapping

from pywfp_ps.errors import UsageError
from pywfp_ps.fleet.problems import path_of
from pywfp_ps.fleet.vault import VaultPassword
from pywfp_ps.transports.base import Secret

COMMAND_LIMIT = 60
"""Seconds that a command may take to print a secret; password managers ask people."""

_LONGEST = 64 * 1024
_VAULT = "vault password"


def read_secret(source: str, *, what: str = "password", user: str = "") -> Secret:
    """The secret that `source` names.

    Args:
        source: As the module says.
        what: What it is for, in the prompt and in errors.
        user: Account that a keyring is asked for, where `source` names none.

    Raises:
        UsageError: The source is none of these, or gives nothing.
    """
    kind, colon, rest = source.partition(":")
    reader = _READERS.get(kind)
    if reader is None or bool(colon) == (kind == "prompt"):
        # The text itself stays out: people try to give the secret in its place.
        raise UsageError(
            f"the source of the {what} must be prompt, env:NAME, file:PATH,"
            " keyring:SERVICE[/USER] or command:PROGRAM"
        )
    text = reader(rest, what, user)
    if not text:
        raise UsageError(f"{kind} gave an empty {what}")
    return Secret(text)


def read_vault_password(source: str) -> VaultPassword:
    """The same for a vault, whose label may stand before the source: ``prod@env:NAME``."""
    label, at, rest = source.partition("@")
    if not at or ":" in label:
        label, rest = "", source
    return VaultPassword(read_secret(rest, what=_VAULT), label or None)


def _prompt(_: str, what: str, user: str) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass(f"{what}{f' of {user}' if user else ''}: ")
        except EOFError:
            line = ""
        except getpass.GetPassWarning:  # no terminal, but maybe somebody who writes to us
            line = "" if sys.stdin.isatty() else sys.stdin.readline(_LONGEST)
    if not line:
        raise UsageError(f"there is no terminal to ask for the {what}")
    return line.rstrip("\r\n")


def _environment(name: str, what: str, _: str) -> str:
    if name not in os.environ:
        raise UsageError(f"environment variable {name} for the {what} is not set")
    return os.environ[name]


def _file(path: str, what: str, _: str) -> str:
    try:
        with path_of(path).open("rb") as file:
            data = file.read(_LONGEST + 1)
    except OSError as error:
        raise UsageError(f"cannot read the {what} from {path}: {error.strerror}") from None
    except ValueError:  # a null character
        raise UsageError(f"the {what} cannot be read from {path!r}, which is no path") from None
    return _text(data.strip() if what == _VAULT else data, f"file {path}", what)


def _command(line: str, what: str, _: str) -> str:
    try:
        words = shlex.split(line, posix=os.name == "posix")
    except ValueError:
        words = []
    if not words:
        raise UsageError(f"the command for the {what} cannot be split into words")
    try:
        done = subprocess.run(  # noqa: S603 - the user's own command, without a shell
            words, stdout=subprocess.PIPE, timeout=COMMAND_LIMIT, check=False
        )
    except OSError as error:
        raise UsageError(f"cannot run {words[0]} for the {what}: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise UsageError(f"{words[0]} gave no {what} in {COMMAND_LIMIT} s") from None
    if done.returncode:
        raise UsageError(f"{words[0]} for the {what} ended with exit code {done.returncode}")
    return _text(done.stdout, words[0], what)


def _keyring(name: str, what: str, user: str) -> str:
    import keyring
    from keyring.errors import KeyringError

    service, _, account = name.partition("/")
    account = account or user or getpass.getuser()
    try:
        text = keyring.get_password(service, account)
    except KeyringError as error:
        problem = type(error).__name__
        raise UsageError(f"the keyring cannot be asked for the {what}: {problem}") from None
    if text is None:
        raise UsageError(f"the keyring has no {what} for service {service}, user {account}")
    return text


def _text(data: bytes, source: str, what: str) -> str:
    """The first line of what a file or a command gave, and nothing behind it but empty lines.

    The password of a vault is all of the lines, as with Ansible: many a one is made by openssl.
    """
    try:
        text = data.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        text = ""
    lines = [text] if text and what == _VAULT else text.splitlines()
    if len(lines) != 1 or len(data) > _LONGEST:
        raise UsageError(f"{source} must give the {what} as one line of UTF-8")
    return lines[0]


_READERS: Mapping[str, Callable[[str, str, str], str]] = {
    "prompt": _prompt,
    "env": _environment,
    "file": _file,
    "keyring": _keyring,
    "command": _command,
}
