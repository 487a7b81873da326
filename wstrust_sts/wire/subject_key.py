"""The key that an assertion says its subject holds, UNVERIFIED: for showing to people, and for a requestor to compare
with what it asked for. What a relying party goes by is verified in `saml.py`.
"""

from dataclasses import dataclass

from wstrust_sts import ns
from wstrust_sts.errors import StsError
from wstrust_sts.proof_keys import PublicProof
from wstrust_sts.wire.keyinfo import (
    ByCertificate,
    ByIssuerSerial,
    BySubjectKeyIdentifier,
    ByThumbprint,
    KeyReference,
    read_key_info,
)
from wstrust_sts.wire.public_keys import KEY_VALUE, X509_DATA, read_public_key
from wstrust_sts.wire.xenc import ENCRYPTED_KEY, EncryptedKey, read_encrypted_key
from wstrust_sts.wire.xml import Element

_NAMESPACES = (ns.SAML20, ns.SAML11)
_KEY_INFO = f"{{{ns.DS}}}KeyInfo"
_HOLDER_OF_KEY = (ns.SAML20_HOLDER_OF_KEY, ns.SAML11_HOLDER_OF_KEY)


@dataclass(frozen=True, slots=True)
class EncryptedSecret:
    """A secret for the relying party. `recipient` is how its certificate is named; None: in no known way."""

    encrypted: EncryptedKey
    recipient: KeyReference | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectKey:
    """`key` is None where there is none, or in no form that is known here."""

    holder_of_key: bool
    key: PublicProof | EncryptedSecret | None

    @property
    def described(self) -> str:
        match self.key:
            case PublicProof():
                return "bound to a public key"
            case EncryptedSecret():
                return "bound to a symmetric key"
        return "bound to a key in a form that is not known" if self.holder_of_key else "a bearer token"


def read_subject_key(unverified: Element) -> SubjectKey | None:
    """None for what is no assertion: an encrypted one, or another kind of token."""
    if unverified.tag not in [f"{{{namespace}}}Assertion" for namespace in _NAMESPACES]:
        return None
    namespace = unverified.tag[1:].partition("}")[0]
    confirmations = list(unverified.iterfind(f".//{{{namespace}}}Subject/{{{namespace}}}SubjectConfirmation"))
    methods = {each.get("Method") or each.findtext(f"{{{namespace}}}ConfirmationMethod") for each in confirmations}
    key_infos = [
        key_info
        for confirmation in confirmations
        for place in (confirmation, *confirmation.iterchildren(f"{{{namespace}}}SubjectConfirmationData"))
        for key_info in place.iterchildren(_KEY_INFO)
    ]
    return SubjectKey(
        holder_of_key=not methods.isdisjoint(_HOLDER_OF_KEY),
        key=_read(key_infos[0]) if key_infos else None,
    )


def _read(key_info: Element) -> PublicProof | EncryptedSecret | None:
    inside = list(key_info.iterchildren("*"))
    if len(inside) != 1:
        return None
    (named,) = inside
    try:
        if named.tag in (KEY_VALUE, X509_DATA):
            return read_public_key(named)
        if named.tag == ENCRYPTED_KEY:
            encrypted = read_encrypted_key(named)
            return EncryptedSecret(encrypted, recipient_of(encrypted))
    except StsError:
        return None
    return None


def recipient_of(encrypted: EncryptedKey) -> KeyReference | None:
    """Whose certificate an EncryptedKey names."""
    try:
        return None if encrypted.key_info is None else read_key_info(encrypted.key_info)
    except StsError:
        return None


def describe_reference(reference: KeyReference | None) -> str:
    """The name of a certificate, in words."""
    match reference:
        case ByThumbprint(sha1):
            return f"the certificate with the SHA-1 thumbprint {sha1.hex()}"
        case BySubjectKeyIdentifier(octets):
            return f"the certificate with the subject key identifier {octets.hex()}"
        case ByIssuerSerial(issuer, serial):
            return f"the certificate {serial} of {issuer}"
        case ByCertificate():
            return "the certificate in it"
    return "somebody who is not named"
