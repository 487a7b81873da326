"""The layout `default`: answers as standards-minded stacks expect them (wire contract rows 17 to 20).

A layout writes a RequestSecurityTokenResponse as bytes and says under which action it goes out. The issued
token is spliced in as it was signed. All layouts write the same infoset and differ in what a `Layout` says.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass

from wstrust_sts import ns
from wstrust_sts.model import (
    AppliesTo,
    IssuedToken,
    KeyType,
    Lifetime,
    Operation,
    RequestSecurityTokenResponse,
    TokenType,
    TrustVersion,
)
from wstrust_sts.proof_keys import ProofKey, SymmetricProof
from wstrust_sts.wire.actions import action_of
from wstrust_sts.wire.contexts import name_context, token_id_of, write_context_reference
from wstrust_sts.wire.markup import attribute, text
from wstrust_sts.wire.soap import PLAIN_STYLE, EnvelopeStyle
from wstrust_sts.wire.times import write_time

_KEY_IDENTIFIER = {
    TokenType.SAML11: (ns.TP11_SAML11, ns.SAML11_KEY_IDENTIFIER),
    TokenType.SAML20: (ns.TP11_SAML20, ns.SAML20_KEY_IDENTIFIER),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How one family of clients reads answers: the text that is left open by the infoset.

    `prefixes` are WS-Trust's, by version; `order` is that of the children of a response with a token, each named
    once. `names_applies_to`: AppliesTo is written anew with the prefixes wsp and wsa, not echoed as it came.
    """

    prefixes: Mapping[TrustVersion, str]
    order: tuple[str, ...]
    names_applies_to: bool = False
    envelope: EnvelopeStyle = PLAIN_STYLE

    def write_rstr(
        self, response: RequestSecurityTokenResponse, *, tolerances: frozenset[str] = frozenset()
    ) -> tuple[bytes, str]:
        """The Body's content and the action of the answer."""
        request = response.request
        if response.issued is not None:
            collected = request.operation is Operation.ISSUE and collects(request.version, tolerances)
            body = _write_issued(self, response, response.issued, declared=collected)
            if collected:
                body = _collect(self, request.version, body)
        elif response.status is not None:
            body = _write_status(self, response)
        else:
            t = self.prefixes[request.version]
            body = f"{_open(self, response)}<{t}:RequestedTokenCancelled/>{_close(self, response)}"
        return body.encode(), action_of(request.operation, request.version, of_context=request.of_context)


DEFAULT = Layout(
    prefixes={TrustVersion.V13: "wst", TrustVersion.V2005: "wst"},
    order=(
        "TokenType",
        "RequestedSecurityToken",
        "RequestedAttachedReference",
        "RequestedUnattachedReference",
        "AppliesTo",
        "RequestedProofToken",
        "Entropy",
        "Lifetime",
        "Status",
        "KeySize",
        "RequestType",
        "KeyType",
    ),
)


def collects(version: TrustVersion, tolerances: frozenset[str]) -> bool:
    """Whether an issued token goes out in a RequestSecurityTokenResponseCollection (row 17)."""
    return version is TrustVersion.V13 and "bare-rstr" not in tolerances


def _collect(layout: Layout, version: TrustVersion, body: str) -> str:
    name = f"{layout.prefixes[version]}:RequestSecurityTokenResponseCollection"
    return f"<{name}{_declaration(layout, version)}>{body}</{name}>"


def _declaration(layout: Layout, version: TrustVersion) -> str:
    return f' xmlns:{layout.prefixes[version]}="{version.namespace}"'


def _open(layout: Layout, response: RequestSecurityTokenResponse, *, declared: bool = False) -> str:
    """The response's start tag; `declared`: the namespace is, around it."""
    request = response.request
    declaration = "" if declared else _declaration(layout, request.version)
    context = "" if request.context is None else f' Context="{attribute(request.context)}"'
    return f"<{layout.prefixes[request.version]}:RequestSecurityTokenResponse{declaration}{context}>"


def _close(layout: Layout, response: RequestSecurityTokenResponse) -> str:
    return f"</{layout.prefixes[response.request.version]}:RequestSecurityTokenResponse>"


def _write_issued(
    layout: Layout, response: RequestSecurityTokenResponse, issued: IssuedToken, *, declared: bool
) -> str:
    request, descriptor = response.request, issued.descriptor
    t, trust = layout.prefixes[request.version], request.version.namespace
    attached, unattached = _write_references(issued)
    written = {
        "TokenType": f"<{t}:TokenType>{text(descriptor.token_type_uri)}</{t}:TokenType>",
        "RequestedSecurityToken": f"<{t}:RequestedSecurityToken>{issued.markup.decode()}</{t}:RequestedSecurityToken>",
        "RequestedAttachedReference": f"<{t}:RequestedAttachedReference>{attached}</{t}:RequestedAttachedReference>",
        "RequestedUnattachedReference": (
            f"<{t}:RequestedUnattachedReference>{unattached}</{t}:RequestedUnattachedReference>"
        ),
        "AppliesTo": _write_applies_to(layout, request.applies_to),
        "RequestedProofToken": _write_proof(descriptor.proof, t, trust),
        "Entropy": _write_entropy(descriptor.proof, t, trust),
        "Lifetime": _write_lifetime(descriptor.lifetime, t),
        "Status": _write_verdict(layout, response),
        "KeySize": _write_key_size(descriptor.proof, t),
        "RequestType": f"<{t}:RequestType>{trust}/{request.operation.value}</{t}:RequestType>",
        "KeyType": f"<{t}:KeyType>{_key_type(response, descriptor.key_type)}</{t}:KeyType>",
    }
    children = "".join([written[name] for name in layout.order])
    return f"{_open(layout, response, declared=declared)}{children}{_close(layout, response)}"


def _write_applies_to(layout: Layout, applies_to: AppliesTo | None) -> str:
    if applies_to is None:
        return ""
    if not layout.names_applies_to:
        return applies_to.markup.decode()
    return (
        f'<wsp:AppliesTo xmlns:wsp="{applies_to.policy}"><wsa:EndpointReference xmlns:wsa="{applies_to.addressing}">'
        f"<wsa:Address>{text(applies_to.address)}</wsa:Address></wsa:EndpointReference></wsp:AppliesTo>"
    )


def _write_lifetime(lifetime: Lifetime, t: str) -> str:
    return (
        f'<{t}:Lifetime><wsu:Created xmlns:wsu="{ns.WSU}">{write_time(lifetime.created)}</wsu:Created>'
        f'<wsu:Expires xmlns:wsu="{ns.WSU}">{write_time(lifetime.expires)}</wsu:Expires></{t}:Lifetime>'
    )


def _write_references(issued: IssuedToken) -> tuple[str, str]:
    """How a message that holds the token refers to it, and how one does that holds it not (row 19)."""
    descriptor = issued.descriptor
    if descriptor.token_type is TokenType.SCT:
        name = name_context(descriptor)
        attached = f'<o:Reference URI="#{token_id_of(name)}" ValueType="{name.namespace}/sct"/>'
        return _refer(attached), _refer(write_context_reference(name))
    token_type, value_type = _KEY_IDENTIFIER[descriptor.token_type]
    named = f'<o:KeyIdentifier ValueType="{value_type}">{descriptor.token_id}</o:KeyIdentifier>'
    reference = _refer(named, f' xmlns:k="{ns.WSSE11}" k:TokenType="{token_type}"')
    return reference, reference


def _refer(name: str, attributes: str = "") -> str:
    return f'<o:SecurityTokenReference xmlns:o="{ns.WSSE}"{attributes}>{name}</o:SecurityTokenReference>'


def _write_proof(proof: ProofKey | None, t: str, trust: str) -> str:
    """How the requestor comes to know the key: nothing, where it does already or there is none (row 20)."""
    if not isinstance(proof, SymmetricProof):
        return ""
    if proof.server_entropy is not None:
        return f"<{t}:RequestedProofToken><{t}:ComputedKey>{trust}/CK/PSHA1</{t}:ComputedKey></{t}:RequestedProofToken>"
    if proof.told:
        return (
            f'<{t}:RequestedProofToken><{t}:BinarySecret Type="{trust}/SymmetricKey">{_base64(proof.secret)}'
            f"</{t}:BinarySecret></{t}:RequestedProofToken>"
        )
    return ""


def _write_entropy(proof: ProofKey | None, t: str, trust: str) -> str:
    """The STS's own part of a computed key."""
    if not isinstance(proof, SymmetricProof) or proof.server_entropy is None:
        return ""
    return (
        f'<{t}:Entropy><{t}:BinarySecret Type="{trust}/Nonce">{_base64(proof.server_entropy)}</{t}:BinarySecret>'
        f"</{t}:Entropy>"
    )


def _write_key_size(proof: ProofKey | None, t: str) -> str:
    return f"<{t}:KeySize>{8 * len(proof.secret)}</{t}:KeySize>" if isinstance(proof, SymmetricProof) else ""


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def _key_type(response: RequestSecurityTokenResponse, key_type: KeyType) -> str:
    """The spelling asked for, else that of the request's version."""
    request = response.request
    if request.key_type_uri is not None:
        return text(request.key_type_uri)
    if request.version is TrustVersion.V2005 and key_type is KeyType.BEARER:
        return ns.NO_PROOF_KEY
    return f"{request.version.namespace}/{key_type.value}"


def _write_status(layout: Layout, response: RequestSecurityTokenResponse) -> str:
    """The answer to a Validate that made no token (WS-Trust 1.3 section 7)."""
    t, trust = layout.prefixes[response.request.version], response.request.version.namespace
    return (
        f"{_open(layout, response)}<{t}:TokenType>{trust}/RSTR/Status</{t}:TokenType>"
        f"{_write_verdict(layout, response)}{_close(layout, response)}"
    )


def _write_verdict(layout: Layout, response: RequestSecurityTokenResponse) -> str:
    """Status, or nothing in an answer that has none."""
    if response.status is None:
        return ""
    t, trust = layout.prefixes[response.request.version], response.request.version.namespace
    return (
        f"<{t}:Status><{t}:Code>{trust}/status/{response.status.value}</{t}:Code>"
        f"<{t}:Reason>{text(response.reason)}</{t}:Reason></{t}:Status>"
    )
