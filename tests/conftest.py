"""What every room's tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def samples() -> Path:
    """Folder of real samples: ``WFP_SAMPLES``, or ``shared/samples`` beside the checkout."""
    named = os.environ.get("WFP_SAMPLES")
    folder = Path(named) if named else _ROOT.parent / "shared" / "samples"
    if not folder.is_dir():
        pytest.skip("no folder of real samples; name one in WFP_SAMPLES")
    return folder
