"""Delegation rules in the declared state: read strictly, reconciled, and written back without loss."""

from pathlib import Path

import pytest

from tests.fakes import FakeStores
from tests.unit.test_declaration import PlainPasswords, read
from wstrust_sts.changes import Action
from wstrust_sts.declaration import write_declaration
from wstrust_sts.delegation_rules import DelegationKind, DelegationRule
from wstrust_sts.reconciliation import plan
from wstrust_sts.strict_toml import ConfigurationError

SHORT = """
[[delegation_rule]]
name = "shop"
actors = ["shop"]
subject_groups = ["staff"]
relying_parties = ["stock"]
"""
LONG = """
[[delegation_rule]]
name = "batch"
actors = ["batch"]
actor_groups = ["jobs"]
any_subject = true
relying_parties = ["stock", "orders"]
kinds = ["ActAs", "OnBehalfOf"]
tokens_for = ["shop"]
by_name = true
depth = 3
claims = []
"""
RULES = (
    DelegationRule(
        realm="default",
        name="shop",
        actors=frozenset({"shop"}),
        subject_groups=frozenset({"staff"}),
        relying_parties=frozenset({"stock"}),
        kinds=frozenset({DelegationKind.ACT_AS}),
    ),
    DelegationRule(
        realm="default",
        name="batch",
        actors=frozenset({"batch"}),
        actor_groups=frozenset({"jobs"}),
        any_subject=True,
        relying_parties=frozenset({"stock", "orders"}),
        kinds=frozenset(DelegationKind),
        tokens_for=frozenset({"shop"}),
        by_name=True,
        depth=3,
        claims=frozenset(),
    ),
)


def test_a_rule_says_little_by_default_and_everything_where_it_is_told_to(tmp_path: Path) -> None:
    assert read(tmp_path, SHORT + LONG).delegation_rules == RULES


def test_applying_twice_changes_nothing_and_an_export_says_the_same(tmp_path: Path) -> None:
    stores = FakeStores()
    declared = read(tmp_path, SHORT + LONG)
    plan(declared, stores.administration, PlainPasswords()).carry_out(stores.administration)
    assert plan(declared, stores.administration, PlainPasswords()).is_empty
    exported = read(tmp_path, write_declaration(stores.administration))
    assert set(exported.delegation_rules) == set(RULES)
    assert plan(exported, stores.administration, PlainPasswords(), prune=True).is_empty


def test_a_change_is_told_in_the_words_of_the_file_and_pruning_removes_what_is_not_there(tmp_path: Path) -> None:
    stores = FakeStores()
    before = '[[realm]]\nname = "default"\nissuer = "urn:sts"\n' + SHORT + LONG
    plan(read(tmp_path, before), stores.administration, PlainPasswords()).carry_out(stores.administration)
    after = '[[realm]]\nname = "default"\nissuer = "urn:sts"\n' + SHORT + "depth = 2\n"
    found = plan(read(tmp_path, after), stores.administration, PlainPasswords(), prune=True)
    told = {(each.action, each.kind, each.name): each.details for each in found.changes if each.kind != "realm"}
    assert told == {
        (Action.REMOVE, "delegation-rule", "batch"): (),
        (Action.CHANGE, "delegation-rule", "shop"): ('depth: "1" -> "2"',),
    }
    found.carry_out(stores.administration)
    assert [rule.name for rule in stores.delegation_rules.of_realm("default")] == ["shop"]


@pytest.mark.parametrize(
    ("old", "new", "because"),
    [
        ('actors = ["shop"]', "", "lets nobody act"),
        ('subject_groups = ["staff"]', "", "about nobody"),
        ('subject_groups = ["staff"]', 'any_subject = true\nsubjects = ["a"]', "goes without"),
        ('relying_parties = ["stock"]', "relying_parties = []", "must not be empty"),
        ('relying_parties = ["stock"]', 'relying_parties = ["stock"]\ndepth = 0', "from 1 to"),
        ('relying_parties = ["stock"]', 'relying_parties = ["stock"]\ndepth = 8', "from 1 to"),
        ('relying_parties = ["stock"]', 'relying_parties = ["stock"]\nkinds = []', "must not be empty"),
        ('relying_parties = ["stock"]', 'relying_parties = ["stock"]\nkinds = ["actas"]', "one of"),
        ('relying_parties = ["stock"]', 'relying_parties = ["stock"]\nrealm = "x"', "no realm"),
        ('name = "shop"', 'name = "shop"\nactor = "x"', "actor"),
    ],
)
def test_a_rule_that_would_do_nothing_or_something_else_is_refused(
    tmp_path: Path, old: str, new: str, because: str
) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        plan(read(tmp_path, SHORT.replace(old, new)), FakeStores().administration, PlainPasswords())
    assert because in str(refusal.value)


def test_a_rule_declared_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="declared twice"):
        read(tmp_path, SHORT + SHORT)
