"""Objects of the package in the plain shape of the second reading."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import asdict


def plain(value: object) -> object:
    """Structs as dictionaries, tuples as lists, all else as it is."""
    if isinstance(value, Struct):
        return {name: plain(inner) for name, inner in asdict(value).items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return value
