from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from pywfp_ps.transports import load

_EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def test_the_example_lists_blocks(tmp_path: Path) -> None:
    dump = load("lab.write")(1, 1, tmp_path)[0]
    done = subprocess.run(
        [sys.executable, _EXAMPLES / "blocks.py", dump], capture_output=True, text=True, check=True
    )
    assert "FWPM_LAYER_ALE_AUTH_RECV_ACCEPT_V4" in done.stdout
