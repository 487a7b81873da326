"""Tokens as text, to be presented as they are, or by their id."""

import copy

from lxml import etree

from wstrust_sts import ns
from wstrust_sts.cli.exchanges.unverified import parse_unverified
from wstrust_sts.cli.output import Refusal
from wstrust_sts.errors import StsError
from wstrust_sts.wire.contexts import SECURITY_CONTEXT_TOKENS, read_context_token, write_context_reference
from wstrust_sts.wire.keyinfo import ByContext
from wstrust_sts.wire.markup import text
from wstrust_sts.wire.xml import Element

# The id attribute of each kind of assertion, and what SAML Token Profile 1.1 section 3.4 calls it and its id.
_ASSERTIONS = {
    f"{{{ns.SAML20}}}Assertion": ("ID", ns.TP11_SAML20, ns.SAML20_KEY_IDENTIFIER),
    f"{{{ns.SAML11}}}Assertion": ("AssertionID", ns.TP11_SAML11, ns.SAML11_KEY_IDENTIFIER),
}


def parse_token(octets: bytes) -> Element:
    """A token's element. Raises Refusal for what is not XML, or not plain enough."""
    root = parse_unverified(octets)
    if root is None:
        raise Refusal("This is not a token in XML: give the file that --out wrote.")
    return root


def as_text(token: bytes) -> str:
    """A token's markup without what may stand only at the head of a document. Raises Refusal."""
    markup: str = etree.tostring(parse_token(token), encoding="unicode", with_tail=False)
    return markup


def refer_to(token: bytes) -> str:
    """A SecurityTokenReference to an assertion or a security context by its id.

    Raises Refusal for another kind of token.
    """
    element = parse_token(token)
    if element.tag in SECURITY_CONTEXT_TOKENS:
        name = write_context_reference(name_context(element))
        return f'<o:SecurityTokenReference xmlns:o="{ns.WSSE}">{name}</o:SecurityTokenReference>'
    if element.tag not in _ASSERTIONS:
        raise Refusal("Only a SAML assertion that is not encrypted can go along as the token that proves who asks.")
    id_attribute, token_type, value_type = _ASSERTIONS[element.tag]
    return (
        f'<o:SecurityTokenReference xmlns:o="{ns.WSSE}" xmlns:k="{ns.WSSE11}" k:TokenType="{token_type}">'
        f'<o:KeyIdentifier ValueType="{value_type}">{text(element.get(id_attribute, ""))}</o:KeyIdentifier>'
        "</o:SecurityTokenReference>"
    )


def name_context(token: Element) -> ByContext:
    """The one key of one context that a SecurityContextToken names. What else it says is for the STS that wrote it, to
    which it goes back as it came.

    Raises Refusal.
    """
    namespace = etree.QName(token).namespace
    plain = copy.deepcopy(token)
    for child in plain.iterchildren("*"):
        if etree.QName(child).namespace != namespace:
            plain.remove(child)
    try:
        return read_context_token(plain)
    except StsError as error:
        raise Refusal(f"This does not name one security context: {error.detail}.") from None
