"""Rows 21, 27 and 28 of the wire contract for tokens that are for the STS itself, which nobody registered."""

from dataclasses import replace

import pytest
from lxml import etree

from tests.conformance.client import Client
from tests.harness import PUBLIC_URL, RELYING_PARTY
from tests.protected import party
from tests.sealed import SealedSts
from wstrust_sts import ns
from wstrust_sts.relying_parties import AppliesToRule

OWN = f"{PUBLIC_URL}/trust/13/usernamemixed"
each_type = pytest.mark.parametrize("token_type", [ns.SAML11, ns.SAML20], ids=["saml11", "saml20"])


@pytest.fixture
def client(client):
    return replace(client, sts=SealedSts())


def token(client: Client, key_type: str, *, token_type: str = ns.SAML20) -> str:
    asked = f"<t:KeyType>{client.trust}/{key_type}</t:KeyType>"
    answer = client.issue(asked, address=OWN, token_type=token_type)
    assert answer.status == 200, answer.body
    return answer.assertion.decode()


def audiences(markup: str) -> list[str]:
    return [element.text for element in etree.fromstring(markup).iter("{*}Audience")]


@each_type
def test_row_21_a_secret_in_a_token_for_the_sts_is_encrypted_for_its_message_key(client, token_type):
    issued = etree.fromstring(token(client, "SymmetricKey", token_type=token_type))
    (serial,) = issued.iter(f"{{{ns.DS}}}X509SerialNumber")
    assert int(serial.text) == party("sts").certificate.serial_number
    assert audiences(etree.tostring(issued).decode()) == ["https://sts.example.test/trust", OWN]


def test_row_21_without_a_message_key_no_token_has_a_secret(client):
    client.sts.keyring.message_keys.clear()
    assert client.issue(f"<t:KeyType>{client.trust}/SymmetricKey</t:KeyType>", address=OWN).code == "BadRequest"


@each_type
def test_rows_27_and_28_such_a_token_is_validated_transformed_renewed_and_cancelled(client, token_type):
    issued = token(client, "Bearer", token_type=token_type)
    another = ns.SAML20 if token_type == ns.SAML11 else ns.SAML11
    made = client.transform(issued, token_type=another)
    assert audiences(made.assertion.decode()) == audiences(issued)
    renewed = client.renew(issued).assertion.decode()
    assert audiences(renewed) == audiences(issued)
    assert client.validate(renewed).status_code == "valid"
    assert client.cancel(renewed).status == 200
    assert client.validate(renewed).status_code == "invalid"


def test_a_relying_party_that_was_registered_for_an_address_of_the_sts_goes_first(client):
    sts = SealedSts(relying_parties=(replace(RELYING_PARTY, applies_to=(AppliesToRule(address=OWN),)),))
    issued = token(replace(client, sts=sts), "Bearer")
    assert audiences(issued) == [OWN]
    *_, row = sts.stores.issued_tokens.rows.values()
    assert row.relying_party == RELYING_PARTY.name
