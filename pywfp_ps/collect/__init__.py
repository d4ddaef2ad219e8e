"""The spine: payloads from files or hosts into the store."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pywfp_ps.collect.checking import Check
    from pywfp_ps.collect.collecting import Collection, collect
    from pywfp_ps.collect.visiting import Plan

__all__ = ["Check", "Collection", "Plan", "collect"]

_PLACES = {
    "Check": "checking",
    "Collection": "collecting",
    "Plan": "visiting",
    "collect": "collecting",
}


def __getattr__(name: str) -> Any:
    """What is public, imported when it is asked for: importing files needs nothing of fleets."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
