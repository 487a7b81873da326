"""The wsse:Security header: a request's into a `VerifiedMessage`, and an answer's.

What an endpoint's policy asks for is demanded, and nothing that it does not ask for is passed over: a part of
the header that nobody verifies must not look as if somebody had.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from wstrust_sts import ns
from wstrust_sts.errors import (
    FailedAuthentication,
    InvalidRequest,
    InvalidSecurity,
    MessageExpired,
    UnsupportedSecurityToken,
)
from wstrust_sts.model import UsernamePassword, VerifiedMessage
from wstrust_sts.wire.times import read_time, write_time
from wstrust_sts.wire.xml import Element, children, local, octets_of, text_of, trimmed

_SECURITY = f"{{{ns.WSSE}}}Security"
_TIMESTAMP = f"{{{ns.WSU}}}Timestamp"
_CREATED = f"{{{ns.WSU}}}Created"
_EXPIRES = f"{{{ns.WSU}}}Expires"
_USERNAME_TOKEN = f"{{{ns.WSSE}}}UsernameToken"
_USERNAME = f"{{{ns.WSSE}}}Username"
_PASSWORD = f"{{{ns.WSSE}}}Password"
_NONCE = f"{{{ns.WSSE}}}Nonce"

_ANSWER_LIFETIME = timedelta(minutes=5)
_MAX_USERNAME = 512
_MAX_PASSWORD = 1024
_MAX_NONCE = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """How old a message may be, and how far clocks may differ."""

    skew: timedelta = timedelta(minutes=5)
    max_age: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transport:
    """What the connection proved before the message was read."""

    tls: bool
    peer_certificate: bytes | None = None
    source: str = ""  # the peer's address


def read_username_over_tls(
    blocks: tuple[Element, ...],
    *,
    transport: Transport,
    now: datetime,
    freshness: Freshness,
    timestamp_required: bool = True,
) -> VerifiedMessage:
    """The protection of a message under the policy `usernamemixed`: TLS, one Timestamp, one UsernameToken.

    Raises InvalidSecurity (missing, doubled or unreadable parts), MessageExpired, UnsupportedSecurityToken.
    """
    try:
        parts = _parts(blocks)
        created = _read_timestamp(parts.pop(_TIMESTAMP, None), now, freshness, required=timestamp_required)
        token = parts.pop(_USERNAME_TOKEN, None)
        if parts:
            raise UnsupportedSecurityToken(f"not asked for by this endpoint: {', '.join(map(local, parts.values()))}")
        if token is None:
            raise InvalidSecurity("no UsernameToken")
        credential = _read_username_token(token, transport)
    except InvalidRequest as error:
        raise InvalidSecurity(error.detail) from None
    return VerifiedMessage(
        credentials=(credential,),
        tls=transport.tls,
        created=created,
        peer_certificate=transport.peer_certificate,
    )


def _parts(blocks: tuple[Element, ...]) -> dict[str, Element]:
    """The children of the one Security header for us, by name; each name once."""
    headers = [block for block in blocks if block.tag == _SECURITY]
    if len(headers) != 1:
        raise InvalidSecurity("no Security header" if not headers else "a second Security header")
    return _once(headers[0])


def _once(element: Element) -> dict[str, Element]:
    found: dict[str, Element] = {}
    for child in children(element):
        if child.tag in found:
            raise InvalidSecurity(f"a second {local(child)} in {local(element)}")
        found[child.tag] = child
    return found


def _read_timestamp(
    timestamp: Element | None, now: datetime, freshness: Freshness, *, required: bool
) -> datetime | None:
    """When the message was created (WSS 1.1 section 10). Raises InvalidSecurity, MessageExpired."""
    if timestamp is None:
        if required:
            raise InvalidSecurity("no Timestamp")
        return None
    parts = _once(timestamp)
    if parts.keys() - {_CREATED, _EXPIRES} or _CREATED not in parts:
        raise InvalidSecurity("a Timestamp holds Created and at most one Expires")
    created = _read_time(parts[_CREATED])
    _demand_fresh(created, now, freshness)
    if _EXPIRES in parts:
        expires = _read_time(parts[_EXPIRES])
        if expires < created:
            raise InvalidSecurity("the Timestamp expires before it was created")
        if expires <= now - freshness.skew:
            raise MessageExpired("the Timestamp has expired")
    return created


def _demand_fresh(created: datetime, now: datetime, freshness: Freshness) -> None:
    if created > now + freshness.skew:
        raise MessageExpired("created in the future: check the clocks of client and server")
    if created <= now - freshness.max_age - freshness.skew:
        raise MessageExpired("created too long ago: check the clocks of client and server")


def _read_time(element: Element) -> datetime:
    try:
        return read_time(trimmed(element, limit=64))
    except ValueError as error:
        raise InvalidSecurity(f"{local(element)}: {error}") from None


def _read_username_token(token: Element, transport: Transport) -> UsernamePassword:
    """UsernameToken Profile 1.1 section 3.1; a Password without Type is text."""
    parts = _once(token)
    unknown = parts.keys() - {_USERNAME, _PASSWORD, _NONCE, _CREATED}
    if unknown:
        raise UnsupportedSecurityToken("a UsernameToken with more than Username, Password, Nonce and Created")
    if _USERNAME not in parts:
        raise InvalidSecurity("a UsernameToken without Username")
    if _PASSWORD not in parts:
        raise FailedAuthentication("a UsernameToken without Password proves nothing")
    password = parts[_PASSWORD]
    password_type = password.get("Type", ns.PASSWORD_TEXT)
    if password_type not in (ns.PASSWORD_TEXT, ns.PASSWORD_DIGEST):
        raise UnsupportedSecurityToken("an unknown Password Type")
    nonce = parts.get(_NONCE)
    created = parts.get(_CREATED)
    if nonce is not None and nonce.get("EncodingType", ns.BASE64_BINARY) != ns.BASE64_BINARY:
        raise InvalidSecurity("a Nonce that is not Base64Binary")
    created_text = "" if created is None else trimmed(created, limit=64)
    return UsernamePassword(
        username=text_of(parts[_USERNAME], limit=_MAX_USERNAME),
        password=text_of(password, limit=_MAX_PASSWORD),
        password_type=password_type,
        nonce=None if nonce is None else octets_of(nonce, limit=_MAX_NONCE),
        created=None if created is None else _read_time(created),
        over_tls=transport.tls,
        created_text=created_text,
        source=transport.source,
    )


def write_security(now: datetime, *, mandatory: bool) -> str:
    """The Security header of an answer: exactly one Timestamp (wire contract row 25).

    `mandatory`: whoever does not understand it must not use the answer.
    """
    must_understand = ' s:mustUnderstand="1"' if mandatory else ""
    return (
        f'<o:Security xmlns:o="{ns.WSSE}"{must_understand}><u:Timestamp xmlns:u="{ns.WSU}" u:Id="_0">'
        f"<u:Created>{write_time(now)}</u:Created><u:Expires>{write_time(now + _ANSWER_LIFETIME)}</u:Expires>"
        "</u:Timestamp></o:Security>"
    )
