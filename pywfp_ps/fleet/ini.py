"""Inventories in INI form: ``[group]``, ``[group:children]`` and ``[group:vars]``."""

from __future__ import annotations

import ast
import difflib
import re
import shlex
import warnings
from typing import Any

from pywfp_ps.fleet.groups import Group, Groups
from pywfp_ps.fleet.problems import InventoryError, Notice, Place
from pywfp_ps.fleet.ranges import expand_hosts

_SECTION = re.compile(r"\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?")
_YAML_KEY = re.compile(r"[\w.-]+:")
_SEMICOLON = re.compile(r"\[[^:\]\s]+(?::\w+)?\]\s*;.*")
_GROUP = re.compile(r"([^:\]\s]+)\s*(?:#.*)?")
_KINDS = ("hosts", "children", "vars")


def read_ini(text: str, file: str, groups: Groups) -> None:
    """Adds what stands in `text` to `groups`; lines before the first section are ungrouped hosts.

    Raises:
        InventoryError: Names the line.
    """
    reader = _Reader(file, groups)
    for number, line in enumerate(map(str.strip, text.splitlines()), 1):
        if line and line[0] not in ";#":
            reader.read(line, Place(file, number))
    reader.finish()


class _Reader:
    def __init__(self, file: str, groups: Groups) -> None:
        self._file, self._groups = file, groups
        self._group, self._kind = groups.groups["ungrouped"], "hosts"
        self._undeclared: dict[str, Place] = {}  # groups seen in [group:vars] only
        self._awaited: dict[str, list[tuple[Group, Place]]] = {}  # children not yet seen
        self._listed: set[tuple[str, str]] = set()

    def read(self, line: str, place: Place) -> None:
        section = _SECTION.fullmatch(line)
        if section:
            self._open(section[1], section[2] or "hosts", place)
        elif _SEMICOLON.fullmatch(line):
            raise InventoryError(place, "a comment behind a section begins with #, not with ;")
        elif line[0] == "[" and line[-1] == "]":
            raise InventoryError(place, f"{line} is no section; a group name has no space or colon")
        elif self._kind == "hosts":
            self._hosts(line, place)
        elif self._kind == "vars":
            self._variable(line, place)
        else:
            self._child(line, place)

    def finish(self) -> None:
        for name, place in self._undeclared.items():
            known = self._meant(name)
            raise InventoryError(place, f"[{name}:vars] is for a group that is not defined{known}")
        for name, parents in self._awaited.items():
            parent, place = parents[0]
            known = self._meant(name)
            raise InventoryError(
                place, f"[{parent.name}:children] names the unknown group {name!r}{known}"
            )

    def _open(self, name: str, kind: str, place: Place) -> None:
        if kind not in _KINDS:
            hint = _close(kind, _KINDS)
            raise InventoryError(place, f"[{name}:{kind}] is of an unknown kind{hint}")
        is_new = name not in self._groups.groups
        self._group, self._kind = self._groups.add_group(name, place), kind
        if kind != "vars":
            self._undeclared.pop(name, None)
            for parent, child_place in self._awaited.pop(name, ()):
                self._groups.add_child(parent, self._group, child_place)
        elif is_new and name not in self._awaited:
            self._undeclared[name] = place

    def _hosts(self, line: str, place: Place) -> None:
        if line.startswith("---") or _YAML_KEY.fullmatch(line):
            raise InventoryError(place, "is YAML in a file that is read as INI; name it .yml")
        try:
            words = shlex.split(line, comments=True)
            names, port = expand_hosts(words[0])
        except ValueError as error:
            raise InventoryError(place, str(error)) from None
        values = []
        before = words[0]
        for word in words[1:]:
            name, equals, value = word.partition("=")
            if not equals:  # the word itself may be a part of a password
                problem = f"name=value is expected behind {before!r} (no space around the =, quotes"
                raise InventoryError(place, f"{problem} around a value with a space)")
            values.append((name, read_value(value)))
            before = name
        for host_name in names:
            self._note_repeat(host_name, place)
            host = self._groups.add_host(host_name, self._group, place, port)
            for name, value in values:
                self._groups.set_host_variable(host, name, value, place)

    def _note_repeat(self, host: str, place: Place) -> None:
        key = (self._group.name, host)
        if key in self._listed:
            text = f"host {host!r} stands twice in group {self._group.name!r}"
            self._groups.notices.append(Notice(place, text))
        self._listed.add(key)

    def _variable(self, line: str, place: Place) -> None:
        name, equals, value = line.partition("=")
        if not equals:
            raise InventoryError(place, "name=value is expected here, and there is no =")
        plain = read_value(value.strip())
        self._groups.set_group_variable(self._group, name.strip(), plain, place)

    def _child(self, line: str, place: Place) -> None:
        match = _GROUP.fullmatch(line)
        if not match:
            word = re.split(r"[\s=]", line, maxsplit=1)[0]
            problem = "the name of a group is expected, with nothing behind it"
            raise InventoryError(place, f"{word!r}: {problem}")
        child = self._groups.groups.get(match[1])
        if child is None:
            self._awaited.setdefault(match[1], []).append((self._group, place))
        else:
            self._groups.add_child(self._group, child, place)

    def _meant(self, name: str) -> str:
        return _close(name, [known for known in self._groups.groups if known != name])


def read_value(text: str) -> Any:
    """The Python literal that `text` is (number, list, True, quoted text), else the text itself."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            return _plain(ast.literal_eval(text))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return text  # TypeError: {{ 'x' }} is a set of sets, which cannot be


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple | set):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, bytes):
        return value.decode()
    return str(value) if isinstance(value, complex) else "..." if value is ... else value


def _close(word: str, known: list[str] | tuple[str, ...]) -> str:
    """`` (did you mean ...?)``, where something is close."""
    near = difflib.get_close_matches(word, known, 1)
    return f" (did you mean {near[0]!r}?)" if near else ""
