"""SecurityTokenService: issue, validate and cancel, whatever face a request entered by.

The phases every operation shares (authenticate, find the relying party, decide, record, audit) live here, so
that no plug-in can forget one. No XML, no SQL and no plug-in is known to this module.
"""

import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from wstrust_sts.errors import (
    InvalidHeaderToken,
    InvalidRequest,
    InvalidScope,
    InvalidSecurity,
    InvalidSecurityToken,
    RequestFailed,
    StsError,
    UnsupportedSecurityToken,
)
from wstrust_sts.model import (
    Authenticated,
    Circumstances,
    Claim,
    Decision,
    Evidence,
    IssuedToken,
    Operation,
    Outcome,
    PresentedReference,
    Principal,
    Realm,
    ReceivedToken,
    RelyingPartyMatch,
    RequestSecurityToken,
    RequestSecurityTokenResponse,
    Status,
    TokenType,
    VerifiedMessage,
    VerifiedToken,
)
from wstrust_sts.policy import (
    IssueQuestion,
    authorize_cancel,
    authorize_issue,
    authorize_validate,
    demand_status_type,
    demand_supported,
    shared_claims,
)
from wstrust_sts.ports import (
    Authenticator,
    ClaimPolicy,
    ClaimSource,
    IssuedTokens,
    Journal,
    Keyring,
    Realms,
    RelyingParties,
    TokenProvider,
)
from wstrust_sts.records import AuditEvent, Entry, TokenCancelled, TokenRecord

_USER_INFORMATION = re.compile(r"//[^/]*@")  # of a URL, where some people put a password


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one operation comes to: the answer, what must be stored with it, and what the audit trail says."""

    response: RequestSecurityTokenResponse
    outcome: str
    entries: tuple[Entry, ...] = ()
    relying_party: str = ""
    token_id: str = ""
    decision: Decision = field(default_factory=Decision)


class SecurityTokenService:
    """The engine behind every face. Thread-safe: it holds its plug-ins and no state of a request."""

    def __init__(
        self,
        *,
        realms: Realms,
        relying_parties: RelyingParties,
        issued_tokens: IssuedTokens,
        journal: Journal,
        keyring: Keyring,
        authenticators: Sequence[Authenticator],
        providers: Sequence[TokenProvider],
        claim_sources: Sequence[ClaimSource],
        claim_policy: ClaimPolicy,
    ) -> None:
        self._realms = realms
        self._relying_parties = relying_parties
        self._issued_tokens = issued_tokens
        self._journal = journal
        self._keyring = keyring
        self._authenticators = tuple(authenticators)
        self._providers: dict[TokenType, TokenProvider] = {}
        for provider in providers:
            for token_type in provider.token_types:
                if token_type in self._providers:
                    raise ValueError(f"two providers for {token_type.value} tokens; enable one of them")
                self._providers[token_type] = provider
        self._claim_sources = tuple(claim_sources)
        self._claim_policy = claim_policy
        self._operations: dict[Operation, Callable[[_Asked], Verdict]] = {
            Operation.ISSUE: self._issue,
            Operation.VALIDATE: self._validate,
            Operation.CANCEL: self._cancel,
        }

    def perform(self, request: RequestSecurityToken, message: VerifiedMessage, *, at: Circumstances) -> Outcome:
        """Carries out `request` for whoever `message` proves to be asking.

        Raises StsError for a refusal before authentication, which is not stored; every later refusal comes back
        as an `Outcome` with its audit event on the way to the database.
        """
        realm = self._realms.get(at.endpoint.realm)
        if realm is None:
            raise RequestFailed(f"the realm {at.endpoint.realm} does not exist; create it with `wstrust-sts apply`")
        principal = self._identify(message, realm, at)
        asked = _Asked(request, principal, realm, at)
        try:
            demand_supported(
                request, issuer=realm.issuer, signature_algorithm=self._keyring.signer(realm.name).algorithm
            )
            verdict = self._operations[request.operation](asked)
        except StsError as refusal:
            event = _event(asked, outcome=f"refused {refusal.code}", detail={"refused": refusal.detail})
            return Outcome(fault=refusal, durable=self._journal.write(event), requestor=principal.name)
        except Exception:
            self._journal.write(_event(asked, outcome="failed", detail={"refused": "an unexpected failure"}))
            raise
        event = _event(
            asked,
            outcome=verdict.outcome,
            detail=_explain(verdict.decision),
            relying_party=verdict.relying_party,
            token_id=verdict.token_id,
        )
        return Outcome(
            response=verdict.response,
            durable=self._journal.write(*verdict.entries, event),
            requestor=principal.name,
            relying_party=verdict.relying_party,
            result=verdict.outcome,
        )

    # -- who is asking --------------------------------------------------------------------------------------

    def _identify(self, message: VerifiedMessage, realm: Realm, at: Circumstances) -> Principal:
        """One Principal of all that the message's credentials prove. Raises on none, or on a contradiction."""
        evidence = Evidence(tuple(self._authenticate(token, realm, at) for token in message.credentials))
        accounts = {proof.account.id: proof.account for proof in evidence.authenticated if proof.account is not None}
        if len(accounts) != 1 or any(proof.account is None for proof in evidence.authenticated):
            raise InvalidSecurity("the credentials do not prove exactly one account")
        (account,) = accounts.values()
        return Principal(
            realm=realm.name,
            account=account,
            methods=tuple(proof.method for proof in evidence.authenticated),
            instant=min(proof.instant for proof in evidence.authenticated),
        )

    def _authenticate(self, token: ReceivedToken, realm: Realm, at: Circumstances) -> Authenticated:
        """The one door for every presented token: exactly one authenticator accepts it, and its word is final."""
        accepting = [authenticator for authenticator in self._authenticators if authenticator.accepts(token)]
        if not accepting:
            raise UnsupportedSecurityToken(f"no authenticator for {type(token).__name__}")
        if len(accepting) > 1:
            raise InvalidHeaderToken(f"{len(accepting)} authenticators for {type(token).__name__}; enable one of them")
        return accepting[0].authenticate(token, realm=realm, now=at.now)

    # -- issue ------------------------------------------------------------------------------------------------

    def _issue(self, asked: "_Asked") -> Verdict:
        request, principal, at = asked.request, asked.principal, asked.at
        match = self._find_relying_party(request, asked)
        participants = tuple(self._find(address, asked) for address in request.participants)
        released = shared_claims(
            [self._release(principal, party, request) for party in (match, *participants)],
        )
        claims, withheld = self._claim_policy.satisfy(request.claims, released)
        descriptor = authorize_issue(
            IssueQuestion(
                request=request,
                principal=principal,
                realm=asked.realm,
                endpoint=at.endpoint,
                match=match,
                participants=participants,
                claims=claims,
                withheld=withheld,
                now=at.now,
            )
        )
        issued = self._providers[descriptor.token_type].issue(descriptor, self._keyring.signer(asked.realm.name))
        return Verdict(
            response=RequestSecurityTokenResponse(request=request, issued=issued),
            outcome="issued",
            entries=(_record(issued, asked),),
            relying_party=descriptor.relying_party,
            token_id=descriptor.token_id,
            decision=descriptor.decision,
        )

    def _find_relying_party(self, request: RequestSecurityToken, asked: "_Asked") -> RelyingPartyMatch:
        if request.applies_to is not None:
            return self._find(request.applies_to.address, asked)
        endpoint = asked.at.endpoint
        if "no-applies-to" not in endpoint.tolerances or endpoint.default_relying_party is None:
            raise InvalidScope("no AppliesTo, and the endpoint has no relying party for such requests")
        party = self._relying_parties.get(asked.realm.name, endpoint.default_relying_party)
        if party is None or not party.enabled:
            raise InvalidScope(f"the endpoint's default relying party {endpoint.default_relying_party} does not exist")
        return RelyingPartyMatch(party, party.applies_to[0].address if party.applies_to else party.name)

    def _find(self, address: str, asked: "_Asked") -> RelyingPartyMatch:
        match = self._relying_parties.find(asked.realm.name, address)
        if match is None:
            raise InvalidScope(f"no relying party is registered for {_USER_INFORMATION.sub('//', address)[:256]!r}")
        return match

    def _release(
        self, principal: Principal, match: RelyingPartyMatch, request: RequestSecurityToken
    ) -> tuple[Claim, ...]:
        party = match.relying_party
        found = [
            claim for source in self._claim_sources for claim in source.claims_for(principal, party, request.claims)
        ]
        return self._claim_policy.release(principal, party, found)

    # -- validate and cancel ------------------------------------------------------------------------------------

    def _validate(self, asked: "_Asked") -> Verdict:
        """A bad token is an answer here, not a fault (wire contract row 27)."""
        request = asked.request
        demand_status_type(request)
        by_reference = isinstance(request.target, PresentedReference)
        try:
            record = self._recorded(asked)
            party = self._relying_parties.get(asked.realm.name, record.relying_party)
            if party is None:
                raise InvalidSecurityToken("its relying party is not registered any more")
            authorize_validate(asked.principal, record, party, by_reference=by_reference)
        except InvalidSecurityToken as doubt:
            return _status(request, Status.INVALID, Decision(reasons=(doubt.detail,)))
        if record.cancelled_at is not None:
            return _status(request, Status.INVALID, Decision(reasons=(f"cancelled {record.cancel_reason}",)), record)
        if record.expires_at <= asked.at.now:
            return _status(request, Status.INVALID, Decision(reasons=("expired",)), record)
        return _status(request, Status.VALID, Decision(reasons=("verified, registered, not cancelled",)), record)

    def _cancel(self, asked: "_Asked") -> Verdict:
        """WS-Trust 1.3 section 6. To cancel what is cancelled already is no error: an answer may have been lost."""
        record = self._recorded(asked)
        by_reference = isinstance(asked.request.target, PresentedReference)
        right = authorize_cancel(asked.principal, record, asked.realm, by_reference=by_reference)
        cancelled = TokenCancelled(realm=record.realm, token_id=record.token_id, at=asked.at.now, reason=right)
        return Verdict(
            response=RequestSecurityTokenResponse(request=asked.request, cancelled=True),
            outcome="cancelled",
            entries=() if record.cancelled_at is not None else (cancelled,),
            relying_party=record.relying_party,
            token_id=record.token_id,
            decision=Decision(reasons=(right,)),
        )

    def _recorded(self, asked: "_Asked") -> TokenRecord:
        """The register's row of the request's target, whose every octet is the one issued.

        Raises InvalidRequest (no target), InvalidSecurityToken (anything wrong with it).
        """
        target = asked.request.target
        if target is None:
            raise InvalidRequest("no target token")
        if isinstance(target, PresentedReference):
            record = self._issued_tokens.find(asked.realm.name, target.token_id)
            if record is None:
                raise InvalidSecurityToken("an unknown token id")
            return record
        verified = self._verify(target, asked)
        record = self._issued_tokens.find(asked.realm.name, verified.token_id)
        if record is None:
            raise InvalidSecurityToken("signed by us, but not in the register")
        if not hmac.compare_digest(record.digest, verified.digest):
            raise InvalidSecurityToken("not the token that was issued under this id")
        return record

    def _verify(self, target: ReceivedToken, asked: "_Asked") -> VerifiedToken:
        try:
            proof = self._authenticate(target, asked.realm, asked.at)
        except UnsupportedSecurityToken as error:
            raise InvalidSecurityToken(error.detail) from None
        if proof.token is None:
            raise InvalidSecurityToken(f"a {type(target).__name__} is not a token of ours")
        return proof.token


@dataclass(frozen=True, slots=True)
class _Asked:
    """One authenticated request with its circumstances."""

    request: RequestSecurityToken
    principal: Principal
    realm: Realm
    at: Circumstances


def _status(
    request: RequestSecurityToken, status: Status, decision: Decision, record: TokenRecord | None = None
) -> Verdict:
    reason = "The token is valid." if status is Status.VALID else "The token is not valid."
    return Verdict(
        response=RequestSecurityTokenResponse(request=request, status=status, reason=reason),
        outcome=status.value,
        relying_party="" if record is None else record.relying_party,
        token_id="" if record is None else record.token_id,
        decision=decision,
    )


def _record(issued: IssuedToken, asked: _Asked) -> TokenRecord:
    descriptor, principal = issued.descriptor, asked.principal
    return TokenRecord(
        realm=asked.realm.name,
        token_id=descriptor.token_id,
        digest=issued.digest,
        token_type=descriptor.token_type.value,
        relying_party=descriptor.relying_party,
        subject=descriptor.subject.value,
        account=principal.account.id,
        requestor=principal.account.id,
        methods=" ".join(method.value for method in principal.methods),
        key_id=issued.key_id,
        key_type=descriptor.key_type.value,
        issued_at=descriptor.lifetime.created,
        expires_at=descriptor.lifetime.expires,
        renewing_allowed=descriptor.renewing_allowed,
        renewing_after_expiry=descriptor.renewing_after_expiry,
        correlation_id=asked.at.correlation_id,
    )


def _event(
    asked: _Asked, *, outcome: str, detail: dict[str, object], relying_party: str = "", token_id: str = ""
) -> AuditEvent:
    return AuditEvent(
        realm=asked.realm.name,
        correlation_id=asked.at.correlation_id,
        at=asked.at.now,
        operation=asked.request.operation.value,
        outcome=outcome,
        endpoint=asked.at.endpoint.path,
        source=asked.at.source,
        requestor=asked.principal.name,
        relying_party=relying_party,
        token_id=token_id,
        detail=detail,
    )


def _explain(decision: Decision) -> dict[str, object]:
    return {
        "reasons": list(decision.reasons),
        "released": list(decision.released),
        "withheld": list(decision.withheld),
    }
