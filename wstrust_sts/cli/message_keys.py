"""The certificates and the key that a client protects its messages with, out of PEM files."""

import os
from functools import cache
from pathlib import Path

import click
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from wstrust_sts.cli.output import Refusal
from wstrust_sts.errors import StsError
from wstrust_sts.keys import LocalMessageKey, PrivateKey
from wstrust_sts.wire.certificates import Certificate, read_certificate

KEY_PASSWORD_VARIABLE = "WSTRUST_STS_KEY_PASSWORD"  # noqa: S105 (a variable's name)


def read_sts_certificate(path: Path) -> Certificate:
    """What the STS signs and decrypts with. Raises Refusal."""
    certificate = _read_certificate(path)
    if not certificate.is_rsa:
        raise Refusal(f"{path} has a key that is not RSA: nothing can be encrypted for it.")
    return certificate


def _read_certificate(path: Path, *, chain: bool = False) -> Certificate:
    """The one in the file, or the first of a `chain`. Raises Refusal."""
    try:
        (found, *more) = x509.load_pem_x509_certificates(path.read_bytes())
        certificate = read_certificate(found.public_bytes(Encoding.DER))
    except (OSError, ValueError):
        raise Refusal(f"{path} is not a PEM file with a certificate in it.") from None
    except StsError as error:
        raise Refusal(f"The certificate in {path} cannot be used: {error.detail}.") from None
    if more and not chain:
        raise Refusal(f"{path} has {len(more) + 1} certificates in it: leave the one that is in use.")
    return certificate


def read_own_key(*, certificate: Path, key: Path, chain: bool = False) -> tuple[PrivateKey, bytes]:
    """The requestor's key and its certificate (DER), below which its issuers may be in a `chain`. Raises Refusal."""
    own = _read_certificate(certificate, chain=chain)
    private = read_private_key(key)
    if not isinstance(private, PrivateKey):
        raise Refusal(f"The key in {key} is neither RSA nor elliptic.")
    if private.public_key() != own.public_key:
        raise Refusal(f"The key in {key} is not the one of the certificate in {certificate}.")
    return private, own.der


def read_message_key(*, certificate: Path, key: Path) -> LocalMessageKey:
    """The same, for messages that are encrypted for it, too. Raises Refusal."""
    private, der = read_own_key(certificate=certificate, key=key)
    if not isinstance(private, rsa.RSAPrivateKey):
        raise Refusal(f"The key in {key} is not RSA, which this binding needs.")
    return LocalMessageKey(private, certificate=der)


def read_opener(path: Path) -> LocalMessageKey:
    """A relying party's key, for what is encrypted for its certificate. Raises Refusal."""
    private = read_private_key(path)
    if not isinstance(private, rsa.RSAPrivateKey):
        raise Refusal(f"The key in {path} is not RSA: nothing is encrypted for it.")
    try:
        return LocalMessageKey(private, certificate=b"")
    except ValueError as error:
        raise Refusal(f"The key in {path} cannot be used: {error}.") from None


def read_private_key(path: Path) -> object:
    """Under a password from the environment or the prompt where it has one. Raises Refusal."""
    try:
        octets = path.read_bytes()
    except OSError as error:
        raise Refusal(f"{path} cannot be read: {error.strerror}") from None
    try:
        return load_pem_private_key(octets, None)
    except TypeError:
        password = key_password(path)
    except ValueError:
        raise Refusal(f"{path} is not a PEM file with a private key in it.") from None
    try:
        return load_pem_private_key(octets, password.encode())
    except ValueError:
        raise Refusal(f"The key in {path} does not open with this password.") from None


@cache
def key_password(path: Path) -> str:
    """Of the private key in `path`, which has one; asked for once."""
    password: str = os.environ.get(KEY_PASSWORD_VARIABLE) or click.prompt(
        f"Password of {path}", hide_input=True, err=True
    )
    return password
