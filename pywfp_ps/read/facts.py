"""Host facts: the JSON that ``Get-PyWfpHostFact`` sends."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import IPv4Interface, IPv6Interface, ip_interface
from typing import Any, Final, TypeVar

import msgspec

from pywfp_ps.errors import ReadError
from pywfp_ps.model.host import PROFILE_OF_CATEGORY, HostFacts, Interface, Volume
from pywfp_ps.model.objects import Gap
from pywfp_ps.read.gaps import Gaps

LARGEST: Final = 4 << 20
"""Bytes of facts that are read; real ones have 20,000, and each can become twenty in memory."""

T = TypeVar("T")
_CONNECTED: Final = 1
_MOST_LISTED: Final = 10_000
_LONGEST_ID: Final = 20


def read_facts(data: bytes, *, source: str = "facts") -> tuple[HostFacts, tuple[Gap, ...]]:
    """The facts and what of them made no sense.

    Raises:
        ReadError: It is no JSON object.
    """
    try:
        told = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ReadError(source, "the beginning", f"is no JSON ({error})") from None
    if not isinstance(told, dict):
        raise ReadError(source, "the beginning", "is no JSON object")
    reader = _Reader(source)
    return reader.facts(told), reader.gaps.all()


def read_after(data: bytes, *, source: str = "after") -> datetime | None:
    """When the engine had been started, as told at the end of a job; ``None`` if nobody said."""
    try:
        told = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(told, dict):
        return None
    reader = _Reader(source)
    return reader.time(reader.section(told, "bfe"), "started_at", "bfe")


def read_newest_filters(data: bytes) -> tuple[int, ...]:
    """The newest filter id before and after the records, where a job looked; else fewer than two.

    Args:
        data: What was told at the end of a job.
    """
    try:
        told = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ()
    listed = told.get("newest_filter") if isinstance(told, dict) else None
    texts = listed if isinstance(listed, list) else []
    ids = (text for text in texts if isinstance(text, str) and text.isascii() and text.isdigit())
    return tuple(int(text) for text in ids if len(text) <= _LONGEST_ID)


class _Reader:
    def __init__(self, source: str) -> None:
        self.gaps = Gaps(source, "the facts")

    def facts(self, told: dict[str, Any]) -> HostFacts:
        system, bfe = self.section(told, "os"), self.section(told, "bfe")
        account, shell = self.section(told, "account"), self.section(told, "powershell")
        for unknown in self._list(told, "unknown", ""):
            self.gaps.add(
                "unknown", f"the host could not say {msgspec.json.encode(unknown).decode()}"
            )
        build = self._plain(system, "CurrentBuild", str, "os")
        revision = self._plain(system, "UBR", int, "os")
        return HostFacts(
            computer=self._plain(told, "computer", str),
            domain=self._plain(self.section(told, "domain"), "name", str, "domain"),
            os_name=self._plain(system, "name", str, "os"),
            os_build=f"{build}.{revision}" if build and revision is not None else build,
            architecture=self._plain(system, "architecture", str, "os"),
            elevated=self._plain(account, "elevated", bool, "account"),
            account=self._plain(account, "name", str, "account"),
            clock=self.time(self.section(told, "clock"), "utc", "clock"),
            culture=self._plain(told, "culture", str),
            boot_time=self.time(system, "boot_time", "os"),
            bfe_started_at=self.time(bfe, "started_at", "bfe"),
            bfe_process_id=self._plain(bfe, "process_id", int, "bfe"),
            powershell_version=self._plain(shell, "version", str, "powershell"),
            language_mode=self._plain(shell, "language_mode", str, "powershell"),
            ntobjectmanager=self._texts(told, "ntobjectmanager"),
            interfaces=tuple(
                self._interface(row, f"interfaces[{n}]")
                for n, row in self._rows(told, "interfaces")
            ),
            volumes=tuple(
                Volume(letter=letter, device=device)
                for n, row in self._rows(told, "volumes")
                if (letter := self._plain(row, "letter", str, f"volumes[{n}]"))
                and (device := self._plain(row, "device", str, f"volumes[{n}]"))
            ),
        )

    def section(self, told: dict[str, Any], name: str) -> dict[str, Any]:
        return self._plain(told, name, dict) or {}

    def time(self, told: dict[str, Any], name: str, place: str) -> datetime | None:
        text = self._plain(told, name, str, place)
        if text is None:
            return None
        try:
            moment = datetime.fromisoformat(text)
            # Where UTC cannot hold it, neither can the rows of the other hosts be read again.
            return moment.astimezone(UTC) if moment.tzinfo else None
        except (ValueError, OverflowError):
            self.gaps.add(f"{place}.{name}", f"{text[:40]!r} is no time")
            return None

    def _interface(self, row: dict[str, Any], place: str) -> Interface:
        states = [self._plain(row, f"connected_{family}", int, place) for family in (2, 23)]
        category = self._plain(row, "category", int, place)
        return Interface(
            luid=self._plain(row, "luid", int, place),
            index=self._plain(row, "index", int, place),
            alias=self._plain(row, "alias", str, place),
            description=self._plain(row, "description", str, place),
            type=self._plain(row, "type", int, place),
            is_up=_CONNECTED in states if any(state is not None for state in states) else None,
            addresses=tuple(self._addresses(row, place)),
            profile=PROFILE_OF_CATEGORY.get(category) if category is not None else None,
            network=self._plain(row, "network", str, place),
        )

    def _addresses(self, row: dict[str, Any], place: str) -> list[IPv4Interface | IPv6Interface]:
        found = []
        for n, one in self._rows(row, "addresses", place):
            here = f"{place}.addresses[{n}]"
            address = self._plain(one, "address", str, here)
            length = self._plain(one, "prefix_length", int, here)
            try:
                found.append(ip_interface(f"{(address or '').partition('%')[0]}/{length}"))
            except ValueError:
                self.gaps.add(here, f"{address!r}/{length} is no address")
        return found

    def _rows(
        self, told: dict[str, Any], name: str, place: str = ""
    ) -> list[tuple[int, dict[str, Any]]]:
        """The objects of a list with their positions."""
        found = []
        for n, row in enumerate(self._list(told, name, place)):
            if isinstance(row, dict):
                found.append((n, row))
            else:
                self.gaps.add(f"{place}.{name}[{n}]".lstrip("."), "is no object")
        return found

    def _list(self, told: dict[str, Any], name: str, place: str) -> list[Any]:
        rows = self._plain(told, name, list, place) or []
        if len(rows) > _MOST_LISTED:
            self.gaps.add(
                f"{place}.{name}".lstrip("."), f"only {_MOST_LISTED} of {len(rows)} are read"
            )
        return rows[:_MOST_LISTED]

    def _texts(self, told: dict[str, Any], name: str) -> tuple[str, ...] | None:
        """A list of texts; None where the host did not say."""
        if told.get(name) is None:
            return None
        rows = self._list(told, name, "")
        texts = tuple(row for row in rows if isinstance(row, str))
        if len(texts) < len(rows):
            self.gaps.add(name, "holds something that is no text")
        return texts

    def _plain(self, told: dict[str, Any], name: str, kind: type[T], place: str = "") -> T | None:
        value = told.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, kind) and isinstance(value, bool) == (kind is bool):
            return value
        if kind is int and isinstance(value, str) and value.isascii() and value.isdigit():
            return int(value) if len(value) <= 20 else None  # type: ignore[return-value] # T is int
        self.gaps.add(
            f"{place}.{name}".lstrip("."), f"is {type(value).__name__}, not {kind.__name__}"
        )
        return None
