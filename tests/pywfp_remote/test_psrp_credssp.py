"""CredSSP against pyspnego's accepting side, where requests-credssp is installed."""

from __future__ import annotations

import base64
import re
import struct
from typing import Any

import pytest
import spnego
import spnego.exceptions

from pywfp_ps.fleet.causes import Cause, of_exception
from pywfp_ps.transports.base import Credential, Secret
from pywfp_remote.lab.auth import Logon, UnsealableError, Verdict, _accounts
from pywfp_remote.lab.host import Way
from tests.pywfp_remote.lab.lab_rig import lab_host, served
from tests.pywfp_remote.psrp_rig import LINES, run, sender, target_of

pytestmark = pytest.mark.slow
pytest.importorskip("requests_credssp", reason="pywfp-ps[credssp] is not installed")

_TYPE = 'multipart/encrypted;protocol="application/HTTP-CredSSP-session-encrypted"'
_PART = re.compile(
    rb"Length=(\d+)\r\n--Encrypted Boundary\r\n\tContent-Type: application/octet-stream\r\n"
)


class CredSspLogon(Logon):
    """Takes CredSSP alone; keeps what the client handed over."""

    given: list[Any] = []  # noqa: RUF012  what the test looks at

    def check(self, header: str, peer: str | None, binding: bytes | None) -> Verdict:
        del peer, binding
        kind, _, value = header.partition(" ")
        if not kind:
            return Verdict(self.can_seal, ("CredSSP",))
        try:
            with _accounts.of(self._host):
                if self._context is None:
                    self._context = spnego.server(protocol="credssp", service="WSMAN")
                answer = self._context.step(base64.b64decode(value))
        except spnego.exceptions.SpnegoError:
            self._context = None
            return Verdict(False, ("CredSSP",), refused=True)
        if self.can_seal:
            self.given.append(self._context.get_extra_info("client_credential"))
        challenge = (f"CredSSP {base64.b64encode(answer).decode()}",) if answer else ()
        return Verdict(self.can_seal, challenge)

    def unseal(self, body: bytes) -> bytes:
        """The parts, each of at most 16 KB; their lengths are those of the plain ones."""
        plain, starts = b"", list(_PART.finditer(body))
        ends = [found.start() for found in starts[1:]] + [len(body)]
        for found, end in zip(starts, ends, strict=True):
            sealed = body[found.end() : end].rpartition(b"--Encrypted Boundary")[0]
            size = struct.unpack_from("<i", sealed)[0]
            part = bytes(self._context.unwrap_winrm(sealed[4 : 4 + size], sealed[4 + size :]))
            if len(part) != int(found[1]):
                raise UnsealableError("the stated length is wrong")
            plain += part
        return plain

    def seal(self, body: bytes) -> tuple[str, bytes]:
        kind, sealed = super().seal(body)
        del kind
        return f'{_TYPE};boundary="Encrypted Boundary"', sealed


def test_password_is_handed_over_and_messages_are_sealed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pywfp_remote.lab.http.Logon", CredSspLogon)
    sealed = ("multipart/encrypted", "multipart/x-multi-encrypted")
    monkeypatch.setattr("pywfp_remote.lab.http.SEALED", sealed)
    CredSspLogon.given.clear()
    host = lab_host("web-001", Way.NTLM)
    with served(host, factory=sender) as practice:
        got = run(target_of(practice, host, auth="credssp", read_timeout=20))
    assert got.error is None, str(got.error)
    assert tuple(got.lines) == LINES
    assert [given.username for given in CredSspLogon.given] == [host.account]


def test_wrong_password_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pywfp_remote.lab.http.Logon", CredSspLogon)
    host = lab_host("web-001", Way.NTLM)
    wrong = Credential(user=host.account, password=Secret("Wrong1"))
    with served(host, factory=sender) as practice:
        got = run(target_of(practice, host, auth="credssp", credential=wrong, read_timeout=20))
    assert got.error is not None
    assert of_exception(got.error) is Cause.CREDENTIALS


def test_host_that_does_not_offer_it_is_not_tried() -> None:
    host = lab_host("web-001", Way.NTLM)
    with served(host, factory=sender) as practice:
        got = run(target_of(practice, host, auth="credssp"))
        assert practice.tallies[host.name].refused == 0
    assert got.error is not None
    assert of_exception(got.error) is Cause.ENDPOINT
