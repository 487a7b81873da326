"""Keys of the STS: made, wrapped for storage, and used.

A private key leaves the `SecretBox` only into a `LocalSigner` (token keys) or a `LocalMessageKey` (message keys), and
never into the other one; what verifies is a bare public key. The names of algorithms in `SigningKeyRecord.algorithm`
are `rsa-2048`, `rsa-3072` and, for tokens alone, `ec-p256`; each signs tokens with SHA-256.
"""

import hashlib
import secrets
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID

from wstrust_sts import ns
from wstrust_sts.errors import FailedCheck, RequestFailed, UnsupportedAlgorithm
from wstrust_sts.ports import SecretBox
from wstrust_sts.records import KeyState, KeyUse, SigningKeyRecord

RSA_2048 = "rsa-2048"
RSA_3072 = "rsa-3072"
EC_P256 = "ec-p256"
KEY_ALGORITHMS = (RSA_2048, RSA_3072, EC_P256)
MESSAGE_KEY_ALGORITHMS = (RSA_2048, RSA_3072)  # nothing can be encrypted for the others

CERTIFICATE_LIFETIME = timedelta(days=3652)
CERTIFICATE_BACKDATE = timedelta(hours=1)  # relying parties whose clocks are slow

_P256_OCTETS = 32
_MINIMAL_RSA_BITS = 2048
_MAXIMAL_COMMON_NAME = 64  # RFC 5280 appendix A.1, ub-common-name

_RSA_HASHES: dict[str, hashes.HashAlgorithm] = {
    ns.RSA_SHA256: hashes.SHA256(),
    ns.RSA_SHA384: hashes.SHA384(),
    ns.RSA_SHA512: hashes.SHA512(),
}
_ECDSA_HASHES: dict[str, hashes.HashAlgorithm] = {
    ns.ECDSA_SHA256: hashes.SHA256(),
    ns.ECDSA_SHA384: hashes.SHA384(),
    ns.ECDSA_SHA512: hashes.SHA512(),
}

_OAEP_HASHES: dict[str, hashes.HashAlgorithm] = {
    ns.SHA1: hashes.SHA1(),  # noqa: S303 (OAEP's hash does not have to resist collisions)
    ns.SHA256: hashes.SHA256(),
    ns.SHA384: hashes.SHA384(),
    ns.SHA512: hashes.SHA512(),
}
_MESSAGE_HASHES: dict[str, hashes.HashAlgorithm] = {**_RSA_HASHES, ns.RSA_SHA1: hashes.SHA1()}  # noqa: S303

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


# -- using a key -------------------------------------------------------------------------------------------------


class LocalSigner:
    """A private key in this process: RSA with rsa-sha256, or ECDSA on P-256 with ecdsa-sha256. A `Signer`."""

    digest_algorithm = ns.SHA256

    def __init__(self, private_key: PrivateKey, *, key_id: str, certificates: tuple[bytes, ...]) -> None:
        """Raises ValueError for a key or curve that is not offered."""
        _refuse_unsuitable(private_key.public_key())
        self._private_key = private_key
        self.algorithm = ns.RSA_SHA256 if isinstance(private_key, rsa.RSAPrivateKey) else ns.ECDSA_SHA256
        self.key_id = key_id
        self.certificates = certificates

    def sign(self, octets: bytes) -> bytes:
        if isinstance(self._private_key, rsa.RSAPrivateKey):
            return self._private_key.sign(octets, PKCS1v15(), _RSA_HASHES[ns.RSA_SHA256])
        r, s = decode_dss_signature(self._private_key.sign(octets, ec.ECDSA(_ECDSA_HASHES[ns.ECDSA_SHA256])))
        return r.to_bytes(_P256_OCTETS, "big") + s.to_bytes(_P256_OCTETS, "big")


class LocalMessageKey:
    """An RSA key in this process that signs answers and opens messages. A `MessageSigner` and a `Decrypter`."""

    def __init__(self, private_key: rsa.RSAPrivateKey, *, certificate: bytes) -> None:
        """Raises ValueError for a key that is too short."""
        _refuse_unsuitable(private_key.public_key())
        self._private_key = private_key
        self.certificate = certificate

    def sign(self, octets: bytes, *, algorithm: str) -> bytes:
        """Raises UnsupportedAlgorithm. SHA-1 is for endpoints whose algorithms name it, in answer to it."""
        chosen = _MESSAGE_HASHES.get(algorithm)
        if chosen is None:
            raise UnsupportedAlgorithm(f"an RSA key does not sign by {algorithm[:128]!r}")
        return self._private_key.sign(octets, PKCS1v15(), chosen)

    def decrypt(self, ciphertext: bytes, *, digest: str, mask: str) -> bytes | None:
        try:
            return self._private_key.decrypt(ciphertext, OAEP(MGF1(_OAEP_HASHES[mask]), _OAEP_HASHES[digest], None))
        except ValueError:
            return None


class PublicVerificationKey:
    """A bare public key and the signature methods of its family. A `VerificationKey`."""

    def __init__(self, public_key: PublicKey, *, key_id: str) -> None:
        """Raises ValueError for a key or curve that is not offered."""
        _refuse_unsuitable(public_key)
        self._public_key = public_key
        self.key_id = key_id
        self.algorithms = frozenset(_RSA_HASHES if isinstance(public_key, rsa.RSAPublicKey) else _ECDSA_HASHES)

    @classmethod
    def of_certificate(cls, certificate: bytes, *, key_id: str = "") -> "PublicVerificationKey":
        """The key that a DER certificate certifies; `key_id` defaults to the certificate's. Raises ValueError."""
        public_key = x509.load_der_x509_certificate(certificate).public_key()
        if not isinstance(public_key, PublicKey):
            raise ValueError("neither an RSA nor an elliptic-curve key")
        return cls(public_key, key_id=key_id or key_id_of(certificate))

    def verify(self, signature: bytes, octets: bytes, *, algorithm: str) -> None:
        if algorithm not in self.algorithms:
            raise FailedCheck(f"key {self.key_id} is not for {algorithm[:128]}")
        try:
            if isinstance(self._public_key, rsa.RSAPublicKey):
                self._public_key.verify(signature, octets, PKCS1v15(), _RSA_HASHES[algorithm])
            else:
                self._public_key.verify(_dss_signature(signature), octets, ec.ECDSA(_ECDSA_HASHES[algorithm]))
        except InvalidSignature:
            raise FailedCheck(f"not a signature by key {self.key_id}") from None


def _dss_signature(signature: bytes) -> bytes:
    """RFC 6931 section 2.3.6: r || s, each exactly as long as the curve's order."""
    if len(signature) != 2 * _P256_OCTETS:
        raise FailedCheck("an ECDSA signature of the wrong length")
    r, s = signature[:_P256_OCTETS], signature[_P256_OCTETS:]
    return encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))


def _refuse_unsuitable(public_key: PublicKey) -> None:
    if isinstance(public_key, rsa.RSAPublicKey):
        if public_key.key_size < _MINIMAL_RSA_BITS:
            raise ValueError(f"an RSA key of {public_key.key_size} bits is too short")
    elif not isinstance(public_key.curve, ec.SECP256R1):
        raise ValueError(f"the curve {public_key.curve.name} is not offered")


# -- keeping secrets -----------------------------------------------------------------------------------------------


def generate_key_encryption_key() -> bytes:
    """A new key for `AesGcmSecretBox`: 32 random octets, to be kept outside the database."""
    return AESGCM.generate_key(256)


class AesGcmSecretBox:
    """Wraps secrets with AES-256-GCM under one key-encryption key. A `SecretBox`.

    Sealed: one octet of version, a random nonce of 12 octets, ciphertext and tag. The purpose is authenticated
    as additional data, so a secret moved to another row or another use does not open.
    """

    _VERSION = b"\x01"
    _NONCE_OCTETS = 12

    def __init__(self, key_encryption_key: bytes) -> None:
        """Raises ValueError for a key that is not 32 octets."""
        if len(key_encryption_key) != 32:
            raise ValueError("a key-encryption key has 32 octets")
        self._cipher = AESGCM(key_encryption_key)

    def seal(self, secret: bytes, *, purpose: str) -> bytes:
        nonce = secrets.token_bytes(self._NONCE_OCTETS)
        return self._VERSION + nonce + self._cipher.encrypt(nonce, secret, self._associated(purpose))

    def open(self, sealed: bytes, *, purpose: str) -> bytes:
        """Raises RequestFailed: another key-encryption key, another purpose, or changed octets."""
        nonce, ciphertext = sealed[1 : 1 + self._NONCE_OCTETS], sealed[1 + self._NONCE_OCTETS :]
        if sealed[:1] != self._VERSION or len(nonce) != self._NONCE_OCTETS:
            raise RequestFailed(f"the sealed secret for {purpose} has an unknown format")
        try:
            return self._cipher.decrypt(nonce, ciphertext, self._associated(purpose))
        except InvalidTag:
            raise RequestFailed(
                f"the secret for {purpose} does not open: was it sealed with another key-encryption key?"
            ) from None

    def _associated(self, purpose: str) -> bytes:
        return self._VERSION + purpose.encode()


# -- making a key ----------------------------------------------------------------------------------------------------


def key_id_of(certificate: bytes) -> str:
    """What a key is called: half of the SHA-256 thumbprint of its DER certificate, in hexadecimal."""
    return hashlib.sha256(certificate).hexdigest()[:32]


def make_signing_key(
    realm: str,
    *,
    algorithm: str,
    name: str,
    now: datetime,
    box: SecretBox,
    use: KeyUse = KeyUse.TOKEN,
    state: KeyState = KeyState.ACTIVE,
) -> SigningKeyRecord:
    """A new key with a self-signed certificate in the name of `name` (cut to what a common name holds).

    Raises ValueError for an algorithm that is not in KEY_ALGORITHMS (message keys: MESSAGE_KEY_ALGORITHMS), or an empty
    name.
    """
    private_key = _generate(algorithm, use=use)
    certificate = _self_signed(private_key, use=use, name=name, now=now)
    key_id = key_id_of(certificate)
    octets = private_key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return SigningKeyRecord(
        id=key_id,
        realm=realm,
        use=use,
        state=state,
        algorithm=algorithm,
        certificate=certificate,
        wrapped_private_key=box.seal(octets, purpose=_purpose(use, realm, key_id)),
        created_at=now,
    )


def _generate(algorithm: str, *, use: KeyUse) -> PrivateKey:
    offered = MESSAGE_KEY_ALGORITHMS if use is KeyUse.MESSAGE else KEY_ALGORITHMS
    if algorithm not in offered:
        raise ValueError(f"{algorithm} is not an algorithm of {use.value} keys; use one of {', '.join(offered)}")
    match algorithm:
        case "rsa-2048":
            return rsa.generate_private_key(public_exponent=65537, key_size=2048)
        case "rsa-3072":
            return rsa.generate_private_key(public_exponent=65537, key_size=3072)
    return ec.generate_private_key(ec.SECP256R1())


def _self_signed(private_key: PrivateKey, *, use: KeyUse, name: str, now: datetime) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:_MAXIMAL_COMMON_NAME])])
    public_key = private_key.public_key()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public_key)
        .serial_number(secrets.randbits(128) or 1)
        .not_valid_before(now - CERTIFICATE_BACKDATE)
        .not_valid_after(now + CERTIFICATE_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(encipherment=use is KeyUse.MESSAGE), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .sign(private_key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.DER)


def _key_usage(*, encipherment: bool) -> x509.KeyUsage:
    """RFC 5280 section 4.2.1.3: signatures, and for message keys also keys and data encrypted for them."""
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=encipherment,
        data_encipherment=encipherment,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


# -- unwrapping a key --------------------------------------------------------------------------------------------------


_PURPOSES = {KeyUse.TOKEN: "signing-key", KeyUse.MESSAGE: "message-key"}


def _purpose(use: KeyUse, realm: str, key_id: str) -> str:
    """What a private key is wrapped for: moved to another row, realm or use, it does not open."""
    return f"{_PURPOSES[use]} {realm} {key_id}"


def unwrap(record: SigningKeyRecord, *, box: SecretBox) -> LocalSigner:
    """The signer that a token key stands for. Raises RequestFailed when it does not open or does not fit."""
    private_key = _unwrap(record, use=KeyUse.TOKEN, box=box)
    try:
        return LocalSigner(private_key, key_id=record.id, certificates=(record.certificate,))
    except ValueError as error:
        raise _unusable(record, str(error)) from None


def unwrap_message_key(record: SigningKeyRecord, *, box: SecretBox) -> LocalMessageKey:
    """What a message key stands for. Raises RequestFailed when it does not open or does not fit."""
    private_key = _unwrap(record, use=KeyUse.MESSAGE, box=box)
    if not isinstance(private_key, rsa.RSAPrivateKey):
        raise _unusable(record, "nothing can be encrypted for a key that is not RSA")
    try:
        return LocalMessageKey(private_key, certificate=record.certificate)
    except ValueError as error:
        raise _unusable(record, str(error)) from None


def demand_usable(record: SigningKeyRecord, *, box: SecretBox) -> None:
    """Raises RequestFailed for a key that cannot do what it is for."""
    if record.use is KeyUse.MESSAGE:
        unwrap_message_key(record, box=box)
    else:
        unwrap(record, box=box)


def _unwrap(record: SigningKeyRecord, *, use: KeyUse, box: SecretBox) -> PrivateKey:
    if record.use is not use:
        raise _unusable(record, f"it is not for {use.value}s")
    octets = box.open(record.wrapped_private_key, purpose=_purpose(use, record.realm, record.id))
    try:
        private_key = serialization.load_der_private_key(octets, password=None)
        certified = x509.load_der_x509_certificate(record.certificate).public_key()
    except ValueError as error:
        raise _unusable(record, str(error)) from None
    if not isinstance(private_key, PrivateKey) or private_key.public_key() != certified:
        raise _unusable(record, "the certificate is not of this key")
    return private_key


def _unusable(record: SigningKeyRecord, why: str) -> RequestFailed:
    return RequestFailed(f"{record.use.value} key {record.id} of realm {record.realm} is not usable: {why}")
