"""The ``wfp`` command."""

from pywfp_ps.cli.app import main

__all__ = ["main"]
