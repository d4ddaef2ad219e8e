from __future__ import annotations

import shlex
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from pywfp_ps.model.objects import Condition, Snapshot
from pywfp_ps.store import Store
from tests.explain.small import ACCEPT, LOWER, on, policy, rule

from .conftest import Wfp

_SIDS = ("S-1-5-32-545", "S-1-5-80-859482183-879914841-863379149-1145462774-2388618682")


def _descriptor(*sids: str) -> Condition:
    entries = "".join(f"(A;;CC;;;{sid})" for sid in sids)
    return on("ALE_USER_ID", f"O:SYG:SYD:{entries}", kind="SECURITY_DESCRIPTOR_TYPE")


def _snapshot() -> Snapshot:
    """Inbound: 445 for the own network, 53 for the service Dnscache, and nothing else."""
    net = on(
        "IP_REMOTE_ADDRESS", ip_address("192.0.2.0"), kind="V4_ADDR_MASK", prefix_length=24,
        mask=ip_address("255.255.255.0"),
    )  # fmt: skip
    return policy(
        rule(11, "PERMIT", on("IP_LOCAL_PORT", 445), net, weight=9, layer=ACCEPT),
        rule(12, "PERMIT", on("IP_LOCAL_PORT", 53), _descriptor(_SIDS[1]), weight=8, layer=ACCEPT),
        rule(13, "BLOCK", weight=1, layer=ACCEPT),
    )


@pytest.fixture
def store(tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    with Store.open(folder, create=True) as opened, opened.begin_run(command="test") as run:
        run.add("web-01", _snapshot())
        run.add_outcome("web-01", "ok")
        run.add_outcome("web-02", "failed")
    return folder


_INBOUND = ("find", "--verdict", "permit", "--direction", "in", "--ip-version", "4")


def test_gives_an_example_and_the_command_that_explains_it(wfp: Wfp, store: Path) -> None:
    call = wfp(*_INBOUND, "--local-port", "445", "--protocol", "tcp", "--store", store)
    assert call.code == 0
    first, second, command = call.out.splitlines()
    assert first.startswith("web-01: yes, such a flow is permitted: in TCP 192.0.2.10:445 <- ")
    assert "filter 11 'rule 11'" in second
    words = shlex.split(command)[1:]
    answer = wfp(*words, "--json", "--store", store).rows[0]
    assert (answer["policy_verdict"], answer["deciding"]["filter_id"]) == ("permit", 11)
    assert call.err == "web-02: no snapshot, nothing asked\n"


def test_proves_that_there_is_none(wfp: Wfp, store: Path) -> None:
    words = (*_INBOUND, "--host", "web-01", "--store", store, "--local-port", "445")
    call = wfp(*words, "--remote", "198.51.100.0/24", "--no-loopback")
    assert (call.code, call.out) == (
        0, "web-01: no, no such flow is permitted: proven for 2 kinds of paths\n"
    )  # fmt: skip
    assert wfp(*words, "--remote", "198.51.100.0/24", "--expect", "found").code == 1
    assert wfp(*words, "--remote", "192.0.2.128/25", "--expect", "found").code == 0


def _found(wfp: Wfp, store: Path, *more: str) -> dict[str, Any]:
    call = wfp(*_INBOUND, "--host", "web-01", "--json", "--store", store, *more)
    (row,) = call.rows
    return row


def test_descriptors_hang_together_by_what_a_token_holds(wfp: Wfp, store: Path) -> None:
    words = ("--protocol", "udp", "--local-port", "53", "--no-loopback")
    assert _found(wfp, store, *words)["flow"]["groups"] == [_SIDS[1], "S-1-5-11"]
    assert _found(wfp, store, *words, "--as", "user")["status"] == "none"
    assert _found(wfp, store, *words, "--as", "service:Dnscache")["status"] == "found"


def test_json_carries_the_answer_whole(wfp: Wfp, store: Path) -> None:
    row = _found(wfp, store, "--local", "192.0.2.7:440-450", "--remote", "192.0.2.9:999")
    assert {name: row[name] for name in ("host", "status", "verdict", "strict", "reason")} == {
        "host": "web-01", "status": "found", "verdict": "permit", "strict": False, "reason": "",
    }  # fmt: skip
    flow = row["flow"]
    assert (flow["local_address"], flow["local_port"], flow["remote_address"]) == (
        "192.0.2.7", 445, "192.0.2.9"
    )  # fmt: skip
    assert row["explanation"]["deciding"]["filter_id"] == 11
    assert row["command"].startswith("wfp explain --host web-01 --direction in --protocol tcp ")


def test_a_flow_of_unknown_verdict_is_no_answer_but_is_named(wfp: Wfp, tmp_path: Path) -> None:
    odd = on("ALE_NAP_CONTEXT", "S-1-5-18", kind="SID")
    made = policy(rule(21, "BLOCK", odd, weight=9, layer=ACCEPT, sublayer=LOWER))
    with Store.open(tmp_path / "s", create=True) as opened, opened.begin_run(command="t") as run:
        run.add("web-01", made)
        run.add_outcome("web-01", "ok")
    call = wfp(*_INBOUND, "--protocol", "tcp", "--store", tmp_path / "s")
    first, second, command = call.out.splitlines()
    assert first == "web-01: no, no such flow is permitted: proven for 1 kind of paths"
    assert second.startswith("  but the verdict of some is unknown: in TCP ")
    words = shlex.split(command)[1:]
    assert wfp(*words, "--json", "--store", tmp_path / "s").rows[0]["policy_verdict"] == "unknown"


def test_giving_up_says_why_and_is_no_answer(wfp: Wfp, tmp_path: Path) -> None:
    app = on("ALE_APP_ID", r"\device\x\a.exe", match="GREATER", kind="BYTE_BLOB_TYPE")
    made = policy(rule(31, "PERMIT", app, layer=ACCEPT), rule(32, "PERMIT", layer=ACCEPT))
    with Store.open(tmp_path / "s", create=True) as opened, opened.begin_run(command="t") as run:
        run.add("web-01", made)
        run.add_outcome("web-01", "ok")
    call = wfp("find", "--verdict", "block", "--direction", "in", "--store", tmp_path / "s")
    assert (call.code, call.out) == (
        4, "web-01: gave up: programs are compared by the order of their names\n"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--local", "10.0.0.1/8"], "'10.0.0.1/8' is no address or network; it has bits behind"),
        (["--local", "x"], "'x' is no address or network"),
        (["--local", "192.0.2.1", "--remote", "::1"], "an IPv4 and an IPv6 address"),
        (["--local-port", "80-"], "'80-' is no list of ports"),
        (["--local-port", "70000"], "'70000' is no list of ports"),
        (["--local-port", "90-80"], "'90-80' ends before it begins"),
        (["--local-port", "1", "--protocol", "icmp"], "only tcp and udp have ports"),
        (["--icmp", "300"], "'300' is no ICMP type"),
        (["--icmp", "8", "--protocol", "tcp"], "goes with the protocol icmp"),
        (["--protocol", "tpc"], "'tpc' is no protocol"),
        (["--protocol", "icmpv6", "--ip-version", "4"], "icmpv6 over IPv6"),
        (["--listen", "--remote", "192.0.2.1"], "a socket alone has no other end"),
        (["--listen", "--bind"], "choose one of --listen and --bind"),
        (["--layer", "nonsense"], "no layer 'nonsense'"),
        (["--app", "chrome.exe"], "'chrome.exe' is neither a DOS path"),
        (["--host", "db-01"], "db-01"),
    ],
)
def test_what_makes_no_sense_is_one_line(
    wfp: Wfp, store: Path, words: list[str], message: str
) -> None:
    call = wfp("find", "--verdict", "block", "--store", store, *words)
    assert (call.code, call.out) == (2, "")
    assert message in call.error


def test_nobody_reaches_smb_on_a_public_network(wfp: Wfp, samples: Path, tmp_path: Path) -> None:
    dump = samples / "wfpstate" / "host-c-1050-filters.xml"
    wfp("import", dump, "--host", "host-c", "--store", tmp_path / "s")
    question = "--direction in --protocol tcp --local-port 445 --profile public --app System"
    words = (*question.split(), "--no-loopback", "--store", str(tmp_path / "s"))
    assert wfp("find", "--verdict", "permit", *words, "--expect", "none").code == 0
    call = wfp("find", "--verdict", "block", *words, "--json")
    assert call.rows[0]["explanation"]["policy_verdict"] == "block"
