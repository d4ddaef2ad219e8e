"""Where a host is, how to be let in, and what every way to it can do.

Everything a transport needs to know stands in a `Target`. What must never be seen stands in a
`Secret`, which shows itself to nobody who does not ask for it by `Secret.reveal`.
"""

from __future__ import annotations

import hmac
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address
from typing import Literal, NoReturn, Protocol
from urllib.parse import urlsplit

from msgspec import Struct

from pywfp_ps.errors import WfpError

Auth = Literal["basic", "certificate", "credssp", "kerberos", "negotiate", "ntlm"]
"""How the host and the account prove themselves."""

Connection = Literal["psrp", "local"]
"""``psrp`` over WSMan, or ``local``: this machine itself, without a network."""

MessageEncryption = Literal["always", "auto", "never"]
"""Sealing of messages by the authentication; ``auto`` seals where there is no TLS."""

HTTP_PORT, HTTPS_PORT = 5985, 5986
_HIDDEN = "********"
_SHORTEST_SECRET = 4  # shorter ones stand in every other word


class Secret:
    """A text that is never shown: not by ``repr``, ``str``, formatting, JSON, pickle or an error.

    Equality is asked in constant time. A copy is the same object.
    """

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        self.__text = text

    def reveal(self) -> str:
        """The text itself, for the one call that needs it."""
        return self.__text

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        mine, theirs = self.__text, other.__text
        return hmac.compare_digest(
            mine.encode("utf-8", "surrogatepass"), theirs.encode("utf-8", "surrogatepass")
        )

    def __hash__(self) -> int:
        return hash(self.__text)

    def __bool__(self) -> bool:
        return bool(self.__text)

    def __repr__(self) -> str:
        return f"Secret({_HIDDEN})"

    def __str__(self) -> str:
        return _HIDDEN

    def __format__(self, spec: str) -> str:
        return format(_HIDDEN, spec)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is not written anywhere")


class Credential(Struct, frozen=True, kw_only=True):
    r"""The account to log on with.

    Attributes:
        user: Account as Windows takes it (``DOM\user``, ``user@dom``, ``user``); None asks for the
            identity of the process, such as a Kerberos ticket or a client certificate.
        password: None where something else proves the account.
    """

    user: str | None = None
    password: Secret | None = None

    @property
    def account(self) -> str:
        """What one account is called whatever its case; empty for the identity of the process."""
        return (self.user or "").casefold()

    def hide(self, text: str) -> str:
        """The text, in which a host may say the password, without it."""
        plain = self.password.reveal() if self.password is not None else ""
        for form in (plain, " ".join(plain.split())):  # as it is, and on one line
            if len(form) >= _SHORTEST_SECRET:
                text = text.replace(form, _HIDDEN)
        return text


class Target(Struct, frozen=True, kw_only=True):
    """One host, with everything a transport may ask; times are seconds, sizes bytes.

    Attributes:
        name: Inventory name; this is what the host is called everywhere.
        address: Name or address to connect to.
        connection: How the machine is reached.
        port: TCP port.
        protocol: ``https`` or ``http``.
        path: Path of the WSMan endpoint, without the first slash.
        credential: The account.
        auth: How it logs on.
        cert_validation: Whether the certificate of the host is checked.
        ca_file: PEM file of the authorities to trust instead of the system's.
        certificate_file: PEM client certificate, for ``auth="certificate"``.
        certificate_key_file: Its private key.
        message_encryption: Sealing of messages.
        proxy: URL of an HTTP proxy; it must not carry a password.
        ignore_proxy: Whether proxies of the environment are left aside.
        connection_timeout: Until a connection stands.
        read_timeout: Until an answer comes; longer than `operation_timeout`.
        operation_timeout: How long the host may hold a request open.
        reconnection_retries: Further tries of a connection that does not come about.
        reconnection_backoff: Pause before the first of them; it doubles.
        max_envelope_size: Most bytes of one message that we send.
        configuration_name: Session configuration, such as the name of a JEA endpoint.
        credssp_auth_mechanism: What CredSSP uses inside.
        credssp_disable_tlsv1_2: Whether CredSSP does without TLS 1.2.
        credssp_minimum_version: Oldest CredSSP that is accepted.
        negotiate_delegate: Whether the Kerberos ticket may travel on.
        negotiate_hostname_override: Host name in the Kerberos service name.
        negotiate_send_cbt: Whether the logon is bound to the TLS channel.
        negotiate_service: Service in the Kerberos service name.

    Source: options of pypsrp's ``WSMan``, named as in Ansible's psrp connection.
    """

    name: str
    address: str
    connection: Connection = "psrp"
    port: int = HTTPS_PORT
    protocol: Literal["http", "https"] = "https"
    path: str = "wsman"
    credential: Credential = Credential()
    auth: Auth = "negotiate"
    cert_validation: bool = True
    ca_file: str | None = None
    certificate_file: str | None = None
    certificate_key_file: str | None = None
    message_encryption: MessageEncryption = "auto"
    proxy: str | None = None
    ignore_proxy: bool = False
    connection_timeout: int = 30
    read_timeout: int = 30
    operation_timeout: int = 20
    reconnection_retries: int = 0
    reconnection_backoff: float = 2.0
    max_envelope_size: int = 153_600
    configuration_name: str = "Microsoft.PowerShell"
    credssp_auth_mechanism: Literal["auto", "kerberos", "ntlm"] = "auto"
    credssp_disable_tlsv1_2: bool = False
    credssp_minimum_version: int = 2
    negotiate_delegate: bool = False
    negotiate_hostname_override: str | None = None
    negotiate_send_cbt: bool = True
    negotiate_service: str = "WSMAN"

    def __post_init__(self) -> None:
        if not self.name or not self.address:
            raise ValueError("a host needs a name and an address")
        if not 1 <= self.port <= 0xFFFF:
            raise ValueError(f"a port is a number from 1 to 65535, got {self.port}")
        if min(self.connection_timeout, self.read_timeout, self.operation_timeout) < 1:
            raise ValueError("a timeout is at least a second")
        if self.read_timeout <= self.operation_timeout:
            raise ValueError(
                f"the read timeout ({self.read_timeout} s) must be longer than"
                f" the operation timeout ({self.operation_timeout} s)"
            )
        if self.reconnection_retries < 0 or self.reconnection_backoff < 0:
            raise ValueError("retries and their pause are not negative")
        if self.proxy and urlsplit(self.proxy).password is not None:
            raise ValueError("a proxy with a password belongs into the environment, HTTPS_PROXY")

    @property
    def is_loopback(self) -> bool:
        """Whether the address is this machine by its form alone."""
        try:
            return ip_address(self.address.strip("[]")).is_loopback
        except ValueError:
            return self.address.casefold() == "localhost"

    @property
    def is_encrypted(self) -> bool:
        """Whether what is said cannot be read on the way."""
        seals = self.auth in {"negotiate", "kerberos", "ntlm", "credssp"}
        return self.protocol == "https" or (seals and self.message_encryption != "never")


class Usage(Struct, frozen=True, kw_only=True):
    """What one job has cost.

    Attributes:
        requests: Requests made, those of the logon too.
        sent: Bytes of the requests, heads and bodies.
        received: Bytes of the answers, heads and bodies.
        cpu: Seconds of processor time on our side; None where they are not known.
    """

    requests: int = 0
    sent: int = 0
    received: int = 0
    cpu: float | None = None


class ScriptError(Struct, frozen=True, kw_only=True):
    """One error of the script, as PowerShell told it.

    Attributes:
        error_id: ``FullyQualifiedErrorId``, such as ``PyWfp.bfe-stopped,Assert-PyWfpReady``.
        text: The host's own words: in any language, cut, for people only.
    """

    error_id: str
    text: str = ""


class Ran(Struct, frozen=True, kw_only=True):
    """How a job ended that the host took on. What it brought are the frames, and they alone.

    Attributes:
        state: ``completed``; ``failed`` where the script threw or was refused; ``stopped`` where
            we asked it to end.
        usage: What it has cost.
        errors: The first errors, in order; a completed script can have some.
        foreign: Objects that came on the output stream and are no text.
    """

    state: Literal["completed", "failed", "stopped"]
    usage: Usage
    errors: tuple[ScriptError, ...] = ()
    foreign: int = 0


class Watch(Protocol):
    """How long a job may take and whom to tell; safe to use from any thread."""

    @property
    def deadline(self) -> float:
        """When it must have ended, by `time.monotonic`; sockets are closed then."""
        ...

    @property
    def is_stopped(self) -> bool:
        """Whether it should end now."""
        ...

    def accepted(self) -> None:
        """Called once the host has taken the account."""
        ...

    def close_at_stop(self, close: Callable[[], object]) -> None:
        """Takes what ends a blocked read; to be called at a stop, at once if that has been."""
        ...


class Patience:
    """A `Watch` by itself: so many seconds, and a `stop` for other threads."""

    def __init__(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._stopped = self.is_accepted = False
        self._closers: list[Callable[[], object]] = []

    @property
    def deadline(self) -> float:
        """As in `Watch`."""
        return self._deadline

    @property
    def is_stopped(self) -> bool:
        """As in `Watch`."""
        return self._stopped

    def accepted(self) -> None:
        """As in `Watch`."""
        self.is_accepted = True

    def close_at_stop(self, close: Callable[[], object]) -> None:
        """As in `Watch`."""
        with self._lock:
            if not self._stopped:
                self._closers.append(close)
                return
        close()

    def stop(self) -> None:
        """Tells the job to end."""
        with self._lock:
            self._stopped = True
            closers, self._closers = self._closers, []
        for close in closers:
            close()


class Transport(Protocol):
    """A way to a machine."""

    @property
    def name(self) -> str:
        """What payloads say they came by, such as ``psrp``."""
        ...

    def run(
        self,
        target: Target,
        call: str,
        arguments: Mapping[str, str | Sequence[str]],
        *,
        on_frame: Callable[[str], object],
        watch: Watch,
    ) -> Ran:
        """Run one function of the module on one host, in the thread of the caller.

        Args:
            target: The host; it carries its account.
            call: A public function.
            arguments: Its parameters.
            on_frame: Gets every line of the output as it comes, frames and foreign lines alike, in
                order. What it raises ends the job and comes out.
            watch: How long it may take.

        Raises:
            TransportError: The host could not be asked, or not to the end.
            UsageError: There is no such function, or an argument is wrong.
        """
        ...


class TransportError(WfpError):
    """A host could not be asked, or not to the end.

    A transport raises it for whatever it knows better than the exception it caught.

    Attributes:
        host: Inventory name.
        what: Slug of the cause, such as ``bad-payload``, or a problem code of the host.
        text: What was seen, in one sentence, without secrets.
        code: Number or subcode of the WSMan fault, where there was one.
        usage: What the try has cost, where that is known.
    """

    def __init__(
        self,
        host: str,
        what: str,
        text: str,
        code: int | str | None = None,
        usage: Usage | None = None,
    ) -> None:
        super().__init__(host, what, text, code)
        self.host, self.what, self.text, self.code = host, what, text, code
        self.usage = usage

    def __str__(self) -> str:
        return f"{self.host}: {self.text}"
