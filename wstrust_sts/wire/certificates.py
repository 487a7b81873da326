"""X.509 certificates as messages use them: their names, and their public keys for verifying and encrypting.

Nothing here says whom a certificate belongs to or whether to trust it.
"""

import hashlib
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.exceptions import UnsupportedAlgorithm as UnsupportedCryptographicAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from wstrust_sts import ns
from wstrust_sts.errors import FailedCheck, InvalidHeaderToken, UnsupportedAlgorithm
from wstrust_sts.wire.keyinfo import ByCertificate, ByIssuerSerial, BySubjectKeyIdentifier, ByThumbprint, KeyReference

MINIMAL_RSA_BITS = 2048
MAXIMAL_RSA_BITS = 8192
_MAXIMAL_EXPONENT = 2**32

_RSA: dict[str, hashes.HashAlgorithm] = {
    ns.RSA_SHA1: hashes.SHA1(),  # noqa: S303 (only where an endpoint's algorithms name it)
    ns.RSA_SHA256: hashes.SHA256(),
    ns.RSA_SHA384: hashes.SHA384(),
    ns.RSA_SHA512: hashes.SHA512(),
}
_ECDSA: dict[str, hashes.HashAlgorithm] = {
    ns.ECDSA_SHA256: hashes.SHA256(),
    ns.ECDSA_SHA384: hashes.SHA384(),
    ns.ECDSA_SHA512: hashes.SHA512(),
}
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_UNREADABLE = (  # what the library raises for octets that are not what they should be, of any extension for each
    ValueError,
    TypeError,
    UnsupportedCryptographicAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


class Certificate:
    """A certificate with a key that can be used here. Plain values: shared between threads and kept in a cache."""

    __slots__ = (
        "der",
        "intermediates",
        "issuer",
        "issuer_name",
        "key_info",
        "public_key",
        "serial",
        "sha1",
        "ski",
    )

    def __init__(self, der: bytes, intermediates: tuple[bytes, ...] = ()) -> None:
        """`intermediates`: DER of others that came along. Nothing of them was looked at.

        Raises InvalidHeaderToken: unreadable, or a kind or size of key that is not offered.
        """
        try:
            parsed = x509.load_der_x509_certificate(der)
            public_key = parsed.public_key()
            self.issuer = _name_values(parsed.issuer)
            self.issuer_name = parsed.issuer.rfc4514_string()
        except _UNREADABLE:
            raise InvalidHeaderToken("an unreadable certificate") from None
        self.public_key = suitable_key(public_key)
        self.key_info = self.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.der = der
        self.intermediates = intermediates
        self.serial = parsed.serial_number
        self.sha1 = hashlib.sha1(der, usedforsecurity=False).digest()
        self.ski = _subject_key_identifier(parsed)

    @property
    def is_rsa(self) -> bool:
        """Whether something can be encrypted for it."""
        return isinstance(self.public_key, rsa.RSAPublicKey)

    def is_named_by(self, reference: KeyReference) -> bool:
        """Whether `reference` is one of this certificate's names: a hint, as every name of a key."""
        match reference:
            case ByThumbprint(sha1):
                return sha1 == self.sha1
            case BySubjectKeyIdentifier(octets):
                return octets == self.ski
            case ByIssuerSerial(issuer, serial):
                return serial == self.serial and _written_values(issuer) == self.issuer
            case ByCertificate(certificate):
                return certificate == self.der
        return False

    def index_names(self) -> tuple[str, ...]:
        """The `index_name` of each reference that names this certificate without showing it."""
        names = (("thumbprint", self.sha1), ("ski", self.ski), _issuer_serial(self.issuer, self.serial))
        return tuple(_index_name(*parts) for parts in names)

    def verify(self, signature: bytes, octets: bytes, *, algorithm: str) -> None:
        """`signature` as in ds:SignatureValue. Raises FailedCheck, UnsupportedAlgorithm (not of this key's family)."""
        verify_signature(self.public_key, signature, octets, algorithm=algorithm)


def verify_signature(
    public_key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey, signature: bytes, octets: bytes, *, algorithm: str
) -> None:
    """As `Certificate.verify`."""
    try:
        if isinstance(public_key, rsa.RSAPublicKey):
            public_key.verify(signature, octets, PKCS1v15(), _hash(algorithm, _RSA))
        else:
            width = (public_key.curve.key_size + 7) // 8
            if len(signature) != 2 * width:
                raise FailedCheck("an ECDSA signature of the wrong length")
            r, s = int.from_bytes(signature[:width], "big"), int.from_bytes(signature[width:], "big")
            public_key.verify(encode_dss_signature(r, s), octets, ec.ECDSA(_hash(algorithm, _ECDSA)))
    except InvalidSignature:
        raise FailedCheck("not a signature by this key") from None


def index_name(reference: KeyReference) -> str | None:
    """What a store finds certificates by that messages only name: 64 hexadecimal digits. None: it names none."""
    match reference:
        case ByThumbprint(sha1):
            return _index_name("thumbprint", sha1)
        case BySubjectKeyIdentifier(octets):
            return _index_name("ski", octets)
        case ByIssuerSerial(issuer, serial):
            return _index_name(*_issuer_serial(_written_values(issuer), serial))
    return None


def _issuer_serial(issuer: tuple[str, ...], serial: int) -> tuple[str, ...]:
    return ("issuer and serial", str(serial), *issuer)


def _index_name(*parts: str | bytes) -> str:
    """One text of one length, whatever the parts hold; where one part ends is part of it."""
    digest = hashlib.sha256()
    for part in parts:
        octets = part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass")
        digest.update(len(octets).to_bytes(4, "big") + octets)
    return digest.hexdigest()


def read_certificate(der: bytes) -> Certificate:
    """The certificate in `der`; the few that sign most messages are kept parsed. Raises InvalidHeaderToken."""
    return _kept(der)


@lru_cache(maxsize=256)
def _kept(der: bytes) -> Certificate:
    return Certificate(der)


def suitable_key(key: object) -> rsa.RSAPublicKey | ec.EllipticCurvePublicKey:
    """`key`, when it is of a kind and size that is offered. Raises InvalidHeaderToken."""
    if isinstance(key, rsa.RSAPublicKey):
        if not MINIMAL_RSA_BITS <= key.key_size <= MAXIMAL_RSA_BITS or key.public_numbers().e > _MAXIMAL_EXPONENT:
            raise InvalidHeaderToken(f"an RSA key of {key.key_size} bits is not offered")
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, _CURVES):
        return key
    raise InvalidHeaderToken("a certificate with a kind of key that is not offered")


def _hash(algorithm: str, of_family: dict[str, hashes.HashAlgorithm]) -> hashes.HashAlgorithm:
    found = of_family.get(algorithm)
    if found is None:
        raise UnsupportedAlgorithm(f"the key is not for {algorithm[:128]!r}")
    return found


def _subject_key_identifier(certificate: x509.Certificate) -> bytes:
    """The extension's, else what stacks take in its place: SHA-1 of the public key (RFC 5280 section 4.2.1.2)."""
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except (x509.ExtensionNotFound, *_UNREADABLE):
        return x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest


def _name_values(name: x509.Name) -> tuple[str, ...]:
    return tuple(sorted(str(attribute.value).strip().casefold() for attribute in name))


def _written_values(name: str) -> tuple[str, ...]:
    """The values of a written distinguished name, sorted: stacks differ in its order, and in what they call a type."""
    values, value, escaped, quoted = [], "", False, False
    for character in f"{name},":
        if escaped:
            value, escaped = value + character, False
        elif character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif character in ",;+" and not quoted:
            values.append(value.partition("=")[2].strip().casefold())
            value = ""
        else:
            value += character
    return tuple(sorted(values))
