from dataclasses import replace

from tests.fakes import NOON
from wstrust_sts import ns
from wstrust_sts.claims.account import AccountClaims
from wstrust_sts.model import Account, AuthenticationMethod, Claim, Principal
from wstrust_sts.relying_parties import RelyingParty

PARTY = RelyingParty(id="r1", realm="default", name="shop", applies_to=())
ACCOUNT = Account(id="a1", realm="default", name="alice", version=1, groups=("staff", "admins"))
EMAIL = Claim(ns.CLAIM_EMAIL, ("alice@example.test", "al@example.test"))


def claims_of(account: Account) -> list[Claim]:
    subject = Principal(realm="default", account=account, methods=(AuthenticationMethod.PASSWORD,), instant=NOON)
    return list(AccountClaims().claims_for(subject, PARTY, ()))


def test_the_account_name_is_the_name_claim_of_an_account_without_one() -> None:
    assert claims_of(replace(ACCOUNT, claims=(EMAIL,))) == [Claim(ns.CLAIM_NAME, ("alice",)), EMAIL]


def test_an_account_with_a_name_claim_keeps_its_own() -> None:
    name = Claim(ns.CLAIM_NAME, ("Alice Example",))
    assert claims_of(replace(ACCOUNT, claims=(EMAIL, name))) == [EMAIL, name]


def test_groups_are_not_claims() -> None:
    assert claims_of(ACCOUNT) == [Claim(ns.CLAIM_NAME, ("alice",))]


def test_a_role_claim_does_not_bring_the_groups_with_it() -> None:
    role = Claim(ns.CLAIM_ROLE, ("buyer",))
    assert role in claims_of(replace(ACCOUNT, claims=(role,)))
