"""The commands explain, path, fields and selftest, called as people call them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from pywfp_ps.model.objects import AleEndpoint, Node, Snapshot, Statistics
from pywfp_ps.write import write_state
from tests.cli.conftest import Call, Wfp
from tests.explain.small import ACCEPT, CONNECT, DRIVER, UPPER, on, policy, rule

QUESTION = ("--direction", "out", "--remote", "203.0.113.10:443", "--local", "192.0.2.10")


def _endpoint(local: str, remote: str) -> AleEndpoint:
    from ipaddress import ip_address

    return AleEndpoint(
        id=1, ip_version=4, local_address=ip_address(local), remote_address=ip_address(remote),
        local_port=50000, remote_port=443, protocol=6, app_id="System",
    )  # fmt: skip


def _dump(snapshot: Snapshot) -> bytes:
    """The snapshot as netsh prints it, taken now; callouts must stand at a layer."""
    callouts = tuple(replace(one, layer=CONNECT) for one in snapshot.callouts)
    counters = Statistics(kind="ipsec", tree=Node("ipsecStatistics"))
    return write_state(
        replace(snapshot, callouts=callouts, taken_at=datetime.now(UTC), statistics=(counters,))
    )


@pytest.fixture
def store(wfp: Wfp, tmp_path: Path) -> Path:
    web = policy(
        rule(1, "PERMIT", sublayer=UPPER),
        rule(2, "BLOCK", on("IP_REMOTE_PORT", 443)),
        endpoints=(_endpoint("192.0.2.10", "203.0.113.1"),),
    )
    hostile = "\x9b31mevil\u202e"
    db = policy(
        replace(rule(3, "PERMIT"), name=hostile),
        rule(4, "CALLOUT_TERMINATING", callout=DRIVER, sublayer=UPPER),
        rule(5, "BLOCK", layer=ACCEPT),
        endpoints=(_endpoint("192.0.2.20", "203.0.113.1"),),
    )
    for name, snapshot in (("web-01", web), ("web-02", web), ("db-01", db)):
        file = tmp_path / f"{name}.xml"
        file.write_bytes(_dump(snapshot))
        assert wfp("import", file, "--store", tmp_path / "st").code == 0
    return tmp_path / "st"


def _ask(wfp: Wfp, store: Path, *words: str) -> Call:
    return wfp("explain", "--store", store, *words)


def test_one_json_line_a_host_has_the_agreed_shape(wfp: Wfp, store: Path) -> None:
    (row,) = _ask(wfp, store, "--host", "web-01", *QUESTION, "--json").rows
    assert {key: row[key] for key in ("host", "verdict", "certain", "policy_verdict")} == {
        "host": "web-01", "verdict": "block", "certain": True, "policy_verdict": "block",
    }  # fmt: skip
    assert row["outcomes"][0] == {
        "when": "always", "verdict": "block", "layer": None, "filter_id": None,
    }  # fmt: skip
    deciding = {key: row["deciding"][key] for key in ("layer", "filter_id", "name", "rule")}
    assert deciding == {"layer": CONNECT, "filter_id": 2, "name": "rule 2", "rule": None}
    assert (row["overriders"], row["unknowns"]) == ([], [])
    assert set(row["snapshot"]) >= {"run_id", "taken_at", "complete"}
    layer = next(one for one in row["layers"] if one["layer"] == CONNECT)
    sub = next(one for one in layer["sublayers"] if one["filter_id"] == 2)
    assert (layer["step"], layer["phase"], layer["verdict"], layer["filter_id"]) == (
        4, "connect", "block", 2,
    )  # fmt: skip
    assert {key: sub[key] for key in ("action", "clear_action_right", "candidates")} == {
        "action": "block", "clear_action_right": False, "candidates": [2],
    }  # fmt: skip


def test_the_first_line_is_the_answer(wfp: Wfp, store: Path) -> None:
    out = _ask(wfp, store, "--host", "web-01", *QUESTION).out.splitlines()
    assert out[0] == "web-01: BLOCK: filter 2 'rule 2' (MPSSVC, at ALE_AUTH_CONNECT_V4)"
    assert "connect  ALE_AUTH_CONNECT_V4         block   block   2" in out


def test_what_a_host_sends_cannot_move_the_cursor(wfp: Wfp, store: Path) -> None:
    for words in ([], ["--brief"], ["--markdown"], ["--json"]):
        out = _ask(wfp, store, "--host", "db-01", *QUESTION, *words).out
        assert "evil" in out
        assert "\x9b" not in out
        assert "\u202e" not in out


def test_the_first_line_names_who_may_override(wfp: Wfp, store: Path) -> None:
    out = _ask(wfp, store, "--host", "db-01", *QUESTION, "--brief").out
    assert "PERMIT by the filters" in out
    assert "may still be dropped by driver 0" in out


def test_hosts_with_the_same_reason_stand_together(wfp: Wfp, store: Path) -> None:
    out = _ask(wfp, store, *QUESTION).out.splitlines()
    assert out[0] == "2 hosts BLOCK: 'rule 2' at ALE_AUTH_CONNECT_V4"
    assert [line.split(":")[0] for line in out[1:3]] == ["  web-01", "  web-02"]
    assert out[3].startswith("1 host PERMIT")


@pytest.mark.parametrize(
    ("host", "words", "code"),
    [
        ("web-01", ("--expect", "block"), 0),
        ("web-01", ("--expect", "permit"), 1),
        ("db-01", ("--expect", "permit"), 0),
        ("db-01", ("--expect", "permit", "--strict"), 1),
        ("web*", ("--expect", "block", "--strict"), 0),
    ],
)
def test_expect_makes_it_a_check(
    wfp: Wfp, store: Path, host: str, words: tuple[str, ...], code: int
) -> None:
    assert _ask(wfp, store, "--host", host, *QUESTION, *words, "--brief").code == code


def test_a_page_for_a_ticket_is_markdown(wfp: Wfp, store: Path) -> None:
    out = _ask(wfp, store, "--host", "web-01", *QUESTION, "--markdown").out
    assert out.startswith("# web-01: BLOCK: filter 2 'rule 2'")
    assert "| connect | ALE\\_AUTH\\_CONNECT\\_V4 | block | block | 2 |" in out


def test_both_ends_are_joined(wfp: Wfp, store: Path) -> None:
    call = _ask(wfp, store, "--from", "db-01", "--to", "web-01:80", "--as", "user")
    assert call.out.splitlines()[0] == "PERMIT: leaving db-01 permit, arriving at web-01 permit"
    call = _ask(wfp, store, "--from", "web-01", "--to", "db-01:443", "--json")
    assert [(row["host"], row["policy_verdict"]) for row in call.rows] == [
        ("web-01", "block"), ("db-01", "block"),
    ]  # fmt: skip


def test_one_layer_alone(wfp: Wfp, store: Path) -> None:
    (row,) = _ask(wfp, store, "--host", "web-01", *QUESTION, "--layer", "connect", "--json").rows
    assert [layer["layer"] for layer in row["layers"]] == [CONNECT]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--host", "nobody", *QUESTION), "nobody"),
        (("--host", "web-01", "--remote", "1.2.3.4", "--local", "::1"), "do not go together"),
        (("--host", "web-01", "--remote", "1.2.3.4:443", "--protocol", "icmp"), "has no ports"),
        (("--host", "web-01", *QUESTION, "--app", "chrome"), "neither a DOS path"),
        (("--host", "web-01", *QUESTION, "--user", "bob"), "is no SID"),
        (("--host", "web-01", *QUESTION, "--layer", "accept"), "no layer on the path"),
        (("--host", "web-01", *QUESTION, "--json", "--brief"), "choose one of"),
        (("--from", "web-01"), "go together"),
        (("--from", "web-01", "--to", "db-01"), "no host and port"),
        (("--from", "web-01", "--to", "db-01:443", "--host", "web-02"), "leave out --host"),
        (("--from", "web-01", "--to", "db-01:443", "--layer", "accept"), "leave out --host"),
        (("--host", "web-01", *QUESTION, "--listener-app", "System"), "go with --to"),
        (("--host", "web-01", *QUESTION, "--strict"), "goes with --expect"),
    ],
)
def test_bad_input_is_one_line_and_code_2(
    wfp: Wfp, store: Path, words: tuple[str, ...], problem: str
) -> None:
    call = _ask(wfp, store, *words)
    assert (call.code, call.out) == (2, "")
    assert problem in call.error


def test_an_incomplete_snapshot_is_told_in_the_first_line(wfp: Wfp, tmp_path: Path) -> None:
    data = _dump(policy(rule(1, "PERMIT")))
    file = tmp_path / "cut.xml"
    file.write_bytes(data[: data.index(b"</layers>") + 9])
    wfp("import", file, "--store", tmp_path / "st2")
    call = _ask(wfp, tmp_path / "st2", *QUESTION, "--brief", "--partial")
    assert "not read to its end" in call.out


def test_path_lists_the_layers_in_order(wfp: Wfp) -> None:
    rows = wfp(
        "path", "--direction", "in", "--protocol", "udp", "--local", "[::1]:53", "--json"
    ).rows
    assert [(row["phase"], row["layer"].removeprefix("FWPM_LAYER_")) for row in rows] == [
        ("bind", "ALE_BIND_REDIRECT_V6"),
        ("bind", "ALE_RESOURCE_ASSIGNMENT_V6"),
        ("packet", "INBOUND_IPPACKET_V6"),
        ("packet", "INBOUND_TRANSPORT_V6"),
        ("accept", "ALE_AUTH_RECV_ACCEPT_V6"),
        ("data", "ALE_FLOW_ESTABLISHED_V6"),
        ("data", "DATAGRAM_DATA_V6"),
    ]


def test_fields_lists_what_filters_use_and_how_it_is_filled(wfp: Wfp, store: Path) -> None:
    (row,) = wfp("fields", "web-01", "--store", store, "--json").rows
    assert row == {
        "host": "web-01",
        "field": "FWPM_CONDITION_IP_REMOTE_PORT",
        "filters": 1,
        "layers": [CONNECT],
        "given_by": "--remote, --icmp",
        "else_is": "unknown",
    }


def test_selftest_finds_what_cannot_be(wfp: Wfp, store: Path) -> None:
    call = wfp("selftest", "--store", store, "--json")
    found = {row["host"]: (row["endpoints"], len(row["contradictions"])) for row in call.rows}
    assert found == {"db-01": (1, 0), "web-01": (1, 0), "web-02": (1, 0)}
    assert call.code == 0


def test_the_answer_is_one_line_of_json_that_reads_back(wfp: Wfp, store: Path) -> None:
    out = _ask(wfp, store, "--host", "db-01", *QUESTION, "--json").out
    assert len(out.splitlines()) == 1
    assert json.loads(out)["models_version"] >= 1


def test_each_filter_that_could_be_the_one_is_named(wfp: Wfp, tmp_path: Path) -> None:
    web = policy(
        rule(1, "BLOCK", on("ORIGINAL_PROFILE_ID", 1, kind="UINT32"), sublayer=UPPER),
        rule(2, "BLOCK"),
    )
    file = tmp_path / "web-01.xml"
    file.write_bytes(_dump(web))
    assert wfp("import", file, "--store", tmp_path / "st").code == 0
    out = _ask(wfp, tmp_path / "st", *QUESTION, "--brief").out
    assert "BLOCK: filter 1 'rule 1' or 2 'rule 2'" in out


def test_an_open_flag_is_not_laid_on_what_was_assumed_of_another(wfp: Wfp, tmp_path: Path) -> None:
    web = policy(rule(1, "BLOCK", on("FLAGS", 1, "FLAGS_ALL_SET", kind="UINT32")))
    file = tmp_path / "web-01.xml"
    file.write_bytes(_dump(web))
    assert wfp("import", file, "--store", tmp_path / "st").code == 0
    out = _ask(wfp, tmp_path / "st", "--local", "192.0.2.10", "--direction", "out").out
    assert "(whether it is loopback is not said)" in out
    assert "(not protected by IPsec)" not in out


def test_filters_of_equal_weight_are_told_with_what_each_would_do(wfp: Wfp, tmp_path: Path) -> None:
    file = tmp_path / "web-01.xml"
    file.write_bytes(_dump(policy(rule(1, "PERMIT", weight=7), rule(2, "BLOCK", weight=7))))
    assert wfp("import", file, "--store", tmp_path / "st").code == 0
    out = _ask(wfp, tmp_path / "st", *QUESTION, "--brief").out
    assert "UNKNOWN: permit if filter 1 is asked before" in out
    assert "block if filter 2 is asked before" in out
    assert "unknown, unless" not in out
