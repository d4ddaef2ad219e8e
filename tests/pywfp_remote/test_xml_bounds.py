"""XML that is small on the wire and large in memory, in messages and around them."""

from __future__ import annotations

import tracemalloc

import pytest

from pywfp_remote.lab import http
from pywfp_remote.lab.auth import Logon
from pywfp_remote.lab.host import Way
from pywfp_remote.lab.http import Reply
from pywfp_remote.xml_bounds import MESSAGE_LIMIT, BoundedSerializer
from tests.pywfp_remote.lab.lab_rig import lab_host, served
from tests.pywfp_remote.psrp_rig import run, saying, sender, target_of

_GROWING = b'<!DOCTYPE a [<!ENTITY a "' + b"x" * 5_000 + b'">]>'
_TEXT = "XML with a document type came, which nobody sends"


def _nested(depth: int, size: int) -> str:
    level = '<Obj N="a" RefId="{0}"><TN RefId="{0}"><T>System.Object</T></TN><MS>'
    inner = f'<S N="a">{"x" * size}</S>'
    return "".join(level.format(n) for n in range(depth)) + inner + "</MS></Obj>" * depth


def test_message_with_entities_stays_text(monkeypatch: pytest.MonkeyPatch) -> None:
    body = _GROWING + b"<S>" + b"&a;" * 50 + b"</S>"
    got = saying(body, monkeypatch)
    assert got.error is None
    assert body.decode() in got.lines


@pytest.mark.parametrize("way", [Way.NTLM, Way.BASIC])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp037"])
@pytest.mark.parametrize("status", [200, 500])
def test_answer_with_entities_is_not_read(
    way: Way, encoding: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = f'<?xml version="1.0" encoding="{encoding}"?>'
    rest = _GROWING.decode() + "<a>&a;&a;&a;</a>"
    body = declared.encode("utf-16" if encoding == "utf-16" else "ascii") + rest.encode(encoding)

    def growing(reply: Reply, logon: Logon) -> tuple[str, bytes]:
        return logon.seal(body) if reply.sealed else (reply.kind, body)

    monkeypatch.setattr(http, "finish", growing)
    host = lab_host("web-001", way, *(["http-500"] if status == 500 else []))
    with served(host, factory=sender) as practice:
        error = run(target_of(practice, host)).error
    assert error is not None
    assert error.what == "bad-payload"
    assert status == 500 or encoding != "utf-8" or error.text == _TEXT


@pytest.mark.parametrize(
    "text",
    [
        f"<S>{'x' * MESSAGE_LIMIT}</S>",
        _nested(300, 200_000),
        _nested(40, 900_000),
        "<!DOCTYPE a><S>a</S>",
    ],
    ids=["long", "deep", "less deep and longer", "document type"],
)
def test_message_that_grows_stays_text(text: str) -> None:
    # Each time it would grow; what other threads of the tests take meanwhile comes once.
    assert min(_taken_by(text) for _ in range(3)) < 100_000


def _taken_by(text: str) -> int:
    """Most bytes that reading the message took, by all threads."""
    tracemalloc.start()
    try:
        assert BoundedSerializer().deserialize(text) is text
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_message_of_a_bearable_size_is_read() -> None:
    size = 900_000
    assert BoundedSerializer().deserialize(f"<S>{'x' * size}</S>") == "x" * size
    found = BoundedSerializer().deserialize(_nested(200, 50_000))
    for _ in range(199):
        found = found.extended_properties["a"]
    assert found.extended_properties == {"a": "x" * 50_000}
