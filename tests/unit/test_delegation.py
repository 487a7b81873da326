"""Who may act for whom: what each part of a rule allows and refuses."""

from dataclasses import replace

import pytest

from tests.delegated import rule
from wstrust_sts.delegation import DelegationQuestion, authorize_delegation, rules_of
from wstrust_sts.delegation_rules import DelegationKind, DelegationRule
from wstrust_sts.errors import NotAuthorized
from wstrust_sts.model import Account

ALICE = Account(id="1", realm="default", name="alice", version=1, groups=("players",))
BOB = Account(id="2", realm="default", name="bob", version=1, groups=("services",))
QUESTION = DelegationQuestion(
    kind=DelegationKind.ACT_AS,
    actor=BOB,
    subject=ALICE,
    relying_parties=frozenset({"back"}),
    chain=1,
    meant_for=lambda names: "rp" in names,
)
NOBODY = frozenset[str]()


def allows(which: DelegationRule, question: DelegationQuestion = QUESTION) -> bool:
    try:
        found = rules_of(question.actor, question.kind, [which])
        assert authorize_delegation(question, found) is which
    except NotAuthorized:
        return False
    return True


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"actors": NOBODY, "actor_groups": frozenset({"services"})},
        {"subject_groups": NOBODY, "subjects": frozenset({"alice"})},
        {"subject_groups": NOBODY, "any_subject": True},
        {"relying_parties": frozenset({"back", "far"})},
        {"kinds": frozenset(DelegationKind)},
        {"depth": 5},
        {"by_name": True},
    ],
)
def test_what_a_rule_says_is_allowed(changes) -> None:
    assert allows(rule(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"actors": NOBODY},
        {"actors": frozenset({"alice"})},
        {"actors": NOBODY, "actor_groups": frozenset({"bob"})},
        {"actors": frozenset({"BOB"})},
        {"subject_groups": NOBODY},
        {"subject_groups": frozenset({"alice"})},
        {"subject_groups": NOBODY, "subjects": frozenset({"players", "Alice", "alice "})},
        {"relying_parties": NOBODY},
        {"relying_parties": frozenset({"Back", "*"})},
        {"kinds": frozenset()},
        {"kinds": frozenset({DelegationKind.ON_BEHALF_OF})},
        {"tokens_for": NOBODY},
        {"tokens_for": frozenset({"back"})},
        {"tokens_for": NOBODY, "by_name": True},
        {"depth": 0},
    ],
)
def test_what_a_rule_does_not_say_is_refused(changes) -> None:
    assert not allows(rule(**changes))


def test_a_name_alone_is_a_subject_only_where_a_rule_says_so() -> None:
    named = replace(QUESTION, meant_for=None)
    assert not allows(rule(), named)
    assert allows(rule(by_name=True), named)


def test_all_relying_parties_of_a_token_have_to_be_among_those_of_one_rule() -> None:
    both = replace(QUESTION, relying_parties=frozenset({"back", "far"}))
    back, far = rule("a"), rule("b", relying_parties=frozenset({"far"}))
    with pytest.raises(NotAuthorized):
        authorize_delegation(both, [back, far])
    assert allows(rule(relying_parties=frozenset({"back", "far"})), both)


def test_a_chain_is_no_longer_than_the_rule_lets_it_be() -> None:
    for depth in range(1, 5):
        for chain in range(1, 6):
            assert allows(rule(depth=depth), replace(QUESTION, chain=chain)) is (chain <= depth)


def test_nobody_is_delegated_his_own_identity() -> None:
    assert not allows(rule(any_subject=True), replace(QUESTION, subject=BOB))
    assert not allows(rule(any_subject=True), replace(QUESTION, subject=replace(BOB, name="robert")))


def test_two_rules_do_not_make_a_third() -> None:
    for_others = rule("a", subject_groups=frozenset({"guests"}), depth=3, by_name=True)
    for_players = rule("b", relying_parties=frozenset({"far"}))
    with pytest.raises(NotAuthorized) as refusal:
        authorize_delegation(QUESTION, [for_others, for_players])
    assert "rule a is not about alice" in refusal.value.detail
    assert "rule b is not for back" in refusal.value.detail


def test_the_first_rule_that_allows_it_is_the_one() -> None:
    first, second = rule("a", claims=frozenset()), rule("b")
    assert authorize_delegation(QUESTION, [first, second]) is first


def test_who_may_act_for_nobody_is_told_so_before_anything_else() -> None:
    with pytest.raises(NotAuthorized, match="no delegation rule lets bob do that"):
        rules_of(BOB, DelegationKind.ACT_AS, [])
