"""What is the same in every process, so that an input that was written down means the same where it is replayed:
a signing key, signatures and issued assertions. Worth nothing outside of tests.
"""

from datetime import timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.assertions import descriptor, issue
from tests.fakes import NOON, REALM
from wstrust_sts.keys import LocalSigner, PublicVerificationKey
from wstrust_sts.model import IssuedToken, TokenType

TOKEN_IDS = {
    TokenType.SAML20: "_20000000000000000000000000000020",
    TokenType.SAML11: "_11000000000000000000000000000011",
}
_SECRET = 0x5EED


class SteadySigner(LocalSigner):
    """Signs the same octets in the same way each time (RFC 6979)."""

    def sign(self, octets: bytes) -> bytes:
        signature = self._private_key.sign(octets, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
        return b"".join(number.to_bytes(32, "big") for number in decode_dss_signature(signature))


@cache
def signer() -> SteadySigner:
    key = ec.derive_private_key(_SECRET, ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, REALM.issuer)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(_SECRET)
        .not_valid_before(NOON)
        .not_valid_after(NOON + timedelta(days=1))
        .sign(key, hashes.SHA256(), ecdsa_deterministic=True)
    )
    return SteadySigner(key, key_id="steady", certificates=(certificate.public_bytes(Encoding.DER),))


@cache
def verification_key() -> PublicVerificationKey:
    return PublicVerificationKey.of_certificate(signer().certificates[0], key_id=signer().key_id)


@cache
def issued(token_type: TokenType) -> IssuedToken:
    """A genuine assertion about alice, for an hour from noon."""
    return issue(descriptor(token_type, token_id=TOKEN_IDS[token_type]), signer())
