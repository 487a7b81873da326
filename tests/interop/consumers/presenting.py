"""How tokens come before a consumer, as they are or in a response of Web SSO; and what an attacker makes of them."""

from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime

from lxml import etree

from tests.interop.consumers.trusting import Consumer, Trusted
from tests.messages import instant
from wstrust_sts import ns

_SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
SIGNATURE = f"{{{ns.DS}}}Signature"


def present(consumer: Consumer, token: str, trusted: Trusted) -> str:
    """What the consumer takes: the token, or an unsigned response of now with the token in it, as it came."""
    return respond(token, trusted) if consumer.takes_responses else token


def respond(inside: str, trusted: Trusted) -> str:
    return (
        f'<samlp:Response xmlns:samlp="{_SAMLP}" ID="_response" Version="2.0"'
        f' IssueInstant="{instant(datetime.now(UTC))}" Destination="{trusted.recipient}">'
        f'<Issuer xmlns="{ns.SAML20}">{trusted.issuer}</Issuer><samlp:Status>'
        '<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>'
        f"{inside}</samlp:Response>"
    )


# -- forgeries: (a genuine token) -> what takes its place, by which the subject would be `admin` -----------------------


def renamed(token: str) -> str:
    return token.replace(">alice<", ">admin<")


def promoted(token: str) -> str:
    return token.replace(">players<", ">Players<")


def unsigned(token: str) -> str:
    return _written(_evil(token, identifier=None))


def twin_before(token: str) -> str:
    return _written(_evil(token)) + token


def twin_behind(token: str) -> str:
    return token + _written(_evil(token))


def twin_of_the_same_id(token: str) -> str:
    return _written(_evil(token, identifier=None)) + token


def genuine_within(token: str) -> str:
    """The genuine token as the last child of an unsigned one."""
    evil = _evil(token)
    evil.append(etree.fromstring(token))
    return _written(evil)


def genuine_in_the_signature(token: str) -> str:
    """A forged token with the genuine signature, which has what it is about in an Object of its own."""
    genuine = etree.fromstring(token)
    evil = _evil(token)
    signature = deepcopy(genuine.find(SIGNATURE))
    genuine.remove(genuine.find(SIGNATURE))
    etree.SubElement(signature, f"{{{ns.DS}}}Object").append(genuine)
    evil.insert(1 if evil.get("ID") else len(evil), signature)
    return _written(evil)


def genuine_under_a_signature(token: str) -> str:
    """The same, with the genuine token whole."""
    evil = _evil(token)
    signature = deepcopy(etree.fromstring(token).find(SIGNATURE))
    etree.SubElement(signature, f"{{{ns.DS}}}Object").append(etree.fromstring(token))
    evil.insert(1 if evil.get("ID") else len(evil), signature)
    return _written(evil)


TAMPERED: tuple[Callable[[str], str], ...] = (renamed, promoted, unsigned)
WRAPPED: tuple[Callable[[str], str], ...] = (
    genuine_within,
    genuine_in_the_signature,
    genuine_under_a_signature,
)
# For those who look for assertions in a larger document.
ACCOMPANIED: tuple[Callable[[str], str], ...] = (twin_before, twin_behind, twin_of_the_same_id)


def _evil(token: str, *, identifier: str | None = "_evil") -> etree._Element:
    """The token with another subject, without a signature, and with another ID unless `identifier` is None."""
    evil = etree.fromstring(renamed(token))
    evil.remove(evil.find(SIGNATURE))
    if identifier is not None:
        evil.set("ID" if evil.get("ID") else "AssertionID", identifier)
    return evil


def _written(element: etree._Element) -> str:
    return etree.tostring(element, encoding="unicode")
