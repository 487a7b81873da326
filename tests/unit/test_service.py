"""SecurityTokenService over hand-written plug-ins: the phases that no plug-in can skip."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from tests.fakes import NOON, REALM, FakeIssuedTokens, FakeJournal, FakeKeyring, FakeRealms, FakeRelyingParties
from tests.harness import RELYING_PARTY, STRICT_PARTY
from wstrust_sts import ns
from wstrust_sts.claims.rules import RuleClaimPolicy
from wstrust_sts.errors import (
    BadRequest,
    Busy,
    FailedAuthentication,
    InvalidHeaderToken,
    InvalidRequest,
    InvalidScope,
    InvalidSecurity,
    InvalidSecurityToken,
    NotAuthorized,
    RequestFailed,
    UnsupportedSecurityToken,
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
    PresentedAssertion,
    PresentedReference,
    RequestedClaim,
    RequestSecurityToken,
    Status,
    TokenType,
    TrustVersion,
    UnknownToken,
    UsernamePassword,
    VerifiedMessage,
    VerifiedToken,
)
from wstrust_sts.records import AuditEvent, TokenCancelled, TokenRecord
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

    def __post_init__(self):
        self.tokens = FakeIssuedTokens()
        self.journal = FakeJournal(self.tokens)
        self.keyring = FakeKeyring()
        self.keyring.signers["default"] = self.keyring.verifiers["default"] = [Key()]
        self.realms = FakeRealms([replace(REALM, administrators=frozenset({"admin"}))])
        self.relying_parties = FakeRelyingParties(self.parties)
        self.service = SecurityTokenService(
            realms=self.realms,
            relying_parties=self.relying_parties,
            issued_tokens=self.tokens,
            journal=self.journal,
            keyring=self.keyring,
            authenticators=self.authenticators,
            providers=(self.provider,),
            claim_sources=self.sources,
            claim_policy=RuleClaimPolicy(),
        )

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
            expires_at=record.expires_at,
            key_id=record.key_id,
        )
        return PresentedAssertion(replace(token, **changes), None)

    def validate(self, target, *names: str, at: Circumstances = AT):
        return self.perform(request(Operation.VALIDATE, target=target), *names, at=at)

    def cancel(self, target, *names: str, at: Circumstances = AT):
        return self.perform(request(Operation.CANCEL, target=target), *names, at=at)


@pytest.fixture
def world() -> World:
    return World()


class TestIdentity:
    def test_a_failed_authentication_is_raised_and_nothing_is_stored(self, world):
        wrong = VerifiedMessage(credentials=(replace(credential("alice"), password="wrong"),), tls=True)
        with pytest.raises(FailedAuthentication):
            world.service.perform(request(), wrong, at=AT)
        assert world.journal.entries == []

    def test_exactly_one_authenticator_must_accept_a_credential(self):
        with pytest.raises(UnsupportedSecurityToken):
            World(authenticators=(Verifier(),)).perform(request())
        with pytest.raises(InvalidHeaderToken):
            World(authenticators=(Doorkeeper(), Doorkeeper())).perform(request())

    def test_after_a_failure_no_other_authenticator_is_asked(self):
        first, second = Doorkeeper(), Sleeper()
        wrong = VerifiedMessage(credentials=(replace(credential("alice"), password="wrong"),), tls=True)
        with pytest.raises(FailedAuthentication):
            World(authenticators=(first, second)).service.perform(request(), wrong, at=AT)
        assert (first.asked, second.asked) == (["alice"], [])

    def test_without_a_credential_there_is_nobody(self, world):
        with pytest.raises(InvalidSecurity):
            world.service.perform(request(), VerifiedMessage(credentials=(), tls=True), at=AT)

    def test_credentials_of_two_accounts_contradict_each_other(self, world):
        with pytest.raises(InvalidSecurity):
            world.perform(request(), "alice", "bob")

    def test_a_token_without_an_account_proves_nobody(self, world):
        record = world.issue()
        for credentials in ((world.presented(record),), (credential("alice"), world.presented(record))):
            with pytest.raises(InvalidSecurity):
                world.service.perform(request(), VerifiedMessage(credentials=credentials, tls=True), at=AT)

    def test_two_credentials_of_one_account_are_one_principal(self, world):
        record = world.issue("alice", "alice")
        assert (record.account, record.methods) == ("id-alice", "password-over-tls password-over-tls")

    def test_the_token_says_when_the_subject_proved_itself(self):
        world = World(authenticators=(Doorkeeper(since=timedelta(minutes=3)),))
        descriptor = world.perform(request()).response.issued.descriptor
        assert descriptor.authentication_instant == NOON - timedelta(minutes=3)

    def test_an_endpoint_of_a_realm_that_does_not_exist_is_our_failure(self, world):
        world.realms.rows.clear()
        with pytest.raises(RequestFailed):
            world.perform(request())


class TestIssue:
    def test_the_token_is_recorded_with_its_event_in_one_write(self, world):
        outcome = world.perform(request())
        assert outcome.durable.done()
        record, event = world.journal.entries
        descriptor = outcome.response.issued.descriptor
        assert record == TokenRecord(
            realm="default",
            token_id=descriptor.token_id,
            digest=descriptor.token_id.encode(),
            token_type="saml20",
            relying_party="rp",
            subject="alice",
            account="id-alice",
            requestor="id-alice",
            methods="password-over-tls",
            key_id="key-1",
            key_type="Bearer",
            issued_at=NOON,
            expires_at=NOON + timedelta(hours=1),
            correlation_id="c0ffee",
        )
        assert event == AuditEvent(
            realm="default",
            correlation_id="c0ffee",
            at=NOON,
            operation="Issue",
            outcome="issued",
            endpoint="/trust",
            source="192.0.2.1",
            requestor="alice",
            relying_party="rp",
            token_id=descriptor.token_id,
            detail=event.detail,
        )
        assert event.detail["evidence"] == ["password-over-tls"]
        assert event.detail["asked"] == {"applies_to": RP}
        assert event.detail["reasons"] == [
            f"AppliesTo {RP} belongs to rp by its rule {RP}",
            "token type saml20, the default of the endpoint",
            f"name identifier {ns.NAMEID_UNSPECIFIED}",
            "the default lifetime, 3600 s",
        ]
        assert ns.CLAIM_EMAIL in event.detail["released"]
        assert event.detail["found"] == [ns.CLAIM_EMAIL]
        assert (outcome.requestor, outcome.relying_party, outcome.result) == ("alice", "rp", "issued")

    def test_nothing_of_the_token_itself_is_recorded(self, world):
        world.perform(request())
        assert "<token/>" not in repr(world.journal.entries)

    def test_the_answer_is_durable_only_when_the_journal_says_so(self, world):
        world.journal.away = True
        outcome = world.perform(request())
        assert isinstance(outcome.durable.exception(), Busy)

    @pytest.mark.parametrize(
        ("fields", "refusal"),
        [
            ({"applies_to": AppliesTo("https://nobody.example.test/")}, InvalidScope),
            ({"applies_to": None}, InvalidScope),
            ({"participants": ("https://nobody.example.test/",)}, InvalidScope),
            ({"claims": (RequestedClaim("urn:unknown"),)}, InvalidRequest),
            ({"token_type": "urn:unknown"}, BadRequest),
            ({"unsupported": ("ActAs",)}, BadRequest),
            ({"operation": Operation.RENEW}, BadRequest),
        ],
    )
    def test_a_refusal_comes_back_with_its_event_and_without_a_token(self, world, fields, refusal):
        outcome = world.perform(request(**fields))
        assert outcome.response is None
        assert type(outcome.fault) is refusal
        (event,) = world.journal.entries
        assert event.outcome == f"refused {refusal.code}"
        assert event.detail["refused"] == outcome.fault.detail
        assert event.detail["evidence"] == ["password-over-tls"]
        assert "released" not in event.detail
        assert (event.requestor, outcome.requestor) == ("alice", "alice")
        assert outcome.durable.done()

    def test_without_an_active_key_there_is_no_token(self, world):
        world.keyring.signers.clear()
        outcome = world.perform(request())
        assert isinstance(outcome.fault, RequestFailed)
        assert world.tokens.rows == {}

    def test_an_unexpected_failure_is_audited_and_raised(self):
        world = World(provider=Printer(failure=ZeroDivisionError("inside")))
        with pytest.raises(ZeroDivisionError):
            world.perform(request())
        (event,) = world.journal.entries
        assert event.outcome == "failed"
        assert "inside" not in str(event.detail)

    def test_every_claim_source_is_asked_for_every_party(self):
        first, second = Directory(), Directory(more=(Claim("department", ("brass",)),))
        world = World(sources=(first, second))
        wish = RequestedClaim(ns.CLAIM_EMAIL)
        world.perform(request(claims=(wish,), participants=("https://strict.example.test/svc",)))
        assert first.wanted == second.wanted == [("alice", "rp", (wish,)), ("alice", "strict", (wish,))]

    def test_claims_of_all_sources_go_through_the_relying_partys_rules(self):
        world = World(sources=(Directory(), Directory(more=(Claim("department", ("brass",)), Claim("salary", ("9",))))))
        attributes = world.perform(request()).response.issued.descriptor.attributes
        assert Claim("http://claims.example.test/department", ("brass",)) in attributes
        assert not any("9" in claim.values for claim in attributes)

    def test_the_event_tells_which_claims_stayed_here_and_why_but_no_value(self):
        world = World(sources=(Directory(more=(Claim("department", ("brass",)), Claim("salary", ("9876543",)))),))
        orchestra, shown = "http://claims.example.test/orchestra", "http://claims.example.test/department"
        world.perform(
            request(
                participants=("https://strict.example.test/svc",),
                claims=(RequestedClaim(ns.CLAIM_UPN, optional=True), RequestedClaim(shown, optional=True)),
            )
        )
        (event,) = world.journal.events
        assert event.detail["found"] == [ns.CLAIM_EMAIL, "department", "salary"]
        assert event.detail["withheld"] == {
            "salary": "no rule of rp releases it",
            orchestra: "another participant is not told it",
            shown: "another participant is not told it",
            ns.CLAIM_UPN: "asked for, and nothing states it",
            ns.CLAIM_EMAIL: "not asked for",
        }
        assert event.detail["asked"]["claims"] == [f"{ns.CLAIM_UPN} (optional)", f"{shown} (optional)"]
        assert "9876543" not in repr(event)

    def test_a_refusal_tells_what_was_found_out_before_it(self, world):
        world.perform(request(claims=(RequestedClaim(ns.CLAIM_UPN),)))
        (event,) = world.journal.events
        assert event.relying_party == "rp"
        assert event.detail["reasons"] == [f"AppliesTo {RP} belongs to rp by its rule {RP}"]
        assert event.detail["found"] == [ns.CLAIM_EMAIL]
        assert ns.CLAIM_UPN in event.detail["refused"]

    def test_no_request_makes_its_event_large(self, world):
        long = "x" * 10_000
        many = tuple(RequestedClaim(f"{long}{number}", optional=True) for number in range(1000))
        world.perform(request(claims=many, token_type=long, participants=(long,) * 1000))
        world.perform(request(claims=many))
        world.perform(request(claims=(RequestedClaim(long),)))
        world.perform(request(Operation.VALIDATE, target=PresentedReference(long)))
        assert all(len(repr(event)) < 40_000 for event in world.journal.events)

    def test_a_password_in_an_address_is_not_in_the_event(self, world):
        secret = "https://alice:s3cr3t@rp.example.test/svc"
        world.perform(request(applies_to=AppliesTo(secret)))
        world.perform(
            request(participants=(secret,), token_type=secret, claims=(RequestedClaim(secret, optional=True),))
        )
        world.perform(request(claims=(RequestedClaim(secret, optional=True),)))
        assert len(world.journal.events) == 3
        assert "s3cr3t" not in repr(world.journal.events)

    def test_two_providers_for_one_token_type_are_refused_at_start(self, world):
        with pytest.raises(ValueError, match="two providers"):
            SecurityTokenService(
                realms=world.realms,
                relying_parties=world.relying_parties,
                issued_tokens=world.tokens,
                journal=world.journal,
                keyring=world.keyring,
                authenticators=(),
                providers=(Printer(), Printer(frozenset({TokenType.SAML11}))),
                claim_sources=(),
                claim_policy=RuleClaimPolicy(),
            )


class TestWithoutAppliesTo:
    def at(self, **fields) -> Circumstances:
        return replace(AT, endpoint=replace(ENDPOINT, **fields))

    def test_the_endpoints_relying_party_counts_where_the_tolerance_says_so(self, world):
        at = self.at(tolerances=frozenset({"no-applies-to"}), default_relying_party="rp")
        outcome = world.perform(request(applies_to=None), at=at)
        assert outcome.response.issued.descriptor.audiences == (RP,)

    @pytest.mark.parametrize(
        "fields",
        [
            {"default_relying_party": "rp"},
            {"tolerances": frozenset({"no-applies-to"})},
            {"tolerances": frozenset({"no-applies-to"}), "default_relying_party": "nobody"},
        ],
    )
    def test_otherwise_there_is_no_token(self, world, fields):
        assert isinstance(world.perform(request(applies_to=None), at=self.at(**fields)).fault, InvalidScope)

    def test_nor_for_a_relying_party_that_is_disabled(self):
        world = World(parties=(replace(RELYING_PARTY, enabled=False),))
        at = self.at(tolerances=frozenset({"no-applies-to"}), default_relying_party="rp")
        assert isinstance(world.perform(request(applies_to=None), at=at).fault, InvalidScope)


class TestValidate:
    def verdict(self, outcome) -> Status:
        assert outcome.fault is None
        assert outcome.result == outcome.response.status.value
        return outcome.response.status

    def test_a_registered_token_is_valid_and_its_event_names_it(self, world):
        record = world.issue()
        assert self.verdict(world.validate(world.presented(record), "bob")) is Status.VALID
        event = world.journal.events[-1]
        assert (event.operation, event.outcome, event.requestor) == ("Validate", "valid", "bob")
        assert (event.token_id, event.relying_party) == (record.token_id, "rp")

    @pytest.mark.parametrize(
        "target",
        [
            PresentedAssertion("bad", None),
            UnknownToken("{urn:x}Token"),
            PresentedReference("_unknown"),
            credential("bob"),
        ],
        ids=["bad", "unknown kind", "unknown id", "a password"],
    )
    def test_what_is_no_token_of_ours_is_invalid(self, world, target):
        assert self.verdict(world.validate(target)) is Status.INVALID

    def test_another_digest_under_a_known_id_is_invalid(self, world):
        record = world.issue()
        assert self.verdict(world.validate(world.presented(record, digest=b"other"))) is Status.INVALID

    def test_a_token_for_a_party_that_was_taken_away_is_invalid(self, world):
        record = world.issue()
        world.relying_parties.rows.clear()
        assert self.verdict(world.validate(world.presented(record), "bob")) is Status.INVALID

    def test_a_verified_token_that_is_not_registered_is_invalid(self, world):
        record = world.issue()
        assert self.verdict(world.validate(world.presented(record, token_id="_other"))) is Status.INVALID

    def test_a_cancelled_one_is_invalid(self, world):
        record = world.issue()
        world.cancel(world.presented(record))
        assert self.verdict(world.validate(world.presented(record))) is Status.INVALID
        assert self.verdict(world.validate(PresentedReference(record.token_id))) is Status.INVALID

    def test_an_expired_one_is_invalid_whatever_the_authenticator_said(self, world):
        record = world.issue()
        for late, status in ((timedelta(minutes=59), Status.VALID), (timedelta(hours=1), Status.INVALID)):
            at = replace(AT, now=NOON + late)
            assert self.verdict(world.validate(world.presented(record), at=at)) is status

    def test_one_whose_key_is_retired_is_invalid_by_whatever_it_is_named(self, world):
        record = world.issue()
        world.keyring.verifiers["default"] = []
        for target in (world.presented(record), PresentedReference(record.token_id)):
            assert self.verdict(world.validate(target)) is Status.INVALID
            assert world.journal.events[-1].detail["reasons"] == ["signed by the key key-1, which is retired"]
        assert world.cancel(PresentedReference(record.token_id)).response.cancelled

    def test_every_invalid_answer_has_the_same_words_and_its_reason_only_in_the_audit(self, world):
        record = world.issue()
        bad = world.validate(world.presented(record, digest=b"other"))
        unknown = world.validate(PresentedReference("_unknown"))
        assert bad.response.reason == unknown.response.reason
        reasons = [event.detail["reasons"] for event in world.journal.events[-2:]]
        assert reasons[0] != reasons[1]

    def test_a_reference_tells_a_stranger_nothing(self, world):
        record = world.issue()
        outcome = world.validate(PresentedReference(record.token_id), "bob")
        assert self.verdict(outcome) is Status.INVALID
        assert (outcome.relying_party, world.journal.events[-1].token_id) == ("", "")

    def test_a_party_that_keeps_validation_to_itself_refuses_others(self, world):
        record = world.issue(applies_to=AppliesTo("https://strict.example.test/svc"))
        assert self.verdict(world.validate(world.presented(record), "bob")) is Status.VALID
        assert isinstance(world.validate(world.presented(record), "alice").fault, NotAuthorized)

    def test_without_a_target_it_is_an_invalid_request(self, world):
        assert isinstance(world.validate(None).fault, InvalidRequest)

    def test_a_token_of_another_realm_is_unknown(self, world):
        record = world.issue()
        world.realms.rows["other"] = replace(REALM, name="other")
        world.keyring.signers["other"] = world.keyring.verifiers["other"] = [Key()]
        at = replace(AT, endpoint=replace(ENDPOINT, realm="other"))
        for target in (world.presented(record), PresentedReference(record.token_id)):
            assert self.verdict(world.validate(target, at=at)) is Status.INVALID


class TestCancel:
    def test_it_is_stored_with_its_reason_and_its_event(self, world):
        record = world.issue()
        outcome = world.cancel(world.presented(record))
        assert outcome.response.cancelled
        cancelled, event = world.journal.entries[-2:]
        assert cancelled == TokenCancelled(realm="default", token_id=record.token_id, at=NOON, reason="by its subject")
        assert (event.outcome, event.token_id, event.detail["reasons"]) == (
            "cancelled",
            record.token_id,
            ["by its subject"],
        )

    def test_again_it_is_answered_and_changes_nothing(self, world):
        record = world.issue()
        world.cancel(world.presented(record))
        later = replace(AT, now=NOON + timedelta(minutes=1))
        outcome = world.cancel(world.presented(record), "admin", at=later)
        assert outcome.response.cancelled
        assert isinstance(world.journal.entries[-1], AuditEvent)
        assert not isinstance(world.journal.entries[-2], TokenCancelled)
        assert world.tokens.find("default", record.token_id).cancelled_at == NOON

    def test_a_stranger_is_refused(self, world):
        record = world.issue()
        assert isinstance(world.cancel(world.presented(record), "bob").fault, NotAuthorized)
        assert isinstance(world.cancel(PresentedReference(record.token_id), "bob").fault, InvalidSecurityToken)
        assert world.tokens.find("default", record.token_id).cancelled_at is None

    @pytest.mark.parametrize(
        "target", [PresentedAssertion("bad", None), UnknownToken("x"), PresentedReference("_unknown")]
    )
    def test_what_is_no_token_of_ours_is_an_invalid_security_token(self, world, target):
        outcome = world.cancel(target)
        assert type(outcome.fault) is InvalidSecurityToken
        assert world.journal.events[-1].outcome == "refused InvalidSecurityToken"

    def test_without_a_target_it_is_an_invalid_request(self, world):
        assert isinstance(world.cancel(None).fault, InvalidRequest)
