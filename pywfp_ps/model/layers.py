"""Layers by the names people type."""

from __future__ import annotations

import re
from typing import Final
from uuid import UUID

from pywfp_ps.model.tables import name_of, names_of, tables

_GUID: Final = re.compile(r"\{?[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\}?")
_PREFIX: Final = "FWPM_LAYER_"
_SHORT: Final = {
    "ACCEPT": "ALE_AUTH_RECV_ACCEPT",
    "BIND": "ALE_RESOURCE_ASSIGNMENT",
    "CONNECT": "ALE_AUTH_CONNECT",
    "FLOW": "ALE_FLOW_ESTABLISHED",
    "LISTEN": "ALE_AUTH_LISTEN",
    "RECV": "ALE_AUTH_RECV_ACCEPT",
}
_VERSIONS: Final = ("_V4", "_V6")


def layers_named(text: str) -> tuple[str, ...]:
    """Constants of the layers that a text means; empty where it means none.

    Understood, in any case and with ``-`` for ``_``: a constant with or without its prefix, a
    GUID, a run-time id, a short name (``connect``, ``accept``, ``listen``, ``bind``, ``flow``) for
    both IP versions or with ``-v4`` or ``-v6`` for one, and else a part of names in whole words
    (``stream``, ``inbound-transport-v6``). Discard layers count only where the text says so.
    """
    if text.isascii() and text.isdigit():
        return tuple(row["name"] for row in tables()["layers"] if row["id"] == int(text))
    if _GUID.fullmatch(text.strip()):
        return (name_of("layers", UUID(text.strip().strip("{}"))),)
    wanted = text.strip().upper().replace("-", "_").removeprefix(_PREFIX)
    stem, version = (wanted[:-3], wanted[-3:]) if wanted.endswith(_VERSIONS) else (wanted, "")
    wanted = _SHORT.get(stem, stem) + version
    names = names_of("layers")
    for exact in ((wanted,), tuple(wanted + version for version in _VERSIONS)):
        if found := tuple(_PREFIX + name for name in exact if _PREFIX + name in names):
            return found
    discard = "DISCARD" in wanted
    return tuple(
        name
        for name in names
        if f"_{wanted}_" in f"{name.removeprefix(_PREFIX)}_".join(("_", ""))
        and discard == name.endswith("_DISCARD")
    )
