"""The port Accounts, on every database."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import event, select, update

from tests.fakes import NOON
from wstrust_sts.errors import Busy, RequestFailed
from wstrust_sts.model import Claim
from wstrust_sts.storage.schema import account, credential


def test_an_account_comes_back_as_it_was_put(node) -> None:
    found = node.put_account(
        "zoë",
        expires_at=NOON + timedelta(microseconds=1),
        claims=[Claim("b", ("2", "1")), Claim("a", ("x",)), Claim("b", ("3",)), Claim("b", ("",))],
        groups=["z", "a"],
    )
    assert (found.realm, found.name, found.enabled) == ("default", "zoë", True)
    assert found.expires_at == NOON + timedelta(microseconds=1)
    assert found.password_hash == "$argon2id$one"
    assert found.claims == (Claim("b", ("2", "1")), Claim("a", ("x",)), Claim("b", ("3",)), Claim("b", ("",)))
    assert found.groups == ("z", "a")


@pytest.mark.parametrize("name", ["bob", "", "Alice", "alice ", "alice%", "ALICE", "' OR '1'='1", "a" * 100_000])
def test_a_name_is_found_exactly_or_not_at_all(node, name: str) -> None:
    node.put_account("alice")
    assert node.stores.accounts.find("default", name) is None


@pytest.mark.parametrize("name", ["alice\x00", "\ud800", "\udfffalice"])
def test_a_name_that_no_database_holds_is_nobodys(node, name: str) -> None:
    node.put_account("alice")
    assert node.stores.accounts.find("default", name) is None


def test_an_account_belongs_to_its_realm_alone(node) -> None:
    here, there = node.put_account("alice"), node.put_account("alice", realm="other", groups=["guests"])
    assert here.id != there.id
    assert there.groups == ("guests",)
    assert node.stores.accounts.find("no such realm", "alice") is None
    node.put_account("carol")
    assert node.stores.accounts.find("other", "carol") is None


def test_an_account_is_found_by_its_id_as_by_its_name(node, second_node) -> None:
    alice = node.put_account("alice", groups=["players"])
    node.put_account("bob")
    assert second_node.stores.accounts.find_by_id("default", alice.id) == alice
    changed = node.put_account("alice", enabled=False, claims=[])
    assert second_node.stores.accounts.find_by_id("default", alice.id) == changed


@pytest.mark.parametrize("account_id", ["", "alice", "%", "x" * 100_000, "\x00", "\ud800"])
def test_an_id_is_found_exactly_or_not_at_all(node, account_id: str) -> None:
    node.put_account("alice")
    assert node.stores.accounts.find_by_id("default", account_id) is None


def test_an_id_belongs_to_its_realm_and_to_no_later_account_of_the_name(node) -> None:
    alice = node.put_account("alice")
    assert node.stores.accounts.find_by_id("other", alice.id) is None
    assert node.stores.administration.delete_account("default", "alice")
    node.put_account("alice")
    assert node.stores.accounts.find_by_id("default", alice.id) is None


def test_every_change_raises_the_version_and_acts_at_once(node) -> None:
    versions = [
        node.put_account().version,
        node.put_account(password_hash="$argon2id$two").version,
        node.put_account(password_hash=None, claims=[Claim("email", ("new@example.test",))]).version,
        node.put_account(password_hash=None, claims=[], groups=[]).version,
        node.put_account(password_hash=None, claims=[], groups=[], enabled=False).version,
        node.put_account(password_hash=None, claims=[], groups=[], enabled=False, expires_at=NOON).version,
    ]
    assert versions == sorted(set(versions))
    last = node.stores.accounts.find("default", "alice")
    assert last is not None
    assert (last.password_hash, last.claims, last.groups, last.enabled) == ("$argon2id$two", (), (), False)


def test_a_change_on_another_node_acts_at_once(node, second_node) -> None:
    node.put_account()
    assert second_node.stores.accounts.find("default", "alice").enabled
    node.put_account(enabled=False, groups=["guests"], password_hash="$argon2id$new")
    seen = second_node.stores.accounts.find("default", "alice")
    assert (seen.enabled, seen.groups, seen.password_hash) == (False, ("guests",), "$argon2id$new")


def test_a_lock_set_on_the_row_by_hand_acts_at_once(node) -> None:
    assert node.put_account().enabled
    with node.database.writing() as connection:
        connection.execute(update(account).values(enabled=False))
    assert not node.stores.accounts.find("default", "alice").enabled


def test_an_account_made_again_has_nothing_of_the_old_one(node) -> None:
    old = node.put_account()
    assert node.stores.administration.delete_account("default", "alice")
    assert node.stores.accounts.find("default", "alice") is None
    new = node.put_account(claims=[], groups=[], password_hash=None)
    assert new.id != old.id
    assert (new.claims, new.groups, new.password_hash) == ((), (), None)


def test_an_account_that_was_read_before_costs_its_compiled_select_and_none_of_cores(node) -> None:
    node.put_account()
    statements: list[str] = []
    event.listen(node.database.readers, "before_cursor_execute", lambda *call: statements.append(call[2]))
    found = node.stores.accounts.find("default", "alice")
    node.stores.accounts.find_by_id("default", found.id)
    assert statements == []


def test_what_is_read_while_an_account_changes_is_always_one_version(node, second_node) -> None:
    node.put_account(groups=["0"], password_hash="0")
    stop = threading.Event()
    torn: list[object] = []

    def read() -> None:
        while not stop.is_set():
            try:
                found = node.stores.accounts.find("default", "alice")
            except Busy:
                continue
            if found.groups != (found.password_hash,):
                torn.append(found)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for count in range(40):
        second_node.put_account(groups=[str(count)], password_hash=str(count))
    stop.set()
    for reader in readers:
        reader.join()
    assert not torn


# -- the password of accounts that allow digests


def opened(node, found) -> bytes:
    return node.box.open(found.sealed_digest_password, purpose=found.digest_purpose)


def test_a_digest_password_is_stored_sealed_for_its_account_alone(node) -> None:
    alice = node.put_account("alice", digest_password=b"clarinet")
    bob = node.put_account("bob", digest_password=b"clarinet")
    there = node.put_account("alice", realm="other", digest_password=b"clarinet")
    assert [opened(node, found) for found in (alice, bob, there)] == [b"clarinet"] * 3
    for other in (bob, there):
        with pytest.raises(RequestFailed):
            node.box.open(alice.sealed_digest_password, purpose=other.digest_purpose)
    with node.database.reading() as connection:
        stored = [row.verifier for row in connection.execute(select(credential))]
    assert len(stored) == 6
    assert not any("clarinet" in verifier for verifier in stored)


def test_an_account_without_one_does_not_allow_digests(node) -> None:
    assert not node.put_account().allows_digest
    assert node.put_account(digest_password=b"clarinet").allows_digest


def test_a_digest_password_is_kept_while_the_password_is_the_same(node) -> None:
    first = node.put_account(digest_password=b"clarinet")
    assert node.put_account(password_hash=None) == first
    assert node.put_account() == first
    changed = node.put_account(password_hash=None, enabled=False)
    assert (opened(node, changed), changed.version > first.version) == (b"clarinet", True)


def test_a_new_password_leaves_no_old_one_for_digests(node) -> None:
    node.put_account(digest_password=b"clarinet")
    assert not node.put_account(password_hash="$argon2id$two").allows_digest
    replaced = node.put_account(password_hash="$argon2id$three", digest_password=b"oboe")
    assert opened(node, replaced) == b"oboe"


def test_empty_octets_remove_a_digest_password_and_nothing_else(node, second_node) -> None:
    node.put_account(digest_password=b"clarinet")
    assert second_node.stores.accounts.find("default", "alice").allows_digest
    node.put_account(password_hash=None, digest_password=b"")
    found = second_node.stores.accounts.find("default", "alice")
    assert (found.allows_digest, found.password_hash) == (False, "$argon2id$one")


def test_no_credential_outlives_its_account(node) -> None:
    node.put_account(digest_password=b"clarinet")
    assert node.stores.administration.delete_account("default", "alice")
    with node.database.reading() as connection:
        assert connection.execute(select(credential)).first() is None
    assert not node.put_account().allows_digest
