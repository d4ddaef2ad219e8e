"""Runs every benchmark and writes the table: ``python -m benchmarks [NAME...]``."""

from __future__ import annotations

import importlib
import os
import platform
import sys
from pathlib import Path

_HERE = Path(__file__).parent
_TARGET = _HERE / "results.md"
_HEAD = """\
# Benchmarks

Made by `make bench`: each row has both sides measured in the same run, median of 3. Ratios travel;
seconds do not.
"""


def main() -> None:
    """Runs the benchmarks named, or all, and prints what `results.md` gets."""
    known = sorted(path.stem for path in _HERE.glob("[a-z]*.py"))
    names = sys.argv[1:] or known
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    lines = [
        _HEAD,
        f"{machine}, Python {platform.python_version()}.\n",
        "| what | ours | beside it | ratio | budget |",
        "|---|---|---|---|---|",
    ]
    for name in names:
        for row in importlib.import_module(f"benchmarks.{name}").rows():
            lines.append("| " + " | ".join(str(cell) for cell in row) + " |")
            print(lines[-1], flush=True)
    if names == known:
        _TARGET.write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
