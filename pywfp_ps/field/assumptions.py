"""The list of what nobody could check yet, and the page that shows it."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec
from msgspec import Struct

_HEAD: Final = """\
# What nobody could check

Everything this project assumes of Windows, `netsh`, NtObjectManager, PowerShell, WinRM and the
decisions of the filter engine that could not be tried on a real machine while it was written.
`wfp field-test` asks a machine about each row that has a check, changes nothing there, and writes a
redacted bundle to send back ([field-test.md](field-test.md)); rows marked *by hand* need a person.
Made from `pywfp_ps/field/assumptions.toml` by `python -m pywfp_ps.field`.
"""
_AREAS: Final = {
    "powershell": "PowerShell 5.1 and 7",
    "netsh": "netsh",
    "dump": "The form of its files",
    "policy": "Policies and the engine's decisions",
    "module": "NtObjectManager",
    "host": "Facts and context",
    "events": "Events",
    "remote": "WinRM, JEA and accounts",
}


class Assumption(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that we take for granted.

    Attributes:
        id: Its name, the same for ever.
        area: Part of the list that it stands in.
        assume: What we assume.
        where: Code that rests on it.
        why: Why we believe it.
        wrong: What changes if it is wrong.
        check: How the field test checks it; empty where it cannot.
        by_hand: How a person checks it, where the field test cannot.
    """

    id: str
    area: str
    assume: str
    where: str
    why: str
    wrong: str
    check: str = ""
    by_hand: str = ""

    def __post_init__(self) -> None:
        if bool(self.check) == bool(self.by_hand):
            raise ValueError(f"{self.id} is checked either by the field test or by hand")
        if self.area not in _AREAS:
            raise ValueError(f"{self.id}: there is no area {self.area!r}")


class _List(Struct, frozen=True, forbid_unknown_fields=True):
    assumption: tuple[Assumption, ...]


@cache
def assumptions() -> tuple[Assumption, ...]:
    """All of them, in the order of the page."""
    text = files("pywfp_ps.field").joinpath("assumptions.toml").read_text("utf-8")
    found = msgspec.convert(tomllib.loads(text), _List).assumption
    order = list(_AREAS)
    return tuple(sorted(found, key=lambda one: order.index(one.area)))


def page() -> str:
    """The list as Markdown: ``docs/unproven.md``."""
    lines = [_HEAD]
    for area, title in _AREAS.items():
        rows = [one for one in assumptions() if one.area == area]
        lines.append(f"## {title}\n")
        lines.append("| id | we assume | in | because | checked by | if wrong |")
        lines.append("|---|---|---|---|---|---|")
        for one in rows:
            how = one.check or f"*by hand:* {one.by_hand}"
            cells = (f"`{one.id}`", one.assume, one.where, one.why, how, one.wrong)
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        lines.append("")
    return "\n".join(lines)
