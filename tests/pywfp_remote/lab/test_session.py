"""Sessions as pypsrp drives them: opening, several pipelines, stopping, quotas, what is refused."""

from __future__ import annotations

import base64
import http.client
import struct
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pypsrp.client import Client
from pypsrp.complex_objects import PSInvocationState
from pypsrp.exceptions import AuthenticationError, WinRMTransportError, WSManFaultError
from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.wsman import SelectorSet, WSMan

from pywfp_remote.lab.host import LabHost, Way
from pywfp_remote.lab.practice import Practice
from pywfp_remote.lab.psrp import FRAGMENT_SIZE
from tests.pywfp_remote.lab.lab_rig import SCRIPT, ask, client, invoke, lab_host, served


@pytest.fixture
def host() -> LabHost:
    return lab_host("web-001", Way.NTLM)


@pytest.fixture
def practice(host: LabHost) -> Iterator[Practice]:
    with served(host) as running:
        yield running


def test_open_tells_what_windows_tells(practice: Practice, host: LabHost) -> None:
    with client(practice, host) as wsman, RunspacePool(wsman) as pool:
        told: Any = pool.application_private_data
        versions = told.data["PSVersionTable"]
        assert pool.shell.owner == "WEB-001\\labadmin"
        assert (pool.protocol_version, str(versions["PSVersion"])) == ("2.3", host.ps_version)
        assert set(versions) == {
            "PSVersion", "PSEdition", "PSCompatibleVersions", "CLRVersion", "BuildVersion",
            "WSManStackVersion", "PSRemotingProtocolVersion", "SerializationVersion",
        }  # fmt: skip


def test_client_class_runs_powershell(practice: Practice, host: LabHost) -> None:
    place = practice.places[host.name]
    with Client(
        place.address, port=place.port, ssl=False, username=host.account,
        password=host.password, auth="ntlm", no_proxy=True,
    ) as whole:  # fmt: skip
        output, streams, had_errors = whole.execute_ps("hostname\nwhoami")
    assert (output, streams.error, had_errors) == ("WEB-001\nweb-001\\labadmin", [], False)


def test_first_pipeline_says_that_modules_are_prepared(practice: Practice, host: LabHost) -> None:
    with client(practice, host) as wsman, RunspacePool(wsman) as pool:
        said = []
        for _ in range(2):
            shell = PowerShell(pool)
            shell.add_script("hostname")
            shell.invoke()
            said.append([record.activity for record in shell.streams.progress])
    assert said == [["Preparing modules for first use."], []]


@pytest.mark.parametrize(
    ("script", "output", "errors", "state"),
    [
        ("Write-Output 'a b'", ["a b"], [], PSInvocationState.COMPLETED),
        ("'text'", ["text"], [], PSInvocationState.COMPLETED),
        ("$x = 1\nhostname", ["WEB-001"], [], PSInvocationState.COMPLETED),
        ("hostname; exit 3\nwhoami", ["WEB-001"], [], PSInvocationState.COMPLETED),
        ("hostname; throw 'boom'", ["WEB-001"], ["boom"], PSInvocationState.FAILED),
        ("nothing-here; hostname", ["WEB-001"], ["CommandNotFoundException"],
         PSInvocationState.COMPLETED),
        ("if (", [], ["UnexpectedToken"], PSInvocationState.FAILED),
        ("$ExecutionContext.SessionState.LanguageMode", ["FullLanguage"], [],
         PSInvocationState.COMPLETED),
    ],
)  # fmt: skip
def test_plain_script(
    practice: Practice, host: LabHost, script: str, output: list[str], errors: list[str], state: int
) -> None:
    done = invoke(client(practice, host), script)
    found = [error.fq_error for error in done.streams.error]
    assert (done.output, found, done.state) == (output, errors, state)


@pytest.mark.parametrize(
    ("script", "parameters", "error_id"),
    [
        (SCRIPT, {"Call": "Get-PyWfpNothing", "Arguments": "{}"}, "CommandNotFoundException"),
        (SCRIPT, {"Call": "Get-PyWfpState", "Arguments": '{"Depth":"5"}'},
         "NamedParameterNotFound,Get-PyWfpState"),
        (SCRIPT, {"Call": "Get-PyWfpState", "Arguments": '{"LimitSeconds":5}'},
         "ParameterArgumentTransformationError,Get-PyWfpState"),
        (SCRIPT, {"Call": "Get-PyWfpState", "Arguments": "nonsense"},
         "ParameterArgumentTransformationError,Get-PyWfpState"),
        (SCRIPT, {"Call": "Get-PyWfpState", "Force": "1"}, "NamedParameterNotFound"),
        (SCRIPT.replace("& $Call @given", ""), {"Call": "Get-PyWfpState"}, "CallNotUsed"),
        (SCRIPT.replace("$given = @{}", "$given = @{"), {"Call": "Get-PyWfpState"},
         "UnexpectedToken"),
    ],
)  # fmt: skip
def test_script_is_taken_seriously(
    practice: Practice, host: LabHost, script: str, parameters: dict[str, str], error_id: str
) -> None:
    done = invoke(client(practice, host), script, **parameters)
    found = [error.fq_error for error in done.streams.error]
    assert (done.output, found, done.state) == ([], [error_id], PSInvocationState.FAILED)


def test_stop_ends_a_pipeline_and_the_pool_goes_on(practice: Practice, host: LabHost) -> None:
    with client(practice, host) as wsman, RunspacePool(wsman) as pool:
        shell = PowerShell(pool)
        shell.add_script("hostname\nStart-Sleep -Seconds 600\nwhoami")
        shell.begin_invoke()
        shell.poll_invoke(timeout=1)
        shell.stop()
        assert (shell.output, shell.state) == (["WEB-001"], PSInvocationState.STOPPED)
        again = PowerShell(pool)
        again.add_script("hostname")
        assert again.invoke() == ["WEB-001"]


@pytest.mark.parametrize(("places", "seconds", "output"), [(1, 1, ["slow"]), (2, 600, [])])
def test_pipelines_wait_for_a_runspace(
    practice: Practice, host: LabHost, places: int, seconds: int, output: list[str]
) -> None:
    """With one runspace the second pipeline ends after the first, with two long before it."""
    with client(practice, host) as wsman, RunspacePool(wsman, max_runspaces=places) as pool:
        slow, quick = PowerShell(pool), PowerShell(pool)
        for shell, script in ((slow, f"Start-Sleep {seconds}; 'slow'"), (quick, "'quick'")):
            shell.add_script(script)
            shell.begin_invoke()
        quick.end_invoke()
        slow.poll_invoke(timeout=1)
        assert (quick.output, slow.output) == (["quick"], output)


def test_input_reaches_the_pipeline_before_it_runs(practice: Practice, host: LabHost) -> None:
    with client(practice, host) as wsman, RunspacePool(wsman) as pool:
        shell = PowerShell(pool)
        shell.add_script("hostname")
        given: Any = ["one", "two"]
        assert shell.invoke(input=given) == ["WEB-001"]


def test_large_argument_comes_in_several_requests(practice: Practice, host: LabHost) -> None:
    script = SCRIPT + "# " + "x" * 900_000
    assert invoke(client(practice, host), script, Call="Get-PyWfpState").output


def test_thirty_first_shell_is_over_the_quota(practice: Practice, host: LabHost) -> None:
    with client(practice, host) as wsman:
        for _ in range(30):
            RunspacePool(wsman).open()
        with pytest.raises(WSManFaultError, match="maximum number of 30") as caught:
            RunspacePool(wsman).open()
    assert caught.value.code == 2150859173


def test_closed_shell_is_not_found(practice: Practice, host: LabHost) -> None:
    with client(practice, host) as wsman:
        pool = RunspacePool(wsman)
        pool.open()
        selectors = SelectorSet()
        selectors.add_option("ShellId", str(pool.shell.id))
        pool.close()
        with pytest.raises(WSManFaultError) as caught:
            wsman.delete(pool.shell.resource_uri, selector_set=selectors)
    assert caught.value.code == 2150858843


@pytest.mark.parametrize(("name", "code"), [("Exchange", 2150858811), ("PowerShell.7", None)])
def test_configuration_name(practice: Practice, host: LabHost, name: str, code: int | None) -> None:
    with client(practice, host) as wsman:
        pool = RunspacePool(wsman, configuration_name=name)
        if code is None:
            pool.open()
            pool.close()
        else:
            with pytest.raises(WSManFaultError) as caught:
                pool.open()
            assert caught.value.code == code


def test_action_that_is_unknown_is_a_fault(practice: Practice, host: LabHost) -> None:
    with client(practice, host) as wsman, pytest.raises(WSManFaultError) as caught:
        wsman.enumerate("http://schemas.microsoft.com/wbem/wsman/1/windows/shell")
    assert caught.value.code == 2150858817


def test_envelope_size_is_told(practice: Practice, host: LabHost) -> None:
    with client(practice, host) as wsman:
        wsman.update_max_payload_size()
        assert wsman.max_envelope_size == 512_000


def test_unsealed_message_over_http_is_refused(practice: Practice, host: LabHost) -> None:
    with pytest.raises(WinRMTransportError, match="500"):
        ask(client(practice, host, encryption="never"))


def test_message_sealed_for_another_connection_is_400(practice: Practice, host: LabHost) -> None:
    """Fact 32: the connection was dropped, the new one has another key."""
    with client(practice, host) as wsman:
        pool = RunspacePool(wsman)
        pool.open()
        session: Any = wsman.transport.session
        session.close()
        with pytest.raises(WinRMTransportError, match="400"):
            PowerShell(pool).add_script("hostname").invoke()


def test_idle_connection_is_dropped() -> None:
    host = lab_host("web-001", Way.NTLM)
    with served(host, http_idle=0.1) as practice:
        place = practice.places[host.name]
        link = http.client.HTTPConnection(place.address, place.port, timeout=10)
        link.request("POST", "/wsman", b"")
        assert (link.getresponse().read(), link.sock.recv(1)) == (b"", b"")
        link.close()


def test_request_under_way_is_no_idle_connection() -> None:
    host = lab_host("web-001", Way.NTLM)
    with served(host, http_idle=0.1) as practice:
        done = invoke(client(practice, host), "Start-Sleep 1; hostname")
    assert done.state == PSInvocationState.COMPLETED


def test_many_hosts_share_a_port_with_a_path_each(tmp_path: Path) -> None:
    """A host whose fault is the port's own still has one to itself."""
    hosts = [
        lab_host("web-001"), lab_host("web-002"), lab_host("db-003", Way.NEGOTIATE),
        lab_host("dc-004", Way.CERTIFICATE), lab_host("db-005", Way.NEGOTIATE, "tls-name"),
        lab_host("web-006", Way.NTLM, "refused"),
    ]  # fmt: skip
    with served(*hosts, own_ports=2) as practice:
        ports = {name: place.port for name, place in practice.places.items()}
        said = {
            host.name: invoke(client(practice, host, tmp_path), "hostname").output[0]
            for host in hosts[:4]
        }
    assert said == {host.name: host.computer for host in hosts[:4]}
    assert (ports["web-001"], ports["db-003"]) == (ports["web-002"], ports["dc-004"])
    assert len(set(ports.values())) == 4


@pytest.mark.parametrize("user", ["labadmin", ".\\labadmin", "WEB-001\\LabAdmin"])
def test_account_has_several_names(practice: Practice, host: LabHost, user: str) -> None:
    assert ask(client(practice, host, username=user)).output


@pytest.mark.parametrize("user", ["OTHER\\labadmin", "guest"])
def test_other_account_is_refused(practice: Practice, host: LabHost, user: str) -> None:
    with pytest.raises(AuthenticationError):
        ask(client(practice, host, username=user))


def test_logon_is_bound_to_the_certificate() -> None:
    """Without the channel binding the logon could be relayed; pypsrp can leave it out."""
    host = lab_host("web-001", Way.NEGOTIATE)
    with served(host) as practice, pytest.raises(AuthenticationError):
        ask(client(practice, host, cert_validation=False, negotiate_send_cbt=False))


def test_fragments_are_cut_as_windows_cuts_them(practice: Practice, host: LabHost) -> None:
    """Facts 16 and 38: one a Stream, a byte order mark in each message, ids without holes."""
    with client(practice, host) as wsman:
        streams = list(_raw_streams(wsman, "netsh wfp show state file=-"))
    raws = [base64.b64decode(text) for text in streams]
    heads = [struct.unpack_from(">QQBI", raw) for raw in raws]
    assert all(
        len(raw) == 21 + size <= FRAGMENT_SIZE for raw, (*_, size) in zip(raws, heads, strict=True)
    )
    firsts = [raw for raw, (_, _, flags, _) in zip(raws, heads, strict=True) if flags & 1]
    assert all(raw[61:64] == b"\xef\xbb\xbf" for raw in firsts)
    numbers = [number for number, *_ in heads]
    assert numbers == sorted(numbers)
    assert set(range(numbers[0], numbers[-1] + 1)) == set(numbers)
    assert not any(b'"PipelineState">1<' in raw for raw in raws)


def test_same_message_id_gets_the_same_answer(practice: Practice, host: LabHost) -> None:
    """Fact 26: pypsrp asks again with the MessageID of a Receive that timed out."""
    with client(practice, host) as wsman:
        pool = RunspacePool(wsman)
        pool.open()
        shell = PowerShell(pool)
        shell.add_script("'one'")
        shell.begin_invoke()
        sent: list[bytes] = []
        transport: Any = wsman.transport
        honest = transport.send

        def send(message: bytes, **more: Any) -> bytes:
            sent.append(message)
            return bytes(honest(message, **more))

        transport.send = send
        shell.end_invoke()
        last = [message for message in sent if b"DesiredStream" in message][-1]
        once, twice = (honest(last) for _ in range(2))
        assert [_streams(answer) for answer in (once, twice)] == [_streams(once)] * 2
        assert _streams(once)
        pool.close()


def _raw_streams(wsman: WSMan, script: str) -> Iterator[str]:
    """The text of every Stream element that comes while a script runs."""
    pool = RunspacePool(wsman)
    pool.open()
    answers: list[bytes] = []
    transport: Any = wsman.transport
    honest = transport.send

    def send(message: bytes, **more: Any) -> bytes:
        answers.append(honest(message, **more))
        return answers[-1]

    transport.send = send
    shell = PowerShell(pool)
    shell.add_script(script)
    shell.invoke()
    pool.close()
    for answer in answers:
        yield from _streams(answer)


def _streams(answer: bytes) -> list[str]:
    root = ET.fromstring(answer)
    shell = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
    return [element.text or "" for element in root.iter(f"{{{shell}}}Stream")]
