"""Payloads on disk: durable before anything parses them."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

_OPEN = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


def write_raw(path: Path | str, data: bytes | Iterable[bytes]) -> Path:
    """Write `data` so that after the return it is there whole, and before it not at all.

    The bytes go to a new file in the same folder (made where missing, mode 0700), are flushed to
    the disk, and take the name in one step; then the folder's entry is flushed where the system
    can. Whatever had the name is replaced. The file is readable by its owner only.

    Args:
        path: Where it shall be.
        data: The bytes, or pieces of them in order.

    Returns:
        The path.

    Raises:
        OSError: No room, no rights, read-only. What had the name before is untouched and nothing
            half-written stays.
    """
    path = Path(path)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A short name of its own: the final one may already be as long as the file system allows.
    temporary = path.parent / f".{secrets.token_hex(8)}.tmp"
    handle = os.open(temporary, _OPEN, 0o600)
    try:
        with open(handle, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
            file.writelines((data,) if isinstance(data, bytes) else data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _sync_folder(path.parent)
    return path


def _sync_folder(folder: Path) -> None:
    """Make the new name durable. Windows opens no folders, some file systems sync none."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
