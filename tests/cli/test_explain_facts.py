"""Facts of practice hosts in the answers: collected as real ones are, read back from the store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pywfp_ps.cli.facts import facts_for
from pywfp_ps.collect.visiting import Plan
from pywfp_ps.explain import Engine, Facts
from pywfp_ps.explain.derive import KINDS
from pywfp_ps.explain.said import Said, flow_of
from pywfp_ps.explain.selftest import self_test
from pywfp_ps.fleet.fanout import Limits
from pywfp_ps.store import Store
from tests.cli.conftest import Wfp
from tests.collect.fleet_rig import collected, fleet_of, targets_of

HOSTS = 3
_PLAN = Plan(limits=Limits(retries=0, retry_pause=0, seconds=120))
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with what three practice hosts told."""
    base = tmp_path_factory.mktemp("facts")
    with fleet_of(HOSTS, base / "fleet") as inventory:
        store = Store.open(base / "store", create=True)
        _, outcomes = collected(store, targets_of(inventory), _PLAN)
        assert {one.outcome for one in outcomes.values()} == {"ok"}
        store.close()
    return base / "store"


def _hosts(store: Store) -> Iterator[tuple[str, Engine, Facts]]:
    for line in store.hosts():
        run = line.snapshot_run_id or ""
        snapshot = store.snapshot(line.host, run)
        facts = facts_for(store, line.host, run, snapshot)
        yield line.host, Engine(snapshot, facts), facts


def test_every_kind_of_facts_comes_back(folder: Path) -> None:
    with Store.open(folder) as store:
        for line in store.hosts():
            run = line.snapshot_run_id or ""
            context, began = store.context(line.host, run, KINDS)
            assert context is not None
            assert began is None
            assert {kind for kind in KINDS if not getattr(context, kind)} == set()


def test_the_endpoints_of_a_host_do_not_contradict_its_facts(folder: Path) -> None:
    with Store.open(folder) as store:
        for host, engine, facts in _hosts(store):
            assert facts.doubts == (), host
            with_facts = self_test(engine)
            assert with_facts.contradictions == (), host
            assert with_facts.policy >= self_test(Engine(engine.snapshot)).policy, host


def test_the_program_behind_every_port_is_known(folder: Path) -> None:
    with Store.open(folder) as store:
        for host, engine, facts in _hosts(store):
            local = next(str(one) for one in facts.interfaces if _is_wire(str(one)))
            ports = {one.local_port for one in facts.listeners or () if one.protocol == 6}
            assert ports, host
            for port in sorted(ports):
                said = Said(direction="in", local=f"{local}:{port}", remote="192.0.2.77:50000")
                answer = engine.explain(flow_of(said))
                assert answer.listening is True
                sources = [one for one in answer.assumptions if "which holds TCP" in one]
                assert len(sources) == 1, (host, port)
                assert "FWPM_CONDITION_ALE_APP_ID" not in answer.unknowns, (host, port)


def _is_wire(text: str) -> bool:
    return not text.startswith(("127.", "172.")) and ":" not in text


def test_that_nothing_listens_is_said_in_the_first_line(wfp: Wfp, folder: Path) -> None:
    with Store.open(folder) as store:
        host, _, facts = next(_hosts(store))
    local = next(str(one) for one in facts.interfaces if _is_wire(str(one)))
    question = ("explain", "--store", folder, "--host", host, "--direction", "in", "--as", "user")
    ends = ("--local", f"{local}:9", "--remote", "192.0.2.77:50000")
    (row,) = wfp(*question, *ends, "--json").rows
    assert row["listening"] is False
    assert any(note.startswith("nothing listens on TCP 9") for note in row["notes"])
    line = wfp(*question, *ends, "--brief").out
    assert ("nothing listens" in line) == (row["policy_verdict"] != "block")


def test_an_alias_and_a_route_stand_for_interface_and_address(wfp: Wfp, folder: Path) -> None:
    with Store.open(folder) as store:
        host, _, facts = next(_hosts(store))
    question = ("explain", "--store", folder, "--host", host, "--remote", "203.0.113.9:443")
    (row,) = wfp(*question, "--json").rows
    address = next(one for one in row["assumptions"] if one.startswith("local address"))
    assert address.endswith("(routes, interfaces)")
    (row,) = wfp(*question, "--interface", "ethernet", "--json").rows
    (luid,) = {one.luid for one in facts.links or () if one.alias == "Ethernet"}
    assert row["assumptions"][0] == f"the interface named 'ethernet' is {luid} (interfaces)"
