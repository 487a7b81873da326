"""Tokens that were encrypted for the STS as credentials: what opens is a token of ours, or nobody learns what it was.

The attacker has an encrypted token of alice that he overheard, and a key of his own; or her key, and no token.
"""

import base64
import os
import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median

import pytest
from lxml import etree

from tests import messages
from tests.endorsed import party
from tests.holders import KEYED_PARTY
from tests.issued import (
    OWN,
    SYMMETRIC,
    Holder,
    Secret,
    TokenSts,
    ask_for,
    by_key_identifier,
    by_reference,
    hidden,
)
from tests.protected import party as protected_party
from tests.protected import reference_list
from tests.security.test_hostile_issued_tokens import ROWS, URIS, Attack, each_type
from tests.security.test_hostile_targets import FORGED
from wstrust_sts import ns
from wstrust_sts.encryption import EncryptionRule
from wstrust_sts.model import TokenType
from wstrust_sts.relying_parties import AppliesToRule


@pytest.fixture(params=ROWS, ids=lambda row: row.policy)
def attack(request) -> Attack:
    return Attack(request.param)


def wrong(attack: Attack) -> Secret:
    """A key that is not the token's."""
    return Secret(bytes(32)) if attack.row.policy == SYMMETRIC else party("mallory")


@each_type
def test_a_token_that_goes_out_encrypted_for_the_sts_comes_back_as_a_credential(attack, token_type):
    """As it was issued, and named as the answer says; unless it is bound to a secret, which the relying party has."""
    rule = EncryptionRule(certificate=protected_party("sts").der, tokens=True, algorithm=ns.AES256_CBC)
    scope = {"applies_to": (AppliesToRule(address=OWN),), "audiences": (OWN,)}
    own = replace(KEYED_PARTY, id="own", name="own", encryption=rule, **scope)
    attack.sts = TokenSts(relying_parties=(*attack.sts.relying_parties, own))
    kind = "SymmetricKey" if attack.row.policy == SYMMETRIC else "PublicKey"
    answer = ask_for(attack.sts, kind, token_type=URIS[token_type], peer=party("holder").certificate)
    assert answer.status == 200, answer.body
    token = etree.tostring(answer.find(".//t:RequestedSecurityToken")[0]).decode()
    assert "CipherValue" in token
    name = etree.tostring(answer.find(".//t:RequestedAttachedReference")[0]).decode()
    key = party("holder") if kind == "PublicKey" else Secret(base64.b64decode(answer.text(".//t:BinarySecret")))
    expected = None if kind == "PublicKey" else "InvalidSecurityToken"
    assert attack.code(attack.write(Holder(token, key), name=name)) == expected


@each_type
def test_a_token_that_the_client_encrypts_is_the_credential_that_it_is_in_clear(attack, token_type):
    holder = attack.holder(token_type=URIS[token_type])
    for bare in (False, True):
        for algorithm in (ns.AES256_GCM, ns.AES256_CBC):
            token = hidden(holder.token, bare=bare, algorithm=algorithm)
            message = attack.write(holder, more=(token,))
            assert attack.code(message) is None
            assert attack.code(message) == "FailedAuthentication", "a replay"
    assert attack.sts.ask(messages.cancel(holder.token)).status == 200
    assert attack.code(attack.write(holder, more=(hidden(holder.token),))) == "InvalidSecurityToken"


def test_an_encrypted_token_for_another_relying_party_gets_nothing(attack):
    holder = attack.holder(address="https://keyed.example.test/svc")
    assert attack.code(attack.write(holder, more=(hidden(holder.token),))) == "InvalidSecurityToken"


# -- what does not open, or is no token of ours ------------------------------------------------------------------------


def flipped(position: int) -> Callable[[bytes], bytes]:
    def change(octets: bytes) -> bytes:
        at = position % len(octets)
        return octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1 :]

    return change


CBC = {"algorithm": ns.AES256_CBC}
CIPHERTEXTS = {
    "a wrong padding": CBC | {"change": flipped(-17)},
    "garbage in the middle": CBC | {"change": flipped(400)},
    "garbage at the start": CBC | {"change": flipped(0)},
    "cut": CBC | {"change": lambda octets: octets[:-16]},
    "not whole blocks": CBC | {"change": lambda octets: octets[:-1]},
    "empty": CBC | {"change": lambda octets: b""},
    "another authentication tag": {"change": flipped(-1)},
    "garbage for the key": {"wrapped": os.urandom(255)},
    "another key": {"wrapped": os.urandom(256)},
}
PLAINTEXTS = {
    "nothing": lambda holder: "",
    "no XML": lambda holder: "\xff",
    "half an element": lambda holder: holder.token[:-1],
    "another element": lambda holder: "<x/>",
    "two tokens": lambda holder: holder.token * 2,
    "a token in another element": lambda holder: f"<x>{holder.token}</x>",
    "a DTD": lambda holder: f"<!DOCTYPE x>{holder.token}",
    "an encrypted token": lambda holder: hidden(holder.token),
    "an assertion that nobody signed": lambda holder: f'<s:Assertion xmlns:s="{ns.SAML20}" ID="{holder.id}"/>',
}


# Tokens for the STS have none of the first two; the others change what no signature covers, and so the token's digest,
# by which the register knows it: whoever has its key is told what he is told of one in clear.
NOT_SIGNED = {"another audience", "a value more", "another certificate", "no certificate"}


def answers_to(attack: Attack, holder: Holder, *tokens: str, **how) -> set[tuple[object, ...]]:
    """All that the answers say but for the correlation id and the time."""
    before = dict(attack.sts.stores.issued_tokens.rows)
    answers = [attack.send(attack.write(holder, more=(token,), **how)) for token in tokens]
    assert attack.sts.stores.issued_tokens.rows == before
    return {(answer.status, answer.fault, answer.sentence, len(answer.body)) for answer in answers}


def test_whatever_does_not_open_to_a_token_of_ours_or_is_not_signed_with_its_key_gets_one_answer(attack):
    holder, other = attack.holder(), attack.holder(user="bob")
    bearer = ask_for(attack.sts, "Bearer").assertion.decode()
    tokens = [hidden(holder.token, **how) for how in CIPHERTEXTS.values()]
    tokens += [hidden(plaintext(holder)) for plaintext in PLAINTEXTS.values()]
    tokens += [hidden(other.token), hidden(bearer)]
    tokens += [
        hidden(forge(etree.fromstring(holder.token), TokenType.SAML20))
        for name, forge in FORGED.items()
        if name not in NOT_SIGNED
    ]
    answers = answers_to(attack, holder, *tokens)
    answers |= answers_to(attack, holder, hidden(holder.token), key=wrong(attack))
    answers |= answers_to(attack, holder, hidden(holder.token), over=("a:To",))
    answers |= answers_to(attack, holder, hidden(bearer), name=Holder(bearer, holder.key).by_id)
    answers |= answers_to(attack, holder, hidden(other.token) + other.token.replace(other.id, "_x"))
    (answer,) = answers
    assert answer[1] == (ns.WSSE, "FailedCheck")
    assert attack.code(attack.write(holder, more=(hidden(holder.token),))) is None


def test_what_is_no_encrypted_token_is_refused_before_a_key_is_used(attack):
    holder = attack.holder()
    good, bare = hidden(holder.token), hidden(holder.token, bare=True)
    for refused in (
        (good, bare.replace('"ED"', '"ED2"').replace('"EK"', '"EK2"')),
        (good, good.replace('"ED"', '"ED2"').replace('"EK"', '"EK2"')),
        (hidden(holder.token, recipient="somebody"),),
        (hidden(holder.token, content=True),),
        (hidden(holder.token, more=reference_list(["ED"])),),
        (good.replace(">", "><x/>", 1),),
        (good.replace("e:EncryptedKey", "e:EncryptedKex"),),
        (bare.replace(ns.RSA_OAEP_MGF1P, "http://www.w3.org/2001/04/xmlenc#rsa-1_5"),),
        (bare.replace(ns.AES256_GCM, "http://www.w3.org/2001/04/xmlenc#tripledes-cbc"),),
        (f"<x>{good}</x>",),
    ):
        assert attack.code(attack.write(holder, more=refused)) in (
            "InvalidSecurity",
            "UnsupportedAlgorithm",
            "SecurityTokenUnavailable",
        ), refused
    for name in (by_reference("ED"), by_reference(holder.id), by_key_identifier("ED")):
        assert attack.code(attack.write(holder, more=(good,), name=name)) is not None
    assert attack.code(attack.write(holder, more=(holder.token, good))) == "UnsupportedSecurityToken"


def test_an_encrypted_token_is_opened_nowhere_else():
    """Neither beside a password or a certificate's signature nor where the Body has it."""
    attack = Attack(ROWS[0])
    holder = attack.holder()
    attack.sts.keyring.message_keys.clear()
    beside = messages.security(
        messages.timestamp(attack.sts.clock.now), messages.username_token("alice", "clarinet"), hidden(holder.token)
    )
    message = messages.envelope(messages.issue(), beside)
    assert attack.code(message, path="/trust/13/usernamemixed") == "UnsupportedSecurityToken"


def test_whoever_sends_tokens_that_do_not_open_is_held_up_before_a_private_key_is_used():
    attack = Attack(ROWS[0])
    attack.sts = TokenSts(lockout=True)
    holder = attack.holder()
    garbage = hidden(holder.token, wrapped=os.urandom(256))
    codes = [attack.code(attack.write(holder, more=(garbage,))) for _ in range(101)]
    assert codes == ["FailedCheck"] * 100 + ["FailedAuthentication"]
    assert attack.code(attack.write(holder, more=(hidden(holder.token),))) == "FailedAuthentication"


@pytest.mark.alone
def test_whatever_does_not_open_is_answered_at_one_time(attack):
    holder = attack.holder()
    cases = [hidden(holder.token, **CIPHERTEXTS[name]) for name in ("a wrong padding", "garbage for the key")]
    cases += [hidden(plaintext(holder)) for plaintext in (PLAINTEXTS["no XML"], PLAINTEXTS["another element"])]

    def spread() -> float:
        times: list[list[float]] = [[] for _ in range(len(cases) + 1)]
        for _ in range(11):
            for number, measured in enumerate(times):
                signed = cases[number] if number < len(cases) else hidden(holder.token)
                key = None if number < len(cases) else wrong(attack)
                message = attack.write(holder, more=(signed,), key=key)
                begun = time.perf_counter()
                attack.sts.post(message, path=attack.row.path)
                measured.append(time.perf_counter() - begun)
        medians = [median(measured) for measured in times]
        return max(medians) - min(medians)

    spreads = []
    while not spreads or (min(spreads) >= 0.002 and len(spreads) < 4):
        spreads.append(spread())
    assert min(spreads) < 0.002, spreads
