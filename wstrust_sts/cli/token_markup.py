"""Tokens as text, to be presented as they are, or by their id."""

from lxml import etree

from wstrust_sts import ns
from wstrust_sts.cli.exchanges.unverified import parse_unverified
from wstrust_sts.cli.output import Refusal
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
        raise Refusal("This is not a token in XML.")
    return root


def as_text(token: bytes) -> str:
    """A token's markup without what may stand only at the head of a document. Raises Refusal."""
    markup: str = etree.tostring(parse_token(token), encoding="unicode", with_tail=False)
    return markup


def refer_to(token: bytes) -> str:
    """A SecurityTokenReference to an assertion by its id. Raises Refusal for another kind of token."""
    element = parse_token(token)
    if element.tag not in _ASSERTIONS:
        raise Refusal("Only a SAML assertion that is not encrypted can go along as the token that proves who asks.")
    id_attribute, token_type, value_type = _ASSERTIONS[element.tag]
    return (
        f'<o:SecurityTokenReference xmlns:o="{ns.WSSE}" xmlns:k="{ns.WSSE11}" k:TokenType="{token_type}">'
        f'<o:KeyIdentifier ValueType="{value_type}">{text(element.get(id_attribute, ""))}</o:KeyIdentifier>'
        "</o:SecurityTokenReference>"
    )
