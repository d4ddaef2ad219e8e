"""Generated hosts behind real endpoints: the shipped script, by the shipped backend."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from pywfp_ps.payload.decoder import decode
from pywfp_ps.payload.payload import Payload
from pywfp_ps.read import read_state
from pywfp_ps.resources import arguments_json, build_script
from pywfp_remote.lab.engine import FailedError
from pywfp_remote.lab.frame_faults import FaultyHost
from pywfp_remote.lab.generate import make_host
from pywfp_remote.lab.generated import DISTINCT, GeneratedHosts, backend_of
from pywfp_remote.lab.host import LabHost, UnknownCallError, Way
from tests.pywfp_remote.lab.lab_rig import client, invoke, lab_host, served


def test_state_call_brings_facts_state_and_after() -> None:
    host = lab_host("web-001", Way.NTLM)
    script = build_script("Get-PyWfpState").text
    with served(host, factory=backend_of) as practice:
        done = invoke(
            client(practice, host),
            script,
            Call="Get-PyWfpState",
            Arguments=arguments_json("Get-PyWfpState", {"Run": "r1", "MaxMegabytes": "64"}),
        )
    received = decode(done.output, host=host.name, transport="psrp")
    assert [(p.part, p.content, p.complete) for p in received.payloads] == [
        ("facts", "host-facts", True),
        ("state", "netsh-state", True),
        ("after", "after-facts", True),
    ]
    assert (received.fault_count, received.noise_count, done.streams.error) == (0, 0, [])
    assert max(map(len, done.output)) <= 32_000


def test_facts_have_the_shape_of_the_module() -> None:
    facts = json.loads(_parts(lab_host("web-001"), "Get-PyWfpHostFact")["facts"].raw())
    assert (facts["computer"], facts["account"]["elevated"]) == ("WEB-001", True)
    assert datetime.now(UTC) - datetime.fromisoformat(facts["clock"]["utc"]) < timedelta(hours=1)
    started = datetime.fromisoformat(facts["bfe"]["started_at"])
    assert datetime.fromisoformat(facts["os"]["boot_time"]) < started < datetime.now(UTC)
    assert all(set(i) >= {"luid", "alias", "addresses", "category"} for i in facts["interfaces"])


def test_dump_is_the_generator_s() -> None:
    host = lab_host("web-001")
    read = read_state(_parts(host, "Get-PyWfpState")["state"].raw())
    made = make_host(host.number, host.seed).snapshot
    assert [one.key for one in read.filters] == [one.key for one in made.filters]
    assert read.taken_at is not None
    assert datetime.now(UTC) - read.taken_at < timedelta(hours=1)


def test_later_hosts_have_the_policy_of_their_group() -> None:
    near, far = lab_host("web-001"), LabHost(
        name="web-900", number=1 + DISTINCT, group="app", seed=1, account="a", password="p"
    )  # fmt: skip
    first, later = (_parts(host, "Get-PyWfpState") for host in (near, far))
    assert first["state"].sha256 == later["state"].sha256
    assert json.loads(later["facts"].raw())["computer"] == "WEB-900"


def test_clock_off_is_in_the_dump_too() -> None:
    host = lab_host("web-001", Way.NTLM, "clock-off")
    lines = FaultyHost(host, backend_of(host)).answer("Get-PyWfpState", {})
    parts = {p.part: p for p in decode(lines, host=host.name, transport="psrp").payloads}
    dump, facts = read_state(parts["state"].raw()), json.loads(parts["facts"].raw())
    clocks = [dump.taken_at, datetime.fromisoformat(facts["clock"]["utc"])]
    assert all(clock and (datetime.now(UTC) - clock).days > 1_400 for clock in clocks)


def test_hosts_of_one_policy_share_what_is_made() -> None:
    source = GeneratedHosts()
    hosts = [replace(lab_host("web-001"), number=number) for number in (3, 3 + DISTINCT)]
    source.warm(hosts, processes=1)
    assert source.made(hosts[0]) is source.made(hosts[1])


def test_unknown_call_is_refused() -> None:
    with pytest.raises(UnknownCallError):
        list(backend_of(lab_host("web-001")).answer("Get-PyWfpNothing", {}))


def test_dump_over_the_limit_is_a_problem() -> None:
    host = lab_host("web-001")
    with served(host, factory=backend_of) as practice:
        done = invoke(
            client(practice, host),
            build_script("Get-PyWfpState").text,
            Call="Get-PyWfpState",
            Arguments='{"MaxMegabytes":"2"}',
        )
    received = decode(done.output, host=host.name, transport="psrp")
    assert [p.code for p in received.problems] == ["too-large"]
    assert [e.fq_error for e in done.streams.error] == ["PyWfp.too-large,Assert-PyWfpSize"]


def test_snapshot_goes_on_after_a_dump_over_the_limit() -> None:
    given: dict[str, str | list[str]] = {"MaxMegabytes": "2", "Context": ["Volume"]}
    lines: list[str] = []
    with pytest.raises(FailedError, match="more than the limit"):
        lines.extend(backend_of(lab_host("web-001")).answer("Get-PyWfpSnapshot", given))
    received = decode(lines, host="web-001", transport="psrp")
    assert [one.part for one in received.payloads] == ["facts", "context", "after"]
    assert [(one.part, one.code) for one in received.problems] == [("state", "too-large")]


def _parts(host: LabHost, call: str) -> dict[str, Payload]:
    lines = backend_of(host).answer(call, {})
    payloads = decode(lines, host=host.name, transport="psrp").payloads
    return {payload.part: payload for payload in payloads}
