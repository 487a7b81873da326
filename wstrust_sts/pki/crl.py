"""What a certificate revocation list says of a certificate (RFC 5280 sections 5 and 6.3).

The list counts that the certificate's own issuer signed, for this certificate's kind and distribution point, whole and
in its time. Indirect lists, lists for some reasons alone and delta lists say nothing here. That an authentic list names
the certificate counts even when a newer list is due.
"""

from datetime import datetime, timedelta
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID

from wstrust_sts.pki.signed import SaysNothing
from wstrust_sts.pki.soundness import UNREADABLE, extension, is_signed_with_a_strong_hash

MAX_OCTETS = 16 * 1024 * 1024
_REMEMBERED = 4096  # certificates, of each list
MAX_POINTS = 8  # of one certificate
_PEM = b"-----BEGIN X509 CRL-----"
_KNOWN = frozenset({ExtensionOID.ISSUING_DISTRIBUTION_POINT, ExtensionOID.CRL_NUMBER})


def is_revoked_by(
    octets: bytes, certificate: x509.Certificate, issuer: x509.Certificate, *, now: datetime, skew: timedelta
) -> bool:
    """By the list in `octets`, DER or PEM. `issuer`: verified to be the certificate's. Raises SaysNothing."""
    read = _read_signed(octets, issuer.public_bytes(Encoding.DER))
    if isinstance(read, str):
        raise SaysNothing(read)
    found = read.revoked
    _demand_scope(found, certificate)
    if now + skew < found.last_update_utc:
        raise SaysNothing("the list is of a time to come")
    try:
        named = read.names(certificate.serial_number)
    except UNREADABLE:
        raise SaysNothing("the list has a malformed entry") from None
    if named:
        return True
    if found.next_update_utc is None:
        raise SaysNothing("the list does not say when its successor comes")
    if now - skew > found.next_update_utc:
        raise SaysNothing(f"the list was good until {found.next_update_utc:%Y-%m-%d %H:%M} UTC")
    return False


def read_list(octets: bytes) -> x509.CertificateRevocationList:
    """Raises SaysNothing. Nothing of it was verified."""
    try:
        load = x509.load_pem_x509_crl if _PEM in octets[:4096] else x509.load_der_x509_crl
        found = load(octets)
        _ = list(found.issuer), list(found.extensions), found.last_update_utc, found.next_update_utc
    except UNREADABLE:
        raise SaysNothing("it is no revocation list, or a malformed one") from None
    return found


class _SignedList:
    """A list that its issuer signed. What was looked for is remembered: each look goes through all of it."""

    __slots__ = ("_looked_for", "revoked")

    def __init__(self, revoked: x509.CertificateRevocationList) -> None:
        self.revoked = revoked
        self._looked_for: dict[int, bool] = {}

    def names(self, serial: int) -> bool:
        known = self._looked_for.get(serial)
        if known is None:
            if len(self._looked_for) >= _REMEMBERED:
                self._looked_for.clear()
            known = self.revoked.get_revoked_certificate_by_serial_number(serial) is not None
            self._looked_for[serial] = known
        return known


@lru_cache(maxsize=16)
def _read_signed(octets: bytes, issuer_der: bytes) -> _SignedList | str:
    """The list, or why it does not count: both are remembered, so that long ones are read once."""
    issuer = x509.load_der_x509_certificate(issuer_der)
    try:
        found = read_list(octets)
    except SaysNothing as reason:
        return str(reason)
    if found.issuer != issuer.subject:
        return "the list is another authority's"
    usage = extension(issuer, x509.KeyUsage)
    if usage is not None and not usage.crl_sign:
        return "the authority's key is not for revocation lists (key usage)"
    unknown = [each.oid.dotted_string for each in found.extensions if each.critical and each.oid not in _KNOWN]
    if unknown:
        return f"the list has a critical extension that is not known here: {unknown[0]}"
    key = issuer.public_key()
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey):
        return "the authority has a kind of key that is not offered"
    try:
        if not is_signed_with_a_strong_hash(found, issuer) or not found.is_signature_valid(key):
            return "the list is not signed by the authority's key, or with a hash that is not offered"
    except UNREADABLE:
        return "the list is signed in a way that is not offered"
    return _SignedList(found)


def _demand_scope(found: x509.CertificateRevocationList, certificate: x509.Certificate) -> None:
    """Section 6.3.3 (b). Raises SaysNothing."""
    scope = extension(found, x509.IssuingDistributionPoint)
    if scope is None:
        return
    if scope.indirect_crl or scope.only_some_reasons is not None or scope.only_contains_attribute_certs:
        raise SaysNothing("the list is an indirect one, for some reasons alone, or for attribute certificates")
    constraints = extension(certificate, x509.BasicConstraints)
    is_authority = constraints is not None and constraints.ca
    if scope.only_contains_user_certs if is_authority else scope.only_contains_ca_certs:
        raise SaysNothing("the list is not for this kind of certificate")
    if scope.relative_name is not None:
        raise SaysNothing("the list names its distribution point in a way that is not known here")
    if scope.full_name is not None and not set(scope.full_name) & set(_point_names(certificate)):
        raise SaysNothing("the list is for another distribution point than the certificate's")


def points_of(certificate: x509.Certificate) -> list[str]:
    """The URLs at which the certificate's issuer publishes its list; those of other issuers' lists are left out."""
    return [name.value for name in _point_names(certificate) if isinstance(name, x509.UniformResourceIdentifier)][
        :MAX_POINTS
    ]


def _point_names(certificate: x509.Certificate) -> list[x509.GeneralName]:
    points = extension(certificate, x509.CRLDistributionPoints) or ()
    return [name for point in points if not point.crl_issuer and not point.reasons for name in point.full_name or ()]
