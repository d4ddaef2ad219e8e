"""What the scripts of the conformance suite do, whatever way they are run."""

from __future__ import annotations

import gzip
import json
import os
import random
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from pywfp_ps.payload.frames import Data, ProblemFrame, encode_part, write_frame
from pywfp_remote.lab.engine import Error, FailedError, Output, Sleep, Step
from pywfp_remote.lab.psrp import Failure

CALL = "Get-PyWfpState"
TAKEN_AT = datetime(2026, 11, 21, 10, tzinfo=UTC)


class Stopped(BaseException):
    """Thrown into a script that is told to stop: what follows is its ``finally``."""


def part(plain: bytes, name: str = "state") -> list[str]:
    return list(encode_part(plain, part=name, content="netsh-state", call=CALL, taken_at=TAKEN_AT))


SMALL = part(b"<wfpstate/>\r\n")
LARGE = part(random.Random(6).randbytes(4_000_000))
TEXTS = [
    "",
    " ",
    "plain",
    "two\nlines\r\nand a\ttab",
    "Gr\u00fc\u00dfe \u540d\u524d \U0001f600 \u202e",
    "_x000A_ _x0041_ <a b='c'>&amp;</a> ]]>",
    "\x01\x1f\x7f\x85",
    write_frame(Data(part="state", n=0, text='\u00e9\ud7ff\U0001f600 "\\')),
    "{" + "x" * 40_000,
]
PROBLEM = write_frame(ProblemFrame(code="bfe-stopped", part="state", text="BFE l\u00e4uft nicht."))
BFE = Failure(
    message="The Base Filtering Engine (service BFE) is not running.",
    error_id="PyWfp.bfe-stopped,Assert-PyWfpReady",
)
FIRST, LAST, CLEANED = "first", "last", "cleaned up"


def _values(_go: Path) -> Iterator[Step]:
    for text in TEXTS:
        yield Output(text)


def _throws(_go: Path) -> Iterator[Step]:
    yield Output(PROBLEM)
    raise FailedError(BFE)


def _errors(_go: Path) -> Iterator[Step]:
    yield Output(FIRST)
    yield Error(Failure(message="one", error_id="One,Test"))
    yield Error(Failure(message="two", error_id="Two,Test"))
    yield Output(LAST)


def _streams(go: Path) -> Iterator[Step]:
    yield Output(FIRST)
    while not go.exists():
        yield Sleep(0.02)
    yield Output(LAST)


def _endless(go: Path) -> Iterator[Step]:
    try:
        yield Output(FIRST)
        while True:
            yield Sleep(0.02)
    except Stopped:
        go.with_name("cleaned").touch()
        yield Output(CLEANED)
        raise


def _foreign(_go: Path) -> Iterator[Step]:
    yield Output("VERBOSE: a banner")
    for line in SMALL:
        yield Output(line)
        yield Output(5)  # type: ignore[arg-type] # an object that is no text
    yield Output(True)  # type: ignore[arg-type] # the same


def _large(_go: Path) -> Iterator[Step]:
    for line in LARGE:
        yield Output(line)


def _answers(go: Path) -> Iterator[Step]:
    """The lines of a file that is called as the function, or as it and its first parameter.

    After the line ``wait`` it goes on for as long as it is let.
    """
    call, arguments = os.environ["WFP_STAND_IN_CALL"], os.environ["WFP_STAND_IN_ARGUMENTS"]
    first = next(iter(json.loads(arguments)), "")
    names = (f"{call}-{first}.lines", f"{call}.lines")
    path = next((go.with_name(name) for name in names if go.with_name(name).exists()), None)
    if path is None:
        raise FailedError(BFE)
    for line in path.read_text("utf-8").splitlines():
        if line != "wait":
            yield Output(line)
            continue
        while True:
            yield Sleep(0.02)


def _nothing(_go: Path) -> Iterator[Step]:
    yield from ()


def _said(go: Path) -> Iterator[Step]:
    """What a test wrote down beside `go`, line by line."""
    for line in go.with_name("said").read_text("ascii").splitlines():
        yield Output(line)


SCENARIOS: Mapping[str, Callable[[Path], Iterator[Step]]] = {
    "values": _values,
    "throws": _throws,
    "errors": _errors,
    "streams": _streams,
    "endless": _endless,
    "foreign": _foreign,
    "large": _large,
    "nothing": _nothing,
    "answers": _answers,
    "said": _said,
}


def play(name: str, go: Path) -> Iterator[Step]:
    """The steps of a scenario; `go` is a file that the test makes when a script may go on."""
    return SCENARIOS[name](go)


def unpacked(lines: list[str]) -> bytes:
    """The plain bytes in the frames of `SMALL` and `LARGE`, read without the package."""
    import base64

    frames = [json.loads(line) for line in lines]
    packed = b"".join(base64.b64decode(f["text"]) for f in frames if f["frame"] == "data")
    return gzip.decompress(packed)
