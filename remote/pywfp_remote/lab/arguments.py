"""What a call of the module is given, checked as the ``param`` block of the function checks it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from pywfp_remote.lab.engine import FailedError
from pywfp_remote.lab.host import Arguments
from pywfp_remote.lab.psrp import Failure


class Given:
    """The arguments of one call; names are not told apart by case, as in PowerShell."""

    def __init__(self, call: str, arguments: Arguments) -> None:
        self._call = call
        self._values = {name.lower(): value for name, value in arguments.items()}

    def text(self, name: str, default: str = "") -> str:
        """One text; the last of several."""
        value = self._values.get(name.lower(), default)
        return value if isinstance(value, str) else (value or [default])[-1]

    def texts(self, name: str, default: Iterable[str]) -> tuple[str, ...]:
        """Several texts."""
        value = self._values.get(name.lower())
        if value is None:
            return tuple(default)
        return (value,) if isinstance(value, str) else tuple(value)

    def number(self, name: str, default: int) -> int:
        """A number in decimal text.

        Raises:
            FailedError: It is none.
        """
        text = self.text(name, str(default))
        if not (text.isascii() and text.isdigit()):
            raise self.refused(name, text)
        return int(text)

    def choices(self, name: str, known: Iterable[str], default: Iterable[str]) -> tuple[str, ...]:
        """Several words out of a set, spelt as in the set.

        Raises:
            FailedError: One is not in the set.
        """
        spelt = {word.lower(): word for word in known}
        found = self.texts(name, default)
        for word in found:
            if word.lower() not in spelt:
                raise self.refused(name, word)
        return tuple(spelt[word.lower()] for word in found)

    def moment(self, name: str) -> datetime | None:
        """A time as ``yyyyMMddTHHmmssfffZ``; None where it is empty.

        Raises:
            FailedError: It is something else.
        """
        text = self.text(name)
        if not text:
            return None
        try:
            return datetime.strptime(text, "%Y%m%dT%H%M%S%f%z").astimezone(UTC)
        except ValueError:
            raise self.refused(name, text) from None

    def refused(self, name: str, value: str) -> FailedError:
        """What PowerShell throws where a value does not fit its parameter."""
        return FailedError(
            Failure(
                message=f"Cannot validate argument on parameter '{name}'. The argument "
                f'"{value[:200]}" does not belong to what it takes.',
                error_id=f"ParameterArgumentValidationError,{self._call}",
                category="InvalidData",
                exception="System.Management.Automation.ParameterBindingValidationException",
                command=self._call,
            )
        )
