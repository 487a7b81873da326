"""The parts of a wsse:Security header that bear no keys: the Timestamp and the UsernameToken."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
from wstrust_sts.received_tokens import UsernamePassword
from wstrust_sts.wire.times import read_time, write_time
from wstrust_sts.wire.xml import Element, children, local, octets_of, text_of, trimmed

SECURITY = f"{{{ns.WSSE}}}Security"
TIMESTAMP = f"{{{ns.WSU}}}Timestamp"
_CREATED = f"{{{ns.WSU}}}Created"
_EXPIRES = f"{{{ns.WSU}}}Expires"
USERNAME_TOKEN = f"{{{ns.WSSE}}}UsernameToken"
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


@contextmanager
def in_security_header() -> Iterator[None]:
    """What is unreadable here failed the Security header, not the request."""
    try:
        yield
    except InvalidRequest as error:
        raise InvalidSecurity(error.detail) from None


def security_header(blocks: Sequence[Element]) -> Element:
    """The one Security header for us. Raises InvalidSecurity."""
    headers = [block for block in blocks if block.tag == SECURITY]
    if len(headers) != 1:
        raise InvalidSecurity("no Security header" if not headers else "a second Security header")
    return headers[0]


def once(element: Element) -> dict[str, Element]:
    """The children by name. Raises InvalidSecurity: one occurs twice."""
    found: dict[str, Element] = {}
    for child in children(element):
        if child.tag in found:
            raise InvalidSecurity(f"a second {local(child)} in {local(element)}")
        found[child.tag] = child
    return found


def read_timestamp(timestamp: Element, now: datetime, freshness: Freshness) -> datetime:
    """When the message was created (WSS 1.1 section 10). Raises InvalidSecurity, MessageExpired."""
    parts = once(timestamp)
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


def read_username_token(token: Element, transport: Transport) -> UsernamePassword:
    """UsernameToken Profile 1.1 section 3.1; a Password without Type is text."""
    parts = once(token)
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


def write_security(now: datetime, *, mandatory: bool, declared: bool = False) -> str:
    """The Security header of an answer that the transport protects: exactly one Timestamp (wire contract row 25).

    `mandatory`: whoever does not understand it must not use the answer. `declared`: the prefix `u` is, around it.
    """
    must_understand = ' s:mustUnderstand="1"' if mandatory else ""
    timestamp = write_timestamp(now, identifier="_0", declared=declared)
    return f'<o:Security xmlns:o="{ns.WSSE}"{must_understand}>{timestamp}</o:Security>'


def write_timestamp(now: datetime, *, identifier: str, declared: bool = False) -> str:
    declaration = "" if declared else f' xmlns:u="{ns.WSU}"'
    return (
        f'<u:Timestamp{declaration} u:Id="{identifier}"><u:Created>{write_time(now)}</u:Created>'
        f"<u:Expires>{write_time(now + _ANSWER_LIFETIME)}</u:Expires></u:Timestamp>"
    )
