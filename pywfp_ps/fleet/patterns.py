"""Which hosts: ``web*:&prod:!old``, ``~regex``, ``group[0:3]``, commas, ``@file``."""

from __future__ import annotations

import difflib
import fnmatch
import re
import warnings
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from pywfp_ps.errors import UsageError
from pywfp_ps.fleet.inventory import LOCAL_NAMES, Inventory
from pywfp_ps.fleet.problems import InventoryError, Place, path_of
from pywfp_ps.fleet.ranges import is_address, split_port
from pywfp_ps.fleet.yamlfile import read_text

_SUBSCRIPT = re.compile(r"(.+)\[(?:(-?[0-9]+)|([0-9]+)[:-]([0-9]*))\]")
_SEPARATE = re.compile(r"[\s:]")
_WILD = frozenset(".?*[")


def select_hosts(
    inventory: Inventory,
    pattern: str,
    limit: str | None = None,
    *,
    gone: list[str] | None = None,
) -> list[str]:
    """Names of the hosts that match `pattern`, and `limit` too, each once.

    Order is that of the terms, then of the groups; terms with ``&`` and ``!`` apply last whatever
    their place. Without any other term they take from ``all``.

    Args:
        inventory: The hosts.
        pattern: As of Ansible.
        limit: A further one.
        gone: Takes up terms that name nothing, where an inventory may have lost what they named;
            those with ``&`` excepted.

    Raises:
        UsageError: A term that names nothing (a wildcard after ``!`` or ``&`` may), or no host is
            left over.
        InventoryError: A file named by ``@`` cannot be read.
    """
    chosen = _evaluate(inventory, _terms(pattern), gone)
    if limit is not None:
        allowed = set(_evaluate(inventory, _terms(limit), gone))
        chosen = [name for name in chosen if name in allowed]
    if not chosen:
        within = f" within the limit {limit!r}" if limit is not None else ""
        raise UsageError(f"{pattern!r}{within} matches no host")
    return chosen


class _Term(Struct, frozen=True):
    """One term of a pattern: its sign (empty, ``&`` or ``!``) and what it says."""

    sign: str
    text: str


def _terms(pattern: str) -> list[_Term]:
    terms: list[_Term] = []
    for word in split_pattern(pattern):
        if word[0] == "@":
            terms += _read_terms(path_of(word[1:]))
        else:
            terms.append(_term(word))
    if not terms:
        raise UsageError("the pattern names no host")
    if not any(not term.sign for term in terms):
        terms.append(_Term("", "all"))
    return sorted(terms, key=lambda term: ("", "&", "!").index(term.sign))


def _term(word: str) -> _Term:
    sign = word[0] if word[0] in "&!" else ""
    if len(word) == len(sign):
        raise UsageError(f"{word!r} in a pattern needs a name behind it")
    return _Term(sign, word[len(sign) :])


def _read_terms(path: Path) -> list[_Term]:
    """The terms of a file, one a line; empty lines and ``#`` lines are left aside."""
    lines = [line.strip() for line in read_text(path).splitlines()]
    found = [_term(line) for line in lines if line and line[0] != "#"]
    if not found:
        raise InventoryError(Place(str(path)), "names no host")
    return found


def split_pattern(pattern: str) -> list[str]:
    """The terms as written: at commas, or else at colons that are outside of brackets.

    Raises:
        UsageError: A bracket is missing.
    """
    if "," in pattern:
        return [word for word in map(str.strip, pattern.split(",")) if word]
    word = pattern.strip()
    if not word:
        return []
    if word[0] == "@" or is_address(split_port(word)[0]):
        return [word]
    words, depth = [""], 0
    for letter in word:
        if letter == "[" and not depth:
            depth = 1
        elif letter == "]":
            depth -= 1
        if depth < 0:
            break
        if not depth and _SEPARATE.match(letter):
            words.append("")
        else:
            words[-1] += letter
    if depth:
        raise UsageError(f"{pattern!r}: a bracket of the pattern is missing")
    return [word for word in words if word]


def _evaluate(inventory: Inventory, terms: Iterable[_Term], gone: list[str] | None) -> list[str]:
    chosen: dict[str, None] = {}
    for term in terms:
        matched = dict.fromkeys(_match(inventory, term, gone))
        if term.sign == "&":
            chosen = {name: None for name in chosen if name in matched}
        elif term.sign == "!":
            for name in matched:
                chosen.pop(name, None)
        else:
            chosen |= matched
    return list(chosen)


def _match(inventory: Inventory, term: _Term, gone: list[str] | None) -> list[str]:
    if term.text in inventory.hosts and not term.sign:
        return [term.text]
    text, subscript = term.text, None
    match = _SUBSCRIPT.fullmatch(text)
    if match and text[0] != "~":
        text, subscript = match[1], match
    is_known, names = _enumerate(inventory, text)
    if not is_known and not (term.sign and (text[0] == "~" or _WILD & set(text) - {"."})):
        if gone is None or term.sign == "&":
            raise UsageError(_unknown(inventory, text))
        gone.append(text)
    return _slice(names, subscript, term.text) if subscript and names else names


def _enumerate(inventory: Inventory, text: str) -> tuple[bool, list[str]]:
    """Whether `text` names any group or host, and the hosts."""
    if text[0] != "~" and not _WILD & set(text) - {"."}:
        return _named(inventory, text)
    matcher = _matcher(text)
    groups = [group for name, group in inventory.groups.items() if matcher.match(name)]
    names = dict.fromkeys(host.name for group in groups for host in group.all_hosts())
    if not groups or text[0] == "~" or _WILD & set(text):
        names |= dict.fromkeys(name for name in inventory.hosts if matcher.match(name))
    return bool(names or groups), list(names)


def _named(inventory: Inventory, text: str) -> tuple[bool, list[str]]:
    """The same for a plain name, without a look at every other: lists of thousands are common."""
    group = inventory.groups.get(text)
    names = dict.fromkeys(host.name for host in group.all_hosts()) if group else {}
    if text in inventory.hosts and (not group or "." in text):
        names[text] = None
    if not names and not group:
        names = dict.fromkeys(_this_machine(inventory, text))
    return bool(names or group), list(names)


def _this_machine(inventory: Inventory, text: str) -> list[str]:
    """The host that `text` means as one of `LOCAL_NAMES`: that of the inventory, by any of them."""
    if text not in LOCAL_NAMES:
        return []
    return [name for name in inventory.hosts if name in LOCAL_NAMES][:1] or [text]


def _matcher(text: str) -> re.Pattern[str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of nested sets, such as [[a]
            return re.compile(text[1:] if text[0] == "~" else fnmatch.translate(text))
    except re.error as error:
        raise UsageError(f"{text!r} is no regular expression: {error}") from None


def _slice(names: list[str], match: re.Match[str], text: str) -> list[str]:
    """One host by number, from the end where negative, or from one to another, both included."""
    index, first, last = match[2], match[3], match[4]
    if index is None:
        chosen = names[int(first) : int(last) + 1 if last else None]
    else:
        chosen = names[int(index) :][:1] if -len(names) <= int(index) else []
    if not chosen:
        raise UsageError(f"{text!r} counts beyond the hosts there are, which are {len(names)}")
    return chosen


def _unknown(inventory: Inventory, text: str) -> str:
    known = [*inventory.groups, *inventory.hosts]
    folded = text.casefold()
    same = [name for name in known if name.casefold().partition(".")[0] == folded]
    same += [name for name in known if name.casefold() == folded]
    near = same[-1:] or difflib.get_close_matches(text, known, 1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return f"{text!r} is no host and no group of the inventory{hint}"
