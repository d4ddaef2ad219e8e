"""Security descriptors as text (SDDL), taken apart.

Source: MS-DTYP section 2.5.1 (SDDL grammar) and 2.4.4.17 (conditional ACEs).
"""

from __future__ import annotations

import re
from functools import lru_cache
from string import ascii_uppercase

from msgspec import Struct

SID_ALIASES = {
    "AC": "S-1-15-2-1",
    "AN": "S-1-5-7",
    "AO": "S-1-5-32-548",
    "AU": "S-1-5-11",
    "BA": "S-1-5-32-544",
    "BG": "S-1-5-32-546",
    "BO": "S-1-5-32-551",
    "BU": "S-1-5-32-545",
    "CG": "S-1-3-1",
    "CO": "S-1-3-0",
    "ED": "S-1-5-9",
    "ER": "S-1-5-32-573",
    "HI": "S-1-16-12288",
    "IS": "S-1-5-32-568",
    "IU": "S-1-5-4",
    "LS": "S-1-5-19",
    "LU": "S-1-5-32-559",
    "LW": "S-1-16-4096",
    "ME": "S-1-16-8192",
    "MU": "S-1-5-32-558",
    "NO": "S-1-5-32-556",
    "NS": "S-1-5-20",
    "NU": "S-1-5-2",
    "OW": "S-1-3-4",
    "PO": "S-1-5-32-550",
    "PS": "S-1-5-10",
    "PU": "S-1-5-32-547",
    "RC": "S-1-5-12",
    "RD": "S-1-5-32-555",
    "RE": "S-1-5-32-552",
    "RM": "S-1-5-32-580",
    "RU": "S-1-5-32-554",
    "SI": "S-1-16-16384",
    "SO": "S-1-5-32-549",
    "SU": "S-1-5-6",
    "SY": "S-1-5-18",
    "UD": "S-1-5-84-0-0-0-0-0",
    "WD": "S-1-1-0",
    "WR": "S-1-5-33",
}
"""SID behind a two-letter alias. Aliases of accounts of a domain or machine are left as letters."""

_RIGHTS = {
    "CC": 0x1, "DC": 0x2, "LC": 0x4, "SW": 0x8, "RP": 0x10, "WP": 0x20, "DT": 0x40, "LO": 0x80,
    "CR": 0x100, "SD": 0x10000, "RC": 0x20000, "WD": 0x40000, "WO": 0x80000,
    "GA": 0x10000000, "GX": 0x20000000, "GW": 0x40000000, "GR": 0x80000000,
    "FA": 0x1F01FF, "FR": 0x120089, "FW": 0x120116, "FX": 0x1200A0,
    "KA": 0xF003F, "KR": 0x20019, "KW": 0x20006, "KX": 0x20019,
}  # fmt: skip
_ACL_FLAG_LETTERS = frozenset(ascii_uppercase + "_")
_SID = re.compile(r"S-1(?:-(?:\d{1,14}|0x[0-9a-fA-F]{1,12})){1,17}|[A-Z]{2}")


class Ace(Struct, frozen=True, kw_only=True):
    """One entry of an access list.

    Attributes:
        type: As written: ``A``, ``D``, ``XA``, ``XD``, ``ML`` and so on.
        flags: Two-letter inheritance and audit flags as written.
        rights: The access mask, ``None`` where the letters are not known.
        rights_text: The rights as written.
        object_guid: GUID of an object ACE, as written.
        inherit_guid: GUID of the inheriting object type, as written.
        sid: The trustee as a SID, or the two letters of an account of the domain.
        condition: Text of a conditional ACE or resource attribute, with its parentheses.
    """

    type: str
    flags: str = ""
    rights: int | None = None
    rights_text: str = ""
    object_guid: str = ""
    inherit_guid: str = ""
    sid: str = ""
    condition: str | None = None


class SecurityDescriptor(Struct, frozen=True, kw_only=True):
    """A security descriptor; a list that is absent is ``None``, an empty one is empty."""

    owner: str | None = None
    group: str | None = None
    dacl_flags: str = ""
    dacl: tuple[Ace, ...] | None = None
    sacl_flags: str = ""
    sacl: tuple[Ace, ...] | None = None


def sid_of(text: str) -> str:
    """A SID for an alias that always means the same SID; other text unchanged."""
    return SID_ALIASES.get(text, text)


@lru_cache(maxsize=4096)
def parse_sddl(text: str) -> SecurityDescriptor:
    """Takes an SDDL text apart.

    Raises:
        ValueError: It is no SDDL.
    """
    parts: dict[str, str] = {}
    at = 0
    while at < len(text):
        letter = text[at]
        if text[at + 1 : at + 2] != ":" or letter not in "OGDS" or letter in parts:
            raise ValueError(f"no SDDL: {text[at : at + 20]!r} at character {at}")
        end = _end_of_part(text, at + 2)
        parts[letter] = text[at + 2 : end]
        at = end
    for letter in "OG":
        if letter in parts and not _SID.fullmatch(parts[letter]):
            raise ValueError(f"no SID in SDDL: {parts[letter][:40]!r}")
    dacl_flags, dacl = _acl(parts.get("D"))
    sacl_flags, sacl = _acl(parts.get("S"))
    return SecurityDescriptor(
        owner=sid_of(parts["O"]) if "O" in parts else None,
        group=sid_of(parts["G"]) if "G" in parts else None,
        dacl_flags=dacl_flags,
        dacl=dacl,
        sacl_flags=sacl_flags,
        sacl=sacl,
    )


def _end_of_part(text: str, at: int) -> int:
    """Where the next ``X:`` outside parentheses and quotes begins, or the end."""
    while at < len(text):
        if text[at] == "(":
            at = _end_of_group(text, at)
        elif text[at : at + 1] in "OGDS" and text[at + 1 : at + 2] == ":":
            return at
        else:
            at += 1
    return at


def _end_of_group(text: str, at: int) -> int:
    """Position behind the parenthesis that closes the one at ``at``."""
    depth, quoted = 0, False
    for place in range(at, len(text)):
        letter = text[place]
        if letter == '"':
            quoted = not quoted
        elif not quoted and letter == "(":
            depth += 1
        elif not quoted and letter == ")":
            depth -= 1
            if depth == 0:
                return place + 1
    raise ValueError(f"SDDL with an open parenthesis at character {at}")


def _acl(part: str | None) -> tuple[str, tuple[Ace, ...] | None]:
    if part is None:
        return "", None
    first = part.find("(")
    flags = part if first < 0 else part[:first]
    if set(flags) - _ACL_FLAG_LETTERS:
        raise ValueError(f"no access list flags: {flags[:20]!r}")
    if "NO_ACCESS_CONTROL" in flags:
        return flags, None
    aces = []
    at = len(flags)
    while at < len(part):
        if part[at] != "(":
            raise ValueError(f"text between entries of an access list: {part[at : at + 20]!r}")
        end = _end_of_group(part, at)
        aces.append(_ace(part[at + 1 : end - 1]))
        at = end
    return flags, tuple(aces)


def _ace(text: str) -> Ace:
    fields = text.split(";", 6)
    if len(fields) < 6:
        raise ValueError(f"an access list entry has six fields: {text[:60]!r}")
    kind, flags, rights, object_guid, inherit_guid, sid = fields[:6]
    if not _SID.fullmatch(sid):
        raise ValueError(f"no SID in an access list entry: {sid[:40]!r}")
    return Ace(
        type=kind,
        flags=flags,
        rights=_mask(rights),
        rights_text=rights,
        object_guid=object_guid,
        inherit_guid=inherit_guid,
        sid=sid_of(sid),
        condition=fields[6] if len(fields) > 6 else None,
    )


def _mask(text: str) -> int | None:
    if text[:2].lower() == "0x":
        try:
            return int(text, 16)
        except ValueError:
            return None
    if text.isdigit():
        return int(text, 8) if text.startswith("0") else int(text)
    mask = 0
    for at in range(0, len(text), 2):
        right = _RIGHTS.get(text[at : at + 2])
        if right is None:
            return None
        mask |= right
    return mask
