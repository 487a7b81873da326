"""Whether one certificate is fit for its part: a requestor's, an authority's, or a trust anchor's (RFC 5280 section 4).

Whatever critical extension no rule here knows refuses the certificate.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TypeAlias, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from wstrust_sts.certificate_names import names_of
from wstrust_sts.certificates import CertificateName

MAX_OCTETS = 16 * 1024
UNREADABLE = (  # what the library raises for octets that are not what they should be
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
_RSA_BITS = range(2048, 8192 + 1)
_MAXIMAL_EXPONENT = 2**32
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)  # that an issuer may sign with
_KNOWN = frozenset(  # the critical extensions that a certificate may have
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.CERTIFICATE_POLICIES,  # any policy will do (RFC 5280 section 6.1.1, any-policy)
    }
)
_FOR_CLIENTS = frozenset({ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE})
_KNOWN_OF_AUTHORITIES = _KNOWN | {ExtensionOID.NAME_CONSTRAINTS}
_Value = TypeVar("_Value", bound=x509.ExtensionType)

Signed: TypeAlias = x509.Certificate | x509.CertificateRevocationList | ocsp.OCSPResponse
HasExtensions: TypeAlias = x509.Certificate | x509.CertificateRevocationList | x509.RevokedCertificate


class Unsuitable(Exception):
    """A certificate that cannot be used as it was to be; says why, in words for operators."""


@dataclass(frozen=True, slots=True)
class Requestor:
    """A certificate whose key and use suit a requestor; its times were not looked at."""

    der: bytes
    certificate: x509.Certificate
    names: tuple[CertificateName, ...]
    is_authority: bool


@lru_cache(maxsize=256)
def read_requestor(der: bytes) -> Requestor:
    """What a requestor may show, but for its times. Raises Unsuitable."""
    certificate = read_certificate(der)
    _demand_strong_key(certificate)
    _demand_known_extensions(certificate, _KNOWN)
    usage = extension(certificate, x509.KeyUsage)
    if usage is not None and not usage.digital_signature:
        raise Unsuitable("its key is not for signatures (key usage)")
    purposes = extension(certificate, x509.ExtendedKeyUsage)
    if purposes is not None and _FOR_CLIENTS.isdisjoint(purposes):
        raise Unsuitable("it is not for clients (extended key usage)")
    constraints = extension(certificate, x509.BasicConstraints)
    try:
        names = names_of(certificate, der)
    except (ValueError, TypeError):
        raise Unsuitable("its names are unreadable, too many or too long") from None
    return Requestor(der, certificate, names, is_authority=constraints is not None and constraints.ca)


def read_certificate(der: bytes) -> x509.Certificate:
    """Raises Unsuitable."""
    if len(der) > MAX_OCTETS:
        raise Unsuitable(f"it is longer than {MAX_OCTETS} octets")
    try:
        certificate = x509.load_der_x509_certificate(der)
        certificate.public_key()
        list(certificate.subject), list(certificate.issuer), list(certificate.extensions)
        _ = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except UNREADABLE:
        raise Unsuitable("it is malformed, or of a kind that is not known here") from None
    return certificate


@lru_cache(maxsize=256)
def read_anchor(der: bytes) -> x509.Certificate:
    """A certificate that may be trusted to issue others, or to be itself. Raises Unsuitable."""
    certificate = read_certificate(der)
    _demand_strong_key(certificate)
    _demand_known_extensions(certificate, _KNOWN_OF_AUTHORITIES)
    constraints = extension(certificate, x509.NameConstraints)
    if constraints is not None:
        list(constraints.permitted_subtrees or ()), list(constraints.excluded_subtrees or ())
    return certificate


def read_recipient(der: bytes) -> x509.Certificate:
    """A certificate that keys may be encrypted for; its times were not looked at. Raises Unsuitable."""
    certificate = read_certificate(der)
    if not isinstance(certificate.public_key(), rsa.RSAPublicKey):
        raise Unsuitable("its key is not RSA, and nothing can be encrypted for it")
    _demand_strong_key(certificate)
    usage = extension(certificate, x509.KeyUsage)
    if usage is not None and not usage.key_encipherment:
        raise Unsuitable("its key is not for encrypting keys (key usage)")
    return certificate


@lru_cache(maxsize=256)
def read_authority(der: bytes) -> x509.Certificate:
    """One that may issue certificates of requestors, with whatever is above it. Raises Unsuitable."""
    authority = read_anchor(der)
    constraints = extension(authority, x509.BasicConstraints)
    if constraints is None or not constraints.ca:
        raise Unsuitable("it is no authority (basic constraints)")
    usage = extension(authority, x509.KeyUsage)
    if usage is not None and not usage.key_cert_sign:
        raise Unsuitable("its key is not for signing certificates (key usage)")
    purposes = extension(authority, x509.ExtendedKeyUsage)
    if purposes is not None and _FOR_CLIENTS.isdisjoint(purposes):
        raise Unsuitable("it is not for issuing to clients (extended key usage)")
    return authority


def demand_current(certificate: x509.Certificate, *, now: datetime, skew: timedelta) -> None:
    """Raises Unsuitable."""
    if now + skew < certificate.not_valid_before_utc:
        raise Unsuitable(f"it is not valid yet, but from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC")
    if now - skew > certificate.not_valid_after_utc:
        raise Unsuitable(f"it has expired on {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC")


def is_signed_with_a_strong_hash(signed: Signed, signer: x509.Certificate) -> bool:
    """Whether a signature by `signer` on a certificate, revocation list or answer may count."""
    if isinstance(signer.public_key(), ed25519.Ed25519PublicKey):
        return True
    try:
        return isinstance(signed.signature_hash_algorithm, _HASHES)
    except UnsupportedAlgorithm:
        return False


def _demand_strong_key(certificate: x509.Certificate) -> None:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size not in _RSA_BITS or key.public_numbers().e > _MAXIMAL_EXPONENT:
            raise Unsuitable(f"it has an RSA key of {key.key_size} bits or an odd exponent")
    elif isinstance(key, ec.EllipticCurvePublicKey):
        if not isinstance(key.curve, _CURVES):
            raise Unsuitable(f"its key is on the curve {key.curve.name}")
    elif not isinstance(key, ed25519.Ed25519PublicKey):
        raise Unsuitable("it has a kind of key that is not offered")


def _demand_known_extensions(certificate: x509.Certificate, known: frozenset[x509.ObjectIdentifier]) -> None:
    unknown = [item.oid.dotted_string for item in certificate.extensions if item.critical and item.oid not in known]
    if unknown:
        raise Unsuitable(f"it has a critical extension that is not known here: {unknown[0]}")


def extension(certificate: HasExtensions, kind: type[_Value]) -> _Value | None:
    """The value of its one extension of this kind."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
