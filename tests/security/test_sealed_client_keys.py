"""A client's own key in an EncryptedKey: what is no such key, and what somebody learns who asks with forged ones."""

import os
import re
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from statistics import median

import pytest

from tests.attack import without_correlation
from tests.cases import each
from tests.holders import KEYED_PARTY, RECIPIENT, key_info, x509_data
from tests.messages import Answer
from tests.protected import b64, encrypted_key, party, reference
from tests.sealed import SealedSts
from tests.sealed_keys import encrypted
from wstrust_sts import ns
from wstrust_sts.model import TokenType
from wstrust_sts.records import TokenRecord

WILLING = replace(KEYED_PARTY, accepts_client_keys=True)
SYMMETRIC = f"<t:KeyType>{ns.WST13}/SymmetricKey</t:KeyType><t:KeySize>256</t:KeySize>"
SECRET = b"a secret of thirty-two octets..."


@pytest.fixture
def sts() -> SealedSts:
    return SealedSts(relying_parties=(WILLING,))


def ask(sts: SealedSts, key: str, *, user: str = "alice", password: str | None = None) -> Answer:
    return sts.issue(SYMMETRIC, f"<t:Entropy>{key}</t:Entropy>", user=user, password=password)


def spoilt(ciphertext: bytes) -> str:
    return encrypted_key("own", ciphertext, party("sts"))


UNOPENED: dict[str, Callable[[], str]] = {
    "garbage": lambda: spoilt(os.urandom(256)),
    "cut": lambda: spoilt(os.urandom(255)),
    "empty": lambda: spoilt(b""),
    "zeros": lambda: spoilt(bytes(256)),
    "larger than the modulus": lambda: spoilt(b"\xff" * 256),
    "another OAEP": lambda: encrypted(
        SECRET,
        method=f'<e:EncryptionMethod Algorithm="{ns.RSA_OAEP}"><d:DigestMethod xmlns:d="{ns.DS}" '
        f'Algorithm="{ns.SHA512}"/></e:EncryptionMethod>',
    ),
    "a key of no octets": lambda: encrypted(b""),
    "a short key": lambda: encrypted(b"s" * 15),
    "a key of another size than KeySize": lambda: encrypted(b"s" * 16),
    "a long key": lambda: encrypted(b"s" * 65),
}


def tokens(sts: SealedSts) -> list[TokenRecord]:
    """What was issued in answer; not the security context that such an STS already has."""
    return [row for row in sts.stores.issued_tokens.rows.values() if row.token_type != TokenType.SCT.value]


def test_whatever_is_wrong_once_the_private_key_was_used_is_one_answer(sts: SealedSts) -> None:
    answers = {name: ask(sts, make()) for name, make in UNOPENED.items()}
    assert {answer.fault for answer in answers.values()} == {(ns.WSSE, "FailedCheck")}
    assert len({without_correlation(answer.body) for answer in answers.values()}) == 1
    assert len({event.detail["refused"] for event in sts.stores.journal.events}) == 1
    assert tokens(sts) == []


@pytest.mark.alone
def test_it_is_answered_at_one_time(sts: SealedSts) -> None:
    """The password is remembered, so that what is measured is what opening a key takes."""
    made = {
        name: UNOPENED[name]() for name in ("garbage", "zeros", "a short key", "a key of another size than KeySize")
    }

    def spread(rounds: int = 11) -> float:
        times: dict[str, list[float]] = {name: [] for name in made}
        for _ in range(rounds):
            for name, key in made.items():
                begun = time.perf_counter()
                ask(sts, key)
                times[name].append(time.perf_counter() - begun)
        medians = [median(measured) for measured in times.values()]
        return max(medians) - min(medians)

    ask(sts, made["garbage"])
    spreads = []
    while not spreads or (min(spreads) >= 0.002 and len(spreads) < 4):
        spreads.append(spread())
    assert min(spreads) < 0.002, spreads


def test_forgers_are_held_up_and_nobody_else_is() -> None:
    sts = SealedSts(relying_parties=(WILLING,), lockout=True)
    answers = []
    while not answers or (answers[-1].code == "FailedCheck" and len(answers) < 500):
        answers.append(ask(sts, UNOPENED["garbage"]()))
    assert answers[-1].fault == (ns.WSSE, "FailedAuthentication")
    assert ask(sts, encrypted(SECRET)).fault == (ns.WSSE, "FailedAuthentication")
    assert sts.issue().status == 200
    sts.clock.advance(timedelta(hours=2))
    assert ask(sts, encrypted(SECRET)).status == 200


class CountingKey:
    """A message key that counts how often it was used."""

    def __init__(self, key) -> None:
        self._key = key
        self.certificate = key.certificate
        self.used = 0

    def decrypt(self, ciphertext: bytes, **how) -> bytes | None:
        self.used += 1
        return self._key.decrypt(ciphertext, **how)


def counting(*, relying_party=WILLING) -> tuple[SealedSts, CountingKey]:
    sts = SealedSts(relying_parties=(relying_party,))
    (key,) = sts.keyring.message_keys["default"]
    sts.keyring.message_keys["default"] = [counted := CountingKey(key)]
    return sts, counted


def test_the_private_key_works_for_nobody_who_has_not_proved_himself_or_may_not_have_such_a_token() -> None:
    sts, key = counting()
    assert ask(sts, encrypted(SECRET), password="wrong").code == "FailedAuthentication"
    assert key.used == 0
    assert ask(sts, encrypted(SECRET)).status == 200
    assert key.used == 1
    sts, key = counting(relying_party=KEYED_PARTY)
    assert ask(sts, encrypted(SECRET)).code == "BadRequest"
    assert key.used == 0


@pytest.mark.parametrize("key_type", ["Bearer", "PublicKey"])
def test_where_the_token_has_no_secret_it_is_not_opened(key_type: str) -> None:
    sts, key = counting()
    entropy = f"<t:Entropy>{encrypted(SECRET)}</t:Entropy>"
    sts.issue(f"<t:KeyType>{ns.WST13}/{key_type}</t:KeyType>", entropy)
    sts.issue(entropy)
    assert key.used == 0


LISTED = f'<e:ReferenceList xmlns:e="{ns.XENC}"><e:DataReference URI="#user"/></e:ReferenceList>'
NO_KEYS: dict[str, Callable[[], tuple[str, str]]] = {
    "for the relying party": lambda: (encrypted(SECRET, key_info=x509_data(RECIPIENT)), "InvalidRequest"),
    "for alice": lambda: (encrypted(SECRET, recipient=party("alice")), "InvalidRequest"),
    "by an id": lambda: (encrypted(SECRET, key_info=reference("#user", ns.X509V3)), "InvalidRequest"),
    "by a name": lambda: (encrypted(SECRET, key_info="<ds:KeyName>sts</ds:KeyName>"), "InvalidRequest"),
    "that opens something else": lambda: (encrypted(SECRET, more=LISTED), "InvalidRequest"),
    "without a method": lambda: (encrypted(SECRET, method=""), "InvalidRequest"),
    "a megabyte of ciphertext": lambda: (spoilt(bytes(60_000)), "InvalidRequest"),
    "rsa-1_5": lambda: (
        encrypted(SECRET, method=f'<e:EncryptionMethod Algorithm="{ns.XENC}rsa-1_5"/>'),
        "BadRequest",
    ),
    "by another key": lambda: (
        encrypted(SECRET, method=f'<e:EncryptionMethod Algorithm="{ns.XENC}kw-aes256"/>'),
        "BadRequest",
    ),
    "twice": lambda: (encrypted(SECRET) * 2, "InvalidRequest"),
    "beside a BinarySecret": lambda: (
        encrypted(SECRET) + f"<t:BinarySecret>{b64(SECRET)}</t:BinarySecret>",
        "InvalidRequest",
    ),
    "inside a BinarySecret": lambda: (f"<t:BinarySecret>{encrypted(SECRET)}</t:BinarySecret>", "InvalidRequest"),
    "as a KeyInfo": lambda: (key_info(encrypted(SECRET)), "InvalidRequest"),
    "an EncryptedData": lambda: (re.sub("EncryptedKey", "EncryptedData", encrypted(SECRET)), "InvalidRequest"),
}


@each(NO_KEYS, "make")
def test_what_is_no_key_encrypted_for_this_sts_is_refused_before_a_key_is_used(make) -> None:
    sts, key = counting()
    written, code = make()
    assert ask(sts, written).fault == (ns.WST13, code)
    assert key.used == 0
    assert tokens(sts) == []


def test_an_sts_without_message_keys_opens_nothing() -> None:
    sts = SealedSts(relying_parties=(WILLING,))
    sts.keyring.message_keys.clear()
    assert ask(sts, encrypted(SECRET)).code == "InvalidRequest"


def test_the_key_is_in_no_answer_row_or_log(sts: SealedSts) -> None:
    answer = ask(sts, encrypted(SECRET))
    assert answer.status == 200
    (record,) = tokens(sts)
    for place in (answer.body, record.wrapped_proof_key, repr(sts.stores.journal.entries).encode()):
        for spelling in (SECRET, b64(SECRET).encode(), SECRET.hex().encode()):
            assert spelling not in place
