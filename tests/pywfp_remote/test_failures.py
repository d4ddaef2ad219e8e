"""What libraries let out, in words that are true."""

from __future__ import annotations

import pytest
from pypsrp.exceptions import (
    FragmentError,
    InvalidPSRPOperation,
    SerializationError,
    WinRMError,
    WSManFaultError,
)

from pywfp_ps.transports.base import Credential, Secret
from pywfp_remote.failures import Failure, explain

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


@pytest.mark.parametrize("before", [0, 30, 55, 280, 295, 1_195])
def test_password_in_a_fault_is_hidden_before_it_is_cut(before: int) -> None:
    account = Credential(user="u", password=Secret("Sommer2026!geheim"))
    said = f"{'x' * before}Sommer2026!geheim and more{'y' * 1_200}"
    fault = WSManFaultError(said, None, said, None, None, None)
    failure = explain(fault, accepted=True, action="Receive", account=account)
    assert failure.what == "wsman-fault"
    assert "Somm" not in repr(failure)


def test_fault_is_told_as_the_host_says_it() -> None:
    account = Credential(user="u", password=Secret("Sommer2026!geheim"))
    fault = WSManFaultError("w:InternalError", None, "No more\r\nshells.", None, None, None)
    assert explain(fault, accepted=True, action="Create", account=account) == Failure(
        what="wsman-fault",
        text="opening the session failed (WSMan fault w:InternalError): No more shells.",
        code="w:InternalError",
    )
