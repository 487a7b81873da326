"""Descriptors, signing keys and issued assertions, as many tests need them."""

from datetime import timedelta
from functools import cache

import pytest

from tests.fakes import NOON, REALM
from wstrust_sts import ns
from wstrust_sts.delegation_rules import Delegate
from wstrust_sts.encryption import NO_ENCRYPTION, EncryptionRule
from wstrust_sts.keys import AesGcmSecretBox, LocalSigner, PublicVerificationKey, make_signing_key, unwrap
from wstrust_sts.model import (
    AuthenticationMethod,
    Claim,
    IssuedToken,
    KeyType,
    Lifetime,
    NameIdentifier,
    TokenDescriptor,
    TokenType,
)
from wstrust_sts.proof_keys import ProofKey
from wstrust_sts.tokens.saml11 import Saml11Provider
from wstrust_sts.tokens.saml20 import Saml20Provider

BOX = AesGcmSecretBox(b"k" * 32)
PROVIDERS = {TokenType.SAML20: Saml20Provider(), TokenType.SAML11: Saml11Provider()}
ID_ATTRIBUTE = {TokenType.SAML20: "ID", TokenType.SAML11: "AssertionID"}
each_type = pytest.mark.parametrize("token_type", list(PROVIDERS), ids=lambda token_type: token_type.value)
ALICE = NameIdentifier(ns.NAMEID_UNSPECIFIED, "alice")
ONE_HOUR = Lifetime(NOON, NOON + timedelta(hours=1))
TOKEN_ID = "_0123456789abcdef0123456789abcdef"


@cache
def signing_key(algorithm: str = "rsa-2048", *, copy: int = 0) -> LocalSigner:
    """One key for each algorithm and `copy`; making them is slow."""
    record = make_signing_key("default", algorithm=algorithm, name=REALM.issuer, now=NOON, box=BOX)
    return unwrap(record, box=BOX)


def verification_key(signer: LocalSigner) -> PublicVerificationKey:
    return PublicVerificationKey.of_certificate(signer.certificates[0])


def descriptor(
    token_type: TokenType = TokenType.SAML20,
    *,
    token_id: str = TOKEN_ID,
    issuer: str = REALM.issuer,
    subject: NameIdentifier = ALICE,
    audiences: tuple[str, ...] = ("https://rp.example.test/",),
    lifetime: Lifetime = ONE_HOUR,
    method: AuthenticationMethod = AuthenticationMethod.PASSWORD_OVER_TLS,
    attributes: tuple[Claim, ...] = (Claim(ns.CLAIM_EMAIL, ("alice@example.test",)), Claim("role", ("admin", "user"))),
    recipient: str | None = None,
    key_type: KeyType = KeyType.BEARER,
    proof: ProofKey | None = None,
    encryption: EncryptionRule = NO_ENCRYPTION,
    delegates: tuple[Delegate, ...] = (),
) -> TokenDescriptor:
    return TokenDescriptor(
        token_id=token_id,
        token_type=token_type,
        token_type_uri=ns.SAML20,
        key_type=key_type,
        proof=proof,
        encryption=encryption,
        issuer=issuer,
        subject=subject,
        audiences=audiences,
        lifetime=lifetime,
        authentication_methods=(method,),
        authentication_instant=NOON - timedelta(seconds=1),
        attributes=attributes,
        recipient=recipient,
        delegates=delegates,
    )


def issue(wanted: TokenDescriptor, signer: LocalSigner | None = None) -> IssuedToken:
    return PROVIDERS[wanted.token_type].issue(wanted, signer or signing_key())
