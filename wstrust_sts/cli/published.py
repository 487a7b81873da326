"""What an endpoint's WSDL says of how to speak to it: the binding, by its WS-SecurityPolicy, and both versions.

The WSDL decides nothing about trust: whom TLS and signatures are believed of is said by the caller's own options.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from wstrust_sts import ns
from wstrust_sts.cli.exchanges.unverified import parse_unverified
from wstrust_sts.cli.output import Refusal
from wstrust_sts.wire.xml import Element

_SOAP: dict[str, Literal["1.1", "1.2"]] = {ns.WSDL_SOAP12: "1.2", ns.WSDL_SOAP11: "1.1"}  # the preferred one first
_POLICIES = (ns.SP12, ns.SP11)
_ID = f"{{{ns.WSU}}}Id"

# WS-SecurityPolicy 1.2: the security binding, what it says of itself, and the tokens that prove who asks.
_BINDINGS = {
    ("TransportBinding", "UsernameToken"): "usernamemixed",
    ("TransportBinding", "X509Token"): "certificatemixed",
    ("TransportBinding", "UsernameToken", "X509Token"): "usernamecertificatemixed",
    ("TransportBinding", "RequireClientCertificate"): "certificatetransport",
    ("TransportBinding", "IssuedToken"): "issuedtokenmixed",
    ("TransportBinding", "IssuedToken", "UsernameToken"): "usernameissuedtokenmixed",
    ("SymmetricBinding", "EncryptedParts", "UsernameToken"): "username",
    ("AsymmetricBinding", "EncryptedParts"): "certificate",
    ("AsymmetricBinding",): "certificatesigned",
}
# What a security context protects, and what does by which it is established: its bootstrap policy (section 5.4.7).
_CONVERSATIONS = {
    (("TransportBinding", "SecureConversationToken"), "usernamemixed"): "secureconversationmixed",
    (("SymmetricBinding", "SecureConversationToken", "EncryptedParts"), "certificate"): "secureconversation",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The names are those of the options."""

    binding: str
    trust: str
    soap: Literal["1.1", "1.2"]


def read_wsdl(octets: bytes, *, url: str) -> Published:
    """What the WSDL in `octets` says of the endpoint at `url`. Raises Refusal: nothing that can be spoken here."""
    definitions = parse_unverified(octets)
    if definitions is None or definitions.tag != f"{{{ns.WSDL}}}definitions":
        raise Refusal(f"There is no WSDL at {url}?wsdl: choose --binding, --trust and --soap without --wsdl.")
    attached, soap = _attached_to(definitions, url)
    policies = list(_policies_of(definitions, attached))
    bootstrap = tuple(_shape(_set_apart(policies)))
    shape = tuple(_shape(policies))
    name = _CONVERSATIONS.get((shape, _BINDINGS.get(bootstrap, ""))) if bootstrap else _BINDINGS.get(shape)
    if name is None:
        asked = ", ".join(shape) or "nothing known"
        first = f", after {', '.join(bootstrap)}" if bootstrap else ""
        raise Refusal(
            f"The policy of {url} asks for what is not spoken here: {asked}{first}. "
            "If it lets choose, say by --binding what is to be shown, without --wsdl."
        )
    return Published(binding=name, trust="2005" if _asserted(policies, "Trust10") else "1.3", soap=soap)


def _attached_to(definitions: Element, url: str) -> tuple[tuple[Element, Element], Literal["1.1", "1.2"]]:
    """The port at this address and its wsdl:binding, which both may have policies (WS-PolicyAttachment 1.5 section
    4.1), and the SOAP version; the host's name may be another one here.
    """
    path, found = urlsplit(url).path, {}
    for port in definitions.iter(f"{{{ns.WSDL}}}port"):
        for namespace, soap in _SOAP.items():
            address = port.find(f"{{{namespace}}}address")
            if address is not None and urlsplit(address.get("location", "")).path == path:
                found[soap] = port
    for soap in _SOAP.values():
        for binding in definitions.iterchildren(f"{{{ns.WSDL}}}binding"):
            if soap in found and binding.get("name") == found[soap].get("binding", "").rpartition(":")[2]:
                return (found[soap], binding), soap
    raise Refusal(f"The WSDL has no port at {path}.")


def _policies_of(definitions: Element, attached: tuple[Element, Element]) -> Iterator[Element]:
    """Those that port, binding and messages refer to within the document, and those that stand in them."""
    named = {each.get(_ID): each for each in definitions.iter(f"{{{ns.WSP04}}}Policy", f"{{{ns.WSP15}}}Policy")}
    for element in attached:
        yield element
        for reference in element.iter(f"{{{ns.WSP04}}}PolicyReference", f"{{{ns.WSP15}}}PolicyReference"):
            policy = named.get(reference.get("URI", "").removeprefix("#"))
            if policy is not None:
                yield policy


def _set_apart(policies: list[Element]) -> list[Element]:
    """Takes the bootstrap policies out of `policies`, and returns them."""
    found = [each for policy in policies for each in policy.iter(*(f"{{{sp}}}BootstrapPolicy" for sp in _POLICIES))]
    for each in found:
        parent = each.getparent()
        if parent is not None:
            parent.remove(each)
    return found


def _shape(policies: list[Element]) -> Iterator[str]:
    for name in ("TransportBinding", "SymmetricBinding", "AsymmetricBinding", "SecureConversationToken"):
        if _asserted(policies, name):
            yield name
    if _asserted(policies, "EncryptedParts"):
        yield "EncryptedParts"
    supporting = [each for policy in policies for each in policy.iter() if _is_supporting(each)]
    for name in ("IssuedToken", "UsernameToken", "X509Token"):
        if _asserted(supporting, name):
            yield name
    if _asserted(policies, "RequireClientCertificate") or any(
        token.get("RequireClientCertificate") in ("true", "1")
        for policy in policies
        for namespace in _POLICIES
        for token in policy.iter(f"{{{namespace}}}HttpsToken")
    ):
        yield "RequireClientCertificate"


def _is_supporting(element: Element) -> bool:
    return isinstance(element.tag, str) and element.tag.endswith("SupportingTokens")


def _asserted(policies: list[Element], name: str) -> bool:
    return any(next(policy.iter(f"{{{sp}}}{name}"), None) is not None for policy in policies for sp in _POLICIES)
