"""Readers: what a host sent, turned into objects and gaps."""

from __future__ import annotations

from pywfp_ps.read.netsh import read_dump, read_filters, read_state
from pywfp_ps.read.records import read_records

__all__ = ["read_dump", "read_filters", "read_records", "read_state"]
