"""Secure conversation (WS-SecurityPolicy 1.2 section 5.4.7): a context's key protects messages, and a bootstrap policy
the one request by which the context is established.

What a message's Security header holds decides which of the two it is read by; what it may then ask for is decided by
`Protection`, which the binding holds against the request.
"""

from collections.abc import Mapping
from dataclasses import replace

from wstrust_sts import ns
from wstrust_sts.errors import BadContextToken, InvalidSecurity
from wstrust_sts.model import Operation, RequestSecurityToken, VerifiedMessage
from wstrust_sts.received_tokens import PresentedContext
from wstrust_sts.relying_parties import OWN_PARTY
from wstrust_sts.security_contexts import SecurityContext
from wstrust_sts.wire.asymmetric import read_certificate_in_message
from wstrust_sts.wire.contexts import SECURITY_CONTEXT_TOKENS, ContextSecret, choose_context, read_context_token
from wstrust_sts.wire.endorsing import read_endorsed
from wstrust_sts.wire.keyinfo import ByContext, KeyReference
from wstrust_sts.wire.message_signature import MacKey, MessageKey
from wstrust_sts.wire.opening import MessageKeys
from wstrust_sts.wire.sc import DERIVED_KEY_TOKENS, read_derived_key_token
from wstrust_sts.wire.signature_parts import SIGNATURE
from wstrust_sts.wire.soap import Envelope
from wstrust_sts.wire.symmetric import open_symmetric
from wstrust_sts.wire.terms import Protection, SecuredMessage, SecurityReader, Terms
from wstrust_sts.wire.transport import demand_nothing_else, read_username_over_tls
from wstrust_sts.wire.wsse import USERNAME_TOKEN, in_security_header, read_username_token, security_header
from wstrust_sts.wire.xenc import ENCRYPTED_KEY
from wstrust_sts.wire.xml import Element, children

_CONTEXTS = frozenset({ns.SCT13_TOKEN_TYPE, ns.SCT05_TOKEN_TYPE})


def read_secure_conversation_over_tls(envelope: Envelope, terms: Terms) -> SecuredMessage:
    """Policy `secureconversationmixed`: TLS, and an endorsing signature by a context's key; before, `usernamemixed`.

    Raises as `read_endorsed` and `read_username_over_tls` do, and BadContextToken.
    """
    if _holds(envelope, SECURITY_CONTEXT_TOKENS | DERIVED_KEY_TOKENS | {SIGNATURE}):
        return _read_endorsing_context(envelope, terms)
    return _bootstrapped(read_username_over_tls, envelope, terms)


def read_secure_conversation(envelope: Envelope, terms: Terms) -> SecuredMessage:
    """Policy `secureconversation`: signed and encrypted with a context's key, as `username` is; before, `certificate`.

    Raises as `open_symmetric` and `read_certificate_in_message` do, and BadContextToken.
    """
    if _holds(envelope, frozenset({ENCRYPTED_KEY})):
        return _bootstrapped(read_certificate_in_message, envelope, terms)
    return _read_context_in_message(envelope, terms)


def demand_admitted(secured: SecuredMessage, rst: RequestSecurityToken) -> None:
    """Raises InvalidSecurity: that is for the other of the endpoint's two policies to protect.

    A context is established under the bootstrap policy, and under nothing else; all that comes after it is protected by
    it, its own renewal and cancellation too. To renew it, the requestor may prove itself anew beside it, as WCF does.
    A relying party may know the key of a context that it shares: that proves no more here than the context concerns.
    """
    protection = secured.protection
    establishes = rst.operation is Operation.ISSUE and rst.token_type in _CONTEXTS
    renews = rst.operation is Operation.RENEW and isinstance(rst.target, PresentedContext)
    own = isinstance(rst.target, PresentedContext) and rst.target.identifier in secured.proved.proved_contexts
    if protection is Protection.SHARED_CONTEXT and not own:
        raise InvalidSecurity("a context that a relying party shares is for that one, and here for itself alone")
    if protection is Protection.BOTH and not renews:
        raise InvalidSecurity("both policies at once are for the renewal of a security context alone")
    if protection is Protection.BOOTSTRAP and not establishes:
        raise InvalidSecurity("the bootstrap policy is for the establishment of a security context alone")
    if protection is Protection.CONTEXT and establishes:
        raise InvalidSecurity("a security context is established under the bootstrap policy alone")


def _holds(envelope: Envelope, names: frozenset[str]) -> bool:
    with in_security_header():
        return any(part.tag in names for part in children(security_header(envelope.blocks)))


def _bootstrapped(read: SecurityReader, envelope: Envelope, terms: Terms) -> SecuredMessage:
    return replace(read(envelope, terms), protection=Protection.BOOTSTRAP)


class _Contexts:
    """Finds the key of the one context that a message names. `found` is what it was."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self.found: SecurityContext | None = None

    def find(self, name: ByContext) -> ContextSecret:
        """Raises BadContextToken, whatever is wrong: unknown, of another realm, cancelled or expired."""
        context = self._terms.contexts(name.identifier, name.instance)
        if context is None or context.expires_at <= self._terms.now:
            raise BadContextToken("a security context that is not known, or not any more")
        self.found = context
        return ContextSecret(context.secret, name)

    @property
    def protection(self) -> Protection:
        own = self.found is not None and self.found.relying_party == OWN_PARTY
        return Protection.CONTEXT if own else Protection.SHARED_CONTEXT

    @property
    def proof(self) -> PresentedContext:
        assert self.found is not None
        return PresentedContext(self.found.identifier, self.found.instance, proved=True)


# -- signed and encrypted ------------------------------------------------------------------------------------------


def _read_context_in_message(envelope: Envelope, terms: Terms) -> SecuredMessage:
    contexts = _Contexts(terms)
    message = open_symmetric(
        envelope,
        decrypters=(),
        algorithms=terms.algorithms,
        now=terms.now,
        freshness=terms.freshness,
        find_context=contexts.find,
    )
    message.protected.demand_nothing_else()
    return SecuredMessage(
        envelope=message.protected.opened.envelope,
        proved=VerifiedMessage(
            credentials=(contexts.proof,),
            tls=terms.transport.tls,
            created=message.protected.created,
            peer_certificate=terms.transport.peer_certificate,
            seal=message.seal(confirms=terms.confirms_signatures),
            signature_digest=message.protected.signature.digest_under(message.signing_key.secret),
            signature_id=message.protected.signature.id,
            encrypted=True,
            proved_contexts=(contexts.proof.identifier,),
        ),
        protection=contexts.protection,
    )


# -- endorsing, inside of TLS --------------------------------------------------------------------------------------


def _read_endorsing_context(envelope: Envelope, terms: Terms) -> SecuredMessage:
    contexts = _Contexts(terms)
    used: list[bytes] = []

    def find_key(name: KeyReference, parts: dict[str, Element], ids: Mapping[str, Element]) -> MessageKey:
        used.append(_endorsing_key(name, parts, contexts))
        return MacKey(used[0])

    endorsed = read_endorsed(envelope, terms, find_key=find_key)
    username = endorsed.parts.pop(USERNAME_TOKEN, None)
    demand_nothing_else(endorsed.parts)
    with in_security_header():
        anew = () if username is None else (read_username_token(username, terms.transport),)
    return SecuredMessage(
        envelope=envelope,
        proved=VerifiedMessage(
            credentials=(contexts.proof, *anew),
            tls=terms.transport.tls,
            created=endorsed.created,
            peer_certificate=terms.transport.peer_certificate,
            signature_digest=endorsed.signature.digest_under(used[0]),
            signature_id=endorsed.signature.id,
            proved_contexts=(contexts.proof.identifier,),
        ),
        protection=Protection.BOTH if anew else contexts.protection,
    )


def _endorsing_key(name: KeyReference, parts: dict[str, Element], contexts: _Contexts) -> bytes:
    """The context's key, or the one derived from it, that `name` leads to; takes their tokens out of `parts`.

    Raises InvalidSecurity, UnsupportedAlgorithm, BadContextToken.
    """
    tokens = _take(parts, SECURITY_CONTEXT_TOKENS)
    derived = {_id(token): read_derived_key_token(token) for token in _take(parts, DERIVED_KEY_TOKENS)}
    if len(derived) > 1:
        raise InvalidSecurity("several keys derived for one signature")
    references = [name, *(token.base for token in derived.values())]
    secret = contexts.find(choose_context([read_context_token(token) for token in tokens], references))
    keys = MessageKeys([secret])
    for token in tokens:
        keys.add(_id(token), secret)
    for identifier, derivation in derived.items():
        keys.add(identifier, keys.derive(derivation))
    return keys.find(name).secret


def _take(parts: dict[str, Element], names: frozenset[str]) -> list[Element]:
    return [parts.pop(name) for name in names & parts.keys()]


def _id(token: Element) -> str:
    identifier: str = token.get(f"{{{ns.WSU}}}Id", "")
    return identifier
