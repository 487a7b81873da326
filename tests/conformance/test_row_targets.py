"""Rows 27 and 28 of the wire contract: Validate, and Cancel."""

from dataclasses import replace
from datetime import timedelta

import pytest
from lxml import etree

from tests import messages
from tests.conformance.client import Client, by_reference, each_that_is_no_token_of_ours, names
from tests.harness import Sts
from wstrust_sts import ns

STRICT = "https://strict.example.test/svc"
EACH_TYPE = pytest.mark.parametrize("token_type", [ns.SAML11, ns.SAML20], ids=["SAML 1.1", "SAML 2.0"])


@pytest.fixture
def client(client):
    """Each test cancels and waits as it likes: an STS of its own."""
    return replace(client, sts=Sts())


def status(client: Client, answer) -> str:
    """The Status code; fails on anything but a good answer of Validate."""
    assert answer.status == 200, answer.body
    return client.rstr(answer).findtext(f"{{{client.trust}}}Status/{{{client.trust}}}Code")


def verdict(client: Client, target: str, **how) -> str:
    return status(client, client.validate(target, **how)).removeprefix(f"{client.trust}/status/")


class TestRow27:
    @EACH_TYPE
    def test_row_27_a_token_of_ours_is_valid(self, client, token_type):
        assert verdict(client, client.token(token_type=token_type)) == "valid"

    def test_row_27_the_answer_has_the_status_type_a_code_and_a_reason(self, client):
        answer = client.validate(client.token())
        rstr = client.rstr(answer)
        assert names(rstr) == ["TokenType", "Status"]
        assert rstr.findtext(f"{{{client.trust}}}TokenType") == f"{client.trust}/RSTR/Status"
        assert names(rstr.find(f"{{{client.trust}}}Status")) == ["Code", "Reason"]
        assert status(client, answer) == f"{client.trust}/status/valid"
        assert rstr.findtext(f"{{{client.trust}}}Status/{{{client.trust}}}Reason").strip()

    def test_row_27_the_status_type_need_not_be_asked_for(self, client):
        body = client.rst("Validate", f"<t:ValidateTarget>{client.token()}</t:ValidateTarget>")
        assert status(client, client.ask(body)).endswith("/status/valid")

    def test_row_27_a_token_may_stand_without_validate_target(self, client):
        assert status(client, client.ask(client.rst("Validate", client.token()))).endswith("/status/valid")

    @EACH_TYPE
    def test_row_27_the_target_may_be_a_reference(self, client, token_type):
        token = client.token(token_type=token_type)
        assert verdict(client, by_reference(token)) == "valid"
        embedded = (
            f'<o:SecurityTokenReference xmlns:o="{ns.WSSE}"><o:Embedded>{token}</o:Embedded></o:SecurityTokenReference>'
        )
        assert verdict(client, embedded) == "valid"
        identifier = etree.fromstring(token).get("ID") or etree.fromstring(token).get("AssertionID")
        for uri in (f"#{identifier}", identifier):
            direct = (
                f'<o:SecurityTokenReference xmlns:o="{ns.WSSE}"><o:Reference URI="{uri}"/></o:SecurityTokenReference>'
            )
            assert verdict(client, direct) == "valid"

    def test_row_27_by_reference_only_the_requestor_and_the_subject_learn_anything(self, client):
        reference = by_reference(client.token(user="alice"))
        assert verdict(client, reference, user="alice") == "valid"
        for stranger in ("bob", "admin"):
            answer = client.validate(reference, user=stranger)
            unknown = client.validate(reference.replace(">_", ">_0"), user=stranger)
            assert status(client, answer).endswith("/status/invalid")
            assert client.rstr(answer).find(f"{{{client.trust}}}Status/{{{client.trust}}}Reason").text == (
                client.rstr(unknown).find(f"{{{client.trust}}}Status/{{{client.trust}}}Reason").text
            )

    def test_row_27_by_presenting_the_token_any_requestor_learns_its_status(self, client):
        assert verdict(client, client.token(user="alice"), user="bob") == "valid"

    def test_row_27_a_relying_party_may_keep_validation_to_itself(self, client):
        token = client.token(address=STRICT)
        assert verdict(client, token, user="bob") == "valid"
        for user in ("alice", "carol", "admin"):
            assert client.validate(token, user=user).fault == (client.trust, "RequestFailed")

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda token: token.replace("alice", "admin"),
            lambda token: token.replace("Player", "Leader"),
            lambda token: token.replace("music", "mus<!-- -->ic"),
            lambda token: token.replace("T13:00", "T23:00"),
            lambda token: token.replace("sts.example.test/trust", "sts.example.test/other"),
            lambda token: token.replace("rsa-sha256", "rsa-sha512"),
            lambda token: token[: token.index("<ds:Signature")] + token[token.index("</ds:Signature>") + 15 :],
            lambda token: f'<saml2:Assertion xmlns:saml2="{ns.SAML20}" ID="_1">{token}</saml2:Assertion>',
            lambda token: token.replace('Version="2.0"', 'Version="2.0" extra="1"'),
        ],
        ids=["name", "attribute", "comment", "time", "issuer", "algorithm", "unsigned", "wrapped", "attribute added"],
    )
    def test_row_27_a_bad_token_is_an_answer_and_invalid(self, client, spoil):
        token = client.token()
        assert spoil(token) != token
        assert verdict(client, spoil(token)) == "invalid"
        assert verdict(client, token) == "valid"

    @pytest.mark.parametrize(
        "target",
        [
            "<x/>",
            '<jwt:Token xmlns:jwt="urn:x">abc</jwt:Token>',
            f'<o:BinarySecurityToken xmlns:o="{ns.WSSE}">AAAA</o:BinarySecurityToken>',
            messages.username_token(),
            f'<saml2:Assertion xmlns:saml2="{ns.SAML20}"/>',
            f'<saml:Assertion xmlns:saml="{ns.SAML11}"/>',
            f'<o:SecurityTokenReference xmlns:o="{ns.WSSE}"><o:KeyIdentifier ValueType="urn:x">_1</o:KeyIdentifier>'
            "</o:SecurityTokenReference>",
            f'<o:SecurityTokenReference xmlns:o="{ns.WSSE}"><o:Reference/></o:SecurityTokenReference>',
            f'<e:EncryptedData xmlns:e="{ns.XENC}"/>',
        ],
    )
    def test_row_27_an_unknown_token_is_an_answer_and_invalid(self, client, target):
        assert verdict(client, target) == "invalid"

    def test_row_27_a_token_signed_by_us_and_not_in_the_register_is_invalid(self, client):
        token = client.token()
        client.sts.stores.issued_tokens.rows.clear()
        assert verdict(client, token) == "invalid"

    def test_row_27_a_token_of_another_sts_is_invalid(self, client):
        token = replace(client, sts=Sts(algorithm="rsa-3072")).token()
        assert verdict(client, token) == "invalid"

    @EACH_TYPE
    def test_row_27_a_token_is_valid_up_to_its_end_and_invalid_from_then_on(self, client, token_type):
        token = client.token(token_type=token_type)
        reference = by_reference(token)
        client.sts.clock.advance(timedelta(minutes=59, seconds=59))
        assert [verdict(client, target) for target in (token, reference)] == ["valid", "valid"]
        client.sts.clock.advance(timedelta(seconds=1))
        assert [verdict(client, target) for target in (token, reference)] == ["invalid", "invalid"]
        client.sts.clock.advance(timedelta(days=30))
        assert [verdict(client, target) for target in (token, reference)] == ["invalid", "invalid"]

    @EACH_TYPE
    @pytest.mark.parametrize("name", ["u:Id", "Id", "ID", "AssertionID", "xml:id"])
    def test_rows_8_and_27_an_id_that_is_not_unique_in_the_message_makes_a_target_invalid(
        self, client, token_type, name
    ):
        token = client.token(token_type=token_type)
        identifier = etree.fromstring(token).get("ID") or etree.fromstring(token).get("AssertionID")
        twin = f'<x:Twin xmlns:x="urn:x" xmlns:u="{ns.WSU}" {name}="{identifier}"/>'
        assert verdict(client, token, headers=(twin,)) == "invalid"
        assert verdict(client, token, headers=(twin.replace(identifier, "_another"),)) == "valid"

    @pytest.mark.parametrize(
        "parts",
        [
            "",
            "<t:ValidateTarget/>",
            "<t:ValidateTarget>{token}{token}</t:ValidateTarget>",
            "<t:ValidateTarget>{token}</t:ValidateTarget>{token}",
            "<t:ValidateTarget>text</t:ValidateTarget>",
            "<t:CancelTarget>{token}</t:CancelTarget>",
            "<t:ValidateTarget>{token}</t:ValidateTarget><t:CancelTarget>{token}</t:CancelTarget>",
            "{token}{token}",
        ],
        ids=["none", "empty", "two inside", "two", "text", "of Cancel", "also of Cancel", "two without target"],
    )
    def test_row_27_a_request_without_exactly_one_target_is_invalid(self, client, parts):
        answer = client.ask(client.rst("Validate", parts.format(token=client.token())))
        assert answer.fault == (client.trust, "InvalidRequest")

    def test_row_27_who_validates_authenticates_first(self, client):
        token = client.token()
        assert client.validate(token, password="wrong").fault == (ns.WSSE, "FailedAuthentication")


class TestRow28:
    @EACH_TYPE
    def test_row_28_a_cancelled_token_is_invalid_however_it_is_named(self, client, token_type):
        token = client.token(token_type=token_type)
        other = client.token(token_type=token_type)
        answer = client.cancel(token)
        assert answer.status == 200
        assert names(client.rstr(answer)) == ["RequestedTokenCancelled"]
        assert verdict(client, token) == "invalid"
        assert verdict(client, by_reference(token)) == "invalid"
        assert verdict(client, other) == "valid"

    def test_row_28_the_target_may_be_a_reference(self, client):
        token = client.token()
        assert client.cancel(by_reference(token)).status == 200
        assert verdict(client, token) == "invalid"

    @pytest.mark.parametrize("user", ["alice", "admin"])
    def test_row_28_the_subject_and_an_administrator_may_cancel(self, client, user):
        token = client.token(user="alice")
        assert client.cancel(token, user=user).status == 200
        assert verdict(client, token) == "invalid"

    def test_row_28_nobody_else_may_cancel(self, client):
        token = client.token(user="alice")
        assert client.cancel(token, user="bob").fault == (client.trust, "RequestFailed")
        assert client.cancel(by_reference(token), user="bob").fault == (client.trust, "InvalidSecurityToken")
        assert client.cancel(token, password="wrong").fault == (ns.WSSE, "FailedAuthentication")
        assert verdict(client, token) == "valid"

    def test_row_28_to_cancel_again_is_no_error_because_an_answer_may_have_been_lost(self, client):
        token = client.token()
        first, again = client.cancel(token), client.cancel(token)
        assert (first.status, again.status) == (200, 200)
        assert names(client.rstr(again)) == ["RequestedTokenCancelled"]

    def test_row_28_the_answer_claims_nothing_that_is_not_stored(self, client):
        token = client.token()
        client.sts.stores.journal.away = True
        answer = client.cancel(token)
        assert (answer.status, answer.fault) == (503, (client.trust, "RequestFailed"))
        assert b"RequestedTokenCancelled" not in answer.body
        client.sts.stores.journal.away = False
        assert verdict(client, token) == "valid"

    @each_that_is_no_token_of_ours
    def test_row_28_a_token_that_is_not_ours_cannot_be_cancelled(self, client, target):
        assert client.cancel(target).fault == (client.trust, "InvalidSecurityToken")

    def test_row_28_a_tampered_token_cancels_nothing(self, client):
        token = client.token()
        assert client.cancel(token.replace("alice", "bob")).fault == (client.trust, "InvalidSecurityToken")
        assert verdict(client, token) == "valid"

    @pytest.mark.parametrize(
        "parts", ["", "<t:CancelTarget/>", "{token}", "<t:ValidateTarget>{token}</t:ValidateTarget>"]
    )
    def test_row_28_a_request_without_exactly_one_target_is_invalid(self, client, parts):
        token = client.token()
        answer = client.ask(client.rst("Cancel", parts.format(token=token)))
        assert answer.fault == (client.trust, "InvalidRequest")
        assert verdict(client, token) == "valid"

    def test_row_28_a_token_of_one_version_may_be_cancelled_by_the_other(self, client):
        sts = client.sts
        token = sts.issue(path="/trust/2005/usernamemixed", soap="1.1").assertion.decode()
        assert client.cancel(token).status == 200
        assert verdict(client, token) == "invalid"
