"""The small pieces of netsh's XML: text, flags, blobs, values and kept nodes, as lines.

Every function gives or adds whole lines without their line end, indented by tabs as netsh does.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final
from uuid import UUID

from pywfp_ps.model.enums import FlagGroup, values_of
from pywfp_ps.model.objects import Node
from pywfp_ps.model.values import Scalar, TokenInformation, blob_of_text, text_of

VALUE_TAGS: Final = {
    "FWP_UINT8": "uint8",
    "FWP_UINT16": "uint16",
    "FWP_UINT32": "uint32",
    "FWP_UINT64": "uint64",
    "FWP_INT8": "int8",
    "FWP_INT16": "int16",
    "FWP_INT32": "int32",
    "FWP_INT64": "int64",
    "FWP_FLOAT": "float32",
    "FWP_DOUBLE": "double64",
    "FWP_BYTE_ARRAY16_TYPE": "byteArray16",
    "FWP_BYTE_BLOB_TYPE": "byteBlob",
    "FWP_SID": "sid",
    "FWP_SECURITY_DESCRIPTOR_TYPE": "sd",
    "FWP_TOKEN_INFORMATION_TYPE": "tokenInformation",
    "FWP_TOKEN_ACCESS_INFORMATION_TYPE": "tokenAccessInformation",
    "FWP_UNICODE_STRING_TYPE": "unicodeString",
    "FWP_BYTE_ARRAY6_TYPE": "byteArray6",
    "FWP_BITMAP_INDEX_TYPE": "bitmapIndex",
    "FWP_BITMAP_ARRAY64_TYPE": "bitmapArray64",
}
"""Element that holds a value of a type: the member names of FWP_VALUE0 (fwptypes.h)."""

_PRINTED_CALLOUT_FLAGS: Final = frozenset(
    {
        "FWP_CALLOUT_FLAG_ALLOW_OFFLOAD",
        "FWP_CALLOUT_FLAG_CONDITIONAL_ON_FLOW",
        "FWPM_CALLOUT_FLAG_PERSISTENT",
        "FWPM_CALLOUT_FLAG_REGISTERED",
        "FWPM_CALLOUT_FLAG_USES_PROVIDER_CONTEXT",
    }
)
"""Callout flags that netsh prints by name; real dumps show all others as leftover bits."""

_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_DOTTED: Final = "".join(
    chr(code) if 0x20 <= code <= 0x7E and chr(code) not in "&<>" else "." for code in range(256)
)


@lru_cache(maxsize=16384)
def escape(text: str) -> str:
    """Text as netsh writes it: as it stands, in a CDATA section where it holds markup.

    A carriage return would not come through a section, so such a text has character references.
    """
    if "\r" in text:
        return text.translate(_ESCAPES)
    if "&" in text or "<" in text or ">" in text:
        return f"<![CDATA[{text.replace(']]>', ']]]]><![CDATA[>')}]]>"
    return text


def _attribute(text: str) -> str:
    quoted = text.translate(_ESCAPES).replace('"', "&quot;")
    return quoted.replace("\n", "&#10;").replace("\t", "&#9;")


def leaf(indent: str, tag: str, text: str | int | None) -> str:
    """One element with text, or self-closed where there is none."""
    if text is None or text == "":
        return f"{indent}<{tag}/>"
    return f"{indent}<{tag}>{escape(text) if isinstance(text, str) else text}</{tag}>"


def key(indent: str, tag: str, value: UUID | None) -> str:
    """One element with a GUID in braces, or self-closed."""
    return f"{indent}<{tag}/>" if value is None else f"{indent}<{tag}>{{{value}}}</{tag}>"


def display_data(indent: str, name: str | None, description: str | None) -> str:
    """The element ``displayData`` of an object, as one text of several lines."""
    return "\n".join(
        (
            f"{indent}<displayData>",
            leaf(indent + "\t", "name", name),
            leaf(indent + "\t", "description", description),
            f"{indent}</displayData>",
        )
    )


def blob(indent: str, tag: str, data: bytes | None) -> str:
    """Bytes as hex, and as text with a dot for markup and what is no printable ASCII."""
    if data is None:
        return f"{indent}<{tag}/>"
    return _blob(indent, tag, data, data.decode("latin-1").translate(_DOTTED))


def _blob(indent: str, tag: str, data: bytes, text: str) -> str:
    return (
        f"{indent}<{tag}>\n{leaf(indent + chr(9), 'data', data.hex())}\n"
        f"{leaf(indent + chr(9), 'asString', text)}\n{indent}</{tag}>"
    )


@lru_cache(maxsize=1024)
def flag_list(indent: str, tag: str, group: FlagGroup | None, flags: tuple[str, ...]) -> str:
    """A list of flags: names by their number, then the bits without a printed name as hex."""
    names, rest = _split_flags(group, flags)
    items = [*names, f"{rest:08X}"] if rest else names
    return items_of(indent, tag, [f"{indent}\t<item>{escape(item)}</item>" for item in items])


def _split_flags(group: FlagGroup | None, flags: tuple[str, ...]) -> tuple[list[str], int]:
    known = values_of(group) if group else {}
    named: list[tuple[int, str]] = []
    rest = 0
    for flag in flags:
        number = known.get(flag)
        if flag.startswith("0x"):
            rest |= int(flag, 16)
        elif group == "callout_flags" and number and flag not in _PRINTED_CALLOUT_FLAGS:
            rest |= number
        else:
            named.append((1 << 32 if number is None else number, flag))
    return [name for _, name in sorted(named)], rest


def items_of(indent: str, tag: str, items: Sequence[str], *, counted: bool = True) -> str:
    """A list element around items that are lines already; self-closed where there are none."""
    if not items:
        return f"{indent}<{tag}/>"
    count = f' numItems="{len(items)}"' if counted else ""
    return "\n".join((f"{indent}<{tag}{count}>", *items, f"{indent}</{tag}>"))


def node_text(indent: str, node: Node) -> str:
    """A kept element as it stood; a list of items gets its count back."""
    attributes = "".join(f' {name}="{_attribute(value)}"' for name, value in node.attributes)
    if not node.children:
        if node.text is None:
            return f"{indent}<{node.tag}{attributes}/>"
        return f"{indent}<{node.tag}{attributes}>{escape(node.text)}</{node.tag}>"
    if all(child.tag == "item" for child in node.children):
        attributes += f' numItems="{len(node.children)}"'
    inside = "\n".join(node_text(indent + "\t", child) for child in node.children)
    return f"{indent}<{node.tag}{attributes}>\n{inside}\n{indent}</{node.tag}>"


def value_text(indent: str, data_type: str, value: Scalar) -> str | None:
    """The value element of a single value, ``None`` for a type without one."""
    tag = VALUE_TAGS.get(data_type)
    if tag is None or value is None:
        return None
    if data_type == "FWP_BYTE_BLOB_TYPE":
        if isinstance(value, str):
            return _blob(indent, tag, blob_of_text(value), value)
        if isinstance(value, bytes):
            return blob(indent, tag, value)
    if isinstance(value, TokenInformation):
        return _token(indent, tag, value)
    if isinstance(value, UUID):
        return f"{indent}<{tag}>{{{value}}}</{tag}>"
    return leaf(indent, tag, text_of(value))


def _token(indent: str, tag: str, token: TokenInformation) -> str:
    inner = indent + "\t"
    lists = [
        items_of(inner, name, [f"{inner}\t<item>{escape(sid)}</item>" for sid in sids])
        for name, sids in (("sids", token.sids), ("restrictedSids", token.restricted_sids))
    ]
    return "\n".join((f"{indent}<{tag}>", *lists, f"{indent}</{tag}>"))
