"""Every fault of the practice hosts, met by our client: each ends as its cause, in time."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from msgspec.structs import replace
from pypsrp.powershell import PowerShell

from pywfp_ps.fleet.causes import Cause, of_error_id, of_exception, of_frame_fault, of_problem
from pywfp_ps.payload import decode
from pywfp_ps.payload.decoder import Received
from pywfp_ps.transports.base import Credential, Secret
from pywfp_remote.lab.faults import FAULTS, Stage
from pywfp_remote.lab.host import Way
from pywfp_remote.link import LinkLimits
from tests.pywfp_remote.lab.lab_rig import DUMP, lab_host, served
from tests.pywfp_remote.psrp_rig import LINES, Got, run, sender, target_of

ERRORS: dict[str, tuple[Cause, str]] = {
    # address
    "dns": (Cause.DNS, "the name web-001.invalid does not resolve"),
    "refused": (Cause.REFUSED, "nothing listens on the port"),
    "hangs": (Cause.TIMEOUT, "no answer came in 2 s"),
    "resets": (Cause.UNREACHABLE, "the connection was cut or never stood"),
    # HTTP: wsman-facts 27, 40 to 43
    "redirect": (Cause.BAD_PAYLOAD, "HTTP 307 sends us elsewhere"),
    "html": (Cause.BAD_PAYLOAD, "a web page came instead of WSMan"),
    "html-error": (Cause.UNREACHABLE, "HTTP 503"),
    "not-found": (Cause.BAD_PAYLOAD, "HTTP 404: nothing is at this path"),
    "http-400": (Cause.BAD_PAYLOAD, "HTTP 400"),
    "http-500": (Cause.BAD_PAYLOAD, "HTTP 500, empty"),
    "empty": (Cause.BAD_PAYLOAD, "HTTP 200, empty"),
    "gzip-bomb": (Cause.BAD_PAYLOAD, "an answer is compressed"),
    "oversized": (Cause.BAD_PAYLOAD, "an answer is larger than 1048576 bytes"),
    "clear-answer": (Cause.BAD_PAYLOAD, "a clear answer came to a sealed request"),
    "clear-fault": (Cause.BAD_PAYLOAD, "a clear answer came to a sealed request"),
    "wrong-relates-to": (Cause.BAD_PAYLOAD, "it belongs to another request"),
    "fault-in-200": (
        Cause.ACCESS_DENIED,
        "opening the session failed (WSMan fault 5): Access is denied.",
    ),
    "drops": (Cause.INCOMPLETE, "the connection broke off"),
    "stalls": (Cause.TIMEOUT, "nothing more came of an answer"),
    # logon
    "logon-lost": (Cause.QUOTA, "the host took the account and then refused it"),
    # WSMan: wsman-facts 28
    "access-denied": (Cause.ACCESS_DENIED, "opening the session failed (WSMan fault 5)"),
    "quota": (Cause.QUOTA, "maximum number of 30 concurrent shells"),
    "quota-operations": (Cause.QUOTA, "starting the script failed (WSMan fault 2150859174)"),
    "quota-users": (Cause.QUOTA, "opening the session failed (WSMan fault 2150859179)"),
    "quota-plugin": (Cause.QUOTA, "opening the session failed (WSMan fault 2150859236)"),
    "quota-commands": (Cause.QUOTA, "starting the script failed (WSMan fault w:InternalError)"),
    "no-configuration": (Cause.ENDPOINT, "opening the session failed (WSMan fault 2150858811)"),
    "no-process": (Cause.ENDPOINT, "opening the session failed (WSMan fault 1018)"),
    "no-program": (Cause.ENDPOINT, "opening the session failed (WSMan fault 2)"),
    "open-timeout": (Cause.TIMEOUT, "reading its output failed (WSMan fault 2150858793)"),
    "shell-lost": (Cause.INCOMPLETE, "reading its output failed (WSMan fault 2150858843)"),
    "host-died": (Cause.INCOMPLETE, "reading its output failed (WSMan fault 1726)"),
    "aborted": (Cause.INCOMPLETE, "reading its output failed (WSMan fault 995)"),
    # PSRP: wsman-facts 44 and 45
    "short-fragment": (Cause.BAD_PAYLOAD, "makes no sense: a message in it is shorter"),
    "unknown-message": (Cause.BAD_PAYLOAD, "is of a kind that does not exist"),
    "deep-xml": (Cause.BAD_PAYLOAD, "it is nested too deep"),
    "endless-fragments": (Cause.BAD_PAYLOAD, "answers come without an end"),
    "endless-records": (Cause.BAD_PAYLOAD, "answers come without an end"),
    "endless-output": (Cause.BAD_PAYLOAD, "answers come without an end"),
}

QUICK = LinkLimits(unframed=500_000)  # so that what never ends is found soon


@pytest.mark.parametrize("name", ERRORS)
def test_fault_ends_as_its_cause(name: str) -> None:
    got = _asked(name, limits=QUICK)
    cause, words = ERRORS[name]
    assert got.error is not None
    assert (of_exception(got.error), words in got.error.text) == (cause, True), str(got.error)
    assert got.error.host == "web-001"
    assert got.error.usage is not None


@pytest.mark.parametrize("name", ["no-output", "no-end-state", "unreachable"])
def test_host_that_never_ends_has_a_limit(name: str) -> None:
    got = _asked(name, seconds=2.6)
    assert got.error is not None
    expected = Cause.UNREACHABLE if name == "unreachable" else Cause.TIMEOUT
    assert of_exception(got.error) is expected


@pytest.mark.slow
def test_slow_host_is_waited_for() -> None:
    host = lab_host("web-001", Way.NTLM, "slow")
    with served(host, factory=sender) as practice:
        got = run(target_of(practice, host, read_timeout=6), seconds=60)
    assert _whole(got) == [DUMP]


@pytest.mark.parametrize("name", ["tls-name", "tls-expired", "tls-unknown-ca"])
def test_bad_certificate_is_refused(name: str, tmp_path: Path) -> None:
    words = {
        "tls-name": "IP address mismatch",
        "tls-expired": "certificate has expired",
        "tls-unknown-ca": "unable to get local issuer certificate",
    }
    host = lab_host("web-001", Way.NEGOTIATE, name)
    with served(host, factory=sender) as practice:
        got = run(target_of(practice, host, tmp_path))
        assert practice.tallies[host.name].requests == 0
    assert got.error is not None
    assert (of_exception(got.error), words[name] in got.error.text) == (Cause.TLS, True)


@pytest.mark.parametrize("way", [Way.NTLM, Way.BASIC, Way.NEGOTIATE])
def test_wrong_password_is_tried_once(way: Way, tmp_path: Path) -> None:
    host = lab_host("web-001", way, "wrong-password")
    with served(host, factory=sender) as practice:
        target = target_of(practice, host, tmp_path if way.is_tls else None)
        wrong = Credential(user=host.account, password=Secret("Wrong1"))
        got = run(replace(target, credential=wrong))
        assert practice.tallies[host.name].refused == 1
        assert run(target).error is None
    assert got.error is not None
    assert of_exception(got.error) is Cause.CREDENTIALS


def test_way_that_the_host_does_not_offer_costs_no_try_of_the_account() -> None:
    host = lab_host("web-001", Way.BASIC)
    with served(host, factory=sender) as practice:
        got = run(target_of(practice, host, auth="negotiate"))
        assert practice.tallies[host.name].refused == 0
    assert got.error is not None
    assert of_exception(got.error) is Cause.ENDPOINT
    assert got.error.text.startswith("the host takes Basic, not negotiate: set ansible_psrp_auth")


HARMLESS = ["lying-length", "no-start", "empty-fragments", "foreign-ids", "noise"]
"""Lies that change nothing: hash, sizes and numbers of the frames say that all is there."""


@pytest.mark.parametrize("name", HARMLESS)
def test_lie_below_the_frames_is_judged_by_the_frames(name: str) -> None:
    assert _whole(_asked(name)) == [DUMP]


FRAMES = {
    "wrong-hash": Cause.INCOMPLETE,
    "missing-frame": Cause.INCOMPLETE,
    "repeated-frame": Cause.INCOMPLETE,
    "reordered": Cause.INCOMPLETE,
    "no-end": Cause.INCOMPLETE,
    "wrong-count": Cause.INCOMPLETE,
    "wrong-size": Cause.INCOMPLETE,
    "bad-xml": Cause.INCOMPLETE,
    "xml-bomb": Cause.INCOMPLETE,
    "payload-bomb": Cause.BAD_PAYLOAD,
    "not-gzip": Cause.BAD_PAYLOAD,
}


@pytest.mark.parametrize("name", FRAMES)
def test_lie_in_the_frames_reaches_the_decoder(name: str) -> None:
    received = _received(_asked(name))
    assert not any(payload.complete for payload in received.payloads)
    assert of_frame_fault(received.faults[0].code) is FRAMES[name]


REPORTED = {
    "bfe-stopped": Cause.BFE_STOPPED,
    "not-elevated": Cause.NOT_ELEVATED,
    "netsh-failed": Cause.NETSH_FAILED,
    "netsh-slow": Cause.TIMEOUT,
    "too-large": Cause.TOO_LARGE,
    "no-disk": Cause.NO_DISK,
}


@pytest.mark.parametrize("name", REPORTED)
def test_what_the_host_reports_comes_twice_and_means_the_same(name: str) -> None:
    got = _asked(name)
    assert got.ran is not None
    by_frame = [of_problem(problem.code) for problem in _received(got).problems]
    by_error = [of_error_id(error.error_id) for error in got.ran.errors]
    assert (got.ran.state, by_frame, by_error) == ("failed", [REPORTED[name]], [REPORTED[name]])


ENDED = {
    "throws": None,
    "antivirus": Cause.ANTIVIRUS,
    "execution-policy": Cause.EXECUTION_POLICY,
    "no-language": Cause.LANGUAGE_MODE,
}


@pytest.mark.parametrize("name", ENDED)
def test_script_that_is_refused_has_a_cause(name: str) -> None:
    got = _asked(name)
    assert got.ran is not None
    assert got.ran.state == "failed"
    assert [of_error_id(error.error_id) for error in got.ran.errors] == [ENDED[name]]


@pytest.mark.parametrize("name", ["constrained-language", "clock-off", "hostile-names", "jea"])
def test_odd_host_is_collected_all_the_same(name: str) -> None:
    assert _whole(_asked(name)) == [DUMP]


def test_drip_is_cut_off() -> None:
    host = lab_host("web-001", Way.BASIC, "drip")
    with served(host, factory=sender) as practice:
        got = run(target_of(practice, host, read_timeout=30), limits=LinkLimits(answer_seconds=0.8))
    assert got.error is not None
    assert (of_exception(got.error), got.error.text) == (
        Cause.TIMEOUT,
        "one answer took more than 0.8 s",
    )


def test_redirect_is_followed_by_nobody() -> None:
    host = lab_host("web-001", Way.NTLM, "redirect")
    with served(host, factory=sender) as practice:
        run(target_of(practice, host))
        tally = practice.tallies[host.name]
        assert (tally.requests, tally.trapped) == (1, 0)


def test_every_fault_is_met_by_a_test() -> None:
    single = {"no-output", "no-end-state", "unreachable", "slow", "wrong-password", "drip"}
    single |= {"constrained-language", "clock-off", "hostile-names", "jea", "module-missing"}
    # What the functions on the host say of themselves is met where hosts are made up.
    elsewhere = {name for name, one in FAULTS.items() if one.stage in {Stage.TLS, Stage.HOST}}
    assert single.union(ERRORS, HARMLESS, FRAMES, REPORTED, ENDED, elsewhere) == set(FAULTS)


def _asked(name: str, *, seconds: float = 30, limits: LinkLimits | None = None) -> Got:
    host = lab_host("web-001", Way.NTLM, name)
    with served(host, factory=sender) as practice:
        return run(target_of(practice, host), seconds=seconds, limits=limits)


def _received(got: Got) -> Received:
    return decode(got.lines, host="web-001", transport="psrp")


def _whole(got: Got) -> list[bytes]:
    assert got.error is None, str(got.error)
    return [payload.raw() for payload in _received(got).payloads if payload.complete]


def test_what_came_before_an_answer_went_wrong_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """One answer can carry good lines and, behind them, what pypsrp stumbles over."""
    poll = PowerShell.poll_invoke

    def stumble(shell: PowerShell, timeout: int | None = None) -> None:
        poll(shell, timeout)
        if shell.output:
            raise struct.error("cut short")

    monkeypatch.setattr(PowerShell, "poll_invoke", stumble)
    host = lab_host("web-001", Way.NTLM)
    with served(host, factory=sender, most_streams=100) as practice:
        got = run(target_of(practice, host))
    assert got.error is not None
    assert got.error.text.endswith("a message in it is shorter than it says")
    assert got.lines
    assert got.lines == list(LINES[: len(got.lines)])
