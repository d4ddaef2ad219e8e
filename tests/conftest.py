"""What every room's tests share."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Where the tests run in the background, Ctrl-C is ignored, and so would it be by what they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A loaded machine is slow, not wrong. What decides on a change tries the same examples each time;
# everybody else's runs try fresh ones.
settings.register_profile(
    "usual",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("usual")

_LIVE = "WFP_LIVE"
_ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def samples() -> Path:
    """Folder of real samples: ``WFP_SAMPLES``, or ``shared/samples`` beside the checkout."""
    named = os.environ.get("WFP_SAMPLES")
    folder = Path(named) if named else _ROOT.parent / "shared" / "samples"
    if not folder.is_dir():
        pytest.skip("no folder of real samples; name one in WFP_SAMPLES")
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips what this machine cannot run, saying what it lacks."""
    lacks = {"windows": _no_windows(), "live": _no_host()}
    for item in items:
        for mark, reason in lacks.items():
            if reason and item.get_closest_marker(mark) is not None:
                item.add_marker(pytest.mark.skip(reason=reason))


def _no_windows() -> str | None:
    if sys.platform != "win32":
        return "needs a real Windows machine with its own netsh and filter engine"
    import ctypes

    if not ctypes.windll.shell32.IsUserAnAdmin():
        return "needs an elevated administrator: the filter engine answers nobody else"
    return None


def _no_host() -> str | None:
    return None if os.environ.get(_LIVE) else f"needs a real remote host: name one in {_LIVE}"
