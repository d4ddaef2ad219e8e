"""Where something stands in an inventory, and what is wrong there."""

from __future__ import annotations

import os
from pathlib import Path

from msgspec import Struct

from pywfp_ps.errors import UsageError


def path_of(text: str) -> Path:
    """The path `text`; ``~`` is filled in, and stays where it names nobody."""
    return Path(os.path.expanduser(text))  # noqa: PTH111 - Path.expanduser raises for nobody


class Place(Struct, frozen=True):
    """A place in a file; lines and columns count from 1, None where they are not known."""

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        numbers = (number for number in (self.line, self.column) if number is not None)
        return ":".join((self.file, *map(str, numbers)))


class InventoryError(UsageError):
    """An inventory, or a file beside it, cannot be taken as it stands.

    Attributes:
        place: File, line and column, as far as they are known.
        problem: What is wrong there, without any value that may be a secret.
    """

    def __init__(self, place: Place, problem: str) -> None:
        super().__init__(place, problem)
        self.place, self.problem = place, problem

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}"


class Notice(Struct, frozen=True):
    """Something in an inventory that is allowed and still worth a look."""

    place: Place | None
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}" if self.place else self.text
