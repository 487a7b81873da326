"""The one metadata document of AD FS, for all endpoints beside each other (wire contract row 31).

Clients of AD FS ask for it by a plain GET, look through it for an endpoint of their credential, and know nothing else.
They match its text and its structure alike, so it is written as AD FS writes it: the definitions themselves are the
root, SOAP 1.2 and https alone, names of AD FS, `xmlns:sp` on every assertion, nothing between two elements. What it
demands is read from the policies that the endpoints enforce (policies/).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lxml import etree

from wstrust_sts import ns
from wstrust_sts.bindings.metadata import read_policy
from wstrust_sts.model import Endpoint, Operation, TrustVersion
from wstrust_sts.wire.actions import action_of
from wstrust_sts.wire.markup import attribute, text

_MEX = "/mex"
_LAYOUT = "adfs"
_BINDINGS: Mapping[str, str] = {
    "certificatemixed": "CertificateWSTrustBinding",
    "certificatetransport": "CertificateWSTrustBinding",
    "usernamemixed": "UserNameWSTrustBinding",
    "issuedtokenmixedasymmetricbasic256": "IssuedTokenWSTrustBinding",
    "issuedtokenmixedsymmetricbasic256": "IssuedTokenWSTrustBinding",
}
"""The credentials that the document has, by policy, in its order; messages that protect themselves are not for it."""

_PREFIXES = {
    "wsdl": ns.WSDL,
    "xsd": ns.XS,
    "t": ns.WST05,
    "trust": ns.WST13,
    "tns": ns.ADFS_STS,
    "soap12": ns.WSDL_SOAP12,
    "wsa10": ns.WSA,
    "wsaw": ns.WSAW,
    "wsp": ns.WSP04,
    "wsu": ns.WSU,
}
_ADDRESSING = f"{{{ns.WSAM}}}Addressing"
_SIGNED_TOKENS = f"{{{ns.SP12}}}SignedSupportingTokens"
_SIGNED_AND_ENCRYPTED_TOKENS = f"{{{ns.SP12}}}SignedEncryptedSupportingTokens"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Interface:
    """A WS-Trust version in the names of AD FS; `t` is its prefix, and `answer` the element of an answer."""

    port_type: str
    operation: str
    t: str
    answer: str


_INTERFACES: Mapping[TrustVersion, _Interface] = {
    TrustVersion.V2005: _Interface(
        port_type="IWSTrustFeb2005Async",
        operation="TrustFeb2005IssueAsync",
        t="t",
        answer="RequestSecurityTokenResponse",
    ),
    TrustVersion.V13: _Interface(
        port_type="IWSTrust13Async",
        operation="Trust13IssueAsync",
        t="trust",
        answer="RequestSecurityTokenResponseCollection",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Port:
    """One endpoint under the name of its binding."""

    name: str
    endpoint: Endpoint
    address: str

    @property
    def interface(self) -> _Interface:
        return _INTERFACES[self.endpoint.version]


def mex_paths(endpoints: Iterable[Endpoint], public_url: str) -> dict[str, list[Endpoint]]:
    """The endpoints that each document names, by its path: those beside each other, whatever their versions.

    The document for `.../trust/13/usernamemixed` is at `.../trust/mex`. Without https there is none. An endpoint with
    a tolerance that changes its answers is in none.
    """
    together: dict[str, list[Endpoint]] = {}
    for endpoint in endpoints:
        wanted = endpoint.layout == _LAYOUT and endpoint.policy in _BINDINGS and "bare-rstr" not in endpoint.tolerances
        if wanted and public_url.startswith("https://"):
            together.setdefault(endpoint.path.rsplit("/", 2)[0] + _MEX, []).append(endpoint)
    return together


def mex_endpoint(path: str) -> Endpoint:
    """The address of a document, for those who ask there by SOAP; nothing but metadata is to be had at it."""
    return Endpoint(path=path, version=TrustVersion.V13, layout=_LAYOUT)


def render_adfs_mex(endpoints: Iterable[Endpoint], public_url: str) -> dict[str, bytes]:
    """The documents of those among `endpoints` that are in one, by path; UTF-8. Render once and keep them.

    `public_url` is the configured URL, never anything that a request said.
    """
    base = public_url.rstrip("/")
    return {path: _write_document(_name_ports(found, base)) for path, found in mex_paths(endpoints, base).items()}


def _name_ports(endpoints: Sequence[Endpoint], base: str) -> list[_Port]:
    """Both versions, 2005 first, as AD FS has them; a second port of one name gets a number."""
    ports, taken = [], dict[str, int]()
    versions, policies = list(_INTERFACES), list(_BINDINGS)
    for endpoint in sorted(endpoints, key=lambda row: (versions.index(row.version), policies.index(row.policy))):
        name = f"{_BINDINGS[endpoint.policy]}_{_INTERFACES[endpoint.version].port_type}"
        number = taken.get(name, 0)
        taken[name] = number + 1
        ports.append(_Port(name=f"{name}{number or ''}", endpoint=endpoint, address=base + endpoint.path))
    return ports


def _write_document(ports: Sequence[_Port]) -> bytes:
    declared = "".join(f' xmlns:{prefix}="{namespace}"' for prefix, namespace in _PREFIXES.items())
    versions = [version for version in _INTERFACES if any(port.endpoint.version is version for port in ports)]
    return "".join(
        (
            '<?xml version="1.0" encoding="utf-8"?>'
            f'<wsdl:definitions name="SecurityTokenService" targetNamespace="{ns.ADFS_STS}"{declared}>',
            *(_write_policy(port) for port in ports),
            "<wsdl:types>",
            *(_write_schema(version) for version in versions),
            "</wsdl:types>",
            *(_write_messages(version) for version in versions),
            *(_write_port_type(version) for version in versions),
            *(_write_binding(port) for port in ports),
            '<wsdl:service name="SecurityTokenService">',
            *(_write_port(port) for port in ports),
            "</wsdl:service></wsdl:definitions>",
        )
    ).encode()


# -- what is demanded ----------------------------------------------------------------------------------------------


def _write_policy(port: _Port) -> str:
    return (
        f'<wsp:Policy wsu:Id="{port.name}_policy"><wsp:ExactlyOne><wsp:All>'
        f"{''.join(_write_assertions(port.endpoint))}<wsaw:UsingAddressing/></wsp:All></wsp:ExactlyOne></wsp:Policy>"
    )


def _write_assertions(endpoint: Endpoint) -> Iterator[str]:
    """Each assertion of the endpoint's policy by itself, with its own declaration of `sp`.

    That a token beside TLS is encrypted goes without saying; clients of WS-SecurityPolicy 1.2 look for the word.
    """
    (every,) = read_policy(endpoint).iter(f"{{{ns.WSP04}}}All")
    for assertion in every:
        if assertion.tag == _ADDRESSING:
            continue
        if assertion.tag == _SIGNED_TOKENS:
            assertion.tag = _SIGNED_AND_ENCRYPTED_TOKENS
        markup: str = etree.tostring(assertion, method="c14n", exclusive=True).decode()
        yield markup.replace(f' xmlns:wsp="{ns.WSP04}"', "")


# -- the service ---------------------------------------------------------------------------------------------------


def _write_schema(version: TrustVersion) -> str:
    """The messages' elements; what is in them is for WS-Trust to say."""
    names = dict.fromkeys(("RequestSecurityToken", "RequestSecurityTokenResponse", _INTERFACES[version].answer))
    elements = "".join(
        f'<xsd:element name="{name}"><xsd:complexType><xsd:sequence><xsd:any namespace="##any" processContents="lax"'
        ' minOccurs="0" maxOccurs="unbounded"/></xsd:sequence><xsd:anyAttribute namespace="##any"'
        ' processContents="lax"/></xsd:complexType></xsd:element>'
        for name in names
    )
    return f'<xsd:schema elementFormDefault="qualified" targetNamespace="{version.namespace}">{elements}</xsd:schema>'


def _write_messages(version: TrustVersion) -> str:
    interface = _INTERFACES[version]
    name = f"{interface.port_type}_{interface.operation}"
    return (
        f'<wsdl:message name="{name}_InputMessage"><wsdl:part name="request"'
        f' element="{interface.t}:RequestSecurityToken"/></wsdl:message>'
        f'<wsdl:message name="{name}_OutputMessage"><wsdl:part name="{interface.operation}Result"'
        f' element="{interface.t}:{interface.answer}"/></wsdl:message>'
    )


def _write_port_type(version: TrustVersion) -> str:
    interface = _INTERFACES[version]
    message = f"tns:{interface.port_type}_{interface.operation}"
    return (
        f'<wsdl:portType name="{interface.port_type}"><wsdl:operation name="{interface.operation}">'
        f'<wsdl:input wsaw:Action="{_request_action(version)}" message="{message}_InputMessage"/>'
        f'<wsdl:output wsaw:Action="{action_of(Operation.ISSUE, version)}" message="{message}_OutputMessage"/>'
        "</wsdl:operation></wsdl:portType>"
    )


def _request_action(version: TrustVersion) -> str:
    return f"{version.namespace}/RST/Issue"


def _write_binding(port: _Port) -> str:
    body = '<soap12:body use="literal"/>'
    return (
        f'<wsdl:binding name="{port.name}" type="tns:{port.interface.port_type}">'
        f'<wsp:PolicyReference URI="#{port.name}_policy"/>'
        f'<soap12:binding transport="{ns.SOAP_OVER_HTTP}"/>'
        f'<wsdl:operation name="{port.interface.operation}">'
        f'<soap12:operation soapAction="{_request_action(port.endpoint.version)}" style="document"/>'
        f"<wsdl:input>{body}</wsdl:input><wsdl:output>{body}</wsdl:output></wsdl:operation></wsdl:binding>"
    )


def _write_port(port: _Port) -> str:
    return (
        f'<wsdl:port name="{port.name}" binding="tns:{port.name}"><soap12:address'
        f' location="{attribute(port.address)}"/><wsa10:EndpointReference><wsa10:Address>{text(port.address)}'
        "</wsa10:Address></wsa10:EndpointReference></wsdl:port>"
    )
