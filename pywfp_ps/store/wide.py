"""The conditions of one filter as columns: protocols, ports, addresses, programs and so on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any, Final

from pywfp_ps.model.enums import flags_of_number
from pywfp_ps.model.objects import Condition
from pywfp_ps.model.sddl import parse_sddl
from pywfp_ps.model.text import PROFILES, condition_text
from pywfp_ps.store.bounds import value_text

_EQUAL: Final = "FWP_MATCH_EQUAL"
_RANGE: Final = "FWP_MATCH_RANGE"
_ALL_SET: Final = "FWP_MATCH_FLAGS_ALL_SET"
_ANY_SET: Final = "FWP_MATCH_FLAGS_ANY_SET"
_NONE_SET: Final = "FWP_MATCH_FLAGS_NONE_SET"
_FLAGS: Final = "FWPM_CONDITION_FLAGS"

Said = list[Any] | None
"""Entries of a wide column for one condition; ``None`` where the column cannot say it."""


def wide_of(conditions: Sequence[Condition]) -> dict[str, list[Any]]:
    """Wide columns that the conditions fill; ``rest`` has those that no column says.

    A column takes the first run of its field. What comes on top of it (another run, another field
    for the same column), a match that a list of values cannot say, and what was not understood
    stand in ``rest`` as text, a run each.
    """
    found: dict[str, list[Any]] = {}
    for _, run in groupby(conditions, key=lambda condition: condition.field):
        alternatives = tuple(run)
        column, entries = _said(alternatives)
        if column is None or entries is None or found.get(column, entries) != entries:
            found.setdefault("rest", []).append(condition_text(alternatives))
        else:
            found[column] = entries
    return found


def _said(run: tuple[Condition, ...]) -> tuple[str | None, Said]:
    field = run[0].field
    if field == _FLAGS:
        return _flags(run)
    column, read = _FIELDS.get(field, (None, _nothing))
    entries: list[Any] = []
    for condition in run:
        said = None if condition.extra else read(condition)
        if said is None:
            return column, None
        entries += [entry for entry in said if entry not in entries]
    return column, entries


def _flags(run: tuple[Condition, ...]) -> tuple[str | None, Said]:
    """Bits that must all, or must none, be set; alternatives are more than a list can say."""
    condition = run[0]
    value = condition.value
    if len(run) > 1 or condition.extra or not isinstance(value, int) or value < 0:
        return None, None
    names = list(flags_of_number("condition_flags", value))
    single = value != 0 and value & (value - 1) == 0
    if condition.match == _ALL_SET or (condition.match == _ANY_SET and single):
        return "flags_all", names
    return ("flags_none", names) if condition.match == _NONE_SET else (None, None)


def _nothing(_: Condition) -> Said:
    return None


def _numbers(condition: Condition) -> Said:
    """Numbers and areas of them as text."""
    if condition.match == _EQUAL and isinstance(condition.value, int):
        return [str(condition.value)]
    low, high = condition.low, condition.high
    if condition.match == _RANGE and isinstance(low, int) and isinstance(high, int):
        return [str(low) if low == high else f"{low}-{high}"]
    return None


def _addresses(condition: Condition) -> Said:
    """Addresses, prefixes and ranges as text; a mask with holes is none of them."""
    if condition.mask is not None and condition.prefix_length is None:
        return None
    if condition.match not in (_EQUAL, _RANGE):
        return None
    text = value_text(condition)
    return None if text is None or not condition.type or _is_number(condition) else [text]


def _is_number(condition: Condition) -> bool:
    return isinstance(condition.value, (int, float)) or isinstance(condition.low, (int, float))


def _app(condition: Condition) -> Said:
    if not isinstance(condition.value, str) or condition.match != _EQUAL:
        return None
    return [app_text(condition.value)]


@lru_cache(maxsize=4096)
def app_text(path: str) -> str:
    r"""A program path in lower case without the volume in front.

    ``\device\harddiskvolume3\windows\a.exe`` becomes ``\windows\a.exe``; what is no path on a
    volume, such as ``System``, stays.
    """
    lower = path.lower()
    head, _, tail = lower.removeprefix("\\device\\").partition("\\")
    is_volume = lower.startswith("\\device\\") and head.startswith("harddiskvolume")
    return f"\\{tail}" if is_volume and tail else lower


def _users(condition: Condition) -> Said:
    """SIDs let through by a descriptor of plain allow entries only."""
    if not isinstance(condition.value, str) or condition.match != _EQUAL:
        return None
    return _allowed(condition.value)


@lru_cache(maxsize=4096)
def _allowed(sddl: str) -> Said:
    try:
        dacl = parse_sddl(sddl).dacl
    except ValueError:
        return None
    if not dacl or any(ace.type != "A" or ace.condition for ace in dacl):
        return None
    return list(dict.fromkeys(ace.sid for ace in dacl))


def _text(condition: Condition) -> Said:
    plain = isinstance(condition.value, str) and condition.match == _EQUAL
    return [condition.value] if plain else None


def _profiles(condition: Condition) -> Said:
    if condition.match != _EQUAL or not isinstance(condition.value, int):
        return None
    return [PROFILES.get(condition.value, str(condition.value))]


def _luids(condition: Condition) -> Said:
    value = condition.value
    plain = isinstance(value, int) and condition.match == _EQUAL and 0 <= value < 1 << 64
    return [value] if plain else None


_FIELDS: Final[dict[str, tuple[str, Callable[[Condition], Said]]]] = {
    "FWPM_CONDITION_IP_PROTOCOL": ("protocols", _numbers),
    "FWPM_CONDITION_IP_LOCAL_PORT": ("local_ports", _numbers),
    "FWPM_CONDITION_IP_REMOTE_PORT": ("remote_ports", _numbers),
    "FWPM_CONDITION_IP_LOCAL_ADDRESS": ("local_addresses", _addresses),
    "FWPM_CONDITION_IP_REMOTE_ADDRESS": ("remote_addresses", _addresses),
    "FWPM_CONDITION_ALE_APP_ID": ("apps", _app),
    "FWPM_CONDITION_ALE_USER_ID": ("sids", _users),
    "FWPM_CONDITION_ALE_PACKAGE_ID": ("packages", _text),
    "FWPM_CONDITION_ORIGINAL_PROFILE_ID": ("profiles", _profiles),
    "FWPM_CONDITION_CURRENT_PROFILE_ID": ("profiles", _profiles),
    "FWPM_CONDITION_IP_LOCAL_INTERFACE": ("luids", _luids),
}
