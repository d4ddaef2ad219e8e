"""Lists the blocking filters that are in force, from dumps: ``python blocks.py FILE...``."""

from __future__ import annotations

import sys
from pathlib import Path

from pywfp_ps.model.objects import BLOCK
from pywfp_ps.model.text import condition_text
from pywfp_ps.read import read_dump


def main(files: list[str]) -> None:
    """Prints one line a filter."""
    for name in files:
        snapshot = read_dump(Path(name).read_bytes())
        for item in snapshot.filters:
            if item.is_in_force and item.action == BLOCK:
                print(f"{item.id:>8} {item.layer:<45} {condition_text(item.conditions)}")


if __name__ == "__main__":
    main(sys.argv[1:])
