"""The space of a universe: its points as diagrams, and which of them can be.

What a token holds is a flag for each SID and capability that some descriptor names; flags hang
together as memberships do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import structs

from pywfp_ps.explain import sids
from pywfp_ps.explain.diagrams import Answer, Diagrams, Set
from pywfp_ps.explain.fields import loopback_of
from pywfp_ps.explain.flow import KERNEL
from pywfp_ps.explain.logic import NO, YES
from pywfp_ps.explain.tokens import Token, token_of
from pywfp_ps.explain.universe import TUNNEL, Universe

_ANONYMOUS: Final = "S-1-5-7"


class Space:
    """The diagrams of a universe, and which of its points can be."""

    def __init__(self, universe: Universe) -> None:
        self.universe = universe
        flags = [f"sid:{sid}" for sid in universe.named_sids]
        flags += [f"cap:{sid}" for sid in universe.named_capabilities]
        order = [axis for name in _ORDER if (axis := universe.axes.get(name))]
        order[1:1] = [axis for name, axis in universe.axes.items() if name not in _ORDER]
        self.diagrams = Diagrams(order, flags)
        derived = self._loopback()
        self.world = self._world()
        said = universe.base.loopback
        self.loopback = derived if said is None else self.diagrams.all
        if said is False:
            self.loopback = self.diagrams.none
            self.world &= ~derived

    def holds(self, sid: str, token: Token) -> Answer:
        """Where the user side of the token holds a SID."""
        if sid in self.universe.named_sids:
            flag = self.diagrams.flag(f"sid:{sid}")
            return Answer(flag, flag)
        return self.diagrams.constant(token.holds(sid))

    def package(self, holds: Callable[[str], bool]) -> Set:
        """Where the package, or ``none``, has a property."""
        if "package" in self.universe.axes:
            return self.diagrams.where("package", lambda one: holds(str(one)))
        known = self.universe.token.package or "none"
        return self.diagrams.all if holds(known) else self.diagrams.none

    def holds_on_package_side(self, sid: str) -> Answer:
        """Where the package side holds a SID, given that there is a package."""
        diagrams = self.diagrams
        if sid in self.universe.named_capabilities:
            flag = diagrams.flag(f"cap:{sid}")
            return Answer(flag, flag)
        if sid.startswith(sids.PACKAGE_PREFIX) and sid not in {sids.ALL_PACKAGES, "S-1-15-2-2"}:
            found = self.package(lambda package: package == sid)
            return Answer(found, found)
        token = structs.replace(self.universe.token, package="other")
        return diagrams.constant(token.holds_on_package_side(sid))

    def _loopback(self) -> Set:
        """Flows of which both ends are this host, as `explain` derives it."""
        universe, diagrams = self.universe, self.diagrams
        base = structs.replace(universe.base, loopback=None)
        facts = universe.engines[0].facts

        def is_own(address: object) -> bool:
            flow = structs.replace(base, remote_address=address)
            return loopback_of(flow, facts)[0] is True

        if base.action != "connect":
            return diagrams.where("local", lambda one: bool(getattr(one, "is_loopback", False)))
        found = diagrams.where("remote", is_own)
        remote = {one: at for at, one in enumerate(universe.axes["remote"].samples)}
        for at, one in enumerate(universe.axes["local"].samples):
            if one in remote:
                both = diagrams.cells("local", 1 << at) & diagrams.cells("remote", 1 << remote[one])
                found |= both
        return found

    def _world(self) -> Set:
        """Points that can be: what a token holds hangs together, and the kernel has its own."""
        universe, diagrams = self.universe, self.diagrams
        found = self._accounts() & self._places()
        kernel = self._kernel()
        if kernel.satisfiable():
            token = token_of(structs.replace(universe.base, app=KERNEL))
            for sid in universe.named_sids:
                found &= ~kernel | self._is(sid, token.holds(sid))
            if token.package is not None:
                found &= ~kernel | self.package(lambda one: one == token.package)
        if "tunnel" in universe.axes:
            found &= self._tunnels() | diagrams.cells("tunnel", 1)
        return found

    def _tunnels(self) -> Set:
        """Flows on a tunnel: only there the type of the tunnel is open."""
        universe, diagrams = self.universe, self.diagrams
        kind = universe.base.interface_type
        if kind is None and "interface" in universe.axes:
            return diagrams.where("interface", lambda one: int(str(one)) >> 48 == TUNNEL)
        kind = int(universe.base.interface or 0) >> 48 if kind is None else kind
        return diagrams.all if kind == TUNNEL else diagrams.none

    def _accounts(self) -> Set:
        """What goes with the account: every program is authenticated, and has one account."""
        universe, diagrams = self.universe, self.diagrams
        base, named = universe.base, universe.named_sids
        found = diagrams.all
        is_other = base.preset not in {None, "system"} or base.user not in {None, sids.SYSTEM}
        if base.app is None and (is_other or base.services):
            found &= ~diagrams.among("app", {KERNEL})  # the kernel is nobody else
        if sids.AUTHENTICATED in named:
            found &= diagrams.flag(f"sid:{sids.AUTHENTICATED}")
        if _ANONYMOUS in named:
            found &= ~diagrams.flag(f"sid:{_ANONYMOUS}")
        if universe.wanted.own_service:
            for sid in (one for one in named if one.startswith(sids.SERVICE_PREFIX)):
                found &= ~diagrams.flag(f"sid:{sid}")
        for account in (one for one in sorted(sids.SERVICE_ACCOUNTS) if one in named):
            token = token_of(structs.replace(base, user=account, preset=None, app=None))
            others = ~diagrams.flag(f"sid:{account}")
            for sid in named:
                if sid in sids.SERVICE_ACCOUNTS - {account}:
                    found &= others | ~diagrams.flag(f"sid:{sid}")
                elif sid != account:
                    found &= others | self._is(sid, token.holds(sid))
        return found

    def _places(self) -> Set:
        """What facts of the host say: its addresses are on interfaces, and these have profiles."""
        universe, diagrams = self.universe, self.diagrams
        found = diagrams.all
        if "interface" not in universe.axes:
            return found
        facts = universe.engines[0].facts
        for address, luid in facts.interfaces.items():
            here = diagrams.among("local", {address})
            found &= ~here | diagrams.among("interface", {luid})
        for luid, profile in facts.profiles.items() if "profile" in universe.axes else ():
            here = diagrams.among("interface", {luid})
            found &= ~here | diagrams.among("profile", {profile})
        return found

    def _kernel(self) -> Set:
        base = self.universe.base
        if base.preset or base.user or base.services:
            return self.diagrams.none
        return self.diagrams.where("app", lambda one: one == KERNEL)

    def _is(self, sid: str, known: int) -> Set:
        flag = self.diagrams.flag(f"sid:{sid}")
        return flag if known == YES else ~flag if known == NO else self.diagrams.all


_ORDER: Final = (
    "protocol", "profile", "bind", "icmp_type", "icmp_code", "local_port", "remote_port", "app",
    "package", "interface", "interface_index", "tunnel", "remote", "local",
)  # fmt: skip
"""Variables in this order; fields that have an axis of their own come behind the first."""
