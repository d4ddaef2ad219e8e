"""``python -m pywfp_remote.lab DIR``: the background process; started by `fleet.up`."""

from __future__ import annotations

import sys
from pathlib import Path

from pywfp_ps.errors import WfpError
from pywfp_remote.lab.process import run


def main() -> int:
    """Serve the fleet planned in the folder that is named; 1 and a line on stderr if it cannot."""
    try:
        run(Path(sys.argv[1]))
    except (OSError, WfpError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
