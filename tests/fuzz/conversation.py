"""Messages that a security context protects, as they come: hidden by its key, and endorsed by it inside of TLS."""

from functools import cache

from tests import messages
from tests.contexts import CONTEXT
from tests.endorsed import request_in_context
from tests.fakes import NOON, REALM
from tests.fuzz import mutations
from tests.fuzz.target import Target, refusing
from tests.protected import draft, protect
from tests.terms import over_tls
from wstrust_sts import ns
from wstrust_sts.errors import StsError
from wstrust_sts.model import AuthenticationMethod
from wstrust_sts.received_tokens import PresentedContext
from wstrust_sts.relying_parties import OWN_PARTY
from wstrust_sts.security_contexts import SecurityContext
from wstrust_sts.wire.algorithms import BASIC256SHA256
from wstrust_sts.wire.secure_conversation import read_secure_conversation, read_secure_conversation_over_tls
from wstrust_sts.wire.signature_parts import canonical
from wstrust_sts.wire.soap import SoapVersion, read_envelope
from wstrust_sts.wire.terms import Protection, SecuredMessage, SecurityReader
from wstrust_sts.wire.xml import parse

_PROVED = (PresentedContext(CONTEXT.identifier, CONTEXT.instance, proved=True),)


def _find(identifier: str, instance: str | None) -> SecurityContext | None:
    """The one context that there is. Alone what asks by its whole name gets its key."""
    if (identifier, instance) != (CONTEXT.identifier, CONTEXT.instance):
        return None
    return SecurityContext(
        identifier=identifier,
        instance=instance,
        realm=REALM.name,
        account="id-alice",
        relying_party=OWN_PARTY,
        methods=(AuthenticationMethod.PASSWORD_OVER_TLS,),
        instant=NOON,
        created=NOON,
        expires_at=NOON.replace(hour=13),
        renewable=True,
        secret=CONTEXT.secret,
    )


def _read(octets: bytes, reader: SecurityReader) -> SecuredMessage:
    terms = over_tls(algorithms=BASIC256SHA256, signer=lambda: None, contexts=_find)
    return reader(read_envelope(parse(octets), expected=SoapVersion.SOAP12), terms)


def _hidden(octets: bytes) -> None:
    """Nobody here can sign: whatever is accepted asks for what was asked for, at the time when it was."""
    secured = _read(octets, read_secure_conversation)
    assert secured.protection is Protection.CONTEXT
    assert (secured.proved.credentials, secured.proved.created) == (_PROVED, NOON)
    assert canonical(secured.envelope.body) in _genuine()


def _endorsed(octets: bytes) -> None:
    """The Timestamp is the signed one; the Body is TLS's to protect."""
    secured = _read(octets, read_secure_conversation_over_tls)
    if secured.protection is Protection.CONTEXT:
        assert (secured.proved.credentials, secured.proved.created) == (_PROVED, NOON)
    else:
        assert not secured.proved.proved_contexts


@cache
def _genuine() -> frozenset[bytes]:
    return frozenset(
        canonical(_read(message, read_secure_conversation).envelope.body) for message in _hidden_messages()
    )


@cache
def _hidden_messages() -> tuple[bytes, ...]:
    return tuple(
        protect(draft("secureconversation", messages.issue(), derives=derives))
        for derives in (ns.WSC13, ns.WSC05, None)
    )


@cache
def _endorsed_messages() -> tuple[bytes, ...]:
    bootstrap = messages.envelope(
        messages.issue(), messages.security(messages.timestamp(NOON), messages.username_token())
    )
    return (*(request_in_context(derives=derives).encode() for derives in (ns.WSC13, None)), bootstrap.encode())


CONVERSATION = (
    Target(name="conversed", run=refusing(StsError)(_hidden), seeds=_hidden_messages, mutate=mutations.xml, share=2),
    Target(
        name="endorsedbycontext",
        run=refusing(StsError)(_endorsed),
        seeds=_endorsed_messages,
        mutate=mutations.xml,
        share=1,
    ),
)
