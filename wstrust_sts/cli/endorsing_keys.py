"""Keys whose signature endorses a message inside of TLS: a certificate's, or that of an issued token."""

from functools import partial

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from wstrust_sts import ns
from wstrust_sts.cli.key_wishes import HeldKey, OwnKey, SecretKey
from wstrust_sts.cli.token_markup import as_text, refer_to
from wstrust_sts.errors import UnsupportedAlgorithm
from wstrust_sts.keys import LocalMessageKey, PrivateKey
from wstrust_sts.wire.message_signature import MacKey
from wstrust_sts.wire.sealing import EndorsingKey, Methods, show_certificate

_ELLIPTIC: dict[str, hashes.HashAlgorithm] = {
    ns.ECDSA_SHA256: hashes.SHA256(),
    ns.ECDSA_SHA384: hashes.SHA384(),
    ns.ECDSA_SHA512: hashes.SHA512(),
}
_OF_RSA = {ns.ECDSA_SHA256: ns.RSA_SHA256, ns.ECDSA_SHA384: ns.RSA_SHA384, ns.ECDSA_SHA512: ns.RSA_SHA512}
_OF_ELLIPTIC = {rsa_: elliptic for elliptic, rsa_ in _OF_RSA.items()}


def endorse_by_certificate(private: PrivateKey, *, certificate: bytes, signature: str, digest: str) -> EndorsingKey:
    """`certificate` (DER) goes along. `signature` is a method of RSA; an elliptic key takes the like one of its own."""
    token, reference = show_certificate(certificate)
    return _by_private_key(private, signature=signature, digest=digest, token=token, reference=reference)


def endorse_by_token(
    token: bytes, key: HeldKey, *, signature: str, mac: str, digest: str, shown: bool = True
) -> EndorsingKey:
    """The key that the token is bound to signs; the token goes along if it is to be `shown`, and is named in any case.

    Raises Refusal: it is no assertion with an id.
    """
    reference, markup = refer_to(token), as_text(token) if shown else ""
    match key:
        case SecretKey(octets):
            return EndorsingKey(
                sign=partial(MacKey(octets).sign, algorithm=mac),
                methods=Methods(signature=mac, digest=digest, encryption=""),
                token=markup,
                reference=reference,
            )
        case OwnKey(private=private):
            return _by_private_key(private, signature=signature, digest=digest, token=markup, reference=reference)


def _by_private_key(private: PrivateKey, *, signature: str, digest: str, token: str, reference: str) -> EndorsingKey:
    if isinstance(private, rsa.RSAPrivateKey):
        method = signature
        sign = partial(LocalMessageKey(private, certificate=b"").sign, algorithm=method)
    else:
        method = _OF_ELLIPTIC.get(signature, signature)
        sign = partial(_sign_elliptic, private, method)
    methods = Methods(signature=method, digest=digest, encryption="")
    return EndorsingKey(sign=sign, methods=methods, token=token, reference=reference)


def _sign_elliptic(private: ec.EllipticCurvePrivateKey, method: str, octets: bytes) -> bytes:
    """RFC 6931 section 2.3.6: r || s, each as long as the curve's order. Raises UnsupportedAlgorithm."""
    chosen = _ELLIPTIC.get(method)
    if chosen is None:
        raise UnsupportedAlgorithm(f"an elliptic key does not sign by {method}")
    width = (private.curve.key_size + 7) // 8
    r, s = decode_dss_signature(private.sign(octets, ec.ECDSA(chosen)))
    return r.to_bytes(width, "big") + s.to_bytes(width, "big")


def opener_of(private: PrivateKey, *, certificate: bytes) -> LocalMessageKey | None:
    """What opens a secret that came encrypted for the certificate; nothing can be encrypted for an elliptic key."""
    return LocalMessageKey(private, certificate=certificate) if isinstance(private, rsa.RSAPrivateKey) else None
