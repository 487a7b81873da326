"""Public keys in ds:KeyInfo (XML Signature 1.1 section 4.5): read from requests and tokens, written into tokens.

A key is compared by its SubjectPublicKeyInfo, whatever form it came in. Nothing here says whose it is.
"""

import base64
from contextlib import suppress

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from wstrust_sts import ns
from wstrust_sts.errors import InvalidHeaderToken, InvalidRequest, RequestFailed
from wstrust_sts.model import VerifiedMessage
from wstrust_sts.proof_keys import ProvedKey, PublicProof
from wstrust_sts.received_tokens import EndorsingAssertion, PresentedCertificate
from wstrust_sts.wire.certificates import read_certificate, suitable_key, verify_signature
from wstrust_sts.wire.keyinfo import MAX_CERTIFICATE
from wstrust_sts.wire.xml import Element, children, local, octets_of

KEY_VALUE = f"{{{ns.DS}}}KeyValue"
X509_DATA = f"{{{ns.DS}}}X509Data"
_MAX_MODULUS = 1025  # octets: RSA-8192, perhaps with a zero before it
_MAX_EXPONENT = 8
_MAX_POINT = 133  # octets: P-521, uncompressed
_CURVES: dict[str, ec.EllipticCurve] = {
    "urn:oid:1.2.840.10045.3.1.7": ec.SECP256R1(),
    "urn:oid:1.3.132.0.34": ec.SECP384R1(),
    "urn:oid:1.3.132.0.35": ec.SECP521R1(),
}
_CURVE_NAMES = {curve.name: name for name, curve in _CURVES.items()}


def read_certified_key(der: bytes) -> PublicProof:
    """The key of a certificate, named by that. Raises InvalidRequest."""
    try:
        certificate = read_certificate(der)
    except InvalidHeaderToken as error:
        raise InvalidRequest(error.detail) from None
    return PublicProof(certificate.key_info, certificate.der)


def read_public_key(named: Element) -> PublicProof:
    """The key in a ds:X509Data with one certificate, or in a ds:KeyValue. Raises InvalidRequest."""
    inside = children(named)
    if len(inside) != 1:
        raise InvalidRequest(f"{local(named)} that holds not exactly one key")
    (key,) = inside
    match (named.tag, key.tag):
        case (str() as tag, str() as of) if tag == X509_DATA and of == f"{{{ns.DS}}}X509Certificate":
            return read_certified_key(octets_of(key, limit=MAX_CERTIFICATE))
        case (str() as tag, str() as of) if tag == KEY_VALUE and of == f"{{{ns.DS}}}RSAKeyValue":
            return _named_by_value(_read_rsa(key))
        case (str() as tag, str() as of) if tag == KEY_VALUE and of == f"{{{ns.DS11}}}ECKeyValue":
            return _named_by_value(_read_ec(key))
    raise InvalidRequest(f"a key as {local(key)} in {local(named)}, which is not offered")


def _named_by_value(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> PublicProof:
    try:
        suitable_key(key)
    except InvalidHeaderToken as error:
        raise InvalidRequest(error.detail) from None
    return PublicProof(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def _read_rsa(value: Element) -> rsa.RSAPublicKey:
    modulus, exponent = _exactly(value, f"{{{ns.DS}}}Modulus", f"{{{ns.DS}}}Exponent")
    numbers = rsa.RSAPublicNumbers(
        n=int.from_bytes(octets_of(modulus, limit=_MAX_MODULUS)),
        e=int.from_bytes(octets_of(exponent, limit=_MAX_EXPONENT)),
    )
    try:
        if numbers.n % 2 == 0:
            raise ValueError
        return numbers.public_key()
    except ValueError:
        raise InvalidRequest("an RSAKeyValue that is no key") from None


def _read_ec(value: Element) -> ec.EllipticCurvePublicKey:
    name, point = _exactly(value, f"{{{ns.DS11}}}NamedCurve", f"{{{ns.DS11}}}PublicKey")
    curve = _CURVES.get(name.get("URI", ""))
    if curve is None:
        raise InvalidRequest("an ECKeyValue on a curve that is not offered")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(curve, octets_of(point, limit=_MAX_POINT))
    except ValueError:
        raise InvalidRequest("an ECKeyValue that is no key") from None


def _exactly(parent: Element, *names: str) -> list[Element]:
    found = children(parent)
    if [child.tag for child in found] != list(names):
        raise InvalidRequest(f"{local(parent)} with parts that are not offered")
    return found


class PublicKey:
    """The key of a `PublicProof` that `read_public_key` read. A `MessageKey`."""

    def __init__(self, proof: PublicProof) -> None:
        self._key = suitable_key(load_der_public_key(proof.key_info))

    def verify(self, signature: bytes, octets: bytes, *, algorithm: str) -> None:
        verify_signature(self._key, signature, octets, algorithm=algorithm)


def write_public_key(proof: PublicProof) -> str:
    """What a ds:KeyInfo holds, in canonical form where the prefix `ds` is declared: as the key was named."""
    if proof.certificate is not None:
        return f"<ds:X509Data><ds:X509Certificate>{_base64(proof.certificate)}</ds:X509Certificate></ds:X509Data>"
    key = load_der_public_key(proof.key_info)
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return (
            f"<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>{_number(numbers.n)}</ds:Modulus>"
            f"<ds:Exponent>{_number(numbers.e)}</ds:Exponent></ds:RSAKeyValue></ds:KeyValue>"
        )
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVE_NAMES:
        point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return (
            f'<ds:KeyValue><dsig11:ECKeyValue xmlns:dsig11="{ns.DS11}">'
            f'<dsig11:NamedCurve URI="{_CURVE_NAMES[key.curve.name]}"></dsig11:NamedCurve>'
            f"<dsig11:PublicKey>{_base64(point)}</dsig11:PublicKey></dsig11:ECKeyValue></ds:KeyValue>"
        )
    raise RequestFailed("a kind of public key that cannot be written")


def _number(value: int) -> str:
    """ds:CryptoBinary: big-endian, without leading zeros."""
    return _base64(value.to_bytes((value.bit_length() + 7) // 8))


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def proved_keys_of(message: VerifiedMessage) -> tuple[ProvedKey, ...]:
    """The keys whose private halves a message's signature and its TLS connection showed, the signature's first.

    Those of `message.proved_keys` are known already: of a signature whose certificate is no credential.
    """
    signed = [token.certificate for token in message.credentials if isinstance(token, PresentedCertificate)]
    proved = [
        ProvedKey(read_certified_key(der), message.signature_id) for der in signed if der != message.peer_certificate
    ]
    proved += [
        ProvedKey(token.key, message.signature_id)
        for token in message.credentials
        if isinstance(token, EndorsingAssertion) and token.key is not None
    ]
    if message.peer_certificate is not None:
        signature_id = message.signature_id if message.peer_certificate in signed else None
        with suppress(InvalidRequest):  # a kind of key that tokens are not bound to
            proved.append(ProvedKey(read_certified_key(message.peer_certificate), signature_id))
    return (*message.proved_keys, *proved)
