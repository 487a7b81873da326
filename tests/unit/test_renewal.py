"""Which token may be renewed, for whom, and what the new one says of the subject's authentication."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.fakes import NOON, REALM, FakeReplayCache
from tests.harness import RELYING_PARTY
from tests.holders import public_proof
from tests.records import token_record
from wstrust_sts.bookkeeping import thumbprint_of
from wstrust_sts.errors import BadRequest, InvalidRequest, InvalidSecurityToken, NotAuthorized, UnableToRenew
from wstrust_sts.model import (
    Account,
    AppliesTo,
    AuthenticationMethod,
    Operation,
    Principal,
    RequestSecurityToken,
    TokenType,
    TrustVersion,
    VerifiedMessage,
    VerifiedToken,
)
from wstrust_sts.own_party import OwnAddresses
from wstrust_sts.proof_keys import ProvedKey, PublicProof
from wstrust_sts.records import TokenRecord
from wstrust_sts.relying_parties import AppliesToRule
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

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
PASSWORD, X509 = AuthenticationMethod.PASSWORD_OVER_TLS, AuthenticationMethod.X509
TERMS = RenewalTerms(own=OwnAddresses.of("https://sts.example.test", [(REALM.name, "/trust/13/usernamemixed")]))
RECORD = token_record(methods="x509", issued_at=NOON - HOUR)
VERIFIED = VerifiedToken(
    token_id="_1",
    token_type=TokenType.SAML20,
    issuer=REALM.issuer,
    digest=RECORD.digest,
    audiences=("urn:a", "urn:b"),
    authentication_instant=NOON - HOUR,
    expires_at=RECORD.expires_at,
    key_id="k",
)


def somebody(name: str = "alice", *methods: AuthenticationMethod) -> Principal:
    account = Account(id=f"id-{name}", realm="default", name=name, version=1)
    return Principal(realm="default", account=account, methods=methods or (X509,), instant=NOON)


def demand(
    record: TokenRecord = RECORD,
    name: str = "alice",
    *,
    by_reference: bool = False,
    proved: bool = False,
    **changes,
) -> None:
    demand_renewable(
        replace(record, **changes),
        somebody(name),
        by_reference=by_reference,
        proved=proved,
        key_ids={"k"},
        now=NOON,
        terms=TERMS,
    )


def request(**fields) -> RequestSecurityToken:
    return RequestSecurityToken(version=TrustVersion.V13, operation=Operation.RENEW, **fields)


@pytest.mark.parametrize("key_type", ["PublicKey", "SymmetricKey"])
def test_a_token_bound_to_a_key_is_renewed_by_whoever_proves_that_key(key_type):
    demand(proved=True, key_type=key_type)
    for how in ({"proved": False}, {"proved": True, "by_reference": True}):
        with pytest.raises(UnableToRenew, match="was not proved"):
            demand(key_type=key_type, **how)


class TestProof:
    """The key of a token is proved by a public key that signed, or by the token as credential."""

    KEY = public_proof("ec")
    BOUND = replace(RECORD, key_type="PublicKey", key_thumbprint=thumbprint_of(KEY))

    def message(self, *keys: PublicProof) -> VerifiedMessage:
        return VerifiedMessage(credentials=(), tls=True, proved_keys=tuple(map(ProvedKey, keys)))

    def test_by_the_public_key_that_it_is_bound_to(self):
        other = public_proof("rsa-2048")
        assert is_proved(self.BOUND, somebody(), self.message(other, self.KEY))
        assert not is_proved(self.BOUND, somebody(), self.message(other))
        assert not is_proved(replace(RECORD, key_type="SymmetricKey"), somebody(), self.message(other))

    def test_by_that_token_as_credential_and_by_no_other(self):
        secret = replace(RECORD, key_type="SymmetricKey")
        assert is_proved(secret, replace(somebody(), token=VERIFIED), self.message())
        assert not is_proved(secret, replace(somebody(), token=replace(VERIFIED, token_id="_2")), self.message())


@pytest.mark.parametrize("by_reference", [False, True])
class TestRenewable:
    def test_a_token_in_force_is_for_its_subject(self, by_reference):
        demand(by_reference=by_reference)

    @pytest.mark.parametrize(
        ("name", "changes"),
        [
            ("bob", {}),
            ("bob", {"requestor": "id-bob"}),
            ("alice", {"requestor": "id-bob"}),
            ("alice", {"account": "id-old-alice"}),
        ],
    )
    def test_nobody_else_renews_it_nor_one_that_somebody_else_asked_for(self, name, changes, by_reference):
        refusal = InvalidSecurityToken if by_reference else NotAuthorized
        with pytest.raises(refusal):
            demand(name=name, by_reference=by_reference, **changes)

    @pytest.mark.parametrize(
        "changes",
        [
            {"cancelled_at": NOON, "cancel_reason": "asked"},
            {"key_id": "retired"},
            {"expires_at": NOON - HOUR, "renewing_after_expiry": True},
        ],
        ids=["cancelled", "of a retired key", "long over"],
    )
    def test_one_that_is_not_in_force_is_invalid(self, changes, by_reference):
        with pytest.raises(InvalidSecurityToken):
            demand(by_reference=by_reference, **changes)

    @pytest.mark.parametrize(
        "changes",
        [
            {"original": "_0"},
            {"key_type": "SymmetricKey"},
            {"key_type": "PublicKey"},
            {"renewing_allowed": False},
            {"renewing_allowed": False, "renewing_after_expiry": True},
            {"expires_at": NOON},
        ],
        ids=["made from another", "symmetric", "public", "not allowed", "not allowed but OK", "expired"],
    )
    def test_one_that_was_not_meant_for_it_is_not_renewed(self, changes, by_reference):
        with pytest.raises(UnableToRenew):
            demand(by_reference=by_reference, **changes)

    def test_one_that_may_be_late_is_renewed_for_a_bounded_time_after_its_end(self, by_reference):
        last = NOON - TERMS.after_expiry + timedelta(microseconds=1)
        demand(by_reference=by_reference, expires_at=last, renewing_after_expiry=True)

    def test_one_that_was_renewed_is_renewed_again_in_its_grace(self, by_reference):
        demand(by_reference=by_reference, cancelled_at=NOON + MINUTE, cancel_reason="renewed as _2")


def renewed(
    principal: Principal, record: TokenRecord = RECORD, verified: VerifiedToken | None = VERIFIED, *, now=NOON
) -> Principal:
    return renewed_subject(principal, record, verified, longest=8 * HOUR, now=now)


class TestAuthentication:
    def test_a_renewal_is_no_authentication(self):
        subject = renewed(somebody("alice", PASSWORD, X509))
        assert (subject.methods, subject.instant) == ((X509,), NOON - HOUR)

    @pytest.mark.parametrize("methods", ["x509", "password-over-tls x509"])
    def test_what_is_not_proved_today_is_not_carried_on(self, methods):
        today = somebody("alice", PASSWORD)
        assert renewed(today, replace(RECORD, methods=methods)) is today

    def test_an_id_shows_nothing_of_what_was_proved_once(self):
        today = somebody("alice", X509)
        assert renewed(today, RECORD, None) is today

    def test_by_another_token_nothing_lives_longer_than_that(self):
        shown = replace(somebody(), token=replace(VERIFIED, token_id="_2"), until=NOON + MINUTE)
        assert renewed(shown).until == NOON + MINUTE

    def test_by_itself_a_token_lives_no_longer_than_one_could_from_the_authentication_on(self):
        shown = replace(somebody(), token=VERIFIED, until=RECORD.expires_at)
        assert renewed(shown).until == NOON + 7 * HOUR
        with pytest.raises(UnableToRenew, match="too long ago"):
            renewed(shown, now=NOON + 7 * HOUR)


class TestScope:
    @pytest.mark.parametrize(
        ("address", "is_own"),
        [
            ("https://sts.example.test/trust/13/usernamemixed", True),
            ("HTTPS://STS.example.test:443/trust/13/usernamemixed", True),
            (REALM.issuer, True),
            ("https://sts.example.test/trust/13/other", False),
            ("https://rp.example.test/svc", False),
            ("https://[", False),
            ("", False),
        ],
    )
    def test_the_sts_s_own_address_names_no_relying_party(self, address, is_own):
        scope = TERMS.scope(request(applies_to=AppliesTo(address)), REALM)
        assert (scope is None) is is_own

    def test_participants_cannot_be_added(self):
        demand_same_scope(request())
        with pytest.raises(BadRequest):
            demand_same_scope(request(participants=("https://rp.example.test/svc",)))

    def test_every_audience_has_to_be_the_relying_party_s_still(self):
        demand_same_audiences(VERIFIED, ("urn:a", "urn:b"))
        for kept in (("urn:a",), ()):
            with pytest.raises(UnableToRenew):
                demand_same_audiences(VERIFIED, kept)

    def test_a_named_token_is_for_its_relying_party_where_that_has_one_address(self):
        (rule,) = RELYING_PARTY.applies_to
        assert audiences_of_named(RELYING_PARTY, None) == (rule.address,)
        named = replace(RELYING_PARTY, audiences=("urn:a", "urn:b"))
        assert audiences_of_named(named, None) == ("urn:a", "urn:b")
        assert audiences_of_named(RELYING_PARTY, AppliesTo("https://RP.example.test/x")) == (
            "https://rp.example.test/x",
        )

    def test_with_several_addresses_it_must_be_said_for_which(self):
        rules = (*RELYING_PARTY.applies_to, AppliesToRule(address="https://rp.example.test/other"))
        for party in (replace(RELYING_PARTY, applies_to=rules), replace(RELYING_PARTY, applies_to=())):
            with pytest.raises(InvalidRequest):
                audiences_of_named(party, None)


class TestTurns:
    @pytest.mark.parametrize(("grace", "turns"), [(2 * MINUTE, 3), (timedelta(0), 1)])
    def test_one_token_is_renewed_so_often_and_no_more(self, grace, turns):
        cache, terms = FakeReplayCache(), RenewalTerms(grace=grace)
        for _ in range(turns):
            take_turn(RECORD, cache, terms=terms, now=NOON)
        with pytest.raises(UnableToRenew):
            take_turn(RECORD, cache, terms=terms, now=NOON)
        take_turn(replace(RECORD, digest=b"e" * 32), cache, terms=terms, now=NOON)
