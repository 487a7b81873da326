"""What an OCSP responder says of a certificate (RFC 6960).

The answer counts that the certificate's issuer signed, or a responder to whom this issuer delegated it with a
certificate of its own: for OCSP signing, in its time, and marked as not to be checked in turn (section 4.2.2.2.1).
Requests carry no nonce, so that responders may answer from what they have prepared; times bound the age of an answer.
"""

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from wstrust_sts.pki.signed import SaysNothing, verify_signature
from wstrust_sts.pki.soundness import UNREADABLE, Unsuitable, demand_current, extension, is_signed_with_a_strong_hash

MAX_OCTETS = 64 * 1024
MAX_RESPONDERS = 2  # of one certificate
REQUEST_TYPE = "application/ocsp-request"
_UNDATED = timedelta(minutes=10)  # for which an answer counts that does not say when the next one comes
_CERTIFICATES = 4  # that a responder may send along
_STATUS = {ocsp.OCSPCertStatus.GOOD: False, ocsp.OCSPCertStatus.REVOKED: True}


def write_request(certificate: x509.Certificate, issuer: x509.Certificate) -> bytes:
    """SHA-1 names the issuer, and protects nothing: every responder knows it, some know no other (RFC 5019)."""
    digest = hashes.SHA1()  # noqa: S303
    return ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, digest).build().public_bytes(Encoding.DER)


def responders_of(certificate: x509.Certificate) -> list[str]:
    """The URLs that the certificate itself names."""
    access = extension(certificate, x509.AuthorityInformationAccess) or ()
    return [
        each.access_location.value
        for each in access
        if each.access_method == AuthorityInformationAccessOID.OCSP
        and isinstance(each.access_location, x509.UniformResourceIdentifier)
    ][:MAX_RESPONDERS]


def is_revoked_by(
    octets: bytes, certificate: x509.Certificate, issuer: x509.Certificate, *, now: datetime, skew: timedelta
) -> bool:
    """By the answer in `octets`. `issuer`: verified to be the certificate's. Raises SaysNothing."""
    try:
        response = ocsp.load_der_ocsp_response(octets)
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise SaysNothing(f"the responder gave no status: {response.response_status.name}")
        answer = _answer_for(response, certificate, issuer)
        _demand_signature(response, issuer, now=now, skew=skew)
        return _status(response, answer, now=now, skew=skew)
    except UNREADABLE:
        raise SaysNothing("it is no OCSP answer, or a malformed one") from None


def _answer_for(
    response: ocsp.OCSPResponse, certificate: x509.Certificate, issuer: x509.Certificate
) -> ocsp.OCSPSingleResponse:
    for critical in (each for each in response.extensions if each.critical):
        raise SaysNothing(f"the answer has a critical extension that is not known here: {critical.oid.dotted_string}")
    for answer in response.responses:
        asked = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, _known(answer.hash_algorithm)).build()
        if (answer.serial_number, answer.issuer_name_hash, answer.issuer_key_hash) == (
            asked.serial_number,
            asked.issuer_name_hash,
            asked.issuer_key_hash,
        ):
            return answer
    raise SaysNothing("the answer is for another certificate")


def _known(algorithm: hashes.HashAlgorithm) -> hashes.HashAlgorithm:
    if not isinstance(algorithm, hashes.SHA1 | hashes.SHA256 | hashes.SHA384 | hashes.SHA512):
        raise SaysNothing("the answer names its issuer by a hash that is not offered")
    return algorithm


def _demand_signature(response: ocsp.OCSPResponse, issuer: x509.Certificate, *, now: datetime, skew: timedelta) -> None:
    if _is_by(response, issuer):
        signer = issuer
    else:
        signer = next((each for each in response.certificates[:_CERTIFICATES] if _is_by(response, each)), issuer)
        if signer is not issuer:
            _demand_delegate(signer, issuer, now=now, skew=skew)
    if not is_signed_with_a_strong_hash(response, signer):
        raise SaysNothing("the answer is signed with a hash that is not offered")
    algorithm = response.signature_hash_algorithm
    verify_signature(signer, response.signature, response.tbs_response_bytes, algorithm)


def _is_by(response: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    """Whether the answer says so: by the name or the key of the responder."""
    if response.responder_key_hash is not None:
        return response.responder_key_hash == x509.SubjectKeyIdentifier.from_public_key(signer.public_key()).digest
    return response.responder_name == signer.subject


def _demand_delegate(responder: x509.Certificate, issuer: x509.Certificate, *, now: datetime, skew: timedelta) -> None:
    try:
        demand_current(responder, now=now, skew=skew)
        if not is_signed_with_a_strong_hash(responder, issuer):
            raise SaysNothing("the responder's certificate is signed with a hash that is not offered")
        responder.verify_directly_issued_by(issuer)
    except Unsuitable as reason:
        raise SaysNothing(f"the responder's certificate: {reason}") from None
    except InvalidSignature:
        raise SaysNothing("the responder's certificate is not by the certificate's issuer") from None
    purposes = extension(responder, x509.ExtendedKeyUsage)
    if purposes is None or ExtendedKeyUsageOID.OCSP_SIGNING not in purposes:
        raise SaysNothing("the responder's certificate is not for OCSP signing (extended key usage)")
    usage = extension(responder, x509.KeyUsage)
    if usage is not None and not usage.digital_signature:
        raise SaysNothing("the responder's key is not for signatures (key usage)")
    if extension(responder, x509.OCSPNoCheck) is None:
        raise SaysNothing("the responder's certificate would have to be checked in turn (no OCSPNoCheck)")


def _status(response: ocsp.OCSPResponse, answer: ocsp.OCSPSingleResponse, *, now: datetime, skew: timedelta) -> bool:
    status = _STATUS.get(answer.certificate_status)
    if status is None:
        raise SaysNothing("the responder does not know the certificate")
    if now + skew < max(answer.this_update_utc, response.produced_at_utc):
        raise SaysNothing("the answer is of a time to come")
    if status:
        return True
    ends = answer.next_update_utc or min(answer.this_update_utc, response.produced_at_utc) + _UNDATED
    if now - skew > ends:
        raise SaysNothing(f"the answer was good until {ends:%Y-%m-%d %H:%M} UTC")
    return False
