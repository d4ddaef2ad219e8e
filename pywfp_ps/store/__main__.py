"""``python -m pywfp_ps.store`` prints ``docs/columns.md``."""

import sys

from pywfp_ps.store.columns import document

if __name__ == "__main__":
    sys.stdout.write(document())
