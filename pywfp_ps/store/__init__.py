"""Runs on disk as Parquet, asked through DuckDB; columns declared once."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pywfp_ps.store.columns import KINDS, VIEWS, View, document
    from pywfp_ps.store.macros import MACROS
    from pywfp_ps.store.raw_parts import RawPart
    from pywfp_ps.store.runs import Manifest, Run
    from pywfp_ps.store.schema import Column, Kind
    from pywfp_ps.store.sql import Answer
    from pywfp_ps.store.store import HostLine, Store
    from pywfp_ps.store.tables import table_of, tables_of
    from pywfp_ps.store.writer import About, RunWriter

__all__ = [
    "KINDS",
    "MACROS",
    "VIEWS",
    "About",
    "Answer",
    "Column",
    "HostLine",
    "Kind",
    "Manifest",
    "RawPart",
    "Run",
    "RunWriter",
    "Store",
    "View",
    "document",
    "table_of",
    "tables_of",
]

_HOMES = {
    "About": "pywfp_ps.store.writer",
    "Answer": "pywfp_ps.store.sql",
    "Column": "pywfp_ps.store.schema",
    "HostLine": "pywfp_ps.store.store",
    "KINDS": "pywfp_ps.store.columns",
    "Kind": "pywfp_ps.store.schema",
    "MACROS": "pywfp_ps.store.macros",
    "Manifest": "pywfp_ps.store.runs",
    "RawPart": "pywfp_ps.store.raw_parts",
    "Run": "pywfp_ps.store.runs",
    "RunWriter": "pywfp_ps.store.writer",
    "Store": "pywfp_ps.store.store",
    "VIEWS": "pywfp_ps.store.columns",
    "View": "pywfp_ps.store.columns",
    "document": "pywfp_ps.store.columns",
    "table_of": "pywfp_ps.store.tables",
    "tables_of": "pywfp_ps.store.tables",
}
"""Where each name lives: a command that asks loads nothing of what writes."""


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
