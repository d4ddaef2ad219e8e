"""Host names as folder names, safe on every file system the store may lie on.

A host's name comes from an inventory or from a file that somebody sent: it may be ``CON``, end in a
dot, hold a colon, a control character or ``../../x``, be longer than a file system allows, or
differ from another one in case only.
"""

from __future__ import annotations

import hashlib
import re

LONGEST = 120
"""Most bytes of a folder name; leaves room below 255 for temporary suffixes and deep stores."""

# No "~": Windows gives long names a second, short one such as WEBSER~1.
_PLAIN = re.compile(r"[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_-])?")

# Windows reserves these whatever follows the first dot (learn.microsoft.com, "Naming Files").
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.DOTALL)

_HASH_DIGITS = 32


def folder_name(host: str) -> str:
    """The folder of `host`: ASCII, at most `LONGEST` bytes, never one that two hosts share.

    A name in lower case made of letters, digits, ``.``, ``_`` and ``-`` is its own folder. Any
    other becomes what is readable of it, ``~`` and 32 hexadecimal digits of the SHA-256 of the
    name; there is no way back, so the real name has to be kept beside it.
    """
    if _PLAIN.fullmatch(host) and len(host) <= LONGEST and not _DEVICE.fullmatch(host):
        return host
    digest = hashlib.sha256(host.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_DIGITS]
    room = LONGEST - len(digest) - 1
    readable = re.sub(r"[^a-z0-9._-]", "_", host[:room].lower(), flags=re.ASCII)[:room]
    if not _PLAIN.fullmatch(readable) or _DEVICE.fullmatch(readable):
        readable = f"_{readable.strip('.')}"[:room]
    return f"{readable}~{digest}"
