"""Runs on disk as Parquet, asked through DuckDB; columns declared once."""

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
