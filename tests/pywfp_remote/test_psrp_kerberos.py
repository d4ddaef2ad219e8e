"""Kerberos against a real MIT KDC of its own realm, where its programs are installed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pywfp_ps.fleet.causes import Cause, of_exception
from pywfp_ps.transports.base import Credential, Secret
from pywfp_remote.lab.host import Way
from tests.pywfp_remote.lab.lab_rig import lab_host, served
from tests.pywfp_remote.psrp_rig import LINES, run, sender, target_of

pytestmark = pytest.mark.slow

REALM = "WFP.TEST"
PASSWORD = "Kerberos7Password"
_ALICE = Credential(user=f"alice@{REALM}", password=Secret(PASSWORD))
_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])


def _program(name: str) -> str:
    found = shutil.which(name, path=_PATH)
    if found is None:
        pytest.skip(f"{name} is not installed (Debian: krb5-kdc, krb5-admin-server, krb5-user)")
    return found


@pytest.fixture
def realm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A KDC on a free loopback port with one user and the service of the practice host."""
    pytest.importorskip("gssapi", reason="pywfp-ps[kerberos] is not installed")
    kdc, tool, admin = _program("krb5kdc"), _program("kdb5_util"), _program("kadmin.local")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "krb5.conf").write_text(
        f"[libdefaults]\n default_realm = {REALM}\n dns_lookup_kdc = false\n"
        " dns_lookup_realm = false\n dns_canonicalize_hostname = false\n rdns = false\n"
        f"[realms]\n {REALM} = {{\n  kdc = 127.0.0.1:{port}\n }}\n"
        f"[domain_realm]\n 127.0.0.1 = {REALM}\n localhost = {REALM}\n"
    )
    (tmp_path / "kdc.conf").write_text(
        f"[kdcdefaults]\n kdc_listen = 127.0.0.1:{port}\n kdc_tcp_listen = 127.0.0.1:{port}\n"
        f"[realms]\n {REALM} = {{\n  database_name = {tmp_path}/principal\n"
        f"  key_stash_file = {tmp_path}/stash\n  acl_file = {tmp_path}/acl\n }}\n"
        f"[logging]\n kdc = FILE:{tmp_path}/kdc.log\n admin_server = FILE:{tmp_path}/kadmin.log\n"
    )
    monkeypatch.setenv("KRB5_CONFIG", str(tmp_path / "krb5.conf"))
    monkeypatch.setenv("KRB5_KDC_PROFILE", str(tmp_path / "kdc.conf"))
    monkeypatch.setenv("KRB5CCNAME", f"FILE:{tmp_path}/cache")
    monkeypatch.setenv("KRB5_KTNAME", f"FILE:{tmp_path}/keytab")
    _call([tool, "create", "-s", "-r", REALM, "-P", "master"])
    _call([admin, "-q", f"addprinc -pw {PASSWORD} alice@{REALM}"])
    _call([admin, "-q", f"addprinc -randkey WSMAN/127.0.0.1@{REALM}"])
    _call([admin, "-q", f"ktadd -k {tmp_path}/keytab WSMAN/127.0.0.1@{REALM}"])
    with subprocess.Popen([kdc, "-n"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as running:
        try:
            assert running.stdout is not None
            assert b"starting" in running.stdout.readline()
            yield tmp_path
        finally:
            running.terminate()


@pytest.mark.parametrize("auth", ["kerberos", "negotiate"])
def test_password_gets_a_ticket_and_seals(auth: str, realm: Path) -> None:
    host = lab_host("web-001", Way.NTLM)  # takes sealed messages only
    with served(host, factory=sender) as practice:
        got = run(target_of(practice, host, auth=auth, credential=_ALICE, read_timeout=20))
    assert got.error is None, str(got.error)
    assert tuple(got.lines) == LINES
    assert _asked(realm, "WSMAN/127.0.0.1")


def test_ticket_of_the_process_is_enough(realm: Path) -> None:
    _call([_program("kinit"), f"alice@{REALM}"], text=f"{PASSWORD}\n")
    host = lab_host("web-001", Way.NTLM)
    with served(host, factory=sender) as practice:
        target = target_of(
            practice, host, auth="kerberos", credential=Credential(), read_timeout=20
        )
        got = run(target)
    assert got.error is None, str(got.error)
    assert tuple(got.lines) == LINES
    assert _asked(realm, "WSMAN/127.0.0.1")


def test_service_name_can_be_another(realm: Path) -> None:
    host = lab_host("web-001", Way.NTLM)
    with served(host, factory=sender) as practice:
        target = target_of(
            practice,
            host,
            auth="kerberos",
            credential=_ALICE,
            address="localhost",
            negotiate_hostname_override="127.0.0.1",
            read_timeout=20,
        )
        got = run(target)
    assert got.error is None, str(got.error)
    assert not _asked(realm, "WSMAN/localhost")


@pytest.mark.usefixtures("realm")
@pytest.mark.parametrize(
    ("account", "service"),
    [
        (Credential(), "WSMAN"),
        (Credential(user=f"alice@{REALM}", password=Secret("Wrong1")), "WSMAN"),
        (Credential(user=f"nobody@{REALM}", password=Secret("Wrong1")), "WSMAN"),
        (_ALICE, "HOST"),
    ],
    ids=["no-ticket", "wrong-password", "unknown-user", "unknown-service"],
)
def test_without_a_ticket_no_proof_is_made(account: Credential, service: str) -> None:
    host = lab_host("web-001", Way.NTLM)
    with served(host, factory=sender) as practice:
        target = target_of(
            practice, host, auth="kerberos", credential=account, negotiate_service=service
        )
        got = run(target)
        assert practice.tallies[host.name].refused == 0
    assert got.error is not None
    assert of_exception(got.error) is Cause.CREDENTIALS
    assert "no proof of the account could be made" in got.error.text


def _asked(realm: Path, service: str) -> bool:
    return f"for {service}@{REALM}" in (realm / "kdc.log").read_text()


def _call(command: list[str], text: str = "") -> None:
    subprocess.run(command, input=text, text=True, check=True, capture_output=True, timeout=60)
