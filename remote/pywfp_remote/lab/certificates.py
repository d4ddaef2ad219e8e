"""The practice fleet's own certificate authority, and what it issues, good and bad."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec import Struct

from pywfp_remote.lab.files import write_private

_LIFE = timedelta(days=30)
_SKEW = timedelta(days=1)  # a controller whose clock is a little behind must still trust us


class Identity(Struct, frozen=True, kw_only=True):
    """A certificate with its key, both as PEM. The key is not shown by ``repr``."""

    certificate: bytes
    key: bytes

    def __repr__(self) -> str:
        return "Identity(...)"

    @property
    def binding(self) -> bytes:
        """SHA-256 of the certificate: the channel binding of RFC 5929, section 4.1."""
        return x509.load_pem_x509_certificate(self.certificate).fingerprint(hashes.SHA256())


class Authority:
    """Issues certificates that are good for thirty days; its key never leaves the process."""

    def __init__(self, name: str = "WFP practice fleet CA") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        public = self._key.public_key()
        usage = _usage(signs_certificates=True)
        self._certificate = (
            x509.CertificateBuilder()
            .subject_name(self._name)
            .issuer_name(self._name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _SKEW)
            .not_valid_after(now + _LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    @property
    def certificate(self) -> bytes:
        """The authority's certificate as PEM, for clients to trust."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def server(
        self, *, name: str = "localhost", address: str | None = "127.0.0.1", expired: bool = False
    ) -> Identity:
        """A server's certificate for `name` and, unless None, an IP address."""
        names: list[x509.GeneralName] = [x509.DNSName(name)]
        if address is not None:
            names.append(x509.IPAddress(IPv4Address(address)))
        return self._issue(name, ExtendedKeyUsageOID.SERVER_AUTH, names=names, expired=expired)

    def client(self, account: str) -> Identity:
        """A client's certificate that stands for `account`, as WinRM maps them: by its UPN."""
        upn = x509.OtherName(
            x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), _utf8(f"{account}@localhost")
        )
        return self._issue(account, ExtendedKeyUsageOID.CLIENT_AUTH, names=[upn])

    def _issue(
        self,
        subject: str,
        purpose: x509.ObjectIdentifier,
        *,
        names: list[x509.GeneralName],
        expired: bool = False,
    ) -> Identity:
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        until = now - timedelta(hours=1) if expired else now + _LIFE
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _SKEW - _LIFE)
            .not_valid_after(until)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(authority, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return Identity(
            certificate=certificate.public_bytes(serialization.Encoding.PEM),
            key=key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
        )


def server_context(identity: Identity, folder: Path, *, trust: bytes) -> ssl.SSLContext:
    """A TLS context that shows `identity` and takes client certificates signed by `trust`.

    Python reads a key only from a file, so one is written to `folder` and removed at once.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    path = folder / "server.pem.tmp"
    write_private(path, identity.certificate + identity.key)
    try:
        context.load_cert_chain(path)
    finally:
        path.unlink()
    context.load_verify_locations(cadata=trust.decode())
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _utf8(text: str) -> bytes:
    """A DER UTF8String; enough for texts under 128 bytes."""
    raw = text.encode()
    if len(raw) > 127:
        raise ValueError("an account name is at most 117 bytes long")
    return bytes((0x0C, len(raw))) + raw
