"""Names of the Windows Filtering Platform both ways: constant to GUID, number to constant.

The data (``tables.json``) is generated from the fact files of the repository by
``tools/make_tables.py``. Constants are spelled as ``netsh wfp`` prints them, which is the SDK's
spelling in fwpmu.h, fwptypes.h and fwpmtypes.h.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any, Literal
from uuid import UUID

import msgspec

Kind = Literal["layers", "sublayers", "providers", "callouts", "conditions", "contexts"]


@cache
def tables() -> dict[str, Any]:
    """The whole table file, read once."""
    data = resources.files("pywfp_ps.model").joinpath("tables.json").read_bytes()
    loaded: dict[str, Any] = msgspec.json.decode(data)
    return loaded


@cache
def _by_name(kind: Kind) -> dict[str, UUID]:
    names: dict[str, str] = tables()["names"][kind]
    known = {name: UUID(key) for name, key in names.items()}
    if kind == "conditions":
        aliases: dict[str, str] = tables()["aliases"]
        known |= {alias: known[name] for alias, name in aliases.items()}
    return known


@cache
def _by_key(kind: Kind) -> dict[UUID, str]:
    names: dict[str, str] = tables()["names"][kind]
    return {UUID(key): name for name, key in names.items()}


def key_of(kind: Kind, name: str) -> UUID | None:
    """The GUID behind a constant such as ``FWPM_LAYER_ALE_AUTH_CONNECT_V4``, if it is public."""
    return _by_name(kind).get(name)


def name_of(kind: Kind, key: UUID) -> str:
    """The constant of a GUID, or the GUID in braces where it has none."""
    return _by_key(kind).get(key) or f"{{{key}}}"


@cache
def names_of(kind: Kind) -> tuple[str, ...]:
    """All constants of a kind, sorted."""
    return tuple(sorted(_by_name(kind)))


def reference(kind: Kind, text: str) -> tuple[str, UUID | None]:
    """Constant and GUID of a reference as printed: a constant, or a GUID with or without braces.

    A GUID that has a constant gives the constant; a constant whose GUID is not public gives
    ``None`` as GUID and is compared by name.

    Raises:
        ValueError: The text is a GUID in braces that makes no sense.
    """
    if text.startswith("{") or (len(text) == 36 and text.count("-") == 4):
        key = UUID(text.strip("{}"))
        return name_of(kind, key), key
    key_found = key_of(kind, text)
    if key_found is None:
        return text, None
    return name_of(kind, key_found), key_found


def product_of(*keys: UUID | None) -> str | None:
    """The product that always adds an object with one of these GUIDs, first hit first."""
    products: dict[str, str] = tables()["products"]
    return next((products[str(key)] for key in keys if str(key) in products), None)
