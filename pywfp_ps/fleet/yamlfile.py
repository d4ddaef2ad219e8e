"""YAML and JSON files of an inventory: bounded, and with the place of every key."""

from __future__ import annotations

import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from yaml import MappingNode, Node, ScalarNode

from pywfp_ps.fleet.problems import InventoryError, Place
from pywfp_ps.fleet.vault import VaultText

if TYPE_CHECKING or not yaml.__with_libyaml__:
    from yaml import SafeLoader
else:
    from yaml import CSafeLoader as SafeLoader  # the same, faster

FILE_LIMIT = 64 * 1024 * 1024
"""Most bytes of one file: an inventory of 10,000 hosts with many variables has a tenth of it."""

_INI_SECTION = re.compile(r"^\[[\w.-]+(?::\w+)?\]", re.MULTILINE)

DEPTH_LIMIT = 60
"""Most levels of nesting; the C parser underneath crashes on some ten thousand."""

VALUE_LIMIT = 5_000_000
"""Most values of a file, an alias counted each time it is used."""


class Unsafe(str):
    """A text that is never a template (``!unsafe``)."""

    __slots__ = ()


class Table(dict[Any, Any]):
    """A mapping that knows where its keys stand."""

    def __init__(self) -> None:
        super().__init__()
        self.places: dict[Any, Place] = {}

    def placed(self) -> Iterator[tuple[Any, Any, Place]]:
        """Key, value and place of each entry."""
        return ((key, value, self.places[key]) for key, value in self.items())


def read_text(path: Path) -> str:
    """The text of a file of at most `FILE_LIMIT` bytes.

    Raises:
        InventoryError: It cannot be read, is too large or is not UTF-8.
    """
    return decode_text(read_bytes(path), path)


def read_bytes(path: Path) -> bytes:
    """What is in a file of at most `FILE_LIMIT` bytes, opened once: it may be a pipe.

    Raises:
        InventoryError: It cannot be read or is too large.
    """
    place = Place(str(path))
    try:
        with path.open("rb") as file:
            data = file.read(FILE_LIMIT + 1)
    except OSError as error:
        raise InventoryError(place, f"cannot be read: {error.strerror}") from None
    except ValueError:  # a null character
        raise InventoryError(place, "is no path") from None
    if len(data) > FILE_LIMIT:
        raise InventoryError(place, f"is larger than {FILE_LIMIT} bytes")
    return data


def decode_text(data: bytes, path: Path, *, comments: bytes = b"") -> str:
    """The text that `data` is.

    Args:
        data: What was read.
        path: The file it is from.
        comments: Letters that begin a comment. Lines with one of them come back empty where the
            file is in another encoding, since many a comment has an umlaut.

    Raises:
        InventoryError: It is not UTF-8.
    """
    place = Place(str(path))
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        raise InventoryError(place, "is UTF-16; save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        lines = data.split(b"\n")
        data = b"\n".join(b"" if line[:1] in comments else line for line in lines)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InventoryError(Place(str(path), line), "is not UTF-8") from None


def read_yaml(text: str, file: str) -> Any:
    """The one document of `text`: tables, lists and plain values; None for an empty one.

    Raises:
        InventoryError: It is no YAML, repeats a key, has an unknown tag, or is out of bounds.
    """
    loader: Any = None
    try:
        _check_depth(text, file)
        loader = _Loader(text)
        loader.file = file
        data = loader.get_single_data()
    except yaml.YAMLError as error:
        raise _told(error, file, text) from None
    except InventoryError:  # it says its place
        raise
    except (ValueError, OverflowError, RecursionError) as error:  # such as the date 2020-13-01
        raise InventoryError(Place(file), f"holds a value that is none: {error}") from None
    finally:
        if loader is not None:
            loader.dispose()
    _check_size(data, file)
    return _revive(data) if '"__ansible_' in text else data


def _revive(data: Any) -> Any:
    """Vault and ``!unsafe`` values as JSON writes them: mappings of one key with a known name."""
    if isinstance(data, list):
        return [_revive(item) for item in data]
    if not isinstance(data, Table):
        return data
    for key, inside in data.items():
        if len(data) == 1 and isinstance(inside, str):
            if key == "__ansible_vault":
                return VaultText(inside, data.places[key])
            if key == "__ansible_unsafe":
                return Unsafe(inside)
        data[key] = _revive(inside)
    return data


def _told(error: yaml.YAMLError, file: str, text: str) -> InventoryError:
    if not isinstance(error, yaml.MarkedYAMLError):
        return InventoryError(Place(file), "is no YAML text")
    mark = error.problem_mark or error.context_mark
    place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)
    words = ", ".join(part for part in (error.problem, error.context) if part)
    # A name with & or * may be a password that lacks quotes.
    words = re.sub(r"(alias|anchor) '[^']*'", r"\1", words)
    return InventoryError(place, (words or "is no YAML") + _advice(mark, text, words))


def _advice(mark: yaml.Mark | None, text: str, words: str) -> str:
    """What is most often behind an error, which the words of the library do not say."""
    line = (
        text.split("\n", mark.line + 1)[mark.line] if mark and text.count("\n") >= mark.line else ""
    )
    if mark and line[mark.column : mark.column + 1] == "\t":
        return " (a tab; YAML is indented with spaces)"
    if "escape" in words or "hex" in words:
        return " (within double quotes a backslash is written twice, or use single quotes)"
    if "document start" in words and _INI_SECTION.search(text):
        return " (it reads like INI, and its name says YAML)"
    if "alias" in words or "cannot start" in words or "not allowed" in words:
        return " (a value with a colon, or that begins with one of *&!%@`, needs quotes)"
    return ""


def _check_depth(text: str, file: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEPTH_LIMIT:
            place = Place(file, event.start_mark.line + 1 if event.start_mark else None)
            raise InventoryError(place, f"nests deeper than {DEPTH_LIMIT} levels")


def _check_size(data: object, file: str) -> None:
    """Walks every value, aliases each time: they can hold themselves, or grow without end."""
    count, stack = 0, [(data, 0)]
    while stack:
        value, depth = stack.pop()
        count += 1
        if depth > DEPTH_LIMIT:
            raise InventoryError(Place(file), "holds a value that contains itself")
        if count > VALUE_LIMIT:
            raise InventoryError(Place(file), f"has more than {VALUE_LIMIT} values")
        if isinstance(value, dict):
            stack += [(item, depth + 1) for item in value.values()]
        elif isinstance(value, list):
            stack += [(item, depth + 1) for item in value]


class _Loader(SafeLoader):
    file: str


def _place(loader: _Loader, node: Node) -> Place:
    return Place(loader.file, node.start_mark.line + 1, node.start_mark.column + 1)


def _table(loader: _Loader, node: Node) -> Any:
    table = Table()
    yield table
    if not isinstance(node, MappingNode):
        raise InventoryError(_place(loader, node), "is no mapping")
    seen: dict[Any, Place] = {}
    for key_node, _ in node.value:
        if key_node.tag == "tag:yaml.org,2002:merge":
            continue
        key, place = loader.construct_object(key_node, deep=True), _place(loader, key_node)
        if not isinstance(key, str | int | float | bool | None):
            problem = "a key must be a word (a value that begins with {{ needs quotes)"
            raise InventoryError(place, problem)
        if key in seen:
            raise InventoryError(
                place, f"{key!r} stands here again, first at line {seen[key].line}"
            )
        seen[key] = place
    table.update(loader.construct_mapping(node))
    table.places = dict.fromkeys(table, _place(loader, node)) | seen  # merged keys stand elsewhere


def _vault(loader: _Loader, node: Node) -> VaultText:
    return VaultText(_scalar(loader, node), _place(loader, node))


def _unsafe(loader: _Loader, node: Node) -> Any:
    if isinstance(node, ScalarNode):
        return Unsafe(loader.construct_scalar(node))
    raise InventoryError(_place(loader, node), "!unsafe is for a single text")


def _unknown(loader: _Loader, node: Node) -> Any:
    problem = "a tag other than !vault and !unsafe (a value that begins with ! needs quotes)"
    raise InventoryError(_place(loader, node), problem)


def _scalar(loader: _Loader, node: Node) -> str:
    if not isinstance(node, ScalarNode):
        raise InventoryError(_place(loader, node), f"{node.tag} is for a text")
    return str(loader.construct_scalar(node))


for _tag, _reader in {
    "tag:yaml.org,2002:map": _table,
    "!vault": _vault,
    "!vault-encrypted": _vault,
    "!unsafe": _unsafe,
    None: _unknown,
}.items():
    _Loader.add_constructor(_tag, _reader)
