"""Made-up hosts: the same from the same seed, whole, of the right size, and nobody's."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import sys
from ipaddress import IPv4Interface, IPv6Interface, ip_interface
from pathlib import Path
from uuid import UUID

import pytest
from msgspec.structs import replace

from pywfp_ps.explain.lint import lint
from pywfp_ps.model.identity import OwnPlaces, shape_id
from pywfp_ps.model.objects import Filter, Snapshot
from pywfp_ps.model.origin import rule_number, rules_of
from pywfp_ps.model.tables import tables
from pywfp_ps.read import read_state
from pywfp_ps.write import write_state
from pywfp_remote.lab.gen_plan import BLOCK, DIFFERENCES, make_plan
from pywfp_remote.lab.generate import MadeHost, make_fleet, make_host, write_fleet


@pytest.fixture(scope="module")
def fleet() -> list[MadeHost]:
    return list(make_fleet(BLOCK, 7))


def test_the_same_seed_gives_the_same_bytes_in_any_process() -> None:
    script = (
        "import hashlib; from pywfp_remote.lab.generate import make_host;"
        "from pywfp_ps.write import write_state;"
        "host = make_host(3, 11, filters=700);"
        "text = write_state(host.snapshot) + repr((host.facts, host.context)).encode();"
        "print(hashlib.sha256(text).hexdigest())"
    )
    host = make_host(3, 11, filters=700)
    here = write_state(host.snapshot) + repr((host.facts, host.context)).encode()
    for seed in ("0", "4711"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, check=True
        )
        assert done.stdout.decode().strip() == hashlib.sha256(here).hexdigest()


def test_a_host_does_not_depend_on_the_hosts_before_it(fleet: list[MadeHost]) -> None:
    assert make_host(17, 7) == fleet[17]


def test_another_seed_gives_other_hosts(fleet: list[MadeHost]) -> None:
    assert make_host(0, 8).snapshot != fleet[0].snapshot


def test_a_dump_has_the_size_of_a_real_one(fleet: list[MadeHost]) -> None:
    for host in fleet:
        if "firewall-off" in host.differences:
            continue
        dump = write_state(host.snapshot)
        assert 1000 <= len(host.snapshot.filters) <= 1030, host.name
        assert 3_200_000 <= len(dump) <= 3_600_000, host.name
        assert 165_000 <= len(gzip.compress(dump, 6)) <= 195_000, host.name


def test_a_dump_reads_back_as_it_was_made(fleet: list[MadeHost]) -> None:
    for host in fleet:
        read = read_state(write_state(host.snapshot))
        assert read == replace(host.snapshot, completeness=read.completeness), host.name
        assert read.is_complete


@pytest.mark.parametrize("index", range(BLOCK))
def test_every_reference_resolves(fleet: list[MadeHost], index: int) -> None:
    snapshot = fleet[index].snapshot
    sublayers = {one.const_name for one in snapshot.sublayers}
    providers = {one.const_name for one in snapshot.providers}
    contexts = {one.const_name for one in snapshot.contexts}
    callouts = {(one.layer, one.const_name) for one in snapshot.callouts}
    for filter_ in snapshot.filters:
        assert filter_.sublayer in sublayers, filter_
        assert filter_.provider is None or filter_.provider in providers, filter_
        assert filter_.provider_context is None or filter_.provider_context in contexts, filter_
        assert filter_.is_callout == (filter_.callout is not None), filter_
        assert not filter_.callout or (filter_.layer, filter_.callout) in callouts, filter_
        has_context = "FWPM_FILTER_FLAG_HAS_PROVIDER_CONTEXT" in filter_.flags
        assert has_context == (filter_.provider_context is not None), filter_
        assert has_context == (filter_.raw_context is None), filter_
    owners = {one.provider for one in snapshot.callouts}
    owners |= {one.provider for one in snapshot.sublayers}
    owners |= {one.provider for one in snapshot.contexts}
    assert owners - {None} <= providers
    sessions = {one.key for one in snapshot.sessions}
    assert {one.session_key for one in snapshot.subscriptions} <= sessions


_FOUND = {"vpn-kill-switch": {"hard-permit"}, "unregistered-callout": {"unregistered-callout"}}
"""What is worth a finding; stock policy, as on real machines, is not."""


def test_lint_finds_what_was_put_there_and_nothing_else(fleet: list[MadeHost]) -> None:
    found = {
        host.name: {one.kind for one in lint(host.snapshot) if not one.minor} for host in fleet
    }
    assert found == {
        host.name: set().union(*(_FOUND.get(one, set()) for one in host.differences))
        for host in fleet
    }


def test_ids_and_keys_are_unique(fleet: list[MadeHost]) -> None:
    for host in fleet:
        state = host.snapshot
        for held in (
            [one.id for one in state.filters],
            [one.key for one in state.filters],
            [one.key for one in state.contexts],
            [one.id for one in state.contexts],
            [one.key for one in state.sublayers],
            [one.weight for one in state.sublayers],
            [one.key for one in state.providers],
            [one.id for one in state.callouts],
            [one.id for one in state.endpoints],
        ):
            assert len(held) == len(set(held)), host.name


def test_conditions_test_fields_that_the_layer_has_by_their_type(fleet: list[MadeHost]) -> None:
    for host in fleet:
        fields = {
            (layer.const_name, field.name): field.data_type
            for layer in host.snapshot.layers
            for field in layer.fields
        }
        for filter_ in host.snapshot.filters:
            for condition in filter_.conditions:
                held = condition.bound_type or condition.type
                if held == "FWP_SECURITY_DESCRIPTOR_TYPE":
                    held = "FWP_TOKEN_ACCESS_INFORMATION_TYPE"
                assert fields.get((filter_.layer, condition.field)) == held, filter_


def test_filters_of_one_rule_share_a_number_and_a_name(fleet: list[MadeHost]) -> None:
    for host in fleet:
        names: dict[int, set[str | None]] = {}
        for filter_ in host.snapshot.filters:
            number = rule_number(filter_)
            if number is not None:
                names.setdefault(number, set()).add(filter_.name)
        assert {len(found) for found in names.values()} == {1}, host.name


def test_every_block_of_the_firewall_tells_its_origin(fleet: list[MadeHost]) -> None:
    for host in fleet:
        rules = rules_of(host.snapshot)
        for filter_ in host.snapshot.filters:
            if "MPSSVC" in (filter_.provider or "") and filter_.action == "FWP_ACTION_BLOCK":
                assert rules[filter_.id].origin, filter_


def test_rules_come_in_pairs_for_re_authorisation(fleet: list[MadeHost]) -> None:
    again = [
        filter_
        for filter_ in fleet[2].snapshot.filters
        for condition in filter_.conditions
        if condition.match == "FWP_MATCH_FLAGS_ALL_SET" and condition.value == 4
    ]
    assert len(again) > 50


@pytest.mark.parametrize("seed", [1, 7, 2026])
def test_every_difference_stands_once_in_25_hosts(seed: int) -> None:
    for start in (0, BLOCK):
        found = [make_plan(start + n, seed).differences for n in range(BLOCK)]
        assert sorted(name for held in found for name in held) == sorted(DIFFERENCES)


def _of(fleet: list[MadeHost], difference: str) -> Snapshot:
    return next(host.snapshot for host in fleet if difference in host.differences)


def _at(snapshot: Snapshot, start: str) -> list[Filter]:
    return [one for one in snapshot.filters if (one.name or "").startswith(start)]


def test_the_kill_switch_is_hard_and_above_the_firewall(fleet: list[MadeHost]) -> None:
    snapshot = _of(fleet, "vpn-kill-switch")
    filters = _at(snapshot, "Tern kill switch")
    weights = {one.const_name: one.weight or 0 for one in snapshot.sublayers}
    assert {one.action for one in filters} == {"FWP_ACTION_PERMIT", "FWP_ACTION_BLOCK"}
    assert all(one.is_hard and weights[one.sublayer] > 7 for one in filters)


def test_the_removed_product_has_no_service(fleet: list[MadeHost]) -> None:
    host = next(one for one in fleet if "product-leftovers" in one.differences)
    services = {service["name"] for service in host.context["Service"]}
    gone = [one for one in host.snapshot.providers if one.name == "Pellitory Guard"]
    assert [one.service_name in services for one in gone] == [False]
    assert all(one.is_persistent for one in _at(host.snapshot, "Pellitory"))


def test_the_silenced_agent_has_no_connection(fleet: list[MadeHost]) -> None:
    for host in fleet:
        silenced = any(one.provider is None for one in host.snapshot.filters)
        assert silenced == ("silenced-agent" in host.differences)
        speaks = any("qgsensor.exe" in (one.app_id or "") for one in host.snapshot.endpoints)
        assert speaks != bool({"silenced-agent", "vpn-kill-switch"} & {*host.differences})


def test_only_the_missing_driver_leaves_a_used_callout_unregistered(fleet: list[MadeHost]) -> None:
    for host in fleet:
        used = {one.callout for one in host.snapshot.filters}
        missing = [
            one.name
            for one in host.snapshot.callouts
            if not one.is_registered and one.const_name in used
        ]
        assert bool(missing) == ("unregistered-callout" in host.differences)


def test_with_the_firewall_off_there_is_no_catch_all(fleet: list[MadeHost]) -> None:
    snapshot = _of(fleet, "firewall-off")
    assert {one.sublayer for one in snapshot.filters} & {
        "FWPM_SUBLAYER_MPSSVC_WF",
        "FWPM_SUBLAYER_MPSSVC_QUARANTINE",
    } == set()
    assert 100 < len(snapshot.filters) < 300


def test_another_language_changes_names_and_nothing_that_counts(fleet: list[MadeHost]) -> None:
    host = next(one for one in fleet if "other-language" in one.differences)
    names = {one.name for one in host.snapshot.filters}
    assert "Default Outbound" not in names
    assert host.facts["culture"] != "en-US"


def _shapes(host: MadeHost) -> set[str]:
    own = OwnPlaces(
        addresses=frozenset(one.ip for one in _addresses(host)),
        networks=frozenset(one.network for one in _addresses(host)),
    )
    return {shape_id(one, own) for one in host.snapshot.filters}


def _addresses(host: MadeHost) -> list[IPv4Interface | IPv6Interface]:
    return [ip_interface(text) for one in host.facts["interfaces"] for text in one["addresses"]]


def test_hosts_of_a_group_are_alike_but_for_the_stranger(fleet: list[MadeHost]) -> None:
    for group in ("web", "db", "app"):
        members = [one for one in fleet if one.group == group]
        plain = [one for one in members if not one.differences]
        common = _shapes(plain[0])
        assert all(len(common ^ _shapes(one)) < 60 for one in plain)
    stranger = next(one for one in fleet if "unlike-group" in one.differences)
    others = [one for one in fleet if one.group == stranger.group and one.differences == ()]
    assert not others or len(_shapes(stranger) - _shapes(others[0])) > 100


def test_hostile_names_come_on_request_and_can_be_read_back() -> None:
    host = make_host(4, 7, filters=600, hostile=True)
    names = {one.name or "" for one in host.snapshot.filters}
    assert any("\x9b" in name for name in names)
    assert any(name.startswith("=") for name in names)
    read = read_state(write_state(host.snapshot))
    assert read.filters == host.snapshot.filters


def test_the_number_of_filters_can_be_asked_for() -> None:
    assert 2000 <= len(make_host(0, 1, filters=2000).snapshot.filters) <= 2030


@pytest.mark.slow
def test_a_big_host_has_fifty_thousand_filters() -> None:
    host = make_host(14, 1, big=True)
    assert host.name == "terminal-001"
    assert 50_000 <= len(host.snapshot.filters) <= 50_050
    users = {
        str(condition.value)
        for one in host.snapshot.filters
        for condition in one.conditions
        if condition.field == "FWPM_CONDITION_ALE_USER_ID"
    }
    assert len(users) > 300


def test_a_fleet_is_big_where_it_is_asked_to_be() -> None:
    names = [make_plan(n, 1).name for n in range(BLOCK)]
    assert names.count("terminal-001") == 1


def test_a_negative_number_is_refused() -> None:
    with pytest.raises(ValueError, match="0 or more"):
        make_host(-1, 1)


def test_a_fleet_is_written_with_its_index(tmp_path: Path) -> None:
    written = write_fleet(3, 5, tmp_path / "fleet", filters=600)
    names = ["web-001", "app-001", "db-001"]
    assert written == [tmp_path / "fleet" / name / "wfpstate.xml" for name in names]
    index = json.loads((tmp_path / "fleet" / "fleet.json").read_text("utf-8"))
    assert [row["name"] for row in index["hosts"]] == names
    for row, path in zip(index["hosts"], written, strict=True):
        assert len(read_state(path.read_bytes()).filters) == row["filters"]


def test_layers_are_those_of_windows(fleet: list[MadeHost]) -> None:
    keys = {UUID(row["guid"]) for row in tables()["layers"]}
    assert {one.key for one in fleet[0].snapshot.layers} == keys
    assert [one.id for one in fleet[0].snapshot.layers] == list(range(99))
