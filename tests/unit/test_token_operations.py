"""Validate and Cancel of tokens that stand for themselves, and tokens made from them, over hand-written plug-ins."""

from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import pytest

from tests.engine import (
    AT,
    ENDPOINT,
    PASSWORD,
    RP,
    Doorkeeper,
    Key,
    Verifier,
    World,
    credential,
    person,
)
from tests.fakes import (
    NOON,
    REALM,
)
from tests.harness import RELYING_PARTY, STRICT_PARTY
from tests.holders import KEYED_PARTY, public_proof
from wstrust_sts import ns
from wstrust_sts.errors import (
    BadRequest,
    Busy,
    InvalidRequest,
    InvalidScope,
    InvalidSecurityToken,
    NotAuthorized,
    RequestFailed,
)
from wstrust_sts.lineage import LONGEST_LINEAGE
from wstrust_sts.model import (
    AppliesTo,
    AuthenticationMethod,
    Claim,
    KeyType,
    LifetimeWish,
    RequestedClaim,
    Status,
    TokenType,
)
from wstrust_sts.received_tokens import PresentedAssertion, PresentedReference, UnknownToken
from wstrust_sts.records import AuditEvent, TokenCancelled, TokenRecord
from wstrust_sts.relying_parties import AppliesToRule


@pytest.fixture
def world() -> World:
    return World()


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


class TestTransformation:
    STRICT = AppliesTo("https://strict.example.test/svc")

    def strict(self, world) -> TokenRecord:
        """A token of alice for the party whose validator is bob."""
        return world.issue(applies_to=self.STRICT)

    def presented(self, world, record: TokenRecord, **changes) -> PresentedAssertion:
        return world.presented(record, audiences=("https://strict.example.test/svc",), **changes)

    def test_the_answer_has_a_status_and_a_token_of_the_type_asked_for(self, world):
        record = world.issue()
        outcome = world.transform(world.presented(record))
        assert (outcome.response.status, outcome.result) == (Status.VALID, "transformed")
        descriptor = outcome.response.issued.descriptor
        assert (descriptor.token_type, descriptor.token_type_uri) == (TokenType.SAML11, ns.SAML11)
        assert (descriptor.subject.value, descriptor.relying_party, descriptor.audiences) == ("alice", "rp", (RP,))
        assert descriptor.token_id != record.token_id

    def test_it_keeps_how_and_when_the_subject_proved_itself_whatever_the_requestor_does_today(self):
        world = World(authenticators=(Doorkeeper(method=PASSWORD), Verifier()))
        record = replace(self.strict(world), methods="password-digest-over-tls")
        world.tokens.rows["default", record.token_id] = record
        descriptor = world.transform(self.presented(world, record), "bob").response.issued.descriptor
        assert descriptor.authentication_methods == (AuthenticationMethod.PASSWORD_DIGEST_OVER_TLS,)
        assert descriptor.authentication_instant == NOON - timedelta(minutes=3)

    def test_it_is_recorded_with_its_original_and_its_event_in_one_write(self, world):
        record = self.strict(world)
        outcome = world.transform(self.presented(world, record), "bob")
        made, event = world.journal.entries[-2:]
        descriptor = outcome.response.issued.descriptor
        assert (made.token_id, made.original) == (descriptor.token_id, record.token_id)
        assert (made.account, made.requestor, made.methods) == ("id-alice", "id-bob", "password-over-tls")
        assert made.expires_at <= record.expires_at
        assert (event.operation, event.outcome, event.requestor) == ("Validate", "transformed", "bob")
        assert (event.token_id, event.relying_party) == (made.token_id, "strict")
        assert event.detail["asked"] == {"token_type": ns.SAML11, "target": "PresentedAssertion"}
        assert event.detail["reasons"] == [
            f"made for a validator of strict from the valid token {record.token_id}, for which alice proved itself by "
            "password-over-tls at 2026-11-23T11:57:00+00:00",
            "token type saml11, asked for",
            f"name identifier {ns.NAMEID_UNSPECIFIED}",
            "the default lifetime, 300 s",
        ]
        assert event.detail["released"] == [ns.CLAIM_EMAIL]

    def test_without_a_row_there_is_no_token(self, world):
        record = world.issue()
        world.journal.away = True
        assert isinstance(world.transform(world.presented(record)).durable.exception(), Busy)

    def test_it_never_lives_longer_than_its_original(self, world):
        record = world.issue()
        late = replace(AT, now=NOON + timedelta(minutes=50))
        assert world.transformed(record, at=late).expires_at == record.expires_at
        assert world.journal.events[-1].detail["reasons"][-1] == (
            "the default lifetime, cut to that of what it rests on, 600 s"
        )
        longer = LifetimeWish(expires=NOON + timedelta(hours=3))
        assert world.transformed(record, lifetime=longer).expires_at == record.expires_at
        shorter = LifetimeWish(expires=NOON + timedelta(minutes=2))
        assert world.transformed(record, lifetime=shorter).expires_at == NOON + timedelta(minutes=2)

    def test_nor_can_it_be_renewed_into_a_longer_life(self, world):
        assert world.issue().renewing_allowed
        assert not world.transformed(world.issue(), renewing_allowed=True, renewing_after_expiry=True).renewing_allowed

    def test_claims_are_those_of_today_and_those_asked_for(self, world):
        record = world.issue()
        moved = replace(person("alice"), claims=(Claim(ns.CLAIM_EMAIL, ("new@example.test",)),))
        world.accounts.put(moved)
        attributes = world.transform(world.presented(record)).response.issued.descriptor.attributes
        assert Claim(ns.CLAIM_EMAIL, ("new@example.test",)) in attributes
        assert len(attributes) > 1
        wish = (RequestedClaim(ns.CLAIM_EMAIL),)
        told = world.transform(world.presented(record), claims=wish).response.issued.descriptor.attributes
        assert [claim.type for claim in told] == [ns.CLAIM_EMAIL]
        assert isinstance(world.transform(world.presented(record), claims=(RequestedClaim("x"),)).fault, InvalidRequest)

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            (lambda world: world.accounts.rows.clear(), "its subject's account does not exist any more"),
            (
                lambda world: world.accounts.put(replace(person("alice"), id="id-another")),
                "its subject's account does not exist any more",
            ),
            (lambda world: world.accounts.put(replace(person("alice"), enabled=False)), "its subject's account is"),
            (lambda world: world.accounts.put(replace(person("alice"), expires_at=NOON)), "its subject's account has"),
            (lambda world: world.change_party(enabled=False), "its relying party is disabled"),
            (lambda world: world.change_party(applies_to=()), "its relying party is disabled, or has none of its"),
            (lambda world: world.relying_parties.rows.clear(), "its relying party is not registered any more"),
        ],
    )
    def test_where_subject_or_party_get_no_tokens_any_more_the_answer_is_invalid(self, world, change, reason):
        record = world.issue()
        change(world)
        outcome = world.transform(world.presented(record))
        assert (outcome.response.status, outcome.response.issued) == (Status.INVALID, None)
        assert reason in world.journal.events[-1].detail["reasons"][0]
        assert len(world.tokens.rows) == 1

    def test_a_bad_target_is_an_answer_without_a_token(self, world):
        record = world.issue()
        other = world.issue()
        world.cancel(world.presented(other))
        at = replace(AT, now=record.expires_at)
        for outcome in (
            world.transform(PresentedAssertion("bad", None)),
            world.transform(UnknownToken("{urn:x}Token")),
            world.transform(world.presented(record, digest=b"other")),
            world.transform(world.presented(record, token_id="_other")),
            world.transform(world.presented(other)),
            world.transform(world.presented(record), at=at),
        ):
            assert (outcome.response.status, outcome.response.issued) == (Status.INVALID, None)
        assert len(world.tokens.rows) == 2

    def test_a_token_that_is_only_named_is_not_transformed_whoever_names_it(self, world):
        record = world.issue()
        for name in ("alice", "bob"):
            for token_id in (record.token_id, "_unknown"):
                outcome = world.transform(PresentedReference(token_id), name)
                assert type(outcome.fault) is BadRequest
                assert outcome.relying_party == ""

    @pytest.mark.parametrize("token_type", ["urn:unknown", f"{ns.WST05}/RSTR/Status", f"{ns.WST13}/RSTR/status"])
    def test_an_unknown_type_is_refused_whatever_the_target(self, world, token_type):
        for target in (world.presented(world.issue()), PresentedAssertion("bad", None)):
            assert type(world.transform(target, token_type=token_type).fault) is BadRequest

    def test_a_type_that_the_party_does_not_take_is_refused(self, world):
        record = world.issue()
        world.change_party(token_types=(TokenType.SAML20,))
        assert type(world.transform(world.presented(record)).fault) is BadRequest
        assert world.transformed(record, token_type=ns.SAML20).token_type == "saml20"

    def test_a_third_party_that_has_come_by_a_token_gets_none(self, world):
        record = world.issue()
        assert world.validate(world.presented(record), "bob").response.status is Status.VALID
        for name in ("bob", "admin"):
            assert type(world.transform(world.presented(record), name).fault) is NotAuthorized

    def test_where_a_party_has_validators_they_alone_get_one(self, world):
        record = self.strict(world)
        for name in ("alice", "admin"):
            assert type(world.transform(self.presented(world, record), name).fault) is NotAuthorized
        assert world.transform(self.presented(world, record), "bob").result == "transformed"

    def test_who_is_no_validator_any_more_has_no_right_to_the_tokens_made_for_him(self, world):
        record = self.strict(world)
        made = world.transform(self.presented(world, record), "bob").response.issued.descriptor.token_id
        world.relying_parties.rows["default", "strict"] = replace(STRICT_PARTY, validators=frozenset())
        again = self.presented(world, world.tokens.rows["default", made])
        assert type(world.transform(again, "bob").fault) is NotAuthorized

    @pytest.mark.parametrize(
        "address", ["https://strict.example.test/svc", "https://nobody.example.test/", "https://rp.example.test/other"]
    )
    def test_an_address_that_the_token_is_not_for_is_refused(self, world, address):
        world.change_party(applies_to=(*RELYING_PARTY.applies_to, AppliesToRule(address=RP[:-3] + "other")))
        record = world.issue()
        outcome = world.transform(world.presented(record), applies_to=AppliesTo(address))
        assert type(outcome.fault) is InvalidScope
        assert world.transformed(record, applies_to=AppliesTo(RP)).relying_party == "rp"

    def test_a_party_that_has_names_of_its_own_is_meant_by_each_of_its_addresses(self, world):
        second = RP[:-3] + "other"
        rules = (*RELYING_PARTY.applies_to, AppliesToRule(address=second))
        world.change_party(applies_to=rules, audiences=("urn:one", "urn:two"))
        record = world.issue()
        target = world.presented(record, audiences=("urn:one", "urn:two"))
        outcome = world.transform(target, applies_to=AppliesTo(second))
        assert outcome.response.issued.descriptor.audiences == ("urn:one", "urn:two")

    def test_no_audience_is_added_and_participants_are_left_out(self, world):
        record = world.issue(participants=("https://strict.example.test/svc",))
        target = world.presented(record, audiences=(RP, "https://strict.example.test/svc"))
        assert world.transform(target).response.issued.descriptor.audiences == (RP,)
        world.change_party(audiences=("urn:new",))
        assert world.transform(target).response.issued.descriptor.audiences == (RP,)
        assert type(world.transform(target, participants=(RP,)).fault) is BadRequest

    def test_a_token_bound_to_a_public_key_is_made_into_one_that_is_bound_to_it(self, world):
        world.change_party(key_types=tuple(KeyType))
        key = public_proof("ec")
        record = replace(world.issue(), key_type="PublicKey", key_thumbprint=sha256(key.key_info).hexdigest())
        world.tokens.rows["default", record.token_id] = record
        made = world.transform(world.presented(record, public_key=key)).response.issued.descriptor
        assert (made.key_type, made.proof) == (KeyType.PUBLIC, key)
        for other in (None, public_proof("rsa-2048")):
            outcome = world.transform(world.presented(record, public_key=other))
            assert (outcome.response.status, outcome.response.issued) == (Status.INVALID, None)

    def test_a_token_bound_to_a_secret_that_the_register_lost_is_our_failure(self, world):
        world.change_party(key_types=tuple(KeyType), encryption=KEYED_PARTY.encryption)
        record = world.issue(key_type=KeyType.SYMMETRIC)
        other = world.issue(key_type=KeyType.SYMMETRIC)
        assert world.transform(world.presented(record)).result == "transformed"
        for lost in (None, other.wrapped_proof_key):
            world.tokens.rows["default", record.token_id] = replace(record, wrapped_proof_key=lost)
            assert type(world.transform(world.presented(record)).fault) is RequestFailed

    def test_when_the_original_is_cancelled_so_is_all_that_was_made_from_it(self, world):
        first = world.issue()
        second = world.transformed(first)
        third = world.transformed(second)
        world.cancel(world.presented(second))
        status = [world.validate(world.presented(record)).response.status for record in (first, second, third)]
        assert status == [Status.VALID, Status.INVALID, Status.INVALID]
        reason = f"made from {second.token_id}, which is cancelled by its subject"
        assert world.journal.events[-1].detail["reasons"] == [reason]
        other = world.transformed(first)
        world.cancel(world.presented(first))
        for record in (other, third):
            assert world.validate(world.presented(record)).response.status is Status.INVALID
            assert world.transform(world.presented(record)).response.issued is None

    def test_what_was_made_from_a_token_of_a_retired_key_or_of_none_is_invalid(self, world):
        first = world.issue()
        world.tokens.rows["default", first.token_id] = replace(first, key_id="key-0")
        with_new_key = replace(world.issue(), original=first.token_id)
        orphan = replace(world.issue(), original="_gone")
        for record in (with_new_key, orphan):
            world.tokens.rows["default", record.token_id] = record
            assert world.validate(world.presented(record)).response.status is Status.INVALID

    def test_a_chain_of_tokens_has_an_end_and_its_last_lives_no_longer_than_its_first(self, world):
        chain = [world.issue()]
        while len(chain) < LONGEST_LINEAGE:
            at = replace(AT, now=NOON + timedelta(minutes=len(chain)))
            chain.append(world.transformed(chain[-1], at=at))
        assert {record.expires_at for record in chain} == {chain[0].expires_at}
        assert world.validate(world.presented(chain[-1])).response.status is Status.VALID
        assert type(world.transform(world.presented(chain[-1])).fault) is BadRequest

    def test_rows_that_name_each_other_as_originals_are_invalid_and_not_followed_for_ever(self, world):
        record = world.issue()
        world.tokens.rows["default", record.token_id] = replace(record, original=record.token_id)
        assert world.validate(world.presented(record)).response.status is Status.INVALID

    def test_to_cancel_what_was_made_leaves_the_original(self, world):
        record = self.strict(world)
        made = world.transform(self.presented(world, record), "bob").response.issued.descriptor.token_id
        assert world.cancel(self.presented(world, world.tokens.rows["default", made]), "bob").response.cancelled
        assert world.validate(self.presented(world, record), "bob").response.status is Status.VALID


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
