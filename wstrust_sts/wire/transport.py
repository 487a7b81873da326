"""The transport binding: TLS protects the message, and a token in it says who is asking (policy `usernamemixed`).

What the policy asks for is demanded, and nothing that it does not ask for is passed over: a part of the header that
nobody verifies must not look as if somebody had.
"""

from wstrust_sts.errors import InvalidSecurity, UnsupportedSecurityToken
from wstrust_sts.model import VerifiedMessage
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
from wstrust_sts.wire.xml import local


def read_username_over_tls(envelope: Envelope, terms: Terms) -> SecuredMessage:
    """Demands one Timestamp and one UsernameToken (WS-SecurityPolicy 1.2 section 7.3).

    Raises InvalidSecurity (missing, doubled or unreadable parts), MessageExpired, UnsupportedSecurityToken.
    """
    with in_security_header():
        parts = once(security_header(envelope.blocks))
        timestamp, token = parts.pop(TIMESTAMP, None), parts.pop(USERNAME_TOKEN, None)
        if timestamp is None and "no-timestamp" not in terms.tolerances:
            raise InvalidSecurity("no Timestamp")
        created = None if timestamp is None else read_timestamp(timestamp, terms.now, terms.freshness)
        if parts:
            raise UnsupportedSecurityToken(f"not asked for by this endpoint: {', '.join(map(local, parts.values()))}")
        if token is None:
            raise InvalidSecurity("no UsernameToken")
        credential = read_username_token(token, terms.transport)
    return SecuredMessage(
        envelope=envelope,
        proved=VerifiedMessage(
            credentials=(credential,),
            tls=terms.transport.tls,
            created=created,
            peer_certificate=terms.transport.peer_certificate,
        ),
    )
