"""AppliesTo in the three WS-Policy namespaces, around endpoint references of both WS-Addressing versions."""

from lxml import etree

from wstrust_sts import ns
from wstrust_sts.errors import InvalidRequest
from wstrust_sts.model import AppliesTo
from wstrust_sts.wire.xml import Element, children, local, trimmed

APPLIES_TO = frozenset(f"{{{namespace}}}AppliesTo" for namespace in (ns.WSP02, ns.WSP04, ns.WSP15))
ENDPOINT_REFERENCE = frozenset(f"{{{namespace}}}EndpointReference" for namespace in (ns.WSA, ns.WSA04))


def read_applies_to(element: Element) -> AppliesTo:
    """The address, and the element itself as it came. Raises InvalidRequest where no address can be read."""
    references = children(element)
    if len(references) != 1 or references[0].tag not in ENDPOINT_REFERENCE:
        raise InvalidRequest("AppliesTo without exactly one EndpointReference")
    markup: bytes = etree.tostring(element, method="c14n", exclusive=True, with_comments=False)
    return AppliesTo(read_address(references[0]), markup)


def read_address(reference: Element) -> str:
    """The Address of an endpoint reference, trimmed. Raises InvalidRequest."""
    name = reference.tag[: reference.tag.index("}") + 1] + "Address"
    addresses = [child for child in children(reference) if child.tag == name]
    if len(addresses) != 1:
        raise InvalidRequest(f"{local(reference)} without exactly one Address")
    address = trimmed(addresses[0])
    if not address:
        raise InvalidRequest(f"{local(reference)} with an empty Address")
    return address
