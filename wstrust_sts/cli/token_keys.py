"""The keys of tokens as `token inspect` tells them, unverified: which one, whose, and for whom it is encrypted."""

import hashlib
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from wstrust_sts import ns
from wstrust_sts.certificate_names import write_subject
from wstrust_sts.cli.output import Refusal
from wstrust_sts.cli.token_markup import parse_token
from wstrust_sts.errors import StsError
from wstrust_sts.ports import Decrypter
from wstrust_sts.proof_keys import PublicProof
from wstrust_sts.wire.subject_key import EncryptedSecret, describe_reference, read_subject_key, recipient_of
from wstrust_sts.wire.xenc import (
    ENCRYPTED_DATA,
    ENCRYPTED_KEY,
    EncryptedKey,
    decrypt,
    read_encrypted_data,
    read_encrypted_key,
)
from wstrust_sts.wire.xml import Element

_ENCRYPTED_ASSERTION = f"{{{ns.SAML20}}}EncryptedAssertion"


def describe_key(assertion: Element, opener: Decrypter | None) -> dict[str, Any]:
    """What the subject has to prove. The secret itself is never told, only its SHA-256."""
    subject = read_subject_key(assertion)
    match None if subject is None else subject.key:
        case PublicProof() as proof:
            return {"key_type": "public", **_describe_public(proof)}
        case EncryptedSecret(encrypted, recipient):
            secret = None if opener is None else _open(encrypted, opener)
            return {
                "key_type": "symmetric",
                "key_for": describe_reference(recipient),
                "key_bits": None if secret is None else 8 * len(secret),
                "key_sha256": None if secret is None else hashlib.sha256(secret).hexdigest(),
            }
    if subject is not None and subject.holder_of_key:
        return {"key_type": "in a form that is not known"}
    return {"key_type": "bearer"}


def _describe_public(proof: PublicProof) -> dict[str, Any]:
    key = load_der_public_key(proof.key_info)
    name = "a key"
    if isinstance(key, rsa.RSAPublicKey):
        name = f"RSA, {key.key_size} bits"
    elif isinstance(key, ec.EllipticCurvePublicKey):
        name = f"elliptic, {key.curve.name}"
    described = {"key": name, "key_sha256": hashlib.sha256(proof.key_info).hexdigest()}
    if proof.certificate is None:
        return described
    named = {"key_of": _subject(proof.certificate), "certificate_sha256": hashlib.sha256(proof.certificate).hexdigest()}
    return described | named


# -- encrypted tokens --------------------------------------------------------------------------------------------------


def describe_sealed(token: Element) -> dict[str, Any]:
    """How a token is encrypted, and for whom; nothing for one that is not. Raises Refusal: in no way that is known."""
    data = _encrypted_data(token)
    if data is None:
        return {}
    try:
        encrypted, key = read_encrypted_data(data), _key_of(token)
    except StsError as error:
        raise Refusal(f"This token is encrypted in a way that is not known here: {error.detail}.") from None
    return {
        "type": "encrypted token" if token.tag == ENCRYPTED_DATA else "encrypted SAML 2.0 assertion",
        "encrypted_by": encrypted.algorithm,
        "encrypted_for": describe_reference(recipient_of(key)),
    }


def unseal(token: Element, opener: Decrypter) -> bytes:
    """The markup of what is in an encrypted token. Raises Refusal: it is not for this key."""
    data = _encrypted_data(token)
    assert data is not None
    try:
        encrypted = read_encrypted_data(data)
        return decrypt(encrypted.ciphertext, key=_open(_key_of(token), opener), algorithm=encrypted.algorithm)
    except StsError as error:
        raise Refusal(f"This token does not open with the key of --key: {error.detail}.") from None


def in_clear(token: bytes, opener: Decrypter) -> bytes:
    """`token` as its relying party reads it, encrypted or not. Raises Refusal."""
    element = parse_token(token)
    return token if _encrypted_data(element) is None else unseal(element, opener)


def _encrypted_data(token: Element) -> Element | None:
    if token.tag == _ENCRYPTED_ASSERTION:
        return token.find(ENCRYPTED_DATA)
    return token if token.tag == ENCRYPTED_DATA else None


def _key_of(token: Element) -> EncryptedKey:
    """In the EncryptedData's KeyInfo, or beside it (SAML core 2.0 section 2.3.4)."""
    found = list(token.iter(ENCRYPTED_KEY))
    if len(found) != 1:
        raise Refusal(f"This token is encrypted, and there are {len(found)} keys in it where one was expected.")
    return read_encrypted_key(found[0])


def _open(encrypted: EncryptedKey, opener: Decrypter) -> bytes:
    secret = opener.decrypt(encrypted.ciphertext, digest=encrypted.oaep.digest, mask=encrypted.oaep.mask)
    if secret is None:
        raise Refusal("What is encrypted in this token does not open with the key of --key.")
    return secret


def _subject(certificate: bytes) -> str:
    from cryptography import x509

    return write_subject(x509.load_der_x509_certificate(certificate).subject)
