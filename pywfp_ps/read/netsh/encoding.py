"""Bytes of a netsh file, in whatever encoding a tool left them, to UTF-8 without a declaration."""

from __future__ import annotations

import codecs
import re
from typing import Final

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_UNMARKED: Final = ((b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"))
_CONTROLS: Final = tuple(bytes([n]) for n in range(0x20) if n not in b"\t\n\r")
_FORBIDDEN: Final = re.compile(b"[" + b"".join(_CONTROLS) + b"]")
_REFERENCE: Final = re.compile(rb"&#(?:x([0-9a-fA-F]{1,8})|([0-9]{1,10}));")
_MANY: Final = 1000
_PICTURES: Final = 0x2400
_ALLOWED: Final = frozenset({0x9, 0xA, 0xD})
_DECLARATION: Final = re.compile(rb"\s*<\?xml\s[^<>]*\?>")


def utf8_of(data: bytes) -> tuple[bytes, int, str | None]:
    """UTF-8 text, where in it mark and XML declaration end, and what was wrong with the text.

    netsh writes UTF-8 with a mark. Tools that save a dump again often make UTF-16 of it, whose
    declaration then still says UTF-8; so the mark counts and the declaration does not.
    """
    encoding, start = _encoding_of(data)
    problem = None
    body = data
    if encoding != "utf-8":
        try:
            text = data[start:].decode(encoding)
        except UnicodeDecodeError as error:
            problem = f"byte {start + error.start} is no {encoding.upper()}"
            text = data[start:].decode(encoding, "replace")
        body, start = text.encode(), 0
    declaration = _DECLARATION.match(body, start)
    return body, declaration.end() if declaration else start, problem


def seen_controls(body: bytes, start: int) -> tuple[bytes, int]:
    """The text with characters that XML forbids as symbols that can be seen, and how many.

    A name may hold any character, and netsh does not ask what XML allows. U+0001 becomes U+2401,
    and so on; a reference to what is no character becomes U+FFFD. One such name must not cost its
    object.
    """
    found = 0

    def raw(hit: re.Match[bytes]) -> bytes:
        nonlocal found
        found += 1
        return chr(_PICTURES + hit[0][0]).encode()

    def referred(hit: re.Match[bytes]) -> bytes:
        nonlocal found
        number = int(hit[1], 16) if hit[1] else int(hit[2])
        if number in _ALLOWED or 0x20 <= number < 0xD800 or 0xE000 <= number <= 0x10FFFF:
            return hit[0]
        found += 1
        return (chr(_PICTURES + number) if number < 0x20 else "\ufffd").encode()

    has_controls = any(control in body for control in _CONTROLS)
    has_references = _has_references(body)
    if not (has_controls or has_references):
        return body, 0
    rest = body[start:]
    if has_controls:
        rest = _FORBIDDEN.sub(raw, rest)
    if has_references:
        rest = _REFERENCE.sub(referred, rest)
    return (body[:start] + rest, found) if found else (body, 0)


def _has_references(body: bytes) -> bool:
    """Whether ``&#`` is in the text; to look for one byte is ten times as fast as for two."""
    if body.count(b"#") > _MANY:
        return b"&#" in body
    at = body.find(b"#")
    while at >= 0 and not body.startswith(b"&", at - 1):
        at = body.find(b"#", at + 1)
    return at >= 0


def _encoding_of(data: bytes) -> tuple[str, int]:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding, len(mark)
    for start, encoding in _UNMARKED:
        if data.startswith(start):
            return encoding, 0
    return "utf-8", 0
