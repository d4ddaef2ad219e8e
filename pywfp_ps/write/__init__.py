"""The inverse of reading: objects to the bytes that ``netsh wfp`` writes."""

from pywfp_ps.write.netsh import write_filters, write_state

__all__ = ["write_filters", "write_state"]
