"""Attributes of model objects as column values, and back."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Final
from uuid import UUID

import msgspec

from pywfp_ps.model.objects import ClassifyOption, Field, Node
from pywfp_ps.model.values import Scalar, TokenInformation
from pywfp_ps.store.bounds import address_text, plain_text
from pywfp_ps.store.schema import Codec

_LETTERS: Final[dict[type, str]] = {
    type(None): "-",
    int: "i",
    float: "f",
    str: "s",
    bytes: "b",
    UUID: "g",
    IPv4Address: "4",
    IPv6Address: "6",
    TokenInformation: "t",
}


@lru_cache(maxsize=4096)
def guid_text(key: UUID) -> str:
    """A GUID as lower-case text."""
    return str(key)


@lru_cache(maxsize=4096)
def _guid(text: str) -> UUID:
    return UUID(text)


def letter_of(value: Scalar) -> str:
    """The letter that says which type a value has, ``-`` for none."""
    return _LETTERS[type(value)]


def exact_text(value: Scalar) -> str | None:
    """Text that together with the letter gives the value back."""
    if isinstance(value, TokenInformation):
        return msgspec.json.encode((value.sids, value.restricted_sids)).decode()
    return plain_text(value)


def value_of(letter: str, text: str | None) -> Scalar:
    """The value of a letter and its exact text.

    Raises:
        ValueError: They do not fit each other.
    """
    return None if text is None or letter == "-" else _VALUES[letter](text)


def _token(text: str) -> TokenInformation:
    sids, restricted = msgspec.json.decode(text, type=tuple[tuple[str, ...], tuple[str, ...]])
    return TokenInformation(sids=sids, restricted_sids=restricted)


_VALUES: Final[dict[str, Callable[[str], Scalar]]] = {
    "i": int,
    "f": float,
    "s": str,
    "b": bytes.fromhex,
    "g": UUID,
    "4": lru_cache(maxsize=4096)(IPv4Address),
    "6": lru_cache(maxsize=4096)(IPv6Address),
    "t": _token,
}

_Nodes = tuple[Node, ...]
_nodes_decoder = msgspec.json.Decoder(_Nodes)
_node_decoder = msgspec.json.Decoder(Node)
_fields_decoder = msgspec.json.Decoder(tuple[Field, ...])
_encoder = msgspec.json.Encoder()


class _Option(msgspec.Struct, frozen=True, array_like=True):
    """A classify option as JSON: the value as letter and text."""

    type: str
    value_type: str
    letter: str
    text: str | None
    extra: tuple[Node, ...]


_options_decoder = msgspec.json.Decoder(tuple[_Option, ...])


def json_of(value: Any) -> str | None:
    """JSON of elements or fields; null for an empty list."""
    return _encoder.encode(value).decode() if value else None


def _options_json(options: tuple[ClassifyOption, ...]) -> str | None:
    return json_of(
        tuple(
            _Option(o.type, o.value_type, letter_of(o.value), exact_text(o.value), o.extra)
            for o in options
        )
    )


def _options(text: str) -> tuple[ClassifyOption, ...]:
    return tuple(
        ClassifyOption(
            type=option.type,
            value_type=option.value_type,
            value=value_of(option.letter, option.text),
            extra=option.extra,
        )
        for option in _options_decoder.decode(text)
    )


ENCODE: Final[dict[Codec, Callable[[Any], Any] | None]] = {
    Codec.PLAIN: None,
    Codec.GUID: lambda key: None if key is None else guid_text(key),
    Codec.ADDRESS: lambda address: None if address is None else address_text(address),
    Codec.TUPLE: None,  # Arrow takes tuples as lists
    Codec.NODES: json_of,
    Codec.NODE: lambda node: None if node is None else json_of(node),
    Codec.FIELDS: json_of,
    Codec.OPTIONS: _options_json,
}
"""Column value of an attribute; ``None`` where it is the attribute itself."""

DECODE: Final[dict[Codec, Callable[[Any], Any] | None]] = {
    Codec.PLAIN: None,
    Codec.GUID: lambda text: None if text is None else _guid(text),
    Codec.ADDRESS: lambda text: None if text is None else ip_address(text),
    Codec.TUPLE: tuple,
    Codec.NODES: lambda text: () if text is None else _nodes_decoder.decode(text),
    Codec.NODE: lambda text: None if text is None else _node_decoder.decode(text),
    Codec.FIELDS: lambda text: () if text is None else _fields_decoder.decode(text),
    Codec.OPTIONS: lambda text: () if text is None else _options(text),
}
"""Attribute of a column value; ``None`` where it is the value itself."""
