"""Every live way on a real engine, where there is one; what is asked is true on any system."""

from __future__ import annotations

import importlib.util
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import pytest

from pywfp_ps.errors import UsageError
from pywfp_ps.payload import decode
from pywfp_ps.resources import Script
from pywfp_ps.transports import child as child_module
from pywfp_ps.transports import inprocess as inprocess_module
from pywfp_ps.transports import load
from pywfp_ps.transports.base import Patience, Ran, Target, Transport, Watch
from pywfp_ps.transports.engines import find_engine
from pywfp_remote import psrp as psrp_module
from pywfp_remote.lab.bridge import Bridge
from pywfp_remote.lab.generated import backend_of
from tests.pywfp_remote.lab.lab_rig import lab_host, served
from tests.pywfp_remote.psrp_rig import target_of
from tests.transports.rigs import HERE, Got, run

pytestmark = pytest.mark.pwsh


class Bridged:
    """PSRP over WSMan, to an engine that is behind a practice host."""

    name = "psrp"

    def __init__(self, target: Target) -> None:
        self._target: Target = target
        self._behind: Transport = load("psrp")()

    def run(
        self,
        target: Target,  # noqa: ARG002 - its own is the host's
        call: str,
        arguments: Mapping[str, str | Sequence[str]],
        *,
        on_frame: Callable[[str], object],
        watch: Watch,
    ) -> Ran:
        return self._behind.run(self._target, call, arguments, on_frame=on_frame, watch=watch)


@pytest.fixture(scope="module", params=["child", "inprocess", "bridged"])
def transport(request: pytest.FixtureRequest) -> Iterator[Transport]:
    try:
        engine = find_engine()
    except UsageError as error:
        pytest.skip(str(error))
    if request.param == "inprocess" and importlib.util.find_spec("pythonnet") is None:
        pytest.skip("pythonnet is not installed: install the extra local")
    if request.param == "bridged":
        host = lab_host()
        with served(host, factory=backend_of, bridge=Bridge(engine.program)) as practice:
            yield Bridged(target_of(practice, host))
        return
    yield load(request.param)()


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Lets the next jobs run a text of the test in place of the module's."""

    def say(body: str) -> None:
        text = "param([string]$Call, [string]$Arguments)\n$ErrorActionPreference = 'Stop'\n" + body
        script = Script(call="Get-PyWfpState", functions=(), text=text, sha256="")
        for module in (child_module, inprocess_module, psrp_module):
            monkeypatch.setattr(module, "script_for", lambda *_: script)

    return say


def test_facts_of_this_machine_come(transport: Transport) -> None:
    lines: list[str] = []
    ran = transport.run(HERE, "Get-PyWfpHostFact", {}, on_frame=lines.append, watch=Patience(120))
    assert (ran.state, ran.errors, ran.foreign) == ("completed", (), 0)
    received = decode(lines, host="here", transport=transport.name)
    assert (received.faults, received.noise) == ((), ())
    (payload,) = received.payloads
    facts = json.loads(payload.raw())
    assert facts["v"] == 1
    assert facts["powershell"]["language_mode"] == "FullLanguage"


def test_a_call_that_cannot_be_done_says_why(transport: Transport) -> None:
    """On a Windows without rights, or where there is no netsh at all."""
    got = run(transport, HERE, seconds=120)
    assert got.ran is not None
    if got.ran.state == "completed":
        pytest.skip("this machine answers: an elevated administrator runs this")
    received = decode(got.lines, host="here", transport=transport.name)
    (problem,) = received.problems
    assert got.ran.errors[0].error_id.startswith(f"PyWfp.{problem.code}")


TEXTS = ["", "plain", "Gr\u00fc\u00dfe \u540d\u524d \U0001f600", "_x0041_ <&>", "{" + "x" * 40_000]


def test_texts_come_as_they_are(transport: Transport, says: Callable[[str], None]) -> None:
    codes = [",".join(str(b) for b in text.encode("utf-16-le")) for text in TEXTS]
    says("\n".join(f"[Text.Encoding]::Unicode.GetString([byte[]]@({code}))" for code in codes))
    assert run(transport, HERE).lines == TEXTS


def test_objects_that_are_no_text_are_counted(
    transport: Transport, says: Callable[[str], None]
) -> None:
    says("1\n'a'\n[guid]::NewGuid()\n@{}\n$true\n'b'\n")
    got = run(transport, HERE)
    assert got.ran is not None
    assert (got.lines, got.ran.foreign) == (["a", "b"], 4)


def test_errors_have_their_ids(transport: Transport, says: Callable[[str], None]) -> None:
    says(
        "function F { [CmdletBinding()] param()\n"
        " Write-Error -Message 'one' -ErrorId 'PyWfp.one' -ErrorAction Continue\n"
        " Write-Error -Message 'two' -ErrorId 'PyWfp.two' -ErrorAction Stop }\nF\n"
    )
    got = run(transport, HERE)
    assert got.ran is not None
    assert got.ran.state == "failed"
    assert [(e.error_id, e.text) for e in got.ran.errors] == [
        ("PyWfp.one,F", "one"),
        ("PyWfp.two,F", "two"),
    ]


ENDLESS = "try { 'first'; while ($true) { Start-Sleep -Milliseconds 50 } } finally { 'cleaned' }\n"


def test_a_stop_runs_finally(transport: Transport, says: Callable[[str], None]) -> None:
    says(ENDLESS)
    watch = Patience(60)
    got = run(transport, HERE, watch=watch, on_frame=lambda _: watch.stop())
    assert got.ran is not None
    assert (got.ran.state, got.lines) == ("stopped", _ended(transport))


def test_the_time_limit_runs_finally(transport: Transport, says: Callable[[str], None]) -> None:
    says(ENDLESS)
    got = run(transport, HERE, seconds=8)
    assert got.error is not None
    assert (got.error.what, got.lines) == ("timeout", _ended(transport))


def _ended(transport: Transport) -> list[str]:
    """What comes of `ENDLESS`; over the network nobody listens once it was told to stop."""
    return ["first"] if transport.name == "psrp" else ["first", "cleaned"]


def test_a_line_comes_before_the_script_ends(
    transport: Transport, says: Callable[[str], None]
) -> None:
    says("'a'\nStart-Sleep -Seconds 3\n'b'\n")
    came: list[float] = []
    run(transport, HERE, on_frame=lambda _: came.append(time.monotonic()))
    assert came[1] - came[0] > 1


def test_variables_do_not_stay_for_the_next_job(
    transport: Transport, says: Callable[[str], None]
) -> None:
    for text in ("$left = 'here'\n''\n", '"$left"\n'):
        says(text)
        assert run(transport, HERE).lines == [""]


def test_a_large_script_and_a_large_answer_come_whole(
    transport: Transport, says: Callable[[str], None]
) -> None:
    says("# " + "x" * 300_000 + "\nforeach ($n in 1..200) { 'y' * 32000 }\n")
    assert run(transport, HERE, seconds=120).lines == ["y" * 32_000] * 200


def test_jobs_run_beside_each_other(transport: Transport) -> None:
    found: list[Got] = []
    threads = [
        threading.Thread(target=lambda: found.append(run(transport, HERE, seconds=120)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({got.ran.state for got in found if got.ran is not None}) == 1
