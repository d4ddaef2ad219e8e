"""The objects of the Windows Filtering Platform; no file, host or store is touched here."""
