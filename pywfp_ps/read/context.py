"""Context of a host: the JSON lines of ``Get-PyWfpContext``, one line a kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import ip_address, ip_network
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec
from msgspec.structs import replace

from pywfp_ps.errors import ReadError
from pywfp_ps.model.context import (
    AuditPolicy,
    Driver,
    HostContext,
    Listener,
    Process,
    Proxy,
    Route,
    Service,
)
from pywfp_ps.model.firewall import FirewallProfile, FirewallRule, Setting, parse_rule
from pywfp_ps.payload.unpack import unpack_pieces
from pywfp_ps.read.facts import read_facts
from pywfp_ps.read.gaps import Gaps
from pywfp_ps.read.record_values import strict_json

T = TypeVar("T")
_U16: Final = 0xFFFF
_U32: Final = 0xFFFFFFFF
_LARGEST: Final = 256 << 20  # bytes; 200,000 firewall rules have some 130 million
_MOST_ROWS: Final = 200_000
# Values, members and fields of rules; a byte or two can become a hundred in memory.
_MOST_VALUES: Final = 8_000_000
_MARKS: Final = (b",", b"[", b"{", b"|")  # one stands before each of them, or before its name
_MOST_SHARED: Final = 20_000
_LONGEST_SHARED: Final = 100


def read_context(data: bytes, *, source: str = "context") -> HostContext:
    """What the host said of its services, drivers, rules and so on.

    A kind that the host could not read is ``None`` and a gap; so is whatever makes no sense.

    Args:
        data: JSON lines, perhaps gzipped.
        source: What gaps and errors call them.

    Raises:
        ReadError: No line is a kind of context, or the data is too large.
    """
    reader = _Reader(source)
    for number, line in enumerate(_lines(data, source), start=1):
        if line.strip():
            reader.line(line, f"line {number}")
    if not reader.met:
        raise ReadError(source, "the beginning", "holds no context")
    return HostContext(**reader.found, gaps=reader.gaps.all())


def with_context(context: HostContext, **more: Any) -> HostContext:
    """The same with ``sysports`` and ``options``, which come as parts of their own.

    Each is a pair of objects and gaps, as `read_system_ports` and `read_options` give them.
    """
    gaps = context.gaps
    for _, told in more.values():
        gaps += told
    return replace(context, **{kind: found for kind, (found, _) in more.items()}, gaps=gaps)


def _lines(data: bytes, source: str) -> Iterator[bytes]:
    """Lines one by one: all of them at once, and packed data beside, are a gigabyte."""
    begun: list[bytes] = []
    for piece in unpack_pieces(data, limit=_LARGEST, source=source):
        end, *others = piece.split(b"\n")
        begun.append(end)
        for other in others:
            yield b"".join(begun)
            begun = [other]
    yield b"".join(begun)


class _Reader:
    def __init__(self, source: str) -> None:
        self._source = source
        self.gaps = Gaps(source, "the context")
        self._values = 0
        self._shared: dict[tuple[str, str], tuple[str, str]] = {}
        self.found: dict[str, Any] = {}
        self.met = False

    def line(self, line: bytes, place: str) -> None:
        values = sum(line.count(mark) for mark in _MARKS)
        if self._values + values > _MOST_VALUES:
            self.met = True
            self.gaps.add(place, f"is not read: with it there are more than {_MOST_VALUES} values")
            return
        self._values += values
        try:
            told = strict_json(line)
        except ValueError as problem:
            self.gaps.add(place, f"is no JSON ({problem})")
            return
        kind = told.get("kind") if isinstance(told, dict) else None
        if not isinstance(kind, str) or kind not in _KINDS:
            self.gaps.add(place, f"is no kind of context: {str(kind)[:40]}")
            return
        self.met = True
        name, read = _KINDS[kind]
        if name in self.found:
            self.gaps.add(place, f"{kind} stands there more than once; the first was read")
            return
        rows = told.get("rows")
        if not isinstance(rows, list):
            error = told.get("error")
            said = error.get("text") or error.get("id") if isinstance(error, dict) else None
            self.gaps.add(kind, f"the host could not say: {said or 'no reason given'}")
            return
        if len(rows) > _MOST_ROWS:
            self.gaps.add(kind, f"only {_MOST_ROWS} of {len(rows)} rows are read")
            del rows[_MOST_ROWS:]
        self.found[name] = tuple(read(self, rows, kind))

    def each(self, read: Callable[[_Row], T], rows: list[Any], kind: str) -> list[T]:
        """Every row that makes sense; every other one becomes a gap. Takes the rows away."""
        found = []
        for number, told in enumerate(rows):
            rows[number] = None  # what was read of a row need not stand in memory beside it
            place = f"{kind}[{number}]"
            if not isinstance(told, dict):
                self.gaps.add(place, "is no object")
                continue
            try:
                found.append(read(_Row(told, place, self.gaps.add)))
            except ValueError as problem:
                self.gaps.add(place, str(problem))
        return found

    def rules(self, rows: list[Any], kind: str) -> list[FirewallRule]:
        """Rules; most fields of most rules are alike, and stand in memory once."""

        def read(row: _Row) -> FirewallRule:
            rule = _rule(row)
            return replace(rule, fields=tuple(self._once(field) for field in rule.fields))

        return self.each(read, rows, kind)

    def _once(self, field: tuple[str, str]) -> tuple[str, str]:
        if len(self._shared) >= _MOST_SHARED or len(field[0]) + len(field[1]) > _LONGEST_SHARED:
            return self._shared.get(field, field)
        return self._shared.setdefault(field, field)

    def facts(self, rows: list[Any], kind: str) -> list[Any]:
        """Interfaces and volumes, which stand as in the facts."""
        name = f"{kind.lower()}s"
        facts, gaps = read_facts(msgspec.json.encode({name: rows}), source=self._source)
        for gap in gaps:
            self.gaps.add(gap.place, gap.problem)
        found = list(getattr(facts, name))
        if (lost := len(rows) - len(found) - len(gaps)) > 0:
            self.gaps.add(name, f"{lost} rows lack what makes a {kind.lower()}")
        return found


class _Row:
    """One row; its members by name and type."""

    def __init__(self, told: dict[str, Any], place: str, gap: Callable[[str, str], None]) -> None:
        self._told, self._place, self._gap = told, place, gap

    def text(self, name: str) -> str | None:
        value = self._told.get(name)
        if value is None or isinstance(value, str):
            return _whole(value) or None
        self._gap(f"{self._place}.{name}", f"is {type(value).__name__}, not text")
        return None

    def name(self, name: str) -> str:
        found = self.text(name)
        if found is None:
            raise ValueError(f"has no {name}")
        return found

    def number(self, name: str, most: int = _U32) -> int | None:
        value = self._told.get(name)
        if value is None:
            return None
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
            self._gap(f"{self._place}.{name}", f"is no number from 0 to {most}")
            return None
        return value

    def needed(self, name: str, most: int = _U32) -> int:
        found = self.number(name, most)
        if found is None:
            raise ValueError(f"has no {name}")
        return found

    def take(self, name: str, read: Callable[[str], T]) -> T | None:
        text = self.text(name)
        if text is None:
            return None
        try:
            return read(text)
        except ValueError as problem:
            self._gap(f"{self._place}.{name}", str(problem))
            return None

    def settings(self, name: str) -> tuple[tuple[str, Setting], ...]:
        told = self._told.get(name)
        if not isinstance(told, dict):
            raise ValueError(f"has no {name}")  # noqa: TRY004 - bad input, like any other
        return tuple((_whole(key) or "", self._setting(key, data)) for key, data in told.items())

    def _setting(self, key: str, data: Any) -> Setting:
        if isinstance(data, list) and all(isinstance(text, str) for text in data):
            return tuple(_whole(text) or "" for text in data)
        if isinstance(data, str):
            return _whole(data)
        if data is None or (isinstance(data, int) and not isinstance(data, bool)):
            return data
        self._gap(f"{self._place}.{key[:60]}", "is no number, text or list of texts")
        return None


def _whole(text: str | None) -> str | None:
    """Text without halves of surrogate pairs, which Windows lets a name hold."""
    if text is None or text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _service(row: _Row) -> Service:
    return Service(
        name=row.name("name"),
        display_name=row.text("display_name"),
        account=row.text("account"),
        state=row.text("state"),
        start=row.text("start"),
        process_id=row.number("process_id"),
        image_path=row.text("image_path"),
        sid_type=row.number("sid_type"),
        type=row.number("type"),
        service_dll=row.text("service_dll"),
        company=row.text("company"),
    )


def _driver(row: _Row) -> Driver:
    return Driver(
        name=row.name("name"),
        display_name=row.text("display_name"),
        path=row.text("path"),
        company=row.text("company"),
        version=row.text("version"),
        signer=row.text("signer"),
        signature_status=row.number("signature_status"),
    )


def _process(row: _Row) -> Process:
    return Process(
        process_id=row.needed("process_id"),
        parent_id=row.number("parent_id"),
        session_id=row.number("session_id"),
        name=row.text("name"),
        path=row.text("path"),
    )


def _listener(row: _Row) -> Listener:
    return Listener(
        protocol=row.needed("protocol", 0xFF),
        local_address=row.take("local_address", _address),
        local_port=row.needed("local_port", _U16),
        process_id=row.number("process_id"),
    )


def _route(row: _Row) -> Route:
    destination = row.name("destination")
    return Route(
        destination=ip_network(destination, strict=False),
        next_hop=row.take("next_hop", _address),
        interface_index=row.number("interface_index"),
        metric=row.number("metric"),
        store=row.number("store"),
    )


def _address(text: str) -> Any:
    return ip_address(text.partition("%")[0])


def _profile(row: _Row) -> FirewallProfile:
    return FirewallProfile(
        store=row.name("store"), key=row.text("profile") or "", settings=row.settings("values")
    )


def _rule(row: _Row) -> FirewallRule:
    return parse_rule(row.name("store"), row.name("id"), row.name("rule"))


def _proxy(row: _Row) -> Proxy:
    return Proxy(key=row.name("key"), settings=row.settings("values"))


def _audit(row: _Row) -> AuditPolicy:
    return AuditPolicy(subcategory=UUID(row.name("subcategory")), setting=row.needed("setting", 3))


def _rows(read: Callable[[_Row], Any]) -> Callable[[_Reader, list[Any], str], list[Any]]:
    return lambda reader, rows, kind: reader.each(read, rows, kind)


_KINDS: Final[dict[str, tuple[str, Callable[[_Reader, list[Any], str], list[Any]]]]] = {
    "Service": ("services", _rows(_service)),
    "Driver": ("drivers", _rows(_driver)),
    "Process": ("processes", _rows(_process)),
    "Listener": ("listeners", _rows(_listener)),
    "Route": ("routes", _rows(_route)),
    "FirewallProfile": ("profiles", _rows(_profile)),
    "FirewallRule": ("rules", _Reader.rules),
    "Proxy": ("proxies", _rows(_proxy)),
    "AuditPolicy": ("audit", _rows(_audit)),
    "Volume": ("volumes", _Reader.facts),
    "Interface": ("interfaces", _Reader.facts),
}
"""Kinds of context as the host names them: field of `HostContext`, and what reads the rows."""
