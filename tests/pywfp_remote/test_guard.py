"""What gets past the guard and what does not, against ports that say whatever a test wants."""

from __future__ import annotations

import socket
import sys
import threading
from pathlib import Path

import pytest
from pypsrp.wsman import WSMan

from pywfp_ps.transports.base import Credential, Patience, Secret
from pywfp_remote.lab.host import Way
from pywfp_remote.link import Link, LinkError, LinkLimits
from pywfp_remote.session import connect
from tests.pywfp_remote.lab.lab_rig import lab_host, served
from tests.pywfp_remote.psrp_rig import Got, answering, bare_target, run, sender, target_of

_SOAP = "Content-Type: application/soap+xml;charset=UTF-8\r\n"


def _fixed(text: str) -> Got:
    """A basic job against a port that answers every request with `text` and hangs up."""

    def answer(connection: socket.socket, _ended: threading.Event) -> None:
        connection.recv(1 << 20)
        connection.sendall(text.encode("latin-1"))
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1 << 20):
            pass

    with answering(answer) as port:
        return run(bare_target(port, auth="basic"), seconds=10)


REFUSED = {
    "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n": (
        "bad-payload",
        "HTTP 302 sends us elsewhere; nobody is followed",
    ),
    "HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\nContent-Length: 0\r\n\r\n": (
        "bad-payload",
        "an answer is compressed, which nobody asked for",
    ),
    "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 1\r\n\r\nx": (
        "bad-payload",
        "an answer of the type 'image/png' is no WSMan",
    ),
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx": (
        "bad-payload",
        "an answer of the type '' is no WSMan",
    ),
    f"HTTP/1.1 200 OK\r\n{_SOAP}Content-Length: 1048577\r\n\r\n": (
        "bad-payload",
        "an answer is larger than 1048576 bytes",
    ),
    f"HTTP/1.1 200 OK\r\n{_SOAP}\r\n" + "x" * 1_100_000: (
        "bad-payload",
        "an answer is larger than 1048576 bytes",
    ),
    f"HTTP/1.1 200 OK\r\n{_SOAP}Content-Length: 5\r\n\r\n<s:En": (
        "bad-payload",
        "the answer to opening the session makes no sense: it is no well-formed XML",
    ),
    f"HTTP/1.1 200 OK\r\n{_SOAP}Content-Length: 50\r\n\r\n<s:En": (
        "unreachable",
        "the connection was cut or never stood",
    ),
    f"HTTP/1.1 500 No\r\n{_SOAP}Content-Length: 4\r\n\r\n<a/>": (
        "bad-payload",
        "opening the session failed, and the host does not say why",
    ),
    f"HTTP/1.1 500 No\r\n{_SOAP}Content-Length: 4\r\n\r\n<a/x": (
        "bad-payload",
        "HTTP 500 without a WSMan fault",
    ),
    "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\nContent-Length: 99999999\r\n\r\n": (
        "bad-payload",
        "HTTP 401 with an answer of no or too great length",
    ),
    "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\n\r\n": (
        "bad-payload",
        "HTTP 401 with an answer of no or too great length",
    ),
    "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n": (
        "credentials",
        "the host refuses the account or its password",
    ),
    "HTTP/1.1 401 No\r\nWWW-Authenticate: Digest a=1, Foo\r\nContent-Length: 0\r\n\r\n": (
        "endpoint",
        "the host takes Digest, Foo, not basic: set ansible_psrp_auth, or allow basic there",
    ),
    "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n": (
        "access-denied",
        "HTTP 403: the account may not use WinRM",
    ),
    "HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n": (
        "unreachable",
        "HTTP 407: a proxy on the way wants a logon of its own",
    ),
    "HTTP/1.1 429 Too many\r\nContent-Length: 0\r\n\r\n": ("bad-payload", "HTTP 429"),
    "HTTP/1.1 101 Switch\r\n\r\n": ("bad-payload", "HTTP 101"),
    "SSH-2.0-OpenSSH_9.2\r\n": (
        "unreachable",
        "the connection was cut or never stood",
    ),
    "": ("unreachable", "the connection was cut or never stood"),
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text.splitlines()[0] if text else "-")
def test_answer_that_is_none_of_winrm_is_refused(text: str) -> None:
    error = _fixed(text).error
    assert error is not None
    assert (error.what, error.text) == REFUSED[text]


def _drip(head: bytes, piece: bytes, seconds: float = 20, limits: LinkLimits | None = None) -> Got:
    """A job against a port that sends `head` and then `piece` again and again, for ever."""

    def answer(connection: socket.socket, ended: threading.Event) -> None:
        connection.sendall(head)
        while not ended.wait(0.02):
            connection.sendall(piece)

    with answering(answer) as port:
        return run(bare_target(port), limits=limits, seconds=seconds)


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"x"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b"x"),
        (b"HTTP/1.1 401 No\r\nContent-Length: 9999\r\nWWW-Authenticate: Negotiate\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
)
def test_drip_is_cut_wherever_it_is(head: bytes, piece: bytes) -> None:
    error = _drip(head, piece, limits=LinkLimits(answer_seconds=0.3)).error
    assert error is not None
    assert (error.what, error.text) == ("timeout", "one answer took more than 0.3 s")


def test_drip_is_cut_at_the_deadline() -> None:
    error = _drip(b"HTTP/1.1 200 OK\r\nX: ", b"x", seconds=0.3).error
    assert error is not None
    assert (error.what, error.text) == ("timeout", "its time was over")


@pytest.mark.parametrize("protocol", ["http", "https"])
def test_host_that_accepts_and_says_nothing_has_a_deadline(protocol: str) -> None:
    def say_nothing(_connection: socket.socket, ended: threading.Event) -> None:
        ended.wait()

    with answering(say_nothing) as port:
        target = bare_target(port, protocol=protocol, connection_timeout=30)
        error = run(target, seconds=0.3).error
    assert error is not None
    assert error.what == "timeout"


def test_handshake_that_drips_has_a_deadline() -> None:
    def drip(connection: socket.socket, ended: threading.Event) -> None:
        connection.sendall(b"\x16\x03\x03\x40\x00")  # a TLS record of 16 KB begins
        while not ended.wait(0.02):
            connection.sendall(b"\x02")

    with answering(drip) as port:
        error = run(bare_target(port, protocol="https", connection_timeout=30), seconds=0.4).error
    assert error is not None
    assert error.what in {"timeout", "tls"}


def test_connection_is_tried_again_as_often_as_asked() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    target = bare_target(port, reconnection_retries=3, reconnection_backoff=0.001)
    error = run(target).error
    assert error is not None
    assert error.usage is not None
    assert (error.what, error.usage.requests) == ("refused", 4)


def test_look_up_that_hangs_has_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_o: ended.wait())
    try:
        late = run(bare_target(1, address="web-001.example", connection_timeout=30), seconds=0.2)
        slow = run(bare_target(1, address="web-001.example", connection_timeout=1))
    finally:
        ended.set()
    errors = [got.error for got in (late, slow) if got.error is not None]
    assert [(error.what, error.text) for error in errors] == [
        ("dns", "its time was over"),
        ("dns", "the name web-001.example was not resolved in 1 s"),
    ]


def test_pause_between_tries_ends_with_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    target = bare_target(port, reconnection_retries=3, reconnection_backoff=1_000.0)
    error = run(target, seconds=0.2).error
    assert error is not None
    assert error.what == "unreachable"


def test_stop_from_another_thread_ends_a_silent_logon() -> None:
    watch = Patience(60)

    def stop(_connection: socket.socket, ended: threading.Event) -> None:
        watch.stop()
        ended.wait()

    with answering(stop) as port:
        error = run(bare_target(port), watch=watch).error
    assert error is not None
    assert error.text == "it was told to stop"


def test_job_takes_only_so_much() -> None:
    host = lab_host()
    with served(host, factory=sender) as practice:
        error = run(target_of(practice, host), limits=LinkLimits(total=50_000)).error
    assert error is not None
    assert error.what == "too-large"


def test_session_is_not_opened_for_ever() -> None:
    host = lab_host()
    with served(host, factory=sender) as practice:
        error = run(target_of(practice, host), limits=LinkLimits(opening=3)).error
    assert error is not None
    assert (error.what, error.text) == ("bad-payload", "no session after 3 requests")


INCOMPLETE = [
    ({"auth": "basic", "credential": Credential(user="u")}, "basic needs a user and a password"),
    ({"auth": "credssp", "credential": Credential()}, "credssp needs a user and a password"),
    (
        {"auth": "credssp"},
        "CredSSP needs the library requests-credssp, which is missing",
    ),
    ({"auth": "certificate"}, "no client certificate is given"),
    (
        {"auth": "certificate", "certificate_file": "/nowhere"},
        "a client certificate needs HTTPS",
    ),
    (
        {"auth": "basic", "message_encryption": "always"},
        "basic cannot seal messages",
    ),
]


@pytest.mark.parametrize(("options", "text"), INCOMPLETE)
def test_target_that_cannot_log_on_is_not_asked(
    options: dict[str, object], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "requests_credssp", None)  # as if it were not installed
    error = run(bare_target(1, **options)).error
    assert error is not None
    assert (error.what, error.text) == ("credentials", text)
    assert error.usage is not None
    assert error.usage.requests == 0


@pytest.mark.parametrize("option", ["ca_file", "certificate_file"])
def test_file_that_is_not_there_is_a_matter_of_tls(option: str, tmp_path: Path) -> None:
    target = bare_target(1, protocol="https", auth="certificate", certificate_file=__file__)
    error = run(
        type(target)(
            **{
                **{name: getattr(target, name) for name in target.__struct_fields__},
                option: str(tmp_path / "none.pem"),
            }
        )
    ).error
    assert error is not None
    assert error.what == "tls"


@pytest.mark.parametrize(
    "address", ["user:pw@host", "127.0.0.1:1/@evil", "a b", "a\r\nX: b", "a?b"]
)
def test_address_that_is_a_piece_of_url_is_refused(address: str) -> None:
    error = run(bare_target(1, address=address)).error
    assert error is not None
    assert (error.what, error.text) == ("dns", "the address is no name of a host")


@pytest.mark.parametrize("address", ["a..b", "x" * 300, "[::1", "web-001.invalid"])
def test_address_that_cannot_be_resolved_is_dns(address: str) -> None:
    error = run(bare_target(1, address=address)).error
    assert error is not None
    assert error.what == "dns"


def test_password_that_basic_cannot_carry_is_told() -> None:
    account = Credential(user="labadmin", password=Secret("10\N{EURO SIGN}"))
    error = run(bare_target(1, auth="basic", credential=account)).error
    assert error is not None
    assert (error.what, "characters" in error.text) == ("credentials", True)


def test_environment_adds_no_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login eve password Netrc1Canary\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    host = lab_host("web-001", Way.CERTIFICATE)  # has no account of its own that would go first
    with served(host, factory=sender) as practice:
        got = run(target_of(practice, host, tmp_path))
        assert practice.tallies[host.name].refused == 0
    assert got.error is None


def test_proxy_of_the_environment_is_used_unless_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[bytes] = []

    def keep(connection: socket.socket, _ended: threading.Event) -> None:
        lines.append(connection.recv(1 << 20).partition(b"\r\n")[0])
        connection.close()

    with answering(keep) as port:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        target = bare_target(9, address="192.0.2.1", ignore_proxy=False)
        run(target, seconds=5)
        ignoring = bare_target(1, ignore_proxy=True)
        run(ignoring, seconds=5)
    assert lines == [b"POST http://192.0.2.1:9/wsman HTTP/1.1"]


@pytest.mark.parametrize("protocol", ["http", "https"])
@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("127.0.0.1", "the proxy is not there, or"),
        ("nobody.invalid", "the name nobody.invalid of the proxy does not resolve"),
    ],
)
def test_proxy_that_is_not_there_is_told_as_such(
    monkeypatch: pytest.MonkeyPatch, protocol: str, address: str, said: str
) -> None:
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, f"http://{address}:1")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    target = bare_target(9, protocol=protocol, address="192.0.2.1", ignore_proxy=False)
    error = run(target, seconds=5).error
    assert error is not None
    assert (error.what, error.text.startswith(said)) == ("unreachable", True), error.text


def test_port_without_tls_is_told_as_such() -> None:
    def answer(connection: socket.socket, _ended: threading.Event) -> None:
        connection.recv(1)
        connection.sendall(b"HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n")
        connection.close()

    with answering(answer) as port:
        error = run(bare_target(port, protocol="https"), seconds=5).error
    assert error is not None
    assert error.what == "tls"
    assert error.text.startswith("no TLS came about: what listens at the port speaks none; for")


def test_file_of_authorities_without_any_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("nothing")
    host = lab_host("web-001", Way.NEGOTIATE)
    with served(host, factory=sender) as practice:
        target = target_of(practice, host, tmp_path, ca_file=str(tmp_path / "none.pem"))
        error = run(target).error
    assert error is not None
    expected = ("tls", "no TLS came about: the file of authorities holds no certificate")
    assert (error.what, error.text) == expected


def test_private_names_of_pypsrp_are_where_the_guard_expects_them() -> None:
    wsman = WSMan("127.0.0.1", ssl=False, auth="ntlm", username="u", password="p")
    assert wsman.transport.session is None
    session = wsman.transport._build_session()
    assert session.get_adapter(wsman.transport.endpoint) is not None


def test_private_names_are_really_used() -> None:
    """The session that pypsrp goes on with is the guarded one, for both protocols."""
    link = Link(
        deadline=Patience(5).deadline,
        limits=LinkLimits(),
        answer_seconds=5,
        on_accepted=lambda: None,
    )
    try:
        wsman = connect(bare_target(1, credential=Credential(user="u", password=Secret("p"))), link)
        session = wsman.transport.session
        assert session is not None
        kinds = {type(session.get_adapter(f"{way}://x")).__name__ for way in ("http", "https")}
        assert kinds == {"GuardedAdapter"}
    finally:
        link.close()
    with pytest.raises(LinkError, match="closed"):
        link.check()


@pytest.mark.parametrize("way", [Way.NTLM, Way.NEGOTIATE])
def test_logon_bound_to_the_channel_gets_through(way: Way, tmp_path: Path) -> None:
    host = lab_host("web-001", way)
    with served(host, factory=sender) as practice:
        got = run(target_of(practice, host, tmp_path if way.is_tls else None))
        assert practice.tallies[host.name].refused == 0
    assert got.error is None
