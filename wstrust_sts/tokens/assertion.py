"""What both versions of SAML share when an assertion is made: what is refused, and how the parts are joined.

An assertion is written directly as its exclusive canonical form: prefixes are constant and declared where they
are first used, attributes stand in canonical order, empty elements have an end tag, and no white space is
between elements. So the octets written are the octets signed, and nothing is parsed or canonicalised.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import timedelta

from wstrust_sts import ns
from wstrust_sts.errors import RequestFailed
from wstrust_sts.model import IssuedToken, KeyType, TokenDescriptor, TokenType
from wstrust_sts.ports import Signer
from wstrust_sts.proof_keys import PublicProof, SymmetricProof
from wstrust_sts.wire.dsig import write_enveloped_signature
from wstrust_sts.wire.encrypting import encrypt_element, encrypt_key
from wstrust_sts.wire.markup import attribute
from wstrust_sts.wire.public_keys import write_public_key
from wstrust_sts.wire.xml import is_id

_PROOFS: Mapping[KeyType, type] = {
    KeyType.BEARER: type(None),
    KeyType.SYMMETRIC: SymmetricProof,
    KeyType.PUBLIC: PublicProof,
}


def refuse_unsignable(descriptor: TokenDescriptor) -> None:
    """Nothing is signed that a careful relying party would refuse or a careless one would take from anybody.

    Raises RequestFailed: policy should not have let it come to this.
    """
    if not isinstance(descriptor.proof, _PROOFS[descriptor.key_type]):
        raise RequestFailed(f"key type {descriptor.key_type.value} without its key, or with another")
    if not is_id(descriptor.token_id):
        raise RequestFailed("the token's id is not an NCName")
    if descriptor.encryption.tokens and descriptor.encryption.certificate is None:
        raise RequestFailed("a token that must be encrypted, and a relying party without certificate")
    if not descriptor.issuer.strip() or not descriptor.subject.value.strip():
        raise RequestFailed("a token without the name of its issuer or subject")
    if not descriptor.audiences or not all(audience.strip() for audience in descriptor.audiences):
        raise RequestFailed("a token that names no audience could be used anywhere")
    lifetime = descriptor.lifetime
    if any(
        instant.utcoffset() != timedelta(0)
        for instant in (lifetime.created, lifetime.expires, descriptor.authentication_instant)
    ):
        raise RequestFailed("a token's times must be in UTC")
    if lifetime.created >= lifetime.expires:
        raise RequestFailed("a token that ends before it begins")


def sign(
    descriptor: TokenDescriptor,
    *,
    before: str,
    after: str,
    signer: Signer,
    declared: Sequence[tuple[str, str]] = (),
) -> IssuedToken:
    """The token whose canonical form is `before` and `after`, with the signature between the two; encrypted, where its
    relying party wants that. The digest is that of the token itself: whoever decrypts it presents that one.

    `declared`: start tags of the canonical form, and how they go out, with namespaces that only values need.
    """
    head, tail = before.encode(), after.encode()
    signature = write_enveloped_signature(head + tail, reference=descriptor.token_id, signer=signer)
    markup = head + signature + tail
    digest = hashlib.sha256(markup).digest()
    for canonical, written in declared:
        markup = markup.replace(canonical.encode(), written.encode())
    if descriptor.encryption.tokens:
        markup = _encrypt(markup, descriptor)
    return IssuedToken(descriptor=descriptor, markup=markup, digest=digest, key_id=signer.key_id)


def _encrypt(markup: bytes, descriptor: TokenDescriptor) -> bytes:
    """SAML 2.0 has an element around an encrypted assertion (core section 2.3.4), SAML 1.1 has not (wire row 23)."""
    encrypted = encrypt_element(markup, descriptor.encryption)
    if descriptor.token_type is TokenType.SAML11 or descriptor.encryption.bare:
        return encrypted
    name = f"{descriptor.saml20_prefix}:EncryptedAssertion".removeprefix(":")
    return b"".join((f"<{name} {declaration_of(descriptor)}>".encode(), encrypted, f"</{name}>".encode()))


def declaration_of(descriptor: TokenDescriptor) -> str:
    """The declaration of SAML 2.0's namespace for the descriptor's prefix."""
    return f'{f"xmlns:{descriptor.saml20_prefix}".removesuffix(":")}="{ns.SAML20}"'


def write_key_info(descriptor: TokenDescriptor) -> str:
    """The ds:KeyInfo of the key that the token is bound to; nothing for a bearer token (wire contract row 21).

    A secret is in it as an EncryptedKey that only the relying party opens. Raises RequestFailed.
    """
    match descriptor.proof:
        case None:
            return ""
        case SymmetricProof(secret=secret):
            key = encrypt_key(secret, descriptor.encryption)
        case PublicProof() as public:
            key = write_public_key(public)
    return f'<ds:KeyInfo xmlns:ds="{ns.DS}">{key}</ds:KeyInfo>'


def optional(name: str, value: str | None) -> str:
    """An attribute, or nothing where there is no value. Raises ValueError."""
    return f' {name}="{attribute(value)}"' if value else ""
