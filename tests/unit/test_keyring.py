"""Which stored key does what, by its use and state, and when it is read and unwrapped."""

import threading
from dataclasses import replace
from datetime import timedelta
from functools import cache

import pytest

from tests.assertions import BOX
from tests.fakes import NOON, FakeSigningKeys
from wstrust_sts import ports
from wstrust_sts.errors import RequestFailed
from wstrust_sts.keyring import StoredKeyring
from wstrust_sts.keys import AesGcmSecretBox, generate_key_encryption_key, make_signing_key
from wstrust_sts.records import KeyState, KeyUse


def make(algorithm="ec-p256", *, realm="default", use=KeyUse.TOKEN, state=KeyState.ACTIVE, now=NOON):
    return make_signing_key(
        realm, algorithm=algorithm, name="https://sts.example.test/", now=now, box=BOX, use=use, state=state
    )


@cache
def message_key(copy=0):
    """Keys of increasing age by `copy`; making them is slow."""
    return make("rsa-2048", use=KeyUse.MESSAGE, now=NOON - timedelta(days=copy))


def changed(keys, *records):
    for record in records:
        keys.rows[record.realm, record.id] = record
    keys.changes += 1


def test_the_newest_active_key_signs_and_active_and_retiring_keys_verify():
    retiring = make(state=KeyState.RETIRING, now=NOON - timedelta(days=2))
    old = make(now=NOON - timedelta(days=1))
    new = make()
    waiting = make(state=KeyState.NEXT)
    retired = make(state=KeyState.RETIRED)
    keyring: ports.Keyring = StoredKeyring(FakeSigningKeys([waiting, new, retired, old, retiring]), BOX)
    assert keyring.signer("default").key_id == new.id
    assert [key.key_id for key in keyring.verification_keys("default")] == [retiring.id, old.id, new.id]


def test_a_realm_sees_its_own_keys_only():
    here, there = make(), make(realm="other")
    keyring = StoredKeyring(FakeSigningKeys([here, there]), BOX)
    assert keyring.signer("other").key_id == there.id
    assert [key.key_id for key in keyring.verification_keys("default")] == [here.id]


def test_without_an_active_key_nothing_is_signed():
    keyring = StoredKeyring(FakeSigningKeys([make(state=KeyState.RETIRING)]), BOX)
    with pytest.raises(RequestFailed, match="no active signing key"):
        keyring.signer("default")
    assert len(keyring.verification_keys("default")) == 1


def test_a_key_that_does_not_open_stops_signing_and_not_verifying():
    keyring = StoredKeyring(FakeSigningKeys([make()]), AesGcmSecretBox(generate_key_encryption_key()))
    for _ in range(2):
        with pytest.raises(RequestFailed, match="does not open"):
            keyring.signer("default")
    assert len(keyring.verification_keys("default")) == 1


class CountedKeys(FakeSigningKeys):
    lists = 0

    def list(self, realm):
        self.lists += 1
        return super().list(realm)


def test_rows_are_read_once_a_generation():
    keys = CountedKeys([make()])
    keyring = StoredKeyring(keys, BOX)
    for _ in range(3):
        keyring.signer("default")
        keyring.verification_keys("default")
    assert keys.lists == 1
    newer = make(now=NOON + timedelta(days=1))
    changed(keys, newer)
    assert keyring.signer("default").key_id == newer.id
    assert keys.lists == 2


def test_the_keyring_serves_many_threads_while_keys_change():
    keys = CountedKeys([make()])
    keyring = StoredKeyring(keys, BOX)
    failures = []

    def use():
        try:
            for _ in range(200):
                signer = keyring.signer("default")
                by_id = {key.key_id: key for key in keyring.verification_keys("default")}
                by_id[signer.key_id].verify(signer.sign(b"x"), b"x", algorithm=signer.algorithm)
        except Exception as failure:
            failures.append(failure)

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for day in range(1, 4):
        changed(keys, make(now=NOON + timedelta(days=day)))
    for thread in threads:
        thread.join()
    assert failures == []


# -- message keys ------------------------------------------------------------------------------------------------------


class CountedBox:
    """Counts what was opened."""

    def __init__(self) -> None:
        self.opened: list[str] = []

    def seal(self, secret, *, purpose):
        return BOX.seal(secret, purpose=purpose)

    def open(self, sealed, *, purpose):
        self.opened.append(purpose)
        return BOX.open(sealed, purpose=purpose)


def certificates(keys):
    return [key.certificate for key in keys]


def test_the_active_message_key_signs_and_those_before_and_after_it_open_too():
    active, retiring, older, waiting, retired = (
        replace(message_key(copy), state=state)
        for copy, state in enumerate(
            (KeyState.ACTIVE, KeyState.RETIRING, KeyState.RETIRING, KeyState.NEXT, KeyState.RETIRED)
        )
    )
    keyring: ports.Keyring = StoredKeyring(FakeSigningKeys([retired, waiting, older, retiring, active, make()]), BOX)
    assert keyring.message_signer("default").certificate == active.certificate
    assert certificates(keyring.decrypters("default")) == [
        record.certificate for record in (active, retiring, older, waiting)
    ]


def test_token_and_message_keys_do_not_see_each_other():
    token, message = make("rsa-2048"), message_key()
    keyring = StoredKeyring(FakeSigningKeys([token, message]), BOX)
    assert keyring.signer("default").key_id == token.id
    assert [key.key_id for key in keyring.verification_keys("default")] == [token.id]
    assert keyring.message_signer("default").certificate == message.certificate
    assert certificates(keyring.decrypters("default")) == [message.certificate]
    tokens_only, messages_only = (StoredKeyring(FakeSigningKeys([key]), BOX) for key in (token, message))
    assert tokens_only.decrypters("default") == ()
    with pytest.raises(RequestFailed, match="no active message key"):
        tokens_only.message_signer("default")
    assert messages_only.verification_keys("default") == ()
    with pytest.raises(RequestFailed, match="no active signing key"):
        messages_only.signer("default")


def test_without_an_active_message_key_the_failure_names_the_command_that_makes_one():
    retiring = replace(message_key(), state=KeyState.RETIRING)
    keyring = StoredKeyring(FakeSigningKeys([retiring]), BOX)
    with pytest.raises(RequestFailed) as failure:
        keyring.message_signer("default")
    assert "wstrust-sts key create --use message --realm default" in failure.value.detail
    assert certificates(keyring.decrypters("default")) == [retiring.certificate]


def test_a_message_key_that_does_not_open_stops_nothing_but_itself():
    broken = replace(message_key(), wrapped_private_key=message_key(1).wrapped_private_key)
    retiring = replace(message_key(2), state=KeyState.RETIRING)
    keyring = StoredKeyring(FakeSigningKeys([broken, retiring, make()]), BOX)
    with pytest.raises(RequestFailed, match="does not open"):
        keyring.message_signer("default")
    assert certificates(keyring.decrypters("default")) == [retiring.certificate]
    assert keyring.signer("default")


def test_a_private_key_is_unwrapped_when_it_is_needed_and_once_whatever_else_changes():
    token, active = make(), message_key()
    waiting = replace(message_key(1), state=KeyState.NEXT)
    keys, box = FakeSigningKeys([token, active, waiting]), CountedBox()
    keyring = StoredKeyring(keys, box)
    for _ in range(3):
        keyring.signer("default")
    assert box.opened == [f"signing-key default {token.id}"]
    for _ in range(3):
        keyring.message_signer("default")
        keyring.decrypters("default")
    before = keyring.decrypters("default")
    assert len(box.opened) == 3
    changed(keys, replace(active, state=KeyState.RETIRING), replace(waiting, state=KeyState.ACTIVE))
    assert keyring.message_signer("default") is before[1]
    assert list(keyring.decrypters("default")) == [before[1], before[0]]
    keyring.signer("default")
    assert len(box.opened) == 3


def test_a_retired_message_key_is_gone_at_once():
    first, second = message_key(1), message_key()
    keys = FakeSigningKeys([replace(first, state=KeyState.RETIRING), second])
    keyring = StoredKeyring(keys, BOX)
    assert certificates(keyring.decrypters("default")) == [second.certificate, first.certificate]
    changed(keys, replace(first, state=KeyState.RETIRED))
    assert certificates(keyring.decrypters("default")) == [second.certificate]


def test_the_certificates_of_all_keys_that_are_not_retired_are_published_with_the_newest_active_one_first():
    retiring = make(state=KeyState.RETIRING, now=NOON - timedelta(days=2))
    old = make(now=NOON - timedelta(days=1))
    new = make()
    waiting = make(state=KeyState.NEXT)
    other = make("rsa-2048", use=KeyUse.MESSAGE)
    keys = [waiting, new, other, make(state=KeyState.RETIRED), old, retiring]
    keyring = StoredKeyring(FakeSigningKeys(keys), BOX)
    assert keyring.certificates("default") == tuple(key.certificate for key in (new, old, waiting, retiring))
    assert keyring.certificates("default")[0] == keyring.signer("default").certificates[0]
