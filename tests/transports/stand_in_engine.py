"""Stands in for ``pwsh -s``: PSRP over standard input and output, with faults on request.

Arguments: the way, the scenario, the file to wait for, then those of a real engine. It is as strict
as a real one is fragile: lines that come before the last one was acknowledged end it.
"""

from __future__ import annotations

import base64
import os
import re
import select
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "remote")]

LINE = re.compile(
    rb"<(Data|Command|Signal|Close)(?: Stream='Default')? PSGuid='([0-9a-f-]{36})'"
    rb"(?: />|>([A-Za-z0-9+/=]*)</Data>)\n"
)
POOL = UUID(int=0)
NORMAL_END, BAD_CLIENT = 160, 70


class Engine:
    """One server mode."""

    def __init__(self, way: str, scenario: str, go: Path) -> None:
        from pywfp_remote.lab.psrp import Pool, version_table

        self.way, self.scenario, self.go = way, scenario, go
        self.pool = Pool(version_table("7.6.5", "7.6.5"))
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.runner: threading.Thread | None = None

    def say(self, data: bytes) -> None:
        os.write(1, data)

    def answer(self, name: str, guid: UUID) -> None:
        self.say(f"<{name}Ack PSGuid='{guid}' />\n".encode())

    def flush(self) -> None:
        with self.lock:
            for fragment in self.pool.waiting():
                text, guid = fragment.text, fragment.pipeline or POOL
                if self.way == "half-fragment" and fragment.pipeline:
                    text = base64.b64encode(base64.b64decode(text)[:-3]).decode()
                if self.way == "no-base64" and fragment.pipeline:
                    text = "?" + text
                if self.way == "nonsense" and fragment.pipeline:
                    raw = base64.b64decode(text)
                    text = base64.b64encode(raw[:64] + b"\xff" * (len(raw) - 64)).decode()
                line = f"<Data Stream='Default' PSGuid='{guid}'>{text}</Data>\n".encode()
                if self.way == "dirt" and fragment.pipeline:
                    self.say(b"foreign text without an end")
                if self.way == "dies" and fragment.pipeline:
                    self.say(line[: len(line) // 2])
                    os._exit(9)
                self.say(line)
                if self.way == "eof" and fragment.pipeline:
                    os._exit(NORMAL_END)
                if self.way == "grandchild" and fragment.pipeline:
                    subprocess.Popen(["sleep", "60"])
                    os._exit(9)

    def take(self, line: bytes) -> None:
        found = LINE.fullmatch(line)
        if found is None:
            os._exit(BAD_CLIENT)
        name, guid = found[1].decode(), UUID(found[2].decode())
        getattr(self, f"do_{name.lower()}")(guid, found[3] or b"")

    def do_data(self, guid: UUID, body: bytes) -> None:
        from psrpcore import CreatePipelineEvent

        events = list(self.pool.receive(base64.b64decode(body, validate=True)))
        if select.select([0], [], [], 0.005)[0]:
            os._exit(BAD_CLIENT)  # it did not wait
        self.answer("Data", guid)
        self.flush()
        for event in events:
            if isinstance(event, CreatePipelineEvent):
                said: Any = event
                self.start(said.pipeline)

    def do_command(self, guid: UUID, _body: bytes) -> None:
        self.pipeline: Any = self.pool.pipeline(guid)
        self.answer("Command", guid)

    def do_signal(self, guid: UUID, _body: bytes) -> None:
        self.answer("Signal", guid)
        if self.way != "never-stops":
            self.stopping.set()

    def do_close(self, guid: UUID, _body: bytes) -> None:
        if guid != POOL and self.way != "signals-only":
            self.stopping.set()
        self.answer("Close", guid)

    def start(self, metadata: Any) -> None:
        given = {name: str(value) for name, value in metadata.commands[0].parameters}
        if given.keys() != {"Call", "Arguments"} or not metadata.commands[0].use_local_scope:
            os._exit(BAD_CLIENT)
        os.environ["WFP_STAND_IN_CALL"] = given["Call"]
        os.environ["WFP_STAND_IN_ARGUMENTS"] = given["Arguments"]
        self.pipeline.start()
        self.runner = threading.Thread(target=self.run, daemon=True)
        self.runner.start()

    def run(self) -> None:
        from pywfp_remote.lab.engine import Error, FailedError, Output, Sleep
        from pywfp_remote.lab.psrp import fail, write_failure
        from tests.transports.scenarios import Stopped, play

        steps = play(self.scenario, self.go)
        try:
            for step in self.until_stop(steps):
                match step:
                    case Output(text):
                        self.pipeline.write_output(text)
                    case Error(failure):
                        write_failure(self.pipeline, failure)
                    case Sleep(seconds):
                        self.stopping.wait(seconds)
                self.flush()
        except FailedError as error:
            fail(self.pipeline, error.failure)
        except Stopped:
            self.pipeline.stop()
        else:
            self.pipeline.complete()
        self.flush()

    def until_stop(self, steps: Iterator[Any]) -> Iterator[Any]:
        from tests.transports.scenarios import Stopped

        for step in steps:
            yield step
            if self.stopping.is_set():
                break
        else:
            return
        yield steps.throw(Stopped())  # type: ignore[attr-defined] # a generator
        yield from steps
        raise Stopped


def main() -> int:
    way, scenario, go, *rest = sys.argv[1:]
    if rest != ["-s", "-NoLogo", "-NoProfile"]:
        sys.stderr.write(f"what is {rest}?\n")
        return 64
    if way == "no-start":
        sys.stderr.write("You must install or update .NET to run this application.\n\x1b[31mred\n")
        return 150
    if way == "silent":
        while os.read(0, 65_536):
            pass
        return NORMAL_END
    if way == "deaf":
        threading.Event().wait()
    engine = Engine(way, scenario, Path(go))
    if way == "dirt":
        engine.say(b'Welcome!\r\n{"frame":"problem","code":"forged"}\n')
        engine.say(
            '  {"frame": 1}\nGr\u00fc\u00dfe\n'.encode("utf-16-le") + b"\n<Data>\n<Datum />\n"
        )
    if way == "floods":
        while True:
            engine.say(b"y" * 4095 + b"\n")
    buffer = b""
    while piece := os.read(0, 65_536):
        buffer += piece
        while b"\n" in buffer:
            line, _, buffer = buffer.partition(b"\n")
            engine.take(line + b"\n")
    if way == "never-ends":
        threading.Event().wait()
    sys.stderr.write('An unknown element "" was received.\n')
    sys.stderr.flush()
    os._exit(NORMAL_END)


if __name__ == "__main__":
    sys.exit(main())
