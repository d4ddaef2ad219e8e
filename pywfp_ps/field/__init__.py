"""What we assume of Windows and could not check, and how any Windows machine answers it."""

from __future__ import annotations

from pywfp_ps.field.asking import Asked, ask
from pywfp_ps.field.assumptions import Assumption, assumptions
from pywfp_ps.field.bundle import Bundle, is_bundle, read_bundle, write_bundle
from pywfp_ps.field.checks import Result, results
from pywfp_ps.field.making import bundle_of, names_of

__all__ = [
    "Asked",
    "Assumption",
    "Bundle",
    "Result",
    "ask",
    "assumptions",
    "bundle_of",
    "is_bundle",
    "names_of",
    "read_bundle",
    "results",
    "write_bundle",
]
