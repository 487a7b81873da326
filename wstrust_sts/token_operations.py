"""Validate, Renew and Cancel of tokens that stand for themselves (WS-Trust 1.3 sections 5 to 7; wire rows 27 to 29)."""

from collections.abc import Callable, Mapping, Sequence

from wstrust_sts.bookkeeping import Asked, entries_of, kept_key
from wstrust_sts.delegation import DelegatedSubjects
from wstrust_sts.delegation_rules import DelegationKind
from wstrust_sts.errors import InvalidSecurityToken
from wstrust_sts.lineage import trace_lineage
from wstrust_sts.model import (
    AuthenticationMethod,
    Decision,
    KeyType,
    Operation,
    Principal,
    RequestSecurityTokenResponse,
    Status,
    TokenType,
    VerifiedToken,
)
from wstrust_sts.policy import Original, Renewed
from wstrust_sts.ports import Keyring, SecretBox
from wstrust_sts.reasons import describe_original, describe_renewal
from wstrust_sts.records import TokenCancelled, TokenRecord
from wstrust_sts.registered_tokens import RegisteredTokens
from wstrust_sts.registers import Registers
from wstrust_sts.relying_parties import RelyingParty, RelyingPartyMatch
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
from wstrust_sts.scopes import Scopes
from wstrust_sts.token_factory import TokenFactory
from wstrust_sts.token_policy import (
    authorize_cancel,
    authorize_transformation,
    authorize_validate,
    demand_in_force,
    demand_usable,
    wants_token,
)
from wstrust_sts.verdicts import Verdict, status_of, transformed


class TokenOperations:
    """What is done with a token that a request shows or names. Thread-safe: it holds no state of a request."""

    def __init__(
        self,
        *,
        registers: Registers,
        tokens: RegisteredTokens,
        scopes: Scopes,
        factory: TokenFactory,
        delegated: DelegatedSubjects,
        keyring: Keyring,
        renewal: RenewalTerms,
        box: SecretBox,
    ) -> None:
        self._tokens = tokens
        self._scopes = scopes
        self._factory = factory
        self._delegated = delegated
        self._issued_tokens = registers.issued_tokens
        self._accounts = registers.accounts
        self._relying_parties = registers.relying_parties
        self._keyring = keyring
        self._replay_cache = registers.replay_cache
        self._renewal = renewal
        self._box = box
        self.by_name: Mapping[Operation, Callable[[Asked], Verdict]] = {
            Operation.VALIDATE: self._validate,
            Operation.RENEW: self._renew,
            Operation.CANCEL: self._cancel,
        }

    def _validate(self, asked: Asked) -> Verdict:
        """A bad token is an answer here, not a fault (wire contract row 27)."""
        transforming = wants_token(asked.request)
        try:
            record, verified = self._tokens.of_target(asked)
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
        other = self._scopes.other_than(asked, party)
        if other is not None and self._delegated.may_act(asked, DelegationKind.ON_BEHALF_OF):
            return self._transform_for(asked, record, verified, other)
        right = authorize_transformation(asked.principal, lineage, party)
        subject = Principal(
            realm=record.realm,
            account=demand_usable(self._accounts.find_by_id(record.realm, record.account), now=asked.at.now),
            methods=tuple(AuthenticationMethod(method) for method in record.methods.split()),
            instant=verified.authentication_instant,
        )
        audiences = self._scopes.kept_audiences(asked, verified, party)
        match = self._scopes.of_original(asked, asked.request.applies_to, party, audiences)
        asked.findings.decision = Decision(reasons=(describe_original(record, subject, right),))
        original = Original(
            token_id=record.token_id,
            audiences=audiences,
            expires_at=record.expires_at,
            key_type=KeyType(record.key_type),
            proof=kept_key(record, verified, self._box),
        )
        issued = self._factory.make(asked, subject=subject, match=match, original=original)
        return transformed(asked, issued, subject=subject, box=self._box)

    def _transform_for(
        self, asked: Asked, record: TokenRecord, verified: VerifiedToken, match: RelyingPartyMatch
    ) -> Verdict:
        """A token made from a valid one for another relying party: on behalf of its subject, by a rule that allows it.

        Raises NotAuthorized: none does; and what Issue does.
        """
        kind = DelegationKind.ON_BEHALF_OF
        delegation = self._delegated.by_token(asked, record, verified, kind=kind, parties=(match,))
        issued = self._factory.make(asked, subject=delegation.subject, match=match, delegation=delegation)
        return transformed(asked, issued, subject=delegation.subject, box=self._box)

    def _renew(self, asked: Asked) -> Verdict:
        """A token in the place of another: for the same relying party, of the same type; account, party and claims as
        they are now. The old one ends after the grace.

        Raises UnableToRenew, InvalidSecurityToken (anything wrong with the target), and what Issue does.
        """
        terms, now, findings = self._renewal, asked.at.now, asked.findings
        demand_same_scope(asked.request)
        record, verified = self._tokens.of_target(asked, overdue=terms.after_expiry)
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
            audiences = self._scopes.kept_audiences(asked, verified, party)
            demand_same_audiences(verified, audiences)
        match = self._scopes.of_original(asked, scope, party, audiences)
        findings.decision = Decision(reasons=(describe_renewal(record, subject, anew=subject is asked.principal),))
        renewed = Renewed(
            token_type=TokenType(record.token_type),
            audiences=audiences,
            key_type=KeyType(record.key_type),
            proof=None if verified is None else kept_key(record, verified, self._box),
        )
        issued = self._factory.make(asked, subject=subject, match=match, renewed=renewed)
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

    def _cancel(self, asked: Asked) -> Verdict:
        """WS-Trust 1.3 section 6. To cancel what is cancelled already is no error: an answer may have been lost."""
        record, verified = self._tokens.of_target(asked)
        right = authorize_cancel(asked.principal, record, asked.realm, by_reference=verified is None)
        asked.findings.relying_party, asked.findings.token_id = record.relying_party, record.token_id
        asked.findings.decision = Decision(reasons=(right,))
        cancelled = TokenCancelled(realm=record.realm, token_id=record.token_id, at=asked.at.now, reason=right)
        return Verdict(
            response=RequestSecurityTokenResponse(request=asked.request, cancelled=True),
            outcome="cancelled",
            entries=() if record.is_cancelled(asked.at.now) else (cancelled,),
        )
