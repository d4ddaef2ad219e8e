"""Read, explain, trace and change the Windows Filtering Platform, on one host or ten thousand."""
