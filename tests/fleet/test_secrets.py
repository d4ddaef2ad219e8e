from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import keyring
import keyring.backend
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pywfp_ps.errors import UsageError
from pywfp_ps.fleet.problems import InventoryError, Place
from pywfp_ps.fleet.secrets import read_secret, read_vault_password
from pywfp_ps.fleet.vault import Vault, VaultPassword
from pywfp_ps.transports.base import Credential, Secret, Target
from tests.fleet.vault_maker import seal

CANARY = "c4nary-hunter2"
HERE = Place("vault.yml", 3)


def vault_of(*passwords: str, label: str | None = None) -> Vault:
    return Vault([VaultPassword(Secret(password), label) for password in passwords])


def test_a_secret_shows_itself_nowhere() -> None:
    secret = Secret(CANARY)
    credential = Credential(user="u", password=secret)
    target = Target(name="a", address="a", credential=credential)
    shown = [f(thing) for f in (repr, str, format) for thing in (secret, credential, target)]
    shown += [f"{secret:>40}", f"{secret!r}", "%s" % secret, str({"a": [secret]})]  # noqa: UP031
    assert not [text for text in shown if CANARY in text]
    assert secret.reveal() == CANARY


@pytest.mark.parametrize("write", [pickle.dumps, msgspec.json.encode, msgspec.to_builtins])
def test_a_secret_is_written_nowhere(write: Callable[[object], object]) -> None:
    with pytest.raises(TypeError, match=r"[sS]ecret") as caught:
        write(Credential(password=Secret(CANARY)))
    assert CANARY not in str(caught.value)


def test_secrets_compare_and_copy() -> None:
    secret = Secret(CANARY)
    assert (secret == Secret(CANARY), secret == Secret("x"), secret == CANARY) == (
        True,
        False,
        False,
    )
    assert copy.deepcopy(secret) is copy.copy(secret) is secret
    assert hash(secret) == hash(Secret(CANARY))


class Keyring(keyring.backend.KeyringBackend):
    """Knows one password."""

    priority = 1  # type: ignore[assignment,unused-ignore]  # a class property there

    def get_password(self, service: str, username: str) -> str | None:
        return CANARY if (service, username) == ("wfp", "admin") else None

    def set_password(self, service: str, username: str, password: str) -> None:
        raise NotImplementedError


@pytest.fixture
def known_keyring() -> Iterator[None]:
    before = keyring.get_keyring()
    keyring.set_keyring(Keyring())  # type: ignore[no-untyped-call]  # keyring has no types there
    yield
    keyring.set_keyring(before)


@pytest.mark.usefixtures("known_keyring")
def test_every_source_gives_the_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pw").write_text(f"{CANARY}\n")
    monkeypatch.setenv("WFP_TEST_SECRET", CANARY)
    monkeypatch.setattr("getpass.getpass", lambda _: CANARY)
    script = tmp_path / "print it.py"
    script.write_text("import os; print(os.environ['WFP_TEST_SECRET'])")
    sources = [
        *("prompt", "env:WFP_TEST_SECRET", f"file:{tmp_path}/pw", "keyring:wfp/admin"),
        *("keyring:wfp", f"command:'{sys.executable}' '{script}'"),
    ]
    assert [read_secret(one, user="admin") for one in sources] == [Secret(CANARY)] * len(sources)


@pytest.mark.usefixtures("known_keyring")
@pytest.mark.parametrize(
    ("source", "said"),
    [
        (CANARY, "the source of the password must be prompt"),
        (f"pass:{CANARY}", "the source of the password must be prompt"),
        ("prompt:x", "must be prompt"),
        ("env:WFP_NOT_SET", "variable WFP_NOT_SET for the password is not set"),
        ("env:WFP_EMPTY", "env gave an empty password"),
        ("file:/nothing/here", "cannot read the password from /nothing/here: No such file"),
        ("file:~nobody-here/x", "cannot read the password from ~nobody-here/x: No such file"),
        ("file:{tmp}/two", "two must give the password as one line"),
        ("file:{tmp}/latin", "latin must give the password as one line of UTF-8"),
        ("keyring:wfp/nobody", "keyring has no password for service wfp, user nobody"),
        ("command:'", "cannot be split"),
        ("command:/nothing/here", "cannot run /nothing/here for the password: No such file"),
        (
            "command:{python} -c 'import os, sys; sys.exit(os.write(1, b\"c4nary\") - 3)'",
            "ended with exit code 3",
        ),
    ],
)
def test_a_source_that_gives_nothing_says_so_and_nothing_else(
    source: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WFP_EMPTY", "")
    monkeypatch.setenv("WFP_CANARY", CANARY)
    (tmp_path / "two").write_text(f"{CANARY}\n{CANARY}\n")
    (tmp_path / "latin").write_bytes(b"\xe9\n")
    with pytest.raises(UsageError, match=said) as caught:
        read_secret(source.format(tmp=tmp_path, python=sys.executable))
    assert CANARY not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.skipif(sys.platform == "win32", reason="the console is always there")
@pytest.mark.parametrize(
    ("written", "code", "out", "err"),
    [
        (f"{CANARY}\n", 0, f"{len(CANARY)}\n", ""),
        ("", 2, "", "wfp: there is no terminal to ask for the password\n"),
    ],
)
def test_a_prompt_without_a_terminal_takes_what_is_piped(
    written: str, code: int, out: str, err: str
) -> None:
    program = (
        "import sys; from pywfp_ps.errors import UsageError\n"
        "from pywfp_ps.fleet.secrets import read_secret\n"
        "try: print(len(read_secret('prompt').reveal()))\n"
        "except UsageError as error: print(f'wfp: {error}', file=sys.stderr); sys.exit(2)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        input=written,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        start_new_session=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (code, out, err)


@pytest.mark.parametrize("text", [" pw \n", "two\nlines\n", "wïth\r\n"])
def test_the_password_of_a_vault_is_what_ansible_takes_for_it(text: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(text.encode())
    (tmp_path / "sealed").write_text(CANARY)
    subprocess.run(
        [sys.executable, "-m", "ansible", "vault", "encrypt", "--vault-id", "key", "sealed"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    vault = Vault([read_vault_password(f"file:{tmp_path}/key")])
    assert vault.open((tmp_path / "sealed").read_text(), HERE) == Secret(CANARY)


def test_a_label_stands_before_the_source_of_a_vault_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("A@B", "x")
    monkeypatch.setenv("AB", "x")
    assert [read_vault_password(source) for source in ("prod@env:AB", "env:A@B")] == [
        VaultPassword(Secret("x"), "prod"),
        VaultPassword(Secret("x"), None),
    ]


@settings(max_examples=15, deadline=None)
@given(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8"), min_size=1))
def test_what_was_sealed_comes_out(text: str, password: str) -> None:
    sealed = seal(text, password, os.urandom(32), label="prod")
    assert vault_of("other", password).open(sealed, HERE) == Secret(text)


@pytest.mark.parametrize(
    ("passwords", "text", "said"),
    [
        ((), seal("x", "p"), "is encrypted with Ansible vault and no password was given"),
        (("q",), seal("x", "p"), "the vault password is wrong$"),
        (
            ("q", "r"),
            seal("x", "p", label="dev"),
            "all vault passwords are wrong for vault id 'dev'",
        ),
        (("p",), "$ANSIBLE_VAULT;1.0;AES\n00", "version or cipher that is not known"),
        (("p",), "$ANSIBLE_VAULT;1.1;AES256\nzz", "is a damaged vault"),
        (("p",), "$ANSIBLE_VAULT;1.1;AES256\n", "is a damaged vault"),
        (("p",), seal("x", "p")[:-6], "is a damaged vault|password is wrong"),
    ],
)
def test_a_vault_that_does_not_open(passwords: tuple[str, ...], text: str, said: str) -> None:
    with pytest.raises(InventoryError, match=rf"^vault.yml:3: .*{said}"):
        vault_of(*passwords).open(text, HERE)
