"""ActAs and OnBehalfOf: whether the requestor may act for somebody, and what a token about that one rests on.

The subject is proved by a token of this STS: verified in full, in the register, in force with all that it was made
from, and meant for this STS or for a relying party whose tokens the rule lets the actor show. That it may be bound to a
key which the actor does not have is no hindrance: the actor is proved by his own credential and trusted by a rule, and
a relying party has seen that key proved before it passes the token on. A subject that is only named is one by a rule
that says so. What is made ends with the token that it rests on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wstrust_sts import ns
from wstrust_sts.bookkeeping import Asked
from wstrust_sts.delegation_rules import AssertedSubject, Delegate, DelegationKind, DelegationRule
from wstrust_sts.errors import InvalidSecurityToken, NotAuthorized, RequestFailed
from wstrust_sts.lineage import trace_lineage
from wstrust_sts.model import Account, AuthenticationMethod, Principal, VerifiedToken
from wstrust_sts.own_party import OwnAddresses
from wstrust_sts.policy import Delegated
from wstrust_sts.ports import Accounts, DelegationRules, IssuedTokens, Keyring, RelyingParties
from wstrust_sts.reasons import describe_delegation
from wstrust_sts.received_tokens import PresentedAssertion, ReceivedToken
from wstrust_sts.records import TokenRecord
from wstrust_sts.relying_parties import RelyingPartyMatch
from wstrust_sts.subject_names import name_account
from wstrust_sts.token_policy import demand_extendable, demand_in_force, demand_usable

Recorded = Callable[[ReceivedToken, Asked], tuple[TokenRecord, VerifiedToken]]
"""The register's row of a token shown, every octet of which is the one issued. Raises InvalidSecurityToken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delegation:
    """A delegation that a rule allows: whom the token is about, on what that rests, and in what words it is told."""

    subject: Principal
    rule: DelegationRule
    basis: Delegated
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DelegationQuestion:
    """What a rule is asked. `chain` is how many act, this actor included. `meant_for`: whether the token shown is for
    one of these relying parties, or for this STS; None: the subject is only named.
    """

    kind: DelegationKind
    actor: Account
    subject: Account
    relying_parties: frozenset[str]
    chain: int
    meant_for: Callable[[frozenset[str]], bool] | None


def rules_of(actor: Account, kind: DelegationKind, rules: Sequence[DelegationRule]) -> tuple[DelegationRule, ...]:
    """Those that let this actor do this at all. Raises NotAuthorized: there are none."""
    found = tuple(rule for rule in rules if kind in rule.kinds and _has(rule.actors, rule.actor_groups, actor))
    if not found:
        raise NotAuthorized(f"{kind.value}: no delegation rule lets {actor.name} do that")
    return found


def authorize_delegation(question: DelegationQuestion, rules: Sequence[DelegationRule]) -> DelegationRule:
    """The first of the actor's rules, by name, that allows it. Raises NotAuthorized, with what each of them says."""
    if question.subject.id == question.actor.id:
        raise NotAuthorized(f"{question.kind.value}: {question.actor.name} himself is the subject")
    objections = []
    for rule in rules:
        objection = _object_to(question, rule)
        if objection is None:
            return rule
        objections.append(f"the rule {rule.name} {objection}")
    raise NotAuthorized(f"{question.kind.value}: {'; '.join(objections)}")


def _object_to(question: DelegationQuestion, rule: DelegationRule) -> str | None:
    """Why the rule does not allow it; None: it does."""
    if not rule.any_subject and not _has(rule.subjects, rule.subject_groups, question.subject):
        return f"is not about {question.subject.name}"
    if others := question.relying_parties - rule.relying_parties:
        return f"is not for {', '.join(sorted(others))}"
    if question.meant_for is None and not rule.by_name:
        return "wants a token, not a name alone"
    if question.meant_for is not None and not question.meant_for(rule.tokens_for):
        return "does not let tokens for the audience of this one be shown"
    if question.chain > rule.depth:
        return f"lets {rule.depth} act in a chain, not {question.chain}"
    return None


def _has(names: frozenset[str], groups: frozenset[str], account: Account) -> bool:
    return account.name in names or not groups.isdisjoint(account.groups)


class DelegatedSubjects:
    """Settles whom a token is about that its requestor asks for somebody else. Thread-safe."""

    def __init__(
        self,
        *,
        rules: DelegationRules,
        issued_tokens: IssuedTokens,
        accounts: Accounts,
        relying_parties: RelyingParties,
        keyring: Keyring,
        own: OwnAddresses,
        recorded: Recorded,
    ) -> None:
        self._rules = rules
        self._issued_tokens = issued_tokens
        self._accounts = accounts
        self._relying_parties = relying_parties
        self._keyring = keyring
        self._own = own
        self._recorded = recorded

    def settle(self, asked: Asked, parties: Sequence[RelyingPartyMatch]) -> Delegation | None:
        """Whom an Issue for `parties`, the relying party first, is about; None: the requestor.

        Whoever may act for nobody learns nothing of the token that he shows. Raises NotAuthorized, InvalidSecurityToken
        (anything wrong with that token), BadRequest.
        """
        request = asked.request
        kind = DelegationKind.ON_BEHALF_OF if request.act_as is None else DelegationKind.ACT_AS
        shown = request.on_behalf_of if request.act_as is None else request.act_as
        if shown is None:
            return None
        rules = rules_of(asked.principal.account, kind, self._rules.of_realm(asked.realm.name))
        if isinstance(shown, AssertedSubject):
            return self._by_name(asked, shown, kind, rules, parties)
        if not isinstance(shown, PresentedAssertion):
            raise InvalidSecurityToken(f"{kind.value}: a {type(shown).__name__} is not an assertion that is shown")
        record, verified = self._recorded(shown, asked)
        return self.by_token(asked, record, verified, kind=kind, parties=parties)

    def may_act(self, asked: Asked, kind: DelegationKind) -> bool:
        """Whether any rule lets the requestor act in this way for anybody."""
        try:
            return bool(rules_of(asked.principal.account, kind, self._rules.of_realm(asked.realm.name)))
        except NotAuthorized:
            return False

    def _by_name(
        self,
        asked: Asked,
        named: AssertedSubject,
        kind: DelegationKind,
        rules: Sequence[DelegationRule],
        parties: Sequence[RelyingPartyMatch],
    ) -> Delegation:
        """An account that is not there is refused like one that no rule is about."""
        actor, now = asked.principal, asked.at.now
        try:
            account = demand_usable(self._accounts.find(asked.realm.name, named.username), now=now)
        except InvalidSecurityToken as refusal:
            raise NotAuthorized(f"{kind.value}: {refusal.detail}") from None
        question = DelegationQuestion(
            kind=kind, actor=actor.account, subject=account, relying_parties=_names(parties), chain=1, meant_for=None
        )
        rule = authorize_delegation(question, rules)
        subject = Principal(
            realm=asked.realm.name,
            account=account,
            methods=(AuthenticationMethod.UNSPECIFIED,),
            instant=now,
            until=actor.until,
        )
        return self._delegation(asked, subject, rule, kind=kind, lineage=(), party=parties[0])

    def by_token(
        self,
        asked: Asked,
        record: TokenRecord,
        verified: VerifiedToken,
        *,
        kind: DelegationKind,
        parties: Sequence[RelyingPartyMatch],
    ) -> Delegation:
        """The subject of a token, as it proved itself for that one. Raises as `settle`."""
        actor, now = asked.principal, asked.at.now
        rules = rules_of(actor.account, kind, self._rules.of_realm(asked.realm.name))
        lineage = trace_lineage(record, self._issued_tokens)
        keys = [key.key_id for key in self._keyring.verification_keys(asked.realm.name)]
        demand_in_force(lineage, key_ids=keys, now=now)
        demand_extendable(lineage)
        account = demand_usable(self._accounts.find_by_id(record.realm, record.account), now=now)
        question = DelegationQuestion(
            kind=kind,
            actor=actor.account,
            subject=account,
            relying_parties=_names(parties),
            chain=1 + sum(row.delegation is not None for row in lineage),
            meant_for=lambda names: self._is_for(verified, names, asked),
        )
        rule = authorize_delegation(question, rules)
        subject = Principal(
            realm=record.realm,
            account=account,
            methods=tuple(AuthenticationMethod(method) for method in record.methods.split()),
            instant=verified.authentication_instant,
            until=record.expires_at if actor.until is None else min(record.expires_at, actor.until),
        )
        return self._delegation(asked, subject, rule, kind=kind, lineage=lineage, party=parties[0])

    def _is_for(self, token: VerifiedToken, names: frozenset[str], asked: Asked) -> bool:
        """Whether one of the token's audiences is this STS, or a relying party of these names, as of now."""
        parties = [self._relying_parties.get(asked.realm.name, name) for name in names]
        audiences = {audience for party in parties if party is not None for audience in party.audiences}

        def covers(audience: str) -> bool:
            if self._own.include(audience, asked.realm) or audience in audiences:
                return True
            match = self._relying_parties.find(asked.realm.name, audience)
            return match is not None and match.relying_party.name in names

        return any(covers(audience) for audience in token.audiences)

    def _delegation(
        self,
        asked: Asked,
        subject: Principal,
        rule: DelegationRule,
        *,
        kind: DelegationKind,
        lineage: Sequence[TokenRecord],
        party: RelyingPartyMatch,
    ) -> Delegation:
        """Those who acted before and are told are told again, each by the name that this relying party knows."""
        told = [
            (self._actor_of(row, asked), row.issued_at)
            for row in reversed(lineage)
            if row.delegation == DelegationKind.ACT_AS.value
        ]
        if kind is DelegationKind.ACT_AS:
            told.append((asked.principal.account, asked.at.now))
        delegates = []
        for account, instant in told:
            name = self._name(account, party, asked)
            delegates.append(Delegate(name=name[1], format=name[0], instant=instant))
        original = lineage[0].token_id if lineage else None
        return Delegation(
            subject=subject,
            rule=rule,
            basis=Delegated(kind=kind, original=original, delegates=tuple(delegates)),
            reason=describe_delegation(asked.principal, subject, kind=kind, rule=rule, original=original),
        )

    def _actor_of(self, row: TokenRecord, asked: Asked) -> Account:
        """Who acted when a token of the chain was made. One who may have no tokens any more breaks the chain."""
        try:
            return demand_usable(self._accounts.find_by_id(row.realm, row.requestor), now=asked.at.now)
        except InvalidSecurityToken as refusal:
            raise InvalidSecurityToken(f"who acted for {row.token_id}: {refusal.detail}") from None

    def _name(self, account: Account, party: RelyingPartyMatch, asked: Asked) -> tuple[str, str]:
        """Format and value. A service that acts may lack the claim that people are named by; it has its own name."""
        try:
            name = name_account(account, party.relying_party, asked.realm)
        except RequestFailed:
            return ns.NAMEID_UNSPECIFIED, account.name
        return name.format, name.value


def _names(parties: Sequence[RelyingPartyMatch]) -> frozenset[str]:
    return frozenset(match.relying_party.name for match in parties)
