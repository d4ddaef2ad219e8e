"""Seals texts as ``ansible-vault encrypt`` does, by the standard library and openssl's AES."""

from __future__ import annotations

import hashlib
import hmac

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


def seal(text: str, password: str, salt: bytes = b"s" * 32, label: str | None = None) -> str:
    """A vault text of version 1.1, or 1.2 with a label."""
    derived = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 10_000, 80)
    data = text.encode()
    padding = 16 - len(data) % 16
    sealer = Cipher(algorithms.AES(derived[:32]), modes.CTR(derived[64:])).encryptor()
    sealed = sealer.update(data + bytes([padding]) * padding) + sealer.finalize()
    mac = hmac.new(derived[32:64], sealed, "sha256").hexdigest()
    body = f"{salt.hex()}\n{mac}\n{sealed.hex()}".encode().hex()
    lines = [body[at : at + 80] for at in range(0, len(body), 80)]
    header = f"$ANSIBLE_VAULT;1.2;AES256;{label}" if label else "$ANSIBLE_VAULT;1.1;AES256"
    return "\n".join((header, *lines)) + "\n"
