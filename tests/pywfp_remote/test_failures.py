"""What libraries let out, in words that are true."""

from __future__ import annotations

import pytest
from pypsrp.exceptions import (
    FragmentError,
    InvalidPSRPOperation,
    SerializationError,
    WinRMError,
)

from pywfp_remote.failures import explain

CANARY = "\x1b[2J what a host said"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (SerializationError(CANARY), "an object in it is not what its message should hold"),
        (FragmentError(CANARY), "fragments in it are missing, or out of order"),
        (InvalidPSRPOperation(CANARY), "the host says that its session broke"),
        (WinRMError(CANARY), "it belongs to another request"),
    ],
)
def test_answer_that_makes_no_sense_is_told_apart(error: WinRMError, words: str) -> None:
    failure = explain(error, accepted=True, action="Receive")
    assert failure.what == "bad-payload"
    assert failure.text == f"the answer to reading its output makes no sense: {words}"
