"""Relying parties and requestors with keys, and readers of what they get that share no code with what is tested."""

import base64
import hashlib
from dataclasses import replace

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.certificates import key, leaf
from tests.harness import RELYING_PARTY
from wstrust_sts import ns
from wstrust_sts.encryption import EncryptionRule
from wstrust_sts.model import KeyType
from wstrust_sts.proof_keys import PublicProof
from wstrust_sts.relying_parties import RelyingParty

RECIPIENT = leaf("rp", kind="rsa-2048")
RECIPIENT_KEY = key("rp", "rsa-2048")
KEYED_PARTY = replace(RELYING_PARTY, key_types=tuple(KeyType), encryption=EncryptionRule(certificate=RECIPIENT))
HOLDERS = {kind: leaf(f"holder {kind}", kind=kind) for kind in ("rsa-2048", "ec", "ec-p384")}


def keyed(party: RelyingParty = KEYED_PARTY, **encryption) -> RelyingParty:
    return replace(party, encryption=replace(party.encryption, **encryption))


def key_info_of(certificate: bytes) -> bytes:
    public_key = x509.load_der_x509_certificate(certificate).public_key()
    return public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def public_proof(kind: str, *, certified: bool = True) -> PublicProof:
    certificate = HOLDERS[kind]
    return PublicProof(key_info_of(certificate), certificate if certified else None)


_HASHES = {ns.SHA1: hashes.SHA1(), ns.SHA256: hashes.SHA256(), ns.MGF1_SHA256: hashes.SHA256()}


def unwrap(encrypted_key) -> bytes:
    """The key in an xenc:EncryptedKey for `RECIPIENT`, by the algorithms that it names itself."""
    method = encrypted_key.find(f"{{{ns.XENC}}}EncryptionMethod")
    digest = method.find(f"{{{ns.DS}}}DigestMethod").get("Algorithm")
    mask = method.find(f"{{{ns.XENC11}}}MGF")
    assert method.get("Algorithm") == (ns.RSA_OAEP_MGF1P if mask is None else ns.RSA_OAEP)
    padding = OAEP(MGF1(_HASHES[ns.SHA1 if mask is None else mask.get("Algorithm")]), _HASHES[digest], None)
    (value,) = encrypted_key.findall(f"{{{ns.XENC}}}CipherData/{{{ns.XENC}}}CipherValue")
    return RECIPIENT_KEY.decrypt(base64.b64decode(value.text), padding)


def x509_data(certificate: bytes) -> str:
    return (
        f'<d:X509Data xmlns:d="{ns.DS}"><d:X509Certificate>{base64.b64encode(certificate).decode()}'
        "</d:X509Certificate></d:X509Data>"
    )


def key_value(certificate: bytes) -> str:
    public_key = x509.load_der_x509_certificate(certificate).public_key()
    if hasattr(public_key, "curve"):
        point = public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        curve = {"secp256r1": "1.2.840.10045.3.1.7", "secp384r1": "1.3.132.0.34"}[public_key.curve.name]
        return (
            f'<d:KeyValue xmlns:d="{ns.DS}"><e:ECKeyValue xmlns:e="http://www.w3.org/2009/xmldsig11#">'
            f'<e:NamedCurve URI="urn:oid:{curve}"/><e:PublicKey>{base64.b64encode(point).decode()}</e:PublicKey>'
            "</e:ECKeyValue></d:KeyValue>"
        )
    numbers = public_key.public_numbers()
    return rsa_key_value(numbers.n, numbers.e)


def rsa_key_value(modulus: int, exponent: int) -> str:
    def written(number: int) -> str:
        return base64.b64encode(number.to_bytes((number.bit_length() + 7) // 8 or 1)).decode()

    return (
        f'<d:KeyValue xmlns:d="{ns.DS}"><d:RSAKeyValue><d:Modulus>{written(modulus)}</d:Modulus>'
        f"<d:Exponent>{written(exponent)}</d:Exponent></d:RSAKeyValue></d:KeyValue>"
    )


def key_info(inside: str) -> str:
    return f'<d:KeyInfo xmlns:d="{ns.DS}">{inside}</d:KeyInfo>'


def binary_security_token(certificate: bytes) -> str:
    return (
        f'<o:BinarySecurityToken xmlns:o="{ns.WSSE}" EncodingType="{ns.BASE64_BINARY}" ValueType="{ns.X509V3}">'
        f"{base64.b64encode(certificate).decode()}</o:BinarySecurityToken>"
    )


def token_reference(inside: str) -> str:
    return f'<o:SecurityTokenReference xmlns:o="{ns.WSSE}">{inside}</o:SecurityTokenReference>'


def by_thumbprint(certificate: bytes) -> str:
    digest = base64.b64encode(hashlib.sha1(certificate).digest()).decode()
    return token_reference(f'<o:KeyIdentifier ValueType="{ns.THUMBPRINT_SHA1}">{digest}</o:KeyIdentifier>')
