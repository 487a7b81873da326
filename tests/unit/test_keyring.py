"""Which stored key does what, by its use and state, and when it is read and unwrapped."""

import threading
from datetime import timedelta

import pytest

from tests.assertions import BOX
from tests.fakes import NOON, FakeSigningKeys
from wstrust_sts import ports
from wstrust_sts.errors import RequestFailed
from wstrust_sts.keyring import StoredKeyring
from wstrust_sts.keys import AesGcmSecretBox, generate_key_encryption_key, make_signing_key
from wstrust_sts.records import KeyState


def make(algorithm="ec-p256", *, realm="default", state=KeyState.ACTIVE, now=NOON):
    return make_signing_key(realm, algorithm=algorithm, name="https://sts.example.test/", now=now, box=BOX, state=state)


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
