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


def _encoding_of(data: bytes) -> tuple[str, int]:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding, len(mark)
    for start, encoding in _UNMARKED:
        if data.startswith(start):
            return encoding, 0
    return "utf-8", 0
