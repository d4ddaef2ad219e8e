"""The WSMan actions of one practice host over its table of shells: SOAP text in, SOAP text out."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import ClassVar
from uuid import UUID, uuid4
from xml.sax.saxutils import escape, quoteattr

from lxml import etree
from msgspec import Struct

from pywfp_remote.lab.bridge import Bridge, EngineShell
from pywfp_remote.lab.host import BackendFactory, HostBackend, LabHost
from pywfp_remote.lab.psrp import Fragment
from pywfp_remote.lab.shell import BadFragmentsError, Outbox, Shell, ShellDiedError

NAMESPACES: Mapping[str, str] = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "a": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "w": "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
    "x": "http://schemas.xmlsoap.org/ws/2004/09/transfer",
    "rsp": "http://schemas.microsoft.com/wbem/wsman/1/windows/shell",
}
_SHELL = NAMESPACES["rsp"]
_DECLARED = " ".join(f'xmlns:{name}="{uri}"' for name, uri in NAMESPACES.items())
_ANONYMOUS = f"{NAMESPACES['a']}/role/anonymous"
_FAULT_ACTION = "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault"
_FAULT_URI = "http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"
_RESOURCE = "http://schemas.microsoft.com/powershell/"
_CONFIGURATIONS = ("microsoft.powershell", "microsoft.powershell32", "powershell.7")
_DURATION = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?")
_MOST_SHELLS = 30  # MaxShellsPerUser of Windows Server 2012 and later
_MOST_COMMANDS = 1000  # MaxConcurrentCommandsPerShell
_DEFAULT_IDLE = 7200.0
_LEAST_IDLE = 60.0
_HOST_DIED = 1726  # RPC_S_CALL_FAILED
_NO_PROCESS = 1018  # ERROR_KEY_DELETED, which is what Windows says then


class FaultError(Exception):
    """A SOAP fault to send.

    Attributes:
        code: WSMan or Win32 error number; None leaves the detail out.
        subcode: Such as ``w:TimedOut``.
        text: What the reason says.
    """

    def __init__(self, code: int | None, subcode: str, text: str) -> None:
        super().__init__(code, subcode, text)
        self.code, self.subcode, self.text = code, subcode, text


class Request(Struct, frozen=True, kw_only=True):
    """One SOAP request, taken apart.

    Attributes:
        action: Last part of the action's URI, such as ``Receive``.
        uri: The whole action.
        message: MessageID.
        resource: ResourceURI.
        shell: Upper-case shell id of the selector; empty when there is none.
        seconds: OperationTimeout.
        envelope: Most bytes that the answer may have.
        body: The SOAP body.
    """

    action: str
    uri: str
    message: str
    resource: str
    shell: str
    seconds: float
    envelope: int
    body: etree._Element


class Answer(Struct, frozen=True, kw_only=True):
    """What goes back: HTTP status, SOAP bytes, and the action that was asked for."""

    status: int
    soap: bytes
    action: str


Hook = Callable[[Request, str], Awaitable[None]]
"""Asked before every action, with the command a Receive is for; may raise `FaultError`."""


AnyShell = Shell | EngineShell


class Service:
    """The WSMan service of one host.

    Args:
        host: The host.
        factory: Makes what answers for it, where no engine does.
        hook: Asked before every action.
        most_streams: See below.
        bridge: Makes shells with a real engine; without it they are made up.

    Attributes:
        most_streams: Fragments in one Receive answer; 0: as many as fit.
    """

    def __init__(
        self,
        host: LabHost,
        factory: BackendFactory,
        *,
        hook: Hook | None = None,
        most_streams: int = 0,
        bridge: Bridge | None = None,
    ) -> None:
        self._host, self._factory, self._hook, self._bridge = host, factory, hook, bridge
        self._backend: HostBackend | None = None
        self._shells: dict[str, AnyShell] = {}
        self._leaving: list[EngineShell] = []
        self.most_streams = most_streams

    @property
    def shells(self) -> int:
        """Shells that are open now."""
        return len(self._shells)

    async def dispatch(self, soap: bytes) -> Answer:
        """Answer one request.

        Raises:
            ValueError: `soap` is no SOAP envelope.
        """
        request = read_request(soap)
        try:
            self._reap()
            shell = self._shells.get(request.shell)
            if shell is not None:
                shell.used = time.monotonic()
            if self._hook is not None:
                await self._hook(request, _desired(request) or "")
            inner = await self._ACTIONS.get(request.action, Service._unknown)(self, request)
        except FaultError as fault:
            soap = envelope(_FAULT_ACTION, request.message, fault_body(fault, self._host.computer))
            return Answer(status=500, soap=soap, action=request.action)
        soap = envelope(request.uri + "Response", request.message, inner)
        return Answer(status=200, soap=soap, action=request.action)

    def close(self) -> None:
        """Close every shell."""
        for shell in self._shells.values():
            self._end(shell)
        self._shells.clear()

    async def closed(self) -> None:
        """Return once no engine runs any more; call `close` first."""
        for shell in self._leaving:
            await shell.closed()
        self._leaving.clear()

    def _end(self, shell: AnyShell) -> None:
        shell.close()
        if isinstance(shell, EngineShell):
            self._leaving = [one for one in self._leaving if not one.is_gone] + [shell]

    def _reap(self) -> None:
        for name, shell in list(self._shells.items()):
            if shell.expired:
                self._end(shell)
                del self._shells[name]

    def _shell(self, request: Request) -> AnyShell:
        shell = self._shells.get(request.shell)
        if shell is None:
            raise FaultError(
                2150858843,
                "w:InvalidSelectors",
                "The request for the Windows Remote Shell with ShellId "
                f"{request.shell} failed because the shell was not found on the server.",
            )
        return shell

    async def _create(self, request: Request) -> str:
        name = request.resource.removeprefix(_RESOURCE).lower()
        if not request.resource.startswith(_RESOURCE) or name not in _CONFIGURATIONS:
            text = "The WS-Management service cannot process the request. Cannot find the "
            raise FaultError(
                2150858811,
                "w:InvalidResourceURI",
                f"{text}{name} session configuration in the WSMan: drive on this computer.",
            )
        if len(self._shells) >= _MOST_SHELLS:
            raise FaultError(2150859173, "w:QuotaLimit", too_many_shells(_MOST_SHELLS))
        asked = request.body.find("rsp:Shell", dict(NAMESPACES))
        if asked is None:
            raise FaultError(2150858891, "w:SchemaValidationError", "The request has no shell.")
        shell_id = (asked.get("ShellId") or str(uuid4())).upper()
        idle = seconds(asked.findtext("rsp:IdleTimeOut", "", dict(NAMESPACES)), _DEFAULT_IDLE)
        shell = await self._new_shell(shell_id, max(idle, _LEAST_IDLE))
        for child in asked:
            if isinstance(child.tag, str) and child.tag.endswith("}creationXml"):
                self._feed(shell, child.text)
        self._shells[shell_id] = shell
        return self._created(request, shell)

    async def _new_shell(self, shell_id: str, idle: float) -> AnyShell:
        if self._bridge is not None:
            try:
                return await self._bridge.shell(shell_id, self._host, idle)
            except ShellDiedError:
                raise timed_out() from None
            except OSError as error:
                text = f"The host process cannot be started: {error.strerror or error}"
                raise FaultError(_NO_PROCESS, "w:InternalError", text) from None
        if self._backend is None:
            self._backend = self._factory(self._host)
        return Shell(shell_id, self._host, self._backend, idle)

    def _created(self, request: Request, shell: AnyShell) -> str:
        resource = escape(request.resource)
        owner = escape(f"{self._host.computer}\\{self._host.account}")
        return (
            f"<x:ResourceCreated><a:Address>{_ANONYMOUS}</a:Address><a:ReferenceParameters>"
            f"<w:ResourceURI>{resource}</w:ResourceURI><w:SelectorSet>"
            f'<w:Selector Name="ShellId">{shell.shell_id}</w:Selector></w:SelectorSet>'
            "</a:ReferenceParameters></x:ResourceCreated>"
            f"<rsp:Shell><rsp:ShellId>{shell.shell_id}</rsp:ShellId>"
            f"<rsp:ResourceUri>{resource}</rsp:ResourceUri><rsp:Owner>{owner}</rsp:Owner>"
            "<rsp:ClientIP>127.0.0.1</rsp:ClientIP><rsp:ProcessId>4242</rsp:ProcessId>"
            f"<rsp:IdleTimeOut>PT{shell.idle_seconds:.3f}S</rsp:IdleTimeOut>"
            "<rsp:InputStreams>stdin pr</rsp:InputStreams>"
            "<rsp:OutputStreams>stdout</rsp:OutputStreams>"
            "<rsp:MaxIdleTimeOut>PT2147483.647S</rsp:MaxIdleTimeOut><rsp:Locale>en-US</rsp:Locale>"
            "<rsp:DataLocale>en-US</rsp:DataLocale><rsp:CompressionMode>NoCompression"
            "</rsp:CompressionMode><rsp:ProfileLoaded>No</rsp:ProfileLoaded>"
            "<rsp:Encoding>UTF8</rsp:Encoding><rsp:BufferMode>Block</rsp:BufferMode>"
            "<rsp:State>Connected</rsp:State><rsp:ShellRunTime>P0DT0H0M0S</rsp:ShellRunTime>"
            "<rsp:ShellInactivity>P0DT0H0M0S</rsp:ShellInactivity></rsp:Shell>"
        )

    async def _command(self, request: Request) -> str:
        shell, line = self._shell(request), request.body.find("rsp:CommandLine", dict(NAMESPACES))
        if shell.commands >= _MOST_COMMANDS:
            raise FaultError(None, "w:InternalError", "The service had an internal error.")
        pipeline = _uuid(line.get("CommandId") if line is not None else None) or uuid4()
        arguments = line.iterfind("rsp:Arguments", dict(NAMESPACES)) if line is not None else ()
        try:
            shell.begin(pipeline, "".join((part.text or "").strip() for part in arguments))
        except BadFragmentsError as error:
            raise _bad(error) from error
        name = str(pipeline).upper()
        return f"<rsp:CommandResponse><rsp:CommandId>{name}</rsp:CommandId></rsp:CommandResponse>"

    async def _send(self, request: Request) -> str:
        shell = self._shell(request)
        for part in request.body.iterfind("rsp:Send/rsp:Stream", dict(NAMESPACES)):
            self._feed(shell, part.text, _uuid(part.get("CommandId")), part.get("Name") or "stdin")
        return "<rsp:SendResponse/>"

    async def _receive(self, request: Request) -> str:
        shell = self._shell(request)
        name = _desired(request)
        outbox = shell.outbox(_uuid(name))
        if outbox is None:
            raise FaultError(2150858843, "w:InvalidSelectors", "The command was not found.")
        if outbox.reply[0] != request.message:
            outbox.reply = (request.message, await self._received(request, outbox, name))
        shell.used = time.monotonic()
        return outbox.reply[1]

    async def _received(self, request: Request, outbox: Outbox, name: str | None) -> str:
        try:
            room = request.envelope - 2000
            found = await outbox.take(request.seconds, room, self.most_streams)
        except TimeoutError:
            raise timed_out() from None
        except ShellDiedError as error:
            text = f"The WSMan provider host process did not return a proper response. {error}"
            raise FaultError(_HOST_DIED, "w:InternalError", text) from None
        return received(found, name)

    async def _signal(self, request: Request) -> str:
        shell, signal = self._shell(request), request.body.find("rsp:Signal", dict(NAMESPACES))
        pipeline = _uuid(signal.get("CommandId")) if signal is not None else None
        if signal is not None and pipeline is not None:
            code = signal.findtext("rsp:Code", "", dict(NAMESPACES)).lower()
            (shell.end if code.endswith("terminate") else shell.stop)(pipeline)
        return "<rsp:SignalResponse/>"

    async def _delete(self, request: Request) -> str:
        shell = self._shell(request)
        del self._shells[shell.shell_id]
        self._end(shell)
        return ""

    async def _get(self, request: Request) -> str:
        if request.resource.endswith("/config"):
            return (
                '<c:Config xmlns:c="http://schemas.microsoft.com/wbem/wsman/1/config">'
                "<c:MaxEnvelopeSizekb>500</c:MaxEnvelopeSizekb></c:Config>"
            )
        shell = self._shell(request)
        return (
            f"<rsp:Shell><rsp:ShellId>{shell.shell_id}</rsp:ShellId>"
            "<rsp:State>Connected</rsp:State></rsp:Shell>"
        )

    async def _unknown(self, request: Request) -> str:
        text = f"The action {request.uri} is not supported by the service."
        raise FaultError(2150858817, "a:ActionNotSupported", text)

    def _feed(
        self,
        shell: AnyShell,
        text: str | None,
        pipeline: UUID | None = None,
        stream: str = "stdin",
    ) -> None:
        try:
            shell.feed((text or "").strip(), pipeline, stream)
        except BadFragmentsError as error:
            raise _bad(error) from error

    _ACTIONS: ClassVar[dict[str, Callable[[Service, Request], Awaitable[str]]]] = {
        "Create": _create,
        "Command": _command,
        "Send": _send,
        "Receive": _receive,
        "Signal": _signal,
        "Delete": _delete,
        "Get": _get,
    }


def read_request(soap: bytes) -> Request:
    """Take a SOAP envelope apart.

    Raises:
        ValueError: It is no SOAP envelope.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(soap, parser)
    except etree.XMLSyntaxError as error:
        raise ValueError(f"no SOAP: {error}") from None
    spaces = dict(NAMESPACES)
    header, body = root.find("s:Header", spaces), root.find("s:Body", spaces)
    if header is None or body is None:
        raise ValueError("no SOAP: header or body is missing")

    def text(path: str) -> str:
        return header.findtext(path, "", spaces).strip()

    size = text("w:MaxEnvelopeSize")
    return Request(
        action=text("a:Action").rpartition("/")[2],
        uri=text("a:Action"),
        message=text("a:MessageID"),
        resource=text("w:ResourceURI"),
        shell=text("w:SelectorSet/w:Selector").upper(),
        seconds=seconds(text("w:OperationTimeout"), 60.0),
        envelope=int(size) if size.isdigit() else 153_600,
        body=body,
    )


def envelope(action: str, relates_to: str, inner: str) -> bytes:
    """A SOAP answer around `inner`."""
    return (
        f'<s:Envelope xml:lang="en-US" {_DECLARED}><s:Header><a:Action>{escape(action)}</a:Action>'
        f"<a:MessageID>uuid:{str(uuid4()).upper()}</a:MessageID><a:To>{_ANONYMOUS}</a:To>"
        f"<a:RelatesTo>{escape(relates_to)}</a:RelatesTo></s:Header>"
        f"<s:Body>{inner}</s:Body></s:Envelope>"
    ).encode()


def received(fragments: list[Fragment], name: str | None) -> str:
    """The body of a Receive answer, with the command's end when it is in it."""
    mark = f" CommandId={quoteattr(name)}" if name else ""
    streams = "".join(
        f'<rsp:Stream Name="stdout"{mark}>{fragment.text}</rsp:Stream>' for fragment in fragments
    )
    state = ""
    if name and fragments and fragments[-1].last:
        state = (
            f'<rsp:CommandState{mark} State="{_SHELL}/CommandState/Done">'
            "<rsp:ExitCode>0</rsp:ExitCode></rsp:CommandState>"
        )
    return f"<rsp:ReceiveResponse>{streams}{state}</rsp:ReceiveResponse>"


def fault_body(fault: FaultError, machine: str) -> str:
    """The body of a fault as Windows words it."""
    text = escape(fault.text)
    detail = ""
    if fault.code is not None:
        detail = (
            f'<s:Detail><f:WSManFault xmlns:f="{_FAULT_URI}" Code="{fault.code}" '
            f"Machine={quoteattr(machine)}><f:Message>{text}</f:Message></f:WSManFault></s:Detail>"
        )
    return (
        "<s:Fault><s:Code><s:Value>s:Receiver</s:Value><s:Subcode>"
        f"<s:Value>{escape(fault.subcode)}</s:Value></s:Subcode></s:Code><s:Reason>"
        f'<s:Text xml:lang="en-US">{text}</s:Text></s:Reason>{detail}</s:Fault>'
    )


def timed_out() -> FaultError:
    """What Windows says when a Receive found nothing in its time."""
    return FaultError(
        2150858793,
        "w:TimedOut",
        "The WS-Management service cannot complete the operation within the time specified "
        "in OperationTimeout.  ",
    )


def too_many_shells(number: int) -> str:
    """The words of Windows for a user's shell quota."""
    return (
        "The WS-Management service cannot process the request. This user is allowed a maximum "
        f"number of {number} concurrent shells, which has been exceeded. Close existing shells or "
        "raise the quota for this user."
    )


def seconds(text: str, default: float) -> float:
    """Seconds in an XML duration such as ``PT20S``; `default` when it is none."""
    found = _DURATION.fullmatch(text)
    if found is None or text == "PT":
        return default
    hours, minutes, rest = found.groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(rest or 0)


def _desired(request: Request) -> str | None:
    """CommandId that a Receive asks for; None for the pool's own output."""
    wanted = request.body.find("rsp:Receive/rsp:DesiredStream", dict(NAMESPACES))
    return wanted.get("CommandId") if wanted is not None else None


def _uuid(text: str | None) -> UUID | None:
    if not text:
        return None
    try:
        return UUID(text.removeprefix("uuid:"))
    except ValueError:
        raise FaultError(2150858843, "w:InvalidSelectors", "The command was not found.") from None


def _bad(error: BadFragmentsError) -> FaultError:
    text = f"The WSMan provider host process could not read the request. {error}"
    return FaultError(_HOST_DIED, "w:InternalError", text)
