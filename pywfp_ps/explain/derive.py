"""What a question leaves unsaid and the facts of the host tell: one step before all assumptions.

Only what facts settle is filled in: where two routes, addresses or processes could be meant, it
stays unsaid. Each thing that was filled in is a sentence that names its source.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from ipaddress import IPv4Interface, IPv6Interface
from operator import itemgetter
from typing import Any, Final

from msgspec import Struct, structs

from pywfp_ps.errors import UsageError
from pywfp_ps.explain.facts import Address, Facts
from pywfp_ps.explain.flow import KERNEL, TCP, WITH_PORTS, Flow, parse_app
from pywfp_ps.model.context import Listener, Process, Route, Service
from pywfp_ps.model.host import Interface
from pywfp_ps.model.text import PROTOCOLS

_KERNEL_PROCESS: Final = 4
_ACTIVE_STORE: Final = 1
_ACCOUNTS: Final = {
    "localsystem": "system",
    "nt authority\\system": "system",
    "nt authority\\localservice": "local-service",
    "nt authority\\local service": "local-service",
    "nt authority\\networkservice": "network-service",
    "nt authority\\network service": "network-service",
}
"""Accounts of services as Win32_Service names them (StartName), and the preset that each is."""

_OF_KERNEL: Final = {445: "file server", 5985: "WinRM"}
"""TCP ports that nothing but the kernel holds on an ordinary host (tokens, section 5)."""
_NO_SID: Final = 0
KINDS: Final = frozenset({"interfaces", "listeners", "processes", "routes", "services", "volumes"})
"""Views of the store that facts come from."""


_FILLED_IN: Final = (
    "app", "bind_address", "interface", "local_address", "package", "preset", "services",
)  # fmt: skip
"""What a fact can fill in."""
_OWN_END: Final = itemgetter(
    *(
        at
        for at, name in enumerate(Flow.__struct_fields__)
        if name not in {"local_port", "remote_address", "remote_port"}
    )
)


class Completed(Struct, frozen=True):
    """A flow with what facts tell of it.

    Attributes:
        flow: The flow.
        derived: What was filled in, a sentence each, with its source.
        notes: What the facts say against the question or beside it.
        listening: Whether something listens on the port that traffic comes to, ``None`` where
            that is not known or no question.
    """

    flow: Flow
    derived: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    listening: bool | None = None


def kinds_for(flows: Iterable[Flow]) -> frozenset[str]:
    """Views of the store that can tell something of these flows."""
    kinds = {"interfaces"}
    for flow in flows:
        is_dos = flow.app is not None and flow.app != KERNEL and not flow.app.startswith("\\")
        meets = flow.direction == "in" and flow.action == "connect" and flow.local_port is not None
        if is_dos or meets or flow.services:
            kinds.add("volumes")
        if meets:
            kinds.add("listeners")
        if meets or flow.services:
            kinds |= {"processes", "services"}
        if flow.local_address is None and flow.remote_address is not None:
            kinds.add("routes")
    return frozenset(kinds)


class Deriver:
    """Completes flows by the facts of one host."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.tells = any(one is not None for one in (facts.links, facts.listeners, facts.services))
        self._routes: dict[Address, list[Route]] = {}
        self._told: dict[object, dict[str, Any]] = {}

    def completed(self, flow: Flow) -> Completed:
        """The flow with what the facts tell of it."""
        if not self.tells and flow.interface_alias is None:
            return Completed(flow, notes=self._hints(flow))
        steps = _Steps(flow, self)
        steps.interface()
        steps.local_address()
        steps.listener()
        steps.service()
        done = steps.done()
        return structs.replace(done, notes=done.notes + self._hints(flow))

    def _hints(self, flow: Flow) -> tuple[str, ...]:
        """Whose a port is where nobody said it and no list of listeners tells."""
        port = flow.local_port
        if self.facts.listeners is not None or port is None or not _is_of_kernel(flow):
            return ()
        whose = f"on an ordinary host TCP {port} is the kernel's ({_OF_KERNEL[port]})"
        return (f"{whose}: say --app System",)

    def flow_told(self, flow: Flow) -> Flow:
        """The flow of `completed` alone; flows that differ in the other end alone are one case."""
        if not self.tells:
            return flow
        end = flow.remote_address if flow.local_address is None else None
        port = flow.local_port if flow.direction == "in" else None
        key = (_OWN_END(structs.astuple(flow)), port, end)
        more = self._told.get(key)
        if more is None:
            found = self.completed(flow).flow
            changed = (
                (name, getattr(found, name))
                for name in _FILLED_IN
                if getattr(found, name) != getattr(flow, name)
            )
            more = self._told[key] = dict(changed)
        return structs.replace(flow, **more) if more else flow

    def routes_to(self, remote: Address) -> list[Route]:
        """The routes that may be taken, see `best_routes`."""
        found = self._routes.get(remote)
        if found is None:
            found = self._routes[remote] = best_routes(remote, self.facts.routes or ())
        return found

    @cached_property
    def by_port(self) -> dict[tuple[int, int], list[Listener]]:
        """Listeners by protocol and port."""
        found: dict[tuple[int, int], list[Listener]] = {}
        for one in self.facts.listeners or ():
            found.setdefault((one.protocol, one.local_port), []).append(one)
        return found

    @cached_property
    def by_process(self) -> dict[int, list[Service]]:
        """Services by process."""
        found: dict[int, list[Service]] = {}
        for one in (self.facts.services or {}).values():
            if one.process_id:
                found.setdefault(one.process_id, []).append(one)
        return found


class _Steps:
    """Fills a flow in, step by step; later steps see what earlier ones filled in."""

    def __init__(self, flow: Flow, deriver: Deriver) -> None:
        self._flow, self._deriver, self._facts = flow, deriver, deriver.facts
        self._more: dict[str, Any] = {}
        self._derived: list[str] = []
        self._notes: list[str] = []
        self._listening: bool | None = None

    def done(self) -> Completed:
        return Completed(self._whole(), tuple(self._derived), tuple(self._notes), self._listening)

    def _whole(self) -> Flow:
        return structs.replace(self._flow, **self._more) if self._more else self._flow

    def _put(self, text: str, **more: Any) -> None:
        self._more |= more
        self._derived.append(text)

    def interface(self) -> None:
        """The LUID behind an alias or an index."""
        flow, links = self._flow, self._facts.links
        alias, index = flow.interface_alias, flow.interface_index
        if flow.interface is not None or (alias is None and index is None):
            return
        name = f"named {alias!r}" if alias is not None else f"with the index {index}"
        if links is None:
            if alias is not None:
                self._notes.append(f"the interfaces of the host are not known: none is {name}")
            return
        meant = [one for one in links if _is_meant(one, alias, index)]
        if len(meant) != 1 or meant[0].luid is None:
            self._notes.append(f"the host has no interface {name}: it stays unknown")
            return
        text = f"the interface {name} is {meant[0].luid} (interfaces)"
        self._put(text, interface=meant[0].luid)

    def local_address(self) -> None:
        """The address that a route to the other end leaves from."""
        flow, facts = self._whole(), self._facts
        if flow.local_address is not None or flow.action != "connect" or facts.links is None:
            return
        if flow.direction == "forward":
            return
        remote = flow.remote_address
        if remote is not None and (remote in facts.addresses or remote.is_loopback):
            self._put(f"local address {remote}: {remote} is this host itself", local_address=remote)
            return
        if flow.interface is not None:
            links = [one for one in facts.links if one.luid == flow.interface]
            self._only(links, "the interface holds no other (interfaces)")
            return
        if flow.direction == "in":  # it may come in another way than the answer leaves
            self._only(facts.links, "the host holds no other (interfaces)")
            return
        if remote is not None and facts.routes is not None:
            routes = self._deriver.routes_to(remote)
            indexes = {one.interface_index for one in routes}
            links = [one for one in facts.links if one.index in indexes]
            if len(indexes) == 1 and len(links) == 1:
                where = links[0].alias or f"interface {links[0].index}"
                text = f"the route {routes[0].destination} leads over {where} (routes, interfaces)"
                self._only(links, text)

    def _only(self, links: Iterable[Interface], why: str) -> None:
        """The address, if there is one alone that others can reach."""
        version = self._flow.ip_version
        remote = self._flow.remote_address
        found = [one for link in links if link.is_up is not False for one in link.addresses]
        local = bool(remote and remote.is_link_local)
        able = [one.ip for one in found if _can_leave(one, version, link_local=local)]
        if len(able) == 1:
            self._put(f"local address {able[0]}: {why}", local_address=able[0])

    def listener(self) -> None:
        """The program, the services and the address behind the port that traffic comes to."""
        flow, facts = self._whole(), self._facts
        is_met = flow.direction == "in" and flow.action == "connect" and not flow.reauthorize
        port = flow.local_port
        if not is_met or port is None or flow.protocol not in WITH_PORTS or facts.listeners is None:
            return
        name = f"{PROTOCOLS[flow.protocol]} {port}"
        met = _listeners(flow, self._deriver.by_port.get((flow.protocol, port), ()))
        self._listening = bool(met)
        if not met:
            self._notes.append(
                f"nothing listens on {name} there (listeners): a permit says that WFP lets it "
                "pass, not that something answers"
            )
            return
        addresses = {one.local_address for one in met}
        if flow.bind_address is None and len(addresses) == 1:
            (bound,) = addresses
            if bound is not None and bound.version == flow.ip_version:
                self._put(f"what listens on {name} is bound to {bound} (listeners)",
                          bind_address=bound)  # fmt: skip
        owners = {one.process_id for one in met}
        (process,) = owners if len(owners) == 1 else (None,)
        if process is None:
            self._notes.append(f"more than one process listens on {name}, or it is not known which")
            return
        self._process(process, f"{name} (listeners)")

    def _process(self, process: int, what: str) -> None:
        app = _app_of(process, self._facts.processes)
        said = self._flow.app
        if app is not None and said is None:
            self._put(f"the program is {app}, which holds {what}", app=app)
        elif app is not None and said != app and not _same_program(said, app, self._facts):
            self._notes.append(f"{app} holds {what}, not {said}")
            return
        if _says_token(self._flow) or (app or said) == KERNEL:
            return
        held = self._deriver.by_process.get(process, [])
        if held:
            self._account(held, f"of the process that holds {what}")

    def service(self) -> None:
        """The account, the process and the fellows of a service that was named."""
        flow, known = self._flow, self._facts.services
        if known is None or not flow.services:
            return
        found = [(name, known.get(name.lower())) for name in flow.services]
        self._notes += [f"the host has no service {name!r}" for name, one in found if one is None]
        named = [one for _, one in found if one is not None]
        if len(named) != 1 or len(found) != 1:
            return
        one = named[0]
        fellows = self._deriver.by_process.get(one.process_id or 0, [])
        if flow.app is None and one.process_id:
            app = _app_of(one.process_id, self._facts.processes)
            if app is not None:
                self._put(f"service {one.name} runs in {app} (services, processes)", app=app)
        self._account(fellows or [one], f"of service {one.name}")

    def _account(self, held: list[Service], whose: str) -> None:
        """What a process of services holds: an account, and the SIDs of those that have one."""
        flow = self._flow
        named = {name.lower() for name in flow.services}
        without = [one.name for one in held if one.sid_type == _NO_SID]
        with_sid = [
            one.name
            for one in held
            if one.sid_type not in {None, _NO_SID}
            or (one.sid_type is None and one.name.lower() in named)
        ]
        services = tuple(sorted(with_sid, key=str.lower))
        accounts = {_ACCOUNTS.get((one.account or "").lower()) for one in held}
        preset = accounts.pop() if len(accounts) == 1 else None
        more: dict[str, Any] = {}
        if services != flow.services:
            more["services"] = services
        if preset is not None and flow.preset is None and flow.user is None:
            more["preset"] = preset
        elif not services and flow.package is None:
            more["package"] = "none"  # what services run in is no AppContainer
        if not more:
            return
        text = f"the token {whose} holds "
        text += f"the SID of {', '.join(services)}" if services else "no service SID that is known"
        text += f" and is that of {preset}" if preset else ""
        text += f"; {', '.join(without)} has no SID of its own" if without else ""
        self._put(f"{text} (services)", **more)


def _is_of_kernel(flow: Flow) -> bool:
    """Whether it goes to a port of the kernel, and nobody said to which program."""
    is_met = flow.direction == "in" and flow.action == "connect" and not flow.reauthorize
    if not is_met or flow.protocol != TCP or flow.local_port not in _OF_KERNEL:
        return False
    return flow.app is None and not _says_token(flow) and flow.package is None


def _is_meant(link: Interface, alias: str | None, index: int | None) -> bool:
    if alias is not None:
        return (link.alias or "").lower() == alias.lower()
    return link.index == index


def _can_leave(address: IPv4Interface | IPv6Interface, version: int, *, link_local: bool) -> bool:
    """Whether an address can be that of a connection to another host."""
    one = address.ip
    if one.version != version or one.is_loopback or one.is_unspecified:
        return False
    return one.is_link_local == link_local


def best_routes(remote: Address, routes: Iterable[Route]) -> list[Route]:
    """Active routes with the longest prefix that holds an address.

    Of equals Windows takes the one with the least sum of the metrics of route and interface; the
    latter is not known, so all of them are given back.
    """
    held = [
        one
        for one in routes
        if one.store in {None, _ACTIVE_STORE}
        and one.destination.version == remote.version
        and remote in one.destination
    ]
    longest = max((one.destination.prefixlen for one in held), default=0)
    return [one for one in held if one.destination.prefixlen == longest]


def _listeners(flow: Flow, of_port: Iterable[Listener]) -> list[Listener]:
    """What traffic to a port meets: what is bound to its address, else what is bound to none.

    A socket for both families is listed once for each.
    """
    held = [
        one
        for one in of_port
        if one.local_address is None or one.local_address.version == flow.ip_version
    ]
    if flow.local_address is None:
        return held
    exact = [one for one in held if one.local_address == flow.local_address]
    return exact or [one for one in held if not one.local_address or not int(one.local_address)]


def _app_of(process: int, processes: Any) -> str | None:
    """The program of a process as the engine names it, as far as the list tells."""
    if process == _KERNEL_PROCESS:
        return KERNEL
    known: Process | None = (processes or {}).get(process)
    if known is None or not known.path:
        return None
    try:
        return parse_app(known.path)
    except UsageError:
        return None


def _same_program(said: str | None, app: str, facts: Facts) -> bool:
    """Whether a device path and a DOS path are the same program, by the volumes."""
    if said is None:
        return False
    return _on_device(said, facts) == _on_device(app, facts)


def _on_device(path: str, facts: Facts) -> str:
    volume = facts.volumes.get(path[:2].upper())
    return f"{volume.lower()}{path[2:]}" if volume else path


def _says_token(flow: Flow) -> bool:
    return bool(
        flow.preset or flow.user or flow.services or flow.groups or flow.groups_complete
    ) or (flow.package not in {None, "none"})
