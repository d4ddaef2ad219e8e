"""Rules and settings of the Windows Firewall as the registry holds them.

Source: MS-GPFAS section 2.2.2.19 (firewall rule grammar) and 2.2.2.2 to 2.2.2.18 (settings of a
profile); the same text stands in the local store.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache, cached_property
from typing import Final, TypeVar

from msgspec import Struct

T = TypeVar("T")
Setting = int | str | tuple[str, ...] | None
"""Data of a registry value: a number, a text, or a list of texts."""

_VERSION: Final = re.compile(r"v(\d{1,5})\.(\d{1,5})")
_PROFILES: Final = {
    "domainprofile": "domain",
    "privateprofile": "private",
    "publicprofile": "public",
    "standardprofile": "private",
}
_TRUTH: Final = {"true": True, "false": False}
_ANY_PROTOCOL: Final = 256


class FirewallRule(Struct, frozen=True, kw_only=True, dict=True):
    """One rule in one store.

    Attributes:
        store: ``local``, ``group-policy``, ``mdm``, ``restricted-static``,
            ``restricted-configurable`` or ``app-iso``.
        id: Name of the registry value.
        version: Schema version, such as (2, 31).
        fields: Name and value of every field in order; many stand there more than once.
        raw: The registry value as it stands.
    """

    store: str
    id: str
    version: tuple[int, int]
    fields: tuple[tuple[str, str], ...] = ()
    raw: str = ""

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        """Values by name in lower case: a host has hundreds of rules, and all are asked often."""
        found: dict[str, list[str]] = {}
        for name, value in self.fields:
            found.setdefault(name.casefold(), []).append(value)
        return found

    def values(self, name: str) -> tuple[str, ...]:
        """Values of all fields of a name, in order, each once."""
        return tuple(dict.fromkeys(self._by_name.get(name.casefold(), ())))

    def _starting(self, *heads: str) -> tuple[str, ...] | None:
        """Values of fields of these names and of those a later schema hangs a number on."""
        shape = _shape(heads)
        found = [value for name, value in self.fields if shape.fullmatch(name)]
        return tuple(dict.fromkeys(found)) or None

    def _one(self, name: str) -> str | None:
        """The last value of a field that should stand there once."""
        found = self._by_name.get(name.casefold())
        return found[-1] or None if found else None

    @property
    def name(self) -> str | None:
        """Display name; perhaps a reference to a resource (``@FirewallAPI.dll,-25000``)."""
        return self._one("Name")

    @property
    def description(self) -> str | None:
        """Description, as the name."""
        return self._one("Desc")

    @property
    def group(self) -> str | None:
        """Group the rule is shown in, as the name."""
        return self._one("EmbedCtxt")

    @property
    def action(self) -> str | None:
        """``allow``, ``block`` or ``bypass``."""
        return _lower(self._one("Action"))

    @property
    def direction(self) -> str | None:
        """``in`` or ``out``."""
        return _lower(self._one("Dir"))

    @property
    def is_active(self) -> bool | None:
        """Whether the rule is on; ``None`` where it does not say."""
        return _TRUTH.get((self._one("Active") or "").casefold())

    @property
    def profiles(self) -> tuple[str, ...] | None:
        """``domain``, ``private``, ``public``; ``None`` is all."""
        return tuple(value.lower() for value in self.values("Profile")) or None

    @property
    def protocol(self) -> int | None:
        """IP protocol number; ``None`` is all, or a text that is no number."""
        text = self._one("Protocol") or ""
        number = int(text) if text.isascii() and text.isdigit() and len(text) <= 3 else None
        return number if number is None or number < _ANY_PROTOCOL else None

    @property
    def local_ports(self) -> tuple[str, ...] | None:
        """Ports, ranges and words such as ``RPC-EPMap``; ``None`` is all."""
        return self._starting("LPort")

    @property
    def remote_ports(self) -> tuple[str, ...] | None:
        """As `local_ports`."""
        return self._starting("RPort")

    @property
    def local_addresses(self) -> tuple[str, ...] | None:
        """Addresses, subnets and ranges; ``None`` is all."""
        return self._starting("LA4", "LA6")

    @property
    def remote_addresses(self) -> tuple[str, ...] | None:
        """The same, and words such as ``LocalSubnet``; ``None`` is all."""
        return self._starting("RA4", "RA6")

    @property
    def app(self) -> str | None:
        """Program, perhaps with environment variables."""
        return self._one("App")

    @property
    def service(self) -> str | None:
        """Service name; ``*`` is any service."""
        return self._one("Svc")

    @property
    def package(self) -> str | None:
        """SID of the AppContainer."""
        return self._one("AppPkgId")


@cache
def _shape(heads: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"(?:{'|'.join(heads)})(?:\d+_\d+|\d)?", re.IGNORECASE)


class FirewallProfile(Struct, frozen=True, kw_only=True):
    """Settings of one profile in one store.

    Attributes:
        store: As of a rule.
        key: Name of the registry key below the store; empty for the store's own values.
        settings: Name and data of every value.
    """

    store: str
    key: str
    settings: tuple[tuple[str, Setting], ...] = ()

    def setting(self, name: str) -> Setting:
        """Data of a value, ``None`` where it is not set."""
        wanted = name.casefold()
        return next((data for other, data in self.settings if other.casefold() == wanted), None)

    @property
    def profile(self) -> str | None:
        """``domain``, ``private`` or ``public``; ``None`` for the store's own values."""
        return _PROFILES.get(self.key.casefold())

    @property
    def is_enabled(self) -> bool | None:
        """Whether the firewall is on; ``None`` where this store does not say."""
        return _choice(self.setting("EnableFirewall"), (False, True))

    @property
    def inbound(self) -> str | None:
        """``allow`` or ``block`` where no rule matches; ``None`` where this store does not say."""
        return _choice(self.setting("DefaultInboundAction"), ("allow", "block"))

    @property
    def outbound(self) -> str | None:
        """As `inbound`."""
        return _choice(self.setting("DefaultOutboundAction"), ("allow", "block"))


def parse_rule(store: str, rule_id: str, text: str) -> FirewallRule:
    """One rule from its registry value.

    Raises:
        ValueError: It is no rule: no version in front, or something that is no ``name=value``.
    """
    head, *rest = text.split("|")
    version = _VERSION.fullmatch(head)
    if not version:
        raise ValueError(f"begins with {head[:20]!r} instead of a version")
    if rest and not rest[-1].strip():
        rest.pop()
    return FirewallRule(
        store=store,
        id=rule_id,
        version=(int(version[1]), int(version[2])),
        fields=tuple(_fields(rest)),
        raw=text,
    )


def _fields(texts: Iterable[str]) -> Iterable[tuple[str, str]]:
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise ValueError(f"holds {text[:40]!r}, which is no field")
        yield name, value


def _lower(text: str | None) -> str | None:
    return text.lower() if text else None


def _choice(data: Setting, words: tuple[T, T]) -> T | None:
    return words[data] if isinstance(data, int) and data in (0, 1) else None
