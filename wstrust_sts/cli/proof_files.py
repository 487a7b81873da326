"""Keys that tokens are bound to, in PEM files for their owner's eyes only: a private key as everywhere (PKCS #8), or a
secret in a block of its own.
"""

import base64
import binascii
import re
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from wstrust_sts.cli.key_wishes import HeldKey, OwnKey, SecretKey
from wstrust_sts.cli.message_keys import read_private_key
from wstrust_sts.cli.output import Refusal
from wstrust_sts.cli.trace import write_private_file
from wstrust_sts.errors import StsError
from wstrust_sts.keys import PrivateKey
from wstrust_sts.proof_keys import LONGEST_SECRET, SHORTEST_SECRET, PublicProof
from wstrust_sts.wire.certificates import suitable_key

_SECRET = re.compile(rb"-----BEGIN SYMMETRIC KEY-----\s+([A-Za-z0-9+/=\s]+)-----END SYMMETRIC KEY-----\s*")
_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"


def key_file_beside(token: Path) -> Path:
    """Where the key of a token in `token` is kept."""
    return token.with_suffix(".key")


def write_proof_key(path: Path, key: HeldKey) -> None:
    """Raises OSError."""
    match key:
        case SecretKey(octets):
            written = base64.b64encode(octets)
            pem = b"-----BEGIN SYMMETRIC KEY-----\n" + written + b"\n-----END SYMMETRIC KEY-----\n"
        case OwnKey(private=private, proof=proof):
            pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            if proof.certificate is not None:
                pem = x509.load_der_x509_certificate(proof.certificate).public_bytes(Encoding.PEM) + pem
    write_private_file(path, pem)


def read_proof_key(path: Path) -> HeldKey:
    """What `write_proof_key` wrote, or any private key in PEM, perhaps with its certificate. Raises Refusal."""
    try:
        octets = path.read_bytes()
    except OSError as error:
        raise Refusal(f"{path} cannot be read: {error.strerror}") from None
    if b"SYMMETRIC KEY" in octets:
        return _read_secret(octets, path)
    return read_own_key_file(path)


def _read_secret(octets: bytes, path: Path) -> SecretKey:
    block = _SECRET.fullmatch(octets)
    try:
        secret = base64.b64decode(b"" if block is None else b"".join(block[1].split()), validate=True)
    except binascii.Error:
        secret = b""
    if not SHORTEST_SECRET <= len(secret) <= LONGEST_SECRET:
        raise Refusal(f"{path} is not a file with a token's symmetric key in it.")
    return SecretKey(secret)


def read_own_key_file(path: Path) -> OwnKey:
    """A private key, and its certificate where that is in the file, too. Raises Refusal."""
    private = read_private_key(path)
    if not isinstance(private, PrivateKey):
        raise Refusal(f"The key in {path} is neither RSA nor elliptic.")
    try:
        suitable_key(private.public_key())
    except StsError as error:
        raise Refusal(f"The key in {path} cannot be used: {error.detail}.") from None
    octets = path.read_bytes()
    certificate = None
    if _CERTIFICATE in octets:
        try:
            (certified, *_) = x509.load_pem_x509_certificates(octets)
        except ValueError:
            raise Refusal(f"The certificate in {path} cannot be read.") from None
        if certified.public_key() != private.public_key():
            raise Refusal(f"The certificate in {path} is not of the key in it.")
        certificate = certified.public_bytes(Encoding.DER)
    return own_key(private, certificate=certificate)


def own_key(private: PrivateKey, *, certificate: bytes | None = None) -> OwnKey:
    key_info = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return OwnKey(private, PublicProof(key_info, certificate))


def new_own_key() -> OwnKey:
    """A key pair for one token."""
    return own_key(rsa.generate_private_key(public_exponent=65537, key_size=2048))
