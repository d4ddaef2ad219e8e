"""The files of ``netsh wfp show state`` and ``netsh wfp show filters``."""

from __future__ import annotations

from pywfp_ps.read.netsh.dumps import read_dump, read_filters, read_state

__all__ = ["read_dump", "read_filters", "read_state"]
