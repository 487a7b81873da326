"""The transport binding: TLS protects the message, and tokens in it or around it say who is asking.

What the policy asks for is demanded, and nothing that it does not ask for is passed over: a part of the header that
nobody verifies must not look as if somebody had.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from wstrust_sts.errors import InvalidSecurity, UnsupportedSecurityToken
from wstrust_sts.model import VerifiedMessage
from wstrust_sts.proof_keys import ProvedKey
from wstrust_sts.received_tokens import PresentedCertificate, ReceivedToken, UsernamePassword
from wstrust_sts.wire.certificates import Certificate
from wstrust_sts.wire.endorsing import EndorsedMessage, read_endorsed
from wstrust_sts.wire.keyinfo import KeyReference
from wstrust_sts.wire.message_signature import MessageKey
from wstrust_sts.wire.public_keys import read_certified_key
from wstrust_sts.wire.shown_certificate import find_certificate
from wstrust_sts.wire.soap import Envelope
from wstrust_sts.wire.terms import SecuredMessage, Terms
from wstrust_sts.wire.wsse import (
    TIMESTAMP,
    USERNAME_TOKEN,
    in_security_header,
    once,
    read_timestamp,
    read_username_token,
    security_header,
)
from wstrust_sts.wire.xml import Element, local


def read_username_over_tls(envelope: Envelope, terms: Terms) -> SecuredMessage:
    """Policy `usernamemixed`: one Timestamp and one UsernameToken (WS-SecurityPolicy 1.2 section 7.3).

    Raises InvalidSecurity (missing, doubled or unreadable parts), MessageExpired, UnsupportedSecurityToken.
    """
    with in_security_header():
        parts, created = _timestamped(envelope, terms)
        token = parts.pop(USERNAME_TOKEN, None)
        demand_nothing_else(parts)
        credential = read_username(token, terms)
    return _secured(envelope, terms, credential, created=created)


def read_certificate_of_tls(envelope: Envelope, terms: Terms) -> SecuredMessage:
    """Policy `certificatetransport`: one Timestamp, inside of TLS that the requestor has a certificate in.

    Raises as `read_username_over_tls`.
    """
    with in_security_header():
        parts, created = _timestamped(envelope, terms)
        demand_nothing_else(parts)
    certificate = terms.transport.peer_certificate
    if certificate is None:
        raise InvalidSecurity("no TLS client certificate")
    credential = PresentedCertificate(certificate, source=terms.transport.source, by_tls=True)
    return _secured(envelope, terms, credential, created=created)


def read_endorsing_certificate(envelope: Envelope, terms: Terms) -> SecuredMessage:
    """Policy `certificatemixed`: one Timestamp, and a signature over it (and over wsa:To) by a certificate's key.

    Raises as `read_endorsed` and `find_certificate` do, and UnsupportedSecurityToken.
    """
    return read_certificate_that_endorses(envelope, terms, body=False)


def read_certificate_that_endorses(envelope: Envelope, terms: Terms, *, body: bool) -> SecuredMessage:
    """The same, with the Body signed, too, where `body` says so."""
    endorsed, certificate = _read_endorsed(envelope, terms, body=body)
    demand_nothing_else(endorsed.parts)
    return endorsed_by(endorsed, _shown(certificate, terms), envelope=envelope, terms=terms, key=certificate.key_info)


def read_username_and_endorsing_certificate(envelope: Envelope, terms: Terms) -> SecuredMessage:
    """Policy `usernamecertificatemixed`: what `certificatemixed` asks for, and a UsernameToken beside it.

    Raises as `read_endorsing_certificate` and `read_username_token`.
    """
    endorsed, certificate = _read_endorsed(envelope, terms)
    token = endorsed.parts.pop(USERNAME_TOKEN, None)
    demand_nothing_else(endorsed.parts)
    with in_security_header():
        username = read_username(token, terms)
    return endorsed_by(
        endorsed, _shown(certificate, terms), username, envelope=envelope, terms=terms, key=certificate.key_info
    )


def read_username_with_key_of_its_own(envelope: Envelope, terms: Terms) -> SecuredMessage:
    """A UsernameToken, and a signature over Timestamp and Body by a key that the requestor made for itself.

    Who asks is said by the password alone. The certificate is a name for the key, nobody's credential: whose it is and
    who certified it is not asked. What it proves is that the requestor holds the key.

    Raises as `read_username_and_endorsing_certificate`, and InvalidRequest.
    """
    endorsed, certificate = _read_endorsed(envelope, terms, body=True)
    token = endorsed.parts.pop(USERNAME_TOKEN, None)
    demand_nothing_else(endorsed.parts)
    with in_security_header():
        username = read_username(token, terms)
    secured = endorsed_by(endorsed, username, envelope=envelope, terms=terms, key=certificate.key_info)
    proved = (ProvedKey(read_certified_key(certificate.der), endorsed.signature.id),)
    return replace(secured, proved=replace(secured.proved, proved_keys=proved))


def _timestamped(envelope: Envelope, terms: Terms) -> tuple[dict[str, Element], datetime | None]:
    """The Security header's other parts, and when the Timestamp says that the message was made."""
    parts = once(security_header(envelope.blocks))
    timestamp = parts.pop(TIMESTAMP, None)
    if timestamp is None and "no-timestamp" not in terms.tolerances:
        raise InvalidSecurity("no Timestamp")
    return parts, None if timestamp is None else read_timestamp(timestamp, terms.now, terms.freshness)


def demand_nothing_else(parts: Mapping[str, Element]) -> None:
    """Raises UnsupportedSecurityToken: there are parts of the Security header left that nobody looked at."""
    if parts:
        raise UnsupportedSecurityToken(f"not asked for by this endpoint: {', '.join(map(local, parts.values()))}")


def read_username(token: Element | None, terms: Terms) -> UsernamePassword:
    if token is None:
        raise InvalidSecurity("no UsernameToken")
    return read_username_token(token, terms.transport)


def _read_endorsed(envelope: Envelope, terms: Terms, *, body: bool = False) -> tuple[EndorsedMessage, Certificate]:
    """The message, and the certificate whose key endorsed it."""
    used: list[Certificate] = []

    def find_key(name: KeyReference, parts: dict[str, Element], ids: Mapping[str, Element]) -> MessageKey:
        used.append(find_certificate(name, parts, ids))
        return used[0]

    return read_endorsed(envelope, terms, find_key=find_key, body=body), used[0]


def _shown(certificate: Certificate, terms: Terms) -> PresentedCertificate:
    return PresentedCertificate(certificate.der, source=terms.transport.source, intermediates=certificate.intermediates)


def endorsed_by(
    endorsed: EndorsedMessage, *credentials: ReceivedToken, envelope: Envelope, terms: Terms, key: bytes
) -> SecuredMessage:
    """What the endorsing signature proved, first, and the other `credentials`: nobody tries passwords without it.

    `key` stands for the key that signed.
    """
    return _secured(
        envelope,
        terms,
        *credentials,
        created=endorsed.created,
        signature_digest=endorsed.signature.digest_under(key),
        signature_id=endorsed.signature.id,
    )


def _secured(
    envelope: Envelope,
    terms: Terms,
    *credentials: ReceivedToken,
    created: datetime | None,
    signature_digest: bytes | None = None,
    signature_id: str | None = None,
) -> SecuredMessage:
    return SecuredMessage(
        envelope=envelope,
        proved=VerifiedMessage(
            credentials=credentials,
            tls=terms.transport.tls,
            created=created,
            peer_certificate=terms.transport.peer_certificate,
            signature_digest=signature_digest,
            signature_id=signature_id,
        ),
    )
