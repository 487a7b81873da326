"""The only allow/deny code: each rule by itself."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from tests.fakes import NOON, REALM
from tests.harness import RELYING_PARTY, account
from tests.holders import KEYED_PARTY, public_proof
from tests.records import token_record
from wstrust_sts import ns, token_policy
from wstrust_sts.errors import BadRequest, InvalidSecurityToken, InvalidTimeRange, NotAuthorized, RequestFailed
from wstrust_sts.lineage import LONGEST_LINEAGE
from wstrust_sts.model import (
    AuthenticationMethod,
    Claim,
    Decision,
    Endpoint,
    KeyType,
    Lifetime,
    LifetimeWish,
    Operation,
    Principal,
    RequestSecurityToken,
    TokenType,
    TrustVersion,
    VerifiedMessage,
)
from wstrust_sts.policy import IssueQuestion, Original, authorize_issue, demand_supported, shared_claims
from wstrust_sts.proof_keys import ProvedKey
from wstrust_sts.received_tokens import PresentedReference
from wstrust_sts.relying_parties import LifetimeRule, NameIdentifierRule, RelyingPartyMatch

HOUR = timedelta(hours=1)
METHOD = AuthenticationMethod.PASSWORD_OVER_TLS
ENDPOINT = Endpoint(path="/x", version=TrustVersion.V13)
OVER_TLS = VerifiedMessage(credentials=(), tls=True)
ALICE = Principal(realm="default", account=account("alice"), methods=(METHOD,), instant=NOON)
BOB = replace(ALICE, account=account("bob"))


def request(**fields) -> RequestSecurityToken:
    return RequestSecurityToken(**({"version": TrustVersion.V13, "operation": Operation.ISSUE} | fields))


def question(
    party=RELYING_PARTY, *, participants=(), principal=ALICE, realm=REALM, endpoint=ENDPOINT, message=OVER_TLS, **asked
):
    return IssueQuestion(
        request=request(**asked),
        message=message,
        principal=principal,
        realm=realm,
        endpoint=endpoint,
        match=RelyingPartyMatch(party, "https://rp.example.test/svc"),
        participants=tuple(RelyingPartyMatch(other, f"urn:{other.name}") for other in participants),
        claims=(Claim("urn:told", ("1",)),),
        findings=Decision(reasons=("found",), found=("urn:kept",), withheld={"urn:kept": "not asked for"}),
        now=NOON,
    )


record = partial(token_record, requestor="alice")  # which is no account's id


class TestSupported:
    def demand(self, **fields) -> None:
        demand_supported(request(**fields), issuer=REALM.issuer, signature_algorithm=ns.RSA_SHA256)

    @pytest.mark.parametrize(
        "fields",
        [
            {},
            {"operation": Operation.VALIDATE},
            {"operation": Operation.CANCEL},
            {"operation": Operation.RENEW},
            {"key_type": KeyType.BEARER},
            {"key_type": KeyType.SYMMETRIC},
            {"key_type": KeyType.PUBLIC},
            {"signature_algorithm": ns.RSA_SHA256},
            {"canonicalization_algorithm": ns.EXC_C14N},
            {"encryption_algorithm": ns.XENC11 + "aes256-gcm"},
            {"encryption_algorithm": ns.XENC + "aes128-cbc"},
            {"issuer": REALM.issuer},
            {"key_size": 0},
        ],
    )
    def test_what_is_offered_passes(self, fields):
        self.demand(**fields)

    @pytest.mark.parametrize(
        "fields",
        [
            {"unsupported": ("OnBehalfOf",)},
            {"signature_algorithm": ns.RSA_SHA384},
            {"signature_algorithm": ns.DS + "rsa-sha1"},
            {"canonicalization_algorithm": "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"},
            {"encryption_algorithm": ns.XENC + "tripledes-cbc"},
            {"encryption_algorithm": "urn:x"},
            {"issuer": "https://other.example.test/"},
        ],
    )
    def test_what_is_not_offered_is_a_bad_request(self, fields):
        with pytest.raises(BadRequest):
            self.demand(**fields)


class TestTokenType:
    @pytest.mark.parametrize("uri", [*ns.SAML11_TOKEN_TYPES, *ns.SAML20_TOKEN_TYPES])
    def test_the_spelling_asked_for_is_kept(self, uri):
        descriptor = authorize_issue(question(token_type=uri))
        expected = TokenType.SAML11 if uri in ns.SAML11_TOKEN_TYPES else TokenType.SAML20
        assert (descriptor.token_type, descriptor.token_type_uri) == (expected, uri)

    @pytest.mark.parametrize(
        ("of_party", "of_endpoint", "taken", "chosen"),
        [
            (None, TokenType.SAML20, tuple(TokenType), TokenType.SAML20),
            (None, TokenType.SAML11, tuple(TokenType), TokenType.SAML11),
            (TokenType.SAML11, TokenType.SAML20, tuple(TokenType), TokenType.SAML11),
            (None, TokenType.SAML20, (TokenType.SAML11,), TokenType.SAML11),
        ],
        ids=["endpoint", "endpoint 1.1", "relying party", "only one taken"],
    )
    def test_without_one_the_relying_partys_default_comes_first_then_the_endpoints(
        self, of_party, of_endpoint, taken, chosen
    ):
        party = replace(RELYING_PARTY, default_token_type=of_party, token_types=taken)
        endpoint = replace(ENDPOINT, default_token_type=of_endpoint)
        assert authorize_issue(question(party, endpoint=endpoint)).token_type is chosen

    def test_the_reasons_tell_a_key_type_and_whether_it_was_asked_for(self):
        proved = VerifiedMessage(credentials=(), tls=True, proved_keys=(ProvedKey(public_proof("ec")),))
        for asked, told in ((KeyType.PUBLIC, "key type PublicKey"), (None, "key type PublicKey, by default")):
            party = replace(KEYED_PARTY, default_key_type=KeyType.PUBLIC)
            made = authorize_issue(question(party, key_type=asked, message=proved))
            assert told in made.decision.reasons

    @pytest.mark.parametrize("uri", ["urn:x", ns.JWT_TOKEN_TYPE, ns.SCT13_TOKEN_TYPE, ns.SAML20 + " "])
    def test_an_unknown_one_is_a_bad_request(self, uri):
        with pytest.raises(BadRequest):
            authorize_issue(question(token_type=uri))

    def test_every_party_of_the_token_must_take_it_as_bearer(self):
        for refusing in (
            replace(RELYING_PARTY, name="other", token_types=(TokenType.SAML11,)),
            replace(RELYING_PARTY, name="other", key_types=(KeyType.SYMMETRIC,)),
        ):
            with pytest.raises(BadRequest):
                authorize_issue(question(refusing, token_type=ns.SAML20))
            with pytest.raises(BadRequest):
                authorize_issue(question(participants=(refusing,), token_type=ns.SAML20))


class TestLifetime:
    """Default one hour, at most eight."""

    def granted(self, created=None, expires=None, *, wish=True, **rule) -> Lifetime:
        party = replace(RELYING_PARTY, lifetime=LifetimeRule(**rule))

        def at(distance):
            return None if distance is None else NOON + distance

        asked = LifetimeWish(at(created), at(expires)) if wish else None
        return authorize_issue(question(party, lifetime=asked)).lifetime

    @pytest.mark.parametrize(
        ("created", "expires", "length"),
        [
            (None, None, HOUR),
            (timedelta(0), None, HOUR),
            (None, 2 * HOUR, 2 * HOUR),
            (-HOUR, 2 * HOUR, 2 * HOUR),
            (timedelta(minutes=5), 2 * HOUR, 2 * HOUR),
            (None, 8 * HOUR, 8 * HOUR),
            (None, 8 * HOUR + timedelta(microseconds=1), 8 * HOUR),
            (None, timedelta(days=10_000), 8 * HOUR),
            (None, timedelta(microseconds=1), timedelta(microseconds=1)),
        ],
    )
    def test_a_wish_is_granted_or_cut(self, created, expires, length):
        assert self.granted(created, expires) == Lifetime(NOON, NOON + length)

    def test_no_wish_is_the_default(self):
        assert self.granted(wish=False, default=timedelta(minutes=7)) == Lifetime(NOON, NOON + timedelta(minutes=7))

    @pytest.mark.parametrize(
        ("created", "expires"),
        [
            (None, timedelta(0)),
            (None, -HOUR),
            (-2 * HOUR, -HOUR),
            (HOUR, 2 * HOUR),
            (timedelta(minutes=5, microseconds=1), None),
            (timedelta(minutes=2), timedelta(minutes=2)),
            (timedelta(minutes=2), timedelta(minutes=1)),
        ],
    )
    def test_one_that_cannot_be_is_refused(self, created, expires):
        with pytest.raises(InvalidTimeRange):
            self.granted(created, expires)

    def test_one_that_is_too_long_is_refused_where_the_rule_does_not_cut(self):
        assert self.granted(None, 8 * HOUR, clip=False).expires == NOON + 8 * HOUR
        with pytest.raises(InvalidTimeRange):
            self.granted(None, 8 * HOUR + timedelta(seconds=1), clip=False)


class TestSubject:
    def named(self, principal=ALICE, *, realm=REALM, party="rp", **rule):
        return authorize_issue(
            question(
                replace(RELYING_PARTY, name=party, name_identifier=NameIdentifierRule(**rule)),
                principal=principal,
                realm=realm,
            )
        ).subject

    def test_by_default_it_is_the_accounts_name(self):
        assert (self.named().format, self.named().value) == (ns.NAMEID_UNSPECIFIED, "alice")

    def test_by_claim_it_is_the_claims_first_value(self):
        subject = self.named(format=ns.NAMEID_EMAIL, claim=ns.CLAIM_EMAIL)
        assert (subject.format, subject.value) == (ns.NAMEID_EMAIL, "alice@example.test")

    def test_without_the_claim_there_is_none(self):
        with pytest.raises(RequestFailed):
            self.named(format=ns.NAMEID_UPN, claim=ns.CLAIM_UPN)

    def test_a_persistent_one_depends_on_realm_secret_party_and_account_id_alone(self):
        rule = {"format": ns.NAMEID_PERSISTENT}
        first = self.named(**rule)
        assert self.named(replace(ALICE, account=replace(ALICE.account, name="renamed", version=9)), **rule) == first
        others = [
            self.named(BOB, **rule),
            self.named(party="other", **rule),
            self.named(realm=replace(REALM, pairwise_secret=b"q" * 32), **rule),
        ]
        assert len({first.value, *(other.value for other in others)}) == 4
        assert (first.name_qualifier, first.sp_name_qualifier) == (REALM.issuer, "rp")

    def test_a_persistent_one_needs_the_realms_secret(self):
        with pytest.raises(RequestFailed):
            self.named(format=ns.NAMEID_PERSISTENT, realm=replace(REALM, pairwise_secret=b""))

    def test_party_and_account_cannot_be_moved_into_each_other(self):
        moved = replace(ALICE, account=replace(ALICE.account, id="y"))
        rule = {"format": ns.NAMEID_PERSISTENT}
        ids = {self.named(moved, party="rpx", **rule).value}
        ids.add(self.named(replace(ALICE, account=replace(ALICE.account, id="xy")), party="rp", **rule).value)
        assert len(ids) == 2

    def test_a_transient_one_is_random(self):
        values = {self.named(format=ns.NAMEID_TRANSIENT).value for _ in range(20)}
        assert len(values) == 20
        assert all(len(value) == 33 for value in values)


class TestDescriptor:
    def test_it_says_who_for_whom_and_why(self):
        descriptor = authorize_issue(question())
        assert descriptor.issuer == REALM.issuer
        assert descriptor.audiences == ("https://rp.example.test/svc",)
        assert descriptor.relying_party == "rp"
        assert descriptor.attributes == (Claim("urn:told", ("1",)),)
        assert (descriptor.authentication_methods, descriptor.authentication_instant) == ((METHOD,), NOON)
        assert descriptor.decision.released == ("urn:told",)
        assert descriptor.decision.found == ("urn:kept",)
        assert descriptor.decision.withheld == {"urn:kept": "not asked for"}
        assert descriptor.decision.reasons == (
            "found",
            "token type saml20, the default of the endpoint",
            f"name identifier {ns.NAMEID_UNSPECIFIED}",
            "the default lifetime, 3600 s",
        )

    def test_its_id_is_random_and_an_xml_name(self):
        ids = {authorize_issue(question()).token_id for _ in range(20)}
        assert len(ids) == 20
        assert all(identifier[0] == "_" and len(identifier) == 33 for identifier in ids)

    def test_audiences_are_the_configured_ones_or_the_address_of_each_party_once(self):
        second = replace(RELYING_PARTY, name="second", audiences=("urn:b", "urn:a"))
        party = replace(RELYING_PARTY, audiences=("urn:a",))
        descriptor = authorize_issue(question(party, participants=(second, RELYING_PARTY)))
        assert descriptor.audiences == ("urn:a", "urn:b", "urn:rp")

    def test_several_methods_of_authentication_are_told_each_once_and_the_strongest_first(self):
        two = replace(ALICE, methods=(METHOD, AuthenticationMethod.X509))
        assert authorize_issue(question(principal=two)).authentication_methods == (AuthenticationMethod.X509, METHOD)
        same = replace(ALICE, methods=(METHOD, METHOD))
        assert authorize_issue(question(principal=same)).authentication_methods == (METHOD,)

    @pytest.mark.parametrize("method", AuthenticationMethod)
    def test_every_method_of_authentication_has_a_strength(self, method):
        assert authorize_issue(question(principal=replace(ALICE, methods=(method,)))).authentication_methods == (
            method,
        )

    @pytest.mark.parametrize(("allowed", "late"), [(True, False), (True, True), (False, False), (False, True)])
    def test_renewing_is_as_asked(self, allowed, late):
        descriptor = authorize_issue(question(renewing_allowed=allowed, renewing_after_expiry=late))
        assert (descriptor.renewing_allowed, descriptor.renewing_after_expiry) == (allowed, late)


class TestTargets:
    def test_by_reference_only_requestor_and_subject_may_learn_the_status(self):
        token_policy.authorize_validate(ALICE, record(), RELYING_PARTY, by_reference=True)
        token_policy.authorize_validate(BOB, record(requestor=BOB.account.id), RELYING_PARTY, by_reference=True)
        with pytest.raises(InvalidSecurityToken):
            token_policy.authorize_validate(BOB, record(), RELYING_PARTY, by_reference=True)

    def test_by_the_token_itself_everybody_may_unless_the_party_keeps_it_to_itself(self):
        token_policy.authorize_validate(BOB, record(), RELYING_PARTY, by_reference=False)
        strict = replace(RELYING_PARTY, validators=frozenset({"bob"}))
        token_policy.authorize_validate(BOB, record(), strict, by_reference=False)
        with pytest.raises(NotAuthorized):
            token_policy.authorize_validate(ALICE, record(), strict, by_reference=False)

    @pytest.mark.parametrize(
        ("principal", "requestor", "administrators", "right"),
        [
            (ALICE, "service", (), "by its subject"),
            (BOB, BOB.account.id, (), "by its requestor"),
            (BOB, "service", ("bob",), "by an administrator"),
        ],
    )
    @pytest.mark.parametrize("by_reference", [False, True])
    def test_subject_requestor_and_administrator_may_cancel(
        self, principal, requestor, administrators, right, by_reference
    ):
        realm = replace(REALM, administrators=frozenset(administrators))
        row = record(requestor=requestor)
        assert token_policy.authorize_cancel(principal, row, realm, by_reference=by_reference) == right

    def test_nobody_else_may(self):
        with pytest.raises(NotAuthorized):
            token_policy.authorize_cancel(BOB, record(), REALM, by_reference=False)
        with pytest.raises(InvalidSecurityToken):
            token_policy.authorize_cancel(BOB, record(), REALM, by_reference=True)


class TestTransformation:
    def test_another_type_than_the_status_asks_for_a_token(self):
        for version in TrustVersion:
            for kind in (None, f"{version.namespace}/RSTR/Status"):
                assert not token_policy.wants_token(
                    request(version=version, operation=Operation.VALIDATE, token_type=kind)
                )
            for kind in (*ns.SAML11_TOKEN_TYPES, *ns.SAML20_TOKEN_TYPES):
                assert token_policy.wants_token(request(version=version, operation=Operation.VALIDATE, token_type=kind))

    @pytest.mark.parametrize(
        "asked",
        [
            {"token_type": "urn:unknown"},
            {"token_type": f"{ns.WST05}/RSTR/Status"},
            {"token_type": f"{ns.WST13}/RSTR/status"},
            {"token_type": ns.SAML20, "target": PresentedReference("_1")},
            {"token_type": ns.SAML20, "participants": ("https://rp.example.test/svc",)},
        ],
    )
    def test_what_no_token_is_made_for_is_refused(self, asked):
        with pytest.raises(BadRequest):
            token_policy.wants_token(request(operation=Operation.VALIDATE, **asked))

    def test_it_is_for_the_subject_and_for_validators_that_the_party_names(self):
        strict = replace(RELYING_PARTY, validators=frozenset({"bob"}))
        assert token_policy.authorize_transformation(ALICE, [record()], RELYING_PARTY) == "for its subject"
        assert token_policy.authorize_transformation(BOB, [record()], strict) == "for a validator of rp"
        for row in (record(), record(requestor=BOB.account.id)):
            with pytest.raises(NotAuthorized):
                token_policy.authorize_transformation(BOB, [row], RELYING_PARTY)

    def test_a_long_lineage_is_refused(self):
        with pytest.raises(BadRequest):
            token_policy.authorize_transformation(ALICE, [record()] * LONGEST_LINEAGE, RELYING_PARTY)

    def test_a_wish_for_more_than_the_original_has_left_is_cut_or_refused(self):
        original = Original(token_id="_1", audiences=("urn:kept",), expires_at=NOON + HOUR / 2)
        wish = LifetimeWish(expires=NOON + HOUR)
        cut = replace(question(lifetime=wish), original=original)
        descriptor = authorize_issue(cut)
        assert descriptor.lifetime == Lifetime(NOON, NOON + HOUR / 2)
        assert (descriptor.original, descriptor.audiences, descriptor.renewing_allowed) == ("_1", ("urn:kept",), False)
        strict = replace(RELYING_PARTY, lifetime=LifetimeRule(clip=False))
        with pytest.raises(InvalidTimeRange):
            authorize_issue(replace(question(strict, lifetime=wish), original=original))
        assert authorize_issue(replace(question(strict), original=original)).lifetime.expires == original.expires_at


class TestSharedClaims:
    def test_one_party_is_told_all_of_its_own(self):
        claims = (Claim("a", ("1", "2")), Claim("b", ("3",)))
        assert shared_claims([claims]) == claims

    def test_several_are_told_what_each_may_know(self):
        told = shared_claims(
            [
                (Claim("a", ("1", "2")), Claim("b", ("3",)), Claim("c", ("4",))),
                (Claim("c", ("4", "5")), Claim("a", ("2", "1")), Claim("b", ("x",))),
                (Claim("a", ("2",)), Claim("c", ("4",))),
            ]
        )
        assert told == (Claim("a", ("2",)), Claim("c", ("4",)))

    def test_a_party_that_may_know_nothing_silences_all(self):
        assert shared_claims([(Claim("a", ("1",)),), ()]) == ()
