"""The port Administration, on every database."""

import threading

import pytest

from tests.fakes import NOON
from wstrust_sts.errors import Busy
from wstrust_sts.model import Claim, Realm
from wstrust_sts.relying_parties import AppliesToRule, RelyingParty
from wstrust_sts.storage.database import open_database
from wstrust_sts.storage.stores import open_stores


def test_realms_are_listed_by_name_without_their_secrets(node) -> None:
    listed = node.stores.administration.realms()
    assert [realm.name for realm in listed] == ["default", "other"]
    assert all(realm.pairwise_secret == b"" for realm in listed)


def test_what_was_listed_can_be_put_back_and_changes_nothing(node) -> None:
    administration = node.stores.administration
    node.put_relying_party("payroll", "https://a/")
    before = node.stores.signing_keys.generation(), node.stores.realms.get("default")
    for realm in administration.realms():
        administration.put_realm(realm)
    for party in administration.relying_parties("default"):
        administration.put_relying_party(party)
    assert (node.stores.signing_keys.generation(), node.stores.realms.get("default")) == before


def test_accounts_are_listed_by_name_as_they_are_found(node) -> None:
    found = [node.put_account(name) for name in ("alice", "bob")]
    node.put_account("carol", realm="other")
    assert list(node.stores.administration.accounts("default")) == found
    assert list(node.stores.administration.accounts("nowhere")) == []


def test_an_account_put_again_unchanged_keeps_its_version(node) -> None:
    first = node.put_account(expires_at=NOON)
    assert node.put_account(expires_at=NOON) == first
    assert node.put_account(expires_at=NOON, password_hash=None) == first
    assert node.put_account(expires_at=NOON, groups=["admins", "players"]).version > first.version


def test_a_password_is_kept_until_another_is_given(node) -> None:
    assert node.put_account(password_hash=None).password_hash is None
    assert node.put_account(password_hash="one").password_hash == "one"
    assert node.put_account(password_hash=None, enabled=False).password_hash == "one"
    assert node.put_account(password_hash="two").password_hash == "two"


@pytest.mark.parametrize("name", ["", "a\x00", "a\nb", "\ud800", "x" * 1025])
def test_a_name_that_cannot_be_stored_is_refused(node, name: str) -> None:
    with pytest.raises(ValueError):
        node.put_account(name)
    with pytest.raises(ValueError):
        node.put_relying_party(name, "https://a/")
    with pytest.raises(ValueError):
        node.stores.administration.put_realm(Realm(name=name, issuer="urn:x"))


def test_everything_belongs_to_a_realm_that_exists(node) -> None:
    with pytest.raises(ValueError, match="nowhere"):
        node.put_account(realm="nowhere")
    with pytest.raises(ValueError, match="nowhere"):
        node.put_relying_party("payroll", "https://a/", realm="nowhere")


def test_a_claim_without_values_is_refused_and_nothing_is_changed(node) -> None:
    before = node.put_account()
    with pytest.raises(ValueError, match="empty"):
        node.put_account(claims=[Claim("empty", ())], enabled=False)
    assert node.stores.accounts.find("default", "alice") == before


def test_deleting_says_whether_there_was_something(node) -> None:
    administration = node.stores.administration
    node.put_account()
    node.put_relying_party("payroll", "https://a/")
    assert not administration.delete_account("other", "alice")
    assert not administration.delete_relying_party("other", "payroll")
    assert administration.delete_account("default", "alice")
    assert administration.delete_relying_party("default", "payroll")
    assert not administration.delete_account("default", "alice")
    assert not administration.delete_relying_party("default", "payroll")


def test_an_address_given_up_or_deleted_is_free_again(node) -> None:
    node.put_relying_party("first", "https://a/", "https://b/")
    node.put_relying_party("first", "https://b/")
    node.put_relying_party("second", "https://a/")
    node.stores.administration.delete_relying_party("default", "first")
    node.put_relying_party("third", "https://b/")
    assert node.stores.relying_parties.find("default", "https://b/").relying_party.name == "third"


@pytest.mark.parametrize("taken", ["https://a/svc", "HTTPS://A:443/svc"])
def test_two_relying_parties_cannot_own_one_rule(node, taken: str) -> None:
    node.put_relying_party("first", "https://a/svc")
    node.put_relying_party("second", "https://b/")
    before = node.stores.administration.relying_parties("default")
    with pytest.raises(ValueError, match="first"):
        node.put_relying_party("second", "https://c/", taken, audiences=("urn:changed",))
    assert node.stores.administration.relying_parties("default") == before
    node.put_relying_party("second", AppliesToRule(address=taken, prefix=True))  # another rule: the prefix


def test_a_rule_given_twice_is_one_rule_in_canonical_form(node) -> None:
    node.put_relying_party("first", "https://A/", "https://a:443/", "https://a")
    found = node.stores.relying_parties.get("default", "first")
    assert found.applies_to == (AppliesToRule(address="https://a/"),)


@pytest.mark.parametrize(
    "rule",
    [
        AppliesToRule(address="https://a/../b"),
        AppliesToRule(address="https://a/?x"),
        AppliesToRule(address=""),
        AppliesToRule(address="urn:a", prefix=True),
    ],
)
def test_a_rule_that_is_no_address_is_refused(node, rule: AppliesToRule) -> None:
    with pytest.raises(ValueError):
        node.put_relying_party("first", rule)
    assert node.stores.relying_parties.get("default", "first") is None


def test_of_two_nodes_that_want_one_address_one_gets_it(node, second_node) -> None:
    outcomes: list[str] = []

    def put(node_, name: str) -> None:
        for number in range(10):
            try:
                node_.put_relying_party(f"{name}-{number}", f"https://a/{number}")
            except (ValueError, Busy):
                outcomes.append("refused")
            else:
                outcomes.append("stored")

    threads = [threading.Thread(target=put, args=pair) for pair in ((node, "x"), (second_node, "y"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused"] * 10 + ["stored"] * 10


def test_a_database_that_stays_locked_is_busy(node, database_url: str, box) -> None:
    impatient = open_database(database_url, patience=0.05)
    stores = open_stores(impatient, box)
    node.put_account()
    with node.database.writing() as connection:
        connection.exec_driver_sql("UPDATE account SET enabled = enabled")
        connection.exec_driver_sql("UPDATE configuration SET generation = generation")
        with pytest.raises(Busy):
            stores.administration.delete_account("default", "alice")
        with pytest.raises(Busy):
            stores.administration.put_relying_party(
                RelyingParty(id="", realm="default", name="payroll", applies_to=(AppliesToRule(address="https://a/"),))
            )
    stores.close()
    impatient.close()
