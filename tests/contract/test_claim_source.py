"""What every ClaimSource promises, run on each implementation."""

import ipaddress
from collections.abc import Callable

import pytest

from tests.fakes import NOON
from wstrust_sts import ns
from wstrust_sts.claims.account import AccountClaims
from wstrust_sts.claims.authentication import AuthenticationClaims
from wstrust_sts.claims.network import NetworkClaims
from wstrust_sts.model import Account, AuthenticationMethod, Claim, Principal, RequestedClaim
from wstrust_sts.ports import ClaimSource
from wstrust_sts.relying_parties import RelyingParty


def network_claims() -> NetworkClaims:
    return NetworkClaims([ipaddress.ip_network("10.0.0.0/8")])


IMPLEMENTATIONS: list[Callable[[], ClaimSource]] = [AccountClaims, AuthenticationClaims, network_claims]

PARTY = RelyingParty(id="r1", realm="default", name="shop", applies_to=())
ALICE = Principal(
    realm="default",
    account=Account(
        id="a1",
        realm="default",
        name="alice",
        version=1,
        claims=(Claim(ns.CLAIM_EMAIL, ("alice@example.test",)), Claim(ns.CLAIM_ROLE, ("buyer", "clerk"))),
        groups=("staff",),
    ),
    methods=(AuthenticationMethod.PASSWORD,),
    instant=NOON,
    source="10.1.2.3",
)


@pytest.fixture(params=IMPLEMENTATIONS, ids=lambda make: make.__name__)
def source(request: pytest.FixtureRequest) -> ClaimSource:
    return request.param()


def test_claims_are_types_with_values(source: ClaimSource) -> None:
    claims = list(source.claims_for(ALICE, PARTY, ()))
    assert claims
    for claim in claims:
        assert isinstance(claim, Claim)
        assert claim.type
        assert all(isinstance(value, str) for value in claim.values)


def test_the_same_question_has_the_same_answer_in_the_same_order(source: ClaimSource) -> None:
    assert list(source.claims_for(ALICE, PARTY, ())) == list(source.claims_for(ALICE, PARTY, ()))


def test_a_claim_that_is_asked_for_is_found_as_well_as_without_asking(source: ClaimSource) -> None:
    everything = {claim.type: claim.values for claim in source.claims_for(ALICE, PARTY, ())}
    for name, values in everything.items():
        found = {claim.type: claim.values for claim in source.claims_for(ALICE, PARTY, (RequestedClaim(name),))}
        assert found[name] == values


def test_a_claim_nobody_has_is_not_made_up(source: ClaimSource) -> None:
    wanted = (RequestedClaim("urn:nobody-has-this", values=("yes",)),)
    assert all(claim.type != "urn:nobody-has-this" for claim in source.claims_for(ALICE, PARTY, wanted))
