"""What the judges of revocation lists and of OCSP answers have in common."""

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import HashAlgorithm


class SaysNothing(Exception):
    """An answer from which nothing follows for the certificate; why, in words for operators."""


def verify_signature(
    signer: x509.Certificate, signature: bytes, octets: bytes, algorithm: HashAlgorithm | None
) -> None:
    """By the signer's key. Raises SaysNothing."""
    key = signer.public_key()
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, octets)
        elif isinstance(key, rsa.RSAPublicKey) and algorithm is not None:
            key.verify(signature, octets, PKCS1v15(), algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey) and algorithm is not None:
            key.verify(signature, octets, ec.ECDSA(algorithm))
        else:
            raise SaysNothing("it is signed with an algorithm that is not offered")
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        raise SaysNothing("its signature is not by its issuer's key") from None
