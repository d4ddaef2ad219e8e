"""What one part of a job brought: raw bytes plus where, when and how they were taken."""

from __future__ import annotations

import hashlib
from datetime import datetime

from msgspec import Struct
from msgspec.structs import asdict

from pywfp_ps.payload.unpack import PLAIN_LIMIT, RATIO_LIMIT, unpack


class Problem(Struct, frozen=True, kw_only=True):
    """Something the host says it could not do.

    Attributes:
        code: Slug such as ``bfe-stopped``; never localised.
        part: Part it concerns, None for the whole job.
        hresult: Windows' number as ``0x800706D9``, None where there is none.
        text: The host's own words: in any language, for people only.
    """

    code: str
    part: str | None = None
    hresult: str | None = None
    text: str = ""


class Fault(Struct, frozen=True, kw_only=True):
    """Something wrong with the frames themselves.

    Attributes:
        code: Slug such as ``missing`` or ``hash``.
        part: Part it concerns, None where that cannot be known.
        text: What was seen and what was expected.
    """

    code: str
    part: str | None = None
    text: str = ""


class PayloadInfo(Struct, frozen=True, kw_only=True):
    """A payload without its bytes: what a manifest keeps.

    Attributes:
        part: Name of the part, unique in its job.
        content: Kind of the plain bytes, such as ``netsh-state``.
        call: Function that made it.
        host: Inventory name of the host.
        transport: How the host was asked, such as ``psrp``.
        taken_at: By the host's clock, which may be years off; None where it said nothing usable.
        received_at: By our clock, when the part ended or was given up.
        complete: Every frame there, in order, sizes and hash right. Only then may it be parsed as
            a whole.
        problems: What the host says went wrong with this part.
        faults: Why it is not complete; empty where it is.
        packed: Bytes of `Payload.data`.
        plain: Bytes it unpacks to; for an incomplete part what could be unpacked in bounds.
        sha256: Of `Payload.data`, 64 lower-case hex digits.
    """

    part: str
    content: str
    call: str
    host: str
    transport: str
    taken_at: datetime | None
    received_at: datetime
    complete: bool
    problems: tuple[Problem, ...] = ()
    faults: tuple[Fault, ...] = ()
    packed: int
    plain: int
    sha256: str


class Payload(PayloadInfo, frozen=True, kw_only=True):
    """One part as it came, unparsed.

    Attributes:
        data: Gzip of the plain bytes, ready for ``<part>.gz``. Of an incomplete part: what came,
            in the order in which it came; it need not unpack.
    """

    data: bytes

    def __repr__(self) -> str:
        """Without the bytes: they are large, and somebody's policy."""
        state = "complete" if self.complete else "incomplete"
        return f"<Payload {self.host}/{self.part} {self.content} {state} {self.packed} bytes>"

    def info(self) -> PayloadInfo:
        """Everything but the bytes."""
        fields = asdict(self)
        del fields["data"]
        return PayloadInfo(**fields)

    def raw(self, *, limit: int = PLAIN_LIMIT, ratio: int = RATIO_LIMIT) -> bytes:
        """The plain bytes as they were on the host, a byte order mark included.

        Raises:
            TooLargeError: More than `limit` bytes or growing more than `ratio`-fold.
            ReadError: The bytes do not unpack, as those of an incomplete part may.
        """
        return unpack(self.data, limit=limit, ratio=ratio, source=f"{self.host}/{self.part}")

    def is_intact(self) -> bool:
        """Whether the bytes still are the ones that were received."""
        return hashlib.sha256(self.data).hexdigest() == self.sha256
