"""The published contract: the WSDL of one endpoint, rendered from the documents in `wsdl/` and `policies/`.

The documents hold everything that is the same everywhere; filled in are the endpoint's address, its
WS-SecurityPolicy, its operations and what its tolerances change in them. What is published is what is enforced: an
operation or policy that is not in the documents cannot be published.
"""

from collections.abc import Collection
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from lxml import etree

from wstrust_sts import ns
from wstrust_sts.model import Endpoint, Operation, TrustVersion
from wstrust_sts.wire.algorithms import ALGORITHMS
from wstrust_sts.wire.layouts.default import collects

_DOCUMENTS = {TrustVersion.V13: "ws-trust-1.3.wsdl", TrustVersion.V2005: "ws-trust-2005-02.wsdl"}
_POLICY_SUFFIXES = {TrustVersion.V13: "", TrustVersion.V2005: "-2005"}
_NAMES = {"wsdl": ns.WSDL, "soap": ns.WSDL_SOAP11, "soap12": ns.WSDL_SOAP12, "wsp": ns.WSP04, "sp": ns.SP12}
_PARTS = ("SignedParts", "EncryptedParts")
_POLICY_ID = f"{{{ns.WSU}}}Id"


def render_wsdl(endpoint: Endpoint, public_url: str, operations: Collection[Operation]) -> bytes:
    """The WSDL 1.1 document of `endpoint`, with both SOAP versions and its policy; UTF-8.

    `public_url` is the configured URL that endpoint paths are appended to, never anything a request said.
    Raises ValueError when the endpoint's policy or one of the operations has no document.
    """
    return _render(endpoint, public_url, frozenset(operations))


@lru_cache(maxsize=256)  # an application that is composed anew has mostly the endpoints it had
def _render(endpoint: Endpoint, public_url: str, operations: frozenset[Operation]) -> bytes:
    definitions = _parse(_folder("wsdl") / _DOCUMENTS[endpoint.version])
    policy = read_policy(endpoint)
    definitions.insert(0, policy)
    _keep_operations(definitions, {operation.value for operation in operations})
    _attach_parts(definitions, policy)
    for reference in definitions.iterfind("wsdl:binding/wsp:PolicyReference", _NAMES):
        reference.set("URI", f"#{policy.get(_POLICY_ID)}")
    if not collects(endpoint.version, endpoint.tolerances):
        _issue_without_collection(definitions)
    location = public_url.rstrip("/") + endpoint.path
    for port in definitions.iterfind("wsdl:service/wsdl:port", _NAMES):
        for address in port:
            address.set("location", location)
    document: bytes = etree.tostring(definitions, encoding="UTF-8", xml_declaration=True, pretty_print=True)
    return document


def read_policy(endpoint: Endpoint) -> etree._Element:
    """The policy that `endpoint` enforces: its document, with what its row says in it. Raises ValueError."""
    name = f"{endpoint.policy}{_POLICY_SUFFIXES[endpoint.version]}.xml"
    if name not in {entry.name for entry in _folder("policies").iterdir()}:
        raise ValueError(f"endpoint {endpoint.path}: there is no policy document {name!r}")
    policy = _parse(_folder("policies") / name)
    _name_suite(policy, ALGORITHMS[endpoint.algorithms].suite)
    if endpoint.signature_confirmation:
        for assertions in policy.iterfind(".//sp:Wss11/wsp:Policy", _NAMES):
            etree.SubElement(assertions, f"{{{ns.SP12}}}RequireSignatureConfirmation")
    return policy


def _name_suite(policy: etree._Element, suite: str) -> None:
    """The algorithm suite that comes nearest to the endpoint's algorithms, in whichever version of the namespace."""
    for assertions in policy.iterfind(".//{*}AlgorithmSuite/wsp:Policy", _NAMES):
        (named,) = assertions
        named.tag = f"{{{etree.QName(named).namespace}}}{suite}"


def _attach_parts(definitions: etree._Element, policy: etree._Element) -> None:
    """Moves what is to be signed and encrypted to a policy of its own, attached to every message.

    The assertions have a message as their subject (WS-SecurityPolicy 1.2 appendix A.3).
    """
    parts = [part for name in _PARTS for part in policy.iterfind(f"wsp:ExactlyOne/wsp:All/sp:{name}", _NAMES)]
    if not parts:
        return
    identifier = f"{policy.get(_POLICY_ID)}-parts"
    of_messages = etree.Element(f"{{{ns.WSP04}}}Policy", {_POLICY_ID: identifier}, nsmap=policy.nsmap)
    of_messages.extend(parts)
    policy.addnext(of_messages)
    _declare_faults(definitions)
    for message in definitions.xpath(
        "|".join(f"wsdl:binding/wsdl:operation/wsdl:{kind}" for kind in ("input", "output", "fault")), namespaces=_NAMES
    ):
        message.insert(0, etree.Element(f"{{{ns.WSP04}}}PolicyReference", URI=f"#{identifier}"))


def _declare_faults(definitions: etree._Element) -> None:
    """Gives each operation a fault, by the element that the detail of every protected one holds.

    Metro reads no protected fault without a policy for it, and a policy is for a message that is declared. What is
    refused before it was verified is answered by a fault in clear, which is not declared: Metro would not read it.
    """
    wsdl, target = f"{{{ns.WSDL}}}", definitions.get("targetNamespace")
    types = definitions.find("wsdl:types", _NAMES)
    types.append(
        etree.fromstring(
            f'<xs:schema xmlns:xs="{ns.XS}" targetNamespace="{ns.STS}" elementFormDefault="qualified">'
            '<xs:element name="ProtectedFault"><xs:complexType><xs:sequence><xs:element name="CorrelationId"'
            ' type="xs:string"/></xs:sequence></xs:complexType></xs:element></xs:schema>'
        )
    )
    message = etree.Element(f"{wsdl}message", name="ProtectedFaultMsg")
    etree.SubElement(message, f"{wsdl}part", {"name": "fault", "element": "sts:ProtectedFault"}, nsmap={"sts": ns.STS})
    types.addnext(message)
    for operation in definitions.iterfind("wsdl:portType/wsdl:operation", _NAMES):
        attributes = {
            "name": "ProtectedFault",
            "message": "tns:ProtectedFaultMsg",
            f"{{{ns.WSAM}}}Action": ns.WSA_SOAP_FAULT,
        }
        etree.SubElement(operation, f"{wsdl}fault", attributes, nsmap={"tns": target})
    for operation in definitions.iterfind("wsdl:binding/wsdl:operation", _NAMES):
        version = etree.QName(operation[0]).namespace
        fault = etree.SubElement(operation, f"{wsdl}fault", name="ProtectedFault")
        etree.SubElement(fault, f"{{{version}}}fault", name="ProtectedFault", use="literal")


def _keep_operations(definitions: etree._Element, names: set[str]) -> None:
    """Drops every operation that is not in `names`, from the port type and from the bindings alike."""
    documented = set(definitions.xpath("wsdl:portType/wsdl:operation/@name", namespaces=_NAMES))
    if not names or not names <= documented:
        raise ValueError(f"operations to publish: {sorted(names)}; documented: {sorted(documented)}")
    for operation in definitions.xpath("*/wsdl:operation", namespaces=_NAMES):
        if operation.get("name") not in names:
            operation.getparent().remove(operation)


def _issue_without_collection(definitions: etree._Element) -> None:
    """Makes the one response Issue's output, as it is that of every other operation."""
    for output in definitions.iterfind("wsdl:portType/wsdl:operation[@name='Issue']/wsdl:output", _NAMES):
        output.set("message", "tns:RequestSecurityTokenResponseMsg")
    for message in definitions.findall("wsdl:message[@name='RequestSecurityTokenResponseCollectionMsg']", _NAMES):
        definitions.remove(message)


def _parse(document: Traversable) -> etree._Element:
    """Our own document, without the comments that are for its readers in the repository."""
    parser = etree.XMLParser(remove_comments=True, remove_blank_text=True, resolve_entities=False, no_network=True)
    return etree.fromstring(document.read_bytes(), parser)


def _folder(name: str) -> Traversable:
    """`wsdl` or `policies`: inside the package when installed, beside it in a checkout that is not."""
    try:
        return resources.files(f"wstrust_sts.{name}")
    except ModuleNotFoundError:
        return Path(__file__).resolve().parents[2] / name
