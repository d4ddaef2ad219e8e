"""The made-up files in tests/data/netsh, and snapshots as plain values that show every type."""

from __future__ import annotations

from datetime import datetime
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from uuid import UUID

from msgspec import Struct
from msgspec.structs import fields

from pywfp_ps.model.objects import Gap

CASES = Path(__file__).resolve().parent.parent / "data" / "netsh"


def case(name: str) -> bytes:
    """The bytes of a made-up file."""
    return (CASES / f"{name}.xml").read_bytes()


def plain(value: object) -> object:
    """Structs as dictionaries without fields at their default, scalars with their type named."""
    if isinstance(value, Gap) and value.problem.startswith("damaged: "):
        return {"place": value.place, "problem": "damaged: what the XML parser says"}
    if isinstance(value, Struct):
        return {
            field.name: plain(getattr(value, field.name))
            for field in fields(type(value))
            if getattr(value, field.name) != field.default
        }
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, (UUID, IPv4Address, IPv6Address)):
        return f"{type(value).__name__} {value}"
    if isinstance(value, bytes):
        return f"bytes {value.hex()}"
    if isinstance(value, datetime):
        return f"time {value.isoformat()}"
    return value
