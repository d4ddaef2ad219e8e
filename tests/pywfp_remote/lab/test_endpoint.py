"""pypsrp's own classes against the practice endpoint: it is no mirror of our client."""

from __future__ import annotations

from pathlib import Path

import pytest

from pywfp_remote.lab.host import Way
from tests.pywfp_remote.lab.lab_rig import DUMP, client, lab_host, served, state_of


@pytest.mark.parametrize("way", list(Way))
def test_every_way_in_brings_the_dump(way: Way, tmp_path: Path) -> None:
    host = lab_host("web-001", way)
    with served(host) as practice:
        folder = tmp_path if way.is_tls else None
        assert state_of(client(practice, host, folder)) == DUMP
