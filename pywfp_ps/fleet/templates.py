"""Jinja in values: ``{{ vault_password }}``, ``{{ lookup('env', 'NAME') }}``, sandboxed, bounded.

A value that is one expression alone keeps its type, as in Ansible. Files, programs and modules
cannot be reached from a template.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jinja2 import StrictUndefined, TemplateError, UndefinedError
from jinja2.exceptions import SecurityError
from jinja2.nativetypes import NativeCodeGenerator
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from pywfp_ps.fleet.groups import Host, Variables
from pywfp_ps.fleet.inventory import Inventory
from pywfp_ps.fleet.problems import InventoryError, Place
from pywfp_ps.fleet.vault import VaultText
from pywfp_ps.fleet.yamlfile import Unsafe
from pywfp_ps.transports.base import Secret

TEXT_LIMIT = 1024 * 1024
"""Most characters of a template and of what comes out of it."""

DEPTH_LIMIT = 25
"""Most variables that may rest on one another."""


class Values:
    """Variables of one host with templates filled in and vaults opened, each when it is asked for.

    Raises (all methods):
        InventoryError: A template is wrong, rests on itself or on what is not defined, or a vault
            cannot be opened. Values are not repeated in it.
    """

    def __init__(self, inventory: Inventory, host: Host) -> None:
        self._inventory, self.host = inventory, host
        self._raw: Variables = inventory.variables(host)
        self._magic = _magic(inventory, host)
        self._done: dict[str, Any] = {}
        self._open: list[str] = []

    def __contains__(self, name: object) -> bool:
        return name in self._magic or name in self._raw

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def place(self, name: str) -> Place:
        """Where a variable was set."""
        return self._raw.places.get(name, self.host.place)

    def is_secret(self, name: str) -> bool:
        """Whether a variable comes out of a vault itself, not through a template."""
        return isinstance(self._raw.get(name), Secret | VaultText)

    def get(self, name: str, default: Any = None) -> Any:
        """The plain value, secrets open; `default` if there is no such variable."""
        if name in self._magic:
            return self._magic[name]
        if name in self._done:
            return self._done[name]
        if name not in self._raw:
            return default
        if name in self._open or len(self._open) >= DEPTH_LIMIT:
            chain = " > ".join((*self._open, name))
            problem = "goes round" if name in self._open else f"is over {DEPTH_LIMIT} long"
            raise self._error(f"the chain of templates {problem}: {chain}")
        self._open.append(name)
        try:
            value = self._done[name] = self._fill(self._raw[name])
        finally:
            self._open.pop()
        return value

    def _fill(self, value: Any, is_hidden: bool = False) -> Any:
        if isinstance(value, VaultText):
            value = self._inventory.vault.open(value.text, value.place)
        if isinstance(value, Secret):
            value, is_hidden = value.reveal(), True
        if isinstance(value, list):
            return [self._fill(item, is_hidden) for item in value]
        if isinstance(value, dict):
            return {key: self._fill(item, is_hidden) for key, item in value.items()}
        if isinstance(value, Unsafe):
            return str(value)
        if not isinstance(value, str) or not any(mark in value for mark in _MARKS):
            return value
        if len(value) > TEXT_LIMIT:
            raise self._error(f"a template is longer than {TEXT_LIMIT} characters")
        try:
            return _render(value, self)
        except InventoryError:
            raise
        except Exception as error:  # noqa: BLE001 - filters raise anything they like
            raise self._error(_told(error, "" if is_hidden else value)) from None

    def _error(self, problem: str) -> InventoryError:
        name = self._open[-1] if self._open else "?"
        return InventoryError(self.place(name), f"{name} of host {self.host.name!r}: {problem}")

    def lookup(self, kind: str, *names: str, default: object = None) -> Any:
        """``lookup('env', ...)`` and ``lookup('vars', ...)``; nothing else is done."""
        kind = kind.removeprefix("ansible.builtin.")
        if kind == "env":
            found: list[Any] = [os.environ.get(name, default) for name in names]
        elif kind == "vars":
            found = [self.get(name, default) for name in names]
        else:
            raise _Refused(f"lookup({kind!r}) is not done; only 'env' and 'vars' are")
        for name, value in zip(names, found, strict=True):
            if value is None:
                what = "environment variable" if kind == "env" else "variable"
                raise _Refused(f"{what} {name!r} is not set")
        return found[0] if len(found) == 1 else found


class _Refused(Exception):  # noqa: N818 - never leaves this file
    """Something a template may not do; the text holds no value."""


class _Context(Context):
    """Finds a name among the variables of a host, filled in only then."""

    host_values: Values

    @classmethod
    def of(cls, template: Any, values: Values) -> Context:
        names = dict(template.globals)
        context = cls(_ENVIRONMENT, names, template.name, template.blocks, names)
        context.host_values = values
        return context

    def resolve_or_missing(self, key: str) -> Any:
        if key in self.vars:
            return super().resolve_or_missing(key)
        if key == "lookup":
            return self.host_values.lookup
        if key in self.host_values:
            return self.host_values.get(key)
        return super().resolve_or_missing(key)


class _Environment(ImmutableSandboxedEnvironment):
    """Hands out values as they are, and no way to make large ones out of small ones."""

    code_generator_class = NativeCodeGenerator
    intercepted_binops = frozenset({"*", "**", "%"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        del context
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if not numbers or (operator == "**" and (abs(left) > 1000 or right > 64)):
            raise SecurityError(f"{operator} is for small numbers in a template")
        return self.binop_table[operator](left, right)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """No ``str.format`` of Jinja's own either: a width makes gigabytes."""
        del value
        return None

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        grows = isinstance(obj, str | bytes) and attr in _GROWING
        return not grows and super().is_safe_attribute(obj, attr, value)


_MARKS = ("{{", "{%", "{#")
_HARMLESS = {
    "str object",
    "dict object",
    "list object",
    "end of print statement",
    "end of statement block",
    "str",
    "int",
    "dict",
    "list",
}
_GROWING = {"center", "expandtabs", "format", "format_map", "ljust", "rjust", "translate", "zfill"}
_FILTERS = """
    abs batch capitalize count d default dictsort e escape first float groupby int items join last
    length list lower map max min reject rejectattr replace reverse round safe select selectattr
    slice sort string sum title trim unique upper urlencode
"""


def _render(text: str, values: Values) -> Any:
    template = _ENVIRONMENT.from_string(text)
    pieces, size = [], 0
    for piece in template.root_render_func(_Context.of(template, values)):
        if isinstance(piece, StrictUndefined):
            str(piece)  # raises
        pieces.append(piece)
        size += len(piece) if isinstance(piece, str) else 1
        if size > TEXT_LIMIT:
            raise _Refused(f"a template gives more than {TEXT_LIMIT} characters")
    if len(pieces) != 1:
        return "".join("" if piece is None else str(piece) for piece in pieces)
    value = pieces[0]
    return list(value) if isinstance(value, Iterator | tuple | set | range) else value


def _told(error: Exception, text: str) -> str:
    """What went wrong, in the error's words only where they repeat nothing but the template."""
    if isinstance(error, _Refused):
        return str(error)
    if isinstance(error, TemplateError):
        quoted = re.findall(r"'(.*?)'", str(error), re.DOTALL)
        if text and all(word in text or word in _HARMLESS for word in quoted):
            return f"the template is wrong: {error}"
        is_undefined = isinstance(error, UndefinedError)
        return f"the template {'rests on what is not defined' if is_undefined else 'is wrong'}"
    if isinstance(error, RecursionError):
        return "the chain of templates goes round over other hosts"
    return f"the template fails with {type(error).__name__}"


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    return str(value).strip().lower() in {"1", "on", "true", "yes", "y", "t"}


def _mandatory(value: Any, message: str | None = None) -> Any:
    if isinstance(value, StrictUndefined):
        raise _Refused(str(message or value._undefined_message))  # noqa: SLF001 - as above
    return value


def _regex_search(value: str, pattern: str) -> str:
    found = re.search(pattern, value)
    return found[0] if found else ""


def _regex_replace(value: str, pattern: str, by: str = "") -> str:
    return re.sub(pattern, by, value)


def _combine(first: dict[Any, Any], *others: dict[Any, Any]) -> dict[Any, Any]:
    return {key: value for table in (first, *others) for key, value in table.items()}


_OWN_FILTERS: dict[str, Callable[..., Any]] = {
    "b64decode": lambda value: base64.b64decode(value, validate=True).decode(),
    "b64encode": lambda value: base64.b64encode(str(value).encode()).decode(),
    "basename": lambda value: str(value).rstrip("/").rpartition("/")[2],
    "bool": _bool,
    "combine": _combine,
    "dirname": lambda value: str(value).rpartition("/")[0],
    "from_json": json.loads,
    "mandatory": _mandatory,
    "regex_replace": _regex_replace,
    "regex_search": _regex_search,
    "split": lambda value, by=None: str(value).split(by),
    "ternary": lambda value, yes, no: yes if value else no,
    "to_json": json.dumps,
}


def _environment() -> _Environment:
    made = _Environment(undefined=StrictUndefined, keep_trailing_newline=True, optimized=False)
    made.filters = {name: made.filters[name] for name in _FILTERS.split()} | _OWN_FILTERS
    made.globals = {"range": made.globals["range"], "dict": dict}
    return made


_ENVIRONMENT = _environment()


class _HostVariables(Mapping[str, Any]):
    """``hostvars``: the variables of other hosts, read when they are asked for."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._values: dict[str, _OneHost] = {}

    def __getitem__(self, name: str) -> _OneHost:
        if name not in self._inventory.hosts:
            raise KeyError(name)
        if name not in self._values:
            self._values[name] = _OneHost(Values(self._inventory, self._inventory.hosts[name]))
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._inventory.hosts)

    def __len__(self) -> int:
        return len(self._inventory.hosts)


class _OneHost(Mapping[str, Any]):
    def __init__(self, values: Values) -> None:
        self._values = values

    def __getitem__(self, name: str) -> Any:
        if name not in self._values:
            raise KeyError(name)
        return self._values.get(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return sum(1 for _ in self._values)


def _magic(inventory: Inventory, host: Host) -> dict[str, Any]:
    is_number = re.fullmatch(r"[0-9.]+|.*:.*", host.name)
    names = sorted(group.name for group in host.all_groups() if group.name != "all")
    return {
        "inventory_hostname": host.name,
        "inventory_hostname_short": host.name if is_number else host.name.partition(".")[0],
        "group_names": names,
        "groups": _Groups(inventory),
        "hostvars": _HostVariables(inventory),
        "inventory_file": host.place.file,
        "inventory_dir": os.path.dirname(host.place.file),  # noqa: PTH120 - a text in, a text out
    }


class _Groups(Mapping[str, list[str]]):
    """``groups``: names of the hosts of each group."""

    def __init__(self, inventory: Inventory) -> None:
        self._groups = inventory.groups

    def __getitem__(self, name: str) -> list[str]:
        return [host.name for host in self._groups[name].all_hosts()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._groups)

    def __len__(self) -> int:
        return len(self._groups)
