"""A development PKI: a certificate authority of one certificate, for TLS on a developer's machine.

The authority's private key is never written: once the server certificate is signed nothing more can be, so a
developer who trusts `ca.pem` trusts that one certificate and no other.
"""

import ipaddress
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LOOPBACK = ("localhost", "127.0.0.1", "::1")

_LIFETIME = timedelta(days=397)  # the longest that browsers and operating systems accept from a server
_SKEW = timedelta(minutes=5)
_ORGANIZATION = "wstrust-sts DEVELOPMENT ONLY"
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_DNS_NAME = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})*")


@dataclass(frozen=True, slots=True, kw_only=True)
class DevelopmentPki:
    """The files of a development PKI, PEM."""

    ca_certificate: Path
    server_certificate: Path
    server_key: Path

    @classmethod
    def within(cls, directory: Path) -> "DevelopmentPki":
        return cls(
            ca_certificate=directory / "ca.pem",
            server_certificate=directory / "server.pem",
            server_key=directory / "server.key",
        )

    @property
    def files(self) -> tuple[Path, Path, Path]:
        return self.ca_certificate, self.server_certificate, self.server_key


def make_development_pki(
    directory: Path, *, hostnames: Sequence[str] = (), now: datetime, force: bool = False
) -> DevelopmentPki:
    """Writes `ca.pem`, `server.pem` and `server.key` (mode 0600) into `directory`, which is made if need be.

    The server certificate (EC P-256, 397 days from `now`) is for the loopback names and `hostnames`, each a DNS
    name or an IP address. Raises ValueError for a name that is neither, and FileExistsError, before anything is
    written, when one of the files exists; with `force` they are replaced.
    """
    names = [_general_name(name) for name in dict.fromkeys((*LOOPBACK, *hostnames))]
    pki = DevelopmentPki.within(directory)
    existing = [path.name for path in pki.files if os.path.lexists(path)]
    if existing and not force:
        raise FileExistsError(f"{directory} already has {', '.join(existing)}; replacing them needs force")

    ca_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = _sign_authority(ca_key, now)
    server = _sign_server(server_key.public_key(), names=names, ca=ca, ca_key=ca_key, now=now)

    directory.mkdir(parents=True, exist_ok=True)
    key_text = server_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _write(pki.server_key, key_text, mode=0o600)
    _write(pki.server_certificate, server.public_bytes(Encoding.PEM), mode=0o644)
    _write(pki.ca_certificate, ca.public_bytes(Encoding.PEM), mode=0o644)
    return pki


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        if len(name) > 253 or not _DNS_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is neither a DNS name nor an IP address") from None
        return x509.DNSName(name)


def _sign_authority(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    name = _subject("wstrust-sts development CA")
    return (
        _certificate(name, issuer=name, key=key.public_key(), now=now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(key_cert_sign=True), critical=True)
        .sign(key, hashes.SHA256())
    )


def _sign_server(
    key: ec.EllipticCurvePublicKey,
    *,
    names: list[x509.GeneralName],
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> x509.Certificate:
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    return (
        _certificate(_subject("wstrust-sts development server"), issuer=ca.subject, key=key, now=now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(authority, critical=False)
        .sign(ca_key, hashes.SHA256())
    )


def _certificate(
    subject: x509.Name, *, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now - _SKEW + _LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _subject(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, _ORGANIZATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _key_usage(*, digital_signature: bool = False, key_cert_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write(path: Path, content: bytes, *, mode: int) -> None:
    """Writes a new file with `mode` from its first byte on, and puts it in the place of an old one."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    fresh.replace(path)
