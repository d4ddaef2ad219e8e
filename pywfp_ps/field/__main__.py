"""Prints the list as Markdown: ``python -m pywfp_ps.field > docs/unproven.md``."""

from __future__ import annotations

import sys

from pywfp_ps.field.assumptions import page

if __name__ == "__main__":
    sys.stdout.write(page())
