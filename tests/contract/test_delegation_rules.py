"""The port DelegationRules, on every database."""

import threading

import pytest
from sqlalchemy import update

from wstrust_sts.delegation_rules import DelegationKind, DelegationRule
from wstrust_sts.errors import RequestFailed
from wstrust_sts.storage.schema import delegation_rule

FULL = DelegationRule(
    realm="default",
    name="orders",
    actors=frozenset({"orders", "größe"}),
    actor_groups=frozenset({"frontends"}),
    subjects=frozenset({"alice"}),
    subject_groups=frozenset({"staff", "guests"}),
    any_subject=True,
    relying_parties=frozenset({"stock"}),
    kinds=frozenset(DelegationKind),
    tokens_for=frozenset({"shop"}),
    by_name=True,
    depth=3,
    claims=frozenset({"email"}),
)
EMPTY = DelegationRule(realm="default", name="nobody")


def names(node, realm: str = "default") -> list[str]:
    return [rule.name for rule in node.stores.delegation_rules.of_realm(realm)]


@pytest.mark.parametrize("rule", [FULL, EMPTY], ids=["full", "empty"])
def test_a_rule_comes_back_as_it_was_put(node, rule) -> None:
    node.stores.administration.put_delegation_rule(rule)
    assert list(node.stores.delegation_rules.of_realm("default")) == [rule]
    assert list(node.stores.administration.delegation_rules("default")) == [rule]


def test_a_rule_is_replaced_by_its_name_and_rules_are_in_the_order_of_theirs(node) -> None:
    for name in ("b", "a", "c", "a"):
        node.stores.administration.put_delegation_rule(DelegationRule(realm="default", name=name, depth=len(name)))
    assert names(node) == ["a", "b", "c"]


def test_realms_keep_their_rules_apart(node) -> None:
    node.stores.administration.put_delegation_rule(EMPTY)
    assert names(node, "other") == []
    assert not node.stores.administration.delete_delegation_rule("other", "nobody")


def test_a_change_is_seen_at_once_here_and_soon_elsewhere(node, second_node) -> None:
    assert names(second_node) == []
    node.stores.administration.put_delegation_rule(EMPTY)
    assert names(node) == ["nobody"]
    threading.Event().wait(0.06)  # the freshness of the generation
    assert names(second_node) == ["nobody"]
    assert node.stores.administration.delete_delegation_rule("default", "nobody")
    assert names(node) == []
    threading.Event().wait(0.06)
    assert names(second_node) == []


def test_what_changes_nothing_raises_no_generation(node) -> None:
    node.stores.administration.put_delegation_rule(FULL)
    before = node.stores.signing_keys.generation()
    node.stores.administration.put_delegation_rule(FULL)
    assert not node.stores.administration.delete_delegation_rule("default", "other")
    assert node.stores.signing_keys.generation() == before


def test_an_unknown_realm_and_a_name_that_is_none_are_refused(node) -> None:
    for realm, name in (("nowhere", "a"), ("default", ""), ("default", "a\nb")):
        with pytest.raises(ValueError, match=r"realm|name"):
            node.stores.administration.put_delegation_rule(DelegationRule(realm=realm, name=name))


@pytest.mark.parametrize("settings", ["{}", "[]", "no JSON", '{"depth": 1}'])
def test_settings_that_were_tampered_with_are_an_error_of_ours(node, settings) -> None:
    node.stores.administration.put_delegation_rule(EMPTY)
    with node.database.writing() as connection:
        connection.execute(update(delegation_rule).values(settings=settings))
    with pytest.raises(RequestFailed, match="nobody"):
        node.stores.delegation_rules.of_realm("default")
