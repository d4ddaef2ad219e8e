"""One record: the members of a JSON line, each read on its own, and what was wrong with them."""

from __future__ import annotations

import json
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final, TypeVar
from uuid import UUID

import msgspec

from pywfp_ps.model.enums import FlagGroup, flags_of_number
from pywfp_ps.model.objects import Gap, Node
from pywfp_ps.model.tables import Kind, name_of
from pywfp_ps.model.values import INTEGER_BITS
from pywfp_ps.read.record_values import as_text, bytes_of_hex, checked_sddl, strict_json

T = TypeVar("T")
Members = dict[str, msgspec.Raw]

LONGEST_LINE: Final = 64 << 20
"""Bytes a line may have; a filter with 10,000 conditions has two million."""

_MOST_GAPS: Final = 1_000
_PROBLEM_LENGTH: Final = 200
_MEMO_LIMIT: Final = 20_000
_MEMO_LONGEST: Final = 4_096
_NIL: Final = UUID(int=0)
_INTEGER: Final = re.compile(rb"-?(?:0|[1-9][0-9]{0,19})")
_GUID: Final = re.compile(rb'"([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"')
_RANGES: Final = {
    name: (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    for name, (bits, signed) in INTEGER_BITS.items()
}
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_members: Final = msgspec.json.Decoder(Members)
_text: Final = msgspec.json.Decoder(str | None)


class Log:
    """What one reading has to say beside its objects, and what it has read before.

    Attributes:
        gaps: In the order found; at most a thousand and one that counts the others.
        kept: Records of unknown kinds.
        whole: Whether every line was a record.
        unlisted: Kinds, and kinds at a layer, that the host could not list; as in `Completeness`.
        lost: Kinds of single objects that could not be read, one for each.
        memo: Conditions and fields that were read before, as they stood.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._told: list[Gap] = []
        self._more = 0
        self.kept: list[Node] = []
        self.whole = True
        self.unlisted: dict[str, None] = {}
        self.lost: list[str] = []
        self._memo: dict[object, object] = {}

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """All gaps."""
        if not self._more:
            return tuple(self._told)
        rest = Gap(source=self._source, place="the records", problem=f"and {self._more} more gaps")
        return (*self._told, rest)

    def gap(self, place: str, problem: str) -> None:
        """Adds a gap."""
        if len(self._told) >= _MOST_GAPS:
            self._more += 1
            return
        self._told.append(Gap(source=self._source, place=place, problem=problem[:_PROBLEM_LENGTH]))

    def keep(self, tag: str, text: str) -> None:
        """Keeps a record that has no place in a snapshot; as many as gaps."""
        if len(self.kept) < _MOST_GAPS:
            self.kept.append(Node(tag, text))

    def once(self, key: tuple[object, bytes], read: Callable[[], T]) -> T:
        """What `read` gives, asked once for what stands alike."""
        found: T | None = self._memo.get(key)  # type: ignore[assignment] # one type a key's first part
        if found is None:
            found = read()
            if len(key[1]) <= _MEMO_LONGEST:
                if len(self._memo) >= _MEMO_LIMIT:
                    self._memo.clear()
                self._memo[key] = found
        return found


class Record:
    """One line; members are taken out of it by name, and what is left is kept.

    Attributes:
        kind: What the line says it is.
        place: Where it stands.
        kept: Members that were not understood, as they stood.
    """

    def __init__(self, kind: str, members: Members, place: str, log: Log) -> None:
        self.kind, self.place = kind, place
        self.kept: list[Node] = []
        self._members, self._log = members, log

    def note(self, name: str, problem: str) -> None:
        """Adds a gap at a member."""
        self._log.gap(f"{self.place}/{name}", problem)

    def keep(self, name: str, raw: bytes) -> None:
        """Keeps a member as it stands."""
        self.kept.append(Node(name, raw.decode("utf-8", "replace")))

    def raw(self, name: str) -> bytes | None:
        """A member as it stands, ``None`` where it is missing, which is noted."""
        found = self._members.pop(name, None)
        if found is None:
            self.note(name, "is missing")
            return None
        return bytes(found)

    def take(self, name: str, read: Callable[[bytes], T]) -> T | None:
        """A member turned into a value; one that makes no sense is noted and kept."""
        raw = self.raw(name)
        if raw is None:
            return None
        try:
            return read(raw)
        except ValueError as problem:
            self.note(name, str(problem))
            self.keep(name, raw)
            return None

    def need(self, name: str, read: Callable[[bytes], T | None]) -> T:
        """A member without which the record makes no sense.

        Raises:
            ValueError: It is missing, null or makes no sense.
        """
        raw = self._members.pop(name, None)
        found = None if raw is None else read(bytes(raw))
        if found is None:
            raise ValueError(f"has no {name}")
        return found

    def text(self, name: str) -> str | None:
        """Text; empty text is none."""
        return self.take(name, _read_text) or None

    def number(self, name: str, data_type: str) -> int | None:
        """An integer of a data type such as FWP_UINT32."""
        return self.take(name, lambda raw: integer_of(raw, data_type))

    def key(self, name: str) -> UUID | None:
        """A GUID that belongs to one object."""
        return self.take(name, guid_of)

    def own(self, kind: Kind, name: str) -> tuple[str, UUID]:
        """Constant and GUID of the object itself.

        Raises:
            ValueError: There is none, or it makes no sense.
        """
        found = self.need(name, guid_of)
        return name_of(kind, found), found

    def reference(self, kind: Kind, name: str) -> tuple[str | None, UUID | None]:
        """Constant and GUID that a member refers to."""
        found = self.key(name)
        return (None, None) if found is None else (name_of(kind, found), found)

    def data(self, name: str) -> bytes | None:
        """Bytes; no bytes are none, since the module makes no difference."""
        return self.take(name, lambda raw: bytes_of_hex(as_text(strict_json(raw)))) or None

    def truth(self, name: str) -> bool | None:
        """True or false."""
        return self.take(name, _truth)

    def flags(self, group: FlagGroup) -> tuple[tuple[str, ...], int | None]:
        """Sorted flags and flag word."""
        word = self.number("flags", "FWP_UINT32")
        return ((), None) if word is None else (flags_of_number(group, word), word)

    def descriptor(self) -> str | None:
        """Security descriptor, where it was asked for."""
        if "sd" not in self._members:
            return None
        return self.take("sd", lambda raw: checked_sddl(as_text(strict_json(raw))))

    def rest(self) -> tuple[Node, ...]:
        """All that was not understood: of members read so far, and those that nobody asked for."""
        for name in list(self._members):
            self.keep(name, bytes(self._members.pop(name)))
        return tuple(self.kept)


def integer_of(raw: bytes, data_type: str) -> int:
    """The number of a JSON integer.

    Raises:
        ValueError: It is something else, or out of the type's range.
    """
    if not _INTEGER.fullmatch(raw):
        raise ValueError("is no integer")
    number = int(raw)
    low, high = _RANGES[data_type]
    if not low <= number <= high:
        raise ValueError(f"{number} is out of range for {data_type}")
    return number


def guid_of(raw: bytes) -> UUID | None:
    """The GUID of a JSON text; null and the nil GUID are none.

    Raises:
        ValueError: It is something else.
    """
    if raw == b"null":
        return None
    if len(raw) != 38:
        raise ValueError("is no GUID")
    return _guid(raw)


@lru_cache(maxsize=4096)
def _guid(raw: bytes) -> UUID | None:
    found = _GUID.fullmatch(raw)
    if not found:
        raise ValueError("is no GUID")
    key = UUID(found[1].decode())
    return None if key == _NIL else key


def _read_text(raw: bytes) -> str | None:
    try:
        found: str | None = _text.decode(raw)
    except msgspec.MsgspecError:
        raise ValueError("is no text") from None
    return found


def _truth(raw: bytes) -> bool:
    if raw not in (b"true", b"false"):
        raise ValueError("is neither true nor false")
    return raw == b"true"


def record_of(number: int, line: bytes, log: Log) -> Record | None:
    """The record on a line; where it is none, that is a gap."""
    place = f"line {number}"
    try:
        if len(line) > LONGEST_LINE:
            raise ValueError(f"is longer than {LONGEST_LINE} bytes")  # noqa: TRY301 - same end
        members = _members_of(line, place, log)
        kind = _text.decode(members.pop("kind", msgspec.Raw(b"null")))
    except (msgspec.MsgspecError, ValueError, RecursionError) as problem:
        log.whole = False
        log.gap(place, f"is no record ({problem})")
        return None
    if kind is None:
        log.whole = False
        log.gap(place, "has no kind")
        return None
    if members and not _stands_once(line, kind, members):
        log.gap(place, "repeats a member; the last was read")
    return Record(kind, members, place, log)


def _members_of(line: bytes, place: str, log: Log) -> Members:
    try:
        return _members.decode(line)
    except msgspec.MsgspecError:
        if not _SURROGATE.search(line):
            raise
    # Windows lets a name hold half of a surrogate pair; no text of ours can.
    told = json.dumps(strict_json(line), ensure_ascii=False)
    whole = told.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    members = _members.decode(whole)
    log.gap(place, "half of a surrogate pair was replaced")
    return members


def lines_of(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Lines that are not empty with their numbers from 1."""
    at = len(BOM_UTF8) if data.startswith(BOM_UTF8) else 0
    number = 0
    while at < len(data):
        number += 1
        end = data.find(b"\n", at)
        end = len(data) if end < 0 else end
        if line := data[at:end].strip():
            yield number, line
        at = end + 1


def _stands_once(line: bytes, kind: str, members: Members) -> bool:
    """Whether no member is repeated: told by the length where nothing is spaced or escaped."""
    length = len('{"kind":""}') + len(kind) + len(members)
    length += sum(len(name) + 3 + memoryview(raw).nbytes for name, raw in members.items())
    if length == len(line):
        return True
    repeated = False

    def look(pairs: list[tuple[str, object]]) -> None:
        nonlocal repeated
        repeated = len({name for name, _ in pairs}) != len(pairs)

    try:
        json.loads(line, object_pairs_hook=look)
    except (ValueError, msgspec.MsgspecError, RecursionError):
        return True  # trouble inside a member is told where the member is read
    return not repeated
