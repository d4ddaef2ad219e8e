"""What Ctrl-C and SIGTERM mean while a run goes: a good end first, then an end at once."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType

from pywfp_ps.errors import Terminated

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Signalled:
    """What was asked for by signals so far.

    Attributes:
        number: The signal that came first; None while none has.
    """

    def __init__(self) -> None:
        self.number: signal.Signals | None = None

    @property
    def reason(self) -> str:
        """Why the run ends, in words."""
        by = "ended by SIGTERM" if self.number == signal.SIGTERM else "interrupted"
        return f"The run was {by}."


@contextlib.contextmanager
def ended_by_signals(
    end: Callable[[str], object], leave: Callable[[], object] | None = None
) -> Iterator[Signalled]:
    """Makes the first Ctrl-C or SIGTERM end a run in good order; for the main thread only.

    The one after `leave` was called, or the second where there is none, raises `KeyboardInterrupt`.

    Args:
        end: Called at the first signal, with the reason in words. Must return at once.
        leave: Called at the second one.
    """
    told = Signalled()
    is_left = leave is None

    def come(number: int, _: FrameType | None) -> None:
        nonlocal is_left
        if told.number is None:
            told.number = signal.Signals(number)
            end(told.reason)
        elif not is_left and leave is not None:
            is_left = True
            leave()
        else:
            raise KeyboardInterrupt

    before = {one: signal.getsignal(one) for one in SIGNALS}
    # Whoever started us may have asked that a signal be ignored, as nohup and `&` do.
    mine = [one for one in SIGNALS if before[one] not in {signal.SIG_IGN, None}]
    for one in mine:
        signal.signal(one, come)
    try:
        yield told
    finally:
        for one in mine:
            signal.signal(one, before[one])


@contextlib.contextmanager
def interrupted_by_sigterm() -> Iterator[None]:
    """Makes SIGTERM raise `Terminated`, so that the block cleans up as after Ctrl-C."""

    def come(_: int, __: FrameType | None) -> None:
        raise Terminated

    before = signal.getsignal(signal.SIGTERM)
    if before in {signal.SIG_IGN, None}:
        yield
        return
    signal.signal(signal.SIGTERM, come)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
