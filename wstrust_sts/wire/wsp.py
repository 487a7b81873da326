"""AppliesTo in the three WS-Policy namespaces, around endpoint references of both WS-Addressing versions."""

from lxml import etree

from wstrust_sts import ns
from wstrust_sts.errors import InvalidRequest
from wstrust_sts.model import AppliesTo
from wstrust_sts.wire.xml import Element, children, elements, local, namespace_of, trimmed

APPLIES_TO = frozenset(f"{{{namespace}}}AppliesTo" for namespace in (ns.WSP02, ns.WSP04, ns.WSP15))
MAX_MARKUP = 16 * 1024  # octets of an AppliesTo that is written into an answer
ENDPOINT_REFERENCE = frozenset(f"{{{namespace}}}EndpointReference" for namespace in (ns.WSA, ns.WSA04))
_ADDRESS = frozenset(f"{{{namespace}}}Address" for namespace in (ns.WSA, ns.WSA04))
_OF_ANSWERS = frozenset((ns.SAML11, ns.SAML20, ns.WST05, ns.WST13, ns.WST14, ns.SOAP11, ns.SOAP12))


def read_applies_to(element: Element) -> AppliesTo:
    """The address, and the element itself as it came.

    Raises InvalidRequest where no address can be read, and for what in an answer would look like a part of it: the
    element goes back to the client, beside the one token that it is to find there.
    """
    if any(namespace_of(inside) in _OF_ANSWERS for inside in elements(element)):
        raise InvalidRequest("AppliesTo with an element of SAML, WS-Trust or SOAP in it")
    references = children(element)
    if len(references) != 1 or references[0].tag not in ENDPOINT_REFERENCE:
        raise InvalidRequest("AppliesTo without exactly one EndpointReference")
    address = read_address(references[0])
    # With every namespace in scope, not only those of names: texts such as wsa:ServiceName use prefixes, too.
    markup: bytes = etree.tostring(element, encoding="utf-8", with_tail=False)
    if len(markup) > MAX_MARKUP:
        raise InvalidRequest("AppliesTo is too long")
    return AppliesTo(address, markup, policy=namespace_of(element), addressing=namespace_of(references[0]))


def read_address(reference: Element) -> str:
    """The Address of an endpoint reference, whatever the element of that type is called. Raises InvalidRequest."""
    addresses = [child for child in children(reference) if child.tag in _ADDRESS]
    if len(addresses) != 1:
        raise InvalidRequest(f"{local(reference)} without exactly one Address")
    address = trimmed(addresses[0])
    if not address:
        raise InvalidRequest(f"{local(reference)} with an empty Address")
    return address
