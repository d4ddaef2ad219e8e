"""Where a host is and how to be let in: plain values, resolved once, safe to print.

Everything a transport needs to know stands in a `Target`. What must never be seen stands in a
`Secret`, which shows itself to nobody who does not ask for it by `Secret.reveal`.
"""

from __future__ import annotations

import hmac
from ipaddress import ip_address
from typing import Literal, NoReturn
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


class TransportError(WfpError):
    """A host could not be asked, or not to the end.

    A transport raises it for whatever it knows better than the exception it caught.

    Attributes:
        host: Inventory name.
        what: Slug of the cause, such as ``bad-payload``, or a problem code of the host.
        text: What was seen, in one sentence, without secrets.
        code: Number or subcode of the WSMan fault, where there was one.
    """

    def __init__(self, host: str, what: str, text: str, code: int | str | None = None) -> None:
        super().__init__(host, what, text, code)
        self.host, self.what, self.text, self.code = host, what, text, code

    def __str__(self) -> str:
        return f"{self.host}: {self.text}"
