"""All connections to one host: counted, bounded, and cut when their time is up."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import threading
import time
from collections.abc import Callable

from msgspec import Struct

from pywfp_remote.alarm import Entry, alarm

MEGABYTE = 1024 * 1024


class LinkError(Exception):
    """The connection is of no more use.

    Not an `OSError`: the libraries between must let it through, not try again.

    Attributes:
        what: Slug of the cause.
        text: What was seen, without secrets.
    """

    def __init__(self, what: str, text: str) -> None:
        super().__init__(what, text)
        self.what, self.text = what, text

    def __str__(self) -> str:
        return self.text


class LinkLimits(Struct, frozen=True, kw_only=True):
    """What one job may take of a host. Sizes are bytes, times seconds.

    Attributes:
        answer: Largest answer. An honest one has at most the 500 KB of the envelope that is asked
            for; empty fragments cost quadratic time, bearable up to this size.
        answer_seconds: Most time of one request and its answer, however steadily they drip; None
            for twice the read timeout of the target.
        total: All answers of a job.
        opening: Requests until the session stands.
        unframed: What may come after one line that may be a frame and before the next.
        closing_seconds: Most time to take leave of the host.
        hurry_seconds: The same once the job was told to stop.
    """

    answer: int = MEGABYTE
    answer_seconds: float | None = None
    total: int = 512 * MEGABYTE
    opening: int = 100
    unframed: int = 8 * MEGABYTE
    closing_seconds: float = 5.0
    hurry_seconds: float = 1.5


class Link:
    """The connections of one job.

    Attributes:
        limits: What the job may take.
        accepted: Whether the host says that it has taken the account.
        logons: How often it wanted one all the same.
        requests: Requests made.
        sent: Bytes of them, heads and bodies.
        received: Bytes of the answers.
        opening: Whether the session does not stand yet.
    """

    def __init__(
        self,
        *,
        deadline: float,
        limits: LinkLimits,
        answer_seconds: float,
        on_accepted: Callable[[], object],
    ) -> None:
        self.limits, self._answer_seconds = limits, answer_seconds
        self._deadline, self._on_accepted = deadline, on_accepted
        self.accepted = self._is_proven = False
        self.logons = 0
        self.opening = True
        self.requests = self.sent = self.received = 0
        self._lock = threading.Lock()
        self._held: list[socket.socket] = []
        self._over: LinkError | None = None
        self._if_cut = "unreachable"  # until there is a connection
        self._end = alarm.at(deadline, lambda: self.cut("its time was over"))
        self._answer: Entry | None = None
        self._woken = threading.Event()

    @property
    def remaining(self) -> float:
        """Seconds to the deadline, at least a hundredth: libraries take 0 for no limit."""
        return max(0.01, self._deadline - time.monotonic())

    @property
    def over(self) -> LinkError | None:
        """Why nothing more can be asked; None while it can."""
        return self._over

    def check(self) -> None:
        """Raises where the link is over.

        Raises:
            LinkError: It is, and why.
        """
        if self._over is None and time.monotonic() >= self._deadline:
            self.cut("its time was over")
        if self._over is not None:
            raise LinkError(self._over.what, self._over.text)

    def begin(self, size: int) -> None:
        """A request of `size` bytes goes out.

        Raises:
            LinkError: It may not.
        """
        self.check()
        self.rest()
        self.requests += 1
        self.sent += size
        if self.opening and self.requests > self.limits.opening:
            self.refuse("bad-payload", f"no session after {self.limits.opening} requests")
        limit = self._answer_seconds
        text = f"one answer took more than {limit:g} s"
        self._answer = alarm.at(time.monotonic() + limit, lambda: self.cut(text))

    def rest(self) -> None:
        """No answer is waited for any more."""
        if self._answer is not None:
            self._answer.cancel()
            self._answer = None

    def count(self, size: int) -> None:
        """So many bytes came.

        Raises:
            LinkError: They were too many for one job.
        """
        self.received += size
        if self.received > self.limits.total:
            self.refuse("too-large", f"the answers are larger than {self.limits.total} bytes")

    def accept(self) -> None:
        """The host lets us in, or says so."""
        self.accepted = True

    def prove(self) -> None:
        """It has taken the account: an answer came that is one, and opened where it was sealed.

        Sealing is proof, as the key comes of the password. Others will be tried with it now.
        """
        if not self._is_proven:
            self._is_proven = True
            self._on_accepted()

    def refuse(self, what: str, text: str) -> None:
        """End the link because of what came.

        Raises:
            LinkError: Always.
        """
        self._end_with(LinkError(what, text))
        self.check()

    def cut(self, text: str) -> None:
        """End the link from any thread: whoever sits in a read wakes up."""
        self._end_with(LinkError(self._if_cut, text))

    def shorten(self, seconds: float) -> None:
        """Bring the deadline near; it is never put off."""
        moment = time.monotonic() + seconds
        if moment < self._deadline:
            self._deadline = moment
            self._end.cancel()
            self._end = alarm.at(moment, lambda: self.cut("it was told to stop"))

    def pause(self, seconds: float) -> None:
        """Wait, but not beyond the end of the link.

        Raises:
            LinkError: The link is over.
        """
        self._woken.wait(min(seconds, self.remaining))
        self.check()

    def hold(self, connected: socket.socket) -> None:
        """Keep a second handle of a connection, to cut it by. TLS takes the first one away."""
        self._if_cut = "timeout"
        handle = connected.dup()
        with self._lock:
            if self._over is None:
                self._held.append(handle)
                return
        _cut(handle)
        self.check()

    def resolve(
        self, name: str, port: int, seconds: float, *, what: str = "dns", whose: str = ""
    ) -> None:
        """Look up `name`, in bounded time: no system lets one end a look-up.

        Args:
            name: Of what is connected to.
            port: There.
            seconds: Most time to wait.
            what: The cause where it does not resolve.
            whose: Words that follow the name.

        Raises:
            LinkError: It does not resolve, or not in time.
        """
        if _is_literal(name):
            return
        found: list[bool] = []

        def look_up() -> None:
            try:
                socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
            except (OSError, UnicodeError):
                found.append(False)
            else:
                found.append(True)

        self._if_cut = "dns"
        thread = threading.Thread(target=look_up, daemon=True)
        thread.start()
        thread.join(min(seconds, self.remaining))
        self.check()
        self._if_cut = "unreachable"
        if not found:
            self.refuse(what, f"the name {name}{whose} was not resolved in {seconds:g} s")
        if not found[0]:
            self.refuse(what, f"the name {name}{whose} does not resolve")

    def close(self) -> None:
        """Let everything go."""
        self._end.cancel()
        self.rest()
        self._end_with(LinkError("bug", "the link was closed"))

    def _end_with(self, why: LinkError) -> None:
        with self._lock:
            self._over = self._over or why
            held, self._held = self._held, []
        self._woken.set()
        for handle in held:
            _cut(handle)


def _cut(handle: socket.socket) -> None:
    with contextlib.suppress(OSError):
        handle.shutdown(socket.SHUT_RDWR)  # works on the connection, not on this handle alone
    handle.close()


def _is_literal(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]").partition("%")[0])
    except ValueError:
        return False
    return True
