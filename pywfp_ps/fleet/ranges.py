"""Host names as an inventory writes them: ranges, ports, and what can be a name at all."""

from __future__ import annotations

import re
import string
import unicodedata
from ipaddress import AddressValueError, IPv6Address

RANGE_LIMIT = 100_000
"""Most hosts one line may stand for."""

_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
_RANGE_LOOK = re.compile(r"\[(?:[a-zA-Z]:[a-zA-Z]|[0-9a-fA-F]+:[0-9a-fA-F]+)(?::[0-9]+)?\]")
_BRACKETED_PORT = re.compile(r"\[(.+)\]:([0-9]+)")
_PLAIN_PORT = re.compile(r"((?:[^:\[\]]|\[[^\]]*\])*):([0-9]+)")
_LABEL = re.compile(r"\w[\w-]*(?<![_-])")
_HIDDEN_CATEGORIES = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_HIGHEST_PORT = 0xFFFF


def expand_hosts(text: str) -> tuple[list[str], int | None]:
    """The host names of ``web[01:12].corp:5986`` and their port, if any.

    Raises:
        ValueError: A range is none, or a name cannot be one.
    """
    if "=" in text:  # before anything repeats it: what stands behind may be a password
        raise ValueError(
            "a variable stands where a host is expected; those of a group are in :vars"
        )
    address, port = split_port(text)
    names: list[str] = []
    _expand(address, names)
    for name in names:
        check_host_name(name)
    return names, port


def split_port(text: str) -> tuple[str, int | None]:
    """Name and port of ``name:5986`` or ``[fe80::1]:5986``; a bare IPv6 address has no port.

    Raises:
        ValueError: The port is no port.
    """
    match = _BRACKETED_PORT.fullmatch(text) or _PLAIN_PORT.fullmatch(text)
    if match is None or not is_address(match[1]):
        return text, None
    port = int(match[2])
    if not 1 <= port <= _HIGHEST_PORT:
        raise ValueError(f"{text!r}: a port is a number from 1 to 65535")
    return match[1], port


def is_address(text: str) -> bool:
    """Whether `text` has the form of a host name or an IP address, ranges allowed."""
    plain = _RANGE_LOOK.sub("1", text)
    if "[" in plain:
        return False
    return all(map(_LABEL.fullmatch, plain.split("."))) or _is_ipv6(plain)


def check_host_name(name: str) -> None:
    """Refuses what cannot be a host name, above all what is a path.

    Raises:
        ValueError: Says what is wrong with it.
    """
    if not name.strip() or name != name.strip():
        raise ValueError(f"{name!r}: a host name is not empty and has no space around it")
    check_word(name, "host name")
    if any(map(str.isspace, name)):
        raise ValueError(f"{name!r} has a space in it; each host has a line, in YAML with a colon")
    if ":" in name and not _is_ipv6(name):
        raise ValueError(f"{name!r}: a colon in a host name must come before a port number")
    if name[0] in "-!&~@" or set(name) & set(",[]*?="):
        raise ValueError(f"{name!r} is no host name; it would read as a pattern or an option")


def check_word(name: str, what: str) -> None:
    """Refuses a name that is a path or would not show.

    Raises:
        ValueError: Says so.
    """
    if set(name) & set("/\\") or name in {".", ".."}:
        raise ValueError(f"{name!r} is a path, not a {what}")
    if any(unicodedata.category(letter) in _HIDDEN_CATEGORIES for letter in name):
        raise ValueError(f"{name!r} holds a control character and is no {what}")


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True


def _expand(text: str, names: list[str]) -> None:
    """Appends what `text` stands for, the last range turning fastest."""
    match = _BRACKETS.search(text)
    if match is None:
        if "[" in text or "]" in text:
            raise ValueError(f"{text!r}: a bracket of a range is missing")
        if len(names) >= RANGE_LIMIT:
            raise ValueError(f"a range may stand for at most {RANGE_LIMIT} hosts")
        names.append(text)
        return
    for value in _values(match[1]):
        _expand(text[: match.start()] + value + text[match.end() :], names)


def _values(text: str) -> list[str]:
    """``01:03`` is 01, 02, 03; ``a:e:2`` is a, c, e; an empty begin is 0."""
    begin, *more = text.split(":")
    if len(more) not in {1, 2} or not more[0]:
        raise ValueError(f"[{text}]: a range is [begin:end] or [begin:end:step]")
    end = more[0]
    step = _number(more[1], text) if len(more) > 1 else 1
    if step < 1:
        raise ValueError(f"[{text}]: the step of a range is at least 1")
    begin = begin or "0"
    if begin in _LETTERS and end in _LETTERS:
        first, last = _LETTERS[begin], _LETTERS[end]
        _check_order(first, last, text)
        return list(_LETTERS)[first : last + 1 : step]
    first, last = _number(begin, text), _number(end, text)
    _check_order(first, last, text)
    if (last - first) // step >= RANGE_LIMIT:
        raise ValueError(f"[{text}]: a range may stand for at most {RANGE_LIMIT} hosts")
    width = len(begin) if begin[0] == "0" and len(begin) > 1 else 0
    if width and width != len(end):
        raise ValueError(f"[{text}]: begin and end of a range with leading zeros are equally long")
    return [str(number).zfill(width) for number in range(first, last + 1, step)]


_LETTERS = {letter: number for number, letter in enumerate(string.ascii_letters)}


def _number(text: str, whole: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(2**63))):
        raise ValueError(f"[{whole}]: a range goes over numbers or single letters")
    return int(text)


def _check_order(first: int, last: int, text: str) -> None:
    if first > last:
        raise ValueError(f"[{text}]: a range begins before it ends")
