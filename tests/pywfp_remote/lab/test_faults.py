"""Every fault, met by an unmodified pypsrp or by our decoder: each does what its line says."""

from __future__ import annotations

import http.client
import json
import struct
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path
from xml.etree.ElementTree import ParseError

import pytest
import requests
from pypsrp.complex_objects import PSInvocationState
from pypsrp.exceptions import (
    AuthenticationError,
    WinRMError,
    WinRMTransportError,
    WSManFaultError,
)
from pypsrp.powershell import PowerShell, RunspacePool

from pywfp_ps.payload.decoder import Received, decode
from pywfp_ps.payload.frames import Begin, End, read_frame
from pywfp_remote.lab.faults import FAULTS, Stage
from pywfp_remote.lab.frame_faults import FaultyHost
from pywfp_remote.lab.generated import backend_of
from pywfp_remote.lab.host import LabHost, Way
from pywfp_remote.lab.practice import Practice
from pywfp_remote.lab.problems import PROBLEMS
from tests.pywfp_remote.lab.lab_rig import (
    DUMP,
    FACTS,
    SCRIPT,
    AnyCall,
    ask,
    client,
    lab_host,
    served,
    state_of,
)

NUMBERS: dict[str, int | str] = {
    "access-denied": 5,
    "quota": 2150859173,
    "quota-operations": 2150859174,
    "quota-users": 2150859179,
    "quota-plugin": 2150859236,
    "quota-commands": "w:InternalError",
    "no-configuration": 2150858811,
    "no-process": 1018,
    "no-program": 2,
    "shell-lost": 2150858843,
    "host-died": 1726,
    "aborted": 995,
    "open-timeout": 2150858793,
    "clear-fault": 5,
}


@pytest.mark.parametrize("name", NUMBERS)
def test_numbered_fault_arrives_with_its_number(name: str) -> None:
    host = lab_host("web-001", Way.NTLM, name)
    with served(host) as practice, pytest.raises(WSManFaultError) as caught:
        ask(client(practice, host, operation_timeout=1))
    assert caught.value.code == NUMBERS[name]


RAISES: dict[str, type[BaseException]] = {
    "dns": requests.ConnectionError,
    "refused": requests.ConnectionError,
    "unreachable": requests.ConnectTimeout,
    "hangs": requests.ReadTimeout,
    "resets": requests.ConnectionError,
    "html": KeyError,
    "html-error": WSManFaultError,
    "not-found": WinRMTransportError,
    "http-400": WinRMTransportError,
    "http-500": WinRMTransportError,
    "empty": ParseError,
    "gzip-bomb": ParseError,
    "wrong-relates-to": WinRMError,
    "fault-in-200": WSManFaultError,
    "drops": requests.exceptions.ChunkedEncodingError,
    "stalls": requests.ConnectionError,
    "redirect": AuthenticationError,
    "logon-lost": AuthenticationError,
    "short-fragment": struct.error,
    "unknown-message": KeyError,
    "deep-xml": RecursionError,
}
"""Facts 27, 40, 42 and 45."""


@pytest.mark.parametrize("name", RAISES)
def test_fault_is_what_pypsrp_raises(name: str) -> None:
    host = lab_host("web-001", Way.NTLM, name)
    with served(host) as practice, pytest.raises(RAISES[name]):
        ask(client(practice, host, connection_timeout=1, read_timeout=2, operation_timeout=1))


@pytest.mark.parametrize("name", ["tls-name", "tls-expired", "tls-unknown-ca"])
def test_bad_certificate_is_refused_by_the_client(name: str, tmp_path: Path) -> None:
    host = lab_host("web-001", Way.NEGOTIATE, name)
    with served(host) as practice, pytest.raises(requests.exceptions.SSLError):
        ask(client(practice, host, tmp_path))


@pytest.mark.parametrize("way", [Way.NTLM, Way.BASIC, Way.NEGOTIATE])
def test_wrong_password_is_refused(way: Way, tmp_path: Path) -> None:
    host = lab_host("web-001", way, "wrong-password")
    with served(host) as practice:
        wrong = client(practice, host, tmp_path if way.is_tls else None, password="Wrong1")
        with pytest.raises(AuthenticationError):
            ask(wrong)
        assert practice.tallies["web-001"].refused >= 1


ACCEPTED = [
    "clear-answer", "oversized", "lying-length", "no-start", "empty-fragments", "foreign-ids",
]  # fmt: skip
"""What pypsrp takes for good (facts 41, 42, 44): the reason for a guard of our own."""
SLOW = ["slow"]
"""The same, but it takes long."""


@pytest.mark.parametrize(
    "name", [*ACCEPTED, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)]
)
def test_fault_is_not_seen_by_pypsrp(name: str) -> None:
    host = lab_host("web-001", Way.NTLM, name)
    with served(host) as practice:
        assert state_of(client(practice, host, read_timeout=30)) == DUMP


def test_redirect_leads_to_a_counted_trap() -> None:
    host = lab_host("web-001", Way.NTLM, "redirect")
    with served(host) as practice:
        with pytest.raises(AuthenticationError):
            ask(client(practice, host))
        assert practice.tallies["web-001"].trapped > 0


def test_drip_never_ends() -> None:
    host = lab_host("web-001", Way.BASIC, "drip")
    with served(host) as practice:
        place = practice.places["web-001"]
        link = http.client.HTTPConnection(place.address, place.port, timeout=10)
        proof = b64encode(f"{host.account}:{host.password}".encode()).decode()
        link.request("POST", "/wsman", _GET, {"Authorization": f"Basic {proof}"})
        answer = link.getresponse()
        assert [answer.read(1) for _ in range(2)] == [b" ", b" "]
        assert int(answer.headers["Content-Length"]) > 100_000
        link.close()


def test_bad_xml_arrives_as_raw_text() -> None:
    assert _first_output("bad-xml") == "<S>cut of"


def test_entities_do_not_blow_up() -> None:
    assert str(_first_output("xml-bomb")).startswith("<!DOCTYPE")


@pytest.mark.parametrize(
    ("name", "grows"),
    [("endless-output", "output"), ("endless-records", "progress"), ("endless-fragments", "")],
)
def test_endless_answers_keep_coming(name: str, grows: str) -> None:
    host = lab_host("web-001", Way.BASIC, name)
    with served(host) as practice:
        shell = _polled(practice, host, polls=6)
        sizes = {"output": len(shell.output), "progress": len(shell.streams.progress), "": 50}
        assert sizes[grows] > 40
        assert shell.state == PSInvocationState.RUNNING


@pytest.mark.parametrize(("name", "lines"), [("no-output", 0), ("no-end-state", 8)])
def test_pipeline_that_never_ends_times_out_again_and_again(name: str, lines: int) -> None:
    host = lab_host("web-001", Way.BASIC, name)
    with served(host) as practice:
        shell = _polled(practice, host, polls=3)
        assert (len(shell.output), shell.state) == (lines, PSInvocationState.RUNNING)


@pytest.mark.parametrize(
    ("name", "error_id", "lines"),
    [
        ("throws", "IOException", 3),
        ("antivirus", "ScriptContainedMaliciousContent", 0),
        ("execution-policy", "UnauthorizedAccess", 0),
        ("no-language", "ScriptsNotAllowed", 0),
        ("jea", "ScriptsNotAllowed", 0),
    ],
)
def test_script_fails_with_the_words_of_windows(name: str, error_id: str, lines: int) -> None:
    host = lab_host("web-001", Way.NTLM, name)
    with served(host) as practice:
        done = ask(client(practice, host))
    assert (done.state, len(done.output)) == (PSInvocationState.FAILED, lines)
    assert [error.fq_error for error in done.streams.error] == [error_id]


def test_jea_runs_an_installed_function() -> None:
    host = lab_host("web-001", Way.NTLM, "jea")
    with served(host) as practice, client(practice, host) as wsman, RunspacePool(wsman) as pool:
        shell = PowerShell(pool)
        shell.add_cmdlet("Get-PyWfpState").add_parameter("LimitSeconds", "60")
        received = decode(shell.invoke(), host=host.name, transport="psrp")
    assert [payload.raw() for payload in received.payloads] == [DUMP]


FRAMES = {
    "wrong-hash": ["hash"],
    "missing-frame": ["missing", "frames", "damaged", "hash"],
    "repeated-frame": ["repeated", "frames", "damaged", "hash"],
    "reordered": ["missing", "reordered", "damaged", "hash"],
    "no-end": ["no-end"],
    "wrong-count": ["frames"],
    "wrong-size": ["size"],
    "payload-bomb": ["bomb"],
    "not-gzip": ["damaged"],
}


@pytest.mark.parametrize("name", FRAMES)
def test_decoder_finds_the_lie(name: str) -> None:
    received = _decoded(name)
    assert [fault.code for fault in received.faults] == FRAMES[name]
    assert not any(payload.complete for payload in received.payloads)


def test_noise_is_kept_and_harms_nothing() -> None:
    received = _decoded("noise")
    assert ([p.raw() for p in received.payloads], received.noise_count > 0) == ([DUMP], True)


@pytest.mark.parametrize(
    "name", sorted(name for name, problem in PROBLEMS.items() if "state" in problem.parts)
)
def test_host_reports_its_problem_and_throws(name: str) -> None:
    host = lab_host("web-001", Way.NTLM, name)
    with served(host) as practice:
        done = ask(client(practice, host))
    received = decode(done.output, host=host.name, transport="psrp")
    problem = PROBLEMS[name]
    assert [(p.part, p.code) for p in received.problems] == [("state", problem.code)]
    assert [error.fq_error for error in done.streams.error] == [
        f"PyWfp.{problem.code},{problem.thrower}"
    ]
    assert (received.payloads, done.state) == ((), PSInvocationState.FAILED)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("not-elevated", {"account": {"elevated": False}}),
        ("bfe-stopped", {"bfe": {"status": 1, "process_id": None, "started_at": None}}),
        ("constrained-language", {"powershell": {"language_mode": "ConstrainedLanguage"}}),
        ("clock-off", {"clock": {"utc": "2022-11-22T10:00:00.000Z"}}),
    ],
)
def test_facts_agree_with_the_fault(name: str, expected: dict[str, object]) -> None:
    host = lab_host("web-001", Way.NTLM, name)
    lines = FaultyHost(host, AnyCall()).answer("Get-PyWfpHostFact", {})
    facts = json.loads(decode(lines, host=host.name, transport="psrp").payloads[0].raw())
    assert facts == {**FACTS, **expected}


def test_constrained_language_sends_text() -> None:
    host = lab_host("web-001", Way.NTLM, "constrained-language")
    with served(host) as practice:
        lines = ask(client(practice, host)).output
    begin, end = read_frame(lines[0]), read_frame(lines[-1])
    assert isinstance(begin, Begin)
    assert isinstance(end, End)
    assert (begin.packing, end.hash_of) == ("text", "plain")
    payloads = decode(lines, host=host.name, transport="psrp").payloads
    assert [payload.raw() for payload in payloads] == [DUMP]


def test_clock_is_years_behind() -> None:
    payload = _decoded("clock-off").payloads[0]
    assert payload.taken_at is not None
    years = (datetime.now(UTC) - payload.taken_at).days // 365
    assert (payload.raw(), years) == (DUMP, 4)


def test_hostile_names_are_in_the_dump() -> None:
    host = lab_host("web-001", Way.NTLM, "hostile-names")
    lines = list(backend_of(host).answer("Get-PyWfpState", {}))
    parts = {p.part: p.raw() for p in decode(lines, host=host.name, transport="psrp").payloads}
    assert b"etc/passwd" in parts["state"]


def test_every_fault_is_met_by_a_test() -> None:
    single = {
        "drip", "bad-xml", "xml-bomb", "endless-output", "endless-records", "endless-fragments",
        "no-output", "no-end-state", "throws", "antivirus", "execution-policy", "no-language",
        "jea", "noise", "clock-off", "hostile-names", "wrong-password",
        "half-refused", "layer-refused", "object-unreadable", "wmi-refused",
    }  # fmt: skip
    tls = {name for name, fault in FAULTS.items() if fault.stage is Stage.TLS}
    tables = (NUMBERS, RAISES, ACCEPTED, SLOW, FRAMES, PROBLEMS, tls)
    assert single.union(*tables) == set(FAULTS)


def _first_output(name: str) -> object:
    host = lab_host("web-001", Way.NTLM, name)
    with served(host) as practice:
        return ask(client(practice, host)).output[0]


def _decoded(name: str) -> Received:
    host = lab_host("web-001", Way.NTLM, name)
    with served(host) as practice:
        return decode(ask(client(practice, host)).output, host=host.name, transport="psrp")


def _polled(practice: Practice, host: LabHost, polls: int) -> PowerShell:
    """A pipeline after some polls of a second each, its host left as it is."""
    with client(practice, host) as wsman:
        pool = RunspacePool(wsman)
        pool.open()
        shell = PowerShell(pool)
        shell.add_script(SCRIPT)
        shell.add_parameters({"Call": "Get-PyWfpState", "Arguments": "{}"})
        shell.begin_invoke()
        for _ in range(polls):
            shell.poll_invoke(timeout=1)
    return shell


_GET = (
    b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
    b'xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"><s:Header>'
    b"<a:Action>http://schemas.xmlsoap.org/ws/2004/09/transfer/Get</a:Action>"
    b"<a:MessageID>uuid:1</a:MessageID></s:Header><s:Body/></s:Envelope>"
)
