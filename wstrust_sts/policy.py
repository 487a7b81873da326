"""The only allow/deny code for what is asked and issued; `token_policy.py` is that for tokens that are there.

A `TokenDescriptor` is made here and nowhere else: no policy decision, no token.
"""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from wstrust_sts import ns
from wstrust_sts.delegation_rules import Delegate, DelegationKind
from wstrust_sts.encryption import NO_ENCRYPTION, EncryptionRule
from wstrust_sts.errors import (
    BadRequest,
    InvalidRequest,
    InvalidTimeRange,
)
from wstrust_sts.model import (
    AuthenticationMethod,
    Claim,
    Decision,
    Endpoint,
    KeyType,
    Lifetime,
    NameIdentifier,
    Operation,
    Principal,
    Realm,
    RequestSecurityToken,
    TokenDescriptor,
    TokenType,
    VerifiedMessage,
)
from wstrust_sts.proof_keys import ProofKey
from wstrust_sts.proof_policy import choose_context_secret, choose_encryption, choose_key_type, choose_proof
from wstrust_sts.received_tokens import PresentedContext
from wstrust_sts.relying_parties import RelyingPartyMatch
from wstrust_sts.security_contexts import new_identifier
from wstrust_sts.subject_names import name_account

OPERATIONS = frozenset({Operation.ISSUE, Operation.VALIDATE, Operation.RENEW, Operation.CANCEL})
_ENCRYPTION_ALGORITHMS = frozenset(
    [f"{ns.XENC}{name}" for name in ("aes128-cbc", "aes192-cbc", "aes256-cbc")]
    + [f"{ns.XENC11}{name}" for name in ("aes128-gcm", "aes192-gcm", "aes256-gcm")]
)
TOKEN_TYPES = (
    dict.fromkeys(ns.SAML11_TOKEN_TYPES, TokenType.SAML11)
    | dict.fromkeys(ns.SAML20_TOKEN_TYPES, TokenType.SAML20)
    | dict.fromkeys(ns.SCT_TOKEN_TYPES, TokenType.SCT)
)
_CLOCKS_DIFFER = timedelta(minutes=5)  # a wish that begins no later than this begins now


def demand_supported(request: RequestSecurityToken, *, issuer: str, signature_algorithm: str) -> None:
    """Refuses what was understood and is not offered, so that nothing known is silently ignored.

    An algorithm asked for and not the one in use is refused, never replaced. Raises BadRequest.
    """
    if request.operation not in OPERATIONS:
        raise BadRequest(f"the operation {request.operation.value} is not offered")
    if request.unsupported:
        raise BadRequest(f"not offered: {', '.join(request.unsupported)}")
    if request.operation is not Operation.ISSUE and (request.on_behalf_of is not None or request.act_as is not None):
        raise BadRequest(f"ActAs or OnBehalfOf in a request to {request.operation.value}")
    if request.signature_algorithm not in (None, signature_algorithm):
        raise BadRequest("a SignatureAlgorithm that the signing key is not used with")
    if request.canonicalization_algorithm not in (None, ns.EXC_C14N):
        raise BadRequest("a CanonicalizationAlgorithm other than exclusive")
    if request.encryption_algorithm is not None and request.encryption_algorithm not in _ENCRYPTION_ALGORITHMS:
        raise BadRequest("an unknown EncryptionAlgorithm")
    if request.issuer not in (None, issuer):
        raise BadRequest("an Issuer that is not this realm's")


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueQuestion:
    """All that the decision to issue rests on. `claims` is what the rules release of what was asked for.

    `findings` is how it came to that: the reasons, found and withheld claims so far. `principal` is who the token
    will be about; with `original`, the subject of that token, who need not be the requestor, nor with `delegated`.
    """

    request: RequestSecurityToken
    message: VerifiedMessage
    principal: Principal
    realm: Realm
    endpoint: Endpoint
    match: RelyingPartyMatch
    participants: tuple[RelyingPartyMatch, ...]
    claims: tuple[Claim, ...]
    findings: Decision
    now: datetime
    original: "Original | None" = None
    renewed: "Renewed | None" = None
    delegated: "Delegated | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """The token that another is made from by transformation, as it bounds that one.

    `audiences` are those of its audiences that are still the relying party's; `proof` is the key that it is bound to.
    """

    token_id: str
    audiences: tuple[str, ...]
    expires_at: datetime
    key_type: KeyType = KeyType.BEARER
    proof: ProofKey | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewed:
    """The token that another takes the place of, as it bounds that one. `proof` is the key that it is bound to.

    A security context stays the one that it was, called `identifier`, and gets another key.
    """

    token_type: TokenType
    identifier: str | None = None
    audiences: tuple[str, ...]
    key_type: KeyType = KeyType.BEARER
    proof: ProofKey | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delegated:
    """The delegation that a token rests on. `original` is the id of the token that proved the subject; None: it was
    only named. `delegates` are those whom the token tells.
    """

    kind: DelegationKind
    original: str | None = None
    delegates: tuple[Delegate, ...] = ()


def authorize_issue(question: IssueQuestion) -> TokenDescriptor:
    """What the token will say. Raises BadRequest, InvalidRequest, InvalidTimeRange, RequestFailed."""
    relying_party = question.match.relying_party
    token_type, uri, whence = _choose_token_type(question)
    request, before = question.request, question.original or question.renewed
    parties = (relying_party, *(match.relying_party for match in question.participants))
    for party in parties:
        if token_type not in party.token_types:
            raise BadRequest(f"{party.name} takes no {token_type.value} tokens")
    if token_type is TokenType.SCT:
        return _authorize_context(question, uri, whence)
    key_type = choose_key_type(
        request,
        parties,
        original=None if before is None else before.key_type,
        default=question.endpoint.default_key_type,
    )
    kept = None if before is None else before.proof
    proof = choose_proof(key_type, request, parties, message=question.message, kept=kept)
    encryption = choose_encryption(request, parties)
    lifetime, how = _choose_lifetime(question)
    findings, basis = question.findings, question.original or question.delegated
    renewable = basis is None and question.principal.renewable
    return TokenDescriptor(
        token_id="_" + secrets.token_hex(16),
        token_type=token_type,
        token_type_uri=uri,
        key_type=key_type,
        proof=proof,
        encryption=encryption,
        issuer=question.realm.issuer,
        subject=name_account(question.principal.account, relying_party, question.realm),
        audiences=_choose_audiences(question),
        lifetime=lifetime,
        authentication_methods=_by_strength(question.principal.methods),
        authentication_instant=question.principal.instant,
        attributes=question.claims,
        recipient=relying_party.recipient,
        relying_party=relying_party.name,
        renewing_allowed=request.renewing_allowed and renewable,
        renewing_after_expiry=request.renewing_after_expiry and renewable,
        original=_original(basis),
        delegation=None if question.delegated is None else question.delegated.kind,
        delegates=() if question.delegated is None else question.delegated.delegates,
        saml20_prefix=question.endpoint.saml20_prefix,
        saml20_explicit=question.endpoint.saml20_explicit,
        decision=Decision(
            reasons=(
                *findings.reasons,
                f"token type {token_type.value}, {whence}",
                *_describe_keys(key_type, encryption, by_default=request.key_type is None and before is None),
                f"name identifier {relying_party.name_identifier.format}",
                f"{how}, {round((lifetime.expires - lifetime.created).total_seconds())} s",
            ),
            found=findings.found,
            released=tuple(claim.type for claim in question.claims),
            withheld=findings.withheld,
        ),
    )


def _authorize_context(question: IssueQuestion, uri: str, whence: str) -> TokenDescriptor:
    """What a security context is. Its token only names it, and so states nothing about anybody.

    A context establishes no other, whatever makes the type of the token: a name in the request, or a default.
    Raises BadRequest, InvalidRequest, InvalidTimeRange.
    """
    request, renewed, party = question.request, question.renewed, question.match.relying_party
    if renewed is None and any(isinstance(credential, PresentedContext) for credential in question.message.credentials):
        raise BadRequest("a security context got by a security context")
    if question.original is not None:
        raise BadRequest("a security context made from a token")
    if question.delegated is not None:
        raise BadRequest("a security context on behalf of somebody else")
    if question.participants:
        raise BadRequest("a security context for Participants, who could not all learn its key")
    if not all(claim.optional for claim in request.claims):
        raise InvalidRequest("a mandatory claim, and a security context states none")
    proof = choose_context_secret(request, party, question.message)
    lifetime, how = _choose_lifetime(question, until=question.principal.instant + party.lifetime.maximum)
    seconds = round((lifetime.expires - lifetime.created).total_seconds())
    return TokenDescriptor(
        token_id=new_identifier() if renewed is None or renewed.identifier is None else renewed.identifier,
        instance=None if renewed is None else new_identifier(),
        token_type=TokenType.SCT,
        token_type_uri=uri,
        key_type=KeyType.SYMMETRIC,
        proof=proof,
        encryption=NO_ENCRYPTION,
        issuer=question.realm.issuer,
        subject=NameIdentifier(ns.NAMEID_UNSPECIFIED, question.principal.name),
        audiences=_choose_audiences(question),
        lifetime=lifetime,
        authentication_methods=_by_strength(question.principal.methods),
        authentication_instant=question.principal.instant,
        relying_party=party.name,
        renewing_allowed=request.renewing_allowed and question.principal.renewable,
        decision=Decision(
            reasons=(*question.findings.reasons, f"a security context, {whence}", f"{how}, {seconds} s"),
        ),
    )


def _original(basis: Original | Delegated | None) -> str | None:
    """The id of the token that one is made from, and with which it ends."""
    return basis.token_id if isinstance(basis, Original) else None if basis is None else basis.original


def _describe_keys(key_type: KeyType, encryption: EncryptionRule, *, by_default: bool) -> Iterator[str]:
    if key_type is not KeyType.BEARER:
        yield f"key type {key_type.value}{', by default' if by_default else ''}"
    if encryption.tokens:
        yield f"encrypted by {encryption.algorithm}"


def _choose_token_type(question: IssueQuestion) -> tuple[TokenType, str, str]:
    """The type, the spelling that the answer repeats (wire contract row 5), and why this type."""
    asked = question.request.token_type
    if asked is not None:
        known = TOKEN_TYPES.get(asked)
        if known is None:
            raise BadRequest("an unknown TokenType")
        if question.renewed is not None and known is not question.renewed.token_type:
            raise BadRequest("another TokenType than that of the renewed token")
        return known, asked, "asked for"
    if question.renewed is not None:
        return question.renewed.token_type, _uri(question.renewed.token_type, question), "that of the renewed token"
    party = question.match.relying_party
    default = party.default_token_type or question.endpoint.default_token_type
    if default not in party.token_types and len(party.token_types) == 1:
        (default,) = party.token_types
        return default, _uri(default, question), f"the only one that {party.name} takes"
    whose = "the endpoint" if party.default_token_type is None else party.name
    return default, _uri(default, question), f"the default of {whose}"


def _uri(token_type: TokenType, question: IssueQuestion) -> str:
    """The spelling of a type that was not asked for by any."""
    match token_type:
        case TokenType.SAML11:
            return question.endpoint.saml11_uri
        case TokenType.SAML20:
            return ns.TP11_SAML20
        case TokenType.SCT:
            return f"{ns.WSC_OF_TRUST[question.request.version.namespace]}/sct"


def _choose_lifetime(question: IssueQuestion, *, until: datetime | None = None) -> tuple[Lifetime, str]:
    """The request's wish inside the relying party's rule (WS-Trust 1.3 section 4.3), inside the life that is left to
    the token that this one is made from, and before `until`. Raises InvalidTimeRange.
    """
    rule, wish, now = question.match.relying_party.lifetime, question.request.lifetime, question.now
    latest, default = now + rule.maximum, now + rule.default
    bounds = [bound for bound in (_original_end(question), question.principal.until, until) if bound is not None]
    latest, default = min(latest, *bounds, latest), min(default, *bounds, default)
    if latest <= now:
        raise InvalidTimeRange("nothing is left of what it rests on")
    if wish is not None and wish.created is not None and wish.created > now + _CLOCKS_DIFFER:
        raise InvalidTimeRange("a lifetime that begins later; postdated tokens are not offered")
    if wish is None or wish.expires is None:
        cut = "" if default == now + rule.default else ", cut to that of what it rests on"
        return Lifetime(now, default), f"the default lifetime{cut}"
    if wish.expires <= (wish.created or now) or wish.expires <= now:
        raise InvalidTimeRange("a lifetime that is already over")
    if wish.expires <= latest:
        return Lifetime(now, wish.expires), "the lifetime asked for"
    if not rule.clip:
        raise InvalidTimeRange(f"a lifetime over the maximum of {latest - now}")
    return Lifetime(now, latest), "the lifetime asked for, cut to the maximum"


def _original_end(question: IssueQuestion) -> datetime | None:
    return None if question.original is None else question.original.expires_at


def _choose_audiences(question: IssueQuestion) -> tuple[str, ...]:
    if question.original is not None:
        return question.original.audiences
    if question.renewed is not None:
        return question.renewed.audiences
    audiences: dict[str, None] = {}
    for match in (question.match, *question.participants):
        audiences.update(dict.fromkeys(match.relying_party.audiences or (match.address,)))
    return tuple(audiences)


_WEAKEST_FIRST = (
    AuthenticationMethod.UNSPECIFIED,
    AuthenticationMethod.PASSWORD,
    AuthenticationMethod.PASSWORD_DIGEST,
    AuthenticationMethod.PASSWORD_OVER_TLS,
    AuthenticationMethod.PASSWORD_DIGEST_OVER_TLS,
    AuthenticationMethod.X509,
    AuthenticationMethod.TLS_CLIENT,
)


def _by_strength(methods: Sequence[AuthenticationMethod]) -> tuple[AuthenticationMethod, ...]:
    """Each method once, the strongest first: many readers of a token look at the first alone."""
    return tuple(sorted(set(methods), key=_WEAKEST_FIRST.index, reverse=True))


def shared_claims(claims: Sequence[tuple[Claim, ...]]) -> tuple[Claim, ...]:
    """What every party of one token may be told: the first's claims, with the values that all others get too."""
    first, *others = claims
    if not others:
        return first
    told = []
    for claim in first:
        values = tuple(value for value in claim.values if all(_has(other, claim.type, value) for other in others))
        if values:
            told.append(replace(claim, values=values))
    return tuple(told)


def _has(claims: Sequence[Claim], type_: str, value: str) -> bool:
    return any(claim.type == type_ and value in claim.values for claim in claims)
