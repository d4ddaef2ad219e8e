"""Makes ``pywfp_ps/model/tables.json`` from the fact files beside this script.

The facts are names, GUIDs and numbers of the Windows SDK, plus what real state dumps print.
Run it after changing a fact: ``python tools/make_tables.py``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
_TARGET = _HERE.parent / "pywfp_ps" / "model" / "tables.json"
_NAMED = ("layers", "sublayers", "providers", "callouts", "conditions", "contexts")


def _facts(name: str) -> Any:
    return json.loads((_HERE / "facts" / f"{name}.json").read_text("ascii"))


def _names() -> dict[str, dict[str, str]]:
    return {
        kind: {row["name"]: row["guid"] for row in _facts(kind) if row["name"]} for kind in _NAMED
    }


def _aliases() -> dict[str, str]:
    """Other SDK names of a condition; the canonical name is the one netsh prints."""
    return {alias: row["name"] for row in _facts("conditions") for alias in row["aliases"]}


def _layers() -> list[dict[str, Any]]:
    """Layers in order of their run-time id; a field is [key, type, data type, variants]."""
    keep = ("guid", "id", "kind", "direction", "ip_version", "flags", "pair", "is_discard")
    rows = sorted(_facts("layers"), key=lambda row: row["id"])
    return [
        {
            "name": row["netsh"],
            "display_name": row["display_name"],
            "default_sublayer": row["default_sublayer"],
            "fields": [field.split(" ") for field in row["fields"]],
            **{name: row[name] for name in keep},
        }
        for row in rows
    ]


def _products() -> dict[str, str]:
    """Product by GUID of a provider, sublayer or callout that it always adds."""
    found: dict[str, str] = {}
    for rows in _facts("products").values():
        for row in rows:
            found[row["guid"]] = row["product"]
    return found


def main() -> None:
    """Writes the table file."""
    tables = {
        "names": _names(),
        "aliases": _aliases(),
        "layers": _layers(),
        "callout_ids": {r["name"]: r["id"] for r in _facts("callouts") if r["id"] is not None},
        "callout_layers": {row["name"]: row["layers"] for row in _facts("callouts")},
        "sublayer_weights": {row["name"]: row["weight"] for row in _facts("sublayers")},
        "internal_sublayers": {
            row["internal"]: row["name"] for row in _facts("sublayers") if row["internal"]
        },
        "provider_services": {row["name"]: row["service"] for row in _facts("providers")},
        "products": _products(),
        "enums": {group: facts["values"] for group, facts in _facts("enums").items()},
        "errors": {row["hresult"]: row["name"] for row in _facts("errors")},
    }
    text = json.dumps(tables, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    _TARGET.write_text(text + "\n", "ascii")
    print(f"{_TARGET.name}: {len(text)} bytes")


if __name__ == "__main__":
    main()
