"""What came out of pypsrp and the libraries under it, in our words: a cause and a sentence.

Their own words are left out, as they may quote what a host sent, or an address with a password in
it; but for those of Kerberos and the like, which are about our side of a logon.
"""

from __future__ import annotations

import binascii
import socket
import ssl
import struct
from collections.abc import Iterator
from xml.etree.ElementTree import ParseError

import requests
from msgspec import Struct
from pypsrp.exceptions import (
    AuthenticationError,
    FragmentError,
    InvalidPSRPOperation,
    SerializationError,
    WinRMError,
    WinRMTransportError,
    WSManFaultError,
)
from spnego.exceptions import SpnegoError
from urllib3.exceptions import HTTPError

from pywfp_ps.transports.base import Credential
from pywfp_remote.link import LinkError

TIMED_OUT = 2150858793
"""ERROR_WSMAN_OPERATION_TIMEDOUT (wsmerror.h)."""

WSMAN_FAULT = "wsman-fault"
"""For `TransportError.what`: the number or subcode says it."""

# Of libraries that need not be installed.
_KERBEROS = {"Krb5Error", "GSSError"}
_CREDSSP = "AuthenticationException"
_TEXT = 300
_ACTIONS = {
    "Create": "opening the session",
    "Command": "starting the script",
    "Receive": "reading its output",
    "Send": "sending to the script",
    "Signal": "stopping the script",
    "Delete": "closing the session",
}
# What pypsrp lets out of an answer, nearest kind first.
_ODDITIES: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...] = (
    (ParseError, "it is no well-formed XML"),
    (RecursionError, "it is nested too deep"),
    (struct.error, "a message in it is shorter than it says"),
    ((binascii.Error, UnicodeError), "it holds characters that cannot be"),
    (KeyError, "a message in it is of a kind that does not exist"),
    (SerializationError, "an object in it is not what its message should hold"),
    (FragmentError, "fragments in it are missing, or out of order"),
    (InvalidPSRPOperation, "the host says that its session broke"),
    (WinRMError, "it belongs to another request"),
)
# Reasons of OpenSSL that more often mean a setting of ours than a host that is ill.
_NOT_TLS = "what listens at the port speaks none; for WinRM over HTTP set ansible_psrp_protocol"
_NO_TLS = {
    "WRONG_VERSION_NUMBER": _NOT_TLS,
    "HTTP_REQUEST": _NOT_TLS,
    "RECORD_LAYER_FAILURE": _NOT_TLS,
    "NO_CERTIFICATE_OR_CRL_FOUND": "the file of authorities holds no certificate",
}
_DEEPEST = 20


class Failure(Struct, frozen=True, kw_only=True):
    """As the attributes of a `TransportError`."""

    what: str
    text: str
    code: int | str | None = None


def explain(
    error: BaseException, *, accepted: bool, action: str, account: Credential | None = None
) -> Failure:
    """Why a call of pypsrp failed.

    Args:
        error: What it let out.
        accepted: Whether the host had taken the account before. WinRM says 401 for used-up quotas
            too; once it took the account that cannot mean the password.
        action: WSMan action that was asked for, such as ``Create``.
        account: What was to be proved; without a password that takes a ticket. A password is
            taken out of what a host says before that is cut: half of one is not found any more.
    """
    chain = list(_chain(error))
    for link in chain:
        if isinstance(link, LinkError):
            return Failure(what=link.what, text=link.text)
        if isinstance(link, WSManFaultError):
            return _fault(link, action, account)
        if isinstance(link, WinRMTransportError):
            return Failure(what="bad-payload", text=f"HTTP {link.code} without a WSMan fault")
        if isinstance(link, AuthenticationError) or type(link).__name__ == _CREDSSP:
            return _refused(accepted)
    for link in chain:
        if isinstance(link, SpnegoError) or type(link).__name__ in _KERBEROS:
            return _not_proved(link, accepted, account)
    if any(isinstance(link, OSError | HTTPError) for link in chain):
        return _broken(chain, accepted)
    return _other(error, accepted=accepted, action=action)


def clean(text: object, limit: int = _TEXT) -> str:
    """A host's words for people: one line, printable, cut; empty for what is no text."""
    if not isinstance(text, str):
        return ""
    line = "".join(c if c.isprintable() else " " for c in text[: limit * 4])
    line = " ".join(line.split())
    return line if len(line) <= limit else f"{line[: limit - 3]}..."


def said(text: object, account: Credential | None, limit: int = _TEXT) -> str:
    """As `clean`, without the password; hidden first, since a cut leaves half of one."""
    if account is not None and isinstance(text, str):
        text = account.hide(text)
    return clean(text, limit)


def _other(error: BaseException, *, accepted: bool, action: str) -> Failure:
    if isinstance(error, UnicodeEncodeError) and not accepted:
        text = "user or password have characters that this way to log on cannot carry"
        return Failure(what="credentials", text=text)
    if action == "" and isinstance(error, ValueError):  # of the URL, before anything was sent
        return Failure(what="dns", text="the address is no name of a host")
    if isinstance(error, ImportError):
        return Failure(what="credentials", text=f"the library {error.name} is missing")
    if isinstance(error, MemoryError):
        return Failure(what="too-large", text="an answer does not fit into memory")
    where = f"the answer to {_doing(action)}" if action else "the logon"
    return Failure(what="bad-payload", text=f"{where} makes no sense{_oddity(error)}")


def _doing(action: str) -> str:
    """What a WSMan action does for us, in words."""
    return _ACTIONS.get(action, f"WSMan {clean(action, 30)}")


def _oddity(error: BaseException) -> str:
    """What is wrong with an answer that a library stumbled over; never a name out of a program."""
    for kinds, words in _ODDITIES:
        if isinstance(error, kinds):
            return f": {words}"
    return ""


def _fault(error: WSManFaultError, action: str, account: Credential | None) -> Failure:
    code, reason = error.code, said(error.reason, account)
    if isinstance(code, str):
        code = said(code, account, 60)
    if code is None and not reason:
        text = f"{_doing(action)} failed, and the host does not say why"
        return Failure(what="bad-payload", text=text)
    number = f" (WSMan fault {code})" if code is not None else ""
    text = f"{_doing(action)} failed{number}: {reason}".removesuffix(": ")
    return Failure(what=WSMAN_FAULT if code is not None else "bad-payload", text=text, code=code)


def _refused(accepted: bool) -> Failure:
    if accepted:
        text = "the host took the account and then refused it, as it does when a quota is used up"
        return Failure(what="quota", text=text)
    return Failure(what="credentials", text="the host refuses the account or its password")


def _not_proved(error: BaseException, accepted: bool, account: Credential | None) -> Failure:
    if accepted:
        return Failure(
            what="bad-payload", text="a sealed answer does not open with the session's key"
        )
    text = f"no proof of the account could be made{_lacking(account)}: {said(str(error), account)}"
    return Failure(what="credentials", text=text)


def _lacking(account: Credential | None) -> str:
    """What nobody gave, and the ways to give it: more often the reason than a ticket that is."""
    if account is None or (account.user is not None and account.password is not None):
        return ""
    if account.password is not None:
        return " without a user (--user or ansible_user)"
    return " without a password (--ask-pass or ansible_password) or a Kerberos ticket"


def _broken(chain: list[BaseException], accepted: bool) -> Failure:
    """A connection that did not come about, or broke."""
    is_proxy = any(isinstance(link, requests.exceptions.ProxyError) for link in chain)
    if is_proxy and not accepted:  # whatever else it says is about the proxy, not about the host
        text = "the proxy is not there, or does not lead to the host; ansible_psrp_ignore_proxy"
        return Failure(what="unreachable", text=f"{text} leaves that of the environment aside")
    tls = [link for link in chain if isinstance(link, ssl.SSLError | requests.exceptions.SSLError)]
    if tls:
        return Failure(what="tls", text=_certificate(chain))
    if any(isinstance(e, socket.gaierror | requests.exceptions.InvalidURL) for e in chain):
        return Failure(what="dns", text="the name does not resolve")
    if accepted:
        return Failure(what="incomplete", text="the connection broke off")
    if any(isinstance(link, ConnectionRefusedError) for link in chain):
        return Failure(what="refused", text="nothing listens on the port")
    if any(isinstance(link, FileNotFoundError) for link in chain) or _says(chain, "invalid path"):
        return Failure(what="tls", text="a file of certificates or keys cannot be read")
    numbers = [link.strerror for link in chain if isinstance(link, OSError) and link.strerror]
    reason = f": {clean(numbers[-1])}" if numbers else ""
    return Failure(what="unreachable", text=f"the connection was cut or never stood{reason}")


def _certificate(chain: list[BaseException]) -> str:
    for link in chain:
        if isinstance(link, ssl.SSLCertVerificationError):
            return f"the certificate is not to be trusted: {clean(link.verify_message)}"
    for link in chain:
        if isinstance(link, ssl.SSLError) and link.reason:
            words = _NO_TLS.get(link.reason, clean(link.reason))
            return f"no TLS came about: {words}"
    return "no TLS came about"


def _says(chain: list[BaseException], words: str) -> bool:
    return any(isinstance(link, OSError) and words in str(link) for link in chain)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception, what it holds and what it came from, nearest first."""
    waiting, seen = [error], set[int]()
    while waiting and len(seen) < _DEEPEST:
        link = waiting.pop(0)
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        held = [*link.args, getattr(link, "reason", None), link.__cause__, link.__context__]
        waiting += [one for one in held if isinstance(one, BaseException)]
