"""A corpus of certificates, good and ugly, made anew for each run: nothing of it is trusted anywhere.

Provenance: every certificate is signed here, by `cryptography`, with keys made here, except where a certificate is
broken on purpose: `spoilt` octets come from a good one by the change that the name tells. RSA keys of 1024 bits and
signatures with SHA-1, which libraries refuse to make, are spelled out octet by octet in `sign_by_hand`.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from tests.fakes import NOON

UPN = ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")
DAY = timedelta(days=1)
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | dsa.DSAPrivateKey


@cache
def key(name: str, kind: str = "ec") -> Key:
    """One key for each name and kind, for the whole run."""
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind == "dsa":
        return dsa.generate_private_key(2048)
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind.removeprefix("rsa-")))
    curves = {"ec": ec.SECP256R1(), "ec-p384": ec.SECP384R1(), "ec-k1": ec.SECP256K1(), "ec-p224": ec.SECP224R1()}
    return ec.generate_private_key(curves[kind])


def subject(common_name: str, *more: tuple[ObjectIdentifier, str]) -> x509.Name:
    parts = [(NameOID.COUNTRY_NAME, "DE"), (NameOID.ORGANIZATION_NAME, "Example"), (NameOID.COMMON_NAME, common_name)]
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in (*parts, *more)])


def upn(value: str) -> x509.OtherName:
    octets = value.encode()
    return x509.OtherName(UPN, bytes([0x0C, len(octets)]) + octets)


def usage(**wanted: bool) -> x509.KeyUsage:
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{name: wanted.get(name, False) for name in names})


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A certificate to be made. `extensions` with whether each is critical."""

    subject: x509.Name
    key: Key
    issuer: x509.Name
    issuer_key: Key
    serial: int = 7
    begins: datetime = NOON - DAY
    ends: datetime = NOON + DAY
    hash: hashes.HashAlgorithm | None = field(default_factory=hashes.SHA256)
    extensions: tuple[tuple[x509.ExtensionType, bool], ...] = ()

    def made(self) -> bytes:
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.subject)
            .issuer_name(self.issuer)
            .public_key(self.key.public_key())
            .serial_number(self.serial)
            .not_valid_before(self.begins)
            .not_valid_after(self.ends)
        )
        for extension, critical in self.extensions:
            builder = builder.add_extension(extension, critical=critical)
        algorithm = None if isinstance(self.issuer_key, ed25519.Ed25519PrivateKey) else self.hash
        return builder.sign(self.issuer_key, algorithm).public_bytes(Encoding.DER)


CA_NAME = subject("Example CA")
CA_EXTENSIONS = (
    (x509.BasicConstraints(ca=True, path_length=None), True),
    (usage(key_cert_sign=True, crl_sign=True), True),
)


def authority(name: str = "ca", *, kind: str = "ec", extensions: tuple = CA_EXTENSIONS, **more) -> bytes:
    """A self-signed authority called "Example CA" whatever `name` is, which chooses its key."""
    own = key(name, kind)
    made = {"subject": CA_NAME, "key": own, "issuer": CA_NAME, "issuer_key": own, "serial": 1, "ends": NOON + 90 * DAY}
    return Wanted(**(made | {"extensions": extensions} | more)).made()


def leaf(common_name: str = "batch", *, kind: str = "ec", ca: str = "ca", ca_kind: str = "ec", **more) -> bytes:
    """A certificate that `authority(ca)` issued, of an enterprise's kind: no names but the subject's, no extensions."""
    made = {
        "subject": subject(common_name),
        "key": key(common_name, kind),
        "issuer": CA_NAME,
        "issuer_key": key(ca, ca_kind),
    }
    return Wanted(**(made | more)).made()


def self_signed(common_name: str = "batch", **more) -> bytes:
    own = key(common_name)
    named = subject(common_name)
    return Wanted(**({"subject": named, "key": own, "issuer": named, "issuer_key": own} | more)).made()


def alternative(*names: x509.GeneralName) -> tuple[tuple[x509.ExtensionType, bool], ...]:
    return ((x509.SubjectAlternativeName(names), False),)


def purposes(*oids: ObjectIdentifier) -> tuple[tuple[x509.ExtensionType, bool], ...]:
    return ((x509.ExtendedKeyUsage(oids), False),)


def sign_by_hand(der: bytes, digest: str, own: rsa.RSAPrivateKey) -> bytes:
    """A certificate signed with sha256WithRSAEncryption, signed anew with SHA-1 or MD5 by raw RSA.

    Both algorithm identifiers change their last octet only (RFC 3279 section 2.2.1), so that no length changes.
    """
    certificate = x509.load_der_x509_certificate(der)
    old = bytes.fromhex("06092a864886f70d01010b")
    new = bytes.fromhex("06092a864886f70d0101" + {"sha1": "05", "md5": "04"}[digest])
    signed = certificate.tbs_certificate_bytes.replace(old, new)
    prefix = {"sha1": "3021300906052b0e03021a05000414", "md5": "3020300c06082a864886f70d020505000410"}[digest]
    octets = bytes.fromhex(prefix) + hashlib.new(digest, signed, usedforsecurity=False).digest()
    width = own.key_size // 8
    padded = b"\0\1" + b"\xff" * (width - len(octets) - 3) + b"\0" + octets
    numbers = own.private_numbers()
    value = pow(int.from_bytes(padded), numbers.d, numbers.public_numbers.n).to_bytes(width)
    changed = der.replace(certificate.tbs_certificate_bytes, signed).replace(certificate.signature, value)
    return changed.replace(old, new)


CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH
SERVER = ExtendedKeyUsageOID.SERVER_AUTH
ANY = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE


def intermediate(name: str, under: str = "ca", *, extensions: tuple = CA_EXTENSIONS, **more) -> bytes:
    """The authority `name`, issued by another; "ca" is `authority()`. Each has a key and a subject of its own."""
    issuer = CA_NAME if under == "ca" else subject(under)
    made = {"subject": subject(name), "key": key(name, "ec"), "issuer": issuer, "issuer_key": key(under, "ec")}
    return Wanted(**(made | {"ends": NOON + 60 * DAY, "extensions": extensions} | more)).made()


def leaf_under(name: str, **more) -> bytes:
    """A requestor's certificate that the authority `name` issued."""
    return leaf(**({"issuer": subject(name), "issuer_key": key(name, "ec")} | more))


def path_length(value: int) -> tuple[tuple[x509.ExtensionType, bool], ...]:
    return ((x509.BasicConstraints(ca=True, path_length=value), True), CA_EXTENSIONS[1])


def only_names(*permitted: x509.GeneralName, not_: tuple[x509.GeneralName, ...] = ()) -> tuple:
    """The extensions of an authority that may give these names alone."""
    return (*CA_EXTENSIONS, (x509.NameConstraints(permitted or None, not_ or None), True))


def sequence(*parts: bytes) -> bytes:
    """In DER; of certificates, a PkiPath."""
    content = b"".join(parts)
    if len(content) < 0x80:
        return bytes([0x30, len(content)]) + content
    width = (len(content).bit_length() + 7) // 8
    return bytes([0x30, 0x80 | width]) + len(content).to_bytes(width) + content
