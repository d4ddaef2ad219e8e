"""One session with one host: a guarded connection, one pool, one pipeline, one thread."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any, Literal, TypeVar

from msgspec import Struct
from pypsrp.complex_objects import PSInvocationState, RunspacePoolState
from pypsrp.exceptions import WSManFaultError
from pypsrp.powershell import PowerShell, RunspacePool, RunspacePoolWarning
from pypsrp.wsman import NAMESPACES, WSMan

from pywfp_ps.transports.base import Credential, ScriptError, Target, TransportError, Watch
from pywfp_remote.failures import Failure, explain, said
from pywfp_remote.guard import GuardedAdapter
from pywfp_remote.link import Link, LinkError, LinkLimits
from pywfp_remote.xml_bounds import bound, checked

IDLE_SECONDS = 60
"""After which a host ends a session that we lost; the least that Windows takes."""

_POLL_SECONDS = 1
_QUICK_SECONDS = 0.5  # a Receive that says nothing is held for a second, if the host is honest
_QUICK_POLLS = 500
_MOST_ERRORS = 20
_SEALING = {"negotiate", "kerberos", "ntlm", "credssp"}
_T = TypeVar("_T")

State = Literal["completed", "failed", "stopped"]
"""As in `Ran`."""

# Without any handler Python prints what libraries log as an error, tracebacks and all; and a
# warning of a host, in the host's own words.
for _library in ("pypsrp", "spnego"):
    logging.getLogger(_library).addHandler(logging.NullHandler())
warnings.filterwarnings("ignore", category=RunspacePoolWarning)


class Ended(Struct, frozen=True, kw_only=True):
    """How a pipeline ended: state as in `Ran`, first errors, objects that are no text."""

    state: State
    errors: tuple[ScriptError, ...]
    foreign: int


class Session:
    """A session that is to be opened, used and closed by one thread.

    Attributes:
        link: Its connections.
    """

    def __init__(self, target: Target, watch: Watch, limits: LinkLimits) -> None:
        self._target, self._watch, self._limits = target, watch, limits
        self.link = Link(
            deadline=watch.deadline,
            limits=limits,
            answer_seconds=limits.answer_seconds or 2.0 * target.read_timeout,
            on_accepted=watch.accepted,
        )
        self._wsman: _Checked | None = None
        self._pool: Any = None
        self._begun = False
        # Time for the host to clean up, and for us to take leave, before the sockets are cut.
        self._soft_end = watch.deadline - _reserve(self.link.remaining)

    def open(self) -> None:
        """Log on and make the pool.

        Raises:
            TransportError: It does not come about.
        """
        self._watch.close_at_stop(self._hurry)
        self._ask(self._connect)
        self._ask(self._pool.open)
        if self._pool.state != RunspacePoolState.OPENED:
            raise self.error("bad-payload", "the host made no session")
        self.link.opening = False

    def run(self, prepare: Callable[[Any], object], on_frame: Callable[[str], object]) -> Ended:
        """Run one pipeline to its end.

        Args:
            prepare: Gives the pipeline its command.
            on_frame: Gets each line of output.

        Raises:
            TransportError: It did not come to an end of its own, and was not told to stop.
        """
        shell = PowerShell(self._pool)
        prepare(shell)
        self._begun = True
        self._ask(lambda: shell.begin_invoke(remote_stream_options=0))
        errors: list[ScriptError] = []
        foreign = quick = 0
        mark = self.link.received
        while shell.state == PSInvocationState.RUNNING:
            if self._watch.is_stopped:
                self._ask(shell.stop)
                break
            if time.monotonic() >= self._soft_end:
                self._stop_late(shell)
            began = time.monotonic()
            try:
                self._ask(lambda: shell.poll_invoke(timeout=_POLL_SECONDS))
            except TransportError:
                for line in shell.output:  # what came before the answer went wrong is good
                    if isinstance(line, str):
                        on_frame(line)
                raise
            lines, failed = list(shell.output), list(shell.streams.error)
            shell.clear_streams()  # progress and warnings too, which nobody reads
            room = _MOST_ERRORS - len(errors)
            errors += [_script_error(one, self._target.credential) for one in failed[:room]]
            for line in lines:
                if isinstance(line, str):
                    on_frame(line)
                else:
                    foreign += 1
            if any(isinstance(line, str) and line.startswith("{") for line in lines):
                mark, quick = self.link.received, 0
            elif time.monotonic() - began < _QUICK_SECONDS:
                quick += 1
            if self.link.received - mark > self._limits.unframed or quick > _QUICK_POLLS:
                raise self.error("bad-payload", "answers come without an end, and nothing in them")
        return Ended(state=self._state(shell.state), errors=tuple(errors), foreign=foreign)

    def close(self) -> None:
        """Take leave as far as the host lets us; never raises."""
        shell = getattr(self._pool, "shell", None)
        if shell is not None and shell.opened and self.link.over is None:
            self.link.shorten(self._limits.closing_seconds)
            with contextlib.suppress(Exception):  # the host ends an idle session by itself
                shell.close()
        if self._wsman is not None:
            with contextlib.suppress(Exception):
                self._wsman.close()
        self.link.close()

    def error(self, what: str, text: str, code: int | str | None = None) -> TransportError:
        """An error of this host."""
        return TransportError(self._target.name, what, self._target.credential.hide(text), code)

    def _connect(self) -> None:
        self._wsman = wsman = connect(self._target, self.link)
        self._pool = RunspacePool(
            wsman,
            configuration_name=self._target.configuration_name,
            no_profile=True,
            idle_timeout=IDLE_SECONDS,
        )
        bound(self._pool)

    def _stop_late(self, shell: Any) -> None:
        with contextlib.suppress(TransportError):
            self._ask(shell.stop)
        raise self.error("timeout", "the host did not finish in its time")

    def _state(self, state: int | None) -> State:
        match state:
            case PSInvocationState.COMPLETED:
                return "completed"
            case PSInvocationState.FAILED:
                return "failed"
            case PSInvocationState.STOPPED if self._watch.is_stopped:
                return "stopped"
            case PSInvocationState.STOPPED:
                raise self.error("incomplete", "the host stopped the script")
        raise self.error("bad-payload", "the script came to a state that does not exist")

    def _hurry(self) -> None:
        """Called from another thread at a stop: the host may still clean up, then we are gone."""
        if self._begun:
            self.link.shorten(self._limits.hurry_seconds)
        else:
            self.link.cut("it was told to stop")

    def _ask(self, do: Callable[[], _T]) -> _T:
        """Do something with pypsrp; whatever it lets out came from the host, or from a bug here.

        Raises:
            TransportError: It failed. Raised where no frame of a library hangs on it any more:
                those hold passwords.
        """
        failure: Failure
        try:
            return do()
        except Exception as error:
            if _is_ours(error):
                raise
            accepted = self.link.accepted
            action = self._wsman.action if self._wsman is not None else ""
            # What was cut by us fails in many ways, some of them far from the guard.
            failure = explain(
                self.link.over or error,
                accepted=accepted,
                action=action,
                account=self._target.credential,
            )
        raise self.error(failure.what, failure.text, failure.code)


def _reserve(seconds: float) -> float:
    """How long before the deadline a script is stopped: a poll, the clean-up, the farewell."""
    return min(max(2.5, seconds / 10), 10.0, seconds / 2)


class _Checked(WSMan):
    """WSMan that takes a fault for one whatever the HTTP status says.

    Attributes:
        action: The last one asked for, such as ``Create``.
        link: Its connections.
    """

    action = ""
    link: Link

    def invoke(self, action: str, *args: Any, **options: Any) -> Any:
        self.action = action.rpartition("/")[2]
        try:
            answer = super().invoke(action, *args, **options)
        except WSManFaultError as error:
            if error.code is not None:  # else it is XML of any kind
                self.link.prove()
            raise
        self.link.prove()
        fault = answer.find("s:Body/s:Fault", NAMESPACES)
        if fault is not None:
            raise _fault(fault)
        return answer


def connect(target: Target, link: Link) -> _Checked:
    """A WSMan client whose session is guarded.

    Raises:
        LinkError: The target lacks what its way of logging on needs.
    """
    _check(target)
    account, seals = target.credential, target.auth in _SEALING
    never = target.message_encryption == "auto" and not seals
    trust: Any = (target.ca_file or True) if target.cert_validation else False
    wsman = _Checked(
        target.address,
        port=target.port,
        ssl=target.protocol == "https",
        path=target.path,
        username=account.user,
        password=account.password.reveal() if account.password is not None else None,
        auth=target.auth,
        encryption="never" if never else target.message_encryption,
        cert_validation=trust,  # requests takes a path too
        proxy=target.proxy,
        no_proxy=target.ignore_proxy,
        connection_timeout=target.connection_timeout,
        read_timeout=target.read_timeout,
        operation_timeout=target.operation_timeout,
        max_envelope_size=target.max_envelope_size,
        certificate_pem=target.certificate_file,
        certificate_key_pem=target.certificate_key_file or target.certificate_file,
        credssp_auth_mechanism=target.credssp_auth_mechanism,
        credssp_disable_tlsv1_2=target.credssp_disable_tlsv1_2,
        credssp_minimum_version=target.credssp_minimum_version,
        negotiate_delegate=target.negotiate_delegate,
        negotiate_hostname_override=target.negotiate_hostname_override,
        negotiate_send_cbt=target.negotiate_send_cbt,
        negotiate_service=target.negotiate_service,
    )
    wsman.link = link
    # Two private names of pypsrp; its version is pinned and a test holds them.
    session = wsman.transport._build_session()  # noqa: SLF001  there is no public place for it
    session.trust_env = False  # what it takes from there it has; a .netrc would add an account
    adapter = GuardedAdapter(link, target)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    transport: Any = wsman.transport
    transport.session, transport.send = session, checked(transport.send)
    return wsman


def _check(target: Target) -> None:
    if any(c in "/\\@?#" or not c.isprintable() or c.isspace() for c in target.address):
        raise LinkError("dns", "the address is no name of a host")  # parts of a URL lead elsewhere
    account = target.credential
    problem = ""
    if target.auth in {"basic", "credssp"} and (account.user is None or account.password is None):
        problem = f"{target.auth} needs a user and a password"
    elif target.auth == "certificate" and not target.certificate_file:
        problem = "no client certificate is given"
    elif target.auth == "certificate" and target.protocol != "https":
        problem = "a client certificate needs HTTPS"
    elif target.auth == "credssp" and importlib.util.find_spec("requests_credssp") is None:
        problem = "CredSSP needs the library requests-credssp, which is missing"
    elif target.auth not in _SEALING and target.message_encryption == "always":
        problem = f"{target.auth} cannot seal messages"
    if problem:
        raise LinkError("credentials", problem)


def _fault(fault: Any) -> WSManFaultError:
    detail = fault.find("s:Detail/wsmanfault:WSManFault", NAMESPACES)
    code: Any = fault.findtext("s:Code/s:Subcode/s:Value", None, NAMESPACES)
    if detail is not None and str(detail.get("Code", "")).isdigit():
        code = int(detail.get("Code"))
    reason = fault.findtext("s:Reason/s:Text", None, NAMESPACES)
    return WSManFaultError(code, None, reason, None, None, None)


def _script_error(record: Any, account: Credential) -> ScriptError:
    error_id = said(getattr(record, "fq_error", None), account)
    for text in _texts(record):
        if told := said(text, account):
            return ScriptError(error_id=error_id, text=told)
    return ScriptError(error_id=error_id)


def _texts(record: Any) -> Iterator[object]:
    """Where the words of a record may stand, best first; they come from the host, of any kind."""
    yield getattr(record, "details_message", None)
    exception = getattr(record, "exception", None)
    yield (getattr(exception, "adapted_properties", None) or {}).get("Message")
    yield (getattr(exception, "extended_properties", None) or {}).get("Message")
    yield getattr(record, "_to_string", None)
    yield getattr(record, "message", None)


def _is_ours(error: BaseException) -> bool:
    """Whether the exception began in this package, so that it is a bug of ours."""
    if isinstance(error, LinkError | WSManFaultError):
        return False
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    name = trace.tb_frame.f_globals.get("__name__", "") if trace is not None else ""
    return str(name).startswith("pywfp_remote.")
