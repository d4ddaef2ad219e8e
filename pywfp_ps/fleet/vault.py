"""Ansible vault: files and values that are encrypted with a password.

The format is a header line and hexadecimal text: ``$ANSIBLE_VAULT;1.1;AES256``, or 1.2 with a
label behind it. Inside stand salt, HMAC-SHA256 and AES-CTR text, keys by PBKDF2-HMAC-SHA256 with
10,000 rounds. Source: docs.ansible.com, "Ansible Vault payload format". Readers on PyPI either pull
in Ansible itself or have not been looked after for years.
"""

from __future__ import annotations

from binascii import Error as HexError
from binascii import unhexlify
from collections.abc import Sequence
from typing import NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from msgspec import Struct

from pywfp_ps.fleet.problems import InventoryError, Place
from pywfp_ps.transports.base import Secret

HEADER = "$ANSIBLE_VAULT;"
_ROUNDS = 10_000
_KEY, _IV = 32, 16
_BLOCK_BITS = 128
_PARTS = 3  # salt, HMAC, text


class VaultText(Struct, frozen=True):
    """A value that is still encrypted; opened only when somebody needs it."""

    text: str
    place: Place


class VaultPassword(Struct, frozen=True):
    """One password, with the label (vault id) it belongs to, if any."""

    password: Secret
    label: str | None = None


def is_vault(text: str) -> bool:
    """Whether `text` begins like a vault."""
    return text.lstrip().startswith(HEADER)


class Vault:
    """The passwords at hand. Those with the label of a vault are tried first, then all others."""

    def __init__(self, passwords: Sequence[VaultPassword] = ()) -> None:
        self._passwords = tuple(passwords)
        self._opened: dict[str, Secret] = {}

    def open(self, text: str, place: Place) -> Secret:
        """What is inside `text`.

        Raises:
            InventoryError: No password, none that fits, or no intact vault.
        """
        known = self._opened.get(text)
        if known is None:
            known = self._opened[text] = Secret(self._open(text, place))
        return known

    def _open(self, text: str, place: Place) -> str:
        label, parts = _split(text, place)
        if not self._passwords:
            problem = "is encrypted with Ansible vault and no password was given for it"
            raise InventoryError(place, f"{problem} (--vault-password-from)")
        ordered = sorted(self._passwords, key=lambda one: label is None or one.label != label)
        for candidate in ordered:
            plain = _decrypt(parts, candidate.password, place)
            if plain is not None:
                return plain
        tried = "the vault password is" if len(ordered) == 1 else "all vault passwords are"
        raise InventoryError(
            place, f"{tried} wrong" + (f" for vault id {label!r}" if label else "")
        )


def _split(text: str, place: Place) -> tuple[str | None, tuple[bytes, bytes, bytes]]:
    header, _, body = text.strip().partition("\n")
    fields = [field.strip() for field in header.split(";")]
    if fields[1:2] not in (["1.1"], ["1.2"]) or fields[2:3] != ["AES256"]:
        raise InventoryError(place, "is a vault of a version or cipher that is not known")
    try:
        parts = unhexlify("".join(body.split())).split(b"\n", _PARTS - 1)
        salt, mac, sealed = (unhexlify(part) for part in parts)
    except (HexError, ValueError):
        _damaged(place)
    return (fields[3] if len(fields) > _PARTS else None), (salt, mac, sealed)


def _decrypt(parts: tuple[bytes, bytes, bytes], password: Secret, place: Place) -> str | None:
    """The plain text; None if the password does not fit."""
    salt, mac, sealed = parts
    derivation = PBKDF2HMAC(hashes.SHA256(), 2 * _KEY + _IV, salt, _ROUNDS)
    derived = derivation.derive(password.reveal().encode())
    check = HMAC(derived[_KEY : 2 * _KEY], hashes.SHA256())
    check.update(sealed)
    try:
        check.verify(mac)
    except InvalidSignature:
        return None
    opener = Cipher(algorithms.AES(derived[:_KEY]), modes.CTR(derived[2 * _KEY :])).decryptor()
    unpadder = padding.PKCS7(_BLOCK_BITS).unpadder()
    try:
        padded = opener.update(sealed) + opener.finalize()
        return (unpadder.update(padded) + unpadder.finalize()).decode()
    except ValueError:
        _damaged(place)


def _damaged(place: Place) -> NoReturn:
    raise InventoryError(place, "is a damaged vault") from None
