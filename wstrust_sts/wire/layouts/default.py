"""The layout `default`: answers as standards-minded stacks expect them (wire contract rows 17 to 20).

A layout writes a RequestSecurityTokenResponse as bytes and says under which action it goes out. The issued
token is spliced in as it was signed.
"""

import base64

from wstrust_sts import ns
from wstrust_sts.model import IssuedToken, KeyType, Operation, RequestSecurityTokenResponse, TokenType, TrustVersion
from wstrust_sts.proof_keys import ProofKey, SymmetricProof
from wstrust_sts.wire.actions import action_of
from wstrust_sts.wire.contexts import name_context, token_id_of, write_context_reference
from wstrust_sts.wire.markup import attribute, text
from wstrust_sts.wire.times import write_time

_KEY_IDENTIFIER = {
    TokenType.SAML11: (ns.TP11_SAML11, ns.SAML11_KEY_IDENTIFIER),
    TokenType.SAML20: (ns.TP11_SAML20, ns.SAML20_KEY_IDENTIFIER),
}


def write_rstr(response: RequestSecurityTokenResponse, *, tolerances: frozenset[str]) -> tuple[bytes, str]:
    """The Body's content and the action of the answer."""
    request = response.request
    trust = request.version.namespace
    if response.issued is not None:
        body = _write_issued(response, response.issued)
        if request.operation is Operation.ISSUE and collects(request.version, tolerances):
            body = (
                f'<wst:RequestSecurityTokenResponseCollection xmlns:wst="{trust}">'.encode()
                + body
                + b"</wst:RequestSecurityTokenResponseCollection>"
            )
    elif response.status is not None:
        body = _write_status(response)
    else:
        body = (_open(response) + "<wst:RequestedTokenCancelled/>" + _CLOSE).encode()
    return body, action_of(request.operation, request.version, of_context=request.of_context)


def collects(version: TrustVersion, tolerances: frozenset[str]) -> bool:
    """Whether an issued token goes out in a RequestSecurityTokenResponseCollection (row 17)."""
    return version is TrustVersion.V13 and "bare-rstr" not in tolerances


_CLOSE = "</wst:RequestSecurityTokenResponse>"


def _open(response: RequestSecurityTokenResponse) -> str:
    request = response.request
    context = "" if request.context is None else f' Context="{attribute(request.context)}"'
    return f'<wst:RequestSecurityTokenResponse xmlns:wst="{request.version.namespace}"{context}>'


def _write_issued(response: RequestSecurityTokenResponse, issued: IssuedToken) -> bytes:
    request, descriptor = response.request, issued.descriptor
    trust = request.version.namespace
    attached, unattached = _write_references(issued)
    lifetime = descriptor.lifetime
    return b"".join(
        (
            f"{_open(response)}<wst:TokenType>{text(descriptor.token_type_uri)}</wst:TokenType>"
            "<wst:RequestedSecurityToken>".encode(),
            issued.markup,
            f"</wst:RequestedSecurityToken><wst:RequestedAttachedReference>{attached}</wst:RequestedAttachedReference>"
            f"<wst:RequestedUnattachedReference>{unattached}</wst:RequestedUnattachedReference>".encode(),
            b"" if request.applies_to is None else request.applies_to.markup,
            _write_proof(descriptor.proof, trust),
            f'<wst:Lifetime><wsu:Created xmlns:wsu="{ns.WSU}">{write_time(lifetime.created)}</wsu:Created>'
            f'<wsu:Expires xmlns:wsu="{ns.WSU}">{write_time(lifetime.expires)}</wsu:Expires></wst:Lifetime>'
            f"{_write_verdict(response)}{_write_key_size(descriptor.proof)}<wst:RequestType>{trust}/{request.operation.value}</wst:RequestType>"
            f"<wst:KeyType>{_key_type(response, descriptor.key_type)}</wst:KeyType>{_CLOSE}".encode(),
        )
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


def _write_proof(proof: ProofKey | None, trust: str) -> bytes:
    """How the requestor comes to know the key: nothing, where it does already or there is none (row 20)."""
    if not isinstance(proof, SymmetricProof):
        return b""
    if proof.server_entropy is not None:
        return (
            f"<wst:RequestedProofToken><wst:ComputedKey>{trust}/CK/PSHA1</wst:ComputedKey></wst:RequestedProofToken>"
            f'<wst:Entropy><wst:BinarySecret Type="{trust}/Nonce">{_base64(proof.server_entropy)}</wst:BinarySecret>'
            "</wst:Entropy>"
        ).encode()
    if proof.told:
        return (
            f'<wst:RequestedProofToken><wst:BinarySecret Type="{trust}/SymmetricKey">{_base64(proof.secret)}'
            "</wst:BinarySecret></wst:RequestedProofToken>"
        ).encode()
    return b""


def _write_key_size(proof: ProofKey | None) -> str:
    return f"<wst:KeySize>{8 * len(proof.secret)}</wst:KeySize>" if isinstance(proof, SymmetricProof) else ""


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


def _write_status(response: RequestSecurityTokenResponse) -> bytes:
    """The answer to a Validate that made no token (WS-Trust 1.3 section 7)."""
    trust = response.request.version.namespace
    return (
        f"{_open(response)}<wst:TokenType>{trust}/RSTR/Status</wst:TokenType>{_write_verdict(response)}{_CLOSE}"
    ).encode()


def _write_verdict(response: RequestSecurityTokenResponse) -> str:
    """Status, or nothing in an answer that has none."""
    if response.status is None:
        return ""
    return (
        f"<wst:Status><wst:Code>{response.request.version.namespace}/status/{response.status.value}</wst:Code>"
        f"<wst:Reason>{text(response.reason)}</wst:Reason></wst:Status>"
    )
