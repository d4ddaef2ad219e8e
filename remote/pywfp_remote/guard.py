"""What pypsrp does not refuse is refused here, below it, on the HTTP session.

An HTTP answer gets through only if it can be one of WinRM's: no redirect (NTLM would log on
wherever it leads), no content encoding (kilobytes that unpack to gigabytes), sealed if its request
was, of bounded size and time, and of the right type. What the libraries make of an answer's head is
bounded too: pypsrp builds a regular expression of the boundary that a host names.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ReadTimeoutError

from pywfp_ps.transports.base import Target
from pywfp_remote.failures import clean
from pywfp_remote.link import Link, LinkError

_OF_PROXY = {"what": "unreachable", "whose": " of the proxy"}
_SEALED = ("multipart/encrypted", "multipart/x-multi-encrypted")
# As pypsrp knows it, which takes any other spelling for a clear answer, and the boundary for a
# regular expression: nothing of one is let through. Windows says "Encrypted Boundary".
_SEALED_TYPE = re.compile(
    r"multipart/(?:x-multi-)?encrypted;[\w\s;:=/\"',-]{0,300}", flags=re.ASCII
)
_SOAP = ("application/soap+xml", "application/xml", "text/xml")
_WEB = ("text/html", "application/xhtml+xml")
_BUSY = {502, 503, 504}
_WORDS = {
    400: "it could not open the sealed message",
    404: "nothing is at this path",
    405: "no WSMan is at this path",
    500: "no WSMan fault was in it; it may not allow messages that are not sealed",
}
_LOGON_LIMIT = 64 * 1024  # bytes of a 401; Windows sends none
# 401s once the account was taken. NTLM needs two for each new connection, and a proxy on the way
# may make one for each request; whoever wants more than that gives no answers for the proofs.
_MOST_LOGONS = 8
_LOGONS_PER_ANSWER = 2
_PIECE = 64 * 1024
_HEAD_LIMIT = 256 * 1024  # bytes around a body: heads, chunk sizes, trailers, 100 Continue
_SCHEMES = {
    "basic": ("basic",),
    "credssp": ("credssp",),
    "negotiate": ("negotiate", "kerberos", "ntlm"),
    "kerberos": ("negotiate", "kerberos"),
    "ntlm": ("negotiate", "ntlm"),
}


class GuardedAdapter(HTTPAdapter):
    """An adapter of requests whose every connection and answer goes through a `Link`."""

    def __init__(self, link: Link, target: Target) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)
        self._link, self._target = link, target
        self._answers = 0

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        """The pool of connections, each of which the link can cut."""
        pool: Any = super().get_connection_with_tls_context(*args, **options)
        if not getattr(pool.ConnectionCls, "is_held", False):
            pool.ConnectionCls = _held(pool.ConnectionCls, self._link, self._target)
        return pool

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """The answer, if it can be one of WinRM's; a 401 unread, all others read.

        Raises:
            LinkError: It cannot, or time is up.
            RequestException: As requests says.
        """
        del stream, timeout  # our own
        try:
            response = self._connected(request, {"verify": verify, "cert": cert}, proxies)
            self._link.check()  # a head that was cut off looks like the end of one
            self._link.count(_head_size(response))
            response.encoding = "utf-8"  # else the host chooses a codec, or has it guessed
            self._judge(request, response)
            if response.status_code == requests.codes.unauthorized:
                return response  # unread: whoever binds the logon to TLS needs the live connection
            self._read(response)
            self._link.check()
        except Exception:
            self._link.check()  # what was cut by us fails in many ways
            raise
        self._link.rest()
        if response.status_code == requests.codes.ok or request.body:
            self._link.accept()
        if request.body:  # pypsrp ends the session where it is none, so that no other is asked for
            self._answers += 1
        return response

    def _connected(
        self,
        request: requests.PreparedRequest,
        options: Mapping[str, Any],
        proxies: Mapping[str, str] | None,
    ) -> requests.Response:
        """The answer to one request; where no connection comes about it is tried again."""
        pause = self._target.reconnection_backoff
        for left in range(self._target.reconnection_retries, -1, -1):
            self._link.begin(_request_size(request))
            remaining = self._link.remaining
            timeout = (
                min(self._target.connection_timeout, remaining),
                min(self._target.read_timeout, remaining),
            )
            try:
                return super().send(
                    request, stream=True, timeout=timeout, proxies=proxies, **options
                )
            except requests.ReadTimeout:
                # Not as requests says it: pypsrp would sleep, and ask again for minutes.
                self._link.check()
                self._link.refuse("timeout", f"no answer came in {timeout[1]:.3g} s")
            except requests.ConnectTimeout:
                if not left:
                    text = f"no connection came about in {timeout[0]:.3g} s"
                    self._link.check()
                    self._link.refuse("unreachable", text)
            except requests.ConnectionError as error:
                if not left or not _never_stood(error):
                    raise
            self._link.pause(pause)
            pause *= 2
        raise AssertionError  # the last turn returns or raises

    def _judge(self, request: requests.PreparedRequest, response: requests.Response) -> None:
        status, link = response.status_code, self._link
        encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if encoding not in {"", "identity"}:
            link.refuse("bad-payload", "an answer is compressed, which nobody asked for")
        if kind in _SEALED and not _SEALED_TYPE.fullmatch(response.headers["Content-Type"]):
            link.refuse("bad-payload", "an answer is sealed in a way that nobody knows")
        if status == requests.codes.unauthorized:
            self._judge_logon(response)
        elif requests.codes.multiple_choices <= status < requests.codes.bad_request:
            link.refuse("bad-payload", f"HTTP {status} sends us elsewhere; nobody is followed")
        elif status == requests.codes.forbidden:
            link.refuse("access-denied", "HTTP 403: the account may not use WinRM")
        elif status == requests.codes.proxy_authentication_required:
            link.refuse("unreachable", "HTTP 407: a proxy on the way wants a logon of its own")
        elif status in _BUSY:
            link.refuse("unreachable", f"HTTP {status}: the service does not work at the moment")
        elif kind in _WEB:
            text = "a web page came instead of WSMan; a proxy or a portal may answer in its place"
            link.refuse("bad-payload", text)
        elif status not in {requests.codes.ok, requests.codes.server_error}:
            if status == requests.codes.bad_request and not link.opening:
                link.refuse("incomplete", "the connection was lost, and with it the key")
            link.refuse("bad-payload", f"HTTP {status}{_words(status)}")
        elif request.body:
            self._judge_answer(request, response, kind)

    def _judge_answer(
        self, request: requests.PreparedRequest, response: requests.Response, kind: str
    ) -> None:
        if _length(response) == 0:
            status = response.status_code
            self._link.refuse("bad-payload", f"HTTP {status}, empty{_words(status)}")
        if str(request.headers.get("Content-Type", "")).startswith(_SEALED):
            if kind not in _SEALED:
                text = "a clear answer came to a sealed request: somebody on the way made it"
                self._link.refuse("bad-payload", text)
        elif kind not in _SOAP:
            told = self._target.credential.hide(response.headers.get("Content-Type", ""))
            told = told.partition(";")[0].strip().lower()[:60]
            self._link.refuse("bad-payload", f"an answer of the type {told!r} is no WSMan")

    def _judge_logon(self, response: requests.Response) -> None:
        length = _length(response)
        if length is None or length > _LOGON_LIMIT or "Transfer-Encoding" in response.headers:
            self._link.refuse("bad-payload", "HTTP 401 with an answer of no or too great length")
        if self._link.accepted:  # each is another proof of the password, for whoever asks
            self._link.logons += 1
            if self._link.logons > _MOST_LOGONS + _LOGONS_PER_ANSWER * self._answers:
                self._link.refuse("bad-payload", "the host wants a logon again and again")
        wanted = _SCHEMES.get(self._target.auth, ())
        offered = self._target.credential.hide(response.headers.get("WWW-Authenticate", ""))
        if wanted and not self._link.accepted and not any(w in offered.lower() for w in wanted):
            schemes = sorted({part.split()[0][:20] for part in offered.split(",") if part.strip()})
            offered = clean(", ".join(schemes), 100) or "no logon"
            self._link.refuse("endpoint", _ways(offered, self._target.auth))

    def _read(self, response: requests.Response) -> None:
        limit = _answer_limit(self._link, self._target)
        if (_length(response) or 0) > limit:
            _refuse_size(self._link, limit)
        body = bytearray()
        try:
            for piece in response.raw.stream(_PIECE, decode_content=False):
                self._link.count(len(piece))
                body += piece
                if len(body) > limit:
                    _refuse_size(self._link, limit)
        except ReadTimeoutError:
            self._link.check()
            self._link.refuse("timeout", "nothing more came of an answer")
        response.raw = _Body(bytes(body))


def _ways(offered: str, asked: str) -> str:
    return f"the host takes {offered}, not {asked}: set ansible_psrp_auth, or allow {asked} there"


class _Body(io.BytesIO):
    """A body that was read, where a live one was; its connection is back in the pool."""

    def release_conn(self) -> None:
        """As of a live one."""


class _Bounded(io.RawIOBase):
    """What one answer is read from, to its last byte, whatever the libraries take it for.

    They skip any number of ``100 Continue``, and read a chunk of -1 bytes to the end of all.
    """

    def __init__(self, raw: Any, link: Link, limit: int) -> None:
        self._raw, self._link, self._limit = raw, link, limit
        self._left = limit + _HEAD_LIMIT
        self._sock = raw._sock  # noqa: SLF001  where pypsrp looks for the certificate

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """As of any raw file.

        Raises:
            LinkError: The answer is too large.
        """
        count: int | None = self._raw.readinto(buffer)
        self._left -= count or 0
        if self._left < 0:
            _refuse_size(self._link, self._limit)
        return count

    def close(self) -> None:
        """Let the connection's handle go."""
        self._raw.close()
        super().close()


def _held(kind: Any, link: Link, target: Target) -> Any:
    """The class of connections `kind`, each of which `link` can cut from the first packet on."""

    class Held(kind):  # type: ignore[misc]  # a class that is known only now
        is_held = True

        def _new_conn(self) -> Any:
            link.check()
            about = {} if self.proxy is None else _OF_PROXY
            link.resolve(self.host, self.port, target.connection_timeout, **about)
            connected = super()._new_conn()
            try:
                link.hold(connected)
            except LinkError:
                connected.close()
                raise
            return connected

        def response_class(self, *args: Any, **options: Any) -> Any:
            response = super().response_class(*args, **options)
            bounded = _Bounded(response.fp.detach(), link, _answer_limit(link, target))
            response.fp = io.BufferedReader(bounded)
            return response

    return Held


def _answer_limit(link: Link, target: Target) -> int:
    """Most bytes of one body."""
    return max(link.limits.answer, min(target.max_envelope_size, 4 << 20) + 65536)


def _refuse_size(link: Link, limit: int) -> None:
    link.refuse("bad-payload", f"an answer is larger than {limit} bytes")


def _never_stood(error: requests.ConnectionError) -> bool:
    """Whether no connection came about, so that nothing can have been done by the host."""
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return type(reason).__name__ in {"NewConnectionError", "ConnectTimeoutError"}


def _length(response: requests.Response) -> int | None:
    text = response.headers.get("Content-Length", "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _words(status: int) -> str:
    return f": {_WORDS[status]}" if status in _WORDS else ""


def _head_size(response: requests.Response) -> int:
    return 17 + sum(len(name) + len(value) + 4 for name, value in response.headers.items())


def _request_size(request: requests.PreparedRequest) -> int:
    head = sum(len(name) + len(value) + 4 for name, value in request.headers.items())
    body = request.body or b""
    return 18 + len(request.path_url) + head + len(body)
