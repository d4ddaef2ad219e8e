"""The client side against hosts that behave: every way in, what is sent, how a job ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from pywfp_ps.errors import UsageError
from pywfp_ps.fleet.visits import Visit
from pywfp_ps.payload import decode
from pywfp_ps.transports import load
from pywfp_ps.transports.base import Patience, Ran, ScriptError, Usage, Watch
from pywfp_remote.lab.host import Arguments, HostBackend, LabHost, Way
from pywfp_remote.lab.wsman import Request, Service, timed_out
from pywfp_remote.lab.wsman_faults import WsmanFaults
from tests.pywfp_remote.lab.lab_rig import DUMP, lab_host, served
from tests.pywfp_remote.psrp_rig import (
    CALL,
    LINES,
    Sender,
    drop_connections,
    run,
    sender,
    shells,
    target_of,
)

_NOTHING = Usage()


def _without_usage(ran: Ran | None) -> Ran | None:
    return replace(ran, usage=_NOTHING) if ran else None


@pytest.mark.parametrize("way", Way)
def test_lines_are_those_the_host_sent(way: Way, tmp_path: Path) -> None:
    host = lab_host("web-001", way)
    with served(host, factory=sender) as practice:
        got = run(target_of(practice, host, tmp_path if way.is_tls else None))
    assert _without_usage(got.ran) == Ran(state="completed", usage=_NOTHING)
    assert tuple(got.lines) == LINES


@pytest.mark.parametrize(
    ("way", "options"),
    [
        (Way.NTLM, {"auth": "negotiate"}),
        (Way.NTLM, {"message_encryption": "always"}),
        (Way.NEGOTIATE, {"auth": "ntlm"}),
        (Way.NEGOTIATE, {"message_encryption": "always"}),
        (Way.NEGOTIATE, {"cert_validation": False, "ca_file": None}),
        (Way.NEGOTIATE, {"address": "localhost"}),
        (Way.BASIC, {"message_encryption": "never"}),
        (Way.NTLM, {"max_envelope_size": 512_000}),
    ],
)
@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_options_of_the_target_hold(way: Way, options: dict[str, object], tmp_path: Path) -> None:
    host = lab_host("web-001", way)
    with served(host, factory=sender) as practice:
        got = run(target_of(practice, host, tmp_path if way.is_tls else None, **options))
    assert tuple(got.lines) == LINES


def test_arguments_arrive_as_they_were_given() -> None:
    host = lab_host()
    backends: list[Sender] = []

    def factory(asked: LabHost) -> HostBackend:
        backends.append(Sender(asked))
        return backends[-1]

    given = {"Run": "r-1", "LimitSeconds": "60"}
    with served(host, factory=factory) as practice:
        run(target_of(practice, host), arguments=given)
    assert [asked for backend in backends for asked in backend.asked] == [(CALL, given)]


def test_endpoint_without_a_language_runs_the_installed_function() -> None:
    host = lab_host("web-001", Way.NTLM, "jea")
    with served(host, factory=sender) as practice:
        got = run(target_of(practice, host), arguments={"Run": "r-1"})
    assert _without_usage(got.ran) == Ran(state="completed", usage=_NOTHING)
    assert tuple(got.lines) == LINES


FAILED = {
    "throws": ("IOException", 3),
    "antivirus": ("ScriptContainedMaliciousContent", 0),
    "execution-policy": ("UnauthorizedAccess", 0),
    "no-language": ("ScriptsNotAllowed", 0),
    "bfe-stopped": ("PyWfp.bfe-stopped,Assert-PyWfpReady", 1),
}


@pytest.mark.parametrize("name", FAILED)
def test_script_that_fails_says_why(name: str) -> None:
    host = lab_host("web-001", Way.NTLM, name)
    with served(host, factory=sender) as practice:
        got = run(target_of(practice, host))
    assert got.ran is not None
    error_id, lines = FAILED[name]
    assert (got.ran.state, [e.error_id for e in got.ran.errors]) == ("failed", [error_id])
    assert all(error.text for error in got.ran.errors)
    assert len(got.lines) == lines


def test_words_of_an_error_are_cut_and_printable() -> None:
    host = lab_host("web-001", Way.NTLM, "execution-policy")
    with served(host, factory=sender) as practice:
        got = run(target_of(practice, host))
    assert got.ran is not None
    assert got.ran.errors == (
        ScriptError(
            error_id="UnauthorizedAccess",
            text="The script cannot be loaded because running scripts is disabled on this system. "
            "For more information, see about_Execution_Policies.",
        ),
    )


def test_usage_is_what_the_host_counted() -> None:
    host = lab_host()
    with served(host, factory=sender) as practice:
        got = run(target_of(practice, host))
        tally = practice.tallies[host.name]
    assert got.ran is not None
    usage = got.ran.usage
    assert usage.requests == tally.requests
    assert usage.cpu is not None
    assert 0 < usage.cpu < 30
    # Ours has the heads too, at most a kilobyte each way and request (tokens of the logon).
    assert tally.received < usage.sent < tally.received + 1024 * tally.requests
    assert tally.sent < usage.received < tally.sent + 1024 * tally.requests


def test_no_shell_is_left_behind() -> None:
    host = lab_host()
    with served(host, factory=sender) as practice:
        for _ in range(32):  # two more than a user may have
            assert run(target_of(practice, host)).error is None


def test_failed_open_leaves_no_shell_behind() -> None:
    host = lab_host("web-001", Way.NTLM, "open-timeout")
    with served(host, factory=sender) as practice:
        target = target_of(practice, host)
        causes = {error.code for _ in range(2) if (error := run(target).error)}
        assert causes == {2150858793}
        assert shells(practice) == 0


def test_account_is_accepted_once() -> None:
    class Counting(Patience):
        calls = 0

        def accepted(self) -> None:
            self.calls += 1

    host, watch = lab_host(), Counting(30)
    with served(host, factory=sender) as practice:
        run(target_of(practice, host), watch=watch)
    assert watch.calls == 1


def test_what_the_taker_raises_comes_out_and_the_shell_is_closed() -> None:
    def refuse(_line: str) -> None:
        raise RuntimeError("the disk is full")

    host = lab_host()
    with served(host, factory=sender) as practice:
        with pytest.raises(RuntimeError, match="the disk is full"):
            run(target_of(practice, host), on_frame=refuse)
        assert shells(practice) == 0


@pytest.mark.parametrize("way", [Way.NTLM, Way.NEGOTIATE])
def test_connection_lost_in_mid_run(way: Way, tmp_path: Path) -> None:
    """With the connection a sealed session loses its key; one over TLS goes on."""

    def drop(_line: str) -> None:
        if not dropped:
            dropped.append(True)
            drop_connections(practice)

    dropped: list[bool] = []
    host = lab_host("web-001", way)
    with served(host, factory=sender, most_streams=1) as practice:
        got = run(target_of(practice, host, tmp_path if way.is_tls else None), on_frame=drop)
    if way is Way.NTLM:
        assert got.error is not None
        assert got.error.what == "incomplete"
    else:
        assert tuple(got.lines) == LINES


class Endless:
    """A backend that sends one line and then waits for ever, or until it is closed."""

    def __init__(self, _host: LabHost) -> None:
        self._never = threading.Event()

    def answer(self, call: str, arguments: Arguments) -> Iterator[str]:
        del call, arguments
        yield LINES[0]
        for line in LINES[1:]:
            self._never.wait(0.05)
            yield line
        while not self._never.wait(0.05):
            yield '{"frame":"problem","code":"busy"}'


@pytest.fixture
def signals(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The shells with a pipeline that was told to stop, which lets a real host clean up."""
    told: list[str] = []
    signal = Service._signal

    async def keep(service: Service, request: Request) -> str:
        told.append(request.shell)
        return await signal(service, request)

    monkeypatch.setitem(Service._ACTIONS, "Signal", keep)
    return told


def test_stop_ends_the_script_and_closes_the_shell(signals: list[str]) -> None:
    host, watch = lab_host(), Patience(30)
    with served(host, factory=Endless) as practice:
        got = run(target_of(practice, host), watch=watch, on_frame=lambda _: watch.stop())
        left = shells(practice)
    assert got.error is None
    assert _without_usage(got.ran) == Ran(state="stopped", usage=_NOTHING)
    assert (left, got.lines[0], len(signals)) == (0, LINES[0], 1)


def test_stop_before_the_begin_asks_nothing() -> None:
    host, watch = lab_host(), Patience(30)
    watch.stop()
    with served(host, factory=sender) as practice:
        got = run(target_of(practice, host), watch=watch)
        assert practice.tallies[host.name].requests == 0
    assert got.error is not None
    assert got.error.text == "it was told to stop"


def test_script_that_takes_too_long_is_stopped_in_time_to_clean_up(signals: list[str]) -> None:
    host = lab_host()
    with served(host, factory=Endless) as practice:
        got = run(target_of(practice, host), seconds=3)
        left = shells(practice)
    assert got.error is not None
    assert (got.error.what, got.error.text) == ("timeout", "the host did not finish in its time")
    assert (left, len(signals)) == (0, 1)


def test_host_that_answers_at_once_and_says_nothing_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def time_out_at_once(_faults: WsmanFaults, request: Request, command: str) -> None:
        if request.action == "Receive" and command:
            raise timed_out()

    monkeypatch.setattr(WsmanFaults, "__call__", time_out_at_once)
    host = lab_host()
    with served(host, factory=sender) as practice:
        error = run(target_of(practice, host)).error
    assert error is not None
    assert (error.what, "without an end" in error.text) == ("bad-payload", True)


def test_deadline_that_has_passed_asks_nothing() -> None:
    host = lab_host()
    with served(host, factory=sender) as practice:
        got = run(target_of(practice, host), seconds=-1)
        assert practice.tallies[host.name].requests == 0
    assert got.error is not None


@pytest.mark.parametrize("call", ["Get-Process", "Invoke-PyWfpNetsh"])
def test_unknown_function_is_a_wrong_usage(call: str) -> None:
    with served(lab_host()) as practice, pytest.raises(UsageError, match="has no function"):
        run(target_of(practice, lab_host()), call=call)


def test_local_target_is_a_wrong_usage() -> None:
    with served(lab_host()) as practice:
        target = target_of(practice, lab_host(), connection="local")
        with pytest.raises(UsageError, match="not to be reached over the network"):
            run(target)


def test_fifty_hosts_in_threads_keep_apart() -> None:
    hosts = [lab_host(f"web-{number:03}") for number in range(50)]
    results: dict[str, list[bytes]] = {}

    def visit(name: str) -> None:
        target = targets[name]
        lines: list[str] = []
        load("psrp")().run(target, CALL, {}, on_frame=lines.append, watch=Patience(120))
        parts = decode(lines, host=name, transport="psrp").payloads
        results[name] = [part.raw() for part in parts if part.complete]

    with served(*hosts, factory=sender) as practice:
        targets = {
            host.name: target_of(practice, host, read_timeout=60, operation_timeout=20)
            for host in hosts
        }
        threads = [threading.Thread(target=visit, args=(host.name,)) for host in hosts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
    assert results == {host.name: [DUMP] for host in hosts}


def test_jobs_leave_no_threads_behind() -> None:
    host = lab_host()
    counts = []
    with served(host, factory=sender) as practice:
        for _ in range(3):
            run(target_of(practice, host))
            counts.append([thread.name for thread in threading.enumerate()].count("pywfp-alarm"))
    assert counts[0] >= 1
    assert set(counts) == {counts[0]}


def test_visit_of_the_fleet_is_a_watch() -> None:
    host = lab_host()
    with served(host, factory=sender) as practice:
        target = target_of(practice, host)
        visit = Visit(target, 1, 30, lambda: None)
        watch: Watch = visit
        got = run(target, watch=watch)
    assert (tuple(got.lines), visit.is_accepted) == (LINES, True)


def test_patience_measures_from_now() -> None:
    assert 0 < Patience(5).deadline - time.monotonic() <= 5
