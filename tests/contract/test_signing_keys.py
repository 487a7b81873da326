"""The port SigningKeys, on every database."""

import threading
from datetime import timedelta

import pytest

from tests.fakes import NOON
from wstrust_sts.keyring import StoredKeyring
from wstrust_sts.keys import make_signing_key
from wstrust_sts.model import Realm
from wstrust_sts.records import KeyState, KeyUse, SigningKeyRecord


def a_key(
    key_id: str,
    *,
    realm: str = "default",
    age: int = 0,
    use: KeyUse = KeyUse.TOKEN,
    state: KeyState = KeyState.ACTIVE,
) -> SigningKeyRecord:
    return SigningKeyRecord(
        id=key_id,
        realm=realm,
        use=use,
        state=state,
        algorithm="rsa-2048",
        certificate=b"\x00der\xff",
        wrapped_private_key=bytes(range(256)),
        created_at=NOON - timedelta(days=age),
    )


def test_keys_come_back_as_they_were_added_oldest_first(node) -> None:
    keys = [
        a_key("young"),
        a_key("old", age=9, use=KeyUse.MESSAGE),
        a_key("middle", age=5, state=KeyState.NEXT),
    ]
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


def states(node, realm: str = "default") -> dict[str, KeyState]:
    return {key.id: key.state for key in node.stores.signing_keys.list(realm)}


def test_a_next_key_takes_the_place_of_the_active_one_in_its_own_realm_alone(node) -> None:
    administration = node.stores.administration
    for key in (a_key("k1", age=2), a_key("k2", age=1, state=KeyState.NEXT), a_key("k1", realm="other")):
        administration.add_signing_key(key)
    before = node.stores.signing_keys.generation()
    assert administration.promote_key("default", "k2")
    assert states(node) == {"k1": KeyState.RETIRING, "k2": KeyState.ACTIVE}
    assert states(node, "other") == {"k1": KeyState.ACTIVE}
    assert node.stores.signing_keys.generation() != before


@pytest.mark.parametrize("state", [KeyState.ACTIVE, KeyState.RETIRING, KeyState.RETIRED])
def test_no_other_key_is_promoted(node, state: KeyState) -> None:
    node.stores.administration.add_signing_key(a_key("k1", age=1))
    node.stores.administration.add_signing_key(a_key("k2", state=state))
    before = node.stores.signing_keys.generation(), states(node)
    assert not node.stores.administration.promote_key("default", "k2")
    assert not node.stores.administration.promote_key("default", "unknown")
    assert (node.stores.signing_keys.generation(), states(node)) == before


def test_a_state_changes_only_from_the_one_that_was_expected(node) -> None:
    administration = node.stores.administration
    administration.add_signing_key(a_key("k1"))
    assert not administration.set_key_state("default", "k1", KeyState.RETIRED, expected=KeyState.RETIRING)
    assert states(node) == {"k1": KeyState.ACTIVE}
    assert administration.set_key_state("default", "k1", KeyState.RETIRING, expected=KeyState.ACTIVE)


def test_another_node_signs_with_the_promoted_key_within_a_moment(node, second_node) -> None:
    first, second = (
        make_signing_key("default", algorithm="ec-p256", name="sts", now=NOON, box=node.box, state=state)
        for state in (KeyState.ACTIVE, KeyState.NEXT)
    )
    for key in (first, second):
        node.stores.administration.add_signing_key(key)
    elsewhere = StoredKeyring(second_node.stores.signing_keys, second_node.box)
    assert elsewhere.signer("default").key_id == first.id
    assert [key.key_id for key in elsewhere.verification_keys("default")] == [first.id]
    node.stores.administration.promote_key("default", second.id)
    threading.Event().wait(0.06)
    assert elsewhere.signer("default").key_id == second.id
    assert {key.key_id for key in elsewhere.verification_keys("default")} == {first.id, second.id}
    node.stores.administration.set_key_state("default", first.id, KeyState.RETIRED, expected=KeyState.RETIRING)
    threading.Event().wait(0.06)
    assert [key.key_id for key in elsewhere.verification_keys("default")] == [second.id]


@pytest.mark.parametrize("use", list(KeyUse))
def test_a_key_takes_the_place_of_the_active_one_of_its_own_use_alone(node, use: KeyUse) -> None:
    administration = node.stores.administration
    for of_use in KeyUse:
        administration.add_signing_key(a_key(f"{of_use.value}-1", age=2, use=of_use))
        administration.add_signing_key(a_key(f"{of_use.value}-2", age=1, use=of_use, state=KeyState.NEXT))
    (other,) = set(KeyUse) - {use}
    assert administration.promote_key("default", f"{use.value}-2")
    assert states(node) == {
        f"{use.value}-1": KeyState.RETIRING,
        f"{use.value}-2": KeyState.ACTIVE,
        f"{other.value}-1": KeyState.ACTIVE,
        f"{other.value}-2": KeyState.NEXT,
    }


def test_an_id_is_taken_whatever_the_use(node) -> None:
    node.stores.administration.add_signing_key(a_key("k1"))
    with pytest.raises(ValueError, match="k1"):
        node.stores.administration.add_signing_key(a_key("k1", use=KeyUse.MESSAGE))


def test_another_node_opens_messages_with_a_new_key_within_a_moment_and_with_the_old_one_until_it_retires(
    node, second_node
) -> None:
    first, second = (
        make_signing_key(
            "default", algorithm="rsa-2048", name="sts", now=NOON, box=node.box, use=KeyUse.MESSAGE, state=state
        )
        for state in (KeyState.ACTIVE, KeyState.NEXT)
    )
    for key in (first, second):
        node.stores.administration.add_signing_key(key)
    elsewhere = StoredKeyring(second_node.stores.signing_keys, second_node.box)
    assert elsewhere.message_signer("default").certificate == first.certificate
    assert [key.certificate for key in elsewhere.decrypters("default")] == [first.certificate, second.certificate]
    node.stores.administration.promote_key("default", second.id)
    threading.Event().wait(0.06)
    assert elsewhere.message_signer("default").certificate == second.certificate
    assert [key.certificate for key in elsewhere.decrypters("default")] == [second.certificate, first.certificate]
    node.stores.administration.set_key_state("default", first.id, KeyState.RETIRED, expected=KeyState.RETIRING)
    threading.Event().wait(0.06)
    assert [key.certificate for key in elsewhere.decrypters("default")] == [second.certificate]
