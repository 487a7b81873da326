"""An STS whose endpoints take its own tokens as credentials, and clients that hold such tokens with their keys.

As in tests/endorsed.py, nothing of the codec that is under test works here.
"""

import base64
import hmac
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from lxml import etree

from tests import endorsed, messages
from tests.endorsed import Party, b64
from tests.harness import (
    ENDPOINTS,
    ISSUED_TOKEN_ENDPOINTS,
    PASSWORDS,
    PROVING_ENDPOINTS,
    PUBLIC_URL,
    RELYING_PARTY,
    STRICT_PARTY,
)
from tests.holders import KEYED_PARTY, key_info, key_value
from tests.messages import Answer
from tests.protected import encrypt, encrypted_data, encrypted_key, p_sha1, wrap
from tests.protected import party as protected_party
from tests.sealed import SealedSts
from wstrust_sts import ns
from wstrust_sts.bindings.http import Request
from wstrust_sts.config import EndpointSection
from wstrust_sts.relying_parties import AppliesToRule, RelyingParty

OWN = f"{PUBLIC_URL}/trust/13/usernamemixed"
SYMMETRIC, ASYMMETRIC = "issuedtokenmixedsymmetricbasic256", "issuedtokenmixedasymmetricbasic256"
KEYED = "https://keyed.example.test/svc"
OTHER = replace(KEYED_PARTY, id="keyed", name="keyed", applies_to=(AppliesToRule(address=KEYED),))
LABEL = b"WS-SecureConversation" * 2


@dataclass
class TokenSts(SealedSts):
    """`keyed` is a relying party that takes tokens with keys."""

    endpoints: tuple[EndpointSection, ...] = (*ENDPOINTS, *ISSUED_TOKEN_ENDPOINTS, *PROVING_ENDPOINTS)
    relying_parties: tuple[RelyingParty, ...] = (RELYING_PARTY, STRICT_PARTY, OTHER)


# -- holders -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Secret:
    """What signs by HMAC, where `endorsed.Party` signs by a private key."""

    octets: bytes = field(repr=False)
    method: str = ns.HMAC_SHA1

    def sign(self, octets: bytes, method: str) -> bytes:
        return hmac.digest(self.octets, octets, {ns.HMAC_SHA1: "sha1", ns.HMAC_SHA256: "sha256"}[method])


@dataclass(frozen=True)
class Holder:
    """A token as it was issued, and the key that it is bound to."""

    token: str
    key: Secret | Party

    @property
    def id(self) -> str:
        root = etree.fromstring(self.token)
        return root.get("ID") or root.get("AssertionID")

    @property
    def by_id(self) -> str:
        return by_key_identifier(self.id, saml11="MajorVersion" in self.token)

    def derived(self, *, namespace: str = ns.WSC13, base: str | None = None, inside: str | None = None) -> "Derived":
        """The key that a DerivedKeyToken describes. `inside` is all that this has beside its base and Nonce."""
        nonce = os.urandom(16)
        octets = p_sha1(self.key.octets, LABEL + nonce, 24)
        described = "<c:Offset>0</c:Offset><c:Length>24</c:Length>" if inside is None else inside
        markup = (
            f'<c:DerivedKeyToken xmlns:c="{namespace}" xmlns:u="{ns.WSU}" u:Id="DK">{base or self.by_id}{described}'
            f"<c:Nonce>{b64(nonce)}</c:Nonce></c:DerivedKeyToken>"
        )
        return Derived(Secret(octets), markup)

    def implied(self, *, namespace: str = ns.WSC13, length: int = 24) -> "Derived":
        """The same without a DerivedKeyToken; `markup` is the reference."""
        nonce = os.urandom(16)
        attributes = f' xmlns:c="{namespace}" c:Nonce="{b64(nonce)}" c:Length="{length}"'
        reference = self.by_id.replace("<o:SecurityTokenReference", f"<o:SecurityTokenReference{attributes}", 1)
        return Derived(Secret(p_sha1(self.key.octets, LABEL + nonce, min(length, 64))), reference)


@dataclass(frozen=True)
class Derived:
    key: Secret
    markup: str


def by_key_identifier(identifier: str, *, saml11: bool = False) -> str:
    value_type = ns.SAML11_KEY_IDENTIFIER if saml11 else ns.SAML20_KEY_IDENTIFIER
    token_type = ns.TP11_SAML11 if saml11 else ns.TP11_SAML20
    return (
        f'<o:SecurityTokenReference xmlns:o="{ns.WSSE}" xmlns:k="{ns.WSSE11}" k:TokenType="{token_type}">'
        f'<o:KeyIdentifier ValueType="{value_type}">{identifier}</o:KeyIdentifier></o:SecurityTokenReference>'
    )


def by_reference(identifier: str, *, value_type: str = "") -> str:
    kind = f' ValueType="{value_type}"' if value_type else ""
    return (
        f'<o:SecurityTokenReference xmlns:o="{ns.WSSE}"><o:Reference URI="#{identifier}"{kind}/>'
        "</o:SecurityTokenReference>"
    )


def embedded(token: str) -> str:
    return f'<o:SecurityTokenReference xmlns:o="{ns.WSSE}"><o:Embedded>{token}</o:Embedded></o:SecurityTokenReference>'


def hidden(
    plaintext: bytes | str,
    *,
    bare: bool = False,
    algorithm: str = ns.AES256_GCM,
    recipient: str = "sts",
    change: Callable[[bytes], bytes] = bytes,
    wrapped: bytes | None = None,
    content: bool = False,
    more: str = "",
) -> str:
    """A token as it is encrypted for the STS: an EncryptedAssertion, or a bare EncryptedData. `change` is done to its
    ciphertext, `wrapped` is in the place of its key's, and `more` in the EncryptedKey.
    """
    octets, key = plaintext.encode() if isinstance(plaintext, str) else plaintext, os.urandom(32)
    ciphertext = change(encrypt(octets, key, algorithm))
    whose = protected_party(recipient)
    wrapped = wrap(key, whose) if wrapped is None else wrapped
    inside = encrypted_key("EK", wrapped, whose, more=more)
    data = encrypted_data("ED", ciphertext, algorithm, key_info=inside, content=content)
    markup = etree.tostring(data, encoding="unicode")
    if bare:
        return markup
    return f'<h:EncryptedAssertion xmlns:h="{ns.SAML20}">{markup}</h:EncryptedAssertion>'


# -- tokens from `usernamemixed` -----------------------------------------------------------------------------------


def ask_for(
    sts: TokenSts, key_type: str, *more: str, user: str = "alice", address: str = OWN, peer: bytes | None = None, **how
) -> Answer:
    """By password, over TLS in which the requestor showed the certificate `peer`."""
    kind = f"<t:KeyType>{ns.WST13}/{key_type}</t:KeyType>"
    body = messages.issue(kind, *more, address=address, token_type=how.pop("token_type", ns.TP11_SAML20))
    credential = messages.username_token(user, PASSWORDS[user])
    message = messages.envelope(body, messages.security(messages.timestamp(sts.clock.now), credential))
    fields = {"content-type": messages.content_type()}
    path = "/trust/13/usernamemixed"
    return sts.request(Request(method="POST", path=path, headers=fields, body=message.encode(), peer_certificate=peer))


def with_secret(sts: TokenSts, *more: str, **how) -> Holder:
    answer = ask_for(sts, "SymmetricKey", *more, **how)
    assert answer.status == 200, answer.body
    return Holder(answer.assertion.decode(), Secret(base64.b64decode(answer.text(".//t:BinarySecret"))))


def with_public_key(sts: TokenSts, *more: str, kind: str = "rsa-2048", certified: bool = True, **how) -> Holder:
    """Named in the token by its certificate, or as KeyValue."""
    key = endorsed.party("holder", kind)
    named = () if certified else (f"<t:UseKey>{key_info(key_value(key.certificate))}</t:UseKey>",)
    answer = ask_for(sts, "PublicKey", *named, *more, peer=key.certificate, **how)
    assert answer.status == 200, answer.body
    return Holder(answer.assertion.decode(), key)


def holder_for(sts: TokenSts, policy: str, *more: str, **how) -> Holder:
    return (with_secret if policy == SYMMETRIC else with_public_key)(sts, *more, **how)


def until(moment: datetime) -> str:
    return f'<t:Lifetime><u:Expires xmlns:u="{ns.WSU}">{messages.instant(moment)}</u:Expires></t:Lifetime>'


# -- requests ------------------------------------------------------------------------------------------------------


def request(
    holder: Holder,
    *,
    key: Secret | Party | None = None,
    more: Sequence[str] | None = None,
    name: str | None = None,
    **how,
) -> str:
    """A good Issue for the relying party `rp`, endorsed. `more` is what the Security header has behind its Timestamp,
    by default the token, and `name` what names the key.
    """
    return endorsed.request(
        holder.key if key is None else key,
        more=(holder.token,) if more is None else more,
        shown="",
        key_info=holder.by_id if name is None else name,
        **how,
    )
