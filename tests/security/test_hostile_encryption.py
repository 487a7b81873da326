"""Encryption that hides too little, too much or something else, and what a stranger learns by asking again and again.

Each case is a good request but for one step. None gets a token; whatever goes wrong once a key was used is one fault
with one text, at one time.
"""

from collections.abc import Callable

import pytest
from lxml import etree

from tests import messages
from tests.attack import attack_of, target_of
from tests.cases import each
from tests.protected import (
    Draft,
    encrypt,
    encrypted_data,
    encrypted_for,
    encrypted_key,
    protect,
    written,
)
from tests.sealed import HIDING, PASSWORD, UNBELIEVED, SealedAttack, SealedSts
from wstrust_sts import ns
from wstrust_sts.errors import (
    FailedAuthentication,
    FailedCheck,
    InvalidRequest,
    InvalidScope,
    InvalidSecurity,
    NotWellFormed,
    UnsupportedAlgorithm,
)

Step = Callable[[Draft], object]

target = target_of(SealedSts)
attack = attack_of(SealedAttack, HIDING)
password = attack_of(SealedAttack, PASSWORD)


# -- published is enforced --------------------------------------------------------------------------------------


def hide_only(*names: str) -> Step:
    def hide(draft: Draft) -> None:
        for name in names:
            draft.hide(draft.part(name), content=name == "Body")

    return hide


CLEAR: dict[str, Step] = {
    "nothing hidden": lambda draft: None,
    "the signature in clear": hide_only("Body"),
    "the Body in clear": hide_only("Signature"),
    "only the payload's content hidden": lambda draft: (
        draft.hide(draft.part("Signature")),
        draft.hide(draft.body[0], content=True),
    ),
}


@each(CLEAR)
def test_what_the_policy_wants_hidden_must_be_hidden(attack: SealedAttack, case: Step) -> None:
    attack.unbelieved(attack.sealed(hide=case), FailedCheck, InvalidSecurity)


def test_the_username_token_must_be_hidden(password: SealedAttack) -> None:
    password.unbelieved(password.sealed(hide=hide_only("Signature", "Body")), InvalidSecurity)


def test_the_content_of_the_username_token_is_not_the_token(password: SealedAttack) -> None:
    def hide(draft: Draft) -> None:
        draft.hide(draft.part("UsernameToken"), content=True)
        hide_only("Signature", "Body")(draft)

    password.unbelieved(password.sealed(hide=hide), InvalidSecurity)


def test_two_username_tokens_are_refused(password: SealedAttack) -> None:
    def add(draft: Draft) -> None:
        other = etree.fromstring(messages.username_token("bob", "trombone").replace('"user"', '"user2"'))
        draft.security.append(other)

    password.unbelieved(password.sealed(clear=add))
    password.unbelieved(password.sealed(signed=add))


def test_no_username_token_is_refused(password: SealedAttack) -> None:
    password.unbelieved(password.sealed(clear=lambda draft: draft.security.remove(draft.part("UsernameToken"))))


def test_a_username_token_cut_out_of_another_message_is_refused(password: SealedAttack) -> None:
    """With the other's key and without it; the rest is the attacker's own, and well signed."""
    victim = password.draft()
    protect(victim)
    token = next(victim.security.iter(f"{{{ns.XENC}}}EncryptedData"))

    def without_key(draft: Draft) -> None:
        draft.security.append(token)
        draft.hidden.append(token.get("Id"))
        draft.security.remove(draft.part("UsernameToken"))

    def with_key(draft: Draft) -> None:
        draft.security.remove(draft.part("UsernameToken"))
        draft.hide_all()
        draft.security.append(token)
        draft.hidden.append(token.get("Id"))
        draft.tokens.append(encrypted_key("EK2", victim.wrapped, victim.recipient))
        draft.tokens += [
            markup.replace('"DK-hide"', '"DK-other"').replace("#EK", "#EK2")
            for markup in victim.tokens
            if "DK-hide" in markup
        ]

    password.unbelieved(password.sealed(signed=without_key))
    password.unbelieved(password.sealed(hide=with_key), InvalidSecurity)


# -- what is hidden, and where ------------------------------------------------------------------------------------


def hiding(name: str, plaintext: Callable[[bytes], bytes], *, content: bool | None = None) -> Step:
    """All is hidden as it should be, but for what one part's ciphertext holds."""

    def hide(draft: Draft) -> None:
        for part in list(draft.security):
            local = etree.QName(part).localname
            if local in ("UsernameToken", "Signature"):
                good = written(part)
                draft.hide(part, plaintext=plaintext(good) if local == name else good)
        good = written(draft.body, content=True)
        draft.hide(draft.body, content=True, plaintext=plaintext(good) if name == "Body" else good)

    return hide


PLAINTEXTS: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda good: b"",
    "white space": lambda good: b"  ",
    "text": lambda good: b"text",
    "octets that are no text": lambda good: b"\xff\xfe" + good,
    "NUL": lambda good: b"\0",
    "an open element": lambda good: b"<a>",
    "an end of something else": lambda good: b"</a><b>",
    "the end of the header": lambda good: b"</o:Security></s:Header><s:Body>",
    "the end of the wrapper that checks it": lambda good: b"</w><w>",
    "the end of the parent and a new one": lambda good: good + b"</s:Body></s:Envelope><x>",
    "an open comment": lambda good: b"<!-- ",
    "an end of a comment": lambda good: good + b"<!-- --",
    "a document type": lambda good: b"<!DOCTYPE x>" + good,
    "an entity": lambda good: b"<x>&e;</x>",
    "a processing instruction": lambda good: b"<?x?>" + good,
    "a CDATA section": lambda good: b"<x><![CDATA[" + good + b"]]></x>",
    "two elements": lambda good: good + b"<x/>",
    "the same twice": lambda good: good + good,
    "text before": lambda good: b"text" + good,
    "text behind": lambda good: good + b"text",
    "an undeclared prefix": lambda good: b"<q:x/>",
    "a prefix of the EncryptedData alone": lambda good: b"<e:x/>",
    "something encrypted": lambda good: etree.tostring(encrypted_data("ED-in", b"x" * 64, ns.AES256_CBC, key_info="")),
    "a second id": lambda good: good.replace(b">", b' xmlns:u9="' + ns.WSU.encode() + b'" u9:Id="Body">', 1),
    "deep nesting": lambda good: b"<x>" * 3000 + b"</x>" * 3000,
    "a flood of elements": lambda good: b"<x/>" * 10_000,
    "a flood of attributes": lambda good: b"<x " + b" ".join(b'a%d=""' % number for number in range(2000)) + b"/>",
}


@each(PLAINTEXTS)
@pytest.mark.parametrize("name", ["UsernameToken", "Signature", "Body"])
def test_a_plaintext_that_is_not_what_was_signed_is_refused(attack: SealedAttack, name: str, case) -> None:
    if name == "UsernameToken" and attack.entrance.policy != "username":
        return
    attack.unbelieved(attack.sealed(hide=hiding(name, case)), FailedCheck)


def test_a_second_body_out_of_a_ciphertext_is_refused(attack: SealedAttack) -> None:
    """What is decrypted stands where it stood: it cannot close its parent and begin another."""
    evil = b'</s:Body><s:Body xmlns:s="' + attack.soap_namespace.encode() + b'"><x/>'
    attack.unbelieved(attack.sealed(hide=hiding("Body", lambda good: good + evil)), FailedCheck)


def all_of(*more: Step) -> Step:
    return lambda draft: [step(draft) for step in (Draft.hide_all, *more)]


def more_data(count: int, *, octets: int = 64, holder: str = "{urn:x}x") -> Step:
    def add(draft: Draft) -> None:
        key, name = draft.hiding_key()
        block = etree.SubElement(draft.header, holder)
        for number in range(count):
            identifier = f"ED-{number}"
            plaintext = b"<y>" + b"z" * octets + b"</y>"
            block.append(
                encrypted_data(identifier, encrypt(plaintext, key, draft.encryption), draft.encryption, key_info=name)
            )
            draft.hidden.append(identifier)

    return add


def inside_another(draft: Draft) -> None:
    draft.hide(draft.part("Signature"))
    inner = draft.hide(draft.body[0])
    draft.hide(draft.body, content=True, plaintext=etree.tostring(inner))


def nested_in_clear(draft: Draft) -> None:
    draft.hide_all()
    outer = draft.body[0]
    outer.append(encrypted_for(draft, b"<x/>", identifier="ED-in"))
    draft.hidden.append("ED-in")


def elsewhere(uri: str) -> Step:
    return lambda draft: draft.hidden.append(uri)


def whole(name: str) -> Step:
    """A part that must stay in clear, hidden as a whole."""

    def hide(draft: Draft) -> None:
        draft.hide_all()
        draft.hide(draft.part(name))

    return hide


def envelope_hidden(draft: Draft) -> None:
    draft.hide_all()
    key, name = draft.hiding_key()
    data = encrypted_data(
        "ED-all", encrypt(etree.tostring(draft.root), key, draft.encryption), draft.encryption, key_info=name
    )
    draft.hidden.append("ED-all")
    draft.body[0].getparent().append(data)


PLACES: dict[str, Step] = {
    "sixteen more": all_of(more_data(16)),
    "a hundred": all_of(more_data(100)),
    "one more, unsigned": all_of(more_data(1)),
    "an unsigned header of WS-Security 1.1": all_of(more_data(1, holder=f"{{{ns.WSSE11}}}EncryptedHeader")),
    "in another": inside_another,
    "in another's element": nested_in_clear,
    "named and not there": all_of(elsewhere("nothing")),
    "named and something else": all_of(elsewhere("Body")),
    "the Timestamp": whole("Timestamp"),
    "the Body": whole("Body"),
    "a whole envelope in the Body": envelope_hidden,
    "named twice": all_of(lambda draft: draft.hidden.append(draft.hidden[0])),
    "not named at all": all_of(lambda draft: draft.hidden.clear()),
    "one of them not named": all_of(lambda draft: draft.hidden.pop()),
}


@each(PLACES)
def test_encrypted_data_elsewhere_or_in_number_is_refused(attack: SealedAttack, case: Step) -> None:
    if case is PLACES["the Timestamp"]:
        attack.send(attack.sealed(hide=case))  # it is signed, and the policy does not say that it is in clear
        return
    attack.unbelieved(attack.sealed(hide=case), *UNBELIEVED, InvalidRequest)


@pytest.mark.parametrize("name", ["Envelope", "Header", "Security"])
def test_what_bears_the_keys_cannot_be_hidden(attack: SealedAttack, name: str) -> None:
    def sealed(draft: Draft) -> None:
        part = {"Envelope": draft.root, "Header": draft.header, "Security": draft.security}[name]
        key, reference_ = draft.hiding_key()
        data = encrypted_data(
            "ED-all", encrypt(written(part), key, draft.encryption), draft.encryption, key_info=reference_
        )
        if name == "Envelope":
            draft.root = data
        else:
            part.getparent().replace(part, data)

    attack.unbelieved(attack.sealed(sealed=sealed), *UNBELIEVED, InvalidRequest, NotWellFormed)


def test_a_flood_out_of_ciphertexts_is_refused_at_once(attack: SealedAttack) -> None:
    """Each part is small enough, all together are not."""

    def flood(draft: Draft) -> None:
        draft.hide_all()
        block = etree.SubElement(draft.header, "{urn:x}x")
        for number in range(12):
            block.append(encrypted_for(draft, b"<y>" + b"<z/>" * 1500 + b"</y>", identifier=f"ED-{number}"))
            draft.hidden.append(f"ED-{number}")

    attack.unbelieved(attack.sealed(hide=flood), FailedCheck)


def algorithm(uri: str) -> Step:
    def change(draft: Draft) -> None:
        for element in draft.root.iter(f"{{{ns.XENC}}}EncryptionMethod"):
            if element.getparent().tag == f"{{{ns.XENC}}}EncryptedData":
                element.set("Algorithm", uri)

    return change


@pytest.mark.parametrize("uri", [f"{ns.XENC}tripledes-cbc", f"{ns.XENC}des-cbc", "urn:x", "", ns.RSA_OAEP_MGF1P])
def test_a_cipher_off_the_list_is_refused(attack: SealedAttack, uri: str) -> None:
    attack.unbelieved(attack.sealed(sealed=algorithm(uri)), UnsupportedAlgorithm)


@pytest.mark.parametrize("uri", [ns.AES128_CBC, ns.AES192_CBC, ns.AES128_GCM, ns.AES256_GCM])
def test_another_cipher_than_was_used_is_refused(attack: SealedAttack, uri: str) -> None:
    attack.unbelieved(attack.sealed(sealed=algorithm(uri)), FailedCheck)


@pytest.mark.parametrize("encryption", [ns.AES128_CBC, ns.AES256_CBC, ns.AES128_GCM, ns.AES256_GCM])
@pytest.mark.parametrize("derives", [ns.WSC13, ns.WSC05, None])
def test_every_cipher_and_every_derivation_on_the_list_is_answered_in_kind(attack, encryption, derives) -> None:
    if derives is None and attack.symmetric and "128" in encryption:
        return
    draft = attack.draft(encryption=encryption, derives=derives)
    answer = attack.issued(protect(draft))
    assert attack.came_sealed
    assert answer.status == 200


def test_an_answer_asks_for_nothing_that_the_request_did_not_have(attack: SealedAttack) -> None:
    """Faults of the request itself go out with the request's keys, and say no more than ever."""
    attack.refused(attack.sealed(attack.rst(address="urn:nobody")), InvalidScope)
    assert attack.came_sealed


def test_a_wrong_password_is_told_with_the_keys_of_the_request(password: SealedAttack) -> None:
    message = protect(password.draft(password="oboe"))
    password.refused(message, FailedAuthentication)
    assert password.came_sealed
