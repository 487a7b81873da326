"""Whether a requestor's certificate is sound, and which trust anchor it is under (RFC 5280 section 6).

A path is the anchor itself or a certificate that an anchor issued directly. `cryptography.x509.verification` builds
paths by the rules of the web, which refuse what enterprises issue to people and services (no subjectAltName, no
authority key identifier); so each rule that holds here is spelled out, and whatever critical extension none of them
knows refuses the certificate.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from wstrust_sts.certificate_names import names_of
from wstrust_sts.certificates import CertificateName, ExaminedCertificate, TrustAnchor
from wstrust_sts.errors import FailedAuthentication

MAX_OCTETS = 16 * 1024
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
_Value = TypeVar("_Value", bound=x509.ExtensionType)


class Unsuitable(Exception):
    """A certificate that cannot be used as it was to be; says why, in words for operators."""


class DirectValidator:
    """A `CertificateValidator` for anchors that issue directly. `skew`: by how much clocks may disagree."""

    def __init__(self, skew: timedelta) -> None:
        self._skew = skew

    def examine(
        self, unverified_certificate: bytes, *, anchors: Sequence[TrustAnchor], now: datetime
    ) -> ExaminedCertificate:
        """As the port promises."""
        try:
            shown = read_requestor(unverified_certificate)
            _demand_current(shown.certificate, now=now, skew=self._skew)
        except Unsuitable as reason:
            raise FailedAuthentication(f"certificate: {reason}") from None
        return ExaminedCertificate(anchor=self._anchor_of(shown, anchors, now), names=shown.names)

    def _anchor_of(self, shown: "Requestor", anchors: Sequence[TrustAnchor], now: datetime) -> TrustAnchor | None:
        """The first anchor whose path holds. A certificate may be under several that share a key: by name, then."""
        for anchor in anchors:
            if shown.der == anchor.certificate:
                return anchor
        for anchor in anchors:
            try:
                issuer = read_anchor(anchor.certificate)
                _demand_current(issuer, now=now, skew=self._skew)
            except Unsuitable:
                continue
            if not shown.is_authority and _is_issued_by(shown.der, anchor.certificate):
                return anchor
        return None


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
    usage = _extension(certificate, x509.KeyUsage)
    if usage is not None and not usage.digital_signature:
        raise Unsuitable("its key is not for signatures (key usage)")
    purposes = _extension(certificate, x509.ExtendedKeyUsage)
    if purposes is not None and _FOR_CLIENTS.isdisjoint(purposes):
        raise Unsuitable("it is not for clients (extended key usage)")
    constraints = _extension(certificate, x509.BasicConstraints)
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
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        raise Unsuitable("it is malformed, or of a kind that is not known here") from None
    return certificate


@lru_cache(maxsize=256)
def read_anchor(der: bytes) -> x509.Certificate:
    """A certificate that may be trusted to issue others, or to be itself. Raises Unsuitable."""
    certificate = read_certificate(der)
    _demand_strong_key(certificate)
    _demand_known_extensions(certificate, _KNOWN)
    if _extension(certificate, x509.NameConstraints) is not None:
        raise Unsuitable("it has name constraints, which are not enforced here yet")
    return certificate


@lru_cache(maxsize=256)
def _is_issued_by(der: bytes, anchor_der: bytes) -> bool:
    """Whether the anchor may issue certificates and its key signed this one. Names alone never do."""
    certificate, anchor = read_certificate(der), read_anchor(anchor_der)
    constraints = _extension(anchor, x509.BasicConstraints)
    usage = _extension(anchor, x509.KeyUsage)
    if constraints is None or not constraints.ca or (usage is not None and not usage.key_cert_sign):
        return False
    try:
        if not isinstance(anchor.public_key(), ed25519.Ed25519PublicKey) and not isinstance(
            certificate.signature_hash_algorithm, _HASHES
        ):
            return False
        certificate.verify_directly_issued_by(anchor)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True


def _demand_current(certificate: x509.Certificate, *, now: datetime, skew: timedelta) -> None:
    if now + skew < certificate.not_valid_before_utc:
        raise Unsuitable("it is not valid yet")
    if now - skew > certificate.not_valid_after_utc:
        raise Unsuitable("it has expired")


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


def _extension(certificate: x509.Certificate, kind: type[_Value]) -> _Value | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
