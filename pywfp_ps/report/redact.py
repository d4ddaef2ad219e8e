"""Stable pseudonyms in place of names, SIDs, addresses and paths.

What is not known to be harmless is replaced: a column this module does not list counts as a name.
The same value gives the same pseudonym wherever it stands, as long as the key is the same.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Final
from uuid import UUID

from pywfp_ps.model.sddl import SID_ALIASES
from pywfp_ps.model.tables import tables
from pywfp_ps.model.text import PROFILES, PROTOCOLS

_HOSTS: Final = frozenset({"host", "computer", "domain"})
_DROPPED: Final = frozenset(
    {
        *("advice", "data", "detail", "extra", "ip_high", "ip_low", "options", "payload", "place"),
        *("problem", "provider_data", "raw", "settings", "strays", "template", "tree", "value_hex"),
    }
)
_SCRUBBED: Final = frozenset(
    {
        *("action", "bound_type", "callout", "callout_key", "cause", "change", "command"),
        *("conditions", "const_name", "context", "context_key", "default_sublayer"),
        *("default_sublayer_key", "destination", "direction", "field", "field_key", "fields"),
        *(
            "filter_key",
            "filter_type",
            "key",
            "flags",
            "flags_all",
            "flags_none",
            "high",
            "holds",
            "kind",
        ),
        *("layer", "layer_key", "leaves_out", "local_address", "local_addresses", "local_ports"),
        *("low", "mask", "match", "next_hop", "os_build", "os_name", "outcome", "profile"),
        *("profiles", "protocols", "provider", "provider_context", "provider_context_key"),
        *(
            "provider_key",
            "remote_address",
            "remote_addresses",
            "remote_ports",
            "rest",
            "rule_store",
        ),
        *("run_id", "security_descriptor", "session_key", "sid", "sid_type", "sids"),
        *("snapshot_run_id", "source", "start", "state", "store", "sublayer", "sublayer_key"),
        *("type", "user_sid", "package_sid", "packages", "value", "version", "weight_type"),
        *("inbound", "option", "outbound", "rule_store", "service_sid"),
    }
)
_PATHS: Final = frozenset({"app", "app_id", "apps", "device", "file_name", "image_path", "path"})
_HASHES: Final = frozenset({"content_id", "shape_id"})
"""Hashes without a key: who tries all addresses finds the one that a condition names."""
_OWNERS: Final = frozenset({"owner", "service", "service_name"})

_NAMES: Final = frozenset(
    {
        *("alias", "description", "display_name", "filter_name", "keyword", "name", "network"),
        *("origin", "provider_name", "rule", "text", "user_name"),
    }
)
"""What people and programs choose freely, so that it may look like a constant and is none."""

_SID: Final = re.compile(r"S-1-\d{1,14}(?:-\d{1,10})+", re.IGNORECASE)
_GUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_ADDRESS: Final = re.compile(
    r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}"
    r"(?:\d{1,3}(?:\.\d{1,3}){3})?)(?![\w:])"
)
_MAC: Final = re.compile(
    r"(?<![\w:.-])[0-9a-fA-F]{2}([:-])[0-9a-fA-F]{2}(?:\1[0-9a-fA-F]{2}){4}(?![\w:-])"
)
_QUOTED_TEXT: Final = re.compile(r'"[^"]*"')
"""Text in the condition of an access right, such as the name of an app."""
_TERM: Final = re.compile(
    r"( AND | OR )(?=\(?(?:[A-Z0-9_]+|\{[0-9a-f-]{36}\}) (?:[=!<>]=?|=~|in |has |FWP_MATCH))"
)
"""What stands between two conditions: only where a field and a sign follow, not within a path."""
_VALUES: Final = frozenset({"high", "low", "mask", "value"})
_CONDITIONS: Final = frozenset({"conditions", "rest"})
_CONDITION: Final = re.compile(
    r"(?P<front>\(?(?:[A-Z0-9_]+|\{[0-9a-f-]{36}\})"
    r" (?:[=!<>]=?|=~|in|has (?:all of|any of|none of|prefix|not prefix)|FWP_MATCH_[A-Z_]+) )"
    r"(?P<value>.*)",
    re.DOTALL,
)
_NUMBERS: Final = re.compile(r"-?\d{1,20}(?:-\d{1,20})?")
_FLAG_NAMES: Final = re.compile(
    r"(?:IS_|REQUIRES_|0x)[A-Z0-9a-f_]+(?:\+(?:IS_|REQUIRES_|0x)[A-Z0-9a-f_]+)*"
)
_DESCRIPTOR: Final = re.compile(r"[OGDS]:[A-Z(]|[OGDS]:S-1-")
_ADDRESSES: Final = re.compile(r"[0-9a-fA-F:.]*[:.][0-9a-fA-F:.]*(?:[/-][0-9a-fA-F:.]+)?")
_WORDS: Final = frozenset(
    {*PROTOCOLS.values(), *PROFILES.values(), "(empty)", "(not understood)", "System"}
    | {"forward", "in", "inbound", "loopback", "out", "outbound"}
)
_KNOWN_SIDS: Final = frozenset(SID_ALIASES.values())
_KNOWN_SID: Final = re.compile(
    r"S-1-(?:[0-4](?:-\d{1,3})?|5-\d{1,3}|5-32-\d{1,4}|5-113|5-114|16-\d{1,5}|15-2-[12]|15-3-\d{1,5})"
)

Scrub = Callable[[str], str]


class Redactor:
    """Replaces what a row says of people, machines and places.

    Args:
        key: Secret of at least 16 bytes; who has it can test guesses.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) < 16:
            raise ValueError("a key for pseudonyms has at least 16 bytes")
        self._key = key
        self._scrub: Scrub = lru_cache(maxsize=65536)(self._scrub_text)

    def row(self, columns: Sequence[str], row: Sequence[Any]) -> list[Any]:
        """The row with every value replaced that could tell who or where."""
        return [self.value(column, value) for column, value in zip(columns, row, strict=True)]

    def value(self, column: str, value: Any) -> Any:
        """One value; numbers and flags stay, but not in columns that are dropped."""
        if column in _DROPPED or isinstance(value, (bytes, bytearray, dict)):
            return None
        if isinstance(value, (list, tuple)):
            return [self.value(column, item) for item in value]
        if not isinstance(value, str) or not value:
            return value
        if column in _VALUES:
            return self._value(value)
        if column in _CONDITIONS:
            return "".join(self._term(term) for term in _TERM.split(value))
        if column in _SCRUBBED:
            return self._scrub(value)
        if column in _HOSTS or column == "groups":
            return self.pseudonym("group" if column == "groups" else "host", value)
        if column in _HASHES:
            return self.pseudonym("filter", value)
        if column in _PATHS:
            return value if value == "System" else self.pseudonym("path", value.lower())
        if column in _OWNERS and value in _known_owners():
            return value
        return (
            value if column not in _NAMES and _is_constant(value) else self.pseudonym("name", value)
        )

    def pseudonym(self, kind: str, value: str) -> str:
        """``kind-`` and ten hex digits that stand for a value."""
        told = f"{kind}\0{value}".encode("utf-8", "surrogatepass")
        return f"{kind}-{hmac.new(self._key, told, hashlib.sha256).hexdigest()[:10]}"

    def _scrub_text(self, text: str) -> str:
        if _is_constant(text):
            return text
        text = _QUOTED_TEXT.sub(lambda found: self._quoted(found[0]), text)
        if "\\" in text:
            text = "".join(self._path(term) for term in _TERM.split(text))
        text = _SID.sub(lambda found: self._sid(found[0]), text)
        text = _GUID.sub(lambda found: self._guid(found[0]), text)
        text = _MAC.sub(lambda found: self.pseudonym("mac", found[0].lower()), text)
        return _ADDRESS.sub(lambda found: self._address(found[0]), text)

    def _term(self, term: str) -> str:
        """One condition as text; its value stays only where its shape says what it is."""
        found = _CONDITION.fullmatch(term)
        if found is None:
            return term if term in {" AND ", " OR ", ""} else self.pseudonym("text", term)
        front, value = found["front"], found["value"]
        end = ")" if value.endswith(")") and value.count(")") > value.count("(") else ""
        return front + self._value(value.removesuffix(end)) + end

    def _value(self, text: str) -> str:
        """A value of a condition: kept or scrubbed by its shape, else a pseudonym."""
        if text in _WORDS or _NUMBERS.fullmatch(text) or _FLAG_NAMES.fullmatch(text):
            return text
        if "\\" in text:
            return self.pseudonym("path", text.lower())
        if _DESCRIPTOR.match(text) or _SID.fullmatch(text) or _GUID.fullmatch(text):
            return self._scrub(text)
        if _ADDRESSES.fullmatch(text) or _MAC.fullmatch(text):
            return self._scrub(text)
        return self.pseudonym("text", text)

    def _quoted(self, text: str) -> str:
        return f'"{self.pseudonym("name", text[1:-1])}"'

    def _path(self, term: str) -> str:
        """A term with its path replaced: all from the first backslash or drive letter on."""
        at = term.find("\\")
        if at < 0:
            return term
        if at >= 2 and term[at - 1] == ":":
            at -= 2
        path = term[at:]
        end = ")" if path.endswith(")") and path.count(")") > path.count("(") else ""
        return term[:at] + self.pseudonym("path", path.removesuffix(end).lower()) + end

    def _sid(self, sid: str) -> str:
        known = sid.upper()
        if known in _KNOWN_SIDS or _KNOWN_SID.fullmatch(known):
            return sid
        return self.pseudonym("sid", known)

    def _guid(self, text: str) -> str:
        """A GUID of version 1 carries a network card's address; the others say nothing."""
        guid = UUID(text)
        return self.pseudonym("guid", str(guid)) if guid.version == 1 else text

    def _address(self, text: str) -> str:
        try:
            address = ip_address(text)
        except ValueError:
            return text
        if _says_nothing(address):
            return text
        return self.pseudonym(f"ip{address.version}", str(address))


def _says_nothing(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is the same on every machine: none, any, loopback, multicast, a mask."""
    return (
        address.is_unspecified
        or address.is_loopback
        or address.is_multicast
        or str(address) in _PLAIN_BOUNDS
        or (address.version == 4 and _is_mask(int(address)))
        or (
            address.version == 6
            and int(address) & ((1 << 64) - 1) in (0, (1 << 64) - 1)
            and address.is_link_local
        )
    )


_PLAIN_BOUNDS: Final = frozenset(
    {
        *("10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255"),
        *("192.168.0.0", "192.168.255.255", "169.254.0.0", "169.254.255.255"),
        *("fc00::", "fe80::", "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        *("0.0.0.1", "223.255.255.255", "255.255.255.254", "126.255.255.255", "128.0.0.0"),
    }
)
"""Ends of ranges that policies everywhere use: private networks and what surrounds loopback."""


def _is_mask(number: int) -> bool:
    inverted = number ^ 0xFFFFFFFF
    return number >= 0x80000000 and inverted & (inverted + 1) == 0


def _is_constant(text: str) -> bool:
    return text.startswith(("FWPM_", "FWP_", "FWPS_", "IKEEXT_", "IPSEC_", "MS_FWP_")) and (
        text.replace("_", "").isalnum() and text.isupper()
    )


@lru_cache(maxsize=1)
def _known_owners() -> frozenset[str]:
    services = {name for name in tables()["provider_services"].values() if name}
    return frozenset({*services, *tables()["products"].values(), "MPSSVC"})
