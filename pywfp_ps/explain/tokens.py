"""What a program's token holds, and whether a descriptor grants it the right to match.

A token condition is an access check for the right 0x1 (rule 3.9). The token of an AppContainer
needs two grants, one through its user side and one through its package side (rule 3.10). What the
question does not say of a token stays unknown (section 5 of the rules on tokens).
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from pywfp_ps.explain import sids
from pywfp_ps.explain.flow import KERNEL, Flow
from pywfp_ps.explain.logic import MAYBE, NO, YES
from pywfp_ps.explain.sysappid import evaluate
from pywfp_ps.model.sddl import Ace, SecurityDescriptor, parse_sddl

_MATCH_RIGHT: Final = 0x1
_GENERIC_RIGHTS: Final = 0xF0000000
_ALLOW: Final = frozenset({"A", "XA"})
DENY_TYPES: Final = frozenset({"D", "XD"})
KNOWN_TYPES: Final = _ALLOW | DENY_TYPES
_GRANTED: Final = 1
_DENIED: Final = 2
_ANSWERS: Final = {_GRANTED: YES, _DENIED: NO, _GRANTED | _DENIED: MAYBE}
_PACKAGE_SIDE: Final = (sids.PACKAGE_PREFIX, sids.CAPABILITY_PREFIX)


class Token(Struct, frozen=True, kw_only=True):
    """What is known of a token.

    Attributes:
        held: SIDs it surely holds.
        lacking: SIDs it surely does not hold.
        has_services: Whether it may hold service SIDs that are not said.
        complete: Whether it holds nothing beside ``held``.
        package: SID of the AppContainer, ``none``, or ``None`` for unknown.
        family: Family name of the package, where it is known.
        capabilities: SIDs of all capabilities, ``None`` for unknown.
        is_said: Whether anything was said of it.
    """

    held: frozenset[str]
    lacking: frozenset[str] = frozenset()
    has_services: bool = True
    complete: bool = False
    package: str | None = None
    family: str | None = None
    capabilities: frozenset[str] | None = None
    is_said: bool = True

    def holds(self, sid: str) -> int:
        """Whether the user side of the token holds a SID."""
        if sid in self.held:
            return YES
        if not sid.startswith("S-"):
            return MAYBE  # letters for an account of a domain we do not know
        if sid in self.lacking or self.complete:
            return NO
        if sid.startswith(sids.SERVICE_PREFIX) and not self.has_services:
            return NO
        return MAYBE

    def holds_on_package_side(self, sid: str) -> int:
        """Whether the package side holds a SID, given that there is a package."""
        if sid == sids.ALL_PACKAGES:
            return YES
        if sid.startswith(sids.PACKAGE_PREFIX):
            if self.package is None or sid == "S-1-15-2-2":
                return MAYBE
            return YES if sid == self.package else NO
        if self.capabilities is None:
            return MAYBE
        return YES if sid in self.capabilities else NO


class _Preset(Struct, frozen=True):
    user: str | None
    held: tuple[str, ...]
    lacking: tuple[str, ...] = ()
    has_services: bool = True


_PRESETS: Final = {
    "user": _Preset(
        None, (sids.USERS,), (sids.ADMINISTRATORS, sids.SERVICE_LOGON), has_services=False
    ),
    "admin": _Preset(
        None, (sids.USERS, sids.ADMINISTRATORS), (sids.SERVICE_LOGON,), has_services=False
    ),
    "system": _Preset(sids.SYSTEM, (sids.ADMINISTRATORS,)),
    "local-service": _Preset(
        sids.LOCAL_SERVICE, (sids.USERS, sids.SERVICE_LOGON), (sids.ADMINISTRATORS,)
    ),
    "network-service": _Preset(
        sids.NETWORK_SERVICE, (sids.USERS, sids.SERVICE_LOGON), (sids.ADMINISTRATORS,)
    ),
}
_OF_USER: Final = {preset.user: name for name, preset in _PRESETS.items() if preset.user}
_ANONYMOUS: Final = "S-1-5-7"


def token_of(flow: Flow) -> Token:
    """The token of the program at this host's end of the flow."""
    is_kernel = flow.app == KERNEL and not (flow.preset or flow.user or flow.services)
    preset = _PRESETS.get(
        "system" if is_kernel else flow.preset or _OF_USER.get(flow.user or "", "")
    )
    user = flow.user or (preset.user if preset else None)
    held = {sids.EVERYONE, *flow.groups, *map(sids.service_sid, flow.services)}
    lacking: set[str] = set()
    is_said = bool(preset or user or flow.services or flow.groups)
    if preset or user or flow.services:
        held.add(sids.AUTHENTICATED)
    if preset or user:
        lacking.add(_ANONYMOUS)
    if user:
        held.add(user)
        lacking |= sids.SERVICE_ACCOUNTS
    if preset:
        held.update(preset.held)
        lacking.update(preset.lacking)
        if user is None:
            lacking |= sids.SERVICE_ACCOUNTS
    if flow.services:
        held.add(sids.SERVICE_LOGON)
    return Token(
        held=frozenset(held),
        lacking=frozenset(lacking - held),
        has_services=_may_hold_services(flow, user, preset, is_kernel),
        complete=flow.groups_complete,
        package=_package(flow, is_kernel),
        family=flow.family,
        capabilities=None if flow.capabilities is None else frozenset(flow.capabilities),
        is_said=is_said or flow.groups_complete or flow.package is not None,
    )


def _may_hold_services(
    flow: Flow, user: str | None, preset: _Preset | None, is_kernel: bool
) -> bool:
    if is_kernel:
        return False
    if flow.services:
        return True
    if user is not None and user not in sids.SERVICE_ACCOUNTS:
        return False
    return preset.has_services if preset else True


def _package(flow: Flow, is_kernel: bool) -> str | None:
    if flow.package is not None:
        return flow.package
    return "none" if flow.preset or flow.services or is_kernel else None


Entries = tuple[tuple[Ace, int], ...]


class Descriptor(Struct, frozen=True):
    """A parsed descriptor.

    Attributes:
        entries: Entries that may speak of the right to match, in order, each with how surely they
            do; ``None`` where there is no DACL.
    """

    entries: Entries | None


def parse_descriptor(text: str) -> Descriptor:
    """The entries of a descriptor that can grant or deny a match, each with how surely.

    Raises:
        ValueError: It is no SDDL.
    """
    parsed: SecurityDescriptor = parse_sddl(text)
    if parsed.dacl is None:
        return Descriptor(None)
    entries = [(ace, _concerns(ace)) for ace in parsed.dacl]
    return Descriptor(tuple((ace, concerns) for ace, concerns in entries if concerns != NO))


def _concerns(ace: Ace) -> int:
    """Whether an entry speaks of the right to match."""
    if "IO" in {ace.flags[at : at + 2] for at in range(0, len(ace.flags), 2)}:
        return NO
    if ace.type not in KNOWN_TYPES or ace.rights is None:
        return MAYBE
    if ace.rights & _MATCH_RIGHT:
        return YES
    return MAYBE if ace.rights & _GENERIC_RIGHTS else NO


def grants(descriptor: Descriptor, token: Token) -> int:
    """Whether the descriptor grants the token the right to match (rules 3.9 to 3.11)."""
    if descriptor.entries is None:
        return YES if token.package == "none" else MAYBE
    if token.package == "none":
        return _user_side(descriptor.entries, token, has_package=False)
    boxed = min(
        _user_side(descriptor.entries, token, has_package=True),
        _package_side(descriptor.entries, token),
    )
    if token.package is not None:
        return boxed
    plain = _user_side(descriptor.entries, token, has_package=False)
    return plain if plain == boxed else MAYBE


def _user_side(entries: Entries, token: Token, *, has_package: bool) -> int:
    possible = 0
    for ace, concerns in entries:
        if ace.sid.startswith(_PACKAGE_SIDE):
            continue
        applies = min(concerns, token.holds(ace.sid))
        if applies != NO:
            applies, outcome = _outcome(ace, applies, token, has_package=has_package)
            possible |= outcome
            if applies == YES:
                return _ANSWERS[possible]
    return _ANSWERS[possible | _DENIED]


def _package_side(entries: Entries, token: Token) -> int:
    possible = 0
    for ace, concerns in entries:
        if not ace.sid.startswith(_PACKAGE_SIDE):
            continue
        applies = min(concerns, token.holds_on_package_side(ace.sid))
        if applies != NO:
            applies, outcome = _outcome(ace, applies, token, has_package=True)
            possible |= outcome
            if applies == YES:
                return _ANSWERS[possible]
    return _ANSWERS[possible | _DENIED]


def _outcome(ace: Ace, applies: int, token: Token, *, has_package: bool) -> tuple[int, int]:
    """How surely an entry decides, and what it may decide."""
    if ace.type not in KNOWN_TYPES:
        return MAYBE, _GRANTED | _DENIED
    is_allow = ace.type in _ALLOW
    if ace.condition is not None:
        condition = evaluate(ace.condition, token.package, token.family, has_package=has_package)
        applies = min(applies, condition.answer(unknown_counts=not is_allow))
    if applies == NO:
        return NO, 0
    return applies, _GRANTED if is_allow else _DENIED
