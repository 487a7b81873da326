"""What is written down of one operation: the row of a token in the register, and the audit event."""

import hashlib
from dataclasses import dataclass, replace

from wstrust_sts.errors import InvalidSecurityToken, RequestFailed
from wstrust_sts.model import (
    Circumstances,
    Decision,
    IssuedToken,
    KeyType,
    Principal,
    Realm,
    RequestSecurityToken,
    TokenType,
    VerifiedMessage,
    VerifiedToken,
)
from wstrust_sts.ports import SecretBox
from wstrust_sts.proof_keys import ProofKey, PublicProof, SymmetricProof
from wstrust_sts.reasons import describe_request
from wstrust_sts.records import AuditEvent, ContextKeyRecord, Entry, TokenRecord
from wstrust_sts.security_contexts import secret_purpose

_NOTHING_YET = Decision()
_REFUSAL_LENGTH = 1024  # characters; some refusals quote what a client chose


@dataclass(slots=True)
class Findings:
    """What has been found out so far about one request, phase by phase: told in its audit event however it ends."""

    relying_party: str = ""
    token_id: str = ""
    decision: Decision = _NOTHING_YET


@dataclass(frozen=True, slots=True)
class Asked:
    """One authenticated request with its circumstances, and what is found out about it."""

    request: RequestSecurityToken
    message: VerifiedMessage
    principal: Principal
    realm: Realm
    at: Circumstances
    findings: Findings


def thumbprint_of(key: PublicProof) -> str:
    return hashlib.sha256(key.key_info).hexdigest()


def entries_of(issued: IssuedToken, *, subject: Principal, asked: Asked, box: SecretBox) -> tuple[Entry, ...]:
    """The token's row; a secret that it is bound to goes in sealed, and that of a context as a key of the context."""
    record, proof = _record_of(issued, subject, asked), issued.descriptor.proof
    if not isinstance(proof, SymmetricProof):
        return (record,)
    if issued.descriptor.token_type is TokenType.SCT:
        return record, context_key_of(issued, asked=asked, box=box)
    return (replace(record, wrapped_proof_key=box.seal(proof.secret, purpose=record.proof_key_purpose)),)


def context_key_of(issued: IssuedToken, *, asked: Asked, box: SecretBox) -> ContextKeyRecord:
    """The key of a security context, sealed."""
    descriptor, realm = issued.descriptor, asked.realm.name
    assert isinstance(descriptor.proof, SymmetricProof)
    purpose = secret_purpose(realm, descriptor.token_id, descriptor.instance)
    return ContextKeyRecord(
        realm=realm,
        identifier=descriptor.token_id,
        instance=descriptor.instance,
        methods=" ".join(method.value for method in descriptor.authentication_methods),
        authenticated_at=descriptor.authentication_instant,
        created_at=descriptor.lifetime.created,
        expires_at=descriptor.lifetime.expires,
        sealed_secret=box.seal(descriptor.proof.secret, purpose=purpose),
    )


def _record_of(issued: IssuedToken, subject: Principal, asked: Asked) -> TokenRecord:
    descriptor, proof = issued.descriptor, issued.descriptor.proof
    return TokenRecord(
        realm=asked.realm.name,
        token_id=descriptor.token_id,
        digest=issued.digest,
        token_type=descriptor.token_type.value,
        relying_party=descriptor.relying_party,
        subject=descriptor.subject.value,
        account=subject.account.id,
        requestor=asked.principal.account.id,
        methods=" ".join(method.value for method in subject.methods),
        key_id=issued.key_id,
        key_type=descriptor.key_type.value,
        issued_at=descriptor.lifetime.created,
        expires_at=descriptor.lifetime.expires,
        renewing_allowed=descriptor.renewing_allowed,
        renewing_after_expiry=descriptor.renewing_after_expiry,
        correlation_id=asked.at.correlation_id,
        original=descriptor.original,
        delegation=None if descriptor.delegation is None else descriptor.delegation.value,
        key_thumbprint=thumbprint_of(proof) if isinstance(proof, PublicProof) else None,
    )


def secret_of(record: TokenRecord, box: SecretBox) -> bytes | None:
    """The secret that a token is bound to; None: it is bound to none."""
    if record.wrapped_proof_key is None:
        return None
    return box.open(record.wrapped_proof_key, purpose=record.proof_key_purpose)


def kept_key(record: TokenRecord, verified: VerifiedToken, box: SecretBox) -> ProofKey | None:
    """The key that a token is bound to. Raises InvalidSecurityToken, RequestFailed: it is not to be had."""
    match KeyType(record.key_type):
        case KeyType.BEARER:
            return None
        case KeyType.SYMMETRIC:
            secret = secret_of(record, box)
            if secret is None:
                raise RequestFailed(f"the key of token {record.token_id} is not in the register")
            return SymmetricProof(secret=secret)
        case KeyType.PUBLIC:
            key = verified.public_key
            if key is None or thumbprint_of(key) != record.key_thumbprint:
                raise InvalidSecurityToken("bound to another key than the register says")
            return key


def event_of(asked: Asked, *, outcome: str, refused: str = "") -> AuditEvent:
    findings = asked.findings
    return AuditEvent(
        realm=asked.realm.name,
        correlation_id=asked.at.correlation_id,
        at=asked.at.now,
        operation=asked.request.operation.value,
        outcome=outcome,
        endpoint=asked.at.endpoint.path,
        source=asked.at.source,
        requestor=asked.principal.name,
        relying_party=findings.relying_party,
        token_id=findings.token_id,
        detail=_detail(asked, refused),
    )


def _describe_evidence(principal: Principal) -> list[str]:
    shown = [] if principal.token is None else [f"by the token {principal.token.token_id}"]
    return [*(method.value for method in principal.methods), *shown]


def _detail(asked: Asked, refused: str) -> dict[str, object]:
    """JSON, without what is empty."""
    decision = asked.findings.decision
    told = {
        "evidence": _describe_evidence(asked.principal),
        "asked": describe_request(asked.request),
        "reasons": list(decision.reasons),
        "found": list(decision.found),
        "released": list(decision.released),
        "withheld": decision.withheld,
        "refused": refused[:_REFUSAL_LENGTH],
    }
    return {name: value for name, value in told.items() if value}
