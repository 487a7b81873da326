"""Answers and tokens as they came, of which nothing is verified yet; large ones, too."""

from dataclasses import dataclass

from lxml import etree

from wstrust_sts import ns
from wstrust_sts.errors import NotWellFormed
from wstrust_sts.wire.xml import Element

_ENVELOPES = tuple(f"{{{namespace}}}Envelope" for namespace in (ns.SOAP11, ns.SOAP12))


@dataclass(frozen=True, slots=True)
class Fault:
    """`code` is the innermost one, with its prefix: SOAP 1.1 has one, SOAP 1.2 may have subcodes."""

    code: str
    reason: str
    correlation_id: str


def parse_unverified(octets: bytes) -> Element | None:
    """The document's element; None for what is not XML, or not plain enough."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(octets.strip(), parser)
    except (etree.XMLSyntaxError, ValueError):
        return None
    return root if root.getroottree().docinfo.doctype == "" else None


def read_soap(octets: bytes) -> Element:
    """The envelope. Raises NotWellFormed."""
    root = parse_unverified(octets)
    if root is None or root.tag not in _ENVELOPES or body_of(root) is None:
        raise NotWellFormed("not a SOAP envelope with a Body")
    return root


def body_of(envelope: Element) -> Element | None:
    return envelope.find(f"{{{etree.QName(envelope).namespace}}}Body")


def find_fault(envelope: Element) -> Fault | None:
    """The fault that the envelope's Body holds, if it holds one."""
    body = body_of(envelope)
    fault = None if body is None else body.find("{*}Fault")
    if fault is None:
        return None
    codes = [value.text or "" for value in fault.iter("{*}Value", "faultcode")]
    reason = fault.findtext("faultstring") or fault.findtext(f"{{{ns.SOAP12}}}Reason/{{{ns.SOAP12}}}Text") or ""
    correlation_id = next((element.text or "" for element in fault.iter(f"{{{ns.STS}}}CorrelationId")), "")
    return Fault(codes[-1].strip() if codes else "", reason.strip(), correlation_id.strip())
