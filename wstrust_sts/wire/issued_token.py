"""A token of this STS whose key endorses a message inside of TLS: what was issued comes back, mostly as a credential.

The policies `issuedtokenmixedsymmetricbasic256` and `issuedtokenmixedasymmetricbasic256` (WS-SecurityPolicy 1.2, an
IssuedToken as endorsing supporting token). What is proved here is that the sender holds the key that the assertion
names. Whether that is one of ours, unchanged, for this STS and in force is not looked at: an `EndorsingAssertion` is
not believed yet.

A secret is the one that the register has for the assertion's id, not what the EncryptedKey in it decrypts to: it is the
same whoever that is encrypted for, and no private key is at work for strangers; but for a token that is encrypted as a
whole (encrypted_token.py).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from wstrust_sts import ns
from wstrust_sts.errors import (
    FailedCheck,
    InvalidHeaderToken,
    InvalidSecurity,
    InvalidSecurityToken,
    SecurityTokenUnavailable,
)
from wstrust_sts.proof_keys import PublicProof
from wstrust_sts.received_tokens import EndorsingAssertion, PresentedAssertion
from wstrust_sts.wire.encrypted_token import EncryptedToken
from wstrust_sts.wire.endorsing import read_endorsed
from wstrust_sts.wire.keyinfo import ByAssertionId, ByDerivation, ByEmbedding, ById, KeyReference
from wstrust_sts.wire.message_signature import MacKey, MessageKey
from wstrust_sts.wire.public_keys import PublicKey
from wstrust_sts.wire.saml import confirmation_key, id_of
from wstrust_sts.wire.sc import DERIVED_KEY_TOKENS, DerivedKeyToken, implied_token, read_derived_key_token
from wstrust_sts.wire.soap import Envelope
from wstrust_sts.wire.terms import SecuredMessage, Terms
from wstrust_sts.wire.transport import demand_nothing_else, endorsed_by, read_username
from wstrust_sts.wire.wsse import USERNAME_TOKEN, in_security_header
from wstrust_sts.wire.xml import Element

ASSERTIONS = frozenset({f"{{{ns.SAML20}}}Assertion", f"{{{ns.SAML11}}}Assertion"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Endorsement:
    """What a signature's KeyInfo leads to. `octets` stand for the key, where a replay is looked for."""

    credential: EndorsingAssertion
    key: MessageKey
    octets: bytes = field(repr=False)


_Find = Callable[[KeyReference, dict[str, Element], Mapping[str, Element]], _Endorsement]


def read_token_with_secret(envelope: Envelope, terms: Terms) -> SecuredMessage:
    """One Timestamp, one assertion, and a signature over the Timestamp (and over wsa:To) by the secret that the
    assertion is bound to, or by a key derived from it (WS-SecureConversation 1.3 section 7, and as of 2005/02).

    Raises as `read_endorsed` does, InvalidSecurity (the signature is not keyed by an assertion in the header),
    SecurityTokenUnavailable, UnsupportedSecurityToken.
    """

    hidden = EncryptedToken(terms)

    def find(name: KeyReference, parts: dict[str, Element], ids: Mapping[str, Element]) -> _Endorsement:
        derived = _take_derivation(name, parts, ids)
        credential = _presented(_take_assertion(name if derived is None else derived.base, parts, ids, hidden))
        secret = terms.secret_of(credential.token_id)
        if secret is None:
            raise FailedCheck("an assertion that is unknown, or bound to no secret")
        key = secret if derived is None else derived.derive(secret)
        return _Endorsement(credential=credential, key=MacKey(key), octets=secret)

    with hidden.one_fault():
        return _read(envelope, terms, find)


def read_token_with_public_key(envelope: Envelope, terms: Terms) -> SecuredMessage:
    """The same with the public key, RSA or elliptic, that the assertion is bound to.

    Raises the same, and InvalidHeaderToken: it is bound to none, or to one that is not offered.
    """
    return read_token_whose_public_key_endorses(envelope, terms, body=False)


def read_token_whose_public_key_endorses(envelope: Envelope, terms: Terms, *, body: bool) -> SecuredMessage:
    """The same, with the Body signed, too, where `body` says so."""

    hidden = EncryptedToken(terms)

    def find(name: KeyReference, parts: dict[str, Element], ids: Mapping[str, Element]) -> _Endorsement:
        element = _take_assertion(name, parts, ids, hidden)
        try:
            key = confirmation_key(element)
        except InvalidSecurityToken as refusal:
            raise InvalidHeaderToken(refusal.detail) from None
        if key is None:
            raise InvalidHeaderToken("an assertion that is bound to no public key")
        return _Endorsement(credential=_presented(element, key), key=PublicKey(key), octets=key.key_info)

    with hidden.one_fault():
        return _read(envelope, terms, find, body=body)


def read_username_and_secret_of_token(envelope: Envelope, terms: Terms) -> SecuredMessage:
    """Policy `usernameissuedtokenmixed`: one Timestamp, one UsernameToken, and a signature over the Timestamp (and over
    wsa:To) by the secret of a token that is named by its id. It proves that secret, and nobody's identity; what the
    header shows of the token itself says nothing that the register does not know, and is not looked at.

    Raises as `read_token_with_secret` and `read_username_token` do.
    """
    used: list[tuple[str, bytes]] = []

    def find_key(name: KeyReference, parts: dict[str, Element], ids: Mapping[str, Element]) -> MessageKey:
        derived = _take_derivation(name, parts, ids)
        named = name if derived is None else derived.base
        if not isinstance(named, ByAssertionId):
            raise InvalidSecurity("signed by a key that is not an assertion's, by its id")
        if ids.get(named.id) is not None and parts.get(ids[named.id].tag) is ids[named.id]:
            _take_assertion(named, parts, ids)
        secret = terms.secret_of(named.id)
        if secret is None:
            raise FailedCheck("an assertion that is unknown, or bound to no secret")
        used.append((named.id, secret))
        return MacKey(secret if derived is None else derived.derive(secret))

    endorsed = read_endorsed(envelope, terms, find_key=find_key, documents=ASSERTIONS)
    token = endorsed.parts.pop(USERNAME_TOKEN, None)
    demand_nothing_else(endorsed.parts)
    with in_security_header():
        username = read_username(token, terms)
    ((token_id, secret),) = used
    secured = endorsed_by(endorsed, username, envelope=envelope, terms=terms, key=secret)
    return replace(secured, proved=replace(secured.proved, proved_tokens=frozenset({token_id})))


def _read(envelope: Envelope, terms: Terms, find: _Find, *, body: bool = False) -> SecuredMessage:
    used: list[_Endorsement] = []

    def find_key(name: KeyReference, parts: dict[str, Element], ids: Mapping[str, Element]) -> MessageKey:
        used.append(find(name, parts, ids))
        return used[0].key

    endorsed = read_endorsed(envelope, terms, find_key=find_key, documents=ASSERTIONS, body=body)
    demand_nothing_else(endorsed.parts)
    return endorsed_by(endorsed, used[0].credential, envelope=envelope, terms=terms, key=used[0].octets)


def _take_derivation(
    name: KeyReference, parts: dict[str, Element], ids: Mapping[str, Element]
) -> DerivedKeyToken | None:
    """How the key is derived that `name` leads to, explicitly or implicitly; None: it is not.

    Raises InvalidSecurity (unreadable, or out of bounds), UnsupportedAlgorithm.
    """
    match name:
        case ByDerivation():
            return implied_token(name)
        case ById(identifier):
            for tag in DERIVED_KEY_TOKENS & parts.keys():
                if ids.get(identifier) is parts[tag]:
                    return read_derived_key_token(parts.pop(tag))
    return None


def _take_assertion(
    name: KeyReference,
    parts: dict[str, Element],
    ids: Mapping[str, Element],
    hidden: EncryptedToken | None = None,
) -> Element:
    """The assertion that `name` leads to: of the Security header, and taken out of its `parts`, or in the name itself.
    One that is `hidden` is named by its own id.

    Raises InvalidSecurity, SecurityTokenUnavailable, and what `EncryptedToken.take` does.
    """
    match name:
        case ByEmbedding(element) if element.tag in ASSERTIONS:
            return element
        case ByAssertionId(identifier) if hidden is not None and hidden.is_among(parts) and identifier not in ids:
            return hidden.take(identifier, parts)
        case ByAssertionId(identifier) | ById(identifier):
            element = ids.get(identifier)
            if element is None:
                raise SecurityTokenUnavailable("the token whose key signed is named, and not shown")
            for tag in ASSERTIONS:
                if parts.get(tag) is element:
                    return parts.pop(tag)
    raise InvalidSecurity("signed by a key that is not an assertion's of the Security header")


def _presented(element: Element, key: PublicProof | None = None) -> EndorsingAssertion:
    try:
        token_id = id_of(element)
    except InvalidSecurityToken as refusal:
        raise InvalidHeaderToken(refusal.detail) from None
    return EndorsingAssertion(PresentedAssertion(element, element.getroottree().getroot()), token_id, key)
