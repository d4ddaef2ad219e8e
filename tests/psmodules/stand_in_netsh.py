"""Stands in for netsh where the tests drive an engine; what it does stands in WFP_STAND_IN."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path


def main() -> int:
    target = next((a[5:].strip('"') for a in sys.argv if a.lower().startswith("file=")), None)
    way = os.environ["WFP_STAND_IN"]
    if way == "fails":
        sys.stdout.write("Der angeforderte Vorgang erfordert erh\u00f6hte Rechte.\n")
        return 1
    if way == "hangs":
        time.sleep(300)
    if target is not None and way != "writes-nothing":
        data = b"" if way == "writes-empty" else Path(os.environ["WFP_STAND_IN_FILE"]).read_bytes()
        if way == "echoes":
            data = f"<asked>{' '.join(sys.argv[1:-1])}</asked>".encode()
        Path(target).write_bytes(data)
    sys.stdout.write(f"Data collection successful; output = {target}; {sys.argv[1:]}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
