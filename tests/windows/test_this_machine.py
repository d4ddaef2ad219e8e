"""This machine itself: its own netsh, its own filter engine, both ways to its PowerShell."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pywfp_ps.cli import main

pytestmark = [pytest.mark.windows, pytest.mark.slow, pytest.mark.timeout(900)]


def wfp(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def rows(*words: str | Path) -> list[dict[str, Any]]:
    result = wfp(*words, "--json")
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture(scope="module")
def connected() -> Iterator[tuple[int, int]]:
    """Ports of a TCP connection of this process with itself, which the engine has let pass."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
        server.accept()[0],
    ):
        yield client.getsockname()[1], server.getsockname()[1]


@pytest.fixture(scope="module", params=["child", "inprocess"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with this machine in it, collected while the connection stands."""
    request.getfixturevalue("connected")
    if request.param == "inprocess" and importlib.util.find_spec("pythonnet") is None:
        pytest.skip("pythonnet is not installed: install the extra local")
    folder = tmp_path_factory.mktemp(request.param) / "store"
    result = wfp("collect", "--local", "--transport", request.param, "--store", folder)
    assert result.exit_code == 0, result.stderr
    return folder


def test_it_is_collected_whole(store: Path) -> None:
    (host,) = rows("hosts", "--store", store)
    assert (host["outcome"], host["complete"], host["elevated"]) == ("ok", True, True)
    assert host["filters"] > 50


def test_its_context_came(store: Path) -> None:
    empty = [
        view
        for view in ("services", "drivers", "listeners", "routes", "firewall_rules", "interfaces")
        if not rows("sql", "--store", store, f"FROM {view} LIMIT 1")
    ]
    assert empty == []


def test_a_connection_of_ours_is_an_endpoint(store: Path, connected: tuple[int, int]) -> None:
    local, remote = connected
    found = rows(
        *("sql", "--store", store),
        f"FROM endpoints WHERE local_port = {local} AND remote_port = {remote}",
    )
    assert len(found) >= 1


def test_a_connection_of_ours_is_not_explained_as_blocked(
    store: Path, connected: tuple[int, int]
) -> None:
    local, remote = connected
    (answer,) = rows(
        *("explain", "--store", store, "--loopback"),
        *("--local", f"127.0.0.1:{local}", "--remote", f"127.0.0.1:{remote}"),
    )
    assert answer["verdict"] != "block"


def test_what_is_connected_passes(store: Path) -> None:
    assert wfp("selftest", "--store", store).exit_code == 0


@pytest.mark.parametrize("transport", ["child", "inprocess"])
def test_it_can_be_tried_and_its_bundle_read(tmp_path: Path, transport: str) -> None:
    if transport == "inprocess" and importlib.util.find_spec("pythonnet") is None:
        pytest.skip("pythonnet is not installed: install the extra local")
    bundle = tmp_path / "b.zip"
    result = wfp("field-test", "--transport", transport, "--out", bundle, "--json")
    assert result.exit_code in (0, 1), result.stderr
    told = [json.loads(line) for line in result.stdout.splitlines()]
    odd = [row for row in told if "another form" in row["seen"]]
    assert odd == [], "the functions and the checks do not mean the same"
    assert wfp("import", bundle, "--store", tmp_path / "s").exit_code == 0


def test_nothing_is_left_behind() -> None:
    temp = Path(os.environ["SystemRoot"]) / "Temp"  # noqa: SIM112 - Windows' own name
    assert sorted(path.name for path in temp.glob("pywfp-*")) == []
