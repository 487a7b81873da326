"""Validate, Renew and Cancel of security contexts (WS-SecureConversation 1.3 sections 5 and 6; wire rows 27 and 28)."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace

from wstrust_sts.addresses import canonical
from wstrust_sts.bookkeeping import Asked, context_key_of
from wstrust_sts.context_policy import (
    authorize_context_cancel,
    authorize_context_transformation,
    authorize_context_validation,
    demand_context_renewable,
)
from wstrust_sts.errors import InvalidSecurityToken, UnableToRenew, UnableToRenewContext
from wstrust_sts.model import (
    AppliesTo,
    Decision,
    KeyType,
    Operation,
    Principal,
    RequestSecurityTokenResponse,
    Status,
    TokenType,
)
from wstrust_sts.policy import Original, Renewed
from wstrust_sts.ports import SecretBox
from wstrust_sts.proof_keys import SymmetricProof
from wstrust_sts.reasons import describe_original, describe_renewal
from wstrust_sts.received_tokens import PresentedContext
from wstrust_sts.records import ContextRenewed, TokenCancelled, TokenRecord
from wstrust_sts.registers import Registers
from wstrust_sts.relying_parties import RelyingParty
from wstrust_sts.renewal import RenewalTerms, audiences_of_named, demand_same_scope, take_turn
from wstrust_sts.scopes import Scopes
from wstrust_sts.security_contexts import SecurityContext
from wstrust_sts.token_factory import TokenFactory
from wstrust_sts.token_policy import demand_usable, wants_token
from wstrust_sts.verdicts import Verdict, status_of, transformed


class ContextOperations:
    """What is done with a context that a request names. Thread-safe: it holds no state of a request."""

    def __init__(
        self,
        *,
        registers: Registers,
        scopes: Scopes,
        factory: TokenFactory,
        renewal: RenewalTerms,
        box: SecretBox,
    ) -> None:
        self._issued_tokens = registers.issued_tokens
        self._contexts = registers.contexts
        self._accounts = registers.accounts
        self._relying_parties = registers.relying_parties
        self._replay_cache = registers.replay_cache
        self._scopes = scopes
        self._factory = factory
        self._renewal = renewal
        self._box = box
        self.by_name: Mapping[Operation, Callable[[Asked], Verdict]] = {
            Operation.VALIDATE: self._validate,
            Operation.RENEW: self._renew,
            Operation.CANCEL: self._cancel,
        }

    def _validate(self, asked: Asked) -> Verdict:
        """The context's status, or for whom it may be, a token with its key (row 27)."""
        transforming = wants_token(asked.request)
        try:
            record, party = self._registered(asked)
            authorize_context_validation(asked.principal, record, party)
            asked.findings.relying_party, asked.findings.token_id = record.relying_party, record.token_id
            context = self._in_force(asked)
            if transforming:
                return self._transform(asked, record, context, party)
        except InvalidSecurityToken as doubt:
            return status_of(asked, Status.INVALID, doubt.detail)
        return status_of(asked, Status.VALID, "registered, in force")

    def _transform(self, asked: Asked, record: TokenRecord, context: SecurityContext, party: RelyingParty) -> Verdict:
        """A token for the context's relying party, bound to the context's key and encrypted for that party: about the
        account as it is now, which proved itself when the context was established. It ends with the context.

        Raises InvalidSecurityToken, NotAuthorized, InvalidScope, and what Issue does.
        """
        right = authorize_context_transformation(asked.principal, record, party, asked.message)
        subject = Principal(
            realm=record.realm,
            account=demand_usable(self._accounts.find_by_id(record.realm, record.account), now=asked.at.now),
            methods=context.methods,
            instant=context.instant,
        )
        scope = asked.request.applies_to
        audiences = audiences_of_named(party, scope)
        match = self._scopes.of_original(asked, scope, party, audiences)
        asked.findings.decision = Decision(reasons=(describe_original(record, subject, right),))
        original = Original(
            token_id=record.token_id,
            audiences=audiences,
            expires_at=context.expires_at,
            key_type=KeyType.SYMMETRIC,
            proof=SymmetricProof(secret=context.secret),
        )
        issued = self._factory.make(asked, subject=subject, match=match, original=original)
        return transformed(asked, issued, subject=subject, box=self._box)

    def _renew(self, asked: Asked) -> Verdict:
        """Another key for the same context, which lives longer with it; the old key ends after the grace.

        The new key stands for what this request proves. That is the authentication of old where the context itself is
        the credential, and so a context lives no longer after an authentication than its relying party lets any live.
        Raises UnableToRenewContext, InvalidSecurityToken, and what Issue does.
        """
        terms, now, principal = self._renewal, asked.at.now, asked.principal
        demand_same_scope(asked.request)
        record, party = self._registered(asked)
        demand_context_renewable(principal, record, asked.message)
        asked.findings.relying_party, asked.findings.token_id = record.relying_party, record.token_id
        context = self._in_force(asked)
        if principal.instant + party.lifetime.maximum <= now:
            raise UnableToRenewContext("its subject proved itself longer ago than a context lives")
        scope = terms.scope(asked.request, asked.realm)
        audiences = _addresses_of(party, scope)
        match = self._scopes.of_original(asked, scope, party, audiences)
        asked.findings.decision = Decision(reasons=(describe_renewal(record, principal, anew=True),))
        renewed = Renewed(
            token_type=TokenType.SCT, identifier=record.token_id, audiences=audiences, key_type=KeyType.SYMMETRIC
        )
        subject = replace(principal, until=None)  # the renewal is what moves the end of this credential
        issued = self._factory.make(asked, subject=subject, match=match, renewed=renewed)
        self._take_turn(context, record, asked)
        ended = ContextRenewed(
            realm=record.realm,
            identifier=record.token_id,
            instance=context.instance,
            ends_at=now + terms.grace,
            expires_at=issued.descriptor.lifetime.expires,
        )
        return Verdict(
            response=RequestSecurityTokenResponse(request=asked.request, issued=issued),
            outcome="renewed",
            entries=(context_key_of(issued, asked=asked, box=self._box), ended),
        )

    def _take_turn(self, context: SecurityContext, record: TokenRecord, asked: Asked) -> None:
        """Raises UnableToRenewContext: this key was replaced often enough."""
        named = hashlib.sha256(f"{record.token_id} {context.instance or ''}".encode()).digest()
        try:
            take_turn(replace(record, digest=named), self._replay_cache, terms=self._renewal, now=asked.at.now)
        except UnableToRenew as refusal:
            raise UnableToRenewContext(refusal.detail) from None

    def _cancel(self, asked: Asked) -> Verdict:
        """Every key of the context ends, now and on every node. To cancel what is cancelled already is no error."""
        record = self._record(asked)
        right = authorize_context_cancel(asked.principal, record, asked.realm, asked.message)
        asked.findings.relying_party, asked.findings.token_id = record.relying_party, record.token_id
        asked.findings.decision = Decision(reasons=(right,))
        cancelled = TokenCancelled(realm=record.realm, token_id=record.token_id, at=asked.at.now, reason=right)
        return Verdict(
            response=RequestSecurityTokenResponse(request=asked.request, cancelled=True),
            outcome="cancelled",
            entries=() if record.is_cancelled(asked.at.now) else (cancelled,),
        )

    def _registered(self, asked: Asked) -> tuple[TokenRecord, RelyingParty]:
        """Raises InvalidSecurityToken."""
        record = self._record(asked)
        party = self._relying_parties.get(asked.realm.name, record.relying_party)
        if party is None or not party.enabled:
            raise InvalidSecurityToken("its relying party is disabled, or not registered any more")
        return record, party

    def _record(self, asked: Asked) -> TokenRecord:
        """The register's row of the context. Raises InvalidSecurityToken."""
        record = self._issued_tokens.find(asked.realm.name, _named(asked).identifier)
        if record is None or record.token_type != TokenType.SCT.value:
            raise InvalidSecurityToken("an unknown security context")
        return record

    def _in_force(self, asked: Asked) -> SecurityContext:
        """The key that is named. Raises InvalidSecurityToken: it does not exist, is not in force any more."""
        name = _named(asked)
        context = self._contexts.find(asked.realm.name, name.identifier, name.instance)
        if context is None:
            raise InvalidSecurityToken("a security context that was cancelled, or another key of it than it has")
        if context.expires_at <= asked.at.now:
            raise InvalidSecurityToken("a security context that has expired")
        return context


def _named(asked: Asked) -> PresentedContext:
    assert isinstance(asked.request.target, PresentedContext)
    return asked.request.target


def _addresses_of(party: RelyingParty, scope: AppliesTo | None) -> tuple[str, ...]:
    """What the relying party goes by; a context's token says none of it."""
    if party.audiences or scope is None:
        return party.audiences or tuple(rule.address for rule in party.applies_to) or (party.name,)
    return (canonical(scope.address),)
