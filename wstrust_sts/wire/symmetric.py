"""The symmetric binding: a secret that the client makes and encrypts for the STS protects both messages.

Policy `username` (WS-SecurityPolicy 1.2 section 7.4): derived keys or the secret itself, a UsernameToken that is
signed and encrypted, an encrypted signature. The secret says nothing of who is asking; the UsernameToken does, and
only because this message's signature covers it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from wstrust_sts.model import VerifiedMessage
from wstrust_sts.ports import Decrypter
from wstrust_sts.wire.algorithms import Algorithms
from wstrust_sts.wire.contexts import SECURITY_CONTEXT_TOKENS, FindContext
from wstrust_sts.wire.keyinfo import KeyReference
from wstrust_sts.wire.message_signature import MacKey, MessageKey
from wstrust_sts.wire.opening import BaseSecret, DerivedKey, open_message
from wstrust_sts.wire.protection import ProtectedMessage, verify_protection
from wstrust_sts.wire.sealing import Methods, SymmetricSeal
from wstrust_sts.wire.soap import Envelope
from wstrust_sts.wire.terms import SecuredMessage, Terms
from wstrust_sts.wire.wsse import USERNAME_TOKEN, Freshness, in_security_header, read_username_token
from wstrust_sts.wire.xml import Element


def read_username_in_message(envelope: Envelope, terms: Terms) -> SecuredMessage:
    """Raises InvalidSecurity, UnsupportedSecurityToken, UnsupportedAlgorithm, FailedCheck, MessageExpired."""
    message = open_symmetric(
        envelope,
        decrypters=terms.decrypters(),
        algorithms=terms.algorithms,
        now=terms.now,
        freshness=terms.freshness,
    )
    token = message.protected.take_signed(USERNAME_TOKEN, hidden=True)
    message.protected.demand_nothing_else()
    with in_security_header():
        credential = read_username_token(token, terms.transport)
    return SecuredMessage(
        envelope=message.protected.opened.envelope,
        proved=VerifiedMessage(
            credentials=(credential,),
            tls=terms.transport.tls,
            created=message.protected.created,
            peer_certificate=terms.transport.peer_certificate,
            seal=message.seal(confirms=terms.confirms_signatures),
            signature_digest=message.protected.signature.digest_under(message.signing_key.secret),
            signature_id=message.protected.signature.id,
            encrypted=True,
        ),
    )


@dataclass(frozen=True, slots=True)
class SymmetricMessage:
    """A verified message and the key that signed it."""

    protected: ProtectedMessage
    signing_key: BaseSecret | DerivedKey

    def seal(self, *, confirms: bool) -> SymmetricSeal:
        """What protects the answer: the same secret, in the same algorithms; derived keys for derived keys."""
        protected, key = self.protected, self.signing_key
        methods = Methods(
            signature=protected.signature.method,
            digest=protected.signature.digest_method,
            encryption=protected.opened.encryption,
        )
        confirmed = (protected.signature.value,) if confirms else None
        if not isinstance(key, DerivedKey):
            return SymmetricSeal(secret=key, methods=methods, derivation=None, confirmed=confirmed)
        return SymmetricSeal(
            secret=key.base,
            methods=methods,
            derivation=key.token.namespace,
            signing_octets=key.token.length,
            confirmed=confirmed,
        )


def open_symmetric(
    envelope: Envelope,
    *,
    decrypters: Sequence[Decrypter],
    algorithms: Algorithms,
    now: datetime,
    freshness: Freshness,
    known: Sequence[BaseSecret] = (),
    find_context: FindContext | None = None,
) -> SymmetricMessage:
    """The message under one secret: which it brings, which is that of the security context that it names (with
    `find_context`), or, in an answer, which is `known`. Decrypted and verified.

    Raises as `open_message` and `verify_protection` do.
    """
    opened = open_message(
        envelope,
        decrypters=decrypters,
        algorithms=algorithms,
        brings=0 if known or find_context is not None else 1,
        known=known,
        find_context=find_context,
    )
    used: list[BaseSecret | DerivedKey] = []

    def find_key(name: KeyReference, parts: dict[str, Element]) -> MessageKey:
        for token in SECURITY_CONTEXT_TOKENS & parts.keys() if find_context is not None else ():
            del parts[token]  # its key is among the message's
        used.append(opened.keys.find(name))
        return MacKey(used[0].secret)

    protected = verify_protection(opened, find_key=find_key, algorithms=algorithms, now=now, freshness=freshness)
    return SymmetricMessage(protected, used[0])
