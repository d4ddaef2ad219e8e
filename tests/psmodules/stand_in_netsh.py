"""Stands in for netsh where there is an engine and no Windows.

What it does stands in WFP_STAND_IN; in a practice fleet WFP_STAND_IN_FOLDER is the folder with what
the host's own netsh would write and print.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path


def main() -> int:
    target = next((a[5:].strip('"') for a in sys.argv if a.lower().startswith("file=")), None)
    if folder := os.environ.get("WFP_STAND_IN_FOLDER"):
        return of_host(Path(folder), target)
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


def of_host(folder: Path, target: str | None) -> int:
    """``wfp show WHAT ...``: a copy of ``WHAT.xml``, or what ``said.json`` has for the words."""
    words = [word for word in sys.argv[1:] if not word.lower().startswith("file=")]
    if words[:2] != ["wfp", "show"] or len(words) < 3:
        sys.stdout.write("The following command was not found.\n")
        return 1
    if target is None:
        said = json.loads((folder / "said.json").read_bytes()).get(" ".join(words[2:]))
        sys.stdout.write("" if said is None else f"\n{said}\n\n")
        return int(said is None)
    dump = folder / f"{words[2]}.xml"
    if dump.exists():
        Path(target).write_bytes(dump.read_bytes())
        sys.stdout.write(f"Data collection successful; output = {target}\n")
    return int(not dump.exists())


if __name__ == "__main__":
    sys.exit(main())
