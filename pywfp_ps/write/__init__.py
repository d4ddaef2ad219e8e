"""The inverse of reading: objects to what ``netsh wfp`` writes and what the module sends."""

from pywfp_ps.write.netsh import write_filters, write_state
from pywfp_ps.write.records import write_records

__all__ = ["write_filters", "write_records", "write_state"]
