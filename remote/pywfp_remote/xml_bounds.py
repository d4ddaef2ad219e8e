"""XML of a host, looked at before a parser sees it: small text can become very large objects.

Entities grow a hundredfold before expat objects, and pypsrp keeps, with every object, the text of
all that is nested in it. PowerShell sends neither document types nor such nests.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pypsrp.exceptions import WinRMTransportError
from pypsrp.serializer import Serializer

from pywfp_remote.link import MEGABYTE, LinkError

MESSAGE_LIMIT = MEGABYTE
"""Characters of one PSRP message; a frame has 32,000, an error record some 10,000."""

_DOCTYPE = "<!DOCTYPE"
_NESTED_LIMIT = 32 * MEGABYTE  # characters kept if all of a message's objects were nested
_DEEPEST = 330  # more levels are more than Python calls in one another


class BoundedSerializer(Serializer):
    """What pypsrp makes objects of messages with, for messages of a bearable size."""

    def deserialize(self, element: Any, metadata: Any = None, clear: bool = True) -> Any:
        """As there; what is none that PowerShell sends stays text, as what is no XML does."""
        if isinstance(element, str) and _grows(element):
            return element
        return super().deserialize(element, metadata, clear)


def bound(pool: Any) -> None:
    """Have a pool of pypsrp read its messages with bounds."""
    # Two private names of pypsrp; its version is pinned and a test holds them.
    serializer = BoundedSerializer()
    pool._serializer = pool._fragmenter.serializer = serializer  # noqa: SLF001


def checked(send: Callable[..., bytes]) -> Callable[..., str]:
    """The `send` of a pypsrp transport, whose answers are text, in UTF-8, without a document type.

    Of text a parser believes no other encoding.
    """

    def send_checked(*args: Any, **options: Any) -> str:
        try:
            answer = send(*args, **options)
        except WinRMTransportError as error:
            _check(error.response_text)
            raise
        text = answer.decode("utf-8-sig")
        _check(text)
        return text

    return send_checked


def _grows(message: str) -> bool:
    """Whether the objects of a message may be far larger than it is."""
    nested = min(message.count("<Obj"), _DEEPEST)
    is_large = len(message) > MESSAGE_LIMIT or len(message) * nested > _NESTED_LIMIT
    return is_large or _DOCTYPE in message


def _check(text: str) -> None:
    if _DOCTYPE in text:
        raise LinkError("bad-payload", "XML with a document type came, which nobody sends")
