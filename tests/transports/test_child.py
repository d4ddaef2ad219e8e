"""A child engine that does everything wrong: each way ends as a cause, soon, and leaves nobody."""

from __future__ import annotations

import os
import re
import signal
import threading
from pathlib import Path

import psutil
import pytest

from pywfp_ps.errors import UsageError
from pywfp_ps.transports.base import Patience, Target
from pywfp_ps.transports.child import ARGUMENTS, ChildLimits, ChildTransport
from pywfp_ps.transports.server_mode import POOL, Element, read_element, write_element
from tests.transports.child_rig import child, engine
from tests.transports.rigs import HERE, run
from tests.transports.scenarios import CLEANED, FIRST, LARGE, SMALL

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the stand-in engine is a shell script")


@pytest.fixture(autouse=True)
def _nobody_is_left() -> object:
    mine = psutil.Process()
    before = {child.pid for child in mine.children(recursive=True)}
    yield
    left = [p for p in mine.children(recursive=True) if p.pid not in before]
    assert [p for p in left if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] == []


@pytest.mark.parametrize(
    ("way", "scenario", "what", "text"),
    [
        ("no-start", "large", "endpoint", r"code 150 before it was ready: You must install"),
        ("dies", "large", "incomplete", r"pwsh ended with code 9 in the middle$"),
        ("eof", "large", "incomplete", r"code 160 in the middle$"),
        ("half-fragment", "large", "bad-payload", "half a fragment"),
        ("no-base64", "large", "bad-payload", "no base64"),
        ("nonsense", "large", "bad-payload", "in a message of the engine"),
        ("silent", "large", "timeout", "not ready in its time"),
        ("deaf", "large", "timeout", "not ready in its time"),
        ("never-stops", "endless", "timeout", "told to stop and did not|its time was over"),
        ("floods", "large", "bad-payload", "too much of it"),
        ("grandchild", "endless", "incomplete", "code 9 in the middle"),
    ],
)
def test_each_fault_has_a_cause(
    tmp_path: Path, way: str, scenario: str, what: str, text: str
) -> None:
    seconds = 4 if what == "timeout" else 30
    got = run(child(tmp_path, scenario, way), HERE, seconds=seconds)
    assert got.error is not None
    assert got.error.what == what
    assert re.search(text, got.error.text), got.error.text
    assert got.error.text.isprintable()
    assert got.error.usage is not None
    if way == "grandchild":  # it outlives the engine, as a netsh would; its group is its own
        os.killpg(_group_of_sleep(), signal.SIGKILL)


def _group_of_sleep() -> int:
    found = [
        p.pid for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == ["sleep", "60"]
    ]
    return os.getpgid(found[-1])


def test_an_engine_that_does_not_end_by_itself_is_ended(tmp_path: Path) -> None:
    got = run(child(tmp_path, "large", "never-ends"), HERE)
    assert got.ran is not None
    assert (got.ran.state, got.lines) == ("completed", LARGE)


def test_what_is_written_past_the_protocol_is_noise_and_never_a_frame(tmp_path: Path) -> None:
    got = run(child(tmp_path, "values", "dirt"), HERE)
    clean = run(child(tmp_path / "clean", "values"), HERE)
    assert got.ran is not None
    noise = [line for line in got.lines if line == "foreign text without an end"]
    assert len(noise) == len(clean.lines) + 2, "before each line of the pipeline; one text is two"
    assert "Welcome!" in got.lines
    assert "<Datum />" in got.lines
    assert not any("forged" in line for line in got.lines)
    assert got.ran.foreign >= 1
    assert [line for line in got.lines if line in clean.lines] == clean.lines


def test_a_stop_that_the_script_ignores_kills_it(tmp_path: Path) -> None:
    watch = Patience(60)
    got = run(
        child(tmp_path, "endless", "never-stops"),
        HERE,
        watch=watch,
        on_frame=lambda _: watch.stop(),
    )
    assert got.error is not None
    assert (got.error.what, got.lines) == ("timeout", [FIRST])


def test_a_stop_from_another_thread_is_seen_while_nothing_comes(tmp_path: Path) -> None:
    watch, first = Patience(60), threading.Event()

    def stop() -> None:
        first.wait(30)
        watch.stop()

    thread = threading.Thread(target=stop)
    thread.start()
    got = run(child(tmp_path, "endless"), HERE, watch=watch, on_frame=lambda _: first.set())
    thread.join()
    assert got.ran is not None
    assert (got.ran.state, got.lines) == ("stopped", [FIRST, CLEANED])


def test_ctrl_c_stops_the_script_and_comes_out(tmp_path: Path) -> None:
    def interrupt(_line: str) -> None:
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(child(tmp_path, "endless", "signals-only"), HERE, on_frame=interrupt)
    assert (tmp_path / "cleaned").exists()


def test_more_than_was_agreed_is_too_large(tmp_path: Path) -> None:
    transport = ChildTransport(engine(tmp_path, "large"), limits=ChildLimits(total=1_000_000))
    got = run(transport, HERE)
    assert got.error is not None
    assert got.error.what == "too-large"


def test_a_program_that_is_none_cannot_be_started(tmp_path: Path) -> None:
    program = engine(tmp_path)
    program.write_bytes(b"\x7fELF, but not really")
    got = run(ChildTransport(program), HERE)
    assert got.error is not None
    assert (got.error.what, got.error.text.partition(": ")[0]) == (
        "endpoint",
        f"{program} cannot be started",
    )


def test_another_machine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="web-01 is not this machine"):
        run(child(tmp_path), Target(name="web-01", address="web-01"))


def command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def test_nothing_of_a_job_stands_on_the_command_line(tmp_path: Path) -> None:
    seen: list[list[str]] = []

    def look(_line: str) -> None:
        children = psutil.Process().children(recursive=True)
        seen.extend(words for words in map(command_line, children) if str(tmp_path) in str(words))
        (tmp_path / "go").touch()

    run(child(tmp_path, "streams"), HERE, on_frame=look, Run="a-secret-run")
    assert seen, "only this test's engine has its folder on the command line"
    assert all(words[-len(ARGUMENTS) :] == list(ARGUMENTS) for words in seen)


def test_usage_counts_both_ways(tmp_path: Path) -> None:
    got = run(child(tmp_path, "large"), HERE)
    assert got.ran is not None
    usage = got.ran.usage
    assert usage.requests >= 6, "opening, command, its text, two farewells"
    assert usage.sent > 10_000
    assert usage.received > sum(map(len, LARGE))


def test_jobs_run_beside_each_other(tmp_path: Path) -> None:
    found: list[list[str]] = []
    transports = [child(tmp_path / str(n), "foreign") for n in range(4)]
    threads = [
        threading.Thread(target=lambda each=each: found.append(run(each, HERE).lines))
        for each in transports
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [["VERBOSE: a banner", *SMALL]] * 4


@pytest.mark.parametrize(
    ("line", "element"),
    [
        (b"<DataAck PSGuid='00000000-0000-0000-0000-000000000000' />\n",
         Element(name="DataAck", guid=POOL)),
        (b"<DataAck PSGuid='00000000-0000-0000-0000-000000000000'/>\r\n",
         Element(name="DataAck", guid=POOL)),
        (b"<Data Stream='Default' PSGuid='00000000-0000-0000-0000-000000000000'>QQ==</Data>",
         Element(name="Data", guid=POOL, body=b"QQ==")),
        (b"glued <CloseAck PSGuid=\"00000000-0000-0000-0000-000000000000\"/>\n",
         Element(name="CloseAck", guid=POOL, before=b"glued ")),
        (b"<DataAck PSGuid='nothing' />", Element(name="DataAck", guid=POOL)),
        (b"<Datum />", None),
        (b"<Data>", None),
        (b"<Data Stream='Default'>QQ==</Data> and more", None),
        (b"", None),
        (b"\n", None),
        (b"\xff\xfe\x00", None),
    ],
)  # fmt: skip
def test_elements_are_told_from_everything_else(line: bytes, element: Element | None) -> None:
    assert read_element(line) == element


@pytest.mark.parametrize("kind", ["Data", "Command", "Signal", "Close"])
def test_what_we_write_is_one_line_with_single_quotes(kind: str) -> None:
    line = write_element(kind, POOL, b"\x00" * 40_000)  # type: ignore[arg-type] # one of those
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert b'"' not in line
    found = read_element(line)
    assert found is not None
    assert (found.name, found.guid) == (kind, POOL)
