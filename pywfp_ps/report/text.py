"""Text from hosts, made harmless before a person or a spreadsheet sees it."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff]"
)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def visible(text: str) -> str:
    r"""The text with control, direction and invisible characters shown as ``\x1b`` or ``\u202e``.

    What is left cannot move the cursor, colour a terminal, hide or reorder other text.
    """
    if text.isascii() and text.isprintable():
        return text
    return _UNSAFE.sub(_escape, text)


def one_line(text: str, limit: int = 300) -> str:
    """The visible text, cut to ``limit`` characters with an ellipsis."""
    shown = visible(text[: limit + 1])
    return shown if len(shown) <= limit else shown[: limit - 1] + "\u2026"


def csv_cell(text: str) -> str:
    """Text for a CSV cell that no spreadsheet takes for a formula: an apostrophe in front.

    Source: OWASP, CSV injection; the full-width signs count in East Asian spreadsheets.
    """
    start = unicodedata.normalize("NFKC", text[:1]) if text else ""
    return "'" + text if text.startswith(_FORMULA) or start in {"=", "+", "-", "@"} else text


def json_safe(line: str) -> str:
    r"""A JSON text with the characters that could act on a terminal written as ``\uXXXX``.

    It means the same to every JSON reader.
    """
    if line.isascii():
        return line.replace("\x7f", "\\u007f")
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", line)


def _escape(found: re.Match[str]) -> str:
    number = ord(found[0])
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
