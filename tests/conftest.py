"""What every room's tests share."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Where the tests run in the background, Ctrl-C is ignored, and so would it be by what they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A loaded machine is slow, not wrong.
settings.register_profile("usual", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("usual")

_ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def samples() -> Path:
    """Folder of real samples: ``WFP_SAMPLES``, or ``shared/samples`` beside the checkout."""
    named = os.environ.get("WFP_SAMPLES")
    folder = Path(named) if named else _ROOT.parent / "shared" / "samples"
    if not folder.is_dir():
        pytest.skip("no folder of real samples; name one in WFP_SAMPLES")
    return folder
