"""SecurityTokenService over hand-written plug-ins and the fakes of its stores, and requests to it."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

from tests.assertions import BOX
from tests.fakes import (
    NOON,
    REALM,
    FakeAccounts,
    FakeDelegationRules,
    FakeIssuedTokens,
    FakeJournal,
    FakeKeyring,
    FakeRealms,
    FakeRelyingParties,
    FakeReplayCache,
    FakeSecurityContexts,
)
from tests.harness import RELYING_PARTY, STRICT_PARTY
from wstrust_sts import ns
from wstrust_sts.claims.rules import RuleClaimPolicy
from wstrust_sts.errors import (
    FailedAuthentication,
    InvalidSecurityToken,
)
from wstrust_sts.model import (
    Account,
    AppliesTo,
    Authenticated,
    AuthenticationMethod,
    Circumstances,
    Claim,
    Endpoint,
    IssuedToken,
    Operation,
    RequestSecurityToken,
    TokenType,
    TrustVersion,
    VerifiedMessage,
    VerifiedToken,
)
from wstrust_sts.received_tokens import PresentedAssertion, UsernamePassword
from wstrust_sts.records import TokenRecord
from wstrust_sts.registers import Registers
from wstrust_sts.renewal import RenewalTerms
from wstrust_sts.service import SecurityTokenService

PASSWORD, TLS = AuthenticationMethod.PASSWORD, AuthenticationMethod.PASSWORD_OVER_TLS
ENDPOINT = Endpoint(path="/trust", version=TrustVersion.V13)
AT = Circumstances(correlation_id="c0ffee", endpoint=ENDPOINT, now=NOON, source="192.0.2.1")
RP = "https://rp.example.test/svc"


def person(name: str) -> Account:
    claims = (Claim(ns.CLAIM_EMAIL, (f"{name}@example.test",)),)
    return Account(id=f"id-{name}", realm="default", name=name, version=1, claims=claims)


def credential(name: str) -> UsernamePassword:
    return UsernamePassword(username=name, password="right", password_type=ns.PASSWORD_TEXT)


def message(*names: str) -> VerifiedMessage:
    return VerifiedMessage(credentials=tuple(credential(name) for name in names), tls=True)


def request(operation=Operation.ISSUE, **fields) -> RequestSecurityToken:
    defaults = {"version": TrustVersion.V13, "operation": operation}
    if operation is Operation.ISSUE:
        defaults["applies_to"] = AppliesTo(RP)
    return RequestSecurityToken(**(defaults | fields))


@dataclass
class Doorkeeper:
    """An authenticator of passwords: believes `right`. `asked` is whom it was asked about."""

    method: AuthenticationMethod = TLS
    since: timedelta = timedelta(0)
    asked: list[str] = field(default_factory=list)

    def accepts(self, token):
        return isinstance(token, UsernamePassword)

    def authenticate(self, token, *, realm, now):
        self.asked.append(token.username)
        if token.password != "right":
            raise FailedAuthentication("wrong")
        return Authenticated(account=person(token.username), method=self.method, instant=now - self.since)


class Sleeper(Doorkeeper):
    """Would believe, but is not responsible."""

    def accepts(self, token):
        return False


@dataclass
class Verifier:
    """An authenticator of our own assertions, which stand for themselves: an `element` is a VerifiedToken or bad."""

    def accepts(self, token):
        return isinstance(token, PresentedAssertion)

    def authenticate(self, token, *, realm, now):
        if not isinstance(token.element, VerifiedToken):
            raise InvalidSecurityToken("bad")
        return Authenticated(account=None, method=TLS, instant=now, token=token.element)


@dataclass
class Printer:
    """A provider that signs nothing; `digest` is the id's own octets."""

    token_types: frozenset = frozenset(TokenType)
    failure: Exception | None = None

    def issue(self, descriptor, signer):
        if self.failure is not None:
            raise self.failure
        return IssuedToken(
            descriptor=descriptor, markup=b"<token/>", digest=descriptor.token_id.encode(), key_id=signer.key_id
        )


@dataclass
class Directory:
    """A claim source that states the account's claims and remembers what was wanted."""

    more: tuple[Claim, ...] = ()
    wanted: list = field(default_factory=list)

    def claims_for(self, subject, relying_party, wanted):
        self.wanted.append((subject.name, relying_party.name, tuple(wanted)))
        return (*subject.account.claims, *self.more)


class Key:
    key_id = "key-1"
    algorithm = ns.RSA_SHA256
    digest_algorithm = ns.SHA256
    certificates = ()


@dataclass
class World:
    """A service and all that it stands on."""

    authenticators: tuple = field(default_factory=lambda: (Doorkeeper(), Verifier()))
    provider: Printer = field(default_factory=Printer)
    sources: tuple = field(default_factory=lambda: (Directory(),))
    parties: tuple = (RELYING_PARTY, STRICT_PARTY)
    renewal: RenewalTerms = field(default_factory=RenewalTerms)

    def __post_init__(self):
        self.tokens = FakeIssuedTokens()
        self.journal = FakeJournal(self.tokens)
        self.keyring = FakeKeyring()
        self.keyring.signers["default"] = self.keyring.verifiers["default"] = [Key()]
        self.realms = FakeRealms([replace(REALM, administrators=frozenset({"admin"}))])
        self.accounts = FakeAccounts(person(name) for name in ("alice", "bob"))
        self.relying_parties = FakeRelyingParties(self.parties)
        self.registers = Registers(
            realms=self.realms,
            accounts=self.accounts,
            relying_parties=self.relying_parties,
            delegation_rules=FakeDelegationRules(),
            issued_tokens=self.tokens,
            contexts=FakeSecurityContexts(self.tokens),
            journal=self.journal,
            replay_cache=FakeReplayCache(),
        )
        self.service = SecurityTokenService(
            registers=self.registers,
            keyring=self.keyring,
            authenticators=self.authenticators,
            providers=(self.provider,),
            claim_sources=self.sources,
            claim_policy=RuleClaimPolicy(),
            box=BOX,
            message_window=timedelta(minutes=20),
            renewal=self.renewal,
        )

    def change_party(self, **changes) -> None:
        self.relying_parties.rows["default", "rp"] = replace(self.relying_parties.rows["default", "rp"], **changes)

    def perform(self, asked: RequestSecurityToken, *names: str, at: Circumstances = AT):
        return self.service.perform(asked, message(*(names or ("alice",))), at=at)

    def issue(self, *names: str, **fields) -> TokenRecord:
        outcome = self.perform(request(**fields), *names)
        assert outcome.fault is None, outcome.fault.detail
        return self.tokens.rows["default", outcome.response.issued.descriptor.token_id]

    def presented(self, record: TokenRecord, **changes) -> PresentedAssertion:
        """The token of `record`, as its verifier understands it."""
        token = VerifiedToken(
            token_id=record.token_id,
            token_type=TokenType.SAML20,
            issuer=REALM.issuer,
            digest=record.digest,
            audiences=(RP,),
            authentication_instant=NOON - timedelta(minutes=3),
            expires_at=record.expires_at,
            key_id=record.key_id,
        )
        return PresentedAssertion(replace(token, **changes), None)

    def validate(self, target, *names: str, at: Circumstances = AT):
        return self.perform(request(Operation.VALIDATE, target=target), *names, at=at)

    def transform(self, target, *names: str, at: Circumstances = AT, token_type=ns.SAML11, **fields):
        asked = request(Operation.VALIDATE, target=target, token_type=token_type, **fields)
        return self.perform(asked, *names, at=at)

    def transformed(self, record: TokenRecord, *names: str, **fields) -> TokenRecord:
        """The row of a token made from that of `record`."""
        outcome = self.transform(self.presented(record), *names, **fields)
        assert outcome.result == "transformed", outcome
        return self.tokens.rows["default", outcome.response.issued.descriptor.token_id]

    def cancel(self, target, *names: str, at: Circumstances = AT):
        return self.perform(request(Operation.CANCEL, target=target), *names, at=at)
