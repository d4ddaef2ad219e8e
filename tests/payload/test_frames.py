from __future__ import annotations

import gzip
import hashlib
import json
import tracemalloc
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pywfp_ps.payload.decoder import Decoder, Limits, Received, decode
from pywfp_ps.payload.frames import LINE_LIMIT, Packing, Records, encode_part, encode_records
from pywfp_ps.payload.payload import Payload, Problem

WHEN = datetime(2026, 11, 21, 10, 0, 0, 123000, UTC)
DUMP = (
    b"\xef\xbb\xbf<wfpstate>"
    + "".join(f"<item>{n} \u540d</item>\r\n" for n in range(30_000)).encode()
)


def lines_of(
    plain: bytes = DUMP, packing: Packing = Packing.GZIP, part: str = "state"
) -> list[str]:
    return list(
        encode_part(
            plain,
            part=part,
            content="netsh-state",
            call="Get-PyWfpState",
            taken_at=WHEN,
            packing=packing,
        )
    )


def received(lines: Sequence[str], **limits: int) -> Received:
    return decode(lines, host="web-03", transport="recorded", limits=Limits(**limits))


def codes(result: Received) -> list[str]:
    return [fault.code for fault in result.faults]


def only(result: Received) -> Payload:
    assert len(result.payloads) == 1
    return result.payloads[0]


@pytest.mark.parametrize("packing", list(Packing))
def test_a_part_comes_back_as_it_was(packing: Packing) -> None:
    lines = lines_of(DUMP, packing)
    result = received(lines)
    payload = only(result)
    assert payload.raw() == DUMP
    assert payload.is_intact()
    data = payload.data
    assert payload == Payload(
        part="state",
        content="netsh-state",
        call="Get-PyWfpState",
        host="web-03",
        transport="recorded",
        taken_at=WHEN,
        received_at=payload.received_at,
        complete=True,
        packed=len(data),
        plain=len(DUMP),
        sha256=hashlib.sha256(data).hexdigest(),
        data=data,
    )
    assert (result.faults, result.noise, result.frame_count) == ((), (), len(lines))


@pytest.mark.parametrize("packing", list(Packing))
def test_every_line_is_ascii_and_short(packing: Packing) -> None:
    for line in lines_of(DUMP, packing):
        assert line.isascii()
        assert len(line) <= LINE_LIMIT
        assert json.loads(line)["part"] == "state"


@given(st.binary(max_size=2000), st.sampled_from([Packing.GZIP, Packing.BASE64]))
@settings(max_examples=50)
def test_any_bytes_come_back(plain: bytes, packing: Packing) -> None:
    assert only(received(lines_of(plain, packing))).raw() == plain


@given(st.text(max_size=2000), st.booleans())
@settings(max_examples=50)
def test_any_text_comes_back(text: str, marked: bool) -> None:
    text = text.encode("utf-8", "ignore").decode().lstrip("\ufeff")
    plain = (b"\xef\xbb\xbf" if marked else b"") + text.encode()
    payload = only(received(lines_of(plain, Packing.TEXT)))
    assert (payload.complete, payload.raw()) == (True, plain)


PIECES = lines_of(bytes(range(256)) * 600, Packing.BASE64)  # begin, 7 data, end
assert len(PIECES) == 9


@given(st.data())
@settings(max_examples=150)
def test_a_stream_that_was_touched_is_never_whole(data: st.DataObject) -> None:
    lines = list(PIECES)
    at = data.draw(st.integers(1, len(lines) - 1))
    match data.draw(st.sampled_from(["drop", "repeat", "swap", "cut", "stop", "letter"])):
        case "drop":
            del lines[at]
        case "repeat":
            at = min(at, len(lines) - 2)
            lines.insert(data.draw(st.integers(at, len(lines) - 2)), lines[at])
        case "swap":
            other = data.draw(st.integers(1, len(lines) - 1).filter(lambda n: n != at))
            lines[at], lines[other] = lines[other], lines[at]
        case "cut":
            lines[at] = lines[at][: data.draw(st.integers(0, len(lines[at]) - 1))]
        case "stop":
            del lines[at:]
        case "letter":
            line = lines[at]
            place = data.draw(st.integers(0, len(line) - 1))
            letter = data.draw(st.sampled_from("AZ019z").filter(lambda c: c != line[place]))
            lines[at] = line[:place] + letter + line[place + 1 :]
            if len(line) < 400:
                return  # a letter of the end or of the small last piece is tested by the table
    result = received(lines)
    assert [payload.complete for payload in result.payloads] == [False]
    assert result.faults


def touched(line: str, **changes: object) -> str:
    return json.dumps(json.loads(line) | changes)


@pytest.mark.parametrize(
    ("lines", "faults"),
    [
        (PIECES[:-1], ["no-end"]),
        ([*PIECES[:3], *PIECES[4:]], ["missing", "frames", "size", "hash"]),
        ([*PIECES[:3], PIECES[4], PIECES[3], *PIECES[5:]], ["missing", "reordered", "hash"]),
        (
            [*PIECES[:3], PIECES[2], *PIECES[3:]],
            ["repeated", "frames", "size", "hash"],
        ),
        ([*PIECES[:-1], touched(PIECES[-1], frames=8)], ["frames"]),
        ([*PIECES[:-1], touched(PIECES[-1], plain=1)], ["size"]),
        ([*PIECES[:-1], touched(PIECES[-1], sha256="0" * 64)], ["hash"]),
        ([*PIECES[:-1], touched(PIECES[-1], sha256=None)], ["hash"]),
        ([*PIECES[:-1], touched(PIECES[-1], hash_of="moon")], ["hash"]),
        ([*PIECES[:2], touched(PIECES[2], text="A*=="), *PIECES[3:]], ["bad-text", "size", "hash"]),
        (
            [*PIECES[:2], touched(PIECES[2], text="AAA=AAAA"), *PIECES[3:]],
            ["bad-text", "size", "hash"],
        ),
        ([PIECES[0], *PIECES], ["begun-twice"]),
        (
            [PIECES[0], '{"frame":"records","part":"state","n":0,"records":[]}', PIECES[-1]],
            ["wrong-kind", "frames", "size", "hash"],
        ),
    ],
    ids=[
        "no end", "missing", "reordered", "repeated", "count", "size", "hash",
        "no hash", "hash of what", "no base64", "text after padding", "begun twice", "wrong kind",
    ],
)  # fmt: skip
def test_each_lie_has_its_name(lines: list[str], faults: list[str]) -> None:
    result = received(lines)
    assert codes(result) == faults
    assert [fault.code for fault in only(result).faults] == faults
    assert only(result).complete is not bool(faults)


def test_holes_without_end_take_no_memory() -> None:
    frame = '{{"frame":"data","part":"state","n":{},"text":""}}'
    decoder = Decoder(host="web-03", transport="recorded")
    decoder.feed(PIECES[0])
    tracemalloc.start()
    try:
        for n in range(5_000):
            decoder.feed(frame.format(n * 2_000))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 1_000_000
    assert only(decoder.finish()).complete is False


@pytest.mark.parametrize("digits", [20, 400, 4_300, 5_000])
@pytest.mark.parametrize("name", ["n", "frames", "plain"])
def test_numbers_that_count_nothing_are_no_frames(name: str, digits: int) -> None:
    kind = "data" if name == "n" else "end"
    frame = {"frame": kind, "part": "state", "text": "", "n": 0, "frames": 0, name: 0}
    line = json.dumps(frame).replace(f'"{name}": 0', f'"{name}": {"9" * digits}')
    result = received([PIECES[0], line])
    assert codes(result) == ["bad-frame", "no-end"]
    assert not only(result).complete


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"part": "../../etc/passwd"}, "bad-name"),
        ({"part": "con"}, "bad-name"),
        ({"part": "state."}, "bad-name"),
        ({"part": "State"}, "bad-name"),
        ({"part": "x" * 65}, "bad-name"),
        ({"content": "a b"}, "bad-name"),
        ({"call": "x;y"}, "bad-name"),
        ({"v": 2}, "version"),
        ({"packing": "rot13"}, "packing"),
    ],
)
def test_a_begin_that_is_refused_opens_nothing(change: dict[str, object], fault: str) -> None:
    result = received([touched(PIECES[0], **change), PIECES[1]])
    assert (result.payloads, codes(result)) == ((), [fault, "unknown-part"])


def test_frames_after_the_end_do_not_change_the_part() -> None:
    result = received([*PIECES, PIECES[1], PIECES[0]])
    assert codes(result) == ["after-end", "begun-twice"]
    assert only(result).complete


def test_a_line_over_the_limit_is_no_frame() -> None:
    most = PIECES[1] + " " * (LINE_LIMIT - len(PIECES[1]))
    assert only(received([PIECES[0], most, *PIECES[2:]])).complete
    result = received([PIECES[0], most + " ", *PIECES[2:]])
    assert codes(result)[0] == "bad-frame"
    assert (only(result).complete, result.noise_count) == (False, 1)


def test_parts_may_be_mixed() -> None:
    one, two = lines_of(b"one", part="facts"), lines_of(b"two", part="state")
    result = received([one[0], two[0], one[1], two[1], two[2], one[2]])
    assert {p.part: (p.complete, p.raw()) for p in result.payloads} == {
        "facts": (True, b"one"),
        "state": (True, b"two"),
    }


def test_a_part_is_given_out_at_its_end_and_no_more_held() -> None:
    decoder = Decoder(host="h", transport="t")
    given_out = [decoder.feed(line) for line in PIECES]
    assert given_out[:-1] == [None] * (len(PIECES) - 1)
    assert isinstance(given_out[-1], Payload)
    assert decoder.finish().payloads == ()


NOISE = [
    "",
    "WARNING: something",
    "[]",
    "{}",
    "null",
    '{"frame":"moon"}',
    '{"frame":"data","part":"state"}',
    '{"frame":"data","part":"state","n":-1.5,"text":""}',
    '{"frame":"data","part":7,"n":0,"text":""}',
    "[" * 10_000,
    '{"frame":"problem","code":"x","text":' + "[" * 9_000,
    "\ud800",
    "\x00" * 50,
    "x" * 100_000,
]


def test_foreign_lines_are_counted_kept_and_harmless() -> None:
    lines = [PIECES[0]]
    for index, noise in enumerate(NOISE):
        lines += [noise, *PIECES[1 + index : 2 + index]]
    lines += PIECES[1 + len(NOISE) :]
    result = received(lines, noise=40)
    assert only(result).complete
    assert result.noise == tuple(line[:40] for line in NOISE)
    assert result.noise_count == len(NOISE)
    assert set(codes(result)) == {"bad-frame"}


@given(st.lists(st.text(max_size=60) | st.sampled_from(PIECES), max_size=30))
@settings(max_examples=100)
def test_nothing_a_host_writes_raises(lines: list[str]) -> None:
    result = received(lines)
    assert result.noise_count + result.frame_count == len(lines)


def test_what_is_kept_of_a_flood_is_bounded() -> None:
    flood = ["noise"] * 1_000
    flood += ['{"frame":"problem","code":"x"}'] * 1_000
    flood += ['{"frame":"data","part":"no-such","n":0,"text":""}'] * 1_000
    result = received(flood, kept=10)
    assert (len(result.noise), len(result.problems), len(result.faults)) == (10, 10, 10)
    assert (result.noise_count, result.problem_count, result.fault_count) == (1_000,) * 3


def test_problems_are_given_out_and_belong_to_their_part() -> None:
    told = (
        '{"frame":"problem","part":"state","code":"bfe-stopped","hresult":"0x800706D9","text":"t"}'
    )
    problem = Problem(part="state", code="bfe-stopped", hresult="0x800706D9", text="t")
    decoder = Decoder(host="h", transport="t")
    decoder.feed(PIECES[0])
    assert decoder.feed(told) == problem
    rest = decoder.finish()
    assert (rest.problems, rest.payloads[0].problems) == ((problem,), (problem,))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"frame":"problem","code":"a","part":"../x"}', Problem(code="a")),
        ('{"frame":"problem","code":"a","hresult":"zero"}', Problem(code="a")),
        ('{"frame":"problem","code":"a; b"}', None),
    ],
)
def test_a_problem_that_lies_loses_only_the_lie(line: str, problem: Problem | None) -> None:
    assert Decoder(host="h", transport="t").feed(line) == problem


@pytest.mark.parametrize("secret", ["Sommer2026!geheim", "sommer-geheim"])
@pytest.mark.parametrize("before", [0, 33, 73])
def test_a_password_is_in_nothing_that_is_kept(secret: str, before: int) -> None:
    """Also where a text is cut in the middle of it."""
    said = "x" * before + secret
    begin = json.loads(PIECES[0])
    lines: list[dict[str, object]] = [
        {"frame": "problem", "code": said},
        {"frame": "problem", "code": "a", "part": said, "text": said, "hresult": said},
        {**begin, "part": f"{said}!"},
        {**begin, "part": said, "v": 9},
        {**begin, "packing": said},
        {**begin, "taken_at": said},
        {"frame": "data", "part": said, "n": 0, "text": ""},
    ]
    decoder = Decoder(host="h", transport="t", hide=lambda text: text.replace(secret, "********"))
    for line in lines:
        decoder.feed(json.dumps(line))
    rest = decoder.finish()
    assert (rest.problem_count, rest.fault_count, rest.noise_count) == (1, 7, 0)
    assert secret[:5] not in repr((rest.problems, rest.faults))


def test_a_bomb_is_kept_packed_and_not_believed() -> None:
    result = received(lines_of(bytes(50_000_000)))
    payload = only(result)
    assert codes(result) == ["bomb"]
    assert (payload.complete, payload.packed < 60_000) == (False, True)
    assert payload.plain < 13_000_000


@pytest.mark.parametrize("packing", list(Packing))
def test_a_part_over_the_limit_is_not_whole(packing: Packing) -> None:
    plain = hashlib.sha256(b"").hexdigest().encode() * 2_000
    result = received(lines_of(plain, packing), plain=100_000)
    assert codes(result)[0] == "too-large"
    assert (only(result).complete, only(result).plain <= 100_000) == (False, True)


def test_all_parts_together_are_bounded() -> None:
    noise = hashlib.shake_256(b"x").digest(120_000)
    lines = lines_of(noise, part="one") + lines_of(noise, part="two")
    result = received(lines, packed=200_000)
    assert [p.complete for p in result.payloads] == [True, False]
    assert sum(p.packed for p in result.payloads) < 200_000


def test_parts_are_counted() -> None:
    lines = [line for n in range(4) for line in lines_of(b"x", part=f"part-{n}")]
    result = received(lines, parts=3)
    assert len(result.payloads) == 3
    assert codes(result)[0] == "too-many-parts"


def test_gzip_that_is_none_is_damaged() -> None:
    lines = [touched(PIECES[0], packing="gzip+base64"), *PIECES[1:]]
    assert codes(received(lines)) == ["damaged"]


def test_the_hash_of_the_plain_bytes_will_do() -> None:
    lines = lines_of(DUMP)
    end = touched(lines[-1], hash_of="plain", sha256=hashlib.sha256(DUMP).hexdigest().upper())
    assert only(received([*lines[:-1], end])).complete
    assert codes(received([*lines[:-1], touched(lines[-1], hash_of="plain")])) == ["hash"]


@pytest.mark.parametrize("text", ["", "yesterday", "2026-11-21T10:00:00", "0001-01-01T00:00+14:00"])
def test_a_time_that_is_none_costs_only_the_time(text: str) -> None:
    result = received([touched(PIECES[0], taken_at=text), *PIECES[1:]])
    assert (codes(result), only(result).taken_at, only(result).complete) == (
        ["bad-time"],
        None,
        True,
    )


def test_a_clock_years_off_is_kept() -> None:
    result = received([touched(PIECES[0], taken_at="1999-12-31T23:59:59Z"), *PIECES[1:]])
    assert only(result).taken_at == datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC)


RECORDS = list(
    encode_records(
        [[{"id": 2**64 - 1}, {"name": "\u540d\U0001f600"}], [{"id": 2}]],
        part="events",
        content="security-events",
        call="Get-PyWfpSecurityEvent",
        taken_at=WHEN,
    )
)  # fmt: skip


def test_records_are_given_out_at_once_and_kept_as_lines() -> None:
    decoder = Decoder(host="h", transport="t")
    given_out = [decoder.feed(line) for line in RECORDS]
    first = given_out[1]
    assert isinstance(first, Records)
    assert bytes(first.records[0]) == b'{"id":18446744073709551615}'
    payload = given_out[-1]
    assert isinstance(payload, Payload)
    assert [json.loads(line) for line in payload.raw().splitlines()] == [
        {"id": 18446744073709551615},
        {"name": "\u540d\U0001f600"},
        {"id": 2},
    ]


def test_half_a_surrogate_pair_costs_only_itself() -> None:
    names = r'[{"name":"\uD800\ud83d\ude00\\ud800\uDC00"},{"id":2}]'
    bad = f'{{"frame":"records","part":"events","n":0,"records":{names}}}'
    result = received([RECORDS[0], bad, *RECORDS[2:]])
    assert only(result).complete
    assert [json.loads(line) for line in only(result).raw().splitlines()] == [
        {"name": "\ufffd\U0001f600\\ud800\ufffd"},
        {"id": 2},
        {"id": 2},
    ]


@pytest.mark.parametrize(
    ("lines", "faults"),
    [
        ([RECORDS[0], *RECORDS[2:]], ["missing", "frames"]),
        ([*RECORDS[:2], RECORDS[1], *RECORDS[2:]], ["repeated", "frames"]),
        (RECORDS[:-1], ["no-end"]),
    ],
)
def test_records_out_of_order_are_incomplete(lines: list[str], faults: list[str]) -> None:
    result = received(lines)
    assert (codes(result), only(result).complete) == (faults, False)


def test_a_batch_that_does_not_fit_is_refused() -> None:
    batches = [[{"text": "x" * LINE_LIMIT}]]
    with pytest.raises(ValueError, match="records frame 0 has"):
        list(encode_records(batches, part="e", content="c", call="c", taken_at=WHEN))


def test_the_repr_shows_no_bytes() -> None:
    assert repr(only(received(lines_of(b"secret policy", Packing.BASE64)))) == (
        f"<Payload web-03/state netsh-state complete {len(gzip.compress(b'secret policy'))} bytes>"
    )


def test_the_info_is_all_but_the_bytes() -> None:
    payload = only(received(PIECES))
    info = payload.info()
    assert not hasattr(info, "data")
    assert (info.part, info.sha256, info.complete) == ("state", payload.sha256, True)
