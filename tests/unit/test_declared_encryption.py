"""Encryption and keys of relying parties in the declared state: read strictly, written back, told of in time."""

import io
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.certificates import leaf, usage
from tests.fakes import NOON, REALM, FakeStores
from wstrust_sts import ns
from wstrust_sts.certificate_names import fingerprint
from wstrust_sts.cli.checks.certificates import check_encryption_certificate
from wstrust_sts.declaration import read_declaration, write_declaration
from wstrust_sts.declared_relying_parties import relying_party_card
from wstrust_sts.encryption import EncryptionRule, KeyName, KeyTransport
from wstrust_sts.model import KeyType
from wstrust_sts.relying_parties import RelyingParty
from wstrust_sts.strict_toml import ConfigurationError

DER = leaf("orders", kind="rsa-2048")
PARTY = '[[relying_party]]\nname = "orders"\napplies_to = ["https://orders.example.test/"]\n'
ALL = (
    PARTY
    + """key_types = ["bearer", "symmetric", "public"]
client_keys = true
unproved_keys = true
[relying_party.encryption]
file = "orders.pem"
tokens = true
bare = true
algorithm = "aes128-cbc"
key_transport = "rsa-oaep-sha256"
key_name = "thumbprint"
"""
)


def read(folder: Path, text: str) -> RelyingParty:
    (folder / "orders.pem").write_bytes(x509.load_der_x509_certificate(DER).public_bytes(Encoding.PEM))
    (folder / "state.toml").write_text(text)
    (party,) = read_declaration(folder / "state.toml", standard_input=io.StringIO()).relying_parties
    return party


def test_every_key_of_it_is_read_into_the_relying_party(tmp_path):
    party = read(tmp_path, ALL)
    assert party.key_types == (KeyType.BEARER, KeyType.SYMMETRIC, KeyType.PUBLIC)
    assert (party.accepts_client_keys, party.accepts_unproved_keys) == (True, True)
    assert party.encryption == EncryptionRule(
        certificate=DER,
        tokens=True,
        bare=True,
        algorithm=ns.AES128_CBC,
        key_transport=KeyTransport.OAEP_SHA256,
        key_name=KeyName.THUMBPRINT,
    )


def test_without_them_tokens_are_bearer_tokens_in_the_clear(tmp_path):
    party = read(tmp_path, PARTY)
    assert party.key_types == (KeyType.BEARER,)
    assert (party.accepts_client_keys, party.accepts_unproved_keys) == (False, False)
    assert party.encryption == EncryptionRule()


@pytest.mark.parametrize("text", [PARTY, ALL])
def test_what_is_exported_is_what_was_applied(tmp_path, text):
    party = read(tmp_path, text)
    stores = FakeStores()
    stores.administration.put_relying_party(party)
    (again,) = read_declaration_of(tmp_path, write_declaration(stores.administration))
    assert replace(again, id="") == party


def read_declaration_of(folder: Path, text: str) -> tuple[RelyingParty, ...]:
    (folder / "exported.toml").write_text(text)
    return read_declaration(folder / "exported.toml", standard_input=io.StringIO()).relying_parties


def test_people_are_shown_the_fingerprint(tmp_path):
    card = relying_party_card(read(tmp_path, ALL))
    assert card["encryption"]["sha256"] == fingerprint(DER)
    assert "pem" not in card["encryption"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (PARTY + 'key_types = ["symmetric"]\n', "symmetric needs a certificate"),
        (PARTY + "[relying_party.encryption]\ntokens = true\n", "needs a certificate to encrypt for"),
        (PARTY + '[relying_party.encryption]\nfile = "gone.pem"\n', "cannot be read"),
        (PARTY + '[relying_party.encryption]\nfile = "state.toml"\n', "is malformed"),
        (PARTY + '[relying_party.encryption]\nalgorithm = "tripledes-cbc"\n', "must be one of"),
        (PARTY + '[relying_party.encryption]\nkey_transport = "rsa-1_5"\n', "must be one of"),
        (PARTY + "key_types = []\n", "must not be empty"),
        (PARTY + 'key_types = ["holder"]\n', "must be one of"),
    ],
)
def test_what_cannot_be_is_refused_with_the_place_of_the_fault(tmp_path, text, what):
    with pytest.raises(ConfigurationError, match=what):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("certificate", "what"),
    [
        (leaf("elliptic"), "not RSA"),
        (leaf("short", kind="rsa-1024"), "1024 bits"),
        (
            leaf("signs", kind="rsa-2048", extensions=((usage(digital_signature=True), True),)),
            "not for encrypting keys",
        ),
    ],
)
def test_a_certificate_that_nothing_can_be_encrypted_for_is_refused(tmp_path, certificate, what):
    (tmp_path / "other.der").write_bytes(certificate)
    with pytest.raises(ConfigurationError, match=what):
        read(tmp_path, PARTY + '[relying_party.encryption]\nfile = "other.der"\n')


@pytest.mark.parametrize(
    ("days", "told"), [(-40, []), (-10, ["expires on 2026-11-24"]), (2, ["expired on 2026-11-24"])]
)
def test_check_tells_in_time_that_a_certificate_expires(tmp_path, days, told):
    party = replace(read(tmp_path, ALL), realm=REALM.name)
    found = list(check_encryption_certificate(party, NOON + timedelta(days=days)))
    assert [finding.problem.what for finding in found] == told
    assert all("relying-party set" in finding.problem.fix for finding in found)
