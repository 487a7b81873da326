"""SecurityTokenService: issue, validate, renew and cancel, whatever face a request entered by.

The phases every operation shares (authenticate, find the relying party, decide, record, audit) live here, so
that no plug-in can forget one. No XML, no SQL and no plug-in is known to this module.
"""

import hmac
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from wstrust_sts.bookkeeping import Asked, Findings, entries_of, event_of, kept_key
from wstrust_sts.claim_collection import ClaimCollection
from wstrust_sts.context_operations import ContextOperations
from wstrust_sts.context_policy import asks_for_context
from wstrust_sts.delegation import DelegatedSubjects, Delegation
from wstrust_sts.delegation_rules import DelegationKind
from wstrust_sts.errors import (
    BadRequest,
    InvalidRequest,
    InvalidScope,
    InvalidSecurityToken,
    RequestFailed,
    StsError,
    UnsupportedSecurityToken,
)
from wstrust_sts.identification import Identification
from wstrust_sts.lineage import trace_lineage
from wstrust_sts.model import (
    AppliesTo,
    AuthenticationMethod,
    Circumstances,
    Decision,
    IssuedToken,
    KeyType,
    Operation,
    Outcome,
    Principal,
    RequestSecurityToken,
    RequestSecurityTokenResponse,
    Status,
    TokenType,
    VerifiedMessage,
    VerifiedToken,
)
from wstrust_sts.policy import (
    IssueQuestion,
    Original,
    Renewed,
    authorize_cancel,
    authorize_issue,
    authorize_transformation,
    authorize_validate,
    demand_in_force,
    demand_supported,
    demand_usable,
    wants_token,
)
from wstrust_sts.ports import (
    Accounts,
    Authenticator,
    ClaimPolicy,
    ClaimSource,
    DelegationRules,
    IssuedTokens,
    Journal,
    Keyring,
    Realms,
    RelyingParties,
    ReplayCache,
    SecretBox,
    SecurityContexts,
    TokenProvider,
)
from wstrust_sts.reasons import (
    describe_match,
    describe_original,
    describe_renewal,
    shorten,
)
from wstrust_sts.received_tokens import PresentedAssertion, PresentedContext, PresentedReference, ReceivedToken
from wstrust_sts.records import TokenCancelled, TokenRecord
from wstrust_sts.relying_parties import OWN_PARTY, RelyingParty, RelyingPartyMatch
from wstrust_sts.renewal import (
    RenewalTerms,
    audiences_of_named,
    demand_renewable,
    demand_same_audiences,
    demand_same_scope,
    is_proved,
    renewed_subject,
    take_turn,
)
from wstrust_sts.token_credentials import TokenCredentials
from wstrust_sts.verdicts import SENTENCES, Verdict, status_of


class SecurityTokenService:
    """The engine behind every face. Thread-safe: it holds its plug-ins and no state of a request."""

    def __init__(
        self,
        *,
        realms: Realms,
        accounts: Accounts,
        relying_parties: RelyingParties,
        issued_tokens: IssuedTokens,
        contexts: SecurityContexts,
        delegation_rules: DelegationRules,
        journal: Journal,
        keyring: Keyring,
        authenticators: Sequence[Authenticator],
        providers: Sequence[TokenProvider],
        claim_sources: Sequence[ClaimSource],
        claim_policy: ClaimPolicy,
        replay_cache: ReplayCache,
        message_window: timedelta,
        renewal: RenewalTerms,
        box: SecretBox,
    ) -> None:
        """`message_window`: for how long a signed message is fresh, and so its replay has to be known.

        `box` seals the keys that tokens are bound to.
        """
        self._box = box
        self._realms = realms
        self._accounts = accounts
        self._relying_parties = relying_parties
        self._issued_tokens = issued_tokens
        self._journal = journal
        self._keyring = keyring
        tokens = TokenCredentials(issued_tokens=issued_tokens, accounts=accounts, keyring=keyring, own=renewal.own)
        self._identification = Identification(authenticators, replay_cache, message_window, tokens)
        self._providers: dict[TokenType, TokenProvider] = {}
        for provider in providers:
            for token_type in provider.token_types:
                if token_type in self._providers:
                    raise ValueError(f"two providers for {token_type.value} tokens; enable one of them")
                self._providers[token_type] = provider
        self._claims = ClaimCollection(claim_sources, claim_policy)
        self._delegated = DelegatedSubjects(
            rules=delegation_rules,
            issued_tokens=issued_tokens,
            accounts=accounts,
            relying_parties=relying_parties,
            keyring=keyring,
            own=renewal.own,
            recorded=self._recorded_token,
        )
        self._replay_cache = replay_cache
        self._renewal = renewal
        self._operations: dict[Operation, Callable[[Asked], Verdict]] = {
            Operation.ISSUE: self._issue,
            Operation.VALIDATE: self._validate,
            Operation.RENEW: self._renew,
            Operation.CANCEL: self._cancel,
        }
        self._on_contexts = ContextOperations(
            issued_tokens=issued_tokens,
            contexts=contexts,
            accounts=accounts,
            relying_parties=relying_parties,
            replay_cache=replay_cache,
            renewal=renewal,
            box=box,
            match_original=self._match_of_original,
            make_token=self._make_token,
        ).by_name

    def perform(self, request: RequestSecurityToken, message: VerifiedMessage, *, at: Circumstances) -> Outcome:
        """Carries out `request` for whoever `message` proves to be asking.

        Raises StsError for a refusal before authentication, which is not stored; every later refusal comes back
        as an `Outcome` with its audit event on the way to the database.
        """
        realm = self._realms.get(at.endpoint.realm)
        if realm is None:
            raise RequestFailed(f"the realm {at.endpoint.realm} does not exist; create it with `wstrust-sts apply`")
        principal = self._identification.identify(message, realm, at)
        seen = self._identification.sighting_of(message, realm, at)
        asked = Asked(request, message, principal, realm, at, Findings())
        try:
            demand_supported(
                request, issuer=realm.issuer, signature_algorithm=self._keyring.signer(realm.name).algorithm
            )
            operations = self._on_contexts if isinstance(request.target, PresentedContext) else self._operations
            verdict = operations[request.operation](asked)
        except StsError as refusal:
            event = event_of(asked, outcome=f"refused {refusal.code}", refused=refusal.detail)
            return Outcome(
                fault=refusal,
                durable=self._journal.write(*seen, event),
                requestor=principal.name,
                relying_party=asked.findings.relying_party,
            )
        except Exception:
            self._journal.write(*seen, event_of(asked, outcome="failed", refused="an unexpected failure"))
            raise
        return Outcome(
            response=verdict.response,
            durable=self._journal.write(*seen, *verdict.entries, event_of(asked, outcome=verdict.outcome)),
            requestor=principal.name,
            relying_party=asked.findings.relying_party,
            result=verdict.outcome,
        )

    # -- issue ------------------------------------------------------------------------------------------------

    def _issue(self, asked: Asked) -> Verdict:
        request = asked.request
        match = self._find_relying_party(request, asked)
        asked.findings.relying_party = match.relying_party.name
        asked.findings.decision = Decision(reasons=(describe_match(request, match),))
        participants = tuple(self._find(address, asked) for address in request.participants)
        delegation = self._delegated.settle(asked, (match, *participants))
        subject = asked.principal if delegation is None else delegation.subject
        issued = self._make_token(asked, subject=subject, match=match, participants=participants, delegation=delegation)
        return Verdict(
            response=RequestSecurityTokenResponse(request=request, issued=issued),
            outcome="issued",
            entries=entries_of(issued, subject=subject, asked=asked, box=self._box),
        )

    def _make_token(
        self,
        asked: Asked,
        *,
        subject: Principal,
        match: RelyingPartyMatch,
        participants: Sequence[RelyingPartyMatch] = (),
        original: Original | None = None,
        renewed: Renewed | None = None,
        delegation: Delegation | None = None,
    ) -> IssuedToken:
        """A signed token about `subject`: its claims collected, the decision taken, and both among the findings."""
        rule = None if delegation is None else delegation.rule
        if delegation is not None:
            reasons = (*asked.findings.decision.reasons, delegation.reason)
            asked.findings.decision = replace(asked.findings.decision, reasons=reasons)
        claims = self._claims.collect(asked, subject=subject, match=match, participants=participants, rule=rule)
        descriptor = authorize_issue(
            IssueQuestion(
                request=asked.request,
                message=asked.message,
                principal=subject,
                realm=asked.realm,
                endpoint=asked.at.endpoint,
                match=match,
                participants=tuple(participants),
                claims=claims,
                findings=asked.findings.decision,
                now=asked.at.now,
                original=original,
                renewed=renewed,
                delegated=None if delegation is None else delegation.basis,
            )
        )
        provider = self._providers.get(descriptor.token_type)
        if provider is None:
            raise BadRequest(f"{descriptor.token_type.value} tokens, which the configuration does not enable")
        issued = provider.issue(descriptor, self._keyring.signer(asked.realm.name))
        asked.findings.token_id = descriptor.token_id
        asked.findings.decision = descriptor.decision
        return issued

    def _find_relying_party(self, request: RequestSecurityToken, asked: Asked) -> RelyingPartyMatch:
        if request.applies_to is not None:
            return self._find(request.applies_to.address, asked)
        endpoint = asked.at.endpoint
        own = self._relying_parties.get(asked.realm.name, OWN_PARTY) if asks_for_context(request) else None
        if own is not None:
            return RelyingPartyMatch(own, own.audiences[0])
        if "no-applies-to" not in endpoint.tolerances or endpoint.default_relying_party is None:
            raise InvalidScope("no AppliesTo, and the endpoint has no relying party for such requests")
        party = self._relying_parties.get(asked.realm.name, endpoint.default_relying_party)
        if party is None or not party.enabled:
            raise InvalidScope(f"the endpoint's default relying party {endpoint.default_relying_party} does not exist")
        return RelyingPartyMatch(party, party.applies_to[0].address if party.applies_to else party.name)

    def _find(self, address: str, asked: Asked) -> RelyingPartyMatch:
        match = self._relying_parties.find(asked.realm.name, address)
        if match is None:
            raise InvalidScope(f"no relying party is registered for {shorten(address)!r}")
        return match

    # -- validate, renew and cancel ------------------------------------------------------------------------------------

    def _validate(self, asked: Asked) -> Verdict:
        """A bad token is an answer here, not a fault (wire contract row 27)."""
        transforming = wants_token(asked.request)
        try:
            record, verified = self._recorded(asked)
            party = self._relying_parties.get(asked.realm.name, record.relying_party)
            if party is None:
                raise InvalidSecurityToken("its relying party is not registered any more")
            authorize_validate(asked.principal, record, party, by_reference=verified is None)
            asked.findings.relying_party, asked.findings.token_id = record.relying_party, record.token_id
            lineage = trace_lineage(record, self._issued_tokens)
            keys = self._keyring.verification_keys(asked.realm.name)
            demand_in_force(lineage, key_ids=[key.key_id for key in keys], now=asked.at.now)
            if transforming and verified is not None:
                return self._transform(asked, lineage, verified, party)
        except InvalidSecurityToken as doubt:
            return status_of(asked, Status.INVALID, doubt.detail)
        return status_of(asked, Status.VALID, "verified, registered, not cancelled")

    def _transform(
        self, asked: Asked, lineage: Sequence[TokenRecord], verified: VerifiedToken, party: RelyingParty
    ) -> Verdict:
        """A token made from a valid one: about the same subject as it proved itself then, for the same relying party,
        for no audience more and no moment longer; account, party and claims as they are now.

        Raises InvalidSecurityToken where account or party have no tokens any more, so that the target counts as
        invalid; NotAuthorized, InvalidScope, and what Issue does.
        """
        record = lineage[0]
        other = self._other_party(asked, party)
        if other is not None and self._delegated.may_act(asked, DelegationKind.ON_BEHALF_OF):
            return self._transform_for(asked, record, verified, other)
        right = authorize_transformation(asked.principal, lineage, party)
        subject = Principal(
            realm=record.realm,
            account=demand_usable(self._accounts.find_by_id(record.realm, record.account), now=asked.at.now),
            methods=tuple(AuthenticationMethod(method) for method in record.methods.split()),
            instant=verified.authentication_instant,
        )
        audiences = self._kept_audiences(asked, verified, party)
        match = self._match_of_original(asked, asked.request.applies_to, party, audiences)
        asked.findings.decision = Decision(reasons=(describe_original(record, subject, right),))
        original = Original(
            token_id=record.token_id,
            audiences=audiences,
            expires_at=record.expires_at,
            key_type=KeyType(record.key_type),
            proof=kept_key(record, verified, self._box),
        )
        issued = self._make_token(asked, subject=subject, match=match, original=original)
        return self._transformed(asked, issued, subject)

    def _other_party(self, asked: Asked, party: RelyingParty) -> RelyingPartyMatch | None:
        """Another relying party than that of the target, if AppliesTo means one."""
        scope = asked.request.applies_to
        match = None if scope is None else self._relying_parties.find(asked.realm.name, scope.address)
        return None if match is None or match.relying_party.name == party.name else match

    def _transform_for(
        self, asked: Asked, record: TokenRecord, verified: VerifiedToken, match: RelyingPartyMatch
    ) -> Verdict:
        """A token made from a valid one for another relying party: on behalf of its subject, by a rule that allows it.

        Raises NotAuthorized: none does; and what Issue does.
        """
        kind = DelegationKind.ON_BEHALF_OF
        delegation = self._delegated.by_token(asked, record, verified, kind=kind, parties=(match,))
        issued = self._make_token(asked, subject=delegation.subject, match=match, delegation=delegation)
        return self._transformed(asked, issued, delegation.subject)

    def _transformed(self, asked: Asked, issued: IssuedToken, subject: Principal) -> Verdict:
        return Verdict(
            response=RequestSecurityTokenResponse(
                request=asked.request, issued=issued, status=Status.VALID, reason=SENTENCES[Status.VALID]
            ),
            outcome="transformed",
            entries=entries_of(issued, subject=subject, asked=asked, box=self._box),
        )

    def _kept_audiences(self, asked: Asked, verified: VerifiedToken, party: RelyingParty) -> tuple[str, ...]:
        """Those of a token that are its relying party's today; participants get nothing by transformation."""

        def belongs(audience: str) -> bool:
            match = self._relying_parties.find(asked.realm.name, audience)
            return audience in party.audiences or (match is not None and match.relying_party.name == party.name)

        audiences = tuple(audience for audience in verified.audiences if belongs(audience))
        if not party.enabled or not audiences:
            raise InvalidSecurityToken("its relying party is disabled, or has none of its audiences any more")
        return audiences

    def _match_of_original(
        self, asked: Asked, scope: AppliesTo | None, party: RelyingParty, audiences: tuple[str, ...]
    ) -> RelyingPartyMatch:
        """The relying party of a token with these audiences. An AppliesTo must mean the same one, by an audience that
        the token has: a token for another would be one on somebody's behalf, and needs a rule that allows it.
        """
        if scope is None:
            return RelyingPartyMatch(party, audiences[0])
        match = self._find(scope.address, asked)
        if match.relying_party.name != party.name:
            raise InvalidScope(f"AppliesTo {match.address} belongs to {match.relying_party.name}")
        if not set(audiences) & set(party.audiences or (match.address,)):
            raise InvalidScope(f"the token is not for {match.address}")
        return match

    def _cancel(self, asked: Asked) -> Verdict:
        """WS-Trust 1.3 section 6. To cancel what is cancelled already is no error: an answer may have been lost."""
        record, verified = self._recorded(asked)
        right = authorize_cancel(asked.principal, record, asked.realm, by_reference=verified is None)
        asked.findings.relying_party, asked.findings.token_id = record.relying_party, record.token_id
        asked.findings.decision = Decision(reasons=(right,))
        cancelled = TokenCancelled(realm=record.realm, token_id=record.token_id, at=asked.at.now, reason=right)
        return Verdict(
            response=RequestSecurityTokenResponse(request=asked.request, cancelled=True),
            outcome="cancelled",
            entries=() if record.is_cancelled(asked.at.now) else (cancelled,),
        )

    def _renew(self, asked: Asked) -> Verdict:
        """A token in the place of another: for the same relying party, of the same type; account, party and claims as
        they are now. The old one ends after the grace.

        Raises UnableToRenew, InvalidSecurityToken (anything wrong with the target), and what Issue does.
        """
        terms, now, findings = self._renewal, asked.at.now, asked.findings
        demand_same_scope(asked.request)
        record, verified = self._recorded(asked, overdue=terms.after_expiry)
        keys = [key.key_id for key in self._keyring.verification_keys(asked.realm.name)]
        demand_renewable(
            record,
            asked.principal,
            by_reference=verified is None,
            proved=is_proved(record, asked.principal, asked.message),
            key_ids=keys,
            now=now,
            terms=terms,
        )
        findings.relying_party, findings.token_id = record.relying_party, record.token_id
        party = self._relying_parties.get(asked.realm.name, record.relying_party)
        if party is None or not party.enabled:
            raise InvalidSecurityToken("its relying party is disabled, or not registered any more")
        subject = renewed_subject(asked.principal, record, verified, longest=party.lifetime.maximum, now=now)
        scope = terms.scope(asked.request, asked.realm)
        if verified is None:
            audiences = audiences_of_named(party, scope)
        else:
            audiences = self._kept_audiences(asked, verified, party)
            demand_same_audiences(verified, audiences)
        match = self._match_of_original(asked, scope, party, audiences)
        findings.decision = Decision(reasons=(describe_renewal(record, subject, anew=subject is asked.principal),))
        renewed = Renewed(
            token_type=TokenType(record.token_type),
            audiences=audiences,
            key_type=KeyType(record.key_type),
            proof=None if verified is None else kept_key(record, verified, self._box),
        )
        issued = self._make_token(asked, subject=subject, match=match, renewed=renewed)
        findings.token_id = record.token_id  # until the new one is not refused any more
        take_turn(record, self._replay_cache, terms=terms, now=now)
        findings.token_id = issued.descriptor.token_id
        reason = f"renewed as {issued.descriptor.token_id}"
        ended = TokenCancelled(realm=record.realm, token_id=record.token_id, at=now + terms.grace, reason=reason)
        return Verdict(
            response=RequestSecurityTokenResponse(request=asked.request, issued=issued),
            outcome="renewed",
            entries=(*entries_of(issued, subject=subject, asked=asked, box=self._box), ended),
        )

    def _recorded(self, asked: Asked, *, overdue: timedelta = timedelta(0)) -> tuple[TokenRecord, VerifiedToken | None]:
        """The register's row of the request's target, whose every octet is the one issued, and what it says.

        A target that is only named by its id says nothing: None, unless it is the credential of the request, too.
        `overdue`: for how long after its end it counts.
        Raises InvalidRequest (no target), InvalidSecurityToken (anything wrong with it).
        """
        target = asked.request.target
        if target is None:
            raise InvalidRequest("no target token")
        if isinstance(target, PresentedReference):
            record = self._issued_tokens.find(asked.realm.name, target.token_id)
            if record is None:
                raise InvalidSecurityToken("an unknown token id")
            if record.token_type == TokenType.SCT.value:
                raise InvalidSecurityToken("a security context, named as a token that says something")
            shown = asked.principal.token
            return record, shown if shown is not None and shown.token_id == record.token_id else None
        if isinstance(target, PresentedAssertion):
            target = replace(target, overdue=overdue)
        return self._recorded_token(target, asked)

    def _recorded_token(self, target: ReceivedToken, asked: Asked) -> tuple[TokenRecord, VerifiedToken]:
        verified = self._verify(target, asked)
        record = self._issued_tokens.find(asked.realm.name, verified.token_id)
        if record is None:
            raise InvalidSecurityToken("signed by us, but not in the register")
        if not hmac.compare_digest(record.digest, verified.digest):
            raise InvalidSecurityToken("not the token that was issued under this id")
        return record, verified

    def _verify(self, target: ReceivedToken, asked: Asked) -> VerifiedToken:
        try:
            proof = self._identification.authenticate(target, asked.realm, asked.at)
        except UnsupportedSecurityToken as error:
            raise InvalidSecurityToken(error.detail) from None
        if proof.token is None:
            raise InvalidSecurityToken(f"a {type(target).__name__} is not a token of ours")
        return proof.token
