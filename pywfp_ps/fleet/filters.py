"""Filters and tests of templates that Ansible has and Jinja has not, each as Ansible answers.

None reads a file or runs anything, and those that can make much out of little (``flatten``,
``regex_findall``, ``regex_replace``, ``to_json``) have a limit. All are known by their short name
and by the long one (``ansible.builtin.bool``).
"""

from __future__ import annotations

import base64
import json
import os
import posixpath
import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, Final

from jinja2 import Undefined

LONG_PREFIX: Final = "ansible.builtin."
MOST: Final = 1024 * 1024
"""Most characters, or items, that a filter makes of what is shorter."""

_WIDEST_INDENT: Final = 64
_TRUE = {"1", "1.0", "on", "t", "true", "y", "yes"}
_GROUP = re.compile(r"\\(?:g<(\w+)>|(\d+))")


class FilterError(Exception):
    """A filter does not take what it was given; the text holds no value."""


class _Room:
    """What a filter may still make."""

    def __init__(self, filter_name: str) -> None:
        self._filter, self._left = filter_name, MOST

    def take(self, size: int) -> None:
        """Raises `FilterError` where `size` is more than is left."""
        self._left -= size
        if self._left < 0:
            raise FilterError(f"{self._filter} gives more than {MOST} characters or items")


def long_and_short(table: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    """`table` with every name a second time, as a collection would write it."""
    return dict(table) | {f"{LONG_PREFIX}{name}": made for name, made in table.items()}


def _bool(value: Any) -> bool:
    return value if isinstance(value, bool) else str(value).strip().lower() in _TRUE


def _mandatory(value: Any, message: str | None = None) -> Any:
    if isinstance(value, Undefined):
        raise FilterError(str(message or value._undefined_message))  # noqa: SLF001 - says its name
    return value


def _flags(*, ignorecase: bool, multiline: bool) -> int:
    return (re.IGNORECASE if ignorecase else 0) | (re.MULTILINE if multiline else 0)


def _regex_search(
    value: Any, pattern: str, *groups: str, ignorecase: bool = False, multiline: bool = False
) -> Any:
    r"""What is found, None where nothing is; with ``\1`` or ``\g<name>`` a list of groups."""
    wanted = [_GROUP.fullmatch(group) for group in groups]
    if not all(wanted):
        raise FilterError("regex_search takes groups as '\\1' or '\\g<name>'")
    flags = _flags(ignorecase=ignorecase, multiline=multiline)
    found = re.search(pattern, str(value), flags)
    if found is None or not groups:
        return found and found[0]
    return [found[each[1] or int(each[2])] for each in wanted if each]


def _regex_findall(
    value: Any, pattern: str, multiline: bool = False, ignorecase: bool = False
) -> list[Any]:
    text, room = str(value), _Room("regex_findall")
    found: list[Any] = []
    room.take(-len(text))
    for each in re.finditer(pattern, text, _flags(ignorecase=ignorecase, multiline=multiline)):
        parts = list(each.groups("")) or [each[0]]
        room.take(sum(map(len, parts)))
        found.append(parts if len(parts) > 1 else parts[0])
    return found


def _regex_replace(
    value: Any,
    pattern: str = "",
    replacement: str = "",
    ignorecase: bool = False,
    multiline: bool = False,
) -> str:
    room = _Room("regex_replace")
    compiled = re.compile(pattern, _flags(ignorecase=ignorecase, multiline=multiline))
    compiled.sub(replacement, "")  # a replacement that is wrong is so where nothing is found too

    def replaced(found: re.Match[str]) -> str:
        longest = max(map(len, (found[0], *found.groups(""))))
        room.take(len(replacement) + replacement.count("\\") * longest)
        return found.expand(replacement)

    return compiled.sub(replaced, str(value))


def _combine(*tables: dict[Any, Any]) -> dict[Any, Any]:
    return {key: value for table in tables for key, value in table.items()}


def _ternary(value: Any, yes: Any, no: Any, none: Any = None) -> Any:
    return none if value is None and none is not None else yes if value else no


def _extract(key: Any, container: Any, more: Any = None) -> Any:
    """``'web-01' | extract(hostvars, 'x')``."""
    for step in (key, *(more if isinstance(more, list) else [] if more is None else [more])):
        container = container[step]
    return container


def _flatten(value: Iterable[Any], levels: int | None = None) -> list[Any]:
    """Lists within lists made one; nothing in them that is null."""
    found: list[Any] = []
    for item in value:
        if item is None or item in ("None", "null"):
            continue
        if not isinstance(item, list):
            found.append(item)
        elif levels is None or levels > 0:
            found += _flatten(item, None if levels is None else levels - 1)
        else:
            found.append(item)
        if len(found) > MOST:
            raise FilterError(f"flatten gives more than {MOST} items")
    return found


def _each_once(values: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    seen: set[Hashable] = set()
    for value in values:
        if isinstance(value, Hashable):
            if value in seen:
                continue
            seen.add(value)
        elif value in found:
            continue
        found.append(value)
    return found


def _dict2items(
    value: Mapping[Any, Any], key_name: str = "key", value_name: str = "value"
) -> list[Any]:
    return [{key_name: key, value_name: item} for key, item in value.items()]


def _items2dict(
    value: Iterable[Any], key_name: str = "key", value_name: str = "value"
) -> dict[Any, Any]:
    return {item[key_name]: item[value_name] for item in value}


def _to_json(value: Any, indent: int | str | None = None, **options: Any) -> str:
    width = len(indent) if isinstance(indent, str) else indent or 0
    if width > _WIDEST_INDENT:
        raise FilterError(f"to_json indents by at most {_WIDEST_INDENT}")
    room = _Room("to_json")
    pieces: list[str] = []
    for piece in json.JSONEncoder(indent=indent, **options).iterencode(value):
        room.take(len(piece))
        pieces.append(piece)
    return "".join(pieces)


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "b64decode": lambda value: base64.b64decode(value, validate=True).decode(),
    "b64encode": lambda value: base64.b64encode(str(value).encode()).decode(),
    "basename": lambda value: posixpath.basename(str(value)),
    "bool": _bool,
    "combine": _combine,
    "dict2items": _dict2items,
    "difference": lambda one, two: [item for item in _each_once(one) if item not in two],
    "dirname": lambda value: posixpath.dirname(str(value)),
    "expanduser": lambda value: os.path.expanduser(str(value)),  # noqa: PTH111 - a text
    "extract": _extract,
    "flatten": _flatten,
    "from_json": json.loads,
    "intersect": lambda one, two: [item for item in _each_once(one) if item in two],
    "items2dict": _items2dict,
    "mandatory": _mandatory,
    "regex_escape": lambda value: re.escape(str(value)),
    "regex_findall": _regex_findall,
    "regex_replace": _regex_replace,
    "regex_search": _regex_search,
    "split": lambda value, by=None, most=-1: str(value).split(by, most),
    "splitext": lambda value: list(posixpath.splitext(str(value))),
    "ternary": _ternary,
    "to_json": _to_json,
    "union": lambda one, two: _each_once([*one, *two]),
    "zip": lambda one, *others: [list(each) for each in zip(one, *others, strict=False)],
}
"""Filters by their short names."""


def _matches(how: Callable[..., Any]) -> Callable[..., bool]:
    def matches(
        value: Any, pattern: str = "", ignorecase: bool = False, multiline: bool = False
    ) -> bool:
        flags = _flags(ignorecase=ignorecase, multiline=multiline)
        return how(pattern, str(value), flags) is not None

    return matches


TESTS: Final[Mapping[str, Callable[..., Any]]] = {
    "contains": lambda value, item: item in value,
    "falsy": lambda value: not value,
    "match": _matches(re.match),
    "regex": _matches(re.search),
    "search": _matches(re.search),
    "subset": lambda one, two: set(one) <= set(two),
    "superset": lambda one, two: set(one) >= set(two),
    "truthy": bool,
}
"""Tests (``x is match('web.*')``) by their short names."""
