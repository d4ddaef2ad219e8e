"""Locks that the system drops when their process dies, however it dies."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from pywfp_ps.errors import StoreError

_TRIES = 40
_PAUSE = 0.025  # seconds; a reader holds a lock for microseconds only


class Lock:
    """An exclusive lock on a file of its own; held until `release` or the end of the process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None

    def take(self, busy: str) -> None:
        """Take the lock.

        Args:
            busy: What the error says where another process holds it.

        Raises:
            StoreError: Another process holds it, or the file cannot be made.
        """
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StoreError(str(self.path), error.strerror or str(error)) from None
        for attempt in range(_TRIES):
            if _lock(handle, shared=False):
                self._handle = handle
                return
            if attempt < _TRIES - 1:
                time.sleep(_PAUSE)
        os.close(handle)
        raise StoreError(str(self.path.parent.parent), busy)

    def release(self) -> None:
        """Give the lock back; a second time does nothing."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def is_held(path: Path) -> bool:
    """Whether some process holds the lock of that file."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    except OSError:
        return True  # not ours to look into: assume it is in use
    try:
        return not _lock(handle, shared=True)
    finally:
        os.close(handle)


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int, *, shared: bool) -> bool:
        """Windows has no shared lock here; a look takes the exclusive one for a moment."""
        del shared
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _lock(handle: int, *, shared: bool) -> bool:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
