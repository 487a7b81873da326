"""Rows 5 to 7 of the wire contract: token types, key types, and SecondaryParameters."""

from dataclasses import replace

import pytest
from lxml import etree

from tests import messages
from tests.harness import ENDPOINTS, RELYING_PARTY, Sts
from wstrust_sts import ns
from wstrust_sts.model import TokenType
from wstrust_sts.relying_parties import AppliesToRule

SAML11 = f"{{{ns.SAML11}}}Assertion"
SAML20 = f"{{{ns.SAML20}}}Assertion"


def token_of(client, answer):
    (token,) = client.rstr(answer).find(f"{{{client.trust}}}RequestedSecurityToken")
    return token


def only(field: str, client, answer) -> str:
    """The text of the one child of that name."""
    (found,) = client.rstr(answer).findall(f"{{{client.trust}}}{field}")
    return found.text


class TestRow5:
    @pytest.mark.parametrize(
        ("asked", "issued"),
        [
            ("urn:oasis:names:tc:SAML:1.0:assertion", SAML11),
            ("http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV1.1", SAML11),
            ("urn:oasis:names:tc:SAML:2.0:assertion", SAML20),
            ("oasis:names:tc:SAML:2.0:assertion", SAML20),
            ("http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV2.0", SAML20),
        ],
    )
    def test_row_5_every_spelling_of_a_token_type_is_known_and_repeated(self, client, asked, issued):
        answer = client.issue(token_type=asked)
        assert token_of(client, answer).tag == issued
        assert only("TokenType", client, answer) == asked

    def test_row_5_without_a_token_type_the_endpoints_default_is_issued(self, client):
        sections = tuple(
            replace(section, default_token_type=kind)
            for section, kind in zip(ENDPOINTS[:2], (TokenType.SAML20, TokenType.SAML11), strict=True)
        )
        answer = replace(client, sts=Sts(endpoints=sections)).issue(token_type=None)
        expected = SAML20 if client.trust == ns.WST13 else SAML11
        assert token_of(client, answer).tag == expected
        assert only("TokenType", client, answer) == (ns.TP11_SAML20 if expected == SAML20 else ns.TP11_SAML11)

    def test_row_5_without_a_token_type_the_relying_partys_default_comes_first(self, client):
        sts = Sts(relying_parties=(replace(RELYING_PARTY, default_token_type=TokenType.SAML11),))
        answer = replace(client, sts=sts).issue(token_type=None)
        assert token_of(client, answer).tag == SAML11

    def test_row_5_without_a_token_type_the_only_type_of_the_relying_party_is_issued(self, client):
        sts = Sts(relying_parties=(replace(RELYING_PARTY, token_types=(TokenType.SAML11,)),))
        assert token_of(client, replace(client, sts=sts).issue(token_type=None)).tag == SAML11

    def test_row_5_an_empty_token_type_is_none(self, client):
        assert token_of(client, client.issue(token_type="  ")).tag == SAML20

    @pytest.mark.parametrize(
        "asked",
        [ns.JWT_TOKEN_TYPE, ns.SCT13_TOKEN_TYPE, ns.SCT05_TOKEN_TYPE, "urn:x", "urn:oasis:names:tc:saml:2.0:assertion"],
    )
    def test_row_5_a_token_type_that_is_not_issued_is_refused_and_never_replaced(self, client, asked):
        assert client.issue(token_type=asked).fault == (client.trust, "BadRequest")

    def test_row_5_a_token_type_that_the_relying_party_does_not_take_is_refused(self, client):
        sts = Sts(relying_parties=(replace(RELYING_PARTY, token_types=(TokenType.SAML20,)),))
        assert replace(client, sts=sts).issue(token_type=ns.SAML11).fault == (client.trust, "BadRequest")


class TestRow6:
    def test_row_6_bearer_is_known_in_every_spelling_and_repeated(self, client):
        for key_type in (f"{client.trust}/Bearer", ns.NO_PROOF_KEY):
            answer = client.issue(f"<t:KeyType>{key_type}</t:KeyType>")
            assert only("KeyType", client, answer) == key_type

    def test_row_6_without_a_key_type_the_token_is_a_bearer_token(self, client):
        answer = client.issue()
        expected = f"{ns.WST13}/Bearer" if client.trust == ns.WST13 else ns.NO_PROOF_KEY
        assert only("KeyType", client, answer) == expected
        assert b"cm:bearer" in answer.assertion

    @pytest.mark.parametrize("kind", ["SymmetricKey", "PublicKey", "Nonsense"])
    def test_row_6_other_key_types_are_refused_and_not_ignored(self, client, kind):
        answer = client.issue(f"<t:KeyType>{client.trust}/{kind}</t:KeyType>")
        assert (answer.status, answer.fault) == (500, (client.trust, "BadRequest"))

    def test_row_6_the_key_size_0_that_wcf_sends_with_bearer_is_fine_and_not_repeated(self, client):
        answer = client.issue(f"<t:KeySize>0</t:KeySize><t:KeyType>{client.trust}/Bearer</t:KeyType>")
        assert answer.status == 200
        assert client.rstr(answer).find(f"{{{client.trust}}}KeySize") is None

    @pytest.mark.parametrize("size", ["-1", "1e3", "0x10", "", "12345678", "٣"])
    def test_row_6_a_key_size_that_is_no_number_of_bits_is_an_invalid_request(self, client, size):
        assert client.issue(f"<t:KeySize>{size}</t:KeySize>").fault == (client.trust, "InvalidRequest")


class TestRow7:
    def test_row_7_everything_may_stand_in_secondary_parameters_and_nothing_on_top(self, client):
        trust = client.trust
        claim = f'<i:ClaimType xmlns:i="{ns.IDENTITY}" Uri="{ns.CLAIM_EMAIL}"/>'
        secondary = (
            f"<t:RequestType>{trust}/Issue</t:RequestType><t:TokenType>{ns.SAML11}</t:TokenType>"
            f"<t:KeyType>{trust}/Bearer</t:KeyType><t:KeySize>0</t:KeySize>"
            f'<t:Claims Dialect="{ns.IDENTITY}">{claim}</t:Claims>{messages.applies_to()}'
        )
        body = (
            f'<t:RequestSecurityToken xmlns:t="{trust}"><t:SecondaryParameters>{secondary}</t:SecondaryParameters>'
            "</t:RequestSecurityToken>"
        )
        answer = client.ask(body)
        assert token_of(client, answer).tag == SAML11
        assert only("TokenType", client, answer) == ns.SAML11
        assert only("KeyType", client, answer) == f"{trust}/Bearer"
        attributes = token_of(client, answer).iter(f"{{{ns.SAML11}}}Attribute")
        assert [attribute.get("AttributeName") for attribute in attributes] == ["emailaddress"]

    def test_row_7_what_the_request_says_itself_wins(self, client):
        secondary = (
            f"<t:SecondaryParameters><t:TokenType>{ns.SAML11}</t:TokenType>"
            f"<t:KeyType>{client.trust}/SymmetricKey</t:KeyType>{messages.applies_to('https://nobody.example.test/')}"
            f"</t:SecondaryParameters><t:KeyType>{client.trust}/Bearer</t:KeyType>"
        )
        answer = client.issue(secondary)
        assert token_of(client, answer).tag == SAML20
        assert only("KeyType", client, answer) == f"{client.trust}/Bearer"

    def test_row_7_secondary_parameters_are_refused_like_the_requests_own(self, client):
        for secondary, code in (
            (f"<t:KeyType>{client.trust}/SymmetricKey</t:KeyType>", "BadRequest"),
            ("<t:UseKey/>", "InvalidRequest"),
            ("<t:Nonsense/>", "InvalidRequest"),
            ("<t:SecondaryParameters/>", "InvalidRequest"),
            ("<t:KeySize>0</t:KeySize><t:KeySize>0</t:KeySize>", "InvalidRequest"),
        ):
            answer = client.issue(f"<t:SecondaryParameters>{secondary}</t:SecondaryParameters>")
            assert answer.fault == (client.trust, code), secondary

    def test_row_7_a_lifetime_in_secondary_parameters_counts(self, client):
        expires = "2026-11-23T12:07:00.000Z"
        lifetime = f'<t:Lifetime><u:Expires xmlns:u="{ns.WSU}">{expires}</u:Expires></t:Lifetime>'
        answer = client.issue(f"<t:SecondaryParameters>{lifetime}</t:SecondaryParameters>")
        path = f"{{{client.trust}}}Lifetime/{{{ns.WSU}}}Expires"
        assert client.rstr(answer).findtext(path) == expires


def test_row_5_a_token_type_must_suit_every_party_of_the_token(client):
    second = replace(
        RELYING_PARTY,
        id="second",
        name="second",
        applies_to=(AppliesToRule(address="https://second.example.test/"),),
        token_types=(TokenType.SAML11,),
    )
    sts = Sts(relying_parties=(RELYING_PARTY, second))
    participant = messages.applies_to("https://second.example.test/").partition(">")[2].rpartition("<")[0]
    body = f"<t:Participants><t:Participant>{participant}</t:Participant></t:Participants>"
    elsewhere = replace(client, sts=sts)
    assert elsewhere.issue(body, token_type=ns.SAML20).fault == (client.trust, "BadRequest")
    answer = elsewhere.issue(body, token_type=ns.SAML11)
    audiences = [a.text for a in etree.fromstring(answer.assertion).iter(f"{{{ns.SAML11}}}Audience")]
    assert audiences == [messages.RP, "https://second.example.test/"]
