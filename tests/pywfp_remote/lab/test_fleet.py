"""Starting and ending a practice fleet, and what its inventory says."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import yaml

from pywfp_ps.errors import UsageError
from pywfp_remote.lab import control
from pywfp_remote.lab.control import STATE
from pywfp_remote.lab.faults import FAULTS, faults_of, parse_rules
from pywfp_remote.lab.fleet import LabError, LabStatus, down, status, up
from pywfp_remote.lab.gen_plan import name_of
from pywfp_remote.lab.host import Way
from pywfp_remote.lab.plan import make_plan

_ROOT = Path(__file__).resolve().parents[3]
TINY = "tests.pywfp_remote.lab.lab_rig:tiny"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for a fleet; whatever runs there at the end is ended."""
    monkeypatch.setenv("PYTHONPATH", str(_ROOT))
    place = tmp_path / "lab"
    yield place
    down(place)


def test_up_serves_and_down_ends(folder: Path) -> None:
    begun = up(4, folder, backend=TINY)
    assert (begun.running, begun.state and begun.state.hosts) == (True, 4)
    assert psutil.pid_exists(begun.pid)
    assert down(folder) is True
    assert not psutil.pid_exists(begun.pid)
    assert status(folder) == LabStatus(
        folder=folder, inventory=folder / "inventory.yml", running=False
    )
    assert down(folder) is False


def test_second_up_in_the_same_words_finds_the_first(folder: Path) -> None:
    first = up(2, folder, backend=TINY, seed=3)
    assert up(2, folder, backend=TINY, seed=3).pid == first.pid
    with pytest.raises(UsageError, match="another practice fleet of 2 hosts"):
        up(3, folder, backend=TINY)


@pytest.mark.parametrize("name", ["inventory.yml", "ca.pem", "client.key"])
def test_up_spares_files_that_no_fleet_made(folder: Path, name: str) -> None:
    folder.mkdir()
    (folder / name).write_text("mine")
    with pytest.raises(UsageError, match=f"{name} is of no practice fleet; choose another"):
        up(2, folder, backend=TINY)
    assert {path.name: path.read_text() for path in folder.iterdir()} == {name: "mine"}


def test_up_takes_over_from_a_fleet_that_died(folder: Path) -> None:
    first = up(2, folder, backend=TINY)
    psutil.Process(first.pid).kill()
    psutil.wait_procs([psutil.Process(first.pid)], 10)
    assert (folder / STATE).exists()
    assert not status(folder).running
    assert up(2, folder, backend=TINY).pid != first.pid


def test_stale_file_with_a_stranger_behind_its_port_is_no_fleet(folder: Path) -> None:
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        stranger.close()
        (folder / STATE).write_text(f'{{"pid":{os.getpid()},"port":1,"token":"x"}}')
    assert down(folder) is False
    assert not (folder / STATE).exists()


def test_a_fleet_that_does_not_answer_is_not_forgotten(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "PATIENCE", 0.1)
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        running = control.Running(pid=7, port=silent.getsockname()[1], token="x")
        control.write_running(folder, running)
        for ask in (status, down, lambda place: up(1, place, backend=TINY)):
            with pytest.raises(LabError, match="the process 7 has not answered"):
                ask(folder)
    assert (folder / STATE).exists()


def test_taken_port_is_named(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(LabError, match=f"port {port}"):
            up(1, folder, backend=TINY, first_port=port)
    assert not status(folder).running


def test_secrets_stay_in_the_folder(folder: Path) -> None:
    begun = up(3, folder, backend=TINY)
    inventory = begun.inventory.read_text()
    passwords = {
        variables["ansible_password"]
        for _, variables in _hosts(begun.inventory)
        if "ansible_password" in variables
    }
    assert len(passwords) >= 2
    process = psutil.Process(begun.pid)
    seen = " ".join(process.cmdline()) + (folder / "lab.log").read_text()
    assert not any(password in seen for password in passwords)
    assert all(password in inventory for password in passwords)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert set(modes.values()) == {0o600}
    assert "plan.json" not in modes


def test_inventory_names_each_way(folder: Path) -> None:
    begun = up(10, folder, backend=TINY, faults=["wrong-password=web-001", "dns=web-002"])
    found = dict(_hosts(begun.inventory))
    kinds = {
        (name.partition("-")[0], v["ansible_psrp_protocol"], v["ansible_psrp_auth"])
        for name, v in found.items()
    }
    assert kinds == {
        ("web", "http", "ntlm"),
        ("app", "http", "ntlm"),
        ("desk", "http", "ntlm"),
        ("file", "http", "ntlm"),
        ("db", "https", "negotiate"),
        ("dc", "https", "certificate"),
    }
    assert found["web-002"]["ansible_host"] == "web-002.invalid"
    assert "ansible_password" not in found["dc-001"]
    assert Path(found["dc-001"]["ansible_psrp_certificate_pem"]).exists()


def test_ansible_reads_the_inventory(folder: Path) -> None:
    begun = up(8, folder, backend=TINY)
    listed = subprocess.run(
        [
            str(Path(sys.executable).parent / "ansible-inventory"),
            "-i",
            str(begun.inventory),
            "--graph",
        ],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "ANSIBLE_LOCALHOST_WARNING": "false", "LC_ALL": "C.UTF-8"},
    ).stdout
    assert {name for name, _ in _hosts(begun.inventory)} <= set(listed.replace("|--", " ").split())


def test_names_are_the_generator_s() -> None:
    plan = make_plan(26)
    assert [host.name for host in plan.hosts] == [name_of(number) for number in range(26)]
    assert len({host.password for host in plan.hosts}) == 26


def test_rules_choose_hosts() -> None:
    rules = parse_rules(["slow=web-*", "quota=db-001,dc-00?", "html=3n+1"])
    found = {name: faults_of(name, rules) for name in ("web-001", "db-001", "dc-002", "web-004")}
    assert found == {
        "web-001": {"slow", "html"},
        "db-001": {"quota", "html"},
        "dc-002": {"quota"},
        "web-004": {"slow", "html"},
    }


@pytest.mark.parametrize("rule", ["no-such=web", "quota", "quota=", "=web"])
def test_rule_that_is_none_is_refused(rule: str) -> None:
    with pytest.raises(UsageError, match="fault"):
        parse_rules([rule])


def test_rule_that_meets_no_host_is_refused() -> None:
    with pytest.raises(UsageError, match="no host has a name like mail-"):
        make_plan(3, faults=["quota=mail-*"])


@pytest.mark.parametrize(
    ("hosts", "latency_ms", "hours"), [(0, 0, 1), (99_999, 0, 1), (1, -1, 1), (1, 0, 0)]
)
def test_number_out_of_range_is_refused(hosts: int, latency_ms: float, hours: float) -> None:
    with pytest.raises(UsageError, match="must be"):
        make_plan(hosts, latency_ms=latency_ms, hours=hours)


def test_fault_brings_the_way_it_needs() -> None:
    plan = make_plan(4, faults=["tls-name=web-001", "clear-answer=db-001"])
    assert {h.name: h.way for h in plan.hosts if h.faults} == {
        "web-001": Way.NEGOTIATE,
        "db-001": Way.NTLM,
    }


def test_every_fault_has_a_line() -> None:
    assert all(fault.doc.endswith(".") and len(fault.doc) < 90 for fault in FAULTS.values())


def test_secrets_are_not_in_reprs() -> None:
    plan = make_plan(1)
    assert plan.hosts[0].password not in f"{plan!r}{plan.hosts!r}"


def _hosts(inventory: Path) -> Iterator[tuple[str, dict[str, str]]]:
    for group in yaml.safe_load(inventory.read_text())["all"]["children"].values():
        yield from group["hosts"].items()
