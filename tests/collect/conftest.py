"""A practice fleet that all tests of collecting share, and a store for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pywfp_ps.store import Store
from tests.collect.fleet_rig import fleet_of

_HOSTS = 8


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Inventory of a fleet without faults: four web hosts at most, and others."""
    with fleet_of(_HOSTS, tmp_path_factory.mktemp("fleet")) as inventory:
        yield inventory


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store", create=True) as made:
        yield made
