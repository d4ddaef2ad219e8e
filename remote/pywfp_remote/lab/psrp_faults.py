"""Hosts whose fragments lie: what a client must survive below the level of frames."""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable, Iterable, Iterator
from itertools import count, repeat
from uuid import UUID

from msgspec import Struct
from psrpcore.types import PSRPMessageType

from pywfp_remote.lab.host import LabHost
from pywfp_remote.lab.psrp import FRAGMENT_SIZE, Fragment

_HEADER = struct.Struct(">QQBI")
_OUTPUT = struct.pack("<I", PSRPMessageType.PipelineOutput.value)
_PROGRESS = PSRPMessageType.ProgressRecord.value
_FAR = 1_000_000  # object numbers that the true messages never reach
_EMPTY_FRAGMENTS = 10_000
_DEPTH = 2_000
_STRANGER = UUID("0badc0de-0bad-c0de-0bad-c0de0badc0de")
_RECORD = (
    b'<Obj RefId="0"><MS><S N="Activity">Working</S><I32 N="ActivityId">0</I32>'
    b'<S N="StatusDescription">still</S><Nil N="CurrentOperation" />'
    b'<I32 N="ParentActivityId">-1</I32><I32 N="PercentComplete">1</I32>'
    b'<Obj N="Type" RefId="1"><TN RefId="0"><T>System.Management.Automation.ProgressRecordType</T>'
    b"<T>System.Enum</T><T>System.ValueType</T><T>System.Object</T></TN>"
    b"<ToString>Processing</ToString><I32>0</I32></Obj>"
    b'<I32 N="SecondsRemaining">-1</I32></MS></Obj>'
)
_BOMB = (
    b'<!DOCTYPE S [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(
        b'<!ENTITY %c "%s">' % (ord("b") + step, b"&%c;" % (ord("a") + step) * 10)
        for step in range(9)
    )
    + b"]><S>&j;</S>"
)


class Spoilt(Struct, frozen=True, kw_only=True):
    """What goes out instead of some honest fragments.

    Attributes:
        fragments: What goes out now.
        endless: What goes out after that, whenever the client asks, for ever.
    """

    fragments: tuple[Fragment, ...]
    endless: Iterator[Fragment] | None = None


class Spoiler:
    """Changes the fragments of one shell as its host's faults say."""

    def __init__(self, host: LabHost) -> None:
        self._ways = [_WAYS[name] for name in sorted(host.faults) if name in _WAYS]
        self._seen: set[UUID] = set()

    def spoil(self, fragment: Fragment) -> Spoilt:
        """What goes out instead of `fragment`."""
        spoilt = Spoilt(fragments=(fragment,))
        if fragment.pipeline is None or not self._ways:
            return spoilt
        raw = base64.b64decode(fragment.text)
        is_output = raw[_HEADER.size + 4 : _HEADER.size + 8] == _OUTPUT
        first = is_output and fragment.pipeline not in self._seen
        if first:
            self._seen.add(fragment.pipeline)
        for way in self._ways:
            changed = way(fragment, raw, first)
            if changed is not None:
                return changed
        return spoilt


_Way = Callable[[Fragment, bytes, bool], Spoilt | None]


def _replace(fragment: Fragment, *raws: bytes) -> Spoilt:
    return Spoilt(
        fragments=tuple(
            Fragment(
                pipeline=fragment.pipeline,
                text=base64.b64encode(raw).decode(),
                last=fragment.last,
            )
            for raw in raws
        )
    )


def _short_fragment(fragment: Fragment, raw: bytes, _first: bool) -> Spoilt | None:
    return _replace(fragment, raw[:10]) if fragment.last else None


def _lying_length(fragment: Fragment, raw: bytes, _first: bool) -> Spoilt | None:
    lie = b"\xff\xff\xff\xff"
    return _replace(fragment, raw[:17] + lie + raw[21:]) if fragment.last else None


def _no_start(fragment: Fragment, raw: bytes, first: bool) -> Spoilt | None:
    number, _, flags, size = _HEADER.unpack_from(raw)
    head = _HEADER.pack(number, 0, flags & ~1, size)
    return _replace(fragment, head + raw[_HEADER.size :]) if first else None


def _empty_fragments(fragment: Fragment, raw: bytes, first: bool) -> Spoilt | None:
    if not first:
        return None
    empty = b"".join(_HEADER.pack(_FAR, n, n == 0, 0) for n in range(_EMPTY_FRAGMENTS))
    return _replace(fragment, empty, raw)


def _endless_fragments(fragment: Fragment, _raw: bytes, first: bool) -> Spoilt | None:
    if not first:
        return None
    size = FRAGMENT_SIZE - _HEADER.size
    pieces = (_HEADER.pack(_FAR, n, n == 0, size) + bytes(size) for n in count())
    return _endless(fragment, pieces)


def _endless_records(fragment: Fragment, raw: bytes, first: bool) -> Spoilt | None:
    if not first:
        return None
    message = raw[21:25] + struct.pack("<I", _PROGRESS) + raw[29:61] + _RECORD
    batches = (
        b"".join(_whole(_FAR + batch * 40 + n, message) for n in range(40)) for batch in count()
    )
    return _endless(fragment, batches)


def _endless_output(fragment: Fragment, raw: bytes, first: bool) -> Spoilt | None:
    if not first:
        return None
    message = raw[21:61] + b"<S>" + b"x" * 30_000 + b"</S>"
    return _endless(fragment, (_whole(_FAR + n, message) for n in count()))


def _unknown_message(fragment: Fragment, raw: bytes, first: bool) -> Spoilt | None:
    return _replace(fragment, raw[:25] + b"\x99\x99\x09\x00" + raw[29:]) if first else None


def _bad_xml(fragment: Fragment, raw: bytes, first: bool) -> Spoilt | None:
    return _message(fragment, raw, b"<S>cut of") if first else None


def _deep_xml(fragment: Fragment, raw: bytes, first: bool) -> Spoilt | None:
    if not first:
        return None
    deep = b"".join(
        b'<Obj RefId="%d"><LST>' % number for number in range(_DEPTH)
    ) + b"</LST></Obj>" * _DEPTH  # fmt: skip
    pieces = [deep[at : at + 32_000] for at in range(0, len(deep), 32_000)]
    head = raw[21:61]
    return _replace(
        fragment,
        *(
            _HEADER.pack(_FAR, n, (n == 0) | ((n == len(pieces) - 1) << 1), len(part)) + part
            for n, part in enumerate([head + pieces[0], *pieces[1:]])
        ),
    )


def _xml_bomb(fragment: Fragment, raw: bytes, first: bool) -> Spoilt | None:
    return _message(fragment, raw, _BOMB) if first else None


def _foreign_ids(fragment: Fragment, raw: bytes, _first: bool) -> Spoilt | None:
    if not raw[16] & 1:  # only a message's first fragment has its header
        return None
    return _replace(fragment, raw[:29] + _STRANGER.bytes_le * 2 + raw[61:])


def _no_end_state(fragment: Fragment, _raw: bytes, _first: bool) -> Spoilt | None:
    return Spoilt(fragments=()) if fragment.last else None


def _message(fragment: Fragment, raw: bytes, data: bytes) -> Spoilt:
    return _replace(fragment, _whole(_FAR, raw[21:61] + data))


def _whole(number: int, message: bytes) -> bytes:
    return _HEADER.pack(number, 0, 3, len(message)) + message


def _endless(fragment: Fragment, raws: Iterable[bytes]) -> Spoilt:
    texts = (base64.b64encode(raw).decode() for raw in raws)
    endless = (
        Fragment(pipeline=pipeline, text=text)
        for pipeline, text in zip(repeat(fragment.pipeline), texts, strict=False)
    )
    return Spoilt(fragments=(fragment,), endless=endless)


_WAYS: dict[str, _Way] = {
    "short-fragment": _short_fragment,
    "lying-length": _lying_length,
    "no-start": _no_start,
    "empty-fragments": _empty_fragments,
    "endless-fragments": _endless_fragments,
    "endless-records": _endless_records,
    "endless-output": _endless_output,
    "unknown-message": _unknown_message,
    "bad-xml": _bad_xml,
    "deep-xml": _deep_xml,
    "xml-bomb": _xml_bomb,
    "foreign-ids": _foreign_ids,
    "no-end-state": _no_end_state,
}
