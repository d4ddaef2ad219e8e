"""Why a host was not collected: one table of causes, and one way from each sign to its cause.

Signs are problem codes of our functions, ids of PowerShell errors, faults of frames, WSMan fault
codes, HTTP states, HRESULTs, and exceptions. Exceptions of libraries are known by name, so that
none of the libraries is needed to read this file.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from enum import StrEnum

from msgspec import Struct

from pywfp_ps.errors import StoreError
from pywfp_ps.transports.base import TransportError


class Cause(StrEnum):
    """Why a host failed, or is there in part only."""

    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    DNS = "dns"
    TLS = "tls"
    CREDENTIALS = "credentials"
    LOCKOUT_GUARD = "lockout-guard"
    QUOTA = "quota"
    ACCESS_DENIED = "access-denied"
    ENDPOINT = "endpoint"
    NOT_ELEVATED = "not-elevated"
    BFE_STOPPED = "bfe-stopped"
    NETSH_FAILED = "netsh-failed"
    NO_DISK = "no-disk"
    TOO_LARGE = "too-large"
    LANGUAGE_MODE = "language-mode"
    EXECUTION_POLICY = "execution-policy"
    MODULE_MISSING = "module-missing"
    ANTIVIRUS = "antivirus"
    TIMEOUT = "timeout"
    BAD_PAYLOAD = "bad-payload"
    INCOMPLETE = "incomplete"
    STORE = "store"
    BUG = "bug"


class Advice(Struct, frozen=True):
    """What a cause means and what to do about it.

    Attributes:
        meaning: One sentence.
        to_do: One sentence, for the person at the keyboard.
        can_pass: Whether the same try may go well a little later.
    """

    meaning: str
    to_do: str
    can_pass: bool = False


ADVICE: dict[Cause, Advice] = {
    Cause.UNREACHABLE: Advice(
        "Nothing answers at the address, or the connection is cut before anybody logs on.",
        "Check that the host is up, that a firewall lets TCP 5986 or 5985 through, and that"
        " ansible_psrp_protocol fits the port.",
        can_pass=True,
    ),
    Cause.REFUSED: Advice(
        "The host is there and nothing listens on the port.",
        "Run Enable-PSRemoting there, or set ansible_port to the port of the WinRM listener.",
        can_pass=True,
    ),
    Cause.DNS: Advice(
        "The name does not resolve.",
        "Check its spelling, or set ansible_host to a name or address that is known.",
    ),
    Cause.TLS: Advice(
        "The certificate of the host is not to be trusted, or no TLS came about.",
        "Check that the port speaks HTTPS; connect by the name in the certificate, set"
        " ansible_psrp_ca_cert to its authority, or renew it.",
    ),
    Cause.CREDENTIALS: Advice(
        "The host does not take the account or its password.",
        "Check user and password by hand on one host, before the account is locked out.",
    ),
    Cause.LOCKOUT_GUARD: Advice(
        "The account was refused several times, so the host was not tried with it.",
        "Correct the password, then visit the host again (collect does so with --resume).",
    ),
    Cause.QUOTA: Advice(
        "The host has no room for another shell or operation of this user.",
        "Wait for old shells to end, or raise the quota that the details name; MaxShellsPerUser is"
        " in WSMan:\\localhost\\Shell.",
        can_pass=True,
    ),
    Cause.ACCESS_DENIED: Advice(
        "The account may log on and may not do this.",
        "Add it to Administrators or Remote Management Users; for local accounts see"
        " LocalAccountTokenFilterPolicy.",
    ),
    Cause.ENDPOINT: Advice(
        "The session configuration is not there, its process cannot start, or the way to log on"
        " is not allowed.",
        "Do as the text says, or check ansible_psrp_configuration_name with"
        " Get-PSSessionConfiguration on the host.",
    ),
    Cause.NOT_ELEVATED: Advice(
        "The session has no administrator's token, so filters would be missing unseen.",
        "Use an account that is an administrator of the host; UAC filters local accounts.",
    ),
    Cause.BFE_STOPPED: Advice(
        "The Base Filtering Engine does not run.",
        "Start the service BFE and find out who stopped it: no filter is in force meanwhile.",
    ),
    Cause.NETSH_FAILED: Advice(
        "netsh wfp ended with an error, or is not there.",
        "Run `netsh wfp show state` on the host, in an elevated console.",
    ),
    Cause.NO_DISK: Advice(
        "The host has too little free disk for the dump.",
        "Free some space on its system volume.",
    ),
    Cause.TOO_LARGE: Advice(
        "The dump is larger than allowed.",
        "Raise the limit with --max-dump-mb, after a look at what fills the policy.",
    ),
    Cause.LANGUAGE_MODE: Advice(
        "PowerShell runs in a language mode that takes no scripts.",
        "Install the signed PyWfp module there, or use its JEA endpoint; where NtObjectManager is"
        " what lacks it, use --source netsh.",
    ),
    Cause.EXECUTION_POLICY: Advice(
        "A policy forbids scripts.",
        "Install the signed PyWfp module there, or set the policy to RemoteSigned; where it is"
        " NtObjectManager that does not load, use --source netsh.",
    ),
    Cause.MODULE_MISSING: Advice(
        "A PowerShell module that was asked for is not there or does not load.",
        "Install or repair it on the host, or use --source netsh.",
    ),
    Cause.ANTIVIRUS: Advice(
        "The host's protection refused the script or a module.",
        "Show your security team the script (--show-script) and its hash, to have it allowed;"
        " where NtObjectManager was refused, use --source netsh.",
    ),
    Cause.TIMEOUT: Advice(
        "The host did not finish in its time.",
        "Raise --timeout or ansible_psrp_read_timeout, or see what keeps the host busy.",
        can_pass=True,
    ),
    Cause.BAD_PAYLOAD: Advice(
        "What came is not what a host sends: no WSMan, no PSRP, or data that unpacks to nonsense.",
        "See what answers at the address: a proxy or portal in its place, or a host that is not"
        " well.",
    ),
    Cause.INCOMPLETE: Advice(
        "The connection or the host's process ended in the middle, or frames are lost.",
        "Visit the host again (collect does so with --resume), or see in the text what the host"
        " refused; what came of a collection is kept as evidence.",
        can_pass=True,
    ),
    Cause.STORE: Advice(
        "What the host sent could not be kept on the disk of this machine.",
        "Make room where the store is, then resume the run.",
    ),
    Cause.BUG: Advice(
        "This program did something wrong.",
        "Please report the traceback; the other hosts are not concerned.",
    ),
}
"""Every cause, with what to do."""

_PROBLEMS: dict[str, Cause] = {
    **{cause.value: cause for cause in Cause if cause not in {Cause.BUG, Cause.STORE}},
    "audit-failed": Cause.INCOMPLETE,
    "bomb": Cause.BAD_PAYLOAD,
    "busy": Cause.QUOTA,
    "constrained-language": Cause.LANGUAGE_MODE,
    "folder-failed": Cause.ACCESS_DENIED,
    "module-failed": Cause.MODULE_MISSING,
    "netsh-timeout": Cause.TIMEOUT,
    "partly-refused": Cause.INCOMPLETE,
    "program-missing": Cause.NETSH_FAILED,
    "too-many": Cause.TOO_LARGE,
    "volumes-failed": Cause.INCOMPLETE,
}

_FRAME_FAULTS: dict[str, Cause] = {
    "bomb": Cause.BAD_PAYLOAD,
    "damaged": Cause.BAD_PAYLOAD,
    "bad-text": Cause.BAD_PAYLOAD,
    "bad-time": Cause.BAD_PAYLOAD,
    "bad-frame": Cause.BAD_PAYLOAD,
    "wrong-kind": Cause.BAD_PAYLOAD,
    "too-large": Cause.TOO_LARGE,
}

# First word of FullyQualifiedErrorId.
_ERROR_IDS: dict[str, Cause] = {
    "ScriptContainedMaliciousContent": Cause.ANTIVIRUS,
    "UnauthorizedAccess": Cause.EXECUTION_POLICY,
    "ScriptsNotAllowed": Cause.LANGUAGE_MODE,
    "MethodInvocationNotSupportedInConstrainedLanguage": Cause.LANGUAGE_MODE,
    "CannotCreateTypeConstrainedLanguage": Cause.LANGUAGE_MODE,
    "ConversionSupportedOnlyToCoreTypes": Cause.LANGUAGE_MODE,
    "CannotDefineNewType": Cause.LANGUAGE_MODE,
    "CommandNotFoundException": Cause.MODULE_MISSING,
    "Modules_ModuleNotFound": Cause.MODULE_MISSING,
    "OutOfMemoryException": Cause.INCOMPLETE,
}

# Numbers of WSMan faults (wsmerror.h) and of Win32 inside them; subcodes where there is no number.
_WSMAN: dict[int | str, Cause] = {
    5: Cause.ACCESS_DENIED,
    2: Cause.ENDPOINT,
    1018: Cause.ENDPOINT,
    995: Cause.INCOMPLETE,
    1726: Cause.INCOMPLETE,
    1326: Cause.CREDENTIALS,
    2150858793: Cause.TIMEOUT,
    2150858811: Cause.ENDPOINT,
    2150858843: Cause.INCOMPLETE,
    **dict.fromkeys((2150859173, 2150859174, 2150859179), Cause.QUOTA),
    **dict.fromkeys(range(2150859236, 2150859242), Cause.QUOTA),
    "w:AccessDenied": Cause.ACCESS_DENIED,
    "w:InternalError": Cause.QUOTA,  # what MaxConcurrentCommandsPerShell gives
    "w:InvalidSelectors": Cause.INCOMPLETE,
    "w:QuotaLimit": Cause.QUOTA,
    "w:TimedOut": Cause.TIMEOUT,
}

_HTTP: dict[int, Cause] = {401: Cause.CREDENTIALS, 403: Cause.ACCESS_DENIED, 407: Cause.UNREACHABLE}

# Win32 numbers that a problem carries as HRESULT 0x8007xxxx.
_WIN32: dict[int, Cause] = {
    5: Cause.ACCESS_DENIED,
    112: Cause.NO_DISK,
    740: Cause.NOT_ELEVATED,
    1058: Cause.BFE_STOPPED,
    1062: Cause.BFE_STOPPED,
    1068: Cause.BFE_STOPPED,
    1717: Cause.BFE_STOPPED,
    1722: Cause.BFE_STOPPED,
    1752: Cause.BFE_STOPPED,
    1753: Cause.BFE_STOPPED,
}
_FACILITY_WIN32 = 0x8007

# In this order: the first that any exception of the chain is decides.
_EXCEPTIONS: tuple[tuple[Cause, frozenset[str]], ...] = (
    (Cause.DNS, frozenset({"gaierror", "NameResolutionError", "InvalidURL"})),
    (Cause.TLS, frozenset({"SSLError", "CertificateError"})),
    (Cause.REFUSED, frozenset({"ConnectionRefusedError"})),
    (Cause.UNREACHABLE, frozenset({"ConnectTimeout", "ConnectTimeoutError", "ProxyError"})),
    (Cause.CREDENTIALS, frozenset({"AuthenticationError", "SpnegoError", "GSSError"})),
    (Cause.TIMEOUT, frozenset({"ReadTimeout", "ReadTimeoutError", "TimeoutError"})),
    (
        Cause.INCOMPLETE,
        frozenset(
            {
                *("ChunkedEncodingError", "ConnectionResetError", "ConnectionAbortedError"),
                *("BrokenPipeError", "IncompleteRead", "ProtocolError", "RemoteDisconnected"),
            }
        ),
    ),
    (Cause.UNREACHABLE, frozenset({"NewConnectionError", "ConnectionError"})),
    (Cause.BAD_PAYLOAD, frozenset({"ParseError", "WinRMError", "PSRPCoreError", "ReadError"})),
)
_UNREACHABLE_NUMBERS = {
    errno.EHOSTUNREACH,
    errno.ENETUNREACH,
    errno.EHOSTDOWN,
    errno.ENETDOWN,
    errno.EADDRNOTAVAIL,
    errno.ETIMEDOUT,
}
_DEEPEST = 20


def of_problem(code: str, hresult: str | None = None) -> Cause:
    """The cause that a host means by a problem code; one we do not know leaves the part unfinished.

    Args:
        code: With or without ``PyWfp.`` before it.
        hresult: ``0x80070005`` and the like; asked where the code alone says little.
    """
    known = _PROBLEMS.get(code.removeprefix("PyWfp.").partition(",")[0])
    if known in {None, Cause.INCOMPLETE, Cause.NETSH_FAILED} and hresult:
        return of_hresult(hresult) or known or Cause.INCOMPLETE
    return known or Cause.INCOMPLETE


def of_hresult(text: str) -> Cause | None:
    """The cause behind an HRESULT or a bare Win32 number; None for one that says nothing to us."""
    try:
        number = int(text, 0) & 0xFFFFFFFF
    except ValueError:
        return None
    facility, low = number >> 16, number & 0xFFFF
    return _WIN32.get(low) if facility in {0, _FACILITY_WIN32} else None


def of_error_id(error_id: str) -> Cause | None:
    """The cause behind the ``FullyQualifiedErrorId`` of a PowerShell error; None if unknown."""
    if error_id.startswith("PyWfp."):
        return of_problem(error_id)
    return _ERROR_IDS.get(error_id.partition(",")[0])


def of_frame_fault(code: str) -> Cause:
    """The cause behind a fault of the frames: nonsense, too large, or else something is lost."""
    return _FRAME_FAULTS.get(code, Cause.INCOMPLETE)


def of_wsman(code: int | str | None) -> Cause:
    """The cause behind a WSMan fault; one without any code is no answer of WinRM at all."""
    if code is None:
        return Cause.BAD_PAYLOAD
    return _WSMAN.get(code, Cause.INCOMPLETE)


def of_exception(error: BaseException, *, logged_on: bool = False) -> Cause:
    """The cause behind an exception; one that nothing explains is a bug of ours.

    Args:
        error: What came out of a transport.
        logged_on: Whether the host had taken the account before. WinRM says "credentials" for
            quota trouble too; after a logon it cannot mean the password.
    """
    cause = _of_exception(error)
    if logged_on and cause is Cause.CREDENTIALS:
        return Cause.QUOTA
    if any(isinstance(link, TransportError) for link in _chain(error)):
        return cause  # it knows how far it got
    if not logged_on and cause is Cause.INCOMPLETE:
        return Cause.UNREACHABLE if _is_connection(error) else cause
    if logged_on and cause in {Cause.UNREACHABLE, Cause.REFUSED}:
        return Cause.INCOMPLETE
    return cause


def _of_exception(error: BaseException) -> Cause:
    if isinstance(error, StoreError):
        return Cause.STORE
    chain = list(_chain(error))
    for link in chain:
        if isinstance(link, TransportError):
            return _of_transport(link)
        name, code = type(link).__name__, getattr(link, "code", None)
        if name == "WSManFaultError":
            return of_wsman(code)
        if name == "WinRMTransportError":
            return (
                _HTTP.get(code, Cause.BAD_PAYLOAD) if isinstance(code, int) else Cause.BAD_PAYLOAD
            )
    for link in chain:
        if isinstance(link, OSError) and link.errno in _UNREACHABLE_NUMBERS:
            return Cause.UNREACHABLE
    names = {kind.__name__ for link in chain for kind in type(link).__mro__}
    return next((cause for cause, known in _EXCEPTIONS if known & names), Cause.BUG)


def _of_transport(error: TransportError) -> Cause:
    if error.what in _PROBLEMS:
        return _PROBLEMS[error.what]
    return of_wsman(error.code) if error.code is not None else Cause.INCOMPLETE


def _is_connection(error: BaseException) -> bool:
    names = {kind.__name__ for link in _chain(error) for kind in type(link).__mro__}
    return "ConnectionError" in names


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception, what it holds and what it came from, nearest first.

    Not what it merely happened under: a bug in the handling of a timeout is a bug.
    """
    waiting, seen = [error], set[int]()
    while waiting and len(seen) < _DEEPEST:
        link = waiting.pop(0)
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        held = [*link.args, getattr(link, "reason", None), link.__cause__]
        waiting += [one for one in held if isinstance(one, BaseException)]
