"""The port SigningKeys, on every database."""

import threading
from datetime import timedelta

import pytest

from tests.fakes import NOON
from wstrust_sts.model import Realm
from wstrust_sts.records import KeyState, SigningKeyRecord


def a_key(key_id: str, *, realm: str = "default", age: int = 0, state: KeyState = KeyState.ACTIVE) -> SigningKeyRecord:
    return SigningKeyRecord(
        id=key_id,
        realm=realm,
        state=state,
        algorithm="rsa-2048",
        certificate=b"\x00der\xff",
        wrapped_private_key=bytes(range(256)),
        created_at=NOON - timedelta(days=age),
    )


def test_keys_come_back_as_they_were_added_oldest_first(node) -> None:
    keys = [a_key("young"), a_key("old", age=9), a_key("middle", age=5, state=KeyState.NEXT)]
    for key in keys:
        node.stores.administration.add_signing_key(key)
    assert list(node.stores.signing_keys.list("default")) == [keys[1], keys[2], keys[0]]


def test_retired_keys_are_not_listed(node) -> None:
    node.stores.administration.add_signing_key(a_key("k1"))
    for state in (KeyState.RETIRING, KeyState.RETIRED):
        assert node.stores.administration.set_key_state("default", "k1", state)
        listed = [key.state for key in node.stores.signing_keys.list("default")]
        assert listed == ([state] if state is not KeyState.RETIRED else [])


def test_keys_belong_to_their_realm_alone(node) -> None:
    node.stores.administration.add_signing_key(a_key("k1"))
    node.stores.administration.add_signing_key(a_key("k1", realm="other", state=KeyState.NEXT))
    assert [key.state for key in node.stores.signing_keys.list("default")] == [KeyState.ACTIVE]
    assert [key.state for key in node.stores.signing_keys.list("other")] == [KeyState.NEXT]
    assert not node.stores.administration.set_key_state("other", "k2", KeyState.ACTIVE)
    assert node.stores.administration.set_key_state("other", "k1", KeyState.RETIRED)
    assert [key.id for key in node.stores.signing_keys.list("default")] == ["k1"]


def test_a_key_is_added_once_and_to_a_realm_that_exists(node) -> None:
    node.stores.administration.add_signing_key(a_key("k1"))
    with pytest.raises(ValueError, match="k1"):
        node.stores.administration.add_signing_key(a_key("k1"))
    with pytest.raises(ValueError, match="nowhere"):
        node.stores.administration.add_signing_key(a_key("k1", realm="nowhere"))


def test_every_change_of_keys_realms_and_relying_parties_changes_the_generation(node) -> None:
    administration = node.stores.administration
    changes = [
        lambda: administration.add_signing_key(a_key("k1")),
        lambda: administration.set_key_state("default", "k1", KeyState.RETIRED),
        lambda: administration.put_realm(Realm(name="default", issuer="urn:new")),
        lambda: node.put_relying_party("payroll", "https://a/"),
        lambda: node.put_relying_party("payroll", "https://a/", enabled=False),
        lambda: administration.delete_relying_party("default", "payroll"),
    ]
    seen = [node.stores.signing_keys.generation()]
    for change in changes:
        change()
        seen.append(node.stores.signing_keys.generation())
    assert len(set(seen)) == len(seen)
    for change in (changes[1], changes[2], changes[5], node.put_account):
        change()  # nothing new, and what nodes do not cache
    assert node.stores.signing_keys.generation() == seen[-1]


def test_the_generation_is_that_of_the_database_within_a_moment(node, second_node) -> None:
    second_node.stores.signing_keys.generation()
    node.stores.administration.add_signing_key(a_key("k1"))
    threading.Event().wait(0.06)
    assert second_node.stores.signing_keys.generation() == node.stores.signing_keys.generation()
