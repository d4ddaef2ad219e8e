"""Raw payloads with names, SIDs, addresses and paths replaced, which readers can read all the same.

The form of a payload stays as it is: marks, elements, order, counts, numbers, constants. A text
stays only where its shape says what it is; what replaces an address or a SID is one too, of a range
that nobody has.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address
from typing import Any, Final
from uuid import UUID

import msgspec

from pywfp_ps.report.redact import Redactor

_TOKEN: Final = re.compile(r"<!\[CDATA\[(?:[^]<]|\](?!\]>)|<(?!!\[CDATA\[))*\]\]>|<[^<>]*>|[^<]+|<")
_CDATA: Final = ("<![CDATA[", "]]>")
_TAG: Final = re.compile(r"<(/?)([A-Za-z][\w.:-]{0,80})((?:\s[^<>]*)?)(/?)>")
_COUNT: Final = re.compile(r'\snumItems="\d{1,9}"')
_DECLARATION: Final = re.compile(r"<\?xml[ \w.=\"'-]{0,80}\?>")
_RANGE: Final = re.compile(
    r"(<valueLow>\s*<type>[^<]*</type>\s*<(\w+)>)([^<]*)"
    r"(</\2>\s*</valueLow>\s*<valueHigh>\s*<type>[^<]*</type>\s*<\2>)([^<]*)"
)
_ESCAPED: Final = {"&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'"}
_NAMES: Final = frozenset(
    {
        *("account", "alias", "certData", "certHash", "company", "computer", "description"),
        *("display_name", "domain", "effectiveName", "enterpriseId", "filterOrigin", "fqbnName"),
        *("localCertLocationUrl", "name", "network", "proxyServer", "signer", "unicodeString"),
        *("user", "user_name", "username"),
    }
)
_WORDS: Final = frozenset({"head", "said", "text"})
_PLAIN: Final = frozenset(
    {
        *("architecture", "case", "edition", "fact", "family", "frame", "kind", "language_mode"),
        *("of", "option", "source", "start", "state", "store", "sid_type", "version"),
    }
)
_PLAIN_SHAPE: Final = re.compile(r"[A-Za-z0-9 ._:+-]{0,40}")
_SHAPES: Final = tuple(
    re.compile(shape)
    for shape in (
        r"[+-]?\d{1,20}(?:\.\d{1,20}){0,2}",  # numbers and versions, but no addresses
        r"0x[0-9A-Fa-f]{1,16}|[0-9A-Fa-f]{8}",
        r"true|false|on|off|none|null",
        r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+",
        r"\d{1,10} \([A-Z0-9_]{1,60}\)",
        r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)?",
        r"1\.3\.6\.1\.[0-9.]{1,40}",
        r"PyWfp\.[a-z-]{1,40}(?:,[A-Za-z-]{1,60})?",
        r"[A-Za-z]{1,40}Exception(?:,[A-Za-z.-]{1,80})?",
        r"Nt(?:ApiDotNet|CoreLib)\.[A-Za-z.]{1,80}",
    )
)
_GUID: Final = re.compile(r"\{?([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})\}?")
_DEFAULTS: Final = frozenset(
    {
        *("AppContainer Loopback", "Boottime Default", "Quarantine Default", "Query User Default"),
        *("Stealth", "System", "UWP Default Inbound Block Rule", "WSH Default"),
    }
)
_SDDL: Final = re.compile(r"[OGDS]:")
_PSEUDONYM: Final = re.compile(r"(?<![\w-])(sid|ip4|ip6|mac|guid)-([0-9a-f]{10})(?![\w-])")
_DRIVE_PATH: Final = re.compile(r"(?:[A-Za-z]:|[\w.-]{1,64}|\\)?\\[^\"'<>|\r\n]*")
_DOTTED: Final = re.compile(
    r"[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}@[\w.-]{1,255}|[\w-]{1,63}(?:\.[\w-]{1,63}){2,9}"
)
_CLASSES: Final = ("Microsoft.", "NtApiDotNet.", "NtCoreLib.", "PyWfp.", "System.")
_RULE: Final = re.compile(r"v\d{1,3}\.\d{1,3}\|")
_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,40}")
_SHORTEST: Final = 3
_NUMBER_BYTES: Final = 8


class RawRedactor:
    """Replaces what raw payloads say of people, machines and places.

    Args:
        redactor: Gives the pseudonyms.
        known: Names that may not stand in any text, such as those of the machine and the account.
    """

    def __init__(self, redactor: Redactor, known: Iterable[str] = ()) -> None:
        self._redactor = redactor
        whole = {part for name in known for part in (name, *re.split(r"[\\@]", name))}
        parts = whole | {part for name in whole for part in name.split(".")}
        words = sorted((part for part in parts if len(part) >= _SHORTEST), key=len, reverse=True)
        escaped = "|".join(map(re.escape, words))
        self._known = re.compile(f"(?i)(?:{escaped})") if words else None

    def xml(self, data: bytes) -> bytes:
        """A file of netsh: every text replaced that could tell who or where, the rest as it was."""
        text = data.decode("utf-8", "replace")
        made = "".join(self._tokens(text))
        return _RANGE.sub(_rising, made).encode()

    def json_lines(self, data: bytes) -> bytes:
        """JSON, an object a line."""
        return b"".join(self._line(line) + b"\n" for line in data.splitlines() if line.strip())

    def words(self, text: str) -> str:
        """What a program printed, without names of this machine, paths, SIDs and addresses."""
        text = _DRIVE_PATH.sub(lambda found: self._redactor.pseudonym("path", found[0]), text)
        text = _DOTTED.sub(self._dotted, text)
        if self._known is not None:
            text = self._known.sub("***", text)
        return self._scrub(text)

    def _dotted(self, found: re.Match[str]) -> str:
        """A name with dots or an at sign: of a host or an account, unless it is a class."""
        text = found[0]
        if text.startswith(_CLASSES) or text.replace(".", "").isdigit():
            return text
        return self._redactor.pseudonym("name", text.lower())

    # ---- XML

    def _tokens(self, text: str) -> Iterator[str]:
        inside: list[str] = []
        for found in _TOKEN.finditer(text):
            token = found[0]
            if not token.startswith("<"):
                yield token if token.isspace() else self._leaf(token, inside)
                continue
            if token.startswith(_CDATA[0]) and token.endswith(_CDATA[1]):
                text = token.removeprefix(_CDATA[0]).removesuffix(_CDATA[1])
                yield _CDATA[0] + self._plain_leaf(text, inside) + _CDATA[1]
                continue
            tag = _TAG.fullmatch(token)
            if tag is None:
                yield token if _DECLARATION.fullmatch(token) else ""
                continue
            closes, name, rest, empty = tag.groups()
            count = _COUNT.search(rest)
            end = "/" if empty or rest.endswith("/") else ""
            yield f"<{closes}{name}{count[0] if count else ''}{end}>"
            if closes:
                if inside and inside[-1] == name:
                    inside.pop()
            elif not end:
                inside.append(name)

    def _leaf(self, token: str, inside: list[str]) -> str:
        text = token
        for escape, letter in reversed(_ESCAPED.items()):
            text = text.replace(escape, letter)
        mark = "\ufeff" if text.startswith("\ufeff") else ""
        text = text.removeprefix("\ufeff")
        if not text.strip():
            return mark + token.removeprefix("\ufeff")
        made = self._plain_leaf(text, inside)
        for escape, letter in _ESCAPED.items():
            made = made.replace(letter, escape) if letter in "&<>" else made
        return mark + made

    def _plain_leaf(self, text: str, inside: list[str]) -> str:
        tag = inside[-1] if inside else ""
        made = self._blob(text.strip()) if tag == "data" else self._text(tag, text.strip())
        return made.replace(_CDATA[1], "")

    def _blob(self, text: str) -> str:
        """Hex of bytes: text in UTF-16 becomes text, small numbers stay, the rest goes."""
        try:
            data = bytes.fromhex(text)
        except ValueError:
            return ""
        number = int.from_bytes(data, "little")
        if len(data) == _NUMBER_BYTES and (number < 1 << 32 or number == (1 << 64) - 1):
            return text
        try:
            said = data.decode("utf-16-le").rstrip("\0") if len(data) % 2 == 0 else ""
        except UnicodeDecodeError:
            said = ""
        if not said or not said.isprintable():
            return (self._redactor.pseudonym("blob", text) + "\0").encode("utf-16-le").hex()
        return (self._said(said) + "\0").encode("utf-16-le").hex()

    def _said(self, text: str) -> str:
        guid = _GUID.fullmatch(text)
        if text in _DEFAULTS or (guid and UUID(guid[1]).version != 1):
            return text
        if "\\" in text:
            return "\\device\\" + self._redactor.pseudonym("path", text.lower())
        return self._redactor.pseudonym("name", text)

    # ---- JSON

    def _line(self, line: bytes) -> bytes:
        try:
            told = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return msgspec.json.encode({"unreadable": len(line)})
        return msgspec.json.encode(self._value("", told))

    def _value(self, key: str, value: Any) -> Any:
        if isinstance(value, dict):
            if str(value.get("command", "")).startswith("security"):
                # What netsh prints of rights names accounts, in any language.
                value = {("security" if name == "said" else name): v for name, v in value.items()}
            return {self._key(name): self._value(name, inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._value(key, inner) for inner in value]
        if not isinstance(value, str) or not value:
            return value
        if key in _WORDS:
            return self.words(value)
        if key in ("provider_data", "data"):
            return self._blob(value)
        if key == "app_id":
            return self._said(value)
        if _RULE.match(value):
            return "|".join(self._field(field) for field in value.split("|"))
        return self._text(key, value)

    def _key(self, name: str) -> str:
        return name if _IDENTIFIER.fullmatch(name) else self._redactor.pseudonym("name", name)

    def _field(self, field: str) -> str:
        """One field of a firewall rule."""
        name, sign, value = field.partition("=")
        if not sign:
            return field if _PLAIN_SHAPE.fullmatch(field) else ""
        plain = name in ("Action", "Dir", "Active", "Profile", "Edge", "Security", "Defer")
        if plain and _IDENTIFIER.fullmatch(value):
            return field
        return f"{name}={self._text(name, value).replace('|', '')}" if value else field

    # ---- texts

    def _text(self, tag: str, text: str) -> str:
        """A text by the name that it stands under and by its own shape."""
        if tag == "asString":
            return text if set(text) <= set(". ") else self._redactor.pseudonym("text", text)
        if tag in _NAMES:
            return self._redactor.pseudonym("name", text)
        if tag in ("serviceName", "service_name", "service"):
            return str(self._redactor.value("service_name", text))
        if self._known is not None and self._known.fullmatch(text):
            return self._redactor.pseudonym("name", text)
        if any(shape.fullmatch(text) for shape in _SHAPES):
            return text
        if tag in _PLAIN and _PLAIN_SHAPE.fullmatch(text):
            return text
        if "\\" in text:
            return "\\device\\" + self._redactor.pseudonym("path", text.lower())
        if _GUID.fullmatch(text) or _SDDL.match(text) or text.startswith("S-1-"):
            return self._scrub(text)
        address, slash, length = text.partition("/")
        try:
            ip_address(address.partition("%")[0])
        except ValueError:
            return self._blob_text(text)
        return self._scrub(address.partition("%")[0]) + slash + (length if length.isdigit() else "")

    def _blob_text(self, text: str) -> str:
        """Hex of 16 bytes is an address, other hex is bytes; what is left is somebody's words."""
        if re.fullmatch(r"[0-9a-fA-F]{32}", text):
            return ip_address(self._scrub(str(ip_address(bytes.fromhex(text))))).packed.hex()
        if len(text) % 2 == 0 and len(text) > 8 and re.fullmatch(r"[0-9a-fA-F]+", text):
            return self._blob(text)
        return self._redactor.pseudonym("text", text)

    def _scrub(self, text: str) -> str:
        scrubbed = str(self._redactor.value("value", text) if _SDDL.match(text) else "")
        return _PSEUDONYM.sub(_real, scrubbed or str(self._redactor.value("holds", text)))


_MAKERS: Final[dict[str, Callable[[str], str]]] = {
    # 240.0.0.0/4 and 100::/64 are nobody's (RFC 1112 section 4, RFC 6666).
    "ip4": lambda h: f"240.{int(h[:2], 16)}.{int(h[2:4], 16)}.{int(h[4:6], 16)}",
    "ip6": lambda h: f"100::{int(h[:2], 16):x}:{int(h[2:6], 16):x}:{int(h[6:], 16):x}",
    "mac": lambda h: "02:" + ":".join(h[at : at + 2] for at in range(0, 10, 2)),
    "guid": lambda h: f"00000000-0000-4000-8000-00{h}",
    "sid": lambda h: f"S-1-5-21-0-{int(h[:5], 16)}-{int(h[5:], 16)}-1000",
}


def _real(found: re.Match[str]) -> str:
    return _MAKERS[found[1]](found[2])


def _rising(found: re.Match[str]) -> str:
    """A range whose ends were replaced still rises."""
    low, high = found[3], found[5]
    try:
        if ip_address(low) <= ip_address(high):  # type: ignore[operator] # one family in a range
            return found[0]
    except (ValueError, TypeError):
        return found[0]
    return found[1] + high + found[4] + low
