"""Checks a security descriptor in SDDL against a described token, three-valued.

Rules: arbitration.md 3.9 (right 0x1), 3.10 (AppContainer needs two grants), 3.11 (conditional
ACEs on WIN://SYSAPPID).
"""

import re
from dataclasses import dataclass, replace

from tests.oracle.oracle_logic import Tri, tri_and, tri_or
from tests.oracle.oracle_sddl_condition import evaluate_condition
from tests.oracle.oracle_token import NO_PACKAGE, Token, holds_package_sid, holds_sid

MATCH_RIGHT = 0x1
WELL_KNOWN = {
    "WD": "S-1-1-0",
    "AN": "S-1-5-7",
    "AU": "S-1-5-11",
    "SY": "S-1-5-18",
    "LS": "S-1-5-19",
    "NS": "S-1-5-20",
    "BA": "S-1-5-32-544",
    "BU": "S-1-5-32-545",
    "BG": "S-1-5-32-546",
    "IU": "S-1-5-4",
    "NU": "S-1-5-2",
    "SU": "S-1-5-6",
    "NO": "S-1-5-32-556",
    "AC": "S-1-15-2-1",
    "RC": "S-1-5-12",
    "CO": "S-1-3-0",
    "CG": "S-1-3-1",
    "OW": "S-1-3-4",
}
RIGHTS_WITH_MATCH = {"CC": True, "FA": True, "FR": True, "KA": True, "KR": True}
RIGHTS_UNSURE = frozenset(["GA", "GR", "GW", "GX"])


@dataclass(frozen=True, kw_only=True)
class Ace:
    """One entry; `covers` says whether its mask holds the right 0x1."""

    kind: str
    inherit_only: bool
    covers: Tri
    sid: str
    condition: str = ""


class UnreadableError(ValueError):
    """The oracle does not understand this descriptor."""


def access_granted(sddl: str, token: Token) -> Tri:
    """Rule 3.9: is FWP_ACTRL_MATCH_FILTER granted? Unknown where it cannot be told."""
    try:
        aces = parse_dacl(sddl)
    except UnreadableError:
        return None
    if aces is None:
        return True if token.package == NO_PACKAGE else None
    if token.package == NO_PACKAGE:
        return _walk([ace for ace in aces if not _is_package_sid(ace.sid)], token)
    if token.package is not None:
        return _two_grants(aces, token)
    unboxed = replace(token, package=NO_PACKAGE, family="")
    plain = _walk([ace for ace in aces if not _is_package_sid(ace.sid)], unboxed)
    boxed = _two_grants(aces, token)
    return plain if plain == boxed else None


def _two_grants(aces: list[Ace], token: Token) -> Tri:
    """Rule 3.10: the user side and the package side must both grant."""
    user_side = [ace for ace in aces if not _is_package_sid(ace.sid)]
    package_side = [ace for ace in aces if _is_package_sid(ace.sid)]
    return tri_and([_walk(user_side, token), _walk(package_side, token)])


def _walk(aces: list[Ace], token: Token) -> Tri:
    """ACEs in order; the first that surely applies settles it; none applies: not granted."""
    possible: list[Tri] = []
    for ace in aces:
        applies = _applies(ace, token)
        if applies is False:
            continue
        possible.append(None if ace.kind not in {"A", "XA", "D", "XD"} else ace.kind.endswith("A"))
        if applies is True:
            break
    else:
        possible.append(False)
    return possible[0] if len(set(possible)) == 1 else None


def _applies(ace: Ace, token: Token) -> Tri:
    if ace.inherit_only:
        return False
    held = (
        holds_package_sid(token, ace.sid) if _is_package_sid(ace.sid) else holds_sid(token, ace.sid)
    )
    if ace.kind not in {"XA", "XD"}:
        return tri_and([ace.covers, held])
    truth, undefined = evaluate_condition(ace.condition, token)
    # An expression that Windows cannot evaluate grants nothing but does deny.
    when = tri_or([truth, undefined]) if ace.kind == "XD" else truth
    return tri_and([ace.covers, held, when])


def _is_package_sid(sid: str) -> bool:
    return sid.startswith(("S-1-15-2-", "S-1-15-3-"))


def parse_dacl(sddl: str) -> list[Ace] | None:
    """The ACEs of the DACL in order; None for a null DACL (no D: part, or NO_ACCESS_CONTROL)."""
    part = _dacl_text(sddl)
    if part is None or "NO_ACCESS_CONTROL" in part.partition("(")[0]:
        return None
    aces, rest = [], part
    while "(" in rest:
        start = rest.index("(")
        end = _closing(rest, start)
        aces.append(_ace(rest[start + 1 : end]))
        rest = rest[end + 1 :]
    return aces


def _dacl_text(sddl: str) -> str | None:
    """The text after D:, up to a later S:, looking only outside parentheses and quotes."""
    marks = [(found.start(), found.group(1)) for found in re.finditer(r"([OGDS]):", _outside(sddl))]
    for place, (start, name) in enumerate(marks):
        if name == "D":
            end = marks[place + 1][0] if place + 1 < len(marks) else len(sddl)
            return sddl[start + 2 : end]
    if not marks:
        raise UnreadableError(sddl[:20])
    return None


def _outside(sddl: str) -> str:
    """The same text with everything in parentheses or quotes blanked out."""
    depth, quoted, kept = 0, False, []
    for char in sddl:
        if char == '"':
            quoted = not quoted
        depth += (char == "(") - (char == ")") if not quoted else 0
        kept.append(char if depth == 0 and char not in '")' else " ")
    return "".join(kept)


def _closing(text: str, start: int) -> int:
    depth, quoted = 0, False
    for place in range(start, len(text)):
        char = text[place]
        if char == '"':
            quoted = not quoted
        if quoted:
            continue
        depth += (char == "(") - (char == ")")
        if depth == 0:
            return place
    raise UnreadableError(text[:20])


def _ace(text: str) -> Ace:
    parts = text.split(";", 6)
    if len(parts) < 6:
        raise UnreadableError(text[:20])
    kind, flags, rights, _object, _inherited, who = (part.strip() for part in parts[:6])
    sid = WELL_KNOWN.get(who, who.upper())
    if not sid.startswith("S-1-"):
        raise UnreadableError(who)
    return Ace(
        kind=kind,
        inherit_only="IO" in re.findall("..", flags),
        covers=_covers(rights),
        sid=sid,
        condition=parts[6] if len(parts) > 6 else "",
    )


def _covers(rights: str) -> Tri:
    if rights.lower().startswith("0x") or rights.isdigit():
        mask = int(rights, 0)
        return None if mask & 0xF0000000 and not mask & MATCH_RIGHT else bool(mask & MATCH_RIGHT)
    names = re.findall("..", rights)
    if any(RIGHTS_WITH_MATCH.get(name) for name in names):
        return True
    return None if RIGHTS_UNSURE & set(names) else False
