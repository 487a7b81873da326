from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import NOON
from wstrust_sts import ns
from wstrust_sts.claims.rules import RuleClaimPolicy
from wstrust_sts.errors import InvalidRequest
from wstrust_sts.model import Account, AuthenticationMethod, Claim, Principal, RequestedClaim
from wstrust_sts.relying_parties import ClaimRule, ConstantRule, GroupRule, ReleaseRule, RelyingParty

satisfy = RuleClaimPolicy().satisfy

EMAIL = Claim(ns.CLAIM_EMAIL, ("alice@example.test", "al@example.test"))
ROLE = Claim(ns.CLAIM_ROLE, ("buyer", "clerk"))
PRIVATE = Claim(ns.CLAIM_PRIVATE_ID, ("010170-1234",))


def release(*rules: ClaimRule, found: Sequence[Claim] = (EMAIL, ROLE, PRIVATE), groups: Sequence[str] = ()):
    account = Account(id="a1", realm="default", name="alice", version=1, groups=tuple(groups))
    subject = Principal(realm="default", account=account, methods=(AuthenticationMethod.PASSWORD,), instant=NOON)
    party = RelyingParty(id="r1", realm="default", name="shop", applies_to=(), claim_rules=rules)
    return RuleClaimPolicy().release(subject, party, found)


# -- rules


def test_without_rules_nothing_is_released() -> None:
    assert release(groups=["staff"]) == ()


def test_a_release_rule_releases_its_claim_alone() -> None:
    assert release(ReleaseRule(claim=ns.CLAIM_EMAIL)) == (EMAIL,)


def test_a_release_rule_may_rename() -> None:
    assert release(ReleaseRule(claim=ns.CLAIM_EMAIL, name="mail")) == (Claim("mail", EMAIL.values),)


def test_a_claim_the_subject_lacks_is_not_stated() -> None:
    assert release(ReleaseRule(claim=ns.CLAIM_UPN)) == ()


def test_a_claim_without_values_is_not_stated() -> None:
    empty = Claim(ns.CLAIM_UPN, ())
    assert release(ReleaseRule(claim=ns.CLAIM_UPN), ConstantRule(name="c", values=()), found=[empty]) == ()


def test_a_claim_found_by_two_sources_is_released_as_one() -> None:
    found = [ROLE, EMAIL, Claim(ns.CLAIM_ROLE, ("clerk", "admin"))]
    assert release(ReleaseRule(claim=ns.CLAIM_ROLE), found=found) == (
        Claim(ns.CLAIM_ROLE, ("buyer", "clerk", "admin")),
    )


def test_the_first_friendly_name_of_a_claim_goes_with_it_and_through_a_request() -> None:
    rules = (
        ReleaseRule(claim=ns.CLAIM_ROLE, friendly_name="Role"),
        GroupRule(group="*", name=ns.CLAIM_ROLE, prefix="music\\", friendly_name="Groups"),
    )
    stated = release(*rules, groups=["staff"])
    assert stated == (Claim(ns.CLAIM_ROLE, ("buyer", "clerk", "music\\staff"), "Role"),)
    claims, _ = satisfy([RequestedClaim(ns.CLAIM_ROLE, False, ("clerk",))], stated)
    assert claims == (Claim(ns.CLAIM_ROLE, ("clerk",), "Role"),)


def test_a_constant_is_stated_for_everybody() -> None:
    rule = ConstantRule(name="tenant", values=("blue", "green"))
    assert release(rule, found=()) == (Claim("tenant", ("blue", "green")),)


def test_a_group_states_its_values_for_members_only() -> None:
    rule = GroupRule(group="admins", name=ns.CLAIM_ROLE, values=("root", "operator"))
    assert release(rule, groups=["staff", "admins"]) == (Claim(ns.CLAIM_ROLE, ("root", "operator")),)
    assert release(rule, groups=["staff"]) == ()


def test_a_group_without_values_states_its_name() -> None:
    assert release(GroupRule(group="staff", name="g"), groups=["admins", "staff"]) == (Claim("g", ("staff",)),)


def test_a_star_is_any_group() -> None:
    rule = GroupRule(group="*", name="g")
    assert release(rule, groups=["staff", "admins"]) == (Claim("g", ("staff", "admins")),)
    assert release(rule, groups=[]) == ()


def test_a_star_with_values_states_them_once_for_members_of_anything() -> None:
    rule = GroupRule(group="*", name="member", values=("yes",))
    assert release(rule, groups=["staff", "admins"]) == (Claim("member", ("yes",)),)
    assert release(rule, groups=[]) == ()


@pytest.mark.parametrize("group", ["Staff", "staff ", "sta", "staff*", "s*", ""])
def test_groups_are_compared_exactly(group: str) -> None:
    assert release(GroupRule(group=group, name="g"), groups=["staff"]) == ()


@pytest.mark.parametrize("claim", [ns.CLAIM_EMAIL.upper(), ns.CLAIM_EMAIL + "/", "emailaddress", "*", ""])
def test_claim_types_are_compared_exactly(claim: str) -> None:
    assert release(ReleaseRule(claim=claim)) == ()


def test_rules_for_one_name_add_up_without_duplicates_at_the_place_of_the_first() -> None:
    assert release(
        GroupRule(group="*", name=ns.CLAIM_ROLE),
        ReleaseRule(claim=ns.CLAIM_EMAIL),
        ReleaseRule(claim=ns.CLAIM_ROLE),
        ConstantRule(name=ns.CLAIM_ROLE, values=("user", "buyer")),
        groups=["clerk", "staff"],
    ) == (Claim(ns.CLAIM_ROLE, ("clerk", "staff", "buyer", "user")), EMAIL)


names = st.sampled_from(["a", "b", "c", "d", "*"])
values = st.lists(st.sampled_from(["1", "2", "3", "4"]), max_size=3).map(tuple)
rules = st.lists(
    st.one_of(
        st.builds(ReleaseRule, claim=names, name=st.none() | names),
        st.builds(ConstantRule, name=names, values=values),
        st.builds(GroupRule, group=names, name=names, values=values),
    ),
    max_size=6,
)
claims = st.lists(st.builds(Claim, names, values), max_size=6)
groups = st.lists(names, max_size=3, unique=True)


def outgoing(rule: ClaimRule) -> str:
    return (rule.name or rule.claim) if isinstance(rule, ReleaseRule) else rule.name


@given(rules=rules, found=claims, groups=groups)
def test_nothing_is_ever_released_that_no_rule_names(
    rules: list[ClaimRule], found: list[Claim], groups: list[str]
) -> None:
    for claim in release(*rules, found=found, groups=groups):
        for value in claim.values:
            assert any(
                outgoing(rule) == claim.type
                and (
                    any(value in other.values and other.type == rule.claim for other in found)
                    if isinstance(rule, ReleaseRule)
                    else value in rule.values
                    if isinstance(rule, ConstantRule)
                    else (bool(groups) if rule.group == "*" else rule.group in groups)
                    and (value in rule.values or (not rule.values and value in groups))
                )
                for rule in rules
            )


@given(rules=rules, found=claims, groups=groups)
def test_names_are_stated_once_in_rule_order_and_values_once(
    rules: list[ClaimRule], found: list[Claim], groups: list[str]
) -> None:
    released = release(*rules, found=found, groups=groups)
    stated = [claim.type for claim in released]
    assert len(set(stated)) == len(stated)
    assert all(claim.values and len(set(claim.values)) == len(claim.values) for claim in released)
    speaking = [outgoing(rule) for rule in rules if release(rule, found=found, groups=groups)]
    assert stated == list(dict.fromkeys(speaking))


@given(rules=rules, found=claims, groups=groups, rule=rules)
def test_a_further_rule_never_takes_anything_back(
    rules: list[ClaimRule], found: list[Claim], groups: list[str], rule: list[ClaimRule]
) -> None:
    fewer = release(*rules, found=found, groups=groups)
    more = release(*rules, *rule, found=found, groups=groups)
    for before, after in zip(fewer, more, strict=False):
        assert after.type == before.type
        assert after.values[: len(before.values)] == before.values


# -- requests


def test_without_a_request_everything_released_goes_out() -> None:
    assert satisfy((), (EMAIL, ROLE)) == ((EMAIL, ROLE), ())


def test_only_what_was_asked_for_goes_out_in_the_order_of_the_rules() -> None:
    requested = [RequestedClaim(ns.CLAIM_ROLE), RequestedClaim(ns.CLAIM_EMAIL, optional=True)]
    assert satisfy(requested, (EMAIL, PRIVATE, ROLE)) == ((EMAIL, ROLE), (ns.CLAIM_PRIVATE_ID,))


def test_a_mandatory_claim_that_cannot_go_out_refuses_the_whole_request_and_is_named() -> None:
    with pytest.raises(InvalidRequest) as caught:
        satisfy([RequestedClaim(ns.CLAIM_EMAIL), RequestedClaim(ns.CLAIM_UPN)], (EMAIL,))
    assert ns.CLAIM_UPN in caught.value.detail
    assert ns.CLAIM_UPN not in caught.value.sentence


def test_a_mandatory_claim_that_is_released_without_values_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        satisfy([RequestedClaim(ns.CLAIM_UPN)], (Claim(ns.CLAIM_UPN, ()),))


def test_an_optional_claim_that_cannot_go_out_is_left_out() -> None:
    requested = [RequestedClaim(ns.CLAIM_UPN, optional=True), RequestedClaim(ns.CLAIM_EMAIL)]
    assert satisfy(requested, (EMAIL,)) == ((EMAIL,), (ns.CLAIM_UPN,))


@pytest.mark.parametrize("name", [ns.CLAIM_EMAIL.upper(), ns.CLAIM_EMAIL + " ", ns.CLAIM_EMAIL + "/", "emailaddress"])
def test_requested_types_are_compared_exactly(name: str) -> None:
    with pytest.raises(InvalidRequest):
        satisfy([RequestedClaim(name)], (EMAIL,))
    assert satisfy([RequestedClaim(name, optional=True)], (EMAIL,)) == ((), (name, ns.CLAIM_EMAIL))


def test_requested_values_restrict_what_goes_out() -> None:
    requested = [RequestedClaim(ns.CLAIM_ROLE, values=("clerk",))]
    assert satisfy(requested, (ROLE,)) == ((Claim(ns.CLAIM_ROLE, ("clerk",)),), ())


@pytest.mark.parametrize("wanted", [("root",), ("clerk", "root"), ("Clerk",), ("",)])
def test_a_mandatory_claim_with_a_value_the_subject_lacks_is_refused_without_telling_the_values(
    wanted: tuple[str, ...],
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        satisfy([RequestedClaim(ns.CLAIM_ROLE, values=wanted)], (ROLE,))
    assert ns.CLAIM_ROLE in caught.value.detail
    assert "buyer" not in caught.value.detail


def test_an_optional_claim_goes_out_with_those_of_the_values_that_the_subject_has() -> None:
    wanted = RequestedClaim(ns.CLAIM_ROLE, optional=True, values=("root", "clerk"))
    assert satisfy([wanted], (ROLE,)) == ((Claim(ns.CLAIM_ROLE, ("clerk",)),), ())


def test_an_optional_claim_none_of_whose_values_the_subject_has_is_left_out() -> None:
    wanted = RequestedClaim(ns.CLAIM_ROLE, optional=True, values=("root",))
    assert satisfy([wanted], (ROLE, EMAIL)) == ((), (ns.CLAIM_ROLE, ns.CLAIM_EMAIL))


def test_requests_for_one_type_add_their_values() -> None:
    requested = [RequestedClaim(ns.CLAIM_ROLE, values=("clerk",)), RequestedClaim(ns.CLAIM_ROLE, values=("buyer",))]
    assert satisfy(requested, (ROLE,)) == ((ROLE,), ())


def test_of_several_requests_for_one_type_a_mandatory_one_makes_it_mandatory() -> None:
    for requested in (
        [RequestedClaim(ns.CLAIM_UPN, optional=True), RequestedClaim(ns.CLAIM_UPN)],
        [RequestedClaim(ns.CLAIM_UPN), RequestedClaim(ns.CLAIM_UPN, optional=True)],
    ):
        with pytest.raises(InvalidRequest):
            satisfy(requested, (EMAIL,))


def test_a_request_without_values_lifts_the_restriction_but_not_the_demand() -> None:
    anything, clerk, root = (RequestedClaim(ns.CLAIM_ROLE, values=values) for values in ((), ("clerk",), ("root",)))
    assert satisfy([clerk, anything], (ROLE,)) == ((ROLE,), ())
    with pytest.raises(InvalidRequest):
        satisfy([anything, root], (ROLE,))


def test_a_mandatory_value_and_an_optional_one_of_one_type_restrict_together() -> None:
    requested = [
        RequestedClaim(ns.CLAIM_ROLE, values=("clerk",)),
        RequestedClaim(ns.CLAIM_ROLE, optional=True, values=("root",)),
    ]
    assert satisfy(requested, (ROLE,)) == ((Claim(ns.CLAIM_ROLE, ("clerk",)),), ())


released_claims = st.lists(st.builds(Claim, names, values), max_size=5, unique_by=lambda claim: claim.type)
requests = st.lists(st.builds(RequestedClaim, names, st.booleans(), values), max_size=5)


@given(requested=requests, released=released_claims)
def test_a_request_never_adds_to_what_the_rules_release(requested: list[RequestedClaim], released: list[Claim]) -> None:
    try:
        told, withheld = satisfy(requested, released)
    except InvalidRequest:
        assert any(not request.optional for request in requested)
        return
    available = {claim.type: claim.values for claim in released}
    asked = {request.type for request in requested}
    assert [claim.type for claim in told] == [name for name in available if name in {claim.type for claim in told}]
    for claim in told:
        assert set(claim.values) <= set(available[claim.type])
        assert not asked or claim.type in asked
    assert {claim.type for claim in told} | set(withheld) == asked | set(available)
    assert not {claim.type for claim in told} & set(withheld)


@given(requested=requests, released=released_claims)
def test_every_mandatory_demand_is_met_or_the_request_is_refused(
    requested: list[RequestedClaim], released: list[Claim]
) -> None:
    available = {claim.type: set(claim.values) for claim in released}
    demands = [request for request in requested if not request.optional]
    met = all(available.get(demand.type) and set(demand.values) <= available[demand.type] for demand in demands)
    if not met:
        with pytest.raises(InvalidRequest):
            satisfy(requested, released)
        return
    told = {claim.type: set(claim.values) for claim in satisfy(requested, released)[0]}
    assert all(told[demand.type] >= set(demand.values) for demand in demands)
