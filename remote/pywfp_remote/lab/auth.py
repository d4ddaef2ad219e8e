"""Who may log on to a practice host: Basic, NTLM by Negotiate with sealing, client certificates.

The accepting side of NTLM is pyspnego's. It looks accounts up in the file that the environment
variable ``NTLM_USER_FILE`` names when a logon ends, so that file is written anew for each host, at
the moment it is needed and under one lock: ten thousand hosts have ten thousand passwords.
"""

from __future__ import annotations

import base64
import hmac
import os
import re
import struct
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import spnego
import spnego.channel_bindings
import spnego.exceptions
from msgspec import Struct

from pywfp_remote.lab.host import LabHost, Way

SEALED = "multipart/encrypted"
"""Content type of a sealed message."""

_VARIABLE = "NTLM_USER_FILE"
_MUTUAL = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/https/mutual"
_BOUNDARY = b"--Encrypted Boundary"
_OCTETS = b"application/octet-stream\r\n"
_LENGTH = re.compile(rb"OriginalContent:[^\r\n]*Length=(\d+)")
_SEALED_TYPE = (
    'multipart/encrypted;protocol="application/HTTP-SPNEGO-session-encrypted";'
    'boundary="Encrypted Boundary"'
)


class UnsealableError(ValueError):
    """A sealed message does not open: it was sealed for another connection, or damaged."""


class Verdict(Struct, frozen=True):
    """What an authentication step came to.

    Attributes:
        known: Whether the caller may go on.
        challenges: ``WWW-Authenticate`` headers to send, in order.
        refused: Whether a proof was given and is wrong, as against not given or not finished.
    """

    known: bool
    challenges: tuple[str, ...] = ()
    refused: bool = False


class Logon:
    """What one connection has proved about its caller.

    Attributes:
        host: Name of the host it was proved to.
    """

    def __init__(self, host: LabHost) -> None:
        self.host = host.name
        self._host = host
        self._context: Any = None

    @property
    def can_seal(self) -> bool:
        """Whether a key was agreed on this connection."""
        return self._context is not None and bool(self._context.complete)

    def check(self, header: str, peer: str | None, binding: bytes | None) -> Verdict:
        """Judge one request by its ``Authorization`` header.

        Args:
            header: The header; empty when there is none.
            peer: Account in the client's certificate that the fleet's CA signed, if any.
            binding: Hash of the server's certificate when the connection is TLS.
        """
        kind, _, value = header.partition(" ")
        if not kind and self.can_seal:
            return Verdict(True)
        if header == _MUTUAL and self._host.way is Way.CERTIFICATE:
            return self._judged(peer == self._host.account)
        if kind.lower() == "basic" and self._host.way is Way.BASIC:
            return self._judged(self._basic(value))
        if kind.lower() in {"negotiate", "ntlm"} and self._host.way in {Way.NTLM, Way.NEGOTIATE}:
            return self._negotiate(kind, value, binding)
        return Verdict(False, self._offers(), refused=bool(kind))

    def unseal(self, body: bytes) -> bytes:
        """The plain bytes of a sealed request.

        Raises:
            UnsealableError: It was not sealed for this connection.
        """
        try:
            sealed = body.split(_OCTETS, 1)[1].rsplit(_BOUNDARY, 1)[0]
            size = struct.unpack_from("<i", sealed)[0]
            plain = self._context.unwrap_winrm(sealed[4 : 4 + size], sealed[4 + size :])
        except (IndexError, struct.error, AttributeError, spnego.exceptions.SpnegoError) as error:
            raise UnsealableError(str(error)) from error
        stated = _LENGTH.search(body)
        if stated is None or int(stated.group(1)) != len(plain):
            raise UnsealableError("the stated length is wrong")
        return bytes(plain)

    def seal(self, body: bytes) -> tuple[str, bytes]:
        """The content type and the bytes of a sealed answer."""
        header, data, padding = self._context.wrap_winrm(body)
        head = (
            "--Encrypted Boundary\r\n"
            "\tContent-Type: application/HTTP-SPNEGO-session-encrypted\r\n"
            "\tOriginalContent: type=application/soap+xml;charset=UTF-8;"
            f"Length={len(body) + padding}\r\n"
            "--Encrypted Boundary\r\n"
            "\tContent-Type: application/octet-stream\r\n"
        ).encode()
        size = struct.pack("<i", len(header))
        return _SEALED_TYPE, b"".join((head, size, header, data, _BOUNDARY, b"--\r\n"))

    def _judged(self, good: bool) -> Verdict:
        return Verdict(True) if good else Verdict(False, self._offers(), refused=True)

    def _offers(self) -> tuple[str, ...]:
        return ('Basic realm="WSMAN"',) if self._host.way is Way.BASIC else ("Negotiate",)

    def _basic(self, value: str) -> bool:
        try:
            user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except ValueError:
            return False
        right = hmac.compare_digest(password.encode(), self._host.password.encode())
        return right and user.rpartition("\\")[2].lower() == self._host.account.lower()

    def _negotiate(self, kind: str, value: str, binding: bytes | None) -> Verdict:
        try:
            token = base64.b64decode(value, validate=True)
            if self._context is None or self._context.complete:
                self._context = _acceptor(self._host, binding)
            answer = base64.b64encode(_step(self._context, self._host, token) or b"").decode()
        except (spnego.exceptions.SpnegoError, ValueError, struct.error):
            self._context = None
            return self._judged(False)
        challenge = (f"{kind} {answer}",) if answer else ()
        return Verdict(bool(self._context.complete), challenge)


def _acceptor(host: LabHost, binding: bytes | None) -> Any:
    bindings = None
    if binding is not None:
        bindings = spnego.channel_bindings.GssChannelBindings(
            application_data=b"tls-server-end-point:" + binding
        )
    with _accounts.of(host):
        return spnego.server(
            hostname="127.0.0.1",
            service="WSMAN",
            protocol="negotiate",
            channel_bindings=bindings,
        )


def _step(context: Any, host: LabHost, token: bytes) -> bytes | None:
    with _accounts.of(host):
        answer: bytes | None = context.step(token)
        return answer


class _Accounts:
    """The file of accounts that pyspnego reads: one host's at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._path: Path | None = None

    @contextmanager
    def of(self, host: LabHost) -> Iterator[None]:
        """While entered, pyspnego knows the one account of `host`, by each name it can have."""
        domains = ("", ".", host.computer)
        text = "".join(f"{domain}:{host.account}:{host.password}\n" for domain in domains)
        with self._lock:
            if self._path is None:
                handle, name = tempfile.mkstemp(prefix="wfp-lab-")  # only its owner can read it
                os.close(handle)
                self._path = Path(name)
            self._path.write_text(text, encoding="utf-8")
            before = os.environ.get(_VARIABLE)
            os.environ[_VARIABLE] = str(self._path)
            try:
                yield
            finally:
                if before is None:
                    del os.environ[_VARIABLE]
                else:
                    os.environ[_VARIABLE] = before

    def forget(self) -> None:
        """Remove the file; the next logon makes another."""
        with self._lock:
            if self._path is not None:
                self._path.unlink(missing_ok=True)
                self._path = None


_accounts = _Accounts()


def forget_accounts() -> None:
    """Remove the file with the accounts of the practice hosts."""
    _accounts.forget()
