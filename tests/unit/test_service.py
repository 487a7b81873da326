"""SecurityTokenService over hand-written plug-ins: the phases that no plug-in can skip."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.assertions import BOX
from tests.engine import (
    AT,
    ENDPOINT,
    RP,
    Directory,
    Doorkeeper,
    Printer,
    Sleeper,
    Verifier,
    World,
    credential,
    message,
    request,
)
from tests.fakes import (
    NOON,
)
from tests.harness import RELYING_PARTY
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
    RequestFailed,
    UnsupportedSecurityToken,
)
from wstrust_sts.model import (
    AppliesTo,
    Circumstances,
    Claim,
    Operation,
    RequestedClaim,
    TokenType,
    VerifiedMessage,
)
from wstrust_sts.received_tokens import PresentedReference
from wstrust_sts.records import AuditEvent, TokenRecord
from wstrust_sts.renewal import RenewalTerms
from wstrust_sts.service import SecurityTokenService


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
            ({"operation": Operation.RENEW}, InvalidRequest),
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

    def test_a_type_that_nobody_is_enabled_to_write_is_refused_and_is_no_failure(self):
        world = World(provider=Printer(token_types=frozenset({TokenType.SAML20})))
        for token_type in (ns.TP11_SAML11, ns.SCT13_TOKEN_TYPE):
            world.change_party(token_types=tuple(TokenType))
            outcome = world.service.perform(request(token_type=token_type), replace(message("alice"), tls=True), at=AT)
            assert type(outcome.fault) is BadRequest
            assert outcome.fault.detail.endswith("which the configuration does not enable")

    def test_two_providers_for_one_token_type_are_refused_at_start(self, world):
        with pytest.raises(ValueError, match="two providers"):
            SecurityTokenService(
                registers=world.registers,
                keyring=world.keyring,
                authenticators=(),
                providers=(Printer(), Printer(frozenset({TokenType.SAML11}))),
                claim_sources=(),
                claim_policy=RuleClaimPolicy(),
                box=BOX,
                message_window=timedelta(minutes=20),
                renewal=RenewalTerms(),
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
