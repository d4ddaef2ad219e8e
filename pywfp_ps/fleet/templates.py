"""Jinja in values: ``{{ vault_password }}``, ``{{ lookup('env', 'NAME') }}``, sandboxed, bounded.

A value that is one expression alone keeps its type, as in Ansible. Files, programs and modules
cannot be reached from a template.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jinja2 import (
    ChainableUndefined,
    StrictUndefined,
    Template,
    TemplateError,
    Undefined,
    UndefinedError,
    nodes,
)
from jinja2.exceptions import SecurityError, TemplateSyntaxError
from jinja2.lexer import TOKEN_STRING, TOKEN_VARIABLE_BEGIN, TOKEN_VARIABLE_END, Lexer
from jinja2.nativetypes import NativeCodeGenerator
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from pywfp_ps.fleet.filters import FILTERS, LONG_PREFIX, TESTS, FilterError, long_and_short
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
        self._magic = _magic(inventory, host, self)
        self._done: dict[str, Any] = {}
        self._hidden: set[str] = set()
        self._open: list[str] = []

    def __contains__(self, name: object) -> bool:
        return name in self._magic or name in self._raw

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def place(self, name: str) -> Place:
        """Where a variable was set."""
        return self._raw.places.get(name, self.host.place)

    def is_secret(self, name: str) -> bool:
        """Whether a variable comes out of a vault or the environment, also through a template."""
        return name in self._hidden or isinstance(self._raw.get(name), Secret | VaultText)

    def hide_open(self) -> None:
        """Makes secrets of the variables that are being filled in: a secret goes into them."""
        self._hidden.update(self._open)

    def get(self, name: str, default: Any = None) -> Any:
        """The plain value, secrets open; `default` if there is no such variable."""
        if name in self._magic:
            return self._magic[name]
        if name in self._hidden:
            self.hide_open()
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
            self.hide_open()
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
            is_shown = not is_hidden and (_WHOLE.fullmatch(value) or not self._is_for_secret())
            raise self._error(_told(error, value if is_shown else "")) from None

    def _is_for_secret(self) -> bool:
        return bool(self._open and _SECRET_NAME.search(self._open[-1]))

    def _error(self, problem: str) -> InventoryError:
        name = self._open[-1] if self._open else "?"
        return InventoryError(self.place(name), f"{name} of host {self.host.name!r}: {problem}")

    def lookup(self, kind: str, *names: str, wantlist: bool = False, **options: Any) -> Any:
        """``lookup('env', ...)`` and ``lookup('vars', ...)``; nothing else is done.

        Several names give their values with commas between them, or as a list with `wantlist`.
        """
        read = {"env": self._environment, "vars": self._variable}.get(
            kind.removeprefix(LONG_PREFIX) if isinstance(kind, str) else ""
        )
        if read is None:
            raise _Refused(f"lookup({kind!r}) is not done; only 'env' and 'vars' are")
        if options.keys() - {"default"}:
            raise _Refused(f"lookup({kind!r}) takes no option but default")
        found = [read(str(name), options) for name in names]
        for value in found if len(found) > 1 else ():
            if isinstance(value, _Unset):
                raise _Refused(f"environment variable {value.name!r} is not set")
        if wantlist or (len(found) > 1 and not all(isinstance(value, str) for value in found)):
            return found
        return found[0] if len(found) == 1 else ",".join(found)

    def query(self, kind: str, *names: str, **options: Any) -> Any:
        """The same, always as a list."""
        return self.lookup(kind, *names, wantlist=True, **options)

    def _environment(self, name: str, options: Mapping[str, Any]) -> Any:
        self.hide_open()
        value = os.environ.get(name)
        return options.get("default", _Unset.named(name)) if value is None else value

    def _variable(self, name: str, options: Mapping[str, Any]) -> Any:
        if name in self:
            return self.get(name)
        if "default" not in options:
            raise _Refused(f"variable {name!r} is not set")
        return options["default"]


class _Unset(str):
    """What Ansible gives for an environment variable that is not there: an empty text.

    So ``lookup('env', 'X') or 'y'`` works; a value may not be made of it.
    """

    name: str

    @classmethod
    def named(cls, name: str) -> _Unset:
        made = cls()
        made.name = name
        return made


class _Missing(ChainableUndefined, StrictUndefined):
    """What is not defined, nor is anything of it: ``nope.x | default('y')`` is y."""

    __slots__ = ()


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
        if key in _LOOKUPS:
            return getattr(self.host_values, _LOOKUPS[key])
        if key in self.host_values:
            return self.host_values.get(key)
        return super().resolve_or_missing(key)


class _Lexer(Lexer):
    r"""Takes a backslash in a text of ``{{ }}`` for what it is: ``'CORP\admin'`` is an account.

    Ansible does so too, and only there: ``{% %}`` keeps the escapes of Jinja.
    """

    def tokeniter(self, *args: Any, **options: Any) -> Iterator[tuple[int, str, str]]:
        is_expression = False
        for line, token, text in super().tokeniter(*args, **options):
            if token in {TOKEN_VARIABLE_BEGIN, TOKEN_VARIABLE_END}:
                is_expression = token == TOKEN_VARIABLE_BEGIN
            is_plain = is_expression and token == TOKEN_STRING
            yield line, token, text.replace("\\", "\\\\") if is_plain else text


class _Generator(NativeCodeGenerator):
    """Leaves constants as they are; Jinja would make the text ``'5'`` of ``{{ 5 }}``."""

    def _output_child_to_const(self, node: nodes.Expr, frame: Any, finalize: Any) -> Any:
        if not isinstance(node, nodes.TemplateData):
            raise nodes.Impossible
        return super()._output_child_to_const(node, frame, finalize)


class _Environment(ImmutableSandboxedEnvironment):
    """Hands out values as they are, and no way to make large ones out of small ones."""

    code_generator_class = _Generator
    intercepted_binops = frozenset({"*", "**", "%"})

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._lexer = _Lexer(self)

    @property
    def lexer(self) -> Lexer:
        """Finds the words of a template."""
        return self._lexer

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
_LOOKUPS = {"lookup": "lookup", "query": "query", "q": "query"}
_FILTERS = """
    abs batch capitalize count d default dictsort e escape first float groupby int items join last
    length list lower map max min reject rejectattr replace reverse round safe select selectattr
    slice sort string sum title trim unique upper urlencode
"""
_SHORT = 4096  # longer templates are not kept
_WHOLE = re.compile(r"\s*\{[{%#].*[}%#]\}\s*", re.DOTALL)
_SECRET_NAME = re.compile(r"pass|pw|secret|token|key", re.IGNORECASE)


@functools.lru_cache(maxsize=256)
def _compiled(text: str) -> Template:
    """The template `text`; a group gives the same to thousands of hosts."""
    return _ENVIRONMENT.from_string(text)


def _render(text: str, values: Values) -> Any:
    template = _compiled(text) if len(text) <= _SHORT else _ENVIRONMENT.from_string(text)
    pieces, size = [], 0
    for piece in template.root_render_func(_Context.of(template, values)):
        if isinstance(piece, _Missing):
            str(piece)  # raises
        if isinstance(piece, _Unset):
            raise _Refused(f"environment variable {piece.name!r} is not set")
        pieces.append(piece)
        size += len(piece) if isinstance(piece, str) else 1
        if size > TEXT_LIMIT:
            raise _Refused(f"a template gives more than {TEXT_LIMIT} characters")
    if len(pieces) != 1:
        return "".join("" if piece is None else str(piece) for piece in pieces)
    value = pieces[0]
    if isinstance(value, Undefined):
        raise _Refused("the template gives nothing: its condition has no else")
    return list(value) if isinstance(value, Iterator | tuple | set | range) else value


def _told(error: Exception, text: str) -> str:
    """What went wrong, in the error's words only where they repeat nothing but the template."""
    if isinstance(error, _Refused | FilterError):
        return str(error)
    if isinstance(error, TemplateSyntaxError) and not text:
        return "the template is wrong; where it is none, write !unsafe before it"
    if isinstance(error, TemplateError):
        quoted = re.findall(r"'(.*?)'", str(error), re.DOTALL)
        if text and all(word in text or word in _HARMLESS for word in quoted):
            return f"the template is wrong: {error}"
        is_undefined = isinstance(error, UndefinedError)
        return f"the template {'rests on what is not defined' if is_undefined else 'is wrong'}"
    if isinstance(error, RecursionError):
        return "the chain of templates goes round over other hosts"
    return f"the template fails with {type(error).__name__}"


def _environment() -> _Environment:
    made = _Environment(
        undefined=_Missing, keep_trailing_newline=True, trim_blocks=True, optimized=False
    )
    own: dict[str, Callable[..., Any]] = {name: made.filters[name] for name in _FILTERS.split()}
    tests: Any = made.tests
    made.filters = {**long_and_short(own), **long_and_short(FILTERS)}
    made.tests = {**long_and_short(tests), **long_and_short(TESTS)}
    # A variable that is null counts as not set, so null is what ``default(omit)`` needs to give.
    made.globals = {"range": made.globals["range"], "dict": dict, "omit": None}
    return made


_ENVIRONMENT = _environment()


class _HostVariables(Mapping[str, Any]):
    """``hostvars``: the variables of other hosts, read when they are asked for."""

    def __init__(self, inventory: Inventory, asking: Values) -> None:
        self._inventory, self._asking = inventory, asking
        self._values: dict[str, _OneHost] = {}

    def __getitem__(self, name: str) -> _OneHost:
        if name not in self._inventory.hosts:
            raise KeyError(name)
        if name not in self._values:
            values = Values(self._inventory, self._inventory.hosts[name])
            self._values[name] = _OneHost(values, self._asking)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._inventory.hosts)

    def __len__(self) -> int:
        return len(self._inventory.hosts)


class _OneHost(Mapping[str, Any]):
    def __init__(self, values: Values, asking: Values) -> None:
        self._values, self._asking = values, asking

    def __getitem__(self, name: str) -> Any:
        if name not in self._values:
            raise KeyError(name)
        value = self._values.get(name)
        if self._values.is_secret(name):
            self._asking.hide_open()
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return sum(1 for _ in self._values)


def _magic(inventory: Inventory, host: Host, asking: Values) -> dict[str, Any]:
    is_number = re.fullmatch(r"[0-9.]+|.*:.*", host.name)
    names = sorted(group.name for group in host.all_groups() if group.name != "all")
    return {
        "inventory_hostname": host.name,
        "inventory_hostname_short": host.name if is_number else host.name.partition(".")[0],
        "group_names": names,
        "groups": _Groups(inventory),
        "hostvars": _HostVariables(inventory, asking),
        "inventory_file": host.file,
        "inventory_dir": os.path.dirname(host.file),  # noqa: PTH120 - a text in, a text out
    }


class _Groups(Mapping[str, list[str]]):
    """``groups``: names of the hosts of each group."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory

    def __getitem__(self, name: str) -> list[str]:
        return list(self._inventory.names_in(name))

    def __iter__(self) -> Iterator[str]:
        return iter(self._inventory.groups)

    def __len__(self) -> int:
        return len(self._inventory.groups)
