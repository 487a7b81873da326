"""What a stranger learns of a message that somebody else sent, by asking the STS about its ciphertexts again and again.

Nothing: whatever goes wrong once a key was used is one fault, with one text, at one time. The attacker here has a
recorded message of alice, and no key of hers or of the STS's.
"""

import base64
import copy
import os
import time
from collections.abc import Callable, Iterable
from statistics import median

import pytest
from lxml import etree

from tests import messages
from tests.attack import LONGEST_REFUSAL, attack_of, target_of
from tests.protected import (
    Draft,
    b64,
    encrypt,
    encrypt_blocks,
    encrypted_data,
    encrypted_key,
    look_alike,
    protect,
    reference,
    reference_list,
)
from tests.sealed import HIDING, SYMMETRIC, SealedAttack, SealedSts
from wstrust_sts import ns
from wstrust_sts.errors import FailedCheck

Step = Callable[[Draft], object]


target = target_of(SealedSts)
attack = attack_of(SealedAttack, HIDING)
symmetric = attack_of(SealedAttack, SYMMETRIC)


def recorded(attack: SealedAttack) -> Draft:
    """A message of alice as it went over the wire: from here on only what is in it is used."""
    victim = attack.draft()
    protect(victim)
    return victim


def tampered(data: etree._Element, change: Callable[[bytes], bytes]) -> None:
    value = data.find(f"{{{ns.XENC}}}CipherData/{{{ns.XENC}}}CipherValue")
    value.text = b64(change(base64.b64decode(value.text)))


def flip(position: int, mask: int = 1) -> Callable[[bytes], bytes]:
    def change(octets: bytes) -> bytes:
        position_ = position % len(octets)
        return octets[:position_] + bytes([octets[position_] ^ mask]) + octets[position_ + 1 :]

    return change


def ask(attack: SealedAttack, victim: Draft) -> tuple[object, ...]:
    """All that the answer says but for its correlation id and its time."""
    answer = attack.send(victim.octets())
    return answer.status, answer.fault, answer.sentence, attack.came_sealed, len(answer.body)


def add_unsigned(victim: Draft, ciphertext: bytes) -> None:
    """A ciphertext under the victim's key, in a header block that nobody looks at."""
    name = victim.root.find(f".//{{{ns.XENC}}}EncryptedData/{{{ns.DS}}}KeyInfo")
    block = etree.SubElement(victim.header, "{urn:x}x")
    data = encrypted_data("ED-x", ciphertext, victim.encryption, key_info="")
    data.replace(data.find(f"{{{ns.DS}}}KeyInfo"), copy.deepcopy(name))
    block.append(data)
    etree.SubElement(victim.root.find(f".//{{{ns.XENC}}}ReferenceList"), f"{{{ns.XENC}}}DataReference", URI="#ED-x")


def test_a_ciphertext_added_to_a_good_message_tells_nothing_whether_it_opens_or_not(attack: SealedAttack) -> None:
    """The signature still holds, and so would all the rest."""
    answers = set()
    for plaintext in (b"<y/>", b"<y>", b"\xff", b""):
        victim = recorded(attack)
        key, _ = victim.hiding_key()
        add_unsigned(victim, encrypt(plaintext, key, victim.encryption))
        answers.add(ask(attack, victim))
    victim = recorded(attack)
    key, _ = victim.hiding_key()
    add_unsigned(victim, encrypt_blocks(b"<y/>" + bytes(12), key))
    answers.add(ask(attack, victim))
    assert len(answers) == 1, answers
    assert next(iter(answers))[1] == (ns.WSSE, "FailedCheck")


def test_a_ciphertext_of_another_message_beside_the_own_tells_nothing(attack: SealedAttack) -> None:
    """A message of the attacker's own, well made, that carries the victim's key and ciphertext too."""
    if attack.entrance.policy == "secureconversation":
        return  # a message there carries no key
    answers = set()
    for change in (lambda octets: octets, flip(-17, 0xFF), flip(40)):
        victim = recorded(attack)
        data = victim.body[0]
        tampered(data, change)
        data.set("Id", "ED-x")

        def carry(draft: Draft, victim: Draft = victim, data: etree._Element = data) -> None:
            draft.hide_all()
            etree.SubElement(draft.header, "{urn:x}x").append(data)
            lists = reference_list(["ED-x"])
            markup = encrypted_key("EK2", victim.wrapped, victim.recipient, more=lists)
            draft.tokens.append(markup + "".join(victim.tokens).replace("DK-", "DK2-").replace("#EK", "#EK2"))
            for reference_ in data.iter(f"{{{ns.WSSE}}}Reference"):
                reference_.set("URI", reference_.get("URI").replace("#EK", "#EK2").replace("DK-", "DK2-"))

        own = attack.draft()
        protect(own, hide=carry)
        answers.add(ask(attack, own))
    assert len(answers) == 1, answers
    assert next(iter(answers))[1] == (ns.WSSE, "InvalidSecurity"), "refused before any key was used"


def test_a_message_of_the_own_under_the_key_of_another_tells_nothing(attack: SealedAttack) -> None:
    """The victim's EncryptedKey and Body, with a signature of the attacker's own in clear."""
    if attack.symmetric:
        return
    answers = set()
    for change in (lambda octets: octets, flip(-17, 0xFF), flip(40)):
        victim = recorded(attack)
        data = victim.body[0]
        tampered(data, change)
        own = attack.draft(signer=look_alike("alice"), secret=victim.secret, wrapped=victim.wrapped)
        own.wrapped, own.recipient = victim.wrapped, victim.recipient

        def carry(draft: Draft, data: etree._Element = data) -> None:
            etree.SubElement(draft.header, "{urn:x}x").append(data)
            draft.hidden.append(data.get("Id"))

        protect(own, hide=carry)
        answers.add(ask(attack, own))
    assert len(answers) == 1, answers
    assert next(iter(answers))[1] == (ns.WSSE, "FailedCheck")


def test_whether_a_padding_was_right_shows_in_no_later_fault(attack: SealedAttack) -> None:
    """A second EncryptedData that cannot be decrypted at all: the first is not told from it."""
    answers = set()
    for change in (lambda octets: octets, flip(-17, 0xFF), flip(-1)):
        for name in (reference("#nothing", ns.ENCRYPTED_KEY), reference("urn:x", ns.ENCRYPTED_KEY)):
            victim = recorded(attack)
            tampered(victim.body[0], change)
            add_unsigned(victim, bytes(64))
            added = victim.root.find(".//{urn:x}x")[0]
            key_info = added.find(f"{{{ns.DS}}}KeyInfo")
            key_info[:] = [etree.fromstring(name)]
            answers.add(ask(attack, victim)[1])
    assert answers == {(ns.WSSE, "FailedCheck")}


ORACLES: dict[str, Callable[[Draft], object]] = {
    "wrong padding": lambda victim: tampered(victim.body[0], flip(-17, 0xFF)),
    "right padding, garbage": lambda victim: tampered(victim.body[0], flip(40)),
    "the first block": lambda victim: tampered(victim.body[0], flip(0)),
    "cut": lambda victim: tampered(victim.body[0], lambda octets: octets[:-16]),
    "not whole blocks": lambda victim: tampered(victim.body[0], lambda octets: octets[:-1]),
    "one block": lambda victim: tampered(victim.body[0], lambda octets: octets[:16]),
    "empty": lambda victim: tampered(victim.body[0], lambda octets: b""),
    "the signature": lambda victim: tampered(list(victim.security.iter(f"{{{ns.XENC}}}EncryptedData"))[-1], flip(40)),
    "garbage for the key": lambda victim: tampered(victim.part("EncryptedKey"), lambda octets: os.urandom(255)),
    "another key": lambda victim: tampered(victim.part("EncryptedKey"), lambda _: victim.wrap(os.urandom(32))),
    "a key of a wrong length": lambda victim: tampered(victim.part("EncryptedKey"), lambda _: victim.wrap(b"short")),
    "a good text that was not signed": lambda victim: tampered(
        victim.body[0], lambda _: encrypt(b"<x/>", victim.hiding_key()[0], victim.encryption)
    ),
    "a changed digest": lambda victim: victim.part("Timestamp").set("changed", "1"),
}


def oracles(attack: SealedAttack, names: Iterable[str]) -> list[str]:
    """Those of `names` that there are at this entrance: the key of a context is in no message."""
    return [name for name in names if attack.entrance.policy != "secureconversation" or name not in OF_THE_KEY]


def test_whatever_does_not_open_gets_one_answer(attack: SealedAttack) -> None:
    answers = {}
    for name in oracles(attack, ORACLES):
        victim = recorded(attack)
        ORACLES[name](victim)
        answers[name] = ask(attack, victim)
    assert len(set(answers.values())) == 1, answers
    assert answers["wrong padding"][1:4] == ((ns.WSSE, "FailedCheck"), FailedCheck.sentence, False)


OF_THE_KEY = {"garbage for the key", "another key", "a key of a wrong length"}
FAILURES = (
    "wrong padding",
    "right padding, garbage",
    "garbage for the key",
    "another key",
    "a key of a wrong length",
    "a good text that was not signed",
    "a changed digest",
)


def spread(attack: SealedAttack, *, rounds: int) -> float:
    """How far the medians of the times of `FAILURES` are apart, in seconds. Cases take turns: noise is for all."""
    times: dict[str, list[float]] = {name: [] for name in oracles(attack, FAILURES)}
    content_type = messages.content_type(attack.entrance.soap)
    for _ in range(rounds):
        for name in times:
            victim = recorded(attack)
            ORACLES[name](victim)
            octets = victim.octets()
            begun = time.perf_counter()
            attack.target.send(octets, path=attack.entrance.path, content_type=content_type, method="POST", headers={})
            times[name].append(time.perf_counter() - begun)
    medians = [median(measured) for measured in times.values()]
    return max(medians) - min(medians)


@pytest.mark.alone
def test_whatever_does_not_open_is_answered_at_one_time(attack: SealedAttack) -> None:
    """What a failure takes shows every time; what else the machine has to do does not."""
    spreads = []
    while not spreads or (min(spreads) >= 0.002 and len(spreads) < 4):
        spreads.append(spread(attack, rounds=11))
    assert min(spreads) < 0.002, spreads


def test_a_fault_in_clear_is_short_and_one_after_verification_is_not_readable_by_others(attack: SealedAttack) -> None:
    answer = attack.target.send(
        attack.sealed(attack.rst(address="urn:nobody")),
        path=attack.entrance.path,
        content_type=messages.content_type(attack.entrance.soap),
        method="POST",
        headers={},
    )
    assert b"InvalidScope" not in answer.body
    assert b"CorrelationId" not in answer.body
    assert answer.status == 500
    assert len(answer.body) < 4 * LONGEST_REFUSAL
