"""The STS as a relying party of itself: which addresses are its own, and what it is as a relying party."""

from dataclasses import replace

import pytest

from tests.fakes import REALM, FakeKeyring, FakeRealms, FakeRelyingParties
from tests.harness import RELYING_PARTY
from wstrust_sts.model import KeyType, TokenType
from wstrust_sts.own_party import OwnAddresses, RelyingPartiesAndOwn
from wstrust_sts.relying_parties import OWN_PARTY, AppliesToRule

URL = "https://sts.example.test"
PARTNERS = replace(REALM, name="partners", issuer="urn:partners")
ADDRESSES = OwnAddresses.of(URL, [(REALM.name, "/trust/13/usernamemixed"), (PARTNERS.name, "/partners")])


class Key:
    certificate = b"the message key's certificate"


def parties(*registered, keyring=None) -> RelyingPartiesAndOwn:
    return RelyingPartiesAndOwn(
        FakeRelyingParties(registered),
        realms=FakeRealms([REALM, PARTNERS]),
        keyring=FakeKeyring() if keyring is None else keyring,
        addresses=ADDRESSES,
    )


@pytest.mark.parametrize(
    "address",
    [
        URL,
        f"{URL}/",
        f"{URL}:443",
        "HTTPS://STS.Example.Test/trust/13/usernamemixed",
        f"{URL}/trust/13/usernamemixed",
        REALM.issuer,
    ],
)
def test_the_public_url_each_endpoint_and_the_issuer_mean_the_sts(address):
    match = parties().find(REALM.name, address)
    assert match.relying_party.name == OWN_PARTY
    assert match.rule.address == match.address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "https://sts.example.test.evil.test/",
        f"{URL}/trust/13/usernamemixed/",
        f"{URL}/trust/13/usernamemixed?x",
        f"{URL}/trust/13",
        f"{URL}/partners",
        "http://sts.example.test/",
        "urn:partners",
        OWN_PARTY,
    ],
)
def test_nothing_else_does_nor_what_another_realm_is_called(address):
    assert parties().find(REALM.name, address) is None


def test_a_realm_that_is_not_there_has_no_party():
    assert parties().find("nowhere", URL) is None
    assert parties().get("nowhere", OWN_PARTY) is None


def test_its_tokens_are_for_the_issuer_and_for_the_address_that_was_asked_for():
    asked = f"{URL}/trust/13/usernamemixed"
    assert parties().find(REALM.name, asked).relying_party.audiences == (REALM.issuer, asked)
    assert parties().find(PARTNERS.name, "urn:partners").relying_party.audiences == ("urn:partners",)


def test_it_takes_every_token_with_every_key_and_is_told_nothing_about_subjects():
    party = parties().get(REALM.name, OWN_PARTY)
    assert (party.token_types, party.key_types) == (tuple(TokenType), tuple(KeyType))
    assert party.claim_rules == ()


def test_secrets_are_encrypted_for_the_active_message_key_where_there_is_one():
    keyring = FakeKeyring()
    assert parties(keyring=keyring).get(REALM.name, OWN_PARTY).encryption.certificate is None
    keyring.message_keys[REALM.name] = [Key()]
    assert parties(keyring=keyring).get(REALM.name, OWN_PARTY).encryption.certificate == Key.certificate
    assert parties(keyring=keyring).get(PARTNERS.name, OWN_PARTY).encryption.certificate is None


@pytest.mark.parametrize("prefix", [False, True])
def test_a_registered_relying_party_with_such_an_address_goes_first(prefix):
    own = replace(RELYING_PARTY, applies_to=(AppliesToRule(address=f"{URL}/", prefix=prefix),))
    assert parties(own).find(REALM.name, URL).relying_party is own
    assert parties(own).get(REALM.name, own.name) is own


def test_the_reserved_name_is_never_that_of_a_registered_one():
    impostor = replace(RELYING_PARTY, name=OWN_PARTY)
    assert parties(impostor).get(REALM.name, OWN_PARTY).applies_to == ()
